"""SR830 commands of displays, offsets, auxiliary inputs and outputs, and of storing what the displays show."""

from __future__ import annotations

import struct
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

from sim_instruments.clock import VirtualClock
from sim_instruments.ports import Terminals
from sim_instruments.srs_sr830_buffer import DataBuffer, floats, pairs, text
from sim_instruments.srs_sr830_demodulator import Demodulator
from sim_instruments.srs_sr830_language import (
    NONE,
    ONE,
    THREE,
    TWO,
    Command,
    OutOfRangeError,
    Setting,
    StanfordInstrument,
    code,
    within,
)
from sim_instruments.srs_sr830_outputs import (
    CHANNEL_1,
    CHANNEL_2,
    REFERENCE_FREQUENCY,
    THETA,
    Outputs,
    X,
    printed,
)
from sim_instruments.srs_sr830_tables import (
    AUXILIARY_MAX,
    AUXILIARY_STEP,
    BUFFER,
    FAST_ABORTED,
    FAST_QUEUE,
    START_DELAY,
    TRIGGER_RATE,
    TRIGGERED,
)

AUXILIARIES = 4  # inputs, and outputs


class DisplayingInstrument(StanfordInstrument):
    """What a channel displays is what OUTR? reads and the data buffer stores; a subclass has the demodulator."""

    _demodulator: Demodulator

    def __init__(self, clock: VirtualClock, identity: str, auxiliary: Sequence[Terminals]) -> None:
        """`auxiliary` are the voltages (V) at the auxiliary inputs, from the first; the others are open (0 V)."""
        super().__init__(clock, identity)
        self._inputs = auxiliary
        self._outputs = Outputs()
        self._auxiliary = [0.0] * AUXILIARIES
        self._buffer = DataBuffer(clock, self._shown, self.look, self._send_fast)

    @property
    @abstractmethod
    def full_scale(self) -> float:
        """Full scale of X, Y and R (V or A rms)."""

    @property
    def scanning(self) -> bool:
        """True while data are stored, or wait for their trigger."""
        return self._buffer.running

    # --- readings ---------------------------------------------------------------------------------

    def _readings(self, time: float | None = None) -> dict[int, float]:
        return self._outputs.readings(self._demodulator.output(time), self.full_scale)

    def _displayed(self, channel: float, readings: Mapping[int, float]) -> float:
        noise = self._demodulator.noise_density
        return self._outputs.displayed(channel, readings, noise, self._voltages(), self.full_scale)

    def _shown(self, time: float) -> tuple[tuple[float, float], tuple[float, float]]:
        readings = self._readings(time)
        scale = self._outputs.scale
        return (
            (self._displayed(1, readings), self._displayed(2, readings)),
            (scale(1, self.full_scale), scale(2, self.full_scale)),
        )

    def _voltages(self) -> list[float]:
        voltages = [terminals() for terminals in self._inputs]
        voltages += [0.0] * (AUXILIARIES - len(voltages))
        within_reach = (min(max(volts, -AUXILIARY_MAX), AUXILIARY_MAX) for volts in voltages)
        return [round(volts / AUXILIARY_STEP) * AUXILIARY_STEP for volts in within_reach]

    def _read_output(self, number: float) -> str:
        return printed(self._readings()[code(number, X, THETA)])

    def _read_display(self, channel: float) -> str:
        return printed(self._displayed(channel, self._readings()))

    def _snap(self, *numbers: float) -> str:
        codes = [code(number, X, CHANNEL_2) for number in numbers]
        if not 2 <= len(codes) <= 6:
            raise OutOfRangeError
        readings = self._readings()
        shown = {
            **readings,
            **dict(zip(range(THETA + 1, REFERENCE_FREQUENCY), self._voltages(), strict=True)),
            REFERENCE_FREQUENCY: self._demodulator.reference_frequency or 0.0,
            CHANNEL_1: self._displayed(1, readings),
            CHANNEL_2: self._displayed(2, readings),
        }
        return ",".join(printed(shown[number]) for number in codes)

    # --- displays, offsets, auxiliaries -----------------------------------------------------------

    def _set_display(self, *numbers: float) -> None:
        self._outputs.set_display(*numbers)

    def _say_display(self, channel: float) -> str:
        return self._outputs.say_display(channel)

    def _set_source(self, channel: float, source: float) -> None:
        self._outputs.set_source(channel, source)

    def _say_source(self, channel: float) -> str:
        return self._outputs.say_source(channel)

    def _set_offset(self, *numbers: float) -> None:
        self._outputs.set_offset(*numbers)
        self.changed()

    def _say_offset(self, output: float) -> str:
        return self._outputs.say_offset(output)

    def _auto_offset(self, output: float) -> None:
        self._outputs.offset_away(output, self._demodulator.output(), self.full_scale)

    def _read_auxiliary_input(self, number: float) -> str:
        return printed(self._voltages()[code(number, 1, AUXILIARIES) - 1])

    def _set_auxiliary_output(self, number: float, volts: float) -> None:
        volts = within(volts, -AUXILIARY_MAX, AUXILIARY_MAX)
        self._auxiliary[code(number, 1, AUXILIARIES) - 1] = round(volts, 3)

    def _say_auxiliary_output(self, number: float) -> str:
        return f"{self._auxiliary[code(number, 1, AUXILIARIES) - 1]:.3f}"

    # --- data buffer ------------------------------------------------------------------------------

    def _start(self) -> None:
        self._buffer.start()

    def _start_late(self) -> None:
        self._buffer.start(START_DELAY)

    def _pause(self) -> None:
        self._buffer.pause()

    def _forget(self) -> None:
        self._buffer.reset()

    def _trigger(self) -> None:
        if self._buffer.trigger(bool(self.stored["TSTR"])):
            self.raise_lock_in_bits(TRIGGERED)

    def _send_fast(self, time: float) -> None:
        """FAST: send X and Y of a point that was stored, unless the receiver is behind; then FAST is over."""
        mode = self.stored["FAST"]
        if not (mode and self.stored["OUTX"] and self.has_talker):
            return
        if sum(not reply.ends for reply in self.owed) >= FAST_QUEUE[mode]:
            self._abort_fast()
            return
        self.stream(struct.pack("<2h", *self._outputs.integers(self._readings(time), self.full_scale)))

    def answering(self) -> None:
        """Whoever asks a question in a scan does not listen to FAST: it is over."""
        if self.stored["FAST"] and self.scanning and self.has_talker:
            self._abort_fast()
            self.discard_stream()

    def _abort_fast(self) -> None:
        self.stored["FAST"] = 0
        self.raise_error_bits(FAST_ABORTED)
        self.changed()

    def _count(self) -> str:
        return str(self._buffer.count)

    def _read_text(self, *numbers: float) -> str:
        return text(self._buffer.read(*numbers))

    def _read_floats(self, *numbers: float) -> bytes:
        return floats(self._buffer.read(*numbers))

    def _read_pairs(self, *numbers: float) -> bytes:
        return pairs(self._buffer.read(*numbers))

    display_commands: ClassVar[Mapping[str, Command]] = MappingProxyType(
        {
            "DDEF": (THREE, _set_display),
            "DDEF?": (ONE, _say_display),
            "FPOP": (TWO, _set_source),
            "FPOP?": (ONE, _say_source),
            "OEXP": (THREE, _set_offset),
            "OEXP?": (ONE, _say_offset),
            "AOFF": (ONE, _auto_offset),
            "OAUX?": (ONE, _read_auxiliary_input),
            "AUXV": (TWO, _set_auxiliary_output),
            "AUXV?": (ONE, _say_auxiliary_output),
            "OUTP?": (ONE, _read_output),
            "OUTR?": (ONE, _read_display),
            "SNAP?": (range(1, BUFFER), _snap),
            "STRT": (NONE, _start),
            "STRD": (NONE, _start_late),
            "PAUS": (NONE, _pause),
            "REST": (NONE, _forget),
            "TRIG": (NONE, _trigger),
            "SPTS?": (NONE, _count),
            "TRCA?": (THREE, _read_text),
            "TRCB?": (THREE, _read_floats),
            "TRCL?": (THREE, _read_pairs),
        }
    )
    display_settings: ClassVar[Mapping[str, Setting]] = MappingProxyType(
        {
            "SRAT": Setting(0, TRIGGER_RATE, 4),
            "SEND": Setting(0, 1, 1),
            "TSTR": Setting(0, 1, 0),
            "FAST": Setting(0, 2, 0),
        }
    )
