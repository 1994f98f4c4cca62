"""Runs in parallel processes, each as soon as the runs whose results it takes are there."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labctl.errors import FaultError
from labctl.reproduce import library
from labctl.reproduce.plan import assignments

if TYPE_CHECKING:
    from labctl.reproduce.library import Library
    from labctl.reproduce.plan import Planned
    from labctl.runfile import Run

#: Runs handed to each worker ahead, so that none waits while a result is read.
_AHEAD = 2

#: Array libraries that start a thread for each core; each process here has one core to itself.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def perform(planned: Sequence[Planned], shelf: Library, jobs: int) -> Iterator[tuple[Planned, Run, bool]]:
    """Make every run that is not there; yield each with its plan as it is done, True where it was there already.

    `planned` holds everything that its runs need. With one job all is done in this process. A run that does not
    end well raises its error (the runs in progress are finished, the others not begun), and so does a run that
    takes a result which was not found: FaultError.
    """
    results: dict[Planned, Run] = {}
    waiting = list(planned)
    under_way: dict[Future[tuple[Run, bool]], Planned] = {}
    with _workers(jobs) as workers:
        while waiting or under_way:
            for plan in [plan for plan in waiting if all(need in results for need in plan.needs)]:
                if len(under_way) >= jobs * _AHEAD:
                    break
                waiting.remove(plan)
                job = shelf.job(plan, _texts(plan, results))
                under_way[workers.submit(library.provide, job)] = plan
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


class _Here(Executor):
    """An executor that does a job at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


@contextmanager
def _workers(jobs: int) -> Generator[Executor]:
    if jobs == 1:
        yield _Here()
        return
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=_leave_stopping_to_parent
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _leave_stopping_to_parent() -> None:
    """In a worker: Ctrl-C reaches every process of a terminal; between runs only the parent acts on it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
