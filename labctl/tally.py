"""What is really sent to the sample, added up as it is sent; what would break a limit of the run is not sent."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from labctl.errors import FaultError
from labctl.limits import Demand

if TYPE_CHECKING:
    from protocols.roles import PulseSource

Broken = Callable[[Demand], Iterator[str]]


def no_limits(_demand: Demand) -> Iterator[str]:
    """Nothing is beyond a limit where there is none: a rehearsal only adds up."""
    return iter(())


class Tally:
    """The demand of a run so far; `now` tells the time (s), `broken` which limits a demand goes beyond.

    A level counts from when it is set until it is changed, a waveform by its samples, a sine by its mean square.
    """

    def __init__(self, now: Callable[[], float], broken: Broken = no_limits) -> None:
        self._now = now
        self._broken = broken
        self._sent = Demand()  # with the sums as they were when something was sent last
        self._charge = self._square = 0.0  # C, A2 s; with what has flowed since
        self._since = now()
        self._charge_rate = self._square_rate = 0.0  # A, A2
        #: Start (s) of the last waveform, and the time (s) for which it is away from 0 A.
        self._wave: tuple[float, float] | None = None

    @property
    def demand(self) -> Demand:
        """What was sent so far, a level that flows included up to now."""
        self._flow()
        return replace(self._sent, charge=self._charge, square=self._square)

    def level(self, current: float) -> None:
        """A level (A) is about to be set."""
        self._accept(current=abs(current))
        self._rates(abs(current), current * current)

    def prepared(self, compliance: float) -> None:
        """The source is about to be prepared with a compliance (V); it goes to 0 A."""
        self._accept(compliance=compliance)
        self._rates(0.0, 0.0)

    @contextmanager
    def wave(self, samples: Sequence[float], slot: float, compliance: float) -> Generator[None]:
        """A waveform of `samples` (A), each for `slot` (s), is about to be played; it counts unless refused."""
        self._flow()
        before, last, now = self._sent, self._wave, self._now()
        sums = self._charge, self._square
        rates = self._charge_rate, self._square_rate
        busy = slot * sum(1 for sample in samples if sample)
        duty = before.duty
        if last is not None:
            duty = max(duty, last[1] / (now - last[0]) if now > last[0] else math.inf)
        self._accept(
            current=max(map(abs, samples), default=0.0),
            compliance=compliance,
            pulses=1,
            t_pulse=_longest(samples) * slot,
            duty=duty,
            charge=slot * sum(map(abs, samples)),
            square=slot * sum(sample * sample for sample in samples),
        )
        self._wave = (now, busy)
        self._rates(0.0, 0.0)
        try:
            yield
        except ValueError:  # the driver refused it: nothing was sent, and the level flows on
            self._sent, self._wave = before, last
            self._charge, self._square = sums
            self._rates(*rates)
            raise

    def sine(self, I_ac_pk: float, compliance: float) -> None:
        """A sine of this peak (A) is about to be started."""
        self._accept(current=abs(I_ac_pk), compliance=compliance)
        self._rates(2 / math.pi * abs(I_ac_pk), I_ac_pk * I_ac_pk / 2)

    def silent(self) -> None:
        """The source is at 0 A now."""
        self._flow()
        self._rates(0.0, 0.0)

    def _rates(self, charge: float, square: float) -> None:
        self._charge_rate, self._square_rate = charge, square

    def _flow(self) -> None:
        """Count what has flowed since the last look."""
        now = self._now()
        elapsed, self._since = now - self._since, now
        self._charge += self._charge_rate * elapsed
        self._square += self._square_rate * elapsed

    def _accept(
        self,
        *,
        current: float = 0.0,
        compliance: float = 0.0,
        pulses: int = 0,
        t_pulse: float = 0.0,
        duty: float = 0.0,
        charge: float = 0.0,
        square: float = 0.0,
    ) -> None:
        """Count what is about to be sent; FaultError, and nothing is sent, where it would break a limit."""
        self._flow()
        sent = self._sent
        wanted = Demand(
            current=_larger(sent.current, current),
            compliance=_larger(sent.compliance, compliance),
            mu0_H=sent.mu0_H,
            pulses=sent.pulses + pulses,
            t_pulse=_larger(sent.t_pulse, t_pulse),
            duty=_larger(sent.duty, duty),
            charge=self._charge + charge,
            square=self._square + square,
        )
        problems = list(self._broken(wanted))
        if problems:
            raise FaultError(f"{'; '.join(problems)}. It was not sent.")
        self._sent = wanted
        self._charge, self._square = wanted.charge, wanted.square


class MeteredSource:
    """A source in the role of a PulseSource whose every act is counted before it is sent."""

    def __init__(self, source: PulseSource, tally: Tally) -> None:
        self._source = source
        self._tally = tally

    def prepare(self, I_max: float, compliance: float) -> None:
        """As the source's own."""
        self._tally.prepared(compliance)
        self._source.prepare(I_max, compliance)

    def set_current(self, current: float) -> None:
        """As the source's own."""
        self._tally.level(current)
        self._source.set_current(current)

    def accuracy(self, level: float) -> float:
        """As the source's own."""
        return self._source.accuracy(level)

    def in_compliance(self) -> bool:
        """As the source's own."""
        return self._source.in_compliance()

    def play(self, samples: Sequence[float], slot: float, *, compliance: float, R_load: float) -> None:
        """As the source's own."""
        with self._tally.wave(samples, slot, compliance):
            self._source.play(samples, slot, compliance=compliance, R_load=R_load)

    def start_sine(self, I_ac_pk: float, frequency: float, *, compliance: float, R_load: float) -> None:
        """As the source's own."""
        self._tally.sine(I_ac_pk, compliance)
        self._source.start_sine(I_ac_pk, frequency, compliance=compliance, R_load=R_load)

    def stop_wave(self) -> None:
        """As the source's own."""
        self._source.stop_wave()
        self._tally.silent()

    def park(self) -> None:
        """As the source's own."""
        self._source.park()
        self._tally.silent()


def _larger(one: float, other: float) -> float:
    """The larger of two; NaN where one is, which no limit allows."""
    return other if math.isnan(other) else max(one, other)


def _longest(samples: Sequence[float]) -> int:
    """The largest number of neighbouring samples that are not 0 A."""
    longest = run = 0
    for sample in samples:
        run = run + 1 if sample else 0
        longest = max(longest, run)
    return longest
