"""PyMeasure's own SR830 driver, unchanged, on the simulated lock-in: as a GPIB device and over a raw socket."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import pyvisa
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.srs import SR830
from pymeasure.instruments.srs import sr830 as pymeasure_sr830
from rig_sr830 import LockIn, ScriptedSignal

from sim_instruments.visa import BenchLibrary


class Rig:
    """A lock-in at 0.3 V in X and 0.4 V in Y, with PyMeasure's driver."""

    def __init__(self, name: str) -> None:
        self.lock_in = LockIn(ScriptedSignal(c1=0.3 + 0.4j), auxiliary=[lambda: 1.5])
        self.clock = self.lock_in.clock
        self.library = BenchLibrary({name: self.lock_in.sim}, self.clock)
        ends = {"read_termination": "\n", "write_termination": "\n", "timeout": 2000}
        self.adapter = VISAAdapter(name, visa_library=self.library, **ends)
        self.driver = SR830(self.adapter)
        self.clock.wait(10.0)

    def close(self) -> None:
        self.adapter.close()
        pyvisa.ResourceManager(self.library).close()


@pytest.fixture(params=["GPIB0::8::INSTR", "TCPIP0::sim::1400::SOCKET"], ids=["gpib", "socket"])
def rig(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    rig = Rig(request.param)
    # PyMeasure waits on the wall clock; here its waits pass on the bench.
    monkeypatch.setattr(pymeasure_sr830, "time", SimpleNamespace(sleep=rig.clock.wait))
    yield rig
    rig.close()


def test_the_readings_agree_with_the_signal(rig: Rig) -> None:
    """X, Y, R, theta, snap, auxiliary input, identity."""
    lock_in = rig.driver
    assert [lock_in.x, lock_in.y, lock_in.magnitude] == pytest.approx([0.3, 0.4, 0.5])
    assert lock_in.theta == pytest.approx(53.1301)
    assert lock_in.xy == pytest.approx([0.3, 0.4])
    assert lock_in.snap("R", "Theta", "Aux In 1", "Frequency") == pytest.approx([0.5, 53.1301, 1.5, 1000.0])
    assert lock_in.aux_in_1 == pytest.approx(1.5)
    assert "SR830" in lock_in.id
    assert lock_in.err_status == 0


def test_the_settings_come_back_as_they_were_set(rig: Rig) -> None:
    """Every property of the driver that has both sides."""
    lock_in = rig.driver
    for name, value in (
        ("sine_voltage", 0.5),
        ("frequency", 137.0),
        ("phase", -30.0),
        ("sensitivity", 0.5),
        ("time_constant", 1.0),
        ("filter_slope", 24),
        ("filter_synchronous", True),
        ("harmonic", 2),
        ("input_config", "A - B"),
        ("input_grounding", "Ground"),
        ("input_coupling", "DC"),
        ("input_notch_config", "Both"),
        ("reference_source", "External"),
        ("reference_source_trigger", "POS EDGE"),
        ("aux_out_1", 1.25),
        ("sample_frequency", 64.0),
        ("sample_frequency", None),
        ("reserve", "High Reserve"),
    ):
        setattr(lock_in, name, value)
        assert getattr(lock_in, name) == value, name
    lock_in.save_setup(3)
    lock_in.reset()
    assert lock_in.harmonic == 1
    lock_in.load_setup(3)
    assert lock_in.harmonic == 2
    assert lock_in.ask("*ESR?").strip() in ("0", "128")


def test_what_the_driver_expects_of_a_display_is_not_what_the_manual_says(rig: Rig) -> None:
    """It takes DDEF? for one number and does not translate the two that come (p. 5-8: "1,0"); setting works."""
    rig.driver.channel1 = "R"
    assert rig.driver.channel1 == [1.0, 0.0]
    assert float(rig.driver.ask("OUTR?1")) == pytest.approx(0.5)


def test_the_auto_functions_work_through_the_driver(rig: Rig) -> None:
    """Phase, offset, gain, reserve, scaling."""
    lock_in = rig.driver
    lock_in.auto_phase()
    rig.clock.wait(10.0)
    assert lock_in.xy == pytest.approx([0.5, 0.0], abs=1e-4)
    lock_in.auto_offset("X")
    assert lock_in.get_scaling("X") == (50.0, 1)
    lock_in.set_scaling("X", 0, 0)
    lock_in.auto_reserve()
    rig.clock.wait(10.0)
    lock_in.auto_gain()
    rig.clock.wait(10.0)
    assert lock_in.sensitivity == 1.0


def test_quick_range_finds_the_full_scale_that_fits(rig: Rig) -> None:
    """From 10 mV, far too sensitive for 0.5 V, to 1 V: 1.15 times the magnitude needs more than 0.5 V."""
    rig.driver.sensitivity = 10e-3
    rig.driver.quick_range()
    assert rig.driver.sensitivity == 1.0
    assert not rig.driver.is_out_of_range()


def wait_and_get(rig: Rig, count: int) -> list[np.ndarray]:
    rig.driver.wait_for_buffer(count)
    return [rig.driver.get_buffer(channel, 0, count) for channel in (1, 2)]


def test_a_scan_fills_the_buffer_and_comes_back_in_binary(rig: Rig) -> None:
    """STRT at 64 Hz, waited for, read as IEEE floats: 0.3 and 0.4 V to the step of the buffer."""
    rig.driver.reset_buffer()
    rig.driver.sample_frequency = 64.0
    rig.driver.start_scan()
    first, second = wait_and_get(rig, 20)
    assert first == pytest.approx(np.full(20, 0.3), abs=1e-4)
    assert second == pytest.approx(np.full(20, 0.4), abs=1e-4)
    assert rig.driver.buffer_count >= 20
    rig.driver.reset_buffer()
    assert rig.driver.buffer_count == 0


def test_fill_buffer_takes_what_there_is_piece_by_piece(rig: Rig) -> None:
    """The driver reads while the scan goes on, from where it left off."""
    rig.driver.write("REST;SEND 0")
    rig.driver.sample_frequency = 1.0
    rig.driver.start_scan()
    # The driver polls without a pause while nothing is new, and GPIB is what costs it time.
    rig.lock_in.sim.message_time = 10e-3
    first, second = rig.driver.fill_buffer(5)
    assert first == pytest.approx(np.full(5, 0.3), abs=1e-4)
    assert second == pytest.approx(np.full(5, 0.4), abs=1e-4)


def test_buffer_measure_gives_mean_and_deviation(rig: Rig) -> None:
    """It says FAST2;STRD and reads no stream: its next question ends that."""
    rig.driver.write("REST;SEND 0")
    rig.driver.sample_frequency = 4.0
    rig.lock_in.sim.message_time = 10e-3
    means = rig.driver.buffer_measure(6)
    assert means == pytest.approx((0.3, 0.0, 0.4, 0.0), abs=1e-4)


def test_triggers_of_the_driver_take_points(rig: Rig) -> None:
    """`aquireOnTrigger` with a rate, and `trigger`."""
    rig.driver.reset_buffer()
    rig.driver.sample_frequency = 8.0
    rig.driver.aquireOnTrigger(True)
    rig.driver.trigger()
    rig.clock.wait(1.05)
    rig.driver.pause_scan()
    assert rig.driver.buffer_count == 9


def test_several_traces_are_read_one_after_the_other(rig: Rig) -> None:
    """Binary replies with line feeds in them do not shift what comes after."""
    rig.driver.write("REST;SEND 0")
    rig.driver.sample_frequency = 512.0
    rig.driver.start_scan()
    for number in itertools.islice(itertools.count(1), 8):
        rig.lock_in.signal.change(c1=number / 50 + 0.01j)
        rig.clock.wait(0.05)
    rig.driver.pause_scan()
    count = rig.driver.buffer_count
    whole = rig.driver.get_buffer(1)
    assert whole.shape == (count,)
    assert rig.driver.get_buffer(1, 10, 30) == pytest.approx(whole[10:30])
    assert rig.driver.buffer_count == count
