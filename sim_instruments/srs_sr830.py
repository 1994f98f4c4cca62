"""Simulated Stanford Research SR830 lock-in: X, Y, R and phase of a harmonic, settling as its filters do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from sim_instruments.clock import Event, VirtualClock
from sim_instruments.instrument import unit_stream
from sim_instruments.ports import LockInSignal, ReferenceInput
from sim_instruments.srs_sr830_demodulator import Demodulator, Detection
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
    AMPERES_PER_VOLT,
    AMPLITUDE_MAX,
    AMPLITUDE_MIN,
    AMPLITUDE_STEP,
    AUXILIARY_MAX,
    BUFFER,
    FREQUENCY_MAX,
    FREQUENCY_MIN,
    FREQUENCY_RANGE_CHANGED,
    HARMONIC_MAX,
    HIGH_RESERVE,
    INPUT_OVERLOAD,
    LONGEST_WHEN_FAST,
    LOW_NOISE,
    NOISE_DENSITY,
    NORMAL,
    OUTPUT_OVERLOAD,
    PHASE_MAX,
    PHASE_MIN,
    SENSITIVITIES,
    SETTLING,
    SLOW_FREQUENCY,
    TIME_CONSTANT_CHANGED,
    TIME_CONSTANTS,
    UNLOCKED,
    fastest_time_constant,
    input_limit,
)

#: Half-widths of a unit's fixed errors [unconfirmed]: of the amplitude, and of the reference (rad).
GAIN_ERROR, PHASE_ERROR = 0.01, math.radians(1.0)
#: Auto gain takes the lowest full scale that the magnitude fills to at most so much (our choice).
AUTO_GAIN_FILL = 0.8
#: Slowest time constant (s) with which auto gain does anything.
AUTO_GAIN_SLOWEST = 1.0
FIRST_CURRENT_INPUT = 2  # ISRC code


class SR830Sim(StanfordInstrument):
    """An SR830 on GPIB, with a voltage at its input and, where there is one, a TTL reference.

    X and Y (V rms) are the demodulated harmonic behind one to four equal poles (`Demodulator`); they are
    what they are now, not on the instrument's grid of 512 readings per second. An error of the reference by
    some angle of the fundamental is n times as much at the n-th harmonic; PHAS shifts the detected harmonic
    itself, so that APHS works there too [unconfirmed]. Output overload: X, Y or R, less its offset and times
    its expand, is beyond 1.09 of full scale; X and Y do not go further than that (our choice). Input
    overload: all that alternates at the input is more than `input_limit` allows; the readings stay (our
    choice). Both bits and the unlocked reference latch in LIAS? when the instrument looks: with each message,
    serial poll and change of the signal. Without reference edges, or with the harmonic beyond 102 kHz, X and
    Y decay to zero and FREQ? is 0 (our choice); an edge that comes back is locked to at once.

    Offsets are taken off X, Y and R as read and as displayed, not off the X and Y that make R and the phase;
    expand changes no value (as in the SR850 manual, Output and Offset menu). APHS and AOFF act at once, as the
    outputs are; AGAN and ARSV when the outputs have settled, with bit 1 of the status byte 0 until then.
    Commands that come meanwhile are obeyed (our choice). Time constants follow p. 4-9: none above 30 s with
    a detection above 200 Hz, and none below what slope, reserve and expand ask for; when that pushes the time
    constant, bit 5 of LIAS? tells.

    *RST values, noise, accuracy, reserve and the 1.09 are unconfirmed. Sources: SR830 manual p. 4-9, 5-2,
    5-15, 5-16; PyMeasure `sr830.py`, QCoDeS `SR830.py`.

    Not simulated: line filters, coupling, shield, reference slope and synchronous filter (the codes are kept),
    the single-ended input (A reads as A-B), the current inputs (open: noise only), the sine output (SLVL is
    kept), auxiliary inputs (0 V) and outputs (kept), display ratios (kept), filter overload (bit 1 of LIAS?),
    RS-232. Refused as unknown: data buffer and traces (SRAT SEND STRT PAUS REST SPTS? TRCA? TRCB? TRCL? STRD
    FAST TRIG TSTR), FPOP, SSET, RSET, KCLK, ALRM, *PSC.
    """

    def __init__(
        self,
        clock: VirtualClock,
        signal: LockInSignal,
        rng: np.random.Generator,
        *,
        reference: ReferenceInput | None = None,
        noise: bool = True,
        accuracy: bool = True,
        serial: str = "12345",
    ) -> None:
        """Connect `signal` to the input A-B and `reference`, if any, to REF IN.

        `rng` gives the noise; the unit's fixed errors follow from its serial number. With `noise` or
        `accuracy` False there is none of it.
        """
        super().__init__(clock, f"Stanford_Research_Systems,SR830,s/n{serial},ver1.07")
        gain, phase = (float(error) if accuracy else 0.0 for error in unit_stream(serial).uniform(-1, 1, 2))
        self._auto: Event | None = None
        self._take_defaults()
        self._demodulator = Demodulator(
            clock,
            signal,
            reference,
            self._detection(),
            rng if noise else None,
            gain=1 + GAIN_ERROR * gain,
            phase_error=PHASE_ERROR * phase,
        )
        self._fast = self._is_fast()
        signal.subscribe(self.look)

    def _take_defaults(self) -> None:
        self._frequency = 1e3
        self._phase = 0.0
        self._amplitude = 1.0
        self._harmonic = 1
        self._outputs = Outputs()
        self._auxiliary = [0.0] * 4

    def reset(self) -> None:
        """Take the settings of *RST; an auto function under way is given up."""
        self._give_up()
        self._take_defaults()
        self.changed()

    # --- detection --------------------------------------------------------------------------------

    def _detection(self) -> Detection:
        stored = self.stored
        return Detection(
            frequency=self._frequency if stored["FMOD"] else None,
            harmonic=self._harmonic,
            phase=math.radians(self._phase),
            time_constant=TIME_CONSTANTS[stored["OFLT"]],
            poles=stored["OFSL"] + 1,
            connected=stored["ISRC"] < FIRST_CURRENT_INPUT,
            noise_density=NOISE_DENSITY[stored["ISRC"]],
        )

    def changed(self) -> None:
        """Detect as the settings say from now on, with a time constant that is possible."""
        self._push_time_constant(self._fastest(), len(TIME_CONSTANTS) - 1)
        self._demodulator.detection = self._detection()
        self.look()

    def look(self, time: float | None = None) -> None:
        """Bring the outputs up to the present, or to a time (s), and latch what is wrong there."""
        bits = 0
        if self._outputs.overloaded(self._demodulator.output(time), self._full_scale):
            bits |= OUTPUT_OVERLOAD
        if self._demodulator.input_rms > self._input_limit(self.stored["RMOD"]):
            bits |= INPUT_OVERLOAD
        if self._demodulator.reference_frequency is None:
            bits |= UNLOCKED
        if self._fast != (fast := self._is_fast()):
            self._fast = fast
            bits |= FREQUENCY_RANGE_CHANGED
        self.raise_lock_in_bits(bits)
        if fast and self.stored["OFLT"] > LONGEST_WHEN_FAST:
            self._push_time_constant(0, LONGEST_WHEN_FAST)
            self._demodulator.detection = self._detection()

    def _is_fast(self) -> bool:
        frequency = self._demodulator.reference_frequency
        return frequency is not None and frequency * self._harmonic > SLOW_FREQUENCY

    @property
    def _full_scale(self) -> float:
        volts = SENSITIVITIES[self.stored["SENS"]]
        return volts if self.stored["ISRC"] < FIRST_CURRENT_INPUT else volts * AMPERES_PER_VOLT

    def _input_limit(self, reserve: int) -> float:
        return input_limit(SENSITIVITIES[self.stored["SENS"]], reserve)

    def _fastest(self) -> int:
        reserve = self._input_limit(self.stored["RMOD"]) / SENSITIVITIES[self.stored["SENS"]]
        gain = 20 * (math.log10(reserve) + self._outputs.largest_expand)
        return fastest_time_constant(self.stored["OFSL"], gain)

    def _push_time_constant(self, low: int, high: int) -> None:
        pushed = min(max(self.stored["OFLT"], low), high)
        if pushed != self.stored["OFLT"]:
            self.stored["OFLT"] = pushed
            self.raise_lock_in_bits(TIME_CONSTANT_CHANGED)

    # --- outputs ----------------------------------------------------------------------------------

    def _readings(self) -> dict[int, float]:
        return self._outputs.readings(self._demodulator.output(), self._full_scale)

    def _displayed(self, channel: float) -> float:
        return self._outputs.displayed(channel, self._readings(), self._demodulator.noise_density)

    def _read_output(self, number: float) -> str:
        return printed(self._readings()[code(number, X, THETA)])

    def _read_display(self, channel: float) -> str:
        return printed(self._displayed(channel))

    def _snap(self, *numbers: float) -> str:
        codes = [code(number, X, CHANNEL_2) for number in numbers]
        if not 2 <= len(codes) <= 6:
            raise OutOfRangeError
        shown = {
            **self._readings(),
            **dict.fromkeys(range(THETA + 1, REFERENCE_FREQUENCY), 0.0),
            REFERENCE_FREQUENCY: self._demodulator.reference_frequency or 0.0,
            CHANNEL_1: self._displayed(1),
            CHANNEL_2: self._displayed(2),
        }
        return ",".join(printed(shown[number]) for number in codes)

    def _set_display(self, *numbers: float) -> None:
        self._outputs.set_display(*numbers)

    def _say_display(self, channel: float) -> str:
        return self._outputs.say_display(channel)

    def _set_offset(self, *numbers: float) -> None:
        self._outputs.set_offset(*numbers)
        self.changed()

    def _say_offset(self, output: float) -> str:
        return self._outputs.say_offset(output)

    def _auto_offset(self, output: float) -> None:
        self._outputs.offset_away(output, self._demodulator.output(), self._full_scale)

    def _read_auxiliary_input(self, number: float) -> str:
        code(number, 1, 4)
        return printed(0.0)

    def _set_auxiliary_output(self, number: float, volts: float) -> None:
        self._auxiliary[code(number, 1, 4) - 1] = round(within(volts, -AUXILIARY_MAX, AUXILIARY_MAX), 3)

    def _say_auxiliary_output(self, number: float) -> str:
        return f"{self._auxiliary[code(number, 1, 4) - 1]:.3f}"

    # --- reference, phase, sine -------------------------------------------------------------------

    def allow(self, setting: str, value: int) -> None:
        """OFLT has to suit frequency, slope, reserve and expand (p. 4-9), FMOD 1 the harmonic."""
        if setting == "FMOD" and value:
            within(self._frequency * self._harmonic, 0.0, FREQUENCY_MAX)
        longest = LONGEST_WHEN_FAST if self._is_fast() else len(TIME_CONSTANTS) - 1
        if setting == "OFLT" and not self._fastest() <= value <= longest:
            raise OutOfRangeError

    def _set_frequency(self, frequency: float) -> None:
        within(frequency, FREQUENCY_MIN, FREQUENCY_MAX / self._harmonic)
        if not self.stored["FMOD"]:
            raise OutOfRangeError
        # Five digits or 0.1 mHz, whichever is coarser.
        self._frequency = round(frequency, min(4, 4 - math.floor(math.log10(frequency))))
        self.changed()

    def _say_frequency(self) -> str:
        return f"{self._demodulator.reference_frequency or 0.0:g}"

    def _set_harmonic(self, number: float) -> None:
        harmonic = code(number, 1, HARMONIC_MAX)
        within(harmonic * (self._demodulator.reference_frequency or 0.0), 0.0, FREQUENCY_MAX)
        self._harmonic = harmonic
        self.changed()

    def _say_harmonic(self) -> str:
        return str(self._harmonic)

    def _set_phase(self, degrees: float) -> None:
        self._shift_phase(within(degrees, PHASE_MIN, PHASE_MAX))

    def _shift_phase(self, degrees: float) -> None:
        self._phase = round(180 - (180 - degrees) % 360, 2)
        self.changed()

    def _say_phase(self) -> str:
        return f"{self._phase:.2f}"

    def _set_amplitude(self, amplitude: float) -> None:
        within(amplitude, AMPLITUDE_MIN, AMPLITUDE_MAX)
        self._amplitude = round(amplitude / AMPLITUDE_STEP) * AMPLITUDE_STEP

    def _say_amplitude(self) -> str:
        return f"{self._amplitude:.3f}"

    # --- auto functions ---------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """True while no auto function is under way."""
        return self._auto is None

    def _give_up(self) -> None:
        if self._auto is not None:
            self._auto.cancel()
            self._auto = None

    def _start(self, finish: Callable[[], None]) -> None:
        """Let an auto function finish when the outputs have settled; one under way is given up."""
        self._give_up()
        settling = SETTLING[self.stored["OFSL"]] * TIME_CONSTANTS[self.stored["OFLT"]]

        def end() -> None:
            self._auto = None
            finish()
            self.changed()

        self._auto = self.clock.after(settling, end)

    def _auto_phase(self) -> None:
        self._shift_phase(self._phase + self._readings()[THETA])

    def _auto_gain(self) -> None:
        if TIME_CONSTANTS[self.stored["OFLT"]] <= AUTO_GAIN_SLOWEST:
            self._start(self._finish_auto_gain)

    def _finish_auto_gain(self) -> None:
        volts = abs(self._demodulator.output()) / (self._full_scale / SENSITIVITIES[self.stored["SENS"]])
        fitting = (n for n, top in enumerate(SENSITIVITIES) if volts <= AUTO_GAIN_FILL * top)
        self.stored["SENS"] = next(fitting, len(SENSITIVITIES) - 1)

    def _auto_reserve(self) -> None:
        self._start(self._finish_auto_reserve)

    def _finish_auto_reserve(self) -> None:
        rms = self._demodulator.input_rms
        fitting = (mode for mode in (LOW_NOISE, NORMAL) if rms <= self._input_limit(mode))
        self.stored["RMOD"] = next(fitting, HIGH_RESERVE)

    commands: ClassVar[Mapping[str, Command]] = MappingProxyType(
        {
            **StanfordInstrument.common_commands,
            "FREQ": (ONE, _set_frequency),
            "FREQ?": (NONE, _say_frequency),
            "HARM": (ONE, _set_harmonic),
            "HARM?": (NONE, _say_harmonic),
            "PHAS": (ONE, _set_phase),
            "PHAS?": (NONE, _say_phase),
            "SLVL": (ONE, _set_amplitude),
            "SLVL?": (NONE, _say_amplitude),
            "DDEF": (THREE, _set_display),
            "DDEF?": (ONE, _say_display),
            "OEXP": (THREE, _set_offset),
            "OEXP?": (ONE, _say_offset),
            "AOFF": (ONE, _auto_offset),
            "OAUX?": (ONE, _read_auxiliary_input),
            "AUXV": (TWO, _set_auxiliary_output),
            "AUXV?": (ONE, _say_auxiliary_output),
            "OUTP?": (ONE, _read_output),
            "OUTR?": (ONE, _read_display),
            "SNAP?": (range(1, BUFFER), _snap),
            "APHS": (NONE, _auto_phase),
            "AGAN": (NONE, _auto_gain),
            "ARSV": (NONE, _auto_reserve),
        }
    )
    settings: ClassVar[Mapping[str, Setting]] = MappingProxyType(
        {
            **StanfordInstrument.common_settings,
            "FMOD": Setting(0, 1, 1),
            "RSLP": Setting(0, 2, 0),
            "ISRC": Setting(0, 3, 0),
            "IGND": Setting(0, 1, 0),
            "ICPL": Setting(0, 1, 0),
            "ILIN": Setting(0, 3, 0),
            "SENS": Setting(0, len(SENSITIVITIES) - 1, SENSITIVITIES.index(1.0)),
            "RMOD": Setting(HIGH_RESERVE, LOW_NOISE, LOW_NOISE),
            "OFLT": Setting(0, len(TIME_CONSTANTS) - 1, TIME_CONSTANTS.index(0.1)),
            "OFSL": Setting(0, len(SETTLING) - 1, 1),
            "SYNC": Setting(0, 1, 0),
            "LOCL": Setting(0, 2, 0, kept=True),
            "OVRM": Setting(0, 1, 0, kept=True),
        }
    )
