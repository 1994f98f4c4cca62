"""The simulated SR830's data buffer: when points are taken, how many are kept, and how they are read out."""

import itertools
import math
import struct

import numpy as np
import pytest
import pyvisa
from hypothesis import given, settings
from hypothesis import strategies as st
from rig_sr830 import LockIn, ScriptedSignal

from sim_instruments.srs_sr830 import SR830Sim
from sim_instruments.visa import BenchLibrary

EXE, CMD = 16, 32
TRIGGERED = 64


def binary(lock_in, line):
    lock_in.say(line)
    return lock_in.sim.next_reply(lock_in.clock.now())


def answer(lock_in, line):
    """The answer to a line, whatever FAST has sent before it."""
    lock_in.say(line)
    while (reply := lock_in.sim.next_reply(lock_in.clock.now(), message_exchange=False)) is not None:
        if lock_in.sim.ended:
            return reply
    return None


def trace(lock_in, channel, count, first=0):
    return np.frombuffer(binary(lock_in, f"TRCB?{channel},{first},{count}"), "<f4")


def constants(rate=64.0, **options):
    """A lock-in with 0.5 V in X, settled, at 1 V full scale, ready to store in one shot."""
    lock_in = LockIn(ScriptedSignal(c1=0.5 + 0.25j), **options)
    lock_in.clock.wait(10.0)
    lock_in.say(f"SRAT {round(math.log2(rate)) + 4};SEND 0;*CLS")
    return lock_in


# --- when points are taken ------------------------------------------------------------------------


def test_ten_seconds_at_64_hz_are_641_points():
    """The manual's own example: the first point comes with the start."""
    lock_in = constants()
    lock_in.say("STRT")
    lock_in.clock.wait(10.0)
    assert lock_in.ask("SPTS?") == "641"


def test_a_delayed_start_comes_half_a_second_later():
    """STRD: nothing after 0.4 s, 7 points by 0.6 s at 64 Hz (0.1 s times 64, and the first)."""
    lock_in = constants()
    lock_in.say("STRD")
    lock_in.clock.wait(0.4)
    assert lock_in.ask("SPTS?") == "0"
    lock_in.clock.wait(0.2)
    assert lock_in.ask("SPTS?") == "7"


@pytest.mark.parametrize(("number", "seconds"), [(0, 16.0), (4, 1.0), (13, 1 / 512)])
def test_points_are_one_sample_time_apart(number, seconds):
    """SRAT 0, 4 and 13: 16 s, 1 s and 1/512 s."""
    lock_in = constants()
    lock_in.say(f"SRAT {number};STRT")
    lock_in.clock.wait(9.5 * seconds)
    assert lock_in.ask("SPTS?") == "10"


def test_every_point_is_as_old_as_it_says_though_nobody_looked():
    """A step after 1 s behind one pole of 1 s, read long after: point n is 0.5 (1 - exp(-(n/8 - 1)))."""
    lock_in = LockIn(ScriptedSignal(c1=0.0))
    lock_in.say("OFLT10;OFSL0;SRAT 7;SEND 0;STRT")
    lock_in.clock.wait(1.0)
    lock_in.signal.change(c1=0.5)
    lock_in.clock.wait(100.0)
    ages = np.maximum(np.arange(40) / 8 - 1, 0.0)
    assert trace(lock_in, 1, 40) == pytest.approx(0.5 * (1 - np.exp(-ages)), abs=1e-4)


def test_a_change_of_display_counts_from_when_it_was_made():
    """X until 1 s, R from then on: 0.5, and hypot(0.5, 0.25)."""
    lock_in = constants(rate=4)
    lock_in.say("STRT")
    lock_in.clock.wait(1.1)
    lock_in.say("DDEF 1,1,0")
    lock_in.clock.wait(0.5)
    expected = [0.5] * 5 + [math.hypot(0.5, 0.25)] * 2
    assert trace(lock_in, 1, 7) == pytest.approx(expected, abs=1e-4)
    assert trace(lock_in, 2, 7) == pytest.approx([0.25] * 7, abs=1e-4)


def test_one_shot_stops_when_it_is_full_and_requests_service():
    """16383 points at 512 Hz are there after 32 s; bit 0 of the status byte tells, no more are taken."""
    lock_in = constants(rate=512)
    lock_in.say("*SRE 1;STRT")
    assert lock_in.sim.serial_poll() & 1 == 0
    lock_in.clock.wait(16382 / 512 - 0.01)
    assert not lock_in.sim.service_request
    lock_in.clock.wait(0.02)
    assert lock_in.sim.serial_poll() & 65 == 65
    lock_in.clock.wait(100.0)
    assert lock_in.ask("SPTS?") == "16383"
    lock_in.say("STRT")
    lock_in.clock.wait(1.0)
    assert lock_in.ask("SPTS?") == "16383"
    assert lock_in.ask("REST;SPTS?") == "0"


