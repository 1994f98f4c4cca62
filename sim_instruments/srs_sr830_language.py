"""SR830 wire language: four letters, numbers, `?`; each query earns a line of its own, errors only set bits.

Sources: SR830 manual p. 5-1, 5-2 (syntax, interface ready), 5-15, 5-16; PyMeasure `sr830.py` and QCoDeS
`SR830.py` (status bits).
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
from sim_instruments.srs_sr830_tables import BUFFER

#: Bits of the standard event register (*ESR?).
INPUT_LOST = 1 << 0
QUERY_ERROR = 1 << 2
EXECUTION_ERROR = 1 << 4
COMMAND_ERROR = 1 << 5
POWER_ON = 1 << 7

#: Bits of the status byte (*STB?).
NO_SCAN = 1 << 0
READY = 1 << 1
ERROR_SUMMARY = 1 << 2
LOCK_IN_SUMMARY = 1 << 3
MESSAGE_AVAILABLE = 1 << 4
EVENT_SUMMARY = 1 << 5
REQUEST = 1 << 6

_UNIT = re.compile(r"(\*[A-Z]{3}|[A-Z]{4})\s*(\??)\s*(.*)", re.IGNORECASE | re.ASCII | re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?", re.IGNORECASE | re.ASCII)

#: How many numbers a command may take, and what it does: a query returns its answer, text or bytes.
Command = tuple[range, Callable[..., str | bytes | None]]
NONE, ONE, TWO, THREE = (range(count, count + 1) for count in range(4))


@dataclass(frozen=True, slots=True)
class Setting:
    """A code that is stored: `NAMEn` sets it, `NAME?` gives it; *RST makes it `initial` unless `kept`."""

    low: int
    high: int
    initial: int
    kept: bool = False


class WrongCommandError(Exception):
    """The instrument cannot read the command: *ESR? bit 5, nothing is done."""


class OutOfRangeError(Exception):
    """The instrument can read the command but must not obey it: *ESR? bit 4, nothing is done."""


def within(value: float, low: float, high: float) -> float:
    """Return a value unless it is outside the limits (OutOfRangeError)."""
    if not low <= value <= high:
        raise OutOfRangeError
    return value


def code(value: float, low: int, high: int) -> int:
    """Return a whole number unless it is a fraction or outside the limits (OutOfRangeError)."""
    if within(value, low, high) != int(value):
        raise OutOfRangeError
    return int(value)


def read(unit: str) -> tuple[str, list[float]]:
    """Split one command into its header (capitals, with `?`) and its numbers; WrongCommandError."""
    match = _UNIT.fullmatch(unit.strip())
    if match is None:
        raise WrongCommandError
    words = [word.strip() for word in match[3].split(",")] if match[3] else []
    if not all(_NUMBER.fullmatch(word) for word in words):
        raise WrongCommandError
    return match[1].upper() + match[2], [float(word) for word in words]


class StanfordInstrument(Instrument):
    """Parser, registers and service request; a subclass has the `commands`, the `settings` and their meaning.

    The rest of a line is obeyed even when one of its commands was refused, and a line that does not fit the
    input buffer is lost as a whole (our choices: no page says). Reading one bit of a register clears that bit
    only (from memory). OUTX 0 sends the answers to the other interface, where nobody listens; *RST leaves it.
    """

    terminator_out = b"\n"
    message_time = 10e-3  # of a query over GPIB [unconfirmed]

    commands: ClassVar[Mapping[str, Command]]
    settings: ClassVar[Mapping[str, Setting]]

    def __init__(self, clock: VirtualClock, identity: str) -> None:
        super().__init__(clock)
        self._identity = identity
        self.stored = {name: setting.initial for name, setting in self.settings.items()}
        self._registers = {"*ESR": POWER_ON, "ERRS": 0, "LIAS": 0}
        self._enabled = {"*ESE": 0, "*SRE": 0, "ERRE": 0, "LIAE": 0}
        self._reasons = 0
        self._requesting = False
        #: Whether the interface that was heard last has talker and listener, as GPIB has and a serial line has not.
        self.has_talker = True

    @classmethod
    def declared_headers(cls) -> frozenset[str]:
        """Return every header this instrument obeys, in capitals, queries with their `?`."""
        return frozenset(cls.commands) | frozenset(cls.settings) | {f"{name}?" for name in cls.settings}

    @classmethod
    def declared(cls, header: str) -> str | None:
        """Return the header that a spoken word means: numbers may follow at once, and `?` may stand apart."""
        try:
            name, _ = read(header)
        except WrongCommandError:
            return None
        known = cls.declared_headers()
        return next((spelled for spelled in (name, f"{name}?") if spelled in known), None)

    # --- what a model provides --------------------------------------------------------------------

    @abstractmethod
    def reset(self) -> None:
        """Take the settings of *RST (the stored codes have been taken already)."""

    @abstractmethod
    def look(self) -> None:
        """Set the bits of the lock-in status that are due now."""

    @abstractmethod
    def allow(self, setting: str, value: int) -> None:
        """Raise OutOfRangeError where a code within its limits cannot be set as things are."""

    @abstractmethod
    def changed(self) -> None:
        """Act on a stored code that was just set."""

    @abstractmethod
    def answering(self) -> None:
        """A question is about to be answered."""

    @property
    @abstractmethod
    def ready(self) -> bool:
        """True while no command is being executed."""

    @property
    @abstractmethod
    def scanning(self) -> bool:
        """True while data are stored (or wait for their trigger)."""

    def raise_lock_in_bits(self, bits: int) -> None:
        """Latch bits of the lock-in status."""
        self._registers["LIAS"] |= bits

    def raise_error_bits(self, bits: int) -> None:
        """Latch bits of the error status."""
        self._registers["ERRS"] |= bits

    def set_up(self) -> dict[str, int]:
        """Return the stored codes that belong to a set-up: those that *RST sets."""
        return {name: value for name, value in self.stored.items() if not self.settings[name].kept}

    # --- what the interface calls -----------------------------------------------------------------

    def _accept(self, message: str, message_exchange: bool) -> None:
        if self.has_talker != message_exchange:
            self.has_talker = message_exchange
            self.changed()
        super()._accept(message, message_exchange)

    def execute(self, message: str) -> None:
        """Obey the commands of one line in turn; each answer is a line."""
        self._note_service()
        if len(message) > BUFFER:
            self._registers["*ESR"] |= INPUT_LOST
            return
        for unit in message.split(";"):
            if not unit.strip():
                continue
            try:
                answer = self._obey(*read(unit))
            except WrongCommandError:
                self._registers["*ESR"] |= COMMAND_ERROR
            except OutOfRangeError:
                self._registers["*ESR"] |= EXECUTION_ERROR
            else:
                if answer is not None and self.stored["OUTX"]:
                    self.answering()
                    self.reply(answer)
        self._note_service()

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
        self._registers["*ESR"] |= QUERY_ERROR

    def unterminated(self) -> None:
        """Somebody read with nothing asked: *ESR? bit 2."""
        self._registers["*ESR"] |= QUERY_ERROR

    # --- inside -----------------------------------------------------------------------------------

    def _obey(self, header: str, numbers: list[float]) -> str | bytes | None:
        command = self.commands.get(header)
        if command is not None:
            if len(numbers) not in command[0]:
                raise WrongCommandError
            return command[1](self, *numbers)
        name = header.removesuffix("?")
        setting = self.settings.get(name)
        if setting is None or len(numbers) != (header == name):
            raise WrongCommandError
        if header != name:
            return str(self.stored[name])
        value = code(numbers[0], setting.low, setting.high)
        self.allow(name, value)
        self.stored[name] = value
        self.changed()
        return None

    def _summary_byte(self) -> int:
        self.look()
        byte = (READY if self.ready else 0) | (MESSAGE_AVAILABLE if self.has_output else 0)
        byte |= 0 if self.scanning else NO_SCAN
        for register, enable, bit in (
            ("*ESR", "*ESE", EVENT_SUMMARY),
            ("ERRS", "ERRE", ERROR_SUMMARY),
            ("LIAS", "LIAE", LOCK_IN_SUMMARY),
        ):
            if self._registers[register] & self._enabled[enable]:
                byte |= bit
        return byte

    def _note_service(self) -> None:
        reasons = self._summary_byte() & self._enabled["*SRE"] & ~REQUEST
        if reasons & ~self._reasons:
            self._requesting = True
        elif not reasons:
            self._requesting = False
        self._reasons = reasons

    def _read_and_clear(self, register: str, bits: tuple[float, ...]) -> str:
        self.look()
        mask = 1 << code(bits[0], 0, 7) if bits else 0xFF
        found = self._registers[register] & mask
        self._registers[register] &= ~mask
        return str(int(found > 0) if bits else found)

    def _read_events(self, *bits: float) -> str:
        return self._read_and_clear("*ESR", bits)

    def _read_errors(self, *bits: float) -> str:
        return self._read_and_clear("ERRS", bits)

    def _read_lock_in_status(self, *bits: float) -> str:
        return self._read_and_clear("LIAS", bits)

    def _read_status_byte(self, *bits: float) -> str:
        byte = self._summary_byte()
        if byte & self._enabled["*SRE"] & ~REQUEST:
            byte |= REQUEST
        return str(byte >> code(bits[0], 0, 7) & 1 if bits else byte)

    def _clear(self) -> None:
        self._registers = dict.fromkeys(self._registers, 0)

    def _identify(self) -> str:
        return self._identity

    def reset_all(self) -> None:
        """*RST: the stored codes that belong to a set-up, then everything else of it."""
        for name, setting in self.settings.items():
            if not setting.kept:
                self.stored[name] = setting.initial
        self.reset()

    def _enable(self, register: str, first: float, *second: float) -> None:
        if not second:
            self._enabled[register] = code(first, 0, 255)
            return
        bit = 1 << code(first, 0, 7)
        self._enabled[register] &= ~bit
        self._enabled[register] |= bit * code(second[0], 0, 1)

    def _say_enabled(self, register: str, *bits: float) -> str:
        value = self._enabled[register]
        return str(value >> code(bits[0], 0, 7) & 1 if bits else value)

    @staticmethod
    def _enabling(register: str) -> dict[str, Command]:
        """Return command and query of one enable register: the whole byte, or one bit of it."""

        def enable(instrument: StanfordInstrument, *numbers: float) -> None:
            instrument._enable(register, *numbers)

        def say(instrument: StanfordInstrument, *bits: float) -> str:
            return instrument._say_enabled(register, *bits)

        return {register: (range(1, 3), enable), f"{register}?": (range(2), say)}

    common_commands: ClassVar[Mapping[str, Command]] = MappingProxyType(
        {
            "*IDN?": (NONE, _identify),
            "*RST": (NONE, reset_all),
            "*CLS": (NONE, _clear),
            "*ESR?": (range(2), _read_events),
            "*STB?": (range(2), _read_status_byte),
            "ERRS?": (range(2), _read_errors),
            "LIAS?": (range(2), _read_lock_in_status),
            **_enabling("*ESE"),
            **_enabling("*SRE"),
            **_enabling("ERRE"),
            **_enabling("LIAE"),
        }
    )
    common_settings: ClassVar[Mapping[str, Setting]] = MappingProxyType(
        {
            "OUTX": Setting(0, 1, 1, kept=True),
            "*PSC": Setting(0, 1, 1, kept=True),
            "LOCL": Setting(0, 2, 0, kept=True),
            "OVRM": Setting(0, 1, 0, kept=True),
            "KCLK": Setting(0, 1, 1),
            "ALRM": Setting(0, 1, 1),
        }
    )
