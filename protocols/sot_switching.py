"""Current-pulse switching: R_xy against the amplitude of current pulses, under an in-plane field.

Method    The field lies along the current (magnet_x). First R_AHE is measured, unless it is given: with no field
          in the plane, the layer is saturated at -mu0_H_sat and at +mu0_H_sat along its normal (magnet_z), and
          half of the difference of R_xy is R_AHE_reference. The layer is then prepared: saturated up or down by
          magnet_z, or reset by one pulse of -I_max once mu0_H_x is on, or taken as it is. With magnet_z at
          zero and mu0_H_x settled, one pulse per amplitude is played: from 0 to +I_max (branch 0, the initial
          leg), down to -I_max (branch -1, which begins with the pulse of +I_max and ends with that of -I_max)
          and back up to +I_max (branch +1), in steps of I_step; further loops go on from there. A pulse is
          rectangular and t_pulse long. After its end, `settle` seconds at 0 A pass, the field is measured, and
          R_xy is read at +-I_sense by current reversal, with the field on. An amplitude of 0 is no pulse: nothing
          is played, and R_xy is read all the same, after the same wait. Fields never change while a pulse is
          played. The compliance of the sense current is checked at R_AHE_reference and at 0 and +-I_max; a
          source in compliance ends the run.
Reports   I_th, I_th_up, I_th_down, dI_10_90, dI_5_95 (A), switching_ratio, n_states, polarity
          (analysis/switching.py).
Source    Li et al., Chin. Phys. B 31, 117106 (2022), Figs. 2(a)-2(c) and 3(c); pulses of 10 ms, I_sense = 0.1 mA
          and mu0_H_x = 800 Oe as there. I_step, settle and the preparation are choices of this package.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import fmean, variance
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import model_validator

from protocols.drawing import arrowheads, frame
from protocols.steps import (
    RECTANGULAR,
    hall_resistance,
    n_triangle_points,
    pulse,
    require_regulation,
    saturate,
    triangle_points,
)
from protocols.units import A, Oe, T, V, mA, ms, mV, ohm, s, us
from protocols.vocabulary import (
    Analysis,
    Column,
    Envelope,
    Lab,
    MeasurementProtocol,
    ParameterSet,
    Row,
    parameter,
)

if TYPE_CHECKING:
    from protocols.vocabulary import Data

_MAX_ROWS = 1_000_000

#: Readings in each saturated state that R_AHE_reference is the mean of.
REFERENCE_READINGS = 5

_SIGNS = {"saturate+": +1, "saturate-": -1}


class Parameters(ParameterSet):
    """What the switching loop can be asked for; SI inside."""

    mu0_H_x: float = parameter(
        800 * Oe,
        "in-plane field along the current, of either sign, during pulses and readings",
        unit="T",
        display="Oe",
        low=-2 * T,
        high=2 * T,
    )
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
    t_pulse: float = parameter(10 * ms, "length of a pulse", unit="s", display="ms", low=100 * us, high=1 * s)
    settle: float = parameter(
        100 * ms,
        "wait between the end of a pulse and its reading, and dwell in a saturating field",
        unit="s",
        display="ms",
        low=0,
        high=3600 * s,
    )
    I_sense: float = parameter(
        0.1 * mA, "sense current, applied with both signs", unit="A", display="mA", low=1e-6 * mA, high=1 * mA
    )
    nplc: float = parameter(1.0, "integration time of a reading in power-line cycles", low=0.01, high=50.0)
    V_max: float = parameter(
        10 * mV,
        "largest Hall voltage expected; fixes the range",
        unit="V",
        display="mV",
        above=0,
        high=100 * V,
    )
    compliance: float = parameter(
        10 * V, "voltage limit of the source for the sense current", unit="V", low=0.1, high=105 * V
    )
    compliance_pulse: float = parameter(
        15 * V, "voltage limit of the source during a pulse", unit="V", low=0.1, high=105 * V
    )
    R_load: float = parameter(
        300 * ohm,
        "two-terminal resistance of bar and leads; I_max through it must fit in compliance_pulse",
        unit="ohm",
        above=0,
        high=1e6 * ohm,
    )
    preparation: Literal["saturate+", "saturate-", "reset", "as-is"] = parameter(
        "saturate+",
        "state before the first pulse: saturated by +-mu0_H_sat, reset by a pulse of -I_max, or as it is",
    )
    mu0_H_sat: float = parameter(
        400 * Oe,
        "field along the normal that saturates the layer",
        unit="T",
        display="Oe",
        above=0,
        high=2 * T,
    )
    R_AHE_reference: float = parameter(
        0.0,
        "half the height of the field loop, taken as exact; 0: measured first, at +-mu0_H_sat",
        result="R_AHE",
        unit="ohm",
        low=-1e6 * ohm,
        high=1e6 * ohm,
    )
    n_loops: int = parameter(1, "number of loops, one after the other", low=1, high=1000)

    @property
    def is_reference_measured(self) -> bool:
        """True where R_AHE is to be measured before the first pulse."""
        return self.R_AHE_reference == 0

    @model_validator(mode="after")
    def _pulses_make_a_loop(self) -> Self:
        if self.I_step > self.I_max:
            raise ValueError(
                f"I_step must be at most I_max ({self.I_max / mA:.6g} mA); got {self.I_step / mA:.6g} mA"
            )
        if self.I_max <= self.I_sense:
            raise ValueError(
                f"I_max must be above I_sense ({self.I_sense / mA:.6g} mA); got {self.I_max / mA:.6g} mA"
            )
        if self.I_max * self.R_load > self.compliance_pulse:
            raise ValueError(
                f"compliance_pulse must be at least I_max * R_load ({self.I_max * self.R_load:.6g} V for "
                f"{self.I_max / mA:.6g} mA through {self.R_load:.6g} ohm); got {self.compliance_pulse:.6g} V"
            )
        # The ratio goes first: a step of 1e-300 A would make a number of rows too large to count.
        if self.I_max / self.I_step > _MAX_ROWS or n_rows(self) > _MAX_ROWS:
            raise ValueError(
                f"I_step must leave at most {_MAX_ROWS} rows in {self.n_loops} loop(s) to "
                f"{self.I_max / mA:.6g} mA; got {self.I_step / mA:.6g} mA"
            )
        if self.preparation == "as-is" and self.is_reference_measured:
            raise ValueError(
                "R_AHE_reference must be given where preparation is as-is, because measuring it saturates the "
                "layer; got 0 ohm"
            )
        return self


columns = (
    Column("I_pulse", "A", "amplitude of the pulse before the reading; 0: no pulse", display="mA"),
    Column("R_xy", "ohm", "Hall resistance (V_plus - V_minus) / (2 I_sense), in the field"),
    Column("mu0_H_x", "T", "measured field along the current, just before the voltages", display="Oe"),
    Column("mu0_H_x_set", "T", "field that was asked for", display="Oe"),
    Column("V_plus", "V", "Hall voltage at +I_sense", display="mV"),
    Column("V_minus", "V", "Hall voltage at -I_sense", display="mV"),
    Column("u_I_sense", "A", "standard uncertainty of I_sense from the source's accuracy", display="mA"),
    Column(
        "branch", "1", "0 from 0 towards +I_max, -1 from +I_max to -I_max, +1 back to +I_max", dtype="int64"
    ),
    Column("loop", "1", "number of the loop, from 1; 0 on the initial leg", dtype="int64"),
    Column("pulse", "1", "number of pulses played so far, a reset included", dtype="int64"),
    Column("R_AHE_reference", "ohm", "R_AHE that the run is compared with, one value for all rows"),
    Column("u_R_AHE_reference", "ohm", "standard uncertainty of R_AHE_reference from its readings' scatter"),
    Column("time", "s", "seconds since the run started, when the row was complete"),
)


def sot_switching(lab: Lab, p: Parameters) -> Iterator[Row]:
    """Measure the loop, one row per amplitude; MeasurementError where the source is in compliance."""
    lab.voltmeter.prepare(p.V_max, p.nplc)
    lab.source.prepare(p.I_sense, p.compliance)
    u_I_sense = lab.source.accuracy(p.I_sense) * RECTANGULAR
    lab.magnet_x.ramp_to(0.0)
    R_AHE, u_R_AHE = _measured_reference(lab, p) if p.is_reference_measured else (p.R_AHE_reference, 0.0)
    if p.preparation in _SIGNS:
        saturate(lab, _SIGNS[p.preparation] * p.mu0_H_sat, p.settle)
    lab.magnet_z.ramp_to(0.0)
    lab.magnet_x.ramp_to(p.mu0_H_x)
    played = 0
    if p.preparation == "reset":
        lab.note(f"resetting by a pulse of {-p.I_max / mA:+.6g} mA")
        played += _pulse(lab, p, -p.I_max)
    for point in triangle_points(p.I_max, p.I_step, p.n_loops):
        played += _pulse(lab, p, point.level)
        lab.wait(p.settle)
        mu0_H_x = lab.magnet_x.read_field()
        hall = hall_resistance(lab, p.I_sense)
        if abs(point.level) in (0, p.I_max):
            require_regulation(lab, p.I_sense, p.compliance)
        yield Row(
            I_pulse=point.level,
            R_xy=hall.R_xy,
            mu0_H_x=mu0_H_x,
            mu0_H_x_set=p.mu0_H_x,
            V_plus=hall.V_plus,
            V_minus=hall.V_minus,
            u_I_sense=u_I_sense,
            branch=point.branch,
            loop=point.loop,
            pulse=played,
            R_AHE_reference=R_AHE,
            u_R_AHE_reference=u_R_AHE,
            time=lab.now(),
        )


def _pulse(lab: Lab, p: Parameters, current: float) -> bool:
    return pulse(lab, current, p.t_pulse, compliance=p.compliance_pulse, R_load=p.R_load)


def _measured_reference(lab: Lab, p: Parameters) -> tuple[float, float]:
    """R_AHE (ohm) as half of the difference of R_xy saturated up and down, and its standard uncertainty."""
    readings: dict[int, list[float]] = {}
    for sign in (-1, +1):
        saturate(lab, sign * p.mu0_H_sat, p.settle)
        readings[sign] = [hall_resistance(lab, p.I_sense).R_xy for _ in range(REFERENCE_READINGS)]
        require_regulation(lab, p.I_sense, p.compliance)
    R_AHE = (fmean(readings[+1]) - fmean(readings[-1])) / 2
    u_R_AHE = math.sqrt(sum(variance(R_xy) for R_xy in readings.values()) / REFERENCE_READINGS) / 2
    lab.note(f"R_AHE_reference measured: {R_AHE:.6g} ohm, standard uncertainty {u_R_AHE:.2g} ohm")
    return R_AHE, u_R_AHE


def n_rows(p: Parameters) -> int:
    """How many rows the loop has."""
    return n_triangle_points(p.I_max, p.I_step, p.n_loops)


def envelope(p: Parameters) -> Envelope:
    """The largest current, voltage and fields that the loop asks for, and the number of pulses."""
    is_saturated = p.is_reference_measured or p.preparation in _SIGNS
    n_zeros = 1 + 2 * p.n_loops  # of the triangle: no pulse there
    return Envelope(
        current=p.I_max,
        compliance=max(p.compliance, p.compliance_pulse),
        mu0_H={"magnet_x": abs(p.mu0_H_x), "magnet_z": p.mu0_H_sat if is_saturated else 0.0},
        pulses=n_rows(p) - n_zeros + (p.preparation == "reset"),
    )


def analyse(data: Data, p: Parameters) -> Analysis:
    """Thresholds, ratio, width and number of states, from the columns and the sense current alone."""
    from protocols.analysis.switching import switching  # numpy is not needed to list the protocols

    def constant(name: str) -> float:
        return float(max(data[name], default=math.nan))

    return switching(
        data["I_pulse"],
        data["R_xy"],
        data["branch"],
        data["loop"],
        R_AHE=constant("R_AHE_reference"),
        u_R_AHE=constant("u_R_AHE_reference"),
        # a reference that was measured with the same current has the same error: it cancels in the ratio
        scale=0.0 if p.is_reference_measured else constant("u_I_sense") / p.I_sense,
    )


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
    style = {"linewidth": 0.8, "markersize": 2}
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


_caption, _, _method = (__doc__ or "").partition("\n")

protocol = MeasurementProtocol(
    name="sot-switching",
    version="1",
    caption=_caption.rstrip("."),
    description=_method.strip("\n"),
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
