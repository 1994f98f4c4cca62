"""The yoke: what is left at zero current, how the field goes on when the current has stopped, where it bends."""

import itertools
import math

import numpy as np
import pytest

from sim_instruments.physics.yoke import BACKLASH, CHORD_ERROR, SETTLED, Yoke
from sim_instruments.ports import Ramp

T_PER_A = 5e-3
REMANENCE = 2e-3


class Winding:
    """Somebody who drives a yoke from current to current, `seconds` each, and keeps the time."""

    def __init__(self, remanence=0.0, lag=0.0, field_per_current=T_PER_A, memory=1.0):
        self.yoke = Yoke(field_per_current, remanence, lag, memory)
        self.time = self.current = 0.0

    def go(self, *currents, seconds=1.0, pause=0.0):
        for current in currents:
            self.yoke.follow(self.time, self.current, self.time + seconds, current)
            self.time += seconds + pause
            self.current = current
        return self.field()

    def field(self, ago=0.0):
        return self.yoke.mu0_H(self.time - ago)


# --- neither remanence nor lag --------------------------------------------------------------------


def test_without_remanence_and_lag_the_field_is_the_current_bit_for_bit():
    """mu0_H = c * I(t), the very same floats, at, between and after the corners of any ramps."""
    rng = np.random.default_rng(1)
    winding = Winding(memory=math.inf)
    ramps = [Ramp(0.0, 0.0, 0.0, 0.0)]
    for _ in range(50):
        start = ramps[-1].start + rng.uniform(0, 2)
        ramp = Ramp(start, ramps[-1].at(start), start + rng.choice([0.0, rng.uniform(0, 2)]), rng.normal())
        ramps.append(ramp)
        winding.yoke.follow(ramp.start, ramp.start_current, ramp.end, ramp.end_current)
    for time in (*rng.uniform(0, 100, 500), *(ramp.start for ramp in ramps), *(ramp.end for ramp in ramps)):
        ramp = next(ramp for ramp in reversed(ramps) if ramp.start <= time)
        assert winding.yoke.mu0_H(time) == T_PER_A * ramp.at(time)


def test_without_remanence_and_lag_the_corners_are_those_of_the_ramp():
    """Where it begins and where it ends, if strictly between the times asked for."""
    winding = Winding()
    winding.yoke.follow(1.0, 0.0, 3.0, 5.0)
    assert winding.yoke.corners(0.5, 9.0) == [1.0, 3.0]
    assert winding.yoke.corners(1.0, 9.0) == [3.0]
    assert winding.yoke.corners(1.0, 3.0) == []


# --- remanence ------------------------------------------------------------------------------------


@pytest.mark.parametrize("field_per_current", [T_PER_A, -T_PER_A])
def test_the_field_left_at_zero_current_follows_the_last_large_one(field_per_current):
    """+remanence after a large positive field, -remanence after a large negative one, nothing at the beginning."""
    winding = Winding(REMANENCE, field_per_current=field_per_current)
    sign = math.copysign(1, field_per_current)
    assert winding.field() == 0.0
    assert winding.go(10.0, 0.0) == pytest.approx(sign * REMANENCE)
    assert winding.go(-10.0, 0.0) == pytest.approx(-sign * REMANENCE)
    assert winding.go(10.0, 0.0) == pytest.approx(sign * REMANENCE)


def test_the_two_branches_of_a_large_loop_are_two_remanences_apart():
    """Rising c I - B_r, falling c I + B_r, once a branch has been reached."""
    winding = Winding(REMANENCE)
    winding.go(-10.0)
    rising = {current: winding.go(current) for current in (-4.0, 0.0, 4.0, 10.0)}
    falling = {current: winding.go(current) for current in (4.0, 0.0, -4.0)}
    for current in (0.0, 4.0):
        assert rising[current] == pytest.approx(T_PER_A * current - REMANENCE)
    for current in (0.0, -4.0):
        assert falling[current] == pytest.approx(T_PER_A * current + REMANENCE)


def test_just_after_turning_round_the_field_follows_with_a_smaller_slope():
    """1 - BACKLASH of it, for a current of 2 B_r / (c BACKLASH), then all of it; never backwards."""
    winding = Winding(REMANENCE)
    top = winding.go(10.0)
    assert winding.go(9.0) - top == pytest.approx(-T_PER_A * (1 - BACKLASH))
    width = 2 * REMANENCE / (T_PER_A * BACKLASH)
    edge = winding.go(10.0 - width)
    assert edge - top == pytest.approx(-T_PER_A * width + 2 * REMANENCE)
    assert winding.go(9.0 - width) - edge == pytest.approx(-T_PER_A)


