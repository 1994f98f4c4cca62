"""Keithley 6221: the buffer of delta readings (TRACe) and its statistics (CALCulate2).

Reference Manual 622x-901-01 p. 6-12 and 6-16 to 6-18; bits of the measurement register p. 11-11 to 11-17.
"""

from __future__ import annotations

import math
from dataclasses import replace

from sim_instruments.keithley_6221_readings import Elements, Reading
from sim_instruments.keithley_6221_tables import BUFFER_MAX, READING_BYTES
from sim_instruments.keithley_statistics import Statistics
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Choice, Integer
from sim_instruments.scpi_status import ScpiError, Status

#: Bits of the measurement register: as many stored as notify says, two, and parts of the whole.
_NOTIFY, _AVAILABLE, _HALF, _FULL, _QUARTER, _THREE_QUARTERS = 6, 7, 8, 9, 12, 13


class TraceBuffer(Group):
    """TRACe: up to 65536 readings; *RST and SYSTem:PRESet leave it alone.

    A run empties it and feeds it, unless FEED is NONE. Its size is what TRACe:POINts has set since the mode's
    COUNt was last written or *RST; without that it is as many as the run will make (622x-901-01 p. 6-12).
    """

    points = Setting("TRACe:POINts", Integer(1, BUFFER_MAX), default=100.0, keeps=True)
    notify = Setting(
        "TRACe:NOTify", Integer(1, lambda trace: max(trace.points - 1, 1)), default=50.0, keeps=True
    )
    feed = Setting("TRACe:FEED", Choice("SENSe1", "CALCulate1", "NONE"), default="CALC", keeps=True)
    control = Setting("TRACe:FEED:CONTrol", Choice("NEXT", "NEVer"), default="NEV", keeps=True)
    timestamps = Setting("TRACe:TSTamp:FORMat", Choice("ABSolute", "DELTa"), default="ABS", keeps=True)

    def __init__(self, status: Status, elements: Elements) -> None:
        super().__init__()
        self._status = status
        self._elements = elements
        self._size_is_set = False
        self._kind = "NONE"
        self.readings: list[Reading] = []

    def changed(self, name: str) -> None:
        """A new size empties the buffer, and NEXT fills it from the start."""
        if name == "points":
            self._size_is_set = True
            self._resize(self.points)
        elif name == "control" and self.control == "NEXT":
            self.clear()

    def reset(self) -> None:
        """*RST: everything stays, but the next run may choose the size."""
        super().reset()
        self.forget_size()

    def forget_size(self) -> None:
        """Let the next run choose the size."""
        self._size_is_set = False

    def _resize(self, points: float) -> None:
        self.points = points
        self.notify = max(math.floor(points / 2), 1.0)
        self.clear()

    @command("TRACe:CLEar")
    def clear(self) -> None:
        """Forget what is stored."""
        self.readings.clear()
        self._kind = "NONE"
        self._show_filling()

    def begin(self, kind: str, count: float) -> None:
        """A run of a mode (DELT, PULS, DCON) begins that will make `count` readings."""
        if not self._size_is_set:
            self._resize(min(count, BUFFER_MAX))
        self.clear()
        self._kind = kind
        self.control = "NEV" if self.feed == "NONE" else "NEXT"

    def store(self, reading: Reading, result: Reading) -> None:
        """Take a reading or the result of its math, unless the buffer is not fed or full."""
        if self.control == "NEV" or self.feed == "NONE":
            return
        self.readings.append(reading if self.feed == "SENS" else result)
        self._show_filling()
        if len(self.readings) >= self.points:
            self.control = "NEV"

    def _show_filling(self) -> None:
        stored, points = len(self.readings), self.points
        for bit, enough in (
            (_NOTIFY, self.notify),
            (_AVAILABLE, 2),
            (_QUARTER, points / 4),
            (_HALF, points / 2),
            (_THREE_QUARTERS, points * 3 / 4),
            (_FULL, points),
        ):
            self._status.measurement.set(bit, stored >= enough)

    def values_stored(self) -> list[float]:
        """Return the readings as numbers in their unit."""
        return [reading.value for reading in self.readings]

    @query("TRACe:FREE")
    def free(self) -> str:
        """Bytes free and bytes used."""
        used = READING_BYTES * len(self.readings)
        return f"{READING_BYTES * BUFFER_MAX - used},{used}"

    @query("TRACe:POINts:ACTual")
    def stored(self) -> str:
        """Number of readings stored."""
        return str(len(self.readings))

    @query("TRACe:DATA:TYPE")
    def kind(self) -> str:
        """What was measured: NONE, DELT, PULS or DCON."""
        return self._kind if self.readings else "NONE"

    @query("TRACe:DATA")
    def data(self) -> str:
        """Return all readings with their elements; an empty buffer is -230 [unconfirmed]."""
        if not self.readings:
            raise ScpiError(-230)
        return self._written(0, len(self.readings))

    @query("TRACe:DATA:SELected", Integer(0, BUFFER_MAX - 1), Integer(1, BUFFER_MAX))
    def selected(self, start: float, count: float) -> str:
        """Return some readings, the first being number 0, as far as they are stored; none is -222 [unconfirmed]."""
        if start >= len(self.readings):
            raise ScpiError(-222)
        return self._written(int(start), int(count))

    def _written(self, start: int, count: int) -> str:
        before = self.readings[0].time
        chosen: list[Reading] = []
        for index, reading in enumerate(self.readings):
            since = reading.time - before
            if self.timestamps == "DELT":
                before = reading.time
            if start <= index < start + count:
                chosen.append(replace(reading, time=since))
        return self._elements.write(chosen)


class BufferStatistics(Statistics):
    """CALCulate2, with the peak-to-peak value and none that is none."""

    kind = Setting(":FORMat", Choice("MEAN", "SDEViation", "MAXimum", "MINimum", "PKPK"), default="MEAN")
