"""Pieces of figures that protocols share: axes through zero, arrowheads where a branch reverses."""

from __future__ import annotations

from typing import Any


def frame(axes: Any, x_label: str, y_label: str) -> None:
    """Label a matplotlib Axes and draw its zero lines, once, however many runs are drawn on it."""
    if not axes.lines:
        axes.axhline(0, color="0.8", linewidth=0.5, zorder=0)
        axes.axvline(0, color="0.8", linewidth=0.5, zorder=0)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)


def arrowheads(axes: Any, x_down: float, x_up: float, y: float, *, rising: bool, color: Any) -> None:
    """Mark the crossings of a descending and an ascending branch, both at height y, with the way R_xy goes there.

    `rising` says that R_xy rises on the ascending branch. A crossing that is NaN leaves no mark.
    """
    for x, marker in ((x_down, "v" if rising else "^"), (x_up, "^" if rising else "v")):
        axes.plot([x], [y], marker, markersize=4, color=color)
