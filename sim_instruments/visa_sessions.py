"""VISA sessions that talk to a simulated instrument: what each interface does about END and termination.

Rule numbers are those of VPP-4.3, chapter 6.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from pyvisa import constants
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa_sim.devices import Device
from pyvisa_sim.sessions import gpib, serial, tcpip, usb
from pyvisa_sim.sessions.session import MessageBasedSession

from sim_instruments.instrument import Instrument


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


#: The session of each interface and resource class.
SESSIONS: dict[tuple[constants.InterfaceType, str], type[BenchSession]] = {
    (constants.InterfaceType.gpib, "INSTR"): GpibSession,
    (constants.InterfaceType.usb, "INSTR"): UsbSession,
    (constants.InterfaceType.tcpip, "INSTR"): Vxi11Session,
    (constants.InterfaceType.tcpip, "SOCKET"): SocketSession,
    (constants.InterfaceType.asrl, "INSTR"): SerialSession,
}
