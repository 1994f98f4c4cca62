"""Threshold currents, switching ratio, width and number of states of current-pulse switching loops.

The loop is read as in branches.py, with the pulse amplitude as what was swept: m = +1 in the state that the
largest positive pulse leaves, m = -1 in the state that the largest negative one leaves, and the height of a branch
is the distance of the two, whether or not they are saturated. The initial leg (branch 0) is left out. A branch
that still changes by more than 2 % of its height in the last fifth before I_max is a warning: it does not saturate.

Thresholds   Where a branch crosses the middle of its height, signed.
Widths       Li et al., Chin. Phys. B 31, 117106 (2022), define dI as the current range that covers the whole change
             of R_xy, which noise and two readings decide alone. The range from 10 % to 90 % of the height of a
             branch stands for it here, and from 5 % to 95 % beside it: a convention of this package.
Ratio        Height of a branch over 2 R_AHE, the height of the field loop of the same sample: the share of the
             layer that the current switches, times the cosine of the moments' tilt by the in-plane field.
States       The height of a branch is cut into 20 bins of 5 %; bins that hold a reading are counted, the two
             saturated states included: 2 for a single jump, 20 for a gradual reversal. A level that noise spreads
             over an edge must not count twice: the count is the median of three, with the edges moved by -4, 0
             and +4 standard deviations of the noise. A finer I_step finds more states.
Uncertainty  One standard deviation. Currents: step and noise as in branches.py; the accuracy of the pulse
             amplitude is not included. Ratio: noise and tilt of the levels, R_AHE, and, where R_AHE comes from
             elsewhere, the sense current. States: half of the range of the three counts or, where larger, half of
             the difference of both branches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from protocols.analysis.branches import SIGNIFICANT, Axis, Branch, Loop, read_loops
from protocols.analysis.estimates import Estimate, half, limited, not_found, result
from protocols.units import mA
from protocols.vocabulary import Analysis

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_PULSE: Final = Axis("I_pulse", "current", "mA", mA, is_pulsed=True)

_N_BINS: Final = 20
_EDGE_SHIFT: Final = 4.0  # standard deviations of the noise

_REPORTS: Final = {
    "I_th": ("A", "threshold current, half the distance between I_th_up and I_th_down", "mA"),
    "I_th_up": ("A", "current where the ascending branch crosses the middle of its height, signed", "mA"),
    "I_th_down": ("A", "current where the descending branch crosses the middle of its height, signed", "mA"),
    "dI_10_90": (
        "A",
        "current range of switching, 10 % to 90 % of the height of one branch (our convention), mean of both",
        "mA",
    ),
    "dI_5_95": (
        "A",
        "current range of switching, 5 % to 95 % of the height of one branch (our convention), mean of both",
        "mA",
    ),
    "switching_ratio": ("1", "height of a branch over 2 R_AHE", None),
    "n_states": (
        "1",
        "occupied bins of 5 % of the height of one branch (our convention), mean of both",
        None,
    ),
    "polarity": ("1", "+1 where positive current leaves the larger R_xy, -1 the smaller, 0 neither", None),
}


def switching(
    I_pulse: ArrayLike,
    R_xy: ArrayLike,
    branch: ArrayLike,
    loop: ArrayLike | None = None,
    *,
    R_AHE: float,
    u_R_AHE: float = 0.0,
    scale: float = 0.0,
) -> Analysis:
    """Analyse one or several switching loops of R_xy (ohm) against the amplitude I_pulse (A).

    The arrays have shape (n,) and the order of measurement: `branch` is -1 where the amplitude descends, +1
    where it ascends and 0 on the initial leg; `loop` numbers the loops and may be left out where there is one.
    R_AHE (ohm, of either sign) is half the height of the field loop, u_R_AHE its standard uncertainty; `scale`
    is the relative standard uncertainty that all R_xy have in common and R_AHE has not. The results are I_th,
    I_th_up, I_th_down, dI_10_90, dI_5_95 (A; the widths are upper limits of one step where the reversal is no
    wider), switching_ratio, n_states and polarity, as the module describes; with several loops they are means
    over loops.

    Where nothing switches, the ratio is what is left of a height, n_states is 1, polarity is 0, and the
    currents are NaN with a note. What the data do not contain because the run was cut short, or for want of R_AHE
    (0, NaN, or lost in its uncertainty), is NaN with a note. Raises ValueError for arrays of different shapes,
    for numbers that are not finite, and for a branch that is none of -1, 0 and +1.
    """
    loops = read_loops(_PULSE, I_pulse, R_xy, branch, loop)
    means, warnings = loops.means(tuple(_REPORTS), partial(_one_loop, R_AHE=_reference(R_AHE, u_R_AHE)))
    results = {name: result(means[name], *_REPORTS[name]) for name in _REPORTS}
    for name in ("dI_10_90", "dI_5_95"):
        results[name] = limited(results[name], loops.step)
    ratio = results["switching_ratio"]
    if math.isfinite(ratio.value):
        common = ratio.value * math.hypot(u_R_AHE / R_AHE, scale)
        ratio = replace(ratio, uncertainty=math.hypot(ratio.uncertainty, common))
        results["switching_ratio"] = ratio
        if ratio.value > 1 + SIGNIFICANT * ratio.uncertainty:
            share = f"{100 * ratio.value:.4g} %"
            warnings = [*warnings, f"the branches are {share} of 2 R_AHE high: R_AHE is not this sample's"]
    return Analysis(results, warnings=tuple(warnings))


def _reference(R_AHE: float, u_R_AHE: float) -> Estimate:
    """The magnitude of R_AHE, or why nothing can be divided by it; its uncertainty is common to all loops."""
    if math.isnan(R_AHE) or R_AHE == 0:
        return not_found("R_AHE is not known")
    if not abs(R_AHE) > SIGNIFICANT * u_R_AHE:
        return not_found(
            f"R_AHE must be well above its uncertainty of {u_R_AHE:.3g} ohm; it is {R_AHE:.3g} ohm"
        )
    return Estimate(abs(R_AHE))


def _one_loop(loop: Loop, R_AHE: Estimate) -> Mapping[str, Estimate]:
    """All that one loop gives, by name."""
    up, down = loop.crossing(loop.up, 0.0), loop.crossing(loop.down, 0.0)
    height = loop.half_height
    is_flat = bool(loop.problem) and not height.note
    ratio = Estimate(
        abs(height.value) / R_AHE.value, height.noise / R_AHE.value, note=height.note or R_AHE.note
    )
    return {
        "I_th": half(up, -1, down),
        "I_th_up": up,
        "I_th_down": down,
        "dI_10_90": loop.width(0.8),
        "dI_5_95": loop.width(0.9),
        "switching_ratio": ratio,
        "n_states": Estimate(1.0) if is_flat else _n_states(loop),
        "polarity": Estimate(0.0 if is_flat else float(np.sign(height.value)), note=height.note),
    }


def _n_states(loop: Loop) -> Estimate:
    """Mean number of states of both branches; their difference is scatter, where it is more than the noise."""
    up, down = (_occupied_bins(loop, branch) for branch in (loop.up, loop.down))
    number = half(up, +1, down)
    return replace(number, noise=max(number.noise, abs(up.value - down.value) / 2))


def _occupied_bins(loop: Loop, branch: Branch) -> Estimate:
    """How many of the bins of m from -1 to +1 hold readings of one complete branch, or why that is not known."""
    middle = loop.crossing(branch, 0.0)
    if middle.note:
        return not_found(middle.note)
    noise = loop.m_noise / 2  # of the height
    if 2 * _EDGE_SHIFT * noise * _N_BINS > 1:
        return not_found(f"the noise, {100 * noise:.2g} % of the height, does not resolve states of 5 %")
    shifts = noise * np.array([-_EDGE_SHIFT, 0.0, _EDGE_SHIFT])
    bins = np.floor(_N_BINS * ((branch.y + 1) / 2 + shifts[:, None])).clip(0, _N_BINS - 1)
    counts = [len(np.unique(row)) for row in bins]
    return Estimate(float(np.median(counts)), float(np.ptp(counts)) / 2)
