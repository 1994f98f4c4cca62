"""Waves on the 6221: a whole pulse as a transcript, few messages for the next, and no end believed in unseen."""

import pytest
from driver_fakes import wired
from fake_6221 import IDENTITY, WavePlayer

from drivers.errors import (
    ErrorQueueNotEmpty,
    InCompliance,
    NotFollowed,
    NotReady,
    OutOfRange,
    PulseUnconfirmed,
    WireTimeout,
)
from drivers.keithley_6221 import Keithley6221

CONFLICT = '-221,"Settings conflict"'
PULSE = ([20e-3, 20e-3, 0.0], 5e-3)


@pytest.fixture
def player():
    return WavePlayer()


@pytest.fixture
def source_and_resource(player):
    wire, resource = wired(player, "source")
    player.now = resource.clock.now
    source = Keithley6221(wire)
    source.connect()
    source.prepare(I_max=1e-3, compliance=5.0)
    resource.said.clear()
    return source, resource


def play(source, samples=PULSE[0], slot=PULSE[1], compliance=12.0, R_load=500.0):
    source.play(samples, slot, compliance=compliance, R_load=R_load)


SET_UP = [
    "SOUR:WAVE:ARB:DATA 1,1,0",
    "SOUR:WAVE:ARB:POIN?",
    "SOUR:WAVE:FUNC ARB0",
    "SOUR:WAVE:RANG FIX",
    "SOUR:WAVE:OFFS 0",
    "SOUR:WAVE:DUR:TIME INF",
    "SOUR:WAVE:DUR:CYCL 1",
    "SOUR:WAVE:PMAR:STAT OFF",
]


def transcript(set_up, amplitude="0.02"):
    """Every line of one pulse, in order; arming is seen at the second look for it here."""
    return [
        "OUTP:INT:TRIP?", "OUTP?",
        "SOUR:WAVE:ABOR", "SOUR:CURR 0", "SOUR:CURR:RANG 0.02", "SOUR:CURR:COMP 12",
        *set_up,
        f"SOUR:WAVE:AMPL {amplitude}", "SOUR:WAVE:FREQ 66.6666667", "SYST:ERR?",
        "SOUR:WAVE:ARM", "SOUR:WAVE:ARM?", "STAT:OPER?", "STAT:MEAS?",
        "SOUR:WAVE:INIT", "STAT:OPER?", "STAT:MEAS?", "OUTP?",
        "SOUR:WAVE:ABOR", "SOUR:CURR 0", "SOUR:CURR:RANG 0.002", "SOUR:CURR:COMP 5", "SYST:ERR?",
    ]  # fmt: skip


def test_a_whole_pulse_is_said_in_this_order(source_and_resource, player):
    """Set-up, proof, arming, clean registers, start, end, and the sense range and compliance again."""
    source, resource = source_and_resource
    player.arming = 0.0
    play(source)
    assert resource.said == transcript(SET_UP)


def test_an_equal_pulse_costs_22_messages_and_no_points(source_and_resource, player):
    """The points are in the source: only amplitude and frequency are said again."""
    source, resource = source_and_resource
    player.arming = 0.0
    play(source)
    resource.said.clear()
    play(source, [10e-3, 10e-3, 0.0])
    assert resource.said == transcript([], amplitude="0.01")
    assert len(resource.said) == 22


def test_another_shape_is_sent_anew(source_and_resource, player):
    """A pulse of the other sign has other points."""
    source, resource = source_and_resource
    play(source)
    play(source, [-20e-3, -20e-3, 0.0])
    assert "SOUR:WAVE:ARB:DATA -1,-1,0" in resource.said


def lose_step(source, player):
    source.wire.distrust()


def park_and_prepare(source, player):
    source.park()
    source.prepare(I_max=1e-3, compliance=5.0)


