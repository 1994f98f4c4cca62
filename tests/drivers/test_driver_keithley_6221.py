"""The 6221 driver: strict settings, no jump, and parking that does not give up."""

import math

import pytest
from driver_fakes import Echo, wired
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import ErrorQueueNotEmpty, NotParked, NotReady, OutOfRange, WrongInstrument
from drivers.keithley_6221 import RANGES, Keithley6221, range_for

IDENTITY = "KEITHLEY INSTRUMENTS INC.,MODEL 6221,4559777,D04  /700x "
REFUSAL = '-222,"Parameter data out of range"'


class Echo6221(Echo):
    """Answers numbers the way the instrument is thought to, and knows SOUR:CLE."""

    def hear(self, header, argument):
        if header == "SOUR:CLE":
            self.state |= {"SOUR:CURR?": "0.000000E+00", "OUTP?": "0"}
        else:
            super().hear(header, argument)


@pytest.fixture
def echo():
    return Echo6221(
        {
            "*IDN?": IDENTITY,
            "OUTP:INT:TRIP?": "1",
            "OUTP?": "0",
            "SOUR:CURR?": "0.000000E+00",
            "SOUR:CURR:COMP?": "1.000000E+01",
            "STAT:MEAS:COND?": "0",
        }
    )


@pytest.fixture
def source_and_resource(echo):
    wire, resource = wired(echo, "source")
    return Keithley6221(wire), resource


def test_connecting_reads_identity_and_old_errors_and_changes_nothing(source_and_resource, echo):
    """A run that died left its errors behind: they are reported, not blamed on us."""
    source, resource = source_and_resource
    echo.errors.extend([REFUSAL, '-113,"Undefined header"'])
    notes = source.connect()
    assert source.identity == IDENTITY
    assert [note.partition("connection: ")[2] for note in notes] == [REFUSAL, '-113,"Undefined header"']
    assert all(line.endswith("?") for line in resource.said)


def test_an_error_queue_that_never_empties_is_left_after_32_entries(source_and_resource, echo):
    """A firmware that repeats its last error must not hold us for ever."""
    source, _ = source_and_resource
    echo.errors.extend([REFUSAL] * 100)
    assert len(source.connect()) == 32


def test_another_instrument_at_the_address_is_refused(echo):
    """The nanovoltmeter must not be driven as a source."""
    echo.state["*IDN?"] = "KEITHLEY INSTRUMENTS INC.,MODEL 2182A,1193143,C02 /A02"
    wire, resource = wired(echo, "source")
    with pytest.raises(WrongInstrument, match=r"must be a Keithley 6220 or 6221.*MODEL 2182A"):
        Keithley6221(wire).connect()
    assert resource.said == ["*IDN?"]


def test_after_connecting_a_resynchronisation_must_meet_the_same_serial_number(source_and_resource, echo):
    """A second 6221 that answers at a swapped address is not ours."""
    source, _ = source_and_resource
    source.connect()
    echo.mute.add("STAT:MEAS:COND?")
    with pytest.raises(Exception, match="STAT:MEAS:COND"):
        source.in_compliance()
    echo.mute.clear()
    echo.state["*IDN?"] = IDENTITY.replace("4559777", "4358011")
    with pytest.raises(Exception, match="its own identity"):
        source.in_compliance()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("level", 0.1051), ("level", -0.1051), ("level", math.nan), ("level", math.inf), ("range", 0.2),
        ("compliance", 0.09), ("compliance", 105.01), ("compliance", math.nan), ("compliance", -math.inf),
        ("output", 1), ("output", "ON"), ("response", "medium"), ("inner_shield", "GUAR"), ("autorange", None),
    ],
)  # fmt: skip
def test_what_a_setting_does_not_allow_raises_and_nothing_is_sent(source_and_resource, setting, value):
    """Never clipped, never tried: zero bytes on the wire."""
    source, resource = source_and_resource
    with pytest.raises(OutOfRange, match=f"{setting} of source must be .*Nothing was sent"):
        setattr(source, setting, value)
    assert resource.said == []


@given(st.floats())
def test_no_level_reaches_the_wire_unless_it_is_finite_and_in_range(value):
    """Whatever float comes, the line that is sent holds a number within ±105 mA equal to it to nine digits."""
    wire, resource = wired(Echo6221({}), "source")
    source = Keithley6221(wire)
    try:
        source.level = value
    except OutOfRange:
        assert resource.said == []
        assert not abs(value) <= 0.105
    else:
        said = float(resource.said[0].removeprefix("SOUR:CURR "))
        assert abs(said) <= 0.105
        assert said == pytest.approx(value, rel=1e-8)


def test_minus_zero_goes_on_the_wire_as_zero():
    """`-0` is a spelling that no manual shows."""
    wire, resource = wired(Echo6221({}), "source")
    Keithley6221(wire).level = -0.0
    assert resource.said[0] == "SOUR:CURR 0"


