"""How two runs differ: everything that does, and nothing that does not."""

from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from stored_runs import COLUMNS, END, FIELD, PARAMETERS, SAMPLE, START, begun, finish, header, stored

from labctl.differences import between
from labctl.runfile import read_run
from labctl.store import Quantity, RunStore
from protocols.vocabulary import Analysis, Column, Result

OTHER = {"uuid": "00000000-5b7d-4c1a-9e21-0123456789ab", "start_time": START.replace(day=9), "title": "again"}


def told(labctl: Command) -> dict[str, Any]:
    """The sections of the JSON of a comparison that say something."""
    found = labctl("diff", "a.h5", "b.h5", "--json").json
    assert found.pop("files") == ["a.h5", "b.h5"]
    return {name: section for name, section in found.items() if section}


def with_results(target: Path, **results: Result) -> Path:
    """A finished run with other results."""
    return begun(target, **OTHER).finish(
        "complete", "", END, 9.5, Analysis(results=results), "ahe-loop 1.0, labctl 0.1.0"
    )


def test_two_runs_that_differ_in_name_and_time_alone_are_equal(labctl: Command, tmp_path: Path) -> None:
    """NaN is equal to NaN; a run made again is the same run."""
    stored(tmp_path / "a.h5")
    stored(tmp_path / "b.h5", **OTHER)
    assert labctl("diff", "a.h5", "b.h5").out == "no difference\n"
    assert told(labctl) == {"equal": True}
    assert labctl("diff", "a.h5", "b.h5", "--exit-code").status == 0


def test_a_difference_is_no_failure_unless_it_is_asked_for(labctl: Command, tmp_path: Path) -> None:
    """Status 0; with --exit-code 5, as for every comparison that did not hold."""
    stored(tmp_path / "a.h5")
    stored(tmp_path / "b.h5", seed=8)
    assert labctl("diff", "a.h5", "b.h5").status == 0
    assert labctl("diff", "a.h5", "b.h5", "--exit-code").status == 5


def test_parameters_sample_code_and_seed_that_differ_are_told_and_no_others(
    labctl: Command, tmp_path: Path
) -> None:
    """Changed, missing on one side, of another unit; long texts by their lines."""
    stored(tmp_path / "a.h5")
    parameters = {**PARAMETERS, "mu0_H_max": Quantity(0.2, "T"), "steps": Quantity([0.05, 0.02], "T")}
    del parameters["averaging"]
    stored(
        tmp_path / "b.h5",
        parameters={**parameters, "settle": Quantity(0.1, "s")},
        sample={**SAMPLE, "t_AlOx": Quantity(1e-9, "m")},
        seed=8,
        program_version="0.2.0",
        source="def measure(lab, p): ...\n\nmore = 1\n",
        station={"name": Quantity("sim")},
    )
    found = told(labctl)
    assert found.keys() == {"run", "parameters", "code", "sample", "station"}
    assert found["parameters"] == {
        "mu0_H_max": {"values": [{"value": 0.1, "unit": "T"}, {"value": 0.2, "unit": "T"}]},
        "averaging": {"values": [{"value": "none", "unit": None}, None]},
        "steps": {"values": [{"value": [0.05, 0.01], "unit": "T"}, {"value": [0.05, 0.02], "unit": "T"}]},
        "settle": {"values": [None, {"value": 0.1, "unit": "s"}]},
    }
    assert found["run"] == {"seed": {"values": [{"value": 7, "unit": "1"}, {"value": 8, "unit": "1"}]}}
    assert found["code"]["source"] == {"lines": ["+", "+more = 1"]}
    assert found["code"].keys() == {"labctl", "source"}
    assert found["sample"].keys() == {"t_AlOx"}
    out = labctl("diff", "a.h5", "b.h5").out
    assert any(
        line.split() == ["parameters", "mu0_H_max", "1000", "Oe", "2000", "Oe"] for line in out.splitlines()
    )
    assert "R_xy" not in out


def test_instruments_and_their_settings_before_and_after_are_compared(tmp_path: Path) -> None:
    """Another meter in the same role, a setting it was found with, and one it was left with."""
    finish(begun(tmp_path / "a.h5"))
    store = begun(tmp_path / "b.h5")
    store.instrument(
        "voltmeter",
        identity="KEITHLEY INSTRUMENTS INC.,MODEL 2182A,7654321,C05",
        resource="GPIB0::7::INSTR",
        driver="drivers.keithley_2182a:Keithley2182A",
        settings_before={"nplc": Quantity(1.0, "1"), "range": Quantity(float("nan"), "V")},
    )
    store.instrument(
        "source", identity="X", resource="Y", driver="Z", settings_before={"output": Quantity(False)}
    )
    store.settings_after("voltmeter", {"nplc": Quantity(1.0, "1"), "display": Quantity(False)})
    found = between(read_run(tmp_path / "a.h5"), read_run(finish(store)))
    assert set(found.sections["settings"]) == {"voltmeter.before.nplc", "voltmeter.after.display"}
    assert set(found.sections["identities"]) == {
        "voltmeter.identity", "source.identity", "source.resource", "source.driver",
    }  # fmt: skip


