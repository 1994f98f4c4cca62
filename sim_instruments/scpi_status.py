"""SCPI status of a simulated instrument: error queue, event registers, status byte and service request.

IEEE 488.2-1992 chapter 11 and SCPI-99 volume 1 chapter 9; which error sets which bit of the standard event
register: Keithley 622x-901-01 p. 11-11.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

#: Texts of the error queue, Keithley 2182A-900-01 table B-1 (p. B-2 to B-5).
ERROR_TEXTS: Mapping[int, str] = {
    0: "No error",
    -101: "Invalid character",
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -120: "Numeric data error",
    -151: "Invalid string data",
    -211: "Trigger ignored",
    -213: "Init ignored",
    -214: "Trigger deadlock",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -225: "Out of memory",
    -230: "Data corrupt or stale",
    -241: "Hardware missing",
    -350: "Queue overflow",
    -410: "Query interrupted",
    -420: "Query unterminated",
}

#: Entries the error queue holds, Keithley 2182A-900-01 p. 11-18.
QUEUE_DEPTH = 10

#: Bits of the standard event register (IEEE 488.2-1992, 11.5.1).
OPERATION_COMPLETE, QUERY_ERROR, DEVICE_ERROR, EXECUTION_ERROR, COMMAND_ERROR, POWER_ON = 0, 2, 3, 4, 5, 7

#: Weights of the status byte (Keithley 622x-901-01 p. 11-11 to 11-17).
_MSB, _EAV, _QSB, _MAV, _ESB, _RQS, _OSB = 1, 4, 8, 16, 32, 64, 128


class ScpiError(Exception):
    """A command is refused with this code of the error queue."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class EventRegister:
    """Condition, event and enable register of 16 bits; a condition that becomes true latches its event."""

    __slots__ = ("_changed", "condition", "enable", "event")

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.condition = 0
        self.event = 0
        self.enable = 0

    @property
    def summary(self) -> bool:
        """True while an enabled event is latched."""
        return self.event & self.enable != 0

    def set(self, bit: int, on: bool) -> None:
        """Make a condition true or false."""
        mask = 1 << bit
        if not on:
            self.condition &= ~mask
        elif not self.condition & mask:
            self.condition |= mask
            self.pulse(bit)

    def pulse(self, bit: int) -> None:
        """Latch an event that has no lasting condition."""
        self.event |= 1 << bit
        self._changed()

    def read(self) -> int:
        """Return the events and clear them."""
        events, self.event = self.event, 0
        return events


class Status:
    """Everything *STB?, *ESR?, STAT:... and SYST:ERR? talk about, and the service request line."""

    def __init__(
        self, has_output: Callable[[], bool], texts: Mapping[int, str], depth: int = QUEUE_DEPTH
    ) -> None:
        self.measurement = EventRegister(self.update)
        self.operation = EventRegister(self.update)
        self.questionable = EventRegister(self.update)
        self.standard = EventRegister(self.update)
        self.service_enable = 0
        #: How registers are answered: ASC, HEX, OCT or BIN.
        self.form = "ASC"
        self._has_output = has_output
        self._texts = texts
        self._depth = depth
        self._errors: deque[int] = deque()
        self._reasons = 0
        self._requested = False
        self.standard.pulse(POWER_ON)

    def written(self, register: int) -> str:
        """Return the value of a register as it is answered: `44`, `#H2C`, `#Q54`, `#B101100`."""
        return {"ASC": "{:d}", "HEX": "#H{:X}", "OCT": "#Q{:o}", "BIN": "#B{:b}"}[self.form].format(register)

    # --- error queue ------------------------------------------------------------------------------

    def error(self, code: int) -> None:
        """Put an error into the queue and set its bit; a full queue ends with -350 instead."""
        if len(self._errors) == self._depth:
            self._errors[-1] = -350
            self.standard.pulse(DEVICE_ERROR)
        else:
            self._errors.append(code)
        self.standard.pulse(_standard_bit(code))

    def next_error(self) -> str:
        """Take the oldest entry: `-113,"Undefined header"`, or `0,"No error"`."""
        code = self.next_code()
        sign = "+" if code > 0 else ""
        return f'{sign}{code},"{self._texts.get(code) or ERROR_TEXTS.get(code, "")}"'

    def next_code(self) -> int:
        """Take the oldest entry as a bare code, 0 where there is none."""
        return self._errors.popleft() if self._errors else 0

    def clear_errors(self) -> None:
        """Empty the error queue."""
        self._errors.clear()

    def clear(self) -> None:
        """*CLS: event registers and error queue; enables and conditions stay."""
        for register in (self.measurement, self.operation, self.questionable, self.standard):
            register.event = 0
        self.clear_errors()

    def power_on(self) -> None:
        """As the mains come back: no errors and no events but this one."""
        self.clear()
        self.standard.pulse(POWER_ON)

    def preset(self) -> None:
        """STATus:PRESet: the enable registers of the three SCPI registers to zero."""
        for register in (self.measurement, self.operation, self.questionable):
            register.enable = 0

    # --- status byte ------------------------------------------------------------------------------

    def _byte(self) -> int:
        return (
            (_MSB if self.measurement.summary else 0)
            | (_EAV if self._errors else 0)
            | (_QSB if self.questionable.summary else 0)
            | (_MAV if self._has_output() else 0)
            | (_ESB if self.standard.summary else 0)
            | (_OSB if self.operation.summary else 0)
        )

    def byte(self) -> int:
        """Status byte as *STB? reads it: bit 6 is the master summary, and nothing is cleared."""
        byte = self._byte()
        return byte | _RQS if byte & self.service_enable else byte

    def update(self) -> None:
        """Request service where an enabled bit of the status byte has become true."""
        if not self.service_enable:
            self._reasons, self._requested = 0, False
            return
        reasons = self._byte() & self.service_enable
        if reasons & ~self._reasons:
            self._requested = True
        elif not reasons:
            self._requested = False
        self._reasons = reasons

    @property
    def requested(self) -> bool:
        """True while service is requested (SRQ asserted)."""
        self.update()
        return self._requested

    def poll(self) -> int:
        """Status byte as a serial poll reads it: bit 6 is RQS, which the poll clears."""
        byte = self._byte() | (_RQS if self.requested else 0)
        self._requested = False
        return byte


class Operations:
    """What *OPC, *OPC? and *WAI wait for: operations that go on while the next command is obeyed."""

    def __init__(self) -> None:
        self._pending = 0
        self._actions: list[Callable[[], None]] = []

    def begin(self) -> None:
        """An overlapped operation has begun."""
        self._pending += 1

    def end(self) -> None:
        """An overlapped operation has ended."""
        self._pending -= 1
        if not self._pending:
            actions, self._actions = self._actions, []
            for action in actions:
                action()

    def when_done(self, action: Callable[[], None]) -> None:
        """Act once no operation is pending: now, or when the last one ends."""
        if self._pending:
            self._actions.append(action)
        else:
            action()

    def forget(self) -> None:
        """Nobody waits any longer (*CLS, *RST, device clear; IEEE 488.2-1992, 12.5.2)."""
        self._actions.clear()


def _standard_bit(code: int) -> int:
    if -499 <= code <= -400:
        return QUERY_ERROR
    if -299 <= code <= -200 or 401 <= code <= 420:
        return EXECUTION_ERROR
    if -199 <= code <= -100:
        return COMMAND_ERROR
    return DEVICE_ERROR
