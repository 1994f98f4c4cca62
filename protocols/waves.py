"""Waveforms as they lie in the file: rows of samples against time, continued by 0 A to one length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from protocols.steps import train_samples
from protocols.vocabulary import Column, Waveforms

if TYPE_CHECKING:
    from protocols.vocabulary import Data


def played(rows: Mapping[float, Sequence[float]], slot: float, axis: Column) -> Waveforms:
    """Waveforms (A, each sample for `slot` seconds) by what tells them apart, whose meaning is `axis`."""
    import numpy as np  # not needed to list the protocols

    longest = max(map(len, rows.values()))
    current = np.zeros((len(rows), longest))
    for row, samples in zip(current, rows.values(), strict=True):
        row[: len(samples)] = samples
    return Waveforms(
        axis, np.array([*rows], np.float64), np.arange(longest, dtype=np.float64) * slot, current
    )


def demagnetizing_train(data: Data, p: Any) -> Waveforms | None:
    """The train of the protocol demagnetize, where rows follow it and it was one waveform."""
    if p.mode != "waveform" or not (data["pulse"] > 0).any():
        return None
    return played({1.0: train_samples(p.train)}, p.t_pulse, Column("train", "1", "number of the train"))
