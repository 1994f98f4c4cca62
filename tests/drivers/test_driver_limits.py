"""No number reaches a wire unless it is finite and within the limits, whatever is asked of a driver."""

import math
import re

import pytest
from driver_fakes import Echo, FakeClock, wired
from fake_6221 import WavePlayer
from fake_magnet import FIELD_PER_CURRENT, Magnet
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers._setting import Number
from drivers.errors import InstrumentError, OutOfRange
from drivers.field_source import FieldSource
from drivers.keithley_2182a import Keithley2182A
from drivers.keithley_6221 import Keithley6221
from drivers.kepco_bop import KepcoBop
from drivers.lakeshore_475 import LakeShore475
from drivers.lakeshore_643 import RESOLUTION, LakeShore643
from drivers.srs_sr830 import SR830

DRIVERS = (Keithley6221, Keithley2182A, LakeShore643, LakeShore475, KepcoBop, SR830)
NUMBERS = [
    (driver, entry.name)
    for driver in DRIVERS
    for owner in driver.__mro__
    for entry in vars(owner).values()
    if isinstance(entry, Number)
]
SAID = re.compile(r"[+-]?\d+(?:\.\d+)?(?:E[+-]?\d+)?", re.IGNORECASE)

anything = st.floats(allow_nan=True, allow_infinity=True, width=64) | st.floats(-1.0, 1.0)


def numbers(lines):
    """Every number in the arguments of some lines; what is not one raises."""
    for line in lines:
        _, _, arguments = line.partition(" ")
        for word in filter(None, arguments.split(",")):
            if word not in {"ON", "OFF", "FIX", "INF", "SIN", "ARB0", "CURR"}:
                assert SAID.fullmatch(word), line
                yield float(word)


@pytest.fixture
def source_and_resource():
    player = WavePlayer()
    wire, resource = wired(player, "source")
    player.now = resource.clock.now
    source = Keithley6221(wire)
    source.connect()
    return source, resource


@pytest.mark.parametrize(("driver", "name"), NUMBERS, ids=lambda one: getattr(one, "__name__", one))
@settings(max_examples=60, deadline=None)
@given(value=anything)
def test_a_setting_says_a_number_within_its_data_sheet_or_nothing(driver, name, value):
    """NaN, infinity, 1e300 and what is a little beyond raise OutOfRange before anything is said."""
    wire, resource = wired(Echo({"SYST:ERR?": '0,"No error"', "*ESR?": "0"}))
    instrument = driver(wire)
    entry = getattr(driver, name)
    try:
        setattr(instrument, name, value)
    except OutOfRange:
        assert resource.said == []
        return
    said = float(resource.said[0].removeprefix(entry.header))
    assert math.isfinite(said)
    assert entry.low <= value <= entry.high
    assert entry.low - 1e-6 * abs(entry.low) <= said <= entry.high + 1e-6 * abs(entry.high)


@settings(max_examples=150, deadline=None)
@given(
    I_max=anything,
    compliance=anything,
    level=anything,
    samples=st.lists(anything, max_size=6),
    slot=anything,
    R_load=anything,
    frequency=anything,
)
def test_a_source_never_says_a_number_beyond_the_limits_of_its_station(
    I_max, compliance, level, samples, slot, R_load, frequency
):
    """Levels, amplitudes times points and compliances stay within 2 mA and 5 V, whatever is asked."""
    player = WavePlayer()
    wire, resource = wired(player, "source")
    player.now = resource.clock.now
    source = Keithley6221(wire)
    source.connect()
    source.narrow("level", -2e-3, 2e-3)
    source.narrow("compliance", 0.1, 5.0)
    for act in (
        lambda: source.prepare(I_max, compliance),
        lambda: source.prepare(1e-3, 2.0),
        lambda: source.set_current(level),
        lambda: source.play([*samples, 0.0], slot, compliance=compliance, R_load=R_load),
        lambda: source.play([*samples, 0.0], 1e-3, compliance=4.0, R_load=10.0),
        lambda: source.start_sine(level, frequency, compliance=4.0, R_load=10.0),
        source.stop_wave,
    ):
        try:
            act()
        except InstrumentError:
            continue
    assert all(math.isfinite(number) for number in numbers(resource.said))
    for line in resource.said:
        header, _, argument = line.partition(" ")
        if header in {"SOUR:CURR", "SOUR:WAVE:AMPL"}:
            assert abs(float(argument)) <= 2e-3
        if header == "SOUR:CURR:COMP":
            assert 0.1 <= float(argument) <= 5.0
        if header in {"SOUR:WAVE:ARB:DATA", "SOUR:WAVE:ARB:APP"}:
            assert all(abs(float(point)) <= 1 for point in argument.split(","))


