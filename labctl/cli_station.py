"""The command line's group `station`: what people type about the instruments of a lab."""

from __future__ import annotations

from pathlib import Path

import click

from labctl.errors import RequestError


@click.group()
def station() -> None:
    """Stations: list, new, check, record."""


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
@click.option("--sample", default="alox-2.0", show_default=True, metavar="NAME|FILE.toml")
@click.option("--offline", is_flag=True, help="Only read the file; touch no instrument.")
@click.option("--exercise", is_flag=True, help="Move each magnet a little and pass a small current, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def station_check(name: str, sample: str, offline: bool, exercise: bool, as_json: bool) -> None:
    """Ask every instrument of a station how it is; moves no current or field unless told to exercise them."""
    from dataclasses import asdict

    from labctl import config, doctor, station, tables, tell

    checked, text = config.load_station(name)
    the_sample, _ = config.load_sample(sample)
    station.check_drivers(checked)
    if not as_json:
        tables.pairs(tell.station_lines(checked))
    if offline:
        return
    findings = list(doctor.examine(checked, the_sample, exercise=exercise, folder=Path.cwd(), text=text))
    if as_json:
        tables.as_json({"station": checked.name, "findings": [asdict(finding) for finding in findings]})
    else:
        rows = [(one.state, one.what, one.seen, one.advice) for one in findings]
        tables.table(rows, ("", "what", "seen", "what to do"))
    doctor.verdict(findings)


@station.command("record")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("captured"), show_default=True)
def station_record(file: Path, output: Path) -> None:
    """Write the wire of a run with hardware as witness entries, a TOML file for each instrument."""
    from labctl import transcript

    for path in transcript.record(file, output):
        click.echo(path)
