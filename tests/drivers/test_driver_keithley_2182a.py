"""The 2182A driver: one new reading at a time, never an overload as a number, time enough to answer."""

import math

import pytest
from driver_fakes import Echo, wired

from drivers.errors import NotReady, OutOfRange, Overload, WireTimeout
from drivers.keithley_2182a import Keithley2182A, range_for

IDENTITY = "KEITHLEY INSTRUMENTS INC.,MODEL 2182A,1193143,C02 /A02"


@pytest.fixture
def echo():
    return Echo({"*IDN?": IDENTITY, "SYST:LFR?": "50", "READ?": "+1.23456789E-06"})


@pytest.fixture
def meter_and_resource(echo):
    wire, resource = wired(echo, "voltmeter")
    return Keithley2182A(wire), resource


def test_preparing_fixes_the_range_and_switches_both_filters_off(meter_and_resource, echo):
    """After *RST the meter ranges by itself and averages ten conversions: neither may be left so."""
    meter, resource = meter_and_resource
    meter.prepare(V_max=5e-3, nplc=1.0)
    commands = [line for line in resource.said if "?" not in line]
    assert commands[0] == "ABOR"
    assert set(commands) == {
        "ABOR", "INIT:CONT OFF", "TRIG:SOUR IMM", "TRIG:COUN 1", "TRIG:DEL 0", "SAMP:COUN 1", "SENS:FUNC 'VOLT'",
        "SENS:CHAN 1", "SENS:VOLT:RANG:AUTO OFF", "SENS:VOLT:RANG 0.01", "SENS:VOLT:NPLC 1", "SENS:VOLT:DFIL OFF",
        "SENS:VOLT:LPAS OFF", "SYST:AZER ON", "SYST:FAZ ON",
    }  # fmt: skip
    assert commands.index("SENS:VOLT:RANG:AUTO OFF") < commands.index("SENS:VOLT:RANG 0.01")


def test_a_reading_is_one_query(meter_and_resource):
    """The time limit is worked out once; after that a reading costs one line and its answer."""
    meter, resource = meter_and_resource
    meter.prepare(V_max=5e-3, nplc=1.0)
    meter.read_voltage()
    resource.said.clear()
    assert meter.read_voltage() == 1.23456789e-6
    assert resource.said == ["READ?"]


@pytest.mark.parametrize("reply", ["+9.9E37", "-9.9E37"])
def test_an_overflow_raises_and_is_never_a_voltage(meter_and_resource, echo, reply):
    """+9.9E37 is the meter's word for an input above the range."""
    meter, _ = meter_and_resource
    meter.prepare(V_max=5e-3, nplc=1.0)
    echo.state["READ?"] = reply
    with pytest.raises(Overload, match="Choose a larger V_max"):
        meter.read_voltage()
    echo.state["READ?"] = "-2.00000000E-03"
    assert meter.read_voltage() == -2e-3


def test_a_reading_before_prepare_is_refused(meter_and_resource):
    """Nobody knows which range, channel or filter it would come from."""
    meter, resource = meter_and_resource
    with pytest.raises(NotReady):
        meter.read_voltage()
    assert resource.said == []


@pytest.mark.parametrize(
    ("V_max", "nplc"), [(121.0, 1), (math.nan, 1), (math.inf, 1), (1e-3, 0.001), (1e-3, 61), (1e-3, math.nan)]
)
def test_a_preparation_beyond_the_meter_sends_nothing(meter_and_resource, V_max, nplc):
    """The whole request is checked before the first byte."""
    meter, resource = meter_and_resource
    with pytest.raises(OutOfRange):
        meter.prepare(V_max, nplc)
    assert resource.said == []


def test_sixty_cycles_are_refused_on_a_50_hz_line_before_anything_is_set(meter_and_resource, echo):
    """The limit is 60 cycles at 60 Hz and 50 at 50 Hz."""
    meter, resource = meter_and_resource
    with pytest.raises(OutOfRange, match="at most 50 on a 50 Hz line"):
        meter.prepare(V_max=1e-3, nplc=55)
    assert resource.said == ["SYST:LFR?"]
    echo.state["SYST:LFR?"] = "60"
    meter.prepare(V_max=1e-3, nplc=55)
    assert meter.nplc == 55


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 2 * 5 / 50),  # two conversions of five cycles
        ({"front_autozero": False}, 5 / 50),
        ({"digital_filter": True, "filter_count": 10}, 10 * 2 * 5 / 50),
        ({"analog_filter": True}, 2 * 5 / 50 + 0.125),
        ({"nplc": 50}, 2 * 50 / 50),
    ],
)
def test_a_reading_is_given_the_time_that_its_settings_need(meter_and_resource, changes, seconds):
    """Integration, front autozero, filters and line frequency make the time limit; a slow reading is no timeout."""
    meter, resource = meter_and_resource
    meter.prepare(V_max=5e-3, nplc=5.0)
    for name, value in changes.items():
        setattr(meter, name, value)
    assert seconds <= meter.reading_time() <= 1.5 * seconds + 0.02
    resource.late["READ?"] = 1.5 * seconds
    assert meter.read_voltage() == 1.23456789e-6


