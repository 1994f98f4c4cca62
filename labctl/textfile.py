"""A text file that a person names: read as a whole, where it is an ordinary file of bounded size."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path


def read_text(path: Path, at_most: int, encoding: str = "utf-8") -> str:
    """Return the text of a file of at most `at_most` bytes, its lines ended by "\\n".

    OSError, whose `strerror` says why, for what cannot be read, is larger, or is no ordinary file (a pipe may
    have no end, and a device has none); UnicodeDecodeError for other bytes than the encoding's.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")
        content = file.read(at_most + 1)
    if len(content) > at_most:
        raise OSError(errno.EFBIG, f"it has more than {at_most} bytes")
    return io.StringIO(content.decode(encoding), newline=None).read()
