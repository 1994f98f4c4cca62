"""A hundred small runs in a few folders: four that were stored as runs are, and copies with uuids of their own."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from stored_runs import PARAMETERS, SAMPLE, begun, finish

from labctl.store import Quantity

DAY = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KINDS = ("alpha", "beta", "gamma", "delta")


def one(folder: Path, kind: str) -> Path:
    """A run of one of four kinds, a day later each: alpha and gamma at 200 Oe, beta and delta at 800 Oe."""
    number = KINDS.index(kind)
    store = begun(
        folder / f"{kind}.h5",
        protocol="stdp" if kind == "delta" else "ahe-loop",
        uuid=str(UUID(int=number)),
        start_time=DAY + timedelta(days=number),
        parameters={**PARAMETERS, "mu0_H_x": Quantity(0.02 if number % 2 == 0 else 0.08, "T")},
        sample={**SAMPLE, "name": Quantity("S2" if kind == "gamma" else "S1")},
    )
    return finish(store, *(("stopped", "Ctrl-C") if kind == "beta" else ("complete", "")))


@cache
def contents() -> dict[str, bytes]:
    """The bytes of a run of each kind."""
    with TemporaryDirectory() as folder:
        return {kind: one(Path(folder), kind).read_bytes() for kind in KINDS}


def four(folder: Path) -> Path:
    """Make a folder with one run of each kind; return it."""
    folder.mkdir()
    for kind, content in contents().items():
        (folder / f"{kind}.h5").write_bytes(content)
    return folder


def hundred(folder: Path) -> Path:
    """Make 25 runs of each kind in five folders; only the uuids differ, and the manifests of copies do not hold."""
    four(folder)
    for number in range(len(KINDS), 100):
        kind = KINDS[number % len(KINDS)]
        place = folder / f"day-{number % 5}"
        place.mkdir(exist_ok=True)
        content = contents()[kind].replace(
            str(UUID(int=KINDS.index(kind))).encode(), str(UUID(int=number)).encode()
        )
        (place / f"{kind}-{number}.h5").write_bytes(content)
    return folder


def stems(out: str) -> list[str]:
    """The names of the files in a list of runs as it was printed, in its order."""
    return [Path(line.split()[-1]).stem for line in out.splitlines()[1:]]
