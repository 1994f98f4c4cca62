"""A sample's life: every run counts by what it sent, a killed one as it was planned; what is spent is spent."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from labctl import bench, config, engine, life, stopping
from labctl.clock import WallClock
from labctl.errors import DataError
from labctl.life import Ledger, Spent

PULSES = (
    *("run", "sot-switching", "-p", "I_max=4mA", "-p", "I_step=2mA", "-p", "R_AHE_reference=0.4ohm"),
    *("-p", "preparation=as-is", "--seed", "1"),
)

CLOCK = WallClock()


@pytest.fixture
def sample(tmp_path: Path) -> Callable[..., str]:
    """Write a sample file whose runs on the simulated bench count, with some budgets."""

    def write(*budgets: str, simulated: bool = True) -> str:
        path = tmp_path / "mine.toml"
        lines = (
            'name = "mine"',
            't_AlOx = "2 nm"',
            "[life]",
            f"simulated = {str(simulated).lower()}",
            *budgets,
        )
        path.write_text("\n".join(lines), encoding="utf-8")
        return str(path)

    return write


def spent(labctl: Command, path: str) -> Any:
    return labctl("sample", "life", path, "--json").json["spent"]


def test_a_run_spends_what_the_bar_has_seen(
    labctl: Command, sample: Callable[..., str], rooms: list[Any]
) -> None:
    """Waveforms, largest J and sum of I^2 t in the ledger are those of the bench's recorder; two runs add up."""
    path = sample()
    for n in (1, 2):
        assert labctl(*PULSES, "--sample", path, "-o", f"{n}.h5").status == 0
        seen = bench.seen(rooms[-1])
        one = spent(labctl, path)
        assert one["pulses"] == n * seen.pulses
        assert one["J"] == pytest.approx(seen.current / (10e-6 * 11.2e-9), rel=0.01)
        R_xx = rooms[-1].sample.resistance
        assert one["square"] == pytest.approx(n * seen.energy / R_xx, rel=0.02)
    runs = labctl("sample", "life", path, "--json").json["runs"]
    assert [run["kind"] for run in runs] == ["settled", "settled"]
    assert "sot-switching mine" in labctl("sample", "life", path).out


def test_near_its_end_every_run_is_told_and_beyond_it_refused(
    labctl: Command, sample: Callable[..., str], tmp_path: Path, rooms: list[Any]
) -> None:
    """A budget of two and a half runs: the first is silent, the second (80 %) warned of, the third refused."""
    first = labctl(*PULSES, "--sample", sample(), "-o", "0.h5")
    n = bench.seen(rooms[-1]).pulses
    assert first.status == 0
    (tmp_path / "mine.life").unlink()
    path = sample(f"pulses = {2 * n + n // 2}")
    assert "life" not in labctl(*PULSES, "--sample", path, "-o", "1.h5").err
    second = labctl(*PULSES, "--sample", path, "-o", "2.h5")
    assert second.status == 0
    assert (
        f"warning: life.pulses of mine: {n} spent, {2 * n} after this run, of {2 * n + n // 2}" in second.err
    )
    before = len(rooms)
    third = labctl(*PULSES, "--sample", path, "-o", "3.h5")
    assert third.status == 2
    assert f"life.pulses of mine: {2 * n} spent, {3 * n} after this run, of" in third.err
    assert third.err.rstrip().endswith("Nothing was sent.")
    assert len(rooms) == before + 1  # the rehearsal's
    assert not (tmp_path / "3.h5").exists()
    assert spent(labctl, path)["pulses"] == 2 * n


@pytest.mark.parametrize(
    ("budget", "complaint"),
    [('J = "1e10 A/m2"', "life.J of mine"), ('square = "0.1 mA2 s"', "life.square of mine")],
)
def test_density_and_heat_have_budgets_too(
    labctl: Command, sample: Callable[..., str], budget: str, complaint: str
) -> None:
    """4 mA through 10 um x 11.2 nm is 3.6e10 A/m2; the pulses alone are worth more than 0.1 mA2 s."""
    said = labctl(*PULSES, "--sample", sample(budget))
    assert said.status == 2
    assert complaint in said.err


