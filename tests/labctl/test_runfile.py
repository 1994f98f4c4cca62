"""Reading a run: damage and alteration show, and a hostile file leads nowhere."""

import os

import h5py
import numpy as np
import pytest
from stored_runs import HALL, stored

from labctl.errors import DataError
from labctl.runfile import read_run


@pytest.fixture
def path(tmp_path):
    return stored(tmp_path / "loop.h5")


def flip(path, offset):
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x10
    path.write_bytes(content)


# --- damage and alteration ----------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["entry/data/R_xy", "entry/wire/text", "entry/log/time"])
def test_one_flipped_bit_in_a_column_is_found(path, where):
    """Every chunk has a check sum of its own."""
    with h5py.File(path) as file:
        chunk = file[where].id.get_chunk_info(0)
    flip(path, chunk.byte_offset + chunk.size // 2)
    with pytest.raises(DataError):
        read_run(path)


@pytest.mark.parametrize(
    "where", ["entry/protocol/parameters/mu0_H_max", "entry/analysis/mu0_H_c", "entry/duration"]
)
def test_one_flipped_bit_in_a_single_number_is_found_by_the_manifest(path, where):
    """HDF5 has no check sum for a scalar; the manifest names the number that changed."""
    with h5py.File(path) as file:
        offset = file[where].id.get_offset()
    flip(path, offset + 3)
    with pytest.raises(DataError, match=where):
        read_run(path)


def test_one_flipped_bit_in_a_text_is_found(path):
    """Texts are covered as well."""
    flip(path, path.read_bytes().index(b"Anomalous Hall loop"))
    with pytest.raises(DataError, match="caption"):
        read_run(path)


def change_unit(file):
    file["entry/data/R_xy"].attrs["units"] = "mohm"


def change_value(file):
    file["entry/data/R_xy"][0] = 7.0


def remove(file):
    del file["entry/analysis/R_AHE"]


@pytest.mark.parametrize(
    ("change", "named"), [(change_unit, "data/R_xy"), (change_value, "data/R_xy"), (remove, "analysis/R_AHE")]
)
def test_an_altered_file_is_refused_and_the_alteration_named(path, change, named):
    """A unit, a value or a result that was changed by hand shows, although HDF5 finds the file in order."""
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(DataError, match=named):
        read_run(path)


def test_an_altered_file_can_be_read_by_those_who_say_so(path):
    """Without verification the file is read as it is."""
    with h5py.File(path, "r+") as file:
        change_value(file)
    assert read_run(path, verify=False).columns["R_xy"][0] == 7.0


def test_a_remark_added_by_a_viewer_does_not_make_a_run_unreadable(path):
    """What was added after the run is not the run's business."""
    with h5py.File(path, "r+") as file:
        file["entry/my_remark"] = "looks good"
    assert read_run(path).columns["R_xy"].tolist() == HALL


# --- files that are no runs ---------------------------------------------------------------------------


def test_what_is_no_run_is_refused_in_one_line(tmp_path, path):
    """Absent, a directory, empty, text, truncated, another program's HDF5, a newer format."""
    whole = path.read_bytes()
    (tmp_path / "empty.h5").touch()
    (tmp_path / "text.h5").write_text("mu0_H_z,R_xy\n")
    (tmp_path / "half.h5").write_bytes(whole[: len(whole) // 2])
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["R_xy"] = [1.0]
    with h5py.File(tmp_path / "bare.h5", "w") as file:
        file.attrs["labctl_format"] = 1
    (tmp_path / "newer.h5").write_bytes(whole)
    with h5py.File(tmp_path / "newer.h5", "r+") as file:
        file.attrs["labctl_format"] = 2
    expected = {
        "absent.h5": "must be a file",
        "": "must be a file",
        "empty.h5": "must be an HDF5 file",
        "text.h5": "must be an HDF5 file",
        "half.h5": "damaged or incomplete",
        "other.h5": "must be a run of labctl",
        "bare.h5": "damaged or incomplete",
        "newer.h5": "format 2",
    }
    for name, said in expected.items():
        with pytest.raises(DataError, match=said) as caught:
            read_run(tmp_path / name)
        assert "\n" not in str(caught.value)


# --- files that mean harm -----------------------------------------------------------------------------


def external_storage(file, secret):
    file.create_dataset("entry/loot", (6,), "S1", external=[(str(secret), 0, 6)])


def external_link(file, secret):
    file["entry/loot"] = h5py.ExternalLink(str(secret), "/")


def soft_link(file, secret):
    file["entry/loot"] = h5py.SoftLink("/entry/title")


def virtual_dataset(file, secret):
    layout = h5py.VirtualLayout((6,), "f8")
    layout[:] = h5py.VirtualSource(str(secret), "x", (6,))
    file.create_virtual_dataset("entry/loot", layout)


def eight_terabytes(file, secret):
    file.create_dataset("entry/loot", (10**12,), "f8", chunks=(1000,))


def a_circle(file, secret):
    file["entry/data/loot"] = file["entry"]


def a_foreign_filter(file, secret):
    file.create_dataset("entry/loot", (10,), "f8", chunks=(10,), compression="lzf")


def a_giant_attribute(file, secret):
    file.create_group("entry/loot", track_order=True)
    file["entry/loot"].attrs.create("x", np.zeros(2**18))


@pytest.mark.parametrize(
    "harm",
    [
        external_storage, external_link, soft_link, virtual_dataset, eight_terabytes, a_circle, a_foreign_filter,
        a_giant_attribute,
    ],
)  # fmt: skip
@pytest.mark.parametrize("verify", [True, False])
def test_a_file_that_would_lead_elsewhere_or_fill_the_memory_is_refused(path, tmp_path, harm, verify):
    """HDF5 follows links, external storage and filters by itself; labctl refuses the file that has any."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with h5py.File(path, "r+", libver=("earliest", "v110")) as file:
        harm(file, secret)
    with pytest.raises(DataError, match="must hold its data itself"):
        read_run(path, verify=verify)


def test_reading_changes_nothing(path):
    """A run that may only be read can be read, and is the same afterwards."""
    before = path.read_bytes()
    path.chmod(0o444)
    read_run(path)
    assert path.read_bytes() == before
    assert os.stat(path).st_nlink == 1
