"""Parameters of the two spikes of a pair: named shapes, or curves from files kept as samples."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import AfterValidator, model_validator

from protocols.demagnetize import TrainParameters
from protocols.spikes import SHAPES, pair, resampled, spike
from protocols.units import A, mA, ms, s
from protocols.vocabulary import Trace, parameter

#: Length of one sample of a pair's waveform.
SLOT = 0.1 * ms

_MAX_HEAD, _MAX_TAIL = 0.1 * s, 1 * s

#: Longest spike (s).
MAX_SPIKE = _MAX_HEAD + _MAX_TAIL


def _known_shape(given: str | tuple[float, ...]) -> str | tuple[float, ...]:
    if isinstance(given, str) and given not in {*SHAPES, "same"}:
        raise ValueError(f"one of {', '.join(SHAPES)}, or @FILE.csv")
    return given


Spike = Annotated[str | tuple[float, ...], AfterValidator(_known_shape)]


class SpikeParameters(TrainParameters):
    """Two spikes, and the train that demagnetizes before them.

    A spike from a file is kept as its samples, one for each slot, in units of I_spike.
    """

    spike: Spike = parameter(
        "1",
        "shape of the spikes: a head, and a tail that falls linearly (1), exponentially (2) or not (rectangle); "
        "triangle, exponential: the head rises as the tail falls; @FILE.csv: times, currents or shares of I_spike",
        trace=("1", "A"),
    )
    spike_post: Spike = parameter(
        "same", "shape of the spike of post where it is another; same: as `spike`", trace=("1", "A")
    )
    I_spike: float = parameter(
        8 * mA,
        "height of the head; alone it must not switch, twice that must; a file in amperes brings its own",
        unit="A",
        display="mA",
        above=0,
        high=1 * A,
    )
    t_head: float = parameter(
        2 * ms,
        "length of the head, in whole slots of 0.1 ms; pairs at shorter delays are not fitted",
        unit="s",
        display="ms",
        above=0,
        high=_MAX_HEAD,
    )
    t_tail: float = parameter(
        16 * ms,
        "length of a named spike's tail, in whole slots of 0.1 ms",
        unit="s",
        display="ms",
        above=0,
        high=_MAX_TAIL,
    )
    tail_ratio: float = parameter(
        1.0, "height of a named spike's tail over that of its head", low=0.0, high=1.0
    )
    tau_spike: float = parameter(
        5 * ms, "decay time of shape exponential", unit="s", display="ms", low=SLOT, high=_MAX_TAIL
    )

    @cached_property
    def spikes(self) -> tuple[list[float], list[float]]:
        """Currents (A) of the spikes of pre and post, sample by sample."""
        post = self.spike if self.spike_post == "same" else self.spike_post
        return self._samples(self.spike), self._samples(post)

    @cached_property
    def lone(self) -> tuple[list[float], list[float]]:
        """Currents (A) through the device of the spike of pre alone and of that of post alone."""
        pre, post = self.spikes
        return pair(pre, [0.0], 0), pair([0.0], post, 0)

    def _samples(self, shape: str | tuple[float, ...]) -> list[float]:
        if isinstance(shape, str):
            n_head, n_tail = (round(t / SLOT) for t in (self.t_head, self.t_tail))
            shape = tuple(spike(shape, n_head, n_tail, tail=self.tail_ratio, n_tau=self.tau_spike / SLOT))
        return [self.I_spike * sample for sample in shape]

    @model_validator(mode="before")
    @classmethod
    def _curves_become_samples(cls, given: Any) -> Any:
        return _sampled(given, cls.model_fields["I_spike"].default) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _spikes_can_be_played(self) -> Self:
        for name in ("t_head", "t_tail"):
            require_multiple(name, getattr(self, name), SLOT, "the slot")
        if self.spike == "same":
            raise ValueError("spike must be a shape or a file; got 'same', which only spike_post can be")
        longest = round(MAX_SPIKE / SLOT)
        for name, samples in zip(("spike", "spike_post"), self.spikes, strict=True):
            if not 1 <= len(samples) <= longest:
                raise ValueError(
                    f"{name} must last at most {longest * SLOT:.6g} s; got {len(samples) * SLOT:.6g} s"
                )
            if not any(samples):
                raise ValueError(f"{name} must drive a current; got 0 A throughout")
        return self


def _sampled(given: dict[str, Any], I_default: float) -> dict[str, Any]:
    """The parameters with samples, in units of I_spike, in place of curves; `spike` in amperes brings I_spike."""
    taken = dict(given)
    for name in ("spike", "spike_post"):
        trace = given.get(name)
        if not isinstance(trace, Trace):
            continue
        if trace.times[-1] - trace.times[0] > MAX_SPIKE:
            raise ValueError(
                f"{name} must last at most {MAX_SPIKE:.6g} s; got {trace.times[-1] - trace.times[0]:.6g} s"
            )
        samples = resampled(trace.times, trace.values, SLOT)
        if trace.unit == "A":
            if name == "spike":
                if "I_spike" in given:
                    raise ValueError(
                        "I_spike must not be given where the file of spike is in amperes; got both"
                    )
                taken["I_spike"] = max(map(abs, samples)) or I_default
            samples = [sample / taken.get("I_spike", I_default) for sample in samples]
        taken[name] = tuple(samples)
    return taken


def require_multiple(name: str, time: float, unit: float, what: str) -> None:
    """Raise ValueError unless `time` (s), called `name`, is a whole number of `unit` (s), called `what`."""
    n = round(time / unit)
    if n < 1 or abs(time / unit - n) > 1e-6:
        raise ValueError(f"{name} must be a multiple of {what} ({unit / ms:.6g} ms); got {time / ms:.6g} ms")
