"""IDX files: what is read is what was written, and what is not IDX is one clear line."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from digit_files import NAMES, idx, real_mnist, seven_segments, write_digits

from labctl.errors import DataError
from labctl.idx import read_digits

TRAIN_IMAGES, TRAIN_LABELS = NAMES["train"]
TEST_IMAGES, TEST_LABELS = NAMES["t10k"]


@pytest.mark.parametrize("packed", [False, True])
def test_images_and_labels_come_back_byte_for_byte(tmp_path: Path, packed: bool) -> None:
    """Plain and compressed files alike; an image becomes a row of pixels."""
    training, test = read_digits(write_digits(tmp_path / "digits", n_train=30, n_test=20, packed=packed))
    images, labels = seven_segments(30, seed=30)
    assert np.array_equal(training.images, images.reshape(30, 63))
    assert np.array_equal(training.labels, labels)
    assert test.images.shape == (20, 63)


def spoiled(folder: Path, file: str, content: bytes | None) -> Path:
    """The folder after one of its files was replaced, or removed."""
    path = folder / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    return folder


IMAGES, LABELS = (idx(array) for array in seven_segments(30, seed=30))


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        (TRAIN_IMAGES, None, f"must hold {TRAIN_IMAGES} or {TRAIN_IMAGES}.gz"),
        (TEST_LABELS, None, f"must hold {TEST_LABELS} or"),
        (TRAIN_IMAGES, b"", "it begins with nothing"),
        (TRAIN_IMAGES, b"\x89PNG\r\n\x1a\n", "it begins with 89 50 4e 47"),
        (TRAIN_IMAGES, LABELS, "in 3 dimension.* it begins with 00 00 08 01"),
        (TRAIN_IMAGES, IMAGES[:10], "must be an IDX file"),
        (TRAIN_IMAGES, IMAGES[:-1], r"must be 1906 bytes long, as its dimensions 30 x 9 x 7 say; it is 1905\."),
        (TRAIN_IMAGES, IMAGES + b"\x00", "it is 1907"),
        (TRAIN_IMAGES, struct.pack(">4B3I", 0, 0, 8, 3, *[2**31] * 3), "must be 9903520314283042199192993808"),
        (TRAIN_LABELS, idx(np.zeros(29, np.uint8)), "a label for each of the 30 images.*; got 29"),
        (TRAIN_LABELS, idx(np.full(30, 10, np.uint8)), "labels from 0 to 9; got 10"),
        (TEST_IMAGES, idx(np.zeros((20, 8, 8), np.uint8)), "images of one size; got 63 and 64"),
    ],
)  # fmt: skip
def test_what_is_not_mnist_is_refused(
    tmp_path: Path, file: str, content: bytes | None, complaint: str
) -> None:
    """Missing, truncated, too long, of another kind or another set: the line names the file and what came."""
    folder = spoiled(write_digits(tmp_path / "digits", n_train=30, n_test=20), file, content)
    with pytest.raises(DataError, match=complaint):
        read_digits(folder)


@pytest.mark.parametrize("content", [gzip.compress(IMAGES)[:-20], b"not gzip", gzip.compress(IMAGES[:-1])])
def test_a_damaged_compressed_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Truncated, not compressed at all, or whole with a truncated file in it."""
    folder = write_digits(tmp_path / "digits", n_train=30, n_test=20, packed=True)
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(content)
    with pytest.raises(DataError, match=f"{TRAIN_IMAGES}.gz must be"):
        read_digits(folder)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    """Well-formed files that hold nothing teach nothing; so does a folder that is none."""
    with pytest.raises(DataError, match="must hold images; it holds none"):
        read_digits(write_digits(tmp_path / "digits", n_train=0, n_test=20))
    with pytest.raises(DataError, match="must hold train-images"):
        read_digits(tmp_path / "nowhere")


def test_mnist_is_what_its_makers_say() -> None:
    """60 000 and 10 000 images of 28 x 28, and 6 742 of the training digits are ones (LeCun's own count)."""
    training, test = read_digits(real_mnist())
    assert training.images.shape == (60_000, 784)
    assert test.images.shape == (10_000, 784)
    assert int(np.sum(training.labels == 1)) == 6742