@pytest.mark.parametrize(
    "asked",
    [
        lambda source: source.prepare(2.1e-3, 2.0),
        lambda source: source.prepare(1e-3, 5.1),
        lambda source: setattr(source, "level", -2.1e-3),
        lambda source: source.play([2.1e-3, 0.0], 1e-3, compliance=4.0, R_load=10.0),
        lambda source: source.play([1e-3, 0.0], 1e-3, compliance=5.1, R_load=10.0),
        lambda source: source.start_sine(2.1e-3, 100.0, compliance=4.0, R_load=10.0),
    ],
)
def test_beyond_the_stations_limit_nothing_is_said_and_within_it_is(source_and_resource, asked):
    """The same call is refused with limits and carried out without them."""
    source, resource = source_and_resource
    source.prepare(1e-3, 2.0)
    source.narrow("level", -2e-3, 2e-3)
    source.narrow("compliance", 0.1, 5.0)
    resource.said.clear()
    with pytest.raises(OutOfRange, match=r"on this station; got .* Nothing was sent"):
        asked(source)
    assert resource.said == []
    source._narrowed.clear()
    asked(source)
    assert resource.said


def test_a_limit_narrows_and_never_widens(source_and_resource):
    """A station file cannot allow what the data sheet, or an earlier limit, forbids."""
    source, _ = source_and_resource
    source.narrow("level", -1.0, 1.0)
    with pytest.raises(OutOfRange, match=r"-0\.105 to 0\.105 A"):
        source.level = 0.2
    source.narrow("level", -1e-3, 1e-3)
    source.narrow("level", -1e-2, 1e-2)
    with pytest.raises(OutOfRange):
        source.level = 2e-3
    for name in ("levle", "output"):
        with pytest.raises(OutOfRange, match=r"one of its numbers, level, .*got"):
            source.narrow(name, 0.0, 1.0)
    with pytest.raises(OutOfRange):
        source.narrow("level", 2e-3, 3e-3)


SUPPLIES = {
    LakeShore643: {
        "XPGM?": "0",
        "RDGI?": "+0.0000",
        "SETI?": "+0.0000",
        "*ESR?": "0",
        "LIMIT?": "+2.0000,+1.0000",
        "RATE?": "+1.0000",
    },
    KepcoBop: {
        "*IDN?": "KEPCO,BIT 4886 36-12  08-04-2023,H249977,4.04-1.82",
        "OUTP?": "0",
        "FUNC:MODE?": "1",
        "CURR?": "0.0",
        "VOLT?": "36.0",
        "MEAS:CURR?": "0.0",
        "MEAS:VOLT?": "0.0",
    },
}


class Supply(Echo):
    """A supply that answers its mode by a number, whatever word it was told."""

    def hear(self, header, argument):
        if header != "FUNC:MODE":
            super().hear(header, argument)


