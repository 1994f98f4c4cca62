"""A sine on the 6221: confirmed when it starts and when it is stopped, and nothing else is sourced meanwhile."""

import pytest
from driver_fakes import wired
from fake_6221 import IDENTITY, WavePlayer

from drivers.errors import (
    ErrorQueueNotEmpty,
    InCompliance,
    NotReady,
    OutOfRange,
    PulseUnconfirmed,
    WireTimeout,
)
from drivers.keithley_6221 import Keithley6221

CONFLICT = '-221,"Settings conflict"'
SILENCE = ["SOUR:WAVE:ABOR", "SOUR:CURR 0"]
RETURN = [*SILENCE, "SOUR:CURR:RANG 0.002", "SOUR:CURR:COMP 5", "SYST:ERR?"]


@pytest.fixture
def player():
    player = WavePlayer()
    player.arming = 0.0
    return player


@pytest.fixture
def source_and_resource(player):
    wire, resource = wired(player, "source")
    player.now = resource.clock.now
    source = Keithley6221(wire)
    source.connect()
    source.prepare(I_max=1e-3, compliance=5.0)
    resource.said.clear()
    return source, resource


def start(source, I_ac_pk=4e-3, frequency=1e3, compliance=12.0, R_load=500.0):
    source.start_sine(I_ac_pk, frequency, compliance=compliance, R_load=R_load)


def test_a_whole_sine_is_said_in_this_order(source_and_resource):
    """Set-up, proof, arming, clean registers, start, a look at it; its end, and the sense range again."""
    source, resource = source_and_resource
    start(source)
    assert resource.said == [
        "OUTP:INT:TRIP?", "OUTP?",
        "SOUR:WAVE:ABOR", "SOUR:CURR 0", "SOUR:CURR:RANG 0.02", "SOUR:CURR:COMP 12",
        "SOUR:WAVE:FUNC SIN", "SOUR:WAVE:RANG FIX", "SOUR:WAVE:OFFS 0",
        "SOUR:WAVE:DUR:TIME INF", "SOUR:WAVE:DUR:CYCL INF",
        "SOUR:WAVE:AMPL 0.004", "SOUR:WAVE:FREQ 1000",
        "SOUR:WAVE:PMAR:OLIN 3", "SOUR:WAVE:PMAR:STAT ON", "SOUR:WAVE:PMAR 0", "SYST:ERR?",
        "SOUR:WAVE:ARM", "SOUR:WAVE:ARM?", "STAT:OPER?", "STAT:MEAS?",
        "SOUR:WAVE:INIT", "STAT:OPER?", "OUTP?", "STAT:MEAS?",
    ]  # fmt: skip
    resource.said.clear()
    source.stop_wave()
    assert resource.said == ["STAT:OPER?", "OUTP?", "STAT:MEAS?", *RETURN]
    source.set_current(1e-3)


def test_arming_is_waited_for(source_and_resource, player):
    """It takes one to two seconds; the start is not said before."""
    source, resource = source_and_resource
    player.arming = 1.5
    start(source)
    armed = [i for i, line in enumerate(resource.said) if line == "SOUR:WAVE:ARM?"]
    assert len(armed) > 1
    assert armed[-1] < resource.said.index("SOUR:WAVE:INIT")


@pytest.mark.parametrize(("frequency", "seconds"), [(1e5, 0.02), (10.0, 0.12), (1e-3, 1.02)])
def test_a_sine_is_first_looked_at_after_a_period_or_a_second(source_and_resource, frequency, seconds):
    """A compliance shows at the peaks; nobody waits a thousand seconds for the first one."""
    source, resource = source_and_resource
    start(source, frequency=frequency)
    assert resource.clock.time == pytest.approx(seconds, abs=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"I_ac_pk": 0.0}, {"I_ac_pk": -1e-3}, {"I_ac_pk": 1e-12}, {"I_ac_pk": 0.106, "R_load": 1.0},
        {"I_ac_pk": float("nan")}, {"frequency": 0.9e-3}, {"frequency": 1.01e5}, {"frequency": 0.0},
        {"frequency": float("nan")}, {"compliance": 1.9}, {"compliance": 106.0}, {"compliance": 0.05},
        {"R_load": 3001.0}, {"R_load": 0.0}, {"R_load": float("nan")}, {"R_load": float("inf")},
    ],
)  # fmt: skip
def test_a_refused_sine_sends_nothing_and_changes_nothing(source_and_resource, changes):
    """Zero bytes: a peak that would meet the compliance among the reasons."""
    source, resource = source_and_resource
    with pytest.raises(OutOfRange, match="Nothing was sent"):
        start(source, **changes)
    assert resource.said == []
    source.set_current(1e-3)


