"""The 643 driver: limits first, ramps only, and a parking that waits for the magnet."""

import math

import pytest
from driver_fakes import FakeClock, FakeResource
from hypothesis import given
from hypothesis import strategies as st

from drivers._wire import Wire
from drivers.errors import ErrorQueueNotEmpty, NotFollowed, NotParked, NotReady, OutOfRange, WrongInstrument
from drivers.lakeshore_643 import LakeShore643


class Supply:
    """A supply whose current ramps linearly on the clock, with *ESR? instead of an error queue."""

    def __init__(self, clock, current=0.0):
        self.clock = clock
        self.start, self.started, self.target = current, 0.0, current
        self.limits = [70.1, 50.0]
        self.rate = 1.0
        self.answers = {
            "*IDN?": "LSCI,MODEL643,1234567,1.0/1.0",
            "XPGM?": "0",
            "RSEG?": "0",
            "OPST?": "2",
            "ERST?": "000,000",
            "RDGV?": "+00.1234",
        }
        self.event = 0
        self.stuck = False
        self.deaf_to: set[str] = set()

    @property
    def current(self):
        if self.stuck:
            return self.start
        way = self.target - self.start
        done = self.rate * (self.clock.time - self.started)
        return self.target if done >= abs(way) else self.start + math.copysign(done, way)

    def __call__(self, line):
        header, _, argument = line.partition(" ")
        numbers = [float(part) for part in argument.split(",")] if argument else []
        if header == "SETI":
            if "SETI" not in self.deaf_to:
                self.start, self.started, self.target = self.current, self.clock.time, numbers[0]
        elif header == "LIMIT" and "LIMIT" not in self.deaf_to:
            self.limits = numbers
        elif header == "RATE":
            self.rate = numbers[0]
        elif header == "*ESR?":
            event, self.event = self.event, 0
            return str(event)
        else:
            return {
                "SETI?": f"{self.target:+08.4f}",
                "RDGI?": f"{self.current:+08.4f}",
                "RATE?": f"{self.rate:+.4f}",
                "LIMIT?": ",".join(f"{value:+.4f}" for value in self.limits),
                **self.answers,
            }.get(header)
        return None


@pytest.fixture
def bench():
    return make_bench()


def make_bench(current=0.0):
    """Return the driver, the supply it drives, and the resource that saw every line."""
    clock = FakeClock()
    supply = Supply(clock, current)
    resource = FakeResource(supply, clock)
    return LakeShore643(Wire(resource, clock, "supply")), supply, resource


def test_preparing_writes_limits_and_rate_and_reads_them_back_without_a_set_point(bench):
    """The limits are in the instrument, and proven to be, before any current is asked for."""
    driver, supply, resource = bench
    driver.prepare(I_max=10.0, rate=0.5)
    assert [line for line in resource.said if "?" not in line] == [
        "LIMIT 10.0000,0.5000",
        "RSEG 0",
        "RATE 0.5000",
    ]
    assert resource.said.index("LIMIT?") < resource.said.index("RATE 0.5000") < resource.said.index("RATE?")
    assert driver.limits == (10.0, 0.5)
    assert supply.target == 0.0


def test_no_set_point_before_the_limits_are_in(bench):
    """A set point without a limit behind it is refused, not sent."""
    driver, _, resource = bench
    with pytest.raises(NotReady, match="limits written and read back"):
        driver.set_current(1.0)
    assert resource.said == []


def test_limits_that_do_not_read_back_refuse_every_set_point(bench):
    """A supply that keeps its old limit is not driven."""
    driver, supply, _ = bench
    supply.deaf_to.add("LIMIT")
    with pytest.raises(NotFollowed, match=r"must read back 10\.0000 A, 0\.5000 A/s; they read 70\.1000 A"):
        driver.prepare(I_max=10.0, rate=0.5)
    with pytest.raises(NotReady):
        driver.set_current(1.0)


def test_a_supply_that_carries_more_than_the_new_limit_is_left_alone():
    """Writing a limit below the present current might make the magnet jump."""
    driver, supply, resource = make_bench(current=20.0)
    with pytest.raises(NotReady, match=r"20 A\. Ramp it down first"):
        driver.prepare(I_max=10.0, rate=0.5)
    assert all(line.endswith("?") for line in resource.said)
    assert supply.target == 20.0


def test_a_supply_that_follows_an_external_voltage_is_not_taken_over(bench):
    """Switching the programming over could jump to whatever the set point is."""
    driver, supply, resource = bench
    supply.answers["XPGM?"] = "1"
    with pytest.raises(NotReady, match="must be programmed internally"):
        driver.prepare(I_max=10.0, rate=0.5)
    assert all(line.endswith("?") for line in resource.said)


@pytest.mark.parametrize(
    ("I_max", "rate"),
    [(70.2, 1), (-1, 1), (math.nan, 1), (math.inf, 1), (10, 0), (10, 50.1), (10, math.nan), (10, -1)],
)
def test_a_preparation_beyond_the_supply_sends_nothing(bench, I_max, rate):
    """±70.1 A and 0.0001 to 50 A/s."""
    driver, _, resource = bench
    with pytest.raises(OutOfRange):
        driver.prepare(I_max, rate)
    assert resource.said == []


@given(st.floats())
def test_no_current_reaches_the_wire_unless_it_is_finite_and_within_the_limit(value):
    """Whatever float comes, the set point that is sent is within the limit, to the supply's 0.1 mA."""
    driver, _, resource = make_bench()
    driver.prepare(I_max=10.0, rate=0.5)
    resource.said.clear()
    try:
        driver.set_current(value)
    except OutOfRange:
        assert resource.said == []
        assert not abs(value) <= 10.0
    else:
        said = float(resource.said[0].removeprefix("SETI "))
        assert abs(said) <= 10.0
        assert abs(said - value) <= 0.5001e-4


