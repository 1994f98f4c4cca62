"""The command line's group `sample`: what people type about the samples they measure."""

from __future__ import annotations

import click


def add_to(group: click.Group) -> None:
    """Give a group the commands of this room."""
    group.add_command(sample)


@click.group()
def sample() -> None:
    """Samples: life."""


@sample.command("life")
@click.argument("name", metavar="NAME|FILE.toml")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def sample_life(name: str, as_json: bool) -> None:
    """Show what a sample has gone through in all its runs, beside its budget."""
    from dataclasses import asdict

    from labctl import config, life, tables, tell_sample

    the_sample, _ = config.load_sample(name)
    ledger = life.Ledger(life.ledger_path(name))
    runs = ledger.runs()
    if as_json:
        budget = None if the_sample.life is None else the_sample.life.model_dump()
        tables.as_json(
            {
                "sample": the_sample.name,
                "ledger": ledger.path,
                "budget": budget,
                "spent": asdict(ledger.spent()),
                "runs": [asdict(entry) for entry in runs],
            }
        )
    else:
        tell_sample.life(the_sample, ledger.path, ledger.spent(), runs)
