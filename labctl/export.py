"""`labctl export`: runs for other programs, one file or many or a whole tree; all of them are written, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from labctl import formats, recovery
from labctl.errors import RequestError
from labctl.newfile import check_writable, make_folder, publish
from labctl.runfile import is_run, read_run
from labctl.selection import Selection, names_with_units
from labctl.spelling import suggest


class _Found(NamedTuple):
    """A run's file, and where it lies below the folder that was given (its name, where no folder was)."""

    path: Path
    below: Path


def export(
    paths: Sequence[Path], to: str, output: Path | None = None, selection: Selection | None = None
) -> list[Path]:
    """Export runs and return the files made; every number carries its unit, SI where `selection` has no other.

    A folder among `paths` stands for all runs below it. Each run becomes a file of its own: beside it (for
    to="h5" as <run>_export.h5), or below the folder `output`, where folders that were given are mirrored, or, for
    a single run, `output`. With to="h5" and a file as `output`, that file holds an NXentry for each run. `output`
    is a folder where there is one, or where its name has no ending; it is made where it is missing.

    RequestError for what cannot be meant (formats, columns and units included), and where a file of that name
    exists already; DataError for a run that cannot be read. Nothing is written then.
    """
    formats.check(to)
    found = [run for path in paths for run in _runs(path)]
    if not found:
        named = ", ".join(map(str, paths)) or "none"
        raise RequestError(f"an export must be given at least one run; got {named}. Nothing was written.")
    together = to == "h5" and output is not None and not _is_folder(output)
    targets = [output] if together and output is not None else _targets(found, to, output)
    for target in targets:
        if target.parent.is_dir() or output is None or not _is_folder(output):
            check_writable(target)
    chosen = selection or Selection()
    _check_all(found, chosen)
    for folder in dict.fromkeys(target.parent for target in targets):
        make_folder(folder)
    runs = (chosen.of(read_run(file.path, verify=False)) for file in found)  # verified a moment ago
    if together:
        return [publish(formats.h5(*runs), targets[0])]
    write = formats.WRITERS[to]
    return [publish(write(run), target) for run, target in zip(runs, targets, strict=True)]


def _runs(path: Path) -> Iterator[_Found]:
    """The runs that a name stands for; other HDF5 files in a folder, exports among them, are passed over."""
    if not path.is_dir():
        yield _Found(path, Path(path.name))
        return
    for file in recovery.runs_below(path):
        if is_run(file):
            yield _Found(file, file.relative_to(path))


def _check_all(found: Sequence[_Found], selection: Selection) -> None:
    # Every run is read twice, so that a tree larger than the memory is still written as a whole or not at all.
    known: set[str] = set()
    for file in found:
        run = read_run(file.path)
        selection.of(run)
        known |= names_with_units(run)
    for name in selection.units:
        if name not in known:
            raise RequestError(
                f"--unit must name a column, parameter, result or value of the sample that has a unit; "
                f"got {name!r}{suggest(name, sorted(known))}. Nothing was written."
            )


def _is_folder(output: Path) -> bool:
    return output.is_dir() or not output.suffix


def _targets(found: Sequence[_Found], to: str, output: Path | None) -> list[Path]:
    ending = formats.ENDINGS[to]
    if output is None:
        if to == "h5" and len(found) > 1:
            raise RequestError(
                "an HDF5 export of several runs must be given a name (-o). Nothing was written."
            )
        beside = "_export.h5" if to == "h5" else ending
        targets = [run.path.with_name(run.path.stem + beside) for run in found]
    elif _is_folder(output):
        targets = [output / run.below.with_suffix(ending) for run in found]
    elif len(found) == 1:
        targets = [output]
    else:
        raise RequestError(
            f"{output} must be a directory for {len(found)} runs; it is not. Nothing was written."
        )
    if len(set(targets)) < len(targets):
        raise RequestError("runs exported together must differ in name; two do not. Nothing was written.")
    return targets
