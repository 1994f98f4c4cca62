"""A batch file says what is to be run; what is wrong with it is one line, and nothing is sent or written."""

import re
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from labctl.batch import file
from labctl.errors import RequestError

GROUP = """
name = "both"
sweep = { sample = ["alox-0.0", "alox-2.0"] }
[[run]]
label = "loop"
protocol = "ahe-loop"
[[run]]
protocol = "sot-switching"
parameters = { I_step = "4 mA", R_AHE_reference = "@loop" }
sweep = { mu0_H_x = { start = "400 Oe", stop = "800 Oe", step = "200 Oe" }, I_max = ["20 mA", "28 mA"] }
"""


def read(folder: Path, text: str, **options: Any) -> file.Batch:
    path = folder / "batch.toml"
    path.write_text(text, encoding="utf-8")
    return file.read(path, **options)


def test_nested_sweeps_give_every_combination_the_last_name_fastest(tmp_path: Path) -> None:
    """Two samples, and for each a loop and then three fields times two currents: 14 runs in that order."""
    tasks = read(tmp_path, GROUP).tasks
    assert [task.protocol for task in tasks] == (["ahe-loop"] + ["sot-switching"] * 6) * 2
    assert [task.sample for task in tasks] == ["alox-0.0"] * 7 + ["alox-2.0"] * 7
    switched = [(task.parameters["mu0_H_x"], task.parameters["I_max"]) for task in tasks[8:]]
    assert switched == [
        ("400 Oe", "20 mA"), ("400 Oe", "28 mA"), ("600 Oe", "20 mA"),
        ("600 Oe", "28 mA"), ("800 Oe", "20 mA"), ("800 Oe", "28 mA"),
    ]  # fmt: skip
    assert "sample" not in tasks[0].parameters
    assert tasks[8].title == "sot-switching (sample = alox-2.0, mu0_H_x = 400 Oe, I_max = 20 mA)"


def test_a_label_means_the_run_on_the_same_sample(tmp_path: Path) -> None:
    """Each switching run takes R_AHE from the loop of its own sample, whatever ran in between."""
    tasks = read(tmp_path, GROUP).tasks
    assert [task.references for task in tasks] == (
        [{}] + [{"R_AHE_reference": 0}] * 6 + [{}] + [{"R_AHE_reference": 7}] * 6
    )
    assert "R_AHE_reference" not in tasks[1].parameters


def test_a_label_means_the_run_at_the_same_point_of_a_common_sweep(tmp_path: Path) -> None:
    """Of loops at two sense currents, each run takes the one at its own."""
    text = """
    sweep = { I_sense = ["0.1 mA", "0.2 mA"] }
    [[run]]
    label = "loop"
    protocol = "ahe-loop"
    [[run]]
    protocol = "sot-switching"
    parameters = { R_AHE_reference = "@loop" }
    """
    assert [task.references.get("R_AHE_reference") for task in read(tmp_path, text).tasks] == [
        None,
        0,
        None,
        2,
    ]


def test_a_range_is_exact_in_its_own_unit(tmp_path: Path) -> None:
    """0.1 mA in steps of 0.1 mA is 0.3 mA after two, not 0.30000000000000004 mA; and it may go down."""
    text = """
    [[run]]
    protocol = "ahe-loop"
    sweep = { I_sense = { start = "0.5 mA", stop = "0.1 mA", step = "-0.1 mA" } }
    """
    currents = [task.parameters["I_sense"] for task in read(tmp_path, text).tasks]
    assert currents == ["0.5 mA", "0.4 mA", "0.3 mA", "0.2 mA", "0.1 mA"]