def test_a_misspelt_setting_is_an_error_and_not_a_new_attribute(source_and_resource):
    """`source.complience = 5` must not pass silently."""
    source, resource = source_and_resource
    with pytest.raises(AttributeError):
        source.complience = 5
    with pytest.raises(AttributeError):
        source.set_currant = 1e-3
    assert resource.said == []


def test_a_refused_setting_names_the_line_and_the_instruments_own_words(source_and_resource, echo):
    """The error is put down to the command that earned it."""
    source, _ = source_and_resource
    echo.refused["SOUR:CURR:COMP 20"] = REFUSAL
    source.filter = False
    with pytest.raises(ErrorQueueNotEmpty, match=r"must accept 'SOUR:CURR:COMP 20'.*-222"):
        source.compliance = 20
    source.filter = True


@pytest.mark.parametrize("found_on", [False, True])
def test_preparing_never_jumps(source_and_resource, echo, found_on):
    """Level zero comes first, before range and compliance, and the output is switched on last."""
    source, resource = source_and_resource
    if found_on:
        echo.state |= {"OUTP?": "1", "SOUR:CURR?": "5.000000E-03"}
    source.prepare(I_max=1e-3, compliance=10.0)
    commands = [line for line in resource.said if "?" not in line]
    assert commands == [
        "SOUR:CURR 0",
        "SOUR:CURR:RANG:AUTO OFF",
        "SOUR:CURR:RANG 0.002",
        "SOUR:CURR:COMP 10",
        "OUTP ON",
    ]


def test_an_open_interlock_refuses_before_anything_is_set(source_and_resource, echo):
    """Software does not work around the interlock."""
    source, resource = source_and_resource
    echo.state["OUTP:INT:TRIP?"] = "0"
    with pytest.raises(NotReady, match="interlock of source must be closed"):
        source.prepare(I_max=1e-3, compliance=10.0)
    assert resource.said == ["OUTP:INT:TRIP?"]


@pytest.mark.parametrize(
    ("I_max", "compliance"),
    [(0.2, 10), (0.0, 10), (-1e-3, 10), (math.nan, 10), (1e-3, 0.01), (1e-3, math.inf)],
)
def test_a_preparation_beyond_the_instrument_sends_nothing(source_and_resource, I_max, compliance):
    """The whole request is checked before the first byte."""
    source, resource = source_and_resource
    with pytest.raises(OutOfRange):
        source.prepare(I_max, compliance)
    assert resource.said == []


def test_a_compliance_that_does_not_read_back_keeps_the_output_off(source_and_resource, echo):
    """Limits are read back before the output is switched on."""
    source, resource = source_and_resource
    echo.hear = lambda header, argument: None
    echo.state |= {"SOUR:CURR:RANG?": "2.000000E-03"}
    with pytest.raises(Exception, match="compliance of source must read back 5 V; it reads 10 V"):
        source.prepare(I_max=2e-3, compliance=5.0)
    assert "OUTP ON" not in resource.said


@pytest.mark.parametrize("current", [1.01e-3, -1.01e-3, math.nan, math.inf])
def test_a_current_beyond_the_prepared_one_is_refused_and_not_sent(source_and_resource, current):
    """The envelope of the run holds for each set-point, though the range would hold more."""
    source, resource = source_and_resource
    source.prepare(I_max=1e-3, compliance=10.0)
    resource.said.clear()
    with pytest.raises(OutOfRange, match=r"0\.001 A it was prepared for"):
        source.set_current(current)
    assert resource.said == []


def test_no_current_before_prepare_and_none_after_park(source_and_resource):
    """An output whose range and compliance nobody chose carries nothing."""
    source, resource = source_and_resource
    with pytest.raises(NotReady):
        source.set_current(0.0)
    assert resource.said == []
    source.prepare(I_max=1e-3, compliance=10.0)
    source.set_current(-1e-3)
    source.park()
    with pytest.raises(NotReady):
        source.set_current(1e-3)


@pytest.mark.parametrize(("condition", "limited"), [("0", False), ("8", True), ("+40", True), ("7", False)])
def test_compliance_is_bit_3_of_the_measurement_condition(source_and_resource, echo, condition, limited):
    """622x-901-01 p. 11-11 to 11-17."""
    source, _ = source_and_resource
    echo.state["STAT:MEAS:COND?"] = condition
    assert source.in_compliance() is limited


def test_parking_aborts_sends_zero_then_clear_and_reads_both_back(source_and_resource, echo):
    """A wave that runs is stopped first; level 0, output off, verified."""
    source, resource = source_and_resource
    echo.state |= {"OUTP?": "1", "SOUR:CURR?": "1.000000E-03"}
    source.park()
    assert resource.said == [
        "SOUR:WAVE:ABOR",
        "SOUR:CURR 0",
        "SOUR:CLE",
        "OUTP?",
        "SOUR:CURR?",
        "SYST:ERR?",
    ]


