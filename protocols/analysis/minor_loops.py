"""Remanent states of minor switching loops: m at each turning point, and how much of it is lost in a wait.

State        m = (R_xy - R_off) / R_AHE, R_off and R_AHE from the saturated layer: +1 and -1 are saturation. With an
             in-plane field on, tilted moments make it smaller than the share of the layer that is switched.
Turning      m at I_max is the mean of the readings right after the pulse of I_max, before anything else is done.
Volatility   Change of R_xy over R_AHE between the readings before and after the wait. max_volatility is the largest
             magnitude of all loops: noise alone makes it about its uncertainty times 1 to 2, never 0.
Uncertainty  One standard deviation. Noise: the scatter of readings of one state, pooled over all states that were
             read repeatedly. m holds R_AHE and R_off besides and, where these come from elsewhere, I_sense.
Source       Li et al., Chin. Phys. B 31, 117106 (2022), Fig. 4(a).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from protocols.analysis.branches import SIGNIFICANT
from protocols.sensing import Reference
from protocols.units import mA
from protocols.vocabulary import Analysis, Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_VOLATILITY: Final = "largest change of R_xy over R_AHE during the hold, of all loops"


def minor_loops(
    turning: Sequence[ArrayLike],
    held: Sequence[ArrayLike],
    *,
    I_max: Sequence[float],
    reference: Reference,
    scale: float = 0.0,
) -> Analysis:
    """Analyse minor loops with the turning points I_max (A), by readings of R_xy (ohm) in the states at I_max.

    `turning` and `held` hold one array for each loop, of any length: readings right after the pulse of I_max, and
    after the wait. `reference` is the saturated layer; `scale` the relative standard uncertainty that all R_xy have
    in common and the reference has not. The results are m_at_I_max_1, m_at_I_max_2 ... in the order of I_max, and
    max_volatility, all of unit 1. What was not read is NaN with a note. Raises ValueError for lists of different
    lengths and for readings that are not finite.
    """
    before, after = ([np.asarray(a, dtype=np.float64) for a in groups] for groups in (turning, held))
    if not len(I_max) == len(before) == len(after):
        raise ValueError(
            f"there must be one turning and one held array for each of {len(I_max)} loops; "
            f"got {len(before)} and {len(after)}"
        )
    if not all(np.all(np.isfinite(group)) for group in (*before, *after)):
        raise ValueError("R_xy must be finite; got a reading that is not")
    noise, problem = _pooled([*before, *after]), _unusable(reference)
    results: dict[str, Result] = {}
    for n, (current, readings) in enumerate(zip(I_max, before, strict=True), start=1):
        text = f"(R_xy - R_off) / R_AHE after the pulse of {current / mA:.6g} mA"
        missing = problem or ("" if len(readings) else f"there is no reading after {current / mA:.6g} mA")
        m, u_m = (math.nan, math.nan) if missing else _state(readings, noise, reference, scale)
        results[f"m_at_I_max_{n}"] = Result(m, u_m, "1", text, note=missing)
    results["max_volatility"] = _volatility(before, after, noise, reference)
    return Analysis(results, warnings=_warnings(results, I_max))


def _unusable(reference: Reference) -> str:
    """Why nothing can be divided by R_AHE, or nothing."""
    if not math.isfinite(reference.R_AHE) or reference.R_AHE == 0:
        return "R_AHE is not known"
    if abs(reference.R_AHE) <= SIGNIFICANT * reference.uncertainty:
        u = f"{reference.uncertainty:.3g} ohm"
        return f"R_AHE must be well above its uncertainty of {u}; it is {reference.R_AHE:.3g} ohm"
    return ""


def _pooled(groups: Sequence[Array]) -> float:
    """Standard deviation (ohm) of one reading of one state; 0 where nothing was read twice."""
    freedom = sum(len(group) - 1 for group in groups if len(group))
    squares = sum(float(np.sum((group - np.mean(group)) ** 2)) for group in groups if len(group))
    return math.sqrt(squares / freedom) if freedom else 0.0


def _state(readings: Array, noise: float, reference: Reference, scale: float) -> tuple[float, float]:
    """Return m of one state and its standard uncertainty."""
    R = float(np.mean(readings))
    m = (R - reference.R_off) / reference.R_AHE
    u_R = math.hypot(noise / math.sqrt(len(readings)), reference.uncertainty, scale * R)
    return m, math.hypot(u_R, m * reference.uncertainty) / abs(reference.R_AHE)


def _volatility(
    turning: Sequence[Array], held: Sequence[Array], noise: float, reference: Reference
) -> Result:
    pairs = [(a, b) for a, b in zip(turning, held, strict=True) if len(a) and len(b)]
    problem = _unusable(reference) or ("" if pairs else "no state was held")
    if problem:
        return Result(math.nan, math.nan, "1", _VOLATILITY, note=problem)
    changes = [abs(float(np.mean(b) - np.mean(a))) for a, b in pairs]
    largest = int(np.argmax(changes))
    spread = noise * math.sqrt(sum(1 / len(group) for group in pairs[largest]))
    missing = len(turning) - len(pairs)
    note = f"{missing} of {len(turning)} loops were not held" if missing else ""
    R_AHE = abs(reference.R_AHE)
    return Result(changes[largest] / R_AHE, spread / R_AHE, "1", _VOLATILITY, note=note)


def _warnings(results: dict[str, Result], I_max: Sequence[float]) -> list[str]:
    """What could not be found, and states beyond saturation."""
    warnings = list(dict.fromkeys(result.note for result in results.values() if result.note))
    for n, current in enumerate(I_max, start=1):
        m = results[f"m_at_I_max_{n}"]
        if abs(m.value) > 1 + SIGNIFICANT * m.uncertainty:
            warnings.append(
                f"m is {m.value:.4g} after {current / mA:.6g} mA: R_AHE or R_off is not this sample's"
            )
    return warnings
