"""The command line as people and scripts meet it: results on standard output, one clear line when it is refused."""

import re
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from labctl import config

QUICK = ("run", "ahe-loop", "-p", "mu0_H_step=40Oe", "-p", "settle=0s", "--seed", "1")


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_run_leaves_a_file_a_figure_and_a_table(labctl: Command, tmp_path: Path) -> None:
    """Nothing but the protocol's name is needed; the result is told on standard error."""
    said = labctl(*QUICK)
    assert said.status == 0
    assert said.out == ""
    names = files_in(tmp_path)
    assert [Path(name).suffix for name in names] == [".h5", ".png"]
    assert all(name.startswith("runs/") and "_ahe-loop_alox-2.0_" in name for name in names)
    assert "mu0_H_c" in said.err
    assert "R_AHE" in said.err
    assert " Oe" in said.err
    assert (tmp_path / names[1]).read_bytes().startswith(b"\x89PNG")


def test_json_is_one_object_and_nothing_else(labctl: Command, tmp_path: Path) -> None:
    """Programs read file, status, rows and results with value, uncertainty and unit."""
    said = labctl(*QUICK, "--json")
    assert said.status == 0
    assert said.out.count("\n") == 1
    result = said.json
    assert result["status"] == "complete"
    assert result["rows"] == 41
    assert Path(result["file"]).is_file()
    assert set(result["results"]) == {
        "mu0_H_c", "mu0_H_c_up", "mu0_H_c_down", "R_AHE", "R_off", "squareness", "width_10_90",
    }  # fmt: skip
    for value in result["results"].values():
        assert {"value", "uncertainty", "unit"} <= set(value)
    assert result["results"]["mu0_H_c"]["unit"] == "T"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("run", "ahe-loop", "-p", "mu0_H_max=400"), "mu0_H_max must be a field with its unit"),
        (("run", "ahe-loop", "-p", "I_sense=2A"), "I_sense must be 1 nA to 1 mA; got 2000 mA"),
        (("run", "nonsense"), "the protocol must be one of ahe-loop, .*; got 'nonsense'"),
        (("run", "ahe-loop", "--sample", "nonsense"), "--sample must be one of alox-0.0"),
        (("run", "ahe-loop", "--station", "nonsense"), "--station must be one of sim"),
        (("run", "ahe-loop", "-p", "mu0_H_mx=400Oe"), "did you mean mu0_H_max"),
        (("run", "ahe-loop", "-p", "mu0_H_max"), "-p must be key=value"),
        (("run", "ahe-loop", "-p", "settle=1s", "-p", "settle=2s"), "settle must be given once"),
        (
            ("run", "ahe-loop", "-p", "mu0_H_max=2kOe"),
            "field of magnet_z must be at most 1000 Oe.*got 2000 Oe",
        ),
        (("run", "ahe-loop", "-p", "compliance=50V"), "the compliance must be at most 20 V.*got 50 V"),
        (("run", "ahe-loop", "-p", "mu0_H_step=300Oe"), "mu0_H_step must be at most half"),
        (("run", "ahe-loop", "-p", "n_loops=1.5"), "n_loops must be a valid integer"),
        (("run", "ahe-loop", "--seed", "-1"), "--seed"),
        (("run",), "Missing argument"),
        (("run", "ahe-loop", "--nonsense"), "No such option"),
        (("nonsense",), "No such command"),
        (("show", "nothing.h5"), "nothing.h5"),
        (("plot", "nothing.h5"), "nothing.h5"),
        (("export", "nothing.h5", "--to", "csv"), "nothing.h5"),
        (("station", "check", "nothing.toml"), "nothing.toml"),
        (("station", "new", "mine.txt"), r"must end in \.toml"),
    ],
)
def test_a_wrong_request_is_one_line_exit_2_and_nothing_written(
    labctl: Command, tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    """The line says what must be and what came; no instrument is touched, no file or folder appears."""
    said = labctl(*words)
    assert said.status == 2
    assert said.out == ""
    assert said.err.startswith("labctl: ")
    assert said.err.count("\n") == 1
    assert re.search(complaint, said.err)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_replaced(labctl: Command, tmp_path: Path) -> None:
    """The second run to one path is refused before it starts, and the first file stays as it is."""
    target = tmp_path / "loop.h5"
    assert labctl(*QUICK, "-o", str(target)).status == 0
    before = target.read_bytes()
    said = labctl(*QUICK, "-o", str(target))
    assert said.status == 2
    assert "loop.h5 must not exist yet" in said.err
    assert target.read_bytes() == before
    assert files_in(tmp_path) == ["loop.h5", "loop.png"]


def test_a_dry_run_measures_nothing_and_predicts_the_figure(labctl: Command, tmp_path: Path) -> None:
    """Duration, envelope, pulses, energy and limits are told; only the predicted picture is written."""
    said = labctl(*QUICK, "--sample", "alox-0.0", "--dry-run", "--json")
    assert said.status == 0
    told = said.json
    assert told["status"] == "rehearsed"
    assert told["rows"] == 41
    assert told["pulses"] == 0
    assert told["envelope"]["mu0_H_z"]["value"] == pytest.approx(0.04, rel=2e-3)
    assert told["envelope"]["mu0_H_x"]["value"] < 1e-5  # what an idle supply leaves
    assert told["envelope"]["current"]["value"] == pytest.approx(1e-4, rel=2e-3)
    assert told["envelope"]["duration"]["value"] > 41 * 2 * 0.02  # two readings of a power-line cycle each
    assert [Path(name).suffix for name in files_in(tmp_path)] == [".png"]
    assert "nothing was measured" in said.err
    assert "limit 40 mA" in said.err
    assert (
        labctl("rehearse", *QUICK[1:], "--sample", "alox-0.0", "--json").json["envelope"] == told["envelope"]
    )


def test_a_rehearsal_of_a_real_station_needs_no_instrument(labctl: Command, tmp_path: Path) -> None:
    """The station's own addresses, limits and magnets, with simulated instruments behind them."""
    assert labctl("station", "new", "mine.toml").status == 0
    said = labctl(*QUICK, "--station", "mine.toml", "--dry-run", "--json")
    assert said.status == 0
    assert said.json["envelope"]["mu0_H_z"]["value"] == pytest.approx(0.04, rel=1e-2)


def test_a_magnet_turned_by_hand_needs_a_person(labctl: Command, tmp_path: Path) -> None:
    """Without a terminal to ask at, the run is refused and nothing is opened."""
    labctl("station", "new", "mine.toml")
    said = labctl(*QUICK, "--station", "mine.toml")
    assert said.status == 2
    assert "Turn the sample so that the field of magnet main points along the film normal" in said.err


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[instruments.voltmeter]", "[instruments.meter]", r"must have instruments\.voltmeter"),
        ('axis = "manual"', 'axis = "x"', "must have a magnet along z for magnet_z; it has main"),
        ('axis = "manual"', 'azimuth = "90 deg"', "must have a magnet along z for magnet_z; it has main"),
    ],
)
def test_a_station_that_cannot_fill_the_roles_is_refused(
    labctl: Command, tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    """What the protocol needs and the station lacks is named before anything is opened."""
    labctl("station", "new", "mine.toml")
    text = (tmp_path / "mine.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace(old, new))
    said = labctl(*QUICK, "--station", "mine.toml", "--dry-run")
    assert said.status == 2
    assert re.search(complaint, said.err)


def test_station_new_never_replaces_a_file_and_check_understands_it(labctl: Command, tmp_path: Path) -> None:
    """The example is read back line by line; a second `new` is refused."""
    assert labctl("station", "new", "mine.toml").status == 0
    checked = labctl("station", "check", "mine.toml", "--offline")
    assert checked.status == 0
    assert "keithley_6221 at TCPIP0::192.0.2.21::1394::SOCKET" in checked.out
    assert "90 Oe/A, to 6000 Oe at 200 Oe/s" in checked.out
    assert labctl("station", "new", "mine.toml").status == 2


def test_an_unknown_driver_is_found_by_the_check(labctl: Command, tmp_path: Path) -> None:
    """A station file may be valid and still name a driver that is not installed."""
    labctl("station", "new", "mine.toml")
    text = (tmp_path / "mine.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace('"keithley_2182a"', '"keithley_2182"'))
    said = labctl("station", "check", "mine.toml")
    assert said.status == 2
    assert "did you mean keithley_2182a" in said.err


def test_describe_names_every_parameter_with_unit_default_and_limits(labctl: Command) -> None:
    """What can be asked for is told in the units that people use."""
    said = labctl("describe", "ahe-loop")
    assert said.status == 0
    assert "mu0_H_max" in said.out
    assert "400 Oe" in said.out
    assert "at most 20 kOe" in said.out
    assert "R_xy" in said.out
    described = labctl("describe", "ahe-loop", "--json").json
    assert described["parameters"]["I_sense"]["default"] == 1e-4
    assert described["parameters"]["I_sense"]["unit"] == "A"


def test_protocols_lists_each_with_its_caption(labctl: Command) -> None:
    """One line each."""
    said = labctl("protocols")
    assert said.status == 0
    assert [line.split()[0] for line in said.out.splitlines()] == [
        "ahe-loop", "demagnetize", "harmonic-hall", "minor-loops", "sigmoid-neuron", "sot-switching", "stdp",
    ]  # fmt: skip
    for name, caption in labctl("protocols", "--json").json["protocols"].items():
        assert caption == labctl("describe", name, "--json").json["caption"] != ""


def test_show_plot_and_export_work_from_the_file_alone(labctl: Command, tmp_path: Path) -> None:
    """A stored run is shown, drawn again and exported; two runs are overlaid."""
    for sample in ("alox-0.0", "alox-2.0"):
        labctl(*QUICK, "--sample", sample, "-o", f"{sample}.h5")
    shown = labctl("show", "alox-0.0.h5")
    assert shown.status == 0
    assert "mu0_H_c" in shown.out
    assert "40 Oe" in shown.out
    assert labctl("show", "alox-0.0.h5", "--json").json["results"]["R_AHE"]["unit"] == "ohm"
    for ending in ("png", "svg", "pdf"):
        said = labctl("plot", "alox-0.0.h5", "alox-2.0.h5", "-o", f"both.{ending}")
        assert said.status == 0
        assert said.out == f"both.{ending}\n"
        assert (tmp_path / f"both.{ending}").stat().st_size > 1000
    assert b"alox-2.0" in (tmp_path / "both.svg").read_bytes()
    assert labctl("plot", "alox-0.0.h5", "-o", "both.png").status == 2  # never replaced
    assert labctl("plot", "alox-0.0.h5", "-o", "x.bmp").status == 2
    for place in ("missing/folder/x.png", "both.svg/x.png", "/proc/x.png"):
        said = labctl("plot", "alox-0.0.h5", "-o", place)
        assert (said.status, said.err.count("\n")) == (2, 1)
        assert "must be a directory that takes new files" in said.err
    assert labctl("export", "alox-0.0.h5", "--to", "csv", "-o", "loop.csv").status == 0
    assert "mu0_H_z (T)" in (tmp_path / "loop.csv").read_text()


def test_a_bug_is_one_line_and_a_traceback_only_on_request(
    labctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1; --debug shows where."""
    from labctl import engine

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by us")

    monkeypatch.setattr(engine, "prepare", broken)
    said = labctl(*QUICK)
    assert said.status == 1
    assert said.err == "labctl: a bug: ZeroDivisionError: by us (--debug shows where)\n"
    assert "Traceback" in labctl("--debug", *QUICK).err


def test_progress_is_shown_when_asked_for_and_silent_in_a_pipe(labctl: Command) -> None:
    """Standard error of a test is no terminal: no bar unless --live."""
    assert "41/41" not in labctl(*QUICK, "-o", "a.h5").err
    assert "ahe-loop alox-2.0" in labctl(*QUICK, "--live", "-o", "b.h5").err


def test_the_doctor_finds_the_simulated_station_well(labctl: Command) -> None:
    """Every instrument answers, has no errors, is off and at rest; no cable is expected that is not there."""
    said = labctl("station", "check", "sim", "--json")
    assert said.status == 0, said.err
    states = {finding["what"]: finding["state"] for finding in said.json["findings"]}
    assert set(states.values()) == {"ok"}
    assert {
        "source",
        "voltmeter",
        "lockin",
        "supply_x",
        "gaussmeter_x",
        "supply_z",
        "disk space",
    } <= states.keys()


def test_the_doctor_exercises_only_when_told_and_parks_afterwards(labctl: Command, rooms: list[Any]) -> None:
    """Without --exercise nothing flows and no field moves; with it each magnet does, and all is off in the end."""
    labctl("station", "check", "sim", "--json")
    assert rooms[-1].envelope.I_max == 0
    assert max(rooms[-1].envelope.mu0_H_max.values()) < 20e-4  # what an iron yoke keeps
    said = labctl("station", "check", "sim", "--exercise", "--json")
    assert said.status == 0, said.err
    assert {finding["state"] for finding in said.json["findings"] if "exercise" in finding["what"]} == {"ok"}
    assert said.json["findings"][-1] == {
        "what": "parked",
        "state": "ok",
        "seen": "everything is off",
        "advice": "",
    }
    assert max(rooms[-1].envelope.mu0_H_max.values()) > 100e-4


def test_the_doctor_exercises_within_the_limits_of_station_and_sample(
    labctl: Command, rooms: list[Any], tmp_path: Path
) -> None:
    """20 uA and 5 Oe allowed: neither the bar nor its field has more, and all of it is well."""
    sample = tmp_path / "frail.toml"
    text = config.load_sample("alox-2.0")[1]
    frail = text.replace('current = "40 mA"', 'current = "20 uA"\nmu0_H = "5 Oe"')
    sample.write_text(frail, encoding="utf-8")
    said = labctl("station", "check", "sim", "--exercise", "--sample", str(sample), "--json")
    assert said.status == 0, said.err
    assert {finding["state"] for finding in said.json["findings"] if "exercise" in finding["what"]} == {"ok"}
    assert 15e-6 < rooms[-1].envelope.I_max < 20.5e-6
    assert max(rooms[-1].envelope.mu0_H_max.values()) < 20e-4  # an iron yoke keeps more than it was asked for


def test_the_doctor_tells_a_station_file_with_the_wrong_mains(labctl: Command, tmp_path: Path) -> None:
    """A meter on 50 Hz under a station file that says 60 Hz integrates over the wrong time: a fault, exit 4."""
    from labctl import bench

    text = config.built_in("station")["sim"]()
    (tmp_path / "mine.toml").write_text(text.replace('line_frequency = "50 Hz"', 'line_frequency = "60 Hz"'))
    ordinary = bench.BenchSpec
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            bench, "BenchSpec", lambda *words, **more: ordinary(*words, **{**more, "line_frequency": 50.0})
        )
        said = labctl("station", "check", "mine.toml", "--json")
    assert said.status == 4
    faults = [finding for finding in said.json["findings"] if finding["state"] == "fault"]
    assert [finding["what"] for finding in faults] == ["voltmeter: line frequency"]
    assert faults[0]["advice"]
