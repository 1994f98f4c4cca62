"""A recipe followed by a guard leaves an instrument as its own driver's parking does; the simulator is asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl import engine, station, takeover
from labctl.station import OpenStation
from labctl.takeover import Follower, VisaLine

#: What tells the state of each part that is parked, and the instrument on the bench that plays it.
STATES = {
    "source": ("source", ("OUTP?", "SOUR:CURR?", "SOUR:WAVE:ARM?")),
    "magnet_x": ("supply_x", ("SETI?",)),
    "magnet_y": ("supply_y", ("SETI?",)),
    "magnet_z": ("supply_z", ("OUTP?", "CURR?")),
    "lockin": ("lockin", ("SLVL?",)),
    "voltmeter": ("voltmeter", ("INIT:CONT?",)),
}


class RoomLine:
    """A guard's line to an instrument of a bench in the same process; an answer takes the bench's time."""

    def __init__(self, room: Any, name: str) -> None:
        self.room, self.instrument = room, room.instruments[name]
        self.is_mute = False

    def say(self, text: str) -> None:
        self.instrument.write(text.encode() + b"\n", end=False, message_exchange=False)

    def hear(self, deadline: float) -> str:
        self.room.clock.wait(0.1)
        reply = self.instrument.next_reply(self.room.clock.now(), message_exchange=False)
        if reply is None or self.is_mute:
            raise TimeoutError("nothing was answered in time")
        return reply.decode().strip()

    def void(self) -> None:
        self.say(takeover.VOID)


def excited(
    monkeypatch: pytest.MonkeyPatch, rooms: list[Any], tmp_path: Path
) -> Iterator[tuple[OpenStation, Any]]:
    """Open the simulated station with everything on: a sine, two magnets, a lock-in that drives, a busy meter."""
    request = engine.prepare(
        "harmonic-hall", (), station="sim", sample="alox-2.0", seed=1, output=tmp_path / "never.h5"
    )
    with station.rehearsing(request) as (lab, _seen):
        room = rooms[-1]
        monkeypatch.setattr(takeover, "_pass", lambda seconds: room.clock.wait(max(seconds, 0.0)))
        lab.connect()
        lab.magnet_x.ramp_to(0.05)
        lab.magnet_z.ramp_to(-0.02)
        lab.source.prepare(1e-3, 2.0)
        lab.source.start_sine(1e-3, 137.0, compliance=2.0, R_load=500.0)
        RoomLine(room, "lockin").say("SLVL 1.0")
        room.clock.wait(0.1)
        assert abs(room.moment.I_magnet["x"]) > 5
        yield lab, room


@pytest.fixture
def lab_and_room(
    monkeypatch: pytest.MonkeyPatch, rooms: list[Any], tmp_path: Path
) -> Iterator[tuple[OpenStation, Any]]:
    yield from excited(monkeypatch, rooms, tmp_path)


def followers(lab: OpenStation, room: Any) -> tuple[list[Follower], dict[str, RoomLine]]:
    lines = {part["name"]: RoomLine(room, STATES[part["name"]][0]) for part in lab.recipe()}
    made = [Follower(part, 1.0, lambda part=part: lines[part["name"]]) for part in lab.recipe()]
    for one in made:
        one.may_ask.set()
        one.may_move.set()
    return made, lines


def state(lab: OpenStation, room: Any) -> dict[str, list[str]]:
    """What the instruments say of themselves and, behind their backs, what flows."""
    room.clock.wait(5.0)
    said = {}
    for name in (step.what for step in lab.parking()):
        instrument, questions = STATES[name]
        line = RoomLine(room, instrument)
        said[name] = []
        for question in questions:
            line.say(question)
            said[name].append(line.hear(0.0))
    flows = [abs(current) < 0.01 for current in room.moment.I_magnet.values()]
    return {**said, "flows": [str(room.moment.current), str(flows)]}


def watched(magnet: Any) -> list[float]:
    """The sizes (A) of all steps that a magnet is given from now on."""
    changes: list[float] = []
    drive = magnet.drive

    def watching(ramp: Any) -> None:
        changes.append(abs(ramp.end_current - ramp.start_current))
        drive(ramp)

    magnet.drive = watching
    return changes


def test_the_recipe_and_the_drivers_own_parking_leave_the_same_state(
    monkeypatch: pytest.MonkeyPatch, rooms: list[Any], tmp_path: Path
) -> None:
    """Source, magnets, lock-in and meter: each question that tells the state is answered alike."""
    states = []
    for by_recipe in (True, False):
        for lab, room in excited(monkeypatch, rooms, tmp_path):
            if by_recipe:
                for one in followers(lab, room)[0]:
                    one.follow()
                    assert one.problems == []
            else:
                assert station.park(lab) == []
            states.append(state(lab, room))
    assert states[0] == states[1]
    assert states[0]["flows"] == ["0.0", "[True, True, True]"]
    assert states[0]["source"][0] == "0"


def test_one_that_does_not_answer_is_told_and_keeps_no_other(lab_and_room: tuple[OpenStation, Any]) -> None:
    """The source's lines go out all the same; nobody claims that they were obeyed."""
    lab, room = lab_and_room
    made, lines = followers(lab, room)
    lines["source"].is_mute = True
    for one in made:
        one.follow()
    assert [bool(one.problems) for one in made] == [one.name == "source" for one in made]
    assert state(lab, room)["flows"] == ["0.0", "[True, True, True]"]


