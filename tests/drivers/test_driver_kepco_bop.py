"""The BOP driver: ratings from the identity, ramps by small steps in time, and no broken circuit under current."""

import itertools
import math

import pytest
from driver_fakes import FakeClock, FakeResource
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers._wire import Wire
from drivers.errors import ErrorQueueNotEmpty, NotFollowed, NotParked, NotReady, OutOfRange, WrongInstrument
from drivers.kepco_bop import KepcoBop

IDENTITY = "KEPCO,BIT 4886 36-12  08-04-2023,H249977,4.04-1.82"


class Bop:
    """A BOP 36-12 whose current follows its set point with `tau`, and that notes when each set point came."""

    def __init__(self, clock, set_point=0.0, is_on=False, mode="CURR"):
        self.clock = clock
        self.identity = IDENTITY
        self.set_point, self.is_on, self.mode = set_point, is_on, mode
        self.limit = 36.0
        self.volts = 0.0
        self.carried = None  # A, where it is not the set point
        self.deaf_to: set[str] = set()
        self.mute: set[str] = set()
        self.errors: list[str] = []
        self.steps: list[tuple[float, float]] = []

    @property
    def current(self):
        if self.carried is not None:
            return self.carried
        return self.set_point if self.is_on else 0.0

    def __call__(self, line):
        header, _, argument = line.partition(" ")
        if header in self.mute:
            return None
        if header.endswith("?"):
            return {
                "*IDN?": self.identity,
                "SYST:ERR?": self.errors.pop(0) if header == "SYST:ERR?" and self.errors else '0,"No error"',
                "FUNC:MODE?": "01"[self.mode == "CURR"],
                "OUTP?": "01"[self.is_on],
                "CURR?": scientific(self.set_point),
                "VOLT?": scientific(self.limit),
                "MEAS:CURR?": scientific(self.current),
                "MEAS:VOLT?": scientific(self.volts),
            }.get(header)
        if header in self.deaf_to:
            return None
        if header == "CURR":
            if self.is_on:
                self.steps.append((self.clock.time, float(argument)))
            self.set_point = float(argument)
        elif header == "VOLT":
            self.limit = float(argument)
        elif header == "FUNC:MODE":
            self.mode = argument
        elif header == "OUTP":
            self.is_on = argument == "ON"
        return None


def scientific(value):
    """One-digit exponent, as the card answers: 1.39997E1."""
    mantissa, exponent = f"{value:.5E}".split("E")
    return f"{mantissa}E{int(exponent)}"


def make_bench(**state):
    """Return the connected driver, the supply it drives, and the resource that saw every line since."""
    clock = FakeClock()
    bop = Bop(clock, **state)
    resource = FakeResource(bop, clock)
    driver = KepcoBop(Wire(resource, clock, "supply"))
    driver.connect()
    resource.said.clear()
    return driver, bop, resource


@pytest.fixture
def bench():
    return make_bench()


def commands(resource):
    return [line for line in resource.said if "?" not in line]


def test_ratings_come_from_the_model_in_the_identity(bench):
    """36-12 is ±36 V, ±12 A; before the identity is known there are none."""
    driver, _, _ = bench
    assert driver.ratings == (36.0, 12.0)
    clock = FakeClock()
    unconnected = KepcoBop(Wire(FakeResource(Bop(clock), clock), clock, "supply"))
    with pytest.raises(NotReady, match="must be connected"):
        unconnected.prepare(1.0, 1.0)


@pytest.mark.parametrize(
    "identity", ["LSCI,MODEL643,1,1.0/1.0", "KEPCO,BIT 4886,H1,4.04", "KEPCO,BIT 802E 36-12 ,H1,1"]
)
def test_another_supply_or_a_model_without_ratings_is_refused(identity):
    """Limits are not guessed."""
    clock = FakeClock()
    bop = Bop(clock)
    bop.identity = identity
    with pytest.raises(WrongInstrument):
        KepcoBop(Wire(FakeResource(bop, clock), clock, "supply")).connect()


