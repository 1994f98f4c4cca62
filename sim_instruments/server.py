"""The bench on loopback TCP: every instrument behind a raw socket, in real time or faster, for any client.

A raw socket is what the 6221's own LAN port is, and what a gateway makes of a GPIB instrument: LF ends a message,
replies queue up, and there is neither device clear nor serial poll. This is the one place where simulated
instruments meet the wall clock.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import Instrument

#: Bytes without a terminator, or replies that nobody fetches, after which a client is dropped (our choice; the
#: longest program message of any instrument here is far shorter).
PATIENCE = 1 << 20
#: Seconds (wall) between two looks of a witness at the bench (our choice).
WITNESS_PERIOD = 5e-3


class Served:
    """A room's instruments behind ports, with a virtual clock that follows the wall clock `factor` times faster.

    Everything happens in one thread, so that an instrument meets one message at a time. Where several clients talk
    to one instrument, a reply goes to the one who spoke last when the instrument came to owe it. A client that
    vanishes leaves nothing behind: what it had begun to say is forgotten, what it was owed is thrown away when it
    falls due.
    """

    def __init__(self, instruments: Mapping[str, Instrument], clock: VirtualClock, factor: float) -> None:
        """Take the instruments of one bench by name; a factor below 1 or not finite raises ValueError."""
        if not 1 <= factor < math.inf:
            raise ValueError(f"the time factor must be at least 1 and finite; got {factor!r}")
        self._instruments = instruments
        self._clock = clock
        self._factor = factor
        self._clients: dict[Instrument, set[_Client]] = {one: set() for one in instruments.values()}
        self._speaker: dict[Instrument, _Client] = {}
        self._servers: list[asyncio.Server] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._witness: tuple[Callable[[], None], asyncio.TimerHandle | None] = (lambda: None, None)
        self._started = self._virtual_start = 0.0

    async def open(self, host: str, first_port: int) -> dict[str, int]:
        """Listen, one port each, from `first_port` on in their order (0: any free ones); return port by name.

        OSError where a port is taken; nothing then listens.
        """
        loop = asyncio.get_running_loop()
        self._started, self._virtual_start = loop.time(), self._clock.now()
        ports: dict[str, int] = {}
        try:
            for number, (name, instrument) in enumerate(self._instruments.items()):
                port = first_port + number if first_port else 0
                server = await loop.create_server(lambda one=instrument: _Client(self, one), host, port)
                self._servers.append(server)
                ports[name] = server.sockets[0].getsockname()[1]
        except BaseException:
            self.close()
            raise
        return ports

    def close(self) -> None:
        """Stop listening and drop every client."""
        for server in self._servers:
            server.close()
        for clients in self._clients.values():
            for client in tuple(clients):
                client.drop()
        for timer in (self._alarm, self._witness[1]):
            if timer is not None:
                timer.cancel()

    def observe(self, witness: Callable[[], None]) -> None:
        """Bring the bench up to the wall clock every 5 ms and call `witness`, until it is closed."""
        self._serve()
        witness()
        loop = asyncio.get_running_loop()
        self._witness = (witness, loop.call_later(WITNESS_PERIOD, self.observe, witness))

    def _due(self) -> float:
        """Virtual time (s) that the wall clock has reached; a bench that has run ahead waits for it."""
        passed = asyncio.get_running_loop().time() - self._started
        return self._virtual_start + self._factor * passed

    # --- what a client's line asks for ------------------------------------------------------------

    def enter(self, client: _Client, instrument: Instrument) -> bool:
        """Let a client in; False where the instrument's port takes no further one."""
        clients = self._clients[instrument]
        for other in [other for other in clients if other.has_hung_up()]:
            other.drop()
            clients.discard(other)
        if instrument.clients_max is not None and len(clients) >= instrument.clients_max:
            return False
        clients.add(client)
        return True

    def leave(self, client: _Client, instrument: Instrument) -> None:
        """Forget a client."""
        self._clients[instrument].discard(client)

    def hear(self, client: _Client, instrument: Instrument, line: bytes) -> None:
        """Hand one complete line to an instrument at the present time, and send on whatever is ready.

        Where something is wrong with its cable the line is cut: to a client all such trouble looks alike.
        """
        self._clock.run_until(self._due())
        if instrument.line is not None and instrument.line.trouble:
            client.drop()
            return
        if (last := self._speaker.get(instrument)) is not client:
            for (
                reply
            ) in instrument.owed:  # what is still to come of the one who spoke before goes to that one
                reply.asker = reply.asker or last
            self._speaker[instrument] = client
        instrument.write(line, end=False, message_exchange=False)
        self._serve()

    def _serve(self) -> None:
        """Bring the bench up to the wall clock, send every reply that is due, and set the alarm for the next."""
        now = self._due()
        self._clock.run_until(now)
        next_due = self._clock.next_due()
        for instrument in self._instruments.values():
            while instrument.owed and (head := instrument.owed[0]).line is not None:
                if head.ready_at > now:
                    next_due = min(next_due, head.ready_at)
                    break
                line = instrument.next_reply(now, message_exchange=False)
                client = cast("_Client | None", head.asker) or self._speaker[instrument]
                if line is not None and client in self._clients[instrument]:
                    client.send(line)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if next_due < math.inf:
            wall = self._started + (next_due - self._virtual_start) / self._factor
            self._alarm = asyncio.get_running_loop().call_at(wall, self._serve)


@dataclass(eq=False)
class _Client(asyncio.Protocol):
    """One connection: bytes become lines for the instrument, replies become bytes."""

    served: Served
    instrument: Instrument

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or close the line at once where the port takes no further client."""
        self._transport = cast("asyncio.Transport", transport)
        self._received = bytearray()
        # A reply is one small packet: waiting for more of them (Nagle) would cost 40 ms a query.
        self._socket = cast("socket.socket", transport.get_extra_info("socket"))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.served.enter(self, self.instrument):
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Cut the stream into lines; whatever a packet brings may be a part of one, or several."""
        self._received += data
        while (cut := self._received.find(b"\n") + 1) and not self._transport.is_closing():
            line = bytes(self._received[:cut])
            del self._received[:cut]
            self.served.hear(self, self.instrument, line)
        if len(self._received) > PATIENCE:
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client and what it had begun to say."""
        self._received.clear()
        self.served.leave(self, self.instrument)

    def send(self, line: bytes) -> None:
        """Send one reply; a client that fetches nothing is dropped."""
        self._transport.write(line)
        if self._transport.get_write_buffer_size() > PATIENCE:
            self.drop()

    def has_hung_up(self) -> bool:
        """Return True where the other end is closed and nobody has been told yet."""
        with socket.socket(fileno=os.dup(self._socket.fileno())) as line, suppress(BlockingIOError):
            return line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        return False

    def drop(self) -> None:
        """Close the line at once."""
        self._transport.abort()