def test_half_a_line_is_refused_and_not_obeyed(lab_and_room: tuple[OpenStation, Any]) -> None:
    """The owner died after CURR 1 of CURR 1.234567: the magnet does not jump to 1 A, it walks from where it is."""
    lab, room = lab_and_room
    made, lines = followers(lab, room)
    before = room.moment.I_magnet["z"]
    assert before < -1
    room.instruments["supply_z"].write(b"CURR 1", end=False, message_exchange=False)
    lines["magnet_z"].void()
    room.clock.wait(0.1)
    assert room.moment.I_magnet["z"] == pytest.approx(before, abs=0.01)
    (magnet,) = [one for one in made if one.name == "magnet_z"]
    magnet.follow()
    assert magnet.problems == []


def test_what_is_said_first_costs_no_line_of_the_recipe(lab_and_room: tuple[OpenStation, Any]) -> None:
    """A half-said line swallows what follows it: that is something without meaning, and no step of parking."""
    lab, room = lab_and_room
    made, lines = followers(lab, room)
    for one in made:
        said: list[str] = []
        line, ordinary = lines[one.name], lines[one.name].say
        line.say = lambda text, said=said, ordinary=ordinary: (said.append(text), ordinary(text))
        one.follow()
        assert said[0] == takeover.VOID, one.name
        assert takeover.VOID not in said[1:]


def test_a_late_reply_is_not_taken_for_a_set_point(lab_and_room: tuple[OpenStation, Any]) -> None:
    """The owner had asked something: that answer comes first, and is passed over until the identity is heard."""
    lab, room = lab_and_room
    made, lines = followers(lab, room)
    lines["magnet_z"].say("VOLT?")
    lines["magnet_z"].say("MEAS:VOLT?")
    changes = watched(room.magnets["z"])
    (magnet,) = [one for one in made if one.name == "magnet_z"]
    magnet.follow()
    assert magnet.problems == []
    assert max(changes) < 1.25 * 500 / 90 * 0.02 + 0.01  # no step was larger than one of a walk


def test_another_instrument_is_told(lab_and_room: tuple[OpenStation, Any]) -> None:
    """Somebody exchanged two cables: its answers confirm nothing."""
    lab, room = lab_and_room
    part = {**next(one for one in lab.recipe() if one["name"] == "magnet_x"), "identity": "LSCI,MODEL643,0,0"}
    follower = Follower(part, 1.0, lambda: RoomLine(room, "supply_x"))
    follower.may_ask.set()
    follower.follow()
    assert follower.problems


def test_a_port_that_is_opened_anew_is_followed_once_its_dead_owner_lets_go_of_it(
    monkeypatch: pytest.MonkeyPatch, lab_and_room: tuple[OpenStation, Any]
) -> None:
    """GPIB: his locks are waited for; the reply he never read and the line he never ended are forgotten."""
    lab, room = lab_and_room
    room.instruments["supply_z"].write(b"MEAS:VOLT?\n")
    room.instruments["supply_z"].write(b"CURR 1", end=False)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        room.clock.wait(max(seconds, 0.0))
        if len(waits) == 3:
            room.library._locks.clear()  # those of the lab, which is the owner

    monkeypatch.setattr(takeover, "_pass", wait)
    assert room.moment.I_magnet["z"] < -1
    parts = [part for part in lab.recipe() if part["name"] in {"magnet_z", "magnet_x"}]
    made = [Follower(part, 1.0, lambda part=part: VisaLine(room.library, part["resource"])) for part in parts]
    changes = watched(room.magnets["z"])
    for one in sorted(made, key=lambda one: one.name, reverse=True):
        one.may_ask.set()
        one.may_move.set()
        one.follow()
        assert one.problems == []
    assert waits[:3] == [takeover._AGAIN] * 3
    assert max(changes) < 1.25 * 500 / 90 * 0.02 + 0.01
    assert all(abs(current) < 0.01 for current in room.moment.I_magnet.values())


def test_a_port_that_nobody_lets_go_of_is_told(
    monkeypatch: pytest.MonkeyPatch, lab_and_room: tuple[OpenStation, Any]
) -> None:
    """It is tried for so long, and nothing is said to the instrument behind somebody's back."""
    lab, room = lab_and_room
    monkeypatch.setattr(takeover, "_REOPEN", 0.0)
    before = room.moment.I_magnet["z"]
    (part,) = [part for part in lab.recipe() if part["name"] == "magnet_z"]
    follower = Follower(part, 1.0, lambda: VisaLine(room.library, part["resource"]))
    follower.follow()
    (problem,) = follower.problems
    assert "locked by another VISA session" in problem
    assert room.moment.I_magnet["z"] == pytest.approx(before, abs=0.01)
