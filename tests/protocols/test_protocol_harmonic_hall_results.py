"""Harmonic Hall measurement of one macrospin: what it was given comes back, and what would spoil it is seen."""

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from macrospin_lab import MacrospinLab
from scripted_lab import columns_of, run_protocol

from protocols.analysis.harmonic_fits import fit_anisotropy, fit_high_fields, line, propagated
from protocols.analysis.harmonics import current_induced_fields
from protocols.harmonic_hall import Parameters, protocol
from protocols.units import Oe, mA

#: mu0_H_DL (Oe) at 4 mA for 25 Oe per 1e7 A/cm2, and 25 in SI.
H_DL, EFFICIENCY = 4 * 25 / 11.2, 25e-4 / 1e11

TORQUE = MacrospinLab.torque


@cache
def measured(has_lockin=True, **lab):
    """Columns of a run with the defaults, in such a lab, and its parameters."""
    rows, p = run_protocol(protocol, MacrospinLab(has_lockin=has_lockin, **lab))
    return columns_of(protocol, rows), p


def analysed(columns, **changes):
    """The analysis with some parameters changed, as by `labctl analyse --again`."""
    return protocol.analyse(columns, Parameters(**changes))


def without_high_fields(columns):
    """The rows in which the layer is magnetized up or down."""
    return {name: column[columns["stage"] < 4] for name, column in columns.items()}


def results(changes=None, low_fields_only=False, **lab):
    """Results as {name: value} of a run in such a lab, analysed with some changed parameters."""
    columns, _ = measured(**lab)
    if low_fields_only:
        columns = without_high_fields(columns)
    return {name: result.value for name, result in analysed(columns, **(changes or {})).results.items()}


# --- known answers -----------------------------------------------------------------------------------


def test_the_torque_that_was_put_in_comes_out():
    """25 Oe per 1e7 A/cm2, a field-like field of a fifth, H_k, R_AHE, R_off and R_PHE, to 1.5 %."""
    found = results(field_like=0.2 * TORQUE)
    assert found["mu0_H_DL"] / Oe == pytest.approx(H_DL, rel=0.015)
    assert found["mu0_H_FL"] / Oe == pytest.approx(0.2 * H_DL, rel=0.03)
    assert found["mu0_H_DL_per_J"] == pytest.approx(EFFICIENCY, rel=0.015)
    assert found["mu0_H_k"] / Oe == pytest.approx(2000, rel=1e-3)
    assert (found["R_AHE"], found["R_off"]) == pytest.approx((0.4, 0.05), rel=1e-3)
    assert (found["R_PHE"], found["r_PHE"]) == pytest.approx((0.04, 0.1), rel=1e-3)
    assert found["R_dT"] == pytest.approx(0, abs=1e-4)


def test_the_bias_of_large_angles_goes_with_the_window():
    """25.26 within 0.15 H_k [a macrospin elsewhere]; within 0.05 H_k it is what was put in, to 0.3 %."""
    wide = results(field_like=0.2 * TORQUE)
    narrow = results({"window_torque": 0.08}, field_like=0.2 * TORQUE)
    assert wide["mu0_H_DL_per_J"] * 1e15 == pytest.approx(25.26, rel=3e-3)
    assert narrow["mu0_H_DL_per_J"] == pytest.approx(EFFICIENCY, rel=5e-3)


def test_the_parabola_makes_H_k_smaller_than_cos_of_arcsin():
    """The next term of the cosine makes it 0.5 % smaller with the default sweeps, and nothing in a small window."""
    wide, narrow = results(), results({"window_H_k": 0.1, "window_torque": 0.1})
    assert wide["mu0_H_k_parabola"] / wide["mu0_H_k"] == pytest.approx(0.995, abs=1e-3)
    assert narrow["mu0_H_k_parabola"] / narrow["mu0_H_k"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("R_PHE", "wrong"), [(0.12, 22.25), (0.04, 24.24)])
