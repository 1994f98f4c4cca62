"""Preparation: the state that a run starts from, how it is made, and the source's zero that a train needs to know.

A layer is saturated by mu0_H_sat along its normal with no field in the plane; demagnetized by a train of pulses of
alternating sign and decreasing size in the in-plane field; or taken as it is. What was prepared is read once and
goes into every row as R_xy_prepared, for the analysis to judge (analysis/preparation.py).

Zero of the source: with an offset I_zero on the range of the train, pulses of one sign are larger than asked for
and those of the other smaller, so that each positive pulse leaves a share of the layer wider by 2 I_zero than each
negative one: of I_step, 2 I_zero / I_step is the net magnetization, whatever the layer's thresholds are. The offset
is therefore measured on the layer itself, V = R_xy I_zero at 0 A, and taken off every pulse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, variance
from typing import Generic, Literal, Protocol, Self, TypeVar

from pydantic import model_validator

from protocols.sensing import (
    REFERENCE_READINGS,
    SATURATED,
    PulsedParameters,
    SaturatedParameters,
    in_plane_field,
)
from protocols.steps import (
    REVERSAL_DELAY,
    Law,
    decreasing_currents,
    demagnetize,
    hall_resistance,
    n_decreasing_currents,
    require_regulation,
    saturate,
)
from protocols.units import A, Oe, T, mA, uA
from protocols.vocabulary import Column, Lab, parameter

#: What can be done to a layer before a run; protocols that play a RESET may leave it to that.
Preparation = Literal["saturate+", "saturate-", "demagnetize", "as-is"]
PreparationOrReset = Literal["saturate+", "saturate-", "demagnetize", "reset", "as-is"]

_P = TypeVar("_P", Preparation, PreparationOrReset)

PREPARED_COLUMN = Column(
    "R_xy_prepared",
    "ohm",
    "R_xy right after the preparation, one value for all rows; NaN where there was none",
)

#: Part of I_step that the standard uncertainty of I_zero must stay below for I_zero to be used (our choice): what
#: it leaves of the magnetization is then 1 %.
_ZERO_KNOWN = 0.005
_MAX_PULSES = 10_000


def train_start() -> float:
    """Declare the first amplitude (A) of a demagnetizing train."""
    return _amplitude(28 * mA, "first and largest pulse of the demagnetizing train; must switch the layer")


def train_step() -> float:
    """Declare the step (A) of a demagnetizing train."""
    return _amplitude(
        0.5 * mA, "distance of the train's amplitudes under the linear law, and the smallest one under either"
    )


def _amplitude(default: float, help: str) -> float:
    return parameter(default, help, unit="A", display="mA", above=0, high=1 * A)


def train_law() -> Law:
    """Declare the law of a demagnetizing train."""
    return parameter(
        "linear",
        "whether the train's amplitudes fall by its step each time, or to its ratio of the one before",
    )


def train_ratio() -> float:
    """Declare the ratio of a demagnetizing train."""
    return parameter(
        0.93, "of the train's successive amplitudes under the geometric law", low=0.01, high=0.999
    )


def _require_train(p: PulsedParameters, start: str, step: str, law: Law, ratio: float) -> None:
    """Raise ValueError unless the parameters called `start` and `step` make a train that fits."""
    I_start, I_step = getattr(p, start), getattr(p, step)
    if I_step > I_start:
        raise ValueError(f"{step} must be at most {start} ({I_start / mA:.6g} mA); got {I_step / mA:.6g} mA")
    p.require_fitting_pulse(I_start, start)
    # The ratio goes first: a step of 1e-300 A would make a number of pulses too large to count.
    is_countable = law == "geometric" or I_start / I_step <= _MAX_PULSES
    if not is_countable or n_decreasing_currents(I_start, I_step, law, ratio) > _MAX_PULSES:
        raise ValueError(
            f"{step} must leave at most {_MAX_PULSES} pulses from {I_start / mA:.6g} mA; "
            f"got {I_step / mA:.6g} mA"
        )


class TrainParameters(PulsedParameters):
    """A demagnetizing train under an in-plane field, for protocols that are about it."""

    mu0_H_x: float = in_plane_field(-500 * Oe)
    mu0_H_z: float = parameter(
        0.0,
        "field along the normal during train and readings, to cancel a stray one; 0: magnet_z is switched off",
        unit="T",
        display="Oe",
        low=-0.01 * T,
        high=0.01 * T,
    )
    I_start: float = train_start()
    I_step: float = train_step()
    law: Law = train_law()
    ratio: float = train_ratio()

    @property
    def train(self) -> list[float]:
        """The signed amplitudes (A) of the train, in order."""
        return decreasing_currents(self.I_start, self.I_step, self.law, self.ratio)

    @model_validator(mode="after")
    def _pulses_make_a_train(self) -> Self:
        _require_train(self, "I_start", "I_step", self.law, self.ratio)
        return self


def hold_normal_field(lab: Lab, p: TrainParameters) -> None:
    """Hold mu0_H_z (T) or, where it is 0, park magnet_z: a supply that is on has an error at zero, one off none."""
    if p.mu0_H_z == 0:
        lab.magnet_z.park()
    else:
        lab.magnet_z.ramp_to(p.mu0_H_z)


def release_normal_field(lab: Lab, p: Preparable) -> None:
    """Take the field along the normal away: to zero, or off where a train follows, which feels a supply's zero."""
    if p.preparation == "demagnetize":
        lab.magnet_z.park()
    else:
        lab.magnet_z.ramp_to(0.0)


