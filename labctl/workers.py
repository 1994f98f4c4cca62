"""Parallel processes for work that is all computing: one core for each, and none of them stays behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

#: Array libraries that start a thread for each core; each process here has one core to itself.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


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
def workers(jobs: int) -> Generator[Executor]:
    """Open `jobs` worker processes, or with one job none: all is then done in this process, at once."""
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