def test_without_the_planar_Hall_correction_the_torque_is_wrong(R_PHE, wrong):
    """xi = 0.3 (0.1) and a field-like field of a fifth: 22.25 (24.24) for 25 if it is left out, as is known."""
    lab = {"R_PHE": R_PHE, "field_like": 0.2 * TORQUE}
    assert results(**lab)["mu0_H_DL_per_J"] == pytest.approx(EFFICIENCY, rel=0.03)
    left_out = results({"planar_hall": "given"}, low_fields_only=True, **lab)
    assert left_out["mu0_H_DL_per_J"] * 1e15 == pytest.approx(wrong, rel=6e-3)
    assert left_out["r_PHE"] == 0


def test_half_of_the_planar_Hall_ratio_is_wrong():
    """xi = R_PHE / (2 R_AHE) with the same 1 - 4 xi^2 is found in programs: it misses by more than 4 % at 0.3."""
    lab = {"R_PHE": 0.12, "field_like": 0.2 * TORQUE}
    half = results({"planar_hall": "given", "r_PHE": 0.15}, **lab)
    assert abs(half["mu0_H_DL_per_J"] / EFFICIENCY - 1) > 0.04
    whole = results({"planar_hall": "given", "r_PHE": 0.3}, **lab)
    assert whole["mu0_H_DL_per_J"] == pytest.approx(EFFICIENCY, rel=0.03)


def test_the_planar_Hall_effect_may_have_the_other_sign():
    """R_PHE = -0.06 ohm is measured as such, and corrected for."""
    found = results(R_PHE=-0.06, field_like=0.2 * TORQUE)
    assert found["r_PHE"] == pytest.approx(-0.15, rel=2e-3)
    assert found["mu0_H_DL_per_J"] == pytest.approx(EFFICIENCY, rel=0.02)
    assert found["mu0_H_FL"] / Oe == pytest.approx(0.2 * H_DL, rel=0.03)


# --- signs -------------------------------------------------------------------------------------------


def test_a_torque_of_the_other_sign_has_the_other_sign_but_the_same_efficiency():
    """mu0_H_DL is negative where the field of +I points along -x for a layer that is up; |mu0_H_DL| / J is not."""
    found = results(torque=-TORQUE, field_like=0.2 * TORQUE)
    assert found["mu0_H_DL"] / Oe == pytest.approx(-H_DL, rel=0.015)
    assert found["mu0_H_FL"] / Oe == pytest.approx(0.2 * H_DL, rel=0.06)
    assert found["mu0_H_DL_per_J"] == pytest.approx(EFFICIENCY, rel=0.015)


@pytest.mark.parametrize(
    ("spoiled", "of_DL", "of_FL"), [("V_2w_rms", -1, -1), ("V_1w_rms", -1, -1), ("state", -1, 1)]
)
def test_each_sign_convention_decides_about_the_result(spoiled, of_DL, of_FL):
    """Swapped leads at either harmonic, or up for down, turn the fields over: no sign is lost on the way."""
    columns, _ = measured(field_like=0.2 * TORQUE)
    right = without_high_fields(columns)
    wrong = {name: column * (-1 if name == spoiled else 1) for name, column in right.items()}
    for name, sign in (("mu0_H_DL", of_DL), ("mu0_H_FL", of_FL)):
        kept, swapped = (analysed(these).results[name].value for these in (right, wrong))
        assert swapped == pytest.approx(sign * kept, rel=0.01)


def test_a_layer_with_R_AHE_below_zero_gives_the_same_fields():
    """With R_AHE = -0.4 ohm and R_PHE = 0.04 ohm the ratio is negative and the fields are what they were."""
    found = results(R_AHE=-0.4, field_like=0.2 * TORQUE)
    assert (found["R_AHE"], found["r_PHE"]) == pytest.approx((-0.4, -0.1), rel=2e-3)
    assert found["mu0_H_DL"] / Oe == pytest.approx(H_DL, rel=0.015)
    assert found["mu0_H_FL"] / Oe == pytest.approx(0.2 * H_DL, rel=0.06)


# --- thermoelectric voltages ---------------------------------------------------------------------------


