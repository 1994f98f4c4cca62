"""A 6221 that arms and plays waves on a fake clock, with the registers that latch."""

from __future__ import annotations

from driver_fakes import Echo

IDENTITY = "KEITHLEY INSTRUMENTS INC.,MODEL 6221,4559777,D04  /700x "


class WavePlayer(Echo):
    """A 6221 that arms in `arming` seconds and plays its cycles at its frequency on the resource's clock."""

    def __init__(self):
        super().__init__(
            {"*IDN?": IDENTITY, "OUTP:INT:TRIP?": "1", "OUTP?": "0", "SOUR:CURR?": "0.000000E+00"}
        )
        self.now = lambda: 0.0
        self.arming = 1.5
        self.late = 0.0  # s by which the end comes later than it should
        self.is_limited = False
        self.switches_off = False
        self.points = 0
        self.armed_at = self.ends = float("inf")
        self.operation, self.measurement = 128, 8  # left behind by whatever was before

    def __call__(self, line):
        if line == "SOUR:WAVE:ARM?":
            return "1" if self.now() >= self.armed_at + self.arming else "0"
        if line == "SOUR:WAVE:ARB:POIN?":
            return f"{self.points:+.6E}"
        if line == "STAT:OPER?":
            if self.now() >= self.ends:
                self.operation |= 128
                self.ends = float("inf")
            answer, self.operation = self.operation, 0
            return str(answer)
        if line == "STAT:MEAS?":
            answer, self.measurement = self.measurement, 0
            return str(answer)
        return super().__call__(line)

    def hear(self, header, argument):
        super().hear(header, argument)
        if header == "SOUR:CLE":
            self.state |= {"SOUR:CURR?": "0.000000E+00", "OUTP?": "0"}
        elif header == "SOUR:WAVE:ARB:DATA":
            self.points = len(argument.split(","))
        elif header == "SOUR:WAVE:ARB:APP":
            self.points += len(argument.split(","))
        elif header == "SOUR:WAVE:ARM":
            self.armed_at = self.now()
        elif header == "SOUR:WAVE:ABOR":
            self.armed_at = self.ends = float("inf")
            self.operation |= 128
        elif header == "SOUR:WAVE:INIT":
            self.operation |= 16
            self.measurement |= 8 * self.is_limited
            cycles = float(self.state["SOUR:WAVE:DUR:CYCL?"])
            self.ends = self.now() + cycles / float(self.state["SOUR:WAVE:FREQ?"]) + self.late
            if self.switches_off:
                self.state["OUTP?"] = "0"
