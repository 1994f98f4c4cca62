"""The simulated SR830 on the wire: four letters, bits for errors, offsets and displays, auto functions."""

import cmath
import math

import numpy as np
import pytest
from rig_sr830 import LockIn, ScriptedReference, ScriptedSignal

from sim_instruments.srs_sr830 import SR830Sim

EXE, CMD = 16, 32


def serial_poll(lock_in, bit):
    return lock_in.sim.serial_poll() >> bit & 1


# --- syntax ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["SENS17", "sens 17", "SENS  17 ", "SENS17;", ";Sens+1.7E1;", "SENS17\r"])
def test_a_number_may_follow_at_once_and_capitals_do_not_matter(line):
    """Blanks, an empty command and any way to write 17 change nothing."""
    lock_in = LockIn()
    lock_in.say(line)
    assert lock_in.ask("*ESR?") == "0"
    assert lock_in.ask("SENS?") == "17"


@pytest.mark.parametrize("line", ["OUTP?1", "OUTP? 1", "OUTP ? 1", "outp ?1;"])
def test_the_question_mark_may_stand_apart(line):
    """A blank before it, behind it, or both."""
    lock_in = LockIn()
    lock_in.clock.wait(4.0)
    assert lock_in.ask(line) == "0.001"


def test_each_query_of_a_line_is_answered_with_a_line():
    """Answers are not joined."""
    lock_in = LockIn()
    lock_in.say("FMOD?;HARM?;SENS?")
    assert [lock_in.hear() for _ in range(4)] == ["1", "1", "26", None]


@pytest.mark.parametrize(
    ("line", "bit"),
    [
        *((line, CMD) for line in ("SEN 17", "SENSE 17", "NOSU?", ":SENS 1", "SENS", "SENS 1,2", "SENS x")),
        *(
            (line, CMD)
            for line in ("SENS? 1", "OUTP 1", "APHS?", "OUTP?", "PHAS 1e", "SENS 1..2", "SENS \xb2")
        ),
        *((line, EXE) for line in ("SENS 27", "SENS -1", "SENS 1.5", "SENS 1e999", "OUTP? 0", "OUTP? 5")),
        *((line, EXE) for line in ("SNAP? 1", "SNAP? 1,2,3,4,5,6,7", "SNAP? 1,12", "OAUX? 5", "AUXV 1,10.6")),
        *((line, EXE) for line in ("OEXP 4,0,0", "OEXP 1,105.1,0", "OEXP 1,0,3", "DDEF 3,0,0", "PHAS 730")),
        *((line, EXE) for line in ("HARM 103", "FREQ 0.0009", "SLVL 0.003", "*ESE 256", "*ESR? 8")),
    ],
)
def test_what_is_refused_sets_its_bit_earns_no_answer_and_changes_nothing(line, bit):
    """Unreadable: *ESR? bit 5; out of range: bit 4. The default frequency is 1 kHz: 102 harmonics fit."""
    lock_in = LockIn()
    settings = ("SENS?", "HARM?", "PHAS?", "FREQ?", "SLVL?", "OEXP? 1", "DDEF? 1", "AUXV? 1", "*ESE?")
    before = [lock_in.ask(query) for query in settings]
    assert lock_in.ask(line) is None
    lock_in.say("*ESR?")
    assert int(lock_in.hear()) & (EXE | CMD) == bit
    assert [lock_in.ask(query) for query in settings] == before


def test_a_line_longer_than_the_input_buffer_is_lost():
    """256 characters are obeyed; one more sets *ESR? bit 0 and does nothing."""
    lock_in = LockIn()
    assert lock_in.ask("SENS 17;" + ";" * (256 - 14) + "SENS?;") == "17"
    assert lock_in.ask("SENS 18;" + ";" * (257 - 14) + "SENS?;") is None
    assert lock_in.ask("*ESR?0") == "1"
    assert lock_in.ask("SENS?") == "17"


def test_replies_for_the_serial_port_do_not_come_here():
    """After OUTX 0 queries are obeyed and stay unanswered; *RST does not bring them back, OUTX 1 does."""
    lock_in = LockIn()
    assert lock_in.ask("OUTX 0;*RST;SENS?") is None
    assert lock_in.ask("OUTX 1;*IDN?") == "Stanford_Research_Systems,SR830,s/n12345,ver1.07"