@pytest.mark.parametrize(("R_dT", "share"), [(0.02, -0.0448), (-0.05, 0.112)])
def test_the_thermoelectric_part_is_separated_and_stated(R_dT, share):
    """R_dT I H_k / R_AHE over H_DL is 4.48 % for 0.02 ohm/A; taken off, what was put in is left."""
    found = results(R_dT=R_dT)
    assert found["R_dT"] == pytest.approx(R_dT, rel=5e-3)
    assert found["dT_share"] == pytest.approx(share, rel=0.03)
    assert found["mu0_H_DL"] == pytest.approx(results()["mu0_H_DL"], rel=1e-3)


def test_a_thermoelectric_part_that_is_not_separated_is_in_the_torque():
    """Without high fields 0.02 ohm/A make the torque 4.5 % smaller, R_dT is not known, and the run says so."""
    columns, _ = measured(R_dT=0.02)
    analysis = analysed(without_high_fields(columns), mu0_H_high=0)
    ratio = analysis.results["mu0_H_DL"].value / results()["mu0_H_DL"]
    assert ratio == pytest.approx(1 - 0.0448, abs=2e-3)
    assert math.isnan(analysis.results["R_dT"].value)
    assert "not separated" in analysis.results["R_dT"].note
    assert any("not separated" in warning for warning in analysis.warnings)


def test_the_thermoelectric_part_is_found_under_a_planar_Hall_effect_and_a_field_like_torque():
    """Their part of the high fields falls as 1/H and not as 1/(H - H_k); it is taken off first."""
    found = results(R_dT=0.02, R_PHE=0.12, field_like=0.5 * TORQUE)
    assert found["R_dT"] == pytest.approx(0.02, rel=0.05)
    assert found["mu0_H_DL_per_J"] == pytest.approx(EFFICIENCY, rel=0.03)


def test_a_large_thermoelectric_part_is_warned_about():
    """11 % of mu0_H_DL are above the 10 % that are stated; 4.5 % are not."""
    warned = [
        any("thermoelectric part is" in warning for warning in analysed(measured(R_dT=R_dT)[0]).warnings)
        for R_dT in (-0.05, 0.02)
    ]
    assert warned == [True, False]


def test_a_temperature_gradient_in_the_plane_changes_nothing():
    """Its voltage, of either sign in either state, is ten times the second harmonic, and a constant."""
    still, driven = results(), results(R_plane=0.5)
    for name in ("mu0_H_DL", "mu0_H_FL", "R_dT"):
        assert driven[name] == pytest.approx(still[name], abs=5e-3 * abs(still["mu0_H_DL"]))


# --- instruments -------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase_error", [0.0174, -0.3, 1.2])
def test_a_reference_that_is_late_is_measured_and_turned_back(phase_error):
    """phi at the first harmonic, twice of it at the second; up to 70 degrees all results stay the same."""
    right, late = results(field_like=0.2 * TORQUE), results(phase_error=phase_error, field_like=0.2 * TORQUE)
    assert late["phase"] == pytest.approx(-phase_error, abs=1e-6)
    for name in set(right) - {"phase", "lost_share", "R_dT", "dT_share"}:
        assert late[name] == pytest.approx(right[name], rel=1e-3)


def test_a_phase_error_that_is_not_turned_back_matters():
    """At 17 degrees the second harmonic alone loses 1 - cos(34 degrees) / cos(17 degrees) = 13 %."""
    columns, _ = measured(phase_error=0.3, field_like=0.2 * TORQUE)
    quadratures = ("V_1w_quadrature_rms", "V_2w_quadrature_rms")
    plain = analysed({name: column * (name not in quadratures) for name, column in columns.items()})
    ratio = plain.results["mu0_H_DL"].value / results(field_like=0.2 * TORQUE)["mu0_H_DL"]
    assert ratio == pytest.approx(math.cos(0.6) / math.cos(0.3), rel=5e-3)


