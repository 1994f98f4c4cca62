"""The guard: a small process beside a run that parks the station when the run's own process dies or hangs.

Started by `labctl.heartbeat` as `python -P -m labctl.guard CONTROL PAGE`, in a session of its own, so that it
survives the terminal. It imports next to nothing and holds three things: CONTROL, a socket to its owner; PAGE, a
memory in which the owner writes until when (on the system's monotonic clock) it may be silent, and the guard when
it looked last; and what it was armed with: one JSON line with the parking recipe, and the open sockets of LAN
instruments, ready to be spoken on.

    the word "done"                  the station is parked: end, and do nothing
    CONTROL ends without it          the owner died: park
    the promise in PAGE is overdue   the owner hangs: kill it, then park
    the kernel calls it stopped      the same after STOPPED seconds (SIGSTOP), whatever the owner promised
    SIGUSR1                          the same at once (labctl stop --now)
    SIGUSR2                          the same once the owner gives no sign of life when it should (labctl stop)

What it did is one JSON object a line in the file X.h5.guard beside the target X.h5, which exists only where it has
acted; and it is told to the run's journal, once the station is safe.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from labctl import takeover
from labctl.takeover import Follower, Line, SocketLine, VisaLine

#: Seconds (wall; our choice) for which the kernel may call the owner stopped; in which a living owner gives a sign.
STOPPED: Final = 0.4
SIGN: Final = 0.5
_LOOK: Final = 0.05  # s between two looks at the owner
#: Nice value of the guard (our choice), which only a privileged user may have.
URGENCY: Final = -10
_DYING: Final = 1.0  # s that a killed owner may take to be gone
#: Until when the owner may be silent; when it gave a sign of life; until when it then said it would be busy.
PROMISE: Final = struct.Struct("ddd")
#: When the guard looked at its owner last; and where in PAGE that stands.
LOOKED: Final = struct.Struct("d")
LOOKED_AT: Final = 64


class Guard:
    """The guard's own state: its owner, what it was armed with, and why it acts."""

    def __init__(self, control: socket.socket, page: int) -> None:
        self._control = control
        self._page = mmap.mmap(page, mmap.PAGESIZE)
        self._owner = os.getppid()
        self._received = b""
        self._descriptors: list[int] = []
        self._order: dict[str, Any] | None = None
        self._called: set[int] = set()
        self._stopped_since: float | None = None
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, lambda number, _frame: self._called.add(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # they are the owner's; it then says that it is done

    def watch(self) -> str | None:
        """Look after the owner to the end; return why the station must be parked now, None where it is."""
        while True:
            self._looks()
            cause = self._hears()
            if cause is not None:
                return cause or None
            cause = self._sees()
            if cause:
                self._kill_owner()
                return cause if self._order else None

    def _looks(self) -> None:
        LOOKED.pack_into(self._page, LOOKED_AT, time.monotonic())

    def _hears(self) -> str | None:
        """Listen for a moment: None where all is well, "" where the end is regular, else a cause."""
        self._control.settimeout(_LOOK)
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, 1 << 16, 64)
        except TimeoutError:
            data, descriptors = b" ", []
        except OSError:
            data, descriptors = b"", []
        self._descriptors += descriptors
        if not data or os.getppid() != self._owner:
            return "the program that ran it is gone" if self._order else ""
        self._received += data.strip(b" ")
        while b"\n" in self._received:
            line, _, self._received = self._received.partition(b"\n")
            if line == b"done":
                return ""
            order = json.loads(line)
            takeover.get_ready(order["parts"])
            self._order = order
            self._looks()
            self._control.sendall(b"ready\n")
        return None

    def _sees(self) -> str:
        """Return why the owner counts as hung; empty where it does not."""
        if self._order is None:
            return ""
        now = time.monotonic()
        until, sign, busy_until = PROMISE.unpack_from(self._page)
        if now > until:
            return f"the program that ran it gave no sign of life for {now - sign:.2g} s"
        if not _is_stopped(self._owner):
            self._stopped_since = None
        elif self._stopped_since is None:
            self._stopped_since = now
        elif now - self._stopped_since >= STOPPED:
            return "the program that ran it was stopped"
        if signal.SIGUSR1 in self._called:
            return "labctl stop --now"
        if signal.SIGUSR2 in self._called and now > max(sign + SIGN, busy_until):
            return "labctl stop, and the program that ran it does not react"
        return ""

    def _kill_owner(self) -> None:
        """End a hung owner, which could otherwise wake up and speak in between."""
        deadline = time.monotonic() + _DYING
        if os.getppid() == self._owner:  # it is still itself: the number cannot belong to another yet
            with suppress(ProcessLookupError):
                os.kill(self._owner, signal.SIGKILL)
        while os.getppid() == self._owner and time.monotonic() < deadline:
            self._control.settimeout(0.005)
            with suppress(OSError):
                if not self._control.recv(4096):
                    break

    def park(self, cause: str) -> list[str]:
        """Park everything, write down what was done, and return what was not confirmed."""
        if self._order is None:
            return []
        began = time.monotonic()
        parts = self._order["parts"]
        followers = [Follower(part, self._order["time_factor"], self._opener(part)) for part in parts]
        report = Report(f"{self._order['target']}.guard")
        takeover.take_over(
            followers, lambda: report.write(event="taken over", cause=cause, owner=self._owner)
        )
        for follower in followers:
            report.write(event="parked", instrument=follower.name, problems=follower.problems)
        report.write(event="ended", seconds=round(time.monotonic() - began, 4))
        self._tell_journal(cause, followers)
        return [f"{one.name}: {'; '.join(one.problems)}" for one in followers if one.problems]

    def _tell_journal(self, cause: str, followers: Sequence[Follower]) -> None:
        texts = [f"{cause}; the guard took over"]
        for one in followers:
            state = f"NOT confirmed: {'; '.join(one.problems)}" if one.problems else "confirmed"
            texts.append(f"parking by the guard, {one.name}: {state}")
        with suppress(Exception):  # the station is safe, and the report is written
            from labctl import aftermath

            aftermath.tell_journal(Path(self._order["target"]) if self._order else Path(), texts)

    def _opener(self, part: dict[str, Any]) -> Any:
        def open_line() -> Line:
            if "socket" in part:
                return SocketLine(self._descriptors[part["socket"]])
            return VisaLine(part["visa"], part["resource"])

        return open_line


class Report:
    """What the guard did, one JSON object a line; a disk that does not take it keeps nobody from parking."""

    def __init__(self, path: str) -> None:
        self._path = path

    def write(self, **what: Any) -> None:
        """Add a line, with the time (UTC, seconds since 1970)."""
        line = json.dumps({"time": time.time(), **what}) + "\n"
        with suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            descriptor = os.open(self._path, flags, 0o644)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)


def _is_stopped(pid: int) -> bool:
    """Return whether the kernel has stopped a process (Linux; elsewhere False)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"T"
    except OSError:
        return False


def main() -> None:
    """Guard until the owner is done, or take over."""
    control, page = (int(word) for word in sys.argv[1:3])
    with suppress(OSError):  # only where the system lets it: it has little to do, and that must not wait
        os.setpriority(os.PRIO_PROCESS, 0, URGENCY)
    guard = Guard(socket.socket(fileno=control), page)
    cause = guard.watch()
    if cause is None:
        return
    unparked = guard.park(cause)
    state = f"NOT PARKED: {'; '.join(unparked)}" if unparked else "the station was parked"
    with suppress(OSError):
        os.write(2, f"labctl guard: {cause}; {state}.\n".encode())


if __name__ == "__main__":
    main()
