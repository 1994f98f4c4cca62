"""A misspelt name is answered with the one that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean ...?)" where a known name is close to `word`, else nothing; capitals do not count."""
    spelt = {name.casefold(): name for name in reversed(list(known))}
    close = difflib.get_close_matches(word.casefold(), spelt, n=1)
    return f" (did you mean {spelt[close[0]]}?)" if close else ""
