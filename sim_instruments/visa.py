"""The bench as a VISA library: pyvisa opens the simulated instruments by resource name, as it opens real ones.

`pyvisa.ResourceManager(BenchLibrary(instruments, clock))` is all a client needs. The library and its sessions
are pyvisa-sim's; what differs is that a whole reply is handed over at once instead of byte by byte, and that
a timeout costs time on the virtual clock and none on the wall. Rule numbers are those of VPP-4.3, chapter 6.
"""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

from pyvisa import constants, errors, rname
from pyvisa.constants import EventType, ResourceAttribute, StatusCode
from pyvisa.typing import VISAEventContext, VISARMSession, VISASession
from pyvisa_sim.devices import Device
from pyvisa_sim.highlevel import SimVisaLibrary
from pyvisa_sim.sessions import gpib, serial, tcpip, usb
from pyvisa_sim.sessions.session import MessageBasedSession

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import Instrument

_LIBRARY_NUMBERS = itertools.count(1)


class BenchSession(MessageBasedSession):
    """A session that talks to an Instrument; the interface decides about END and the message exchange."""

    #: END accompanies the last byte of a reply, and the message exchange protocol holds (IEEE 488.2, 6.3).
    has_end: ClassVar[bool] = True

    instrument: Instrument

    def after_parsing(self) -> None:
        """Take the interface's own attributes, then VISA's defaults for those that reading looks at."""
        super().after_parsing()
        self.srq_enabled = False
        cast(dict[ResourceAttribute, Any], self.attrs)[ResourceAttribute.termchar] = ord("\n")
        self._timeout = 2.0
        self._termchar = b"\n"
        self._termchar_enabled = False
        self._suppress_end = False
        self._send_end = True

    def connect(self, instrument: Instrument) -> None:
        """Wire the session to its instrument."""
        self.instrument = instrument
        # What pyvisa-sim's own sessions write to; only `write` is asked of it.
        self.device = cast(Device, _RawLine(instrument))

    def set_attribute(self, attribute: ResourceAttribute, attribute_state: Any) -> StatusCode:
        """Set a VISA attribute, and keep at hand what every read needs."""
        status = super().set_attribute(attribute, attribute_state)
        if attribute == ResourceAttribute.timeout_value:
            self._timeout = attribute_state / 1000
        elif attribute == ResourceAttribute.termchar:
            self._termchar = bytes([attribute_state])
        elif attribute == ResourceAttribute.termchar_enabled:
            self._termchar_enabled = bool(attribute_state)
        elif attribute == ResourceAttribute.suppress_end_enabled:
            self._suppress_end = bool(attribute_state)
        elif attribute == ResourceAttribute.send_end_enabled:
            self._send_end = bool(attribute_state)
        return status

    def write(self, data: bytes) -> tuple[int, StatusCode]:
        """Send bytes; END goes with the last one where the session says so."""
        self.instrument.write(data, end=self._send_end)
        return len(data), StatusCode.success

    def read(self, count: int) -> tuple[bytes, StatusCode]:
        """Receive up to `count` bytes, to END, termination character or timeout, whichever is first."""
        deadline = self.instrument.clock.now() + self._timeout
        taken = b""
        while True:
            line = self.instrument.next_reply(deadline, message_exchange=self.has_end)
            if line is None:
                return taken, StatusCode.error_timeout
            chunk, status = self._cut(line, count - len(taken))
            if len(chunk) < len(line):
                self.instrument.put_back(line[len(chunk) :])
            taken += chunk
            if status is not None:
                return taken, status

    def _cut(self, line: bytes, count: int) -> tuple[bytes, StatusCode | None]:
        """Return the part of a reply that this read takes, and why it stops there (None: it goes on)."""
        stop = line.find(self._termchar) + 1 if self._stops_at_termchar() else 0
        ends = self.has_end and self.instrument.ended and not self._suppress_end
        if ends and len(line) <= count and stop in (0, len(line)):
            return line, StatusCode.success  # rules 6.1.1, 6.1.4: END goes before the termination character
        if 0 < stop <= count:
            return line[:stop], self._termchar_status()
        if len(line) >= count:
            return line[:count], StatusCode.success_max_count_read  # rule 6.1.3
        return line, None

    def _stops_at_termchar(self) -> bool:
        return self._termchar_enabled

    def _termchar_status(self) -> StatusCode:
        return StatusCode.success_termination_character_read  # rules 6.1.2 and 6.1.5


