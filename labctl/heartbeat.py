"""The owner's end of the guard: starting it, arming it, giving signs of life, and saying that all is done."""

from __future__ import annotations

import json
import mmap
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from labctl.errors import FaultError
from labctl.guard import LOOKED, LOOKED_AT, PROMISE

#: Seconds (wall; our choice) of silence after which a run counts as hung, beyond what it announced: the time limit
#: of a query, and what a slow disk may take.
HEARTBEAT: Final = 2.0
#: Seconds (wall; our choice) after which a guard that does not look at its owner, as it does 20 times a second, is
#: taken for stopped.
BLIND: Final = 3.0
_READY: Final = 10.0  # s (wall) in which the guard must answer; an interpreter starts in far less
_END: Final = 2.0  # s (wall) that it may take to end
_LOOK: Final = 0.2  # s between two looks at whether the guard is still there


class Guard:
    """A guard process, from its start to its regular end.

    Until it is armed it does nothing.
    """

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with tempfile.TemporaryFile() as page, theirs:
            page.truncate(mmap.PAGESIZE)
            self._page = mmap.mmap(page.fileno(), mmap.PAGESIZE)
            self.beat()
            descriptors = (theirs.fileno(), page.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "labctl.guard", *map(str, descriptors)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=descriptors,
                start_new_session=True,
            )
        self._next_look = 0.0
        self._is_armed = False

    @property
    def pid(self) -> int:
        """The guard's process."""
        return self._process.pid

    def arm(
        self, parts: Sequence[dict[str, Any]], sockets: Sequence[int], time_factor: float, target: Path
    ) -> None:
        """Hand the recipe and the open sockets over; FaultError where the guard does not take them.

        A part is one instrument, in the order of parking: `name`, `identity`, `steps` and either `socket`, a place
        in `sockets`, or `visa` and `resource`. From now on a death or a silence of this process parks the station.
        """
        self.beat()
        order = {"parts": parts, "time_factor": time_factor, "target": str(target.absolute())}
        try:
            socket.send_fds(self._control, [json.dumps(order).encode() + b"\n"], list(sockets))
            self._control.settimeout(_READY)
            if self._control.recv(64) != b"ready\n":
                raise ConnectionError("it ended")
            self._is_armed = True
        except OSError as error:
            raise FaultError(
                f"the guard must take over the recipe of parking; {error}. Nothing was set."
            ) from error

    def beat(self, silence: float = 0.0) -> None:
        """Give a sign of life; the next comes within HEARTBEAT after a `silence` (s) that is announced with it."""
        now = time.monotonic()
        PROMISE.pack_into(self._page, 0, now + HEARTBEAT + silence, now, now + silence)

    def check(self) -> None:
        """Raise FaultError where the guard itself is gone or stands still: nobody would park the station for us."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK
        if self._process.poll() is not None:
            raise FaultError("The guard, which would park the station if this program died, is gone.")
        (looked,) = LOOKED.unpack_from(self._page, LOOKED_AT)
        if self._is_armed and now - looked > BLIND:
            raise FaultError(
                "The guard, which would park the station if this program died, has not looked at it for "
                f"{now - looked:.2g} s."
            )

    def stand_down(self) -> None:
        """Say that the station is parked, and wait for the guard's end; harmless when it has ended."""
        with suppress(OSError):
            self._control.sendall(b"done\n")
        self._control.close()
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:  # somebody stopped it; there is nothing left for it to do
            self._process.kill()
            self._process.wait()

    def let_go(self) -> None:
        """Close the line and wait for the guard's end; one that is armed still parks before that.

        Harmless after `stand_down`.
        """
        self._control.close()
        self._process.wait()
