"""Figure of a plasticity window: pairs, means with intervals, fits, and the spikes in an inset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocols.drawing import frame
from protocols.units import mA, ms

if TYPE_CHECKING:
    from protocols.vocabulary import Analysis, Curve, Data

_INSET = (0.30, 0.24)  # width and height over those of the axes


def draw_window(axes: Any, data: Data, analysis: Analysis, label: str | None, color: str | None) -> None:
    """Draw dR_xy (ohm) against dt_spike (ms) on a matplotlib Axes; the inset is shared by all runs on it.

    The inset lies where a window has no points: above its falling side, left or right by the first run's sign.
    """
    frame(axes, r"$\Delta t$ (ms)", r"$\Delta R_{xy}$ (Ω)")
    curves = analysis.curves
    (line,) = axes.plot(data["dt_spike"] / ms, data["dR_xy"], ".", markersize=2, alpha=0.4, color=color)
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
    inset = axes.child_axes[0] if axes.child_axes else _new_inset(axes, is_right=is_falling)
    for name, style in (("spike_pre", "-"), ("spike_post", "--")):
        if name in curves:
            _draw_spike(inset, curves[name], style, color)


def _new_inset(axes: Any, *, is_right: bool) -> Any:
    width, height = _INSET
    inset = axes.inset_axes((0.97 - width if is_right else 0.16, 0.95 - height, width, height))
    inset.axhline(0, color="0.8", linewidth=0.4, zorder=0)
    inset.set_xlabel("$t$ (ms)", fontsize=6, labelpad=1)
    inset.set_ylabel("$I$ (mA)", fontsize=6, labelpad=1)
    inset.tick_params(labelsize=6, length=2, pad=1.5)
    inset.minorticks_off()
    return inset


def _draw_spike(inset: Any, curve: Curve, style: str, color: Any) -> None:
    times = [float(curve.x[0]) / ms, *(curve.x / ms)]
    currents = [0.0, *(curve.y / mA)]
    inset.plot(times, currents, style, drawstyle="steps-post", linewidth=0.7, color=color)
