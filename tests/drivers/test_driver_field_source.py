"""The field source in an open loop: measured fields only, few messages, no belief in a supply that lags."""

import math

import pytest
from driver_fakes import FakeClock
from fake_magnet import FIELD_PER_CURRENT, Magnet, Probe, field_source

from drivers.errors import NotFollowed, OutOfRange


@pytest.fixture
def magnet():
    return Magnet(FakeClock())


def test_preparing_hands_limits_and_rate_in_amperes_to_the_supply(magnet):
    """0.1 T at 0.01 T/A are 10 A, 5 mT/s are 0.5 A/s; nothing is ramped."""
    field_source(magnet).prepare()
    assert magnet.calls[0] == ("prepare", pytest.approx(10.0), pytest.approx(0.5))
    assert not [call for call in magnet.calls if call[0] == "set"]


@pytest.mark.parametrize("mu0_H", [0.1001, -0.1001, math.nan, math.inf])
def test_a_field_beyond_the_limit_is_refused_and_nothing_is_sent(magnet, mu0_H):
    """The limit of the station file holds for every set point."""
    source = field_source(magnet)
    source.prepare()
    magnet.calls.clear()
    with pytest.raises(OutOfRange, match=r"must be within 0\.1 T.*Nothing was sent"):
        source.ramp_to(mu0_H)
    assert magnet.calls == []


def test_the_ramp_takes_its_time_and_the_field_is_the_one_read_back(magnet):
    """50 mT at 5 mT/s are 10 s; what comes back is measured, with the supply's own offset in it."""
    source = field_source(magnet)
    source.prepare()
    source.ramp_to(0.02)
    magnet.offset = 0.004
    before = magnet.clock.time
    assert source.ramp_to(0.07) == pytest.approx(0.07004)
    assert magnet.clock.time - before == pytest.approx(10.0, abs=0.1)


def test_with_a_gaussmeter_the_field_is_the_gaussmeters(magnet):
    """The iron's remanence is in the reading and not in the current."""
    source = field_source(magnet, Probe(magnet, remanence=2e-3), closed_loop=False)
    source.prepare()
    assert source.ramp_to(0.05) == pytest.approx(0.052)
    assert source.read_field() == pytest.approx(0.052)


def test_a_field_point_costs_one_set_point_and_one_reading_of_the_current(magnet):
    """A loop has some 1600 of them: where the supply is on time nothing is asked twice."""
    source = field_source(magnet, probe := Probe(magnet), closed_loop=False)
    source.prepare()
    magnet.calls.clear()
    source.ramp_to(0.01)
    source.ramp_to(0.011)
    assert [call[0] for call in magnet.calls] == ["set", "read"] * 2
    assert probe.readings == 4


def test_a_supply_that_comes_late_is_waited_for(magnet):
    """A magnet lags behind its ramp; the field counts when the current is there."""
    magnet.lag = 3.0
    source = field_source(magnet)
    source.prepare()
    assert source.ramp_to(0.01) == pytest.approx(0.01, abs=1e-4)
    assert magnet.clock.time >= 4.9


def test_a_supply_that_does_not_follow_raises_with_numbers_and_its_faults(magnet):
    """The row must not be stored with a field that was only asked for."""
    source = field_source(magnet)
    source.prepare()
    magnet.stuck = True
    with pytest.raises(
        NotFollowed, match=r"follow to 5\.0000 A within 0\.0100 A.*carries 0\.0000 A.*over-voltage"
    ):
        source.ramp_to(0.05)


def test_after_a_failed_ramp_the_next_one_starts_from_the_measured_current(magnet):
    """What was asked for and not reached is not taken for the start."""
    source = field_source(magnet)
    source.prepare()
    magnet.stuck = True
    with pytest.raises(NotFollowed):
        source.ramp_to(0.05)
    magnet.set_current(0.0)
    magnet.stuck = False
    before = magnet.clock.time
    source.ramp_to(0.01)
    assert magnet.clock.time - before == pytest.approx(2.0, abs=0.1)


def test_a_field_that_keeps_drifting_raises(magnet):
    """Two successive readings must agree before the field counts."""
    source = field_source(magnet, Probe(magnet, drift=0.01), closed_loop=False)
    source.prepare()
    with pytest.raises(NotFollowed, match=r"must come to rest.*differ by 0\.001 T"):
        source.ramp_to(0.05)


@pytest.mark.parametrize("k", [0.005, 0.02, -0.01])
def test_a_wrong_coil_constant_or_a_turned_probe_is_found_out(magnet, k):
    """The gaussmeter contradicts the current: somebody must look at the wiring."""
    source = field_source(magnet, Probe(magnet, k=k), closed_loop=False)
    source.prepare()
    with pytest.raises(NotFollowed, match=r"the current times 0\.01 T/A is 0\.05 T"):
        source.ramp_to(0.05)


def test_a_negative_coil_constant_turns_the_current_and_not_the_field(magnet):
    """A magnet whose field points against its current is described by the sign."""
    source = field_source(magnet, field_per_current=-FIELD_PER_CURRENT)
    source.prepare()
    assert magnet.calls[0] == ("prepare", pytest.approx(10.0), pytest.approx(0.5))
    assert source.ramp_to(0.05) == pytest.approx(0.05)
    assert magnet.target == pytest.approx(-5.0)


def test_a_supply_that_walks_there_itself_is_not_waited_for_twice(magnet):
    """Its set_current returns when the set point is there: the ramp's time is over by then."""
    ramps = magnet.set_current

    def walk(current):
        ramps(current)
        magnet.clock.wait(abs(current - magnet.start) / magnet.rate)

    magnet.set_current = walk
    source = field_source(magnet)
    source.prepare()
    before = magnet.clock.time
    source.ramp_to(0.05)
    assert magnet.clock.time - before == pytest.approx(10.0, abs=0.1)


def test_parking_is_the_supplys(magnet):
    """The supply ramps to zero and confirms."""
    source = field_source(magnet)
    source.park()
    assert magnet.calls == [("park",)]


def test_a_ramp_after_parking_prepares_the_supply_again_and_only_once(magnet):
    """Limits and rate are written anew before the first set point; the second ramp finds them there."""
    source = field_source(magnet)
    source.prepare()
    source.park()
    magnet.calls.clear()
    assert source.ramp_to(0.01) == pytest.approx(0.01)
    source.ramp_to(0.0)
    names = [call[0] for call in magnet.calls if call[0] != "read"]
    assert names == ["prepare", "set", "set"]


@pytest.mark.parametrize(
    "wrong",
    [{"field_per_current": 0.0}, {"field_per_current": math.nan}, {"mu0_H_max": 0.0}, {"mu0_H_max": math.inf},
     {"slew": -1.0}, {"slew": math.nan}, {"tolerance": 0.0}],
)  # fmt: skip
def test_a_magnet_described_without_sense_is_refused(magnet, wrong):
    """A station file with a zero slew or coil constant is caught before anything is opened."""
    with pytest.raises(OutOfRange, match=next(iter(wrong))):
        field_source(magnet, **wrong)
