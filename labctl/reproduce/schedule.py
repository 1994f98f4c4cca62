"""Runs in parallel processes, each as soon as the runs whose results it takes are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING

from labctl.errors import FaultError
from labctl.reproduce import library
from labctl.reproduce.plan import assignments
from labctl.workers import workers

if TYPE_CHECKING:
    from labctl.reproduce.library import Library
    from labctl.reproduce.plan import Planned
    from labctl.runfile import Run

#: Runs handed to each worker ahead, so that none waits while a result is read.
_AHEAD = 2


def perform(planned: Sequence[Planned], shelf: Library, jobs: int) -> Iterator[tuple[Planned, Run, bool]]:
    """Make every run that is not there; yield each with its plan as it is done, True where it was there already.

    `planned` holds everything that its runs need. With one job all is done in this process. A run that does not
    end well raises its error (the runs in progress are finished, the others not begun), and so does a run that
    takes a result which was not found: FaultError.
    """
    results: dict[Planned, Run] = {}
    waiting = list(planned)
    under_way: dict[Future[tuple[Run, bool]], Planned] = {}
    with workers(jobs) as pool:
        while waiting or under_way:
            for plan in [plan for plan in waiting if all(need in results for need in plan.needs)]:
                if len(under_way) >= jobs * _AHEAD:
                    break
                waiting.remove(plan)
                job = shelf.job(plan, _texts(plan, results))
                under_way[pool.submit(library.provide, job)] = plan
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                plan = under_way.pop(future)
                results[plan], was_there = future.result()
                yield plan, results[plan], was_there


def _texts(plan: Planned, results: dict[Planned, Run]) -> list[str]:
    try:
        return assignments(plan, results)
    except LookupError as error:
        raise FaultError(
            f"{plan.protocol} on {plan.sample}: {error.args[0]}, which did not find it."
        ) from error
