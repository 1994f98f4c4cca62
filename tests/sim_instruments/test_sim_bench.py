"""The wiring diagram: what the sample feels, what the meters see, and that a run can be repeated bit for bit."""

import dataclasses
import itertools

import numpy as np
import pytest
import pyvisa

from sim_instruments.bench import Bench, BenchSpec, InstrumentSpec, MagnetSpec
from sim_instruments.instrument import Instrument
from sim_instruments.keithley_2182a import Keithley2182ASim
from sim_instruments.keithley_6221 import Keithley6221Sim
from sim_instruments.lakeshore_475 import LakeShore475Sim
from sim_instruments.lakeshore_643 import LakeShore643Sim
from sim_instruments.physics.draws import ThermalDraws
from sim_instruments.physics.sample import Sample, SampleParameters
from sim_instruments.wiring import NO_EMF, ThermalEmf

OE = 1e-4
NM = 1e-9


class PlainSource(Instrument):
    """A third party's source, as small as can be: every message is a current in ampere."""

    def __init__(self, clock, load):
        super().__init__(clock)
        self.load = load

    def execute(self, message):
        self.load.drive(float(message))


class PlainMeter(Instrument):
    """A third party's voltmeter: every message is answered with the voltage, at most with a little noise."""

    def __init__(self, clock, input, rng, noise=True):
        super().__init__(clock)
        self.input = input
        self.rng = rng
        self.noise = 1e-8 if noise else 0.0

    def execute(self, message):
        self.reply(repr(float(self.input() + self.noise * self.rng.standard_normal())))


INSTRUMENTS = (
    InstrumentSpec("source", PlainSource, "GPIB::1::INSTR"),
    InstrumentSpec("meter", PlainMeter, "GPIB::2::INSTR"),
    InstrumentSpec("supply_x", LakeShore643Sim, "GPIB::3::INSTR"),
    InstrumentSpec("supply_z", LakeShore643Sim, "GPIB::4::INSTR"),
    InstrumentSpec("gauss_x", LakeShore475Sim, "GPIB::5::INSTR"),
    InstrumentSpec("gauss_z", LakeShore475Sim, "GPIB::6::INSTR"),
)
MAGNETS = (
    MagnetSpec("x", "supply_x", "gauss_x", (1.0, 0.0, 0.0), 10e-3, 0.4, 0.05),
    MagnetSpec("z", "supply_z", "gauss_z", (0.0, 0.0, 1.0), 5e-3, 0.4, 0.05),
)
SPEC = BenchSpec(INSTRUMENTS, MAGNETS, source="source", voltmeter="meter")


class Lab:
    """A bench and somebody who types raw messages at its instruments."""

    def __init__(self, t_AlOx=0.0, spec=SPEC, device_seed=1, seed=1, n_patches=1024, **switches):
        ideal = {"noise": False, "accuracy": False, "emf": NO_EMF}
        self.bench = Bench(
            spec,
            SampleParameters.for_thickness(t_AlOx, n_patches=n_patches),
            device_seed=device_seed,
            seed=seed,
            **(ideal | switches),
        )
        for instrument in self.bench.instruments.values():
            instrument.message_time = 0.0
        self.wait = self.bench.clock.wait
        for name in self.bench.instruments:
            if name.startswith("supply"):
                self.say(name, "RATE 1")
            elif name.startswith("gauss"):
                self.say(name, "UNIT 2")

    def say(self, name, line):
        self.bench.instruments[name].write(line.encode() + b"\n")

    def ask(self, name, line="?"):
        self.say(name, line)
        return self.bench.instruments[name].next_reply(self.bench.clock.now() + 1).decode().strip()

    def field(self, name):
        return float(self.ask(name, "RDGFIELD?"))


# --- fields ---------------------------------------------------------------------------------------


def test_the_fields_of_the_magnets_add_as_vectors():
    """A probe sees the component along its magnet of all fields together; the sample feels the whole vector."""
    oblique = MagnetSpec("z", "supply_z", "gauss_z", (0.6, 0.0, 0.8), 5e-3, 0.4, 0.05)
    lab = Lab(spec=dataclasses.replace(SPEC, magnets=(MAGNETS[0], oblique)), record=True)
    lab.say("supply_x", "SETI 3")
    lab.say("supply_z", "SETI -10")
    lab.wait(20.0)
    assert lab.field("gauss_x") == pytest.approx(0.030 - 0.6 * 0.050, abs=1e-6)
    assert lab.field("gauss_z") == pytest.approx(0.6 * 0.030 - 0.050, abs=1e-6)
    lab.ask("meter")
    assert lab.bench.history[-1].mu0_H == pytest.approx((0.0, 0.0, -0.040))


