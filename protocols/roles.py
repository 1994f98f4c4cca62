"""Roles: what a protocol needs from an instrument, whoever made it (SI units, fields as mu0*H in tesla)."""

from collections.abc import Sequence
from typing import Protocol


class CurrentSource(Protocol):
    """A DC current source that drives the bar."""

    def prepare(self, I_max: float, compliance: float) -> None:
        """Choose the fixed range for `I_max` (A) and the compliance (V); level 0 A, output on."""
        ...

    def set_current(self, current: float) -> None:
        """Set the level (A); beyond the prepared range raises and nothing is sent."""
        ...

    def accuracy(self, level: float) -> float:
        """Return the largest error (A) that the maker allows a level (A) on the prepared range."""
        ...

    def in_compliance(self) -> bool:
        """Return True while the output is limited by the compliance voltage."""
        ...

    def park(self) -> None:
        """Level 0 A, output off."""
        ...


class PulseSource(CurrentSource, Protocol):
    """A current source that also plays waveforms: the role of an instrument like the Keithley 6221."""

    def play(self, samples: Sequence[float], slot: float, *, compliance: float, R_load: float) -> None:
        """Play one waveform, once: `samples` (A), each for `slot` seconds, the last one 0 A.

        Returns when its end is confirmed, with the level at 0 A and the range and compliance (V) of `prepare`
        in force again. A waveform that is beyond the source, or whose peak times `R_load` (ohm) is beyond
        `compliance`, raises and nothing is played; an end that was not confirmed, or a source that was in
        compliance, raises: the state of the sample is then unknown.
        """
        ...

    def start_sine(self, I_ac_pk: float, frequency: float, *, compliance: float, R_load: float) -> None:
        """Drive I_ac_pk sin(2 pi frequency t), peak in A, frequency in Hz, until `stop_wave`.

        On return the current flows, and at every rising zero of it an edge is on the trigger line that a lock-in
        takes for its reference. Limits and failures are as for `play`.
        """
        ...

    def stop_wave(self) -> None:
        """End what `start_sine` began: 0 A, and range and compliance of `prepare` in force again."""
        ...


class Voltmeter(Protocol):
    """A DC voltmeter across the Hall arms."""

    def prepare(self, V_max: float, nplc: float) -> None:
        """Choose the fixed range for `V_max` (V) and the integration time in power-line cycles; no filter."""
        ...

    def read_voltage(self) -> float:
        """Trigger one reading and return it (V); an overload raises, it is never a number."""
        ...

    def park(self) -> None:
        """Leave the meter idle."""
        ...


class LockIn(Protocol):
    """A lock-in amplifier across the Hall arms, locked to the edges that a source gives with its sine."""

    def use_external_reference(self) -> None:
        """Lock to the reference input."""
        ...

    def prepare(
        self,
        V_max_rms: float,
        time_constant: float,
        slope: float = 24,
        harmonic: int = 1,
        *,
        reserve: str = "normal",
        sync_filter: bool = False,
    ) -> None:
        """Set up readings of one harmonic on the fixed range for `V_max_rms` (V rms), between A and B.

        `time_constant` in s, `slope` in dB/octave; `reserve` "high", "normal" or "low noise".
        """
        ...

    def select_harmonic(self, n: int, V_max_rms: float | None = None) -> None:
        """Measure the n-th harmonic from now on; `V_max_rms` (V rms) also changes the range."""
        ...

    def settle_time(self) -> float:
        """Return how long (s) after a change X and Y need to be within 1 %."""
        ...

    def read_xy(self) -> tuple[float, float]:
        """Return X and Y (V rms) of one moment; an overload or a lost reference raises, it is never a number."""
        ...

    def park(self) -> None:
        """Leave the lock-in harmless: its sine output at the minimum."""
        ...


class FieldSource(Protocol):
    """A magnet along one axis, with its supply and, where there is one, a gaussmeter."""

    @property
    def mu0_H_max(self) -> float:
        """Largest field magnitude (T) that may be asked for."""
        ...

    def ramp_to(self, mu0_H: float) -> float:
        """Ramp at the slew limit, wait until settled, return the measured field (T)."""
        ...

    def read_field(self) -> float:
        """Return the measured field (T) now: gaussmeter where there is one, else read-back current."""
        ...

    def park(self) -> None:
        """Ramp to zero at the slew limit and confirm it by read-back."""
        ...
