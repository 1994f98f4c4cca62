"""The field source in a closed loop: the field asked for, always reached from the sweep's side, in few moves."""

import itertools

import pytest
from driver_fakes import FakeClock
from fake_magnet import Eddy, Magnet, Probe, Yoke, field_source

from drivers.errors import NotFollowed

TOLERANCE = 1e-4  # T, that of field_source()


@pytest.fixture
def magnet():
    return Magnet(FakeClock())


def closed(magnet, probe, **changes):
    source = field_source(magnet, probe, **changes)
    source.prepare()
    magnet.calls.clear()
    return source


def currents(magnet):
    return [call[1] for call in magnet.calls if call[0] == "set"]


def is_monotone(values, sign):
    return all(sign * (b - a) >= -1e-12 for a, b in itertools.pairwise(values))


@pytest.mark.parametrize("k", [0.0091, 0.0095, 0.01, 0.0105, 0.011])
@pytest.mark.parametrize("width", [0.0, 0.05, 0.3])
def test_the_measured_field_is_the_one_asked_for(magnet, k, width):
    """Whatever the coil constant is off by and the iron keeps, within the tolerance."""
    source = closed(magnet, Yoke(magnet, k=k, width=width))
    for mu0_H in (0.05, 0.02, -0.05, -0.0495, 0.03, 0.0):
        assert source.ramp_to(mu0_H) == pytest.approx(mu0_H, abs=TOLERANCE)
        assert source.read_field() == pytest.approx(mu0_H, abs=TOLERANCE)


@pytest.mark.parametrize("k", [0.0091, 0.01, 0.011])
@pytest.mark.parametrize("width", [0.0, 0.1])
def test_a_field_is_reached_from_the_side_of_the_sweep_and_never_passed(magnet, k, width):
    """Up to the error that the coil constant may have, upwards and downwards."""
    source = closed(magnet, yoke := Yoke(magnet, k=k, width=width))
    for start, end, sign in ((0.0, 0.08, 1), (0.08, -0.08, -1), (-0.08, 0.01, 1)):
        source.ramp_to(start)
        magnet.calls.clear()
        yoke.fields.clear()
        source.ramp_to(end)
        assert max(sign * field for field in yoke.fields) <= sign * end + TOLERANCE
        assert is_monotone(currents(magnet), sign)


def test_a_branch_is_the_same_every_time(magnet):
    """The same fields on the same branch are reached with the same currents, loop after loop."""
    source = closed(magnet, Yoke(magnet, k=0.0103, width=0.2))
    steps = [0.004 * n for n in range(11)]
    fields = [*steps, *reversed(steps), *(-step for step in steps), *(-step for step in reversed(steps))]
    loops = []
    for _ in range(3):
        loops.append([])
        for mu0_H in fields:
            source.ramp_to(mu0_H)
            loops[-1].append(magnet.target)
    assert loops[1] == pytest.approx(loops[2], abs=1e-6)


def test_a_step_that_is_within_reach_costs_one_set_point(magnet):
    """A loop has some hundreds of them: set, read back, two readings of the field."""
    source = closed(magnet, probe := Probe(magnet))
    source.ramp_to(0.01)
    magnet.calls.clear()
    probe.readings = 0
    source.ramp_to(0.011)
    source.ramp_to(0.012)
    assert [call[0] for call in magnet.calls] == ["set", "read"] * 2
    assert probe.readings == 4


def test_a_step_that_the_coil_constant_may_overdo_stops_short_first(magnet):
    """50 mT with 10 % of doubt: 45.45 mT, then the rest."""
    source = closed(magnet, Probe(magnet))
    source.ramp_to(0.05)
    first, second, *_ = currents(magnet)
    assert first == pytest.approx(5 / 1.1)
    assert first < second <= 5.0


def test_a_field_that_was_passed_is_reached_again_from_the_sweeps_side(magnet):
    """A coil constant wrong by more than `agreement` says: back to three tolerances before, then forward."""
    source = closed(magnet, Probe(magnet, k=0.0107), agreement=0.05)
    assert source.ramp_to(0.05) == pytest.approx(0.05, abs=TOLERANCE)
    fields = [0.0107 * current for current in currents(magnet)]
    passed = next(i for i, field in enumerate(fields) if field > 0.05 + TOLERANCE)
    assert fields[passed + 1] <= 0.05 - 3 * TOLERANCE
    assert is_monotone(fields[passed + 1 :], 1)
    assert fields[-1] <= 0.05 + TOLERANCE


