"""Supporting claims: propagation against nucleation, linearity of dI, other samples, symmetry of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from labctl.figures import COLOURS
from labctl.reproduce.drawing import against, legend, overlay
from labctl.reproduce.judging import changes, every, result_of, straight, told, words
from labctl.reproduce.paper.common import (
    AHE_LOOPS,
    BY_FIELD,
    BY_FIELD_STIFF,
    BY_THICKNESS,
    FAR,
    FARTHER,
    FIELDS_OE,
    LABELS,
    NO_WALLS,
    SAMPLES,
    SWITCHING,
    stiff,
)
from labctl.reproduce.paper.fig2 import NO_TILT, WIDTH
from labctl.reproduce.paper.windows import window_of
from labctl.reproduce.plan import Claim, Falsifier, Measured, Panel, Planned, Section, Verdict, planned

if TYPE_CHECKING:
    from labctl.reproduce.plan import Judge
    from labctl.runfile import Run

_MOHM = 1e-3

# --- propagation against nucleation ---------------------------------------------------------------------

_ONE_STEP = (AHE_LOOPS[0], BY_THICKNESS[0])
_NO_WALLS = tuple(run.altered(**NO_WALLS) for run in _ONE_STEP)


def _sharp(runs: Sequence[Run]) -> Verdict:
    width, states = result_of("width_10_90")(runs[0]), result_of("n_states")(runs[1])
    holds = width.limit == "upper" and states.value <= 4
    return Verdict(
        holds, f"width {words([width])}; {words([states])} states", told(width=[width], states=[states])
    )


def _draw_steps(figure: Any, runs: Sequence[Run]) -> None:
    overlay(figure.subplots(), runs, ("$t$ = 0", "$t$ = 0 without wall coupling", "$t$ = 2 nm"))
    legend(figure, 2)


_PROPAGATION = Section(
    name="propagation",
    title="Propagation against nucleation",
    paper="Where walls propagate more easily than domains nucleate, the first nucleus sweeps the layer in one "
    "step; where nucleation is easier, every region switches at its own threshold: many states.",
    ours=(
        "In the model the coupling by walls is a mean field; its decrease with t is fitted to the trend, and with "
        "H_x it follows from the energy of a wall (our derivation).",
    ),
    claims=(
        Claim(
            name="propagation-one-step",
            text="Without AlOx propagation wins: field and current reverse the layer in one step.",
            origin="paper",
            criterion="the field loop of t = 0 is no wider than one step of 5 Oe, and its current loop at 800 Oe "
            "has at most 4 states",
            judge=_sharp,
            runs=_ONE_STEP,
            falsifier=Falsifier("the coupling by walls (J₀ = 0)", _NO_WALLS),
            ours="both bounds",
        ),
    ),
    panel=Panel(
        (AHE_LOOPS[0], _NO_WALLS[0], AHE_LOOPS[-1]),
        _draw_steps,
        "Field loops: with walls, without, and at 2 nm.",
    ),
)

# --- linearity ------------------------------------------------------------------------------------------

#: Below this there is an onset: the reversal is one step, and dI is the step of the current.
_ONSET_OE = 400


def line(x: Sequence[float], least: float, *, number: str = "dI_10_90") -> Judge:
    """Judge: a straight line in x that rises describes at least the share `least` of the number's variance."""

    def judge(runs: Sequence[Run]) -> Verdict:
        found = [result_of(number)(run) for run in runs]
        share = straight(x, [result.value for result in found])
        rises = found[-1].value > found[0].value + 3 * found[-1].uncertainty
        text = f"R² = {share:.4f}: {words(found)}"
        return Verdict(rises and share >= least, text, told(**{number: found}) | {"r_squared": share})

    return judge


def _draw_line(figure: Any, runs: Sequence[Run]) -> None:
    axes = figure.subplots()
    against(axes, FIELDS_OE, [result_of("dI_10_90")(run) for run in runs])
    axes.set_xlabel("$H_x$ (Oe)")
    axes.set_ylabel(r"$\mathrm{\Delta}I$ (mA)")
    axes.set_ylim(bottom=0)


_FROM = FIELDS_OE.index(_ONSET_OE)
_LINEARITY = Section(
    name="linearity",
    title="ΔI against the in-plane field",
    paper="ΔI grows with H_x; the growth is not linear over the whole range.",
    ours=("That beyond an onset of 400 Oe it is nearly linear in this model.", WIDTH + "."),
    claims=(
        Claim(
            name="linearity-field",
            text="Beyond the onset ΔI grows in proportion to the increase of H_x.",
            origin="model",
            criterion=f"from {_ONSET_OE} Oe on a rising straight line describes 97 % of the variance of ΔI",
            judge=line(FIELDS_OE[_FROM:], 0.97),
            runs=BY_FIELD[_FROM:],
            falsifier=Falsifier(NO_TILT, BY_FIELD_STIFF[_FROM:]),
        ),
    ),
    panel=Panel(BY_FIELD, _draw_line, "ΔI against H_x, t = 1 nm."),
)

# --- the other samples ------------------------------------------------------------------------------------

_OTHERS = tuple(sample for sample in SAMPLES if sample != "alox-1.0")
_OTHERS_OE = (400, 800)


def _series(sample: str) -> tuple[Planned, ...]:
    return tuple(
        replace(SWITCHING.on(sample).given(mu0_H_x=f"{field} Oe", I_max=FAR, I_step="1 mA"), seed=seed)
        for seed, field in enumerate(_OTHERS_OE, start=1)
    )