def test_a_loop_keeps_the_latest_points():
    """After a million points: 16383 of them, and the step 100 points before the end is where it was."""
    lock_in = LockIn(ScriptedSignal(c1=0.1))
    lock_in.say("OFLT0;SRAT 13;SEND 1;STRT")
    lock_in.clock.wait(2000.0 - 100 / 512)
    lock_in.signal.change(c1=0.4)
    lock_in.clock.wait(100 / 512)
    lock_in.say("PAUS")
    assert lock_in.ask("SPTS?") == "16383"
    found = trace(lock_in, 1, 200, first=16383 - 200)
    assert found[:99] == pytest.approx([0.1] * 99, abs=1e-4)
    assert found[-100:] == pytest.approx([0.4] * 100, abs=1e-4)


def test_a_pause_keeps_the_points_and_a_start_goes_on():
    """Nothing is stored in between; a second start in a running scan changes nothing."""
    lock_in = constants(rate=4)
    lock_in.say("STRT")
    lock_in.clock.wait(1.1)
    lock_in.say("STRT;PAUS")
    lock_in.clock.wait(50.0)
    assert lock_in.ask("SPTS?") == "5"
    assert lock_in.ask("*STB? 0") == "1"
    lock_in.say("STRT")
    lock_in.clock.wait(1.1)
    assert lock_in.ask("SPTS?") == "10"
    assert lock_in.ask("*STB? 0") == "0"


def test_a_reset_of_the_instrument_empties_the_buffer():
    """*RST ends the scan as well."""
    lock_in = constants()
    lock_in.say("STRT")
    lock_in.clock.wait(1.0)
    assert lock_in.ask("*RST;SPTS?") == "0"
    lock_in.clock.wait(10.0)
    assert [lock_in.ask("SPTS?"), lock_in.ask("SRAT?"), lock_in.ask("*STB?0")] == ["0", "4", "1"]


# --- triggers -------------------------------------------------------------------------------------


def test_triggers_take_points_and_no_time_does():
    """SRAT 14: one point for each TRIG after STRT, none before, none closer than 1/512 s."""
    lock_in = constants()
    lock_in.say("SRAT 14;TRIG;STRT")
    lock_in.clock.wait(10.0)
    assert [lock_in.ask("SPTS?"), lock_in.ask("LIAS? 6")] == ["0", "0"]
    for _ in range(3):
        lock_in.say("TRIG;TRIG")
        lock_in.clock.wait(0.01)
    assert lock_in.ask("SPTS?") == "3"
    assert int(lock_in.ask("LIAS?")) & TRIGGERED


def test_a_trigger_starts_a_scan_where_it_is_asked_to():
    """TSTR 1 with a rate: TRIG starts; without TSTR it does nothing."""
    lock_in = constants(rate=4)
    lock_in.say("TRIG")
    lock_in.clock.wait(1.0)
    assert lock_in.ask("SPTS?") == "0"
    lock_in.say("TSTR 1;TRIG")
    lock_in.clock.wait(1.1)
    assert [lock_in.ask("SPTS?"), lock_in.ask("TSTR?"), lock_in.ask("LIAS?6")] == ["5", "1", "1"]


# --- reading out ----------------------------------------------------------------------------------


def test_text_has_signs_seven_digits_and_a_comma_after_each_point():
    """As the manual prints it: "-1.234567e-009,+7.654321e-009,"; 0.5 and 0.25 are exact at 1 V."""
    lock_in = constants()
    lock_in.say("STRT;PAUS")
    assert lock_in.ask("TRCA? 1,0,1") == "+5.000000e-001,"
    assert lock_in.ask("TRCA ? 2, 0, 1") == "+2.500000e-001,"


def test_binary_replies_are_bytes_without_a_terminator():
    """Four for a point: a float 0.5, or mantissa 8192 and exponent 110 (0.5 = 8192 / 2^14)."""
    lock_in = constants()
    lock_in.say("STRT;PAUS")
    assert binary(lock_in, "TRCB? 1,0,1") == struct.pack("<f", 0.5)
    assert binary(lock_in, "TRCL ? 1, 0, 1") == struct.pack("<hh", 8192, 110)
    assert lock_in.ask("*ESR?") == "0"