def test_the_sample_feels_a_ramp_in_steps_no_larger_than_the_field_step():
    """2 A at 1 A/s are 10 mT in 2 s; in steps of 1 mT the middles are 0.5, 1.5 ... 9.5 mT, 0.2 s each."""
    lab = Lab(record=True, field_step=1e-3)
    lab.say("supply_z", "SETI 2")
    lab.wait(5.0)
    lab.ask("meter")
    *ramp, rest = lab.bench.history
    assert [interval.mu0_H[2] for interval in ramp] == pytest.approx([(n + 0.5) * 1e-3 for n in range(10)])
    assert [interval.dt for interval in ramp] == pytest.approx([0.2] * 10)
    assert rest.mu0_H == pytest.approx((0.0, 0.0, 10e-3))
    assert rest.dt == pytest.approx(3.0)


def test_a_ramp_that_was_turned_round_is_felt_as_it_was():
    """3 s up at 5 mT/s and back again, although nobody looked before the end."""
    lab = Lab(record=True, field_step=1e-3)
    lab.say("supply_z", "SETI 10")
    lab.wait(3.0)
    lab.say("supply_z", "SETI 0")
    lab.wait(3.0)
    lab.ask("meter")
    up = [(n + 0.5) * 1e-3 for n in range(15)]
    assert [interval.mu0_H[2] for interval in lab.bench.history] == pytest.approx([*up, *reversed(up)])
    assert [interval.dt for interval in lab.bench.history] == pytest.approx([0.2] * 30)


def test_two_ramps_at_once_are_cut_where_either_ends():
    """The largest component decides on the steps; all of the time is accounted for."""
    lab = Lab(record=True, field_step=1e-3)
    lab.say("supply_x", "SETI 3")
    lab.wait(1.0)
    lab.say("supply_z", "RATE 4;SETI -4")
    lab.wait(5.0)
    lab.ask("meter")
    history = lab.bench.history
    assert sum(interval.dt for interval in history) == pytest.approx(6.0)
    for one, next_one in itertools.pairwise(history):
        change = np.abs(np.subtract(one.mu0_H, next_one.mu0_H))
        assert change.max() <= 1e-3 * (1 + 1e-6)
    ends = np.cumsum([interval.dt for interval in history])
    for corner in (1.0, 2.0, 3.0, 6.0):  # x starts at 0, z ramps from 1 to 2, x ends at 3
        assert np.abs(ends - corner).min() < 1e-9
    assert history[-1].mu0_H == pytest.approx((30e-3, 0.0, -20e-3))
    assert history[-1].dt == pytest.approx(3.0)


def test_the_gaussmeter_of_a_ramping_magnet_lags_by_up_to_one_reading():
    """At 10 readings per second and 5 mT/s the reading at 4.57 s is the field of 4.5 s."""
    lab = Lab()
    lab.say("gauss_z", "RDGMODE 1,3,1,1,1")
    lab.say("supply_z", "SETI 10")
    lab.wait(4.57)
    assert lab.field("gauss_z") == pytest.approx(22.5e-3, abs=1e-6)


def test_a_meter_that_remembers_looks_past_a_ramp_that_has_just_begun():
    """The reading completed before STOP belongs to the ramp before it."""
    lab = Lab()
    lab.say("gauss_z", "RDGMODE 1,3,1,1,1")
    lab.say("supply_z", "SETI 10")
    lab.wait(4.57)
    lab.say("supply_z", "SETI 0")
    lab.wait(0.01)
    assert lab.field("gauss_z") == pytest.approx(22.5e-3, abs=1e-6)


# --- the bar --------------------------------------------------------------------------------------


def test_the_voltmeter_sees_the_hall_voltage_and_the_thermal_emf():
    """V = I R_xy + emf; up and without field R_xy = R_AHE + R_off = 0.45 ohm."""
    lab = Lab(emf=ThermalEmf(2e-6, 0.5e-6, 100.0))
    assert float(lab.ask("meter")) == pytest.approx(2e-6)
    lab.say("source", "1e-4")
    lab.wait(25.0)
    assert float(lab.ask("meter")) == pytest.approx(45e-6 + 2.5e-6)
    lab.wait(50.0)
    assert float(lab.ask("meter")) == pytest.approx(45e-6 + 1.5e-6)


