"""Pieces of figures that protocols share: axes through zero, counts, insets, arrowheads where a branch reverses."""

from __future__ import annotations

from typing import Any


def frame(axes: Any, x_label: str, y_label: str, *, counted: bool = False) -> None:
    """Label a matplotlib Axes and draw its zero lines, once, however many runs are drawn on it.

    Where the abscissa is `counted`, its ticks are whole numbers, and zero is nothing that deserves a line.
    """
    if not axes.lines:
        axes.axhline(0, color="0.8", linewidth=0.5, zorder=0)
        if counted:
            whole_numbers(axes)
        else:
            axes.axvline(0, color="0.8", linewidth=0.5, zorder=0)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)


def whole_numbers(axes: Any) -> None:
    """Let the ticks of the abscissa be whole numbers, with none between them."""
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.tick_params(axis="x", which="minor", bottom=False, top=False)


def inset(axes: Any, x: float, y: float, width: float, height: float) -> Any:
    """Put small axes into a matplotlib Axes, in parts of its width and height; few ticks, letters of 7 points."""
    made = axes.inset_axes((x, y, width, height))
    made.tick_params(labelsize=7, length=2, pad=1.5)
    made.minorticks_off()
    made.locator_params(nbins=3)
    return made


def arrowheads(axes: Any, x_down: float, x_up: float, y: float, *, rising: bool, color: Any) -> None:
    """Mark the crossings of a descending and an ascending branch, both at height y, with the way R_xy goes there.

    `rising` says that R_xy rises on the ascending branch. A crossing that is NaN leaves no mark.
    """
    for x, marker in ((x_down, "v" if rising else "^"), (x_up, "^" if rising else "v")):
        axes.plot([x], [y], marker, markersize=4, color=color)