def _each(judge: Judge) -> Judge:
    """Apply a criterion to the series of each sample by itself; it must hold in all."""

    def all_of(runs: Sequence[Run]) -> Verdict:
        n = len(runs) // len(_OTHERS)
        verdicts = [judge(runs[k : k + n]) for k in range(0, len(runs), n)]
        text = " | ".join(
            f"{sample}: {verdict.measured}" for sample, verdict in zip(_OTHERS, verdicts, strict=True)
        )
        values = {sample: verdict.values for sample, verdict in zip(_OTHERS, verdicts, strict=True)}
        return Verdict(all(verdict.holds for verdict in verdicts), text, values)

    return all_of


def _draw_others(figure: Any, runs: Sequence[Run]) -> None:
    left, right = figure.subplots(1, 2)
    for number, sample in enumerate(_OTHERS):
        index, series = SAMPLES.index(sample), runs[2 * number : 2 * number + 2]
        style: dict[str, Any] = {"colour": COLOURS[index], "marker": "osv^D"[index]}
        ratio, width = ([result_of(name)(run) for run in series] for name in ("switching_ratio", "dI_10_90"))
        against(left, _OTHERS_OE, ratio, label=LABELS[index], **style)
        against(right, _OTHERS_OE, width, **style)
    left.set_ylabel("Switching ratio")
    right.set_ylabel(r"$\mathrm{\Delta}I$ (mA)")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlabel("$H_x$ (Oe)")
    legend(figure, 4)


_SERIES = tuple(run for sample in _OTHERS for run in _series(sample))
_SERIES_STIFF = tuple(stiff(run.given(I_max=FARTHER)) for run in _SERIES)
_OTHER_SAMPLES = Section(
    name="samples",
    title="The in-plane field in the other samples",
    paper="The dependence on H_x is shown for t = 1 nm, and for the other samples in the supporting information, "
    "which was not available.",
    ours=("Two fields for each sample, in steps of 1 mA.",),
    claims=(
        Claim(
            name="samples-ratio",
            text="In the other samples too the switching ratio falls with the in-plane field.",
            origin="paper",
            criterion="in each sample the ratio falls significantly from 400 to 800 Oe, and by 5 % at least",
            judge=_each(changes("switching_ratio", -1, 1.05)),
            runs=_SERIES,
            falsifier=Falsifier(NO_TILT, _SERIES_STIFF),
        ),
    ),
    panel=Panel(_SERIES, _draw_others, "Ratio and ΔI against H_x for t = 0, 0.5, 1.5 and 2 nm.", (6.8, 2.6)),
)

# --- symmetry of the window -----------------------------------------------------------------------------

_SYMMETRY_OE = (-600, -500, -400, 400, 500, 600)
#: Height of a spike over the threshold current at the same field: 8 mA at -500 Oe (our choice).
_SPIKE_OVER_THRESHOLD = 0.48


def _window_at(field: int) -> Planned:
    threshold = planned("sot-switching", "alox-2.0", mu0_H_x=f"{field} Oe", I_step="1 mA")
    height = Measured(threshold, "I_th", _SPIKE_OVER_THRESHOLD)
    return planned("stdp", "alox-2.0", mu0_H_x=f"{field} Oe", I_spike=height, n_repeats="2", dt_step="4 ms")


_WINDOWS = tuple(_window_at(field) for field in _SYMMETRY_OE)
_UNPREPARED = tuple(run.given(I_start="1 mA") for run in _WINDOWS)


def _mirrored(runs: Sequence[Run]) -> Verdict:
    verdict = every("asymmetry", lambda share: share.value < 0.1)(runs)
    windows = [window_of(run) for run in runs]
    first = [window.mean[window.delays[0]] for window in windows]
    n = len(first) // 2
    reverses = all(a < 0 for a in first[:n]) and all(a > 0 for a in first[n:])
    directions = ", ".join(f"{change / _MOHM:+.0f}" for change in first)
    text = f"asymmetry {verdict.measured}; ΔR at +4 ms {directions} mΩ"
    return Verdict(verdict.holds and reverses, text, verdict.values)


def _draw_symmetry(figure: Any, runs: Sequence[Run]) -> None:
    axes = figure.subplots()
    overlay(axes, runs, [f"{field:+d} Oe".replace("-", "−") for field in _SYMMETRY_OE])
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.45 * (high - low))  # room for the spike above all windows
    legend(figure)


_SYMMETRY = Section(
    name="symmetry",
    title="Symmetry of the plasticity window",
    paper="The windows are antisymmetric in Δt, and reverse with the in-plane field.",
    ours=(
        "Fields of ±400, ±500 and ±600 Oe; spikes of 0.48 times the threshold current measured at that field; "
        "t = 2 nm, spike 1.",
        "Which way the window points at which field.",
    ),
    claims=(
        Claim(
            name="symmetry",
            text="Positive and negative delays change the resistance alike, with opposite sign.",
            origin="paper",
            criterion="at each field the half-sums over both signs of Δt are within 10 % of the half-differences "
            "(rms), and the window reverses with H_x",
            judge=_mirrored,
            runs=_WINDOWS,
            falsifier=Falsifier("the demagnetizing before each pair (trains from 1 mA)", _UNPREPARED),
            ours="the bound of 10 %",
        ),
    ),
    panel=Panel(_WINDOWS, _draw_symmetry, "ΔR_xy against Δt at six in-plane fields.", (3.4, 3.0)),
)

SECTIONS = (_PROPAGATION, _LINEARITY, _OTHER_SAMPLES, _SYMMETRY)