def test_reversing_the_current_cancels_the_thermal_emf():
    """Half the difference of the two polarities is I R_xy; the slow swing leaves less than 0.1 nV."""
    lab = Lab(emf=ThermalEmf(2e-6, 0.3e-6, 1800.0))
    lab.wait(100.0)
    readings = []
    for current in ("1e-4", "-1e-4"):
        lab.say("source", current)
        lab.wait(0.1)
        readings.append(float(lab.ask("meter")))
    assert (readings[0] - readings[1]) / 2 == pytest.approx(45e-6, abs=1e-10)
    assert abs(sum(readings) / 2) > 1e-6


def test_a_constant_drive_is_one_step_however_long_it_lasts():
    """Nobody looks for an hour: one interval of an hour."""
    lab = Lab(record=True)
    lab.say("source", "1e-3")
    lab.wait(3600.0)
    lab.say("source", "0")
    assert lab.bench.history == [(1e-3, (0.0, 0.0, 0.0), 3600.0)]


def test_nothing_is_drawn_while_nothing_can_switch():
    """All up in a field that holds them up: time passes, the sample takes no step."""
    lab = Lab(record=True)
    lab.say("supply_z", "SETI 5")
    lab.wait(10.0)
    for _ in range(20):
        lab.ask("meter")
        lab.wait(1.0)
    assert len(lab.bench.history) > 20
    assert lab.bench.sample.steps == 0
    lab.say("supply_z", "SETI -10")
    lab.wait(20.0)
    lab.ask("meter")
    assert lab.bench.sample.steps > 0
    assert lab.bench.sample.m_z == -1.0


def test_a_current_pulse_lasts_as_long_as_the_clock_says():
    """Whatever is driven between two moments is felt for exactly that time."""
    lab = Lab(record=True)
    lab.say("source", "0.02")
    lab.wait(0.010)
    lab.say("source", "0")
    lab.wait(1.0)
    lab.ask("meter")
    assert [(one.current, one.dt) for one in lab.bench.history] == [
        (0.02, pytest.approx(0.010)),
        (0.0, pytest.approx(1.0)),
    ]


def test_the_envelope_is_what_was_done_to_the_bar():
    """2 mA for 10 s and -3 mA for 5 s in 264 ohm; one magnet to -10 mT at 2.5 mT/s, the other never on."""
    lab = Lab()
    lab.say("supply_z", "RATE 0.5;SETI -2")
    for current, seconds in (("0.002", 10.0), ("-0.003", 5.0)):
        lab.say("source", current)
        lab.wait(seconds)
    lab.say("source", "0")
    lab.say("supply_z", "SETI 0")
    lab.wait(10.0)
    envelope = lab.bench.envelope
    assert envelope.I_max == 3e-3
    assert envelope.energy == pytest.approx(264 * (4e-6 * 10 + 9e-6 * 5))
    assert envelope.charge == pytest.approx(0.035)
    assert envelope.mu0_H_max == pytest.approx({"x": 0.0, "z": 10e-3})
    assert envelope.mu0_H_rate_max == pytest.approx({"x": 0.0, "z": 2.5e-3})


def test_the_envelope_knows_a_ramp_that_was_stopped_by_what_it_reached():
    """It is not the set point that counts."""
    lab = Lab()
    lab.say("supply_z", "SETI 60")
    lab.wait(3.0)
    lab.say("supply_z", "STOP")
    lab.wait(1.0)
    assert lab.bench.envelope.mu0_H_max["z"] == pytest.approx(15e-3)


# --- repeatable -----------------------------------------------------------------------------------


def loop(lab, mu0_H_max=250 * OE, step=5 * OE):
    """Say a field loop in raw messages over VISA; return fields (T) and Hall resistances (ohm) as read."""
    manager = pyvisa.ResourceManager(lab.bench.library)
    with (
        manager.open_resource("GPIB::4::INSTR") as supply,
        manager.open_resource("GPIB::6::INSTR") as gaussmeter,
        manager.open_resource("GPIB::1::INSTR") as source,
        manager.open_resource("GPIB::2::INSTR") as meter,
    ):
        supply.write("RATE 20")
        down = np.arange(mu0_H_max, -mu0_H_max - step / 2, -step)
        fields, resistances = [], []
        for mu0_H in (*down, *down[::-1]):
            supply.write(f"SETI {mu0_H / 5e-3:.4f}")
            lab.wait(0.5)
            voltages = []
            for current in (1e-4, -1e-4):
                source.write(repr(current))
                lab.wait(0.05)
                voltages.append(float(meter.query("?")))
            fields.append(float(gaussmeter.query("RDGFIELD?")))
            resistances.append((voltages[0] - voltages[1]) / 2e-4)
    manager.close()
    return np.array(fields), np.array(resistances)