class PreparedParameters(SaturatedParameters, Generic[_P]):
    """The state that a run starts from, for protocols that do something else with it.

    `_P` is what the protocol offers: Preparation or PreparationOrReset.
    """

    preparation: _P = parameter(
        "as-is",
        "state before the run: saturated by +-mu0_H_sat along the normal, demagnetized by a train, or as it is",
    )
    I_demag: float = train_start()
    I_demag_step: float = train_step()
    demag_law: Law = train_law()
    demag_ratio: float = train_ratio()

    @property
    def train(self) -> list[float]:
        """The signed amplitudes (A) of the train that demagnetizes, in order; none where it is not asked for."""
        if self.preparation != "demagnetize":
            return []
        return decreasing_currents(self.I_demag, self.I_demag_step, self.demag_law, self.demag_ratio)

    @model_validator(mode="after")
    def _train_fits(self) -> Self:
        if self.preparation == "demagnetize":
            _require_train(self, "I_demag", "I_demag_step", self.demag_law, self.demag_ratio)
        return self


class Trained(Protocol):
    """The parameters of a train, its pulses and readings; SI. TrainParameters has them, and PreparedParameters."""

    @property
    def train(self) -> list[float]: ...  # noqa: D102
    @property
    def mu0_H_x(self) -> float: ...  # noqa: D102
    @property
    def I_sense(self) -> float: ...  # noqa: D102
    @property
    def compliance(self) -> float: ...  # noqa: D102
    @property
    def t_pulse(self) -> float: ...  # noqa: D102
    @property
    def compliance_pulse(self) -> float: ...  # noqa: D102
    @property
    def R_load(self) -> float: ...  # noqa: D102
    @property
    def settle(self) -> float: ...  # noqa: D102


class Preparable(Trained, Protocol):
    """The parameters that `prepare_state` reads; SI."""

    @property
    def preparation(self) -> str: ...  # noqa: D102
    @property
    def mu0_H_sat(self) -> float: ...  # noqa: D102


def prepare_state(lab: Lab, p: Preparable, release: Callable[[], object] | None = None) -> float:
    """Prepare the layer, ramp mu0_H_x up, and return R_xy of the state (ohm); NaN where nothing is prepared.

    Call it with sensing prepared and, for saturation, no field in the plane. `release` takes the normal field away
    before mu0_H_x comes; None ramps magnet_z to zero after saturation and else leaves it alone. A saturated state
    is read before mu0_H_x comes, a demagnetized one in it, `settle` seconds after the train. A preparation that is
    none of saturate+, saturate- and demagnetize leaves the layer as it is. Raises MeasurementError where the source
    is in compliance.
    """
    R_xy = math.nan
    if p.preparation in SATURATED:
        R_xy = saturated_state(lab, p, release or (lambda: lab.magnet_z.ramp_to(0.0)))
    elif release:
        release()
    lab.magnet_x.ramp_to(p.mu0_H_x)
    return demagnetized_state(lab, p) if p.preparation == "demagnetize" else R_xy


