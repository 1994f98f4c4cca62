"""Anisotropy field and current-induced fields from first and second harmonics of the Hall voltage.

Phase        The first harmonic has one phase; what it is off zero by, phi, is the reference's, and shows as 2 phi
             at the second harmonic. Both are turned back. A reference that is the wrong way round is not seen.
H_k          cos(arcsin): V_1w = V_0 sqrt(1 - (H/H_k)^2), fitted as a line of V_1w^2 against H^2; and the parabola
             V_1w = V_0 (1 - (H/H_k)^2 / 2). V_1w is half the difference of both states at one field, which removes
             R_off and all else that does not reverse with m. Sweeps along and across the current both count, in
             |H| < window_H_k H_k, with an H_k that is found by repetition. Where H_k differs from place to place,
             its apparent value is not its mean.
R_PHE        Half the sum of both states on the diagonals: R_off + R_PHE 2 H_x H_y / H_k^2.
Torques      B = (dV_2w/dH) / (d2V_1w/dH2) in |H| < window_torque H_k, for each sweep and state (+: up);
             dH_x = -2 (B_x +- 2 xi B_y) / (1 - 4 xi^2), dH_y = -2 (B_y +- 2 xi B_x) / (1 - 4 xi^2),
             xi = R_PHE/R_AHE (Hayashi et al., Phys. Rev. B 89, 144425 (2014), who write half of the loop's height
             for R_AHE; half of this ratio with the same denominator is met in programs and is wrong). mu0_H_DL is
             half the difference of dH_x in both states, mu0_H_FL the mean of dH_y. A line is fitted, with a
             constant: a temperature gradient in the plane makes one, of either sign in either state. Moments far
             from the normal make both fields come out about 1 % too large at 0.15 H_k.
Thermal      A vertical temperature gradient makes R_dT I m_x, which is as linear in H_x / H_k as the damping-like
             field is, and reverses with m relative to V_1w as that does. With the moments in the plane, at
             |H| > 1.5 H_k along x, the voltage that is odd in H is -(I / 2 sqrt(2)) sign(H) times
             R_dT I + b / (|H| - H_s) + 2 R_PHE H_FL / |H|, derived here; R_dT, b and H_s, which a spread of H_k
             makes differ from H_k, are fitted. It makes mu0_H_DL smaller by R_dT I H_k / R_AHE, which is taken
             off; dT_share is that over mu0_H_DL, negative where it made mu0_H_DL smaller.
Uncertainty  One standard deviation: scatter about the fits, carried through all of the above, and that of the
             current. R_dT, and with it mu0_H_DL, has besides what a spread of H_k may do: 1 % of mu0_H_DL. The
             gain of lock-in or voltmeter is in none: R_AHE, R_off, R_PHE and R_dT are as good as that.
Warnings     Sweeps that lost their single domain, a thermal part of more than 10 % of mu0_H_DL (our choices).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from protocols.analysis.harmonic_fits import (
    Anisotropy,
    Line,
    fit_anisotropy,
    fit_high_fields,
    line,
    propagated,
)
from protocols.analysis.harmonic_rows import Readings
from protocols.harmonic_readings import (
    ACROSS,
    AFTER,
    ALONG,
    BEFORE,
    DIAGONALS,
    HIGH,
    SATURATED,
    SINGLE_DOMAIN,
    lost_share,
)
from protocols.vocabulary import Analysis, Curve, Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: Fields above which the moments lie in the plane, in H_k: wherever H_k is half as large again (our choice).
IN_PLANE: Final = 1.5
#: Part of mu0_H_DL that a spread of H_k may leave in the thermal part: 1.3 % for one of 17 % (our estimate).
SPREAD: Final = 0.01
#: Thermal part of mu0_H_DL above which the reader is warned (our choice).
LARGE_SHARE: Final = 0.1

_N_CURVE: Final = 101
_N_MUTUAL: Final = 3  # R_dT depends on H_FL and H_FL, by 2 xi times a few per cent, on R_dT

_REPORTS: Final = {
    "mu0_H_k": ("T", "anisotropy field by cos(arcsin), demagnetizing field included", "Oe"),
    "mu0_H_k_parabola": ("T", "anisotropy field by the parabola", "Oe"),
    "mu0_H_DL": ("T", "damping-like field at +I_ac_pk, along x where the layer is up", "Oe"),
    "mu0_H_FL": ("T", "field-like field at +I_ac_pk, along y, that of the current included", "Oe"),
    "mu0_H_DL_per_J": ("T m2/A", "|mu0_H_DL| over J", None),
    "J": ("A/m2", "peak current density by J_convention", None),
    "R_AHE": ("ohm", "half the difference of R_xy in both states, without field", None),
    "R_off": ("ohm", "half the sum of R_xy in both states", None),
    "R_PHE": ("ohm", "planar Hall resistance: R_xy has R_PHE sin^2(theta) sin(2 phi)", None),
    "r_PHE": ("1", "R_PHE over R_AHE", None),
    "R_dT": ("ohm/A", "thermoelectric voltage of a vertical gradient, R_dT I^2 m_x, over I^2", None),
    "dT_share": ("1", "thermoelectric part, as a share of mu0_H_DL, that was taken off", None),
    "phase": ("rad", "reference phase of the first harmonic", "deg"),
    "lost_share": ("1", "largest share of the layer that left its state in a sweep", None),
}


def harmonics(
    readings: Readings,
    *,
    I_ac_pk: float,
    J: float,
    window_H_k: float = 0.3,
    window_torque: float = 0.15,
    r_PHE: float | None = None,
    scale: float = 0.0,
) -> Analysis:
    """Analyse a harmonic Hall measurement with a current of amplitude I_ac_pk (A) and density J (A/m2).

    `r_PHE` is taken as exact; None: it comes from the sweeps along the diagonals. `scale` is the relative standard
    uncertainty of the current. The results are those of the protocol; the curves are the fits. What the data do
    not contain is NaN with a note.
    """
    phase, turned = readings.phase, readings.turned()
    H, odd, even = _both_states(turned, (ALONG, ACROSS))
    anisotropy = fit_anisotropy(H, odd, window_H_k)
    planar = _planar(turned, anisotropy, window_H_k, r_PHE)
    slopes = _slopes(turned, window_torque * anisotropy.mu0_H_k)
    lost, warnings = _domains(turned)
    found = {
        **_resistances(anisotropy, planar, even[np.abs(H) < window_H_k * anisotropy.mu0_H_k], I_ac_pk, scale),
        **_torques(anisotropy, planar, slopes, _high_fields(turned, I_ac_pk, anisotropy), I_ac_pk),
        "J": _Found(J, scale * J),
        "phase": _Found(phase),
        "lost_share": lost,
    }
    H_DL = found["mu0_H_DL"]
    efficiency = abs(H_DL.value) / J
    found["mu0_H_DL_per_J"] = _Found(efficiency, math.hypot(H_DL.u / J, scale * efficiency), H_DL.note)
    results = {
        name: Result(found[name].value, found[name].u, unit, text, display, note=found[name].note)
        for name, (unit, text, display) in _REPORTS.items()
    }
    warnings += dict.fromkeys(result.note for result in results.values() if result.note)
    share = found["dT_share"]
    if abs(share.value) > LARGE_SHARE:
        warnings.append(
            f"the thermoelectric part is {100 * share.value:.3g} % of mu0_H_DL: what is left when it is taken off "
            "rests on the high fields"
        )
    return Analysis(results, _curves(anisotropy, slopes, window_H_k), tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Found:
    """A value with its standard uncertainty, or why it is not known."""

    value: float = math.nan
    u: float = 0.0
    note: str = ""

    @classmethod
    def missing(cls, note: str) -> _Found:
        return cls(math.nan, math.nan, note)


def _both_states(readings: Readings, directions: Sequence[float]) -> tuple[Array, Array, Array]:
    """Signed field (T), half the difference and half the sum of V_1w (V rms) of both states, of some sweeps."""
    pairs = [readings.swept(phi).paired() for phi in directions]
    return (
        np.concatenate([(up.along + down.along) / 2 for up, down in pairs]),
        np.concatenate([(up.V_1w.real - down.V_1w.real) / 2 for up, down in pairs]),
        np.concatenate([(up.V_1w.real + down.V_1w.real) / 2 for up, down in pairs]),
    )


def _planar(readings: Readings, anisotropy: Anisotropy, window: float, r_PHE: float | None) -> _Found:
    """R_PHE/R_AHE: as given, or from the slope of what both states share against 2 H_x H_y / H_k^2."""
    if anisotropy.note:
        return _Found.missing(anisotropy.note)
    if r_PHE is not None:
        return _Found(r_PHE)
    pairs = [readings.swept(phi).paired() for phi in DIAGONALS]
    product = np.concatenate([up.mu0_H_x * up.mu0_H_y + down.mu0_H_x * down.mu0_H_y for up, down in pairs])
    H, _, even = _both_states(readings, DIAGONALS)
    inside = np.abs(H) < window * anisotropy.mu0_H_k
    fitted = line(product[inside] / anisotropy.mu0_H_k**2, even[inside], "R_PHE")
    if fitted.note:
        return _Found.missing(fitted.note)
    ratio = fitted.slope / anisotropy.V_0
    relative = (2 * anisotropy.u_mu0_H_k / anisotropy.mu0_H_k, anisotropy.u_V_0 / anisotropy.V_0)
    return _Found(ratio, math.hypot(fitted.u_slope / anisotropy.V_0, *(ratio * part for part in relative)))


def _slopes(readings: Readings, limit: float) -> dict[tuple[float, int], Line]:
    """Lines through V_2w (V rms) against the field (T) within `limit`, by direction and state."""
    slopes: dict[tuple[float, int], Line] = {}
    for phi in (ALONG, ACROSS):
        swept = readings.swept(phi)
        for state in (+1, -1):
            here = swept.only((swept.state == state) & (np.abs(swept.along) < limit))
            slopes[phi, state] = line(here.along, here.V_2w.real, "torques")
    return slopes


def _domains(readings: Readings) -> tuple[_Found, list[str]]:
    """Share of the layer that left its state, the worst of all sweeps, and a warning where that is too much."""
    saturated = {
        state: readings.V_1w.real[(readings.stage == SATURATED) & (readings.state == state)]
        for state in (+1, -1)
    }
    if not all(len(V) for V in saturated.values()):
        return _Found.missing("both states must have been saturated once"), []
    level = {state: float(np.mean(V)) for state, V in saturated.items()}
    worst, broken = 0.0, dict[int, None]()
    for at in np.flatnonzero((readings.stage == BEFORE) | (readings.stage == AFTER)):
        state = int(readings.state[at])
        lost = lost_share(float(readings.V_1w[at].real), level[state], level[-state])
        worst = max(worst, lost, key=abs)
        if not abs(lost) <= SINGLE_DOMAIN:
            broken[int(readings.branch[at])] = None
    warnings = (
        [
            f"the layer was no single domain in sweep {', '.join(map(str, broken))}: up to {100 * worst:.3g} % of "
            "it had left its state; what was fitted to these sweeps is not that of a single domain"
        ]
        if broken
        else []
    )
    return _Found(worst), warnings


def _resistances(
    anisotropy: Anisotropy, planar: _Found, even: Array, I_ac_pk: float, scale: float
) -> dict[str, _Found]:
    """H_k by both laws, and the resistances; `even` is half the sum of V_1w (V rms) of both states."""
    names = ("mu0_H_k", "mu0_H_k_parabola", "R_AHE", "R_off", "R_PHE", "r_PHE")
    if anisotropy.note:
        return dict.fromkeys(names, _Found.missing(anisotropy.note))

    def resistance(V: float, u_V: float) -> _Found:
        R = V * math.sqrt(2) / I_ac_pk
        return _Found(R, math.hypot(u_V * math.sqrt(2) / I_ac_pk, scale * R))

    V_0, u_V_0 = anisotropy.V_0, anisotropy.u_V_0
    return {
        "mu0_H_k": _Found(anisotropy.mu0_H_k, anisotropy.u_mu0_H_k),
        "mu0_H_k_parabola": _Found(anisotropy.mu0_H_k_parabola, anisotropy.u_mu0_H_k_parabola),
        "R_AHE": resistance(V_0, u_V_0),
        "R_off": resistance(float(np.mean(even)), float(np.std(even, ddof=1)) / math.sqrt(len(even))),
        "R_PHE": _Found.missing(planar.note)
        if planar.note
        else resistance(planar.value * V_0, math.hypot(planar.u * V_0, planar.value * u_V_0)),
        "r_PHE": planar,
    }


@dataclass(frozen=True, slots=True)
class _HighFields:
    """What is odd in the field where the moments lie in the plane: fields (T) and dR (ohm at +I_ac_pk)."""

    mu0_H: Array
    dR: Array


def _high_fields(readings: Readings, I_ac_pk: float, anisotropy: Anisotropy) -> _HighFields:
    """Pair the high fields of both signs, above 1.5 H_k; empty where there are none."""
    high = readings.only(readings.stage == HIGH)
    plus, minus = high.only(high.mu0_H_set > 0), high.only(high.mu0_H_set < 0)
    _, at_plus, at_minus = np.intersect1d(plus.mu0_H_set, -minus.mu0_H_set, return_indices=True)
    plus, minus = plus.only(at_plus), minus.only(at_minus)
    mu0_H = (plus.along - minus.along) / 2
    dR = -math.sqrt(2) / I_ac_pk * (plus.V_2w.real - minus.V_2w.real)
    in_plane = mu0_H > IN_PLANE * anisotropy.mu0_H_k
    return _HighFields(mu0_H[in_plane], dR[in_plane])


def _torques(
    anisotropy: Anisotropy,
    planar: _Found,
    slopes: Mapping[tuple[float, int], Line],
    high: _HighFields,
    I_ac_pk: float,
) -> dict[str, _Found]:
    """mu0_H_DL, mu0_H_FL, R_dT and dT_share, with the planar Hall effect and the thermal part taken off."""
    names = ("mu0_H_DL", "mu0_H_FL", "R_dT", "dT_share")
    problems = [anisotropy.note, planar.note, *(slope.note for slope in slopes.values())]
    if any(problems):
        return dict.fromkeys(names, _Found.missing("; ".join(dict.fromkeys(filter(None, problems)))))
    plain = fit_high_fields(high.mu0_H, high.dR, anisotropy.mu0_H_k)
    order = [(phi, state) for phi in (ALONG, ACROSS) for state in (+1, -1)]

    def solved(values: Sequence[float]) -> list[float]:
        H_k, V_0, xi, noise, *slope = values
        R_AHE = V_0 * math.sqrt(2) / I_ac_pk
        both, R_dT = (0.0, 0.0), 0.0  # mu0_H_DL and mu0_H_FL
        for _ in range(_N_MUTUAL):
            if not plain.note:
                left = high.dR - 2 * xi * R_AHE * both[1] / high.mu0_H
                R_dT = (fit_high_fields(high.mu0_H, left, H_k).constant + noise) / I_ac_pk
            thermal = -(I_ac_pk**2) * R_dT / (2 * math.sqrt(2) * H_k)
            both = current_induced_fields(
                {key: value - thermal * (key[0] == ALONG) for key, value in zip(order, slope, strict=True)},
                {state: -state * V_0 / H_k**2 for state in (+1, -1)},
                xi,
            )
        return [*both, R_dT, -I_ac_pk * R_dT * H_k / (R_AHE * both[0])]

    inputs = [anisotropy.mu0_H_k, anisotropy.V_0, planar.value, 0.0, *(slopes[key].slope for key in order)]
    R_torque = anisotropy.V_0 * math.sqrt(2) / I_ac_pk * solved(inputs)[0] / anisotropy.mu0_H_k
    values, u_values = propagated(
        solved,
        inputs,
        [
            anisotropy.u_mu0_H_k,
            anisotropy.u_V_0,
            planar.u,
            0.0 if plain.note else math.hypot(plain.u_constant, SPREAD * R_torque),
            *(slopes[key].u_slope for key in order),
        ],
    )
    found = {name: _Found(value, u) for name, value, u in zip(names, values, u_values, strict=True)}
    if plain.note:
        why = f"the thermoelectric part was not separated from mu0_H_DL: {plain.note}"
        found |= dict.fromkeys(("R_dT", "dT_share"), _Found.missing(why))
    return found


def current_induced_fields(
    slopes: Mapping[tuple[float, int], float], curvatures: Mapping[int, float], xi: float
) -> tuple[float, float]:
    """mu0_H_DL and mu0_H_FL (T) from the slopes of V_2w and the curvatures of V_1w.

    `slopes` (V/T) are by direction of the sweep (0: along the current, pi/2: across) and state (+1, -1),
    `curvatures` (V/T2) by state; xi = R_PHE/R_AHE. This is Hayashi's correction as the head of the module has it.
    """
    shifts: dict[int, tuple[float, float]] = {}
    for state in (+1, -1):
        B_x, B_y = (slopes[phi, state] / curvatures[state] for phi in (ALONG, ACROSS))
        factor = -2 / (1 - 4 * xi**2)
        shifts[state] = factor * (B_x + state * 2 * xi * B_y), factor * (B_y + state * 2 * xi * B_x)
    return (shifts[+1][0] - shifts[-1][0]) / 2, (shifts[+1][1] + shifts[-1][1]) / 2


def _curves(
    anisotropy: Anisotropy, slopes: Mapping[tuple[float, int], Line], window: float
) -> dict[str, Curve]:
    """The fits where they hold: V_1w of each state, less R_off, and V_2w of each sweep and state."""
    curves: dict[str, Curve] = {}
    if anisotropy.note:
        return curves
    H = anisotropy.mu0_H_k * window * np.linspace(-1, 1, _N_CURVE)
    for state, word in ((+1, "up"), (-1, "down")):
        text = f"fitted first harmonic, state {word}, less R_off"
        curves[f"V_1w_{word}"] = Curve(H, state * anisotropy.at(H), "mu0_H", "T", "V_1w_rms", "V", text)
    for (phi, state), fitted in slopes.items():
        if not fitted.note:
            ends = fitted.mean_x + fitted.reach * np.array([-1.0, 1.0])
            axis, word = "x" if phi == ALONG else "y", "up" if state > 0 else "down"
            text = f"fitted second harmonic against the field along {axis}, state {word}"
            curves[f"V_2w_{axis}_{word}"] = Curve(ends, fitted.at(ends), "mu0_H", "T", "V_2w_rms", "V", text)
    return curves