def coercive_field(fields, values):
    """Half the distance (T) between the two fields at which a loop, down first, passes through zero."""
    crossings = []
    for branch in np.split(np.arange(len(fields)), 2):
        x, y = np.asarray(fields)[branch], np.asarray(values)[branch]
        first = int(np.argmax(y * y[0] < 0))
        crossings.append((x[first] + x[first - 1]) / 2)
    return (crossings[1] - crossings[0]) / 2


@pytest.mark.parametrize("t_AlOx", [0.0, 2 * NM])
def test_a_loop_over_the_wire_has_the_coercive_field_of_the_bare_model(t_AlOx):
    """What the instruments read is what the model does when it is fed with the same currents and fields.

    The bare model has thermal noise of its own, so the two may differ by it; they may not by a field step.
    """
    lab = Lab(t_AlOx, record=True, noise=True, emf=ThermalEmf(), device_seed=7, seed=3)
    step = 5 * OE
    fields, R_xy = loop(lab, step=step)
    bare = Sample(
        SampleParameters.for_thickness(t_AlOx, n_patches=1024), device_seed=7, thermal=ThermalDraws(99)
    )
    reached, m_z = [], []
    for interval in lab.bench.history:
        bare.advance(*interval)
        reached.append(interval.mu0_H[2])
        m_z.append(bare.m_z)
    turn = int(np.argmin(reached))
    ups = np.array(m_z)
    down_field = reached[int(np.argmax(ups < 0))]
    up_field = reached[turn + int(np.argmax(ups[turn:] > 0))]
    assert coercive_field(fields, R_xy - 0.05) == pytest.approx((up_field - down_field) / 2, abs=step)
    assert R_xy[0] == pytest.approx(0.45, abs=2e-3)
    assert R_xy.min() == pytest.approx(-0.35, abs=2e-3)


def test_the_history_is_what_the_sample_has_felt():
    """The bare model with the same seeds, fed with the history, ends up with the same patches up."""
    lab = Lab(2 * NM, record=True, device_seed=7, seed=3)
    loop(lab, mu0_H_max=120 * OE, step=20 * OE)
    bare = Sample(
        SampleParameters.for_thickness(2 * NM, n_patches=1024), device_seed=7, thermal=ThermalDraws(3)
    )
    for interval in lab.bench.history:
        bare.advance(*interval)
    assert 0 < np.count_nonzero(bare.up) < 1024
    assert np.array_equal(bare.up, lab.bench.sample.up)


def test_the_same_seeds_give_the_same_readings_bit_for_bit():
    """A run can be repeated exactly."""
    first, second = (loop(Lab(2 * NM, noise=True, accuracy=True), step=25 * OE) for _ in range(2))
    assert np.array_equal(first, second)


def test_another_run_seed_changes_the_noise_and_not_the_device():
    """The thermal noise and the meters' noise belong to the run, the barriers to the device."""
    one, other = (Lab(2 * NM, seed=seed) for seed in (1, 2))
    assert not np.array_equal(loop(one, step=25 * OE)[1], loop(other, step=25 * OE)[1])  # no meter's noise
    meters = [Lab(noise=True, seed=seed).ask("meter") for seed in (1, 2)]
    assert meters[0] != meters[1]
    assert np.array_equal(one.bench.sample.mu0_H_k, other.bench.sample.mu0_H_k)
    device = Lab(2 * NM, device_seed=2)
    assert not np.array_equal(one.bench.sample.mu0_H_k, device.bench.sample.mu0_H_k)


def test_one_instrument_more_does_not_change_the_readings_of_the_others():
    """Every instrument has a stream of noise of its own, by name."""
    fewer = dataclasses.replace(
        SPEC,
        instruments=(*INSTRUMENTS[:4], INSTRUMENTS[5])[::-1],
        magnets=(dataclasses.replace(MAGNETS[0], gaussmeter=None), MAGNETS[1]),
    )
    readings = []
    for spec in (SPEC, fewer):
        lab = Lab(spec=spec, noise=True)
        lab.wait(1.0)
        readings.append(
            (lab.ask("meter"), lab.ask("gauss_z", "RDGMODE 1,3,1,1,1;RDGFIELD?"), lab.ask("meter"))
        )
    assert readings[0] == readings[1]
    assert len(set(readings[0])) == 3


