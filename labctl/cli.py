"""The command line: what people type, and what other programs script."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labctl import __version__
from labctl.errors import LabctlError, RequestError

if TYPE_CHECKING:
    from labctl.engine import Request


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="labctl")
@click.option("--debug", is_flag=True, help="Show a traceback when something goes wrong.")
def cli(debug: bool) -> None:
    """Run the measurements of a spin-orbit-torque lab, on real or simulated instruments."""


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def protocols(as_json: bool) -> None:
    """List the protocols, one line each."""
    from labctl import registry, tables

    captions = {name: registry.load_protocol(name).caption for name in registry.installed("protocols")}
    if as_json:
        tables.as_json({"protocols": captions})
    else:
        tables.pairs(captions)


@cli.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def describe(name: str, as_json: bool) -> None:
    """Show a protocol: method, parameters with units, defaults and limits, columns."""
    from labctl import registry, tables, tell

    protocol = registry.load_protocol(name)
    if as_json:
        tables.as_json(tell.description(protocol))
    else:
        tell.describe(protocol)


def _run_options(command: Any) -> Any:
    """Give a command the options that say what is to be measured, on what, and where it goes."""
    options = (
        click.argument("name"),
        click.option(
            "-p", "assignments", multiple=True, metavar="KEY=VALUE", help="A parameter, with its unit."
        ),
        click.option("--station", default="sim", show_default=True, metavar="NAME|FILE.toml"),
        click.option("--sample", default="alox-2.0", show_default=True, metavar="NAME|FILE.toml"),
        click.option(
            "--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of thermal and instrument noise."
        ),
        click.option(
            "-o", "--output", type=click.Path(path_type=Path), metavar="DIR|FILE.h5", default=Path("runs")
        ),
        click.option(
            "--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@cli.command()
@_run_options
@click.option("--dry-run", is_flag=True, help="Rehearse on the simulated bench; measure nothing.")
@click.option(
    "--live/--no-live", default=None, help="Show progress; default: when standard error is a terminal."
)
def run(dry_run: bool, live: bool | None, as_json: bool, **request: Any) -> None:
    """Run a protocol: an HDF5 file, a figure beside it, and a table of results."""
    prepared = _request(**request)
    if dry_run:
        _rehearse(prepared, as_json)
    else:
        _measure(prepared, sys.stderr.isatty() if live is None else live, as_json)


@cli.command()
@_run_options
def rehearse(as_json: bool, **request: Any) -> None:
    """Walk the whole run on the simulated bench: duration, envelope, energy, limits, predicted figure."""
    _rehearse(_request(**request), as_json)


def _request(
    name: str, assignments: tuple[str, ...], station: str, sample: str, seed: int | None, output: Path
) -> Request:
    from labctl import engine

    return engine.prepare(name, assignments, station=station, sample=sample, seed=seed, output=output)


def _measure(request: Request, live: bool, as_json: bool) -> None:
    from labctl import engine, figures, tables, tell

    with tables.progress(request.rows_expected, request.title, live) as advance:
        outcome = engine.run(request, advance, _operator)
    figure = figures.draw_beside(outcome)
    if as_json:
        tables.as_json(tell.outcome(outcome, figure))
    tell.summary(outcome, figure)
    if outcome.error is not None:
        raise outcome.error


def _operator(task: str) -> None:
    """Ask the person at the bench to do something by hand; with nobody there, nothing is started."""
    if not sys.stdin.isatty():
        raise RequestError(f"{task} This needs a person at a terminal; there is none. Nothing was sent.")
    click.confirm(f"{task} Done?", abort=True, err=True)


def _rehearse(request: Request, as_json: bool) -> None:
    from labctl import engine, figures, tables, tell

    rehearsal = engine.rehearse(request)
    figure = figures.draw_prediction(rehearsal)
    if as_json:
        tables.as_json(tell.rehearsal(rehearsal, figure))
    tell.rehearsal_table(rehearsal, figure)


@cli.command()
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


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="PNG, SVG or PDF; default: beside the file."
)
def plot(files: tuple[Path, ...], output: Path | None) -> None:
    """Draw one run, or several of the same protocol overlaid."""
    from labctl import figures

    click.echo(figures.draw_files(files, output))


@cli.command()
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


@cli.command()
@click.argument("figures", nargs=-1, metavar="[FIG]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", default=Path("out"))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else.")
@click.option("--fresh", is_flag=True, help="Make every run again, also those that are there already.")
@click.option(
    "--jobs", type=click.IntRange(1, 256), metavar="N", help="Processes; default: one for each core."
)
@click.option(
    "--live/--no-live", default=None, help="Show progress; default: when standard error is a terminal."
)
def reproduce(
    figures: tuple[str, ...], output: Path, as_json: bool, fresh: bool, jobs: int | None, live: bool | None
) -> None:
    """Reproduce the paper on the simulated bench: every figure (1b, 2a ...) or those named, and a report."""
    from labctl import tables, tell
    from labctl.reproduce import catalogue, conduct, report

    sections = catalogue.chosen(figures)
    with tables.progress(
        conduct.n_runs(sections), "runs", sys.stderr.isatty() if live is None else live
    ) as advance:
        found = conduct.reproduce(sections, output, fresh=fresh, jobs=jobs, advance=advance)
    plain = report.write(found, output)
    if as_json:
        tables.as_json(plain)
    tell.reproduction(plain)
    conduct.require_good(found)


@cli.group()
def station() -> None:
    """Station files: list, new, check."""


@station.command("list")
def station_list() -> None:
    """List the stations that can be given by name."""
    from labctl import tables, tell

    tables.pairs(tell.stations())


@station.command("new")
@click.argument("path", type=click.Path(path_type=Path))
def station_new(path: Path) -> None:
    """Write a complete example station file to start from."""
    from labctl import config

    if path.suffix != ".toml":
        raise RequestError(f"a station file must end in .toml; got {path.name!r}. Nothing was written.")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(config.built_in("station")["example"]())
    except FileExistsError:
        raise RequestError(f"{path} exists already. Nothing was written.") from None
    except OSError as error:
        raise RequestError(f"{path} must be a place that can be written: {error.strerror}.") from error
    click.echo(path)


@station.command("check")
@click.argument("name", metavar="NAME|FILE.toml")
def station_check(name: str) -> None:
    """Read a station file and say what it describes; touches no instrument."""
    from labctl import config, station, tables, tell

    checked, _ = config.load_station(name)
    station.check_drivers(checked)
    tables.pairs(tell.station_lines(checked))


def main(arguments: list[str] | None = None) -> None:
    """Entry point: run a command; every failure is one line on standard error and an exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        status = cli.main(words, prog_name="labctl", standalone_mode=False)
    except LabctlError as error:
        status = _fail(str(error), error.exit_status, debug)
    except click.ClickException as error:
        status = _fail(error.format_message(), 2, debug)
    except (KeyboardInterrupt, click.Abort):
        status = _fail("stopped by the user", 3, debug)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away: nobody is left to tell
        status = 1
    except Exception as error:
        status = _fail(f"a bug: {type(error).__name__}: {error} (--debug shows where)", 1, debug)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    click.echo(f"labctl: {message}", err=True)
    return status
