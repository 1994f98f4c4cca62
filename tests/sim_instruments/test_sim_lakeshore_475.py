"""The simulated Lake Shore 475: which field it has seen, in which unit, how exactly, and when it is too much."""

import numpy as np
import pytest

from sim_instruments.clock import VirtualClock
from sim_instruments.lakeshore_475 import LakeShore475Sim


class Meter:
    """A gaussmeter in a field that the test sets with `field` (T)."""

    def __init__(self, field=0.1, noise=False, accuracy=False, seed=1, **options):
        self.clock = VirtualClock()
        self.field = field
        rng = np.random.default_rng(seed)
        self.sim = LakeShore475Sim(
            self.clock, lambda: self.field, rng, noise=noise, accuracy=accuracy, **options
        )
        self.sim.message_time = 0.0
        self.say("UNIT 2")

    def say(self, line):
        self.sim.write(line.encode("latin-1") + b"\n")

    def ask(self, line):
        self.say(line)
        reply = self.sim.next_reply(self.clock.now() + 1.0)
        return None if reply is None else reply.decode("ascii").removesuffix("\r\n")


class RememberingProbe:
    """A probe in a field that grows by 1 mT per second."""

    def __call__(self):
        raise AssertionError("a probe that remembers is asked with `at`")

    def at(self, time):
        return 1e-3 * time


@pytest.mark.parametrize(
    ("unit", "reply"),
    [(1, "+123.400E+01"), (2, "+123.400E-03"), (3, "+123.400E+01"), (4, "+981.986E+02")],
)
def test_the_field_is_answered_in_the_present_unit(unit, reply):
    """0.1234 T is 1234 G, 1234 Oe and 98 198.6 A/m, with three digits before the point."""
    assert Meter(0.1234).ask(f"UNIT {unit};RDGFIELD?") == reply


@pytest.mark.parametrize(
    ("field", "reply"), [(0.0, "+000.000E+00"), (-0.1, "-100.000E-03"), (2.5, "+250.000E-02")]
)
def test_sign_zero_and_exponent_have_their_places(field, reply):
    """Format +-nnn.nnnE+-nn, zero without a sign of its own."""
    assert Meter(field).ask("RDGFIELD?") == reply


@pytest.mark.parametrize(("resolution", "reading"), [(1, 0.1235), (2, 0.12346), (3, 0.123457)])
def test_a_reading_has_three_four_or_five_digits(resolution, reading):
    """On the 0.35 T range the last digit is 0.1 mT, 10 uT or 1 uT."""
    meter = Meter(0.1234567)
    meter.say(f"RDGMODE 1,{resolution},1,1,1")
    assert float(meter.ask("RDGFIELD?")) == pytest.approx(reading, abs=1e-9)


@pytest.mark.parametrize(("resolution", "rate"), [(1, 100), (2, 30), (3, 10)])
def test_readings_are_refreshed_on_the_grid_of_the_mode(resolution, rate):
    """A field that has just changed shows with the next completed reading and not before."""
    meter = Meter(0.1)
    meter.say(f"RDGMODE 1,{resolution},1,1,1")
    meter.clock.wait(0.1 / rate)
    assert float(meter.ask("RDGFIELD?")) == pytest.approx(0.1)
    meter.field = 0.2
    meter.clock.wait(0.8 / rate)
    assert float(meter.ask("RDGFIELD?")) == pytest.approx(0.1)
    meter.clock.wait(0.2 / rate)
    assert float(meter.ask("RDGFIELD?")) == pytest.approx(0.2)


def test_a_probe_that_remembers_is_asked_for_the_field_when_the_reading_was_completed():
    """In a field that grows by 1 mT/s a 10 Hz reading lags by up to a tenth of a second, not more."""
    clock = VirtualClock()
    meter = LakeShore475Sim(clock, RememberingProbe(), np.random.default_rng(1), noise=False, accuracy=False)
    meter.message_time = 0.0
    meter.write(b"UNIT 2;RDGMODE 1,3,1,1,1\n")
    clock.wait(4.57)
    meter.write(b"RDGFIELD?\n")
    assert float(meter.next_reply(5.0)) == pytest.approx(4.5e-3)