@pytest.mark.parametrize("supply", SUPPLIES)
@settings(max_examples=100, deadline=None)
@given(I_max=anything, rate=anything, current=anything, step=st.floats(-2.5, 2.5))
def test_a_supply_never_says_more_than_it_was_prepared_for(supply, I_max, rate, current, step):
    """Whatever was asked before, after prepare(2 A, 1 A/s) no set point is beyond 2 A, and each is a number."""
    wire, resource = wired(Supply(SUPPLIES[supply]), "supply")
    driver = supply(wire)
    if supply is KepcoBop:
        driver.connect()
    for act in (
        lambda: driver.prepare(I_max, rate),
        lambda: driver.prepare(2.0, 1.0),
        lambda: driver.set_current(current),
    ):
        try:
            act()
        except InstrumentError:
            continue
    before = len(resource.said)
    try:
        driver.set_current(step)
    except OutOfRange:
        assert abs(step) > 2.0
        assert len(resource.said) == before
    else:  # what is beyond by less than half the last digit is said as the limit itself
        assert abs(step) <= 2.0 + RESOLUTION / 2
        assert len(resource.said) > before
    assert all(math.isfinite(number) for number in numbers(resource.said))
    for line in resource.said:
        header, _, argument = line.partition(" ")
        if header in {"SETI", "CURR"}:
            assert abs(float(argument)) <= 2.0


def field_source():
    """A magnet of up to 20 mT, and its supply."""
    clock = FakeClock()
    magnet = Magnet(clock)
    source = FieldSource(
        magnet,
        field_per_current=FIELD_PER_CURRENT,
        mu0_H_max=0.02,
        slew=0.01,
        tolerance=1e-4,
        clock=clock,
        name="magnet_x",
    )
    return source, magnet


@settings(max_examples=100, deadline=None)
@given(fields=st.lists(anything, max_size=4))
def test_a_magnet_is_never_asked_for_more_than_its_largest_field(fields):
    """Every set point of the supply is within mu0_H_max over the coil constant; the rest raises OutOfRange."""
    source, magnet = field_source()
    source.prepare()
    for mu0_H in fields:
        if abs(mu0_H) <= 0.02:
            source.ramp_to(mu0_H)
            continue
        before = list(magnet.calls)
        with pytest.raises(OutOfRange, match="Nothing was sent"):
            source.ramp_to(mu0_H)
        assert magnet.calls == before
    assert all(abs(call[1]) <= 2.0 for call in magnet.calls if call[0] == "set")


def test_a_field_source_is_limited_before_it_prepares_its_supply():
    """The limit of a sample narrows mu0_H_max, and so the current limit in the supply; it never widens."""
    source, magnet = field_source()
    source.limit(0.01)
    source.limit(0.015)
    source.prepare()
    assert magnet.calls[0] == ("prepare", pytest.approx(1.0), pytest.approx(1.0))
    assert source.asked is None
    source.ramp_to(0.01)
    assert source.asked == 0.01
    with pytest.raises(OutOfRange, match=r"within 0\.01 T"):
        source.ramp_to(0.0101)
    source.park()
    assert source.asked is None
    for nothing in (0.0, -1.0, math.nan):
        with pytest.raises(OutOfRange):
            source.limit(nothing)


def test_a_supply_that_takes_a_voltage_limit_is_told_the_coils():
    """5 V of coil and leads is what a Kepco is told, not its rating; more than that is refused."""
    wire, resource = wired(Supply(SUPPLIES[KepcoBop]), "supply")
    supply = KepcoBop(wire)
    supply.connect()
    supply.limit_voltage(5.0)
    supply.limit_voltage(9.0)
    supply.prepare(2.0, 1.0)
    assert "VOLT 5.000000" in resource.said
    resource.said.clear()
    with pytest.raises(OutOfRange, match=r"voltage_limit of supply must be 0\.1 to 5 V"):
        supply.prepare(2.0, 1.0, 6.0)
    for nothing in (0.0, math.nan):
        with pytest.raises(OutOfRange, match=r"must be at least 0\.1 V"):
            supply.limit_voltage(nothing)
    assert resource.said == []


@pytest.mark.parametrize(
    ("condition", "faults"),
    [
        (0, []),
        (8, []),
        (2, ["interlock open"]),
        (4, ["over-temperature"]),
        (14, ["interlock open", "over-temperature"]),
    ],
)
def test_a_source_tells_its_faults_and_compliance_is_none(condition, faults):
    """Bits 1, 2 and 3 of the measurement condition (622x-901-01 p. 11-11)."""
    source = Keithley6221(wired(Echo({"STAT:MEAS:COND?": str(condition)}), "source")[0])
    assert source.faults() == faults
