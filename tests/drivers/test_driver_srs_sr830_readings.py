"""The SR830 driver prepared and read: rms volts of one harmonic, or nothing where overloaded or unlocked."""

import math

import pytest
from fake_sr830 import changes, fresh
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import NotFollowed, NotReady, OutOfRange, Overload, ReplyGarbled
from drivers.srs_sr830_settings import sensitivity_for, settle_time


@pytest.fixture
def bench():
    return fresh()


@pytest.fixture
def prepared(bench):
    lockin, resource, _ = bench
    lockin.prepare(V_max_rms=5e-6, time_constant=0.3)
    resource.said.clear()
    return bench


def test_preparing_sets_everything_that_a_reading_depends_on(bench):
    """Differential input, fixed range, filter and harmonic: whatever the front panel was left at."""
    lockin, resource, _ = bench
    lockin.prepare(V_max_rms=3e-3, time_constant=1.0, slope=12, harmonic=2, reserve="high", sync_filter=True)
    assert changes(resource) == [
        "ISRC 1", "IGND 0", "ICPL 0", "ILIN 0", "RMOD 0", "SENS 19", "OFSL 1", "HARM 2", "OFLT 10", "SYNC 1",
        "OEXP 1,0,0", "OEXP 2,0,0",
    ]  # fmt: skip


def test_each_line_holds_one_command_and_is_asked_about_once(bench):
    """The SR830 answers every query with a terminator of its own: compound queries would shift the answers."""
    lockin, resource, _ = bench
    lockin.prepare(V_max_rms=1e-3, time_constant=0.1)
    lockin.read_xy()
    assert not any(";" in line for line in resource.said)
    for line, following in zip(resource.said, resource.said[1:], strict=False):
        assert "?" in line or following == "*ESR?"


@pytest.mark.parametrize(
    "wrong",
    [
        {"V_max_rms": 1.1}, {"V_max_rms": 0.0}, {"V_max_rms": -1e-3}, {"V_max_rms": math.nan},
        {"time_constant": 0.2}, {"time_constant": math.nan}, {"time_constant": 1e5},
        {"slope": 10}, {"harmonic": 0}, {"harmonic": 20000}, {"harmonic": 1.5}, {"harmonic": 745},
        {"reserve": "low"}, {"sync_filter": 1},
    ],
)  # fmt: skip
def test_a_preparation_that_cannot_be_had_sets_nothing(bench, wrong):
    """The whole of it is checked before the first change; 745 times 137 Hz is above 102 kHz."""
    lockin, resource, _ = bench
    with pytest.raises(OutOfRange, match="Nothing was sent"):
        lockin.prepare(**({"V_max_rms": 1e-3, "time_constant": 0.1} | wrong))
    assert changes(resource) == []


@pytest.mark.parametrize(
    ("query", "answer", "name"), [("OFLT?", "9", "time_constant"), ("HARM?", "1", "harmonic")]
)
def test_what_the_lockin_changed_by_itself_is_found_out(bench, query, answer, name):
    """Above 200 Hz it shortens long time constants: settling would be waited for with the wrong one."""
    lockin, _, echo = bench
    hear = echo.hear
    echo.hear = lambda header, argument: None if f"{header}?" == query else hear(header, argument)
    echo.state[query] = answer
    with pytest.raises(NotFollowed, match=f"{name} of lock-in must read back"):
        lockin.prepare(V_max_rms=1e-3, time_constant=100.0, harmonic=2)
    with pytest.raises(NotReady):
        lockin.read_xy()


def test_x_and_y_come_from_one_query_in_volts_rms(prepared):
    """Two queries would be two moments."""
    lockin, resource, _ = prepared
    assert lockin.read_xy() == (-4.17234e-7, 5.9605e-7)
    assert resource.said == ["LIAS?", "SNAP? 1,2", "LIAS?"]


