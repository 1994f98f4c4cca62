"""The commands that show a run while it goes on: watch."""

from __future__ import annotations

import click


def add_to(group: click.Group) -> None:
    """Give a group the commands of this room."""
    for command in (watch,):
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
