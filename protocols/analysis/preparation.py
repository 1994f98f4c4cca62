"""Judgement of a prepared state: R_xy against the middle and the height of the field loop.

Saturated      m = (R_xy - R_off) / R_AHE, read without a field in the plane, must be 95 % of +-1 at least.
Demagnetized   |m| must be below 5 % (DEMAGNETIZED); the in-plane field in which it is read shrinks R_AHE and leaves
               the middle where it is. Both limits are our convention. A sample that switches in one step cannot be
               demagnetized by pulses, and is found out here.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from protocols.analysis.demagnetization import DEMAGNETIZED
from protocols.vocabulary import Analysis

#: Magnitude of m from which the layer counts as saturated.
SATURATED: Final = 0.95
_SIGNS: Final = {"saturate+": +1, "saturate-": -1}


def doubts(preparation: str, R_xy: float, *, R_AHE: float, R_off: float) -> list[str]:
    """Return what speaks against a preparation that left R_xy (ohm): a warning, or none.

    `R_AHE`, of either sign, and `R_off` (ohm) are the reference. Where they, or R_xy, are not known, or nothing was
    prepared, there is no doubt to return. R_xy of the layer up is R_off + R_AHE.
    """
    if R_AHE == 0 or not math.isfinite(R_xy + R_AHE + R_off):
        return []
    m = (R_xy - R_off) / R_AHE
    if preparation == "demagnetize" and abs(m) > DEMAGNETIZED:
        return [
            f"the layer was not demagnetized at the start: R_xy - R_off was {100 * m:+.3g} % of R_AHE, "
            f"it must be within {100 * DEMAGNETIZED:g} %"
        ]
    sign = _SIGNS.get(preparation, 0)
    if sign and sign * m < SATURATED:
        return [
            f"the layer was not saturated {'up' if sign > 0 else 'down'} at the start: R_xy - R_off was "
            f"{100 * m:+.3g} % of R_AHE, it must be {100 * sign * SATURATED:+g} % at least"
        ]
    return []


def judged(analysis: Analysis, preparation: str, R_xy: float, *, R_AHE: float, R_off: float) -> Analysis:
    """Return an analysis with the doubts about the preparation (see `doubts`) before its own warnings."""
    found = doubts(preparation, R_xy, R_AHE=R_AHE, R_off=R_off)
    return replace(analysis, warnings=[*found, *analysis.warnings]) if found else analysis