def test_what_a_group_says_holds_for_its_runs_unless_they_say_otherwise(tmp_path: Path) -> None:
    """Sample, station, seed and parameters are handed on; a number is as on the command line."""
    text = """
    station = "sim"
    parameters = { nplc = 5, mu0_H_step = "40 Oe" }
    [[run]]
    sample = "alox-1.0"
    seed = 7
    parameters = { mu0_H_step = "20 Oe" }
    [[run.run]]
    protocol = "ahe-loop"
    [[run.run]]
    protocol = "ahe-loop"
    sample = "mine.toml"
    sweep = { seed = [1, 2] }
    """
    first, second, third = read(tmp_path, text, station="sim-dc").tasks
    assert (first.sample, first.seed, first.station) == ("alox-1.0", 7, "sim-dc")
    assert first.parameters == {"nplc": "5", "mu0_H_step": "20 Oe"}
    assert (second.sample, second.seed, third.seed) == (str(tmp_path / "mine.toml"), 1, 2)
    assert (first.entry, second.entry) == ("1.1", "1.2")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = [", "must be TOML"),
        ('name = "x"', r"must have at least one \[\[run\]\]"),
        ('name = "../x"\nrun = [{ protocol = "ahe-loop" }]', "name must be up to 64 letters"),
        ("run = []", r"run must be given as \[\[run\]\]"),
        ("run = [1]", "run 1 must be a table; got 1"),
        ("[[run]]", "run 1 must have a protocol"),
        ('[[run]]\nprotocl = "ahe-loop"', r"protocl is not known here \(did you mean protocol\?\)"),
        ('[[run]]\nprotocol = "ahe-lop"', r"did you mean ahe-loop"),
        ('[[run]]\nprotocol = "ahe-loop"\nlabel = "a/b"', "label must be up to 64"),
        ('[[run]]\nprotocol = "ahe-loop"\nseed = -1', "seed must be a whole number"),
        ('[[run]]\nprotocol = "ahe-loop"\nseed = true', "seed must be a whole number"),
        ('[[run]]\nprotocol = "ahe-loop"\nsample = "alox-9"', "--sample must be one of alox-0.0"),
        ('[[run]]\nprotocol = "ahe-loop"\nstation = "sims"', "--station must be one of sim"),
        ('[[run]]\nprotocol = "ahe-loop"\n[run.parameters]\nmu0_H_mx = "1 Oe"', "did you mean mu0_H_max"),
        (
            '[[run]]\nprotocol = "ahe-loop"\n[run.parameters]\nmu0_H_max = 400',
            "must be a field with its unit",
        ),
        ('[[run]]\nprotocol = "ahe-loop"\n[run.parameters]\nmu0_H_max = []', "mu0_H_max must be a text"),
        (
            '[[run]]\nprotocol = "ahe-loop"\n[run.sweep]\nmu0_H_max = ["400 Oe", "2 kOe"]',
            r"run 2, ahe-loop \(mu0_H_max = 2 kOe\): the field of magnet_z must be at most 1000 Oe",
        ),
        ('[[run]]\nprotocol = "ahe-loop"\n[run.sweep]\nmu0_H_max = []', "must be a list that is not empty"),
        (
            '[[run]]\nprotocol = "ahe-loop"\n[run.sweep]\nmu0_H_max = "1 Oe"',
            "must be a list that is not empty",
        ),
        (
            '[[run]]\nprotocol = "ahe-loop"\nsweep.nplc = { start = 1, stop = 2, step = 0.3 }',
            "in a whole number of steps",
        ),
        (
            '[[run]]\nprotocol = "ahe-loop"\nsweep.nplc = { start = 1, stop = 2, step = 1e-9 }',
            "in a whole number of steps, 1 to 9999",
        ),
        (
            '[[run]]\nprotocol = "ahe-loop"\nsweep.nplc = { start = 1, stop = 2, step = -1 }',
            "in a whole number of steps",
        ),
        (
            '[[run]]\nprotocol = "ahe-loop"\nsweep.nplc = { start = 1, stop = 2, step = 1e-999999 }',
            "in a whole number of steps",
        ),
        (
            '[[run]]\nprotocol = "ahe-loop"\nsweep.nplc = { start = "1", stop = "2", step = "1e-999999" }',
            "sweep.nplc.step must be a number with its unit",
        ),
        (
            "\n".join(f"[[{'.'.join(['run'] * depth)}]]" for depth in range(1, 400))
            + '\nprotocol = "ahe-loop"',
            "must be at most 16 tables deep",
        ),
        (f'[[run]]\nprotocol = "ahe-loop"\nseed = {"9" * 5000}', "must be TOML"),
        (
            '[[run]]\nprotocol = "ahe-loop"\nsweep.I_sense = { start = "1 mA", stop = "1 A", step = "1 mA" }',
            "must have start, stop and step in one unit",
        ),
        (
            '[[run]]\nprotocol = "ahe-loop"\nparameters.nplc = 1\nsweep.nplc = [1, 2]',
            "nplc must be in parameters or in sweep",
        ),
        (
            'sweep.nplc = { start = 1, stop = 9000, step = 1 }\nsweep.settle = ["0 s", "1 s"]\n'
            '[[run]]\nprotocol = "ahe-loop"',
            "must ask for at most 10000 runs",
        ),
        (
            '[[run]]\nprotocol = "sot-switching"\nparameters.R_AHE_reference = "@loop"',
            "must be taken from the label of an earlier run, or from a file; got @loop",
        ),
        (
            '[[run]]\nprotocol = "ahe-loop"\nlabel = "loop"\nsample = "alox-0.0"\n'
            '[[run]]\nprotocol = "sot-switching"\nparameters.R_AHE_reference = "@loop"',
            "must mean one earlier run on alox-2.0 .* there are 0",
        ),
        (
            '[[run]]\nprotocol = "ahe-loop"\nlabel = "loop"\nsweep.nplc = [1, 2]\n'
            '[[run]]\nprotocol = "sot-switching"\nparameters.R_AHE_reference = "@loop"',
            "there are 2",
        ),
        (
            '[[run]]\nprotocol = "ahe-loop"\nlabel = "loop"\n'
            '[[run]]\nprotocol = "sot-switching"\nparameters.I_max = "@loop"',
            "I_max must be a value; it cannot be taken from a run",
        ),
        (
            '[[run]]\nprotocol = "sot-switching"\nparameters.R_AHE_reference = "@nothing.h5"',
            "nothing.h5 must be a file",
        ),
        (
            '[[run]]\nprotocol = "ahe-loop"\nparameters.nplc = 99\n'
            '[[run]]\nprotocol = "ahe-loop"\nparameters.nplc = 0',
            "run 1, .*nplc.* got 99; run 2, .*nplc.* got 0",
        ),
    ],
)
def test_a_wrong_batch_is_one_line_exit_2_and_nothing_is_written(
    labctl: Command, tmp_path: Path, rooms: list[Any], text: str, complaint: str
) -> None:
    """All runs are looked at before the first one: the line says which run is wrong; no bench is ever built."""
    (tmp_path / "batch.toml").write_text(text, encoding="utf-8")
    said = labctl("batch", "batch.toml")
    assert said.status == 2, said.err
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert re.search(complaint, said.err), said.err
    assert said.err.endswith("Nothing was sent.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["batch.toml"]
    assert rooms == []


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """A folder, bytes that are no text, and a file larger than any batch."""
    for content in (b"\xff\xfe", b"#" * 1_000_001):
        (tmp_path / "batch.toml").write_bytes(content)
        with pytest.raises(RequestError, match=r"must be a batch file (that can be read|of)"):
            file.read(tmp_path / "batch.toml")
    with pytest.raises(RequestError, match="must be a batch file that can be read"):
        file.read(tmp_path)
