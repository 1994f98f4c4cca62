"""Damaged and hostile files: one clear error, within bounds of time and memory; nothing is followed or changed."""

import os
import random
import resource
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command_line import Command
from stored_runs import stored

from labctl import quarantine, untrusted
from labctl.errors import DataError
from labctl.runfile import read_run
from labctl.textfile import read_text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return stored(tmp_path / "loop.h5")


def bomb(file: Any) -> None:
    """A chunk of 8 kB that unpacks to 128 MB."""
    made = file.create_dataset("entry/loot", (1024,), "f8", chunks=(1024,), compression="gzip")
    made.id.write_direct_chunk((0,), zlib.compress(b"\0" * 2**27, 9))


def giant_chunk(file: Any) -> None:
    file.create_dataset("entry/loot", (10,), "f8", chunks=(2**28,), maxshape=(None,))


def unwritten_rows(file: Any) -> None:
    file.create_dataset("entry/loot", (2**27,), "f8", chunks=(1024,))


def references(file: Any) -> None:
    file["entry/loot"] = np.array([file["entry"].ref], h5py.ref_dtype)


def a_reference_as_attribute(file: Any) -> None:
    file["entry"].attrs["loot"] = file["entry/data"].ref


def a_compound(file: Any) -> None:
    file["entry/loot"] = np.zeros(3, [("a", "f8"), ("b", "i4")])


def deep(file: Any) -> None:
    file.create_group("entry/" + "/".join("x" * 40))


def many(file: Any) -> None:
    group = file.create_group("entry/loot")
    for number in range(untrusted.MAX_ATTRIBUTES + 1):
        group.attrs[f"a{number}"] = 1


def many_texts(file: Any) -> None:
    file.create_dataset("entry/loot", (2**20,), h5py.string_dtype())


@pytest.mark.parametrize(
    "harm",
    [bomb, giant_chunk, unwritten_rows, references, a_reference_as_attribute, a_compound, deep, many, many_texts],
)  # fmt: skip
def test_what_no_run_has_is_refused_before_it_is_read(path: Path, harm: Any) -> None:
    """The memory of this process does not grow by what the file claims."""
    with h5py.File(path, "r+", libver=("earliest", "v110")) as file:
        harm(file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="must hold its data itself, within the size of a run") as caught:
        read_run(path, verify=False)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def text_for_number(entry: Any) -> None:
    put(entry, "duration", "long")


def array_for_number(entry: Any) -> None:
    put(entry, "duration", [1.0, 2.0])


def number_for_text(entry: Any) -> None:
    put(entry, "title", 3.0)


def number_for_unit(entry: Any) -> None:
    entry["data/R_xy"].attrs["units"] = 3


def other_length(entry: Any) -> None:
    put(entry, "data/R_xy", [1.0, 2.0])
    entry["data/R_xy"].attrs.update(units="ohm", long_name="short")


def table_for_column(entry: Any) -> None:
    put(entry, "data/R_xy", np.zeros((9, 2)))
    entry["data/R_xy"].attrs.update(units="ohm", long_name="wide")


def no_such_axis(entry: Any) -> None:
    entry["data"].attrs["axes"] = ["gone"]


def no_offset(entry: Any) -> None:
    put(entry, "start_time", "2026-03-01T12:00:00")


def no_time(entry: Any) -> None:
    put(entry, "start_time", "yesterday")


def group_for_text(entry: Any) -> None:
    del entry["title"]
    entry.create_group("title")


def nested_json(entry: Any) -> None:
    put(entry, "sample/layers", "[" * 100_000)
    entry["sample/layers"].attrs["encoding"] = "json"


def not_utf8(entry: Any) -> None:
    del entry["title"]
    entry.create_dataset("title", data=b"\xff\xfe", dtype=h5py.string_dtype("ascii"))


def odd_limit(entry: Any) -> None:
    entry["analysis/R_AHE"].attrs["limit"] = "sideways"


def put(entry: Any, name: str, value: Any) -> None:
    del entry[name]
    entry[name] = value


@pytest.mark.parametrize(
    "wrong",
    [
        text_for_number, array_for_number, number_for_text, number_for_unit, other_length, table_for_column,
        no_such_axis, no_offset, no_time, group_for_text, nested_json, not_utf8, odd_limit,
    ],
)  # fmt: skip
def test_a_part_of_another_kind_is_one_clear_error(labctl: Command, path: Path, wrong: Any) -> None:
    """Even where the manifest was made to agree: show says it in one line, exit 2."""
    with h5py.File(path, "r+") as file:
        wrong(file["entry"])
        from labctl import manifest

        del file["entry/manifest"]
        manifest.write(file)
    said = labctl("show", str(path))
    assert said.status == 2, said.err
    assert said.err.count("\n") == 1
    assert "damaged or incomplete" in said.err