@pytest.mark.parametrize("sensitivity", [0, 8, 17, 23, 26])
def test_the_three_formats_say_the_same_to_the_resolution_of_full_scale(sensitivity):
    """m 2^(exp-124), the float and the text agree; the step is 2^-14 of full scale or finer."""
    full = [2e-9, *[0] * 7, 1e-6, *[0] * 8, 1e-3, *[0] * 5, 0.1, 0, 0, 1.0][sensitivity]
    lock_in = LockIn(ScriptedSignal(c1=-0.7 * full + 0.1j * full))
    lock_in.say(f"SENS{sensitivity};SRAT 4;SEND 0")
    lock_in.clock.wait(40.0)
    lock_in.say("STRT")
    lock_in.clock.wait(2.0)
    mantissas, exponents = np.frombuffer(binary(lock_in, "TRCL?1,0,3"), "<i2").reshape(-1, 2).T
    values = mantissas * 2.0 ** (exponents - 124.0)
    assert values == pytest.approx([-0.7 * full] * 3, abs=full / 2**14)
    assert list(trace(lock_in, 1, 3)) == list(values.astype("f4"))
    text = [float(word) for word in lock_in.ask("TRCA?1,0,3").split(",")[:-1]]
    assert text == pytest.approx(values, rel=1e-6)


@pytest.mark.parametrize("numbers", ["1,0,2", "1,1,1", "3,0,1", "0,0,1", "1,-1,1", "1,0,0", "1,0.5,1"])
@pytest.mark.parametrize("header", ["TRCA?", "TRCB?", "TRCL?"])
def test_points_that_are_not_there_are_refused(header, numbers):
    """One point is stored: *ESR? bit 4, and no reply."""
    lock_in = constants()
    lock_in.say("STRT;PAUS")
    assert binary(lock_in, header + numbers) is None
    lock_in.say("*ESR?")
    assert int(lock_in.hear()) & (EXE | CMD) == EXE


def test_noise_in_the_buffer_is_that_of_the_display():
    """X at 1 uV, one pole of 1 ms, 16383 points at 512 Hz: standard deviation 6 nV sqrt(250 Hz)."""
    lock_in = LockIn(ScriptedSignal(c1=0.0), noise=True)
    lock_in.say("OFLT4;OFSL0;SENS8;SRAT13;SEND0;STRT")
    lock_in.clock.wait(40.0)
    assert np.std(trace(lock_in, 1, 16383)) == pytest.approx(6e-9 * math.sqrt(250), rel=0.03)


# --- the stream of FAST ---------------------------------------------------------------------------


def streamed(lock_in, seconds):
    """The pairs of X and Y that a receiver gets who listens for so many seconds."""
    end, pieces = lock_in.clock.now() + seconds, []
    while (piece := lock_in.sim.next_reply(end)) is not None:
        assert not lock_in.sim.ended
        pieces.append(struct.unpack("<2h", piece))
    return pieces


def test_ten_seconds_of_fast_are_read_at_once_as_in_the_manuals_example():
    """FAST2;STRD at 64 Hz, one read of 2564 bytes: 641 pairs, 30000 for full scale, and no END among them."""
    lock_in = constants()
    bench = BenchLibrary({"GPIB0::8::INSTR": lock_in.sim}, lock_in.clock)
    session = pyvisa.ResourceManager(bench).open_resource("GPIB0::8::INSTR", timeout=20_000)
    session.write("FAST2;STRD")
    data = session.read_bytes(2564, chunk_size=2564)
    assert len(data) == 2564
    assert np.frombuffer(data, "<i2").reshape(-1, 2) == pytest.approx(np.tile([15000, 7500], (641, 1)), abs=1)
    session.write("PAUS")
    assert session.query("SPTS?") == "641\n"
    assert session.query("*STB?;") == "3\n"  # no scan, ready, and nothing that is left over


def test_offset_and_expand_are_in_the_stream():
    """X of 0.5 V at 1 V full scale less 45 %, times ten: 0.5 of full scale; Y as it is."""
    lock_in = constants()
    lock_in.say("OEXP 1,45,1;FAST1;STRT")
    assert streamed(lock_in, 1.0)[0] == (15000, 7500)


def test_what_is_beyond_16_bits_stays_at_their_end():
    """X of 0.5 V times a hundred."""
    lock_in = constants()
    lock_in.say("OEXP 1,0,2;FAST2;STRT")
    assert streamed(lock_in, 0.1)[0] == (32767, 7500)


