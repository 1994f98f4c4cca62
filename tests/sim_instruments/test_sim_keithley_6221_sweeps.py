"""Sweeps of the simulated 6221: what flows and when, the lists, the coupling, the trigger model, refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig_delta import Rig

STAIR = ("SOUR:CURR:STAR 1e-3", "SOUR:CURR:STOP 5e-3", "SOUR:SWE:POIN 5", "SOUR:DEL 0.1")


def start(rig: Rig, *set_up: str) -> float:
    """Arm and start a sweep; return when (s)."""
    rig.say(*set_up, "SOUR:SWE:ARM")
    assert rig.error() == 0
    started = rig.clock.now()
    rig.say("INIT")
    return started


def flown(rig: Rig, since: float) -> list[tuple[float, float]]:
    """Return when (us are enough) and to what the current was stepped."""
    return [(round(time, 6), pytest.approx(level)) for time, level in rig.levels(since)]  # type: ignore[misc]


# --- what flows -----------------------------------------------------------------------------------


def test_a_staircase_flows_step_by_step_and_stays_at_its_last_point() -> None:
    """Each step lasts the source's delay; armed, the output is on and at zero."""
    rig = Rig()
    rig.say("SOUR:CURR 2e-3", "OUTP ON")
    started = start(rig, *STAIR)
    assert rig.ask("OUTP?") == "1"
    rig.clock.wait(10)
    assert flown(rig, started) == [(k / 10, 1e-3 * (k + 1)) for k in range(5)]
    assert rig.current() == pytest.approx(5e-3)


def test_a_logarithmic_sweep_grows_by_equal_factors() -> None:
    """1 mA to 10 mA in three points: the middle is the geometric mean."""
    rig = Rig()
    started = start(rig, "SOUR:SWE:SPAC LOG", "SOUR:CURR:STAR 1e-3;STOP 10e-3", "SOUR:SWE:POIN 3")
    rig.clock.wait(10)
    assert [level for _, level in rig.levels(started)] == pytest.approx(
        [1e-3, 10**0.5 * 1e-3, 10e-3], abs=1e-6
    )


def test_a_list_has_a_delay_and_a_compliance_for_each_point() -> None:
    """The last delay goes on; 0.2 V over 264 ohm let 0.76 mA through."""
    rig = Rig()
    lists = ("SOUR:LIST:CURR 1e-3,2e-3", "SOUR:LIST:CURR:APP 1e-3", "SOUR:LIST:DEL 0.5,0.25")
    started = start(rig, "SOUR:SWE:SPAC LIST", *lists, "SOUR:LIST:COMP 10,10,0.2")
    rig.clock.wait(10)
    assert flown(rig, started) == [(0.0, 1e-3), (0.5, 2e-3), (0.75, 0.2 / 264)]


def test_a_sweep_runs_as_often_as_its_count() -> None:
    """Twice two points."""
    rig = Rig()
    started = start(rig, *STAIR, "SOUR:SWE:POIN 2", "SOUR:SWE:COUN 2")
    rig.clock.wait(10)
    assert [level for _, level in flown(rig, started)] == [1e-3, 5e-3, 1e-3, 5e-3]


def test_a_fixed_range_cuts_a_sweep_off_at_what_it_carries() -> None:
    """The manual's own example (622x-901-01 p. 4-9): 1 to 5 mA on the 2 mA range."""
    rig = Rig()
    rig.say("SOUR:CURR:RANG 2e-3")
    started = start(rig, *STAIR, "SOUR:SWE:RANG FIX")
    rig.clock.wait(10)
    # Equal levels are one step to the load.
    assert [level for _, level in rig.levels(started)] == pytest.approx([1e-3, 2e-3, 2.1e-3])
    assert rig.clock.now() > started


@pytest.mark.parametrize(("ranging", "ranges"), [("BEST", [0.1] * 2), ("AUTO", [2e-6, 0.1])])
def test_ranging_is_for_the_whole_sweep_or_for_each_point(ranging: str, ranges: list[float]) -> None:
    """1 uA and 30 mA."""
    rig = Rig()
    start(rig, "SOUR:SWE:SPAC LIST", "SOUR:LIST:CURR 1e-6,30e-3", f"SOUR:SWE:RANG {ranging}")
    seen = [float(rig.ask("SOUR:CURR:RANG?"))]
    rig.clock.wait(1.5)
    seen.append(float(rig.ask("SOUR:CURR:RANG?")))
    assert seen == pytest.approx(ranges)