@pytest.mark.parametrize(
    ("event", "words"), [(4, "query error"), (16, "argument out of range"), (32, "not understood")]
)
def test_a_bit_of_the_event_register_is_put_down_to_the_line_before(bench, event, words):
    """The supply has no error texts: bits 2, 4 and 5 of *ESR? tell."""
    driver, supply, _ = bench
    driver.prepare(I_max=10.0, rate=0.5)
    supply.event = event
    with pytest.raises(ErrorQueueNotEmpty, match=f"must accept 'SETI 5.0000'.*{words}"):
        driver.set_current(5.0)


def test_power_on_and_operation_complete_are_not_errors(bench):
    """Bits 0 and 7 of *ESR? are set after switching on."""
    driver, supply, _ = bench
    supply.event = 129
    assert driver.connect() == []


def test_another_instrument_at_the_address_is_refused(bench):
    """A 475 at the supply's address must not be sent a set point."""
    driver, supply, resource = bench
    supply.answers["*IDN?"] = "LSCI,MODEL475,1234567,1.0"
    with pytest.raises(WrongInstrument):
        driver.connect()
    assert resource.said == ["*IDN?"]


def test_parking_ramps_to_zero_and_returns_when_the_current_is_there():
    """Parking takes as long as the ramp: 10 A at 0.5 A/s are 20 s."""
    driver, supply, resource = make_bench(current=10.0)
    supply.rate = 0.5
    driver.park()
    assert resource.said[0] == "SETI 0"
    assert supply.clock.time == pytest.approx(20.0, abs=0.5)
    assert abs(supply.current) < 0.05


def test_parking_a_supply_that_does_not_follow_raises_with_current_and_faults():
    """Nobody may break the circuit of a magnet that still carries current."""
    driver, supply, _ = make_bench(current=10.0)
    supply.stuck = True
    supply.answers["ERST?"] = "004,032"
    with pytest.raises(NotParked, match="Do not break the circuit") as caught:
        driver.park()
    assert "it carries 10 A" in str(caught.value)
    assert "over-current, magnet flow switch" in str(caught.value)


def test_parking_sends_zero_again_when_the_set_point_did_not_arrive():
    """A current that only passes through zero on its way to -10 A is not parked."""
    driver, supply, resource = make_bench(current=10.0)
    supply.target, supply.rate = -10.0, 1.0
    supply.deaf_to.add("SETI")
    said_before = resource.write

    def hear_again_at_9_s(text):
        if supply.clock.time > 9.0:
            supply.deaf_to.discard("SETI")
        return said_before(text)

    resource.write = hear_again_at_9_s
    driver.park()
    assert supply.target == 0.0
    assert abs(supply.current) < 0.05
    assert resource.said.count("SETI 0") >= 2


def test_parking_goes_on_when_the_first_line_cannot_be_sent():
    """The interface failed once: the set point is sent again and the ramp is waited for."""
    driver, supply, resource = make_bench(current=5.0)
    driver.connect()
    resource.fail_on = {"SETI 0"}
    sent = resource.write

    def only_once(text):
        try:
            return sent(text)
        finally:
            if text == "SETI 0":
                resource.fail_on = set()

    resource.write = only_once
    driver.park()
    assert abs(supply.current) < 0.05
    assert resource.said.count("SETI 0") == 2


def test_parking_a_mute_supply_ends_with_an_error():
    """A supply that answers nothing is given two minutes, not for ever."""
    clock = FakeClock()
    mute = FakeResource(lambda line: None, clock)
    driver = LakeShore643(Wire(mute, clock, "supply"))
    with pytest.raises(NotParked, match="not confirmed"):
        driver.park()
    assert mute.said[0] == "SETI 0"
    assert clock.time < 400.0


def test_status_is_told_in_words(bench):
    """Bits of OPST? and ERST? as the manual names them."""
    driver, supply, _ = bench
    supply.answers |= {"OPST?": "5", "ERST?": "000,000"}
    assert driver.operation() == ["compliance", "power limit"]
    assert driver.faults() == []
    supply.answers["ERST?"] = "28,160"
    assert driver.faults() == [
        "over-current", "over-voltage", "temperature fault", "magnet flow switch", "remote-enable fault",
    ]  # fmt: skip


def test_stop_holds_the_ramp_even_on_a_suspect_session(bench):
    """STOP goes out at once."""
    driver, _, resource = bench
    driver.stop()
    assert resource.said == ["STOP", "*ESR?"]


def test_settings_for_the_file_include_limits_and_set_point(bench):
    """What the file stores before and after the run."""
    driver, _, _ = bench
    driver.prepare(I_max=10.0, rate=0.5)
    assert driver.settings() == {
        "ramp_rate": (0.5, "A/s"),
        "programming": ("internal", "1"),
        "ramp_segments": (False, "1"),
        "current_limit": (10.0, "A"),
        "rate_limit": (0.5, "A/s"),
        "set_point": (0.0, "A"),
    }


def test_the_set_point_has_no_setter_that_goes_around_the_limit(bench):
    """`supply.set_point = 50` would ramp without a check."""
    driver, _, resource = bench
    with pytest.raises(AttributeError, match="set_point of supply is measured"):
        driver.set_point = 50.0
    with pytest.raises(AttributeError):
        driver.curent = 1.0
    assert resource.said == []
