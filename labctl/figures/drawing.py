"""Pictures of runs: one, or several of a protocol overlaid and told apart by colour, marks, dashes and a legend."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from labctl.errors import RequestError
from labctl.figures.labels import broken
from labctl.figures.style import COLOURS, DASHES, MARKS, SIZES, Kind, Width, image, styled
from labctl.newfile import publish
from protocols.vocabulary import Analysis, Method

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS: Final = tuple(f".{kind}" for kind in get_args(Kind))

_MARKS_ON_A_CURVE = 16  # of an overlay: of a curve with more points only some are marked
_MARK_DISTANCE = 0.1  # of two marks along a curve, in parts of the diagonal of the axes
_MARK_SIZE = 3.2  # points
_MOST_MARKS = 2000  # of one curve, in a vector format: more of them are a solid line, and megabytes


@dataclass(frozen=True, slots=True)
class Picture:
    """One run to draw: its method, columns, analysis and the label (`as_label`) that tells it from the others."""

    method: Method
    data: Mapping[str, Any]
    analysis: Analysis
    label: str


def check_format(path: Path) -> Kind:
    """Return which of PNG, SVG and PDF the ending of a figure's file says; RequestError where it is none."""
    for kind in get_args(Kind):
        if path.suffix.lower() == f".{kind}":
            return kind
    raise RequestError(f"a figure must end in {', '.join(FORMATS)}; got {path.name!r}. Nothing was written.")


def save(pictures: Sequence[Picture], path: Path, title: str = "", width: Width = "single") -> Path:
    """Draw one run, or several of the same protocol overlaid, and save it; the ending of `path` decides how.

    Where a protocol has more than one picture, the others are saved beside it under names of their own. A file
    appears whole or not at all (LabctlError), and replaces none (RequestError).
    """
    kind = check_format(path)
    names = {picture.method.name for picture in pictures}
    if len(names) != 1:
        raise RequestError(f"runs in one figure must be of one protocol; got {', '.join(sorted(names))}.")

    method = pictures[0].method
    publish(image(drawn(pictures, title=title, width=width), kind), path)
    for name, draw in method.more_pictures.items():
        figure = drawn(pictures, draw, title=title, width=width)
        publish(image(figure, kind), free_name(path.with_stem(f"{path.stem}_{name}")))
    return path


def free_name(path: Path) -> Path:
    """Return `path`, or the first of `path-2`, `path-3` ... that nobody has: no figure is ever replaced."""
    candidate, number = path, 2
    while candidate.exists():
        candidate = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return candidate


def drawn(
    pictures: Sequence[Picture],
    draw: Callable[..., None] | None = None,
    *,
    title: str = "",
    width: Width = "single",
) -> Figure:
    """Draw runs of one method on one Axes, by its own `draw` unless another of its pictures is given.

    Several have a legend above the axes, where no curve can be; the figure is as much higher.
    """
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=SIZES[width], layout="constrained")
        axes: Any = figure.subplots()
        overlay(
            axes,
            [
                _bound(picture, draw or picture.method.draw, picture.label if len(pictures) > 1 else None)
                for picture in pictures
            ],
        )
        if len(pictures) > 1:
            _legend(figure, axes)
        if title:
            axes.set_title("\n".join(broken(title, 0.85 * SIZES[width][0], 8)))
    return figure


def overlay(axes: Any, draws: Sequence[Callable[..., None]]) -> None:
    """Call each of `draws` with the axes and a colour; what each of several draws has its own marks too."""
    for number, draw in enumerate(draws):
        with _apart(axes, number, len(draws)):
            draw(axes, color=COLOURS[number % len(COLOURS)])


def _bound(picture: Picture, draw: Callable[..., None], label: str | None) -> Callable[..., None]:
    def bound(axes: Any, color: str) -> None:
        draw(axes, picture.data, picture.analysis, label=label, color=color)

    return bound


@contextmanager
def _apart(axes: Any, number: int, count: int) -> Generator[None]:
    """Give the curves of a run marks and dashes of its own, where runs share axes; some of many points are marked.

    Marks other than dots and circles mean something and stay (an arrowhead, a state of the layer).
    """
    before = set(axes.lines)
    yield
    for line in axes.lines:
        if line in before:
            continue
        _thin(line)
        if count == 1:
            continue
        if line.get_marker() in {".", "o"}:
            _mark(line, number, count)
        elif line.get_marker() in {"None", None, ""} and line.get_linestyle() == "-" and number:
            line.set_linestyle(DASHES[number % len(DASHES)])


def _thin(line: Any) -> None:
    """Take most dots off a line of very many points; dots alone become pixels in a vector format."""
    if _points(line) > _MOST_MARKS and line.get_marker() not in {"None", None, ""}:
        if line.get_linestyle() == "None":
            line.set_rasterized(True)
        else:
            line.set_markevery((0.0, _MARK_DISTANCE))


def _mark(line: Any, number: int, count: int) -> None:
    # after as many runs as there are colours, each has another mark with its colour
    line.set_marker(MARKS[(number + number // len(COLOURS)) % len(MARKS)])
    line.set_markersize(_MARK_SIZE)
    if line.get_linestyle() != "None" and _points(line) > _MARKS_ON_A_CURVE:
        line.set_markevery((_MARK_DISTANCE * number / count, _MARK_DISTANCE))  # not all at the same places


def _points(line: Any) -> int:
    """Points of a line that can be drawn."""
    import numpy as np

    return int(np.isfinite(line.get_xydata()).all(axis=1).sum())


def _legend(figure: Any, axes: Any) -> None:
    """Put the legend above the axes, in as many columns as there is room for."""
    import matplotlib as mpl

    handles, labels = axes.get_legend_handles_labels()
    if not labels:
        return
    size, width = float(mpl.rcParams["legend.fontsize"]), figure.get_figwidth()
    handle = (mpl.rcParams["legend.handlelength"] + mpl.rcParams["legend.handletextpad"]) * size / 72
    gap = mpl.rcParams["legend.columnspacing"] * size / 72
    room = 0.94 * width
    told = [broken(label, room - handle, size) for label in labels]
    widest = handle + max(line.inches for lines in told for line in lines)
    rows = -(-len(labels) // max(1, int((room + gap) / (widest + gap))))
    columns = -(-len(labels) // rows)
    height = rows * max(map(len, told)) * 1.35 * size / 72
    figure.set_figheight(figure.get_figheight() + height)
    figure.legend(handles, ["\n".join(lines) for lines in told], loc="outside upper center", ncols=columns)
