"""Keithley 2182A: math on a reading (CALCulate1) and the limits that it is held to (CALCulate3).

User's Manual 2182A-900-01 chapters 8 (math) and 9 (limits); bits of the measurement register chapter 11.
"""

from __future__ import annotations

from collections.abc import Callable

from sim_instruments.keithley_statistics import OVERFLOW
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Number, Text
from sim_instruments.scpi_status import ScpiError, Status

_FACTOR = Number(-100e6, 100e6, "+.8E")
#: Bits of the measurement register: low and high limit 1, low and high limit 2.
_LOW_1, _HIGH_1, _LOW_2, _HIGH_2 = 1, 2, 3, 4


class Calculation(Group):
    """CALCulate1: m X + b of a reading X, or by how many per cent it differs from a reference.

    -230 where there is no (new) result [unconfirmed: code]. The units of m X + b are kept; no answer has them.
    """

    root = "CALCulate1"

    kind = Setting(":FORMat", Choice("NONE", "MXB", "PERCent"), default="NONE")
    m = Setting(":KMATh:MMFactor", _FACTOR, default=1.0)
    b = Setting(":KMATh:MBFactor", _FACTOR, default=0.0)
    units = Setting(":KMATh:MUNits", Text(), default="MX")
    reference = Setting(":KMATh:PERCent", _FACTOR, default=1.0)
    enabled = Setting(":STATe", Boolean(), default=False)

    def __init__(self, latest: Callable[[], float | None], write: Callable[[float], str]) -> None:
        """`latest` gives the last reading (V), `write` how a number is answered."""
        super().__init__()
        self._reading = latest
        self._write = write
        self._latest: float | None = None
        self._fresh = False

    @units.check
    def fit_units(self, text: str) -> str:
        """Refuse more or fewer than two characters (-224) [unconfirmed: code]."""
        if len(text) != 2:
            raise ScpiError(-224)
        return text

    def reset(self) -> None:
        """*RST: off, no result."""
        super().reset()
        self._latest, self._fresh = None, False

    def calculate(self, volts: float) -> float:
        """Return the result for a reading (V), or the reading itself where nothing is calculated."""
        if not self.enabled or self.kind == "NONE":
            return volts
        if volts >= OVERFLOW or (self.kind == "PERC" and not self.reference):
            result = OVERFLOW
        elif self.kind == "MXB":
            result = self.m * volts + self.b
        else:
            result = 100 * (volts - self.reference) / self.reference
        self._latest, self._fresh = result, True
        return result

    @command(":KMATh:PERCent:ACQuire")
    def acquire(self) -> None:
        """Take the last reading for the reference; none is -230."""
        volts = self._reading()
        if volts is None:
            raise ScpiError(-230)
        self.reference = volts

    @query(":DATA[:LATest]")
    def latest(self) -> str:
        """Return the latest result."""
        if self._latest is None:
            raise ScpiError(-230)
        return self._write(self._latest)

    @query(":DATA:FRESh")
    def fresh(self) -> str:
        """Return the latest result, once."""
        if not self._fresh:
            raise ScpiError(-230)
        self._fresh = False
        return self.latest()


class Limits(Group):
    """CALCulate3: two pairs of limits for the result of the math.

    A test that has failed stays failed until it is cleared; with CLEar:AUTO that is done at INITiate.
    """

    root = "CALCulate3"

    upper_1 = Setting(":LIMit1:UPPer[:DATA]", _FACTOR, default=1.0)
    lower_1 = Setting(":LIMit1:LOWer[:DATA]", _FACTOR, default=-1.0)
    tests_1 = Setting(":LIMit1:STATe", Boolean(), default=False)
    automatic_1 = Setting(":LIMit1:CLEar:AUTO", Boolean(), default=True)
    upper_2 = Setting(":LIMit2:UPPer[:DATA]", _FACTOR, default=2.0)
    lower_2 = Setting(":LIMit2:LOWer[:DATA]", _FACTOR, default=-2.0)
    tests_2 = Setting(":LIMit2:STATe", Boolean(), default=False)
    automatic_2 = Setting(":LIMit2:CLEar:AUTO", Boolean(), default=True)

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status
        self._failed = {1: False, 2: False}
        self._last: float | None = None

    def reset(self) -> None:
        """*RST: no test, nothing failed."""
        super().reset()
        self._last = None
        self.clear_1()
        self.clear_2()

    def begin(self) -> None:
        """A measurement begins."""
        if self.automatic_1:
            self.clear_1()
        if self.automatic_2:
            self.clear_2()

    def judge(self, result: float) -> None:
        """Hold a result to the limits."""
        self._last = result
        tests = (
            (1, self.tests_1, self.lower_1, self.upper_1, _LOW_1, _HIGH_1),
            (2, self.tests_2, self.lower_2, self.upper_2, _LOW_2, _HIGH_2),
        )
        for number, on, low, high, low_bit, high_bit in tests:
            self._status.measurement.set(low_bit, on and result < low)
            self._status.measurement.set(high_bit, on and result > high)
            self._failed[number] |= on and not low <= result <= high

    @command(":IMMediate")
    def judge_again(self) -> None:
        """Hold the last result to the limits as they are now."""
        if self._last is not None:
            self.judge(self._last)

    @query(":LIMit1:FAIL")
    def failed_1(self) -> str:
        """Return 1 where the first test has failed."""
        return str(int(self._failed[1]))

    @query(":LIMit2:FAIL")
    def failed_2(self) -> str:
        """Return 1 where the second test has failed."""
        return str(int(self._failed[2]))

    @command(":LIMit1:CLEar[:IMMediate]")
    def clear_1(self) -> None:
        """Forget that the first test has failed."""
        self._clear(1, _LOW_1, _HIGH_1)

    @command(":LIMit2:CLEar[:IMMediate]")
    def clear_2(self) -> None:
        """Forget that the second test has failed."""
        self._clear(2, _LOW_2, _HIGH_2)

    def _clear(self, number: int, *bits: int) -> None:
        self._failed[number] = False
        for bit in bits:
            self._status.measurement.set(bit, False)