@pytest.mark.parametrize(
    "event",
    [
        lambda source, player: source.connect(),
        lambda source, player: source.prepare(I_max=1e-3, compliance=5.0),
        lose_step,
        park_and_prepare,
    ],
    ids=["connected", "prepared", "resynchronised", "parked"],
)
def test_after_an_interruption_the_points_are_sent_again(source_and_resource, player, event):
    """What an earlier connection sent may be gone."""
    source, resource = source_and_resource
    play(source)
    event(source, player)
    resource.said.clear()
    play(source)
    assert "SOUR:WAVE:ARB:DATA 1,1,0" in resource.said


def test_a_long_waveform_goes_out_in_hundreds(source_and_resource):
    """The first hundred by DATA, the others appended, the number read back."""
    source, resource = source_and_resource
    play(source, [20e-3] * 249 + [0.0], 1e-4)
    sent = [line.split(" ") for line in resource.said if ":ARB:" in line and "?" not in line]
    assert [header for header, _ in sent] == ["SOUR:WAVE:ARB:DATA"] + ["SOUR:WAVE:ARB:APP"] * 2
    assert [len(points.split(",")) for _, points in sent] == [100, 100, 50]


def test_arming_is_waited_for(source_and_resource, player):
    """It takes one to two seconds; the start is not said before."""
    source, resource = source_and_resource
    play(source)
    assert resource.said.count("SOUR:WAVE:ARM") == 1
    armed = [i for i, line in enumerate(resource.said) if line == "SOUR:WAVE:ARM?"]
    assert len(armed) > 1
    assert armed[-1] < resource.said.index("SOUR:WAVE:INIT")
    assert resource.clock.time == pytest.approx(1.5 + 15e-3, abs=0.25)


def test_the_end_is_waited_for_and_then_asked_for_once(source_and_resource, player):
    """A pulse of a second is not polled for a second."""
    source, resource = source_and_resource
    player.arming = 0.0
    before = resource.clock.time
    play(source, [20e-3, 20e-3, 0.0], 0.4)
    assert resource.clock.time - before == pytest.approx(1.2, abs=0.05)
    assert resource.said.count("STAT:OPER?") == 2


def test_an_end_that_comes_a_little_late_is_confirmed_too(source_and_resource, player):
    """Within the margin it is polled for."""
    source, _ = source_and_resource
    player.late = 1.0
    play(source)
    source.set_current(1e-3)


def test_an_answer_that_takes_long_is_no_reason_to_give_up_what_was_asked_in_time(
    source_and_resource, player
):
    """A busy computer: "not yet" was true when it was asked, and the next answer says that the wave has ended."""
    source, resource = source_and_resource
    player.late = 0.1
    answered = player.__class__.__call__

    def slowly(line):
        answer = answered(player, line)
        if line == "STAT:OPER?" and player.ends < float("inf"):
            resource.late[line] = 1.995  # s, within the patience for an answer and beyond that for the end
        return answer

    resource.answer = slowly
    play(source)
    assert resource.said.count("STAT:OPER?") == 3


def test_after_the_pulse_the_prepared_current_can_be_set_and_no_more(source_and_resource):
    """The peak is the pulse's own; the sense limit holds again."""
    source, _ = source_and_resource
    play(source)
    source.set_current(1e-3)
    with pytest.raises(OutOfRange, match=r"0\.001 A it was prepared for"):
        source.set_current(2e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"samples": [20e-3]}, {"samples": [0.0, 0.0]}, {"samples": [20e-3, 1e-3]}, {"samples": [0.106, 0.0]},
        {"slot": 0.0}, {"slot": 1e-9}, {"slot": 1e4}, {"compliance": 9.99}, {"compliance": 0.05},
        {"compliance": 106.0}, {"compliance": float("nan")}, {"R_load": 601.0}, {"R_load": 0.0},
        {"R_load": -1.0}, {"R_load": float("nan")}, {"R_load": float("inf")},
    ],
)  # fmt: skip
def test_a_refused_waveform_sends_nothing_and_changes_nothing(source_and_resource, changes):
    """Zero bytes: a peak that would meet the compliance among the reasons."""
    source, resource = source_and_resource
    with pytest.raises(OutOfRange, match="Nothing was sent"):
        play(source, **changes)
    assert resource.said == []
    source.set_current(1e-3)


