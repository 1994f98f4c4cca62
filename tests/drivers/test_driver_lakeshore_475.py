"""The 475 driver: tesla or nothing, and an overload is never a field."""

import math

import pytest
from driver_fakes import Echo, wired

from drivers.errors import ErrorQueueNotEmpty, NotReady, OutOfRange, Overload
from drivers.lakeshore_475 import LakeShore475, ReadingMode


@pytest.fixture
def echo():
    return Echo(
        {
            "*IDN?": "LSCI,MODEL475,4750022,1.0",
            "*ESR?": "0",
            "RDGFIELD?": "+012.345E-03",
        }
    )


@pytest.fixture
def gaussmeter_and_resource(echo):
    wire, resource = wired(echo, "gaussmeter")
    return LakeShore475(wire), resource


def test_preparing_selects_tesla_and_reads_it_back(gaussmeter_and_resource, echo):
    """A field in gauss taken for tesla is wrong by ten thousand."""
    gaussmeter, resource = gaussmeter_and_resource
    gaussmeter.prepare()
    assert [line for line in resource.said if line != "*ESR?"] == [
        "UNIT 2",
        "UNIT?",
        "RDGMODE 1,3,3,1,1",
        "AUTO 1",
    ]
    assert gaussmeter.read_field() == 0.012345


def test_a_unit_that_stays_gauss_is_found_out(gaussmeter_and_resource, echo):
    """Set is not enough: the unit is read back."""
    gaussmeter, _ = gaussmeter_and_resource
    echo.hear = lambda header, argument: None
    echo.state["UNIT?"] = "1"
    with pytest.raises(Exception, match="must read back tesla; it reads gauss"):
        gaussmeter.prepare()


def test_no_field_before_prepare_nor_after_the_unit_was_changed(gaussmeter_and_resource):
    """A number whose unit is not known is not a field."""
    gaussmeter, resource = gaussmeter_and_resource
    with pytest.raises(NotReady):
        gaussmeter.read_field()
    assert resource.said == []
    gaussmeter.prepare()
    gaussmeter.range = 3
    assert gaussmeter.read_field() == 0.012345
    gaussmeter.unit = "gauss"
    with pytest.raises(NotReady):
        gaussmeter.read_field()


@pytest.mark.parametrize(("reply", "in_step"), [("OL", True), ("-OL-", False), ("", False), ("+012.3", True)])
def test_what_is_not_a_field_is_an_overload(gaussmeter_and_resource, echo, reply, in_step):
    """OL is the text of its relatives; anything else unreadable is one too, and makes the session suspect."""
    gaussmeter, _ = gaussmeter_and_resource
    gaussmeter.prepare()
    echo.state["RDGFIELD?"] = reply
    if reply == "+012.3":
        assert gaussmeter.read_field() == 12.3
    else:
        with pytest.raises(Overload, match="must be within its range"):
            gaussmeter.read_field()
    assert gaussmeter.wire.suspect is not in_step


@pytest.mark.parametrize(
    ("mode", "line"),
    [
        (ReadingMode(), "RDGMODE 1,3,3,1,1"),
        (ReadingMode("DC", "4 digits", "wide", "pulse", "both"), "RDGMODE 1,2,1,2,3"),
        (ReadingMode("peak", "3 digits", "wide", "periodic", "both"), "RDGMODE 3,1,1,1,3"),
    ],
)
def test_reading_modes_are_words_here_and_codes_on_the_wire(gaussmeter_and_resource, mode, line):
    """The codes are those that the manual and instrumentkit give."""
    gaussmeter, resource = gaussmeter_and_resource
    gaussmeter.reading_mode = mode
    assert resource.said == [line, "*ESR?"]
    assert gaussmeter.reading_mode == mode


def test_a_mode_that_the_manual_does_not_list_is_refused(gaussmeter_and_resource):
    """Nothing is sent for a word that is not there."""
    gaussmeter, resource = gaussmeter_and_resource
    with pytest.raises(OutOfRange, match="must be one of DC, RMS, peak"):
        gaussmeter.reading_mode = ReadingMode(mode="AC")
    assert resource.said == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [("range", 0), ("range", 6), ("range", 2.5), ("range", math.nan), ("unit", "T"), ("autorange", 2)],
)
def test_what_a_setting_does_not_allow_raises_and_nothing_is_sent(gaussmeter_and_resource, setting, value):
    """Never clipped, never tried: zero bytes on the wire."""
    gaussmeter, resource = gaussmeter_and_resource
    with pytest.raises(OutOfRange, match=f"{setting} of gaussmeter must be"):
        setattr(gaussmeter, setting, value)
    assert resource.said == []


def test_a_refused_setting_is_an_error(gaussmeter_and_resource, echo):
    """The event register tells that the meter did not take it."""
    gaussmeter, _ = gaussmeter_and_resource
    echo.state["*ESR?"] = "16"
    with pytest.raises(ErrorQueueNotEmpty, match="must accept 'RANGE 5'"):
        gaussmeter.range = 5


def test_padding_of_a_code_does_not_matter(gaussmeter_and_resource, echo):
    """How the 475 pads its integers is not recorded."""
    gaussmeter, _ = gaussmeter_and_resource
    for reply in ("2", "+2", "02"):
        echo.state["UNIT?"] = reply
        assert gaussmeter.unit == "tesla"


def test_settings_for_the_file_include_the_reading_mode(gaussmeter_and_resource):
    """What the file stores before and after the run."""
    gaussmeter, _ = gaussmeter_and_resource
    gaussmeter.prepare()
    gaussmeter.range = 4
    assert gaussmeter.settings() == {
        "unit": ("tesla", "1"),
        "range": (4, "1"),
        "autorange": (True, "1"),
        "reading_mode": ("DC, 5 digits, low pass, periodic, positive", "1"),
    }


def test_parking_says_nothing(gaussmeter_and_resource):
    """A gaussmeter drives nothing."""
    gaussmeter, resource = gaussmeter_and_resource
    gaussmeter.park()
    assert resource.said == []
