"""A process that reads files for the dashboard: what a damaged or hostile one does to it is done to nobody else.

It is asked by one line of JSON on its standard input, and answers on its standard output by one line of JSON,
{"ok", "size", "type"}, and so many bytes. It ends when its input does.
"""

from __future__ import annotations

import json
import os
import sys
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from labctl import figures, tables
from labctl.errors import LabctlError
from labctl.live.dashboard import curves, facts, listing, notation, places

if TYPE_CHECKING:
    from labctl.record import WireLine
    from labctl.runfile import Run

_KEPT: Final = 8  # runs that are held in memory, the last that were asked for (our choice)
_VECTORS: Final = (
    5000  # rows up to which a figure is SVG: a browser stands still for seconds over 100 000 marks
)
_JSON: Final = "application/json"


class Reader:
    """Answers what is asked about the runs below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: OrderedDict[tuple[Any, ...], Run] = OrderedDict()
        self._wire: tuple[tuple[Any, ...], list[WireLine]] | None = None

    def answer(self, question: dict[str, Any]) -> tuple[str, bytes]:
        """The kind and the bytes of an answer; LabctlError in words for the person who asked."""
        what = question.pop("what")
        if what == "figure":
            return "image", self._figure(**question)
        return _JSON, tables.json_text(getattr(self, f"_{what}")(**question)).encode()

    def _page(self, words: str, where: str, number: int) -> dict[str, Any]:
        return listing.page(self._folder, words, where, number)

    def _facts(self, run: str) -> dict[str, Any]:
        return facts.of(self._folder, self._run(run))

    def _curves(self, runs: list[str], **wanted: Any) -> dict[str, Any]:
        return curves.picture(self._sources(runs), curves.Wanted(**wanted))

    def _overlay(self, runs: list[str]) -> dict[str, Any]:
        sources = self._sources(runs)
        known = [self._run(run) for run in runs]
        return {
            "runs": [
                {
                    "name": name,
                    "label": notation.pieces(source.label),
                    "title": run.title,
                    "status": run.status,
                }
                for name, source, run in zip(runs, sources, known, strict=True)
            ],
            "axes": curves.axes(sources),
        }

    def _wire_page(self, run: str, instrument: str, text: str, page: int) -> dict[str, Any]:
        from labctl import runfile

        path = places.inside(self._folder, run)
        stamp = _stamp(path)
        if self._wire is None or self._wire[0] != stamp:
            self._wire = stamp, runfile.read_wire(path)
        return facts.wire_page(self._wire[1], instrument, text, page)

    def _figure(self, run: str, name: str) -> bytes:
        measured = self._run(run)
        kind = "svg" if measured.rows <= _VECTORS else "png"
        return figures.image(figures.of_run(measured, name), kind)

    def _sources(self, names: list[str]) -> list[curves.Source]:
        runs = [self._run(name) for name in names]
        told = figures.labels(runs) if runs else []
        return [facts.source_of(run, label) for run, label in zip(runs, told, strict=True)]

    def _run(self, name: str) -> Run:
        """A run as its file has it, or its journal: kept where it is a file that has not changed since."""
        from labctl import runfile

        path = places.inside(self._folder, name)
        stamp = _stamp(path)
        run = self._runs.pop(stamp, None) or runfile.read_run(path)
        if run.status != "running":
            self._runs[stamp if stamp[1:] else _stamp(path)] = run
        while len(self._runs) > _KEPT:
            self._runs.popitem(last=False)
        return run


def _stamp(path: Path) -> tuple[Any, ...]:
    try:
        seen = os.stat(path)
    except OSError:  # only a journal so far
        return (str(path),)
    return (str(path), seen.st_ino, seen.st_size, seen.st_mtime_ns)


def _serve(reader: Reader, questions: BinaryIO, answers: BinaryIO) -> None:
    for line in questions:
        try:
            kind, content = reader.answer(json.loads(line))
            ok = True
        except places.NoRunError as error:
            kind, content, ok = "missing", str(error).encode("utf-8", "replace"), False
        except LabctlError as error:
            kind, content, ok = "refused", str(error).encode("utf-8", "replace"), False
        except MemoryError:
            kind, content, ok = "refused", b"This takes more memory than a reader is given.", False
        except Exception as error:  # a bug here must not cost the pages of others
            kind, content, ok = (
                "bug",
                f"a bug: {type(error).__name__}: {error}".encode("utf-8", "replace"),
                False,
            )
        answers.write(json.dumps({"ok": ok, "size": len(content), "type": kind}).encode() + b"\n" + content)
        answers.flush()


def main() -> None:
    """Read for the folder that is the first argument until standard input ends."""
    import signal

    from labctl import quarantine

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; whoever asks decides
    quarantine.confine()
    os.nice(10)  # whoever measures goes first
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints is no answer
    _serve(Reader(Path(sys.argv[1])), sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