def test_no_reading_before_prepare_nor_after_the_input_was_changed(bench):
    """Volts or amperes of which input is not known otherwise."""
    lockin, resource, _ = bench
    with pytest.raises(NotReady, match="must be prepared"):
        lockin.read_xy()
    with pytest.raises(NotReady, match="must be prepared"):
        lockin.select_harmonic(2)
    assert resource.said == []
    lockin.prepare(V_max_rms=1e-3, time_constant=0.1)
    lockin.phase = 90.0
    lockin.read_xy()
    lockin.input = "I at 1 Mohm"
    with pytest.raises(NotReady):
        lockin.read_xy()


@pytest.mark.parametrize(
    ("bit", "word"), [(0, "input overload"), (1, "filter overload"), (2, "output overload")]
)
def test_an_overloaded_output_is_not_a_reading(prepared, bit, word):
    """A clipped harmonic looks like a small one."""
    lockin, _, echo = prepared
    echo.present = 1 << bit
    with pytest.raises(Overload, match=f"reports {word}.") as raised:
        lockin.read_xy()
    assert "SNAP? 1,2" in str(raised.value)
    echo.present = 0
    assert lockin.read_xy() == (-4.17234e-7, 5.9605e-7)


def test_an_overload_that_was_over_before_the_reading_does_not_spoil_it(prepared):
    """Changing harmonics overloads for a moment, and the register keeps it until it is read."""
    lockin, _, echo = prepared
    echo.latched = 0b0111
    assert lockin.read_xy() == (-4.17234e-7, 5.9605e-7)


@pytest.mark.parametrize("status", [0b1000, 0b1111])
def test_without_its_reference_the_lockin_has_no_reading(prepared, status):
    """Whatever else is wrong, an unlocked reference is the cause to be told."""
    lockin, _, echo = prepared
    echo.present = status
    with pytest.raises(NotReady, match="must be locked to its reference"):
        lockin.read_xy()
    assert not lockin.is_locked()
    echo.present = 0
    assert lockin.is_locked()


def test_changes_of_range_are_no_reason_to_refuse_a_reading(prepared):
    """Bits 4 to 6 tell of events, not of a bad output."""
    lockin, _, echo = prepared
    echo.present = 0b1110000
    assert lockin.read_xy() == (-4.17234e-7, 5.9605e-7)
    assert lockin.status() == ["frequency range changed", "time constant changed", "data storage triggered"]


@given(bits=st.integers(0, 255))
def test_a_reading_is_returned_exactly_where_no_overload_and_no_unlock_stand(bits):
    """Of all 256 registers, those with one of the four lowest bits give no number."""
    lockin, _, echo = fresh()
    lockin.prepare(V_max_rms=1e-3, time_constant=0.1)
    echo.present = bits
    if bits & 0b1000:
        expected = pytest.raises(NotReady)
    elif bits & 0b0111:
        expected = pytest.raises(Overload)
    else:
        assert lockin.read_xy() == (-4.17234e-7, 5.9605e-7)
        return
    with expected:
        lockin.read_xy()


@pytest.mark.parametrize("reply", ["1.0", "1.0,2.0,3.0", "1.0,", "", "1.0, 2.0", "1.0,nan"])
def test_an_answer_of_another_form_is_garbled(prepared, reply):
    """Not one number too few, none too many."""
    lockin, _, echo = prepared
    echo.state["SNAP?"] = reply
    with pytest.raises(ReplyGarbled, match="SNAP"):
        lockin.read_xy()
    assert lockin.wire.suspect


def test_the_snapshot_has_all_outputs_and_the_frequency(bench):
    """In the order of the codes 1, 2, 3, 4, 9."""
    lockin, resource, echo = bench
    echo.state["SNAP?"] = "3e-6,-4e-6,5e-6,-53.13,137.0"
    assert lockin.snapshot()._asdict() == {
        "X": 3e-6, "Y": -4e-6, "R": 5e-6, "theta": -53.13, "frequency": 137.0,
    }  # fmt: skip
    assert resource.said == ["SNAP? 1,2,3,4,9"]