def test_reversal_of_a_direct_current_gives_what_the_lockin_gives():
    """With emf, a drift of 0.5 nV/s, 2 uA of offset of the source and 5 nV of noise, to 1 %."""
    lab = {"R_dT": 0.02, "field_like": 0.2 * TORQUE}
    lockin = results(**lab)
    reversal = results(has_lockin=False, noise=5e-9, emf=1e-6, emf_drift=5e-10, source_offset=2e-6, **lab)
    for name in ("mu0_H_k", "mu0_H_DL", "R_AHE", "R_off", "R_PHE"):
        assert reversal[name] == pytest.approx(lockin[name], rel=0.01)
    assert reversal["mu0_H_FL"] == pytest.approx(lockin["mu0_H_FL"], rel=0.05)
    assert reversal["R_dT"] == pytest.approx(0.02, rel=0.1)


def test_uncertainties_are_those_of_repeated_runs():
    """Ten runs with 20 nV of noise: the results scatter by what each run says, within a factor of 2."""
    runs = [analysed(measured(noise=20e-9, seed=seed)[0]).results for seed in range(10)]
    for name in ("mu0_H_DL", "mu0_H_FL", "r_PHE", "R_dT", "mu0_H_k"):
        scatter = np.std([found[name].value for found in runs], ddof=1)
        said = np.mean([found[name].uncertainty for found in runs])
        assert 0.5 < scatter / said < 2, name


def test_the_accuracy_of_the_current_is_in_the_resistances_and_in_the_efficiency():
    """0.1 % of I_ac_pk is 0.1 % of R_AHE, R_off, R_PHE and J; fields do not contain it."""
    found = analysed(measured()[0]).results
    for name in ("R_AHE", "R_off", "R_PHE", "J"):
        assert found[name].uncertainty == pytest.approx(1e-3 * abs(found[name].value), rel=0.05)
    relative = found["mu0_H_DL"].uncertainty / found["mu0_H_DL"].value
    efficiency = found["mu0_H_DL_per_J"]
    assert efficiency.uncertainty / efficiency.value == pytest.approx(math.hypot(relative, 1e-3))


# --- data that do not hold what is asked ---------------------------------------------------------------


def test_a_layer_that_breaks_up_is_warned_about_and_a_whole_one_is_not():
    """A tenth that turns over at 380 Oe is seen after every sweep, and stated."""
    broken, whole = (analysed(measured(mu0_H_break=limit)[0]) for limit in (380 * Oe, math.inf))
    assert broken.results["lost_share"].value == pytest.approx(0.1, rel=1e-3)
    (warning,) = broken.warnings
    assert "no single domain in sweep 1, 2, 3, 4, 5, 6, 7, 8: up to 10 %" in warning
    assert whole.results["lost_share"].value == pytest.approx(0, abs=1e-4)
    assert not whole.warnings


def test_sweeps_that_go_far_beyond_the_window_do_not_spoil_H_k():
    """Readings up to 0.9 H_k are left out of the fits: H_k and the torque stay what they are."""
    rows, p = run_protocol(protocol, MacrospinLab(), mu0_H_max=1375 * Oe, mu0_H_step=50 * Oe)
    found = protocol.analyse(columns_of(protocol, rows), p).results
    assert found["mu0_H_k"].value / Oe == pytest.approx(2000, rel=1e-3)
    assert found["mu0_H_DL_per_J"].value == pytest.approx(EFFICIENCY, rel=0.015)


@given(end=st.integers(0, 276))
@settings(max_examples=25, deadline=None)
def test_a_run_that_was_stopped_has_all_results_by_name(end):
    """After any number of rows: a number, or NaN with a note; never an exception."""
    columns, p = measured()
    cut = {name: column[:end] for name, column in columns.items()}
    analysis = protocol.analyse(cut, p)
    assert set(analysis.results) == set(analysed(columns).results)
    for result in analysis.results.values():
        assert math.isfinite(result.value) or result.note


def test_a_layer_without_a_signal_gives_no_numbers():
    """Noise alone has no H_k; nothing is made of it."""
    rng = np.random.default_rng(1)
    columns = dict(measured()[0])
    for name in ("V_1w_rms", "V_2w_rms"):
        columns[name] = 1e-9 * rng.standard_normal(276)
    analysis = analysed(columns)
    assert math.isnan(analysis.results["mu0_H_DL"].value)
    assert any("there is no H_k" in warning for warning in analysis.warnings)


