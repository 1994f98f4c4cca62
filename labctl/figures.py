"""Figures in one style, as the field's journals print them: one column wide, ticks inside, safe colours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labctl.errors import DataError, LabctlError, RequestError
from labctl.names import as_label
from labctl.newfile import check_writable, make_folder
from labctl.tables import say
from labctl.tell import shown
from protocols.vocabulary import Analysis, Method, ParameterSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labctl.classify import Classified
    from labctl.engine import Outcome, Rehearsal
    from labctl.runfile import Run

#: Okabe and Ito's colours, told apart by colour-blind readers (jfly.uni-koeln.de/color, 2008).
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
FORMATS: Final = (".png", ".svg", ".pdf")

STYLE: Final[dict[Any, Any]] = {
    "figure.figsize": (3.4, 2.6),  # inches: one column of a two-column journal
    "figure.dpi": 200,
    "savefig.dpi": 300,
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.0,
    "lines.markersize": 2.5,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "mathtext.default": "it",
    "mathtext.fontset": "dejavusans",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One run to draw: its method, columns, analysis and the label (`as_label`) that tells it from the others."""

    method: Method
    data: Mapping[str, Any]
    analysis: Analysis
    label: str


def check_format(path: Path) -> None:
    """Refuse a figure file whose ending is none of PNG, SVG and PDF."""
    if path.suffix.lower() not in FORMATS:
        raise RequestError(
            f"a figure must end in {', '.join(FORMATS)}; got {path.name!r}. Nothing was written."
        )


def save(pictures: Sequence[Picture], path: Path, title: str = "") -> Path:
    """Draw one run, or several of the same protocol overlaid, and save it; the ending of `path` decides how.

    Where a protocol has more than one picture, the others are saved beside it under names of their own.
    """
    check_format(path)
    names = {picture.method.name for picture in pictures}
    if len(names) != 1:
        raise RequestError(f"runs in one figure must be of one protocol; got {', '.join(sorted(names))}.")

    method = pictures[0].method
    _save(pictures, method.draw, path, title)
    for name, draw in method.more_pictures.items():
        _save(pictures, draw, free_name(path.with_stem(f"{path.stem}_{name}")), title)
    return path


def _save(pictures: Sequence[Picture], draw: Callable[..., None], path: Path, title: str) -> None:
    import matplotlib as mpl

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font lacks
        figure = _drawn(pictures, draw, title)
        try:
            figure.savefig(path)
        except OSError as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise LabctlError(f"the figure {path} could not be written: {error.strerror}.") from error


def _drawn(pictures: Sequence[Picture], draw: Callable[..., None], title: str) -> Figure:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(layout="constrained")
        axes: Any = figure.subplots()
        for picture, colour in zip(pictures, _colours(len(pictures)), strict=True):
            label = picture.label if len(pictures) > 1 else None
            draw(axes, picture.data, picture.analysis, label=label, color=colour)
        if len(pictures) > 1:  # above the axes, where no curve can be
            widest = max(len(picture.label) for picture in pictures)
            columns = min(len(pictures), 3 if widest < 15 else 2 if widest < 35 else 1)
            figure.legend(loc="outside upper center", ncols=columns)
        if title:
            axes.set_title(title)
    return figure


def draw_beside(finished: Outcome) -> Path | None:
    """Draw a run's figure beside its file; None where there is nothing to draw, or no room, which is said.

    The run is safe by then: a figure that a full disk does not take must not make a failure of it.
    """
    if finished.path is None or finished.analysis is None:
        return None
    request = finished.request
    picture = Picture(request.protocol, finished.data, finished.analysis, request.sample.name)
    target = free_name(finished.path.with_suffix(".png"))
    try:
        return save([picture], target, title=as_label(request.sample.name))
    except LabctlError as error:
        say(f"{error} labctl plot draws it from {finished.path}.")
        return None


def draw_classified(finished: Classified) -> Path:
    """Draw the figures of a classification beside its file; return the first."""
    task = finished.task
    picture = Picture(task.method, finished.data, finished.analysis, task.name)
    return save([picture], free_name(finished.path.with_suffix(".png")), title=as_label(task.name))


def free_name(path: Path) -> Path:
    """Return `path`, or the first of `path-2`, `path-3` ... that nobody has: no figure is ever replaced."""
    candidate, number = path, 2
    while candidate.exists():
        candidate = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return candidate


