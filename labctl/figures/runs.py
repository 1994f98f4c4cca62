"""Figures of runs: beside a run that has ended, of stored runs, of a prediction, in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.errors import DataError, LabctlError, RequestError
from labctl.figures.columns import Choice, plain
from labctl.figures.drawing import Picture, check_format, drawn, free_name, save
from labctl.figures.labels import labels
from labctl.names import as_label
from labctl.newfile import check_writable, make_folder
from labctl.tables import say
from protocols.vocabulary import Analysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labctl.classify import Classified
    from labctl.engine import Outcome, Rehearsal
    from labctl.figures.style import Width
    from labctl.runfile import Run


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


def draw_prediction(rehearsed: Rehearsal) -> Path:
    """Draw the predicted figure where the run's own would go."""
    request = rehearsed.request
    picture = Picture(request.protocol, rehearsed.data, rehearsed.analysis, request.sample.name)
    target = request.target.with_name(f"{request.target.stem}_predicted.png")
    make_folder(target.parent)
    return save([picture], free_name(target), title=as_label(f"{request.sample.name}, predicted"))


def draw_files(
    paths: Sequence[Path], output: Path | None, choice: Choice | None = None, width: Width = "single"
) -> Path:
    """Draw stored runs and return the figure's path: one, or several overlaid.

    Each is drawn as its protocol draws it, which must then be one for all; with a `choice`, as a curve of two of
    its columns.
    """
    from labctl import runfile

    target = output or paths[0].with_suffix(".png")
    check_format(target)
    target = output or free_name(target)
    check_writable(target)
    runs = [runfile.read_run(path) for path in paths]
    pictures = plain(runs, labels(runs), choice) if choice else pictures_of(runs)
    try:
        return save(pictures, target, title=pictures[0].label if len(pictures) == 1 else "", width=width)
    except (LookupError, ValueError, TypeError, ArithmeticError) as error:
        raise DataError(f"{paths[0]} must have rows that can be drawn: {error}.") from error


def pictures_of(runs: Sequence[Run]) -> list[Picture]:
    """The runs as the paper draws them, all analysed anew; as plain curves where that cannot be done for one.

    The rows of an older version of a protocol, or of one that is not installed, are drawn all the same. Several
    runs must be of one protocol: RequestError.
    """
    from labctl.analyse import analysed

    names = sorted({run.protocol for run in runs})
    if len(names) > 1:
        shared = [
            column.name for column in runs[0].described if all(column.name in run.columns for run in runs)
        ]
        advice = f"; any of {', '.join(shared)} can be drawn with --x and --y" if len(shared) > 1 else ""
        raise RequestError(
            f"runs in one figure must be of one protocol; got {', '.join(names)}{advice}. Nothing was written."
        )
    told = labels(runs)
    try:
        found = [analysed(run) for run in runs]
    except RequestError as error:
        say(f"warning: {error} Drawn as {runs[0].signal} against {runs[0].axis}.")
        return plain(runs, told, Choice())
    return [
        Picture(one.method, one.run.columns, one.analysis, label)
        for one, label in zip(found, told, strict=True)
    ]


def of_run(run: Run, name: str = "") -> Figure:
    """Draw a stored run as a matplotlib figure: its protocol's first picture, or the further one called `name`."""
    (picture,) = pictures_of([run])
    more = picture.method.more_pictures
    if name and name not in more:
        known = ", ".join(more) or "none but the first"
        raise RequestError(f"the picture of a {run.protocol} run must be one of {known}; got {name!r}.")
    return drawn([picture], more[name] if name else None, title=picture.label)


def stored_picture(run: Run) -> Picture:
    """A run as its protocol draws it, from the results in its file; RequestError where that is not installed."""
    from labctl import registry

    analysis = Analysis(run.results, run.curves, run.warnings)
    return Picture(registry.load_method(run.protocol), run.columns, analysis, as_label(run.sample_name))