def test_no_bytes_make_it_fall_over():
    """Whatever arrives, the instrument answers or stays silent, and still answers afterwards."""
    words = [
        *sorted(SR830Sim.declared_headers()),
        *";,? \n",
        "1e999",
        "1e-320",
        "-3",
        "0.5",
        "2",
        "\xb2",
        "1,2,3",
    ]
    rng = np.random.default_rng(830)
    signal = ScriptedSignal(c1=cmath.rect(0.02, 1.0), c2=1e-4)
    lock_in = LockIn(signal, noise=True, accuracy=True, reference=ScriptedReference())
    for _ in range(3000):
        line = "".join(rng.choice(words, rng.integers(6))).encode("latin-1")
        lock_in.sim.write(line + rng.bytes(rng.integers(8)), end=bool(rng.integers(2)))
        lock_in.sim.next_reply(lock_in.clock.now() + 0.01)
        lock_in.sim.serial_poll()
        signal.change(frequency=float(rng.choice([0.0, 1e3, 1e-3, 2e5])), c1=float(rng.normal()))
    lock_in.sim.device_clear()
    assert lock_in.ask("OUTX1;*RST;SENS?") == "26"


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "query", "answer"),
    [
        ("PHAS 270", "PHAS?", "-90.00"),
        ("PHAS -180", "PHAS?", "180.00"),
        ("PHAS 729.99", "PHAS?", "9.99"),
        ("PHAS 12.3456", "PHAS?", "12.35"),
        ("FREQ 1234.56", "FREQ?", "1234.6"),
        ("FREQ 0.00123", "FREQ?", "0.0012"),
        ("FREQ 102000", "FREQ?", "102000"),
        ("SLVL 0.0051", "SLVL?", "0.006"),
        ("OEXP 1,9.7,1", "OEXP? 1", "9.7,1"),
        ("DDEF 2,1,0", "DDEF? 2", "1,0"),
        ("AUXV1,-1.0000;", "AUXV?1;", "-1.000"),
        ("HARM 102", "HARM?", "102"),
    ],
)
def test_a_setting_is_kept_with_its_resolution(line, query, answer):
    """0.01 degree wrapped to 180; five digits or 0.1 mHz; 2 mV; 1 mV."""
    lock_in = LockIn()
    lock_in.say(line)
    assert lock_in.ask(query) == answer


def test_reset_takes_the_standard_settings_and_leaves_the_registers():
    """1 kHz internal, 1 V, harmonic 1, phase 0, 1 V full scale, 100 ms, 12 dB; *ESR? and *ESE stay."""
    lock_in = LockIn()
    lock_in.say(
        "FREQ 17;SLVL 2;HARM 3;PHAS 5;SENS 3;OFLT 10;OFSL 3;ISRC 2;OEXP 1,5,1;FMOD 0;*ESE 32;NOSU;*RST"
    )
    lock_in.say("FMOD?;FREQ?;SLVL?;HARM?;PHAS?;SENS?;OFLT?;OFSL?;ISRC?;OEXP?1;*ESE?;*ESR?")
    replies = [lock_in.hear() for _ in range(12)]
    assert replies == ["1", "1000", "1.000", "1", "0.00", "26", "8", "1", "0", "0,0", "32", "32"]


def test_the_product_of_harmonic_and_frequency_stays_within_102_khz():
    """HARM, FREQ and going back to the internal oscillator are refused where it would not."""
    lock_in = LockIn()
    for line in ("FREQ 60000;HARM 2", "HARM 1;FREQ 1000;HARM 3;FREQ 40000", "FMOD 0;HARM 200;FMOD 1"):
        lock_in.say(line)
        assert lock_in.ask("*ESR?") == str(EXE), line


def test_the_frequency_can_only_be_set_on_the_internal_oscillator():
    """With the external reference FREQ is refused and FREQ? is what comes in."""
    lock_in = LockIn(reference=ScriptedReference(137.5))
    assert lock_in.ask("FMOD 0;FREQ 17;FREQ?") == "137.5"
    assert lock_in.ask("*ESR?") == str(EXE)


# --- outputs --------------------------------------------------------------------------------------


def test_snap_gives_two_to_six_values_in_the_order_asked():
    """3-4-5 triangle: R, Y, X, frequency, both displays; small numbers have three digits of exponent."""
    lock_in = LockIn(ScriptedSignal(c1=3e-6 + 4e-6j))
    lock_in.clock.wait(10.0)
    lock_in.say("DDEF 1,1,0")
    assert lock_in.ask("SNAP? 3,2,1,9,10,11") == "5e-006,4e-006,3e-006,1000,5e-006,4e-006"
    assert lock_in.ask("DDEF2,1,0;OUTR?2") == "53.1301"


def test_an_offset_is_taken_off_what_is_read_and_not_off_the_magnitude():
    """OEXP 1,50,0 at 100 mV: X reads 50 mV less; R is made of the X that was."""
    lock_in = LockIn(ScriptedSignal(c1=0.06))
    lock_in.say("SENS23;OEXP 1,50,0")
    assert lock_in.settled("SNAP?1,3") == pytest.approx([0.01, 0.06])