def test_another_harmonic_is_selected_and_read_back(prepared):
    """With a range of its own where the caller gives one."""
    lockin, resource, _ = prepared
    lockin.select_harmonic(2)
    assert changes(resource) == ["HARM 2"]
    lockin.select_harmonic(3, V_max_rms=40e-9)
    assert changes(resource)[1:] == ["HARM 3", "SENS 4"]


def test_what_is_still_as_it_was_set_is_left_alone(prepared):
    """Five questions, and nothing is set; one that is not prepared is asked nothing."""
    lockin, resource, _ = prepared
    lockin.use_external_reference()
    lockin.select_harmonic(2, V_max_rms=40e-9)
    resource.said.clear()
    lockin.verify()
    assert sorted(resource.said) == ["FMOD?", "HARM?", "ISRC?", "OFLT?", "SENS?"]
    lockin.park()
    resource.said.clear()
    lockin.verify()
    assert resource.said == []


@pytest.mark.parametrize(
    ("query", "answer", "name"),
    [
        ("ISRC?", "0", "input"), ("SENS?", "26", "sensitivity"), ("HARM?", "1", "harmonic"),
        ("OFLT?", "6", "time_constant"), ("FMOD?", "1", "reference"),
    ],
)  # fmt: skip
def test_a_setting_that_is_not_what_it_was_spoils_the_row(prepared, query, answer, name):
    """After a loss of the mains, or at somebody's hand: the reading is not stored, and none is taken after it."""
    lockin, _, echo = prepared
    lockin.use_external_reference()
    lockin.select_harmonic(2, V_max_rms=40e-9)
    echo.state[query] = answer
    with pytest.raises(NotFollowed, match=f"{name} of lock-in must still be"):
        lockin.verify()
    with pytest.raises(NotReady):
        lockin.read_xy()


def test_a_shorter_time_constant_is_not_waited_for(prepared):
    """The wait for the prepared one would be longer: the harmonic has not settled."""
    lockin, _, echo = prepared
    echo.state["OFLT?"] = "3"
    with pytest.raises(NotFollowed, match=r"time_constant of lock-in must still be 0\.3"):
        lockin.settle_time()


@pytest.mark.parametrize("request_", [(0,), (745,), (2.5,), (2, 2.0), (2, 0.0)])
def test_a_harmonic_out_of_reach_is_refused(prepared, request_):
    """And nothing is set, neither harmonic nor range."""
    lockin, resource, _ = prepared
    with pytest.raises(OutOfRange, match="Nothing was sent"):
        lockin.select_harmonic(*request_)
    assert changes(resource) == []


@given(V=st.floats(1e-12, 1.0))
def test_the_range_is_the_smallest_that_holds_the_voltage(V):
    """To 100 % of it, and not a step more."""
    full_scale = sensitivity_for(V)
    assert full_scale >= V
    assert full_scale <= 2e-9 or full_scale < 2.5000001 * V


@pytest.mark.parametrize("poles", [1, 2, 3, 4])
def test_the_settling_time_leaves_one_percent(poles):
    """Response of n equal poles to a step: 1 - exp(-x) sum x^k/k!; and not three time constants too long."""

    def left(x):
        return math.exp(-x) * sum(x**k / math.factorial(k) for k in range(poles))

    x = settle_time(1.0, 6 * poles)
    assert left(x) < 0.0105
    assert left(x - 1) > 0.01


def test_the_settling_time_follows_the_settings(bench):
    """10 time constants at 24 dB/octave; the synchronous filter adds a period; slopes that are not there raise."""
    lockin, _, _ = bench
    lockin.prepare(V_max_rms=1e-3, time_constant=0.3, slope=24)
    assert lockin.settle_time() == pytest.approx(3.0)
    lockin.frequency = 10.0
    lockin.sync_filter = True
    assert lockin.settle_time() == pytest.approx(3.1)
    with pytest.raises(OutOfRange, match="6, 12, 18 or 24"):
        settle_time(1.0, 7)
