"""Harmonic Hall measurements: anisotropy, efficiency, and Fig. 2(c) and 2(f) at half of the measured H_k."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from labctl.reproduce.drawing import against, draw_run, legend, overlay
from labctl.reproduce.judging import changes, every, result_of, spread_below, straight, told, words
from labctl.reproduce.paper.common import (
    BY_THICKNESS,
    LABELS,
    NO_CAP,
    NO_SPREAD,
    NO_TORQUE,
    SAMPLES,
    SWITCHING,
    THICKNESSES,
    altered,
    on_all,
)
from labctl.reproduce.paper.fig2 import NO_BARRIER_SPREAD, NO_CAP_EFFECT, WIDTH, trends
from labctl.reproduce.plan import Claim, Falsifier, Measured, Panel, Section, Verdict, planned
from protocols.units import Oe

if TYPE_CHECKING:
    from labctl.runfile import Run

#: The paper's efficiency at t = 0, 25 Oe per 1e7 A/cm2, in T m2/A.
EFFICIENCY = 2.5e-14

_REVERSED = planned("harmonic-hall", "alox-0.0", station="sim-dc")
_HARMONIC = on_all(_REVERSED.given(mu0_H_step="60 Oe", mu0_H_high="0 Oe", n_readings="1"))
_AT_HALF = tuple(
    replace(SWITCHING.on(sample).given(mu0_H_x=Measured(harmonic, "mu0_H_k", 0.5)), seed=seed)
    for seed, (sample, harmonic) in enumerate(zip(SAMPLES, _HARMONIC, strict=True), start=1)
)
_AT_HALF_NO_SPREAD = altered(_AT_HALF, **NO_SPREAD)

_LOCK_IN = planned("harmonic-hall", "alox-0.0", mu0_H_step="60 Oe", n_readings="2")
_PLANAR = _REVERSED.given(mu0_H_step="60 Oe", n_readings="2").altered(R_PHE="0.12 ohm")


def _near(found: Any) -> bool:
    return abs(found.value / EFFICIENCY - 1) < 0.05


def _line_in_anisotropy(runs: Sequence[Run]) -> Verdict:
    n = len(runs) // 2
    H_k, dI = (
        [result_of("mu0_H_k")(run) for run in runs[:n]],
        [result_of("dI_10_90")(run) for run in runs[n:]],
    )
    share = straight([found.value for found in H_k], [found.value for found in dI])
    falls = dI[0].value < dI[-1].value - 3 * dI[-1].uncertainty
    text = f"R² = {share:.4f}: {words(dI)} at {words(H_k)}"
    return Verdict(falls and share > 0.97, text, told(mu0_H_k=H_k, dI_10_90=dI) | {"r_squared": share})


def _draw_loops(figure: Any, runs: Sequence[Run]) -> None:
    fields = [run.parameters["mu0_H_x"].value / Oe for run in runs]
    overlay(
        figure.subplots(),
        runs,
        [f"{label}, {field:.0f} Oe" for label, field in zip(LABELS, fields, strict=True)],
    )
    legend(figure, 2)


def _draw_anisotropy(figure: Any, runs: Sequence[Run]) -> None:
    axes = figure.subplots()
    against(axes, THICKNESSES, [result_of("mu0_H_k")(run) for run in runs])
    axes.set_xlabel("$t$ (nm)")
    axes.set_ylabel(r"$H_\mathrm{k}$ (Oe)")


def _draw_harmonics(figure: Any, runs: Sequence[Run]) -> None:
    draw_run(figure.subplots(), runs[0], None, "#0072B2")


def _draw_line(figure: Any, runs: Sequence[Run]) -> None:
    n = len(runs) // 2
    axes = figure.subplots()
    against(
        axes,
        [run.results["mu0_H_k"].value / Oe for run in runs[:n]],
        [result_of("dI_10_90")(run) for run in runs[n:]],
    )
    axes.set_xlabel(r"Measured $H_\mathrm{k}$ (Oe)")
    axes.set_ylabel(r"$\mathrm{\Delta}I$ (mA)")
    axes.set_ylim(bottom=0)


_HALF = "H_x is half of the H_k that the harmonic Hall measurement of that sample gave, by cos(arcsin)."

_FIG_2C = Section(
    name="2c",
    title="Switching loops of the five samples at half of their anisotropy field",
    paper="R_xy against the pulse current at H_x/H_k ≈ 0.5 for all thicknesses: the ratio is roughly the same.",
    ours=(
        _HALF,
        "All currents and fields: the paper gives them in its figure only.",
        "At t = 2 nm the model does not switch completely with 28 mA, which makes most of the difference.",
    ),
    claims=(
        Claim(
            name="2c-ratio",
            text="At H_x/H_k ≈ 0.5 the switching ratio of all samples is roughly the same.",
            origin="paper",
            criterion="the ratios of the five samples differ by less than 0.03",
            judge=spread_below("switching_ratio", 0.03),
            runs=_AT_HALF,
            falsifier=Falsifier("the scaling of H_x with H_k (800 Oe for all samples)", BY_THICKNESS),
            ours="the bound of 0.03",
        ),
    ),
    panel=Panel(_AT_HALF, _draw_loops, "R_xy against I_pulse at half of the measured H_k.", (3.4, 2.9)),
)

_FIG_2F = Section(
    name="2f",
    title="ΔI and switching ratio against the thickness of AlOx at half of the anisotropy field",
    paper="ΔI and the ratio of the loops of Fig. 2(c) against t.",
    ours=(_HALF, WIDTH + "."),
    claims=(
        Claim(
            name="2f-width",
            text="At H_x/H_k ≈ 0.5 too the current range ΔI grows with t.",
            origin="paper",
            criterion="ΔI grows significantly from each sample to the next, in all five times at least",
            judge=changes("dI_10_90", +1, 5),
            runs=_AT_HALF,
            falsifier=Falsifier(NO_BARRIER_SPREAD, _AT_HALF_NO_SPREAD),
            ours=WIDTH,
        ),
    ),
    panel=Panel(
        _AT_HALF, trends(THICKNESSES, "$t$ (nm)"), "ΔI and switching ratio at half of the measured H_k."
    ),
)

FIGURES = (_FIG_2C, _FIG_2F)

SECTIONS = (
    Section(
        name="harmonic",
        title="Anisotropy field from the harmonic Hall measurement",
        paper="H_k of each sample is measured by the first harmonic; it falls with t.",
        ours=(
            "All values of H_k: the paper's were not available. Local spread makes the apparent H_k "
            "smaller than its mean; it is compared with nothing but itself.",
            "A direct current is reversed here instead of a lock-in, and the thermal part is not separated, which "
            "is quicker; the efficiency is measured with the lock-in, and without the thermal part.",
        ),
        claims=(
            Claim(
                name="harmonic-anisotropy",
                text="The anisotropy field falls with t.",
                origin="paper",
                criterion="H_k falls significantly from each sample to the next, in all by 20 % at least",
                judge=changes("mu0_H_k", -1, 1.2),
                runs=_HARMONIC,
                falsifier=Falsifier(NO_CAP_EFFECT, altered(_HARMONIC, **NO_CAP)),
            ),
        ),
        panel=Panel(_HARMONIC, _draw_anisotropy, "H_k of the five samples."),
    ),
    Section(
        name="efficiency",
        title="Efficiency of the damping-like torque without AlOx",
        paper="25 Oe per 10⁷ A/cm² for the stack without AlOx.",
        ours=(
            "J is the mean density over all metal, peak; the paper does not say which its value means.",
            "Current, frequency and fields of the measurement.",
        ),
        claims=(
            Claim(
                name="efficiency-value",
                text="The damping-like field at t = 0 is 25 Oe per 10⁷ A/cm².",
                origin="paper",
                criterion="|H_DL|/J is within 5 % of 25 Oe per 10⁷ A/cm² (2.5e-14 T m²/A)",
                judge=every("mu0_H_DL_per_J", _near),
                runs=(_LOCK_IN,),
                falsifier=Falsifier(
                    "the damping-like torque (a millionth of it is left)", (_LOCK_IN.altered(**NO_TORQUE),)
                ),
                ours="the bound of 5 %",
            ),
            Claim(
                name="efficiency-planar",
                text="The planar Hall effect is corrected for: on a sample with R_PHE/R_AHE = 0.3 the efficiency "
                "comes out the same.",
                origin="model",
                criterion="|H_DL|/J is within 5 % of 25 Oe per 10⁷ A/cm² (2.5e-14 T m²/A)",
                judge=every("mu0_H_DL_per_J", _near),
                runs=(_PLANAR,),
                falsifier=Falsifier(
                    "the planar-Hall correction (R_PHE/R_AHE taken as 0)",
                    (_PLANAR.given(planar_hall="given"),),
                ),
            ),
        ),
        panel=Panel((_LOCK_IN,), _draw_harmonics, "Second harmonic against the in-plane field, t = 0."),
    ),
    Section(
        name="linearity-anisotropy",
        title="ΔI against the anisotropy field",
        paper="ΔI grows where H_k is smaller.",
        ours=(_HALF, "That the line is straight is this model's.", WIDTH + "."),
        claims=(
            Claim(
                name="linearity-H_k",
                text="At H_x/H_k ≈ 0.5 ΔI grows in proportion to the decrease of H_k.",
                origin="model",
                criterion="a falling straight line in the measured H_k describes 97 % of the variance of ΔI",
                judge=_line_in_anisotropy,
                runs=(*_HARMONIC, *_AT_HALF),
                falsifier=Falsifier(NO_BARRIER_SPREAD, (*_HARMONIC, *_AT_HALF_NO_SPREAD)),
            ),
        ),
        panel=Panel((*_HARMONIC, *_AT_HALF), _draw_line, "ΔI at half of the measured H_k against it."),
    ),
)
