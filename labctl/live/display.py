"""The live view of a run in the program that measures it: drawn beside the run, which never waits for it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from labctl import stopping
from labctl.errors import DataError
from labctl.stopping import StopRequests

if TYPE_CHECKING:
    from labctl.engine import Request
    from labctl.live.following import Follower
    from labctl.live.terminal import Screen, Terminal

#: The part of the time that drawing may take from a run, whose program does one thing at a time (our choice).
_SHARE: Final = 0.02
#: Seconds (wall; our choice) that a terminal has at the end for the last picture: one that is halted takes none.
_PATIENCE: Final = 1.0
_LOOK: Final = 0.05  # s (wall) between two looks for a run that has not begun


class Display:
    """What is shown of a run while it is measured: its own journal, followed as anybody else could.

    A thread draws, and takes no more than a small part of the time. Whatever fails in it is raised by the next
    `advance`, and nothing is drawn any more.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._stop = StopRequests()
        self._is_over = threading.Event()
        self._turn = threading.Lock()  # of who writes to the terminal
        self._failure: Exception | None = None
        self._terminal: Terminal | None = None
        self._answers = 0

    def advance(self, _rows: int) -> None:
        """Be told of a row, which is in the journal already."""
        if self._failure is not None:
            raise self._failure

    def asking(self, ask: Callable[[str], None]) -> Callable[[str], None]:
        """Return `ask` as it has the terminal for itself."""

        def alone(task: str) -> None:
            with self._turn:
                if self._terminal is not None:
                    self._terminal.leave()
                ask(task)

        return alone

    @contextmanager
    def stops(self) -> Generator[StopRequests]:
        """Turn signals into requests as `stopping.stop_requests` does; what was heard is shown."""
        with stopping.stop_requests() as self._stop:
            yield self._stop

    def show(self) -> None:
        """Draw until the run is over: what the thread does."""
        try:
            run = self._begun()
            if run is not None:
                with run:
                    self._follow(run)
        except Exception as error:  # a terminal that is gone, or a bug of the picture: the run goes on
            self._failure = error

    def end(self) -> None:
        """The run is over: what shows it draws its last picture."""
        self._is_over.set()

    def _begun(self) -> Follower | None:
        """Wait for the run's journal; None where there never was one."""
        from labctl.live.following import Follower  # numpy is loaded beside the opening of instruments

        while not self._is_over.wait(_LOOK):
            with suppress(DataError):
                run = Follower(self._request.target, with_file=False)
                if run.header.uuid == self._request.uuid:
                    return run
                run.close()  # what an earlier run left there, for which this one will be refused
        return None

    def _follow(self, run: Follower) -> None:
        from labctl.live.terminal import Screen, Terminal

        terminal = self._terminal = Terminal(sys.stderr)
        screen = Screen(run, terminal)
        is_last = False
        while not is_last:
            is_last = self._is_over.is_set()
            begun = time.thread_time()
            with self._turn:
                self._refresh(screen, terminal)
            self._is_over.wait(max(screen.period, (time.thread_time() - begun) / _SHARE))

    def _refresh(self, screen: Screen, terminal: Terminal) -> None:
        stop = self._stop
        if stop.answers != self._answers:  # somebody else has written below the picture, which stays there
            self._answers = stop.answers
            terminal.leave()
        note = ""
        if stop.is_parking:
            note = "the station is being parked"
        elif stop.reason:
            note = f"{stop.reason}: this point is finished first; another Ctrl-C breaks it off"
        screen.refresh(note, is_brief=stop.answers > 0)


@contextmanager
def displayed(request: Request, live: bool) -> Generator[Display]:
    """Show a run on standard error while it is measured; nothing where `live` is false."""
    display = Display(request)
    if not live:
        yield display
        return
    thread = threading.Thread(target=display.show, name="live view", daemon=True)
    thread.start()
    try:
        yield display
    finally:
        display.end()
        thread.join(_PATIENCE)
