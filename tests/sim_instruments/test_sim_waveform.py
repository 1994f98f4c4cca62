"""Waveforms: what flows at which moment, and what a sample on the bench feels of them."""

import dataclasses
import math

import numpy as np
import pytest
from benchtop import INSTRUMENTS, NM, SPEC, Lab

from sim_instruments.bench import InstrumentSpec
from sim_instruments.keithley_6221 import Keithley6221Sim
from sim_instruments.ports import Waveform

# --- the waveform itself --------------------------------------------------------------------------


def stairs(start=10.0, cycles=math.inf):
    """1 A for 1 s, 2 A for 2 s, -4 A for 1 s: a period of 4 s."""
    return Waveform(start, (1.0, 2.0, -4.0), (1.0, 2.0, 1.0), cycles)


@pytest.mark.parametrize(
    ("time", "current"),
    [(9.9, 0.0), (10.0, 1.0), (10.9, 1.0), (11.0, 2.0), (12.9, 2.0), (13.5, -4.0), (14.0, 1.0), (21.5, -4.0)],
)
def test_a_waveform_repeats_from_its_start(time, current):
    """Each level holds for its own time; before the start nothing flows."""
    assert stairs().at(time) == current


def test_a_waveform_ends_after_its_cycles_whole_or_not():
    """One and a half periods of 4 s from 10 s on are over at 16 s."""
    wave = stairs(cycles=1.5)
    assert wave.end == 16.0
    assert [wave.at(time) for time in (15.9, 16.0, 17.5)] == [2.0, 0.0, 0.0]
    assert [wave.place(time) for time in (12.0, 16.0, 99.0)] == [0.5, 1.5, 1.5]


def test_the_steps_between_two_places_are_cut_where_asked():
    """From 0.5 s to 3.5 s of the third period: half of the first step, all of the second, half of the last."""
    assert list(stairs().steps(2.125, 2.875)) == [(1.0, 0.5), (2.0, 2.0), (-4.0, 0.5)]


def test_equal_neighbours_are_one_step_and_what_takes_no_time_is_none():
    """Five entries, two steps."""
    wave = Waveform(0.0, (3.0, 3.0, 7.0, 0.0, 0.0), (1.0, 2.0, 0.0, 1.0, 3.0))
    assert list(wave.steps(0.0, 1.0)) == [(3.0, 3.0), (0.0, 4.0)]


def test_equal_steps_last_equally_long_to_the_last_bit():
    """Whatever the sum of the times before: 0.1 + 0.2 is not 0.3 here."""
    wave = Waveform(0.0, (1.0, 0.0) * 50, (0.1,) * 100)
    assert {dt for _, dt in wave.steps(7.0, 8.0)} == {0.1}


@pytest.mark.parametrize(
    ("first", "last", "charge", "square"),
    [
        (0.0, 1.0, 1 + 4 + 4, 1 + 8 + 16),
        (0.125, 0.5, 0.5 + 2, 0.5 + 4),
        (1.5, 1000.875, 999 * 9 + 2 + 2, 999 * 25 + 4 + 8),
        (3.0, 3.0, 0.0, 0.0),
    ],
)
def test_the_integrals_between_two_places_are_those_of_the_steps(first, last, charge, square):
    """Of |I| and of I^2, counted by hand."""
    assert stairs().integrals(first, last) == pytest.approx((charge, square))


@pytest.mark.parametrize(
    ("levels", "holds", "cycles", "message"),
    [
        ((1.0,), (1.0, 1.0), 1.0, "needs a time"),
        ((), (), 1.0, "all be zero"),
        ((1.0,), (0.0,), 1.0, "all be zero"),
        ((1.0, 0.0), (1.0, -0.5), 1.0, "negative"),
        ((1.0,), (math.inf,), 1.0, "infinite"),
        ((1.0,), (1.0,), 0.0, "must last"),
        ((1.0,), (1.0,), math.nan, "must last"),
    ],
)
def test_a_waveform_that_cannot_be_is_refused(levels, holds, cycles, message):
    """ValueError says what is wrong."""
    with pytest.raises(ValueError, match=message):
        Waveform(0.0, levels, holds, cycles)


# --- through the bar ------------------------------------------------------------------------------


