"""Keithley: what both instruments keep for themselves: memories, panel, status formats, analog output.

User's Manual 2182A-900-01 chapters 10 to 12; Reference Manual 622x-901-01 p. 11-6 (table 11-2) and 13-7; the
public driver slave (k6221.py, k2182.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim_instruments.scpi_commands import Group, Pending, Setting, command
from sim_instruments.scpi_parameters import Boolean, Choice, Integer, Number
from sim_instruments.scpi_status import Status

#: All settings of an instrument, a mapping for each group of commands.
SetUp = Sequence[Mapping[str, Any]]


class Memories(Group):
    """*SAV and *RCL: the settings that *RST sets, in memories from 0.

    A memory that was never written holds the *RST settings, and the output is off after *RCL (our choices).
    Lists, the points of waves and the buffer are no part of a set-up.
    """

    def __init__(self, last: int, take: Callable[[], SetUp], put: Callable[[SetUp], Pending]) -> None:
        """Memories up to `last`; `take` gives the present set-up, `put` brings one back."""
        super().__init__()
        self.last = last
        self._take = take
        self._put = put
        self._saved: dict[int, SetUp] = {}

    @command("*SAV", Integer(0, lambda memories: memories.last))
    def save(self, place: float) -> None:
        """Keep the present settings."""
        self._saved[int(place)] = self._take()

    @command("*RCL", Integer(0, lambda memories: memories.last))
    def recall(self, place: float) -> Pending:
        """Bring settings back, as *RST does with its own."""
        return self._put(self._saved.get(int(place), ()))


class Panel(Group):
    """SYSTem: the key click, which nobody hears, and the front panel's lock, which nobody meets.

    LOCal, REMote and RWLock are for RS-232; public drivers send them with and without COMMunicate.
    """

    click = Setting("SYSTem:KCLick", Boolean(), default=True, keeps=True)
    locked = Setting("SYSTem[:COMMunicate]:RWLock", Boolean(), default=False)

    @command("SYSTem[:COMMunicate]:LOCal")
    def go_to_local(self) -> None:
        """Take commands from the keys: there are none."""

    @command("SYSTem[:COMMunicate]:REMote")
    def go_to_remote(self) -> None:
        """Take no commands from the keys."""


class StatusFormat(Group):
    """FORMat:SREGister: how the numbers of status registers are answered (622x-901-01 p. 11-6)."""

    form = Setting("FORMat:SREGister", Choice("ASCii", "HEXadecimal", "OCTal", "BINary"), default="ASC")

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status

    def changed(self, name: str) -> None:
        """Answer so from now on."""
        self._status.form = self.form

    def reset(self) -> None:
        """*RST: decimal."""
        super().reset()
        self._status.form = self.form


class AnalogOutput(Group):
    """OUTPut of the 2182A: the set-up of its analog output, to which nothing is connected (chapter 10)."""

    gain = Setting("OUTPut:GAIN", Number(-100e6, 100e6), default=1.0)
    offset = Setting("OUTPut:OFFSet", Number(-1.2, 1.2), default=0.0)
    enabled = Setting("OUTPut[:STATe]", Boolean(), default=True)
    relative = Setting("OUTPut:RELative", Boolean(), default=False)
