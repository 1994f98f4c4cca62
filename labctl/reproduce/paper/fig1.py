"""Fig. 1(b): anomalous Hall loops of the five samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labctl.reproduce.drawing import legend, overlay
from labctl.reproduce.judging import SIGNIFICANT, changes, every
from labctl.reproduce.paper.common import AHE_LOOPS, LABELS, NO_BARRIERS, NO_CAP, NO_SPREAD, altered
from labctl.reproduce.plan import Claim, Falsifier, Panel, Section

if TYPE_CHECKING:
    from labctl.runfile import Run


def _draw(figure: Any, runs: Sequence[Run]) -> None:
    overlay(figure.subplots(), runs, LABELS)
    legend(figure)


_CLAIMS = (
    Claim(
        name="1b-sign",
        text="The Hall resistance is positive at a positive field along the normal: Co dominates.",
        origin="paper",
        criterion=f"R_AHE > 0 by more than {SIGNIFICANT:g} standard uncertainties in all five samples",
        judge=every("R_AHE", lambda R: R.value > SIGNIFICANT * R.uncertainty),
        runs=AHE_LOOPS,
        falsifier=Falsifier("the anomalous Hall effect (R_AHE = 1 µΩ)", altered(AHE_LOOPS, R_AHE="1 uohm")),
    ),
    Claim(
        name="1b-square",
        text="The samples have perpendicular anisotropy: the loop keeps its remanence.",
        origin="paper",
        criterion="squareness M_r/M_s > 0.95 in all five samples",
        judge=every("squareness", lambda found: found.value > 0.95),
        runs=AHE_LOOPS,
        falsifier=Falsifier(
            "the barriers that the anisotropy makes (1 k_B T instead of 600: superparamagnetic patches)",
            altered(AHE_LOOPS, **NO_BARRIERS),
        ),
        ours="the bound of 0.95",
    ),
    Claim(
        name="1b-gradual",
        text="The reversal turns from one sharp step without AlOx to a gradual one at t = 2 nm.",
        origin="paper",
        criterion="the field width of the reversal (10 % to 90 %) never falls significantly with t, and is at "
        "least five times as large at t = 2 nm as at t = 0",
        judge=changes("width_10_90", +1, 5, strictly=False),
        runs=AHE_LOOPS,
        falsifier=Falsifier(
            "the spread of the patches' barriers (σ_K = 10⁻⁶ in all samples)", altered(AHE_LOOPS, **NO_SPREAD)
        ),
        ours="the width from 10 % to 90 %; the factor of five",
    ),
    Claim(
        name="1b-coercivity",
        text="The coercive field falls with t. (The paper's values are in its figure; that its anisotropy falls "
        "with t is in its text.)",
        origin="model",
        criterion="H_c falls significantly from each sample to the next, in all by 20 % at least",
        judge=changes("mu0_H_c", -1, 1.2),
        runs=AHE_LOOPS,
        falsifier=Falsifier(
            "the effect of the cap (H_k, spread and wall coupling of t = 0 in all samples)",
            altered(AHE_LOOPS, **NO_CAP),
        ),
    ),
)

SECTIONS = (
    Section(
        name="1b",
        title="Anomalous Hall loops of the five samples",
        paper="R_xy against H_z for t = 0, 0.5, 1, 1.5 and 2 nm: positive, square, and more gradual with t.",
        ours=(
            "The values of R_AHE, R_off, H_c and the widths: the paper gives them in its figure only.",
            "Fields to ±300 Oe in steps of 5 Oe, half a second at each: H_c moves by about 1 Oe for a dwell five "
            "times as long.",
            "Wall coupling and spread of each sample are fitted to the trends, not measured.",
        ),
        claims=_CLAIMS,
        panel=Panel(AHE_LOOPS, _draw, "R_xy against H_z, no current but the sense current of 0.1 mA."),
    ),
)
