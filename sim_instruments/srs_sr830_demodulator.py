"""SR830 demodulator: a harmonic of the input against the reference, behind one to four equal low-pass poles.

With V(t) = sqrt(2) Im sum_n c_n exp(i n w t) and the reference sin(w t + p), the product detected at
harmonic n is X + i Y = c_n exp(-i n p), rms, low-passed [signs as lock-ins have them; no page seen].
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import numpy as np

from sim_instruments.clock import VirtualClock
from sim_instruments.ports import LockInSignal, ReferenceInput
from sim_instruments.srs_sr830_poles import Poles
from sim_instruments.srs_sr830_tables import FREQUENCY_MAX, NOISE_BANDWIDTH, SLOW_FREQUENCY

NOTCH_QUALITY = 4.0  # of the line filters [from memory of the specifications]


@dataclass(frozen=True, slots=True)
class Detection:
    """What is detected, and how it is filtered.

    `frequency` is the internal oscillator's (Hz), None with the external reference; `phase` (rad) is the
    reference phase shift at the detected harmonic; `connected` is False where the input that is selected
    has nothing on it; `noise_density` is in units of the input per square root of Hz. `notches` (Hz) are
    the line filters that are in; `synchronous` asks for the mean over a period, which it is below 200 Hz.
    """

    frequency: float | None
    harmonic: int
    phase: float
    time_constant: float
    poles: int
    connected: bool
    noise_density: float
    notches: tuple[float, ...] = ()
    synchronous: bool = False


def notch(frequency: float, centre: float) -> complex:
    """Transmission of a line filter of two poles, at and around the frequency (Hz) that it takes out."""
    away = centre * centre - frequency * frequency
    return away / (away + 1j * frequency * centre / NOTCH_QUALITY)


class Demodulator:
    """The detector: X + i Y (V rms) of the detected harmonic, brought up to date when somebody looks.

    Between two changes of the signal its phasor is constant or, where signal and reference differ in
    frequency, turns at the difference; the response of the poles to that is written down exactly, however
    long it was. Of several harmonics beside the detected frequency only the nearest counts. Two oscillators
    that show the same number of hertz count as one. What is far off (the sum frequencies, other harmonics)
    never reaches the output.

    The synchronous filter is the mean over one period of what is detected, behind the poles (in the
    instrument it stands between them): it takes out what turns at the detected frequency or a multiple, and
    settles one period later. In its first period it is the mean over what there has been (our choice).

    All four poles always run and `poles` picks an output, so that a change of slope makes no jump. The noise
    of X and of Y has the standard deviation e_n sqrt(ENBW), where a mean over T passes 1/(2 T) at most, and is
    correlated over `poles` time constants (its spectrum is that of one pole: our simplification).
    """

    def __init__(
        self,
        clock: VirtualClock,
        signal: LockInSignal,
        reference: ReferenceInput | None,
        detection: Detection,
        rng: np.random.Generator | None,
        *,
        gain: float = 1.0,
        phase_error: float = 0.0,
    ) -> None:
        """Begin at rest. `gain` multiplies, and the reference comes late by `phase_error` (rad of the fundamental).

        Without `rng` there is no noise.
        """
        self._clock = clock
        self._signal = signal
        self._reference = reference
        self._detection = detection
        self._rng = rng
        self._gain = gain
        self._phase_error = phase_error
        #: False where the plug of REF IN has been pulled.
        self.is_reference_plugged = True
        self._noise = self._draw()
        self._since = clock.now()
        self._poles = Poles(self._since)

    @property
    def detection(self) -> Detection:
        """What is detected now; a new one acts from the moment it is set."""
        return self._detection

    @detection.setter
    def detection(self, detection: Detection) -> None:
        self.settle()
        self._detection = detection

    @property
    def reference_frequency(self) -> float | None:
        """Reference frequency now (Hz), of whichever source; None while unlocked."""
        if self._detection.frequency is not None:
            return self._detection.frequency
        plugged = self._reference if self.is_reference_plugged else None
        found = plugged.frequency if plugged is not None else None
        in_reach = found is not None and 0 < found * self._detection.harmonic <= FREQUENCY_MAX
        return found if in_reach else None

    @property
    def input_rms(self) -> float:
        """All that alternates at the selected input now (V rms)."""
        return self._signal.rms if self._detection.connected else 0.0

    @property
    def noise_density(self) -> float:
        """Noise at the input (per square root of Hz); 0 where there is none."""
        return self._detection.noise_density if self._rng is not None else 0.0

    @property
    def averaged(self) -> float:
        """Seconds over which the synchronous filter takes the mean now; 0 where it is out."""
        reference = self.reference_frequency
        if not self._detection.synchronous or reference is None:
            return 0.0
        detected = self._detection.harmonic * reference
        return 1 / detected if detected <= SLOW_FREQUENCY else 0.0

    def output(self, time: float | None = None) -> complex:
        """X + i Y (V rms) now, or at the time (s) to which the signal has come; noise included."""
        self.settle(time)
        detection, averaged = self._detection, self.averaged
        bandwidth = NOISE_BANDWIDTH[detection.poles - 1] / detection.time_constant
        if averaged:
            bandwidth = min(bandwidth, 1 / (2 * averaged))
        return self._poles.mean(detection.poles, averaged) + self._noise * self.noise_density * math.sqrt(
            bandwidth
        )

    @property
    def inner(self) -> float:
        """The largest that a pole before the last gives now (V rms)."""
        return max((abs(stage) for stage in self._poles.stages[: self._detection.poles - 1]), default=0.0)

    def settle(self, time: float | None = None) -> None:
        """Bring the filters up to now, or to a time (s); the phasor at the input has been what it is now."""
        now = self._clock.now() if time is None else time
        detection = self._detection
        amplitude, turn = self._phasor()  # a signal that has to catch up first has us settle on its way
        passed = now - self._since
        if passed <= 0:
            return
        self._poles.advance(now, amplitude, turn, detection.time_constant, self.averaged)
        kept = math.exp(-passed / (detection.time_constant * detection.poles))
        self._noise = kept * self._noise + math.sqrt(1 - kept * kept) * self._draw()
        self._since = now

    def _phasor(self) -> tuple[complex, float]:
        """What the low-pass gets: amplitude at time zero (V rms) and angular frequency (rad/s)."""
        detection, reference = self._detection, self.reference_frequency
        fundamental = self._signal.frequency
        if reference is None or not fundamental > 0 or not detection.connected:
            return 0j, 0.0
        detected = detection.harmonic * reference
        order = max(1, round(detected / fundamental))
        late = -self._phase_error
        if detection.frequency is None and self._reference is not None:
            late += self._reference.phase
        turned = cmath.exp(1j * (detection.harmonic * late - detection.phase))
        amplitude = self._gain * self._signal.harmonic(order) * turned
        for centre in detection.notches:
            amplitude *= notch(order * fundamental, centre)
        return amplitude, 2 * math.pi * (order * fundamental - detected)

    def _draw(self) -> complex:
        if self._rng is None:
            return 0j
        return complex(*self._rng.standard_normal(2))
