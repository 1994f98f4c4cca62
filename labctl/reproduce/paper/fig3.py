"""Fig. 3(b) to 3(d): the demagnetized state, the spikes, and the windows of plasticity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labctl import registry
from labctl.figures import COLOURS
from labctl.reproduce.drawing import draw_run, legend, overlay
from labctl.reproduce.judging import every, told, words
from labctl.reproduce.paper.windows import HEAD, antisymmetric, timed, window_of
from labctl.reproduce.plan import Claim, Falsifier, Panel, Section, Verdict, planned
from protocols.analysis.demagnetization import DEMAGNETIZED

if TYPE_CHECKING:
    from labctl.runfile import Run

SAMPLE = "alox-2.0"
SPIKE_CHOICE = "shape, height and length of the spikes: the paper gives them in its figure only"

_TRAIN = planned("demagnetize", SAMPLE)
_FROM_BOTH = tuple(_TRAIN.given(preparation=state) for state in ("saturate+", "saturate-"))
_PULSE_BY_PULSE = tuple(run.given(mode="pulses") for run in _FROM_BOTH)
_WINDOW_1, _WINDOW_2 = (planned("stdp", SAMPLE, spike=shape) for shape in ("1", "2"))
#: Two spikes of 18 ms that are 20 ms apart never meet.
_APART = planned("stdp", SAMPLE, spike="1", dt_max="20 ms", dt_step="20 ms")


def _draw_demagnetizing(figure: Any, runs: Sequence[Run]) -> None:
    overlay(figure.subplots(), runs, ("from saturation up", "from saturation down"))
    legend(figure, 2)


def waveform(run: Run, delay: float) -> tuple[list[float], list[float]]:
    """Time (ms) and current (mA) of a pair of spikes `delay` (s) apart, as stairs that end at 0."""
    parameters = {name: quantity.value for name, quantity in run.parameters.items()}
    asked = registry.load_protocol(run.protocol).parameters.model_validate(parameters)
    samples: list[float] = asked.waveform(round(delay / 1e-4))  # pyright: ignore[reportAttributeAccessIssue]
    return [0.1 * k for k in range(len(samples) + 1)], [1e3 * current for current in samples]


def draw_waveform(axes: Any, run: Run, delay: float, colour: str, label: str | None = None) -> None:
    """Draw the current of a pair of spikes (mA) against time (ms)."""
    edges, samples = waveform(run, delay)
    axes.stairs(samples, edges, baseline=None, color=colour, linewidth=0.8, label=label)


def _draw_spikes(figure: Any, runs: Sequence[Run]) -> None:
    for axes, run, name in zip(figure.subplots(2, sharex=True, sharey=True), runs, "12", strict=True):
        for delay, colour in zip((6e-3, -6e-3), COLOURS, strict=False):
            draw_waveform(axes, run, delay, colour, rf"$\Delta t$ = {1e3 * delay:+g} ms")
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
        inset = axes.inset_axes((0.66, 0.64, 0.31, 0.26) if _rises_left(run) else (0.06, 0.64, 0.31, 0.26))
        draw_waveform(inset, run, 6e-3, "0.3")
        inset.set_title(r"$I(t)$, $\Delta t$ = 6 ms", fontsize=6, pad=2)
        inset.set_xticks([])
        inset.set_yticks([])
    columns[1].set_ylabel("")


def _rises_left(run: Run) -> bool:
    return window_of(run).mean[-HEAD] > 0


def _alone(runs: Sequence[Run]) -> Verdict:
    apart, near = (window_of(run) for run in runs)
    share = apart.largest / near.largest
    text = (
        f"{1e3 * apart.largest:.2g} mΩ 20 ms apart, {1e3 * near.largest:.3g} mΩ at most: {100 * share:.2g} %"
    )
    return Verdict(share < 0.1, text, {"share": share, "apart": apart.largest, "near": near.largest})


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
                criterion="spikes that do not overlap change R_xy by less than 10 % of the largest change of an "
                "overlapping pair",
                judge=_alone,
                runs=(_APART, _WINDOW_1),
                falsifier=Falsifier(
                    "the threshold of a single spike (heads of 16 mA instead of 8 mA)",
                    (_APART.given(I_spike="16 mA"), _WINDOW_1),
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
                criterion="the window with spike 1 is there (as above), and antisymmetric within 20 %",
                judge=antisymmetric(0.2),
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
            "ΔR_xy of every pair against Δt, with fits; insets: the current of a pair.",
            (6.8, 2.8),
        ),
    ),
)
