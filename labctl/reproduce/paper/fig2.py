"""Fig. 2: switching by current pulses against the in-plane field and against the thickness of AlOx."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labctl.reproduce.drawing import against, legend, overlay, two_axes
from labctl.reproduce.judging import SIGNIFICANT, changes, over, result_of, told, words
from labctl.reproduce.paper.common import (
    BY_FIELD,
    BY_FIELD_STIFF,
    BY_THICKNESS,
    BY_THICKNESS_NO_CAP,
    BY_THICKNESS_NO_SPREAD,
    FIELDS_OE,
    LABELS,
    NO_TORQUE,
    SWITCHING,
    THICKNESSES,
)
from labctl.reproduce.plan import Claim, Falsifier, Panel, Section, Verdict
from protocols.units import mA

if TYPE_CHECKING:
    from labctl.reproduce.plan import Judge
    from labctl.runfile import Run

NO_TILT = (
    "the tilt of the moments and the lowering of the barriers by H_x (anisotropy × 10, same nucleation field)"
)
NO_CAP_EFFECT = "the effect of the cap (H_k, spread and wall coupling of t = 0 in all samples)"
NO_BARRIER_SPREAD = "the spread of the patches' barriers (σ_K = 10⁻⁶ in all samples)"
WIDTH = "ΔI is read from 10 % to 90 % of the height of one branch; the paper draws its range in an inset only"

_PLUS, _MINUS = (SWITCHING.given(mu0_H_x=field) for field in ("800 Oe", "-800 Oe"))
_ZERO = SWITCHING.given(mu0_H_x="0 Oe")


def _opposite(runs: Sequence[Run]) -> Verdict:
    """The two loops go opposite ways, and both switch more than half of the layer."""
    polarity, ratio = ([result_of(name)(run) for run in runs] for name in ("polarity", "switching_ratio"))
    holds = polarity[0].value * polarity[1].value == -1 and all(found.value > 0.5 for found in ratio)
    text = f"polarity {words(polarity)}; ratio {words(ratio)}"
    return Verdict(holds, text, told(polarity=polarity, switching_ratio=ratio))


def _steeper(x: Sequence[float]) -> Judge:
    """Judge: between the last two values of x dI rises significantly more steeply than between the first two."""

    def judge(runs: Sequence[Run]) -> Verdict:
        found = [result_of("dI_10_90")(run) for run in runs]
        slopes: list[tuple[float, float]] = []
        for k in (0, len(found) - 2):
            a, b, distance = found[k], found[k + 1], x[k + 1] - x[k]
            u = math.hypot(a.uncertainty, b.uncertainty) / distance
            slopes.append(((b.value - a.value) / distance, u))
        (first, u_first), (last, u_last) = slopes
        holds = last - first > SIGNIFICANT * math.hypot(u_first, u_last)
        steps = [f"{slope / mA:.3g} ± {u / mA:.1g}" for slope, u in slopes]
        text = f"slope {steps[0]} mA/nm at first, {steps[1]} mA/nm at last"
        return Verdict(holds, text, told(dI_10_90=found))

    return judge


def _loops(labels: Sequence[str]) -> Any:
    def draw(figure: Any, runs: Sequence[Run]) -> None:
        overlay(figure.subplots(), runs, labels)
        legend(figure)

    return draw


def trends(x: Sequence[float], x_label: str) -> Any:
    """Draw dI and the switching ratio against x, each with an axis of its own."""

    def draw(figure: Any, runs: Sequence[Run]) -> None:
        axes = figure.subplots()
        axes.set_xlabel(x_label)
        other = two_axes(axes, r"$\mathrm{\Delta}I$ (mA)", "Switching ratio")
        against(axes, x, [result_of("dI_10_90")(run) for run in runs])
        against(other, x, [result_of("switching_ratio")(run) for run in runs], colour="#D55E00", marker="s")
        axes.set_ylim(bottom=0)
        other.set_ylim(0.6, 1.02)

    return draw


_2A = (
    Claim(
        name="2a-states",
        text="With a larger in-plane field the switching of the sample with t = 1 nm passes through more states.",
        origin="paper",
        criterion="the number of states never falls significantly with H_x, and is at least three times as large "
        "at 1200 Oe as at 200 Oe",
        judge=changes("n_states", +1, 3, strictly=False),
        runs=BY_FIELD,
        falsifier=Falsifier(NO_TILT, BY_FIELD_STIFF),
        ours="a state is an occupied bin of 5 % of the height, in steps of 0.5 mA; the factor of three",
    ),
    Claim(
        name="2a-squareness",
        text="With a larger in-plane field the loop loses its squareness.",
        origin="paper",
        criterion="ΔI over I_th never falls significantly with H_x, and is at least ten times as large at 1200 Oe "
        "as at 200 Oe",
        judge=changes(over("dI_10_90", "I_th", "width over threshold"), +1, 10, strictly=False),
        runs=BY_FIELD,
        falsifier=Falsifier(NO_TILT, BY_FIELD_STIFF),
        ours="squareness as ΔI over I_th; " + WIDTH,
    ),
    Claim(
        name="2a-polarity",
        text="The polarity of the switching reverses with the in-plane field.",
        origin="paper",
        criterion="at +800 Oe and at −800 Oe the loops have opposite polarity, and a ratio above 0.5",
        judge=_opposite,
        runs=(_PLUS, _MINUS),
        falsifier=Falsifier("the in-plane field (H_x = 0 in both runs)", (_ZERO, _ZERO)),
        ours="which sign is which: −1 at positive H_x is inferred from the direction of the minor loops",
    ),
    Claim(
        name="2a-torque",
        text="The current switches the layer by its spin-orbit torque.",
        origin="paper",
        criterion="at +800 Oe and at −800 Oe the loops have opposite polarity, and a ratio above 0.5",
        judge=_opposite,
        runs=(_PLUS, _MINUS),
        falsifier=Falsifier(
            "the damping-like torque (Joule heating stays)",
            (_PLUS.altered(**NO_TORQUE), _MINUS.altered(**NO_TORQUE)),
        ),
    ),
)

_2B = (
    Claim(
        name="2b-states",
        text="At one in-plane field of 800 Oe the switching turns from binary at t = 0 to multilevel at t = 2 nm.",
        origin="paper",
        criterion="the number of states never falls significantly with t, and is at least five times as large at "
        "t = 2 nm as at t = 0",
        judge=changes("n_states", +1, 5, strictly=False),
        runs=BY_THICKNESS,
        falsifier=Falsifier(NO_BARRIER_SPREAD, BY_THICKNESS_NO_SPREAD),
        ours="a state is an occupied bin of 5 % of the height, in steps of 0.5 mA; the factor of five",
    ),
)

_2D = (
    Claim(
        name="2d-ratio",
        text="The switching ratio falls with the in-plane field.",
        origin="paper",
        criterion="the ratio falls significantly from each field to the next, in all by 10 % at least",
        judge=changes("switching_ratio", -1, 1.1),
        runs=BY_FIELD,
        falsifier=Falsifier(NO_TILT, BY_FIELD_STIFF),
        ours="In this model the fall is mostly the tilt of the moments by H_x, little incomplete switching",
    ),
    Claim(
        name="2d-width",
        text="The current range ΔI grows with the in-plane field.",
        origin="paper",
        criterion="ΔI never falls significantly with H_x, and is at least five times as large at 1200 Oe "
        "as at 200 Oe",
        judge=changes("dI_10_90", +1, 5, strictly=False),
        runs=BY_FIELD,
        falsifier=Falsifier(NO_TILT, BY_FIELD_STIFF),
        ours=WIDTH,
    ),
)

_2E = (
    Claim(
        name="2e-width",
        text="At 800 Oe the current range ΔI grows with t.",
        origin="paper",
        criterion="ΔI grows significantly from each sample to the next, in all five times at least",
        judge=changes("dI_10_90", +1, 5),
        runs=BY_THICKNESS,
        falsifier=Falsifier(NO_BARRIER_SPREAD, BY_THICKNESS_NO_SPREAD),
        ours=WIDTH,
    ),
    Claim(
        name="2e-nonlinear",
        text="This growth with t is not linear.",
        origin="paper",
        criterion="the slope of ΔI between t = 1.5 and 2 nm is significantly larger than between 0 and 0.5 nm",
        judge=_steeper(THICKNESSES),
        runs=BY_THICKNESS,
        falsifier=Falsifier(NO_CAP_EFFECT, BY_THICKNESS_NO_CAP),
        ours=WIDTH,
    ),
    Claim(
        name="2e-ratio",
        text="At 800 Oe the switching ratio falls with t.",
        origin="paper",
        criterion="the ratio falls significantly from each sample to the next, in all by 5 % at least",
        judge=changes("switching_ratio", -1, 1.05),
        runs=BY_THICKNESS,
        falsifier=Falsifier(NO_CAP_EFFECT, BY_THICKNESS_NO_CAP),
    ),
)

SECTIONS = (
    Section(
        name="2a",
        title="Switching loops of the sample with t = 1 nm under several in-plane fields",
        paper="R_xy against the pulse current for t = 1 nm; pulses of 10 ms, readings at 0.1 mA.",
        ours=(
            "The list of fields, 200 to 1200 Oe, and all currents: the paper gives them in its figure only.",
            "Loops to ±32 mA, because at 200 Oe the model's sample needs 28.2 mA.",
        ),
        claims=_2A,
        panel=Panel(
            BY_FIELD,
            _loops([f"{field} Oe" for field in FIELDS_OE]),
            "R_xy against I_pulse for t = 1 nm under H_x from 200 to 1200 Oe.",
        ),
    ),
    Section(
        name="2b",
        title="Switching loops of the five samples at 800 Oe",
        paper="R_xy against the pulse current for t = 0, 0.5, 1, 1.5 and 2 nm at H_x = 800 Oe.",
        ours=(
            "All currents: the paper gives them in its figure only.",
            "At t = 2 nm and 800 Oe the model begins to switch at about 3 mA already: no clear threshold there.",
        ),
        claims=_2B,
        panel=Panel(BY_THICKNESS, _loops(LABELS), "R_xy against I_pulse at H_x = 800 Oe."),
    ),
    Section(
        name="2d",
        title="ΔI and switching ratio against the in-plane field",
        paper="ΔI and the ratio of the loops of Fig. 2(a) against H_x, t = 1 nm.",
        ours=(WIDTH + ".",),
        claims=_2D,
        panel=Panel(BY_FIELD, trends(FIELDS_OE, "$H_x$ (Oe)"), "ΔI and switching ratio, t = 1 nm."),
    ),
    Section(
        name="2e",
        title="ΔI and switching ratio against the thickness of AlOx at 800 Oe",
        paper="ΔI and the ratio of the loops of Fig. 2(b) against t.",
        ours=(WIDTH + ".",),
        claims=_2E,
        panel=Panel(BY_THICKNESS, trends(THICKNESSES, "$t$ (nm)"), "ΔI and switching ratio at H_x = 800 Oe."),
    ),
)
