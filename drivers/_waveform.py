"""One wave as a 6221 needs it: a sine checked; samples checked, normalised to their peak, cut into messages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from drivers.errors import OutOfRange

POINTS_FEWEST: Final = 2
POINTS_MOST: Final = 65535
CHUNK: Final = 100  # points that one message may hold
SLOT_SHORTEST: Final = 100e-9  # s; the shortest duration the source can be told
PEAK_SMALLEST: Final = 2e-12  # A
PEAK_LARGEST: Final = 105e-3  # A
FREQUENCY_LOWEST: Final = 1e-3  # Hz
FREQUENCY_HIGHEST: Final = 1e5  # Hz
_ROUNDED_DOWN: Final = 1 - 1e-9  # a hundred times 100 ns is not exactly 10 us
_ROUNDED_UP: Final = 1 + 1e-9
_DECIMALS: Final = 7  # of a normalised point: a hundred times finer than the source resolves


@dataclass(frozen=True, slots=True)
class Waveform:
    """A waveform that is within the source: its peak (A), its duration (s) and its points, normalised, as text.

    Limits: Keithley 6221, as read in slave k6221.py, pyacquisition keithley_6221.py, pymeasure keithley6221.py.
    """

    peak: float
    duration: float
    points: tuple[str, ...]

    @property
    def frequency(self) -> float:
        """Repetition rate (Hz) at which one cycle lasts `duration`."""
        return 1 / self.duration

    def chunks(self) -> list[str]:
        """The points, comma-separated, in messages of at most 100."""
        return [",".join(self.points[i : i + CHUNK]) for i in range(0, len(self.points), CHUNK)]


def waveform(samples: Sequence[float], slot: float, who: str) -> Waveform:
    """Check `samples` (A), each held for `slot` seconds, and return them as a Waveform.

    2 to 65535 finite samples within ±105 mA, not all zero, the last one 0 A, a slot of at least 100 ns, and a
    whole of 10 us to 1000 s; anything else raises OutOfRange in the name of the instrument `who`.
    """

    def refuse(what: str, allowed: str, got: object) -> OutOfRange:
        return OutOfRange(f"{what} of a waveform for {who} must be {allowed}; got {got}. Nothing was sent.")

    n = len(samples)
    if not POINTS_FEWEST <= n <= POINTS_MOST:
        raise refuse("the number of samples", f"{POINTS_FEWEST} to {POINTS_MOST}", n)
    for i, sample in enumerate(samples):
        if not abs(sample) <= PEAK_LARGEST:
            raise refuse(f"sample {i}", f"within {PEAK_LARGEST:G} A", f"{sample!r} A")
    if samples[-1] != 0:
        raise refuse("the last sample", "0 A, where the source stays", f"{samples[-1]!r} A")
    peak = max(abs(float(sample)) for sample in samples)
    if peak < PEAK_SMALLEST:
        raise refuse("the peak", f"at least {PEAK_SMALLEST:G} A", f"{peak!r} A")
    if not SLOT_SHORTEST <= slot < math.inf:
        raise refuse("the slot", f"at least {SLOT_SHORTEST:G} s", f"{slot!r} s")
    duration = n * slot
    if not _ROUNDED_DOWN / FREQUENCY_HIGHEST <= duration <= _ROUNDED_UP / FREQUENCY_LOWEST:
        raise refuse(
            "the duration",
            f"{1 / FREQUENCY_HIGHEST:G} s to {1 / FREQUENCY_LOWEST:G} s",
            f"{n} samples of {slot!r} s, {duration:G} s",
        )
    return Waveform(peak, duration, tuple(_text(sample / peak) for sample in samples))


def check_sine(I_ac_pk: float, frequency: float, who: str) -> None:
    """Raise OutOfRange, in the name of `who`, where peak (A) or frequency (Hz) of a sine are beyond the source."""
    for what, value, low, high, unit in (
        ("I_ac_pk", I_ac_pk, PEAK_SMALLEST, PEAK_LARGEST, "A"),
        ("the frequency", frequency, FREQUENCY_LOWEST, FREQUENCY_HIGHEST, "Hz"),
    ):
        if not low <= value <= high:
            raise OutOfRange(
                f"{what} of a sine for {who} must be {low:G} to {high:G} {unit}; got {value!r} {unit}. "
                "Nothing was sent."
            )


def _text(point: float) -> str:
    # Adding zero makes minus zero plain, which no manual shows.
    return format(round(float(point), _DECIMALS) + 0.0, f".{_DECIMALS}G")
