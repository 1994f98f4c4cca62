"""What a terminal shows of a run: the right things, in the room there is, and no more."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import Command
from journals import ROWS, measured
from rich.cells import cell_len
from screens import HARMLESS, Screen
from stored_runs import END, header

from labctl import config, journal, registry, runfile, running
from labctl.journal import writer
from labctl.live import terminal
from labctl.live.display import displayed
from labctl.live.following import Follower
from labctl.live.picture import LEAST, Picture
from labctl.live.terminal import Terminal
from labctl.record import Quantity
from labctl.request import make_parameters, quantities
from labctl.store import RunStore

INTERLOCKS = """
[[interlock]]
when = "abs(R_xy) > 2 ohm"
[[interlock]]
watch = "compliance"
action = "skip"
"""
PROTOCOL = registry.load_protocol("ahe-loop")
PARAMETERS = make_parameters(PROTOCOL, {"mu0_H_step": 0.01})


class Bench:
    """A run that goes on, its follower and its picture; `now` (s since 1970) is when a row is taken."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.time()
        monkeypatch.setattr(writer, "time", SimpleNamespace(time=lambda: self.now, monotonic=time.monotonic))
        self.store = RunStore(folder / "a.h5")
        self.store.begin(
            header(
                title="ahe-loop S1",
                parameters=quantities(PARAMETERS),
                station={
                    "name": Quantity("bench 2"),
                    "station_file": Quantity(config.built_in("station")["sim"]() + INTERLOCKS),
                },
            )
        )
        self.run = Follower(folder / "a.h5")
        self.picture = Picture(self.run, lambda: self.now, is_braille=True)

    def seen(self, columns: int = 80, lines: int = 24, note: str = "") -> list[str]:
        self.picture.take(self.run.poll())
        return ["".join(text for text, _ in line) for line in self.picture.lines(columns, lines, note)]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(tmp_path, monkeypatch)
    yield made
    made.run.close()
    made.store.close()


def test_the_picture_tells_how_far_the_run_is_and_what_was_read_last(bench: Bench):
    """Rows of all, the time that is left at the pace of late, the last row in units of the laboratory."""
    expected = PROTOCOL.n_rows(PARAMETERS)
    assert f"0/{expected} rows, 0 %" in bench.seen()[1]
    for row in ROWS[:3]:
        bench.now += 2.0
        bench.store.row(row)
    bench.now += 0.5
    seen = bench.seen()
    assert seen[0].startswith("ahe-loop S1  station bench 2, seed ")
    assert seen[0].endswith("running 0.0 s")
    assert seen[1].strip() == "R_xy (ohm) against mu0_H_z (Oe)"
    assert "mu0_H_z 0 Oe" in seen[-3]
    assert "R_xy -1.4 ohm" in seen[-3]
    assert f"3/{expected} rows, {300 / expected:.0f} %  {2 * (expected - 3) - 0.5:.1f} s left" in seen[-2]


def test_the_end_of_a_long_run_is_told_as_the_time_of_day(bench: Bench):
    """An hour a row: who goes home knows when to come back."""
    for row in ROWS[:2]:
        bench.now += 3600.0
        bench.store.row(row)
    left = (PROTOCOL.n_rows(PARAMETERS) - 2) * 3600.0
    at = time.strftime("%H:%M", time.localtime(bench.now + left))
    assert f"{left / 3600:.0f} h 0 min left, until {at}" in bench.seen()[-2]


def test_interlocks_retries_and_warnings_are_told(bench: Bench):
    """Each interlock of the station and whether it is well; what was done again or left out; the last warning."""
    bench.store.row(ROWS[0])
    assert bench.seen()[-1] == "interlocks abs(R_xy) > 2 ohm well, compliance well, 0 skipped, 0 retries"
    bench.store.event(1.5, "warning", "voltmeter: READ? is asked again, 1 of 3: no answer within 2 s")
    bench.store.event(2.0, "skipped", "source in compliance; the row was not taken: {}")
    bench.store.event(2.5, "info", "saturating at +400 Oe")
    *_, watched, warning, last = bench.seen()
    assert watched.endswith("compliance well, 1 skipped, 1 retry")
    assert warning == "     1.5 s  voltmeter: READ? is asked again, 1 of 3: no answer within 2 s"
    assert last == "     2.5 s  saturating at +400 Oe"
    bench.store.event(3.0, "warning", "paused: R_xy = 3 ohm (abs(R_xy) > 2 ohm)")
    assert bench.seen()[-2].startswith("interlocks paused: R_xy = 3 ohm (abs(R_xy) > 2 ohm)")
    assert bench.seen()[-1].endswith("(2 warnings)")
    bench.store.row({**ROWS[0], "R_xy": 3.0})
    bench.store.event(4.0, "info", "the run goes on")
    assert "abs(R_xy) > 2 ohm R_xy = 3 ohm, compliance well" in bench.seen()[-3]