@pytest.mark.parametrize(
    ("field", "code"), [(1e-4, 1), (1e-3, 2), (0.01, 3), (-0.1, 4), (0.349, 5), (3.0, 5)]
)
def test_autorange_takes_the_lowest_range_that_holds_the_field(field, code):
    """A high-sensitivity probe has 0.35, 3.5, 35, 350 mT and 3.5 T; 98 % of a range is the most it takes."""
    assert Meter(field).ask("AUTO 1;RDGFIELD?;RANGE?").split(";")[1] == str(code)


def test_a_field_beyond_the_range_reads_overload_and_never_a_number():
    """RANGE 1 of a high-sensitivity probe ends at 0.35 mT: OL, OPST? bit 1, and the extremes are not touched."""
    meter = Meter(1e-4)
    meter.say("RANGE 1")
    assert float(meter.ask("RDGFIELD?")) == pytest.approx(1e-4)
    meter.field = -4e-4
    meter.clock.wait(1.0)
    assert meter.ask("RDGFIELD?;RDGREL?;OPST?;AUTO?") == "OL;OL;2;0"
    assert meter.ask("RDGMNMX?") == "+100.000E-06,+100.000E-06"
    assert meter.ask("RANGE 2;RDGFIELD?;OPST?") == "-400.000E-06;0"


def test_an_enabled_overload_requests_service():
    """With OPSTE 2 and *SRE 128 the poll shows RQS while the field is too high."""
    meter = Meter(1.0)
    meter.say("*CLS;RANGE 4;OPSTE 2;*SRE 128")
    assert meter.sim.serial_poll() == 64 + 128


def test_relative_readings_count_from_the_set_point_or_from_the_field_that_was():
    """REL 1,1 subtracts RELSP; REL 1,2 subtracts the field at that moment; REL 0 subtracts nothing."""
    meter = Meter(0.1)
    assert meter.ask("RELSP 0.02;REL 1,1;RDGREL?;RDGFIELD?") == "+800.000E-04;+100.000E-03"
    meter.say("REL 1,2")
    meter.field = 0.15
    meter.clock.wait(0.1)
    assert float(meter.ask("RDGREL?")) == pytest.approx(0.05)
    assert float(meter.ask("REL 0,2;RDGREL?")) == pytest.approx(0.15)


def test_a_set_point_is_kept_in_tesla_whatever_the_unit():
    """RELSP and CSETP are spoken in the present unit: 1000 G is 0.1 T."""
    meter = Meter()
    assert meter.ask("UNIT 1;RELSP 1000;CSETP 500;UNIT 2;RELSP?;CSETP?") == "+100.000E-03;+500.000E-04"


def test_zeroing_the_probe_makes_the_present_field_the_zero():
    """ZPROBE in a field of 2 mT shifts every later reading by 2 mT; ZCLEAR takes that back."""
    meter = Meter(2e-3)
    meter.say("ZPROBE")
    assert float(meter.ask("RDGFIELD?")) == pytest.approx(0.0, abs=1e-7)
    meter.field = 12e-3
    meter.clock.wait(1.0)
    assert float(meter.ask("RDGFIELD?")) == pytest.approx(10e-3, abs=1e-6)
    assert float(meter.ask("ZCLEAR;RDGFIELD?")) == pytest.approx(12e-3, abs=1e-6)


def test_minimum_and_maximum_follow_the_readings_taken():
    """RDGMNMX? gives the lowest and the highest reading so far; *RST starts again."""
    meter = Meter(0.1)
    for field in (0.1, -0.05, 0.02):
        meter.field = field
        meter.clock.wait(0.1)
        meter.ask("RDGFIELD?")
    assert meter.ask("RDGMNMX?") == "-500.000E-04,+100.000E-03"
    assert meter.ask("*RST;UNIT 2;RDGMNMX?") == "+200.000E-04,+200.000E-04"


@pytest.mark.parametrize(
    ("line", "bit"),
    [
        ("UNIT 5", 16),
        ("RANGE 0", 16),
        ("RDGMODE 4,1,1,1,1", 16),
        ("RELSP 36", 16),
        ("REL 1", 32),
        ("RDGMODE 1,1,1", 32),
        ("*WAI", 32),
        ("RDGFIELD", 32),
    ],
)
def test_what_is_refused_sets_its_bit_and_changes_nothing(line, bit):
    """Out of range: *ESR? bit 4; unreadable or unknown: bit 5; no text is answered."""
    meter = Meter()
    meter.say("*CLS")
    before = meter.ask("UNIT?;RANGE?;RDGMODE?;REL?;RELSP?")
    assert meter.ask(line) is None
    assert int(meter.ask("*ESR?")) & 0b110000 == bit
    assert meter.ask("UNIT?;RANGE?;RDGMODE?;REL?;RELSP?") == before


