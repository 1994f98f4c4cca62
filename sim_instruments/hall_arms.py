"""The Hall arms at the input of a lock-in amplifier: the harmonics of the voltage while a current alternates."""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sim_instruments.physics.sample import Sample
from sim_instruments.physics.sample import Vector as Field
from sim_instruments.ports import LockInSignal, Waveform
from sim_instruments.wiring import HallBar

#: Harmonics of the Hall voltage of a sine that are followed (our choice); the rest count as nothing.
HIGHEST = 4


class HallArms(LockInSignal):
    """The alternating part of the Hall voltage; the thermal emf of the leads does not alternate.

    A sine gives the harmonics of the sample's voltage up to the fourth, whatever steps the source draws it in.
    Any other waveform that repeats gives those of its steps. One that flows once only, a pulse, counts as
    nothing here: neither its voltage nor its edges reach the lock-in [our simplification].
    """

    def __init__(self, bar: HallBar, sample: Sample) -> None:
        self._bar = bar
        self._sample = sample
        self._last: tuple[Waveform, Field, NDArray[np.bool_], _Steps | _Sine] | None = None

    @property
    def frequency(self) -> float:
        """Repetitions per second (Hz); 0 where nothing alternates."""
        flowing = self._bar.alternating()
        return 1 / flowing[0].period if flowing else 0.0

    @property
    def rms(self) -> float:
        """All that alternates between the arms (V rms)."""
        voltage = self._voltage()
        return voltage.rms if voltage else 0.0

    def harmonic(self, order: int) -> complex:
        """Amplitude of a harmonic (V rms), with the phases of LockInSignal."""
        voltage = self._voltage()
        return voltage.harmonic(order) if voltage else 0j

    def subscribe(self, about_to_change: Callable[[float], None]) -> None:
        """As the bar tells of changes."""
        self._bar.subscribe(about_to_change)

    def _voltage(self) -> _Steps | _Sine | None:
        flowing = self._bar.alternating()
        if flowing is None:
            return None
        wave, mu0_H = flowing
        last, up = self._last, self._sample.up
        if last is not None and last[0] is wave and last[1] == mu0_H and last[2] is up:
            return last[3]
        if wave.sine_peak is not None:
            voltage = _Sine(self._sample.hall_harmonics(wave.sine_peak, mu0_H, HIGHEST))
        else:
            voltage = _Steps(wave, lambda current: self._sample.hall_voltage(current, mu0_H))
        self._last = (wave, mu0_H, up, voltage)
        return voltage


class _Sine:
    """The voltage of a sine, by its harmonics (V rms) from the first."""

    def __init__(self, harmonics: tuple[complex, ...]) -> None:
        self._harmonics = harmonics
        self.rms = math.hypot(*map(abs, harmonics))

    def harmonic(self, order: int) -> complex:
        return self._harmonics[order - 1] if order <= len(self._harmonics) else 0j


class _Steps:
    """A voltage in steps, by what each current (A) gives."""

    def __init__(self, wave: Waveform, voltage: Callable[[float], float]) -> None:
        self._steps = [(voltage(level), hold / wave.period) for level, hold in wave.steps(0.0, 1.0)]
        mean = sum(volts * part for volts, part in self._steps)
        self.rms = math.sqrt(sum((volts - mean) ** 2 * part for volts, part in self._steps))

    def harmonic(self, order: int) -> complex:
        """sqrt(2) i times the Fourier coefficient, as V(t) = sqrt(2) Im sum c_n exp(i n w t) has it."""
        turn = -2j * math.pi * order
        begins = itertools.accumulate((part for _, part in self._steps), initial=0.0)
        edges = [cmath.exp(turn * begin) for begin in begins]
        coefficient = sum(
            volts * (after - before) / turn
            for (volts, _), (before, after) in zip(self._steps, itertools.pairwise(edges), strict=True)
        )
        return math.sqrt(2) * 1j * coefficient
