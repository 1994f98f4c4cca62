"""Panels of the report: the protocols' own figures overlaid, and results against what was varied."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from labctl import door, figures
from labctl.figures import COLOURS
from protocols.vocabulary import Result

if TYPE_CHECKING:
    from labctl.reproduce.plan import Panel
    from labctl.runfile import Run


def render(panel: Panel, runs: Sequence[Run]) -> bytes:
    """Draw a panel as SVG, letters as outlines: it looks the same wherever it is read."""
    from matplotlib.figure import Figure

    with figures.styled():
        figure = Figure(figsize=panel.size, layout="constrained")
        panel.draw(figure, runs)
        return figures.image(figure, "svg")


def draw_run(axes: Any, run: Run, label: str | None, color: str) -> None:
    """Draw one run as its protocol draws it, from the results in its file."""
    picture = figures.stored_picture(run)
    picture.method.draw(axes, picture.data, picture.analysis, label=label, color=color)


def overlay(axes: Any, runs: Sequence[Run], labels: Sequence[str | None]) -> None:
    """Draw several runs of one protocol on one Axes, each in its colour and with its marks."""
    figures.overlay(
        axes, [partial(draw_run, run=run, label=label) for run, label in zip(runs, labels, strict=True)]
    )


def legend(figure: Any, columns: int = 3) -> None:
    """One legend above the axes, where no curve can be."""
    figure.legend(loc="outside upper center", ncols=columns)


def against(
    axes: Any,
    x: Sequence[float],
    results: Sequence[Result],
    *,
    colour: str = COLOURS[0],
    marker: str = "o",
    label: str | None = None,
) -> None:
    """Draw results in their display unit with their uncertainties; an upper limit is an arrow downwards."""
    factor = door.factor_of(results[0].unit, results[0].display or results[0].unit)
    values = [result.value / factor for result in results]
    errors = [0.0 if result.limit else result.uncertainty / factor for result in results]
    limits = [result.limit == "upper" for result in results]
    arrow = 0.05 * max(values)
    axes.errorbar(
        x,
        values,
        [arrow if limit else error for limit, error in zip(limits, errors, strict=True)],
        uplims=limits,
        fmt=f"{marker}-",
        color=colour,
        capsize=1.5,
        markersize=3,
        elinewidth=0.6,
        linewidth=0.8,
        label=label,
    )


def two_axes(axes: Any, left: str, right: str) -> Any:
    """Label an Axes for two quantities, each in its colour; return the second one's Axes."""
    axes.set_ylabel(left, color=COLOURS[0])
    axes.tick_params(axis="y", which="both", colors=COLOURS[0], right=False)
    other = axes.twinx()
    other.set_ylabel(right, color=COLOURS[1])
    other.tick_params(axis="y", which="both", colors=COLOURS[1], left=False)
    return other
