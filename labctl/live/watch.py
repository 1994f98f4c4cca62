"""The command `labctl watch`: a run seen from another terminal, until it ends or nobody wants to look any more."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labctl import recovery, running, tables, tell
from labctl.journal import journal_of
from labctl.live.following import Follower
from labctl.live.terminal import Screen, Terminal
from labctl.names import printable

if TYPE_CHECKING:
    from labctl.runfile import Run


def watch(named: str | None, as_json: bool) -> None:
    """Show a run until it ends, then how it ended; RequestError where it is not clear which run is meant."""
    with Follower(_path(named)) as run:
        screen = Screen(run, Terminal(sys.stderr))
        try:
            _look_on(run, screen)
        except KeyboardInterrupt:
            tables.say(f"{run.path} goes on; nobody watches it here any more")
        if as_json:
            tables.as_json(_plain(run))
        elif run.is_over:
            _tell(run)


def _path(named: str | None) -> Path:
    """The file of the run that is meant: one that exists, or one that goes on."""
    if named is not None:
        target, journal = recovery.names(Path(named))
        if target.is_file() or journal.is_file():
            return target
    return Path(running.find(named, "Nothing is shown.").target)


def _look_on(run: Follower, screen: Screen) -> None:
    pause = threading.Event()
    screen.refresh()
    while not run.is_over:
        pause.wait(screen.period)
        screen.refresh()


def _plain(run: Follower) -> dict[str, Any]:
    """The JSON object: that of the file, or what is known of a run that has none yet."""
    if run.run is not None:
        return tell.stored(run.run)
    return {
        "file": run.path,
        "status": run.status,
        "reason": run.reason,
        "protocol": run.header.protocol,
        "rows": run.rows,
        "results": {},
    }


def _tell(run: Follower) -> None:
    """Print how a run ended, and what was found."""
    ended = f"{run.header.title}: {run.status}, {run.rows} rows, {tell.duration_text(run.time)}"
    click.echo(printable(ended))
    if run.reason:
        click.echo(printable(run.reason))
    if run.run is not None:
        _found(run.run)
    elif journal_of(run.path).is_file():
        click.echo(f"labctl recover {run.path} makes its file")


def _found(run: Run) -> None:
    if run.results:
        tables.table(tell.result_rows(run.results))
    for warning in run.warnings:
        click.echo(printable(f"warning: {warning}"))
    click.echo(f"file    {run.path}")
