"""The sample as a physicist would test it: loops, thresholds, polarity, memory, temperature, and its numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_instruments.physics.draws import ThermalDraws
from sim_instruments.physics.sample import Sample, SampleParameters

Oe, mA, nm = 1e-4, 1e-3, 1e-9
THICKNESSES = [0.0, 0.5, 1.0, 1.5, 2.0]
ZERO = (0.0, 0.0, 0.0)


def device(t_nm, device_seed=1, seed=2, as_grown=1, **overrides):
    return Sample(
        SampleParameters.for_thickness(t_nm * nm, **overrides),
        device_seed,
        ThermalDraws(seed),
        as_grown=as_grown,
    )


def along_z(H_Oe):
    return (0.0, 0.0, float(H_Oe) * Oe)


def along_x(H_Oe):
    return (float(H_Oe) * Oe, 0.0, 0.0)


def crossing(x, y, level):
    """Where y first crosses a level, on the straight line between two points."""
    i = np.flatnonzero(np.diff(np.sign(np.asarray(y) - level)))[0]
    return x[i] + (level - y[i]) / (y[i + 1] - y[i]) * (x[i + 1] - x[i])


def field_branch(sample, fields, dwell=0.5):
    readings = []
    for H in fields:
        sample.advance(0.0, along_z(H), dwell)
        readings.append((sample.hall_resistance(along_z(H)) - 0.05) / 0.40)
    return np.array(readings)


def pulse_branch(sample, H_x, currents_mA, width=1e-2):
    """Normalised readings after pulses of 10 ms, in the field in which they are given."""
    readings = []
    for I_mA in currents_mA:
        sample.advance(I_mA * mA, along_x(H_x), width)
        readings.append((sample.hall_resistance(along_x(H_x)) - 0.05) / 0.40)
    return np.array(readings)


RISING = np.arange(-60, 61) * 0.5


def pulse_loop(sample, H_x):
    """The falling and the rising branch between -30 and 30 mA, after one half branch to 30 mA."""
    pulse_branch(sample, H_x, RISING[60:])
    return pulse_branch(sample, H_x, RISING[::-1])[::-1], pulse_branch(sample, H_x, RISING)


@pytest.fixture(scope="module")
def ahe_loops():
    """+-400 Oe in 1 Oe steps of 0.5 s for the five devices: fields, falling branch, rising branch."""
    fields = np.arange(-400, 401)
    loops = {}
    for t_nm in THICKNESSES:
        sample = device(t_nm)
        falling = field_branch(sample, fields[::-1])[::-1]
        loops[t_nm] = fields, falling, field_branch(sample, fields)
    return loops


# --- field loops ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("t_nm", "H_c", "width", "scatter"),
    [(0.0, 189, 0.8, 0.1), (0.5, 170, 0.8, 0.1), (1.0, 148, 1.1, 1.2), (1.5, 130, 17, 3), (2.0, 116, 53, 3)],
)
def test_coercivity_and_width_are_those_of_the_model(ahe_loops, t_nm, H_c, width, scatter):
    """Both branches reverse at H_c (+-1.5 Oe over devices) within the 10-90 % width of a step, or of the spread."""
    fields, falling, rising = ahe_loops[t_nm]
    down, up = crossing(fields, falling, 0.0), crossing(fields, rising, 0.0)
    assert (up - down) / 2 == pytest.approx(H_c, abs=1.5)
    for branch in (falling, rising):
        assert crossing(fields, branch, 0.8) - crossing(fields, branch, -0.8) == pytest.approx(
            width, abs=scatter
        )


def test_coercivity_falls_and_width_grows_with_the_cap(ahe_loops):
    """A thicker AlOx cap: weaker anisotropy, wider spread, from a square loop to a gradual one."""
    coercivities = [crossing(fields, rising, 0.0) for fields, _, rising in ahe_loops.values()]
    assert np.all(np.diff(coercivities) < -10)
    assert all(falling[400] == rising[800] == 1.0 for _, falling, rising in ahe_loops.values())


@pytest.mark.parametrize("t_nm", THICKNESSES)
def test_a_field_loop_is_positive_and_symmetric(ahe_loops, t_nm):
    """R > 0 at +H_z (Co-rich), and the branches are mirror images within a step and the thermal scatter."""
    fields, falling, rising = ahe_loops[t_nm]
    assert rising[-1] == falling[-1] == 1.0
    assert rising[0] == falling[0] == -1.0
    assert crossing(fields, rising, 0.0) + crossing(fields, falling, 0.0) == pytest.approx(0.0, abs=2.0)


# --- current --------------------------------------------------------------------------------------


def test_switching_at_1_nm_and_800_oersted_has_its_threshold():
    """Half switched at 15.4 mA (device scatter .11); the loop is .89 of the saturated height, mostly by tilt."""
    _, rising = pulse_loop(device(1.0), 800.0)
    low, high = rising[0], rising[-1]
    assert crossing(RISING, rising, (low + high) / 2) == pytest.approx(15.4, abs=0.4)
    assert abs(high - low) / 2 == pytest.approx(0.89, abs=0.01)


def test_gradual_switching_at_2_nm_and_minus_500_oersted():
    """10, 50 and 90 % at 10.5, 16.6 and 21.6 mA, .93 of the saturated height, upwards."""
    _, rising = pulse_loop(device(2.0), -500.0)
    low, high = rising[0], rising[-1]
    assert high - low == pytest.approx(2 * 0.93, abs=0.02)
    found = [crossing(RISING, rising, low + share * (high - low)) for share in (0.1, 0.5, 0.9)]
    assert found == pytest.approx([10.5, 16.6, 21.6], abs=0.5)


@pytest.mark.parametrize("t_nm", [0.0, 1.0, 2.0])
def test_the_direction_of_switching_reverses_with_the_in_plane_field(t_nm):
    """I H_x < 0 favours +z: up at 30 mA for H_x < 0, down for H_x > 0; both loops alike otherwise."""
    _, negative = pulse_loop(device(t_nm, n_patches=1024), -800.0)
    _, positive = pulse_loop(device(t_nm, n_patches=1024), 800.0)
    assert negative[0] < -0.7 < 0.7 < negative[-1]
    assert positive[0] > 0.7 > -0.7 > positive[-1]
    assert crossing(RISING, negative, 0.0) == pytest.approx(crossing(RISING, positive, 0.0), abs=1.0)


def test_the_other_polarity_is_the_mirror_image():
    """Turning the polarity over does what turning H_x over does."""
    turned = device(2.0, n_patches=256, polarity=1)
    pulse_branch(turned, 800.0, [-30.0, 30.0])
    assert turned.m_z > 0.9


@pytest.mark.parametrize("t_nm", THICKNESSES)
def test_no_current_switches_anything_without_an_in_plane_field(t_nm):
    """At H_x = 0 the walls cancel: up to 30 mA, either way, every patch stays."""
    sample = device(t_nm)
    assert np.all(pulse_branch(sample, 0.0, [*RISING, *RISING[::-1]]) == 1.0)
    assert sample.m_z == 1.0


def test_a_pulse_loop_is_symmetric_in_the_current():
    """The two branches reverse at opposite currents (t = 2 nm, N = 4096: within the thermal scatter)."""
    falling, rising = pulse_loop(device(2.0), -500.0)
    middle = (rising[0] + rising[-1]) / 2
    assert crossing(RISING, falling, middle) + crossing(RISING, rising, middle) == pytest.approx(0.0, abs=0.2)


def test_fifty_six_alternating_pulses_demagnetize_the_2_nm_device():
    """28, -27.5, 27 ... 0.5 mA at -500 Oe leave less than 5 % of R_AHE, whatever the state before."""
    for as_grown in (1, -1):
        sample = device(2.0, as_grown=as_grown)
        for n in range(56):
            sample.advance((28.0 - 0.5 * n) * (-1) ** n * mA, along_x(-500.0), 1e-2)
        assert abs(sample.hall_resistance(ZERO) - 0.05) < 0.05 * 0.40
        assert 0.4 < np.mean(sample.up) < 0.6


def test_current_above_the_curie_point_leaves_the_film_disordered_or_aligned_by_a_field():
    """60 mA heat far beyond T_c: half of the patches up without field, all along a field with one."""
    sample = device(1.0)
    assert sample.temperature(60 * mA) == pytest.approx(660.0)
    sample.advance(60 * mA, ZERO, 1e-3)
    assert sample.m_z == pytest.approx(0.0, abs=5 / math.sqrt(4096))
    sample.advance(60 * mA, along_z(-100.0), 1e-3)
    assert sample.m_z < -0.9


# --- time and temperature -------------------------------------------------------------------------


@pytest.mark.parametrize("dwell", [1e-7, 1e-5, 1e-2, 0.5, 1e3])
def test_the_switching_field_of_equal_patches_follows_sharrock(dwell):
    """No spread, no coupling: half have left at H_n [1 - sqrt(ln(dt / tau_0 ln 2) / E)], fewer 2 Oe before."""
    H_n, E = 200.0, 600.0
    H_half = H_n * (1.0 - math.sqrt(math.log(dwell / 1e-9 / math.log(2)) / E))
    shares = []
    for H in (H_half - 2.0, H_half, H_half + 2.0):
        sample = device(0.0, sigma_K=0.0, mu0_J_0=0.0, mu0_J_D=0.0)
        sample.advance(0.0, along_z(-H), dwell)
        shares.append(1.0 - np.mean(sample.up))
    assert shares[1] == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(4096))
    assert shares[0] < 0.42
    assert shares[2] > 0.58


def test_dividing_a_dwell_changes_nothing_but_the_dice():
    """Without coupling 1 s at once and 1 s in twenty parts switch equally many, within five standard deviations."""
    shares = []
    for parts in (1, 20):
        sample = device(2.0, mu0_J_0=0.0, mu0_J_D=0.0, n_patches=16384, seed=parts)
        for _ in range(parts):
            sample.advance(0.0, along_z(-110.0), 1.0 / parts)
        shares.append(np.mean(sample.up))
    assert 0.2 < shares[0] < 0.8
    assert shares[0] == pytest.approx(shares[1], abs=5 * math.sqrt(2 * 0.25 / 16384))


def minor_excursion(sample):
    """Go from +400 Oe to -150 Oe, back over smaller and smaller reversals, and return: the states at -150 Oe."""
    for H in (400, -150):
        sample.advance(0.0, along_z(H), 1e-2)
    first = sample.up.copy()
    for H in (145, -140, 130, -120, 135, -148, -150):
        sample.advance(0.0, along_z(H), 1e-2)
    return first, sample.up


def test_a_cold_film_without_coupling_remembers_its_turning_points_exactly():
    """T -> 0, J = 0: smaller excursions are wiped out when the larger turning point is reached again."""
    cold = device(2.0, T_0=1e-3, T_c=620.0, kappa=0.0, mu0_J_0=0.0, mu0_J_D=0.0)
    first, again = minor_excursion(cold)
    assert 0.2 < first.mean() < 0.8
    np.testing.assert_array_equal(first, again)


def test_a_warm_film_forgets_a_few_patches():
    """At 300 K a few per cent end up otherwise, so the cold test can fail."""
    first, again = minor_excursion(device(2.0, mu0_J_0=0.0, mu0_J_D=0.0))
    assert 0 < np.mean(first != again) < 0.1


def test_states_survive_three_hours_without_drive():
    """Half-switched at 2 nm, 1e4 s at zero field and current move the reading by less than 1 % of R_AHE."""
    sample = device(2.0)
    pulse_branch(sample, -500.0, [-30.0, 16.5])
    before = sample.hall_resistance(ZERO)
    sample.advance(0.0, ZERO, 1e4)
    assert abs(sample.hall_resistance(ZERO) - before) < 0.01 * 0.40


# --- reading --------------------------------------------------------------------------------------


def test_an_ideal_film_reads_its_resistances():
    """R_AHE m_z + R_off without in-plane field; tilt and planar Hall effect with one, by hand."""
    sample = device(0.0, sigma_K=0.0)
    assert sample.hall_resistance(ZERO) == pytest.approx(0.45)
    assert sample.hall_resistance(along_x(1000.0)) == pytest.approx(0.40 * math.sqrt(0.75) + 0.05)
    diagonal = (0.1 * 0.5**0.5, 0.1 * 0.5**0.5, 0.0)
    assert sample.hall_resistance(diagonal) == pytest.approx(0.40 * math.sqrt(0.75) + 0.04 * 0.25 + 0.05)
    sample.saturate(-1)
    assert sample.hall_resistance(ZERO) == pytest.approx(-0.35)
    assert sample.hall_resistance(diagonal) == pytest.approx(-0.40 * math.sqrt(0.75) + 0.04 * 0.25 + 0.05)


def test_reading_changes_nothing():
    """A reading is not a step: the state and the counter stay."""
    sample = device(2.0)
    sample.advance(0.0, along_z(-116.0), 0.5)
    up, steps = sample.up.copy(), sample.steps
    for H in (ZERO, along_x(800.0), along_z(-400.0)):
        assert sample.hall_resistance(H) == sample.hall_resistance(H)
    np.testing.assert_array_equal(sample.up, up)
    assert sample.steps == steps


def test_a_reading_follows_the_state_in_an_unchanged_field():
    """Nothing remembered of an earlier reading outlives a switch."""
    sample = device(1.0)
    field = (500 * Oe, 0.0, 0.0)
    up = sample.hall_resistance(field)
    sample.saturate(-1)
    assert sample.hall_resistance(field) == pytest.approx(0.10 - up)


def test_the_bar_has_its_two_terminal_resistance():
    """264 ohm, as given."""
    assert device(0.0).resistance == 264.0
    assert device(0.0, R_xx=1000.0).resistance == 1000.0


# --- repeatability --------------------------------------------------------------------------------


def history(sample):
    pulse_branch(sample, -500.0, [-30.0, 12.0, 16.0, 18.0])
    return sample.up


def test_the_same_seeds_give_the_same_states():
    """Device and thermal seed fix everything."""
    np.testing.assert_array_equal(history(device(2.0)), history(device(2.0)))


def test_another_run_on_the_same_device_differs_by_noise_only():
    """The thermal seed changes some patches, not the barriers."""
    one, other = device(2.0, seed=2), device(2.0, seed=3)
    np.testing.assert_array_equal(one.mu0_H_k, other.mu0_H_k)
    assert 0 < np.mean(history(one) != history(other)) < 0.2


def test_another_device_has_other_barriers():
    """The device seed changes the barriers, but for those clipped at three sigma."""
    one, other = device(2.0, device_seed=1), device(2.0, device_seed=2)
    assert np.mean(one.mu0_H_k == other.mu0_H_k) < 0.01


def test_a_step_in_which_nothing_can_switch_is_not_counted():
    """Quiet steps before a switching one leave its dice alone."""
    quiet, plain = device(2.0), device(2.0)
    for _ in range(10):
        assert not quiet.can_switch(0.0, along_z(100.0), 0.5)
        assert not quiet.advance(0.0, along_z(100.0), 0.5)
    assert quiet.steps == 0
    assert quiet.can_switch(0.0, along_z(-116.0), 0.5)
    assert quiet.advance(0.0, along_z(-116.0), 0.5)
    plain.advance(0.0, along_z(-116.0), 0.5)
    assert quiet.steps == 1
    np.testing.assert_array_equal(quiet.up, plain.up)


# --- limits ---------------------------------------------------------------------------------------


def test_no_time_no_switching():
    """A dwell of zero seconds does nothing even in a field that would switch."""
    sample = device(2.0)
    assert not sample.can_switch(0.0, along_z(-400.0), 0.0)
    assert not sample.advance(0.0, along_z(-400.0), 0.0)
    assert sample.m_z == 1.0


@pytest.mark.parametrize(
    ("current", "H", "dt"),
    [
        (0.0, ZERO, -1.0),
        (0.0, ZERO, math.nan),
        (0.0, ZERO, math.inf),
        (math.nan, ZERO, 1.0),
        (0.0, along_x(math.inf), 1.0),
    ],
)
def test_time_runs_forwards_and_drives_are_finite(current, H, dt):
    """What cannot be is refused before anything changes."""
    sample = device(1.0)
    with pytest.raises(ValueError, match=r"finite|forwards"):
        sample.advance(current, H, dt)
    assert (sample.m_z, sample.steps) == (1.0, 0)


def test_a_film_saturates_up_or_down_only():
    """As grown up unless told otherwise; other signs mean nothing."""
    assert device(1.0).m_z == 1.0
    assert device(1.0, as_grown=-1).m_z == -1.0
    with pytest.raises(ValueError, match="saturated"):
        device(1.0).saturate(0)


def test_nobody_can_reach_into_the_state():
    """The array of states is read-only; a view cannot be changed behind the sample's back."""
    sample = device(1.0)
    for H in (0.0, -400.0):
        sample.advance(0.0, along_z(H), 0.5)
        with pytest.raises(ValueError, match="read-only"):
            sample.up[0] = False


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(THICKNESSES),
    st.lists(
        st.tuples(
            st.floats(-0.1, 0.1),
            st.tuples(*(st.floats(-0.5, 0.5) for _ in "xyz")),
            st.floats(1e-9, 1e5),
        ),
        max_size=6,
    ),
)
def test_magnetization_and_resistance_stay_within_bounds(t_nm, drives):
    """|m_z| <= 1 and |R - R_off| <= R_AHE + R_PHE after and in anything."""
    sample = device(t_nm, n_patches=128)
    for current, field, dt in drives:
        before = sample.up
        assert sample.advance(current, field, dt) == (not np.array_equal(before, sample.up))
        assert -1.0 <= sample.m_z <= 1.0
        assert abs(sample.hall_resistance(field) - 0.05) <= 0.44 + 1e-12
