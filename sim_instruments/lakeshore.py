"""Lake Shore's wire language: flat mnemonics, the answers of a line joined by `;`, errors only as *ESR? bits.

There is no command tree and no error queue. A line may hold several commands and queries joined by `;`; the
answers come back on one line, joined by `;`. A line that is refused earns no text: an unknown mnemonic or a
wrong number of arguments sets the command-error bit of the event register, an argument out of range the
execution-error bit, and a refused query is left unanswered, so that the client times out. The rest of a
line is obeyed even when one of its commands was refused (our choice: no page says).

Sources: Lake Shore Model 642 manual p. 5-5, 5-10, 5-30, 5-35; Model 475 manual p. 6-1, 6-7; the public
package lakeshore 1.10.0, `em_power_supply.py` (event and status byte bits).
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import Instrument

#: Bits of the standard event register.
OPERATION_COMPLETE = 1 << 0
QUERY_ERROR = 1 << 2
EXECUTION_ERROR = 1 << 4
COMMAND_ERROR = 1 << 5
POWER_ON = 1 << 7

#: Bits of the status byte that every model has.
MESSAGE_AVAILABLE = 1 << 4
EVENT_SUMMARY = 1 << 5
REQUEST = 1 << 6
OPERATION_SUMMARY = 1 << 7

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?", re.IGNORECASE | re.ASCII)

#: How many arguments a command takes, and what it does: a query returns the text of its answer.
Command = tuple[int, Callable[..., str | None]]


@dataclass(frozen=True, slots=True)
class Setting:
    """A whole number that is only stored: `NAME n` sets it, `NAME?` gives it."""

    low: int
    high: int
    initial: int


class WrongCommandError(Exception):
    """The instrument cannot read the command: *ESR? bit 5, nothing is done."""


class OutOfRangeError(Exception):
    """The instrument can read the command but must not obey it: *ESR? bit 4, nothing is done."""


def number(text: str, low: float, high: float) -> float:
    """Return a decimal argument; WrongCommandError unless it is one, OutOfRangeError outside the limits."""
    if not _NUMBER.fullmatch(text):
        raise WrongCommandError
    value = float(text)
    if not low <= value <= high:
        raise OutOfRangeError
    return value


def integer(text: str, low: int, high: int) -> int:
    """Return a whole-number argument; errors as `number`, and WrongCommandError for a fraction."""
    value = number(text, low, high)
    if value != int(value):
        raise WrongCommandError
    return int(value)


class LakeShoreInstrument(Instrument):
    """What the Lake Shore models share: the parser, the IEEE 488.2 registers, the service request.

    A subclass extends `commands` (mnemonic as sent, upper case, queries with their `?`), lists its stored
    `settings`, and provides `reset`, `clear_registers` and `summary`.
    """

    terminator_out = b"\r\n"
    message_time = 2e-3

    model: ClassVar[str]
    commands: ClassVar[Mapping[str, Command]]
    settings: ClassVar[Mapping[str, Setting]]
    #: Several whole numbers that are stored together: `NAME m,n` sets them, `NAME?` gives them.
    rows: ClassVar[Mapping[str, tuple[Setting, ...]]] = MappingProxyType({})

    def __init__(self, clock: VirtualClock, serial: str, firmware: str) -> None:
        super().__init__(clock)
        self.stored_rows = {name: [one.initial for one in row] for name, row in self.rows.items()}
        self._identity = f"LSCI,{self.model},{serial},{firmware}"
        self.stored = {name: setting.initial for name, setting in self.settings.items()}
        self._events = POWER_ON
        self._reasons = 0
        self._requesting = False

    @classmethod
    def declared_headers(cls) -> frozenset[str]:
        """Return every mnemonic this instrument obeys, upper case, queries with their `?`."""
        stored = frozenset(cls.settings) | frozenset(cls.rows)
        return frozenset(cls.commands) | stored | {f"{name}?" for name in stored}

    # --- what a model provides --------------------------------------------------------------------

    @abstractmethod
    def reset(self) -> None:
        """Take the settings of power-up (*RST)."""

    @abstractmethod
    def clear_registers(self) -> None:
        """Clear the model's own latched registers (*CLS)."""

    @abstractmethod
    def summary(self) -> int:
        """Return the model's own bits of the status byte."""

    def changed(self, setting: str) -> None:
        """Act on a stored setting that was just set."""

    # --- what the interface calls -----------------------------------------------------------------

    def execute(self, message: str) -> None:
        """Obey the commands of one line in turn and send their answers, joined by `;`, as one line."""
        self._note_service()
        answers: list[str] = []
        for unit in message.split(";"):
            words = unit.split(maxsplit=1)
            if not words:
                continue
            try:
                answer = self._obey(words[0].upper(), words[1] if len(words) > 1 else "")
            except WrongCommandError:
                self._events |= COMMAND_ERROR
            except OutOfRangeError:
                self._events |= EXECUTION_ERROR
            else:
                if answer is not None:
                    answers.append(answer)
        if answers:
            self.reply(";".join(answers))
        self._note_service()

    def power_cycle(self) -> None:
        """Come up in the *RST state, which power-on is here."""
        super().power_cycle()
        self.reset()
        self._clear()
        self._events = POWER_ON

    def complain(self, code: int) -> None:
        """Say in the event register that the last command could not be carried out; it has no codes."""
        self._events |= EXECUTION_ERROR

    def serial_poll(self) -> int:
        """Return the status byte, in bit 6 whether service was requested since the last poll."""
        self._note_service()
        byte = self._summary_byte() | (REQUEST if self._requesting else 0)
        self._requesting = False
        return byte

    @property
    def service_request(self) -> bool:
        """True while the instrument asserts SRQ."""
        self._note_service()
        return self._requesting

    def interrupted(self) -> None:
        """A reply was thrown away unread: *ESR? bit 2."""
        self._events |= QUERY_ERROR

    def unterminated(self) -> None:
        """Somebody read with nothing asked: *ESR? bit 2."""
        self._events |= QUERY_ERROR

    # --- inside -----------------------------------------------------------------------------------

    def _obey(self, header: str, text: str) -> str | None:
        arguments = [argument.strip() for argument in text.split(",")] if text else []
        command = self.commands.get(header)
        if command is not None:
            if len(arguments) != command[0]:
                raise WrongCommandError
            return command[1](self, *arguments)
        name = header.removesuffix("?")
        if name in self.rows:
            return self._obey_row(name, arguments, is_query=header != name)
        setting = self.settings.get(name)
        if setting is None or len(arguments) != (header == name):
            raise WrongCommandError
        if header != name:
            return str(self.stored[name])
        self.stored[name] = integer(arguments[0], setting.low, setting.high)
        self.changed(name)
        return None

    def _obey_row(self, name: str, arguments: list[str], *, is_query: bool) -> str | None:
        row = self.rows[name]
        if len(arguments) != (0 if is_query else len(row)):
            raise WrongCommandError
        if is_query:
            return ",".join(map(str, self.stored_rows[name]))
        self.stored_rows[name] = [
            integer(argument, one.low, one.high) for argument, one in zip(arguments, row, strict=True)
        ]
        return None

    def _summary_byte(self) -> int:
        byte = self.summary()
        if self._events & self.stored["*ESE"]:
            byte |= EVENT_SUMMARY
        if self.has_output:
            byte |= MESSAGE_AVAILABLE
        return byte

    def _note_service(self) -> None:
        reasons = self._summary_byte() & self.stored["*SRE"] & ~REQUEST
        if reasons & ~self._reasons:
            self._requesting = True
        elif not reasons:
            self._requesting = False
        self._reasons = reasons

    def _clear(self) -> None:
        self._events = 0
        self.clear_registers()

    def _read_events(self) -> str:
        events, self._events = self._events, 0
        return str(events)

    def _operation_complete(self) -> None:
        self._events |= OPERATION_COMPLETE

    def _status_byte(self) -> str:
        byte = self._summary_byte()
        return str(byte | (REQUEST if byte & self.stored["*SRE"] & ~REQUEST else 0))

    def _identify(self) -> str:
        return self._identity

    def _reset(self) -> None:
        self.reset()

    def _say_done(self) -> str:
        return "1"

    def _say_good(self) -> str:
        return "0"

    #: The common commands of IEEE 488.2. *OPC and *OPC? do not wait for a ramp: they only say that the line
    #: was obeyed; *TST? gives the result of the power-up test, always good.
    common_commands: ClassVar[Mapping[str, Command]] = MappingProxyType(
        {
            "*IDN?": (0, _identify),
            "*RST": (0, _reset),
            "*CLS": (0, _clear),
            "*ESR?": (0, _read_events),
            "*OPC": (0, _operation_complete),
            "*OPC?": (0, _say_done),
            "*STB?": (0, _status_byte),
            "*TST?": (0, _say_good),
        }
    )
    #: Terminator, EOI and address of the bus; state and code of the keypad's lock. Kept only (lakeshore 1.10.0
    #: `em_power_supply.py`; a public driver of the Model 455 has them alike).
    common_rows: ClassVar[Mapping[str, tuple[Setting, ...]]] = MappingProxyType(
        {
            "IEEE": (Setting(0, 3, 0), Setting(0, 1, 0), Setting(1, 30, 12)),
            "LOCK": (Setting(0, 2, 0), Setting(0, 999, 123)),
        }
    )
    common_settings: ClassVar[Mapping[str, Setting]] = MappingProxyType(
        {"*ESE": Setting(0, 255, 0), "*SRE": Setting(0, 255, 0)}
    )