def test_parking_goes_on_when_the_first_steps_cannot_be_sent(source_and_resource, echo):
    """The read-back decides: SOUR:CLE alone parks the source."""
    source, resource = source_and_resource
    echo.state |= {"OUTP?": "1", "SOUR:CURR?": "1.000000E-03"}
    resource.fail_on = {"SOUR:WAVE:ABOR", "SOUR:CURR 0"}
    source.park()
    assert "SOUR:CLE" in resource.said
    assert echo.state["OUTP?"] == "0"


@pytest.mark.parametrize(
    ("broken", "confirmed"),
    [
        ({"SOUR:CLE"}, "the output is still on"),
        ({"SOUR:CURR 0", "SOUR:CLE"}, "level of source must read back 0"),
    ],
)
def test_parking_that_is_not_confirmed_raises_with_every_reason(source_and_resource, echo, broken, confirmed):
    """Nobody may believe in a parked source that still drives current."""
    source, resource = source_and_resource
    echo.state |= {"OUTP?": "1", "SOUR:CURR?": "1.000000E-03"}
    resource.fail_on = broken
    with pytest.raises(NotParked, match="must be off at 0 A; that is not confirmed") as caught:
        source.park()
    assert confirmed in str(caught.value)
    assert {"SOUR:CURR 0", "SOUR:CLE", "OUTP?", "SOUR:CURR?"} <= set(resource.said)


def test_parking_works_from_a_suspect_session(source_and_resource, echo):
    """The lines go out at once, the read-back waits for the proof."""
    source, resource = source_and_resource
    source.connect()
    echo.mute.add("STAT:MEAS:COND?")
    with pytest.raises(Exception, match="STAT:MEAS:COND"):
        source.in_compliance()
    resource.said.clear()
    source.park()
    assert resource.said[:3] == ["SOUR:WAVE:ABOR", "SOUR:CURR 0", "SOUR:CLE"]
    assert resource.said.index("*IDN?") < resource.said.index("OUTP?")


@pytest.mark.parametrize(
    ("current", "full_scale"),
    [
        (0.0, 2e-9),
        (2.1e-9, 2e-9),
        (2.2e-9, 20e-9),
        (1e-3, 2e-3),
        (2.1e-3, 2e-3),
        (-2.2e-3, 20e-3),
        (0.105, 0.1),
    ],
)
def test_the_smallest_range_whose_105_per_cent_holds_the_current_is_chosen(current, full_scale):
    """622x-900-01, specification page: 105 % of a range is usable."""
    assert range_for(current).full_scale == full_scale


@pytest.mark.parametrize(
    ("current", "expected"),
    [(1e-3, 0.05e-2 * 1e-3 + 1e-6), (-1e-6, 0.1e-2 * 1e-6 + 1e-9), (0.1, 1e-4 + 50e-6)],
)
def test_accuracy_is_that_of_the_specification_page(source_and_resource, current, expected):
    """Fraction of the level plus offset, on the smallest range that holds it."""
    source, _ = source_and_resource
    assert source.accuracy(current) == pytest.approx(expected, rel=1e-12)


def test_accuracy_of_a_small_level_is_that_of_the_prepared_range(source_and_resource):
    """10 uA sourced on the 2 mA range has the 1 uA offset of that range."""
    source, _ = source_and_resource
    source.prepare(I_max=1e-3, compliance=10.0)
    assert source.accuracy(10e-6) == pytest.approx(5e-9 + 1e-6)


def test_the_ranges_are_in_order_and_coarser_as_they_grow():
    """A slip in the table would show here."""
    scales = [entry.full_scale for entry in RANGES]
    assert scales == sorted(scales)
    assert [entry.offset_error for entry in RANGES] == sorted(entry.offset_error for entry in RANGES)


def test_settings_for_the_file_hold_every_setting_with_its_unit(source_and_resource, echo):
    """What the file stores before and after the run."""
    source, _ = source_and_resource
    source.prepare(I_max=1e-3, compliance=10.0)
    source.response, source.inner_shield = "slow", "guard"
    source.filter = source.low_to_earth = False
    assert source.settings() == {
        "level": (0.0, "A"),
        "range": (0.002, "A"),
        "autorange": (False, "1"),
        "compliance": (10.0, "V"),
        "output": (True, "1"),
        "response": ("slow", "1"),
        "filter": (False, "1"),
        "low_to_earth": (False, "1"),
        "inner_shield": ("guard", "1"),
    }


@pytest.mark.parametrize("reply", ["GUAR", "GUARD", "guard"])
def test_words_are_understood_in_both_forms(source_and_resource, echo, reply):
    """An instrument may answer the short or the long form."""
    source, _ = source_and_resource
    echo.state["OUTP:ISH?"] = reply
    assert source.inner_shield == "guard"


def test_a_word_that_the_manual_does_not_list_is_garbled(source_and_resource, echo):
    """A truncated word is not guessed at."""
    source, _ = source_and_resource
    echo.state["OUTP:ISH?"] = "GU"
    with pytest.raises(Exception, match="must answer one of"):
        _ = source.inner_shield
    assert source.wire.suspect
