"""What protocols that read R_xy have in common: parameters, columns, rows, and a reference in saturation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Self

from pydantic import model_validator

from protocols.steps import (
    RECTANGULAR,
    HallReading,
    hall_resistance,
    pulse,
    require_regulation,
    saturate,
)
from protocols.units import Oe, T, V, mA, ms, mV, ohm, s, us
from protocols.vocabulary import Column, Lab, ParameterSet, parameter

#: Readings in each saturated state that a reference is the mean of.
REFERENCE_READINGS = 5

#: The state that a preparation asks for: the sign of the saturating field.
SATURATED = {"saturate+": +1, "saturate-": -1}

#: What one Hall resistance comes from; `sensed` fills these columns.
VOLTAGE_COLUMNS = (
    Column("V_plus", "V", "Hall voltage at +I_sense", display="mV"),
    Column("V_minus", "V", "Hall voltage at -I_sense", display="mV"),
    Column("u_I_sense", "A", "standard uncertainty of I_sense from the source's accuracy", display="mA"),
)

#: The field that pulses and readings happen in.
IN_PLANE_FIELD_COLUMNS = (
    Column("mu0_H_x", "T", "measured field along the current, just before the voltages", display="Oe"),
    Column("mu0_H_x_set", "T", "field that was asked for", display="Oe"),
)

R_AHE_COLUMNS = (
    Column("R_AHE_reference", "ohm", "R_AHE that the run is compared with, one value for all rows"),
    Column("u_R_AHE_reference", "ohm", "standard uncertainty of R_AHE_reference from its readings' scatter"),
)

TIME_COLUMN = Column("time", "s", "seconds since the run started, when the row was complete")


def in_plane_field(default: float, during: str = "pulses and readings") -> float:
    """Declare mu0_H_x with a default (T) of the protocol's own, on `during` some of it."""
    return parameter(
        default,
        f"in-plane field along the current, of either sign, during {during}",
        unit="T",
        display="Oe",
        low=-2 * T,
        high=2 * T,
    )


class SensedParameters(ParameterSet):
    """What every reading of R_xy needs."""

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


class PulsedParameters(SensedParameters):
    """What pulses under an in-plane field need beside the readings after them."""

    mu0_H_x: float = in_plane_field(800 * Oe)
    t_pulse: float = parameter(10 * ms, "length of a pulse", unit="s", display="ms", low=100 * us, high=1 * s)
    settle: float = parameter(
        100 * ms,
        "wait between the end of a pulse and its reading, and dwell in a saturating field",
        unit="s",
        display="ms",
        low=0,
        high=3600 * s,
    )
    compliance_pulse: float = parameter(
        15 * V, "voltage limit of the source during a pulse", unit="V", low=0.1, high=105 * V
    )
    R_load: float = parameter(
        300 * ohm,
        "two-terminal resistance of bar and leads; the largest pulse through it must fit in compliance_pulse",
        unit="ohm",
        above=0,
        high=1e6 * ohm,
    )

    def require_fitting_pulse(self, current: float, name: str) -> None:
        """Raise ValueError unless `current` (A), called `name`, fits through R_load and exceeds I_sense."""
        if current <= self.I_sense:
            raise ValueError(
                f"{name} must be above I_sense ({self.I_sense / mA:.6g} mA); got {current / mA:.6g} mA"
            )
        if current * self.R_load > self.compliance_pulse:
            raise ValueError(
                f"compliance_pulse must be at least {name} * R_load ({current * self.R_load:.6g} V for "
                f"{current / mA:.6g} mA through {self.R_load:.6g} ohm); got {self.compliance_pulse:.6g} V"
            )


class SaturatedParameters(PulsedParameters):
    """What saturating the layer by a field needs."""

    mu0_H_sat: float = parameter(
        400 * Oe,
        "field along the normal that saturates the layer",
        unit="T",
        display="Oe",
        above=0,
        high=2 * T,
    )


