"""The bench as a VISA library: pyvisa opens the simulated instruments by resource name, as it opens real ones.

`pyvisa.ResourceManager(BenchLibrary(instruments, clock))` is all a client needs. The library and its sessions
are pyvisa-sim's; what differs is that a whole reply is handed over at once instead of byte by byte, and that
a timeout costs time on the virtual clock and none on the wall. Rule numbers are those of VPP-4.3, chapter 6.
"""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable, Mapping
from typing import Any, cast

from pyvisa import constants, errors, rname
from pyvisa.constants import EventType, StatusCode
from pyvisa.typing import VISAEventContext, VISARMSession, VISASession
from pyvisa_sim.highlevel import SimVisaLibrary

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import Instrument
from sim_instruments.visa_sessions import SESSIONS, BenchSession

_LIBRARY_NUMBERS = itertools.count(1)


#: What a session raises while something is wrong with the line of its instrument.
_TROUBLES: Mapping[str, Callable[[], Exception]] = {
    "lost": lambda: errors.VisaIOError(StatusCode.error_connection_lost.value),
    "locked": lambda: errors.VisaIOError(StatusCode.error_resource_locked.value),
    "broken": lambda: OSError(errno.EIO, "Input/Output Error"),
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
        kind = SESSIONS.get((parsed.interface_type_const, parsed.resource_class))
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
