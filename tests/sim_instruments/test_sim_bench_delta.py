"""Delta and pulse delta of the 6221 on the bench: the Hall resistance of a known state, thermal voltage and all."""

import dataclasses

import pytest
import pyvisa
from benchtop import NM, OE, SPEC, Lab

from sim_instruments.bench import InstrumentSpec
from sim_instruments.keithley_2182a import Keithley2182ASim
from sim_instruments.keithley_6221 import Keithley6221Sim
from sim_instruments.wiring import ORDINARY_EMF, ThermalEmf

LINKED = dataclasses.replace(
    SPEC,
    instruments=(
        InstrumentSpec("source", Keithley6221Sim, "GPIB::12::INSTR"),
        InstrumentSpec("meter", Keithley2182ASim, "GPIB::7::INSTR"),
        *SPEC.instruments[2:],
    ),
    relay=True,
    trigger_link=True,
)
#: Ordinary leads, but hotter by far: 50 uV, as much as the Hall voltage itself.
HOT = ThermalEmf(offset=50e-6, swing=1e-6, period=300.0)


def saturated(sign=1, **switches):
    """Return a bench whose sample was saturated along +z or -z; the field is zero again."""
    lab = Lab(spec=LINKED, **({"emf": HOT} | switches))
    for current in (20.0 * sign, 0.0):
        lab.say("supply_z", f"SETI {current}")
        lab.wait(60)
    return lab


def measure(lab, *set_up, mode):
    """Say a measurement at the source as published scripts do; return what is in the buffer."""
    for line in ("*RST", 'SYST:COMM:SER:SEND "VOLT:NPLC 1"', *set_up, f"SOUR:{mode}:ARM"):
        lab.say("source", line)
    lab.wait(5)
    lab.say("source", "INIT:IMM")
    lab.wait(30)
    assert lab.ask("source", "SYST:ERR?") == '0,"No error"'
    return [float(text) for text in lab.ask("source", "TRAC:DATA?").split(",")][::2]


DELTA = ("SOUR:DELT:HIGH 1e-4", "SOUR:DELT:COUN 10", "UNIT OHMS")
PULSES = ("SOUR:PDEL:HIGH 1e-4", "SOUR:PDEL:WIDT 2e-3;SDEL 1e-4;COUN 10", "UNIT OHMS")


@pytest.mark.parametrize(("mode", "set_up"), [("DELT", DELTA), ("PDEL", PULSES)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_hall_resistance_of_a_saturated_sample_comes_out_without_the_thermal_voltage(sign, mode, set_up):
    """50 uV at 100 uA would be 0.5 ohm too much."""
    lab = saturated(sign)
    known = lab.bench.sample.hall_resistance((0.0, 0.0, 0.0))
    assert known * sign > 0.1
    values = measure(lab, *set_up, mode=mode)
    assert len(values) == 10
    # The swing of 1 uV in 300 s is up to 21 nV/s, and curved: nothing that three points let through.
    assert values == pytest.approx([known] * 10, abs=2e-5)


def test_a_plain_reading_has_the_thermal_voltage_in_it():
    """What delta takes out is really there."""
    lab = saturated()
    lab.say("source", "SOUR:CURR 1e-4")
    lab.say("source", "OUTP ON")
    lab.say("source", 'SYST:COMM:SER:SEND "VOLT:DFIL OFF;:READ?"')
    lab.wait(5)
    volts = float(lab.ask("source", "SYST:COMM:SER:ENT?"))
    known = lab.bench.sample.hall_resistance((0.0, 0.0, 0.0))
    assert volts / 1e-4 - known == pytest.approx(0.5, abs=0.02)


def test_noise_and_errors_of_both_instruments_stay_within_specification():
    """0.05 % + 10 nA of the 200 uA range, 50 ppm of the meter, and 5 nV or so of noise in the mean."""
    lab = saturated(noise=True, accuracy=True, emf=ORDINARY_EMF)
    known = lab.bench.sample.hall_resistance((0.0, 0.0, 0.0))
    values = measure(lab, *DELTA, mode="DELT")
    assert sum(values) / 10 == pytest.approx(known, rel=1.2e-3, abs=3e-4)
    assert len(set(values)) == 10, "noise"


def test_the_current_of_delta_really_flows_through_the_sample():
    """The recorder at the terminals: 12 conversions of either sign at 0.1 mA, and pulses for their width only."""
    lab = saturated(noise=False)
    before = lab.bench.envelope
    measure(lab, *DELTA, mode="DELT")
    after = lab.bench.envelope
    assert after.I_max == pytest.approx(1e-4)
    dwell = 2e-3 + 2 / 50 + (1 / 24 - 2 / 60 - 2e-3)
    assert after.charge - before.charge == pytest.approx(12 * dwell * 1e-4, rel=1e-3)
    measure(lab, *PULSES, mode="PDEL")
    assert lab.bench.envelope.charge - after.charge == pytest.approx(10 * 2e-3 * 1e-4, rel=1e-3)


def test_pulses_of_a_sweep_switch_the_sample_and_the_meter_sees_it():
    """Growing pulses in an in-plane field read the state before, and then the one they have switched it to."""
    lab = saturated(noise=False)
    lab.say("supply_x", f"SETI {500 * OE / 10e-3}")
    lab.wait(120)
    field = (500 * OE, 0.0, 0.0)
    before = lab.bench.sample.hall_resistance(field)
    sweep = (
        "SOUR:CURR:STAR 1e-3;STOP 60e-3",
        "SOUR:SWE:POIN 32",
        "SOUR:DEL 0.1",
        "SOUR:PDEL:SWE ON;WIDT 1e-3",
    )
    first, *_, last = measure(lab, *sweep, "SOUR:CURR:COMP 20", "UNIT OHMS", mode="PDEL")
    after = lab.bench.sample.hall_resistance(field)
    assert first == pytest.approx(before, abs=1e-3)
    # A current of 60 mA may turn the moments a little while it flows: that is physics, not the measurement.
    assert last == pytest.approx(after, abs=0.02)
    assert before > 0.1
    assert after < -0.1


def test_on_the_relay_the_meter_has_no_address_of_its_own():
    """Its port in use is RS-232; with the trigger link alone it keeps its address."""
    lab = Lab(spec=LINKED)
    assert "GPIB0::7::INSTR" not in pyvisa.ResourceManager(lab.bench.library).list_resources()
    lab = Lab(spec=dataclasses.replace(LINKED, relay=False))
    assert "GPIB0::7::INSTR" in pyvisa.ResourceManager(lab.bench.library).list_resources()
    assert lab.ask("source", "SOUR:DELT:NVPR?") == "0"


def test_instruments_without_a_port_for_the_cable_cannot_be_linked():
    """The plain third-party source has neither RS-232 nor trigger lines."""
    for cable in ("relay", "trigger_link"):
        with pytest.raises(ValueError, match="source cannot be wired"):
            Lab(spec=dataclasses.replace(SPEC, **{cable: True}))


def test_a_bench_without_cables_is_what_it_was():
    """No relay, no link: nothing is present, and the meter answers under its own name."""
    lab = Lab(t_AlOx=2 * NM, spec=dataclasses.replace(LINKED, relay=False, trigger_link=False))
    assert lab.ask("source", "SOUR:PDEL:NVPR?") == "0"
    assert lab.ask("meter", "*IDN?").startswith("KEITHLEY INSTRUMENTS INC.,MODEL 2182A")
