"""What the lower level of HDF5 reads and writes is what h5py itself does."""

import h5py
import numpy as np
import pytest

from labctl import hdf5, manifest, nexus


@pytest.fixture
def file():
    with nexus.in_memory() as made:
        yield made


@pytest.mark.parametrize("words", ["mA", "", "\N{OHM SIGN} m\N{SUPERSCRIPT TWO}"])
def test_a_text_beside_a_number_is_stored_as_h5py_stores_it(file, words):
    """Its kind, its size and what h5py reads are the same as of an attribute that h5py wrote."""
    made = hdf5.number(file, "value", 1.5, words, "help")
    made.attrs["by h5py"] = words
    assert made.attrs["units"] == words
    assert hdf5.attribute(made, "units") == hdf5.attribute(made, "by h5py") == words.encode()
    ours, theirs = (made.attrs.get_id(name) for name in ("units", "by h5py"))
    assert ours.get_type() == theirs.get_type()
    assert ours.shape == theirs.shape


@pytest.mark.parametrize(
    "value",
    [1.5, np.int64(7), True, "", "\N{OHM SIGN} m", [1.0, 2.0]],
    ids=["number", "integer", "truth", "no text", "text", "numbers"],
)
def test_a_single_value_is_stored_as_h5py_stores_it(file, value):
    """Its kind, its shape, the properties that it was created with, and what h5py reads are the same."""
    if isinstance(value, str):
        ours = hdf5.text(file, "ours", value)
        theirs = file.create_dataset("theirs", data=value, dtype=h5py.string_dtype("utf-8"))
    else:
        ours, theirs = hdf5.number(file, "ours", value, "A", ""), file.create_dataset("theirs", data=value)
    assert ours.id.get_type() == theirs.id.get_type()
    assert ours.shape == theirs.shape
    assert ours.id.get_create_plist().equal(theirs.id.get_create_plist())
    assert np.array_equal(file["ours"][()], theirs[()])


@pytest.mark.parametrize(
    "value",
    [np.float64(1.5), np.int8(-3), np.bytes_(b"fixed"), np.array([1.0, 2.0]), ["a", "\N{OHM SIGN}"]],
    ids=["number", "integer", "text of fixed length", "numbers", "texts"],
)
def test_any_other_attribute_is_read_by_h5py(file, value):
    """Only a single text of variable length takes the short way."""
    file.attrs["value"] = value
    read, theirs = hdf5.attribute(file, "value"), file.attrs["value"]
    assert type(read) is type(theirs)
    assert np.array_equal(read, theirs)


def test_an_empty_attribute_and_one_that_is_not_there(file):
    """Nothing is no text, and what is not there is a KeyError, as with h5py."""
    file.attrs["nothing"] = h5py.Empty("f")
    assert isinstance(hdf5.attribute(file, "nothing"), h5py.Empty)
    with pytest.raises(KeyError):
        hdf5.attribute(file, "absent")


def test_all_attributes_are_named(file):
    """Every name, in whatever script, and no other."""
    for name in ("units", "\N{GREEK SMALL LETTER MU}", "NX_class"):
        file.attrs[name] = 1
    assert set(hdf5.attribute_names(file)) == set(file.attrs)


def test_the_members_of_a_group_are_its_own(file):
    """Groups, datasets, types and links within the file come in their order, under their names."""
    group = hdf5.group(file, "all", "NXcollection")
    group["b"] = 1.5
    group.create_group("\N{GREEK SMALL LETTER MU}")
    group["kind"] = np.dtype("f8")
    group["a"] = h5py.SoftLink("/all/b")
    found = dict(hdf5.members(group))
    assert list(found) == list(group)
    assert all(found[name] == group[name] and type(found[name]) is type(group[name]) for name in group)


@pytest.mark.parametrize(
    "value",
    [1.5, np.int64(7), True, np.arange(3.0), np.empty((0, 2)), "\N{OHM SIGN}", np.bytes_(b"fixed")],
    ids=["number", "integer", "truth", "numbers", "none", "text", "text of fixed length"],
)
def test_a_dataset_holds_what_h5py_reads(file, value):
    """Content and kind are the same."""
    file["value"] = value
    read, theirs = hdf5.content(file["value"]), file["value"][()]
    assert type(read) is type(theirs)
    assert np.asarray(read).dtype == np.asarray(theirs).dtype
    assert np.array_equal(read, theirs)


@pytest.mark.parametrize("change", ["attribute", "number", "member"])
def test_whatever_is_changed_shows_in_the_manifest(file, change):
    """An attribute, a number, or a dataset that is gone."""
    value = hdf5.number(hdf5.root_entry(file, "entry"), "value", 1.5, "A", "help")
    manifest.write(file)
    assert manifest.changes(file) == []
    if change == "attribute":
        value.attrs["units"] = "V"
    elif change == "number":
        value[()] = 1.5000000000000002
    else:
        del file["entry/value"]
    assert manifest.changes(file) == ["/entry/value"]
