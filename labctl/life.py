"""The life of a sample: an append-only ledger of what its runs sent, each line chained to the one before.

A line is one JSON object. A run writes `planned` before its first set-point and `settled` when it is over; of a run
that was killed in between, the plan counts in full. `check` is a SHA-256 (16 hex digits) over the `check` of the
line before and the rest of this one, so that a line that was changed, moved or taken out is noticed. A last line
that was cut short by a crash is left as it is and counts for nothing: its plan was never carried out, or its
settlement is still stood for by the plan.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from labctl import config, door
from labctl.errors import DataError, RequestError

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.config import Life, Sample
    from labctl.limits import Demand

#: Share of a budget from which on every run is told of it (our choice).
WARN_AT = 0.8


@dataclass(frozen=True, slots=True)
class Spent:
    """What a sample has gone through: waveforms, largest J (A/m2), sum of I^2 t (A2 s), charge (C)."""

    pulses: int = 0
    J: float = 0.0
    square: float = 0.0
    charge: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.pulses + other.pulses,
            max(self.J, other.J),
            self.square + other.square,
            self.charge + other.charge,
        )

    @classmethod
    def of(cls, demand: Demand, sample: Sample) -> Spent:
        """What a run with this demand spends of a sample's life."""
        J = demand.current / sample.area if demand.current else 0.0
        return cls(demand.pulses, J, demand.square, demand.charge)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ledger."""

    time: str
    kind: Literal["planned", "settled"]
    run: str
    title: str
    spent: Spent


class Ledger:
    """The ledger in a file, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[Entry]:
        """Every line that counts, oldest first; DataError where the file was changed."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise DataError(f"the ledger {self.path} must be readable; {error.strerror}.") from error
        return [entry for entry, _ in _read(content, self.path)]

    def runs(self) -> list[Entry]:
        """One entry for each run, in the order in which they began: settled, or else as it was planned."""
        runs: dict[str, Entry] = {}
        for entry in self.entries():
            runs[entry.run] = entry
        return list(runs.values())

    def spent(self) -> Spent:
        """What all runs together have spent."""
        return sum((entry.spent for entry in self.runs()), Spent())

    def append(self, kind: Literal["planned", "settled"], run: str, title: str, spent: Spent) -> None:
        """Add a line, and have it on the disk when this returns; RequestError where that cannot be."""
        entry = Entry(datetime.now(UTC).isoformat(timespec="seconds"), kind, run, title, spent)
        try:
            with _locked(self.path) as descriptor:
                content = self.path.read_bytes()
                whole = list(_read(content, self.path))
                before = whole[-1][1] if whole else ""
                line = json.dumps(asdict(entry) | {"check": _check(before, asdict(entry))}) + "\n"
                torn = b"" if content.endswith(b"\n") or not content else b"\n"
                os.write(descriptor, torn + line.encode())
                os.fsync(descriptor)
        except OSError as error:
            raise RequestError(
                f"the ledger of the sample must take a line; {self.path}: {error.strerror}. Nothing was sent."
            ) from error


def ledger_of(sample: Sample, name_or_path: str) -> Ledger | None:
    """The ledger beside a sample's file (`mine.toml` -> `mine.life`); None where the sample has no [life]."""
    if sample.life is None:
        return None
    return Ledger(ledger_path(name_or_path))


def ledger_path(name_or_path: str) -> Path:
    """Where the ledger of a sample is: beside its file, for a built-in one in the user's data folder."""
    file = config.file_of("sample", name_or_path)
    if file is None:
        import platformdirs

        folder = platformdirs.user_data_path("labctl", appauthor=False) / "samples"
        return folder / f"{name_or_path}.life"
    return file.absolute().with_suffix(".life")


def judged(life: Life, before: Spent, planned: Spent, name: str) -> tuple[list[str], list[str]]:
    """Say in words which budgets a planned run would exceed, and which it comes near to (80 % and more)."""
    after = before + planned
    beyond: list[str] = []
    near: list[str] = []
    for what, unit, budget, was, is_then in (
        ("pulses", "1", life.pulses, before.pulses, after.pulses),
        ("J", "A/m2", life.J, before.J, after.J),
        ("square", "A2 s", life.square, before.square, after.square),
    ):
        if budget is None:
            continue
        told = (
            f"life.{what} of {name}: {door.show(was, unit)} spent, {door.show(is_then, unit)} after this run, "
            f"of {door.show(budget, unit)}"
        )
        if not is_then <= budget:
            beyond.append(told)
        elif is_then >= WARN_AT * budget:
            near.append(told)
    return beyond, near


@contextmanager
def _locked(path: Path) -> Generator[int]:
    """Open a ledger for appending, alone; it comes into being where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _read(content: bytes, path: Path) -> Iterator[tuple[Entry, str]]:
    """Yield each entry with its check; DataError for a line that does not follow from the one before."""
    before = ""
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            plain: dict[str, Any] = json.loads(line)
            check = plain.pop("check")
            spent = Spent(**plain["spent"])
            entry = Entry(plain["time"], plain["kind"], plain["run"], plain["title"], spent)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # torn: whatever followed from it does not follow from the line before it
        if check != _check(before, plain):
            raise DataError(
                f"the ledger {path} must be as it was written; line {number} does not follow from the one before "
                "it: a line was changed or taken out. Nothing was sent."
            )
        before = check
        yield entry, check


def _check(before: str, plain: Mapping[str, Any]) -> str:
    text = before + json.dumps(plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