def test_preparing_a_supply_that_is_off_sets_zero_before_it_is_switched_on():
    """Somebody left 5 A in the set point: it must not appear."""
    driver, bop, resource = make_bench(set_point=5.0, mode="VOLT")
    driver.prepare(I_max=10.0, rate=2.0)
    assert commands(resource) == ["FUNC:MODE CURR", "CURR 0", "VOLT 36.000000", "OUTP ON"]
    asked = resource.said.index("OUTP ON")
    assert {"VOLT?", "FUNC:MODE?", "CURR?"} <= set(resource.said[:asked])
    assert (bop.is_on, bop.current, bop.mode) == (True, 0.0, "CURR")


def test_preparing_a_supply_that_is_on_leaves_its_current_and_the_first_ramp_starts_there():
    """It carries -3 A; nothing is switched, and no step is larger than the rate allows."""
    driver, bop, resource = make_bench(set_point=-3.0, is_on=True)
    driver.prepare(I_max=10.0, rate=1.0)
    assert commands(resource) == ["VOLT 36.000000"]
    driver.set_current(-2.0)
    assert bop.steps[0][1] == pytest.approx(-2.98, abs=1e-3)
    assert bop.set_point == -2.0


@pytest.mark.parametrize(
    ("state", "changes", "reason"),
    [
        ({"set_point": 11.0}, {}, "at most 10 A"),
        ({"set_point": 5.0, "mode": "VOLT"}, {}, "in voltage mode"),
        ({"set_point": 9.0}, {"carried": 4.0}, "carry what it is set to"),
        ({"set_point": 5.0}, {"volts": 36.5}, "stands at 36.5 V"),
    ],
)
def test_a_supply_found_on_that_would_jump_is_left_alone(state, changes, reason):
    """Too much current, voltage mode, or a load that limits it: a person must look."""
    driver, bop, resource = make_bench(is_on=True, **state)
    vars(bop).update(changes)
    with pytest.raises(NotReady, match=f"{reason}.*Nothing was set"):
        driver.prepare(I_max=10.0, rate=1.0)
    assert commands(resource) == []


@pytest.mark.parametrize(
    ("deaf", "reason"), [("FUNC:MODE", "mode"), ("CURR", "set point"), ("VOLT", "voltage limit")]
)
def test_what_does_not_read_back_keeps_the_output_off(deaf, reason):
    """Mode, zero and limit are proven before the output is switched on."""
    driver, bop, _ = make_bench(set_point=5.0, mode="VOLT")
    bop.limit = 20.0
    bop.deaf_to.add(deaf)
    with pytest.raises(NotFollowed, match=f"{reason} of supply"):
        driver.prepare(I_max=10.0, rate=1.0)
    assert not bop.is_on
    with pytest.raises(NotReady):
        driver.set_current(0.0)


@pytest.mark.parametrize(
    "request_",
    [
        (12.01, 1.0), (-1.0, 1.0), (math.nan, 1.0), (math.inf, 1.0), (10.0, 0.0), (10.0, 51.0), (10.0, math.nan),
        (10.0, 1.0, 36.1), (10.0, 1.0, 0.0), (10.0, 1.0, -5.0), (10.0, 1.0, math.nan),
    ],
)  # fmt: skip
def test_a_preparation_beyond_the_rating_sends_nothing(bench, request_):
    """±12 A, 36 V; the rates of the driver."""
    driver, _, resource = bench
    with pytest.raises(OutOfRange, match="Nothing was sent"):
        driver.prepare(*request_)
    assert resource.said == []


@pytest.mark.parametrize("current", [10.1, -10.1, math.nan, math.inf])
def test_a_current_beyond_the_prepared_one_is_refused_and_not_sent(bench, current):
    """Strict, never clipped."""
    driver, _, resource = bench
    driver.prepare(I_max=10.0, rate=1.0)
    resource.said.clear()
    with pytest.raises(OutOfRange, match=r"within 10 A.*Nothing was sent"):
        driver.set_current(current)
    assert resource.said == []


