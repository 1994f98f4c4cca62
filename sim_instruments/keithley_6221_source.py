"""Keithley 6221: the output with its switch and interlock, and the DC source that drives it, waves included.

Reference Manual 622x-901-01 (p. 11-11 to 11-17 status), User's Manual 622x-900-01 (specification page, Rev. B);
limits as in the public drivers slave (k6221.py), pyacquisition (keithley_6221.py) and PyMeasure
(keithley6221.py); bench notes ferroDAC and TANGO_Devices.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from sim_instruments.clock import Event, VirtualClock
from sim_instruments.keithley_6221_tables import (
    COMPLIANCE_MAX,
    COMPLIANCE_MIN,
    COMPLIANCE_STEP,
    CURRENT_MAX,
    RANGES,
    USABLE,
    SourceRange,
)
from sim_instruments.ports import Load, Waveform
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Number
from sim_instruments.scpi_status import ScpiError, Status

#: Bits of the measurement register (622x-901-01 p. 11-11 to 11-17).
INTERLOCK_BIT, TEMPERATURE_BIT, COMPLIANCE_BIT = 1, 2, 3

#: Resistance (ohm) of a contact that has come loose; our choice.
LOOSE = 1e7

_RESOLUTION = {row.full_scale: row.resolution for row in RANGES}


class Mode(Protocol):
    """What a source can be armed for: a sweep, a wave, a delta measurement."""

    def disarm(self) -> None:
        """End it, whether it runs or not, and put the source to zero if it ran."""
        ...


class Output(Group):
    """OUTPut: the switch, the shield and earth connections, and the interlock."""

    state = Setting("OUTPut[:STATe]", Boolean(), default=False, saved=False)
    low_to_earth = Setting("OUTPut:LTEarth", Boolean(), default=False)
    inner_shield = Setting("OUTPut:ISHield", Choice("OLOW", "GUARd"), default="OLOW")
    response = Setting("OUTPut:RESPonse", Choice("FAST", "SLOW"), default="FAST")

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status
        self._interlock_closed = True
        #: Called when the switch has moved.
        self.switched: Callable[[], None] = lambda: None

    @state.check
    def allow(self, on: bool) -> bool:
        """Refuse to switch on with the interlock open (-221) [unconfirmed: code]."""
        if on and not self._interlock_closed:
            raise ScpiError(-221)
        return on

    @query("OUTPut:INTerlock:TRIPped")
    def tripped(self) -> str:
        """Return 1 with the interlock closed (output allowed), 0 with it open."""
        return "1" if self._interlock_closed else "0"

    @property
    def interlock_closed(self) -> bool:
        """The interlock contact at the rear; opening it switches the output off."""
        return self._interlock_closed

    @interlock_closed.setter
    def interlock_closed(self, closed: bool) -> None:
        self._interlock_closed = closed
        self._status.measurement.set(INTERLOCK_BIT, not closed)
        if not closed:
            self.switch_off()

    def switch_on(self) -> None:
        """Close the output; with the interlock open that is refused."""
        self.state = self.allow(True)
        self.switched()

    def switch_off(self) -> None:
        """Open the output."""
        self.state = False
        self.switched()

    def changed(self, name: str) -> None:
        """Follow the switch."""
        if name == "state":
            self.switched()

    def reset(self) -> None:
        """*RST: output off."""
        super().reset()
        self.switched()


class DcSource(Group):
    """SOURce: level, range, compliance and filter of the DC source, and what it makes flow: the level or a wave.

    Edges are ideal: the source settles to 1 % within 2 to 4 us on the ranges from 2 uA to 100 mA at fast
    response (specification page), little against a level or a wave's sample that lasts 100 us or more; waves
    with shorter samples are drawn more sharply than they are, and so is everything at slow response (100 us).
    Compliance is judged by the load's resistance at the beginning. Not simulated: noise of the source (4 nA
    rms on the 200 uA range; over a Hall resistance below 1 ohm that is below the noise of any meter), errors
    of the compliance limit, and what FILTer does.
    """

    level = Setting(
        "[SOURce1]:CURRent[:LEVel][:IMMediate][:AMPLitude]", Number(-CURRENT_MAX, CURRENT_MAX), default=0.0
    )
    range = Setting(
        "[SOURce1]:CURRent:RANGe", Number(-CURRENT_MAX, CURRENT_MAX), default=RANGES[-1].full_scale
    )
    autorange = Setting("[SOURce1]:CURRent:RANGe:AUTO", Boolean(), default=False)
    compliance = Setting("[SOURce1]:CURRent:COMPliance", Number(COMPLIANCE_MIN, COMPLIANCE_MAX), default=10.0)
    filter = Setting("[SOURce1]:CURRent:FILTer[:STATe]", Boolean(), default=False)
    delay = Setting("[SOURce1]:DELay", Number(1e-3, 999999.999), default=1.0)

    def __init__(
        self,
        clock: VirtualClock,
        load: Load,
        output: Output,
        status: Status,
        unit: np.random.Generator,
        *,
        accuracy: bool,
    ) -> None:
        super().__init__()
        #: What the source is armed for: then level and range cannot be written (+413).
        self.armed: Mode | None = None
        self._clock = clock
        self._load = load
        self._output = output
        self._status = status
        self._errors = {row.full_scale: _unit_errors(row, unit) if accuracy else (0.0, 0.0) for row in RANGES}
        self._wave: tuple[Waveform, float] | None = None
        self._limiting: Event | None = None
        self._flowing: float | Waveform = 0.0
        self._contact = 0.0
        output.switched = self.drive

    @level.check
    def fit_level(self, amperes: float) -> float:
        """Autorange, or refuse a level beyond 105 % of the fixed range (-222)."""
        if self.autorange:
            self.range = lowest_range(amperes)
        elif not fits(amperes, self.range):
            raise ScpiError(-222)
        return amperes

    @range.check
    def fit_range(self, amperes: float) -> float:
        """Pick the lowest range that fits, and leave autorange; below the present level -221 [unconfirmed]."""
        full_scale = lowest_range(amperes)
        if not fits(self.level, full_scale):
            raise ScpiError(-221)
        self.autorange = False
        return full_scale

    @autorange.check
    def fit_autorange(self, on: bool) -> bool:
        """Switching on picks the lowest range for the present level."""
        if on:
            self.range = lowest_range(self.level)
        return on

    @compliance.check
    def round_compliance(self, volts: float) -> float:
        """Round to steps of 10 mV."""
        return round(volts / COMPLIANCE_STEP) * COMPLIANCE_STEP

    @command("[SOURce1]:CLEar[:IMMediate]")
    def clear(self) -> None:
        """Level to zero and output off."""
        self.level = 0.0
        self._output.switch_off()

    def allow_change(self, name: str) -> None:
        """Refuse level (+413) and range (the same [unconfirmed]) while a mode is armed."""
        if self.armed is not None and name in ("level", "range", "autorange"):
            raise ScpiError(413)

    def changed(self, name: str) -> None:
        """Let the new current flow."""
        self.drive()

    def reset(self) -> None:
        """*RST: level to zero, highest range."""
        super().reset()
        self.drive()

    def arm(self, mode: Mode) -> None:
        """Be armed for a mode, and no longer for another (User's Manual 622x-900-01 p. 5-34)."""
        if self.armed is not mode:
            self.disarm()
        self.armed = mode

    def disarm(self) -> None:
        """Be armed for nothing."""
        if self.armed is not None:
            mode, self.armed = self.armed, None
            mode.disarm()

    def step(self, amperes: float, full_scale: float) -> None:
        """Let a level (A) flow on a range (A), whatever is set; more than the range carries is cut off at that.

        So a sweep on a fixed range is cut off (622x-901-01 p. 4-9).
        """
        self.level, self.range = _limited(amperes, full_scale * USABLE), full_scale
        self.drive()

    @property
    def in_compliance(self) -> bool:
        """True while compliance limits the current."""
        return bool(self._status.measurement.condition >> COMPLIANCE_BIT & 1)

    def play(self, wave: Waveform, full_scale: float) -> None:
        """Let a wave flow (levels as set, in A) on a range (A), in place of the DC level."""
        self._wave = (wave, full_scale)
        self.drive()

    def loosen_contact(self, happens: bool) -> None:
        """A lead comes off, but for `LOOSE` ohm; or it is put back."""
        self._contact = LOOSE if happens else 0.0
        self.drive()

    def silence(self) -> None:
        """Let the DC level be zero and flow again, in place of any wave."""
        self._wave = None
        self.level = 0.0
        self.drive()

    def drive(self) -> None:
        """Make the load see the present current: level or wave with the unit's errors, or what compliance allows.

        A wave beyond compliance is cut off there. The condition then stands from its first sample that is cut
        until the wave has ended (our choice: its peaks return faster than anybody reads the register).
        """
        if self._limiting is not None:
            self._limiting.cancel()
        resistance = self._load.resistance + self._contact
        most = self.compliance / resistance if resistance else math.inf
        if self._wave is not None and self._output.state:
            current = self._limited_wave(*self._wave, most)
        else:
            wanted = self._true_current(self.level, self.range) if self._output.state else 0.0
            self._status.measurement.set(COMPLIANCE_BIT, abs(wanted) > most)
            current = _limited(wanted, most)
        if current != self._flowing:
            self._flowing = current
            self._load.drive(current)

    def _limited_wave(self, wave: Waveform, full_scale: float, most: float) -> Waveform:
        wanted = [self._true_current(level, full_scale) for level in wave.levels]
        begins = itertools.accumulate(wave.holds, initial=wave.start)
        samples = zip(begins, wave.holds, wanted, strict=False)
        cut = next((begin for begin, hold, level in samples if hold and abs(level) > most), None)
        self._status.measurement.set(COMPLIANCE_BIT, cut is not None and cut <= self._clock.now())
        if cut is not None and cut < wave.end:
            self._limiting = self._clock.at(cut, lambda: self._status.measurement.set(COMPLIANCE_BIT, True))
        peak = wave.sine_peak
        if peak is not None:  # the unit's offset does not alternate; a sine that is cut off is none
            ends = (self._true_current(peak, full_scale), self._true_current(-peak, full_scale))
            peak = (ends[0] - ends[1]) / 2 if cut is None else None
        levels = tuple(_limited(level, most) for level in wanted)
        return replace(wave, levels=levels, sine_peak=peak)

    def _true_current(self, amperes: float, full_scale: float) -> float:
        gain_error, offset = self._errors[full_scale]
        step = _RESOLUTION[full_scale]
        return round(amperes / step) * step * (1.0 + gain_error) + offset


def fits(amperes: float, full_scale: float) -> bool:
    """Return whether a range (A) carries a current (A): up to 105 % of it."""
    # 2.1 mA over 2 mA is 1.0500000000000003 in binary.
    return abs(amperes) <= full_scale * USABLE * (1 + 1e-12)


def lowest_range(amperes: float) -> float:
    """Return the lowest range (A) that carries a current of at most 105 mA."""
    return next(row.full_scale for row in RANGES if fits(amperes, row.full_scale))


def _unit_errors(row: SourceRange, unit: np.random.Generator) -> tuple[float, float]:
    """Draw one unit's gain error and offset (A): normal, a third of the specification, cut off at it."""
    gain, offset = np.clip(unit.normal(0.0, 1 / 3, size=2), -1.0, 1.0)
    return float(gain * row.gain_error), float(offset * row.offset_error)


def _limited(amperes: float, most: float) -> float:
    return math.copysign(min(abs(amperes), most), amperes)
