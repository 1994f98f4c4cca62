"""Settings that are words: on or off, and one of a few, in the manual's long-and-short notation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from drivers._setting import Setting
from drivers.errors import ReplyGarbled

if TYPE_CHECKING:
    from drivers._instrument import Instrument

_BOOLEAN = re.compile(r"\+?0*([01])")
_TEXT = re.compile(r".+")


class Boolean(Setting[bool]):
    """On or off, said as the instrument's two words for off and on, answered 0 or 1."""

    def __init__(self, header: str, *, page: str, doc: str, off_on: tuple[str, str] = ("OFF", "ON")) -> None:
        super().__init__(header, page=page, doc=doc)
        self.off_on = off_on

    def words(self, value: bool, who: str) -> str:
        """Return the word for off or on; anything but False and True is refused."""
        if value is not True and value is not False:
            raise self.refuse(value, "True or False", who)
        return self.off_on[value]

    def read(self, instrument: Instrument) -> bool:
        """Ask for the state."""
        return instrument.wire.match(f"{self.header}?", _BOOLEAN, is_repeatable=True)[1] == "1"


class Choice(Setting[str]):
    """One of a few words, each with the manual's own word in its long-and-short notation (`GUARd`) or number."""

    def __init__(self, header: str, choices: Mapping[str, str], *, page: str, doc: str) -> None:
        super().__init__(header, page=page, doc=doc)
        self.choices = {word: re.sub("[a-z]", "", manual) for word, manual in choices.items()}
        self._answers = {manual.upper(): word for word, manual in choices.items()}
        self._answers |= {short: word for word, short in self.choices.items()}

    def words(self, value: str, who: str) -> str:
        """Return the short form of the manual's word."""
        if value not in self.choices:
            raise self.refuse(value, " or ".join(self.choices), who)
        return self.choices[value]

    def read(self, instrument: Instrument) -> str:
        """Ask for the state; both forms of the manual's word are understood, and numbers with padding."""
        answer = instrument.wire.match(f"{self.header}?", _TEXT, is_repeatable=True)[0].upper().strip("'\"")
        key = str(int(answer)) if answer.lstrip("+").isdecimal() else answer
        if key not in self._answers:
            instrument.wire.distrust()
            raise ReplyGarbled(
                f"{self.header}? of {instrument.wire.name} must answer one of {', '.join(self._answers)}; "
                f"got {answer!r}. The answer was dropped."
            )
        return self._answers[key]