def play(lab, levels, holds, cycles=1.0):
    """Let a waveform begin to flow through the bar now; return when it ends."""
    wave = Waveform(lab.bench.clock.now(), tuple(levels), tuple(holds), cycles)
    lab.bench.instruments["source"].load.drive(wave)
    return wave.end


def sine(amplitude, frequency, steps=64):
    """Levels and times of a sine in steps of equal length."""
    return [amplitude * math.sin(2 * math.pi * k / steps) for k in range(steps)], [
        1 / steps / frequency
    ] * steps


def felt(lab):
    """What was recorded of the currents and their times, what has no current left out."""
    return [(one.current, one.dt) for one in lab.bench.history if one.current]


@pytest.mark.parametrize("gap", [0.0, 100e-6])
@pytest.mark.parametrize("switched_on_for", [0.0, 12345.678, 86400.0])
def test_a_pulse_delivers_exactly_its_charge(switched_on_for, gap):
    """I t and R I^2 t within 1e-12 even a day after the bench was switched on, whatever the clock resolves."""
    lab = Lab()
    lab.wait(switched_on_for)
    play(lab, (28e-3, 0.0), (100e-6, gap))
    lab.wait(0.1)
    envelope = lab.bench.envelope
    assert envelope.charge == pytest.approx(28e-3 * 100e-6, rel=1e-12, abs=0.0)
    assert envelope.energy == pytest.approx(264 * 28e-3**2 * 100e-6, rel=1e-12, abs=0.0)
    assert (envelope.I_max, envelope.pulses) == (28e-3, 1)


def test_a_waveform_needs_nobody_to_end_it():
    """After its last cycle nothing flows, although the source says nothing more."""
    lab = Lab(record=True)
    play(lab, (2e-3, -1e-3), (0.3, 0.2), cycles=1.5)
    lab.wait(10.0)
    lab.ask("meter")
    assert felt(lab) == [(2e-3, 0.3), (-1e-3, pytest.approx(0.2)), (2e-3, pytest.approx(0.25))]
    assert sum(one.dt for one in lab.bench.history) == pytest.approx(10.0)
    assert lab.bench.history[-1].current == 0.0


def test_equal_samples_are_felt_as_one_step_and_looking_does_not_add_to_them():
    """Ten samples of 0.1 s, looked at after 0.45 s."""
    lab = Lab(record=True)
    play(lab, [1e-3] * 6 + [0.0] * 4, [0.1] * 10)
    lab.wait(0.45)
    lab.ask("meter")
    lab.wait(1.0)
    lab.ask("meter")
    assert felt(lab) == [(1e-3, pytest.approx(0.45)), (1e-3, pytest.approx(0.15))]


def test_a_reading_sees_the_current_of_the_moment():
    """0.45 ohm times what flows just then, but for ppm of thermal voltage in the film; nothing after the end."""
    lab = Lab()
    play(lab, (1e-3, -2e-3, 0.0), (1.0, 1.0, 1.0), cycles=2)
    voltages = []
    for wait in (0.5, 1.0, 1.0, 1.0, 3.0):
        lab.wait(wait)
        voltages.append(float(lab.ask("meter")))
    assert voltages == pytest.approx([0.45e-3, -0.9e-3, 0.0, 0.45e-3, 0.0], rel=1e-5, abs=1e-12)


def test_another_drive_ends_a_waveform_at_once():
    """3 mA for 1 s of 2 s, then nothing: half the charge, and what was never reached is not the largest current."""
    lab = Lab()
    play(lab, (3e-3, 9e-3), (1.0, 1.0))
    lab.wait(0.5)
    lab.say("source", "0")
    lab.wait(5.0)
    assert lab.bench.envelope.charge == pytest.approx(1.5e-3)
    assert lab.bench.envelope.I_max == 3e-3


def test_each_waveform_is_one_pulse_and_a_level_is_none():
    """Four waveforms: one of many cycles, one cut short by the next, which is changed on its way."""
    lab = Lab()
    play(lab, (1e-3, 0.0), (0.1, 0.1))
    lab.wait(1.0)
    lab.say("source", "1e-3")
    lab.say("source", "0")
    play(lab, (1e-3, 0.0), (0.1, 0.1), cycles=5)
    lab.wait(3.0)
    play(lab, (1e-3,), (7.0,))
    lab.wait(0.1)
    start = lab.bench.clock.now()
    for level in (2e-3, 1e-3):
        lab.bench.instruments["source"].load.drive(Waveform(start, (level, 0.0), (1.0, 1.0)))
        lab.wait(0.3)
    assert lab.bench.envelope.pulses == 4
    assert lab.bench.envelope.charge == pytest.approx(0.1e-3 + 0.5e-3 + 0.1e-3 + 0.6e-3 + 0.3e-3)


