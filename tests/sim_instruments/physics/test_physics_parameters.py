"""The sample's parameters: the five devices, what lies between them, and what is refused."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_instruments.physics.parameters import SampleParameters

Oe, nm = 1e-4, 1e-9
DEVICES = [
    (0.0, 2000, 0.050, 52),
    (0.5, 1900, 0.070, 46),
    (1.0, 1780, 0.100, 38),
    (1.5, 1640, 0.135, 27),
    (2.0, 1480, 0.175, 10),
]


@pytest.mark.parametrize(("t_nm", "H_k", "sigma_K", "J_0"), DEVICES)
def test_each_device_of_the_series_has_its_own_row(t_nm, H_k, sigma_K, J_0):
    """At 0, 0.5, 1, 1.5 and 2 nm the parameters are the table's."""
    p = SampleParameters.for_thickness(t_nm * nm)
    assert p.t_AlOx == t_nm * nm
    assert (p.mu0_H_k, p.sigma_K, p.mu0_J_0) == pytest.approx((H_k * Oe, sigma_K, J_0 * Oe), rel=1e-12)


@given(st.tuples(st.floats(0.0, 2.0), st.floats(0.0, 2.0)))
def test_between_the_devices_everything_is_monotone(thicknesses):
    """A thicker cap never has more anisotropy or coupling, nor less spread; all within the table's range."""
    thin, thick = (SampleParameters.for_thickness(t * nm) for t in sorted(thicknesses))
    assert 2000 * Oe >= thin.mu0_H_k >= thick.mu0_H_k >= 1480 * Oe * (1 - 1e-12)
    assert 0.050 <= thin.sigma_K <= thick.sigma_K <= 0.175
    assert 52 * Oe >= thin.mu0_J_0 >= thick.mu0_J_0 >= 10 * Oe * (1 - 1e-12)


@pytest.mark.parametrize("t_AlOx", [-0.1e-9, 2.1e-9, 1.0, math.nan])
def test_a_thickness_outside_the_series_is_refused_in_nanometres(t_AlOx):
    """Nothing is extrapolated; 1 (metre) is the classic slip."""
    with pytest.raises(ValueError, match=r"t_AlOx must be from 0 to 2 nm; got .* nm"):
        SampleParameters.for_thickness(t_AlOx)


def test_single_parameters_can_be_replaced_and_unknown_ones_cannot():
    """Overrides go by name, in SI, and win over the table."""
    p = SampleParameters.for_thickness(1 * nm, R_AHE=0.3, sigma_K=0.01)
    assert (p.R_AHE, p.sigma_K) == (0.3, 0.01)
    with pytest.raises(TypeError, match="R_AHX"):
        SampleParameters.for_thickness(1 * nm, R_AHX=0.3)


@pytest.mark.parametrize("field", dataclasses.fields(SampleParameters), ids=lambda field: field.name)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_parameter_may_be_infinite_or_missing(field, value):
    """Every parameter is a finite number, and the message names it."""
    with pytest.raises(ValueError, match=f"{field.name} must"):
        dataclasses.replace(SampleParameters.for_thickness(0.0), **{field.name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mu0_H_k", 0.0),
        ("E_0", -1.0),
        ("tau_0", 0.0),
        ("R_xx", 0.0),
        ("width", -1e-6),
        ("kappa", -1.0),
        ("mu0_J_0", -1e-4),
        ("sigma_K", 1 / 3),
        ("T_c", 300.0),
        ("polarity", 0),
        ("n_patches", 0),
        ("n_patches", 10.5),
    ],
)
def test_what_cannot_be_is_refused_by_name(name, value):
    """Signs, the Curie temperature, the spread and the counts are checked when the set is made."""
    with pytest.raises(ValueError, match=f"{name} must"):
        SampleParameters.for_thickness(0.0, **{name: value})


def test_offset_and_planar_hall_resistance_may_be_negative():
    """They depend on which contact is called plus."""
    p = SampleParameters.for_thickness(0.0, R_off=-0.05, R_PHE=-0.04)
    assert (p.R_off, p.R_PHE) == (-0.05, -0.04)


def test_the_cross_section_is_width_times_metal():
    """10 um x 11.2 nm = 1.12e-13 m2, whatever the insulating cap."""
    assert SampleParameters.for_thickness(2 * nm).area == pytest.approx(1.12e-13, rel=1e-12)