def test_the_lab_of_the_paper_reads_a_hall_loop():
    """6221, 2182A, 643 and 475 together, read with 0.1 mA: R_xy = +-0.4 + 0.05 ohm, H_c within 10 Oe of 116 Oe.

    The coercive field is that of an independent prototype of the model (t = 2 nm, 0.5 s per point).
    """
    spec = BenchSpec(
        (
            InstrumentSpec("pulser", Keithley6221Sim, "GPIB::12::INSTR"),
            InstrumentSpec("nanovoltmeter", Keithley2182ASim, "GPIB::7::INSTR"),
            *INSTRUMENTS[3::2],
        ),
        MAGNETS[1:],
        source="pulser",
        voltmeter="nanovoltmeter",
        line_frequency=50.0,
    )
    bench = Bench(spec, SampleParameters.for_thickness(2 * NM), device_seed=1, seed=1)
    manager = pyvisa.ResourceManager(bench.library)
    source, meter, supply, gaussmeter = (manager.open_resource(one.resource) for one in spec.instruments)
    source.query("*RST;:SOUR:CURR:RANG 1e-3;:SOUR:CURR:COMP 10;:OUTP ON;*OPC?")
    meter.query("*RST;:SENS:VOLT:RANG 0.01;:SENS:VOLT:NPLC 1;:SENS:VOLT:DFIL OFF;*OPC?")
    supply.write("RATE 20")
    gaussmeter.write("UNIT 3")
    down = np.arange(240, -241, -10)
    fields, R_xy = [], []
    for H in (*down, *down[::-1]):
        supply.write(f"SETI {H / 50:.4f}")
        while not int(supply.query("OPST?")) & 2:
            bench.clock.wait(0.05)
        bench.clock.wait(0.4)
        voltages = []
        for current in ("1e-4", "-1e-4"):
            source.write(f"SOUR:CURR {current}")
            voltages.append(float(meter.query("READ?")))
        fields.append(float(gaussmeter.query("RDGFIELD?")))
        R_xy.append((voltages[0] - voltages[1]) / 2e-4)
    source.write("SOUR:CLE")
    manager.close()
    assert R_xy[0] == pytest.approx(0.45, abs=5e-3)
    assert min(R_xy) == pytest.approx(-0.35, abs=5e-3)
    assert coercive_field(fields, np.array(R_xy) - 0.05) == pytest.approx(116.0, abs=10.0)
    assert bench.envelope.I_max == pytest.approx(1e-4, rel=1e-2)
    assert bench.envelope.mu0_H_max["z"] == pytest.approx(24e-3, rel=1e-2)


# --- wired wrongly --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "nobody"}, "not on the bench"),
        ({"voltmeter": "supply_z"}, "input"),
        ({"instruments": (*INSTRUMENTS, INSTRUMENTS[0])}, "differ in name"),
        (
            {"instruments": (*INSTRUMENTS, dataclasses.replace(INSTRUMENTS[0], name="other"))},
            "differ in name and in resource",
        ),
        ({"magnets": (*MAGNETS, MAGNETS[0])}, "magnets on a bench must differ"),
        ({"magnets": (MAGNETS[0], dataclasses.replace(MAGNETS[1], supply="supply_x"))}, "twice"),
        ({"magnets": MAGNETS[:1]}, "coil"),
    ],
)
def test_a_bench_that_cannot_be_wired_says_which_wire(change, message):
    """Nothing is left open, nothing soldered twice, nothing to an instrument that is not there."""
    with pytest.raises(ValueError, match=message):
        Lab(spec=dataclasses.replace(SPEC, **change))


def test_a_direction_must_be_a_unit_vector():
    """A longer one would be a hidden field calibration."""
    with pytest.raises(ValueError, match="unit vector"):
        MagnetSpec("z", "supply", None, (0.0, 0.0, 2.0), 5e-3, 0.4, 0.05)


def test_options_reach_the_simulator():
    """A third party's simulator may take more than the bench knows."""
    probe = dataclasses.replace(INSTRUMENTS[5], options={"probe_type": "UHS"})
    lab = Lab(spec=dataclasses.replace(SPEC, instruments=(*INSTRUMENTS[:5], probe)))
    assert lab.ask("gauss_z", "TYPE?") == "42"
