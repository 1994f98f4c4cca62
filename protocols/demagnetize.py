"""Demagnetizing by current pulses of alternating sign and decreasing amplitude under an in-plane field.

Method    First the two saturated states are read, unless R_AHE and R_off are given: with no field in the plane,
          at -mu0_H_sat and at +mu0_H_sat along the normal (magnet_z); half of the difference is R_AHE_reference,
          half of the sum R_off_reference. The layer is then saturated up or down, or taken as it is. Magnet_z is
          then switched off, because the zero of its supply is a field that a layer of weakly coupled domains
          keeps a trace of; or it holds a small mu0_H_z, which cancels what else is there. With mu0_H_x along the
          current (magnet_x) settled, what the source drives at 0 A on the range of the pulses is measured by the
          Hall voltage it makes (preparation.py), and is taken off every pulse: with it, pulses of one sign would
          be larger than those of the other. R_xy is read once, and a train of pulses is played: +I_start first,
          each of the opposite sign of the one before and smaller, by I_step (linear) or by a ratio (geometric),
          down to I_step. Every pulse is t_pulse long and followed by t_pulse at 0 A. Mode "waveform" plays the
          train as one waveform; mode "pulses" plays one pulse after the other and reads R_xy, `settle` seconds
          after the end of each. `settle` seconds after the train R_xy is read n_repeats times. All these readings
          are taken at +-I_sense by current reversal, in the field; the compliance of the sense current is checked
          at the first of them and at those after the train.
Reports   R_xy_residual (ohm), R_xy_residual_over_R_AHE (analysis/demagnetization.py). Only R_off is subtracted: the
          field tilts the moments up and down alike, which shrinks R_AHE and leaves the middle where it is.
Source    Li et al., Chin. Phys. B 31, 117106 (2022): the layer is demagnetized before each pair of spikes. The
          train, its linear law and its defaults are choices of this package.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import model_validator

from protocols.drawing import frame
from protocols.preparation import (
    PREPARED_COLUMN,
    TrainParameters,
    hold_normal_field,
    less_zero,
    measured_zero,
    prepare_state,
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
from protocols.steps import demagnetize, hall_resistance, require_regulation
from protocols.vocabulary import Analysis, Column, Envelope, Lab, MeasurementProtocol, Row, parameter
from protocols.waves import demagnetizing_train

if TYPE_CHECKING:
    from protocols.vocabulary import Data


class Parameters(TrainParameters, ReferencedParameters):
    """What demagnetizing can be asked for; SI inside."""

    mode: Literal["waveform", "pulses"] = parameter(
        "waveform", "the train as one waveform, or pulse by pulse with a reading after each"
    )
    preparation: Literal["saturate+", "saturate-", "as-is"] = parameter(
        "saturate+", "state before the train: saturated by +-mu0_H_sat, or as it is"
    )
    source_zero: Literal["measured", "ignored"] = parameter(
        "measured",
        "what the source drives at 0 A: measured before the train and taken off its pulses, or not",
    )
    n_repeats: int = parameter(5, "readings after the train", low=2, high=10_000)

    @model_validator(mode="after")
    def _reference_does_not_undo_the_state(self) -> Self:
        self.require_reference_as_is(self.preparation)
        return self


columns = (
    Column("pulse", "1", "number of pulses played before the reading", dtype="int64"),
    Column("R_xy", "ohm", "Hall resistance (V_plus - V_minus) / (2 I_sense), in the field"),
    Column("I_pulse", "A", "amplitude of the last pulse before the reading; 0: none yet", display="mA"),
    *IN_PLANE_FIELD_COLUMNS,
    *VOLTAGE_COLUMNS,
    Column("repeat", "1", "number of the reading after the train, from 1; 0 before its end", dtype="int64"),
    *R_AHE_COLUMNS,
    Column("R_off_reference", "ohm", "middle of the two saturated states, one value for all rows"),
    Column("u_R_off_reference", "ohm", "standard uncertainty of R_off_reference from its readings' scatter"),
    PREPARED_COLUMN,
    Column("I_zero", "A", "what the source was found to drive at 0 A, taken off every pulse", display="mA"),
    TIME_COLUMN,
)


def demagnetizing(lab: Lab, p: Parameters) -> Iterator[Row]:
    """Demagnetize once; a row before, after each pulse in mode "pulses", and n_repeats after the train.

    Raises MeasurementError where the source is in compliance.
    """
    u_I_sense = prepare_sensing(lab, p)
    lab.magnet_x.ramp_to(0.0)
    reference = reference_of(lab, p)
    R_xy_prepared = prepare_state(lab, p, partial(hold_normal_field, lab, p))
    I_zero = 0.0

    def read(played: int, repeat: int) -> Row:
        mu0_H_x = lab.magnet_x.read_field()
        hall = hall_resistance(lab, p.I_sense)
        if repeat or not played:
            require_regulation(lab, p.I_sense, p.compliance)
        return Row(
            pulse=played,
            I_pulse=train[played - 1] if played else 0.0,
            mu0_H_x=mu0_H_x,
            mu0_H_x_set=p.mu0_H_x,
            **sensed(hall, u_I_sense),
            repeat=repeat,
            R_AHE_reference=reference.R_AHE,
            u_R_AHE_reference=reference.uncertainty,
            R_off_reference=reference.R_off,
            u_R_off_reference=reference.uncertainty,
            R_xy_prepared=R_xy_prepared,
            I_zero=I_zero,
            time=lab.now(),
        )

    train = p.train
    lab.wait(p.settle)
    if p.source_zero == "measured":
        I_zero = measured_zero(lab, p)
    yield read(0, 0)
    pulses = less_zero(train, I_zero)
    if p.mode == "waveform":
        demagnetize(lab, pulses, p.t_pulse, compliance=p.compliance_pulse, R_load=p.R_load)
        lab.wait(p.settle)
    else:
        for played, current in enumerate(pulses, start=1):
            pulse_once(lab, p, current)
            lab.wait(p.settle)
            yield read(played, 0)
    for repeat in range(1, p.n_repeats + 1):
        yield read(len(train), repeat)


def n_rows(p: Parameters) -> int:
    """How many rows demagnetizing has."""
    return 1 + len(p.train) * (p.mode == "pulses") + p.n_repeats


def envelope(p: Parameters) -> Envelope:
    """The largest current, voltage and fields that are asked for; a train in one waveform counts as one pulse."""
    is_saturated = p.is_reference_measured or p.preparation in SATURATED
    return Envelope(
        current=p.I_start,
        compliance=max(p.compliance, p.compliance_pulse),
        mu0_H={
            "magnet_x": abs(p.mu0_H_x),
            "magnet_z": max(p.mu0_H_sat if is_saturated else 0.0, abs(p.mu0_H_z)),
        },
        pulses=len(p.train) if p.mode == "pulses" else 1,
    )


def analyse(data: Data, p: Parameters) -> Analysis:
    """What is left of R_xy after the train, from the columns and the sense current alone."""
    from protocols.analysis.demagnetization import residual  # numpy is not needed to list the protocols
    from protocols.analysis.preparation import judged

    def constant(name: str) -> float:
        return float(max(data[name], default=math.nan))

    R_AHE, R_off = constant("R_AHE_reference"), constant("R_off_reference")
    analysis = residual(
        data["R_xy"][data["repeat"] > 0],
        R_AHE=R_AHE,
        u_R_AHE=constant("u_R_AHE_reference"),
        R_off=R_off,
        u_R_off=constant("u_R_off_reference"),
        scale=constant("u_I_sense") / p.I_sense,
        is_scale_common=p.is_reference_measured,
    )
    return judged(analysis, p.preparation, constant("R_xy_prepared"), R_AHE=R_AHE, R_off=R_off)


def draw(
    axes: Any, data: Data, analysis: Analysis, *, label: str | None = None, color: str | None = None
) -> None:
    """Draw R_xy (ohm) against the number of pulses or, where the train was one waveform, of the reading.

    A dashed line marks R_off, where a demagnetized layer lies. Calls with `label` and `color` put several runs on
    one Axes.
    """
    is_by_pulse = bool(((data["pulse"] > 0) & (data["repeat"] == 0)).any())
    number = data["pulse"] if is_by_pulse else range(1, len(data["pulse"]) + 1)
    frame(axes, "Pulse" if is_by_pulse else "Reading", "$R_{xy}$ (Ω)", counted=True)
    (line,) = axes.plot(number, data["R_xy"], ".-", linewidth=0.8, markersize=3, color=color, label=label)
    axes.plot(number, data["R_off_reference"], "--", linewidth=0.5, color=line.get_color())


protocol = MeasurementProtocol(
    name="demagnetize",
    version="1",
    text=__doc__,
    parameters=Parameters,
    columns=columns,
    roles=("source", "voltmeter", "magnet_x", "magnet_z"),
    signal="R_xy",
    axis="pulse",
    measure=demagnetizing,
    n_rows=n_rows,
    envelope=envelope,
    analyse=analyse,
    draw=draw,
    waveforms=demagnetizing_train,
)