@pytest.mark.parametrize(("mode", "pairs"), [(1, 1), (2, 63)])
def test_a_receiver_who_is_too_late_ends_the_stream_but_not_the_scan(mode, pairs):
    """As many pairs as the queue holds; then FAST? is 0, and bit 5 of the error status says why."""
    lock_in = constants(rate=512)
    lock_in.say(f"FAST{mode};STRT")
    lock_in.clock.wait(2.0)
    assert len(streamed(lock_in, 0.0)) == pairs
    assert lock_in.ask("FAST?") == "0"
    assert lock_in.ask("ERRS?") == "32"
    assert int(lock_in.ask("SPTS?")) == 1025


@pytest.mark.parametrize("off", ["FAST0", "OUTX0", "PAUS", "*RST"])
def test_without_fast_bus_or_scan_nothing_is_streamed(off):
    """Each of them ends the stream without an error."""
    lock_in = constants()
    lock_in.say("FAST2;STRT")
    assert len(streamed(lock_in, 0.1)) == 7
    lock_in.say(off)
    assert streamed(lock_in, 1.0) == []
    assert lock_in.ask("OUTX1;ERRS?") == "0"


def test_a_question_in_a_scan_ends_the_stream():
    """Its answer stands alone, the scan goes on, and the error status says that nobody listened."""
    lock_in = constants()
    lock_in.say("FAST2;STRT")
    lock_in.clock.wait(0.5)
    assert lock_in.ask("SPTS?") == "33"
    assert streamed(lock_in, 0.5) == []
    assert lock_in.ask("ERRS?") == "32"
    assert lock_in.ask("SPTS?") == "65"


def test_a_question_before_the_scan_leaves_fast_on():
    """Drivers read a setting back."""
    lock_in = constants()
    assert lock_in.ask("FAST2;FAST?") == "2"
    lock_in.say("STRT")
    assert len(streamed(lock_in, 0.5)) == 33


def test_a_line_without_talker_and_listener_gets_no_stream():
    """FAST is not available over RS-232 (p. 5-18); a raw socket is no other thing."""
    lock_in = constants()
    lock_in.sim.write(b"FAST2;STRT\n", message_exchange=False)
    assert streamed(lock_in, 1.0) == []


def test_a_trigger_streams_its_point():
    """With the sample rate on trigger each trigger sends one pair."""
    lock_in = constants()
    lock_in.say("SRAT14;FAST2;STRT")
    for _ in range(3):
        lock_in.clock.wait(0.1)
        lock_in.say("TRIG")
        assert streamed(lock_in, 0.0) == [(15000, 7500)]


def test_the_stream_ends_with_a_buffer_that_is_full():
    """Single shot: 16383 pairs, and then no data are transferred (p. 5-18)."""
    lock_in = constants(rate=512)
    lock_in.say("FAST2;STRT")
    assert len(streamed(lock_in, 40.0)) == 16383


# --- anything at all ------------------------------------------------------------------------------

HEADERS = sorted(SR830Sim.declared_headers())
NUMBERS = st.one_of(
    st.integers(-2, 20).map(str), st.floats(-1e6, 1e6).map(str), st.sampled_from(["", "x", "1e999", "0.5"])
)
COMMAND = st.builds(
    lambda header, numbers: header + ",".join(numbers),
    st.sampled_from([*(header for header in HEADERS if header != "OUTX"), "NOSU", "NOSU?"]),
    st.lists(NUMBERS, max_size=4),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(COMMAND, st.sampled_from([0.0, 0.01, 1.0, 300.0])), max_size=12))
def test_one_reply_for_a_query_that_is_obeyed_and_none_for_anything_else(said):
    """Commands legal and not, time between them: a refused one sets its bit and earns no reply."""
    lock_in = LockIn(ScriptedSignal(c1=0.02 + 0.01j, c2=1e-3), noise=True)
    lock_in.say("STRT;*CLS")
    for line, seconds in said:
        reply = answer(lock_in, line)
        lock_in.clock.wait(seconds)
        refused = int(answer(lock_in, "*ESR?")) & (EXE | CMD)
        if line.startswith(("*ESR?", "*STB?")):
            continue
        assert (reply is not None) == ("?" in line and not refused), line
    assert 0 <= int(answer(lock_in, "SPTS?")) <= 16383


def test_settled_samples_do_not_pile_up_in_memory():
    """An hour in a loop with a look every second leaves one piece of the poles' history, not thousands."""
    lock_in = constants(rate=512)
    lock_in.say("SEND 1;STRT")
    for _ in itertools.repeat(None, 50):
        lock_in.clock.wait(1.0)
        lock_in.ask("SPTS?")
    assert len(lock_in.sim._demodulator._poles._pieces) <= 2
