"""Coercive field, height, offset, squareness and width of Hall-resistance loops.

A loop is read as R_xy = R_off + R_AHE m, with m = +1 in the saturated state at positive field and m = -1 at
negative field: a full loop is 2 R_AHE high, and R_AHE is negative where R_xy is larger at negative field.
Levels, crossings, uncertainties and warnings are those of branches.py; no ordinary Hall slope is subtracted.
Noise of the measured field is not in the uncertainties. R_AHE and R_off carry, besides, the uncertainty of the
current that they were divided by, common to all readings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from protocols.analysis.branches import Axis, Branch, Loop, read_loops
from protocols.analysis.estimates import Estimate, half, limited, not_found, result
from protocols.units import Oe
from protocols.vocabulary import Analysis

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_FIELD: Final = Axis("mu0_H", "field", "Oe", Oe)

_REPORTS: Final = {
    "mu0_H_c": ("T", "coercive field, half the distance between the crossings of R_off", "Oe"),
    "mu0_H_c_up": ("T", "field where the ascending branch crosses R_off, signed", "Oe"),
    "mu0_H_c_down": ("T", "field where the descending branch crosses R_off, signed", "Oe"),
    "R_AHE": ("ohm", "half the height of the loop, positive where R_xy is larger at positive field", None),
    "R_off": ("ohm", "middle of the loop", None),
    "squareness": ("1", "remanence over saturation M_r/M_s, mean of both branches", None),
    "width_10_90": ("T", "field between 10 % and 90 % of the reversal, mean of both branches", "Oe"),
}


def coercivity(
    mu0_H: ArrayLike,
    R_xy: ArrayLike,
    branch: ArrayLike,
    loop: ArrayLike | None = None,
    *,
    scale: float = 0.0,
) -> Analysis:
    """Analyse one or several loops of R_xy (ohm) against mu0_H (T).

    The arguments have shape (n,) and the order of measurement: `branch` is -1 where the field descends and +1
    where it ascends; `loop` numbers the loops and may be left out where there is one. `scale` is the
    relative standard uncertainty that all R_xy have in common (that of the sense current). The results are
    mu0_H_c, mu0_H_c_up, mu0_H_c_down (T; the crossings are signed: ordinarily up > 0 > down), R_AHE, R_off
    (ohm), squareness and width_10_90 (T; an upper limit of one field step where the reversal is no wider).
    With several loops they are means over loops. What the data do not contain, because the run was cut short
    or nothing reversed, is NaN with a note. Raises ValueError for arrays of different shapes, for numbers that
    are not finite, and for a branch that is neither -1 nor +1.
    """
    loops = read_loops(_FIELD, mu0_H, R_xy, branch, loop)
    means, warnings = loops.means(tuple(_REPORTS), _one_loop)
    results = {name: result(means[name], *_REPORTS[name]) for name in _REPORTS}
    for name in ("R_AHE", "R_off"):
        height = results[name]
        results[name] = replace(height, uncertainty=math.hypot(height.uncertainty, scale * height.value))
    results["width_10_90"] = limited(results["width_10_90"], loops.step)
    return Analysis(results, warnings=tuple(warnings))


def _one_loop(loop: Loop) -> Mapping[str, Estimate]:
    """All that one loop gives, by name."""
    if loop.problem:
        return dict.fromkeys(_REPORTS, not_found(loop.problem))
    up, down = loop.crossing(loop.up, 0.0), loop.crossing(loop.down, 0.0)
    return {
        "R_AHE": loop.half_height,
        "R_off": loop.middle,
        "mu0_H_c_up": up,
        "mu0_H_c_down": down,
        "mu0_H_c": half(up, -1, down),
        "width_10_90": loop.width(0.8),
        "squareness": half(_remanence(loop.down, loop.m_noise), -1, _remanence(loop.up, loop.m_noise)),
    }


def _remanence(branch: Branch, m_noise: float) -> Estimate:
    """Normalised m at zero field, linearly interpolated; where m jumps there, the jump is its uncertainty."""
    order = np.argsort(branch.x)
    H, m = branch.x[order], branch.y[order]
    k = int(np.searchsorted(H, 0.0))
    if k == 0 or k == len(H):
        return not_found(f"the {branch.name} branch does not pass zero field")
    w = float(H[k] / (H[k] - H[k - 1]))
    value = w * m[k - 1] + (1 - w) * m[k]
    return Estimate(float(value), m_noise, float(abs(m[k] - m[k - 1])) * min(w, 1 - w))
