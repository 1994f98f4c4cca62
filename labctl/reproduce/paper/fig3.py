"""Fig. 3(b) to 3(d): the demagnetized state, the spikes, and the windows of plasticity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labctl.figures import COLOURS
from labctl.reproduce.drawing import draw_run, legend, overlay
from labctl.reproduce.judging import every, told, words
from labctl.reproduce.paper.windows import timed
from labctl.reproduce.plan import Claim, Falsifier, Panel, Section, Verdict, planned
from protocols.analysis.demagnetization import DEMAGNETIZED
from protocols.units import mA, ms

if TYPE_CHECKING:
    from labctl.runfile import Run

SAMPLE = "alox-2.0"
SPIKE_CHOICE = "shape, height and length of the spikes: the paper gives them in its figure only"

_TRAIN = planned("demagnetize", SAMPLE)
_FROM_BOTH = tuple(_TRAIN.given(preparation=state) for state in ("saturate+", "saturate-"))
_PULSE_BY_PULSE = tuple(run.given(mode="pulses") for run in _FROM_BOTH)
_WINDOW_1, _WINDOW_2 = (planned("stdp", SAMPLE, spike=shape) for shape in ("1", "2"))


def _draw_demagnetizing(figure: Any, runs: Sequence[Run]) -> None:
    overlay(figure.subplots(), runs, ("from saturation up", "from saturation down"))
    legend(figure, 2)


def _draw_waveform(axes: Any, run: Run, delay: float, colour: str) -> None:
    """Draw the current of a pair of spikes (mA) against time (ms), as the file has it, slot by slot."""
    played = run.waveforms
    if played is None:
        return
    (row,) = [k for k, at in enumerate(played.at.tolist()) if math.isclose(at, delay, abs_tol=1e-6)]
    label = rf"$\mathrm{{\Delta}}t$ = {delay / ms:+g} ms".replace("-", "−")
    axes.step(
        played.time / ms, played.current[row] / mA, where="post", color=colour, linewidth=0.8, label=label
    )


def _draw_spikes(figure: Any, runs: Sequence[Run]) -> None:
    for axes, run, name in zip(figure.subplots(2, sharex=True, sharey=True), runs, "12", strict=True):
        for delay, colour in zip((6e-3, -6e-3), COLOURS, strict=False):
            _draw_waveform(axes, run, delay, colour)
        axes.axhline(0, color="0.8", linewidth=0.5, zorder=0)
        axes.set_ylabel("$I$ (mA)")
        axes.set_title(f"spike {name}", loc="right")
    figure.axes[-1].set_xlabel("Time (ms)")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)


def _draw_windows(figure: Any, runs: Sequence[Run]) -> None:
    columns = figure.subplots(1, 2, sharey=True)
    for axes, run, name, colour in zip(columns, runs, "12", COLOURS, strict=False):
        draw_run(axes, run, None, colour)
        axes.set_title(f"spike {name}")
    columns[1].set_ylabel("")


def _faster(runs: Sequence[Run]) -> Verdict:
    sides = ("tau_plus", "tau_minus")
    one, two = ([run.results[side] for side in sides] for run in runs)
    holds = all(b.value < a.value / 1.5 for a, b in zip(one, two, strict=True))
    return Verdict(holds, f"τ = {words(one)} and {words(two)}", told(tau_spike_1=one, tau_spike_2=two))


_DEMAGNETIZED = Claim(
    name="3b-demagnetized",
    text="Alternating pulses of decreasing current (+28, −27.5, … +1, −0.5 mA, 56 pulses) demagnetize the sample "
    "with t = 2 nm at H_x = −500 Oe: its Hall resistance becomes about zero.",
    origin="paper",
    criterion=f"|R_xy − R_off| < {DEMAGNETIZED:g} R_AHE from both saturated states",
    judge=every("R_xy_residual_over_R_AHE", lambda left: abs(left.value) < DEMAGNETIZED),
    runs=_FROM_BOTH,
    falsifier=Falsifier(
        "the weakness of the wall coupling (52 Oe as at t = 0 instead of 10 Oe)",
        tuple(run.altered(mu0_J_0="52 Oe") for run in _FROM_BOTH),
    ),
    ours="the bound of 5 %; the Hall resistance is counted from the middle of the two saturated states",
)
_FIELD_NEEDED = Claim(
    name="3b-field",
    text="The in-plane field takes part in it: the pulses are applied at H_x = −500 Oe.",
    origin="paper",
    criterion=_DEMAGNETIZED.criterion,
    judge=_DEMAGNETIZED.judge,
    runs=_FROM_BOTH,
    falsifier=Falsifier(
        "the in-plane field (H_x = 0)", tuple(run.given(mu0_H_x="0 Oe") for run in _FROM_BOTH)
    ),
    ours=_DEMAGNETIZED.ours,
)

SECTIONS = (
    Section(
        name="3b",
        title="Demagnetizing by alternating pulses",
        paper="56 pulses, alternating and decreasing by 0.5 mA from +28 mA, at H_x = −500 Oe; t = 2 nm.",
        ours=(
            "The model's samples with t ≤ 1.5 nm do not demagnetize this way; the paper claims it for t = 2 nm "
            "only.",
            "What the panel of the paper shows was not available; here every pulse of the train is followed by a "
            "reading, while the claim is judged by trains that are played as one waveform.",
        ),
        claims=(_DEMAGNETIZED, _FIELD_NEEDED),
        panel=Panel(
            _PULSE_BY_PULSE, _draw_demagnetizing, "R_xy after each pulse of the train, from both states."
        ),
    ),
    Section(
        name="3c",
        title="The spikes as the device sees them",
        paper="The device sees I_pre(t) − I_post(t − Δt), Δt = t_post − t_pre.",
        ours=(SPIKE_CHOICE[0].upper() + SPIKE_CHOICE[1:] + ".", "Δt = t_post − t_pre is our convention."),
        claims=(
            Claim(
                name="3c-threshold",
                text="One spike does not switch, two that overlap do.",
                origin="paper",
                criterion="with both shapes, a lone spike of either neuron changes R_xy by less than 10 % of the "
                "largest change by a pair",
                judge=every("lone_spike_ratio", lambda share: share.value < 0.1),
                runs=(_WINDOW_1, _WINDOW_2),
                falsifier=Falsifier(
                    "the threshold of a single spike (heads of 16 mA instead of 8 mA)",
                    tuple(run.given(I_spike="16 mA") for run in (_WINDOW_1, _WINDOW_2)),
                ),
                ours="the bound of 10 %; " + SPIKE_CHOICE,
            ),
        ),
        panel=Panel(
            (_WINDOW_1, _WINDOW_2),
            _draw_spikes,
            "Current through the device for pairs 6 ms apart.",
            (3.4, 3.2),
        ),
    ),
    Section(
        name="3d",
        title="Windows of spike-timing-dependent plasticity",
        paper="Change of the Hall resistance by a pair of spikes, Δt from −12 to 12 ms, after demagnetizing; two "
        "shapes of spikes; t = 2 nm, H_x = −500 Oe.",
        ours=(
            SPIKE_CHOICE[0].upper() + SPIKE_CHOICE[1:] + ".",
            "Sign and size of the change: the paper gives them in its figure only.",
        ),
        claims=(
            Claim(
                name="3d-timing",
                text="The sign of the change follows the order of the spikes, and its size falls with their delay.",
                origin="paper",
                criterion="for both spikes: opposite signs at ±2 ms; from ±2 ms on |ΔR| never rises beyond its "
                "scatter with |Δt|, and is below half of its maximum at ±12 ms",
                judge=timed,
                runs=(_WINDOW_1, _WINDOW_2),
                falsifier=Falsifier(
                    "the in-plane field (H_x = 0)",
                    (_WINDOW_1.given(mu0_H_x="0 Oe"), _WINDOW_2.given(mu0_H_x="0 Oe")),
                ),
                ours="delays below the head of 2 ms are left out; 3 pairs for each delay",
            ),
            Claim(
                name="3d-shape",
                text="The window can be programmed by the shape of the spikes.",
                origin="paper",
                criterion="the decay time of the window is at least 1.5 times as long with spike 1, a linear tail, "
                "as with spike 2, an exponential one",
                judge=_faster,
                runs=(_WINDOW_1, _WINDOW_2),
                falsifier=Falsifier("the difference of the shapes (spike 1 twice)", (_WINDOW_1, _WINDOW_1)),
                ours=SPIKE_CHOICE + "; an exponential as the law of the window; the factor of 1.5",
            ),
            Claim(
                name="3d-reset",
                text="The sample is demagnetized before each pair of spikes.",
                origin="paper",
                criterion="the window with spike 1 is antisymmetric: its half-sums over both signs of Δt are "
                "within 20 % of its half-differences (rms)",
                judge=every("asymmetry", lambda share: share.value < 0.2),
                runs=(_WINDOW_1,),
                falsifier=Falsifier(
                    "the demagnetizing (trains from 1 mA, which switch nothing)",
                    (_WINDOW_1.given(I_start="1 mA"),),
                ),
                ours="that the window needs it; the bound of 20 %",
            ),
        ),
        panel=Panel(
            (_WINDOW_1, _WINDOW_2),
            _draw_windows,
            "ΔR_xy of every pair against Δt, with means, 95 % confidence intervals and fits; insets: one spike.",
            (6.8, 2.8),
        ),
    ),
)