class _RawLine:
    """A line without END, for the writing that pyvisa-sim's own sessions do."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument

    def write(self, data: bytes) -> None:
        """Send bytes; only a terminator ends a message."""
        self._instrument.write(data, end=False, message_exchange=False)


class GpibSession(BenchSession, gpib.GPIBInstrumentSession):
    """GPIB::INSTR."""

    def after_parsing(self) -> None:
        """Add the board number, which pyvisa-sim 0.7 stores as the termination character."""
        super().after_parsing()
        board = int(self.parsed.board)
        cast(dict[ResourceAttribute, Any], self.attrs)[ResourceAttribute.interface_number] = board


class UsbSession(BenchSession, usb.USBInstrumentSession):
    """USB::INSTR (USB-TMC)."""


class Vxi11Session(BenchSession, tcpip.TCPIPInstrumentSession):
    """TCPIP::INSTR (VXI-11)."""


class SocketSession(BenchSession, tcpip.TCPIPSocketSession):
    """TCPIP::SOCKET: bytes without END, so that a read needs a termination character or a count."""

    has_end = False

    def write(self, data: bytes) -> tuple[int, StatusCode]:
        """Send bytes; only a terminator ends a message."""
        self.device.write(data)
        return len(data), StatusCode.success


class SerialSession(BenchSession, serial.SerialInstrumentSession):
    """ASRL::INSTR: END_IN may make the termination character end a read by itself (rules 6.1.6 and 6.1.7)."""

    has_end = False

    def after_parsing(self) -> None:
        """Start from VISA's default for END_IN, the termination character."""
        super().after_parsing()
        self._end_in = constants.SerialTermination.termination_char

    def set_attribute(self, attribute: ResourceAttribute, attribute_state: Any) -> StatusCode:
        """Set a VISA attribute; END_IN is one that reading looks at."""
        if attribute == ResourceAttribute.asrl_end_in:
            self._end_in = constants.SerialTermination(attribute_state)
        return super().set_attribute(attribute, attribute_state)

    def write(self, data: bytes) -> tuple[int, StatusCode]:
        """Send bytes with data bits and END_OUT as set."""
        return serial.SerialInstrumentSession.write(self, data)

    def _ends_in_termchar(self) -> bool:
        return self._end_in == constants.SerialTermination.termination_char and not self._suppress_end

    def _stops_at_termchar(self) -> bool:
        return self._termchar_enabled or self._ends_in_termchar()

    def _termchar_status(self) -> StatusCode:
        return StatusCode.success if self._ends_in_termchar() else super()._termchar_status()


#: What a session raises while something is wrong with the line of its instrument.
_TROUBLES: Mapping[str, Callable[[], Exception]] = {
    "lost": lambda: errors.VisaIOError(StatusCode.error_connection_lost.value),
    "locked": lambda: errors.VisaIOError(StatusCode.error_resource_locked.value),
    "broken": lambda: OSError(errno.EIO, "Input/Output Error"),
}

_SESSIONS: dict[tuple[constants.InterfaceType, str], type[BenchSession]] = {
    (constants.InterfaceType.gpib, "INSTR"): GpibSession,
    (constants.InterfaceType.usb, "INSTR"): UsbSession,
    (constants.InterfaceType.tcpip, "INSTR"): Vxi11Session,
    (constants.InterfaceType.tcpip, "SOCKET"): SocketSession,
    (constants.InterfaceType.asrl, "INSTR"): SerialSession,
}


