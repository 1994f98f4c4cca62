"""Keithley 2182/2182A nanovoltmeter, channel 1, DC voltage.

User's Manual 2182A-900-01, chapters 2, 3, 5 to 15 and appendix B. Pages of single commands were not noted
when the manual was read; a line with a page has been seen on it.
"""

from __future__ import annotations

import math
import re
from typing import Final

from drivers._choice import Boolean, Choice
from drivers._instrument import Command, Instrument, Query, ScpiInstrument
from drivers._parking import Recipe, Say
from drivers._setting import Count, Measured, Number
from drivers._wire import Wire
from drivers.errors import NotFollowed, NotReady, OutOfRange, Overload

_MANUAL = "2182A-900-01 ch. 2 to 15"

#: Full scale (V) of the ranges of channel 1; each is asked for by its full scale, 120 V is the end of the last.
RANGES: Final = (0.01, 0.1, 1.0, 10.0, 100.0)
_V_LARGEST = 120.0
#: A reading is +1.23456789E-06, an overflow +9.9E37: few replies of other instruments are of this form.
_READING: Final = re.compile(r"[+-]\d\.\d+E[+-]?\d\d")
_NPLC_LARGEST_50_HZ = 50.0

_OVERHEAD = 0.02  # s per reading besides the conversions (fit to the published rates)
_ANALOG_FILTER = 0.125  # s per conversion, 2182A-900-01 ch. 3
_MARGIN = 2.0  # s for the bus and for a meter that has only just been configured
_SAME = 3  # further readings that must be the same before a meter counts as stuck
_READS_BACK = (
    0.25  # of a setting: a range may be answered as 0.01 or 0.012, and the next one is ten times larger
)
_SAFETY = 2.0  # on the reading time, which is a model and not a promise


def range_for(voltage: float) -> float:
    """Return the full scale (V) of the smallest range that holds `voltage` without over-range; else OutOfRange."""
    for full_scale in RANGES:
        if abs(voltage) <= full_scale:
            return full_scale
    if abs(voltage) <= _V_LARGEST:
        return RANGES[-1]
    raise OutOfRange(f"a voltage must be within {_V_LARGEST:G} V; got {voltage!r} V. Nothing was sent.")


class TriggerCount(Count):
    """A count that may be infinite in the meter, which answers it as 9.9E37 (as it prints an overflow)."""

    def read(self, instrument: Instrument) -> float:
        """Ask for the count; infinity where the meter triggers for ever."""
        try:
            return super().read(instrument)
        except Overload:
            return math.inf


