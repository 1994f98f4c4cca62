"""Keithley 2182A: the reading buffer (TRACe), User's Manual chapter 6."""

from __future__ import annotations

import struct

from sim_instruments.keithley_statistics import OVERFLOW
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Choice, Integer
from sim_instruments.scpi_status import ScpiError, Status

#: Bits of the measurement register: two readings stored, half full, full.
_AVAILABLE, _HALF_FULL, _FULL = 7, 8, 9
#: Bytes that a reading takes in the buffer (our choice).
READING_BYTES = 24
_SIZES = {"SRE": "f", "DRE": "d"}


def write_reading(volts: float) -> str:
    """Return a reading as the instrument answers it; overflow is `+9.9E37`."""
    return "+9.9E37" if volts == OVERFLOW else format(volts, "+.8E")


class TraceBuffer(Group):
    """TRACe: up to 1024 readings; *RST and SYSTem:PRESet leave it alone.

    FORMat is about the buffer only: text, or `#0` and numbers of 4 (SREal) or 8 bytes (DREal), SWAPped the least
    significant byte first (chapter 14).
    """

    points = Setting("TRACe:POINts", Integer(2, 1024), default=100.0, keeps=True)
    feed = Setting("TRACe:FEED", Choice("SENSe1", "CALCulate1", "NONE"), default="SENS", keeps=True)
    control = Setting("TRACe:FEED:CONTrol", Choice("NEXT", "NEVer"), default="NEV", keeps=True)
    form = Setting("FORMat[:DATA]", Choice("ASCii", "SREal", "DREal"), default="ASC")
    byte_order = Setting("FORMat:BORDer", Choice("NORMal", "SWAPped"), default="SWAP")

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

    def store(self, volts: float, result: float) -> None:
        """Take a reading, or the result of its math, unless not fed; when it is full, it is fed no longer."""
        if self.control == "NEV" or self.feed == "NONE":
            return
        self.readings.append(volts if self.feed == "SENS" else result)
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
        """Return the readings, comma-separated or binary; an empty buffer is -230 [unconfirmed]."""
        if not self.readings:
            raise ScpiError(-230)
        if self.form == "ASC":
            return ",".join(map(write_reading, self.readings))
        layout = f"{'>' if self.byte_order == 'NORM' else '<'}{len(self.readings)}{_SIZES[self.form]}"
        return "#0" + struct.pack(layout, *self.readings).decode("latin-1")

    @query("TRACe:FREE")
    def free(self) -> str:
        """Bytes free and bytes used [unconfirmed: bytes of a reading]."""
        used = READING_BYTES * len(self.readings)
        return f"{READING_BYTES * 1024 - used},{used}"
