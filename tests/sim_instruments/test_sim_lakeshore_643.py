"""The simulated Lake Shore 643: how the current ramps, what the readings say, what is refused."""

import numpy as np
import pytest

from sim_instruments.clock import VirtualClock
from sim_instruments.lakeshore_643 import LakeShore643Sim
from sim_instruments.ports import Ramp


class RecordingCoil:
    """A 0.4 ohm, 0.05 H winding that remembers every ramp it was given."""

    resistance = 0.4
    inductance = 0.05

    def __init__(self):
        self.ramps = []

    def drive(self, ramp: Ramp) -> None:
        self.ramps.append(ramp)


class Bench:
    def __init__(self, noise=False, accuracy=False, seed=1, serial="1234567"):
        self.clock = VirtualClock()
        self.coil = RecordingCoil()
        rng = np.random.default_rng(seed)
        self.supply = LakeShore643Sim(
            self.clock, self.coil, rng, noise=noise, accuracy=accuracy, serial=serial
        )
        self.supply.message_time = 0.0
        self.say("LIMIT 70.1,50")

    def say(self, line):
        self.supply.write(line.encode("latin-1") + b"\n")

    def ask(self, line):
        self.say(line)
        reply = self.supply.next_reply(self.clock.now() + 1.0)
        return None if reply is None else reply.decode("ascii").removesuffix("\r\n")

    def current(self):
        return self.coil.ramps[-1].at(self.clock.now())


@pytest.fixture
def bench():
    return Bench()


def test_the_current_ramps_linearly_at_the_rate(bench):
    """I(t) = I_0 + RATE t until the set point is reached, then it stays."""
    bench.say("RATE 2;SETI 10")
    bench.clock.wait(1.5)
    assert bench.current() == pytest.approx(3.0)
    bench.clock.wait(3.5)
    assert bench.current() == pytest.approx(10.0)
    bench.clock.wait(100.0)
    assert bench.current() == pytest.approx(10.0)


def test_a_new_set_point_starts_from_where_the_current_is(bench):
    """SETI in the middle of a ramp turns it round without a jump."""
    bench.say("RATE 1;SETI 10")
    bench.clock.wait(4.0)
    bench.say("SETI -10")
    assert bench.current() == pytest.approx(4.0)
    bench.clock.wait(14.0)
    assert bench.current() == pytest.approx(-10.0)
    assert bench.coil.ramps[-1].end == pytest.approx(18.0)


def test_a_new_rate_acts_on_the_ramp_under_way(bench):
    """RATE during a ramp changes its slope at once."""
    bench.say("RATE 1;SETI 10")
    bench.clock.wait(2.0)
    bench.say("RATE 4")
    bench.clock.wait(1.0)
    assert bench.current() == pytest.approx(6.0)


def test_ramp_done_is_present_and_latched_only_after_the_ramp(bench):
    """OPST? bit 1 shows that the ramp is over, OPSTR? that one has ended since it was last read."""
    bench.say("RATE 1;SETI 5")
    assert bench.ask("OPST?;OPSTR?") == "0;0"
    bench.clock.wait(4.9)
    assert bench.ask("OPST?") == "0"
    bench.clock.wait(0.2)
    assert bench.ask("OPST?;OPSTR?") == "2;2"
    assert bench.ask("OPST?;OPSTR?") == "2;0"


def test_an_enabled_ramp_end_requests_service_once(bench):
    """With OPSTE 2 and *SRE 128 a serial poll shows RQS and the operation summary, and takes the request back."""
    bench.say("*CLS;OPSTE 2;*SRE 128;RATE 1;SETI 1")
    assert bench.supply.serial_poll() == 0
    bench.clock.wait(2.0)
    assert bench.supply.serial_poll() == 64 + 128
    assert bench.supply.serial_poll() == 128
    assert bench.ask("*STB?") == str(64 + 128)


def test_the_end_of_a_ramp_is_an_event_on_the_clock(bench):
    """A controller that waits for SRQ wakes up when the ramp ends, with nobody asking in between."""
    bench.say("*CLS;OPSTE 2;*SRE 128;RATE 1;SETI 4")
    while not bench.supply.service_request:
        assert bench.clock.run_next(100.0)
    assert bench.clock.now() == pytest.approx(4.0)