class Keithley2182A(ScpiInstrument):
    """The voltmeter of channel 1, in the role of a Voltmeter: prepare, read_voltage, park.

    Range, filters and integration time below are those of channel 1.
    """

    MODEL = "Keithley 2182 or 2182A"
    IDENTITY = re.compile(r"KEITHLEY INSTRUMENTS INC\., ?MODEL 2182A?,.*")
    __slots__ = ("_is_prepared", "_is_same", "_last", "_set", "_timeout")

    channel = Count("SENS:CHAN", low=0, high=2, page=_MANUAL, doc="input; 0 is the internal temperature")
    range = Number(
        "SENS:VOLT:RANG", unit="V", low=0, high=120, page=_MANUAL, doc="lowest range that holds it"
    )
    autorange = Boolean("SENS:VOLT:RANG:AUTO", page=_MANUAL, doc="range follows the input")
    nplc = Number(
        "SENS:VOLT:NPLC",
        unit="power-line cycle",
        low=0.01,
        high=60,
        page=_MANUAL,
        doc="integration, 50 at 50 Hz",
    )
    digital_filter = Boolean(
        "SENS:VOLT:DFIL", page=_MANUAL, doc="average of several conversions; on after *RST"
    )
    filter_count = Count("SENS:VOLT:DFIL:COUN", low=1, high=100, page=_MANUAL, doc="conversions averaged")
    filter_window = Number(
        "SENS:VOLT:DFIL:WIND",
        unit="% of range",
        low=0,
        high=10,
        page=_MANUAL,
        doc="a larger step starts afresh",
    )
    filter_type = Choice(
        "SENS:VOLT:DFIL:TCON", {"moving": "MOVing", "repeating": "REPeat"}, page=_MANUAL, doc="averaging"
    )
    analog_filter = Boolean("SENS:VOLT:LPAS", page=_MANUAL, doc="18 Hz low pass; +125 ms, 10 mV range only")
    autozero = Boolean("SYST:AZER", page=_MANUAL, doc="references measured between readings")
    front_autozero = Boolean(
        "SYST:FAZ", page="2182A-900-01 p. 2-7", doc="two conversions a reading, reversed"
    )
    line_sync = Boolean("SYST:LSYN", page=_MANUAL, doc="conversions start on the line's zero crossing")
    line_frequency = Measured("SYST:LFR?", unit="Hz", page=_MANUAL, doc="50 or 60")
    trigger_source = Choice(
        "TRIG:SOUR",
        {
            "immediate": "IMMediate",
            "timer": "TIMer",
            "manual": "MANual",
            "bus": "BUS",
            "external": "EXTernal",
        },
        page=_MANUAL,
        doc="what starts a reading",
    )
    trigger_count = TriggerCount("TRIG:COUN", low=1, high=9999, page=_MANUAL, doc="triggers until idle")
    trigger_delay = Number(
        "TRIG:DEL", unit="s", low=0, high=999999.999, page=_MANUAL, doc="from trigger to reading"
    )
    sample_count = Count("SAMP:COUN", low=1, high=1024, page=_MANUAL, doc="readings a trigger")
    continuous = Boolean("INIT:CONT", page=_MANUAL, doc="starts again by itself; off after *RST")

    abort = Command("ABOR", _MANUAL, "back to idle")
    select_function = Command("SENS:FUNC", _MANUAL, "what is measured")
    read_one = Query("READ?", _READING, _MANUAL, "ABOR, INIT, FETC?: one new reading", True)
    fresh = Query("SENS:DATA:FRES?", _READING, _MANUAL, "waits for a reading that was not read before")

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._timeout: float | None = None
        self._is_prepared = False
        self._set = (0.0, 0.0)  # full scale (V) and power-line cycles that were prepared
        self._last, self._is_same = (
            math.nan,
            False,
        )  # the last reading (V), and whether it was that before it, too

    def prepare(self, V_max: float, nplc: float) -> None:
        """Set up single readings on the fixed range for `V_max` (V), `nplc` power-line cycles long, no filter.

        Both autozeros are switched on: without the front one the zero is off by up to 500 uV and drifts
        20 uV per degree (2182A-900-01 p. 2-7), which is worth the doubled reading time. Trigger source
        immediate, one reading a trigger, continuous initiation off. An `nplc` that the line frequency does
        not allow (50 at 50 Hz) raises OutOfRange before anything is set.
        """
        who = self.wire.name
        full_scale = range_for(V_max)
        self.check("nplc", nplc)
        if nplc > _NPLC_LARGEST_50_HZ and self.line_frequency < 55:
            raise OutOfRange(
                f"nplc of {who} must be at most {_NPLC_LARGEST_50_HZ:G} on a 50 Hz line; got {nplc!r}. "
                "Nothing was set."
            )
        self._is_prepared = False
        self.do(self.abort)
        self.continuous = False
        self.trigger_source = "immediate"
        self.trigger_count = 1
        self.trigger_delay = 0.0
        self.sample_count = 1
        self.do(self.select_function, "'VOLT'")
        self.channel = 1
        self.autorange = False
        self.range = full_scale
        self.nplc = nplc
        self.digital_filter = False
        self.analog_filter = False
        self.autozero = True
        self.front_autozero = True
        self._set = full_scale, nplc
        self._is_prepared = True

    def read_voltage(self) -> float:
        """Trigger one reading and return it (V); an input above the range raises Overload."""
        if not self._is_prepared:
            raise NotReady(f"{self.wire.name} must be prepared before it is read. Nothing was sent.")
        before, self._last = self._last, self._read(self.read_one)
        self._is_same |= self._last == before
        return self._last

    def verify(self) -> None:
        """Raise NotFollowed unless range and integration time are as prepared, and readings differ as noise does.

        Two readings that are the same to the last digit are looked into by `_SAME` more: a meter is stuck, or on a
        range too coarse to see its noise, where they are the same, too. One that is not prepared is left alone.
        """
        if not self._is_prepared:
            return
        who, (full_scale, nplc) = self.wire.name, self._set
        self._confirm_setting("range", "V", full_scale, self.range)
        self._confirm_setting("nplc", "power-line cycles", nplc, self.nplc)
        if not self._is_same:
            return
        self._is_same = False
        stuck_at = self._last
        if all(self._read(self.read_one) == stuck_at for _ in range(_SAME)):
            raise NotFollowed(
                f"readings of {who} must differ by their noise; the last {_SAME + 2} are all {stuck_at:G} V. It is "
                "stuck, or its range is too coarse: choose a smaller V_max."
            )

    def _confirm_setting(self, what: str, unit: str, expected: float, answered: float) -> None:
        if not math.isclose(answered, expected, rel_tol=_READS_BACK):
            raise NotFollowed(
                f"{what} of {self.wire.name} must still be {expected:G} {unit}; it is {answered:G} {unit}. "
                "Somebody has changed it, or the meter has lost its mains."
            )

    def read_fresh(self) -> float:
        """Wait for a reading (V) that was not returned before, with continuous initiation on."""
        return self._read(self.fresh)

    def reading_time(self) -> float:
        """Return how long (s) one reading takes as the meter is set now.

        Conversions of nplc / line frequency, two with front autozero, `filter_count` of them with the digital
        filter (a moving one refills after every change), and 125 ms each with the analog filter.
        """
        conversion = self.nplc / self.line_frequency * (2 if self.front_autozero else 1)
        if self.analog_filter:
            conversion += _ANALOG_FILTER
        conversions = self.filter_count if self.digital_filter else 1
        return conversions * (conversion + _OVERHEAD)

    def park(self) -> None:
        """Leave the meter idle: whatever it is measuring is aborted and nothing starts again by itself."""
        self._is_prepared = False
        self.wire.say(self.abort.header, urgent=True)
        self.continuous = False

    def parking_recipe(self) -> Recipe:
        """Return what `park` says, as plain data."""
        return (Say(self.abort.header), Say("INIT:CONT OFF"))

    def command(self, line: str) -> None:
        """Say a line and check that it was accepted; the reading time is asked anew before the next reading."""
        self._timeout = None
        super().command(line)

    def _read(self, query: Query) -> float:
        if self._timeout is None:
            self._timeout = _SAFETY * self.reading_time() + _MARGIN
        try:
            return self.wire.number(
                query.header, self._timeout, is_repeatable=query.is_repeatable, form=query.form
            )
        except Overload as overload:
            raise Overload(
                f"the input of {self.wire.name} must be within its range; it overflows ({overload}) "
                "Choose a larger V_max."
            ) from None
