"""An old run is analysed anew; the new analysis goes into its file whole or not at all, nothing else changes."""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import pytest
from command_line import Command
from old_files import unpacked

from labctl import analyse, manifest, newfile
from labctl.errors import DataError, LabctlError, RequestError
from labctl.runfile import read_run

RAW = ("data", "wire", "clock_readings", "log", "protocol", "sample", "station", "instrument", "simulation")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return unpacked("ahe-loop", tmp_path)


def raw_bytes(path: Path) -> dict[str, bytes]:
    """Every dataset of what was measured, as it lies in the file: the stored bytes of its chunks, or its values."""
    found: dict[str, bytes] = {}

    def take(name: str, node: Any) -> None:
        if not isinstance(node, h5py.Dataset) or name.split("/")[0] not in RAW:
            return
        if node.chunks is None:
            value = node[()]
            found[name] = value if isinstance(value, bytes) else value.tobytes()
        else:
            chunks = [node.id.get_chunk_info(number) for number in range(node.id.get_num_chunks())]
            found[name] = b"".join(node.id.read_direct_chunk(chunk.chunk_offset)[1] for chunk in chunks)

    with h5py.File(path) as file:
        file["entry"].visititems(take)
        assert {name.split("/")[0] for name in found} == set(RAW) & set(file["entry"])
    return found


def test_the_raw_bytes_of_what_was_measured_are_untouched(labctl: Command, path: Path) -> None:
    """Data, wire, log, protocol, sample, station and instruments are byte for byte what they were."""
    before = raw_bytes(path)
    assert len(before) > 100
    assert labctl("analyse", str(path), "--again").status == 0
    assert labctl("analyse", str(path), "--again").status == 0
    assert raw_bytes(path) == before


def test_the_new_analysis_stands_beside_the_old(labctl: Command, path: Path) -> None:
    """Each has its code, time and parameters; show tells the newest, and every one can be read."""
    old = read_run(path)
    said = labctl("analyse", str(path), "--again", "--json")
    assert said.status == 0, said.err
    assert said.json["group"] == "analysis_2"
    run = read_run(path)
    assert [one.name for one in run.analyses] == ["analysis", "analysis_2"]
    assert run.analyses[0].results == old.results
    assert run.analyses[1].version == said.json["version"]
    assert run.analyses[1].time > run.analyses[0].time == old.end_time
    assert isinstance(run.analyses[1].time, datetime)
    assert run.analyses[1].parameters.keys() == run.parameters.keys()
    assert run.results is run.analyses[1].results
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_the_new_code_finds_is_what_is_shown_drawn_and_exported(
    labctl: Command, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code that finds twice the height: analyse shows both, and afterwards show tells the new one."""
    from dataclasses import replace

    from labctl import registry

    ordinary = registry.load_protocol("ahe-loop")

    def twice(data: Any, p: Any) -> Any:
        found = ordinary.analyse(data, p)
        R_AHE = found.results["R_AHE"]
        return replace(found, results={**found.results, "R_AHE": replace(R_AHE, value=2 * R_AHE.value)})

    monkeypatch.setattr(registry, "load_method", lambda _name: replace(ordinary, analyse=twice))
    stored = read_run(path).results["R_AHE"].value
    compared = labctl("analyse", str(path), "--json").json
    assert compared["group"] is None
    assert compared["stored"]["results"]["R_AHE"]["value"] == stored
    assert compared["results"]["R_AHE"]["value"] == 2 * stored
    assert labctl("show", str(path), "--json").json["results"]["R_AHE"]["value"] == stored
    assert labctl("analyse", str(path), "--again").status == 0
    assert labctl("show", str(path), "--json").json["results"]["R_AHE"]["value"] == 2 * stored


def test_an_analysis_without_again_changes_nothing(labctl: Command, path: Path) -> None:
    """It only reads: a file that may not be written will do."""
    before = path.read_bytes()
    path.chmod(0o444)
    said = labctl("analyse", str(path))
    assert said.status == 0
    assert "R_AHE" in said.out
    assert path.read_bytes() == before


def test_the_manifest_covers_the_new_analysis_and_still_the_old(path: Path) -> None:
    """A result that is altered later shows, whichever analysis it is of; the old digests are as they were."""
    with h5py.File(path) as file:
        old = file[f"{manifest.PATH}/sha256"][()]
    analyse.again(path, as_json=False)
    with h5py.File(path) as file:
        assert file[f"{manifest.PATH}/sha256"][()] == old
    for group in ("analysis", "analysis_2"):
        copy = path.with_name(f"{group}.h5")
        copy.write_bytes(path.read_bytes())
        with h5py.File(copy, "r+") as file:
            file[f"entry/{group}/R_AHE"][...] = 7.0
        with pytest.raises(DataError, match=f"{group}/R_AHE"):
            read_run(copy)


def test_a_write_protected_file_is_left_alone(labctl: Command, path: Path) -> None:
    """Who protects a file means it, although its folder would let it be replaced."""
    path.chmod(0o444)
    before = path.read_bytes()
    said = labctl("analyse", str(path), "--again")
    assert said.status == 2
    assert "write-protected" in said.err
    assert path.read_bytes() == before


def test_a_link_goes_on_pointing_at_the_file(path: Path, tmp_path: Path) -> None:
    """The file is replaced where it lies, with its permissions; the link is not turned into a file."""
    path.chmod(0o640)
    link = tmp_path / "link.h5"
    link.symlink_to(path)
    analyse.again(link, as_json=False)
    assert link.is_symlink()
    assert len(read_run(path).analyses) == 2
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_altered_file_is_not_analysed_into(path: Path) -> None:
    """A new analysis would bear witness to rows that nobody measured."""
    with h5py.File(path, "r+") as file:
        file["entry/data/R_xy"][0] = 7.0
    before = path.read_bytes()
    with pytest.raises(DataError, match="R_xy"):
        analyse.again(path, as_json=False)
    assert path.read_bytes() == before


# --- killed, full, overtaken --------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here: nobody catches this, and nothing is tidied up."""


CALLS = ("open", "write", "fsync", "close", "chmod", "replace", "stat")
OLD, NEW = b"old" * 1000, b"new" * 2000


def replaced(path: Path, death: int, what: BaseException, *, after: bool = False) -> list[str]:
    """Replace OLD by NEW with system call number `death` the last, done or not done; return the calls."""
    calls: list[str] = []
    left_open: set[int] = set()
    path.write_bytes(OLD)
    seen = os.stat(path)

    def verify(partial: Path) -> None:
        assert partial.read_bytes() == NEW
        assert path.read_bytes() == OLD

    def shim(name: str, ordinary: Any) -> Any:
        def call(*words: Any, **named: Any) -> Any:
            calls.append(name)
            if len(calls) == death and not after:
                raise what
            if len(calls) == death and name == "write":
                ordinary(words[0], bytes(words[1])[:1000])  # torn
                raise what
            result = ordinary(*words, **named)
            if name == "open":
                left_open.add(result)
            if name == "close":
                left_open.discard(words[0])
            if len(calls) == death:
                raise what
            return result

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, shim(name, getattr(os, name)))
        try:
            newfile.replace(NEW, path, seen, verify)
        finally:
            patch.undo()
            for descriptor in left_open:  # as the end of a process does
                os.close(descriptor)
    return calls