def test_a_train_of_56_pulses_does_what_56_pulses_do():
    """Nothing can switch between them, so each pulse is one step either way: same seeds, same patches up."""
    width, amplitudes = 2.0**-13, np.linspace(15e-3, 25.6e-3, 56)
    ended, steps = [], []
    for together in (True, False):
        lab = Lab(1 * NM)
        lab.say("supply_x", "SETI 3")
        lab.wait(20.0)
        if together:
            play(lab, [level for top in amplitudes for level in (top, 0.0)], [width] * 112)
            lab.wait(1.0)
        else:
            for top in amplitudes:
                play(lab, (top, 0.0), (width, width))
                lab.wait(2.0**-5)
        lab.ask("meter")
        assert lab.bench.envelope.charge == pytest.approx(width * amplitudes.sum())
        ended.append(lab.bench.sample.up)
        steps.append(lab.bench.sample.steps)
    assert steps[0] == steps[1] > 20
    assert 0.1 < ended[0].mean() < 0.9
    assert np.array_equal(*ended)


def test_periods_in_which_nothing_can_switch_are_counted_and_not_walked_through(monkeypatch):
    """A quarter of an hour of 1 kHz costs one period; R I^2/2 and the mean of |sin| are all there."""
    lab = Lab()
    calls = []
    advance = lab.bench.sample.advance
    monkeypatch.setattr(lab.bench.sample, "advance", lambda *drive: calls.append(drive) or advance(*drive))
    play(lab, *sine(1e-3, 1e3), cycles=math.inf)
    for _ in range(100):
        lab.wait(9.0003)
        lab.ask("meter")
    assert len(calls) <= 64
    seconds = 900.03
    envelope = lab.bench.envelope
    assert envelope.energy == pytest.approx(264 * 1e-6 / 2 * seconds, rel=1e-9, abs=0.0)
    assert envelope.charge == pytest.approx(2e-3 / math.pi * seconds, rel=1e-3)
    assert envelope.I_max == 1e-3


@pytest.mark.parametrize(("amplitude", "swept"), [(1e-3, True), (14e-3, False)])
def test_what_is_skipped_makes_no_difference(amplitude, swept):
    """With a history every step is taken; without one the sample ends up alike, after as many steps that count.

    Once a field is swept until the patches switch while a small current swings, once the current switches them.
    """
    ended = []
    for record in (True, False):
        lab = Lab(1 * NM, record=record)
        lab.say("supply_x", "SETI 3" if swept else "SETI 8")
        lab.wait(20.0)
        play(lab, *sine(amplitude, 10.0, steps=16), cycles=math.inf)
        lab.wait(0.5)
        lab.ask("meter")
        if swept:
            lab.say("supply_z", "RATE 10;SETI -2.5")
        for _ in range(20):
            lab.wait(0.127)
            lab.ask("meter")
        envelope = lab.bench.envelope
        ended.append((lab.bench.sample.up, lab.bench.sample.steps, envelope.energy, envelope.charge))
    (up, steps, *heat), (up_skipped, steps_skipped, *heat_skipped) = ended
    assert 0 < up.mean() < 1
    assert np.array_equal(up, up_skipped)
    assert steps == steps_skipped
    assert heat == pytest.approx(heat_skipped, rel=1e-12, abs=0.0)


def test_what_was_quiet_is_looked_at_again_when_the_state_has_changed():
    """All up in a field that holds them up; put down behind the waveform's back, they go up again."""
    lab = Lab()
    lab.say("supply_z", "SETI 8")
    lab.wait(20.0)
    play(lab, *sine(1e-3, 100.0), cycles=math.inf)
    for _ in range(2):
        lab.wait(1.0)
        lab.ask("meter")
    assert lab.bench.sample.steps == 0
    lab.bench.sample.saturate(-1)
    lab.wait(1.0)
    lab.ask("meter")
    assert lab.bench.sample.m_z == 1.0


