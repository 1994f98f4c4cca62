"""Runs in which things drawn from a seed go wrong: parked, readable, and no row that is not right."""

import os
import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest
from invariants import broken
from trial import Trial, carry_out

from labctl.workers import workers

#: PyVISA warns of a reply that ends in CR and END; what is then read of it is judged here.
pytestmark = pytest.mark.filterwarnings("ignore:read string doesn't end with termination characters")

#: Faults after which an instrument cannot be reached to the end, or that move a magnet themselves. A supply whose
#: answers are frozen reads back a set point that it no longer has, from which a walk then begins: its slew is not
#: judged (two of the two hundred seeds; only the supply's own voltage limit bounds such a step).
GONE_FOR_GOOD = ("lost", "locked", "broken", "stuck")
MOVES_A_MAGNET = ("power-cycled", "slow", "stuck", "noise", "half", "answer", "swallowed", "frozen")


def suffered(folder: Path, seed: int, protocol: str) -> tuple[Trial, list[str]]:
    """Carry out one run, and say which invariants it broke."""
    trial = carry_out(folder, protocol=protocol, chaos=seed, seed=seed)
    told = trial.run.simulation["faults"].value if trial.run is not None and trial.run.simulation else ""
    faults = str(told).splitlines()
    kinds = [fault.partition(": ")[2].partition(" ")[0] for fault in faults if " for " not in fault]
    is_parkable = not set(kinds) & set(GONE_FOR_GOOD)
    is_slew_ours = not any(kind in fault for fault in faults for kind in MOVES_A_MAGNET)
    found = broken(trial, is_parkable=is_parkable, is_slew_ours=is_slew_ours)
    if "carriage-return" in kinds_of(faults, "voltmeter") <= {"carriage-return"}:
        # The digits are the instrument's own: only their end was another, and END came with it.
        found = [text for text in found if "is not the answer to its question" not in text]
    if trial.run is None:
        found.append("there is no file")
    return trial, [
        f"{text} [seed {seed}, {protocol}: {'; '.join(faults)}; {trial.told[:200]}]" for text in found
    ]


def kinds_of(faults: list[str], instrument: str) -> set[str]:
    """The kinds of fault among these that alter what an instrument answers."""
    kinds = {
        fault.partition(": ")[2].partition(" ")[0] for fault in faults if fault.startswith(f"{instrument}:")
    }
    return kinds & {
        "half",
        "split",
        "doubled",
        "noise",
        "answer",
        "swapped",
        "frozen",
        "garbage",
        "carriage-return",
    }


def judged(folder: Path, seed: int) -> tuple[str, list[str]]:
    """How the run of a seed ended, of two protocols in turn, and what it broke."""
    place = folder / str(seed)
    place.mkdir()
    try:
        trial, problems = suffered(place, seed, ("ahe-loop", "sot-switching")[seed % 2])
    except Exception as error:
        return "", [f"seed {seed}: {type(error).__name__}: {error}"]
    finally:
        shutil.rmtree(place)
    return trial.status, problems


def none_is_broken(ends: Iterable[tuple[str, list[str]]]) -> None:
    """Every run that broke something is told; some are complete, and some are not."""
    statuses, problems = zip(*ends, strict=True)
    assert [text for found in problems for text in found] == []
    assert set(statuses) == {"complete", "faulted"}


def test_whatever_goes_wrong_the_station_is_parked_and_no_row_is_wrong(tmp_path: Path) -> None:
    """A dozen seeds."""
    none_is_broken(judged(tmp_path, seed) for seed in range(12))


def _of_many(folder: Path, seeds: range) -> None:
    with workers(os.cpu_count() or 1) as pool:
        none_is_broken(pool.map(partial(judged, folder), seeds, chunksize=5))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_times_whatever_goes_wrong(tmp_path: Path) -> None:
    """The same for two hundred seeds, as many at once as there are cores."""
    _of_many(tmp_path, range(200))


@pytest.mark.nightly
@pytest.mark.timeout(36000)
@pytest.mark.parametrize("thousand", range(10))
def test_ten_thousand_times_whatever_goes_wrong(tmp_path: Path, thousand: int) -> None:
    """A long schedule."""
    _of_many(tmp_path, range(1000 * thousand, 1000 * (thousand + 1)))