def test_no_sine_before_prepare_none_after_park_and_none_from_a_6220(player):
    """A 6220 has no waves."""
    wire, resource = wired(player, "source")
    source = Keithley6221(wire)
    with pytest.raises(NotReady, match="prepared"):
        start(source)
    source.prepare(I_max=1e-3, compliance=5.0)
    source.park()
    resource.said.clear()
    with pytest.raises(NotReady, match="prepared"):
        start(source)
    player.state["*IDN?"] = IDENTITY.replace("6221", "6220")
    source.connect()
    source.prepare(I_max=1e-3, compliance=5.0)
    resource.said.clear()
    with pytest.raises(NotReady, match="must be a 6221"):
        start(source)
    assert resource.said == []


@pytest.mark.parametrize("state", [{"OUTP:INT:TRIP?": "0"}, {"OUTP?": "0"}])
def test_an_open_interlock_or_an_output_off_sets_nothing(source_and_resource, player, state):
    """Only questions were asked."""
    source, resource = source_and_resource
    player.state |= state
    with pytest.raises(NotReady, match="interlock closed and its output on"):
        start(source)
    assert all(line.endswith("?") for line in resource.said)


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda source: source.set_current(0.0),
        lambda source: source.play([1e-3, 0.0], 1e-3, compliance=5.0, R_load=500.0),
        lambda source: source.prepare(I_max=1e-3, compliance=5.0),
        start,
    ],
    ids=["level", "waveform", "preparation", "another sine"],
)
def test_while_a_sine_runs_nothing_else_is_sourced(source_and_resource, forbidden):
    """The sine is named, nothing is sent, and it runs on."""
    source, resource = source_and_resource
    start(source)
    resource.said.clear()
    with pytest.raises(NotReady, match=r"a sine of 0\.004 A peak at 1000 Hz runs until stop_wave"):
        forbidden(source)
    assert resource.said == []
    source.stop_wave()


def test_stopping_without_a_sine_sends_nothing(source_and_resource):
    """Before, after, and twice."""
    source, resource = source_and_resource
    source.stop_wave()
    assert resource.said == []
    start(source)
    source.stop_wave()
    resource.said.clear()
    source.stop_wave()
    assert resource.said == []


def test_the_points_of_a_pulse_are_sent_again_after_a_sine(source_and_resource, player):
    """Shape, duration and marker were the sine's: the pulse that follows says its own."""
    source, resource = source_and_resource
    pulse = ([20e-3, 0.0], 5e-3)
    source.play(*pulse, compliance=12.0, R_load=500.0)
    start(source)
    source.stop_wave()
    resource.said.clear()
    source.play(*pulse, compliance=12.0, R_load=500.0)
    for line in ("ARB:DATA 1,0", "FUNC ARB0", "DUR:CYCL 1", "PMAR:STAT OFF"):
        assert f"SOUR:WAVE:{line}" in resource.said


@pytest.mark.parametrize("refused", ["SOUR:WAVE:FUNC SIN", "SOUR:WAVE:PMAR:OLIN 3", "SOUR:CURR:RANG 0.02"])
def test_a_refused_set_up_is_never_armed(source_and_resource, player, refused):
    """Errors are asked for before arming; the source is left at zero and unprepared."""
    source, resource = source_and_resource
    player.refused[refused] = CONFLICT
    with pytest.raises(ErrorQueueNotEmpty, match=r"set-up of a sine.*-221"):
        start(source)
    assert "SOUR:WAVE:ARM" not in resource.said
    assert resource.said[-2:] == SILENCE
    with pytest.raises(NotReady, match="prepared"):
        source.set_current(0.0)


def test_a_refused_arming_is_not_started(source_and_resource, player):
    """Marker and trigger output on one line, for instance."""
    source, resource = source_and_resource
    player.refused["SOUR:WAVE:ARM"] = CONFLICT
    player.arming = 1e6
    with pytest.raises(ErrorQueueNotEmpty, match=r"must accept 'SOUR:WAVE:ARM'.*-221"):
        start(source)
    assert "SOUR:WAVE:INIT" not in resource.said


@pytest.mark.parametrize(("operation", "heard"), [(0, "it is 0"), (16 | 128, "it is 144")])
def test_a_sine_that_did_not_start_or_has_ended_raises_and_is_aborted(
    source_and_resource, player, operation, heard
):
    """Nobody measures harmonics of nothing."""
    source, resource = source_and_resource
    started = player.hear

    def hear(header, argument):
        started(header, argument)
        if header == "SOUR:WAVE:INIT":
            player.operation = operation

    player.hear = hear
    with pytest.raises(PulseUnconfirmed, match=rf"the start of a sine of 0\.004 A peak.*{heard}"):
        start(source)
    assert resource.said[-2:] == SILENCE
    with pytest.raises(NotReady, match="prepared"):
        source.set_current(0.0)


