"""Simulated Stanford Research SR830 lock-in: X, Y, R and phase of a harmonic, settling as its filters do."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from sim_instruments.clock import Event, VirtualClock
from sim_instruments.instrument import unit_stream
from sim_instruments.ports import LockInSignal, ReferenceInput, Terminals
from sim_instruments.srs_sr830_demodulator import Demodulator, Detection
from sim_instruments.srs_sr830_displays import AUXILIARIES, DisplayingInstrument
from sim_instruments.srs_sr830_language import NONE, ONE, Command, OutOfRangeError, Setting, code, within
from sim_instruments.srs_sr830_outputs import THETA, Outputs
from sim_instruments.srs_sr830_tables import (
    AMPERES_PER_VOLT,
    AMPLITUDE_MAX,
    AMPLITUDE_MIN,
    AMPLITUDE_STEP,
    FILTER_OVERLOAD,
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
    OUTPUT_MAX,
    OUTPUT_OVERLOAD,
    PHASE_MAX,
    PHASE_MIN,
    SENSITIVITIES,
    SETTLING,
    SETUPS,
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
#: What SSET keeps beside the stored codes.
SETUP = ("_frequency", "_phase", "_amplitude", "_harmonic", "_outputs", "_auxiliary")


class SR830Sim(DisplayingInstrument):
    """An SR830 on GPIB, with a voltage at its input and, where there is one, a TTL reference.

    X and Y (V rms) are the demodulated harmonic behind one to four equal poles and, where it is asked for,
    the mean over a period (`Demodulator`); they are what they are now, not on the instrument's grid of 512
    readings per second. An error of the reference by some angle of the fundamental is n times as much at the
    n-th harmonic; PHAS shifts the detected harmonic itself, so that APHS works there too [unconfirmed].
    Output overload: X, Y or R, less its offset and times its expand, is beyond 1.09 of full scale; X and Y
    do not go further than that (our choice). Filter overload: a pole before the last is beyond 1.09 of full
    scale while the output is not (our choice). Input overload: all that alternates at the input, line filters
    or not, is more than `input_limit` allows; the readings stay (our choice). These bits and the unlocked
    reference latch in LIAS? when the instrument looks: with each message, serial poll and change of the
    signal. Without reference edges, or with the harmonic beyond 102 kHz, X and Y decay to zero and FREQ? is 0
    (our choice); an edge that comes back is locked to at once.

    Offsets are taken off X, Y and R as read and as displayed, not off the X and Y that make R and the phase;
    expand changes no value (as in the SR850 manual, Output and Offset menu). APHS and AOFF act at once, as the
    outputs are; AGAN and ARSV when the outputs have settled, with bit 1 of the status byte 0 until then.
    Commands that come meanwhile are obeyed (our choice). Time constants follow p. 4-9: none above 30 s with
    a detection above 200 Hz, and none below what slope, reserve and expand ask for; when that pushes the time
    constant, bit 5 of LIAS? tells.

    The data buffer stores what is displayed (`DataBuffer`, p. 5-12 to 5-19). TSTR 1: a trigger starts the
    scan, without STRT (our choice); a trigger that does something sets bit 6 of LIAS?. TRCB? and TRCL? are
    answered at once, in bytes without a terminator, END with the last. With FAST on, X and Y of each point go
    out as it is stored, unasked and without END (p. 5-18; the manual's example program reads them all at once).
    A receiver that is 63 pairs behind (one in mode 1) ends it, with bit 5 of ERRS?; so does a question in a
    scan, since a public driver says FAST2 and then only asks how far it is (our choice). A raw socket gets no
    pairs: like RS-232, for which the page has none, it knows no listener who has to be ready.

    *RST values, noise, accuracy, reserve, the line filters' Q, the 1.09 and the rule of the ratio are
    unconfirmed. Sources: SR830 manual p. 4-9, 5-2, 5-8 to 5-20; PyMeasure `sr830.py`, QCoDeS `SR830.py`.

    Not simulated: coupling, shield and reference slope (the codes are kept), whatever is between input B and
    ground (A reads as A-B), the current inputs (open: noise only), the sine output, the auxiliary outputs and
    those of the front panel (SLVL, AUXV and FPOP are kept), key click and alarms (kept), power-on (*PSC is
    kept), rear-panel triggers, RS-232. No remote command of the manual is refused.
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
        line_frequency: float = 50.0,
        auxiliary: Sequence[Terminals] = (),
    ) -> None:
        """Connect `signal` to the input A-B, `reference`, if any, to REF IN, and `auxiliary` to the inputs 1 to 4.

        `rng` gives the noise; the unit's fixed errors follow from its serial number. With `noise` or
        `accuracy` False there is none of it.
        """
        super().__init__(clock, f"Stanford_Research_Systems,SR830,s/n{serial},ver1.07", auxiliary)
        self._line_frequency = line_frequency
        self._saved: dict[int, tuple[dict[str, int], dict[str, Any]]] = {}
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
        self._store_as_set()
        signal.subscribe(self.look)

    def _take_defaults(self) -> None:
        self._frequency = 1e3
        self._phase = 0.0
        self._amplitude = 1.0
        self._harmonic = 1
        self._outputs = Outputs()
        self._auxiliary = [0.0] * AUXILIARIES

    def reset(self) -> None:
        """Take the settings of *RST, with an empty data buffer; an auto function under way is given up."""
        self._give_up()
        self._take_defaults()
        self._buffer.reset()
        self.changed()

    def _save(self, place: float) -> None:
        """SSET: keep the set-up in a place, 1 to 9."""
        attributes = {name: getattr(self, name) for name in SETUP}
        self._saved[code(place, 1, SETUPS)] = (self.set_up(), copy.deepcopy(attributes))

    def _recall(self, place: float) -> None:
        """RSET: take a set-up; a place in which none was kept is refused (our choice)."""
        saved = self._saved.get(code(place, 1, SETUPS))
        if saved is None:
            raise OutOfRangeError
        self._give_up()
        codes, attributes = saved
        self.stored |= codes
        vars(self).update(copy.deepcopy(attributes))
        self.changed()

    @property
    def mishaps(self) -> Mapping[str, Callable[[bool], None]]:
        """The plug is pulled out of REF IN."""
        return {"unlocked": self._pull_reference}

    def _pull_reference(self, happens: bool) -> None:
        self.look()
        self._demodulator.is_reference_plugged = not happens
        self.look()

    def power_cycle(self) -> None:
        """Come up in the *RST state (our choice: the manual's power-on keeps the set-up)."""
        super().power_cycle()
        self.reset_all()

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
            notches=tuple(k * self._line_frequency for k in (1, 2) if stored["ILIN"] & k),
            synchronous=bool(stored["SYNC"]),
        )

    def changed(self) -> None:
        """Detect as the settings say from now on, with a time constant that is possible."""
        self._push_time_constant(self._fastest(), len(TIME_CONSTANTS) - 1)
        self._demodulator.detection = self._detection()
        self._store_as_set()
        self.look()

    def _store_as_set(self) -> None:
        stored = self.stored
        self._buffer.configure(stored["SRAT"], bool(stored["SEND"]), bool(stored["FAST"] and self.has_talker))

    def look(self, time: float | None = None) -> None:
        """Bring the outputs up to the present, or to a time (s), and latch what is wrong there."""
        rms = self._demodulator.input_rms  # a signal that has to catch up first has us look on its way
        self._buffer.catch_up(self.clock.now() if time is None else time)
        bits = 0
        if self._outputs.overloaded(self._demodulator.output(time), self.full_scale):
            bits |= OUTPUT_OVERLOAD
        elif self._demodulator.inner > OUTPUT_MAX * self.full_scale:
            bits |= FILTER_OVERLOAD
        if rms > self._input_limit(self.stored["RMOD"]):
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
    def full_scale(self) -> float:
        """Full scale of X, Y and R (V or A rms)."""
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

    def _begin(self, finish: Callable[[], None]) -> None:
        """Let an auto function finish when the outputs have settled; one under way is given up."""
        self._give_up()
        settling = SETTLING[self.stored["OFSL"]] * TIME_CONSTANTS[self.stored["OFLT"]]

        def end() -> None:
            self.look()
            self._auto = None
            finish()
            self.changed()

        self._auto = self.clock.after(settling, end)

    def _auto_phase(self) -> None:
        self._shift_phase(self._phase + self._readings()[THETA])

    def _auto_gain(self) -> None:
        if TIME_CONSTANTS[self.stored["OFLT"]] <= AUTO_GAIN_SLOWEST:
            self._begin(self._finish_auto_gain)

    def _finish_auto_gain(self) -> None:
        volts = abs(self._demodulator.output()) / (self.full_scale / SENSITIVITIES[self.stored["SENS"]])
        fitting = (n for n, top in enumerate(SENSITIVITIES) if volts <= AUTO_GAIN_FILL * top)
        self.stored["SENS"] = next(fitting, len(SENSITIVITIES) - 1)

    def _auto_reserve(self) -> None:
        self._begin(self._finish_auto_reserve)

    def _finish_auto_reserve(self) -> None:
        rms = self._demodulator.input_rms
        fitting = (mode for mode in (LOW_NOISE, NORMAL) if rms <= self._input_limit(mode))
        self.stored["RMOD"] = next(fitting, HIGH_RESERVE)

    commands: ClassVar[Mapping[str, Command]] = MappingProxyType(
        {
            **DisplayingInstrument.common_commands,
            **DisplayingInstrument.display_commands,
            "FREQ": (ONE, _set_frequency),
            "FREQ?": (NONE, _say_frequency),
            "HARM": (ONE, _set_harmonic),
            "HARM?": (NONE, _say_harmonic),
            "PHAS": (ONE, _set_phase),
            "PHAS?": (NONE, _say_phase),
            "SLVL": (ONE, _set_amplitude),
            "SLVL?": (NONE, _say_amplitude),
            "APHS": (NONE, _auto_phase),
            "AGAN": (NONE, _auto_gain),
            "ARSV": (NONE, _auto_reserve),
            "SSET": (ONE, _save),
            "RSET": (ONE, _recall),
        }
    )
    settings: ClassVar[Mapping[str, Setting]] = MappingProxyType(
        {
            **DisplayingInstrument.common_settings,
            **DisplayingInstrument.display_settings,
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
        }
    )
