"""What the tests of labctl share: the command line in process, and the benches behind it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from batches import BATCH
from command_line import Command, Said
from killing import Nursery

from labctl import bench, catalogue, cli, config, engine, figures, sessions, station
from labctl.batch import forecast


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """The process that forks the runs which come to harm; its folder of temporary files is the tests' own."""
    nursery = Nursery(tmp_path_factory.mktemp("temporary"))
    yield nursery
    nursery.close()


@pytest.fixture
def labctl(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command line in an empty folder; the user's own folders are empty too."""
    monkeypatch.chdir(tmp_path)
    for folder in ("CONFIG_HOME", "DATA_HOME", "STATE_HOME"):
        monkeypatch.setenv(f"XDG_{folder}", str(tmp_path / f".{folder.lower()}"))
    monkeypatch.setattr(catalogue, "default_location", lambda: tmp_path / ".cache/labctl/catalogue.sqlite")

    def run(*words: str) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(list(words))
        captured = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a dashboard may find it."""
    from dashboards import a_folder

    return a_folder(tmp_path_factory.mktemp("lab") / "runs")


@pytest.fixture(scope="module")
def visitor(runs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Somebody at the dashboard of that folder, on loopback."""
    from dashboards import served

    with served(runs_folder, tmp_path_factory.mktemp("state")) as visitor:
        yield visitor


class RealStation:
    """A station of "real" instruments, `file`, which are a simulated bench that nobody at labctl's end knows of.

    `room` is the bench, `said` every line that reached one of its instruments, `box` what its sample has seen.
    """

    def __init__(self, folder: Path, more: str = "", **changes: str) -> None:
        text = config.built_in("station")["sim"]().replace('visa = "sim"', 'visa = "@py"')
        for old, new in changes.items():
            text = text.replace(old, new)
        self.file = folder / "real.toml"
        self.file.write_text(text + more, encoding="utf-8")
        the_station, _ = config.load_station(str(self.file))
        the_sample, _ = config.load_sample("alox-2.0")
        self.room = bench.build(the_station, the_sample, 5, ())
        self.said: list[str] = []
        ordinary = self.room.library.write

        def write(session: Any, data: bytes) -> Any:
            self.said.append(data.decode())
            return ordinary(session, data)

        self.room.library.write = write

    @property
    def box(self) -> bench.BlackBox:
        return bench.seen(self.room)


@pytest.fixture
def real(labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a RealStation; what opens the VISA library "@py" while the test runs is led to its bench."""
    ordinary = sessions.manager

    def make(more: str = "", **changes: str) -> RealStation:
        made = RealStation(tmp_path, more, **changes)
        monkeypatch.setattr(
            sessions,
            "manager",
            lambda library: ordinary(made.room.library if library == "@py" else library),
        )
        monkeypatch.setattr(station, "WallClock", lambda *_real: made.room.clock)
        return made

    return make


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every bench that is built while the test runs, oldest first, with its history recorded."""
    built: list[Any] = []
    ordinary = bench.Bench

    def recorded(*args: Any, **kwargs: Any) -> Any:
        built.append(ordinary(*args, record=True, **kwargs))
        return built[-1]

    monkeypatch.setattr(bench, "Bench", recorded)
    return built


@pytest.fixture
def nothing_but_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures and rehearsals take longer than these runs, and have tests of their own."""
    monkeypatch.setattr(figures, "draw_beside", lambda _outcome: None)
    monkeypatch.setattr(
        forecast, "forecast", lambda plan, **_: replace(plan, durations=[1.0] * len(plan.runs), rehearsed=[])
    )


@pytest.fixture
def batch(labctl: Command, tmp_path: Path, nothing_but_runs: None) -> Callable[..., Said]:
    """Write the batch's file and run it with these words."""

    def run(*words: str, text: str = BATCH) -> Said:
        (tmp_path / "batch.toml").write_text(text, encoding="utf-8")
        return labctl("batch", "batch.toml", *words)

    return run


@pytest.fixture
def at_row(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int, Callable[[], Any]], None]:
    """Let something happen after a row of a run, both counted from 1 over the whole test."""
    take_rows = engine._take_rows

    def happen(run: int, row: int, what: Callable[[], Any]) -> None:
        runs = 0

        def watched(request: Any, lab: Any, store: Any, stop: Any, advance: Any) -> Any:
            nonlocal runs
            runs += 1
            this = runs

            taken = store.row

            def take(values: Any) -> None:
                taken(values)
                if (this, store.rows) == (run, row):
                    what()

            store.row = take
            return take_rows(request, lab, store, stop, advance)

        monkeypatch.setattr(engine, "_take_rows", watched)

    return happen
