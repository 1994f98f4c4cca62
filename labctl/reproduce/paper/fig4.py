"""Fig. 4(a) and 4(b): minor loops, and the sigmoid neuron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from labctl.reproduce.drawing import draw_run, legend, overlay
from labctl.reproduce.judging import every, result_of, told, words
from labctl.reproduce.paper.common import NO_SPREAD
from labctl.reproduce.plan import Claim, Falsifier, Panel, Section, Verdict, planned

if TYPE_CHECKING:
    from labctl.runfile import Run

_LOOPS = planned("minor-loops", "alox-2.0", I_step="2 mA", hold="10000 s")
NEURON = planned("sigmoid-neuron", "alox-2.0", order="random")
_NO_RESET = NEURON.given(reset="never")


def _levels(runs: Sequence[Run]) -> Verdict:
    (run,) = runs
    states = [found for name, found in run.results.items() if name.startswith("m_at_I_max_")]
    holds = all(b.value - a.value > 0.02 for a, b in pairwise(states))
    return Verdict(holds, f"m = {words(states)}", told(m_at_I_max=states))


def _sigmoid(runs: Sequence[Run]) -> Verdict:
    names = ("X_0", "K", "r_squared", "residual_max")
    found = {name: result_of(name)(runs[0]) for name in names}
    holds = found["r_squared"].value > 0.99 and found["residual_max"].value < 0.05
    text = ", ".join(f"{name} = {words([result])}" for name, result in found.items())
    return Verdict(holds, text, told(**{name: [result] for name, result in found.items()}))


def _draw_loops(figure: Any, runs: Sequence[Run]) -> None:
    draw_run(figure.subplots(), runs[0], None, "#0072B2")


def _draw_neuron(figure: Any, runs: Sequence[Run]) -> None:
    overlay(figure.subplots(), runs, ("with RESET", "RESET left out"))
    legend(figure, 2)


SECTIONS = (
    Section(
        name="4a",
        title="Minor loops from −30 mA to several largest currents",
        paper="R_xy against the pulse current, loops from −30 mA to I_max; t = 2 nm, H_x = −500 Oe.",
        ours=("The list of I_max, 12 to 30 mA, and steps of 2 mA.", "A hold of 10⁴ s at each I_max."),
        claims=(
            Claim(
                name="4a-levels",
                text="The largest current of a loop sets the state: many levels.",
                origin="paper",
                criterion="after 12, 16, 20, 24 and 30 mA m = (R_xy − R_off)/R_AHE rises by more than 0.02 each "
                "time",
                judge=_levels,
                runs=(_LOOPS,),
                falsifier=Falsifier(
                    "the spread of the patches' barriers (σ_K = 10⁻⁶)", (_LOOPS.altered(**NO_SPREAD),)
                ),
                ours="the distance of 0.02",
            ),
            Claim(
                name="4a-nonvolatile",
                text="The states are non-volatile.",
                origin="paper",
                criterion="no state changes by 0.01 R_AHE in 10⁴ s without a pulse, with H_x on",
                judge=every("max_volatility", lambda lost: lost.value < 0.01),
                runs=(_LOOPS,),
                falsifier=Falsifier(
                    "the height of the barriers (60 k_B·300 K instead of 600)",
                    (_LOOPS.altered(E_0="2.5e-19 J"),),
                ),
                ours="the wait and the bound",
            ),
        ),
        panel=Panel((_LOOPS,), _draw_loops, "Minor loops; each bears its I_max in mA."),
    ),
    Section(
        name="4b",
        title="The sigmoid neuron",
        paper="Normalized Hall resistance Y against the current X of a SET pulse, −5 to 30 mA, and "
        "Y = 1/(1 + exp(−(X − X₀)/K)); a RESET at −30 mA precedes every current that is lower than the last.",
        ours=(
            "X₀ and K: the paper gives them in its figure only.",
            "Y is 0 after a RESET and 1 after 30 mA; steps of 1 mA; three cycles, each in a random order.",
        ),
        claims=(
            Claim(
                name="4b-sigmoid",
                text="The state against the current of the SET pulse is a sigmoid.",
                origin="paper",
                criterion="R² > 0.99, and no mean of Y departs from the sigmoid by 0.05",
                judge=_sigmoid,
                runs=(NEURON,),
                falsifier=Falsifier(
                    "the spread of the patches' barriers (σ_K = 10⁻⁶)", (NEURON.altered(**NO_SPREAD),)
                ),
                ours="both bounds",
            ),
            Claim(
                name="4b-reset",
                text="One SET pulse sets a higher state; a lower one takes a RESET first.",
                origin="paper",
                criterion="with currents in random order Y at one current differs between cycles by less than 0.01 "
                "(standard deviation)",
                judge=every("cycle_noise", lambda noise: noise.value < 0.01),
                runs=(NEURON,),
                falsifier=Falsifier("the RESET before a lower current", (_NO_RESET,)),
                ours="the bound",
            ),
        ),
        panel=Panel(
            (NEURON, _NO_RESET), _draw_neuron, "Y against I_SET, with the sigmoid; and without RESETs."
        ),
    ),
)
