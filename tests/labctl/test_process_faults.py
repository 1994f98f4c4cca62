"""The program itself goes wrong, or is told to stop, at any of its steps; the bench is asked what became of it."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from command_line import Command
from parking import assert_parked

from labctl import config, engine, runfile
from sim_instruments.visa import BenchLibrary

#: A minor loop of nine rows, with no long ramp on its way.
SHORT = ("mu0_H_max=40Oe", "mu0_H_step=20Oe", "settle=0s")
ROWS = 9


@pytest.fixture
def short(labctl: Command, tmp_path: Path) -> Callable[..., engine.Outcome]:
    """Carry out that loop, to a file of this name."""
    labctl("protocols")  # an empty folder to be in

    def run(name: str, advance: engine.Advance = lambda _rows: None, **files: str) -> engine.Outcome:
        given = {"station": "sim", "sample": "alox-2.0"} | files
        request = engine.prepare("ahe-loop", SHORT, seed=1, output=tmp_path / f"{name}.h5", **given)
        return engine.run(request, advance, lambda _task: None)

    return run


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None, Callable[[], None]], list[str]]:
    """Do something just before the n-th line from now on reaches an instrument; what was said is returned."""
    ordinary = BenchLibrary.write

    def at(number: int | None, act: Callable[[], None]) -> list[str]:
        said: list[str] = []

        def write(library: Any, session: Any, data: bytes) -> Any:
            said.append(data.decode())
            if len(said) == number:
                act()
            return ordinary(library, session, data)

        monkeypatch.setattr(BenchLibrary, "write", write)
        return said

    return at


class Tracer:
    """Follows the lines of a protocol's module and its steps; raises before the n-th that is new to it."""

    def __init__(self, breaks_at: int | None = None) -> None:
        self.lines: list[tuple[str, int]] = []
        self._breaks_at = breaks_at

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> Any:
        file = Path(frame.f_code.co_filename)
        if file.parent.name != "protocols" or file.name not in {"ahe_loop.py", "sensing.py", "set_points.py"}:
            return None
        if frame.f_code.co_name in {"n_rows", "envelope", "draw", "<module>"}:
            return None
        if event == "line" and (line := (file.name, frame.f_lineno)) not in self.lines:
            self.lines.append(line)
            if len(self.lines) == self._breaks_at:
                raise ArithmeticError(f"a bug at {line}")
        return self


def traced(monkeypatch: pytest.MonkeyPatch, tracer: Tracer) -> None:
    """Let a tracer follow what goes on from when rows are taken until the data are filed."""
    take_rows, finish = engine._take_rows, engine._finish

    def follow(act: Callable[..., Any]) -> Callable[..., Any]:
        def followed(*arguments: Any) -> Any:
            before = sys.gettrace()
            sys.settrace(tracer)
            try:
                return act(*arguments)
            finally:
                sys.settrace(before)

        return followed

    monkeypatch.setattr(engine, "_take_rows", follow(take_rows))
    monkeypatch.setattr(engine, "_finish", follow(finish))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_protocol_may_raise_at_any_of_its_lines(
    short: Any, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the bug is, in the measurement or its evaluation: parked, and every row before it is in the file."""
    whole = Tracer()
    with monkeypatch.context() as patch:
        traced(patch, whole)
        right = short("whole").data["R_xy"].tolist()
    assert len(whole.lines) > 20
    kept: list[int] = []
    for number, line in enumerate(whole.lines, 1):
        with monkeypatch.context() as patch:
            traced(patch, Tracer(number))
            with pytest.raises(ArithmeticError, match="a bug at"):
                short(number)
        assert_parked(rooms[-1])
        run = runfile.read_run(tmp_path / f"{number}.h5")
        kept.append(run.rows)
        assert run.columns["R_xy"].tolist() == right[: run.rows], line
        assert run.status == ("complete" if run.rows == ROWS else "faulted"), line
    assert kept == sorted(kept)
    assert {0, ROWS} <= set(kept)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_before_any_line_to_an_instrument_is_heeded_and_never_swallowed(
    short: Any, rooms: list[Any], exchanges: Any, presses: int
) -> None:
    """Stopped and parked, whichever line it precedes; complete all the same where the rows are in by then."""
    said = exchanges(None, lambda: None)
    right = short("whole").data["R_xy"].tolist()
    last_read = len(said) - said[::-1].index("READ?\n")
    ends: list[str] = []

    def press() -> None:
        for _ in range(presses):
            signal.raise_signal(signal.SIGINT)

    for number in [*range(2, len(said), max(1, len(said) // 20)), len(said)]:
        exchanges(number, press)
        ended = short(number)
        ends.append(ended.status)
        assert ended.status == ("stopped" if number <= last_read else "complete"), number
        assert_parked(rooms[-1])
        run = runfile.read_run(ended.path)
        assert run.status == ended.status
        assert run.columns["R_xy"].tolist() == right[: run.rows]
    assert set(ends) == {"stopped", "complete"}


def test_a_display_that_fails_does_not_touch_the_run(short: Any, rooms: list[Any]) -> None:
    """The terminal of the progress bar is gone: the run is whole, and its log says once what was not shown."""

    def gone(_rows: int) -> None:
        raise OSError("no such terminal")

    outcome = short("loop", gone)
    assert (outcome.status, outcome.rows) == ("complete", ROWS)
    assert_parked(rooms[-1])
    told = [event.text for event in runfile.read_run(outcome.path).log if event.level == "warning"]
    assert told == ["the rows so far could not be shown: OSError: no such terminal"]


def test_a_station_file_that_is_changed_during_a_run_changes_nothing_of_it(
    short: Any, tmp_path: Path, rooms: list[Any]
) -> None:
    """The limits are those that were read and checked; the file of the run keeps that text."""
    station, sample = tmp_path / "mine.toml", tmp_path / "bar.toml"
    text = 'name = "bar"\nt_AlOx = "2 nm"\n[limits]\ncurrent = "1 mA"\n'
    before = config.built_in("station")["sim"]()
    station.write_text(before, encoding="utf-8")
    sample.write_text(text, encoding="utf-8")

    def tamper(_rows: int) -> None:
        station.write_text("[limits]\ncurrent = ", encoding="utf-8")
        sample.write_text(text.replace("1 mA", "1 nA"), encoding="utf-8")

    outcome = short("loop", tamper, station=str(station), sample=str(sample))
    assert (outcome.status, outcome.rows) == ("complete", ROWS)
    run = runfile.read_run(outcome.path)
    assert run.station["station_file"].value == before
    assert run.sample["sample_file"].value == text
    assert_parked(rooms[-1])