def test_a_ramp_that_was_replaced_does_not_end_a_second_time(bench):
    """The end of an abandoned ramp is not reported."""
    bench.say("RATE 1;SETI 4")
    bench.clock.wait(1.0)
    bench.say("SETI 10;OPSTR?")
    bench.clock.wait(4.0)
    assert bench.ask("OPST?;OPSTR?") == "0;0"


def test_stop_holds_the_present_current_and_a_new_set_point_resumes(bench):
    """STOP ends the ramp where it is."""
    bench.say("RATE 1;SETI 10")
    bench.clock.wait(3.0)
    bench.say("STOP")
    bench.clock.wait(20.0)
    assert bench.current() == pytest.approx(3.0)
    assert bench.ask("SETI?;OPST?") == "+03.0000;2"
    bench.say("SETI 10")
    bench.clock.wait(7.0)
    assert bench.current() == pytest.approx(10.0)


def test_the_voltage_is_inductive_plus_resistive(bench):
    """While the current rises V = L dI/dt + R I; when it stands V = R I."""
    bench.say("RATE 20;SETI 40")
    bench.clock.wait(1.05)
    assert float(bench.ask("RDGV?")) == pytest.approx(0.05 * 20 + 0.4 * 20)
    bench.clock.wait(2.0)
    assert float(bench.ask("RDGV?")) == pytest.approx(0.4 * 40)


def test_readings_are_refreshed_ten_times_a_second(bench):
    """Between two completed readings RDGI? repeats the older one, even when a new ramp has begun."""
    bench.say("RATE 10;SETI 10")
    bench.clock.wait(0.35)
    assert bench.ask("RDGI?") == "+03.0000"
    bench.say("SETI 0")
    bench.clock.wait(0.04)
    assert bench.ask("RDGI?") == "+03.0000"
    bench.clock.wait(0.02)
    assert bench.ask("RDGI?") == "+03.0000"  # 0.05 s up and 0.05 s down again: 3 A at 0.4 s
    bench.clock.wait(0.1)
    assert bench.ask("RDGI?") == "+02.0000"


def test_a_reading_completed_before_a_new_set_point_belongs_to_the_old_ramp(bench):
    """At 0.35 s the last reading is that of 0.3 s, whatever is set in between."""
    bench.say("RATE 10;SETI 10")
    bench.clock.wait(0.35)
    bench.say("SETI 0")
    assert bench.ask("RDGI?") == "+03.0000"


def test_the_set_point_has_a_resolution_of_a_tenth_of_a_milliampere(bench):
    """SETI rounds to 0.1 mA."""
    bench.say("RATE 50;SETI 1.23456")
    bench.clock.wait(1.0)
    assert bench.ask("SETI?") == "+01.2346"
    assert bench.current() == pytest.approx(1.2346, abs=1e-9)


@pytest.mark.parametrize("line", ["SETI 70.2", "SETI 11", "SETI -11", "RATE 50.1", "RATE 0", "LIMIT 71,1"])
def test_what_is_out_of_range_is_refused_and_nothing_changes(bench, line):
    """A refused argument sets *ESR? bit 4 and leaves settings and current alone."""
    bench.say("LIMIT 10,5;RATE 5;SETI 2")
    bench.clock.wait(1.0)
    driven = len(bench.coil.ramps)
    bench.say(f"*CLS;{line}")
    assert bench.ask("*ESR?") == "16"
    assert bench.ask("SETI?;RATE?;LIMIT?") == "+02.0000;+5.0000;+10.0000,+05.0000"
    assert len(bench.coil.ramps) == driven


@pytest.mark.parametrize(
    "line",
    ["NOSUCH", "SETI", "SETI 1,2", "SETI one", "SETI nan", "SETI? 1", "RSEGS?", "SETI 1_0", "RSEG 0.5"],
)
def test_what_cannot_be_read_sets_the_command_error_and_gets_no_answer(bench, line):
    """An unknown mnemonic, a wrong number of arguments or a non-number sets *ESR? bit 5."""
    bench.say("*CLS")
    assert bench.ask(line) is None
    assert int(bench.ask("*ESR?")) & 32


