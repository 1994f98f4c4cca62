"""Spikes of a synapse's two neurons and the current that a pair of them drives through the device.

A spike is a head of constant height, t_head long, and a tail of the opposite sign, t_tail long, that decays to 0;
x is the time in the tail over t_tail:

    spike 1    linearly,        g(x) = 1 - x
    spike 2    exponentially,   g(x) = (exp(-3.2 x) - exp(-3.2)) / (1 - exp(-3.2))

A rectangular head before a decaying tail of the opposite sign follows Boyn et al., Nat. Commun. 8, 14736
(2017), the exponential tail that is brought to zero Zamarreno-Ramos et al., Front. Neurosci. 5, 26 (2011);
lengths, signs and the decay constant of spike 2 (5 ms of a tail of 16 ms) are choices of this package. The
device sees the difference I_pre(t) - I_post(t - dt_spike), Li et al., Chin. Phys. B 31, 117106 (2022), with
dt_spike = t_post - t_pre. One spike alone never exceeds its head; the head of one on the tail of the other is
up to twice as high.
"""

from __future__ import annotations

import math
from typing import Literal

Shape = Literal["1", "2"]

#: Length of the tail of spike 2 over its decay constant.
_DECAY = 3.2


def spike(shape: Shape, n_head: int, n_tail: int) -> list[float]:
    """One spike of n_head + n_tail samples in units of the head, which is +1.

    A sample of the tail is the decay in the middle of its slot.
    """
    tail = ((k + 0.5) / n_tail for k in range(n_tail))
    return [1.0] * n_head + [-_decay(shape, x) for x in tail]


def pair(one: list[float], delay: int) -> list[float]:
    """The samples that a spike `one` of both neurons drives, post `delay` samples after pre, and 0 in the end.

    They start with whichever spike comes first. A delay of -n gives minus the samples of a delay of n; a delay
    of 0 gives zeros.
    """
    ahead = [0.0] * abs(delay)
    first, second = [*one, *ahead], [*ahead, *one]
    pre, post = (first, second) if delay >= 0 else (second, first)
    return [*(a - b for a, b in zip(pre, post, strict=True)), 0.0]


def _decay(shape: Shape, x: float) -> float:
    if shape == "1":
        return 1 - x
    return (math.exp(-_DECAY * x) - math.exp(-_DECAY)) / (1 - math.exp(-_DECAY))
