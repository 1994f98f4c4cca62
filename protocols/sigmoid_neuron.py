"""Sigmoid neuron: R_xy against the current of SET pulses, after a RESET where the current falls.

Method    The layer may first be saturated or demagnetized, and is then read (preparation.py); what it is before
          the first cycle does not matter to the neuron. The field lies along the current (magnet_x) and stays at
          mu0_H_x. A cycle begins with its two ends:
          one SET pulse of I_last, after which R_hi is the mean of 5 readings of R_xy, and one RESET pulse of
          -I_reset, after which R_lo is the mean of 5. The currents from I_first to I_last in steps of I_step
          follow, each once, in ascending order or shuffled (anew in every cycle, from order_seed). Where a
          current is higher than the one before, or the first of its cycle, it is one SET pulse; where it is
          lower, a RESET pulse comes first, because the larger current before would still decide the state.
          reset = never leaves these RESETs out, all but that for R_lo, to show what comes of it. A pulse is
          rectangular and t_pulse long. After its end, `settle` seconds at 0 A pass, the field is measured,
          and R_xy is read at +-I_sense by current reversal, with the field on. A current of 0 is no pulse:
          nothing is played, and R_xy is read all the same. Y = (R_xy - R_lo) / (R_hi - R_lo). The compliance
          of the sense current is checked at R_hi and R_lo; a source in compliance ends the run.
Reports   X_0, K (A), cycle_noise, r_squared, residual_max (analysis/sigmoid.py).
Source    Li et al., Chin. Phys. B 31, 117106 (2022), Fig. 4(b): currents from -5 to 30 mA, RESET at -30 mA,
          mu0_H_x = -500 Oe. I_step, the number of cycles, and R_lo and R_hi as the ends of Y are choices of
          this package.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from statistics import fmean, variance
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import model_validator

from protocols.drawing import frame
from protocols.preparation import (
    PREPARED_COLUMN,
    Preparation,
    PreparedParameters,
    fields_needed,
    prepare_state,
)
from protocols.sensing import (
    IN_PLANE_FIELD_COLUMNS,
    SATURATED,
    TIME_COLUMN,
    VOLTAGE_COLUMNS,
    in_plane_field,
    prepare_sensing,
    pulse_once,
    sensed,
)
from protocols.set_points import n_set_points, set_points
from protocols.steps import hall_resistance, require_regulation
from protocols.units import A, Oe, mA
from protocols.vocabulary import Analysis, Column, Envelope, Lab, MeasurementProtocol, Row, parameter

if TYPE_CHECKING:
    from protocols.vocabulary import Data

_MAX_ROWS = 1_000_000
_NOTED = 3  # runs of one figure whose numbers stand beside their curves: more have no room

#: Readings that R_lo and R_hi are the means of.
END_READINGS = 5


class Parameters(PreparedParameters[Preparation]):
    """What the neuron can be asked for; SI inside."""

    mu0_H_x: float = in_plane_field(-500 * Oe)
    I_first: float = parameter(
        -5 * mA, "lowest current, at least -I_reset", unit="A", display="mA", low=-1 * A, high=1 * A
    )
    I_last: float = parameter(
        30 * mA, "highest current, which makes R_hi", unit="A", display="mA", above=0, high=1 * A
    )
    I_step: float = parameter(
        1 * mA,
        "distance of the currents, at most I_last - I_first",
        unit="A",
        display="mA",
        above=0,
        high=2 * A,
    )
    I_reset: float = parameter(
        30 * mA, "magnitude of the negative RESET pulse", unit="A", display="mA", above=0, high=1 * A
    )
    n_cycles: int = parameter(3, "how often all currents are set; two show the noise", low=1, high=10_000)
    order: Literal["ascending", "random"] = parameter("ascending", "order of the currents in a cycle")
    order_seed: int = parameter(0, "where order is random: what the shuffles start from", low=0, high=2**63)
    reset: Literal["when-needed", "never"] = parameter(
        "when-needed", "RESET before a current lower than the last, or never: the state is then wrong"
    )

    @model_validator(mode="after")
    def _currents_make_a_cycle(self) -> Self:
        if self.I_first >= self.I_last:
            raise ValueError(
                f"I_first must be below I_last ({self.I_last / mA:.6g} mA); got {self.I_first / mA:.6g} mA"
            )
        if self.I_first < -self.I_reset:
            raise ValueError(
                f"I_first must be at least -I_reset ({-self.I_reset / mA:.6g} mA), which is the lowest state; "
                f"got {self.I_first / mA:.6g} mA"
            )
        if self.I_step > self.I_last - self.I_first:
            raise ValueError(
                f"I_step must be at most I_last - I_first ({(self.I_last - self.I_first) / mA:.6g} mA); "
                f"got {self.I_step / mA:.6g} mA"
            )
        self.require_fitting_pulse(self.I_last, "I_last")
        self.require_fitting_pulse(self.I_reset, "I_reset")
        # The ratio goes first: a step of 1e-300 A would make a number of rows too large to count.
        if (self.I_last - self.I_first) / self.I_step > _MAX_ROWS or n_rows(self) > _MAX_ROWS:
            raise ValueError(
                f"I_step must leave at most {_MAX_ROWS} rows in {self.n_cycles} cycle(s); "
                f"got {self.I_step / mA:.6g} mA"
            )
        return self


columns = (
    Column("I_set", "A", "current of the SET pulse before the reading; 0: no pulse", display="mA"),
    Column("R_xy", "ohm", "Hall resistance (V_plus - V_minus) / (2 I_sense), in the field"),
    Column("R_lo", "ohm", "R_xy after the RESET at the start of the cycle, mean: Y is 0 there"),
    Column("R_hi", "ohm", "R_xy after I_last at the start of the cycle, mean: Y is 1 there"),
    Column("u_span", "ohm", "standard uncertainty of R_hi - R_lo from the scatter of the readings"),
    *IN_PLANE_FIELD_COLUMNS,
    *VOLTAGE_COLUMNS,
    Column("cycle", "1", "number of the cycle, from 1", dtype="int64"),
    Column("n_resets", "1", "number of RESETs played so far, those for R_lo included", dtype="int64"),
    Column("pulse", "1", "number of pulses played so far, RESETs included", dtype="int64"),
    PREPARED_COLUMN,
    TIME_COLUMN,
)


def sigmoid_neuron(lab: Lab, p: Parameters) -> Iterator[Row]:
    """Measure all cycles, one row per current; MeasurementError where the source is in compliance."""
    u_I_sense = prepare_sensing(lab, p)
    if p.preparation in SATURATED:
        lab.magnet_x.ramp_to(0.0)
    R_xy_prepared = prepare_state(lab, p)
    played = resets = 0
    for cycle, steps in enumerate(_cycles(p), start=1):
        R_hi, u_hi = _end(lab, p, p.I_last)
        R_lo, u_lo = _end(lab, p, -p.I_reset)
        lab.note(f"cycle {cycle}: R_hi = {R_hi:.6g} ohm, R_lo = {R_lo:.6g} ohm")
        played, resets = played + 2, resets + 1
        for step in steps:
            if step.is_reset:
                resets += 1
                played += pulse_once(lab, p, -p.I_reset)
                lab.wait(p.settle)
            played += pulse_once(lab, p, step.current)
            lab.wait(p.settle)
            mu0_H_x = lab.magnet_x.read_field()
            yield Row(
                I_set=step.current,
                **sensed(hall_resistance(lab, p.I_sense), u_I_sense),
                R_lo=R_lo,
                R_hi=R_hi,
                u_span=math.hypot(u_lo, u_hi),
                mu0_H_x=mu0_H_x,
                mu0_H_x_set=p.mu0_H_x,
                cycle=cycle,
                n_resets=resets,
                pulse=played,
                R_xy_prepared=R_xy_prepared,
                time=lab.now(),
            )


@dataclass(frozen=True, slots=True)
class _Step:
    """One current (A) of a cycle, and whether a RESET comes before it."""

    current: float
    is_reset: bool


def _cycles(p: Parameters) -> Iterator[list[_Step]]:
    """The currents of every cycle in their order, with the RESETs that they need after the one for R_lo."""
    shuffles = Random(p.order_seed)  # noqa: S311 (an order of measurement, not a secret)
    for _ in range(p.n_cycles):
        currents = set_points(p.I_first, p.I_last, p.I_step)
        if p.order == "random":
            shuffles.shuffle(currents)
        before = [-math.inf, *currents[:-1]]
        yield [
            _Step(current, p.reset == "when-needed" and current < last)
            for last, current in zip(before, currents, strict=True)
        ]


def _end(lab: Lab, p: Parameters, current: float) -> tuple[float, float]:
    """Play one pulse of `current` (A); return the mean R_xy (ohm) of the state it leaves and its uncertainty."""
    pulse_once(lab, p, current)
    lab.wait(p.settle)
    readings = [hall_resistance(lab, p.I_sense).R_xy for _ in range(END_READINGS)]
    require_regulation(lab, p.I_sense, p.compliance)
    return fmean(readings), math.sqrt(variance(readings) / END_READINGS)


def n_rows(p: Parameters) -> int:
    """How many rows all cycles have."""
    return p.n_cycles * n_set_points(p.I_first, p.I_last, p.I_step)


def envelope(p: Parameters) -> Envelope:
    """The largest current, voltage and field that the cycles ask for, and the number of pulses, RESETs included.

    A train counts as one pulse. Magnet_z is only asked for where it saturates the layer.
    """
    pulses = sum(2 + sum(step.is_reset + (step.current != 0) for step in steps) for steps in _cycles(p))
    return Envelope(
        current=max([p.I_reset, p.I_last, *p.train]),
        compliance=max(p.compliance, p.compliance_pulse),
        mu0_H={"magnet_x": abs(p.mu0_H_x), **fields_needed(p)},
        pulses=pulses + bool(p.train),
    )


def analyse(data: Data, p: Parameters) -> Analysis:
    """Centre, width and noise of the sigmoid, from the columns alone."""
    from protocols.analysis.preparation import judged
    from protocols.analysis.sigmoid import sigmoid  # numpy is not needed to list the protocols

    def first(name: str) -> float:
        return float(next(iter(data[name]), math.nan))

    analysis = sigmoid(
        data["I_set"],
        data["R_xy"],
        data["R_lo"],
        data["R_hi"],
        data["cycle"],
        u_span=float(max(data["u_span"], default=0.0)),
    )
    # The ends of the first cycle are as near to saturation as this run knows it: a little closer to the middle. The
    # larger R_xy counts as up.
    lo, hi = first("R_lo"), first("R_hi")
    return judged(
        analysis, p.preparation, first("R_xy_prepared"), R_AHE=abs(hi - lo) / 2, R_off=(hi + lo) / 2
    )


def draw(
    axes: Any, data: Data, analysis: Analysis, *, label: str | None = None, color: str | None = None
) -> None:
    """Draw Y against I_set (mA) on a matplotlib Axes, as Fig. 4(b) of the source.

    Pale dots are the readings of every cycle, dots their means, the line is the sigmoid that describes them, and
    X_0 and K (mA) stand beside it, of up to three runs. Where no sigmoid does, as without RESETs, a mean is worth
    no dot: the readings alone are drawn, as crosses.
    """
    from protocols.analysis.sigmoid import activation

    frame(axes, r"$I_\mathrm{SET}$ (mA)", "$Y$")
    Y = activation(data["R_xy"], data["R_lo"], data["R_hi"])
    fit = analysis.curves.get("Y_fit")
    if fit is None:
        axes.plot(data["I_set"] / mA, Y, "x", color=color, label=label, markersize=3, markeredgewidth=0.6)
        return
    (readings,) = axes.plot(data["I_set"] / mA, Y, ".", color=color, alpha=0.3, markersize=3)
    color, mean = readings.get_color(), analysis.curves["Y_mean"]
    axes.plot(mean.x / mA, mean.y, "o", color=color, label=label, markersize=2.5)
    axes.plot(fit.x / mA, fit.y, "-", color=color, linewidth=0.8)
    X_0, K = (analysis.results[name].value / mA for name in ("X_0", "K"))
    if len(axes.texts) == _NOTED:
        return
    axes.annotate(
        f"$X_\\mathrm{{0}}$ = {X_0:.1f} mA\n$K$ = {K:.2f} mA",
        (X_0, 0.5),
        xytext=(8, -4 - 23 * len(axes.texts)),
        textcoords="offset points",
        va="top",
        fontsize=7,
        color=color,
    )


protocol = MeasurementProtocol(
    name="sigmoid-neuron",
    version="1",
    text=__doc__,
    parameters=Parameters,
    columns=columns,
    roles=("source", "voltmeter", "magnet_x"),
    signal="R_xy",
    axis="I_set",
    measure=sigmoid_neuron,
    n_rows=n_rows,
    envelope=envelope,
    analyse=analyse,
    draw=draw,
)
