"""The commands that show a run while it goes on: watch, dashboard."""

from __future__ import annotations

from pathlib import Path

import click


def add_to(group: click.Group) -> None:
    """Give a group the commands of this room."""
    for command in (watch, dashboard):
        group.add_command(command)


@click.command()
@click.argument("run", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output, at the end.")
def watch(run: str | None, as_json: bool) -> None:
    """Watch a run from another terminal: RUN is its file or process number, needed where several go on.

    It ends with the run, and says how that ended. Ctrl-C leaves the watch; the run goes on.
    """
    from labctl.live import watch as watching

    watching.watch(run, as_json)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path(), metavar="[DIR]")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Where to listen; anywhere but loopback takes a token.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any free one."
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output, nothing else.")
def dashboard(folder: Path, host: str, port: int, as_json: bool) -> None:
    """Show the runs under a folder in a browser, those that go on row by row, until Ctrl-C.

    Nothing there can start a run or change a set-point; Stop does what labctl stop does.
    """
    from labctl.live.dashboard import server

    server.serve(server.prepare(folder, host, port), as_json)