class ReferencedParameters(SaturatedParameters):
    """What a protocol needs that compares R_xy with the two saturated states, measured first or given."""

    R_AHE_reference: float = parameter(
        0.0,
        "half the height of the field loop, taken as exact; 0: measured first, at +-mu0_H_sat",
        result="R_AHE",
        unit="ohm",
        low=-1e6 * ohm,
        high=1e6 * ohm,
    )
    R_off_reference: float = parameter(
        0.0,
        "middle of the field loop, taken as exact; goes with a given R_AHE_reference, else it is measured",
        result="R_off",
        unit="ohm",
        low=-1e6 * ohm,
        high=1e6 * ohm,
    )

    @model_validator(mode="after")
    def _references_belong_together(self) -> Self:
        if self.is_reference_measured and self.R_off_reference:
            raise ValueError(
                "R_off_reference must be given together with R_AHE_reference, or neither; "
                f"got R_off_reference {self.R_off_reference:.6g} ohm alone"
            )
        return self

    @property
    def is_reference_measured(self) -> bool:
        """True where R_AHE is to be measured before the first pulse."""
        return self.R_AHE_reference == 0

    @property
    def is_R_off_known(self) -> bool:
        """True where R_off is measured, or was given; 0 ohm, the default, counts as not given."""
        return self.is_reference_measured or self.R_off_reference != 0

    def require_reference_as_is(self, preparation: str) -> None:
        """Raise ValueError where measuring the reference would undo the preparation "as-is"."""
        if preparation == "as-is" and self.is_reference_measured:
            raise ValueError(
                "R_AHE_reference must be given where preparation is as-is, because measuring it saturates the "
                "layer; got 0 ohm"
            )


@dataclass(frozen=True, slots=True)
class Reference:
    """Half of the difference and half of the sum of R_xy (ohm) saturated up and down, and their uncertainty.

    R_AHE and R_off have one standard uncertainty (ohm): it is 0 where they are given, and comes from the scatter of
    the readings where they are measured. Being a sum and a difference of the same readings, they are uncorrelated.
    """

    R_AHE: float
    R_off: float
    uncertainty: float


def prepare_sensing(lab: Lab, p: SensedParameters) -> float:
    """Prepare voltmeter and source for readings; return the standard uncertainty of I_sense (A)."""
    lab.voltmeter.prepare(p.V_max, p.nplc)
    lab.source.prepare(p.I_sense, p.compliance)
    return lab.source.accuracy(p.I_sense) * RECTANGULAR


def sensed(hall: HallReading, u_I_sense: float) -> dict[str, float]:
    """R_xy and the values of VOLTAGE_COLUMNS, for a row."""
    return {"R_xy": hall.R_xy, "V_plus": hall.V_plus, "V_minus": hall.V_minus, "u_I_sense": u_I_sense}


def pulse_once(lab: Lab, p: PulsedParameters, current: float) -> bool:
    """Play one pulse of `current` (A, signed) as `steps.pulse` does, with the lengths and limits of p."""
    return pulse(lab, current, p.t_pulse, compliance=p.compliance_pulse, R_load=p.R_load)


def reference_of(lab: Lab, p: ReferencedParameters) -> Reference:
    """Return the reference that was given or, with no field in the plane, measure it (see `measured_reference`)."""
    if p.is_reference_measured:
        return measured_reference(lab, p)
    return Reference(p.R_AHE_reference, p.R_off_reference, 0.0)


def measured_reference(lab: Lab, p: ReferencedParameters) -> Reference:
    """Saturate down, then up, read REFERENCE_READINGS times each; the layer is left saturated up, the field on.

    Call it with no field in the plane. Raises MeasurementError where the source is in compliance.
    """
    readings: dict[int, list[float]] = {}
    for sign in (-1, +1):
        saturate(lab, sign * p.mu0_H_sat, p.settle)
        readings[sign] = [hall_resistance(lab, p.I_sense).R_xy for _ in range(REFERENCE_READINGS)]
        require_regulation(lab, p.I_sense, p.compliance)
    down, up = fmean(readings[-1]), fmean(readings[+1])
    u = math.sqrt(sum(variance(R_xy) for R_xy in readings.values()) / REFERENCE_READINGS) / 2
    R_AHE, R_off = (up - down) / 2, (up + down) / 2
    lab.note(f"R_AHE_reference measured: {R_AHE:.6g} ohm, standard uncertainty {u:.2g} ohm")
    return Reference(R_AHE, R_off, u)