def test_a_parameter_that_no_code_knows_or_allows_is_an_error_and_no_bug(labctl: Command, path: Path) -> None:
    """Every command that reads a run says so in one line."""
    for command in (["analyse"], ["analyse", "--again"], ["replay"], ["replay", "--sim"]):
        said = labctl(*command, str(path))
        assert said.status == 2, said.err
        assert "a bug" not in said.err


# --- crashes ------------------------------------------------------------------------------------------


def test_a_crash_an_endless_loop_and_a_full_memory_end_in_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a child process cannot survive is told by its parent, in words."""
    assert quarantine.complaint_of(lambda: "") == ""
    assert quarantine.complaint_of(lambda: "a remark") == "a remark"
    assert "SIGSEGV" in quarantine.complaint_of(lambda: os.kill(os.getpid(), 11) or "")
    monkeypatch.setattr(quarantine, "SECONDS", 1)

    def for_ever() -> str:
        while True:
            pass

    assert "more than 1 s" in quarantine.complaint_of(for_ever)
    assert quarantine.complaint_of(lambda: str(len(bytes(2**36)))) != str(2**36)


def test_a_file_that_crashes_hdf5_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The crash is the child's; the parent has not touched the file."""
    monkeypatch.setattr(untrusted, "_proven", set())
    monkeypatch.setattr(untrusted, "_complaint", lambda _path: os.kill(os.getpid(), 11))
    with pytest.raises(DataError, match="crashes"):
        read_run(path)


def test_a_file_of_ones_own_is_looked_through_when_it_is_another(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this process has written and read back is not checked again; with a byte more it is."""

    def refused(*_arguments: Any, **_options: Any) -> None:
        raise DataError("looked through")

    monkeypatch.setattr(untrusted, "_check", refused)
    assert read_run(path).rows > 0
    with path.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(DataError, match="looked through"):
        read_run(path)


def mangled(whole: bytes, seed: int) -> bytes:
    """A file cut short, with one bit turned, with bytes changed at random, or with a word set to an extreme."""
    draw = random.Random(seed)
    content = bytearray(whole)
    match seed % 4:
        case 0:
            del content[draw.randrange(len(content)) :]
        case 1:
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        case 2:
            for _ in range(draw.randrange(1, 40)):
                content[draw.randrange(len(content))] = draw.randrange(256)
        case _:
            size = draw.choice([1, 2, 4, 8])
            start = draw.randrange(len(content) - size)
            content[start : start + size] = draw.choice([b"\xff", b"\0", b"\x7f"]) * size
    return bytes(content)


def fuzz(path: Path, seeds: range) -> None:
    whole = path.read_bytes()
    for seed in seeds:
        other = path.with_name(f"fuzz{seed}.h5")
        other.write_bytes(mangled(whole, seed))
        said = ""
        for verify in (True, False):
            try:
                read_run(other, verify=verify)
            except DataError as error:
                said += str(error)
        assert "\n" not in said
        other.unlink()


def test_forty_damaged_files_are_read_or_refused(path: Path) -> None:
    """Seeded damage; nothing but a DataError comes out, and the process lives."""
    fuzz(path, range(40))


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_thousands_of_damaged_files_are_read_or_refused(path: Path) -> None:
    """As above, thousands of times."""
    fuzz(path, range(40, 5000))


# --- text files ---------------------------------------------------------------------------------------


def test_a_pipe_a_device_and_a_giant_are_no_text_files(labctl: Command, tmp_path: Path) -> None:
    """A pipe is not waited for, a device not read to its end, and no file beyond the bound is read whole."""
    pipe, giant = tmp_path / "pipe.toml", tmp_path / "giant.toml"
    os.mkfifo(pipe)
    with giant.open("wb") as file:
        file.truncate(2**40)
    for path in (pipe, Path("/dev/zero"), giant, tmp_path):
        with pytest.raises(OSError, match=r"no ordinary file|more than 100 bytes|directory"):
            read_text(path, 100)
    for path in (pipe, giant):
        for option in ("--station", "--sample"):
            said = labctl("run", "ahe-loop", option, str(path))
            assert said.status == 2
            assert said.err.count("\n") == 1


@pytest.mark.parametrize("text", [b"a = " + b"[" * 50_000, b"\xff\xfe", b"name = 'x'\n" * 2, b"a.b.c = 1"])
def test_a_hostile_toml_file_is_one_clear_error(labctl: Command, tmp_path: Path, text: bytes) -> None:
    """Deep nesting, other bytes than UTF-8, keys given twice, unknown keys."""
    (tmp_path / "s.toml").write_bytes(text)
    for option in ("--station", "--sample"):
        said = labctl("run", "ahe-loop", option, "s.toml")
        assert said.status == 2, said.err
        assert "Nothing was sent" in said.err