def test_a_waveform_during_a_ramp_is_cut_where_either_changes():
    """1 A/s times 5 mT/A in steps of 1 mT: 0.2 s each; a current that turns every 0.25 s."""
    lab = Lab(record=True, field_step=1e-3)
    lab.say("supply_z", "SETI 1")
    play(lab, (1e-4, -1e-4), (0.25, 0.25), cycles=math.inf)
    lab.wait(1.0)
    lab.ask("meter")
    history = lab.bench.history
    ends = np.cumsum([one.dt for one in history])
    assert ends == pytest.approx([0.2, 0.25, 0.4, 0.5, 0.6, 0.75, 0.8, 1.0])
    assert [one.current for one in history] == [1e-4, 1e-4, -1e-4, -1e-4, 1e-4, 1e-4, -1e-4, -1e-4]
    assert [one.mu0_H[2] for one in history] == pytest.approx(
        [0.5e-3, 1.5e-3, 1.5e-3, 2.5e-3, 2.5e-3, 3.5e-3, 3.5e-3, 4.5e-3]
    )


# --- over the wire --------------------------------------------------------------------------------


def pulser(**switches):
    """A bench whose source is a 6221."""
    source = InstrumentSpec("source", Keithley6221Sim, "GPIB::12::INSTR")
    return Lab(spec=dataclasses.replace(SPEC, instruments=(source, *INSTRUMENTS[1:])), **switches)


def pulse(lab, amplitude, width):
    """Say one pulse, as an arbitrary wave of two points, and start it."""
    for line in (
        "SOUR:WAVE:ABOR;:OUTP ON",
        "SOUR:WAVE:ARB:DATA 1,0;:SOUR:WAVE:FUNC ARB0",
        f"SOUR:WAVE:AMPL {amplitude};FREQ {1 / (2 * width)!r};DUR:CYCL 1",
        "SOUR:WAVE:ARM",
    ):
        lab.say("source", line)
    lab.wait(2.0)
    assert lab.ask("source", "SYST:ERR?") == '0,"No error"'
    lab.say("source", "SOUR:WAVE:INIT")


def test_a_pulse_of_the_6221_delivers_its_charge_and_switches():
    """20 mA for 100 us, again and again: I t each time, one pulse more each time, and m_z goes down."""
    lab = pulser(t_AlOx=1 * NM)
    lab.say("supply_x", "SETI 8")
    lab.wait(20.0)
    m_z = [lab.bench.sample.m_z]
    for count in (1, 2, 3):
        pulse(lab, 20e-3, 100e-6)
        begun = lab.bench.clock.now()
        while not int(lab.ask("source", "STAT:OPER?")) & 128:
            lab.wait(25e-6)
        assert lab.bench.clock.now() - begun == pytest.approx(200e-6, abs=26e-6)
        assert lab.bench.envelope.charge == pytest.approx(count * 20e-3 * 100e-6, rel=1e-9, abs=0.0)
        assert lab.bench.envelope.pulses == count
        m_z.append(lab.bench.sample.m_z)
    assert m_z[0] == 1.0
    assert m_z == sorted(m_z, reverse=True)
    assert m_z[-1] < 0.9


def test_a_wave_that_no_output_lets_out_is_no_pulse():
    """The wave runs in the source, the bar has felt nothing."""
    lab = pulser()
    pulse(lab, 20e-3, 100e-6)
    lab.say("source", "SOUR:WAVE:ABOR;:OUTP OFF")
    felt_before = lab.bench.envelope
    lab.say("source", "SOUR:WAVE:ARM;INIT")
    lab.wait(5.0)
    assert int(lab.ask("source", "STAT:OPER?")) & 128
    assert lab.bench.envelope == felt_before


def test_the_meter_sees_a_slow_sine_of_the_6221():
    """1 mA peak at 0.1 Hz over 0.45 ohm: at a quarter of the period +0.45 mV, at three quarters -0.45 mV."""
    lab = pulser()
    lab.say("source", "SOUR:WAVE:FUNC SIN;FREQ 0.1;AMPL 1e-3;RANG BEST;:OUTP ON")
    lab.say("source", "SOUR:WAVE:ARM")
    lab.wait(2.0)
    lab.say("source", "SOUR:WAVE:INIT")
    readings = []
    for wait in (2.5, 5.0):
        lab.wait(wait)
        readings.append(float(lab.ask("meter")))
    assert readings == pytest.approx([0.45e-3, -0.45e-3], rel=1e-5)
