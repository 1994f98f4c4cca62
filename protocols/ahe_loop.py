"""Anomalous-Hall loop: R_xy against an out-of-plane field, saturated both ways.

Method    The field lies along the film normal (magnet_z). The layer is saturated at +mu0_H_max; where it was
          prepared in a state of its own first (preparation.py: saturated by +-mu0_H_sat, or demagnetized by a
          train of pulses in mu0_H_x along the current, which is then taken away), the field goes there from 0
          (branch 0, the initial leg, which the numbers leave out). The field then descends to -mu0_H_max and
          ascends back to +mu0_H_max in steps of mu0_H_step, n_loops times, each turning point read once. At every
          field the magnet settles, `settle` seconds pass, the field is measured, and the Hall voltage is read at
          +I_sense and at -I_sense: R_xy = (V_plus - V_minus) / (2 I_sense), free of thermal EMFs and of the zero
          of the meter. The current stays at -I_sense while the field moves, so that the bar keeps one
          temperature. The compliance of the source is checked at every turning point; a source in compliance ends
          the run.
Reports   mu0_H_c, mu0_H_c_up, mu0_H_c_down (T), R_AHE, R_off (ohm), squareness, width_10_90 (T)
          (analysis/coercivity.py). R_AHE, half the height of the loop, is positive where R_xy is larger
          at +mu0_H_z.
Source    Li et al., Chin. Phys. B 31, 117106 (2022), Fig. 1(b); I_sense = 0.1 mA as there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from pydantic import model_validator

from protocols.drawing import arrowheads, frame
from protocols.preparation import (
    PREPARED_COLUMN,
    Preparation,
    PreparedParameters,
    demagnetized_state,
    fields_needed,
    saturated_state,
)
from protocols.sensing import SATURATED, TIME_COLUMN, VOLTAGE_COLUMNS, in_plane_field, prepare_sensing, sensed
from protocols.steps import (
    hall_resistance,
    loop_points,
    n_loop_points,
    n_triangle_points,
    require_regulation,
    triangle_points,
)
from protocols.units import Oe, T, s
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


class Parameters(PreparedParameters[Preparation]):
    """What the anomalous-Hall loop can be asked for; SI inside."""

    mu0_H_x: float = in_plane_field(-500 * Oe, "a demagnetizing train only")
    mu0_H_max: float = parameter(
        400 * Oe,
        "largest field of both signs; must saturate the layer",
        unit="T",
        display="Oe",
        above=0,
        high=2 * T,
    )
    mu0_H_step: float = parameter(
        5 * Oe,
        "distance of the fields, at most half of mu0_H_max",
        unit="T",
        display="Oe",
        above=0,
        high=1 * T,
    )
    settle: float = parameter(
        0.5 * s,
        "dwell at each settled field before it is read, and after a train",
        unit="s",
        display="s",
        low=0,
        high=3600 * s,
    )
    n_loops: int = parameter(1, "number of loops, one after the other", low=1, high=1000)

    @model_validator(mode="after")
    def _fields_make_a_loop(self) -> Self:
        if self.mu0_H_step > self.mu0_H_max / 2:
            raise ValueError(
                f"mu0_H_step must be at most half of mu0_H_max ({self.mu0_H_max / 2 / Oe:.6g} Oe); "
                f"got {self.mu0_H_step / Oe:.6g} Oe"
            )
        # The ratio goes first: a step of 1e-300 T would make a number of rows too large to count.
        if self.mu0_H_max / self.mu0_H_step > _MAX_ROWS or n_rows(self) > _MAX_ROWS:
            raise ValueError(
                f"mu0_H_step must leave at most {_MAX_ROWS} rows in {self.n_loops} loop(s) to "
                f"{self.mu0_H_max / Oe:.6g} Oe; got {self.mu0_H_step / Oe:.6g} Oe"
            )
        return self


columns = (
    Column("mu0_H_z", "T", "measured field along the film normal, just before the voltages", display="Oe"),
    Column("mu0_H_z_set", "T", "field that was asked for", display="Oe"),
    Column("R_xy", "ohm", "Hall resistance (V_plus - V_minus) / (2 I_sense)"),
    *VOLTAGE_COLUMNS,
    Column(
        "branch",
        "1",
        "-1 on the descending branch, +1 on the ascending, 0 on the initial leg",
        dtype="int64",
    ),
    Column("loop", "1", "number of the loop, from 1; 0 on the initial leg", dtype="int64"),
    PREPARED_COLUMN,
    TIME_COLUMN,
)


def ahe_loop(lab: Lab, p: Parameters) -> Iterator[Row]:
    """Measure the loop, one row per field; MeasurementError where the source is in compliance."""
    u_I_sense = prepare_sensing(lab, p)
    R_xy_prepared = _prepare(lab, p)
    points = loop_points if p.preparation == "as-is" else triangle_points
    for point in points(p.mu0_H_max, p.mu0_H_step, p.n_loops):
        lab.magnet_z.ramp_to(point.level)
        lab.wait(p.settle)
        mu0_H_z = lab.magnet_z.read_field()
        hall = hall_resistance(lab, p.I_sense)
        if abs(point.level) == p.mu0_H_max:
            require_regulation(lab, p.I_sense, p.compliance)
        yield Row(
            mu0_H_z=mu0_H_z,
            mu0_H_z_set=point.level,
            **sensed(hall, u_I_sense),
            branch=point.branch,
            loop=point.loop,
            R_xy_prepared=R_xy_prepared,
            time=lab.now(),
        )


def _prepare(lab: Lab, p: Parameters) -> float:
    """Prepare the layer, in the end with no field in the plane, and return its R_xy (ohm); NaN for as-is."""
    if p.preparation in SATURATED:
        return saturated_state(lab, p, lambda: lab.magnet_z.ramp_to(0.0))
    if p.preparation == "demagnetize":
        lab.magnet_z.park()  # until the train is over, which would feel the zero of its supply
        lab.magnet_x.ramp_to(p.mu0_H_x)
        R_xy = demagnetized_state(lab, p)
        lab.magnet_x.ramp_to(0.0)
        return R_xy
    lab.note(f"saturating at {p.mu0_H_max / Oe:+.6g} Oe")
    return math.nan


def n_rows(p: Parameters) -> int:
    """How many rows the loop has, an initial leg included."""
    n_points = n_loop_points if p.preparation == "as-is" else n_triangle_points
    return n_points(p.mu0_H_max, p.mu0_H_step, p.n_loops)


def envelope(p: Parameters) -> Envelope:
    """The largest current, voltage and fields that are asked for; a train is one pulse, and needs magnet_x."""
    fields = fields_needed(p)
    return Envelope(
        current=max([p.I_sense, *p.train]),
        compliance=max(p.compliance, p.compliance_pulse) if p.train else p.compliance,
        mu0_H={**fields, "magnet_z": max(p.mu0_H_max, fields.get("magnet_z", 0.0))},
        pulses=int(bool(p.train)),
    )


def analyse(data: Data, p: Parameters) -> Analysis:
    """Coercive field, loop height and shape, from the columns and the sense current alone."""
    from protocols.analysis.coercivity import coercivity  # numpy is not needed to list the protocols
    from protocols.analysis.preparation import judged

    scale = float(max(data["u_I_sense"], default=0.0)) / p.I_sense
    looped = data["branch"] != 0
    columns = (data[name][looped] for name in ("mu0_H_z", "R_xy", "branch", "loop"))
    analysis = coercivity(*columns, scale=scale)
    R_AHE, R_off = (analysis.results[name].value for name in ("R_AHE", "R_off"))
    R_xy_prepared = float(max(data["R_xy_prepared"], default=math.nan))
    return judged(analysis, p.preparation, R_xy_prepared, R_AHE=R_AHE, R_off=R_off)


def draw(
    axes: Any, data: Data, analysis: Analysis, *, label: str | None = None, color: str | None = None
) -> None:
    """Draw R_xy (ohm) against H_z (Oe) on a matplotlib Axes, as Fig. 1(b) of the source.

    Dots are readings, in the order of the sweep, pale ones those of the initial leg; an arrowhead at each
    coercive field shows which way R_xy goes on that branch. Calls with `label` and `color` put several runs on
    one Axes.
    """
    frame(axes, "$H_z$ (Oe)", "$R_{xy}$ (Ω)")
    mu0_H_z, R_xy, is_initial = data["mu0_H_z"] / Oe, data["R_xy"], data["branch"] == 0
    style = {"linewidth": 0.8, "markersize": 3}
    (line,) = axes.plot(mu0_H_z[~is_initial], R_xy[~is_initial], ".-", color=color, label=label, **style)
    if is_initial.any():
        axes.plot(mu0_H_z[is_initial], R_xy[is_initial], ".-", color=line.get_color(), alpha=0.3, **style)
    found = {name: result.value for name, result in analysis.results.items()}
    arrowheads(
        axes,
        found["mu0_H_c_down"] / Oe,
        found["mu0_H_c_up"] / Oe,
        found["R_off"],
        rising=found["R_AHE"] > 0,
        color=line.get_color(),
    )


protocol = MeasurementProtocol(
    name="ahe-loop",
    version="1",
    text=__doc__,
    parameters=Parameters,
    columns=columns,
    roles=("source", "voltmeter", "magnet_z"),
    signal="R_xy",
    axis="mu0_H_z",
    measure=ahe_loop,
    n_rows=n_rows,
    envelope=envelope,
    analyse=analyse,
    draw=draw,
)
