"""`labctl report`: from runs to one file, HTML or PDF."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labctl import __version__, figures, notes, runfile
from labctl.errors import RequestError
from labctl.newfile import check_writable, publish
from labctl.report import illustrations, page, pdf
from labctl.report.comparison import comparisons
from labctl.report.contents import section

if TYPE_CHECKING:
    from labctl.runfile import Run

FORMATS: Final = (".html", ".pdf")


def write(paths: Sequence[Path], output: Path | None) -> Path:
    """Write a report on runs, in the order given, to `output` (default: <first>_report.html beside it).

    The same runs give the same bytes. RequestError where `output` exists, DataError where a run cannot be read;
    nothing is written then. A run that still goes on is reported as far as it has come.
    """
    target = output or figures.free_name(paths[0].with_name(f"{paths[0].stem}_report.html"))
    if target.suffix.lower() not in FORMATS:
        raise RequestError(f"a report must end in .html or .pdf; got {target.name!r}. Nothing was written.")
    is_pdf = target.suffix.lower() == ".pdf"
    if is_pdf:
        pdf.check()
    check_writable(target)
    contents = contents_of([(path, runfile.read_run(path)) for path in paths])
    return publish(pdf.pdf(contents) if is_pdf else _html(contents).encode("utf-8"), target)


def contents_of(runs: Sequence[tuple[Path, Run]]) -> dict[str, Any]:
    """Everything that a report says, as plain data; figures are texts of SVG."""
    read = [run for _, run in runs]
    remarks = {folder: notes.read(folder) for folder in dict.fromkeys(path.parent for path, _ in runs)}
    sections = [
        asdict(section(run, remarks[path.parent].get(run.uuid, notes.NONE), _sha256(path, run)))
        | {"figures": illustrations.of_run(run)}
        for path, run in runs
    ]
    return {
        "title": sections[0]["title"] if len(runs) == 1 else f"{len(runs)} runs",
        "version": __version__,
        "comparisons": [
            asdict(compared)
            | {
                "figure": illustrations.of_runs([read[number] for number in compared.runs]),
                "caption": sections[compared.runs[0]]["caption"],
            }
            for compared in comparisons(read)
        ],
        "sections": sections,
    }


def _sha256(path: Path, run: Run) -> str:
    if run.status == "running":
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _html(contents: dict[str, Any]) -> str:
    from markupsafe import Markup

    count = 0

    def inline(svg: str, text: str) -> Markup:
        nonlocal count
        count += 1
        return Markup(
            illustrations.inline(svg, count, text)
        )  # the drawing is ours, and its letters are outlines

    for shown in (*contents["comparisons"], *contents["sections"]):
        caption = shown["caption"]
        if shown.get("figure"):
            shown["figure"] = inline(shown["figure"], caption)
        if "figures" in shown:
            shown["figures"] = [inline(svg, caption) for svg in shown["figures"]]
    return page.render("labctl.report", "report.html.j2", **contents)
