"""Minor switching loops: from a RESET to turning points of the pulse current, each state held and read again.

Method    The field lies along the current (magnet_x). First R_AHE and R_off are measured, unless they are
          given: with no field in the plane, the layer is saturated at -mu0_H_sat and at +mu0_H_sat along its
          normal (magnet_z). The layer may then be saturated or demagnetized (preparation.py), and is read; as
          every loop begins with a RESET, that is for the history, not for the loops. With magnet_z at zero, or
          off after demagnetizing, and mu0_H_x settled, each loop, one for each current I_max
          of I_max_list, begins with a RESET, a pulse of -I_reset (phase 0). Pulses rise from there to I_max
          in steps of I_step (phase 1). R_xy is read 5 times in the state that I_max left (phase 2), `hold`
          seconds pass with no pulse and mu0_H_x on, and R_xy is read 5 times again (phase 3). Pulses then
          fall back to -I_reset (phase 4), which closes the loop. A pulse is rectangular and t_pulse long.
          After its end, `settle` seconds at 0 A pass, the field is measured, and R_xy is read at +-I_sense by
          current reversal, with the field on. An amplitude of 0 is no pulse: nothing is played, and R_xy is
          read all the same, after the same wait. The compliance of the sense current is checked at R_AHE,
          after every RESET and at every I_max; a source in compliance ends the run.
Reports   m_at_I_max_1, m_at_I_max_2 ... in the order of I_max_list, and max_volatility
          (analysis/minor_loops.py).
Source    Li et al., Chin. Phys. B 31, 117106 (2022), Fig. 4(a): mu0_H_x = -500 Oe, loops from -30 mA. The list of
          turning points, I_step and the hold are choices of this package.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pydantic import model_validator

from protocols.drawing import frame
from protocols.preparation import (
    PREPARED_COLUMN,
    PreparationOrReset,
    PreparedParameters,
    prepare_state,
    release_normal_field,
)
from protocols.sensing import (
    IN_PLANE_FIELD_COLUMNS,
    SATURATED,
    TIME_COLUMN,
    VOLTAGE_COLUMNS,
    Reference,
    ReferencedParameters,
    in_plane_field,
    prepare_sensing,
    pulse_once,
    reference_of,
    sensed,
)
from protocols.set_points import n_set_points, set_points
from protocols.steps import hall_resistance, require_regulation
from protocols.units import A, Oe, mA, s
from protocols.vocabulary import Analysis, Column, Envelope, Lab, MeasurementProtocol, Row, parameter

if TYPE_CHECKING:
    from protocols.vocabulary import Data

_MAX_ROWS = 1_000_000

#: Readings of the state at I_max, before the hold and after it.
HOLD_READINGS = 5

_RESET, _RISING, _TURNING, _HELD, _FALLING = range(5)


class Parameters(PreparedParameters[PreparationOrReset], ReferencedParameters):
    """What the minor loops can be asked for; SI inside."""

    mu0_H_x: float = in_plane_field(-500 * Oe)
    I_max_list: list[float] = parameter(
        [12 * mA, 16 * mA, 20 * mA, 24 * mA, 30 * mA],
        "turning points, one loop for each, in this order; positive, at most 1 A",
        unit="A",
        display="mA",
    )
    I_reset: float = parameter(
        30 * mA,
        "magnitude of the negative RESET pulse, the other end of every loop",
        unit="A",
        display="mA",
        above=0,
        high=1 * A,
    )
    I_step: float = parameter(
        1 * mA,
        "distance of the pulse amplitudes, at most I_reset",
        unit="A",
        display="mA",
        above=0,
        high=1 * A,
    )
    hold: float = parameter(60 * s, "wait at I_max before R_xy is read again", unit="s", low=0, high=1e6 * s)
    preparation: PreparationOrReset = parameter(
        "reset",
        "state before the first loop: saturated by +-mu0_H_sat, demagnetized, as it is, or left to its RESET",
    )

    @model_validator(mode="after")
    def _pulses_make_loops(self) -> Self:
        if not self.I_max_list:
            raise ValueError("I_max_list must hold one current at least; got none")
        largest = max(self.I_max_list)
        if largest > 1 * A:
            raise ValueError(f"I_max_list must hold currents of at most 1 A; got {largest:.6g} A")
        self.require_fitting_pulse(self.I_reset, "I_reset")
        self.require_fitting_pulse(min(self.I_max_list), "every current of I_max_list")
        self.require_fitting_pulse(largest, "the largest current of I_max_list")
        if self.I_step > self.I_reset:
            raise ValueError(
                f"I_step must be at most I_reset ({self.I_reset / mA:.6g} mA); got {self.I_step / mA:.6g} mA"
            )
        # The ratio goes first: a step of 1e-300 A would make a number of rows too large to count.
        if (self.I_reset + largest) / self.I_step > _MAX_ROWS or n_rows(self) > _MAX_ROWS:
            raise ValueError(
                f"I_step must leave at most {_MAX_ROWS} rows in {len(self.I_max_list)} loop(s); "
                f"got {self.I_step / mA:.6g} mA"
            )
        self.require_reference_as_is(self.preparation)
        return self


columns = (
    Column("I_pulse", "A", "amplitude of the pulse before the reading; 0: no pulse", display="mA"),
    Column("R_xy", "ohm", "Hall resistance (V_plus - V_minus) / (2 I_sense), in the field"),
    *IN_PLANE_FIELD_COLUMNS,
    *VOLTAGE_COLUMNS,
    Column("I_max", "A", "turning point of the loop", display="mA"),
    Column("loop", "1", "number of the loop, from 1, in the order of I_max_list", dtype="int64"),
    Column(
        "phase",
        "1",
        "0 RESET, 1 rising to I_max, 2 again at I_max, 3 after the hold, 4 falling",
        dtype="int64",
    ),
    Column("pulse", "1", "number of pulses played so far, RESETs included", dtype="int64"),
    Column("R_AHE_reference", "ohm", "half of the difference of R_xy in saturation, one value for all rows"),
    Column("R_off_reference", "ohm", "half of the sum of R_xy in saturation, one value for all rows"),
    Column("u_reference", "ohm", "standard uncertainty of either from the scatter of its readings"),
    PREPARED_COLUMN,
    TIME_COLUMN,
)


def minor_loops(lab: Lab, p: Parameters) -> Iterator[Row]:
    """Measure all loops, one row per reading; MeasurementError where the source is in compliance."""
    u_I_sense = prepare_sensing(lab, p)
    lab.magnet_x.ramp_to(0.0)
    reference = reference_of(lab, p)
    R_xy_prepared = prepare_state(lab, p, partial(release_normal_field, lab, p))
    played = 0
    for loop, I_max in enumerate(p.I_max_list, start=1):
        is_held = False
        for phase, I_pulse in _loop(p, I_max):
            if phase in {_RESET, _RISING, _FALLING}:
                played += pulse_once(lab, p, I_pulse)
                lab.wait(p.settle)
            elif phase == _HELD and not is_held:
                lab.note(f"holding the state at {I_max / mA:+.6g} mA for {p.hold:.6g} s")
                lab.wait(p.hold)
                is_held = True
            mu0_H_x = lab.magnet_x.read_field()
            hall = hall_resistance(lab, p.I_sense)
            if phase in {_RESET, _TURNING}:
                require_regulation(lab, p.I_sense, p.compliance)
            yield Row(
                I_pulse=I_pulse,
                **sensed(hall, u_I_sense),
                mu0_H_x=mu0_H_x,
                mu0_H_x_set=p.mu0_H_x,
                I_max=I_max,
                loop=loop,
                phase=phase,
                pulse=played,
                R_AHE_reference=reference.R_AHE,
                R_off_reference=reference.R_off,
                u_reference=reference.uncertainty,
                R_xy_prepared=R_xy_prepared,
                time=lab.now(),
            )


def _loop(p: Parameters, I_max: float) -> Iterator[tuple[int, float]]:
    """Phase and amplitude (A) of every row of one loop; 0 A where there is no pulse."""
    reset, *rising = set_points(-p.I_reset, I_max, p.I_step)
    yield _RESET, reset
    for I_pulse in rising:
        yield _RISING, I_pulse
    for phase in (_TURNING, _HELD):
        for _ in range(HOLD_READINGS):
            yield phase, 0.0
    for I_pulse in reversed([reset, *rising[:-1]]):
        yield _FALLING, I_pulse


def _n_levels(p: Parameters) -> list[int]:
    return [n_set_points(-p.I_reset, I_max, p.I_step) for I_max in p.I_max_list]


def n_rows(p: Parameters) -> int:
    """How many rows all loops have."""
    return sum(2 * n - 1 + 2 * HOLD_READINGS for n in _n_levels(p))


def envelope(p: Parameters) -> Envelope:
    """The largest current, voltage and fields that the loops ask for, and the number of pulses.

    A train counts as one pulse.
    """
    is_saturated = p.is_reference_measured or p.preparation in SATURATED
    return Envelope(
        current=max([p.I_reset, *p.I_max_list, *p.train]),
        compliance=max(p.compliance, p.compliance_pulse),
        mu0_H={"magnet_x": abs(p.mu0_H_x), "magnet_z": p.mu0_H_sat if is_saturated else 0.0},
        # every loop passes 0 twice: no pulse there
        pulses=sum(2 * n - 1 - 2 for n in _n_levels(p)) + bool(p.train),
    )


def analyse(data: Data, p: Parameters) -> Analysis:
    """The states at the turning points and what the hold changed, from the columns and the sense current alone."""
    from protocols.analysis.minor_loops import minor_loops  # numpy is not needed to list the protocols
    from protocols.analysis.preparation import judged

    def constant(name: str) -> float:
        return float(max(data[name], default=math.nan))

    turning, held = (
        [
            data["R_xy"][(data["loop"] == n) & (data["phase"] == phase)]
            for n in range(1, len(p.I_max_list) + 1)
        ]
        for phase in (_TURNING, _HELD)
    )
    R_AHE, R_off = constant("R_AHE_reference"), constant("R_off_reference")
    analysis = minor_loops(
        turning,
        held,
        I_max=p.I_max_list,
        reference=Reference(R_AHE, R_off, constant("u_reference")),
        # a reference that was measured with the same current has the same error: it cancels in m
        scale=0.0 if p.is_reference_measured else constant("u_I_sense") / p.I_sense,
    )
    return judged(analysis, p.preparation, constant("R_xy_prepared"), R_AHE=R_AHE, R_off=R_off)


def draw(
    axes: Any, data: Data, analysis: Analysis, *, label: str | None = None, color: str | None = None
) -> None:
    """Draw R_xy (ohm) against I_pulse (mA) on a matplotlib Axes, all loops overlaid, as Fig. 4(a) of the source.

    Loops are the stronger the later they were measured, and each bears its I_max (mA) at its turning point, unless
    `label` says that several runs share the Axes. Readings without a pulse are not drawn.
    """
    frame(axes, r"$I_\mathrm{pulse}$ (mA)", "$R_{xy}$ (Ω)")
    I_pulse, R_xy, loop, phase = data["I_pulse"] / mA, data["R_xy"], data["loop"], data["phase"]
    is_pulsed = (phase != _TURNING) & (phase != _HELD)
    last = int(max(loop, default=0))
    for n in range(1, last + 1):
        here = is_pulsed & (loop == n)
        (line,) = axes.plot(
            I_pulse[here],
            R_xy[here],
            ".-",
            color=color,
            label=label if n == last else None,
            alpha=0.3 + 0.7 * n / last,
            linewidth=0.8,
            markersize=3,
        )
        color = line.get_color()
        turning = here & (phase == _RISING) & (data["I_pulse"] == data["I_max"])
        if label is None:
            _annotate(axes, I_pulse[turning], R_xy[turning], is_rising=_is_rising(R_xy[here], I_pulse[here]))
    if label is None:
        axes.margins(x=0.1)  # room for the last one


def _annotate(axes: Any, I_max: Any, R_xy: Any, *, is_rising: bool) -> None:
    """Write I_max (mA) where a loop turns, to the right of the side it came by: no larger loop is there."""
    for x, y in zip(I_max, R_xy, strict=True):
        axes.annotate(
            f"{x:.6g}",
            (x, y),
            xytext=(3, -2 if is_rising else 2),
            textcoords="offset points",
            ha="left",
            va="top" if is_rising else "bottom",
            fontsize=7,
        )


def _is_rising(R_xy: Any, I_pulse: Any) -> bool:
    """True where a positive current leaves the larger R_xy."""
    return float(((R_xy - R_xy.mean()) * I_pulse).sum()) > 0


protocol = MeasurementProtocol(
    name="minor-loops",
    version="1",
    text=__doc__,
    parameters=Parameters,
    columns=columns,
    roles=("source", "voltmeter", "magnet_x", "magnet_z"),
    signal="R_xy",
    axis="I_pulse",
    measure=minor_loops,
    n_rows=n_rows,
    envelope=envelope,
    analyse=analyse,
    draw=draw,
)
