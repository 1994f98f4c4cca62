"""The journal: the record of truth of a run while it goes on, and what the file is made from at its end.

The journal of `X.h5` is `X.h5.journal` beside it: the line "labctl journal, version 1", then records one after
the other (frames.py has the framing, records.py what each record says; together they are all it takes to read one
without labctl). The header comes twice, because no row can be read without it. Its writer holds an exclusive
flock() on it for as long as it lives: a journal that nobody holds was interrupted.
"""

from labctl.journal.reading import (
    Tail,
    Told,
    Traffic,
    is_locked,
    journal_of,
    opened,
    read,
    read_header,
    writer_of,
)
from labctl.journal.writer import Journal

__all__ = [
    "Journal",
    "Tail",
    "Told",
    "Traffic",
    "is_locked",
    "journal_of",
    "opened",
    "read",
    "read_header",
    "writer_of",
]