@settings(max_examples=40, deadline=None)
@given(
    targets=st.lists(st.floats(min_value=-10, max_value=10), min_size=1, max_size=4),
    rate=st.floats(min_value=2, max_value=50),
)
def test_a_ramp_is_never_faster_than_its_rate_from_set_point_to_set_point(targets, rate):
    """Each step is at most the time since the one before times the rate, and the last one is the target."""
    driver, bop, _ = make_bench()
    driver.prepare(I_max=10.0, rate=rate)
    bop.clock.wait(1.0)
    bop.steps.append((bop.clock.time - 0.02, 0.0))
    for target in targets:
        driver.set_current(target)
        assert bop.set_point == pytest.approx(target, abs=1e-6)
    for (t0, I0), (t1, I1) in itertools.pairwise(bop.steps):
        assert abs(I1 - I0) <= rate * (t1 - t0) * (1 + 1e-9)


def test_a_ramp_takes_its_time_and_two_questions(bench):
    """5 A at 2 A/s are 2.5 s and some 125 steps; where it starts is asked before, errors at the end."""
    driver, bop, resource = bench
    driver.prepare(I_max=10.0, rate=2.0)
    resource.said.clear()
    before = bop.clock.time
    driver.set_current(5.0)
    assert bop.clock.time - before == pytest.approx(2.5, abs=0.05)
    assert [line for line in resource.said if "?" in line] == ["CURR?", "SYST:ERR?"]
    assert resource.said[-2:] == ["CURR 5.000000", "SYST:ERR?"]


def test_a_set_point_that_somebody_else_has_changed_is_not_jumped_from(bench):
    """The walk would begin with a step from there; nothing is said."""
    driver, bop, resource = bench
    driver.prepare(I_max=10.0, rate=2.0)
    driver.set_current(1.0)
    bop("CURR 4")
    resource.said.clear()
    with pytest.raises(NotFollowed, match="must read back 1 A; it reads 4 A"):
        driver.set_current(1.2)
    assert commands(resource) == []


def test_numbers_on_the_wire_have_no_exponent_and_no_minus_zero(bench):
    """At most four digits before and eight after the point are used: 1e-7 would be read as 1."""
    driver, _, resource = bench
    driver.prepare(I_max=10.0, rate=50.0)
    resource.said.clear()
    for current in (1e-7, -1e-7, -0.0, 9.87654321):
        driver.set_current(current)
    for line in commands(resource):
        number = line.removeprefix("CURR ")
        assert set(number) <= set("-0123456789.")
        assert number != "-0.000000"


def test_two_milliseconds_pass_between_a_question_and_its_answer(bench):
    """243-0882, front note."""
    driver, bop, _ = bench
    bop.clock.waits.clear()
    assert driver.current == 0.0
    assert bop.clock.waits == [2e-3]


def test_a_refused_step_is_told_and_the_next_ramp_starts_from_the_set_point_read_back(bench):
    """The supply did not move: the driver must not believe that it did."""
    driver, bop, _ = bench
    driver.prepare(I_max=10.0, rate=1.0)
    bop.deaf_to.add("CURR")
    bop.errors.append('-222,"Data out of range"')
    with pytest.raises(ErrorQueueNotEmpty, match=r"must accept 'CURR 1\.000000'.*-222"):
        driver.set_current(1.0)
    bop.deaf_to.clear()
    driver.set_current(1.0)
    assert bop.steps[0][1] <= 0.02


def test_before_prepare_and_after_park_nothing_is_set(bench):
    """A supply whose mode nobody proved is not driven."""
    driver, _, resource = bench
    with pytest.raises(NotReady):
        driver.set_current(0.0)
    assert resource.said == []
    driver.prepare(I_max=10.0, rate=1.0)
    driver.park()
    with pytest.raises(NotReady):
        driver.set_current(0.0)


def test_parking_walks_to_zero_and_then_switches_off(bench):
    """At the prepared rate; off only when the measured current is gone."""
    driver, bop, resource = bench
    driver.prepare(I_max=10.0, rate=2.0)
    driver.set_current(6.0)
    before = bop.clock.time
    bop.steps.clear()
    driver.park()
    assert bop.clock.time - before == pytest.approx(3.0, abs=0.1)
    assert bop.steps[-1][1] == 0.0
    assert resource.said.index("MEAS:CURR?") < resource.said.index("OUTP OFF")
    assert not bop.is_on