def test_a_small_loop_is_open_and_closes_where_it_began():
    """Between two currents the way up is below the way down, and each round is like the one before."""
    winding = Winding(REMANENCE)
    winding.go(10.0)
    down = {current: winding.go(current) for current in (3.0, 1.0, -3.0)}
    up = {current: winding.go(current) for current in (1.0, 3.0)}
    assert up[1.0] == pytest.approx(down[1.0] - REMANENCE * 2)
    again = {current: winding.go(current) for current in (1.0, -3.0)}
    assert again[1.0] > up[1.0] + 1e-3
    assert again[-3.0] == pytest.approx(down[-3.0])
    assert winding.go(1.0) == pytest.approx(up[1.0])


def test_decaying_alternations_demagnetize():
    """What is left is a small part of the remanence, whichever way they began."""
    for sign in (1, -1):
        winding = Winding(REMANENCE)
        winding.go(*(sign * (-1) ** n * 10 * 0.9**n for n in range(100)))
        assert abs(winding.go(0.0)) < 0.1 * REMANENCE


def test_hysteresis_does_not_ask_how_fast():
    """The same currents in a hundredth of the time, or with stops on the way, leave the same field."""
    path = (10.0, -3.0, 2.0, -8.0, 1.0)
    plain = Winding(REMANENCE).go(*path)
    assert Winding(REMANENCE).go(*path, seconds=0.01) == pytest.approx(plain, abs=1e-15)
    fine = [float(x) for a, b in itertools.pairwise((0.0, *path)) for x in np.linspace(a, b, 8)[1:]]
    assert Winding(REMANENCE).go(*fine) == pytest.approx(plain, abs=1e-15)


def test_a_ramp_that_was_cut_short_has_strained_the_iron_only_so_far():
    """Turned round half way to 20 A it is like a ramp to 10 A."""
    cut = Winding(REMANENCE)
    cut.yoke.follow(0.0, 0.0, 2.0, 20.0)
    cut.yoke.follow(1.0, 10.0, 2.0, 9.0)
    whole = Winding(REMANENCE)
    assert cut.yoke.mu0_H(2.0) == pytest.approx(whole.go(10.0, 9.0))
    assert cut.yoke.mu0_H(9.0) == pytest.approx(whole.field())


def test_the_field_is_straight_between_the_corners_of_a_ramp_with_hysteresis():
    """The corner in the middle is where the branch is reached."""
    winding = Winding(REMANENCE)
    winding.go(10.0)
    winding.yoke.follow(1.0, 10.0, 3.0, -10.0)
    corners = winding.yoke.corners(1.0, 9.0)
    assert corners == pytest.approx([1.0 + 4.0 / 10.0, 3.0])
    for begin, end in itertools.pairwise((1.0, *corners, 9.0)):
        middle = winding.yoke.mu0_H((begin + end) / 2)
        assert middle == pytest.approx((winding.yoke.mu0_H(begin) + winding.yoke.mu0_H(end)) / 2)


# --- lag ------------------------------------------------------------------------------------------


def test_after_a_step_the_field_approaches_exponentially():
    """B(t) = B_end (1 - exp(-t / lag))."""
    winding = Winding(lag=0.2, memory=10.0)
    winding.yoke.follow(1.0, 0.0, 1.0, 4.0)
    for t in (0.0, 0.05, 0.2, 0.6, 1.5):
        assert winding.yoke.mu0_H(1.0 + t) == pytest.approx(20e-3 * (1 - math.exp(-t / 0.2)), abs=1e-15)


def test_during_a_ramp_the_field_runs_late_by_the_lag():
    """B = k (t - lag (1 - exp(-t / lag))) while it rises at k, and the rest decays after it has stopped."""
    winding = Winding(lag=0.2, memory=10.0)
    winding.yoke.follow(0.0, 0.0, 2.0, 4.0)
    k = 10e-3
    for t in (0.1, 0.5, 2.0):
        assert winding.yoke.mu0_H(t) == pytest.approx(k * (t - 0.2 * (1 - math.exp(-t / 0.2))), abs=1e-15)
    missing = k * 0.2 * (1 - math.exp(-2.0 / 0.2))
    for t in (0.1, 0.3, 1.0):
        assert winding.yoke.mu0_H(2.0 + t) == pytest.approx(20e-3 - missing * math.exp(-t / 0.2), abs=1e-15)


