"""The figures of a report, as SVG: each run as its protocol draws it, and runs of one protocol overlaid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from labctl import figures
from labctl.errors import RequestError

if TYPE_CHECKING:
    from labctl.runfile import Run

#: A protocol is not installed, or what it draws was not found in the run, or not by the version that analysed it.
_UNDRAWABLE: Final = (RequestError, LookupError, ValueError, TypeError, ArithmeticError)

_HEAD: Final = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_IDENTIFIER: Final = re.compile(r'(\bid="|\bxlink:href="#|\burl\(#)')


def of_run(run: Run) -> list[str]:
    """Every picture of a run, by the results in its file; a plain curve where its protocol cannot draw it.

    A run that has no analysis yet is analysed for its figure. None where there is no row.
    """
    if not run.rows:
        return []
    if run.results or run.curves:
        with suppress(*_UNDRAWABLE):
            return _pictures(figures.stored_picture(run))
    with suppress(*_UNDRAWABLE):
        return _pictures(figures.pictures_of([run])[0])
    return [_svg(figures.plain([run], figures.labels([run]), figures.Choice()))]


def of_runs(runs: Sequence[Run]) -> str:
    """Runs of one protocol overlaid, with a legend of what differs; "" where they cannot be drawn together."""
    drawable = [run for run in runs if run.rows]
    told = figures.labels(drawable) if drawable else []
    try:
        pictures = [figures.stored_picture(run) for run in drawable]
        overlaid = [
            figures.Picture(picture.method, picture.data, picture.analysis, label)
            for picture, label in zip(pictures, told, strict=True)
        ]
        return _svg(overlaid) if len(overlaid) > 1 else ""
    except _UNDRAWABLE:
        return ""


def _pictures(picture: figures.Picture) -> list[str]:
    more = picture.method.more_pictures.values()
    drawn = [figures.drawn([picture]), *(figures.drawn([picture], draw) for draw in more)]
    return [_text(figures.image(figure, "svg")) for figure in drawn]


def _svg(pictures: Sequence[figures.Picture]) -> str:
    return _text(figures.image(figures.drawn(pictures), "svg"))


def _text(image: bytes) -> str:
    return image.decode("utf-8")


def inline(svg: str, number: int, text: str) -> str:
    """Return an SVG as it may stand within HTML: no head, no comments, identifiers of its own, a label."""
    from markupsafe import escape

    bare = _COMMENT.sub("", _HEAD.sub("", svg, count=1))
    own = _IDENTIFIER.sub(lambda match: f"{match[1]}f{number}-", bare)
    return own.replace("<svg ", f'<svg role="img" aria-label="{escape(text)}" ', 1)
