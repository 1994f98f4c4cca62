"""The report: one HTML file that needs nothing else, the figures beside it, and the same content as JSON."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labctl import __version__, tables
from labctl.errors import LabctlError
from labctl.reproduce import catalogue, conduct
from labctl.reproduce.plan import described

if TYPE_CHECKING:
    from markupsafe import Markup

    from labctl.reproduce.conduct import Reproduction
    from labctl.reproduce.plan import Planned

#: A symbol of one letter with an index; mu0_H_x and the like, names of the program, are no symbols.
_SYMBOL: Final = re.compile(r"\b([A-Zktσξ])_([A-Za-z0-9]+)\b")


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
    import jinja2

    def data_uri(drawing: bytes) -> str:
        return f"data:image/svg+xml;base64,{base64.b64encode(drawing).decode()}"

    def name_of(run: Planned) -> str:
        return found.runs[run].path.relative_to(folder).as_posix()

    template = files("labctl.reproduce").joinpath("templates/report.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["notation"] = _notation
    return environment.from_string(template).render(
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


def _notation(text: str) -> Markup:
    """Text as HTML, with symbols as the field prints them: H_x is an italic H with the index x."""
    from markupsafe import Markup, escape

    return Markup(_SYMBOL.sub(r"<i>\1</i><sub>\2</sub>", str(escape(text))))


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        raise LabctlError(f"{path} could not be written: {error.strerror}. The runs are kept.") from error
