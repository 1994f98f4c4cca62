"""The SR830 driver set up and parked: its steps, its references, the port it answers on."""

import math

import pytest
from fake_sr830 import IDENTITY, changes, fresh
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import ErrorQueueNotEmpty, NotParked, NotReady, OutOfRange, ReplyGarbled, WireTimeout
from drivers.srs_sr830 import SR830
from drivers.srs_sr830_settings import SENSITIVITIES, SLOPES, TIME_CONSTANTS


@pytest.fixture
def bench():
    return fresh()


@pytest.fixture
def prepared(bench):
    lockin, resource, _ = bench
    lockin.prepare(V_max_rms=5e-6, time_constant=0.3)
    resource.said.clear()
    return bench


def test_references_are_chosen_in_words(bench):
    """External by edge; internal by frequency and sine amplitude, in volts rms."""
    lockin, resource, _ = bench
    lockin.use_external_reference("TTL falling")
    lockin.use_internal_reference(133.333, V_sine_rms=0.1)
    assert changes(resource) == ["FMOD 0", "RSLP 2", "FMOD 1", "FREQ 133.33", "SLVL 0.100"]


@pytest.mark.parametrize(
    "request_",
    [(0.0005, 1.0), (102001.0, 1.0), (math.nan, 1.0), (137.0, 0.002), (137.0, 5.002), (137.0, 0.005)],
)
def test_an_internal_reference_that_cannot_be_had_sets_nothing(bench, request_):
    """5 mV is between two steps of the amplitude: the lock-in would take 4 or 6."""
    lockin, resource, _ = bench
    with pytest.raises(OutOfRange, match="Nothing was sent"):
        lockin.use_internal_reference(*request_)
    assert resource.said == []


def test_an_internal_reference_keeps_its_harmonic_within_reach(bench):
    """The third harmonic of 40 kHz is above 102 kHz; an unknown edge is no reference either."""
    lockin, resource, echo = bench
    echo.state["HARM?"] = "3"
    with pytest.raises(OutOfRange, match="at most 102000 Hz; got 3 times 40000 Hz"):
        lockin.use_internal_reference(40e3)
    with pytest.raises(OutOfRange, match="reference_slope of lock-in must be"):
        lockin.use_external_reference("rising")
    assert changes(resource) == []


def test_the_tables_are_those_of_the_data_sheet():
    """1-2-5 from 2 nV to 1 V, 1-3 from 10 us to 30 ks, as decimal numbers."""
    digits = [f"{digit}e{decade}" for decade in range(-9, 1) for digit in (1, 2, 5)]
    assert list(SENSITIVITIES) == [float(text) for text in digits[1:-2]]
    assert list(TIME_CONSTANTS) == [float(f"{digit}e{decade}") for decade in range(-5, 5) for digit in (1, 3)]
    assert SLOPES == (6, 12, 18, 24)


@pytest.mark.parametrize(
    ("setting", "value", "line"),
    [
        ("phase", 90, "PHAS 90.00"), ("phase", -359.999, "PHAS -360.00"), ("frequency", 17, "FREQ 17"),
        ("frequency", 0.12345, "FREQ 0.1235"), ("frequency", 1234.56, "FREQ 1234.6"),
        ("frequency", 102000, "FREQ 1.02E+05"), ("V_sine_rms", 0.004, "SLVL 0.004"),
        ("V_sine_rms", 5, "SLVL 5.000"),
        ("harmonic", 19999, "HARM 19999"), ("sensitivity", 1e-6, "SENS 8"), ("time_constant", 3e4, "OFLT 19"),
        ("slope", 18, "OFSL 2"), ("input", "I at 100 Mohm", "ISRC 3"), ("shield", "ground", "IGND 1"),
        ("coupling", "DC", "ICPL 1"), ("line_filters", "2 x line", "ILIN 2"), ("reserve", "low noise", "RMOD 2"),
        ("reference_slope", "sine", "RSLP 0"), ("sync_filter", True, "SYNC 1"),
    ],
)  # fmt: skip
def test_numbers_go_out_in_the_steps_of_the_instrument(bench, setting, value, line):
    """0.01 degree, 5 digits or 0.1 mHz, 2 mV, and codes for what comes in steps."""
    lockin, resource, _ = bench
    setattr(lockin, setting, value)
    assert resource.said == [line, "*ESR?"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("phase", 729.995), ("phase", -360.1), ("phase", math.nan), ("frequency", math.inf), ("harmonic", 1.5),
        ("V_sine_rms", 0.0), ("V_sine_rms", 0.003), ("V_sine_rms", math.nan), ("sensitivity", 3e-6),
        ("time_constant", 0.0), ("time_constant", math.nan), ("slope", 0), ("input", "B"), ("shield", True),
        ("coupling", "dc"), ("line_filters", "50 Hz"), ("reserve", 1), ("reference", "extern"), ("sync_filter", 2),
    ],
)  # fmt: skip
def test_what_a_setting_does_not_allow_raises_and_nothing_is_sent(bench, setting, value):
    """Never clipped, never tried: zero bytes on the wire."""
    lockin, resource, _ = bench
    with pytest.raises(OutOfRange, match=f"{setting} of lock-in must be"):
        setattr(lockin, setting, value)
    assert resource.said == []


@given(V=st.floats(allow_nan=True, allow_infinity=True))
def test_the_sine_output_is_what_was_asked_for_or_is_not_touched(V):
    """Any float: on a step within 4 mV to 5 V it goes out unchanged, else nothing does."""
    lockin, resource, _ = fresh()
    try:
        lockin.V_sine_rms = V
    except OutOfRange:
        assert resource.said == []
    else:
        assert float(resource.said[0].removeprefix("SLVL ")) == pytest.approx(V, abs=1e-8)


