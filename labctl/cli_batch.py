"""The commands for many runs, and for what was left unfinished: batch, resume."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from labctl.errors import RequestError


def add_to(group: click.Group) -> None:
    """Give a group the commands of this room."""
    for command in (batch, resume):
        group.add_command(command)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.toml")
@click.option("--station", metavar="NAME|FILE.toml", help="In place of every station that the file names.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", default=Path("runs"))
@click.option("--dry-run", is_flag=True, help="Rehearse every run on the simulated bench; measure nothing.")
@click.option("--keep-going", is_flag=True, help="After a run that faulted, go on with the next.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else.")
@click.option(
    "--live/--no-live", default=None, help="Show progress; default: when standard error is a terminal."
)
def batch(
    file: Path,
    station: str | None,
    output: Path,
    dry_run: bool,
    keep_going: bool,
    as_json: bool,
    live: bool | None,
) -> None:
    """Run a list of runs and sweeps: all checked and planned first, each run in a file of its own.

    \b
    name = "field-series"
    [[run]]
    label = "loop"
    protocol = "ahe-loop"
    sample = "alox-2.0"
    [[run]]
    protocol = "sot-switching"
    parameters = { I_step = "1 mA", R_AHE_reference = "@loop" }
    sweep = { mu0_H_x = { start = "400 Oe", stop = "800 Oe", step = "200 Oe" } }

    A sweep is a list, or start, stop and step; several make every combination, the last changes fastest. It may go
    over parameters, sample and seed. A [[run]] that holds [[run.run]] is a group: its sample, station, seed,
    parameters and sweep hold for all in it. "@label" takes a result of an earlier run on the same sample at the
    same point of the sweeps that both are in, "@FILE" one from a file. Files are found from the batch file on.
    The seed at the top is that of the first run, each further run has one more.
    """
    from labctl.batch import command

    command.start(
        file,
        station=station,
        output=output,
        dry_run=dry_run,
        as_json=as_json,
        live=_is_live(live),
        keep_going=keep_going,
    )


@click.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="FOLDER|RUN.h5")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR|FILE.h5", help="A run: where it goes."
)
@click.option("--keep-going", is_flag=True, help="A batch: after a run that faulted, go on with the next.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else.")
@click.option(
    "--live/--no-live", default=None, help="Show progress; default: when standard error is a terminal."
)
def resume(path: Path, output: Path | None, keep_going: bool, as_json: bool, live: bool | None) -> None:
    """Go on with a batch, or make an unfinished run again from its preparation step, in a new file."""
    if path.suffix == ".h5" or path.name.endswith(".h5.journal"):
        if keep_going:
            raise RequestError("--keep-going must go with a batch; got a run. Nothing was sent.")
        from labctl import resume as resuming

        run = path.with_name(path.name.removesuffix(".journal"))
        resuming.again(run, output=output, as_json=as_json, live=_is_live(live))
        return
    if output is not None:
        raise RequestError("-o must go with a run; got a batch, which has its folder. Nothing was sent.")
    from labctl.batch import command

    folder = path if path.is_dir() else path.parent
    command.go_on(folder, as_json=as_json, live=_is_live(live), keep_going=keep_going)


def _is_live(asked: bool | None) -> bool:
    return sys.stderr.isatty() if asked is None else asked
