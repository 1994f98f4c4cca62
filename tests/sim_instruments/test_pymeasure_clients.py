"""PyMeasure's own drivers, unchanged, measure a resistor on the simulated source and nanovoltmeter."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import pyvisa
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments import keithley as pymeasure_keithley
from pymeasure.instruments.keithley import Keithley2182, Keithley6221
from pymeasure.instruments.keithley import buffer as pymeasure_buffer

from sim_instruments.clock import VirtualClock
from sim_instruments.keithley_2182a import Keithley2182ASim
from sim_instruments.keithley_6221 import Keithley6221Sim
from sim_instruments.ports import SerialCable, TriggerLink, Waveform
from sim_instruments.visa import BenchLibrary

SHUNT = 0.4


class Bar:
    """264 ohm end to end, 0.4 ohm between the voltage taps."""

    resistance = 264.0

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.driven: float | Waveform = 0.0

    def drive(self, current: float | Waveform) -> None:
        self.driven = current

    @property
    def current(self) -> float:
        driven = self.driven
        return driven.at(self.clock.now()) if isinstance(driven, Waveform) else driven

    def voltage(self) -> float:
        return SHUNT * self.current


class Rig:
    """Both instruments on one bar, as GPIB devices (`raw=False`) or on sockets, with PyMeasure's drivers."""

    def __init__(self, *, raw: bool) -> None:
        names = ("TCPIP0::sim::1394::SOCKET", "TCPIP0::sim::1395::SOCKET")
        names = names if raw else ("GPIB0::12::INSTR", "GPIB0::7::INSTR")
        rng = np.random.default_rng(1)
        self.clock = VirtualClock()
        self.bar = Bar(self.clock)
        # The meter is in reach over its own address and over the relay, which no real one is at the same time.
        cables = {"relay": SerialCable(), "trigger_link": TriggerLink()}
        simulators = (
            Keithley6221Sim(self.clock, self.bar, accuracy=False, **cables),  # type: ignore[arg-type]
            Keithley2182ASim(self.clock, self.bar.voltage, rng, accuracy=False, **cables),  # type: ignore[arg-type]
        )
        self.library = BenchLibrary(dict(zip(names, simulators, strict=True)), self.clock)
        ends = {"read_termination": "\n", "write_termination": "\n", "timeout": 10_000}
        # PyMeasure's VISAAdapter hands its `visa_library` to pyvisa.ResourceManager, which takes an instance.
        self.adapters = [VISAAdapter(name, visa_library=self.library, **ends) for name in names]
        self.source = Keithley6221(self.adapters[0])
        self.meter = Keithley2182(self.adapters[1])

    def close(self) -> None:
        for adapter in self.adapters:
            adapter.close()
        pyvisa.ResourceManager(self.library).close()