def test_a_reading_is_noisy_once_and_then_kept():
    """Within one period the same number comes again; from period to period it scatters as the table says."""
    meter = Meter(0.1, noise=True)
    meter.say("RDGMODE 1,3,1,1,1;AUTO 0;RANGE 4")
    values = []
    for _ in range(400):
        meter.clock.wait(0.1)
        first = meter.ask("RDGFIELD?")
        assert meter.ask("RDGFIELD?") == first
        values.append(float(first))
    assert np.std(values) == pytest.approx(1e-6, rel=0.15)  # the table's 1 uT, and 0.3 uT from the last digit


def test_faster_readings_are_noisier_as_the_square_root_of_the_rate():
    """White noise: 100 readings per second scatter sqrt(10) times as much as 10 per second."""
    spread = {}
    for resolution, rate in ((1, 100), (3, 10)):
        meter = Meter(0.0, noise=True, seed=3)
        meter.say(f"RDGMODE 1,{resolution},1,1,1;RANGE 1")  # there even 3 digits are finer than the noise
        readings = []
        for _ in range(600):
            meter.clock.wait(1.0 / rate)
            readings.append(float(meter.ask("RDGFIELD?")))
        spread[rate] = np.std(readings)
    assert spread[100] / spread[10] == pytest.approx(10**0.5, rel=0.1)


def test_the_gain_error_belongs_to_the_meter_and_stays_within_its_table():
    """Serial numbers differ by up to 0.05 % of the reading; the same one is always off alike."""
    readings = [
        float(Meter(3.0, accuracy=True, serial=serial, probe_type="HST").ask("RDGMODE 1,3,1,1,1;RDGFIELD?"))
        for serial in ("1", "2", "3", "1")
    ]
    assert len(set(readings)) == 3
    assert readings[0] == readings[3]
    assert all(1e-5 < abs(reading - 3.0) < 2e-3 for reading in readings)


def test_no_bytes_make_it_fall_over():
    """Whatever arrives, the meter answers or stays silent, and still answers afterwards."""
    words = [*sorted(LakeShore475Sim.declared_headers()), ";", ",", " ", "\n", "1e999", "1e-320", "2", "\xb2"]
    rng = np.random.default_rng(475)
    meter = Meter(noise=True, accuracy=True)
    for _ in range(3000):
        line = " ".join(rng.choice(words, rng.integers(6))).encode("latin-1")
        meter.sim.write(line + rng.bytes(rng.integers(8)), end=bool(rng.integers(2)))
        meter.sim.next_reply(meter.clock.now() + 0.01)
        meter.sim.serial_poll()
    meter.sim.device_clear()
    assert meter.ask("*IDN?") == "LSCI,MODEL475,4750001,1.0"


def test_an_overload_that_is_over_is_told_once_more():
    """OPSTR? keeps it until it is read or *CLS is said; OPST? tells the present alone."""
    meter = Meter(field=-4e-4)
    meter.say("*CLS;RANGE 1")
    meter.clock.wait(0.2)
    assert meter.ask("RDGFIELD?;OPST?") == "OL;2"
    meter.say("RANGE 2")
    meter.clock.wait(0.2)
    assert meter.ask("OPST?;OPSTR?;OPSTR?") == "0;2;0"
    meter.say("RANGE 1")
    meter.clock.wait(0.2)
    assert meter.ask("OPST?") == "2"
    meter.say("RANGE 2")
    meter.clock.wait(0.2)
    meter.say("*CLS")
    assert meter.ask("OPSTR?") == "0"


def test_extremes_can_be_forgotten():
    """PKRST: the next reading is both the lowest and the highest."""
    meter = Meter(field=0.1)
    meter.ask("RDGFIELD?")
    meter.field = 0.2
    meter.clock.wait(0.2)
    low, high = meter.ask("RDGPEAK?").split(",")
    assert low != high
    meter.say("PKRST")
    meter.clock.wait(0.2)
    low, high = meter.ask("RDGPEAK?").split(",")
    assert low == high
