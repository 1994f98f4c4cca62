"""The simulated SR830 between input and display: line and synchronous filters, filter overload, ratios, set-ups."""

import cmath
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rig_sr830 import LockIn, ScriptedSignal

from sim_instruments.srs_sr830_poles import Poles

# --- synchronous filter ---------------------------------------------------------------------------


def test_the_synchronous_filter_takes_out_what_turns_at_the_detected_frequency():
    """A signal of 20 Hz seen at 10 Hz turns once a period: 100 mV behind 1 ms without it, nothing with it."""
    lock_in = LockIn(ScriptedSignal(frequency=20.0, c1=0.1))
    lock_in.say("FREQ 10;OFLT4;OFSL0")
    lock_in.clock.wait(5.03)
    assert float(lock_in.ask("OUTP?3")) == pytest.approx(0.1 / math.hypot(1, 2 * math.pi * 0.01), rel=1e-4)
    lock_in.say("SYNC 1")
    lock_in.clock.wait(5.03)
    assert float(lock_in.ask("OUTP?3")) == pytest.approx(0.0, abs=1e-9)


def test_the_synchronous_filter_settles_a_period_later():
    """A step at 2 Hz behind 1 ms rises in a straight line for half a second; without it it is there at once."""
    found = []
    for on in (0, 1):
        lock_in = LockIn(ScriptedSignal(frequency=2.0, c1=0.0))
        lock_in.say(f"FREQ 2;OFLT4;OFSL0;SYNC {on}")
        lock_in.clock.wait(10.0)
        lock_in.signal.change(c1=0.4)
        for _ in range(3):
            lock_in.clock.wait(0.2)
            found.append(float(lock_in.ask("OUTP?1")))
    assert found == pytest.approx([0.4, 0.4, 0.4, 0.16, 0.32, 0.4], abs=0.001)


def test_the_synchronous_filter_does_nothing_above_200_hz():
    """At 201 Hz a step is as quick with it as without."""
    lock_in = LockIn(ScriptedSignal(frequency=201.0, c1=0.0))
    lock_in.say("FREQ 201;OFLT0;OFSL0;SYNC 1")
    lock_in.clock.wait(1.0)
    lock_in.signal.change(c1=0.4)
    lock_in.clock.wait(1e-3)
    assert float(lock_in.ask("OUTP?1")) == pytest.approx(0.4)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.01, 3.0), st.floats(-1, 1), st.sampled_from([0.0, 0.0, 3.0, -7.0])),
        min_size=1,
        max_size=6,
    ),
    st.floats(0.05, 4.0),
    st.integers(1, 4),
    st.sampled_from([0.03, 0.3, 2.0]),
)
def test_the_mean_of_the_poles_is_the_mean_of_what_they_gave(pieces, window, poles, time_constant):
    """Three hundred looks in the past window, one after the other, average to the mean that is written down."""
    ends = np.cumsum([seconds for seconds, _, _ in pieces])
    begin = max(ends[-1] - window, 0.0)
    looks = begin + (np.arange(300) + 0.5) * (ends[-1] - begin) / 300
    mean, plain, levels = Poles(0.0), Poles(0.0), []
    for time in sorted([*ends, *looks]):
        _, amplitude, turn = pieces[min(np.searchsorted(ends, time), len(pieces) - 1)]
        plain.advance(time, amplitude, turn, time_constant, 0.0)
        if time in looks:
            levels.append(plain.stages[poles - 1])
    for end, (_, amplitude, turn) in zip(ends, pieces, strict=True):
        mean.advance(end, amplitude, turn, time_constant, window)
    assert mean.mean(poles, window) == pytest.approx(np.mean(levels), abs=1e-3)


# --- line filters, filter overload ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "frequency", "passes"),
    [
        (0, 50.0, True),
        (1, 50.0, False),
        (2, 50.0, True),
        (3, 50.0, False),
        (1, 100.0, True),
        (2, 100.0, False),
    ],
)
def test_a_line_filter_takes_out_its_frequency(code, frequency, passes):
    """ILIN 1 the line, 2 twice the line, 3 both: the detected 50 or 100 Hz are gone, or mostly there."""
    lock_in = LockIn(ScriptedSignal(frequency=frequency, c1=0.1))
    lock_in.say(f"FREQ {frequency};ILIN {code}")
    magnitude, _ = lock_in.settled("SNAP?3,4")
    assert magnitude > 0.09 if passes else magnitude == pytest.approx(0.0, abs=1e-9)


def test_a_line_filter_of_60_hz_stands_elsewhere():
    """Quality 4: at 60/4 Hz width the voltage is 3 dB down, 45 degrees late or early on either side."""
    half = 60.0 / 8
    edge = math.hypot(60.0, half) - half
    lock_in = LockIn(ScriptedSignal(frequency=edge, c1=0.1), line_frequency=60.0)
    lock_in.say(f"FREQ {edge};ILIN 1")
    magnitude, phase = lock_in.settled("SNAP?3,4")
    assert [magnitude, phase] == pytest.approx([0.1 / math.sqrt(2), -45.0], rel=5e-3)


