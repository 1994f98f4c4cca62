"""The report: one HTML file that needs nothing else, the figures beside it, and the same content as JSON."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import __version__, tables
from labctl.errors import LabctlError
from labctl.report import page
from labctl.reproduce import catalogue, conduct
from labctl.reproduce.plan import described

if TYPE_CHECKING:
    from labctl.reproduce.conduct import Reproduction
    from labctl.reproduce.plan import Planned


def write(found: Reproduction, folder: Path, skipped: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """Write report.html, report.json and figures/*.svg into `folder`; return what the JSON says.

    `skipped` are sections that were wanted and could not be made: what, and why.

    What an earlier reproduction left under these names is replaced: all of it can be made again from the runs.
    """
    report, data = folder / "report.html", folder / "report.json"
    figures = {
        finished.section.name: folder / "figures" / f"{finished.section.name}.svg"
        for finished in found.sections
    }
    missing = (*skipped, *catalogue.NOT_REPRODUCED)
    plain = conduct.as_plain(found, {"report": report, "json": data}, figures, missing)
    for finished in found.sections:
        _replace(figures[finished.section.name], finished.drawing)
    _replace(report, _html(found, folder, missing).encode())
    _replace(data, tables.json_text(plain).encode())
    return plain


def _html(found: Reproduction, folder: Path, missing: Sequence[tuple[str, str]]) -> str:
    def data_uri(drawing: bytes) -> str:
        return f"data:image/svg+xml;base64,{base64.b64encode(drawing).decode()}"

    def name_of(run: Planned) -> str:
        return found.runs[run].path.relative_to(folder).as_posix()

    return page.render(
        "labctl.reproduce",
        "report.html.j2",
        found=found,
        data_uri=data_uri,
        described=described,
        name_of=name_of,
        not_reproduced=missing,
        heading=catalogue.heading,
        version=__version__,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        n_good=sum(judged.is_good for _, judged in found.claims),
        n_hold=sum(judged.verdict.holds for _, judged in found.claims),
        n_broken=sum(not judged.falsified.holds for _, judged in found.claims),
    )


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        raise LabctlError(f"{path} could not be written: {error.strerror}. The runs are kept.") from error