def test_compliance_ends_a_sweep_that_is_told_to_abort() -> None:
    """1 V over 264 ohm is passed at 4 mA: sweep aborted, nothing flows; otherwise it goes on."""
    rig = Rig()
    started = start(rig, *STAIR, "SOUR:CURR:COMP 1", "SOUR:SWE:CAB ON")
    rig.clock.wait(10)
    assert rig.levels(started)[-1] == (pytest.approx(0.3), 0.0)
    assert int(rig.ask("STAT:OPER?")) & 0b110 == 0b100
    rig.say("SOUR:SWE:ABOR", "SOUR:SWE:CAB OFF")
    started = start(rig)
    rig.clock.wait(10)
    assert int(rig.ask("STAT:OPER?")) & 0b110 == 0b010
    assert int(rig.ask("STAT:MEAS:COND?")) & 8


# --- life cycle -----------------------------------------------------------------------------------


def test_the_operation_register_and_opc_follow_a_sweep() -> None:
    """Sweeping and not idle while it runs, then done and idle; *OPC? is answered at the end."""
    rig = Rig()
    started = start(rig, *STAIR)
    assert int(rig.ask("STAT:OPER:COND?")) & (1 << 3 | 1 << 10 | 1 << 1) == 1 << 3
    assert rig.ask("*OPC?") == "1"
    assert rig.clock.now() - started == pytest.approx(0.5)
    assert int(rig.ask("STAT:OPER:COND?")) & (1 << 3 | 1 << 10 | 1 << 1) == 1 << 10 | 1 << 1


def test_an_endless_sweep_ends_with_abort_and_can_run_again() -> None:
    """ABORt leaves it armed; SWE:ABOR un-arms it and switches off."""
    rig = Rig()
    start(rig, *STAIR, "SOUR:SWE:COUN INF")
    rig.clock.wait(60)
    rig.say("INIT")
    assert rig.error() == -213
    rig.say("ABOR")
    assert int(rig.ask("STAT:OPER?")) & 4
    started = rig.clock.now()
    rig.say("INIT")
    rig.clock.wait(0.25)
    assert [level for _, level in flown(rig, started)] == [1e-3, 2e-3, 3e-3]
    rig.say("SOUR:SWE:ABOR")
    assert (rig.current(), rig.ask("OUTP?"), float(rig.ask("SOUR:CURR?"))) == (0.0, "0", 0.0)
    rig.say("INIT")
    assert rig.error() == -221


def test_reset_ends_a_sweep() -> None:
    """*RST: nothing flows, nothing is armed, *OPC? is answered at once."""
    rig = Rig()
    start(rig, *STAIR, "SOUR:SWE:COUN INF")
    rig.say("*RST")
    assert rig.ask("*OPC?") == "1"
    assert rig.current() == 0.0
    rig.clock.wait(10)
    assert rig.current() == 0.0
    assert int(rig.ask("STAT:OPER:COND?")) & (1 << 3 | 1 << 10) == 1 << 10


def test_arming_a_wave_ends_a_sweep_and_the_other_way_round() -> None:
    """One mode at a time; the wave's abort leaves a sweep alone, and the sweep's a wave."""
    rig = Rig()
    start(rig, *STAIR, "SOUR:SWE:COUN INF")
    rig.say("SOUR:WAVE:ABOR")
    rig.clock.wait(0.05)
    assert rig.current() == pytest.approx(1e-3)
    rig.say("SOUR:WAVE:ARM")
    assert rig.ask("SOUR:WAVE:ARM?") == "1"
    assert rig.current() == 0.0
    rig.say("SOUR:SWE:ABOR")
    assert rig.ask("SOUR:WAVE:ARM?") == "1"
    rig.say("SOUR:SWE:ARM")
    assert rig.ask("SOUR:WAVE:ARM?") == "0"
    assert rig.error() == 0


