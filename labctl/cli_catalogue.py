"""The commands over many runs: ls, diff, note, tag."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from labctl.errors import ClaimError, RequestError


def add_to(group: click.Group) -> None:
    """Give a group the commands of this room."""
    for command in (ls, diff, note, tag):
        group.add_command(command)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path(), metavar="[DIR]")
@click.option("--protocol", metavar="NAME")
@click.option("--sample", metavar="NAME")
@click.option("--status", metavar="WORD", help="complete, stopped, faulted, interrupted, running, broken ...")
@click.option("--since", metavar="DATE", help="Started on that day or later, as 2026-03-01.")
@click.option("--until", metavar="DATE", help="Started on that day or before.")
@click.option("--tag", "tags", multiple=True, metavar="WORD", help="Has the tag; may be given several times.")
@click.option(
    "--where", metavar="CONDITION", help="As 'mu0_H_x > 500 Oe and (results.I_th < 15 mA or not rows = 5)'."
)
@click.option("-n", "newest", type=click.IntRange(min=1), metavar="N", help="Only the N newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def ls(folder: Path, as_json: bool, newest: int | None, **wanted: Any) -> None:
    """List the runs under a folder, the newest at the end.

    A condition compares parameters by their names, results.NAME, sample.NAME, batch.NAME, and start, end,
    duration, rows, seed, status, reason, protocol, sample, station, version, uuid, file, tag.
    """
    from labctl import catalogue, tables, tell_catalogue

    entries = catalogue.listing(
        folder,
        catalogue.Wanted(**wanted),
        progress=lambda total: tables.progress(total, "reading", sys.stderr.isatty()),
    )
    entries = entries[-newest:] if newest else entries
    if as_json:
        tables.as_json(tell_catalogue.runs(entries))
    elif entries:
        tell_catalogue.list_runs(entries)
    else:
        tables.say("no such run")


@click.command()
@click.argument("left", type=click.Path(path_type=Path), metavar="FILE")
@click.argument("right", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--exit-code", is_flag=True, help="End with status 5 where there is a difference.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def diff(left: Path, right: Path, exit_code: bool, as_json: bool) -> None:
    """Show how two runs differ: parameters, settings, instruments, code, sample, results, columns."""
    from labctl import differences, runfile, tables, tell_catalogue

    found = differences.between(runfile.read_run(left), runfile.read_run(right))
    if as_json:
        tables.as_json(tell_catalogue.differences(found))
    else:
        tell_catalogue.show_differences(found)
    if exit_code and not found.equal:
        raise ClaimError(f"{left} and {right} differ.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("text")
def note(file: Path, text: str) -> None:
    """Add a note to a run, in a file beside it; the run's own file stays as it is."""
    from datetime import UTC, datetime

    from labctl import catalogue, notes

    notes.add_note(file, catalogue.entry_of(file).uuid, text, datetime.now(UTC))


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("changes", nargs=-1, required=True, metavar="+WORD|-WORD...")
def tag(file: Path, changes: tuple[str, ...]) -> None:
    """Add (+WORD) or take away (-WORD) tags of a run, and print those that it has now."""
    from datetime import UTC, datetime

    from labctl import catalogue, notes, tables

    if file.name[:1] in {"+", "-"} and not file.exists():
        raise RequestError(f"the file must come before its tags; got {file}.")
    notes.change_tags(file, catalogue.entry_of(file).uuid, changes, datetime.now(UTC))
    tables.say(" ".join(catalogue.entry_of(file).remarks.tags))