@given(step=st.integers(2, 2500))
def test_every_step_of_the_sine_output_can_be_had(step):
    """Also where 2 mV times a whole number is not a round number of floating point."""
    lockin, resource, _ = fresh()
    lockin.V_sine_rms = step * 0.002
    assert resource.said[0] == f"SLVL {2 * step // 1000}.{2 * step % 1000:03d}"


def test_a_code_that_is_not_in_the_table_is_garbled(bench):
    """An answer to another question, most likely."""
    lockin, _, echo = bench
    echo.state["SENS?"] = "27"
    with pytest.raises(ReplyGarbled, match="must answer 0 to 26; got 27"):
        _ = lockin.sensitivity
    assert lockin.wire.suspect


@pytest.mark.parametrize(
    ("register", "words"),
    [("1", "input buffer"), ("4", "query error"), ("16", "execution"), ("32", "command error")],
)
def test_a_refused_line_is_an_error(bench, register, words):
    """There is no queue and no text: the event register alone tells."""
    lockin, _, echo = bench
    echo.state["*ESR?"] = register
    with pytest.raises(ErrorQueueNotEmpty, match=f"must accept 'HARM 2'; it answered {words}"):
        lockin.harmonic = 2


def test_harmless_bits_are_no_errors(bench):
    """Bit 6 is a key on the front panel, bit 7 the power switch."""
    lockin, _, echo = bench
    echo.state["*ESR?"] = str(64 + 128 + 2 + 8)
    assert lockin.pending_errors() == []


def test_connecting_reads_and_sets_nothing_where_the_lockin_answers(bench):
    """Whoever looks must not disturb."""
    lockin, resource, echo = bench
    echo.state["*ESR?"] = "32"
    assert lockin.connect() == [
        "lock-in: from before this connection: command error, not understood (*ESR? bit 5)"
    ]
    assert resource.said == ["*IDN?", "*ESR?"]


@pytest.mark.parametrize(("port", "plugged_into"), [("0", "1"), ("1", "0")])
def test_a_lockin_that_answers_on_the_other_port_is_turned_round(bench, port, plugged_into):
    """Replies go to the port that OUTX names; the one in use stays mute until then."""
    lockin, resource, echo = bench
    echo.port, echo.plugged_into = port, plugged_into
    lockin.connect()
    assert lockin.identity == IDENTITY
    assert [line for line in resource.said if line.startswith("OUTX")][-1] == f"OUTX {plugged_into}"
    assert not lockin.wire.suspect


def test_a_lockin_that_is_mute_on_both_ports_is_given_up(bench):
    """A bounded time, and the error names the instrument."""
    lockin, resource, echo = bench
    echo.plugged_into = "neither"
    with pytest.raises(WireTimeout, match="lock-in must answer"):
        lockin.connect()
    assert resource.clock.time < 60


def test_parking_turns_the_sine_output_down_and_reads_it_back(prepared):
    """4 mV rms is the least: it cannot be switched off."""
    lockin, resource, _ = prepared
    lockin.park()
    assert resource.said == ["SLVL 0.004", "SLVL?"]
    with pytest.raises(NotReady):
        lockin.read_xy()


@pytest.mark.parametrize("reply", ["0.006", "1.000", "nonsense"])
def test_parking_that_is_not_read_back_is_not_parking(bench, reply):
    """Said is not done."""
    lockin, _, echo = bench
    echo.hear = lambda header, argument: None
    echo.state["SLVL?"] = reply
    with pytest.raises(NotParked, match=r"(?s)must be confirmed at 0\.004 V rms.*Turn it down by hand"):
        lockin.park()


def test_parking_goes_out_on_a_session_that_is_suspect(bench):
    """First the sine output, then the resynchronisation; a write that fails does not stop the read-back."""
    lockin, resource, _ = bench
    lockin.wire.distrust()
    lockin.park()
    assert resource.said[0] == "SLVL 0.004"
    resource.fail_on.add("SLVL 0.004")
    resource.said.clear()
    with pytest.raises(NotParked, match=r"SLVL 0\.004: lock-in must be reachable"):
        lockin.park()
    assert "SLVL?" in resource.said


def test_settings_for_the_file_are_in_words_and_si_units(bench):
    """What the file stores before and after the run; the amplitude says that it is rms."""
    lockin, _, _ = bench
    assert lockin.settings() == {
        "phase": (0.0, "deg"), "reference": ("internal", "1"), "reference_slope": ("sine", "1"),
        "frequency": (137.0, "Hz"), "harmonic": (1.0, "1"), "V_sine_rms": (1.0, "V"), "input": ("A", "1"),
        "shield": ("float", "1"), "coupling": ("AC", "1"), "line_filters": ("none", "1"),
        "sensitivity": (1.0, "V"), "reserve": ("normal", "1"), "time_constant": (0.1, "s"),
        "slope": (12, "dB/octave"), "sync_filter": (False, "1"),
    }  # fmt: skip


def test_headers_are_all_that_the_driver_can_say():
    """The closure over the witness rests on this list."""
    settings = [
        "PHAS", "FMOD", "RSLP", "FREQ", "HARM", "SLVL", "ISRC", "IGND", "ICPL", "ILIN", "SENS", "RMOD", "OFLT",
        "OFSL", "SYNC",
    ]  # fmt: skip
    both = {*settings, *(f"{header}?" for header in settings)}
    assert SR830.headers() == both | {"*IDN?", "*CLS", "*ESR?", "OUTX", "OEXP", "SNAP?", "LIAS?"}