@pytest.mark.parametrize(
    "size", [(1, 1), (20, 5), (43, 40), (44, 14), (44, 15), (79, 15), (80, 24), (300, 90)]
)
@pytest.mark.parametrize("rows", [0, 9])
def test_no_picture_is_larger_than_its_terminal(bench: Bench, size: tuple[int, int], rows: int):
    """A cell and a line are left free; one line where it is small; no sign that a terminal would obey."""
    for row in ROWS[:rows]:
        bench.store.row(row)
    bench.store.event(1.0, "warning", "反铁磁 \x1b[2J" * 50)
    seen = bench.seen(*size, note="stopping " * 40)
    assert all(cell_len(line) <= max(size[0] - 1, 0) for line in seen)
    assert len(seen) <= max(size[1] - 1, 1)
    assert (len(seen) == 1) == (size[0] < LEAST[0] or size[1] < LEAST[1])
    assert all(line.isprintable() for line in seen)


def test_how_a_run_ended_is_told(bench: Bench):
    """Status and reason; nobody asks how long it will take any more."""
    bench.store.row(ROWS[0])
    bench.store.row(ROWS[1])
    assert "left" in "".join(bench.seen())
    bench.store.finish("stopped", "stopped by the user", END, 75.0)
    bench.store.close()
    seen = bench.seen(note="the station is being parked")
    assert seen[0].endswith("stopped 1 min 15 s")
    assert seen[-1] == "stopped by the user"
    assert "left" not in "".join(seen)
    assert bench.seen(20, 5)[0].startswith("stopped, 2/")


# --- terminals ----------------------------------------------------------------------------------------


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen(30, 8)
    yield made
    made.close()


def test_a_picture_takes_the_place_of_the_one_before(screen: Screen):
    """Shorter lines and fewer of them leave nothing of the old ones; what was there above stays."""
    with screen.stream() as stream:
        stream.write("before\n")
        stream.flush()
        drawn = Terminal(stream, {"TERM": "xterm"})
        drawn.draw([[("first", "title"), (" line", "")], [("second", "")], [("third", "")]])
        drawn.draw([[("1st", "")], [("2nd", "warn")]])
        assert screen.look()[:4] == ["before", "1st", "2nd", ""]
        drawn.leave()
        stream.write("somebody else\n")
        stream.flush()
        drawn.draw([[("1st", "")]])
        assert screen.look()[:6] == ["before", "1st", "2nd", "somebody else", "1st", ""]
    screen.assert_as_before()


def test_a_terminal_that_scrolls_keeps_what_was_above(screen: Screen):
    """A picture that reaches the bottom pushes earlier lines up, into what can be scrolled back to."""
    with screen.stream() as stream:
        stream.write("".join(f"line {number}\n" for number in range(6)))
        stream.flush()
        drawn = Terminal(stream, {"TERM": "xterm"})
        for text in "abc":
            drawn.draw([[(f"{text}{number}", "")] for number in range(5)])
        expected = [*(f"line {number}" for number in range(6)), *(f"c{number}" for number in range(5))]
        assert screen.scrolled()[:11] == expected


def test_who_wants_no_colours_gets_none(screen: Screen):
    """NO_COLOR: the same signs, and no look of any of them."""
    for environ, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False)):
        before = len(screen.received)
        with screen.stream() as stream:
            Terminal(stream, environ).draw([[("curve", "curve")]])
        assert screen.look()[0] == "curve"
        assert (b"m" in screen.received[before:]) == coloured
        assert b"\x1b" not in HARMLESS.sub(b"", screen.received)


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(screen: Screen):
    """TERM=dumb: nothing is drawn there."""
    with screen.stream() as stream:
        assert not Terminal(stream, {"TERM": "dumb"}).is_moving
        assert Terminal(stream, {"TERM": "xterm"}).is_moving


