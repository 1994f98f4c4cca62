"""Keithley 2182A: the reading buffer (TRACe) and its statistics (CALCulate2), User's Manual chapters 6 and 8."""

from __future__ import annotations

import statistics

from sim_instruments.keithley_2182a_meter import OVERFLOW
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Integer
from sim_instruments.scpi_status import ScpiError, Status

#: Bits of the measurement register: two readings stored, half full, full.
_AVAILABLE, _HALF_FULL, _FULL = 7, 8, 9


def write_reading(volts: float) -> str:
    """Return a reading as the instrument answers it; overflow is `+9.9E37`."""
    return "+9.9E37" if volts == OVERFLOW else format(volts, "+.8E")


class TraceBuffer(Group):
    """TRACe: up to 1024 readings; *RST and SYSTem:PRESet leave it alone."""

    points = Setting("TRACe:POINts", Integer(2, 1024), default=100.0, keeps=True)
    feed = Setting("TRACe:FEED", Choice("SENSe1", "NONE"), default="SENS", keeps=True)
    control = Setting("TRACe:FEED:CONTrol", Choice("NEXT", "NEVer"), default="NEV", keeps=True)

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status
        self.readings: list[float] = []

    def changed(self, name: str) -> None:
        """A new size empties the buffer; NEXT fills it from the start."""
        if name == "points" or (name == "control" and self.control == "NEXT"):
            self.clear()

    @command("TRACe:CLEar")
    def clear(self) -> None:
        """Forget what is stored."""
        self.readings.clear()
        self._show_filling()

    def begin(self, points: int) -> None:
        """Get ready for as many readings, as READ? does with SAMPle:COUNt above 1."""
        self.points, self.feed, self.control = float(points), "SENS", "NEXT"
        self.clear()

    def store(self, volts: float) -> None:
        """Take a reading, unless the buffer is not fed; when it is full, it is fed no longer."""
        if self.control == "NEV" or self.feed == "NONE":
            return
        self.readings.append(volts)
        self._show_filling()
        if len(self.readings) >= self.points:
            self.control = "NEV"

    def _show_filling(self) -> None:
        stored = len(self.readings)
        self._status.measurement.set(_AVAILABLE, stored >= 2)
        self._status.measurement.set(_HALF_FULL, stored >= self.points / 2)
        self._status.measurement.set(_FULL, stored >= self.points)

    @query("TRACe:DATA")
    def data(self) -> str:
        """Return the readings, comma-separated; an empty buffer is -230 [unconfirmed]."""
        if not self.readings:
            raise ScpiError(-230)
        return ",".join(map(write_reading, self.readings))


class BufferStatistics(Group):
    """CALCulate2: one number out of the buffer."""

    kind = Setting("CALCulate2:FORMat", Choice("MEAN", "SDEViation", "MAXimum", "MINimum", "NONE"), "NONE")
    enabled = Setting("CALCulate2:STATe", Boolean(), default=False)

    def __init__(self, buffer: TraceBuffer) -> None:
        super().__init__()
        self._buffer = buffer
        self._result: float | None = None

    def reset(self) -> None:
        """*RST: no statistics."""
        super().reset()
        self._result = None

    @command("CALCulate2:IMMediate")
    def calculate(self) -> None:
        """Work out the number; -221 with the calculation off, -230 with too few readings [unconfirmed: codes]."""
        readings = self._buffer.readings
        if not self.enabled or self.kind == "NONE":
            raise ScpiError(-221)
        if len(readings) < 2:
            raise ScpiError(-230)
        if OVERFLOW in readings:
            self._result = OVERFLOW
        elif self.kind == "MEAN":
            self._result = statistics.fmean(readings)
        elif self.kind == "SDEV":
            self._result = statistics.stdev(readings)
        else:
            self._result = max(readings) if self.kind == "MAX" else min(readings)

    @query("CALCulate2:IMMediate")
    def calculate_and_ask(self) -> str:
        """Work out the number and return it."""
        self.calculate()
        return self.result()

    @query("CALCulate2:DATA")
    def result(self) -> str:
        """Return the number worked out last; none is -230."""
        if self._result is None:
            raise ScpiError(-230)
        return write_reading(self._result)
