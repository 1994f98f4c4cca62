"""Harmonic Hall measurement: anisotropy field, damping-like and field-like torque of an alternating current.

Method    A current I_ac_pk sin(wt) flows through the bar, and the first and second harmonic of the Hall voltage
          are read while an in-plane field is swept from -mu0_H_max to +mu0_H_max in steps of mu0_H_step: along the
          current (magnet_x), across it (magnet_y) and, with both magnets, along the two diagonals, each with the
          layer magnetized up (state +1) and down (-1). Every sweep begins anew: with no field in the plane the
          layer is saturated by magnet_z at +-mu0_H_sat and read (stage 0), read again with magnet_z at zero (stage
          1), then swept (stage 2), and read once more with no field (stage 3): a layer that has not come back to
          what it was is no longer one domain, and the run says so. At last n_high fields along the current, from
          half of mu0_H_high to all of it and of both signs, lay the moments into the plane (stage 4, state 0; the
          current is off while the field goes there):
          there a torque turns them the less the larger the field is, while the voltage of a vertical temperature
          gradient stays. Harmonics are read by a lock-in, where the station has one; otherwise a direct current is
          reversed (harmonic_readings.py has the equations). is_lockin says which; frequency and time_constant
          belong to the lock-in, nplc to the reversal.
Reports   mu0_H_k, mu0_H_k_parabola, mu0_H_DL, mu0_H_FL (T, at I_ac_pk), mu0_H_DL_per_J (T m2/A), J (A/m2, peak),
          R_AHE, R_off, R_PHE (ohm), r_PHE, R_dT (ohm/A), dT_share, phase (rad), lost_share (analysis/harmonics.py).
Signs     z is the normal, x the direction of positive current. mu0_H_DL is the damping-like field along x that a
          positive current makes where the layer is up; where it is down, it is the opposite. mu0_H_FL is the
          field along y, the same in both states, with that of the current itself (Oersted) in it.
          mu0_H_DL_per_J = |mu0_H_DL| / J, with J the peak of the density that J_convention means: "stack", the mean
          over all metal, I_ac_pk / (width thickness); "Pt", all of the current in the platinum,
          I_ac_pk / (width t_Pt). Values under the two must not be compared.
Source    Li et al., Chin. Phys. B 31, 117106 (2022): harmonic Hall measurement of the stack without AlOx. Method:
          Hayashi et al., Phys. Rev. B 89, 144425 (2014); thermal part: Avci et al., Phys. Rev. B 90, 224427 (2014).
          Current, frequency, fields and the convention of J are choices of this package.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import model_validator

from protocols.drawing import frame, inset
from protocols.harmonic_readings import (
    ACROSS,
    AFTER,
    ALONG,
    BEFORE,
    DIAGONALS,
    HIGH,
    SATURATED,
    SINGLE_DOMAIN,
    SWEPT,
    HarmonicParameters,
    Harmonics,
    lost_share,
    prepare_readings,
    start_current,
    stop_current,
)
from protocols.sensing import TIME_COLUMN
from protocols.set_points import n_set_points, set_points
from protocols.steps import RECTANGULAR, require_regulation, saturate
from protocols.units import Oe, T, ms, mV, nm, s, uV
from protocols.vocabulary import Analysis, Column, Envelope, Lab, MeasurementProtocol, Row, parameter

if TYPE_CHECKING:
    from protocols.analysis.harmonic_rows import Readings
    from protocols.vocabulary import Data

_MAX_ROWS = 1_000_000


class Parameters(HarmonicParameters):
    """What the harmonic Hall measurement can be asked for; SI inside."""

    mu0_H_max: float = parameter(
        420 * Oe,
        "end of the sweeps, of both signs; where it is more than 0.4 H_k the layer may break into domains",
        unit="T",
        display="Oe",
        above=0,
        high=2 * T,
    )
    mu0_H_step: float = parameter(
        30 * Oe,
        "distance of the fields of a sweep, at most a quarter of mu0_H_max",
        unit="T",
        display="Oe",
        above=0,
        high=1 * T,
    )
    mu0_H_sat: float = parameter(
        400 * Oe,
        "field along the normal that saturates the layer before every sweep",
        unit="T",
        display="Oe",
        above=0,
        high=2 * T,
    )
    mu0_H_high: float = parameter(
        5500 * Oe,
        "largest field that lays the moments into the plane, above 2 H_k; 0: the thermal part is not separated",
        unit="T",
        display="Oe",
        low=0,
        high=5 * T,
    )
    n_high: int = parameter(10, "number of high fields of each sign", low=4, high=1000)
    settle: float = parameter(
        100 * ms,
        "wait after every change of a field, beside that of the lock-in's filter",
        unit="s",
        display="ms",
        low=0,
        high=3600 * s,
    )
    window_H_k: float = parameter(0.3, "part of H_k within which H_k is fitted", above=0, high=0.7)
    window_torque: float = parameter(
        0.15, "part of H_k within which the torques are fitted", above=0, high=0.7
    )
    planar_hall: Literal["measured", "given"] = parameter(
        "measured", "whether R_PHE/R_AHE comes from sweeps along the diagonals or is r_PHE"
    )
    r_PHE: float = parameter(
        0.0, "R_PHE/R_AHE, taken as exact, where planar_hall is given", low=-0.45, high=0.45
    )
    width: float = parameter(10e-6, "width of the bar", unit="m", display="um", above=0, high=0.1)
    thickness: float = parameter(
        11.2 * nm, "thickness of all metal of the stack", unit="m", display="nm", above=0, high=1e-3
    )
    J_convention: Literal["stack", "Pt"] = parameter(
        "stack", "density J: of the current in all metal, or in the platinum alone"
    )
    t_Pt: float = parameter(
        6 * nm, "thickness of all platinum, for J_convention Pt", unit="m", display="nm", above=0, high=1e-3
    )

    @property
    def J(self) -> float:
        """Amplitude (peak) of the current density (A/m2) by J_convention."""
        return self.I_ac_pk / (self.width * (self.thickness if self.J_convention == "stack" else self.t_Pt))

    @property
    def directions(self) -> tuple[float, ...]:
        """Directions (rad from the current) of the sweeps, in order."""
        return (ALONG, ACROSS, *(DIAGONALS if self.planar_hall == "measured" else ()))

    @model_validator(mode="after")
    def _fields_make_sweeps(self) -> Self:
        if self.mu0_H_step > self.mu0_H_max / 4:
            raise ValueError(
                f"mu0_H_step must be at most a quarter of mu0_H_max ({self.mu0_H_max / 4 / Oe:.6g} Oe); "
                f"got {self.mu0_H_step / Oe:.6g} Oe"
            )
        # The ratio goes first: a step of 1e-300 T would make a number of rows too large to count.
        if self.mu0_H_max / self.mu0_H_step > _MAX_ROWS or n_rows(self) > _MAX_ROWS:
            raise ValueError(
                f"mu0_H_step must leave at most {_MAX_ROWS} rows in all sweeps to {self.mu0_H_max / Oe:.6g} Oe; "
                f"got {self.mu0_H_step / Oe:.6g} Oe"
            )
        if 0 < self.mu0_H_high < 4 * self.mu0_H_max:
            raise ValueError(
                f"mu0_H_high must be 0 or at least four times mu0_H_max ({4 * self.mu0_H_max / Oe:.6g} Oe), above "
                f"H_k; got {self.mu0_H_high / Oe:.6g} Oe"
            )
        if self.planar_hall == "measured" and self.r_PHE:
            raise ValueError(
                f"planar_hall must be given where r_PHE is; got r_PHE {self.r_PHE:.6g} with planar_hall measured"
            )
        if self.window_torque > self.window_H_k:
            raise ValueError(
                f"window_torque must be at most window_H_k ({self.window_H_k:.6g}); got {self.window_torque:.6g}"
            )
        return self


columns = (
    Column("mu0_H", "T", "measured field along the direction of the sweep, signed", display="Oe"),
    Column("V_2w_rms", "V", "second harmonic of the Hall voltage, its part of cos(2wt)", display="uV"),
    Column("V_1w_rms", "V", "first harmonic of the Hall voltage, its part of sin(wt)", display="mV"),
    Column("V_2w_quadrature_rms", "V", "part of sin(2wt): Y is V_2w_rms, X this", display="uV"),
    Column("V_1w_quadrature_rms", "V", "part of cos(wt): X is V_1w_rms, Y this", display="mV"),
    Column("mu0_H_x", "T", "measured field along the current, before the voltages", display="Oe"),
    Column("mu0_H_y", "T", "measured field across the current, before the voltages", display="Oe"),
    Column("mu0_H_set", "T", "field along the direction of the sweep that was asked for", display="Oe"),
    Column("phi", "rad", "direction of the sweep in the plane, from the current", display="deg"),
    Column("state", "1", "+1 magnetized up, -1 down, 0 into the plane", dtype="int64"),
    Column(
        "stage",
        "1",
        "0 in the saturating field, 1 without field, 2 swept, 3 without field again, 4 high field",
        dtype="int64",
    ),
    Column("branch", "1", "number of the sweep, from 1; the high fields are the last", dtype="int64"),
    Column("is_lockin", "1", "1 read by a lock-in, 0 by reversal of a direct current", dtype="int64"),
    Column("u_I_ac_pk", "A", "standard uncertainty of I_ac_pk from the source's accuracy", display="mA"),
    TIME_COLUMN,
)


def harmonic_hall(lab: Lab, p: Parameters) -> Iterator[Row]:
    """Measure all sweeps, one row per field; MeasurementError where the source is in compliance."""
    harmonics = prepare_readings(lab, p)
    constants = {
        "is_lockin": int(lab.has("lockin")),
        "u_I_ac_pk": lab.source.accuracy(p.I_ac_pk) * RECTANGULAR,
    }
    read = _reader(lab, p, harmonics, constants)
    _apply(lab, 0.0, 0.0)
    saturated: dict[int, float] = {}
    branch = 0
    for phi in p.directions:
        without_field: list[Row] = []
        for state in (+1, -1):
            branch += 1
            saturate(lab, state * p.mu0_H_sat, p.settle)
            row = read(0.0, phi, state, SATURATED, branch)
            require_regulation(lab, p.I_ac_pk, p.compliance)
            saturated[state] = row["V_1w_rms"]
            yield row
            lab.magnet_z.ramp_to(0.0)
            without_field.append(read(0.0, phi, state, BEFORE, branch))
            yield without_field[-1]
            for level in set_points(-p.mu0_H_max, p.mu0_H_max, p.mu0_H_step):
                _apply(lab, level, phi)
                yield read(level, phi, state, SWEPT, branch)
            _apply(lab, 0.0, phi)
            without_field.append(read(0.0, phi, state, AFTER, branch))
            yield without_field[-1]
        _note_domains(lab, without_field, saturated)
    for levels in _high_fields(p):
        stop_current(lab)  # on the way there the layer breaks up, whatever flows
        _apply(lab, levels[0], ALONG)
        start_current(lab, p)
        for level in levels:
            _apply(lab, level, ALONG)
            yield read(level, ALONG, 0, HIGH, branch + 1)
    stop_current(lab)


def _reader(
    lab: Lab, p: Parameters, harmonics: Callable[[], Harmonics], constants: dict[str, float]
) -> Callable[[float, float, int, int, int], Row]:
    """Return what waits, measures both fields, reads the harmonics and makes a row of them."""

    def read(level: float, phi: float, state: int, stage: int, branch: int) -> Row:
        lab.wait(p.settle)
        mu0_H_x, mu0_H_y = lab.magnet_x.read_field(), lab.magnet_y.read_field()
        found = harmonics()
        return Row(
            mu0_H=mu0_H_x * math.cos(phi) + mu0_H_y * math.sin(phi),
            V_2w_rms=found.V_2w_rms,
            V_1w_rms=found.V_1w_rms,
            V_2w_quadrature_rms=found.V_2w_quadrature_rms,
            V_1w_quadrature_rms=found.V_1w_quadrature_rms,
            mu0_H_x=mu0_H_x,
            mu0_H_y=mu0_H_y,
            mu0_H_set=level,
            phi=phi,
            state=state,
            stage=stage,
            branch=branch,
            **constants,
            time=lab.now(),
        )

    return read


def _apply(lab: Lab, level: float, phi: float) -> None:
    """Apply a field (T, signed) in the plane, in the direction phi (rad); a magnet across it is at exactly 0."""
    lab.magnet_x.ramp_to(0.0 if phi == ACROSS else level * math.cos(phi))
    lab.magnet_y.ramp_to(0.0 if phi == ALONG else level * math.sin(phi))


def _note_domains(lab: Lab, rows: list[Row], saturated: dict[int, float]) -> None:
    """Say which readings without field, after both sweeps of a direction, are not those of the saturated layer."""
    for row in rows:
        state = int(row["state"])
        lost = lost_share(row["V_1w_rms"], saturated[state], saturated[-state])
        if abs(lost) > SINGLE_DOMAIN:
            when = "before" if row["stage"] == BEFORE else "after"
            lab.note(
                f"sweep {row['branch']:.0f}: the layer was no single domain {when} it, "
                f"{100 * lost:.3g} % of it had left its state"
            )


def _high_fields(p: Parameters) -> list[list[float]]:
    """The high fields (T), ascending, of either sign; none where mu0_H_high is 0."""
    if p.mu0_H_high == 0:
        return []
    sizes = [p.mu0_H_high * (1 + k / (p.n_high - 1)) / 2 for k in range(p.n_high)]
    return [[-size for size in reversed(sizes)], sizes]


def n_rows(p: Parameters) -> int:
    """How many rows all sweeps have."""
    n_swept = n_set_points(-p.mu0_H_max, p.mu0_H_max, p.mu0_H_step)
    return 2 * len(p.directions) * (n_swept + 3) + 2 * p.n_high * (p.mu0_H_high > 0)


def envelope(p: Parameters) -> Envelope:
    """The largest current, voltage and fields that are asked for."""
    return Envelope(
        current=p.I_ac_pk,
        compliance=p.compliance,
        mu0_H={
            "magnet_x": max(p.mu0_H_max, p.mu0_H_high),
            "magnet_y": p.mu0_H_max,
            "magnet_z": p.mu0_H_sat,
        },
    )


def analyse(data: Data, p: Parameters) -> Analysis:
    """Anisotropy, torques, resistances and the thermal part, from the columns and the current alone."""
    from protocols.analysis.harmonic_rows import Readings
    from protocols.analysis.harmonics import harmonics  # numpy is not needed to list the protocols

    return harmonics(
        Readings.of(data),
        I_ac_pk=p.I_ac_pk,
        J=p.J,
        window_H_k=p.window_H_k,
        window_torque=p.window_torque,
        r_PHE=p.r_PHE if p.planar_hall == "given" else None,
        scale=float(max(data["u_I_ac_pk"], default=0.0)) / p.I_ac_pk,
    )


def draw(
    axes: Any, data: Data, analysis: Analysis, *, label: str | None = None, color: str | None = None
) -> None:
    """Draw V_2w (uV rms) against the in-plane field (Oe), both states, along the current and across it.

    Full symbols are readings along the current, open ones across it; triangles point to where the layer is
    magnetized; lines are the fitted slopes. The inset is V_1w (mV rms) along the current, with cos(arcsin). Calls
    with `label` and `color` put several runs on one Axes, without insets.
    """
    from protocols.analysis.harmonic_rows import Readings

    frame(axes, r"$H$ (Oe)", r"$V_{\mathrm{2}\omega}$ (μV, rms)")
    turned = Readings.of(data).turned()
    for phi, axis, is_full in ((ALONG, "x", True), (ACROSS, "y", False)):
        swept = turned.swept(phi)
        for state, word, marker in ((+1, "up", "^"), (-1, "down", "v")):
            here = swept.only(swept.state == state)
            (points,) = axes.plot(
                here.along / Oe,
                here.V_2w.real / uV,
                marker,
                markersize=3,
                color=color,
                markerfacecolor=None if is_full else "none",
                markeredgewidth=0.5,
                label=f"$H_{axis}$, {word}" if label is None else label if is_full and state > 0 else None,
            )
            curve = analysis.curves.get(f"V_2w_{axis}_{word}")
            if curve is not None:
                axes.plot(curve.x / Oe, curve.y / uV, "-", linewidth=0.8, color=points.get_color())
    if label is None:
        _draw_first_harmonic(axes, turned.swept(ALONG), analysis)


def _draw_first_harmonic(axes: Any, swept: Readings, analysis: Analysis) -> None:
    """Draw half the difference of V_1w (mV rms) of both states along the current, where there is room."""
    up, down = swept.paired()
    is_rising = not analysis.results["mu0_H_DL"].value < 0
    axes.legend(
        loc="upper left" if is_rising else "upper right", ncols=2, columnspacing=0.8, handletextpad=0.1
    )
    small = inset(axes, 0.64 if is_rising else 0.19, 0.11, 0.33, 0.3)
    small.plot(up.along / Oe, (up.V_1w.real - down.V_1w.real) / (2 * mV), ".", markersize=2, color="0.4")
    curve = analysis.curves.get("V_1w_up")
    if curve is not None:
        inside = abs(curve.x) <= max(abs(up.along), default=0.0)
        small.plot(curve.x[inside] / Oe, curve.y[inside] / mV, "-", linewidth=0.8, color="0.4")
    small.set_ylabel(r"$V_{\mathrm{1}\omega}$ (mV, rms)", fontsize=7, labelpad=1)


protocol = MeasurementProtocol(
    name="harmonic-hall",
    version="1",
    text=__doc__,
    parameters=Parameters,
    columns=columns,
    roles=("source", "voltmeter", "magnet_x", "magnet_y", "magnet_z"),
    optional_roles=("lockin",),
    signal="V_2w_rms",
    axis="mu0_H",
    measure=harmonic_hall,
    n_rows=n_rows,
    envelope=envelope,
    analyse=analyse,
    draw=draw,
)