def test_what_others_write_during_a_run_stays_and_the_view_goes_on_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A question has the terminal for itself; Ctrl-C is heard; the answer to the next is not drawn over."""
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen(70, 10)
    store = RunStore(tmp_path / "a.h5")
    store.begin(header(title="S1"))
    request: Any = SimpleNamespace(target=tmp_path / "a.h5", uuid=header().uuid)
    with screen.stream() as stream:
        monkeypatch.setattr(sys, "stderr", stream)

        def write(text: str) -> None:
            stream.write(f"{text}\n")
            stream.flush()

        with displayed(request, True) as shown, shown.stops() as stop:
            screen.wait_for("0 rows")
            shown.asking(write)("Turn the sample. Done? [y/N]: y")
            store.row(ROWS[0])
            screen.wait_for("1 rows")
            stop.ask(signal.SIGINT)
            screen.wait_for("stopped by the user: this point is finished first")
            stop.begin_parking()
            screen.wait_for("the station is being parked")
            write("a ramp cannot be cut short")
            stop.answers += 1
            store.row(ROWS[1])
            lines = screen.wait_for("2 rows")
        monkeypatch.undo()
    store.close()
    assert [line[:8] for line in lines[:6]] == [
        "0 rows  ",
        "Turn the",
        "the stat",
        "a ramp c",
        "the stat",
        "",
    ]
    screen.assert_as_before()
    screen.close()


# --- runs ---------------------------------------------------------------------------------------------

SHORT = ("run", "ahe-loop", "-p", "mu0_H_step=100 Oe", "--seed", "1", "-o", "a.h5")


def test_a_run_that_is_piped_shows_nothing_and_with_live_its_last_line(
    labctl: Command, tmp_path: Path, nothing_but_runs: None
):
    """No terminal, no picture; who insists gets a line when it is over, without a sign to move the cursor."""
    said = labctl(*SHORT)
    assert "rows," in said.err
    assert "17/17" not in said.err
    said = labctl(*SHORT[:-1], "b.h5", "--live")
    assert "complete, 17/17 rows, 100 %, mu0_H_z 399." in said.err
    assert "\x1b" not in said.err
    assert runfile.read_run(tmp_path / "b.h5").status == "complete"


def test_a_query_that_a_real_wire_asks_again_is_counted(
    labctl: Command, tmp_path: Path, nothing_but_runs: None
):
    """The voltmeter does not answer once: one retry, in the words that the wire writes into the log."""
    assert labctl(*SHORT, "--fault", "voltmeter: timeout at row 3").status == 0
    with Follower(tmp_path / "a.h5") as run:
        picture = Picture(run, time.time, is_braille=False)
        picture.take(run.poll())
    seen = ["".join(text for text, _ in line) for line in picture.lines(100, 30)]
    assert any(line.endswith("0 skipped, 1 retry") for line in seen)
    assert all(line.isascii() for line in seen)


def test_a_view_that_fails_ends_no_run(
    labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_but_runs: None
):
    """It is gone, which the run's log says; the run is complete."""

    def fail(*_given, **_named):
        raise OSError("Input/output error")

    monkeypatch.setattr(terminal.Screen, "refresh", fail)
    said = labctl("run", "ahe-loop", "-o", "a.h5", "--live")
    assert said.status == 0
    run = runfile.read_run(tmp_path / "a.h5")
    assert run.status == "complete"
    (told,) = [event.text for event in run.log if event.level == "warning"]
    assert told == "the rows so far could not be shown: OSError: Input/output error"


def test_of_a_run_that_is_refused_nothing_is_shown(labctl: Command, tmp_path: Path):
    """Neither the file that has its name already, nor what a dead run left there, is taken for it."""
    measured(tmp_path / "a.h5").finish("complete", "", END, 12.5)
    measured(tmp_path / "b.h5").close()
    for name in ("a.h5", "b.h5"):
        said = labctl("run", "ahe-loop", "-o", name, "--live")
        assert (said.status, said.err.count("\n")) == (2, 1)


def test_a_finished_run_is_watched_in_no_time(labctl: Command, tmp_path: Path):
    """Its last point, how it ended and what was found; with --json its object and nothing else."""
    measured(tmp_path / "a.h5").finish("complete", "", END, 12.5)
    said = labctl("watch", "a.h5")
    assert said.status == 0
    assert "AHE loop of S1: complete, 9 rows, 12.5 s" in said.out
    assert "complete, 9 rows, mu0_H_z -1000 Oe, R_xy -1.5 ohm" in said.err
    said = labctl("watch", "a.h5", "--json")
    assert said.json["rows"] == 9
    assert said.json["status"] == "complete"


def test_a_run_that_died_is_watched_as_it_was_left(labctl: Command, tmp_path: Path):
    """What its journal tells, how to make a file of it, and the journal as it was."""
    measured(tmp_path / "a.h5").close()
    said = labctl("watch", "a.h5")
    assert said.status == 0
    assert "interrupted, 9 rows" in said.err
    assert "labctl recover a.h5 makes its file" in said.out
    assert labctl("watch", "a.h5.journal", "--json").json["status"] == "interrupted"
    assert journal.journal_of(tmp_path / "a.h5").exists()


def test_of_several_runs_one_must_be_named(labctl: Command, tmp_path: Path):
    """Without a name the command lists them, with file and process number, and shows none."""
    with (
        running.registered("ahe-loop S1", tmp_path / "a.h5", "", [], None),
        running.registered("ahe-loop S2", tmp_path / "b.h5", "", [], None),
    ):
        said = labctl("watch")
    assert said.status == 2
    assert all(f"{tmp_path}/{name}.h5 (process {os.getpid()})" in said.err for name in "ab")
    assert said.err.endswith("Nothing is shown.\n")


def test_what_cannot_be_watched_is_said(labctl: Command):
    """No run that goes on, and a name that is none: one line each, exit 2."""
    for words in (("watch",), ("watch", "nothing.h5")):
        said = labctl(*words)
        assert said.status == 2
        assert said.err.count("\n") == 1
        assert said.err.endswith("there are: none. Nothing is shown.\n")
