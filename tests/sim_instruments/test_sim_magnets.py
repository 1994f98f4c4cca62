"""A magnet with an iron yoke on the bench: what the sample feels and the gaussmeter sees of remanence and lag."""

import math

import numpy as np
import pytest
from benchtop import Lab, iron_spec

from sim_instruments.magnets import HallProbe, Magnet, field_at
from sim_instruments.ports import Ramp

LAG = 0.3


def test_the_world_is_told_before_the_field_changes():
    """Whoever watches the magnet settles its accounts under the old field."""
    magnet = Magnet("z", (0.0, 0.0, 1.0), 5e-3, 0.4, 0.05)
    magnet.drive(Ramp(0.0, 0.0, 1.0, 2.0))
    seen = []
    magnet.about_to_change = lambda: seen.append(magnet.mu0_H(5.0))
    magnet.drive(Ramp(5.0, 2.0, 6.0, 0.0))
    assert seen == [pytest.approx(10e-3)]
    assert magnet.mu0_H(6.0) == 0.0


def test_the_record_has_the_largest_field_and_rate():
    """Both as magnitudes, over all stretches noted."""
    magnet = Magnet("z", (0.0, 0.0, 1.0), 5e-3, 0.4, 0.05)
    magnet.drive(Ramp(0.0, 0.0, 4.0, -8.0))
    for start, stop in ((0.0, 3.0), (4.0, 9.0)):
        magnet.note(start, stop)
    assert magnet.mu0_H_max == pytest.approx(40e-3)
    assert magnet.mu0_H_rate_max == pytest.approx(10e-3)


def test_fields_add_and_a_probe_sees_one_direction():
    """Remanence of one magnet and current of another, seen along x."""
    iron = Magnet("x", (1.0, 0.0, 0.0), 5e-3, 0.4, 0.05, remanence=2e-3)
    oblique = Magnet("z", (0.6, 0.0, 0.8), 5e-3, 0.4, 0.05)
    iron.drive(Ramp(0.0, 0.0, 0.0, 20.0))
    iron.drive(Ramp(0.0, 20.0, 0.0, 0.0))
    oblique.drive(Ramp(0.0, 0.0, 0.0, 2.0))

    class Clock:
        def now(self):
            return 3.0

    assert field_at((iron, oblique), 1.0) == pytest.approx((2e-3 + 6e-3, 0.0, 8e-3))
    assert HallProbe(Clock(), (iron, oblique), (1.0, 0.0, 0.0))() == pytest.approx(8e-3)


def test_the_gaussmeter_sees_the_remanence_at_zero_current():
    """+20 Oe after a large positive field, -20 Oe after a large negative one."""
    lab = Lab(spec=iron_spec(2e-3, 0.0))
    lab.say("supply_z", "RATE 20")
    left = []
    for set_point in (0, 30, 0, -30, 0, 30, 0):
        lab.say("supply_z", f"SETI {set_point}")
        lab.wait(5.0)
        left.append(lab.field("gauss_z"))
    assert left[::2] == pytest.approx([0.0, 2e-3, -2e-3, 2e-3], abs=1e-6)


def test_the_gaussmeter_sees_the_field_lag_behind_the_current():
    """10 A at 20 A/s: at the end 0.1 T/s * lag * (1 - exp(-0.5 / lag)) is missing, and that decays with the lag."""
    lab = Lab(spec=iron_spec(0.0, LAG))
    lab.say("gauss_z", "RDGMODE 1,3,1,1,1")
    lab.say("supply_z", "RATE 20;SETI 10")
    lab.wait(0.5)
    missing = 0.1 * LAG * (1 - math.exp(-0.5 / LAG))
    for after in (0.0, 0.3, 0.9):
        assert lab.field("gauss_z") == pytest.approx(50e-3 - missing * math.exp(-after / LAG), abs=1e-6)
        lab.wait(0.3 if after == 0.0 else 0.6)
    lab.wait(20 * LAG)
    assert lab.field("gauss_z") == pytest.approx(50e-3, abs=1e-7)


def test_the_sample_feels_the_field_that_lags():
    """What it has felt is within half a field step of the exponential, all of the time, and then stands still."""
    step = 1e-4
    lab = Lab(spec=iron_spec(0.0, LAG), record=True, field_step=step)
    lab.say("supply_z", "RATE 20;SETI 10")
    lab.wait(10.0)
    lab.ask("meter")
    history = lab.bench.history
    ends = np.cumsum([interval.dt for interval in history])
    assert ends[-1] == pytest.approx(10.0)
    missing = 0.1 * LAG * (1 - math.exp(-0.5 / LAG))
    for interval, end in zip(history, ends, strict=True):
        middle = end - interval.dt / 2
        if middle > 0.5:
            expected = 50e-3 - missing * math.exp(-(middle - 0.5) / LAG)
            assert interval.mu0_H[2] == pytest.approx(expected, abs=step / 2 + 5e-6)
    assert history[-1].mu0_H[2] == 50e-3
    assert history[-1].dt > 5.0
    assert len(history) < 800


def test_looking_often_does_not_change_what_the_sample_feels():
    """A look cuts the decay in pieces; the exposure to the field is the same."""
    exposures = []
    for looks in (1, 97):
        lab = Lab(spec=iron_spec(1e-3, LAG), record=True)
        lab.say("supply_z", "RATE 20;SETI 10")
        for _ in range(looks):
            lab.wait(2.0 / looks)
            lab.ask("meter")
        exposures.append(math.fsum(one.mu0_H[2] * one.dt for one in lab.bench.history))
    assert exposures[0] == pytest.approx(exposures[1], abs=5e-6)


def test_a_field_that_goes_on_after_the_current_switches_the_sample():
    """The current stands at -5 A already; the field gets through the coercive field only later."""
    lab = Lab(spec=iron_spec(0.0, 2.0), record=True)
    lab.say("supply_z", "RATE 50;SETI -5")
    lab.wait(0.15)
    lab.say("source", "1e-4")
    early = float(lab.ask("meter"))
    lab.wait(20.0)
    late = float(lab.ask("meter"))
    assert early == pytest.approx(45e-6)
    assert late == pytest.approx(-35e-6)
