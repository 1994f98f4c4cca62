"""Lake Shore 475 DSP gaussmeter, read in tesla.

Model 475 manual p. 6-1, 6-7, 6-28, 6-38; instrumentkit lakeshore475.py. The text of an overload is not known
for the 475 (a 421 answers OL): anything that is not a number is taken as one.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from drivers._choice import Boolean, Choice
from drivers._instrument import Command, Query, RegisterInstrument
from drivers._setting import Count
from drivers._wire import Wire
from drivers.errors import NotFollowed, NotReady, OutOfRange, Overload

_MANUAL = "475 p. 6-1, 6-7, 6-28, 6-38"
_DRIVER = "instrumentkit lakeshore475.py; 475 p. 6-28"
_FIELD = re.compile(r"[+-]?\d+\.\d+(?:E[+-]\d+)?")
_MODE = re.compile(r"\+?([1-3]), ?\+?([1-3]), ?\+?([1-3]), ?\+?([12]), ?\+?([1-3])")
_OVERLOAD = "OL"
_UNIT = "UNIT"


class ReadingMode(NamedTuple):
    """The five arguments of RDGMODE in words: `digits` apply to DC, `filter` to RMS, the last two to peak."""

    mode: str = "DC"
    digits: str = "5 digits"
    filter: str = "low pass"
    peak: str = "periodic"
    peak_display: str = "positive"


#: The words of each argument of RDGMODE, in the order of the codes 1, 2, 3.
MODE_WORDS: Final = (
    ("DC", "RMS", "peak"),
    ("3 digits", "4 digits", "5 digits"),
    ("wide", "narrow", "low pass"),
    ("periodic", "pulse"),
    ("positive", "negative", "both"),
)


class LakeShore475(RegisterInstrument):
    """The gaussmeter of a FieldSource: prepare, read_field."""

    MODEL = "Lake Shore 475"
    IDENTITY = re.compile(r"LSCI,MODEL475,[^,]+,[^,]+")
    __slots__ = ("_is_in_tesla",)

    unit = Choice(
        _UNIT,
        {"gauss": "1", "tesla": "2", "oersted": "3", "ampere per metre": "4"},
        page=_DRIVER,
        doc="unit of every field that is said or answered",
    )
    range = Count("RANGE", low=1, high=5, page=_MANUAL, doc="1 is the lowest; the field depends on the probe")
    autorange = Boolean("AUTO", page=_MANUAL, doc="range follows the field", off_on=("0", "1"))

    set_mode = Command("RDGMODE", _DRIVER, "mode, resolution, filter, peak mode, peak display")
    mode_set = Query("RDGMODE?", _MODE, _DRIVER, "the five codes")
    reading = Query("RDGFIELD?", _FIELD, _DRIVER, "field in the present unit")

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._is_in_tesla = False

    def prepare(self) -> None:
        """Read DC fields in tesla, five digits, on whatever range the field needs; the unit is read back."""
        self.unit = "tesla"
        answered = self.unit
        if answered != "tesla":
            raise NotFollowed(f"the unit of {self.wire.name} must read back tesla; it reads {answered}.")
        self.reading_mode = ReadingMode()
        self.autorange = True
        self._is_in_tesla = True

    def read_field(self) -> float:
        """Return the field at the probe (T); an answer that is not a number raises Overload."""
        if not self._is_in_tesla:
            raise NotReady(
                f"{self.wire.name} must be prepared (set to tesla) before it is read. Nothing was sent."
            )
        reply = self.wire.ask(self.reading.header, is_repeatable=True).strip()
        if not self.reading.form.fullmatch(reply):
            if reply != _OVERLOAD:
                self.wire.distrust()
            raise Overload(
                f"the field at the probe of {self.wire.name} must be within its range; it answered {reply!r}. "
                f"There is no reading.\n{self.wire.last_exchanges()}"
            )
        return float(reply)

    @property
    def reading_mode(self) -> ReadingMode:
        """How the field is read; a word that the manual does not list raises OutOfRange and nothing is sent."""
        codes = self.ask(self.mode_set).groups()
        return ReadingMode(*(words[int(code) - 1] for words, code in zip(MODE_WORDS, codes, strict=True)))

    @reading_mode.setter
    def reading_mode(self, mode: ReadingMode) -> None:
        for word, words in zip(mode, MODE_WORDS, strict=True):
            if word not in words:
                raise OutOfRange(
                    f"reading_mode of {self.wire.name} must be one of {', '.join(words)} here; got {word!r}. "
                    "Nothing was sent."
                )
        codes = (str(words.index(word) + 1) for word, words in zip(mode, MODE_WORDS, strict=True))
        self.do(self.set_mode, ",".join(codes))

    def command(self, line: str) -> None:
        """Say a line and check that it was accepted; after a change of unit the meter must be prepared again."""
        if line.startswith(_UNIT):
            self._is_in_tesla = False
        super().command(line)

    def settings(self) -> dict[str, tuple[float | bool | str, str]]:
        """Read every setting, the reading mode among them: name -> (value, unit)."""
        return super().settings() | {"reading_mode": (", ".join(self.reading_mode), "1")}

    def park(self) -> None:
        """A gaussmeter drives nothing: there is nothing to make safe."""