def test_lag_and_hysteresis_together_are_the_low_pass_of_the_hysteresis():
    """tau dB/dt = B_static - B, integrated in small steps along ramps that overtake each other."""
    lag, dt = 0.15, 1e-4
    moves = ((0.0, 1.0, 10.0), (1.2, 1.7, -4.0), (1.5, 2.5, 3.0), (3.0, 3.0, -1.0))
    lagging, at_once = Winding(REMANENCE, lag, memory=10.0), Winding(REMANENCE, memory=10.0)
    current = Ramp(0.0, 0.0, 0.0, 0.0)
    for start, end, target in moves:
        for one in (lagging, at_once):
            one.yoke.follow(start, current.at(start), end, target)
        current = Ramp(start, current.at(start), end, target)
    field, differences = 0.0, []
    for n in range(int(4.0 / dt)):
        static = at_once.yoke.mu0_H((n + 0.5) * dt)
        field = static + (field - static) * math.exp(-dt / lag)
        differences.append(abs(field - lagging.yoke.mu0_H((n + 1) * dt)))
    assert max(differences) < 1e-7


def test_once_nothing_is_left_of_the_lag_the_field_is_constant_exactly():
    """From the last corner on it is c * I, to the bit, however late it is on the clock."""
    for start in (0.0, 12345.678, 1e6):
        winding = Winding(lag=0.2)
        winding.yoke.follow(start, 0.0, start + 1.0, 4.0)
        last = winding.yoke.corners(start, math.inf)[-1]
        assert last - start - 1.0 == pytest.approx(
            0.2 * math.log(0.8 * 5e-3 * (1 - math.exp(-5)) / SETTLED), rel=1e-4
        )
        assert winding.yoke.mu0_H(last) == winding.yoke.mu0_H(last + 1e3) == T_PER_A * 4.0


@pytest.mark.parametrize(("lag", "seconds"), [(0.05, 0.007), (0.5, 1.0), (0.2, 0.0)])
def test_between_neighbouring_corners_the_field_is_straight(lag, seconds):
    """No further from the chord than 0.05 Oe, and not cut into many more pieces than that takes."""
    winding = Winding(REMANENCE, lag, memory=10.0)
    winding.go(5.0, seconds=0.01)
    start = winding.time = 0.05
    winding.yoke.follow(start, 5.0, start + seconds, -5.0)
    corners = [start, *winding.yoke.corners(start, math.inf), start + 100 * lag]
    for begin, end in itertools.pairwise(corners):
        times = np.linspace(begin, end, 40)[:-1]
        chord = np.interp(times, [begin, end], [winding.yoke.mu0_H(begin), winding.yoke.mu0_H(end)])
        assert np.abs([winding.yoke.mu0_H(t) for t in times] - chord).max() <= CHORD_ERROR + SETTLED
    assert len(corners) < 120


def test_the_field_of_a_moment_ago_is_remembered():
    """As long as the memory reaches, across ramps; a ramp that was replaced has not happened."""
    winding = Winding(lag=0.1)
    winding.yoke.follow(0.0, 0.0, 10.0, 10.0)
    before = winding.yoke.mu0_H(4.5)
    winding.yoke.follow(5.0, 5.0, 6.0, 0.0)
    assert winding.yoke.mu0_H(4.5) == before
    assert winding.yoke.mu0_H(8.0) == pytest.approx(0.0, abs=1e-9)


def test_what_has_been_forgotten_is_the_oldest_that_is_known():
    """Not an extrapolation back in time."""
    winding = Winding(lag=1e-3)
    winding.yoke.follow(100.0, 0.0, 101.0, 4.0)
    winding.yoke.follow(200.0, 4.0, 201.0, 0.0)
    assert winding.yoke.mu0_H(-50.0) == pytest.approx(20e-3 - 0.02e-3)


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remanence", "lag", "field_per_current"),
    [(-1e-3, 0.0, 5e-3), (0.0, -1.0, 5e-3), (math.nan, 0.0, 5e-3), (0.0, math.inf, 5e-3), (1e-3, 0.0, 0.0)],
)
def test_a_yoke_that_cannot_be_is_refused(remanence, lag, field_per_current):
    """Negative, infinite or no numbers, and remanence without a field."""
    with pytest.raises(ValueError, match="remanence"):
        Yoke(field_per_current, remanence, lag, 1.0)
