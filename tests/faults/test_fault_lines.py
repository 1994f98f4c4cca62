"""How a fault is said, what is refused, and what a seed draws."""

from pathlib import Path
from typing import Any

import pytest
from trial import carry_out

from labctl import cli, engine, mishaps, runfile
from labctl.errors import RequestError
from sim_instruments import chaos
from sim_instruments.faults import KINDS, parse


@pytest.mark.parametrize(
    "line",
    [
        "voltmeter: timeout at row 40",
        "source: late 3 s at query 12",
        'voltmeter: answer "nan at row 2" at row 2 for 3 times',
        'supply_z: lost at line "OUTP OFF" for 5 s',
        "source: interlock-open at time 250 ms for 2 s",
        "source: swapped voltmeter at row 3",
    ],
)
def test_a_fault_says_itself_again(line: str) -> None:
    """What is stored in the file can be given to another run."""
    assert parse(str(parse(line))) == parse(line)


@pytest.mark.parametrize(
    ("line", "must"),
    [
        ("voltmeter", "a fault must read INSTRUMENT: KIND"),
        ("voltmeter: explode at row 3", "must be one of timeout, late, half"),
        ("voltmeter: timeout at row 0", "must be counted from 1"),
        ("voltmeter: timeout 3 s at row 1", "takes no value"),
        ("voltmeter: late 3 at row 1", "as 2 s or 250 ms"),
        ("voltmeter: answer at row 1", "must be given a value"),
        ("source: refused hard at row 1", "must be a number, as -222"),
        ("source: lost at row 2 for 3 times", "must last some seconds, or for ever"),
        ("source: power-cycled at row 2 for 3 s", "happens once"),
        ("kettle: timeout at row 2", "must be of an instrument of this bench, source"),
        ("source: swapped kettle at row 2", "must be given an instrument of this bench"),
        ("voltmeter: interlock-open at row 2", "cannot happen to voltmeter"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_opened(line: str, must: str, tmp_path: Path) -> None:
    """Exit 2, with what it must be; no file is begun."""
    trial = carry_out(tmp_path, (line,))
    assert trial.exit_status == 2
    assert must in trial.told
    assert "Nothing was sent." in trial.told
    assert list(tmp_path.iterdir()) == []


def test_a_real_station_has_no_faults_on_demand(tmp_path: Path) -> None:
    """They are a thing of the simulated bench."""
    from labctl import config

    station = tmp_path / "real.toml"
    text = config.built_in("station")["sim"]().replace('visa = "sim"', 'visa = "@py"')
    station.write_text(text, encoding="utf-8")
    request = engine.prepare(
        "ahe-loop", (), station=str(station), sample="alox-2.0", seed=1, output=tmp_path / "x.h5"
    )
    with pytest.raises(RequestError, match="must go with a simulated station"):
        mishaps.afflicted(request, ("source: timeout at row 1",), None)


def test_a_served_bench_knows_no_rows(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    """The run is in another process; a query, a line or a time can be named."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main(["simulate", "--fault", "voltmeter: timeout at row 3"])
    assert ended.value.code == 2
    assert "a row is known to the run alone" in capsys.readouterr().err


def test_a_seed_draws_the_same_faults_each_time_and_others_draw_others() -> None:
    """Every kind but what somebody does at a panel is drawn by some seed, and each can be said."""
    able = {
        "source": ("interlock-open", "over-temperature", "loose-contact"),
        "voltmeter": (),
        "supply_z": ("stuck",),
    }
    drawn = [chaos.draw(seed, able, 9) for seed in range(400)]
    assert drawn == [chaos.draw(seed, able, 9) for seed in range(400)]
    kinds = {fault.kind for faults in drawn for fault in faults}
    assert kinds == KINDS.keys() - {"panel", "slow", "unplugged", "unlocked"}
    assert all(parse(str(fault)) == fault for faults in drawn for fault in faults)


def test_the_file_says_what_went_wrong_and_from_which_seed(tmp_path: Path) -> None:
    """Under /entry/simulation, one fault in a line."""
    trial = carry_out(tmp_path, ("voltmeter: late 3 s at row 2",), chaos=5)
    assert trial.run is not None
    assert trial.run.simulation is not None
    lines = str(trial.run.simulation["faults"].value).splitlines()
    assert lines[0] == "voltmeter: late 3 s at row 2"
    assert len(lines) > 1
    assert trial.run.simulation["chaos_seed"].value == 5
    assert runfile.is_run(tmp_path / "run.h5")
