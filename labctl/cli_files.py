"""The commands that read what was measured: show, plot, report, analyse, export, validate, recover."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click


def add_to(group: click.Group) -> None:
    """Give a group the commands of this room."""
    for command in (show, plot, report, analyse, export, validate, recover):
        group.add_command(command)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def show(file: Path, as_json: bool) -> None:
    """Show a run: what was done to which sample, and the results."""
    from labctl import notes, runfile, tables, tell, tell_catalogue

    stored = runfile.read_run(file)
    remarks = notes.read(file.parent).get(stored.uuid, notes.NONE)
    if as_json:
        tables.as_json(tell.stored(stored) | tell_catalogue.remarks(remarks))
    else:
        tell.show(stored)
        tell_catalogue.show_remarks(remarks)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="PNG, SVG or PDF; default: beside the file."
)
@click.option("--x", metavar="COLUMN", help="Draw this column to the right, whatever the protocol draws.")
@click.option("--y", metavar="COLUMN", help="Draw this column upwards.")
@click.option(
    "--branch", metavar="BRANCH", help="Only these rows: up, down, initial, or the number of a sweep."
)
@click.option(
    "--unit", "units", multiple=True, metavar="COLUMN=UNIT", help="As mu0_H_x=mT, with --x and --y."
)
@click.option(
    "--width",
    type=click.Choice(["single", "double"]),
    default="single",
    help="Columns of a journal it takes.",
)
def plot(
    files: tuple[Path, ...],
    output: Path | None,
    x: str | None,
    y: str | None,
    branch: str | None,
    units: tuple[str, ...],
    width: Literal["single", "double"],
) -> None:
    """Draw one run, or several overlaid: of one protocol as the paper does, or columns that they share."""
    from labctl import figures

    click.echo(figures.draw_files(files, output, figures.choice(x, y, branch, units), width))


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="HTML or PDF; default: HTML beside the file."
)
def report(files: tuple[Path, ...], output: Path | None) -> None:
    """Write a report on runs: figures, results, circumstances and checks in one file that needs nothing else."""
    from labctl.report import writing

    click.echo(writing.write(files, output))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--again", is_flag=True, help="Put the new analysis into the file, beside the old ones.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def analyse(file: Path, again: bool, as_json: bool) -> None:
    """Find the results of a stored run anew, with the code that is installed; its data stay as they are."""
    from labctl import analyse as analysing

    if again:
        analysing.again(file, as_json)
    else:
        analysing.compare(file, as_json)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--to", "kind", type=click.Choice(["csv", "h5", "json", "netcdf", "parquet"]), required=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File, or folder; default: beside each run."
)
@click.option("--columns", multiple=True, metavar="A,B", help="Only these columns, in this order.")
@click.option(
    "--unit", "units", multiple=True, metavar="NAME=UNIT", help="As mu0_H_x=Oe; may be given several times."
)
def export(
    files: tuple[Path, ...], kind: str, output: Path | None, columns: tuple[str, ...], units: tuple[str, ...]
) -> None:
    """Export runs, or all runs below a folder, for other programs; units, parameters and results go with them."""
    from labctl import export as exporting
    from labctl.selection import selection

    for path in exporting.export(files, kind, output, selection(columns, units)):
        click.echo(path)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def recover(file: Path, as_json: bool) -> None:
    """Make the file of a run that was interrupted, from the journal it left; FILE is either of the two."""
    from labctl import recovery, tables

    found = recovery.recover(file)
    if as_json:
        tables.as_json(found.told())
    else:
        click.echo(found.path)
    what = "was made from its journal" if found.made else "is whole already"
    tables.say(f"{found.path} {what}: {found.rows} rows, {found.reason or found.status}")
    for line in found.damage:
        tables.say(f"damage in the journal: {line}")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def validate(files: tuple[Path, ...], as_json: bool) -> None:
    """Check files against the layout of a run, and whether any viewer finds their default plot."""
    from labctl import validate as validating

    validating.command(files, as_json)