def saturated_state(lab: Lab, p: Preparable, release: Callable[[], object]) -> float:
    """Saturate the layer as `preparation` says, `release` the field, and return R_xy (ohm) of what remains."""
    saturate(lab, SATURATED[p.preparation] * p.mu0_H_sat, p.settle)
    release()
    return _read_state(lab, p, p.preparation)


def demagnetized_state(lab: Lab, p: Trained) -> float:
    """Measure the source's zero, play the train less it in the field as it is, and return R_xy (ohm) after it."""
    train = less_zero(p.train, measured_zero(lab, p))
    demagnetize(lab, train, p.t_pulse, compliance=p.compliance_pulse, R_load=p.R_load)
    lab.wait(p.settle)
    return _read_state(lab, p, "demagnetize")


def _read_state(lab: Lab, p: Trained, preparation: str) -> float:
    R_xy = hall_resistance(lab, p.I_sense).R_xy
    require_regulation(lab, p.I_sense, p.compliance)
    lab.note(f"prepared ({preparation}): R_xy = {R_xy:.6g} ohm")
    return R_xy


def measured_zero(lab: Lab, p: Trained) -> float:
    """Measure what the source drives (A) at 0 A on the range of the train, by the Hall voltage it makes.

    I_zero = (V_0 - (V_plus + V_minus) / 2) / R_xy: V_0 on the range of the train, the others at +-I_sense on the
    sense range, whose own zero is taken as none; thermal EMFs and the meter's zero cancel. Any state will do that
    has an R_xy; where it has too little of it for the voltmeter, 0 is returned and the log says so. The source is
    left prepared for sensing.
    """
    sensed = [hall_resistance(lab, p.I_sense) for _ in range(REFERENCE_READINGS)]
    require_regulation(lab, p.I_sense, p.compliance)
    lab.source.prepare(max(abs(current) for current in p.train), p.compliance)
    lab.wait(REVERSAL_DELAY)
    at_zero = [lab.voltmeter.read_voltage() for _ in range(REFERENCE_READINGS)]
    lab.source.prepare(p.I_sense, p.compliance)
    common = [(hall.V_plus + hall.V_minus) / 2 for hall in sensed]
    R_xy = fmean(hall.R_xy for hall in sensed)
    u_V = math.sqrt((variance(at_zero) + variance(common)) / REFERENCE_READINGS)
    if not u_V < _ZERO_KNOWN * min(abs(current) for current in p.train) * abs(R_xy):
        lab.note(f"the source's zero cannot be measured with R_xy = {R_xy:.3g} ohm; it is taken as none")
        return 0.0
    I_zero = (fmean(at_zero) - fmean(common)) / R_xy
    lab.note(
        f"the source drives {I_zero / uA:+.4g} uA at 0 A on the train's range, standard uncertainty "
        f"{u_V / abs(R_xy) / uA:.2g} uA; the train is played less this"
    )
    return I_zero


def less_zero(train: Sequence[float], I_zero: float) -> list[float]:
    """Return a train (A) with I_zero (A) taken off every pulse; none becomes larger than the largest was."""
    largest = max(abs(current) for current in train)
    return [max(-largest, min(largest, current - I_zero)) for current in train]


def fields_needed(p: Preparable) -> dict[str, float]:
    """The largest fields (T) that a preparation asks for, by the roles of the magnets that it needs."""
    if p.preparation in SATURATED:
        return {"magnet_z": p.mu0_H_sat}
    return {"magnet_x": abs(p.mu0_H_x)} if p.preparation == "demagnetize" else {}
