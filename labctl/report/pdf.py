"""The report as PDF: set by Typst from the same contents as the page in HTML; figures are vectors."""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from labctl.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping


def check() -> None:
    """Raise RequestError where what sets the pages is not installed."""
    if find_spec("typst") is None:
        raise RequestError(
            "a report in PDF must have typst, which is not installed: pip install 'labctl[pdf]' "
            "(a report in HTML can be printed, too). Nothing was written."
        )


def pdf(contents: Mapping[str, Any]) -> bytes:
    """Set a report; the contents are handed over as data, the template reads no file and has no date."""
    import typst

    template = files("labctl.report").joinpath("templates/report.typ").read_bytes()
    made: Any = typst.compile(
        template, format="pdf", sys_inputs={"report": json.dumps(contents, ensure_ascii=False)}
    )
    return made
