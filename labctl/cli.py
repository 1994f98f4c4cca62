"""The command line: what people type, and what other programs script."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labctl import __version__, cli_batch, cli_catalogue, cli_files, cli_live, cli_safety, cli_sample
from labctl.cli_station import station
from labctl.errors import LabctlError, RequestError
from labctl.names import printable

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

    captions = registry.captions("protocols")
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


_FAULT_OPTION = click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="TEXT",
    help='On a simulated bench, let this go wrong, as "voltmeter: timeout at row 40"; may be given several times.',
)


@cli.command()
@_run_options
@click.option("--dry-run", is_flag=True, help="Rehearse on the simulated bench; measure nothing.")
@click.option(
    "--rehearsal/--no-rehearsal",
    default=True,
    help="Before a run with real instruments, walk it on the simulated bench and check its limits.",
)
@click.option(
    "--wire/--no-wire", default=True, help="Keep every line of the wire in the file (replay needs it)."
)
@click.option("--live/--no-live", default=None, help="Show the run as it goes on; default: on a terminal.")
@_FAULT_OPTION
@click.option(
    "--chaos", type=click.IntRange(0, 2**53), metavar="SEED", help="Let things drawn from this seed go wrong."
)
def run(
    dry_run: bool,
    rehearsal: bool,
    wire: bool,
    live: bool | None,
    as_json: bool,
    faults: tuple[str, ...],
    chaos: int | None,
    **request: Any,
) -> None:
    """Run a protocol: an HDF5 file, a figure beside it, and a table of results."""
    from labctl import mishaps, tables

    prepared = mishaps.afflicted(_request(**request), faults, chaos)
    for fault in prepared.faults:
        tables.say(f"fault: {fault}")
    if dry_run:
        _rehearse(prepared, as_json)
    else:
        _measure(prepared, sys.stderr.isatty() if live is None else live, as_json, wire, rehearsal)


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


def _measure(request: Request, live: bool, as_json: bool, keep_wire: bool, is_rehearsed: bool) -> None:
    from labctl import admission, engine, figures, person, tables, tell
    from labctl.live.display import displayed

    permit = admission.admit(request, is_rehearsed=is_rehearsed)
    for warning in permit.warnings:
        tables.say(f"warning: {warning}")
    with displayed(request, live) as shown:
        outcome = engine.run(
            request,
            shown.advance,
            shown.asking(person.ask),
            keep_wire=keep_wire,
            stops=shown.stops,
            permit=permit,
        )
    figure = figures.draw_beside(outcome)
    if as_json:
        tables.as_json(tell.outcome(outcome, figure))
    tell.summary(outcome, figure)
    if outcome.error is not None:
        raise outcome.error


def _rehearse(request: Request, as_json: bool) -> None:
    from labctl import engine, figures, tables, tell

    rehearsal = engine.rehearse(request)
    figure = figures.draw_prediction(rehearsal)
    if as_json:
        tables.as_json(tell.rehearsal(rehearsal, figure))
    tell.rehearsal_table(rehearsal, figure)


@cli.command()
@click.option(
    "--neuron",
    "neurons",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A sigmoid-neuron run; may be given several times.",
)
@click.option(
    "--mnist",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with the four IDX files of MNIST, plain or .gz.",
)
@click.option(
    "--scale-from",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The neuron whose X_0 and K go to those that have none of their own.",
)
@click.option(
    "--seeds",
    "n_seeds",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="How often each network is trained.",
)
@click.option(
    "--seed",
    "first_seed",
    type=click.IntRange(0, 2**53),
    default=1,
    show_default=True,
    help="Seed of the first training; each further one is higher by 1.",
)
@click.option("--epochs", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR|FILE.h5", default=Path("runs"))
@click.option("--jobs", type=click.IntRange(min=1), help="Processes; default: one for each core.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else.")
def classify(as_json: bool, neurons: tuple[Path, ...], mnist: Path, **request: Any) -> None:
    """Read digits with a network of measured neurons, and with ideal ones: accuracy, loss, and the gap."""
    from labctl import classify, figures, tables, tell

    task = classify.prepare(neurons, mnist, **request)
    with tables.progress(task.rows_expected, task.title, sys.stderr.isatty()) as advance:
        finished = classify.run(task, advance)
    figure = figures.draw_classified(finished)
    if as_json:
        tables.as_json(tell.classified(finished, figure))
    tell.classification(finished, figure)
    if finished.error is not None:
        raise finished.error


@cli.command()
@click.argument("figures", nargs=-1, metavar="[FIG]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", default=Path("out"))
@click.option("--mnist", type=click.Path(path_type=Path), metavar="DIR", help="For Fig. 4(d, e): IDX files.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="Processes; default: one per core.")
@click.option("--fresh", is_flag=True, help="Make every run again, also those that are there already.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def reproduce(as_json: bool, **request: Any) -> None:
    """Reproduce the paper on the simulated bench: every figure (1b, 2a ...) or those named, and a report."""
    from labctl.reproduce import command

    command.reproduce(as_json, **request)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sim", is_flag=True, help="On the simulated bench instead: curves and numbers side by side.")
@click.option(
    "--mode",
    type=click.Choice(["strict", "by-query"]),
    default="strict",
    show_default=True,
    help="Same lines in the same order, or each line answered as it was the next time.",
)
@click.option("--sample", metavar="NAME|FILE.toml", help="With --sim: another sample than the run's.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="With --sim: seed; default: the run's.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="With --sim: the figure; default: beside the file.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def replay(file: Path, sim: bool, mode: Any, as_json: bool, **simulated: Any) -> None:
    """Run a stored run again: on its own recorded wire, or on the simulated bench."""
    from labctl import replay as replaying

    if sim:
        replaying.beside(file, as_json, **simulated)
    elif any(value is not None for value in simulated.values()):
        raise RequestError("--sample, --seed and -o must go with --sim; got no --sim. Nothing was replayed.")
    else:
        replaying.again(file, mode, as_json)


@cli.command()
@click.option("--station", default="sim", show_default=True, metavar="NAME|FILE.toml")
@click.option("--sample", default="alox-2.0", show_default=True, metavar="NAME|FILE.toml")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of thermal and instrument noise.")
@click.option(
    "--time",
    "pace",
    default="real",
    show_default=True,
    metavar="real|fast|FACTOR",
    help="How fast time passes.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; loopback is safe.")
@click.option(
    "--port-base", type=click.IntRange(0, 65000), default=0, help="First port; default: any free ones."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("served.toml"),
    show_default=True,
    help="Station file that points at the instruments.",
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write down current and fields every 5 ms, as the sample sees them (JSON lines).",
)
@_FAULT_OPTION
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output, nothing else.")
def simulate(as_json: bool, **request: Any) -> None:
    """Serve the simulated instruments on TCP ports until Ctrl-C, for any client."""
    from labctl import simulate as simulating

    simulating.serve(simulating.prepare(**request), as_json)


cli.add_command(station)
cli_files.add_to(cli)
cli_live.add_to(cli)
cli_safety.add_to(cli)
cli_batch.add_to(cli)
cli_catalogue.add_to(cli)
cli_sample.add_to(cli)


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
    click.echo(printable(f"labctl: {message}", keep="\n"), err=True)
    return status
