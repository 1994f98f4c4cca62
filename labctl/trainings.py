"""Trainings side by side: networks one after the other in each of several processes, told epoch by epoch."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from labctl.errors import LabctlError
from protocols.analysis.network import Activation, Digits, Epoch, Schedule, train

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_POLL = 0.2  # s between looks at a stop request


@dataclass(frozen=True, slots=True)
class Training:
    """One network to be trained: the number of its neuron, the neuron itself, how it learns, and its seed."""

    neuron: int
    activation: Activation
    schedule: Schedule
    seed: int


def trained(
    trainings: Sequence[Training], digits: tuple[Digits, Digits], jobs: int, is_stopped: Callable[[], bool]
) -> Iterator[tuple[Training, Epoch]]:
    """Yield every epoch of every training, those of one training in order; stop early where `is_stopped` says so.

    With one job all is done in this process, with more in as many others, to the same numbers: linear algebra uses
    one thread in either case, because two processes are faster than two threads on matrices as small as these.
    LabctlError where a process dies.
    """
    jobs = min(jobs, len(trainings))
    if jobs <= 1:
        for number, epoch in _train_all(list(enumerate(trainings)), digits):
            yield trainings[number], epoch
            if is_stopped():
                return
        return
    shares = [list(enumerate(trainings))[first::jobs] for first in range(jobs)]
    with _workers(shares, digits) as pipes:
        while pipes and not is_stopped():
            for pipe in connection.wait(pipes, timeout=_POLL):
                message = _received(pipe)
                if message is None:
                    pipes.remove(pipe)
                else:
                    number, epoch = message
                    yield trainings[number], epoch


def _train_all(
    share: Sequence[tuple[int, Training]], digits: tuple[Digits, Digits]
) -> Iterator[tuple[int, Epoch]]:
    with threadpool_limits(1, user_api="blas"):
        for number, training in share:
            for epoch in train(*digits, training.activation, training.schedule, training.seed):
                yield number, epoch


@contextmanager
def _workers(
    shares: Sequence[Sequence[tuple[int, Training]]], digits: tuple[Digits, Digits]
) -> Generator[list[Any]]:
    """Start a process for each share, give their ends of the pipes, and leave no process behind."""
    context = get_context("spawn")  # a fork of a process with threads may hang
    processes: list[Any] = []
    pipes: list[Any] = []
    try:
        for share in shares:
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(there, share, digits), daemon=True)
            process.start()
            there.close()  # now the pipe ends when the process does
            processes.append(process)
            pipes.append(here)
        yield pipes
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _work(pipe: Connection, share: Sequence[tuple[int, Training]], digits: tuple[Digits, Digits]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    with suppress(BrokenPipeError):  # the parent is gone: nobody wants the rest
        for message in _train_all(share, digits):
            pipe.send(message)
        pipe.send(None)


def _received(pipe: Any) -> tuple[int, Epoch] | None:
    """The next message of a process, None after its last."""
    try:
        return pipe.recv()
    except EOFError:
        raise LabctlError(
            "a training process died before its end (out of memory?). Nothing was written."
        ) from None