def test_no_pulse_before_prepare_none_after_park_and_none_from_a_6220(player):
    """A 6220 has no waves."""
    wire, resource = wired(player, "source")
    source = Keithley6221(wire)
    with pytest.raises(NotReady, match="prepared"):
        play(source)
    source.prepare(I_max=1e-3, compliance=5.0)
    source.park()
    resource.said.clear()
    with pytest.raises(NotReady, match="prepared"):
        play(source)
    assert resource.said == []
    player.state["*IDN?"] = IDENTITY.replace("6221", "6220")
    source.connect()
    source.prepare(I_max=1e-3, compliance=5.0)
    resource.said.clear()
    with pytest.raises(NotReady, match="must be a 6221"):
        play(source)
    assert resource.said == []


@pytest.mark.parametrize("state", [{"OUTP:INT:TRIP?": "0"}, {"OUTP?": "0"}])
def test_an_open_interlock_or_an_output_off_sets_nothing(source_and_resource, player, state):
    """Only questions were asked."""
    source, resource = source_and_resource
    player.state |= state
    with pytest.raises(NotReady, match="interlock closed and its output on"):
        play(source)
    assert all(line.endswith("?") for line in resource.said)


@pytest.mark.parametrize("refused", ["SOUR:WAVE:AMPL 0.02", "SOUR:WAVE:RANG FIX", "SOUR:CURR:RANG 0.02"])
def test_a_refused_set_up_is_never_armed(source_and_resource, player, refused):
    """Errors are asked for before arming; the source is left at zero and unprepared."""
    source, resource = source_and_resource
    player.refused[refused] = CONFLICT
    with pytest.raises(ErrorQueueNotEmpty, match=r"set-up of a waveform.*-221"):
        play(source)
    assert "SOUR:WAVE:ARM" not in resource.said
    assert resource.said[-2:] == ["SOUR:WAVE:ABOR", "SOUR:CURR 0"]
    with pytest.raises(NotReady):
        source.set_current(0.0)


def test_points_that_did_not_all_arrive_are_not_played(source_and_resource, player):
    """The number is read back."""
    source, resource = source_and_resource
    player.refused["SOUR:WAVE:ARB:DATA 1,1,0"] = CONFLICT
    with pytest.raises(NotFollowed, match="number of points of source must read back 3"):
        play(source)
    assert "SOUR:WAVE:ARM" not in resource.said


def test_a_refused_arming_is_told_at_once_and_not_started(source_and_resource, player):
    """Arming checks the settings against each other."""
    source, resource = source_and_resource
    player.refused["SOUR:WAVE:ARM"] = CONFLICT
    with pytest.raises(ErrorQueueNotEmpty, match=r"must accept 'SOUR:WAVE:ARM'.*-221"):
        play(source)
    assert resource.clock.time < 1.0
    assert "SOUR:WAVE:INIT" not in resource.said


def test_an_arming_without_end_and_without_error_is_given_up(source_and_resource, player):
    """Ten seconds."""
    source, resource = source_and_resource
    player.arming = 1e6
    with pytest.raises(NotFollowed, match="must be armed within 10 s"):
        play(source)
    assert "SOUR:WAVE:INIT" not in resource.said


def test_an_end_that_is_not_seen_raises_and_leaves_the_source_aborted_at_zero(source_and_resource, player):
    """What the sample saw is not known; nothing is repeated."""
    source, resource = source_and_resource
    player.late = 1e6
    with pytest.raises(
        PulseUnconfirmed, match=r"0\.015 s, peak 0\.02 A.*bit 7.*aborted and the level set to zero"
    ):
        play(source)
    assert resource.said[-2:] == ["SOUR:WAVE:ABOR", "SOUR:CURR 0"]
    assert resource.said.count("SOUR:WAVE:INIT") == 1
    assert resource.clock.time < 10.0
    with pytest.raises(NotReady):
        source.set_current(0.0)


