"""Keithley 6221: staircase, logarithmic and list sweeps.

Reference Manual 622x-901-01 p. 4-9 (ranging, delay) and 4-22 (coupling, lists); limits as in the public drivers
slave (k6221.py), pyacquisition (keithley_6221.py) and PyMeasure (keithley6221.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sim_instruments.keithley_6221_modes import ArmedMode, Parts
from sim_instruments.keithley_6221_source import DcSource, lowest_range
from sim_instruments.keithley_6221_tables import (
    COMPLIANCE_MAX,
    COMPLIANCE_MIN,
    CURRENT_MAX,
    DELAY_MAX,
    DELAY_MIN,
    POINTS_PER_MESSAGE,
    SPAN_MAX,
    SPAN_MIN,
    STEP_MIN,
    SWEEP_COUNT_MAX,
    SWEEP_POINTS_MAX,
)
from sim_instruments.scpi_commands import Group, Pending, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Integer, Number
from sim_instruments.scpi_status import ScpiError

_CURRENT = Number(-CURRENT_MAX, CURRENT_MAX)
_DELAY = Number(DELAY_MIN, DELAY_MAX)
_COMPLIANCE = Number(COMPLIANCE_MIN, COMPLIANCE_MAX)


class SweepLists(Group):
    """SOURce:LIST: a sweep of one's own, as long as its list of currents.

    A list of delays or compliances that is shorter goes on with its last value [uncited]. *RST leaves one point:
    0 A, 1 s, 10 V [uncited]. More than 100 values in a message are -223, more than 65535 in all -225 [codes
    unconfirmed].
    """

    root = "[SOURce1]:LIST"

    def __init__(self, source: DcSource) -> None:
        super().__init__()
        self._source = source
        self._clear()

    def _clear(self) -> None:
        self.currents: tuple[float, ...] = (0.0,)
        self.delays: tuple[float, ...] = (1.0,)
        self.compliances: tuple[float, ...] = (10.0,)

    def reset(self) -> None:
        """*RST: one point."""
        super().reset()
        self._clear()

    def _extended(self, before: tuple[float, ...], values: tuple[float, ...]) -> tuple[float, ...]:
        if isinstance(self._source.armed, ArmedMode):
            raise ScpiError(413)
        if len(values) > POINTS_PER_MESSAGE:
            raise ScpiError(-223)
        if len(before) + len(values) > SWEEP_POINTS_MAX:
            raise ScpiError(-225)
        return before + values

    @command(":CURRent", _CURRENT, series=True)
    def set_currents(self, *amperes: float) -> None:
        """Replace the list of currents."""
        self.currents = self._extended((), amperes)

    @command(":CURRent:APPend", _CURRENT, series=True)
    def append_currents(self, *amperes: float) -> None:
        """Add to the list of currents."""
        self.currents = self._extended(self.currents, amperes)

    @command(":DELay", _DELAY, series=True)
    def set_delays(self, *seconds: float) -> None:
        """Replace the list of delays."""
        self.delays = self._extended((), seconds)

    @command(":DELay:APPend", _DELAY, series=True)
    def append_delays(self, *seconds: float) -> None:
        """Add to the list of delays."""
        self.delays = self._extended(self.delays, seconds)

    @command(":COMPliance", _COMPLIANCE, series=True)
    def set_compliances(self, *volts: float) -> None:
        """Replace the list of compliances."""
        self.compliances = self._extended((), volts)

    @command(":COMPliance:APPend", _COMPLIANCE, series=True)
    def append_compliances(self, *volts: float) -> None:
        """Add to the list of compliances."""
        self.compliances = self._extended(self.compliances, volts)

    @query(":CURRent")
    def all_currents(self) -> str:
        """The list of currents (A)."""
        return _joined(self.currents)

    @query(":DELay")
    def all_delays(self) -> str:
        """The list of delays (s)."""
        return _joined(self.delays)

    @query(":COMPliance")
    def all_compliances(self) -> str:
        """The list of compliances (V)."""
        return _joined(self.compliances)

    @query(":CURRent:POINts")
    def number_of_currents(self) -> str:
        """Length of the list of currents."""
        return str(len(self.currents))

    @query(":DELay:POINts")
    def number_of_delays(self) -> str:
        """Length of the list of delays."""
        return str(len(self.delays))

    @query(":COMPliance:POINts")
    def number_of_compliances(self) -> str:
        """Length of the list of compliances."""
        return str(len(self.compliances))


def _joined(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:.6E}" for value in values)


def _at(values: tuple[float, ...], index: int) -> float:
    return values[min(index, len(values) - 1)]


class Sweep(ArmedMode):
    """SOURce:SWEep, and the coupled start, stop, step, centre and span of SOURce:CURRent.

    STEP and SPAN are magnitudes; a sweep goes from STARt to STOP. With logarithmic spacing STEP stays what the
    linear sweep would have. A logarithmic sweep from, to or through zero is refused at arming (-221) [uncited].
    """

    root = "[SOURce1]"

    first = Setting(":CURRent:STARt", _CURRENT, default=0.0)
    last = Setting(":CURRent:STOP", _CURRENT, default=0.1)
    increment = Setting(":CURRent:STEP", Number(STEP_MIN, CURRENT_MAX), default=0.01)
    centre = Setting(":CURRent:CENTer", _CURRENT, default=0.05)
    span = Setting(":CURRent:SPAN", Number(SPAN_MIN, SPAN_MAX), default=0.1)
    spacing = Setting(":SWEep:SPACing", Choice("LINear", "LOGarithmic", "LIST"), default="LIN")
    points = Setting(":SWEep:POINts", Integer(1, SWEEP_POINTS_MAX), default=11.0)
    count = Setting(":SWEep:COUNt", Integer(1, SWEEP_COUNT_MAX, infinite=True), default=1.0)
    ranging = Setting(":SWEep:RANGing", Choice("AUTO", "BEST", "FIXed"), default="BEST")
    compliance_abort = Setting(":SWEep:CABort", Boolean(), default=False)

    def __init__(self, parts: Parts, lists: SweepLists) -> None:
        super().__init__(parts)
        self._lists = lists
        self._levels: tuple[float, ...] = ()
        self._range_of: Callable[[float], float] = lowest_range

    # --- set-up -----------------------------------------------------------------------------------

    @centre.check
    def fit_centre(self, amperes: float) -> float:
        """Refuse a centre from which the span goes beyond the limits (-222) [uncited]."""
        if abs(amperes) + self.span / 2 > CURRENT_MAX * (1 + 1e-12):
            raise ScpiError(-222)
        return amperes

    @span.check
    def fit_span(self, amperes: float) -> float:
        """Refuse a span that goes beyond the limits (-222) [uncited]."""
        if abs(self.centre) + amperes / 2 > CURRENT_MAX * (1 + 1e-12):
            raise ScpiError(-222)
        return amperes

    @increment.check
    def fit_increment(self, amperes: float) -> float:
        """Refuse a step that makes more points than there can be (-222) [uncited]."""
        if _points(self.span, amperes) > SWEEP_POINTS_MAX:
            raise ScpiError(-222)
        return amperes

    def changed(self, name: str) -> None:
        """Keep what is coupled consistent (622x-901-01 p. 4-22)."""
        if name in ("first", "last"):
            self.centre, self.span = (self.first + self.last) / 2, abs(self.last - self.first)
        elif name in ("centre", "span"):
            self.first, self.last = self.centre - self.span / 2, self.centre + self.span / 2
        elif name == "increment":
            self.points = float(_points(self.span, self.increment))
            return
        if self.points > 1:
            self.increment = self.span / (self.points - 1)

    # --- what is swept, also by pulse delta -------------------------------------------------------

    def levels(self) -> tuple[float, ...]:
        """Return the levels of one sweep (A)."""
        points = int(self.points)
        if self.spacing == "LIST":
            return self._lists.currents
        parts = [k / (points - 1) for k in range(points)] if points > 1 else [0.0]
        if self.spacing == "LOG":
            return tuple(self.first * (self.last / self.first) ** part for part in parts)
        return tuple(self.first + (self.last - self.first) * part for part in parts)

    def delay(self, index: int) -> float:
        """Return how long a point lasts (s)."""
        return _at(self._lists.delays, index) if self.spacing == "LIST" else self._parts.source.delay

    def ranges(self, levels: tuple[float, ...]) -> Callable[[float], float]:
        """Return which range (A) carries each level of a sweep."""
        if self.ranging == "AUTO":
            return lowest_range
        full_scale = self._parts.source.range
        if self.ranging == "BEST":
            full_scale = lowest_range(max(map(abs, levels)))
        return lambda amperes: full_scale

    def check(self) -> None:
        """Refuse a logarithmic sweep that meets zero (-221)."""
        if self.spacing == "LOG" and self.first * self.last <= 0:
            raise ScpiError(-221)

    # --- the sweep itself -------------------------------------------------------------------------

    @command(":SWEep:ARM")
    def arm_sweep(self) -> Pending:
        """Make ready."""
        return self.arm()

    def begin(self) -> None:
        """Run through the trigger model."""
        self._levels = self.levels()
        self._range_of = self.ranges(self._levels)
        self._parts.trigger.run(len(self._levels), self.count, self._take, self.finish)

    def _take(self, index: int) -> float:
        level = self._levels[index]
        if self.spacing == "LIST":
            self._parts.source.compliance = _at(self._lists.compliances, index)
        self.step(level, self._range_of(level), abort=self.compliance_abort)
        return self.delay(index)


def _points(span: float, step: float) -> int:
    """Return how many points a span has; a quotient that misses a whole number by rounding counts as that."""
    return math.floor(span / step * (1 + 1e-9)) + 1
