"""What is left of R_xy after demagnetizing: its distance from the middle of the two saturated states.

Residual     Mean of the readings after the train, less R_off. Over R_AHE it is the net share of the layer that
             points up, times the cosine of the moments' tilt by the in-plane field.
Uncertainty  One standard deviation: scatter of the readings, R_off, R_AHE, and the sense current as far as it is
             not common to both. A layer in many domains is left in another way by every train; that scatter is
             between runs, and is not in the uncertainty of one.
Warnings     A residual above 5 % of R_AHE: the layer is not demagnetized (our convention).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from protocols.analysis.branches import SIGNIFICANT
from protocols.analysis.estimates import Estimate, not_found, result
from protocols.vocabulary import Analysis

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: Share of R_AHE below which the layer counts as demagnetized.
DEMAGNETIZED: Final = 0.05


def residual(
    R_xy: ArrayLike,
    *,
    R_AHE: float,
    u_R_AHE: float = 0.0,
    R_off: float,
    u_R_off: float = 0.0,
    scale: float = 0.0,
    is_scale_common: bool = True,
) -> Analysis:
    """Compare repeated readings R_xy (ohm, shape (n,)) after demagnetizing with R_off and R_AHE (ohm).

    R_AHE may have either sign; its magnitude counts. u_R_AHE and u_R_off (ohm) are standard uncertainties, `scale`
    is the relative one of the sense current; where `is_scale_common`, R_AHE and R_off have that error too, and it
    cancels in the ratio. Returns R_xy_residual (ohm) and R_xy_residual_over_R_AHE (1), both signed. With fewer than
    two readings, or without a reference, they are NaN with a note. Raises ValueError for readings that are not
    one-dimensional or not finite.
    """
    R = np.asarray(R_xy, dtype=np.float64)
    if R.ndim != 1 or not np.all(np.isfinite(R)):
        raise ValueError(f"R_xy must be one-dimensional and finite; got shape {R.shape}, {R}")
    left, share = _left(R, R_off, u_R_off), not_found("R_AHE is not known beyond its uncertainty")
    if math.isfinite(left.value):
        if abs(R_AHE) > SIGNIFICANT * u_R_AHE:
            ratio = left.value / abs(R_AHE)
            foreign = 0.0 if is_scale_common else scale * (left.value + R_off) / R_AHE
            share = Estimate(ratio, math.hypot(left.noise / R_AHE, ratio * u_R_AHE / R_AHE, foreign))
        common = scale * (left.value if is_scale_common else left.value + R_off)
        left = Estimate(left.value, math.hypot(left.noise, common))
    elif left.note:
        share = not_found(left.note)
    warnings = [note for note in dict.fromkeys((left.note, share.note)) if note]
    if abs(share.value) > DEMAGNETIZED:
        warnings.append(
            f"the layer is not demagnetized: R_xy - R_off is {100 * share.value:+.3g} % of R_AHE, "
            f"it must be within {100 * DEMAGNETIZED:g} %"
        )
    return Analysis(
        {
            "R_xy_residual": result(left, "ohm", "R_xy after demagnetizing, less R_off"),
            "R_xy_residual_over_R_AHE": result(share, "1", "R_xy_residual over the magnitude of R_AHE"),
        },
        warnings=tuple(warnings),
    )


def _left(R: NDArray[np.float64], R_off: float, u_R_off: float) -> Estimate:
    """Mean of the readings less R_off, with its noise, or why it is not known."""
    if len(R) < 2:
        return not_found(f"at least 2 readings after the train are needed; there are {len(R)}")
    if not math.isfinite(R_off):
        return not_found("R_off is not known")
    scatter = float(np.std(R, ddof=1)) / math.sqrt(len(R))
    return Estimate(float(np.mean(R)) - R_off, math.hypot(scatter, u_R_off))