def test_a_reading_that_is_no_number_is_refused():
    """NaN in a column is an error of the caller."""
    columns = dict(measured()[0])
    columns["V_2w_rms"] = np.where(columns["branch"] == 3, np.nan, columns["V_2w_rms"])
    with pytest.raises(ValueError, match="harmonics must be finite"):
        analysed(columns)


# --- pieces ------------------------------------------------------------------------------------------


def test_the_correction_inverts_the_mixing_of_both_fields():
    """V_2w = -(dR/2) with dR = (H/H_k^2) (-+R_AHE dH_x + 2 R_PHE dH_y), and x for y: exact for any xi."""
    xi, V_0, H_k = 0.35, 1.1e-3, 0.17
    DL, FL = 8e-4, -3e-4
    slopes = {}
    for state in (+1, -1):
        slopes[0.0, state] = -V_0 / (2 * H_k**2) * (-state * state * DL + 2 * xi * FL)
        slopes[math.pi / 2, state] = -V_0 / (2 * H_k**2) * (-state * FL + 2 * xi * state * DL)
    curvatures = {state: -state * V_0 / H_k**2 for state in (+1, -1)}
    assert current_induced_fields(slopes, curvatures, xi) == pytest.approx((DL, FL))


def test_a_line_is_exact_and_its_root_too():
    """y = 3 - 2 x has its root at 1.5."""
    x = np.linspace(0, 1, 6)
    found = line(x, 3 - 2 * x, "line")
    assert (found.slope, found.root) == pytest.approx((-2, 1.5))
    assert line(x[:3], x[:3], "torques").note == "torques: at least 4 fields are needed; there are 3"


def test_a_law_that_is_exactly_cos_of_arcsin_gives_its_H_k():
    """V = -V_0 sqrt(1 - (H/H_k)^2) with readings up to 0.6 H_k, of which the inner ones count."""
    H = np.linspace(-0.06, 0.06, 41)
    found = fit_anisotropy(H, -2e-3 * np.sqrt(1 - (H / 0.1) ** 2), 0.3)
    assert (found.mu0_H_k, found.V_0) == pytest.approx((0.1, -2e-3))


@pytest.mark.parametrize("pole", [0.16, 0.2, 0.23])
def test_what_stays_at_high_fields_is_found_wherever_the_pole_is(pole):
    """constant + b / (H - H_s), exactly, for an H_k of 0.2 T that is not H_s."""
    H = np.linspace(0.31, 0.55, 9)
    found = fit_high_fields(H, 3e-5 - 4e-6 / (H - pole), 0.2)
    assert found.constant == pytest.approx(3e-5, rel=1e-4)


def test_what_does_not_depend_on_the_field_is_all_constant():
    """No torque at all: the pole has no meaning and does no harm."""
    assert fit_high_fields(np.linspace(0.31, 0.55, 9), np.full(9, 2e-5), 0.2).constant == pytest.approx(2e-5)


def test_uncertainties_are_carried_through_a_function():
    """u(x y) = hypot(y u_x, x u_y); a value without uncertainty adds none."""
    values, u = propagated(lambda v: [v[0] * v[1], v[2]], [3.0, 4.0, 5.0], [0.1, 0.2, 0.0])
    assert values == [12.0, 5.0]
    assert u == pytest.approx([math.hypot(0.4, 0.6), 0.0])


def test_the_current_density_only_divides():
    """Platinum alone carries 1.87 times the density of the stack: the field is the same, the efficiency smaller."""
    stack, Pt = results(), results({"J_convention": "Pt"})
    assert Pt["mu0_H_DL"] == stack["mu0_H_DL"]
    assert Pt["mu0_H_DL_per_J"] == pytest.approx(stack["mu0_H_DL_per_J"] * 6 / 11.2)
    assert stack["J"] == pytest.approx(4 * mA / (10e-6 * 11.2e-9))