def test_results_are_compared_in_units_of_their_uncertainty(labctl: Command, tmp_path: Path) -> None:
    """3 and 4 make 5: a difference of 1 mT with 0.3 and 0.4 mT is two uncertainties; known by hand."""
    with_results(
        tmp_path / "a.h5", mu0_H_c=Result(0.0250, 0.0003, "T", "field"), n=Result(3, 0, "1", "number")
    )
    with_results(
        tmp_path / "b.h5",
        mu0_H_c=Result(0.0260, 0.0004, "T", "field"),
        n=Result(4, 0, "1", "number"),
        R_AHE=Result(1.5, 0.1, "ohm", "new"),
    )
    found = told(labctl)["results"]
    assert found["mu0_H_c"]["difference"] == pytest.approx(0.0010)
    assert found["mu0_H_c"]["uncertainties"] == pytest.approx(2.0)
    assert found["n"] == {
        "values": [
            {"value": 3.0, "uncertainty": 0.0, "unit": "1"},
            {"value": 4.0, "uncertainty": 0.0, "unit": "1"},
        ],
        "difference": 1.0,
        "uncertainties": None,
    }
    assert found["R_AHE"]["values"][0] is None
    assert "+2.0 u" in labctl("diff", "a.h5", "b.h5").out
    assert "-2.0 u" in labctl("diff", "b.h5", "a.h5").out


def test_a_result_that_only_one_run_found_has_no_distance(tmp_path: Path) -> None:
    """NaN minus a number is not told as a number."""
    nan = float("nan")
    a = with_results(tmp_path / "a.h5", I_th=Result(0.01, 0.001, "A", "threshold"))
    b = with_results(tmp_path / "b.h5", I_th=Result(nan, nan, "A", "threshold", note="no step"))
    change = between(read_run(a), read_run(b)).results["I_th"]
    assert change.uncertainties is None
    assert between(read_run(a), read_run(a)).equal


def with_columns(target: Path, **columns: list[float]) -> Path:
    """A finished run with those columns against mu0_H_z, without results."""
    store = RunStore(target)
    described = [COLUMNS[0], *(Column(name, "ohm", "a column") for name in columns)]
    store.begin(header(columns=described, signal="mu0_H_z"))
    for field, *values in zip(FIELD, *columns.values(), strict=False):
        store.row({"mu0_H_z": field, **dict(zip(columns, values, strict=True))})
    return store.finish("complete", "", END, 9.5)


def test_columns_are_compared_by_their_rows_and_statistics(labctl: Command, tmp_path: Path) -> None:
    """One reading of nine differs, known by hand; a NaN is equal to itself; a column may be new."""
    nan = float("nan")
    with_columns(tmp_path / "a.h5", R_xy=[1.0, 2.0, 3.0, nan], same=[nan, 1.0, 2.0, 3.0])
    with_columns(tmp_path / "b.h5", R_xy=[1.0, 2.0, 6.0, nan], same=[nan, 1.0, 2.0, 3.0], new=[nan] * 4)
    assert told(labctl)["columns"] == {
        "R_xy": {
            "values": [
                {"rows": 4, "min": 1.0, "mean": 2.0, "max": 3.0},
                {"rows": 4, "min": 1.0, "mean": 3.0, "max": 6.0},
            ],
            "rows_that_differ": 1,
        },
        "new": {"values": [None, {"rows": 4}], "rows_that_differ": None},
    }
    assert "rows 4, min 1 ohm, mean 3 ohm, max 6 ohm" in labctl("diff", "a.h5", "b.h5").out


def test_columns_of_different_length_have_no_rows_in_common(labctl: Command, tmp_path: Path) -> None:
    """The statistics tell; so does the number of rows of the run."""
    with_columns(tmp_path / "a.h5", R_xy=[1.0, 1.0, 1.0])
    with_columns(tmp_path / "b.h5", R_xy=[1.0, 1.0])
    found = told(labctl)
    assert found["columns"]["R_xy"]["rows_that_differ"] is None
    assert found["run"] == {"rows": {"values": [{"value": 3, "unit": "1"}, {"value": 2, "unit": "1"}]}}


def test_the_other_way_round_is_the_same_with_sides_changed(tmp_path: Path) -> None:
    """diff A B and diff B A tell of the same things."""
    a = read_run(stored(tmp_path / "a.h5"))
    b = read_run(stored(tmp_path / "b.h5", parameters={"mu0_H_max": Quantity(0.2, "T")}, seed=1))
    forth, back = between(a, b), between(b, a)
    for name, changes in forth.sections.items():
        assert {key: change.values for key, change in changes.items()} == {
            key: change.values[::-1] for key, change in back.sections[name].items()
        }
    assert set(forth.columns) == set(back.columns)


def test_what_is_no_run_cannot_be_compared(labctl: Command, tmp_path: Path) -> None:
    """One line, exit status 2."""
    stored(tmp_path / "a.h5")
    (tmp_path / "b.h5").write_text("")
    assert labctl("diff", "a.h5", "b.h5").status == 2
    assert labctl("diff", "a.h5", "absent.h5").status == 2
