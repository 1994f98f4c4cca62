"""Twenty random moments of a run on a served bench in real time, and a death at each: for the record."""

import random
import signal
import statistics
from collections.abc import Iterator

import pytest
from served_bench import DEATHS, Parked, Served, assert_off, strike

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served"))
    yield served
    served.end()


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, bench: Served) -> None:
    """The list of running runs is this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(bench.folder / "state"))


@pytest.mark.parametrize("cause", DEATHS)
def test_the_guard_parks_at_any_moment(bench: Served, cause: str) -> None:
    """Twenty random moments of a run for each cause; printed for the record."""
    moments = random.Random(20220117).sample(range(0, 24_000), 20)
    all_parked: list[Parked] = []
    for number, moment in enumerate(moments):
        parked, said = strike(bench, f"{cause}-{number}", signal.Signals[cause], moment / 1e3)
        assert "the station was parked" in said, (moment, said)
        assert_off(bench)
        all_parked.append(parked)
    beyond = sorted(one.beyond - DEATHS[cause] for one in all_parked)
    print(
        f"{cause}: beyond ramp{' and notice' if DEATHS[cause] else ''}: median "
        f"{1e3 * statistics.median(beyond):.0f} ms, worst {1e3 * beyond[-1]:.0f} ms; source off: median "
        f"{1e3 * statistics.median(one.source for one in all_parked):.0f} ms, worst "
        f"{1e3 * max(one.source for one in all_parked):.0f} ms; stalled by up to "
        f"{1e3 * max(one.stall for one in all_parked):.0f} ms"
    )
    for one in all_parked:
        assert one.own < DEATHS[cause] + 0.1, one
