"""First and second harmonic of the Hall voltage at one field: by a lock-in, or by reversing a direct current.

The current is I_ac_pk sin(wt) and the Hall voltage V = I R(I), where R(I) = R(0) + dR I / I_ac_pk is what torques
and heat make of the Hall resistance. With sin^2 = (1 - cos 2wt) / 2 that is, in volts rms:

    V_1w_rms  =  I_ac_pk R(0) / sqrt(2)       of sin(wt): X of a lock-in at the first harmonic
    V_2w_rms  = -I_ac_pk dR / (2 sqrt(2))     of cos(2wt): Y of a lock-in at the second harmonic

A direct current +-I_ac_pk gives the same two: half of the difference of the voltages is I_ac_pk R(0), half of their
sum is I_ac_pk dR, which is -2 times the amplitude of cos(2wt). All derived here; both ways fill the same columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Self

from pydantic import model_validator

from protocols.steps import REVERSAL_DELAY
from protocols.units import A, V, mA, ms, mV, ohm, s, uV
from protocols.vocabulary import Lab, ParameterSet, parameter

#: Directions of a sweep in the plane (rad from the current).
ALONG: Final = 0.0
ACROSS: Final = math.pi / 2
DIAGONALS: Final = (math.pi / 4, -math.pi / 4)

#: What a row belongs to: in the saturating field, without field, swept, without field again, moments in the plane.
SATURATED, BEFORE, SWEPT, AFTER, HIGH = range(5)

#: Largest share of the layer that may point the other way where it counts as one domain (our choice).
SINGLE_DOMAIN: Final = 0.005

#: Slope of the lock-in's filter (dB/octave): the steepest settles in 10 time constants to 1 %.
_SLOPE: Final = 24
#: Settling times, each to 1 % of a step, that are waited for after a change of the harmonic. What is left of
#: 1 mV of fundamental must not show in some 100 nV: with four poles 25 time constants leave 4e-8 (our choice).
_SETTLINGS: Final = 2.5
#: Time constants between two readings that are averaged (our choice).
_BETWEEN_READINGS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Harmonics:
    """One reading (V rms), as it came: the quadratures hold nothing but the error of the reference phase."""

    V_1w_rms: float
    V_1w_quadrature_rms: float
    V_2w_rms: float
    V_2w_quadrature_rms: float


class HarmonicParameters(ParameterSet):
    """What a reading needs, by either way."""

    I_ac_pk: float = parameter(
        4 * mA, "amplitude (peak) of the current", unit="A", display="mA", above=0, high=1 * A
    )
    frequency: float = parameter(
        137.0, "of the current; twice of it must be within the lock-in", unit="Hz", low=1, high=51e3
    )
    V_1w_max_rms: float = parameter(
        2 * mV,
        "largest first harmonic expected; fixes the range",
        unit="V",
        display="mV",
        above=0,
        high=1 * V,
    )
    V_2w_max_rms: float = parameter(
        10 * uV,
        "largest second harmonic expected; fixes the range",
        unit="V",
        display="uV",
        above=0,
        high=1 * V,
    )
    time_constant: float = parameter(
        100 * ms,
        "of the lock-in: 1 or 3 times a power of ten, at least a period of the current",
        unit="s",
        display="ms",
        low=1e-5,
        high=30 * s,
    )
    nplc: float = parameter(
        5.0, "integration time of the voltmeter in power-line cycles, without a lock-in", low=0.01, high=50
    )
    n_readings: int = parameter(
        4, "readings averaged: of the second harmonic, or of both without a lock-in", low=1, high=10_000
    )
    compliance: float = parameter(10 * V, "voltage limit of the source", unit="V", low=0.1, high=105 * V)
    R_load: float = parameter(
        300 * ohm,
        "two-terminal resistance of bar and leads; I_ac_pk through it must fit in compliance",
        unit="ohm",
        above=0,
        high=1e6 * ohm,
    )

    @model_validator(mode="after")
    def _current_can_be_driven_and_read(self) -> Self:
        if self.I_ac_pk * self.R_load > self.compliance:
            raise ValueError(
                f"compliance must be at least I_ac_pk * R_load ({self.I_ac_pk * self.R_load:.6g} V for "
                f"{self.I_ac_pk / mA:.6g} mA through {self.R_load:.6g} ohm); got {self.compliance:.6g} V"
            )
        mantissa = self.time_constant / 10 ** math.floor(math.log10(self.time_constant) + 1e-9)
        if not any(math.isclose(mantissa, step, rel_tol=1e-6) for step in (1, 3)):
            raise ValueError(
                f"time_constant must be 1 or 3 times a power of ten; got {self.time_constant / ms:.6g} ms"
            )
        if self.time_constant * self.frequency < 1 - 1e-9:
            raise ValueError(
                f"time_constant must be at least a period of the current ({1e3 / self.frequency:.6g} ms at "
                f"{self.frequency:.6g} Hz); got {self.time_constant / ms:.6g} ms"
            )
        return self


def prepare_readings(lab: Lab, p: HarmonicParameters) -> Callable[[], Harmonics]:
    """Let the current flow and return what reads both harmonics: a lock-in where the station has one."""
    lab.source.prepare(p.I_ac_pk, p.compliance)
    if lab.has("lockin"):
        lab.note(f"harmonics by the lock-in, at {p.frequency:.6g} Hz")
        return _by_lockin(lab, p)
    lab.note("the station has no lock-in: harmonics by reversal of a direct current")
    return _by_reversal(lab, p)


def start_current(lab: Lab, p: HarmonicParameters) -> None:
    """Let the alternating current of a lock-in flow; a direct current flows only while it is read."""
    if lab.has("lockin"):
        lab.source.start_sine(p.I_ac_pk, p.frequency, compliance=p.compliance, R_load=p.R_load)


def stop_current(lab: Lab) -> None:
    """Bring the current to 0."""
    if lab.has("lockin"):
        lab.source.stop_wave()
    else:
        lab.source.set_current(0.0)


def lost_share(V: float, V_own: float, V_other: float) -> float:
    """Share of the layer that points the other way, from first harmonics: now, saturated here, and over there."""
    return (V_own - V) / (V_own - V_other)


def _by_lockin(lab: Lab, p: HarmonicParameters) -> Callable[[], Harmonics]:
    """Both harmonics in turn, the second as a mean of n_readings; high reserve, for the fundamental under it."""
    lab.lockin.use_external_reference()
    start_current(lab, p)
    lab.lockin.prepare(p.V_1w_max_rms, p.time_constant, _SLOPE, reserve="high")
    settle = _SETTLINGS * lab.lockin.settle_time()

    def read() -> Harmonics:
        lab.lockin.select_harmonic(1, p.V_1w_max_rms)
        lab.wait(settle)
        X_1w, Y_1w = lab.lockin.read_xy()
        lab.lockin.select_harmonic(2, p.V_2w_max_rms)
        lab.wait(settle)
        second = [lab.lockin.read_xy()]
        for _ in range(p.n_readings - 1):
            lab.wait(_BETWEEN_READINGS * p.time_constant)
            second.append(lab.lockin.read_xy())
        return Harmonics(X_1w, Y_1w, fmean(Y for _, Y in second), fmean(X for X, _ in second))

    return read


def _by_reversal(lab: Lab, p: HarmonicParameters) -> Callable[[], Harmonics]:
    """Read the voltage at +I_ac_pk, 0 and -I_ac_pk, n_readings times.

    The voltage at 0 A is in the middle in time: the thermal EMF of the leads and the zero of meter and source are
    subtracted with it, and so is a drift that is steady over the three.
    """
    lab.voltmeter.prepare(math.sqrt(2) * p.V_1w_max_rms, p.nplc)

    def voltage(current: float) -> float:
        lab.source.set_current(current)
        lab.wait(REVERSAL_DELAY)
        return lab.voltmeter.read_voltage()

    def read() -> Harmonics:
        triples = [[voltage(sign * p.I_ac_pk) for sign in (+1, 0, -1)] for _ in range(p.n_readings)]
        odd = fmean((plus - minus) / 2 for plus, _, minus in triples)
        even = fmean((plus + minus) / 2 - zero for plus, zero, minus in triples)
        return Harmonics(odd / math.sqrt(2), 0.0, -even / (2 * math.sqrt(2)), 0.0)

    return read
