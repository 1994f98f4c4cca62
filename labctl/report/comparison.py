"""Several runs of a protocol in one table: what varies among them against what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labctl import tell
from labctl.names import printable
from labctl.report.contents import as_printed

if TYPE_CHECKING:
    from labctl.runfile import Run

RESULTS_ABREAST: Final = 4
"""Results in one table: what a sheet of paper has room for (our choice); further ones follow below."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs of one protocol: how often, the tables (head and rows of text), the numbers of the runs' sections."""

    protocol: str
    runs: Sequence[int]
    tables: Sequence[tuple[Sequence[str], Sequence[Sequence[str]]]]


def comparisons(runs: Sequence[Run]) -> list[Comparison]:
    """One for each protocol of which there are several runs, in the order in which they were given."""
    by_protocol: dict[str, list[int]] = {}
    for number, run in enumerate(runs):
        by_protocol.setdefault(run.protocol, []).append(number)
    return [
        Comparison(printable(protocol), numbers, _tables([runs[number] for number in numbers], numbers))
        for protocol, numbers in by_protocol.items()
        if len(numbers) > 1
    ]


def _tables(
    runs: Sequence[Run], numbers: Sequence[int]
) -> list[tuple[Sequence[str], Sequence[Sequence[str]]]]:
    varying = _varying(runs)
    results = list(dict.fromkeys(name for run in runs for name in run.results))
    groups = [results[first : first + RESULTS_ABREAST] for first in range(0, len(results), RESULTS_ABREAST)]
    return [
        (
            ["run", *varying, *map(printable, group)],
            [
                [
                    str(number + 1),
                    *(varying[name][index] for name in varying),
                    *(_result(run, name) for name in group),
                ]
                for index, (run, number) in enumerate(zip(runs, numbers, strict=True))
            ],
        )
        for group in groups or [[]]
    ]


def _varying(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Sample, seed, status and parameters that are not the same in all runs, as text, run by run."""
    told: dict[str, list[str]] = {
        "sample": [run.sample_name for run in runs],
        **{
            name: [tell.shown(run.parameters[name]) if name in run.parameters else "" for run in runs]
            for name in dict.fromkeys(name for run in runs for name in run.parameters)
        },
        "seed": [str(run.seed) for run in runs],
        "status": [run.status for run in runs],
    }
    return {
        printable(name): [as_printed(text) for text in texts]
        for name, texts in told.items()
        if len(set(texts)) > 1
    }


def _result(run: Run, name: str) -> str:
    return as_printed(tell.result_text(run.results[name])) if name in run.results else ""