def test_the_rate_is_capped_by_the_rate_limit(bench):
    """The ramp never exceeds the second value of LIMIT."""
    bench.say("LIMIT 70.1,2;RATE 10;SETI 10")
    assert bench.ask("RATE?") == "+2.0000"
    bench.clock.wait(1.0)
    assert bench.current() == pytest.approx(2.0)


def test_lowering_the_current_limit_brings_the_output_down_to_it(bench):
    """A set point above a new LIMIT goes to the limit at the present rate."""
    bench.say("RATE 10;SETI 20")
    bench.clock.wait(3.0)
    bench.say("LIMIT 5,50")
    bench.clock.wait(3.0)
    assert bench.current() == pytest.approx(5.0)
    assert bench.ask("SETI?") == "+05.0000"


def test_ramp_segments_change_the_rate_on_the_way(bench):
    """With RSEG 1 each stretch of |I| is passed at its own rate; past the last segment its rate stays."""
    bench.say("RATE 50;RSEGS 1,10,2;RSEGS 2,20,1;RSEG 1;SETI 25")
    bench.clock.wait(5.0)
    assert bench.current() == pytest.approx(10.0)
    bench.clock.wait(10.0)
    assert bench.current() == pytest.approx(20.0)
    assert bench.ask("OPST?") == "0"
    bench.clock.wait(5.0)
    assert bench.current() == pytest.approx(25.0)
    assert bench.ask("OPST?;RSEGS? 2") == "2;+20.0000,+1.0000"


def test_the_rates_of_the_segments_are_capped_by_the_rate_limit(bench):
    """LIMIT rules over the segment table too."""
    bench.say("LIMIT 70.1,2;RSEGS 1,70,10;RSEG 1;SETI 20")
    bench.clock.wait(1.0)
    assert bench.current() == pytest.approx(2.0)


def test_switching_the_segments_off_on_the_way_goes_on_at_the_plain_rate(bench):
    """A segmented ramp that is replaced leaves no later stretch behind."""
    bench.say("RATE 5;RSEGS 1,10,1;RSEG 1;SETI 20")
    bench.clock.wait(5.0)
    bench.say("RSEG 0")
    bench.clock.wait(1.0)
    assert bench.current() == pytest.approx(10.0)
    bench.clock.wait(10.0)
    assert bench.current() == pytest.approx(20.0)


def test_a_winding_too_resistive_for_the_set_point_stops_at_the_compliance(bench):
    """35 V across the winding is all there is: the current stops at 35 V / R and OPST? bit 0 says so."""
    bench.coil.resistance = 1.0
    bench.say("RATE 50;SETI 60")
    bench.clock.wait(2.0)
    assert bench.current() == pytest.approx(35.0)
    assert bench.ask("OPST?") == "3"
    assert float(bench.ask("RDGV?")) == pytest.approx(35.0)
    bench.say("SETI 20")
    bench.clock.wait(2.0)
    assert bench.ask("OPST?") == "2"


def test_reset_ramps_to_zero_with_the_limits_at_the_ratings(bench):
    """*RST takes the settings of power-up; the current goes down as a ramp, not as a step."""
    bench.say("LIMIT 10,5;RATE 5;SETI 5")
    bench.clock.wait(2.0)
    bench.say("*RST")
    bench.clock.wait(1.0)
    assert bench.current() == pytest.approx(4.0)
    bench.clock.wait(10.0)
    assert bench.current() == 0.0
    assert bench.ask("LIMIT?;SETI?") == "+70.1000,+50.0000;+00.0000"


def test_a_line_is_obeyed_past_a_refused_command(bench):
    """The rest of a line counts, and only the answered queries are joined."""
    assert bench.ask("RATE 3;NOSUCH?;RATE?;;SETI 99;SETI?;") == "+3.0000;+00.0000"


def test_reading_the_event_register_clears_it(bench):
    """*ESR? tells of every event once."""
    bench.say("*CLS;NOSUCH")
    assert bench.ask("*ESR?") == "32"
    assert bench.ask("*ESR?") == "0"


def test_replies_end_with_carriage_return_and_line_feed(bench):
    """The terminator is CR LF."""
    bench.say("RATE?")
    assert bench.supply.next_reply(1.0) == b"+1.0000\r\n"