@pytest.mark.parametrize(
    "line", ["SOUR:CURR 1e-3", "SOUR:SWE:POIN 3", "SOUR:CURR:STAR 0", "SOUR:LIST:CURR 0"]
)
def test_nothing_is_set_while_a_sweep_is_armed(line: str) -> None:
    """+413, and the old setting stays."""
    rig = Rig()
    rig.say(*STAIR, "SOUR:SWE:ARM")
    header = line.split()[0]
    before = rig.ask(f"{header}?")
    rig.say(line)
    assert rig.error() == 413
    assert rig.ask(f"{header}?") == before


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("SOUR:SWE:SPAC LOG;:SOUR:CURR:STAR 0;:SOUR:SWE:ARM", -221),
        ("SOUR:LIST:CURR " + ",".join(["1e-6"] * 101), -223),
        ("SOUR:LIST:CURR 0.2", -222),
        ("SOUR:LIST:CURR", -109),
        ("SOUR:LIST:DEL 1e-4", -222),
        ("SOUR:CURR:STEP 1e-13", -222),
        ("SOUR:CURR:CENT 0.1", -222),
        ("SOUR:PULS:HIGH 1", -113),
        ("SOUR:SWE:STAR 1", -113),
        ("*TRG", -211),
        ("TRIG:SIGN", -211),
        ("ARM:SIGN", -211),
    ],
)
def test_what_cannot_be_is_refused(line: str, code: int) -> None:
    """Each with its own code."""
    rig = Rig()
    rig.say(line)
    assert rig.error() == code


def test_an_open_interlock_refuses_arming() -> None:
    """Arming would switch the output on; nothing is armed, and no meter is taken over."""
    rig = Rig()
    rig.source.interlock_closed = False
    for line in ("SOUR:SWE:ARM", "SOUR:DELT:ARM", "INIT"):
        rig.say(line)
        assert rig.error() == -221
    assert rig.ask("OUTP?;:SOUR:DELT:ARM?") == "0;0"


def test_the_longest_list_has_65535_points() -> None:
    """One more is -225."""
    rig = Rig()
    hundred = ",".join(["1e-6"] * 100)
    rig.say(f"SOUR:LIST:CURR {hundred}")
    for _ in range(654):
        rig.say(f"SOUR:LIST:CURR:APP {hundred}")
    rig.say(f"SOUR:LIST:CURR:APP {','.join(['1e-6'] * 35)}")
    assert rig.ask("SOUR:LIST:CURR:POIN?") == "65535"
    rig.say("SOUR:LIST:CURR:APP 1e-6")
    assert rig.error() == -225


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["CURR:STAR", "CURR:STOP", "CURR:CENT"]), st.floats(-0.105, 0.105)),
            st.tuples(st.just("CURR:SPAN"), st.floats(2e-13, 0.21)),
            st.tuples(st.just("CURR:STEP"), st.floats(1e-6, 0.105)),
            st.tuples(st.just("SWE:POIN"), st.integers(2, 65535)),
        ),
        max_size=8,
    )
)
def test_whatever_is_written_start_stop_centre_span_and_step_agree(writes: list[tuple[str, float]]) -> None:
    """622x-901-01 p. 4-22, in any order of writing; a written step fills the span but for less than one."""
    rig = Rig()
    for name, value in writes:
        rig.say(f"SOUR:{name} {value!r}")
    asked = ("CURR:STAR", "CURR:STOP", "CURR:CENT", "CURR:SPAN", "CURR:STEP", "SWE:POIN")
    first, last, centre, span, step, points = (float(rig.ask(f"SOUR:{name}?")) for name in asked)
    assert centre == pytest.approx((first + last) / 2, abs=3e-7)
    assert span == pytest.approx(abs(last - first), abs=3e-7)
    assert max(abs(first), abs(last)) <= 0.105 * (1 + 1e-6)
    assert span - step * 1.0001 - 1e-6 <= step * (points - 1) <= span * (1 + 1e-4) + 1e-6


# --- trigger model --------------------------------------------------------------------------------


def test_each_point_waits_for_the_link_and_tells_when_its_delay_is_over() -> None:
    """Line 1 in, line 2 out; the first wait is passed over with a direction of SOURce."""
    rig = Rig()
    heard: list[tuple[float, int]] = []
    rig.link.listen(lambda line: heard.append((rig.clock.now(), line)))
    started = start(rig, *STAIR, "TRIG:SOUR TLIN", "TRIG:DIR SOUR", "TRIG:OUTP DEL")
    rig.clock.wait(1)
    assert heard == [(pytest.approx(started + 0.1), 2)]
    assert rig.current() == pytest.approx(1e-3)
    rig.link.pulse(3)
    assert rig.current() == pytest.approx(1e-3)
    rig.link.pulse(1)
    assert rig.current() == pytest.approx(2e-3)


