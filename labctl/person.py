"""The person at the bench, who is asked to do what no instrument can; with nobody there, nothing is started."""

from __future__ import annotations

import sys

import click

from labctl.errors import RequestError


def is_there() -> bool:
    """True where somebody can answer at the terminal."""
    return sys.stdin.isatty()


def ask(task: str) -> None:
    """Ask the person to do something by hand, and wait; RequestError where there is nobody to ask."""
    if not is_there():
        raise RequestError(f"{task} This needs a person at a terminal; there is none. Nothing was sent.")
    click.confirm(f"{task} Done?", abort=True, err=True)
