"""The IDX files of MNIST, read strictly: handwritten digits and their labels, plain or compressed by gzip.

Format   Big-endian: two zero bytes, the type (8: unsigned bytes), the number of dimensions, each dimension as 32
         bits, then the data in C order, and nothing after them (yann.lecun.com/exdb/mnist, "file formats").
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from labctl.errors import DataError
from protocols.analysis.network import N_CLASSES, Digits

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_BYTES: Final = 2**30  # twenty times MNIST; a compressed file of a megabyte can claim any size
_UNSIGNED_BYTES: Final = b"\x00\x00\x08"


def read_digits(folder: Path) -> tuple[Digits, Digits]:
    """Return the training and the test digits of a folder that holds MNIST's four files, each plain or as .gz.

    Images become rows of shape (n, pixels), labels integers. DataError, in one line, for a file that is missing,
    truncated, longer than it says or not IDX, for labels that are not 0 to 9, and for files that do not belong
    together.
    """
    training, test = _read_set(folder, "train"), _read_set(folder, "t10k")
    if training.images.shape[1] != test.images.shape[1]:
        raise DataError(
            f"{folder} must hold training and test images of one size; got {training.images.shape[1]} and "
            f"{test.images.shape[1]} pixels."
        )
    return training, test


def _read_set(folder: Path, name: str) -> Digits:
    images_path, images = _read(folder, f"{name}-images-idx3-ubyte", 3)
    labels_path, labels = _read(folder, f"{name}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise DataError(
            f"{labels_path} must have a label for each of the {len(images)} images of {images_path.name}; "
            f"got {len(labels)}."
        )
    if not images.size:
        raise DataError(f"{images_path} must hold images; it holds none.")
    if labels.max() >= N_CLASSES:
        raise DataError(f"{labels_path} must hold labels from 0 to {N_CLASSES - 1}; got {labels.max()}.")
    return Digits(images.reshape(len(images), -1), labels.astype(np.intp))


def _read(folder: Path, name: str, n_dims: int) -> tuple[Path, NDArray[np.uint8]]:
    """Return the path and the array of one file; DataError for what is not an IDX file of n_dims dimensions."""
    path = next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), folder / name)
    try:
        content = _content(path)
    except FileNotFoundError:
        raise DataError(f"{folder} must hold {name} or {name}.gz (MNIST); it holds neither.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} must be a whole file; it cannot be read: {error}.") from error
    head = 4 + 4 * n_dims
    magic = content[:4]
    if magic != _UNSIGNED_BYTES + bytes([n_dims]) or len(content) < head:
        raise DataError(
            f"{path} must be an IDX file of unsigned bytes in {n_dims} dimension(s), which begins with "
            f"00 00 08 {n_dims:02x}; it begins with {magic.hex(' ') or 'nothing'}."
        )
    shape = [int(n) for n in np.frombuffer(content, ">u4", n_dims, offset=4)]
    length = head + math.prod(shape)
    if len(content) != length:
        raise DataError(
            f"{path} must be {length} bytes long, as its dimensions {' x '.join(map(str, shape))} say; "
            f"it is {len(content)}{' or more' if len(content) > _MAX_BYTES else ''}."
        )
    return path, np.frombuffer(content, np.uint8, offset=head).reshape(shape)


def _content(path: Path) -> bytes:
    """Return what a file holds, unpacked, up to one byte more than _MAX_BYTES."""
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            return file.read(_MAX_BYTES + 1)
    with path.open("rb") as file:
        return file.read(_MAX_BYTES + 1)
