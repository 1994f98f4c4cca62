"""Settings as a data sheet lists them: a header on the wire with its unit, limits and page, checked strictly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Self, TypeVar, overload

from drivers.errors import OutOfRange

if TYPE_CHECKING:
    from drivers._instrument import Instrument

V = TypeVar("V")


class Entry(ABC, Generic[V]):
    """A line of the data sheet: something an instrument answers a query about, asked anew at each access."""

    def __init__(self, header: str, *, unit: str = "1", page: str, doc: str) -> None:
        self.header, self.unit, self.page, self.__doc__ = header, unit, page, doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instrument: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instrument: Instrument, owner: type) -> V: ...
    def __get__(self, instrument: Instrument | None, owner: type) -> Self | V:
        return self if instrument is None else self.read(instrument)

    @abstractmethod
    def read(self, instrument: Instrument) -> V:
        """Ask the instrument; an answer of another form raises ReplyGarbled."""


class Measured(Entry[float]):
    """A number that the instrument measures (`header` is the whole query); assigning it raises AttributeError."""

    def read(self, instrument: Instrument) -> float:
        """Ask for the number, in the data sheet's unit; an overflow raises Overload."""
        return instrument.wire.number(self.header, is_repeatable=True)

    def __set__(self, instrument: Instrument, value: float) -> None:
        raise AttributeError(f"{self.name} of {instrument.wire.name} is measured: it cannot be set")


class Setting(Entry[V]):
    """A line that can also be set: only an allowed value goes on the wire, and then errors are asked for."""

    def __set__(self, instrument: Instrument, value: V) -> None:
        instrument.command(instrument.line(self.name, value))

    def line(self, value: V, who: str) -> str:
        """Return the line that sets `value`; OutOfRange where it is not allowed."""
        return f"{self.header} {self.words(value, who)}"

    @abstractmethod
    def words(self, value: V, who: str) -> str:
        """Return `value` as it goes on the wire; OutOfRange (nothing is sent) where it is not allowed."""

    def refuse(self, value: object, allowed: str, who: str) -> OutOfRange:
        """Return the error for a value that is not allowed, in one form for all settings."""
        return OutOfRange(f"{self.name} of {who} must be {allowed}; got {value!r}. Nothing was sent.")


class Number(Setting[float]):
    """A number within inclusive limits: NaN, infinity and whatever is beyond raise, nothing is ever clipped."""

    def __init__(
        self, header: str, *, unit: str, low: float, high: float, page: str, doc: str, style: str = ".9G"
    ) -> None:
        super().__init__(header, unit=unit, page=page, doc=doc)
        self.low, self.high, self.style = low, high, style

    def words(self, value: float, who: str) -> str:
        """Return the number in the instrument's style; minus zero becomes zero."""
        if not self.low <= value <= self.high:  # in this form, because it is false for NaN
            raise self.refuse(value, f"{self.low:G} to {self.high:G} {self.unit}", who)
        return format(value, self.style) if value else "0"

    def read(self, instrument: Instrument) -> float:
        """Ask for the number."""
        return instrument.wire.number(f"{self.header}?", is_repeatable=True)


class Count(Number):
    """A whole number within inclusive limits."""

    def __init__(self, header: str, *, low: int, high: int, page: str, doc: str, unit: str = "1") -> None:
        super().__init__(header, unit=unit, low=low, high=high, page=page, doc=doc, style=".0f")

    def words(self, value: float, who: str) -> str:
        """Return the whole number; 2.5 is refused."""
        if value % 1:
            raise self.refuse(value, "a whole number", who)
        return super().words(value, who)
