"""Waves of the simulated 6221: what its load sees and when, and what the registers tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rig_6221 import SQUARE, Rig

from sim_instruments.ports import Waveform


@pytest.fixture
def rig() -> Rig:
    return Rig()


# --- shapes ---------------------------------------------------------------------------------------


def test_a_sine_begins_at_zero_rises_and_reaches_its_peaks(rig: Rig) -> None:
    """Amplitude is the peak; offset is added; in 64 steps it is nowhere further off than half a step."""
    rig.start("SOUR:WAVE:AMPL 1e-3", "SOUR:WAVE:OFFS 2e-4", "SOUR:WAVE:FREQ 10", "SOUR:CURR:RANG 2e-3")
    assert rig.seen(0.0, 0.025, 0.05, 0.075, 1.025) == pytest.approx([2e-4, 1.2e-3, 2e-4, -0.8e-3, 1.2e-3])
    times = np.linspace(0.0, 0.1, 1001)[:-1]
    exact = 2e-4 + 1e-3 * np.sin(2 * np.pi * 10 * times)
    assert np.abs(np.array(rig.seen(*times)) - exact).max() < 1e-3 * math.pi / 64 + 1e-7
    assert np.mean(np.square(np.array(rig.seen(*times)) - 2e-4)) == pytest.approx(1e-6 / 2, rel=2e-3)


def test_a_square_wave_is_high_for_its_duty_cycle(rig: Rig) -> None:
    """30 % of 10 ms; the edge lies where it was set, not on a raster."""
    rig.start(*SQUARE, "SOUR:WAVE:DCYC 30")
    assert rig.seen(0.0, 2.9999e-3, 3.0001e-3, 9.9999e-3, 10.0001e-3) == pytest.approx(
        [1e-3, 1e-3, -1e-3, -1e-3, 1e-3]
    )


@pytest.mark.parametrize("duty", [0, 20, 50, 100])
def test_a_ramp_rises_for_its_duty_cycle_and_falls_for_the_rest(duty: int) -> None:
    """From -1 mA to 1 mA and back, never further from the line than half a step of 1/32."""
    rig = Rig()
    rig.start("SOUR:WAVE:FUNC RAMP", "SOUR:WAVE:FREQ 1", f"SOUR:WAVE:DCYC {duty}", "SOUR:WAVE:RANG BEST")
    times = np.arange(0.0005, 1.0, 0.001)
    line = np.interp(times, [0.0, duty / 100, 1.0], [-1e-3, 1e-3, -1e-3])
    assert np.abs(np.array(rig.seen(*times)) - line).max() <= 1e-3 / 32 * 1.01


def test_arbitrary_points_share_one_period_at_the_frequency(rig: Rig) -> None:
    """Four points at 100 Hz: 2.5 ms each, amplitude times value plus offset, one cycle, then zero."""
    rig.start(
        "SOUR:WAVE:ARB:DATA 0, 0.5, 1, -1",
        "SOUR:WAVE:FUNC ARB0",
        "SOUR:WAVE:AMPL 2e-3",
        "SOUR:WAVE:OFFS 1e-4",
        "SOUR:WAVE:FREQ 100",
        "SOUR:WAVE:DUR:CYCL 1",
    )
    assert rig.seen(1.2e-3, 3.7e-3, 6.2e-3, 8.7e-3, 10.1e-3) == pytest.approx(
        [1e-4, 1.1e-3, 2.1e-3, -1.9e-3, 0.0], abs=1e-12
    )


# --- how long -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (("SOUR:WAVE:DUR:CYCL 3",), 0.03),
        (("SOUR:WAVE:DUR:CYCL 0.5",), 0.005),
        (("SOUR:WAVE:DUR:TIME 0.07",), 0.07),
        (("SOUR:WAVE:DUR:TIME 1", "SOUR:WAVE:DUR:CYCL 20"), 0.2),
        (("SOUR:WAVE:DUR:TIME 0.1", "SOUR:WAVE:DUR:CYCL 20"), 0.1),
        (("SOUR:WAVE:DUR:CYCL 20", "SOUR:WAVE:DUR:CYCL INF", "SOUR:WAVE:DUR:TIME 0.3"), 0.3),
    ],
)
def test_time_and_cycles_both_limit_a_wave(rig: Rig, limits: tuple[str, ...], seconds: float) -> None:
    """Whichever is over first; the wave then stops by itself and the source goes to zero."""
    rig.start(*SQUARE, *limits)
    rig.clock.wait(1e6)
    stopped, current = rig.load.given[-1]
    assert stopped - rig.started == pytest.approx(seconds, rel=1e-9)
    assert current == 0.0


def test_a_time_of_whole_cycles_is_whole_cycles(rig: Rig) -> None:
    """0.07 s at 100 Hz are seven, although 0.07 x 100 is 7.000000000000001."""
    rig.start(*SQUARE, "SOUR:WAVE:DUR:TIME 0.07")
    _, wave = rig.load.given[0]
    assert isinstance(wave, Waveform)
    assert wave.cycles == 7.0


def test_a_wave_without_a_limit_goes_on(rig: Rig) -> None:
    """A million cycles later it is still there."""
    rig.start(*SQUARE)
    assert rig.seen(1e4 + 0.001, 1e4 + 0.006) == pytest.approx([1e-3, -1e-3])
    assert rig.ask("STAT:OPER?;:SOUR:WAVE:ARM?") == f"{16 + 1024};1"


@pytest.mark.parametrize("line", ["SOUR:WAVE:DUR:TIME", "SOUR:WAVE:DUR:CYCL"])
def test_a_duration_may_be_infinite(rig: Rig, line: str) -> None:
    """INF by default, answered as +9.9e37; the longest finite one comes back as it was set."""
    assert float(rig.ask(line + "?")) == 9.9e37
    longest = rig.ask(line + "? MAX")
    rig.say(f"{line} {longest}")
    assert rig.ask(line + "?") == longest


def test_a_wave_that_has_ended_can_be_started_again(rig: Rig) -> None:
    """It stays armed, and INIT plays it once more."""
    rig.start(*SQUARE, "SOUR:WAVE:DUR:CYCL 1")
    rig.clock.wait(1.0)
    assert rig.ask("SOUR:WAVE:ARM?") == "1"
    rig.say("SOUR:WAVE:INIT")
    assert rig.now() == pytest.approx(1e-3)
    rig.clock.wait(1.0)
    assert rig.now() == 0.0
    assert rig.ask("SYST:ERR?").startswith("0,")


# --- arm, start, abort ----------------------------------------------------------------------------


def test_arming_takes_one_and_a_half_seconds_and_zeroes_the_source(rig: Rig) -> None:
    """The reply to the next query comes after; the DC level is gone at once and for good."""
    rig.say("SOUR:CURR 1e-3", "OUTP ON", "SOUR:WAVE:ARM")
    assert rig.now() == 0.0
    assert rig.ask("SOUR:WAVE:ARM?") == "1"
    assert rig.clock.now() == pytest.approx(1.5)
    rig.say("SOUR:WAVE:ABOR")
    assert rig.ask("SOUR:WAVE:ARM?;:SOUR:CURR?") == "0;0.000000E+00"
    assert rig.now() == 0.0


def test_a_wave_that_was_not_armed_does_not_start(rig: Rig) -> None:
    """-221; and one that runs cannot be started (-213) nor armed (-221) again."""
    rig.say("OUTP ON", "SOUR:WAVE:INIT")
    assert rig.ask("SYST:ERR?").startswith("-221")
    rig.start(*SQUARE)
    rig.say("SOUR:WAVE:INIT")
    assert rig.ask("SYST:ERR?").startswith("-213")
    rig.say("SOUR:WAVE:ARM")
    assert rig.ask("SYST:ERR?").startswith("-221")
    assert len(rig.load.given) == 1


@pytest.mark.parametrize("stop", ["SOUR:WAVE:ABOR", "*RST", "SYST:PRES"])
def test_abort_and_reset_stop_a_wave_in_the_middle_and_un_arm(rig: Rig, stop: str) -> None:
    """After 12.3 ms, at that very time, and nothing comes back later."""
    rig.start(*SQUARE, "SOUR:WAVE:DUR:CYCL 5")
    rig.clock.wait(0.0123)
    rig.say(stop)
    assert rig.now() == 0.0
    assert rig.load.given[-1][0] == pytest.approx(rig.started + 0.0123)
    assert rig.ask("SOUR:WAVE:ARM?") == "0"
    given = len(rig.load.given)
    rig.clock.wait(10.0)
    assert len(rig.load.given) == given
    assert int(rig.ask("STAT:OPER?")) & 0b10010000 == 0b10010000


def test_the_end_of_an_aborted_wave_does_not_end_the_next(rig: Rig) -> None:
    """Aborted after 10 ms of 2 s; the next one is still there when the first would have been over."""
    rig.start(*SQUARE, "SOUR:WAVE:DUR:CYCL 200")
    rig.clock.wait(0.010)
    rig.say("SOUR:WAVE:ABOR")
    rig.start("SOUR:WAVE:DUR:CYCL INF")
    assert rig.seen(0.601, 1.006, 9.001) == pytest.approx([1e-3, -1e-3, 1e-3])


def test_abort_is_harmless_when_nothing_runs(rig: Rig) -> None:
    """No error, no event, and the DC level flows on."""
    rig.say("SOUR:CURR 1e-3", "OUTP ON", "STAT:OPER?")
    rig.source.next_reply(1.0)
    rig.say("SOUR:WAVE:ABOR")
    assert rig.ask("STAT:OPER?;:SYST:ERR?") == '0;0,"No error"'
    assert rig.now() == pytest.approx(1e-3)


def test_a_wave_needs_the_output(rig: Rig) -> None:
    """With the output off it runs unseen; switched on it appears where it stands, switched off it is gone."""
    rig.start(*SQUARE, output=False)
    rig.clock.wait(0.006)
    assert rig.now() == 0.0
    rig.say("OUTP ON")
    assert rig.now() == pytest.approx(-1e-3)
    rig.clock.wait(0.006)
    assert rig.now() == pytest.approx(1e-3)
    rig.say("OUTP OFF")
    assert rig.now() == 0.0


def test_an_open_interlock_stops_the_current_of_a_wave(rig: Rig) -> None:
    """Like the switch."""
    rig.start(*SQUARE)
    rig.source.interlock_closed = False
    assert rig.now() == 0.0


def test_start_and_end_are_told_in_order(rig: Rig) -> None:
    """Operation bit 4 at the start, bit 7 at the end, each cleared by reading; bit 7 can request service."""
    rig.say("STAT:OPER:ENAB 128", "*SRE 128")
    rig.ask("STAT:OPER?")
    rig.start(*SQUARE, "SOUR:WAVE:DUR:CYCL 1")
    assert rig.ask("STAT:OPER?") == "16"
    rig.clock.wait(0.009)
    assert not rig.source.service_request
    assert rig.ask("STAT:OPER?") == "0"
    rig.clock.wait(0.002)
    assert rig.source.service_request
    assert rig.source.serial_poll() & 128
    assert rig.ask("STAT:OPER?;:STAT:OPER?") == "128;0"


# --- compliance and accuracy ----------------------------------------------------------------------


def test_compliance_cuts_a_wave_off(rig: Rig) -> None:
    """1 V over 264 ohm is 3.79 mA; the condition comes with the first sample that is cut and goes with the wave."""
    rig.start(
        "SOUR:CURR:COMP 1",
        "SOUR:WAVE:ARB:DATA 0.1,0.2,-1,0.3",
        "SOUR:WAVE:FUNC ARB0",
        "SOUR:WAVE:AMPL 10e-3",
        "SOUR:WAVE:FREQ 1",
        "SOUR:WAVE:DUR:CYCL 1",
    )
    conditions: list[int] = []
    for time in (0.1, 0.4, 0.6, 0.9, 1.1):
        rig.clock.run_until(rig.started + time)
        conditions.append(int(rig.ask("STAT:MEAS:COND?")) & 8)
    assert conditions == [0, 0, 8, 8, 0]
    assert rig.seen(0.1, 0.4, 0.6, 0.9) == pytest.approx([1e-3, 2e-3, -1 / 264, 3e-3])
    assert int(rig.ask("STAT:MEAS?")) & 8


def test_a_wave_that_stops_before_its_peak_was_never_in_compliance(rig: Rig) -> None:
    """Aborted after the first of two samples."""
    rig.start(
        "SOUR:CURR:COMP 1",
        "SOUR:WAVE:FUNC ARB0",
        "SOUR:WAVE:ARB:DATA 0.1,1",
        "SOUR:WAVE:AMPL 10e-3",
        "SOUR:WAVE:FREQ 1",
    )
    rig.clock.wait(0.3)
    rig.say("SOUR:WAVE:ABOR")
    rig.clock.wait(10.0)
    assert int(rig.ask("STAT:MEAS?")) & 8 == 0


def test_a_level_that_takes_no_time_is_never_in_compliance(rig: Rig) -> None:
    """A square wave of 0 % is low all the time: 11 mA are set, 1 mA flows."""
    rig.start("SOUR:CURR:COMP 1", *SQUARE, "SOUR:WAVE:DCYC 0", "SOUR:WAVE:AMPL 6e-3", "SOUR:WAVE:OFFS 5e-3")
    rig.clock.wait(1.0)
    assert rig.now() == pytest.approx(-1e-3)
    assert int(rig.ask("STAT:MEAS?")) & 8 == 0


def test_compliance_may_be_changed_while_a_wave_runs(rig: Rig) -> None:
    """It takes effect at once, and the wave keeps its phase."""
    rig.start("SOUR:WAVE:FUNC SQU", "SOUR:WAVE:AMPL 10e-3", "SOUR:WAVE:FREQ 1")
    rig.clock.wait(0.6)
    rig.say("SOUR:CURR:COMP 1")
    assert rig.now() == pytest.approx(-1 / 264)
    assert int(rig.ask("STAT:MEAS:COND?")) & 8
    rig.say("SOUR:CURR:COMP 10")
    assert rig.now() == pytest.approx(-10e-3)
    assert not int(rig.ask("STAT:MEAS:COND?")) & 8


@pytest.mark.parametrize(
    ("ranging", "full_scale"), [("FIX", 100e-3), ("BEST", 20e-3)], ids=["fixed 100 mA", "best 20 mA"]
)
def test_a_wave_has_the_errors_of_the_range_it_flows_on(ranging: str, full_scale: float) -> None:
    """The very current that a DC level of the same size has on that range, and not the ideal one."""
    rig = Rig(accuracy=True, serial="7", resistance=1.0)
    rig.say("OUTP ON", f"SOUR:CURR:RANG {full_scale}", "SOUR:CURR 0.015")
    dc = rig.now()
    rig.say("*RST")
    rig.start(*SQUARE, "SOUR:WAVE:AMPL 0.015", f"SOUR:WAVE:RANG {ranging}")
    assert rig.now() == dc
    assert dc != 0.015
    assert dc == pytest.approx(0.015, abs=0.015 * 1e-3 + 50e-6)
