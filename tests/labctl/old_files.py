"""The files of old formats that are kept for ever, unpacked for a test."""

import lzma
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "formats"
NAMES = sorted(path.name.removesuffix(".h5.xz") for path in (FOLDER / "1").glob("*.h5.xz"))


def unpacked(name: str, folder: Path) -> Path:
    """A copy of a kept file, such as "stdp", in a folder."""
    path = folder / f"{name}.h5"
    path.write_bytes(lzma.decompress((FOLDER / "1" / f"{name}.h5.xz").read_bytes()))
    return path