def test_an_output_trigger_of_source_comes_with_the_step() -> None:
    """Five steps, five pulses, on the line that was set."""
    rig = Rig()
    heard: list[tuple[float, int]] = []
    rig.link.listen(lambda line: heard.append((rig.clock.now(), line)))
    rig.say("TRIG:OLIN 5", "TRIG:OUTP SOUR")
    started = start(rig, *STAIR)
    rig.clock.wait(1)
    assert heard == [(pytest.approx(started + k / 10), 5) for k in range(5)]


def test_the_arm_layer_tells_that_the_trigger_layer_is_entered_or_left() -> None:
    """TENTer before the first step, TEXit after the last."""
    for output, time in (("TENT", 0.0), ("TEX", 0.5)):
        rig = Rig()
        heard: list[tuple[float, int]] = []
        rig.link.listen(lambda line, rig=rig, heard=heard: heard.append((rig.clock.now(), line)))
        started = start(rig, *STAIR, f"ARM:OUTP {output}", "ARM:OLIN 4")
        rig.clock.wait(5)
        assert heard == [(pytest.approx(started + time), 4)]


def test_a_timer_paces_the_sweeps() -> None:
    """Two points of 0.1 s every second; the first at once."""
    rig = Rig()
    started = start(rig, *STAIR, "SOUR:SWE:POIN 2", "SOUR:SWE:COUN 3", "ARM:SOUR TIM", "ARM:TIM 1")
    rig.clock.wait(10)
    assert [time for time, level in flown(rig, started) if level == 1e-3] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("how", ["*TRG", "GET", "ARM:SIGN"])
def test_the_bus_starts_a_sweep(how: str) -> None:
    """*TRG and GET with the source BUS; SIGNal skips any wait."""
    rig = Rig()
    start(rig, *STAIR, "ARM:SOUR BUS")
    rig.clock.wait(5)
    assert rig.current() == 0.0
    if how == "GET":
        rig.source.group_trigger()
    else:
        rig.say(how)
    assert rig.current() == pytest.approx(1e-3)
    assert rig.error() == 0


def test_a_get_out_of_place_is_ignored_with_an_error() -> None:
    """-211, as *TRG."""
    rig = Rig()
    rig.source.group_trigger()
    assert rig.error() == -211


def test_a_line_cannot_be_input_and_output() -> None:
    """-221 in both layers, and the old line stays."""
    rig = Rig()
    for line in ("TRIG:OLIN 1", "TRIG:ILIN 2", "ARM:OLIN 1", "ARM:ILIN 2"):
        rig.say(line)
        assert rig.error() == -221
    assert rig.ask("TRIG:OLIN?;ILIN?;:ARM:OLIN?;ILIN?") == "2;1;2;1"


def test_a_sweep_and_the_meter_step_each_other_over_the_link() -> None:
    """The recipe of a published driver: a list sweep that triggers the meter, whose buffer holds every step."""
    rig = Rig()
    relay = (
        "*RST",
        "VOLT:NPLC 0.1",
        "VOLT:DFIL OFF",
        "TRIG:SOUR EXT;COUN 3",
        "TRAC:POIN 3;FEED SENS;FEED:CONT NEXT",
    )
    for line in relay:
        rig.say(f'SYST:COMM:SER:SEND "{line}"')
    rig.clock.wait(1)
    start(
        rig,
        "SOUR:SWE:SPAC LIST;:SOUR:LIST:CURR 1e-4,-2e-4,3e-4;DEL 0.01",
        "TRIG:SOUR TLIN;DIR SOUR;OLIN 2;ILIN 1;OUTP DEL",
        'SYST:COMM:SER:SEND "INIT"',
    )
    rig.clock.wait(5)
    rig.say('SYST:COMM:SER:SEND "TRAC:DATA?"')
    volts = [float(text) for text in rig.ask("SYST:COMM:SER:ENT?").split(",")]
    assert volts == pytest.approx([1e-3, -2e-3, 3e-3], rel=1e-6)
    assert int(rig.ask("STAT:OPER?")) & 2