def test_parking_a_supply_that_nobody_prepared_is_slow():
    """Another program left 2 A: 0.5 A/s."""
    driver, bop, _ = make_bench(set_point=2.0, is_on=True)
    driver.park()
    assert bop.clock.time == pytest.approx(4.0, abs=0.3)
    assert not bop.is_on


def test_a_magnet_that_still_carries_current_keeps_its_circuit():
    """The output stays on, and a person is called."""
    driver, bop, resource = make_bench(set_point=6.0, is_on=True)
    bop.carried = 6.0
    with pytest.raises(NotParked, match="left on: do not break the circuit") as caught:
        driver.park()
    assert "it carries 6 A" in str(caught.value)
    assert "OUTP OFF" not in resource.said


def test_parking_walks_again_when_a_step_did_not_arrive():
    """A set point that does not read back as zero is walked down again."""
    driver, bop, resource = make_bench(set_point=2.0, is_on=True)
    sent = resource.write

    def lose_the_hundredth(text):
        steps = [line for line in resource.said if line.startswith("CURR ")]
        resource.fail_on = {text} if len(steps) == 100 and text.startswith("CURR ") else set()
        return sent(text)

    resource.write = lose_the_hundredth
    driver.park()
    assert resource.said.count("CURR 0.000000") == 1
    assert not bop.is_on
    for (_, I0), (_, I1) in itertools.pairwise(bop.steps):
        assert abs(I1 - I0) <= 0.5 * 0.02 * 2 + 1e-6


def test_parking_goes_on_when_the_set_point_cannot_be_read(bench):
    """Then the walk starts from the last one said."""
    driver, bop, _ = bench
    driver.prepare(I_max=10.0, rate=2.0)
    driver.set_current(1.0)
    bop.steps.clear()
    bop.mute.add("CURR?")
    with pytest.raises(NotParked):
        driver.park()
    assert bop.steps[0][1] == pytest.approx(0.96, abs=2e-3)
    assert bop.set_point == 0.0


def test_a_mute_supply_is_told_zero_and_switched_off_by_hand():
    """Nothing is known: zero at once, within the voltage limit; the error comes in finite time."""
    clock = FakeClock()
    mute = FakeResource(lambda line: None, clock)
    driver = KepcoBop(Wire(mute, clock, "supply"))
    with pytest.raises(NotParked, match="not confirmed"):
        driver.park()
    assert "CURR 0.000000" in mute.said
    assert "OUTP OFF" not in mute.said
    assert clock.time < 400.0


def test_an_output_that_does_not_go_off_is_told(bench):
    """At 0 A, but on."""
    driver, bop, _ = bench
    driver.prepare(I_max=10.0, rate=2.0)
    bop.deaf_to.add("OUTP")
    with pytest.raises(NotParked, match=r"must be off(?s:.*)still on"):
        driver.park()


def test_faults_are_the_error_queue_and_the_voltage_limit(bench):
    """What a supply that does not follow is asked; an output that is off is at no limit."""
    driver, bop, _ = bench
    assert driver.faults() == []
    bop.volts = -35.9
    assert driver.faults() == []
    driver.prepare(I_max=10.0, rate=2.0)
    bop.errors.append('10101,"Over temperature"')
    bop.volts = -35.9
    assert driver.faults() == ['10101,"Over temperature"', "at its voltage limit of 36 V"]


def test_settings_for_the_file(bench):
    """What the file stores before and after the run."""
    driver, _, _ = bench
    driver.prepare(I_max=10.0, rate=2.0, voltage_limit=20.0)
    assert driver.settings() == {
        "mode": ("current", "1"),
        "output": (True, "1"),
        "set_point": (0.0, "A"),
        "voltage_limit": (20.0, "V"),
    }


def test_nothing_that_jumps_can_be_assigned(bench):
    """`supply.set_point = 5` would go around the ramp."""
    driver, _, resource = bench
    for name in ("set_point", "voltage_limit", "current", "output", "ouput"):
        with pytest.raises(AttributeError):
            setattr(driver, name, 5.0)
    assert resource.said == []