def test_the_time_limit_follows_a_later_change_of_settings(meter_and_resource):
    """A filter switched on after the first reading makes the next one ten times slower."""
    meter, resource = meter_and_resource
    meter.prepare(V_max=5e-3, nplc=5.0)
    meter.read_voltage()
    meter.filter_count = 100
    meter.digital_filter = True
    resource.late["READ?"] = 20.0
    assert meter.read_voltage() == 1.23456789e-6


def test_a_late_reading_does_not_become_the_next_one(meter_and_resource, echo):
    """The voltage of one field must not be stored at the next field: it is dropped, and a new one is taken."""
    meter, resource = meter_and_resource
    meter.connect()
    meter.prepare(V_max=5e-3, nplc=1.0)
    meter.read_voltage()
    echo.state["READ?"] = "+2.00000000E-06"
    resource.said.clear()
    resource.late["READ?"] = 3.0  # of the first one only
    assert [meter.read_voltage(), meter.read_voltage()] == [2e-6, 2e-6]
    assert resource.said.count("READ?") == 3
    assert meter.wire.repeats == 1


def test_a_meter_that_never_answers_is_given_up(meter_and_resource, echo):
    """Three questions, and then the timeout is told."""
    meter, resource = meter_and_resource
    meter.connect()
    meter.prepare(V_max=5e-3, nplc=1.0)
    meter.read_voltage()
    echo.mute.add("READ?")
    resource.said.clear()
    with pytest.raises(WireTimeout, match="READ"):
        meter.read_voltage()
    assert resource.said.count("READ?") == 3


def test_a_fresh_reading_is_asked_for_by_its_own_query(meter_and_resource, echo):
    """SENS:DATA:FRES? never gives the same reading twice."""
    meter, resource = meter_and_resource
    meter.prepare(V_max=5e-3, nplc=1.0)
    echo.state["SENS:DATA:FRES?"] = "-3.5E-05"
    assert meter.read_fresh() == -3.5e-5
    assert resource.said[-1] == "SENS:DATA:FRES?"


def test_parking_aborts_and_ends_continuous_initiation(meter_and_resource):
    """The meter is left idle."""
    meter, resource = meter_and_resource
    meter.park()
    assert [line for line in resource.said if "?" not in line] == ["ABOR", "INIT:CONT OFF"]


@pytest.mark.parametrize(
    ("voltage", "full_scale"),
    [(0.0, 0.01), (0.01, 0.01), (0.011, 0.1), (-5.0, 10.0), (100.0, 100.0), (120.0, 100.0)],
)
def test_the_smallest_range_that_holds_the_voltage_without_over_range_is_chosen(voltage, full_scale):
    """Over-range is left as a reserve, except at the end of the last range."""
    assert range_for(voltage) == full_scale


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("channel", 3), ("channel", 1.5), ("nplc", 0.009), ("filter_count", 0), ("filter_count", 101),
        ("filter_count", 2.5), ("filter_count", math.nan), ("filter_window", 10.1), ("range", -1), ("range", 121),
        ("filter_type", "median"), ("trigger_source", "IMM"), ("trigger_count", math.inf), ("sample_count", 1025),
    ],
)  # fmt: skip
def test_what_a_setting_does_not_allow_raises_and_nothing_is_sent(meter_and_resource, setting, value):
    """Never clipped, never tried: zero bytes on the wire."""
    meter, resource = meter_and_resource
    with pytest.raises(OutOfRange, match=f"{setting} of voltmeter must be"):
        setattr(meter, setting, value)
    assert resource.said == []


def test_a_measured_quantity_cannot_be_set(meter_and_resource):
    """The line frequency is read only."""
    meter, resource = meter_and_resource
    with pytest.raises(AttributeError, match="line_frequency of voltmeter is measured"):
        meter.line_frequency = 60
    assert resource.said == []


def test_an_endless_trigger_count_is_infinity(meter_and_resource, echo):
    """TRIG:COUN? answers +9.9e37 for INF, which is a setting here and no overload."""
    meter, _ = meter_and_resource
    echo.state["TRIG:COUN?"] = "+9.9e37"
    assert meter.trigger_count == math.inf
