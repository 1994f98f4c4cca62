"""The commands that read what was measured: show, plot, analyse, export."""

from __future__ import annotations

from pathlib import Path

import click


def add_to(group: click.Group) -> None:
    """Give a group the commands of this room."""
    for command in (show, plot, analyse, export):
        group.add_command(command)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def show(file: Path, as_json: bool) -> None:
    """Show a run: what was done to which sample, and the results."""
    from labctl import runfile, tables, tell

    stored = runfile.read_run(file)
    if as_json:
        tables.as_json(tell.stored(stored))
    else:
        tell.show(stored)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="PNG, SVG or PDF; default: beside the file."
)
def plot(files: tuple[Path, ...], output: Path | None) -> None:
    """Draw one run, or several of the same protocol overlaid."""
    from labctl import figures

    click.echo(figures.draw_files(files, output))


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
@click.option("--to", "kind", type=click.Choice(["csv", "h5"]), required=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File, or folder for several CSV files."
)
def export(files: tuple[Path, ...], kind: str, output: Path | None) -> None:
    """Export runs: CSV with units in the header, or one clean HDF5 file."""
    from labctl import export as exporting

    for path in exporting.export(files, kind, output):
        click.echo(path)