def test_a_run_that_was_stopped_counts_what_it_sent(
    labctl: Command, sample: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three rows fewer pulses were played than were planned."""
    take_rows = engine._take_rows

    def stopped(request: Any, lab: Any, store: Any, stop: stopping.StopRequests, advance: Any) -> Any:
        def enough(rows: int) -> None:
            stop.reason = "stopped by the user" if rows == 3 else ""

        return take_rows(request, lab, store, stop, enough)

    monkeypatch.setattr(engine, "_take_rows", stopped)
    path = sample()
    assert labctl(*PULSES, "--sample", path).status == 3
    planned, settled = Ledger(Path(path).with_suffix(".life")).entries()
    assert (planned.kind, settled.kind) == ("planned", "settled")
    assert 0 < settled.spent.pulses < planned.spent.pulses
    assert spent(labctl, path)["pulses"] == settled.spent.pulses


def test_a_run_that_was_killed_counts_as_it_was_planned(
    labctl: Command, sample: Callable[..., str], monkeypatch: pytest.MonkeyPatch, rooms: list[Any]
) -> None:
    """The plan is in the ledger before the first line is said; without a settlement it counts in full."""
    ordinary, seen = Ledger.append, []

    def append(ledger: Ledger, kind: Any, *rest: Any) -> None:
        if kind == "planned":
            seen.append(rooms[-1].envelope.charge)
            ordinary(ledger, kind, *rest)

    monkeypatch.setattr(Ledger, "append", append)
    path = sample()
    assert labctl(*PULSES, "--sample", path).status == 0
    assert seen == [0.0]
    assert spent(labctl, path)["pulses"] == bench.seen(rooms[-1]).pulses
    assert "it counts as it was planned" in labctl("sample", "life", path).out


def test_a_ledger_that_cannot_be_settled_does_not_hide_the_run(
    labctl: Command, sample: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up: the run is complete and kept, and a warning says that the plan counts."""
    ordinary = Ledger.append

    def append(ledger: Ledger, kind: Any, *rest: Any) -> None:
        if kind == "settled":
            raise life.RequestError("the ledger of the sample must take a line; No space left on device.")
        ordinary(ledger, kind, *rest)

    monkeypatch.setattr(Ledger, "append", append)
    said = labctl(*PULSES, "--sample", sample())
    assert said.status == 0
    assert "The run counts as it was planned" in said.err


def test_a_ledger_that_takes_no_line_keeps_the_run_from_beginning(
    labctl: Command, sample: Callable[..., str], tmp_path: Path, rooms: list[Any]
) -> None:
    """What cannot be counted is not sent."""
    path = sample()
    (tmp_path / "mine.life").symlink_to(tmp_path / "elsewhere")
    said = labctl(*PULSES, "--sample", path)
    assert said.status == 2
    assert "the ledger of the sample must take a line" in said.err
    assert rooms[-1].envelope.charge == 0


def test_a_simulated_run_ages_nothing_unless_it_shall(
    labctl: Command, sample: Callable[..., str], tmp_path: Path
) -> None:
    """No ledger comes into being, and no budget is held."""
    assert labctl(*PULSES, "--sample", sample("pulses = 1", simulated=False)).status == 0
    assert not (tmp_path / "mine.life").exists()


def test_a_run_with_real_instruments_ages_the_sample(
    labctl: Command, sample: Callable[..., str], real: Any
) -> None:
    """Without being asked to."""
    station, path = real(), sample(simulated=False)
    assert labctl(*PULSES, "--sample", path, "--station", str(station.file)).status == 0
    assert spent(labctl, path)["pulses"] == station.box.pulses > 0


def test_a_declined_rehearsal_cannot_be_weighed_against_a_budget_of_heat(
    labctl: Command, sample: Callable[..., str], real: Any
) -> None:
    """Nobody knows what it will spend."""
    station, path = real(), sample('square = "1 A2 s"')
    said = labctl(*PULSES, "--no-rehearsal", "--sample", path, "--station", str(station.file))
    assert (said.status, station.said) == (2, [])
    assert "life.square of mine needs a rehearsal" in said.err


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_kill_9_does_not_make_a_sample_younger(
    labctl: Command, sample: Callable[..., str], tmp_path: Path
) -> None:
    """A real process, killed between its first set-point and its end, counts in full; the next run goes on."""
    path = sample()
    ledger = Ledger(tmp_path / "mine.life")
    program = "from labctl.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "run", "sot-switching", "--sample", path, "-o", "killed.h5"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    ) as process:
        while not ledger.entries():
            assert process.poll() is None
            CLOCK.wait(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    (entry,) = ledger.entries()
    assert entry.kind == "planned"
    planned = spent(labctl, path)
    assert planned["pulses"] == entry.spent.pulses > 200
    assert labctl(*PULSES, "--sample", path).status == 0
    assert spent(labctl, path)["pulses"] > planned["pulses"]


# --- the file -----------------------------------------------------------------------------------------


def ledger(folder: Path, n: int = 3) -> Ledger:
    made = Ledger(folder / "x.life")
    for k in range(n):
        made.append("planned", f"run-{k}", "title", Spent(10, 1e10 * (k + 1), 0.5, 1.0))
    return made


def test_runs_add_up_and_the_largest_density_stays(tmp_path: Path) -> None:
    """Sums of pulses, heat and charge; a settlement takes the place of its plan."""
    kept = ledger(tmp_path)
    kept.append("settled", "run-1", "title", Spent(4, 1e9, 0.1, 0.2))
    assert kept.spent() == Spent(24, 3e10, pytest.approx(1.1), pytest.approx(2.2))


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [lines[0], lines[1].replace('"pulses": 10', '"pulses": 0'), lines[2]],
        lambda lines: [lines[0], lines[2]],
        lambda lines: [lines[1], lines[2]],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [lines[0], lines[0], lines[1]],
        lambda lines: [lines[0], lines[1][:-9], lines[2]],
    ],
)
def test_a_line_that_was_changed_moved_or_taken_out_is_noticed(tmp_path: Path, damage: Any) -> None:
    """The ledger is append-only: whoever makes a sample younger is found out."""
    kept = ledger(tmp_path)
    lines = kept.path.read_text().splitlines()
    kept.path.write_text("\n".join(damage(lines)) + "\n")
    with pytest.raises(DataError, match=r"line \d does not follow"):
        kept.spent()
    with pytest.raises(DataError):
        kept.append("planned", "run-9", "title", Spent())


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_line_cut_short_by_a_crash_counts_for_nothing_and_the_next_one_follows(
    tmp_path: Path, cut: int
) -> None:
    """Its run had not begun."""
    kept = ledger(tmp_path)
    kept.path.write_bytes(kept.path.read_bytes()[:-cut])
    assert kept.spent().pulses == (30 if cut == 1 else 20)
    kept.append("planned", "run-9", "title", Spent(5))
    assert kept.spent().pulses == (35 if cut == 1 else 25)


def test_every_line_is_one_json_object(tmp_path: Path) -> None:
    """Other programs read it, too."""
    lines = ledger(tmp_path).path.read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["planned"] * 3


def test_the_ledger_of_a_sample_is_beside_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A built-in sample, whose file nobody can write, has it in the user's data folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert life.ledger_path(str(tmp_path / "a.toml")) == tmp_path / "a.life"
    assert life.ledger_path("alox-1.0") == tmp_path / "data/labctl/samples/alox-1.0.life"
    assert life.ledger_path("mine") == tmp_path / "config/labctl/samples/mine.life"
    assert config.load_sample("alox-1.0")[0].life is None
