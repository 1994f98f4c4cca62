"""A process that forks one run for each order, so that a test can kill real runs without paying for their start.

Orders come on standard input, one JSON object a line: `words` (a command line), `folder`, and what shall befall
the run (see Mishap). Standard output tells "born PID", "row N TIME" after each row that the store has taken,
"filed PATH" when the file has its name, "left {...}" what the run itself says at its end, and "ended CODE" (minus
the signal, where one killed it).
"""

import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

from parking import assert_parked

from labctl import bench, cli, figures, newfile
from labctl.journal import writer
from labctl.live.display import Display

NOBODY = 65534


def tell(*words: object) -> None:
    """One line to the test; short enough for the pipe to take it whole."""
    os.write(1, f"{' '.join(map(str, words))}\n".encode())


@dataclass(frozen=True)
class Mishap:
    """What befalls a run: a limit on the size of any file (bytes), a disk that others fill up to some room (bytes)
    when the run has just begun, another user than root, something `done` after row `at`, SIGKILL right after a row.

    `synced` lets each row reach the disk, as rows 20 ms apart do; `pace` (s) lets wall time pass between rows.
    """

    limit: int | None = None
    room: int | None = None
    unprivileged: bool = False
    at: int = 0
    done: str = ""
    killed_at: int = 0
    synced: bool = False
    pace: float = 0.0

    def before(self) -> None:
        if self.synced:
            writer._SYNC_PERIOD = 0.0  # type: ignore[misc]
        if self.room is not None:
            newfile.check_space = self._checked_then_filled(newfile.check_space)
        if self.unprivileged and os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        if self.limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, resource.RLIM_INFINITY))

    def after_row(self, row: int) -> None:
        if self.pace:
            select.select([], [], [], self.pace)
        if row == self.at and self.done:
            MISHAPS[self.done]()
        if row == self.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _checked_then_filled(self, check: Callable[[Path, int], None]) -> Callable[[Path, int], None]:
        def checked(folder: Path, size: int) -> None:
            check(folder, size)
            fill(self.room or 0)

        return checked


def fill(room: int) -> None:
    """Leave so many bytes of this folder's disk, which must be a small one of the test's own."""
    disk = os.statvfs(".")
    assert disk.f_blocks * disk.f_frsize <= 2**23, "this is no small disk of a test's own"
    size = disk.f_bavail * disk.f_frsize - room
    with Path("others").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def _set_back() -> None:
    ordinary = time.time
    time.time = lambda: ordinary() - 86400.0


MISHAPS: dict[str, Callable[[], Any]] = {
    "journal deleted": lambda: Path("runs/a.h5.journal").unlink(),
    "journal moved": lambda: Path("runs/a.h5.journal").rename("moved"),
    "runs deleted": lambda: shutil.rmtree("runs"),
    "runs moved": lambda: Path("runs").rename("moved"),
    "runs read-only": lambda: Path("runs").chmod(0o500),
    "runs locked": lambda: Path("runs").chmod(0o000),
    "all deleted": lambda: shutil.rmtree(Path.cwd()),
    "clock set back": _set_back,
}


def _run(words: list[str], mishap: Mishap) -> NoReturn:
    """Carry out one command line in this process, tell what became of it, and end."""
    rooms: list[Any] = []
    ordinary = bench.Bench

    def recorded(*given: Any, **options: Any) -> Any:
        rooms.append(ordinary(*given, **options))
        return rooms[-1]

    def acknowledged(_self: Display, row: int) -> None:
        tell("row", row, time.time())
        mishap.after_row(row)

    bench.Bench = recorded  # type: ignore[misc]
    Display.advance = acknowledged  # type: ignore[method-assign]
    figures.draw_beside = lambda outcome: tell("filed", outcome.path)  # type: ignore[assignment]
    out, err = StringIO(), StringIO()
    code, parked = 0, None
    mishap.before()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            cli.main(words)
    except SystemExit as ended:
        code = ended.code
    if rooms:
        try:
            assert_parked(rooms[-1])
            parked = True
        except AssertionError as odd:
            parked = str(odd)
    tell("left", json.dumps({"out": out.getvalue(), "err": err.getvalue(), "parked": parked}))
    os._exit(int(code or 0))


def _born(order: dict[str, Any]) -> int:
    """Fork the run of an order, tell how it ended; return its number, which is taken until it is waited for."""
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(order["folder"])
            _run(order["words"], Mishap(**order["mishap"]))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(70)
    tell("born", pid)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    tell("ended", ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)
    return pid


def main() -> None:
    """Make one run, so that all is loaded that any run needs, then take orders."""
    with (
        tempfile.TemporaryDirectory() as folder,
        redirect_stdout(StringIO()),
        redirect_stderr(StringIO()),
        suppress(SystemExit),
    ):
        cli.main(["run", "ahe-loop", "-p", "mu0_H_step=100Oe", "-o", f"{folder}/a.h5"])
    previous = 0
    tell("ready")
    for line in sys.stdin:
        if previous:
            os.waitpid(previous, 0)
        previous = _born(json.loads(line))


if __name__ == "__main__":
    main()