def test_an_output_that_went_off_is_told_at_the_start_and_at_the_end(source_and_resource, player):
    """Interlock or over-temperature."""
    source, resource = source_and_resource
    player.switches_off = True
    with pytest.raises(PulseUnconfirmed, match="the output is off"):
        start(source)
    player.switches_off = False
    source.prepare(I_max=1e-3, compliance=5.0)
    start(source)
    player.state["OUTP?"] = "0"
    with pytest.raises(PulseUnconfirmed, match="ran until it was stopped; the output is off"):
        source.stop_wave()
    assert resource.said[-2:] == SILENCE


def test_a_sine_that_ended_by_itself_is_told_when_it_is_stopped(source_and_resource, player):
    """Somebody at the front panel: what was read is worth nothing."""
    source, resource = source_and_resource
    start(source)
    player.operation |= 128
    with pytest.raises(PulseUnconfirmed, match=r"bit 7 of STAT:OPER.*was set before"):
        source.stop_wave()
    assert resource.said[-2:] == SILENCE


def test_meeting_the_compliance_at_once_ends_the_sine_with_the_source_ready(source_and_resource, player):
    """The sample sees less than was asked for."""
    source, resource = source_and_resource
    player.is_limited = True
    with pytest.raises(InCompliance, match=r"compliance of 12 V; it met it.*0\.004 A peak"):
        start(source)
    assert resource.said[-5:] == RETURN
    source.set_current(1e-3)


def test_a_compliance_met_later_is_told_while_the_sine_runs_and_when_it_is_stopped(
    source_and_resource, player
):
    """The register forgets what it was asked for; the driver does not."""
    source, resource = source_and_resource
    player.state["STAT:MEAS:COND?"] = "0"
    start(source)
    assert not source.in_compliance()
    player.measurement |= 8
    assert source.in_compliance()
    assert source.in_compliance()
    with pytest.raises(InCompliance, match="met it"):
        source.stop_wave()
    assert resource.said[-5:] == RETURN
    assert not source.in_compliance()
    start(source)
    assert not source.in_compliance()
    source.stop_wave()


def test_parking_ends_a_sine(source_and_resource, player):
    """Aborted, zero, off, read back; then it has to be prepared."""
    source, resource = source_and_resource
    start(source)
    resource.said.clear()
    source.park()
    assert resource.said[:3] == [*SILENCE, "SOUR:CLE"]
    with pytest.raises(NotReady, match="prepared"):
        start(source)
    source.prepare(I_max=1e-3, compliance=5.0)
    source.set_current(1e-3)


@pytest.mark.parametrize("moment", ["start", "stop"])
def test_a_source_that_falls_silent_is_sent_to_safety(source_and_resource, player, moment):
    """The lines to safety go out although the session is suspect."""
    source, resource = source_and_resource
    real = player.__call__
    resource.answer = lambda line: None if line in player.mute else real(line)
    if moment == "stop":
        start(source)
    player.mute |= {"STAT:MEAS?"} if moment == "stop" else set()
    started = player.hear

    def hear(header, argument):
        started(header, argument)
        if header == "SOUR:WAVE:INIT":
            player.mute |= {"STAT:MEAS?"}

    player.hear = hear
    with pytest.raises(PulseUnconfirmed) as caught:
        (source.stop_wave if moment == "stop" else lambda: start(source))()
    assert isinstance(caught.value.__cause__, WireTimeout)
    assert resource.said[-2:] == SILENCE


def test_a_return_that_fails_leaves_the_source_aborted_at_zero_and_unprepared(source_and_resource, player):
    """The sine was stopped; what the range is now is not known."""
    source, resource = source_and_resource
    start(source)
    player.refused["SOUR:CURR:RANG 0.002"] = CONFLICT
    with pytest.raises(ErrorQueueNotEmpty, match="return to the prepared range"):
        source.stop_wave()
    assert resource.said[-2:] == SILENCE
    with pytest.raises(NotReady, match="prepared"):
        source.set_current(0.0)


def test_an_interruption_while_it_starts_leaves_no_sine_behind(source_and_resource):
    """Whatever stops the program."""
    source, resource = source_and_resource

    def interrupt(seconds):
        raise KeyboardInterrupt

    resource.clock.wait = interrupt
    with pytest.raises(KeyboardInterrupt):
        start(source)
    assert resource.said[-2:] == SILENCE


def test_a_lost_answer_at_the_end_of_a_sine_is_not_asked_for_again(source_and_resource, player):
    """To be trusted again the session is cleared, and with it what the source has seen of the sine."""
    source, resource = source_and_resource
    start(source)
    lost = ["OUTP?"]

    def losing(line):
        answer = player(line)
        return None if lost and line == lost[0] and lost.pop() else answer

    resource.answer = losing
    with pytest.raises(PulseUnconfirmed, match="ran until it was stopped"):
        source.stop_wave()
    assert resource.said[-2:] == SILENCE
