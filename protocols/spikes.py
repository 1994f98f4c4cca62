"""Spikes of a synapse's two neurons and the current that a pair of them drives through the device.

A named spike is a head, t_head long, that is +1 or rises to it, and a tail of the opposite sign, t_tail long,
whose height is a share of the head's. x is the time over t_head or t_tail, and an exponential that is brought to
zero at x = 1 is f(x, k) = (exp(-k x) - exp(-k)) / (1 - exp(-k)):

    shape          head                       tail
    1              1                          1 - x
    2              1                          f(x, 3.2)
    rectangle      1                          1
    triangle       x                          1 - x
    exponential    f(1 - x, t_head / tau)     f(x, t_tail / tau)

Shape 1, a rectangle before a ramp of the opposite sign, follows Boyn et al., Nat. Commun. 8, 14736 (2017), the
exponential Zamarreno-Ramos et al., Front. Neurosci. 5, 26 (2011); lengths, signs and the decay constant of shape 2
(5 ms of a tail of 16 ms) are choices of this package. The device sees I_pre(t) - I_post(t - dt_spike), Li et al.,
Chin. Phys. B 31, 117106 (2022), with dt_spike = t_post - t_pre. One named spike alone never exceeds its head; the
head of one on the tail of the other is up to twice as high.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

#: The shapes that have a name.
SHAPES = ("1", "2", "rectangle", "triangle", "exponential")

#: Length of the tail of spike 2 over its decay constant.
_DECAY = 3.2


def spike(shape: str, n_head: int, n_tail: int, *, tail: float, n_tau: float) -> list[float]:
    """One spike of n_head + n_tail samples in units of the head.

    A sample is the shape in the middle of its slot. `tail` is the height of the tail over that of the head, and
    n_tau, in samples, the decay constant of shape exponential.
    """
    rising, falling = (_middles(n) for n in (n_head, n_tail))
    return [
        *(_head(shape, x, n_head / n_tau) for x in rising),
        *(-tail * _tail(shape, x, n_tail / n_tau) for x in falling),
    ]


def pair(pre: Sequence[float], post: Sequence[float], delay: int) -> list[float]:
    """The samples that two spikes drive, post beginning `delay` samples after pre, and 0 in the end.

    They start with whichever spike comes first. Where the spikes are equal, a delay of -n gives minus the samples
    of a delay of n, and a delay of 0 zeros.
    """
    before, after = max(-delay, 0), max(delay, 0)
    length = max(before + len(pre), after + len(post))
    moved = zip(_moved(pre, before, length), _moved(post, after, length), strict=True)
    return [*(a - b for a, b in moved), 0.0]


def resampled(times: Sequence[float], values: Sequence[float], slot: float) -> list[float]:
    """Mean over each slot (s), from the first time on, of straight lines between `values` at `times` (s).

    The times increase. The charge of a current is kept, however fine its curve. After its last point the curve is
    0, which counts in the last slot where this is longer.
    """
    integral = [0.0]
    for (t, v), (t_next, v_next) in pairwise(zip(times, values, strict=True)):
        integral.append(integral[-1] + (t_next - t) * (v + v_next) / 2)

    def until(time: float) -> float:
        if time >= times[-1]:
            return integral[-1]
        k = bisect_right(times, time) - 1
        since = time - times[k]
        slope = (values[k + 1] - values[k]) / (times[k + 1] - times[k])
        return integral[k] + since * (values[k] + slope * since / 2)

    n = max(math.ceil((times[-1] - times[0]) / slot - 1e-6), 1)
    edges = [until(times[0] + k * slot) for k in range(n + 1)]
    return [(after - before) / slot for before, after in pairwise(edges)]


def _moved(samples: Sequence[float], by: int, length: int) -> list[float]:
    return [*[0.0] * by, *samples, *[0.0] * (length - by - len(samples))]


def _middles(n: int) -> list[float]:
    return [(k + 0.5) / n for k in range(n)]


def _head(shape: str, x: float, decay: float) -> float:
    if shape == "triangle":
        return x
    return _falling(1 - x, decay) if shape == "exponential" else 1.0


def _tail(shape: str, x: float, decay: float) -> float:
    if shape == "rectangle":
        return 1.0
    if shape in {"2", "exponential"}:
        return _falling(x, _DECAY if shape == "2" else decay)
    return 1 - x


def _falling(x: float, k: float) -> float:
    """f(x, k); expm1 keeps it exact where it is almost a line."""
    return math.exp(-k * x) * math.expm1(-k * (1 - x)) / math.expm1(-k)
