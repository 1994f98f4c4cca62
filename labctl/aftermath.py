"""What a guard did goes into the journal of the dead run, for the file that is made from it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from labctl import journal
from labctl.errors import DataError
from labctl.journal import frames, records
from labctl.record import Event


def tell_journal(target: Path, texts: Sequence[str]) -> bool:
    """Add lines to the log of a dead run; False where there is no journal that could take them.

    They get the time (s) of the last thing that the run wrote down: the station's clock died with it.
    """
    path = journal.journal_of(target)
    with suppress(DataError, OSError), journal.opened(path, os.O_RDWR | os.O_APPEND) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody recovers it meanwhile
        time = journal.read(path, descriptor).time
        found = [
            one for one in frames.scan(descriptor, len(records.FIRST_LINE)) if isinstance(one, frames.Frame)
        ]
        number = found[-1].number + 1
        content = b"".join(
            frames.pack(records.EVENT, number + place, records.pack_json(Event(time, "warning", text)))
            for place, text in enumerate(texts)
        )
        if os.write(descriptor, content) == len(content):
            os.fsync(descriptor)
            return True
    return False
