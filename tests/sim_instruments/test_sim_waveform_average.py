"""A quick current that goes on and on: the sample feels its average, as good as step by step, at little cost."""

import math

import pytest
from benchtop import NM, Lab
from test_sim_waveform import play, sine

FOR_EVER = math.inf


def swept(cycles, amplitude=8e-3, frequency=20.0, record=False, looks=4):
    """The lab, and the share of patches that are up at each look, where field and sine together switch many."""
    lab = Lab(2 * NM, record=record)
    lab.say("supply_x", "SETI 4")
    lab.say("supply_z", "SETI -1.2")
    lab.wait(20.0)
    lab.ask("meter")
    before = lab.bench.sample.up.mean()
    play(lab, *sine(amplitude, frequency, steps=32), cycles=cycles)
    shares = []
    for _ in range(looks):
        lab.wait(2.0 / looks)
        lab.ask("meter")
        shares.append(float(lab.bench.sample.up.mean()))
    assert before - shares[0] > 0.1
    return lab, shares


@pytest.mark.parametrize("amplitude", [4e-3, 8e-3])
def test_the_average_ends_where_each_step_followed_ends(amplitude):
    """A history has every step; without one the patches that are left up are as many, within the thermal draws."""
    (_, followed), (_, averaged) = (swept(FOR_EVER, amplitude, record=record) for record in (True, False))
    assert averaged == pytest.approx(followed, abs=0.01)


def test_it_does_not_matter_how_often_somebody_looks():
    """Parts of a period count as much as whole ones: 2 s in 4 looks or in 333."""
    (_, seldom), (_, often) = (swept(FOR_EVER, looks=looks) for looks in (4, 333))
    assert often[-1] == pytest.approx(seldom[-1], abs=0.01)


def test_heat_and_charge_are_those_of_every_step():
    """R I^2/2 t, and the same as with a history."""
    envelopes = [swept(FOR_EVER, record=record)[0].bench.envelope for record in (True, False)]
    assert envelopes[1].energy == pytest.approx(264 * 8e-3**2 / 2 * 2.0, rel=1e-9)
    for name in ("energy", "charge", "I_max"):
        assert getattr(envelopes[1], name) == pytest.approx(getattr(envelopes[0], name), rel=1e-9)


@pytest.mark.parametrize(("cycles", "frequency"), [(100.0, 20.0), (FOR_EVER, 10.0)], ids=["burst", "slow"])
def test_a_burst_and_a_slow_wave_are_followed_step_by_step(cycles, frequency):
    """Up to a hundred periods, or a tenth of a second each: bit for bit what a history has."""
    labs = [swept(cycles, frequency=frequency, record=record)[0] for record in (True, False)]
    assert (labs[0].bench.sample.up == labs[1].bench.sample.up).all()
    assert labs[0].bench.sample.steps == labs[1].bench.sample.steps


def test_an_hour_of_a_kilohertz_is_one_step():
    """Nobody looks, and it costs what a second does."""
    lab, _ = swept(FOR_EVER, frequency=1e3)
    steps = lab.bench.sample.steps
    lab.wait(3600.0)
    lab.ask("meter")
    assert lab.bench.sample.steps - steps <= 1