def draw_prediction(rehearsed: Rehearsal) -> Path:
    """Draw the predicted figure where the run's own would go."""
    request = rehearsed.request
    picture = Picture(request.protocol, rehearsed.data, rehearsed.analysis, request.sample.name)
    target = request.target.with_name(f"{request.target.stem}_predicted.png")
    make_folder(target.parent)
    return save([picture], free_name(target), title=as_label(f"{request.sample.name}, predicted"))


def draw_files(paths: Sequence[Path], output: Path | None) -> Path:
    """Draw stored runs, one or several of a protocol overlaid; return the figure's path."""
    from labctl import runfile

    target = output or paths[0].with_suffix(".png")
    check_format(target)
    target = output or free_name(target)
    check_writable(target)
    runs = [runfile.read_run(path) for path in paths]
    pictures = _pictures(runs)
    title = pictures[0].label if len(pictures) == 1 else ""
    try:
        return save(pictures, target, title=title)
    except (LookupError, ValueError, TypeError, ArithmeticError) as error:
        raise DataError(f"{paths[0]} must have rows that can be drawn: {error}.") from error


def _pictures(runs: Sequence[Run]) -> list[Picture]:
    """The runs as the paper draws them, all analysed anew; as plain curves where that cannot be done for one.

    The rows of an older version of a protocol, or of one that is not installed, are drawn all the same.
    """
    from labctl.analyse import analysed

    labels = _labels(runs)
    try:
        found = [analysed(run) for run in runs]
    except RequestError as error:
        say(f"warning: {error} Drawn as {runs[0].signal} against {runs[0].axis}.")
        plain = Analysis({}, {}, ())
        return [
            Picture(_plainly(run), run.columns, plain, label) for run, label in zip(runs, labels, strict=True)
        ]
    return [
        Picture(one.method, one.run.columns, one.analysis, label)
        for one, label in zip(found, labels, strict=True)
    ]


def _plainly(run: Run) -> Method:
    """A method for rows of which no more is known than their default plot."""

    def draw(axes: Any, data: Any, _analysis: Analysis, **style: Any) -> None:
        axes.plot(data[run.axis], data[run.signal], "o-", **style)
        units = {column.name: column.unit for column in run.described}
        axes.set_xlabel(as_label(f"{run.axis} ({units[run.axis]})"))
        axes.set_ylabel(as_label(f"{run.signal} ({units[run.signal]})"))

    def analyse(_data: Any, _p: Any) -> Analysis:
        return Analysis({}, {}, ())

    return Method(
        name=run.protocol,
        version=run.protocol_version,
        text=run.caption,
        parameters=ParameterSet,
        columns=run.described,
        signal=run.signal,
        axis=run.axis,
        analyse=analyse,
        draw=draw,
    )


def of_run(run: Run, name: str = "") -> Figure:
    """Draw a stored run as a matplotlib figure: its protocol's first picture, or the further one called `name`."""
    (picture,) = _pictures([run])
    more = picture.method.more_pictures
    if name and name not in more:
        known = ", ".join(more) or "none but the first"
        raise RequestError(f"the picture of a {run.protocol} run must be one of {known}; got {name!r}.")
    return _drawn([picture], more[name] if name else picture.method.draw, picture.label)


def _labels(runs: Sequence[Run]) -> list[str]:
    """What tells the runs apart: the samples, the parameters that differ, or else the names of their files."""
    facts = [
        {"": as_label(run.sample_name)}
        | {name: as_label(shown(value)) for name, value in run.parameters.items()}
        for run in runs
    ]
    differing = [name for name in facts[0] if len({fact.get(name) for fact in facts}) > 1]
    if not differing:
        return [facts[0][""]] if len(runs) == 1 else [as_label(run.path.stem) for run in runs]
    return [
        ", ".join(f"{_notation(name)} = {fact.get(name)}" if name else fact[name] for name in differing)
        for fact in facts
    ]


def _notation(name: str) -> str:
    """Return a name of the code as the field writes it: mu0_H_x, shown in Oe, is H with the index x."""
    symbol, _, index = name.removeprefix("mu0_").partition("_")
    return f"${symbol}_{{\\mathrm{{{index.replace('_', ',')}}}}}$" if index else symbol


def _colours(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]
