"""A simulated SCPI instrument: takes messages apart, obeys them in order, and joins the replies.

What a message may look like: Keithley 622x-901-01 p. 10-14 to 10-18 and 2182A-900-01 p. 11-26. Commands before
an invalid one are executed, those after it are dropped; "invalid" is read as any command error (-100 to -199),
while an execution error (-200 to -299) lets the rest of the message go on [unconfirmed].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, cast

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import Instrument, Reply
from sim_instruments.scpi_commands import Answer, Command, CommandTree, Group, Pending, command, query
from sim_instruments.scpi_parameters import Mask, split
from sim_instruments.scpi_status import (
    OPERATION_COMPLETE,
    QUEUE_DEPTH,
    EventRegister,
    Operations,
    ScpiError,
    Status,
)

G = TypeVar("G", bound=Group)


def _register_rows(word: str, name: str) -> tuple[Command, ...]:
    """Return the rows of STATus:word, where `name` is the register in `Status`."""

    def register(core: ScpiCore) -> EventRegister:
        return getattr(core.status, name)

    def events(core: ScpiCore) -> str:
        return core.status.written(register(core).read())

    def condition(core: ScpiCore) -> str:
        return core.status.written(register(core).condition)

    def set_enable(core: ScpiCore, mask: float) -> None:
        register(core).enable = int(mask)

    def enable(core: ScpiCore) -> str:
        return core.status.written(register(core).enable)

    return (
        Command(f"STATus:{word}[:EVENt]", True, (), events),
        Command(f"STATus:{word}:CONDition", True, (), condition),
        Command(f"STATus:{word}:ENABle", False, (Mask(0, 65535),), set_enable),
        Command(f"STATus:{word}:ENABle", True, (), enable),
    )


class ScpiCore(Group):
    """What every SCPI instrument here understands: common commands, STATus, and SYSTem around the error queue."""

    table = (
        *_register_rows("OPERation", "operation"),
        *_register_rows("QUEStionable", "questionable"),
    )

    def __init__(
        self,
        identity: str,
        status: Status,
        operations: Operations,
        reset: Callable[[], Pending],
        preset: Callable[[], Pending],
    ) -> None:
        super().__init__()
        self.identity = identity
        self.status = status
        self.operations = operations
        self._reset = reset
        self._preset = preset

    @query("*IDN")
    def identify(self) -> str:
        """Maker, model, serial number and firmware."""
        return self.identity

    @command("*RST")
    def reset_instrument(self) -> Pending:
        """Settings to their *RST values; error queue and registers stay."""
        return self._reset()

    @command("*CLS")
    def clear_status(self) -> None:
        """Event registers and error queue; a waiting *OPC is forgotten."""
        self.operations.forget()
        self.status.clear()

    @query("*TST")
    def self_test(self) -> str:
        """Return 0: passed."""
        return "0"

    @command("*OPC")
    def tell_completion(self) -> None:
        """Set the operation-complete event once nothing is under way."""
        self.operations.when_done(lambda: self.status.standard.pulse(OPERATION_COMPLETE))

    @query("*OPC")
    def ask_completion(self) -> Pending:
        """Return 1 once nothing is under way."""
        pending = Pending()
        self.operations.when_done(lambda: pending.settle("1"))
        return pending

    @command("*WAI")
    def wait_for_completion(self) -> Pending:
        """Obey nothing more until nothing is under way."""
        pending = Pending()
        self.operations.when_done(pending.settle)
        return pending

    @query("*ESR")
    def standard_events(self) -> str:
        """Standard event register, cleared by reading."""
        return self.status.written(self.status.standard.read())

    @command("*ESE", Mask(0, 255))
    def enable_standard(self, mask: float) -> None:
        """Set the standard event enable register."""
        self.status.standard.enable = int(mask)

    @query("*ESE")
    def standard_enable(self) -> str:
        """Standard event enable register."""
        return self.status.written(self.status.standard.enable)

    @command("*SRE", Mask(0, 255))
    def enable_service(self, mask: float) -> None:
        """Set the service request enable register; bit 6 cannot be set."""
        self.status.service_enable = int(mask) & ~64

    @query("*SRE")
    def service_enable(self) -> str:
        """Service request enable register."""
        return self.status.written(self.status.service_enable)

    @query("*STB")
    def status_byte(self) -> str:
        """Status byte with the master summary."""
        return self.status.written(self.status.byte())

    @command("STATus:PRESet")
    def preset_status(self) -> None:
        """Clear the enable registers of the three SCPI registers."""
        self.status.preset()

    @query("SYSTem:ERRor")
    def next_error(self) -> str:
        """Oldest entry of the error queue, which goes."""
        return self.status.next_error()


class KeithleyCore(ScpiCore):
    """What the Keithleys understand besides: the measurement register, presets, the queue by its other name."""

    table = (*ScpiCore.table, *_register_rows("MEASurement", "measurement"))

    @command("SYSTem:PRESet")
    def preset_instrument(self) -> Pending:
        """Settings to their preset values."""
        return self._preset()

    @query("STATus:QUEue[:NEXT]")
    def next_queued(self) -> str:
        """Oldest entry of the error queue, which goes."""
        return self.status.next_error()

    @command("SYSTem:CLEar")
    @command("STATus:QUEue:CLEar")
    def clear_errors(self) -> None:
        """Empty the error queue."""
        self.status.clear_errors()


class ScpiInstrument(Instrument):
    """An instrument that speaks SCPI; a subclass names its `groups` of commands and installs one of each."""

    groups: ClassVar[tuple[type[Group], ...]] = ()
    #: The commands that come with the language rather than with the instrument.
    core: ClassVar[type[ScpiCore]] = KeithleyCore
    #: Texts of the error queue where the instrument's manual prints them differently.
    error_texts: ClassVar[Mapping[int, str]] = {}
    #: Entries the error queue holds.
    queue_depth: ClassVar[int] = QUEUE_DEPTH
    #: Seconds on the virtual clock that *RST and SYSTem:PRESet take.
    reset_time: ClassVar[float] = 0.0

    _tree: ClassVar[CommandTree]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._tree = CommandTree((cls.core, *cls.groups))

    def __init__(self, clock: VirtualClock, identity: str) -> None:
        super().__init__(clock)
        self.status = Status(lambda: self.has_output, self.error_texts, self.queue_depth)
        self.operations = Operations()
        self._groups: list[Group] = [
            self.core(identity, self.status, self.operations, self._reset, self._preset)
        ]
        self._units: deque[str] = deque()
        self._path = ""
        self._answers: list[str] = []
        self._owed: Reply | None = None
        self._waiting: Pending | None = None
        self._backlog: deque[tuple[str, bool]] = deque()

    def install(self, *groups: Group) -> None:
        """Put the groups of commands to work, one for each class in `groups` and in that order."""
        if tuple(type(group) for group in groups) != self.groups:
            raise TypeError(f"{type(self).__name__} must install one of each of {self.groups}; got {groups}")
        self._groups[1:] = groups

    def group(self, kind: type[G]) -> G:
        """Return the installed group of one class."""
        return cast(G, self._groups[1 + self.groups.index(kind)])

    @classmethod
    def declared_headers(cls) -> frozenset[str]:
        """Every command and query the simulator obeys, as the manual prints it (`OUTPut[:STATe]?`)."""
        return cls._tree.headers

    @classmethod
    def declared(cls, header: str) -> str | None:
        """Return the declared header that a spoken one means (full path, any spelling), or None."""
        try:
            return cls._tree.find(header.lstrip(":"))[0].header
        except ScpiError:
            return None

    # --- reset ------------------------------------------------------------------------------------

    def _reset(self) -> Pending:
        self.operations.forget()
        for group in self._groups:
            group.reset()
        return self._busy(self.reset_time)

    def _preset(self) -> Pending:
        done = self._reset()
        self.preset()
        return done

    def preset(self) -> None:
        """SYSTem:PRESet, after the *RST values are in place: what it sets differently."""

    def set_up(self) -> list[dict[str, Any]]:
        """Return every setting that *RST sets, group by group."""
        return [group.set_up() for group in self._groups]

    def take_set_up(self, set_up: Sequence[Mapping[str, Any]]) -> Pending:
        """*RST, and then these settings."""
        done = self._reset()
        for group, values in zip(self._groups, set_up, strict=False):
            group.take_set_up(values)
        return done

    def _busy(self, seconds: float) -> Pending:
        """Obey nothing more for some virtual seconds."""
        pending = Pending()
        if seconds:
            self.clock.after(seconds, pending.settle)
        else:
            pending.settle()
        return pending

    # --- mishaps ------------------------------------------------------------------------------------

    def power_cycle(self) -> None:
        """Come up in the *RST state, which power-on is here, with an empty error queue."""
        self.device_clear()
        self._backlog.clear()
        self._reset()
        self.status.power_on()

    def complain(self, code: int) -> None:
        """Put an error into the queue."""
        self.status.error(code)

    # --- messages ---------------------------------------------------------------------------------

    def _accept(self, message: str, message_exchange: bool) -> None:
        # A message that comes while the parser stands still waits in the input buffer; but the message
        # exchange protocol lets it cut off a query whose reply has not been read.
        if self._waiting is not None and not (message_exchange and self._replies):
            self._backlog.append((message, message_exchange))
        else:
            super()._accept(message, message_exchange)

    def execute(self, message: str) -> None:
        """Obey one program message."""
        self.status.update()
        self._units.extend(split(message, ";"))
        self._path = ""
        self._answers.clear()
        self._owed = None
        self._go_on()

    def _go_on(self) -> None:
        while self._units:
            unit = self._units.popleft()
            if not unit:
                continue
            try:
                answer, is_query = self._obey(unit)
            except ScpiError as refusal:
                self._refuse(refusal)
                continue
            if isinstance(answer, Pending):
                if not answer.done:
                    self._stand_still(answer, is_query)
                    return
                self._take(answer)
            elif answer is not None:
                self._answers.append(answer)
        self._finish_reply()
        while self._backlog and self._waiting is None:
            super()._accept(*self._backlog.popleft())

    def _obey(self, unit: str) -> tuple[Answer, bool]:
        header, *rest = unit.split(None, 1)
        full = header[1:] if header[0] == ":" else header
        if full[:1] != "*":
            full = full if header[0] == ":" else self._path + header
            self._path = full[: full.rfind(":") + 1]
        row, index = self._tree.find(full)
        group = self._groups[index]
        if rest:
            return row.call(group, *row.arguments(rest[0], group)), row.is_query
        if len(row.parameters) > row.optional:
            raise ScpiError(-109)
        return row.call(group), row.is_query

    def _refuse(self, refusal: ScpiError) -> None:
        self.status.error(refusal.code)
        if -199 <= refusal.code <= -100:
            self._units.clear()

    def _take(self, pending: Pending) -> None:
        if pending.refusal is not None:
            self._refuse(pending.refusal)
        elif pending.answer is not None:
            self._answers.append(pending.answer)

    def _stand_still(self, pending: Pending, is_query: bool) -> None:
        self._waiting = pending
        pending.then = self._resume
        if is_query and self._owed is None:
            self._owed = self.owe()

    def _resume(self, pending: Pending) -> None:
        if pending is not self._waiting:
            return
        self._waiting = None
        self._take(pending)
        self._go_on()

    def _finish_reply(self) -> None:
        owed, self._owed = self._owed, None
        if self._answers:
            self.settle(owed or self.owe(), ";".join(self._answers))
            self.status.update()
        elif owed is not None:
            self.forget(owed)

    # --- the interface ----------------------------------------------------------------------------

    def _drop_message(self) -> None:
        self._units.clear()
        self._answers.clear()
        self._owed = None
        self._waiting = None

    def interrupted(self) -> None:
        """Query interrupted: the reply is gone, and so is the rest of the message it came from."""
        self._drop_message()
        self.status.error(-410)

    def unterminated(self) -> None:
        """Query unterminated, unless a message is still in the input buffer."""
        if not self._units and not self._backlog:
            self.status.error(-420)

    def device_clear(self) -> None:
        """Forget input, output, the message being obeyed, and who waits for completion (IEEE 488.2, 5.8)."""
        super().device_clear()
        self._drop_message()
        self._backlog.clear()
        self.operations.forget()

    def serial_poll(self) -> int:
        """Status byte with RQS, which the poll clears."""
        return self.status.poll()

    @property
    def service_request(self) -> bool:
        """True while the instrument asserts SRQ."""
        return self.status.requested
