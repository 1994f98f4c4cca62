"""A picture at the end of a terminal, drawn anew in its place; where there is no terminal, lines.

Nothing is ever switched on (no other screen, no hidden cursor), so that nothing has to be switched off again,
whatever ends the program: the cursor waits below the picture, and the next one begins by moving up.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from rich.cells import cell_len

from labctl.live.picture import Picture

if TYPE_CHECKING:
    from labctl.live.following import Follower
    from labctl.live.graph import Line

#: Seconds between two pictures, and between two lines where there is no terminal (our choice).
PERIOD: Final = 0.125
LINE_PERIOD: Final = 1.0
#: Seconds after which a picture of which only the time that is left has changed is drawn anew (our choice).
_STILL: Final = 1.0

#: ECMA-48, "select graphic rendition"; colours are those that the person gave the terminal.
_LOOKS: Final = {
    "title": "1", "value": "1", "dim": "2", "curve": "36", "last": "1;33", "good": "32", "warn": "33",
    "bad": "1;31",
}  # fmt: skip


class Terminal:
    """Where pictures go: `stream`, with the cursor moved and colours as far as it and `environ` allow it."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self.is_moving = stream.isatty() and environ.get("TERM", "") not in {"", "dumb"}
        self.is_braille = "utf" in (stream.encoding or "").lower()
        self._is_coloured = self.is_moving and not environ.get("NO_COLOR")
        self._drawn: list[int] = []  # cells of each line of the picture that stands there
        self._shown = ("", 0)
        self._said = ""

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        try:
            columns, lines = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            columns, lines = shutil.get_terminal_size()
        return columns or 80, lines or 24

    def draw(self, lines: Sequence[Line]) -> None:
        """Draw a picture in the place of the last one."""
        text = "\x1b[K\n".join("".join(map(self._inked, line)) for line in lines)
        columns, _ = self.size
        if (text, columns) == self._shown and self._drawn:
            return
        # a terminal that was made narrower has broken the lines that stand there
        up = sum(max(-(-cells // columns), 1) for cells in self._drawn)
        begin = f"\r\x1b[{up}A" if up else "\r"
        self._write(f"{begin}{text}\x1b[K\n\x1b[J")
        self._shown = (text, columns)
        self._drawn = [sum(cell_len(text) for text, _ in line) for line in lines]

    def leave(self) -> None:
        """Let the picture stand; the next one goes below whatever is written meanwhile."""
        self._drawn = []

    def say(self, line: Line) -> None:
        """Write one line, unless it is the one before again."""
        text = "".join(text for text, _ in line)
        if text != self._said:
            self._stream.write(f"{text}\n")
            self._stream.flush()
            self._said = text

    def _write(self, text: str) -> None:
        """Write past the stream: one that is halted in it would keep the program from its end."""
        data = text.encode(self._stream.encoding, "replace")
        while data:
            data = data[os.write(self._stream.fileno(), data) :]

    def _inked(self, piece: tuple[str, str]) -> str:
        text, look = piece
        return f"\x1b[{_LOOKS[look]}m{text}\x1b[0m" if look and text and self._is_coloured else text


class Screen:
    """A run on a terminal: `refresh` looks at it and shows what it finds."""

    def __init__(self, run: Follower, terminal: Terminal) -> None:
        self._run = run
        self._terminal = terminal
        self._picture = Picture(run, time.time, is_braille=terminal.is_braille)
        self._shown: tuple[object, ...] = ()
        self._shown_at = 0.0

    @property
    def period(self) -> float:
        """Seconds (wall) that should lie between two refreshments, at least."""
        return PERIOD if self._terminal.is_moving else LINE_PERIOD

    def refresh(self, note: str = "", *, is_brief: bool = False) -> None:
        """Take what is new of the run and show it, with a note of what there is to say besides; a line if brief."""
        news = self._run.poll()
        self._picture.take(news)
        columns, lines = self._terminal.size
        shown, now = (columns, lines, note, is_brief), time.monotonic()
        if news.is_none and shown == self._shown and now - self._shown_at < _STILL:
            return
        self._shown, self._shown_at = shown, now
        if self._terminal.is_moving:
            self._terminal.draw(self._picture.lines(columns, 0 if is_brief else lines, note))
        else:
            self._terminal.say(self._picture.line(note))
