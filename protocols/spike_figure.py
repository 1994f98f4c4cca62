"""Figure of a plasticity window: pairs, means with intervals, fits, and the spikes in an inset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocols.drawing import frame, inset
from protocols.units import mA, ms

if TYPE_CHECKING:
    from protocols.vocabulary import Analysis, Curve, Data

_INSET = (0.32, 0.25)  # width and height over those of the axes


def draw_window(axes: Any, data: Data, analysis: Analysis, label: str | None, color: str | None) -> None:
    """Draw dR_xy (ohm) against dt_spike (ms) on a matplotlib Axes; the inset is shared by all runs on it.

    The inset lies where a window has no points: above its falling side, left or right by the first run's sign.
    """
    frame(axes, r"$\mathrm{\Delta}t$ (ms)", r"$\mathrm{\Delta}R_{xy}$ (Ω)")
    curves = analysis.curves
    (line,) = axes.plot(data["dt_spike"] / ms, data["dR_xy"], ".", markersize=2.5, alpha=0.4, color=color)
    color = line.get_color()
    mean, interval = curves["dR_mean"], curves.get("dR_ci")
    axes.errorbar(
        mean.x / ms,
        mean.y,
        yerr=None if interval is None else interval.y,
        fmt="o",
        markersize=2.5,
        linewidth=0.6,
        capsize=1.5,
        capthick=0.6,
        color=color,
        label=label,
    )
    for name in ("fit_plus", "fit_minus"):
        if name in curves:
            axes.plot(curves[name].x / ms, curves[name].y, "-", linewidth=0.8, color=color)
    is_falling = float((data["dt_spike"] * data["dR_xy"]).sum()) < 0
    small = axes.child_axes[0] if axes.child_axes else _new_inset(axes, is_right=is_falling)
    for name, style in (("spike_pre", "-"), ("spike_post", "--")):
        if name in curves:
            _draw_spike(small, curves[name], style, color)


def _new_inset(axes: Any, *, is_right: bool) -> Any:
    width, height = _INSET
    made = inset(axes, 0.97 - width if is_right else 0.16, 0.95 - height, width, height)
    made.axhline(0, color="0.8", linewidth=0.4, zorder=0)
    made.set_xlabel("$t$ (ms)", fontsize=7, labelpad=1)
    made.set_ylabel("$I$ (mA)", fontsize=7, labelpad=1)
    return made


def _draw_spike(axes: Any, curve: Curve, style: str, color: Any) -> None:
    times = [float(curve.x[0]) / ms, *(curve.x / ms)]
    currents = [0.0, *(curve.y / mA)]
    axes.plot(times, currents, style, drawstyle="steps-post", linewidth=0.7, color=color)