def test_what_the_last_pole_holds_back_overloads_the_filter():
    """A signal 1 Hz beside, five times full scale, behind two poles of 1 s: bit 1 of LIAS?, and not bit 2."""
    lock_in = LockIn(ScriptedSignal(frequency=1001.0, c1=0.8))
    lock_in.say("SENS23;RMOD0;OFLT10;OFSL1")
    lock_in.clock.wait(60.0)
    lock_in.say("*CLS")
    assert lock_in.ask("LIAS?") == "2"
    lock_in.say("OFLT11")
    lock_in.clock.wait(60.0)
    lock_in.say("*CLS")
    assert lock_in.ask("LIAS?") == "0"


# --- auxiliary inputs, ratios ---------------------------------------------------------------------


def auxiliaries(*volts, **options):
    return LockIn(auxiliary=[lambda each=each: each for each in volts], **options)


def test_auxiliary_inputs_read_in_steps_of_a_third_of_a_millivolt():
    """1.2345 V is 3703.5 steps: 1.23467 V at the even step; beyond 10.5 V it stops; an open one is 0."""
    lock_in = auxiliaries(1.23451, -20.0)
    assert [lock_in.ask(f"OAUX? {number}") for number in (1, 2, 3)] == ["1.23467", "-10.5", "0"]
    assert lock_in.ask("SNAP? 5,6,7,8") == "1.23467,-10.5,0,0"


def test_the_displays_show_auxiliary_inputs_of_their_own():
    """Channel 1 has inputs 1 and 2, channel 2 has 3 and 4."""
    lock_in = auxiliaries(1.0, 2.0, 3.0, 4.0)
    lock_in.say("DDEF1,3,0;DDEF2,3,0")
    assert lock_in.ask("SNAP?10,11") == "1,3"
    lock_in.say("DDEF1,4,0;DDEF2,4,0")
    assert lock_in.ask("SNAP?10,11") == "2,4"


def test_a_ratio_is_in_per_cent_of_full_scale_for_each_volt():
    """0.5 V at 1 V full scale over 2 V: 25 %; over nothing it stays finite; the reading itself is untouched."""
    lock_in = auxiliaries(2.0, 0.0, signal=ScriptedSignal(c1=0.5 + 0.1j))
    lock_in.say("DDEF1,0,1")
    assert lock_in.settled("SNAP?10,11,1") == pytest.approx([25.0, 0.1, 0.5])
    lock_in.say("DDEF1,0,2")
    assert math.isfinite(float(lock_in.ask("OUTR?1")))


# --- set-ups and switches -------------------------------------------------------------------------


def test_a_set_up_comes_back_as_it_was_saved():
    """SSET keeps codes, numbers, offsets, displays; RSET of an empty place is refused; OUTX is not part of it."""
    lock_in = LockIn()
    queries = ("FREQ?", "PHAS?", "SENS?", "OEXP?1", "DDEF?1", "AUXV?2", "SRAT?", "FPOP?2", "SLVL?", "HARM?")
    lock_in.say("FREQ 17;PHAS 5;SENS 20;OEXP1,5,1;DDEF1,1,0;AUXV2,1.5;SRAT 9;FPOP 2,1;SLVL 2;HARM 3;SSET 4")
    saved = [lock_in.ask(query) for query in queries]
    lock_in.say("*RST")
    assert [lock_in.ask(query) for query in queries] != saved
    lock_in.say("RSET 4;OEXP1,7,0")
    lock_in.say("RSET 4")
    assert [lock_in.ask(query) for query in queries] == saved
    lock_in.say("*CLS;RSET 5;SSET 0;SSET 10")
    assert lock_in.ask("*ESR?") == "16"


@pytest.mark.parametrize("header", ["KCLK", "ALRM", "*PSC", "FPOP 1,", "TSTR", "SEND"])
def test_a_switch_is_kept(header):
    """Set to 1 and to 0, and read."""
    lock_in = LockIn()
    query = "FPOP? 1" if header.startswith("FPOP") else f"{header}?"
    for value in ("1", "0"):
        lock_in.say(f"{header}{value}" if header.endswith(",") else f"{header} {value}")
        assert lock_in.ask(query) == value


def test_the_phase_that_a_signal_beside_has_does_not_depend_on_how_often_one_looked():
    """The same poles, looked at once or a hundred times."""
    once, often = Poles(0.0), Poles(0.0)
    for step in range(1, 101):
        often.advance(step / 10, cmath.rect(1.0, 0.3), 2.0, 0.5, 0.0)
    once.advance(10.0, cmath.rect(1.0, 0.3), 2.0, 0.5, 0.0)
    assert often.stages == pytest.approx(once.stages)
