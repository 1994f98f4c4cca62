"""The commands that make things safe: stop, park."""

from __future__ import annotations

import click


def add_to(group: click.Group) -> None:
    """Give a group the commands of this room."""
    for command in (stop, park):
        group.add_command(command)


@click.command()
@click.argument("run", required=False)
@click.option(
    "--now", is_flag=True, help="Leave the point no time to end; a run that does not react is killed."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def stop(run: str | None, now: bool, as_json: bool) -> None:
    """Stop a run from another terminal: RUN is its file or process number, needed where several go on.

    The station is parked, by the run itself or, where it hangs or died, by its guard.
    """
    from labctl import byhand, tables

    stopped = byhand.stop(run, now=now)
    if as_json:
        tables.as_json({"file": stopped.target, "how": stopped.how, "unparked": list(stopped.unparked)})
    else:
        click.echo(f"{stopped.target}: {stopped.how}")
    byhand.verdict(stopped.unparked, "the station")


@click.command()
@click.argument("station", metavar="NAME|FILE.toml")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def park(station: str, as_json: bool) -> None:
    """Park a station by hand: every current and field to zero, outputs off, and each confirmed by reading back."""
    from labctl import byhand, config, tables
    from labctl import station as stations

    the_station, _ = config.load_station(station)
    stations.check_drivers(the_station)
    parked = byhand.park(the_station)
    if as_json:
        tables.as_json({"station": the_station.name, "instruments": byhand.outcome_of(parked)})
    else:
        for name, reason in parked.items():
            click.echo(f"{name}: {f'NOT confirmed: {reason}' if reason else 'parked'}")
    byhand.verdict([name for name, reason in parked.items() if reason], f"station {the_station.name}")
