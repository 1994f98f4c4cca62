"""The fast sample against the plain one: the same states, patch by patch, and the same numbers used."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_instruments.physics.coupling import MeanField
from sim_instruments.physics.draws import ThermalDraws
from sim_instruments.physics.sample import Sample, SampleParameters

Oe, mA = 1e-4, 1e-3
KT_300 = 1.380649e-23 * 300.0
THICKNESSES = [0.0, 0.5, 1.0, 1.5, 2.0]


class Pair:
    """The same device twice; every step is taken by both and compared."""

    def __init__(self, t_nm, n, device=11, seed=7, up=True, JD=6.0, E0=600.0):
        p = SampleParameters.for_thickness(t_nm * 1e-9, n_patches=n, mu0_J_D=JD * Oe, E_0=E0 * KT_300)
        self.fast = Sample(p, device, ThermalDraws(seed), as_grown=1 if up else -1)
        self.plain = reference.ReferenceSample(t_nm, n, device, seed, up, JD, E0)
        self.flipped = 0

    def advance(self, I_mA, H_Oe, dt):
        """Step both, compare everything that can be seen, and note how many patches moved."""
        H = tuple(h * Oe for h in H_Oe)
        foreseen = self.fast.can_switch(I_mA * mA, H, dt)
        steps, up = self.plain.steps, self.plain.up
        changed = self.plain.advance(I_mA, H_Oe, dt)
        assert foreseen == (self.plain.steps > steps)
        assert self.fast.advance(I_mA * mA, H, dt) == changed
        self.compare(H_Oe, up)

    def advance_periods(self, steps, H_Oe, n):
        """The same for periods of (mA, s) steps."""
        H = tuple(h * Oe for h in H_Oe)
        up = self.plain.up
        changed = self.plain.advance_periods(steps, H_Oe, n)
        assert self.fast.advance_periods([(I_mA * mA, dt) for I_mA, dt in steps], H, n) == changed
        self.compare(H_Oe, up)

    def compare(self, H_Oe, before):
        H = tuple(h * Oe for h in H_Oe)
        assert self.fast.steps == self.plain.steps
        np.testing.assert_array_equal(self.fast.up, self.plain.up)
        assert self.fast.hall_resistance(H) == pytest.approx(self.plain.read(H_Oe), abs=1e-13)
        self.flipped = np.count_nonzero(self.plain.up != before)


def random_drive(rng):
    """A current, a field and a time: plain fields, pulses, oblique fields with current, or overheating."""
    kind = rng.integers(4)
    if kind == 0:
        return 0.0, (0.0, 0.0, rng.normal(0, 160)), 10 ** rng.uniform(-6, 1)
    if kind == 1:
        return rng.uniform(-30, 30), (rng.uniform(-1200, 1200), 0.0, 0.0), 10 ** rng.uniform(-6, 0)
    if kind == 2:
        return rng.uniform(-24, 24), tuple(rng.normal(0, [600, 600, 60])), 10 ** rng.uniform(-7, 2)
    return rng.choice([0.0, 40.0, 56.0, 60.0]), (rng.normal(0, 1500), 0.0, rng.normal(0, 150)), 1e-3


class PatchByPatch:
    """A coupling that hands each patch its own number, here the mean field for all."""

    def __init__(self, mean_field):
        self.strength = mean_field.strength
        self._mean_field = mean_field

    def field(self, strength, up):
        return self._mean_field.field(strength, up) * np.ones(up.size)


@pytest.mark.parametrize("n", [64, 1024])
@pytest.mark.parametrize("t_nm", THICKNESSES)
def test_random_drives_leave_every_patch_where_the_plain_model_leaves_it(t_nm, n):
    """Short cuts change nothing: states, counted steps and readings agree over fields, pulses and overheating."""
    both = Pair(t_nm, n, seed=2**63 + 5)
    rng = np.random.default_rng(int(10 * t_nm) + n)
    for _ in range(4000 // n + 60):
        both.advance(*random_drive(rng))
    assert both.plain.steps > 10


@settings(max_examples=40, deadline=None)
@given(
    t_nm=st.sampled_from(THICKNESSES),
    n=st.sampled_from([1, 2, 17, 64]),
    seeds=st.tuples(st.integers(0, 2**32), st.integers(0, 2**64 - 1)),
    up=st.booleans(),
    JD=st.sampled_from([0.0, 6.0, 150.0]),
    E0=st.sampled_from([5.0, 600.0, 1e6]),
    drives=st.lists(
        st.tuples(
            st.floats(-60.0, 60.0),
            st.tuples(st.floats(-2500, 2500), st.floats(-2500, 2500), st.floats(-400, 400)),
            st.floats(1e-13, 1e6),
        ),
        max_size=8,
    ),
)
def test_any_sequence_of_drives_agrees_with_the_plain_model(t_nm, n, seeds, up, JD, E0, drives):
    """Identity holds for any drive, soft and hard barriers, and couplings of either sign."""
    both = Pair(t_nm, n, seeds[0], seeds[1], up, JD, E0)
    for I_mA, H_Oe, dt in drives:
        both.advance(I_mA, H_Oe, dt)


def test_an_avalanche_through_the_whole_film_agrees_with_the_plain_model():
    """At t = 0 one nucleus takes more than half of the film along within one step, patch for patch as it should."""
    both = Pair(0.0, 1024)
    largest = 0
    for H_z in np.arange(-150.0, -220.0, -1.0):
        both.advance(0.0, (0.0, 0.0, H_z), 0.5)
        largest = max(largest, both.flipped)
    assert largest > 512
    assert not both.plain.up.any()


@pytest.mark.parametrize(("JD", "H_x"), [(6.0, -800.0), (200.0, -500.0)])
def test_an_opposing_coupling_agrees_with_the_plain_model(JD, H_x):
    """With J < 0 (stray field over walls) the averaged passes end in the same states through a whole loop."""
    both = Pair(2.0, 512, up=False, JD=JD)
    for I_mA in [*np.arange(0.0, 30.0, 1.5), *np.arange(30.0, -30.0, -1.5)]:
        both.advance(I_mA, (H_x, 0.0, 0.0), 1e-2)
    assert both.plain.steps > 15


@pytest.mark.parametrize("t_nm", [0.0, 2.0])
def test_a_coupling_may_give_each_patch_its_own_field(t_nm):
    """The seam takes one number per patch as well: equal numbers give what the mean field gives."""
    p = SampleParameters.for_thickness(t_nm * 1e-9, n_patches=256)
    one = Sample(p, 5, ThermalDraws(6))
    each = Sample(p, 5, ThermalDraws(6), coupling=PatchByPatch(MeanField(p.mu0_J_0, p.mu0_J_D)))
    for H_z in [*np.arange(0.0, -250.0, -5.0), *np.arange(-250.0, 250.0, 5.0)]:
        H = (300 * Oe, 0.0, H_z * Oe)
        assert one.advance(0.0, H, 0.1) == each.advance(0.0, H, 0.1)
        np.testing.assert_array_equal(one.up, each.up)
        wave = [(8 * mA, 1e-3), (-8 * mA, 1e-3)]
        assert one.advance_periods(wave, H, 50) == each.advance_periods(wave, H, 50)
        np.testing.assert_array_equal(one.up, each.up)
    assert one.steps == each.steps > 5
    assert one.m_z == 1.0


def sine(I_mA, frequency, n_steps=16):
    """A sine of so many steps per period, as (mA, s)."""
    phases = 2 * np.pi * (np.arange(n_steps) + 0.5) / n_steps
    return [(float(I), 1 / (frequency * n_steps)) for I in I_mA * np.sin(phases)]


@pytest.mark.parametrize("n", [64, 1024])
@pytest.mark.parametrize("t_nm", THICKNESSES)
def test_periods_at_once_leave_every_patch_where_the_plain_sum_of_rates_leaves_it(t_nm, n):
    """Sines of any size and frequency in any field, a few periods or a million, between constant drives."""
    both = Pair(t_nm, n, seed=9)
    rng = np.random.default_rng(int(10 * t_nm) + n)
    for _ in range(1000 // n + 25):
        both.advance(*random_drive(rng))
        _, H_Oe, _ = random_drive(rng)
        periods = float(rng.integers(1, 10 ** rng.integers(1, 7)))
        both.advance_periods(sine(rng.uniform(0, 40), 10 ** rng.uniform(1, 5)), H_Oe, periods)
    assert both.plain.steps > 10


@settings(max_examples=25, deadline=None)
@given(
    t_nm=st.sampled_from(THICKNESSES),
    n=st.sampled_from([1, 2, 17, 64]),
    up=st.booleans(),
    JD=st.sampled_from([0.0, 6.0, 150.0]),
    E0=st.sampled_from([5.0, 600.0]),
    drives=st.lists(
        st.tuples(
            st.lists(st.tuples(st.floats(-60.0, 60.0), st.floats(1e-9, 10.0)), min_size=1, max_size=5),
            st.tuples(st.floats(-2500, 2500), st.floats(-2500, 2500), st.floats(-400, 400)),
            st.integers(1, 10**7),
        ),
        max_size=4,
    ),
)
def test_periods_of_any_waveform_agree_with_the_plain_model(t_nm, n, up, JD, E0, drives):
    """Uneven steps, above the Curie point and below, with couplings that change their sign within a period."""
    both = Pair(t_nm, n, up=up, JD=JD, E0=E0)
    for steps, H_Oe, periods in drives:
        both.advance_periods(steps, H_Oe, float(periods))
