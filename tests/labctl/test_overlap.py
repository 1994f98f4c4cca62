"""How two runs of one request agree is told in units of their noise, which is taken from the runs themselves."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_runs import stored

from labctl.overlap import Overlap, overlap
from labctl.runfile import Run, read_run

ROWS = 400
SIGMA = 1e-3
FIELD = np.concatenate([np.linspace(-0.1, 0.1, ROWS // 2), np.linspace(0.1, -0.1, ROWS // 2)])
BRANCH = np.repeat([1, -1], ROWS // 2)
LOOP = 1.5 * np.sign(FIELD - 0.03 * BRANCH)  # a square loop: two jumps, 1500 times the noise


@pytest.fixture
def measured(tmp_path: Path) -> Callable[..., Run]:
    """A run whose signal is the loop with white noise of 1 mohm, of this seed, changed as a test wants."""
    template = read_run(stored(tmp_path / "run.h5"))
    sample = {**template.sample, "sample_file": template.sample["name"]}

    def run(seed: int, rows: int = ROWS, shift: float = 0.0, **changed: Any) -> Run:
        noise = SIGMA * np.random.default_rng(seed).standard_normal(ROWS)
        columns = {"mu0_H_z": FIELD[:rows], "R_xy": (LOOP + noise + shift)[:rows], "branch": BRANCH[:rows]}
        return replace(template, **{"columns": columns, "sample": sample, **changed})

    return run


def compared(earlier: Run, later: Run) -> Overlap:
    found = overlap(earlier, later)
    assert found is not None
    return found


def test_two_runs_of_one_loop_agree_within_their_noise(measured: Callable[..., Run]) -> None:
    """White noise of 1 mohm in each makes 1.41 mohm in the difference, jumps or not; the shorter run decides."""
    found = compared(measured(1, rows=250), measured(2))
    assert (found.signal, found.unit, found.rows) == ("R_xy", "ohm", 250)
    assert found.noise == pytest.approx(2**0.5 * SIGMA, rel=0.15)
    assert abs(found.in_noise) < 3
    assert found.far == 0
    assert found.agrees
    assert not found.is_identical
    assert "agrees" in found.words()
    assert "NOT" not in found.words()


def test_an_offset_of_one_noise_is_found_in_the_mean_though_no_row_shows_it(
    measured: Callable[..., Run],
) -> None:
    """A shift of 1 mohm is 14 standard deviations of the mean of 400 rows, and less than one of a row."""
    found = compared(measured(1), measured(2, shift=SIGMA))
    assert found.far == 0
    assert found.in_noise == pytest.approx(ROWS**0.5 / 2**0.5, abs=4)
    assert not found.agrees
    assert "DOES NOT AGREE" in found.words()


def test_a_threshold_that_moved_by_one_row_is_named_by_its_row(measured: Callable[..., Run]) -> None:
    """The layer that switches one step later differs in that row only, by the whole height of the loop."""
    later = measured(2)
    row = int(np.flatnonzero(np.diff(LOOP[: ROWS // 2]))[0]) + 1
    later.columns["R_xy"][row] -= 3.0
    found = compared(measured(1), later)
    assert (found.far, found.row) == (1, row + 1)
    assert found.largest == pytest.approx(-3.0, abs=6 * SIGMA)
    assert not found.agrees


def test_the_same_rows_are_identical(measured: Callable[..., Run]) -> None:
    """On the bench a request with one seed gives one result, bit for bit."""
    found = compared(measured(1, rows=5), measured(1))
    assert found.is_identical
    assert found.agrees
    assert "identical, bit for bit" in found.words()


def test_few_rows_do_not_tell_their_noise(measured: Callable[..., Run]) -> None:
    """Five rows beside five others: the largest difference is told, and no agreement is claimed."""
    found = compared(measured(1, rows=5), measured(2, rows=5))
    assert np.isnan(found.noise)
    assert not found.agrees
    assert "too few rows" in found.words()


def test_runs_that_are_not_of_one_request_have_no_overlap(measured: Callable[..., Run]) -> None:
    """Another protocol, version or parameter, another branch in a row, no row at all, or none that was read."""
    run = measured(1)
    other = {**run.parameters, "repeats": run.parameters["repeats"]._replace(value=2)}
    assert overlap(run, measured(2, protocol="other")) is None
    assert overlap(run, measured(2, protocol_version="9")) is None
    assert overlap(run, measured(2, parameters=other)) is None
    assert overlap(run, measured(2, columns={**run.columns, "branch": -run.columns["branch"]})) is None
    assert overlap(measured(1, rows=0), run) is None
    unread = {**run.columns, "R_xy": np.full(ROWS, np.nan)}
    assert overlap(run, measured(2, columns=unread)) is None
    assert overlap(run, measured(2)) is not None
