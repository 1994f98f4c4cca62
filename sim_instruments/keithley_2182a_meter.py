"""Keithley 2182A: the measuring end, from the terminals to one reading (ranges, conversions, filters, relative).

SENSe and the autozero part of SYSTem, User's Manual 2182A-900-01 chapters 2 to 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from sim_instruments.clock import Event, VirtualClock
from sim_instruments.keithley_2182a_tables import (
    ANALOG_FILTER_TIME,
    AUTOZERO_SHARE,
    CHANNEL_1,
    CHANNEL_2,
    FRONT_AUTOZERO_SHARE,
    FRONT_OFFSET_MAX,
    INTERNAL_TEMPERATURE,
    OVERRANGE,
    MeterRange,
    conversion_time,
)
from sim_instruments.keithley_statistics import OVERFLOW
from sim_instruments.ports import Terminals
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Integer, Number, Quoted
from sim_instruments.scpi_status import Status

#: Bits of the measurement and the operation register.
OVERFLOW_BIT, FILTER_SETTLED_BIT = 0, 8


class AutoZero(Group):
    """SYSTem: what the front end does between conversions, and the line it is synchronised to."""

    autozero = Setting("SYSTem:AZERo[:STATe]", Boolean(), default=True)
    front_autozero = Setting("SYSTem:FAZero[:STATe]", Boolean(), default=True)
    line_synchronisation = Setting("SYSTem:LSYNc[:STATe]", Boolean(), default=False)


class Channel(Group):
    """What channels 1 and 2 have alike: range, reference, analog and digital filter, and the way to a value."""

    ranges: ClassVar[tuple[MeterRange, ...]]
    highest: ClassVar[float]

    range = Setting(":RANGe[:UPPer]", Number(0.0, lambda channel: channel.highest, ".6f"), default=120.0)
    autorange = Setting(":RANGe:AUTO", Boolean(), default=True)
    reference = Setting(
        ":REFerence",
        Number(lambda channel: -channel.highest, lambda channel: channel.highest, "+.8E"),
        default=0.0,
    )
    relative = Setting(":REFerence:STATe", Boolean(), default=False)
    analog_filter = Setting(":LPASs[:STATe]", Boolean(), default=False)
    digital_filter = Setting(":DFILter[:STATe]", Boolean(), default=True)
    filter_count = Setting(":DFILter:COUNt", Integer(1, 100), default=10.0)
    filter_window = Setting(":DFILter:WINDow", Number(0.0, 10.0, ".2f"), default=0.01)
    filter_type = Setting(":DFILter:TCONtrol", Choice("MOVing", "REPeat"), default="MOV")

    def __init__(
        self,
        terminals: Terminals,
        rng: np.random.Generator,
        unit: np.random.Generator,
        *,
        noise: bool,
        accuracy: bool,
    ) -> None:
        super().__init__()
        self.range = self.ranges[-1].full_scale
        self._terminals = terminals
        self._rng = rng
        self._noise = noise
        self._errors = {
            row.full_scale: _unit_errors(row, unit) if accuracy else (0.0, 0.0) for row in self.ranges
        }
        self._front_offset = float(unit.uniform(-1, 1)) * FRONT_OFFSET_MAX if accuracy else 0.0
        self._stack: list[float] = []
        self._unreferenced = math.nan

    @range.check
    def fit_range(self, volts: float) -> float:
        """Pick the lowest range that measures so much, and leave autorange."""
        self.autorange = False
        return self._lowest_range(volts).full_scale

    @command(":REFerence:ACQuire")
    def acquire_reference(self) -> None:
        """Take the last reading as reference, or the present input where there is no reading yet."""
        known = not math.isnan(self._unreferenced)
        self.reference = self._unreferenced if known else self._measured(self._terminals(), 0.0)

    def reset(self) -> None:
        """*RST: highest range, autorange, moving filter of ten."""
        super().reset()
        self.range = self.ranges[-1].full_scale
        self._unreferenced = math.nan
        self.restart_filter()

    def changed(self, name: str) -> None:
        """Whatever was changed, the filter starts to fill again."""
        self.restart_filter()

    def restart_filter(self) -> None:
        """Forget the conversions in the filter."""
        self._stack.clear()

    def look(self) -> float:
        """Look at the terminals as a conversion begins (V); autorange decides here."""
        volts = self._terminals()
        if self.autorange:
            fitting = self._lowest_range(volts).full_scale
            if fitting > self.range or abs(volts) <= fitting < self.range:
                self.range = fitting
                self.restart_filter()
        return volts

    def convert(self, at_start: float, sigma_share: float, front_autozero: bool) -> float | None:
        """End a conversion that began at `at_start` (V) and return the reading, or None while the filter fills.

        The value is the mean of the terminals over the integration, taken as that of its two ends.
        """
        volts = self._measured((at_start + self._terminals()) / 2, sigma_share, front_autozero)
        if abs(volts) > OVERRANGE * self.range:
            self.restart_filter()
            return OVERFLOW
        filtered = self._filter(volts) if self.digital_filter else volts
        if filtered is None:
            return None
        self._unreferenced = filtered
        return filtered - self.reference if self.relative else filtered

    def convert_bare(self, at_start: float, sigma_share: float, front_autozero: bool) -> float:
        """End a conversion like `convert`, past filter and reference."""
        volts = self._measured((at_start + self._terminals()) / 2, sigma_share, front_autozero)
        return OVERFLOW if abs(volts) > OVERRANGE * self.range else volts

    def _measured(self, volts: float, sigma_share: float, front_autozero: bool = True) -> float:
        row = next(row for row in self.ranges if row.full_scale == self.range)
        gain, offset = self._errors[self.range]
        if self._noise and sigma_share:
            offset += float(self._rng.normal(0.0, row.noise * sigma_share))
        return volts * (1.0 + gain) + offset + (0.0 if front_autozero else self._front_offset)

    def _filter(self, volts: float) -> float | None:
        """Put a conversion into the filter; one outside the window starts it afresh (a window of 0 is none)."""
        stack, count = self._stack, int(self.filter_count)
        if stack and self.filter_window > 0:
            window = self.filter_window / 100 * self.range
            if abs(volts - sum(stack) / len(stack)) > window:
                stack.clear()
        stack.append(volts)
        del stack[:-count]
        if len(stack) < count:
            return None
        mean = sum(stack) / count
        if self.filter_type == "REP":
            stack.clear()
        return mean

    def _lowest_range(self, volts: float) -> MeterRange:
        fitting = (row for row in self.ranges if abs(volts) <= OVERRANGE * row.full_scale)
        return next(fitting, self.ranges[-1])


class Channel1(Channel):
    """Channel 1: five ranges, 10 mV to 100 V."""

    root = "[SENSe1]:VOLTage[:DC][:CHANnel1]"
    ranges = CHANNEL_1
    highest = 120.0


class Channel2(Channel):
    """Channel 2: three ranges, 100 mV to 10 V."""

    root = "[SENSe1]:VOLTage[:DC]:CHANnel2"
    ranges = CHANNEL_2
    highest = 12.0

    range = Setting(":RANGe[:UPPer]", Number(0.0, highest, ".6f"), default=12.0)
    range.check(Channel.fit_range)
    #: Low-charge-injection mode: kept only.
    low_charge = Setting(":LQMode", Boolean(), default=False)


class Meter(Group):
    """SENSe: function, channel and integration; makes one reading out of as many conversions as it needs."""

    root = "[SENSe1]"

    function = Setting(":FUNCtion", Quoted("VOLTage[:DC]"), default="VOLTage[:DC]")
    channel = Setting(":CHANnel", Integer(0, 2), default=1.0)
    nplc = Setting(":VOLTage[:DC]:NPLCycles", Number(0.01, lambda meter: meter.line_frequency, ".2f"), 5.0)
    digits = Setting(":VOLTage[:DC]:DIGits", Integer(4, 8), default=8.0)
    temperature_unit = Setting("UNIT:TEMPerature", Choice("C", "F", "K"), default="C")

    def __init__(
        self,
        clock: VirtualClock,
        status: Status,
        autozero: AutoZero,
        channels: tuple[Channel, Channel],
        line_frequency: float,
    ) -> None:
        super().__init__()
        self.line_frequency = line_frequency
        self._clock = clock
        self._status = status
        self._autozero = autozero
        self._channels = channels
        self._event: Event | None = None

    @command(":VOLTage[:DC]:APERture", Number(lambda meter: 0.01 / meter.line_frequency, 1.0))
    def set_aperture(self, seconds: float) -> None:
        """Set the integration time in seconds instead of line cycles."""
        self.nplc = seconds * self.line_frequency
        self.changed("nplc")

    @query(":VOLTage[:DC]:APERture")
    def aperture(self) -> str:
        """Integration time (s)."""
        return format(self.nplc / self.line_frequency, ".6f")

    def changed(self, name: str) -> None:
        """Any change restarts the filters."""
        for channel in self._channels:
            channel.restart_filter()

    def reset(self) -> None:
        """*RST: volts on channel 1, 5 PLC."""
        super().reset()
        self.abort()

    @property
    def conversion_time(self) -> float:
        """Seconds one conversion takes with the present settings."""
        time = conversion_time(self.nplc, self.line_frequency)
        time *= 1.0 if self._autozero.front_autozero else FRONT_AUTOZERO_SHARE
        time *= 1.0 if self._autozero.autozero else AUTOZERO_SHARE
        return time + (ANALOG_FILTER_TIME if self.analog_filter else 0.0)

    @property
    def analog_filter(self) -> bool:
        """True where the channel that is measured has its analog filter on."""
        return self.channel != 0 and self._active().analog_filter

    @property
    def busy(self) -> bool:
        """True while a reading is under way."""
        return self._event is not None

    def _active(self) -> Channel:
        return self._channels[1 if self.channel == 2 else 0]

    @property
    def on_highest_range(self) -> bool:
        """True on the 100 V range, which waits longer after a trigger."""
        return self._active().range == CHANNEL_1[-1].full_scale

    def start(self, deliver: Callable[[float], None]) -> None:
        """Begin a reading; `deliver` gets its value (V) from an event on the clock."""
        if self._autozero.line_synchronisation and self.nplc >= 1:
            crossing = math.ceil(self._clock.now() * self.line_frequency - 1e-9) / self.line_frequency
            self._event = self._clock.at(crossing, lambda: self._begin_conversion(deliver))
        else:
            self._begin_conversion(deliver)

    def start_bare(self, seconds: float, aperture: float, deliver: Callable[[float], None]) -> None:
        """Begin one conversion without filter and reference: `seconds` long, `aperture` of them integrating."""
        active = self._active()
        at_start = active.look()
        share = 1 / math.sqrt(aperture * self.line_frequency)

        def end() -> None:
            self._event = None
            deliver(active.convert_bare(at_start, share, self._autozero.front_autozero))

        self._event = self._clock.after(seconds, end)

    @property
    def full_scale(self) -> float:
        """Range of the channel that is measured (V)."""
        return self._active().range

    def abort(self) -> None:
        """Give up the reading under way."""
        if self._event is not None:
            self._event.cancel()
            self._event = None

    def _begin_conversion(self, deliver: Callable[[float], None]) -> None:
        at_start = self._active().look() if self.channel else 0.0
        self._event = self._clock.after(self.conversion_time, lambda: self._end_conversion(at_start, deliver))

    def _end_conversion(self, at_start: float, deliver: Callable[[float], None]) -> None:
        if not self.channel:
            deliver(_temperature(self.temperature_unit))
            return
        share = 1 / math.sqrt(self.nplc)
        reading = self._active().convert(at_start, share, self._autozero.front_autozero)
        self._status.operation.set(FILTER_SETTLED_BIT, reading is not None)
        if reading is None:
            self._begin_conversion(deliver)
            return
        self._status.measurement.set(OVERFLOW_BIT, reading == OVERFLOW)
        self._event = None
        deliver(reading)


def _temperature(unit: str) -> float:
    if unit == "F":
        return INTERNAL_TEMPERATURE * 9 / 5 + 32
    return INTERNAL_TEMPERATURE + (273.15 if unit == "K" else 0.0)


def _unit_errors(row: MeterRange, unit: np.random.Generator) -> tuple[float, float]:
    """Draw one unit's gain error and offset (V): normal, a third of the specification, cut off at it."""
    gain, offset = np.clip(unit.normal(0.0, 1 / 3, size=2), -1.0, 1.0)
    return float(gain * row.gain_error), float(offset * row.offset_error)