def test_expand_overloads_sooner_and_offset_prevents_it():
    """60 mV at 100 mV full scale: times ten is too much, less 60 % is not; the value is not expanded."""
    lock_in = LockIn(ScriptedSignal(c1=0.06 + 1e-4j))
    lock_in.say("SENS23;OEXP 1,0,1")
    assert lock_in.settled() == pytest.approx([0.06, 1e-4])
    assert lock_in.ask("LIAS? 2") == "1"
    lock_in.say("AOFF 1;LIAS?")
    assert lock_in.ask("LIAS? 2") == "0"
    assert lock_in.ask("OEXP? 1") == "60,1"
    assert lock_in.settled() == pytest.approx([0.0, 1e-4])


# --- auto functions, status -----------------------------------------------------------------------


def test_auto_gain_takes_the_lowest_full_scale_that_holds_the_signal_when_it_has_settled():
    """7 mV fill 70 % of 10 mV (SENS 20); bit 1 of the status byte is 0 for seven time constants."""
    lock_in = LockIn(ScriptedSignal(c1=7e-3))
    lock_in.clock.wait(10.0)
    lock_in.say("AGAN")
    lock_in.clock.wait(0.69)
    assert [lock_in.ask("*STB? 1"), lock_in.ask("SENS?")] == ["0", "26"]
    lock_in.clock.wait(0.02)
    assert [lock_in.ask("*STB? 1"), lock_in.ask("SENS?")] == ["1", "20"]


def test_auto_gain_does_nothing_above_one_second():
    """With 3 s it is ignored."""
    lock_in = LockIn()
    lock_in.say("OFLT 11;AGAN")
    assert serial_poll(lock_in, 1) == 1
    lock_in.clock.wait(100.0)
    assert lock_in.ask("SENS?") == "26"


@pytest.mark.parametrize(("beside", "mode"), [(1e-3, "2"), (0.05, "1"), (0.5, "0")])
def test_auto_reserve_takes_the_quietest_mode_that_stands_the_input(beside, mode):
    """At 1 mV: low noise to 3.16 mV, normal to 100 mV, high reserve beyond."""
    lock_in = LockIn(ScriptedSignal(c1=1e-4, c5=beside))
    lock_in.say("SENS 17;RMOD 0;ARSV")
    assert serial_poll(lock_in, 1) == 0
    lock_in.clock.wait(1.0)
    assert lock_in.ask("RMOD?") == mode


def test_a_reset_gives_up_an_auto_function():
    """What would have ended later does not touch the settings of *RST."""
    lock_in = LockIn()
    lock_in.say("AGAN;*RST")
    lock_in.clock.wait(10.0)
    assert lock_in.ask("SENS?") == "26"


def test_an_enabled_overload_requests_service_once():
    """LIAE bit 2 and *SRE bit 3: the first poll shows RQS, the second only the reason."""
    lock_in = LockIn(ScriptedSignal(c1=0.0))
    lock_in.say("SENS 20;LIAE 2,1;*SRE 8")
    lock_in.signal.change(c1=0.5)
    assert serial_poll(lock_in, 6) == 0
    lock_in.clock.wait(1.0)
    assert lock_in.sim.service_request
    assert [serial_poll(lock_in, 6), serial_poll(lock_in, 6), serial_poll(lock_in, 3)] == [1, 0, 1]
    assert [lock_in.ask("LIAE?"), lock_in.ask("LIAE? 2"), lock_in.ask("*SRE?")] == ["4", "1", "8"]


def test_reading_one_event_bit_clears_that_bit():
    """*ESR? 5 answers 1 and leaves bit 4; *CLS clears all and leaves the enable registers."""
    lock_in = LockIn()
    lock_in.say("*ESE 48;NOSU;SENS 27")
    assert [lock_in.ask("*STB? 5"), lock_in.ask("*ESR? 5"), lock_in.ask("*ESR?")] == ["1", "1", "16"]
    lock_in.say("NOSU;*CLS")
    assert [lock_in.ask("*ESR?"), lock_in.ask("*ESE?")] == ["0", "48"]


def test_an_open_current_input_reads_nothing():
    """ISRC 2 and 3: the voltage is not seen, and does not overload."""
    lock_in = LockIn(ScriptedSignal(c1=0.5))
    lock_in.say("ISRC 2;SENS 8;*CLS")
    x, y = lock_in.settled()
    assert math.hypot(x, y) < 1e-12
    lock_in.say("*CLS")
    assert lock_in.ask("LIAS?") == "0"