def test_an_old_end_in_the_register_is_not_taken_for_this_one(source_and_resource, player):
    """Bit 7 latches: it is read, and so cleared, between arming and start."""
    source, _ = source_and_resource
    player.late = 1e6
    player.operation = 128
    with pytest.raises(PulseUnconfirmed):
        play(source)


def test_a_source_that_falls_silent_during_the_pulse_raises_from_the_timeout(source_and_resource, player):
    """The lines to safety go out although the session is suspect."""
    source, resource = source_and_resource
    started = player.hear

    def hear(header, argument):
        started(header, argument)
        if header == "SOUR:WAVE:INIT":
            player.mute |= {"STAT:MEAS?"}

    player.hear = hear
    player.arming = 0.0
    real = player.__call__
    resource.answer = lambda line: None if line in player.mute else real(line)
    with pytest.raises(PulseUnconfirmed) as caught:
        play(source)
    assert isinstance(caught.value.__cause__, WireTimeout)
    assert resource.said[-2:] == ["SOUR:WAVE:ABOR", "SOUR:CURR 0"]


def test_an_output_that_went_off_during_the_pulse_is_not_a_pulse(source_and_resource, player):
    """Interlock or over-temperature."""
    source, _ = source_and_resource
    player.switches_off = True
    with pytest.raises(PulseUnconfirmed, match="the output is off"):
        play(source)


def test_what_could_not_be_sent_on_the_way_to_safety_is_told(source_and_resource, player):
    """Nobody may believe the level to be zero."""
    source, resource = source_and_resource
    player.late = 1e6
    sent = resource.write

    def fail_after_start(text):
        if text == "SOUR:WAVE:INIT":
            resource.fail_on = {"SOUR:WAVE:ABOR"}
        return sent(text)

    resource.write = fail_after_start
    with pytest.raises(PulseUnconfirmed, match="waveform aborted: source must be reachable"):
        play(source)
    assert resource.said[-1] == "SOUR:CURR 0"


def test_meeting_the_compliance_raises_with_the_source_ready_again(source_and_resource, player):
    """The sample saw less than was asked for; that the source goes on working is not the point."""
    source, resource = source_and_resource
    player.is_limited = True
    with pytest.raises(InCompliance, match=r"compliance of 12 V; it met it.*0\.02 A"):
        play(source)
    assert resource.said[-3:] == ["SOUR:CURR:RANG 0.002", "SOUR:CURR:COMP 5", "SYST:ERR?"]
    source.set_current(1e-3)


def test_a_return_that_fails_leaves_the_source_aborted_at_zero_and_unprepared(source_and_resource, player):
    """The pulse was played; what the range is now is not known."""
    source, resource = source_and_resource
    player.refused["SOUR:CURR:RANG 0.002"] = CONFLICT
    with pytest.raises(ErrorQueueNotEmpty, match="return to the prepared range"):
        play(source)
    assert resource.said[-2:] == ["SOUR:WAVE:ABOR", "SOUR:CURR 0"]
    with pytest.raises(NotReady):
        source.set_current(0.0)


def test_an_old_compliance_in_the_register_is_not_blamed_on_the_pulse(source_and_resource, player):
    """It is read, and so cleared, between arming and start."""
    source, _ = source_and_resource
    player.measurement = 8
    play(source)


def test_an_interruption_while_the_wave_runs_leaves_no_wave_behind(source_and_resource, player):
    """Whatever stops the program."""
    source, resource = source_and_resource
    player.arming = 0.0

    def interrupt(seconds):
        raise KeyboardInterrupt

    resource.clock.wait = interrupt
    with pytest.raises(KeyboardInterrupt):
        play(source)
    assert resource.said[-2:] == ["SOUR:WAVE:ABOR", "SOUR:CURR 0"]
