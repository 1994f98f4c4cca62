"""Keithley 2182A: its RS-232 port, where a 6221 talks to it and, in delta modes, commands its conversions.

User's Manual 2182A-900-01 appendix I. The language of these modes on the wire is not documented; what they do is.
"""

from __future__ import annotations

from collections.abc import Callable

from sim_instruments.instrument import Instrument
from sim_instruments.keithley_2182a_meter import Meter
from sim_instruments.keithley_2182a_tables import ANALOG_FILTER_TIME, COMMANDED_OVERHEAD
from sim_instruments.keithley_2182a_trigger import TriggerModel
from sim_instruments.keithley_statistics import OVERFLOW

#: Characters that abort, as device clear does on the bus.
_CLEAR = ("\x03", "\x18")


class SerialEnd:
    """The meter as a 6221 sees it (`ports.SerialMeter`).

    Lines are obeyed as those of the bus are. Once taken over, a meter leaves its own trigger model in idle
    and makes a conversion for each external trigger: as long as its NPLC say, twice, and an overhead; or
    just as long as it is told, for a pulse. Filters and reference play no part [unconfirmed], range and
    autorange do.
    """

    def __init__(self, instrument: Instrument, meter: Meter, trigger: TriggerModel, terminator: str) -> None:
        self._instrument = instrument
        self._meter = meter
        self._trigger = trigger
        self._terminator = terminator
        self._aperture: float | None = None
        self._reading = OVERFLOW
        self.commanded = False
        #: Called when a commanded conversion is complete.
        self.completed: Callable[[], None] = lambda: None

    @property
    def full_scale(self) -> float:
        """The present range (V)."""
        return self._meter.full_scale

    def receive(self, text: str) -> None:
        """Obey one line."""
        if text in _CLEAR:
            self._instrument.device_clear()
        else:
            self._instrument.write(text.encode("latin-1") + b"\n", message_exchange=False)

    def transmitted(self) -> str:
        """Return the replies that are ready, each with the meter's terminator."""
        lines: list[str] = []
        while self._instrument.has_output:
            line = self._instrument.next_reply(self._instrument.clock.now(), message_exchange=False)
            lines.append((line or b"").decode("latin-1").rstrip("\n") + self._terminator)
        return "".join(lines)

    def take_over(self, aperture: float | None) -> None:
        """Be commanded from now on."""
        self._trigger.halt()
        self._aperture = aperture
        self.commanded = True

    def trigger(self) -> None:
        """Begin a commanded conversion, unless one is under way."""
        if self._meter.busy:
            return
        aperture = self._aperture
        if aperture is not None:
            self._meter.start_bare(aperture, aperture, self._deliver)
            return
        aperture = self._meter.nplc / self._meter.line_frequency
        seconds = 2 * aperture + COMMANDED_OVERHEAD
        seconds += ANALOG_FILTER_TIME if self._meter.analog_filter else 0.0
        self._meter.start_bare(seconds, aperture, self._deliver)

    def _deliver(self, volts: float) -> None:
        self._reading = volts
        self.completed()

    def reading(self) -> float:
        """Return the result of the last commanded conversion (V)."""
        return self._reading

    def release(self) -> None:
        """Be under one's own control again, in idle."""
        self._meter.abort()
        self.commanded = False
