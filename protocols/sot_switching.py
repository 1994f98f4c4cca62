"""Current-pulse switching: R_xy against the amplitude of current pulses, under an in-plane field.

Method    The field lies along the current (magnet_x). First R_AHE is measured, unless it is given: with no field
          in the plane, the layer is saturated at -mu0_H_sat and at +mu0_H_sat along its normal (magnet_z), and
          half of the difference of R_xy is R_AHE_reference, half of the sum R_off_reference. The layer is then
          prepared: saturated up or down by magnet_z, or demagnetized by a train of pulses once magnet_z is
          switched off and mu0_H_x is on (preparation.py), or reset by one pulse of -I_max in mu0_H_x, or taken as
          it is. What was saturated or demagnetized is read. With magnet_z at zero and mu0_H_x settled, one pulse
          per amplitude is played: from 0 to +I_max (branch 0, the initial leg), down to -I_max (branch -1, which
          begins with the pulse of +I_max and ends with that of -I_max) and back up to +I_max (branch +1), in
          steps of I_step; further loops go on from there. A pulse is rectangular and t_pulse long. After its end,
          `settle` seconds at 0 A pass, the field is measured, and R_xy is read at +-I_sense by current reversal,
          with the field on. An amplitude of 0 is no pulse: nothing is played, and R_xy is read all the same,
          after the same wait. Fields never change while a pulse is played. The compliance of the sense current is
          checked at R_AHE_reference and at 0 and +-I_max; a source in compliance ends the run.
Reports   I_th, I_th_up, I_th_down, dI_10_90, dI_5_95 (A), switching_ratio, n_states, polarity
          (analysis/switching.py).
Source    Li et al., Chin. Phys. B 31, 117106 (2022), Figs. 2(a)-2(c) and 3(c); pulses of 10 ms, I_sense = 0.1 mA
          and mu0_H_x = 800 Oe as there. I_step, settle and the preparation are choices of this package.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pydantic import model_validator

from protocols.drawing import arrowheads, frame
from protocols.preparation import (
    PREPARED_COLUMN,
    PreparationOrReset,
    PreparedParameters,
    prepare_state,
    release_normal_field,
)
from protocols.sensing import (
    IN_PLANE_FIELD_COLUMNS,
    R_AHE_COLUMNS,
    SATURATED,
    TIME_COLUMN,
    VOLTAGE_COLUMNS,
    ReferencedParameters,
    prepare_sensing,
    pulse_once,
    reference_of,
    sensed,
)
from protocols.steps import (
    hall_resistance,
    n_triangle_points,
    require_regulation,
    triangle_points,
)
from protocols.units import A, mA
from protocols.vocabulary import (
    Analysis,
    Column,
    Envelope,
    Lab,
    MeasurementProtocol,
    Row,
    parameter,
)

if TYPE_CHECKING:
    from protocols.vocabulary import Data

_MAX_ROWS = 1_000_000


class Parameters(PreparedParameters[PreparationOrReset], ReferencedParameters):
    """What the switching loop can be asked for; SI inside."""

    I_max: float = parameter(
        28 * mA,
        "largest pulse of both signs; must switch the layer",
        unit="A",
        display="mA",
        above=0,
        high=1 * A,
    )
    I_step: float = parameter(
        0.5 * mA,
        "distance of the pulse amplitudes, at most I_max",
        unit="A",
        display="mA",
        above=0,
        high=1 * A,
    )
    preparation: PreparationOrReset = parameter(
        "saturate+",
        "state before the first pulse: saturated by +-mu0_H_sat, demagnetized, reset by -I_max, or as it is",
    )
    n_loops: int = parameter(1, "number of loops, one after the other", low=1, high=1000)

    @model_validator(mode="after")
    def _pulses_make_a_loop(self) -> Self:
        if self.I_step > self.I_max:
            raise ValueError(
                f"I_step must be at most I_max ({self.I_max / mA:.6g} mA); got {self.I_step / mA:.6g} mA"
            )
        self.require_fitting_pulse(self.I_max, "I_max")
        # The ratio goes first: a step of 1e-300 A would make a number of rows too large to count.
        if self.I_max / self.I_step > _MAX_ROWS or n_rows(self) > _MAX_ROWS:
            raise ValueError(
                f"I_step must leave at most {_MAX_ROWS} rows in {self.n_loops} loop(s) to "
                f"{self.I_max / mA:.6g} mA; got {self.I_step / mA:.6g} mA"
            )
        self.require_reference_as_is(self.preparation)
        return self


columns = (
    Column("I_pulse", "A", "amplitude of the pulse before the reading; 0: no pulse", display="mA"),
    Column("R_xy", "ohm", "Hall resistance (V_plus - V_minus) / (2 I_sense), in the field"),
    *IN_PLANE_FIELD_COLUMNS,
    *VOLTAGE_COLUMNS,
    Column(
        "branch", "1", "0 from 0 towards +I_max, -1 from +I_max to -I_max, +1 back to +I_max", dtype="int64"
    ),
    Column("loop", "1", "number of the loop, from 1; 0 on the initial leg", dtype="int64"),
    Column("pulse", "1", "number of pulses played so far, a reset included", dtype="int64"),
    *R_AHE_COLUMNS,
    Column(
        "R_off_reference", "ohm", "middle of the two saturated states, one value for all rows; 0: not known"
    ),
    PREPARED_COLUMN,
    TIME_COLUMN,
)


def sot_switching(lab: Lab, p: Parameters) -> Iterator[Row]:
    """Measure the loop, one row per amplitude; MeasurementError where the source is in compliance."""
    u_I_sense = prepare_sensing(lab, p)
    lab.magnet_x.ramp_to(0.0)
    reference = reference_of(lab, p)
    R_xy_prepared = prepare_state(lab, p, partial(release_normal_field, lab, p))
    played = 0
    if p.preparation == "reset":
        lab.note(f"resetting by a pulse of {-p.I_max / mA:+.6g} mA")
        played += pulse_once(lab, p, -p.I_max)
    for point in triangle_points(p.I_max, p.I_step, p.n_loops):
        played += pulse_once(lab, p, point.level)
        lab.wait(p.settle)
        mu0_H_x = lab.magnet_x.read_field()
        hall = hall_resistance(lab, p.I_sense)
        if abs(point.level) in (0, p.I_max):
            require_regulation(lab, p.I_sense, p.compliance)
        yield Row(
            I_pulse=point.level,
            **sensed(hall, u_I_sense),
            mu0_H_x=mu0_H_x,
            mu0_H_x_set=p.mu0_H_x,
            branch=point.branch,
            loop=point.loop,
            pulse=played,
            R_AHE_reference=reference.R_AHE,
            u_R_AHE_reference=reference.uncertainty,
            R_off_reference=reference.R_off,
            R_xy_prepared=R_xy_prepared,
            time=lab.now(),
        )


def n_rows(p: Parameters) -> int:
    """How many rows the loop has."""
    return n_triangle_points(p.I_max, p.I_step, p.n_loops)


def envelope(p: Parameters) -> Envelope:
    """The largest current, voltage and fields that the loop asks for, and the number of pulses.

    A train counts as one pulse.
    """
    is_saturated = p.is_reference_measured or p.preparation in SATURATED
    n_zeros = 1 + 2 * p.n_loops  # of the triangle: no pulse there
    return Envelope(
        current=max([p.I_max, *p.train]),
        compliance=max(p.compliance, p.compliance_pulse),
        mu0_H={"magnet_x": abs(p.mu0_H_x), "magnet_z": p.mu0_H_sat if is_saturated else 0.0},
        pulses=n_rows(p) - n_zeros + (p.preparation == "reset") + bool(p.train),
    )


def analyse(data: Data, p: Parameters) -> Analysis:
    """Thresholds, ratio, width and number of states, from the columns and the sense current alone."""
    from protocols.analysis.preparation import judged
    from protocols.analysis.switching import switching  # numpy is not needed to list the protocols

    def constant(name: str) -> float:
        return float(max(data[name], default=math.nan))

    R_AHE = constant("R_AHE_reference")
    analysis = switching(
        data["I_pulse"],
        data["R_xy"],
        data["branch"],
        data["loop"],
        R_AHE=R_AHE,
        u_R_AHE=constant("u_R_AHE_reference"),
        # a reference that was measured with the same current has the same error: it cancels in the ratio
        scale=0.0 if p.is_reference_measured else constant("u_I_sense") / p.I_sense,
    )
    R_off = constant("R_off_reference") if p.is_R_off_known else math.nan
    return judged(analysis, p.preparation, constant("R_xy_prepared"), R_AHE=R_AHE, R_off=R_off)


def draw(
    axes: Any, data: Data, analysis: Analysis, *, label: str | None = None, color: str | None = None
) -> None:
    """Draw R_xy (ohm) against I_pulse (mA) on a matplotlib Axes, as Figs. 2(a)-2(c) of the source.

    Dots are readings, in the order of the pulses; the initial leg is pale. An arrowhead at each threshold, in
    the middle of the height, shows which way R_xy goes on that branch. Calls with `label` and `color` put several
    runs on one Axes.
    """
    frame(axes, r"$I_\mathrm{pulse}$ (mA)", "$R_{xy}$ (Ω)")
    I_pulse, R_xy, is_initial = data["I_pulse"] / mA, data["R_xy"], data["branch"] == 0
    style = {"linewidth": 0.8, "markersize": 3}
    (line,) = axes.plot(I_pulse[~is_initial], R_xy[~is_initial], ".-", color=color, label=label, **style)
    axes.plot(I_pulse[is_initial], R_xy[is_initial], ".-", color=line.get_color(), alpha=0.3, **style)
    found = {name: result.value for name, result in analysis.results.items()}
    arrowheads(
        axes,
        found["I_th_down"] / mA,
        found["I_th_up"] / mA,
        (max(R_xy, default=math.nan) + min(R_xy, default=math.nan)) / 2,
        rising=found["polarity"] > 0,
        color=line.get_color(),
    )


protocol = MeasurementProtocol(
    name="sot-switching",
    version="1",
    text=__doc__,
    parameters=Parameters,
    columns=columns,
    roles=("source", "voltmeter", "magnet_x", "magnet_z"),
    signal="R_xy",
    axis="I_pulse",
    measure=sot_switching,
    n_rows=n_rows,
    envelope=envelope,
    analyse=analyse,
    draw=draw,
)