@pytest.fixture(params=[False, True], ids=["gpib", "socket"])
def rig(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    rig = Rig(raw=request.param)
    # PyMeasure waits on the wall clock; here its waits pass on the bench.
    ticks = itertools.count()
    monkeypatch.setattr(pymeasure_buffer, "sleep", rig.clock.wait)
    monkeypatch.setattr(pymeasure_buffer, "time", lambda: rig.clock.now() + 1e-9 * next(ticks))
    yield rig
    rig.close()


def test_the_modules_patched_here_are_the_ones_in_use() -> None:
    """KeithleyBuffer is what gives Keithley2182 its waiting."""
    assert issubclass(pymeasure_keithley.Keithley2182, pymeasure_buffer.KeithleyBuffer)


def test_a_current_is_set_and_its_voltage_read(rig: Rig) -> None:
    """1 mA over 0.4 ohm is 0.4 mV, reversed -0.4 mV, and nothing with the source off."""
    rig.source.reset()
    rig.source.source_auto_range = True
    rig.source.source_compliance = 5.0
    rig.source.source_delay = 0.01
    rig.meter.reset()
    rig.meter.ch_1.setup_voltage(auto_range=True, nplc=1)
    readings: list[float] = []
    for current in (1e-3, -1e-3):
        rig.source.source_current = current
        rig.source.enable_source()
        assert rig.source.source_enabled is True
        readings.append(rig.meter.voltage)
    rig.source.shutdown()
    assert rig.source.source_enabled is False
    readings.append(rig.meter.voltage)
    assert readings == pytest.approx([0.4e-3, -0.4e-3, 0.0], abs=30e-9)
    assert rig.source.source_current == -1e-3
    assert rig.source.source_range == pytest.approx(2e-3)
    assert rig.source.check_errors() == []
    assert rig.meter.check_errors() == []


def test_the_source_settings_come_back_as_they_were_set(rig: Rig) -> None:
    """Every DC property of the driver that has a reading side."""
    source = rig.source
    source.source_range = 1e-3
    source.output_low_grounded = True
    source.shield_to_guard_enabled = True
    source.display_enabled = False
    source.delta_unit = "Ohms"
    source.measurement_event_enabled = 8
    source.srq_event_enabled = 1
    source.beep(440, 0.1)
    assert source.source_range == pytest.approx(2e-3)
    assert source.source_auto_range is False
    assert source.output_low_grounded is True
    assert source.shield_to_guard_enabled is True
    assert source.display_enabled is False
    assert source.delta_unit == "Ohms"
    assert source.measurement_event_enabled == 8
    assert source.check_errors() == []


def test_compliance_shows_in_the_measurement_events(rig: Rig) -> None:
    """1 V over 264 ohm stops at 3.8 mA: bit 3."""
    rig.source.reset()
    rig.source.source_compliance = 1.0
    rig.source.source_current = 10e-3
    rig.source.enable_source()
    assert rig.source.measurement_events & 8
    assert rig.bar.current == pytest.approx(1 / 264)


def test_a_waveform_is_set_armed_played_and_ends(rig: Rig) -> None:
    """The lines of the driver's own example: a square wave, the end of which requests service."""
    source = rig.source
    source.reset()
    rig.clock.wait(1.0)
    source.waveform_function = "square"
    source.waveform_amplitude = 5e-3
    source.waveform_offset = 1e-3
    source.waveform_dutycycle = 20
    source.waveform_frequency = 1
    source.waveform_ranging = "best"
    source.waveform_duration_cycles = 10
    source.operation_event_enabled = 128
    source.srq_event_enabled = 128
    source.enable_source()
    source.waveform_arm()
    rig.clock.wait(2.0)
    source.waveform_start()
    started = rig.clock.now()
    seen: list[float] = []
    for time in (0.1, 0.3, 9.1, 9.9, 10.1):
        rig.clock.run_until(started + time)
        seen.append(rig.bar.current)
    assert seen == pytest.approx([6e-3, -4e-3, 6e-3, -4e-3, 0.0])
    assert source.operation_events & 128
    source.waveform_abort()
    source.disable_source()
    assert source.check_errors() == []


def test_an_arbitrary_waveform_goes_where_pymeasure_puts_it(rig: Rig) -> None:
    """`define_arbitary_waveform` writes, copies and selects; then four points at 1 Hz."""
    source = rig.source
    source.define_arbitary_waveform([0, 0.5, 1, -1], location=1)
    source.waveform_amplitude = 2e-3
    source.waveform_frequency = 1
    source.waveform_duration_time = 1.5
    source.enable_source()
    source.waveform_arm()
    rig.clock.wait(2.0)
    source.waveform_start()
    seen: list[float] = []
    for _ in range(7):
        rig.clock.wait(0.2499)
        seen.append(rig.bar.current)
    assert seen == pytest.approx([0.0, 1e-3, 2e-3, -2e-3, 0.0, 1e-3, 0.0])
    assert source.waveform_function == "arbitrary1"
    assert source.check_errors() == []


def test_the_waveform_settings_come_back_as_they_were_set(rig: Rig) -> None:
    """Every wave property of the driver."""
    source = rig.source
    for name, value in (
        ("waveform_function", "ramp"),
        ("waveform_frequency", 347.0),
        ("waveform_amplitude", 0.05),
        ("waveform_offset", -0.01),
        ("waveform_dutycycle", 25.0),
        ("waveform_duration_time", 12.5),
        ("waveform_duration_cycles", 100.0),
        ("waveform_ranging", "fixed"),
        ("waveform_use_phasemarker", True),
        ("waveform_phasemarker_phase", 90.0),
        ("waveform_phasemarker_line", 4.0),
    ):
        setattr(source, name, value)
        assert getattr(source, name) == value, name
    source.waveform_duration_set_infinity()
    assert source.waveform_duration_time == 9.9e37
    assert source.check_errors() == []


def test_delta_is_set_armed_run_and_read(rig: Rig) -> None:
    """The delta part of the driver: 1 mA of either sign over 0.4 ohm, a buffer of readings with their times."""
    source = rig.source
    source.reset()
    rig.clock.wait(1.0)
    assert source.delta_connected == 1
    rig.meter.voltage_nplc = 1
    source.source_compliance = 5.0
    source.delta_unit = "V"
    source.delta_high_source = 1e-3
    assert source.delta_low_source == -1e-3
    source.delta_delay = 0.005
    source.delta_cycles = 20
    source.delta_measurement_sets = 1
    source.delta_compliance_abort_enabled = True
    source.delta_buffer_points = 20
    source.delta_arm()
    rig.clock.wait(5.0)
    source.delta_start()
    rig.clock.wait(1.0)
    reading, time = source.delta_sense
    assert reading == pytest.approx(0.4e-3, abs=50e-9)
    assert 0.0 < time < 1.0
    rig.clock.wait(5.0)
    values = np.array(source.delta_values).reshape(-1, 2)
    assert values[:, 0] == pytest.approx(np.full(20, 0.4e-3), abs=50e-9)
    assert np.diff(values[:, 1]) == pytest.approx(np.full(19, values[1, 1]), abs=1e-5)
    source.delta_abort()
    assert rig.bar.current == 0.0
    assert source.source_enabled is False
    assert source.check_errors() == []


def test_the_delta_settings_come_back_as_they_were_set(rig: Rig) -> None:
    """Every delta property of the driver that has a reading side."""
    source = rig.source
    for name, value in (
        ("delta_high_source", 2e-3),
        ("delta_low_source", -1e-3),
        ("delta_delay", 0.25),
        ("delta_cycles", 7),
        ("delta_measurement_sets", 3),
        ("delta_buffer_points", 7),
        ("delta_compliance_abort_enabled", True),
        ("delta_cold_switch_enabled", True),
    ):
        setattr(source, name, value)
        assert getattr(source, name) == value, name
    source.delta_cycles = source.delta_delay = "INF"
    assert (source.delta_cycles, source.delta_delay) == (9.9e37, 9.9e37)
    assert source.check_errors() == []


def test_a_list_sweep_is_paced_by_a_timer_and_requests_service_at_its_end(rig: Rig) -> None:
    """PyMeasure knows the trigger model, not the lists: those are said in plain lines."""
    source = rig.source
    source.write("SOUR:SWE:SPAC LIST;:SOUR:LIST:CURR 1e-3, -2e-3, 3e-3;DEL 0.1")
    source.set_timed_arm(0.5)
    source.output_trigger_on_external(line=4, after="DEL")
    source.delta_measurement_sets = 2
    source.operation_event_enabled = 2
    source.srq_event_enabled = 128
    source.write("SOUR:SWE:ARM")
    rig.clock.wait(2.0)
    source.start_buffer()
    started = rig.clock.now()
    seen: list[float] = []
    for time in (0.05, 0.15, 0.25, 0.45, 0.55):
        rig.clock.run_until(started + time)
        seen.append(rig.bar.current)
    assert seen == pytest.approx([1e-3, -2e-3, 3e-3, 3e-3, 1e-3])
    rig.clock.wait(1.0)
    assert int(source.ask("*STB?")) & 64
    assert source.operation_events & 2
    source.delta_abort()
    source.disable_output_trigger()
    assert source.check_errors() == []


def test_the_meter_settings_come_back_as_they_were_set(rig: Rig) -> None:
    """Every voltage property of the driver that has a reading side."""
    meter = rig.meter
    meter.ch_1.voltage_range = 0.01
    meter.voltage_nplc = 2
    meter.auto_zero_enabled = False
    meter.active_channel = 2
    meter.channel_function = "voltage"
    meter.ch_1.voltage_offset = 1e-3
    meter.ch_1.voltage_offset_enabled = True
    meter.trigger_delay = 0.5
    meter.display_enabled = False
    assert meter.ch_1.voltage_range == pytest.approx(0.01)
    assert meter.ch_1.voltage_range_auto_enabled is False
    assert meter.voltage_nplc == 2
    assert meter.auto_zero_enabled is False
    assert meter.active_channel == 2
    assert meter.channel_function == "voltage"
    assert meter.ch_1.voltage_offset == pytest.approx(1e-3)
    assert meter.ch_1.voltage_offset_enabled is True
    assert meter.trigger_delay == pytest.approx(0.5)
    assert meter.line_frequency == 50
    assert meter.display_enabled is False
    assert meter.check_errors() == []


def test_a_buffered_acquisition_runs_to_its_end(rig: Rig) -> None:
    """Configure, start, poll the status byte until the buffer is full, read data and statistics."""
    rig.source.source_current = 2e-3
    rig.source.enable_source()
    meter = rig.meter
    meter.reset()
    meter.ch_1.setup_voltage(auto_range=True, nplc=1)
    meter.config_buffer(points=12, delay=0.01)
    assert not meter.is_buffer_full()
    meter.start_buffer()
    meter.wait_for_buffer(timeout=30)
    data = meter.buffer_data
    assert data.shape == (12,)
    assert data == pytest.approx(np.full(12, 0.8e-3), abs=100e-9)
    assert meter.mean == pytest.approx(float(data.mean()), rel=1e-7)
    assert meter.maximum == pytest.approx(float(data.max()))
    assert meter.minimum == pytest.approx(float(data.min()))
    assert meter.standard_dev == pytest.approx(float(data.std(ddof=1)), rel=1e-3)
    meter.disable_buffer()
    assert meter.check_errors() == []


def test_a_bus_trigger_takes_a_reading(rig: Rig) -> None:
    """`trigger_on_bus`, `start_buffer`, `trigger`, then the latest reading."""
    rig.meter.reset()
    rig.meter.trigger_on_bus()
    rig.meter.start_buffer()
    rig.meter.trigger()
    assert float(rig.meter.ask("FETC?")) == pytest.approx(0.0, abs=30e-6)
    assert rig.meter.check_errors() == []


def test_what_pymeasure_gets_wrong_is_refused_as_the_instrument_refuses_it(rig: Rig) -> None:
    """It sends ESE without its asterisk: -113."""
    rig.source.write("ESE 4")
    assert rig.source.next_error[0] == -113