def test_a_field_within_the_tolerance_is_not_moved_against_the_sweep(magnet):
    """Steps finer than the tolerance must not go back and forth."""
    source = closed(magnet, Probe(magnet, k=0.0108))
    source.ramp_to(0.01)
    assert source.ramp_to(0.011) > 0.011 + 0.5 * TOLERANCE
    for n in range(1, 40):
        source.ramp_to(0.011 + n * 4e-6)
    assert is_monotone(currents(magnet), 1)
    assert 0.0108 * currents(magnet)[-1] == pytest.approx(0.011156, abs=TOLERANCE)


def test_a_field_that_still_creeps_is_not_corrected_for(magnet):
    """Eddy currents: corrected too early, the field would end beyond the target."""
    source = closed(magnet, eddy := Eddy(magnet, tau=0.3))
    source.ramp_to(0.05)
    assert max(eddy.fields) <= 0.05 + TOLERANCE
    magnet.clock.wait(10.0)
    assert source.read_field() == pytest.approx(0.05, abs=TOLERANCE)


def test_the_supply_is_given_five_per_cent_more_and_no_more_is_asked_for(magnet):
    """Iron may need more current than the coil constant says, up to a limit that stands in the supply."""
    source = field_source(magnet, Probe(magnet, k=0.0094))
    source.prepare()
    assert magnet.calls[0] == ("prepare", pytest.approx(10.5), pytest.approx(0.5))
    with pytest.raises(NotFollowed, match=r"at most 10\.5000 A, 5%.*0\.1 T would need 10\.6.*measures 0\.09"):
        source.ramp_to(0.1)
    assert max(currents(magnet)) <= 10.5


def test_a_field_that_does_not_come_is_given_up_with_numbers(magnet):
    """Iron that saturates before the target: twenty moves, then a person must look."""
    probe = Probe(magnet)
    probe.read_field = lambda: min(0.01 * magnet.true_current(), 0.0498)
    source = closed(magnet, probe)
    with pytest.raises(
        NotFollowed, match=r"within 0\.0001 T of 0\.05 T; after 20 moves it is 0\.0498 T at 5\.\d+ A"
    ):
        source.ramp_to(0.05)
    assert len(currents(magnet)) == 20


@pytest.mark.parametrize("k", [0.005, 0.02, -0.01])
def test_a_wrong_coil_constant_or_a_turned_probe_ends_the_first_move(magnet, k):
    """The loop does not correct what must be looked at."""
    source = closed(magnet, Probe(magnet, k=k))
    with pytest.raises(NotFollowed, match="coil constant, the probe or the wiring is wrong"):
        source.ramp_to(0.05)
    assert len(currents(magnet)) == 1


def test_after_a_failure_field_and_current_are_measured_anew(magnet):
    """What was not reached is not the start of the next ramp."""
    source = closed(magnet, probe := Probe(magnet))
    probe.k = -0.01
    with pytest.raises(NotFollowed):
        source.ramp_to(0.05)
    probe.k = 0.01
    assert source.ramp_to(0.02) == pytest.approx(0.02, abs=TOLERANCE)


def test_a_field_that_is_read_far_from_where_it_settled_spoils_the_row(magnet):
    """A probe out of its magnet, another instrument's reply, a unit that was lost: the current is right."""
    probe = Probe(magnet)
    source = closed(magnet, probe)
    source.prepare()
    source.ramp_to(0.05)
    source.read_field()
    source.verify()
    k, probe.k = probe.k, 0.0
    assert source.read_field() == 0.0
    with pytest.raises(NotFollowed, match=r"must still be .* T; it is read as 0 T"):
        source.verify()
    source.overlook()
    source.verify()
    source.read_field()
    probe.k = k
    source.ramp_to(0.06)
    source.read_field()
    source.verify()


def test_a_field_that_drifts_a_little_is_stored_as_it_is(magnet):
    """Within ten tolerances it is a measured value, and no fault."""
    probe = Probe(magnet)
    source = closed(magnet, probe)
    source.prepare()
    source.ramp_to(0.001)
    probe.remanence = 9 * TOLERANCE
    source.read_field()
    source.verify()
    probe.remanence = 11 * TOLERANCE
    source.read_field()
    with pytest.raises(NotFollowed):
        source.verify()
