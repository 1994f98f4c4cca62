"""Keithley: statistics of the readings in a buffer (CALCulate2), as the 2182A and the 6221 have them.

User's Manual 2182A-900-01 chapter 8; Reference Manual 622x-901-01 p. 6-12.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice
from sim_instruments.scpi_status import ScpiError

#: What a reading beyond the range is answered with.
OVERFLOW = 9.9e37


class Statistics(Group):
    """CALCulate2: one number out of the buffer; an instrument may offer other kinds."""

    root = "CALCulate2"

    kind = Setting(":FORMat", Choice("MEAN", "SDEViation", "MAXimum", "MINimum", "NONE"), default="NONE")
    enabled = Setting(":STATe", Boolean(), default=False)

    def __init__(self, values: Callable[[], Sequence[float]], write: Callable[[float], str]) -> None:
        """Calculate from what `values` gives, answered as `write` writes it."""
        super().__init__()
        self._values = values
        self._write = write
        self._result: float | None = None

    def reset(self) -> None:
        """*RST: no statistics."""
        super().reset()
        self._result = None

    @command(":IMMediate")
    def calculate(self) -> None:
        """Work out the number; -221 with the calculation off, -230 with too few readings [unconfirmed: codes]."""
        values = self._values()
        if not self.enabled or self.kind == "NONE":
            raise ScpiError(-221)
        if len(values) < 2:
            raise ScpiError(-230)
        high, low = max(values), min(values)
        if high >= OVERFLOW:
            self._result = OVERFLOW
        elif self.kind == "MEAN":
            self._result = statistics.fmean(values)
        elif self.kind == "SDEV":
            self._result = statistics.stdev(values)
        else:
            self._result = {"MAX": high, "MIN": low, "PKPK": high - low}[self.kind]

    @query(":IMMediate")
    def calculate_and_ask(self) -> str:
        """Work out the number and return it."""
        self.calculate()
        return self.result()

    @query(":DATA")
    def result(self) -> str:
        """Return the number worked out last; none is -230."""
        if self._result is None:
            raise ScpiError(-230)
        return self._write(self._result)
