"""Curves with fewer points: what is left out could not have been seen, whatever the path does."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.live.decimation import PER_PIXEL, View, decimate

VIEW = View((0.0, 10.0), (-5.0, 5.0), 10, 10)
#: Anywhere in the picture or a little beside it; each unit is a pixel.
PATHS = st.lists(
    st.tuples(st.floats(-2, 12), st.floats(-7, 7)), min_size=PER_PIXEL * 10 + 1, max_size=400
).map(np.array)


def distances(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """The distance of each point from a polyline, by projecting it on every piece."""
    start, along = line[:-1], np.diff(line, axis=0)
    length = np.maximum((along**2).sum(axis=1), 1e-300)
    offset = points[:, None, :] - start
    share = np.clip((offset * along).sum(axis=2) / length, 0, 1)
    return np.sqrt(((offset - share[..., None] * along) ** 2).sum(axis=2)).min(axis=1)


def walk(steps: int, seed: int) -> np.ndarray:
    """A path that goes to and fro in the picture in small steps, as a measured one does."""
    draws = np.random.default_rng(seed).normal(0, 0.05, (steps, 2))
    x = 5 + 4.9 * np.sin(np.linspace(0, 25, steps)) + draws[:, 0]
    return np.column_stack([x, np.clip(np.cumsum(draws[:, 1]), -5, 5)])


def hysteresis(points: int) -> np.ndarray:
    """A loop with one jump up and one down, and readings with a little noise."""
    field = np.concatenate([np.linspace(0, 10, points // 2), np.linspace(10, 0, points // 2)])
    up = np.arange(points) < points // 2
    noise = np.random.default_rng(3).normal(0, 0.02, points)
    return np.column_stack(
        [field, np.where(up, np.where(field > 7, 4, -4), np.where(field < 3, -4, 4)) + noise]
    )


@given(PATHS)
@settings(max_examples=60)
def test_no_point_is_farther_from_the_drawn_line_than_the_error_that_is_told(path: np.ndarray) -> None:
    """Points beside the picture are not drawn; all others are near the line that is left."""
    found = decimate(*path.T, VIEW)
    inside = (np.abs(path[:, 0] - 5) <= 5) & (np.abs(path[:, 1]) <= 5)
    if inside.any() and found.error < 10:
        assert distances(path[inside], path[found.kept]).max() <= found.error + 1e-9
    assert found.kept[0] == 0
    assert found.kept[-1] == len(path) - 1
    assert (np.diff(found.kept) > 0).all()
    assert len(found.kept) <= PER_PIXEL * 10


@given(st.integers(500, 5000), st.integers(0, 20))
@settings(max_examples=20)
def test_a_walk_through_the_picture_and_the_line_that_is_left_are_nowhere_apart(
    steps: int, seed: int
) -> None:
    """In both directions: nothing is lost, and nothing is invented."""
    path = walk(steps, seed)
    found = decimate(*path.T, VIEW)
    line = path[found.kept]
    dense = np.concatenate([np.linspace(a, b, 7) for a, b in itertools.pairwise(line)])
    assert distances(path, line).max() <= found.error + 1e-9
    assert distances(dense, path).max() <= max(found.error, 1.0) + 1e-9


@pytest.mark.parametrize("points", [2_000, 100_000])
def test_every_step_of_a_loop_and_both_its_ends_survive(points: int) -> None:
    """The jumps are between the same two readings as before; every tenth point alone misses them."""
    path = hysteresis(points)
    view = View((0.0, 10.0), (-5.0, 5.0), 100, 100)
    found = decimate(*path.T, view)
    assert found.error == 1.0
    assert len(found.kept) < 1000

    def jumps(kept: np.ndarray) -> list[tuple[int, int]]:
        steps = np.flatnonzero(np.abs(np.diff(path[kept, 1])) > 4)
        return [(int(kept[step]), int(kept[step + 1])) for step in steps]

    assert jumps(found.kept) == jumps(np.arange(points))
    assert len(jumps(found.kept)) == 2
    assert jumps(np.arange(0, points, 10)) != jumps(np.arange(points))


def test_a_single_spike_among_a_hundred_thousand_readings_is_drawn() -> None:
    """The one reading that is off is what somebody looks for."""
    y = np.zeros(100_000)
    y[61_803] = 3.0
    found = decimate(np.arange(100_000.0), y, View((0, 1e5), (-5, 5), 800, 400))
    assert 61_803 in found.kept
    assert len(found.kept) <= 4 * 800


@pytest.mark.parametrize(
    "draw",
    [
        lambda random, n: (np.cumsum(random.normal(size=n)), np.cumsum(random.normal(size=n))),
        lambda random, n: (np.full(n, 5.0) + random.normal(0, 2, n), np.linspace(-5, 5, n)),
        lambda random, n: (random.uniform(0, 10, n), random.uniform(-5, 5, n)),
        lambda random, n: (np.where(np.arange(n) % 2, -100.0, 100.0), random.uniform(-5, 5, n)),
        lambda random, n: (np.linspace(0, 10, n), np.where(np.arange(n) % 2, np.nan, 1.0)),
        lambda random, n: (np.full(n, np.nan), np.full(n, np.inf)),
        lambda random, n: (np.linspace(0, 10, n), np.full(n, 1e308) * np.where(np.arange(n) % 2, 1, -1)),
    ],
)
def test_whatever_the_path_is_like_few_points_are_left(draw: Callable) -> None:
    """Noise, a tangle, a line straight up, gaps, nothing finite: a picture has so many pixels and no more."""
    x, y = draw(np.random.default_rng(1), 100_000)
    found = decimate(x, y, View((0.0, 10.0), (-5.0, 5.0), 300, 200))
    assert 1 <= len(found.kept) <= PER_PIXEL * 300


def test_a_curve_that_goes_straight_up_is_cut_into_rows() -> None:
    """A field that is held while the resistance drifts: in columns it would be one tangle."""
    y = np.linspace(-5, 5, 50_000)
    x = 5 + np.random.default_rng(2).normal(0, 1.0, 50_000)
    found = decimate(x, y, View((0.0, 10.0), (-5.0, 5.0), 200, 200))
    assert found.error == 1.0
    assert len(found.kept) <= 4 * 202


def test_a_gap_stays_a_gap() -> None:
    """A reading that failed parts the line, once."""
    y = np.sin(np.linspace(0, 9, 20_000))
    y[7_000:9_000] = np.nan
    found = decimate(np.arange(20_000.0), y, View((0, 2e4), (-1, 1), 100, 100))
    assert np.isnan(y[found.kept]).sum() == 1
    assert {6_999, 9_000} <= set(found.kept.tolist())


def test_few_points_are_left_alone() -> None:
    """What a picture can show is shown as it is."""
    found = decimate(np.arange(100.0), np.arange(100.0), View((0, 100), (0, 100), 800, 400))
    assert found.kept.tolist() == list(range(100))
    assert found.error == 0.0
