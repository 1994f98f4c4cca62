"""The wiring diagram: a run over the wire gives what the model does, can be repeated, and is wired rightly."""

import dataclasses

import numpy as np
import pytest
import pyvisa
from benchtop import INSTRUMENTS, KEPCO_SPEC, MAGNETS, NM, OE, SPEC, Lab, iron_spec

from sim_instruments.bench import Bench, BenchSpec, InstrumentSpec, MagnetSpec
from sim_instruments.keithley_2182a import Keithley2182ASim
from sim_instruments.keithley_6221 import Keithley6221Sim
from sim_instruments.kepco_bop import KepcoBopSim
from sim_instruments.physics.draws import ThermalDraws
from sim_instruments.physics.sample import Sample, SampleParameters
from sim_instruments.wiring import ThermalEmf

# --- repeatable -----------------------------------------------------------------------------------


def loop(lab, mu0_H_max=250 * OE, step=5 * OE, verb="SETI"):
    """Say a field loop in raw messages over VISA; return fields (T) and Hall resistances (ohm) as read."""
    manager = pyvisa.ResourceManager(lab.bench.library)
    with (
        manager.open_resource("GPIB::4::INSTR") as supply,
        manager.open_resource("GPIB::6::INSTR") as gaussmeter,
        manager.open_resource("GPIB::1::INSTR") as source,
        manager.open_resource("GPIB::2::INSTR") as meter,
    ):
        if verb == "SETI":
            supply.write("RATE 20")
        down = np.arange(mu0_H_max, -mu0_H_max - step / 2, -step)
        fields, resistances = [], []
        for mu0_H in (*down, *down[::-1]):
            supply.write(f"{verb} {mu0_H / 5e-3:.4f}")
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


@pytest.mark.parametrize(("spec", "verb"), [(SPEC, "SETI"), (KEPCO_SPEC, "CURR")], ids=["643", "BOP"])
@pytest.mark.parametrize("t_AlOx", [0.0, 2 * NM])
def test_a_loop_over_the_wire_has_the_coercive_field_of_the_bare_model(t_AlOx, spec, verb):
    """What the instruments read is what the model does when it is fed with the same currents and fields.

    The bare model has thermal noise of its own, so the two may differ by it; they may not by a field step.
    """
    lab = Lab(t_AlOx, spec, record=True, noise=True, emf=ThermalEmf(), device_seed=7, seed=3)
    step = 5 * OE
    fields, R_xy = loop(lab, step=step, verb=verb)
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


@pytest.mark.parametrize(
    ("spec", "verb"),
    [(SPEC, "SETI"), (iron_spec(1e-3, 0.2, KepcoBopSim), "CURR")],
    ids=["643", "BOP and iron"],
)
def test_the_same_seeds_give_the_same_readings_bit_for_bit(spec, verb):
    """A run can be repeated exactly."""
    labs = [Lab(2 * NM, spec, noise=True, accuracy=True) for _ in range(2)]
    first, second = (loop(lab, step=25 * OE, verb=verb) for lab in labs)
    assert np.array_equal(first, second)
    assert labs[0].bench.envelope == labs[1].bench.envelope


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


# --- an iron yoke ---------------------------------------------------------------------------------


def test_a_loop_on_an_iron_yoke_is_shifted_in_current_and_not_in_field():
    """Against the measured field the sample switches where it does without iron; against the current later.

    The field lags behind the current by the remanence on both branches, 10 Oe of each coercive field.
    """
    coercive = {}
    for remanence in (0.0, 10 * OE):
        fields, R_xy = loop(Lab(0.0, iron_spec(remanence, 0.05)), step=4 * OE)
        down = np.arange(250, -252, -4) * OE
        coercive[remanence] = (
            coercive_field(fields, R_xy - 0.05),
            coercive_field(np.append(down, down[::-1]), R_xy - 0.05),
        )
    (by_field, by_current), (with_iron, with_iron_by_current) = coercive.values()
    assert with_iron == pytest.approx(by_field, abs=4 * OE)
    assert with_iron_by_current - by_current == pytest.approx(10 * OE, abs=4 * OE)


def test_the_envelope_has_the_field_of_the_iron_and_the_current_of_the_source():
    """Iron changes what the magnet's record says, and nothing of the charge and heat in the bar."""
    envelopes = []
    for remanence, lag in ((0.0, 0.0), (2e-3, 0.1)):
        lab = Lab(spec=iron_spec(remanence, lag))
        lab.say("source", "1e-3")
        for set_point in (10, -10, 0):
            lab.say("supply_z", f"SETI {set_point}")
            lab.wait(30.0)
        envelopes.append(lab.bench.envelope)
    plain, iron = envelopes
    assert plain.energy == pytest.approx(iron.energy, rel=1e-12)
    assert plain.charge == pytest.approx(iron.charge, rel=1e-12)
    assert plain.I_max == iron.I_max
    assert plain.mu0_H_max["z"] == pytest.approx(50e-3)
    assert iron.mu0_H_max["z"] == pytest.approx(48e-3)
    assert iron.mu0_H_rate_max["z"] == pytest.approx(5e-3, rel=1e-2)
    assert plain.mu0_H_max["x"] == iron.mu0_H_max["x"] == 0.0


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


def test_remanence_and_lag_may_not_be_negative():
    """A yoke that cannot be is found out when the bench is put together."""
    with pytest.raises(ValueError, match="lag"):
        Lab(spec=iron_spec(0.0, -0.1))


def test_options_reach_the_simulator():
    """A third party's simulator may take more than the bench knows."""
    probe = dataclasses.replace(INSTRUMENTS[5], options={"probe_type": "UHS"})
    lab = Lab(spec=dataclasses.replace(SPEC, instruments=(*INSTRUMENTS[:5], probe)))
    assert lab.ask("gauss_z", "TYPE?") == "42"