def test_killed_at_any_step_the_file_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    """Before, within and after each system call of the replacement: one of the two is there, whole."""
    path = tmp_path / "run.h5"
    calls = replaced(path, -1, Killed())
    assert {"write", "fsync", "replace"} <= set(calls)
    assert path.read_bytes() == NEW
    found = set[bytes]()
    for death in range(1, len(calls) + 1):
        for after in (False, True):
            with pytest.raises(Killed):
                replaced(path, death, Killed(), after=after)
            found.add(path.read_bytes())
    assert found == {OLD, NEW}


def test_an_error_at_any_step_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    """A full or broken disk is one clear error; without a lock it goes on, and in the end only a flush can fail."""
    path = tmp_path / "run.h5"
    calls = replaced(path, -1, Killed())
    _, lock, _ = (number for number, call in enumerate(calls, 1) if call == "open")
    for death in range(1, len(calls) + 1):
        full = OSError(28, "No space left on device")
        if "replace" not in calls[: death - 1] and death != lock:
            with pytest.raises(LabctlError, match=r"No space left on device\. It is as it was"):
                replaced(path, death, full)
            assert path.read_bytes() == OLD
        else:
            with suppress(LabctlError):
                replaced(path, death, full)
            assert path.read_bytes() == NEW
        assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_two_at_once_do_not_lose_one_anothers_analysis(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that changed meanwhile is not replaced by a copy that does not know it."""
    ordinary = newfile.replace

    def overtaken(*words: Any) -> None:
        monkeypatch.setattr(newfile, "replace", ordinary)
        analyse.again(path, as_json=False)
        ordinary(*words)

    monkeypatch.setattr(newfile, "replace", overtaken)
    with pytest.raises(RequestError, match="was changed"):
        analyse.again(path, as_json=False)
    assert len(read_run(path).analyses) == 2
    assert [file.name for file in path.parent.iterdir()] == [path.name]
