"""What people are told of a sample: its runs from the ledger, and what is left of its life."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl import door
from labctl.tables import table

if TYPE_CHECKING:
    from labctl.config import Sample
    from labctl.life import Entry, Spent


def life(sample: Sample, path: Path, spent: Spent, runs: Sequence[Entry]) -> None:
    """Print a sample's runs from its ledger, and what they sum up to beside the budget."""
    rows = [
        (
            entry.time,
            entry.title,
            str(entry.spent.pulses),
            door.show(entry.spent.square, "A2 s"),
            _state(entry),
        )
        for entry in runs
    ]
    table(rows, ("ended", "run", "pulses", "sum of I^2 t", ""))
    budget = sample.life
    sums = [
        (what, door.show(value, unit), _of(None if budget is None else getattr(budget, name), unit))
        for what, name, value, unit in (
            ("pulses", "pulses", spent.pulses, "1"),
            ("largest J", "J", spent.J, "A/m2"),
            ("sum of I^2 t", "square", spent.square, "A2 s"),
        )
    ]
    click.echo()
    table([("runs", str(len(runs)), f"ledger {path}"), *sums, ("charge", door.show(spent.charge, "C"), "")])


def _state(entry: Entry) -> str:
    return "" if entry.kind == "settled" else "not ended in good order: it counts as it was planned"


def _of(budget: float | None, unit: str) -> str:
    return "no budget" if budget is None else f"of {door.show(budget, unit)}"
