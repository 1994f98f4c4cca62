"""How results reach the terminal or a pipe: aligned tables, a progress bar, one JSON object."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labctl.names import printable

if TYPE_CHECKING:
    from rich.console import Console


_LEAST = 32
"""Signs that are left of a column that is cut: a number cut in two is worse than a line that wraps (our choice)."""


def as_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object, and nothing else, on standard output; NaN and infinity become null."""
    click.echo(json_text(value))  # click flushes: a waiting reader has it at once


def json_text(value: Mapping[str, Any]) -> str:
    """One JSON object as text; NaN and infinity become null, paths their names."""
    return json.dumps(_plain(value), allow_nan=False)


def say(text: str) -> None:
    """Print one line for a person, on standard error."""
    click.echo(printable(text, keep="\n"), err=True)


_AS_THEY_ARE = frozenset((str, int, bool, type(None)))


def _plain(value: Any) -> Any:
    if type(value) in _AS_THEY_ARE:  # most of what there is, and asking for a Mapping is slow
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (dict, Mapping)):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def pairs(lines: Mapping[str, str]) -> None:
    """Print a name and a text on each line of standard output, aligned."""
    width = max(map(len, lines), default=0)
    for name, text in lines.items():
        click.echo(printable(f"{name:<{width}}  {text}"))


def table(rows: Sequence[Sequence[str]], head: Sequence[str] = (), *, err: bool = False) -> None:
    """Print rows of text in aligned columns, on standard error where `err` is true."""
    from rich.table import Table

    grid = Table(box=None, show_header=bool(head), pad_edge=False, header_style="bold")
    for title in head or ("",) * len(rows[0]):
        grid.add_column(title, overflow="fold")
    for row in rows:
        grid.add_row(*(printable(cell, keep="\n") for cell in row))
    _console(err).print(grid, markup=False, highlight=False)


def lines(rows: Sequence[Sequence[str]], head: Sequence[str], shrinking: int) -> None:
    """Print rows of text on standard output, one line each, in aligned columns, however many there are.

    On a terminal the column of number `shrinking` is cut so that a line fits, if that leaves it legible.
    """
    import shutil

    texts = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    if sys.stdout.isatty():
        others = sum(widths) - widths[shrinking] + 2 * (len(widths) - 1)
        room = max(shutil.get_terminal_size().columns - others, _LEAST)
        widths[shrinking] = min(widths[shrinking], room)
    for row in texts:
        row[shrinking] = _cut(row[shrinking], widths[shrinking])
    texts = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in texts]
    click.echo("\n".join("  ".join(row).rstrip() for row in texts))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _console(err: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=err, highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 200  # a pipe has no width: do not fold what a program may read
    return console


@contextmanager
def progress(total: int, title: str, live: bool) -> Generator[Callable[[int], None]]:
    """Show a bar with the time left on standard error while rows come in; nothing where `live` is false."""
    if not live:
        yield lambda _done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console(err=True), transient=True) as bar:
        task = bar.add_task(printable(title), total=total)
        step = max(1, total // 200)

        def advance(done: int) -> None:
            if done % step == 0 or done == total:
                bar.update(task, completed=done)

        yield advance


@contextmanager
def progress_of_many(total: float, live: bool) -> Generator[Callable[[float, str], None]]:
    """Show a bar over many runs: how much of `total` (s, as planned) is done, what goes on, and the time left.

    The time left is the wall clock's, at the pace of late. Nothing is shown where `live` is false.
    """
    if not live:
        yield lambda _done, _text: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_console(err=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        shown = 0.0

        def advance(done: float, text: str) -> None:
            nonlocal shown
            if text != bar.tasks[0].description or done - shown >= total / 500 or done >= total:
                bar.update(task, completed=done, description=text)
                shown = done

        yield advance
