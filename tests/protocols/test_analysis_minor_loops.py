"""Minor-loop analysis against states that are known: m at the turning points, and what a hold changed."""

import math

import numpy as np
import pytest

from protocols.analysis.minor_loops import minor_loops
from protocols.sensing import Reference
from protocols.units import mA

REFERENCE = Reference(R_AHE=0.4, R_off=0.05, uncertainty=0.0)
I_MAX = [12 * mA, 16 * mA, 20 * mA]


def test_m_is_the_resistance_between_the_saturated_states():
    """R of -0.15, 0.05 and 0.41 ohm with 0.05 +- 0.4 ohm in saturation: m of -1/2, 0 and 0.9."""
    states = [[-0.15, -0.15], [0.05], [0.41, 0.41]]
    found = minor_loops(states, states, I_max=I_MAX, reference=REFERENCE).results
    assert [found[f"m_at_I_max_{n}"].value for n in (1, 2, 3)] == pytest.approx([-0.5, 0, 0.9])
    assert "16 mA" in found["m_at_I_max_2"].help
    assert list(found)[-1] == "max_volatility"


@pytest.mark.parametrize("lost", [+0.02, -0.02])
def test_max_volatility_is_the_largest_change_of_either_sign(lost):
    """States that move by 0.004, 0.02 and 0 ohm of 0.4: 5 % at most."""
    before = [[-0.15], [0.05], [0.41]]
    after = [[-0.146], [0.05 + lost], [0.41]]
    found = minor_loops(before, after, I_max=I_MAX, reference=REFERENCE).results
    assert found["max_volatility"].value == pytest.approx(0.05)


def test_a_reference_of_the_other_sign_turns_m_round_and_leaves_the_volatility():
    """R_AHE = -0.4 ohm: the same readings are the opposite states."""
    reference = Reference(-0.4, 0.05, 0.0)
    found = minor_loops([[0.25]], [[0.23]], I_max=[1.0], reference=reference).results
    assert found["m_at_I_max_1"].value == pytest.approx(-0.5)
    assert found["max_volatility"].value == pytest.approx(0.05)


def test_the_stated_uncertainties_cover_the_errors():
    """Noise of 1 mohm per reading and of 0.3 mohm in the reference: pulls of standard deviation near 1."""
    rng = np.random.default_rng(5)
    m_pulls, changes, stated = [], [], []
    for _ in range(400):
        truth = np.array([-0.6, 0.1, 0.9])
        states = [0.05 + 0.4 * m + rng.normal(scale=1e-3, size=(2, 5)) for m in truth]
        u = 3e-4
        reference = Reference(0.4 + rng.normal(scale=u), 0.05 + rng.normal(scale=u), u)
        found = minor_loops(
            [s[0] for s in states], [s[1] for s in states], I_max=I_MAX, reference=reference
        ).results
        m_pulls += [
            (found[f"m_at_I_max_{n}"].value - m) / found[f"m_at_I_max_{n}"].uncertainty
            for n, m in enumerate(truth, start=1)
        ]
        changes.append((states[1][1].mean() - states[1][0].mean()) / 0.4)
        stated.append(found["max_volatility"].uncertainty)
    assert np.std(m_pulls) == pytest.approx(1, abs=0.12)
    assert np.mean(stated) == pytest.approx(np.std(changes), rel=0.1)


def test_a_given_reference_lets_the_error_of_the_current_into_m():
    """1 % of the current is 1 % of R_xy: 0.0045 ohm of 0.45, 0.01125 of m."""
    m = minor_loops([[0.45]], [[0.45]], I_max=[1.0], reference=REFERENCE, scale=0.01).results["m_at_I_max_1"]
    assert m.uncertainty == pytest.approx(0.01125)


def test_a_run_that_was_stopped_says_which_states_were_not_read():
    """The first loop was held, the second only reached, the third not begun."""
    analysis = minor_loops([[-0.15], [0.05], []], [[-0.15], [], []], I_max=I_MAX, reference=REFERENCE)
    found = analysis.results
    assert found["m_at_I_max_2"].value == pytest.approx(0)
    assert math.isnan(found["m_at_I_max_3"].value)
    assert found["max_volatility"].note == "2 of 3 loops were not held"
    assert list(analysis.warnings) == ["there is no reading after 20 mA", "2 of 3 loops were not held"]


def test_nothing_held_leaves_no_volatility():
    """Without a reading after the wait there is no number, and no noise is made up."""
    found = minor_loops([[0.1]], [[]], I_max=[1.0], reference=REFERENCE).results["max_volatility"]
    assert math.isnan(found.value)
    assert found.note == "no state was held"


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        (Reference(0.0, 0.0, 0.0), "R_AHE is not known"),
        (Reference(math.nan, 0.0, 0.0), "R_AHE is not known"),
        (
            Reference(1e-3, 0.0, 1e-3),
            "R_AHE must be well above its uncertainty of 0.001 ohm; it is 0.001 ohm",
        ),
    ],
)
def test_without_a_reference_nothing_is_divided_by_it(reference, problem):
    """Every result is not found, and the warning is said once."""
    analysis = minor_loops([[0.1]] * 2, [[0.1]] * 2, I_max=[1.0, 2.0], reference=reference)
    assert all(math.isnan(result.value) for result in analysis.results.values())
    assert list(analysis.warnings) == [problem]


def test_a_state_beyond_saturation_is_a_warning():
    """m = 1.25 means that the reference is of another sample."""
    (warning,) = minor_loops([[0.55]], [[0.55]], I_max=[12 * mA], reference=REFERENCE).warnings
    assert warning == "m is 1.25 after 12 mA: R_AHE or R_off is not this sample's"


def test_readings_that_do_not_fit_together_are_refused():
    """One array per loop, of numbers."""
    with pytest.raises(ValueError, match="for each of 2 loops; got 1 and 1"):
        minor_loops([[0.1]], [[0.1]], I_max=[1.0, 2.0], reference=REFERENCE)
    with pytest.raises(ValueError, match="must be finite"):
        minor_loops([[math.nan]], [[0.1]], I_max=[1.0], reference=REFERENCE)


def test_the_uncertainty_of_the_reference_is_in_m():
    """u of 4 mohm in R_off and R_AHE each, of 0.4 ohm: 0.01 from the offset and 0.01 m from the height."""
    reference = Reference(0.4, 0.05, 4e-3)
    found = minor_loops([[0.05], [0.45]], [[], []], I_max=[1.0, 2.0], reference=reference).results
    assert found["m_at_I_max_1"].uncertainty == pytest.approx(0.01)
    assert found["m_at_I_max_2"].uncertainty == pytest.approx(0.01 * 2**0.5)
