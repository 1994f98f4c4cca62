"""Before the first byte: the whole request against every limit, as it declares itself and as it is rehearsed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labctl import interlocks, limits, safety, tables
from labctl.errors import LabctlError, RequestError
from labctl.life import Ledger, Spent, judged
from labctl.limits import Demand

if TYPE_CHECKING:
    from labctl.engine import Request
    from labctl.station import OpenStation


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to carry out a request, with what has to be said first; `ledger` is kept where the sample ages."""

    request: Request
    planned: Demand
    warnings: list[str] = field(default_factory=list[str])
    ledger: Ledger | None = None

    @contextmanager
    def charged(self, lab: OpenStation) -> Generator[None]:
        """Hold what is sent meanwhile to the limits, and count it in the ledger.

        The plan is written before it begins, and what was sent when it is over, however it ends.
        """
        run, title, sample = self.request.uuid, self.request.title, self.request.sample
        spent = Spent() if self.ledger is None else self.ledger.spent()

        within_limits = limits.judge(self.request.station, sample)

        def broken(demand: Demand) -> Iterator[str]:
            yield from within_limits(demand)
            if sample.life is not None:
                yield from judged(sample.life, spent, Spent.of(demand, sample), sample.name)[0]

        lab.oversight.meter(within_limits if self.ledger is None else broken)
        if self.ledger is None:
            yield
            return
        self.ledger.append("planned", run, title, Spent.of(self.planned, sample))
        try:
            yield
        finally:
            try:
                self.ledger.append("settled", run, title, Spent.of(lab.oversight.sent, sample))
            except LabctlError as error:  # the plan stands for it, and nothing must hide how the run ended
                tables.say(f"warning: {error} The run counts as it was planned.")


class Replayed(Permit):
    """Leave to carry out what sends nothing to any instrument: nothing is held to a limit or counted."""

    @contextmanager
    def charged(self, lab: OpenStation) -> Generator[None]:
        """Let it happen."""
        yield


def admit(request: Request, *, is_rehearsed: bool = True) -> Permit:
    """Check a request against every limit of its station and sample; RequestError, and nothing is sent.

    The declared envelope is always checked. The very same protocol is rehearsed on the simulated bench where
    something real is at stake (a real or served station, a ledger), and on a simulated station where a limit is
    set that no protocol declares. With `is_rehearsed` false (a driver without a simulator, a sample that the model
    does not fit) it is not; the sums of a life budget are then not known beforehand, and refused.
    """
    station, sample = request.station, request.sample
    declared = request.protocol.envelope(request.parameters)
    safety.check_envelope(declared, station, sample)
    interlocks.check(request)
    ledger = request.ledger if ages(request) else None
    undeclared = any(limits.smallest(name, station, sample) is not None for name in limits.UNDECLARED)
    planned = Demand(current=declared.current, pulses=declared.pulses)
    if is_rehearsed and (not station.simulated or undeclared or ledger is not None):
        from labctl import engine

        planned = engine.rehearse(request).demand
    warnings = [] if ledger is None else _check_life(request, ledger, planned, is_rehearsed=is_rehearsed)
    return Permit(request, planned, warnings, ledger)


def ages(request: Request) -> bool:
    """Whether a run of this request counts in the life of its sample: a simulated one only if it shall."""
    life = request.sample.life
    return life is not None and (life.simulated or not request.station.simulated)


def _check_life(request: Request, ledger: Ledger, planned: Demand, *, is_rehearsed: bool) -> list[str]:
    sample = request.sample
    life = sample.life
    if life is None:
        return []
    if not is_rehearsed and life.square is not None:
        raise RequestError(
            f"life.square of {sample.name} needs a rehearsal, which tells what a run will spend; it was declined. "
            "Nothing was sent."
        )
    beyond, near = judged(life, ledger.spent(), Spent.of(planned, sample), sample.name)
    safety.refuse(beyond)
    return near