def test_an_unread_reply_is_dropped_with_a_query_error(bench):
    """A new message before the reply was read sets *ESR? bit 2, and the old reply never comes."""
    bench.say("*CLS")
    bench.say("RATE?")
    assert bench.ask("*ESR?") == "4"


@pytest.mark.parametrize(("switched_on", "closest", "farthest"), [(False, 0.0, 0.0), (True, 1e-4, 20e-3)])
def test_readings_are_the_truth_unless_errors_are_switched_on(switched_on, closest, farthest):
    """Without noise and fixed errors RDGI? is the set point; with them it is off by milliamperes, not more."""
    bench = Bench(noise=switched_on, accuracy=switched_on)
    bench.say("RATE 50;SETI 30")
    bench.clock.wait(2.0)
    assert closest <= abs(float(bench.ask("RDGI?")) - 30.0) <= farthest


def test_noise_differs_between_readings_but_the_fixed_error_belongs_to_the_unit():
    """Two seeds scatter about the same value; another serial number is off by something else."""

    def readings(seed, serial):
        bench = Bench(noise=True, accuracy=True, seed=seed, serial=serial)
        bench.say("RATE 50;SETI 30")
        bench.clock.wait(1.0)
        values = []
        for _ in range(200):
            bench.clock.wait(0.1)
            values.append(float(bench.ask("RDGI?")))
        return np.array(values)

    first, second, other = readings(1, "111"), readings(2, "111"), readings(1, "222")
    assert np.any(first != second)
    assert np.array_equal(first, readings(1, "111"))
    assert first.mean() == pytest.approx(second.mean(), abs=1e-4)
    assert first.std() == pytest.approx(0.2e-3, rel=0.3)
    assert abs(first.mean() - other.mean()) > 5e-4


def test_no_bytes_make_it_fall_over(bench):
    """Whatever arrives, the instrument answers or stays silent, and still answers afterwards."""
    words = [*sorted(LakeShore643Sim.declared_headers()), ";", ",", "\n", "1e999", "-9" * 400, "nan", "\xb2"]
    rng = np.random.default_rng(643)
    for _ in range(3000):
        line = " ".join(rng.choice(words, rng.integers(6))).encode("latin-1")
        bench.supply.write(line + rng.bytes(rng.integers(8)), end=bool(rng.integers(2)))
        bench.supply.next_reply(bench.clock.now() + 0.01)
        bench.supply.serial_poll()
    bench.supply.device_clear()
    assert bench.ask("*IDN?") == "LSCI,MODEL643,1234567,1.0/1.0"


def test_device_clear_forgets_input_and_output_but_not_settings(bench):
    """Selected device clear keeps the set point and the ramp."""
    bench.say("RATE 1;SETI 3")
    bench.supply.write(b"RATE?\nSETI 5", end=False)
    bench.supply.device_clear()
    bench.clock.wait(5.0)
    assert bench.ask("SETI?") == "+03.0000"


def test_factory_settings_are_taken_at_zero_current_only(bench):
    """DFLT 99 with 5 A flowing is refused (*ESR? bit 4) and nothing moves; at 0 A it is obeyed."""
    bench.say("*CLS")
    bench.say("SETI 5;RATE 2")
    bench.clock.wait(60.0)
    bench.say("DFLT 99")
    assert bench.ask("*ESR?") == "16"
    assert bench.current() == pytest.approx(5.0)
    assert bench.ask("RATE?") == "+2.0000"
    bench.say("SETI 0")
    bench.clock.wait(60.0)
    bench.say("DFLT 99")
    assert bench.ask("*ESR?") == "0"
    assert bench.ask("RATE?") == "+1.0000"


def test_what_is_set_together_is_refused_together(bench):
    """IEEE and LOCK: too few numbers is an unknown command, one out of range keeps the others too."""
    bench.say("*CLS")
    bench.say("IEEE 1,0,11;LOCK 1,456")
    bench.say("IEEE 2,1,31")
    assert bench.ask("*ESR?") == "16"
    bench.say("LOCK 1")
    assert bench.ask("*ESR?") == "32"
    assert bench.ask("IEEE?;LOCK?") == "1,0,11;1,456"