class BenchLibrary(SimVisaLibrary):
    """A VISA library whose resources are the instruments of one bench.

    `instruments` maps resource names (any form VISA accepts) to instruments; names that point to the same
    instrument are several interfaces of it. Libraries share nothing with each other.
    """

    instruments: Mapping[str, Instrument]

    def __new__(cls, instruments: Mapping[str, Instrument], clock: VirtualClock) -> BenchLibrary:
        """Make a library of its own; the base class would hand out the same object for the same path."""
        return cast(BenchLibrary, super().__new__(cls, f"bench {next(_LIBRARY_NUMBERS)}"))

    def __init__(self, instruments: Mapping[str, Instrument], clock: VirtualClock) -> None:
        self.clock = clock
        self.instruments = {
            str(rname.parse_resource_name(name)): instrument for name, instrument in instruments.items()
        }
        self._locks: dict[Instrument, tuple[str | None, set[VISASession]]] = {}

    def _init(self) -> None:
        self.sessions = {}
        self._handles = itertools.count(1)

    # --- opening and closing ----------------------------------------------------------------------

    def _register(self, obj: Any) -> Any:
        handle = next(self._handles)
        self.sessions[cast(VISASession, handle)] = obj
        return handle

    def list_resources(self, session: VISARMSession, query: str = "?*::INSTR") -> tuple[str, ...]:
        """Return the names that match a VISA expression; VisaIOError where none does."""
        names = rname.filter(self.instruments, query)
        if not names:
            raise errors.VisaIOError(StatusCode.error_resource_not_found.value)
        return tuple(names)

    def open(
        self,
        session: VISARMSession,
        resource_name: str,
        access_mode: constants.AccessModes = constants.AccessModes.no_lock,
        open_timeout: Any = constants.VI_TMO_IMMEDIATE,
    ) -> tuple[VISASession, StatusCode]:
        """Open a session to an instrument; VisaIOError where the bench has none of that name."""
        try:
            parsed = rname.parse_resource_name(resource_name)
        except rname.InvalidResourceName:
            self.handle_return_value(session, StatusCode.error_invalid_resource_name)
            raise
        instrument = self.instruments.get(str(parsed))
        kind = _SESSIONS.get((parsed.interface_type_const, parsed.resource_class))
        if instrument is None or kind is None:
            raise errors.VisaIOError(StatusCode.error_resource_not_found.value)
        opened = kind(session, resource_name, parsed)
        opened.connect(instrument)
        handle: VISASession = self._register(opened)
        if access_mode != constants.AccessModes.no_lock:
            self.lock(handle, constants.Lock(int(access_mode)), 0)
        return handle, self.handle_return_value(handle, StatusCode.success)

    def close(self, session: VISASession | VISARMSession | VISAEventContext) -> StatusCode:
        """Close a session, with its lock, or an event."""
        closed = self.sessions.pop(cast(VISASession, session), None)
        if isinstance(closed, BenchSession):
            self._release(cast(VISASession, session), closed.instrument)
        self._last_status_in_session.pop(session, None)
        return StatusCode.success if closed is not None else StatusCode.error_invalid_object

    def _opened(self, session: VISASession) -> BenchSession:
        found = self.sessions.get(session)
        if not isinstance(found, BenchSession):
            raise errors.VisaIOError(StatusCode.error_invalid_object.value)
        return found

    def _session(self, session: VISASession) -> BenchSession:
        """Return the session where no other session has locked its instrument."""
        found = self._opened(session)
        if found.instrument.line is not None and found.instrument.line.trouble:
            raise _TROUBLES[found.instrument.line.trouble]()
        if self._locks and session not in self._locks.get(found.instrument, (None, {session}))[1]:
            raise errors.VisaIOError(StatusCode.error_resource_locked.value)
        return found

    def _protocol_session(self, session: VISASession) -> BenchSession:
        """Return the session where its interface has serial poll, trigger and service request."""
        found = self._session(session)
        if not found.has_end:
            raise errors.VisaIOError(StatusCode.error_nonsupported_operation.value)
        return found

    # --- traffic ----------------------------------------------------------------------------------

    def read(self, session: VISASession, count: int) -> tuple[bytes, StatusCode]:
        """Receive bytes; VisaIOError VI_ERROR_TMO after the timeout, on the virtual clock."""
        data, status = self._session(session).read(count)
        self._last_status_in_session[session] = status
        if status < 0:
            raise errors.VisaIOError(status.value)
        return data, status

    def write(self, session: VISASession, data: bytes) -> tuple[int, StatusCode]:
        """Send bytes."""
        count, status = self._session(session).write(data)
        self._last_status_in_session[session] = status
        return count, status

    def clear(self, session: VISASession) -> StatusCode:
        """Selected device clear; on a raw interface the unread bytes are thrown away."""
        opened = self._session(session)
        if opened.has_end:
            opened.instrument.device_clear()
        else:
            opened.instrument.discard_output()
        return StatusCode.success

    def flush(self, session: VISASession, mask: constants.BufferOperation) -> StatusCode:
        """Throw away unread bytes of a raw interface where a receive or read buffer is named."""
        opened = self._session(session)
        discards = (
            constants.BufferOperation.discard_read_buffer
            | constants.BufferOperation.discard_read_buffer_no_io
            | constants.BufferOperation.discard_receive_buffer
            | constants.BufferOperation.discard_receive_buffer2
        )
        if mask & discards and not opened.has_end:
            opened.instrument.discard_output()
        return StatusCode.success

    def has_unread(self, session: VISASession) -> bool:
        """Return True where a reply is ready that nobody has read."""
        return self._opened(session).instrument.has_output

    def read_stb(self, session: VISASession) -> tuple[int, StatusCode]:
        """Serial poll; a raw interface has none."""
        return self._protocol_session(session).instrument.serial_poll(), StatusCode.success

    def assert_trigger(self, session: VISASession, protocol: constants.TriggerProtocol) -> StatusCode:
        """Group execute trigger; a raw interface has none."""
        self._protocol_session(session).instrument.group_trigger()
        return StatusCode.success

    # --- service requests -------------------------------------------------------------------------

    def enable_event(
        self,
        session: VISASession,
        event_type: EventType,
        mechanism: constants.EventMechanism,
        context: None = None,
    ) -> StatusCode:
        """Listen for service requests, the only event the bench knows."""
        if event_type != EventType.service_request or mechanism != constants.EventMechanism.queue:
            raise errors.VisaIOError(StatusCode.error_nonsupported_operation.value)
        self._protocol_session(session).srq_enabled = True
        return StatusCode.success

    def disable_event(
        self, session: VISASession, event_type: EventType, mechanism: constants.EventMechanism
    ) -> None:
        """Listen no longer; harmless where nobody listened, as on closing."""
        opened = self.sessions.get(session)
        if isinstance(opened, BenchSession):
            opened.srq_enabled = False

    def wait_on_event(
        self, session: VISASession, in_event_type: EventType, timeout: int
    ) -> tuple[EventType, VISAEventContext, StatusCode]:
        """Let virtual time pass until the instrument requests service; VisaIOError after the timeout (ms)."""
        opened = self._protocol_session(session)
        if not opened.srq_enabled or in_event_type != EventType.service_request:
            raise errors.VisaIOError(StatusCode.error_not_enabled.value)
        deadline = self.clock.now() + timeout / 1000
        while not opened.instrument.service_request:
            if not self.clock.run_next(deadline):
                self.clock.run_until(deadline)
                raise errors.VisaIOError(StatusCode.error_timeout.value)
        return EventType.service_request, self._register(EventType.service_request), StatusCode.success

    # --- locks ------------------------------------------------------------------------------------

    def lock(
        self,
        session: VISASession,
        lock_type: constants.Lock,
        timeout: int,
        requested_key: str | None = None,
    ) -> tuple[str, StatusCode]:
        """Lock an instrument against other sessions.

        A lock held by others is VI_ERROR_RSRC_LOCKED at once: nobody could release it while this call waits.
        """
        instrument = self._opened(session).instrument
        shared = lock_type == constants.Lock.shared
        key = (requested_key or f"{self.library_path} lock {session}") if shared else None
        held, holders = self._locks.get(instrument, (key, set[VISASession]()))
        if holders - {session} and (key is None or key != held):
            raise errors.VisaIOError(StatusCode.error_resource_locked.value)
        self._locks[instrument] = (key, holders | {session})
        return key or "", StatusCode.success

    def unlock(self, session: VISASession) -> StatusCode:
        """Give up this session's lock."""
        if not self._release(session, self._opened(session).instrument):
            raise errors.VisaIOError(StatusCode.error_session_not_locked.value)
        return StatusCode.success

    def _release(self, session: VISASession, instrument: Instrument) -> bool:
        _, holders = self._locks.get(instrument, (None, set[VISASession]()))
        if session not in holders:
            return False
        holders.discard(session)
        if not holders:
            del self._locks[instrument]
        return True
