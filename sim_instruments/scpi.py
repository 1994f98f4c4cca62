"""A simulated SCPI instrument: takes messages apart, obeys them in order, and joins the replies.

What a message may look like: Keithley 622x-901-01 p. 10-14 to 10-18 and 2182A-900-01 p. 11-26. Commands before
an invalid one are executed, those after it are dropped; "invalid" is read as any command error (-100 to -199),
while an execution error (-200 to -299) lets the rest of the message go on [unconfirmed].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar, cast

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import Instrument, Reply
from sim_instruments.scpi_commands import Answer, CommandTree, Group, Pending
from sim_instruments.scpi_core import KeithleyCore, ScpiCore
from sim_instruments.scpi_parameters import split
from sim_instruments.scpi_status import (
    QUEUE_DEPTH,
    Operations,
    ScpiError,
    Status,
)

G = TypeVar("G", bound=Group)


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
