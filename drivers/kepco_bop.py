"""Kepco BOP bipolar power supply with a BIT 4886 (or 4882) card, driving a magnet in current mode.

BIT 4886 manual 243-1303 p. B-2; BIT 4882 manual 243-0882 p. B-2 and front note; BOP-1K MG manual p. B-2 to B-49,
tables B-3 to B-5; pymeasure kepcobop.py. Most commands are those of the 1 kW manuals and should be checked against
the card. It has no ramp of its own: the driver walks there in steps.
"""

from __future__ import annotations

import math
import re
from typing import Final

from drivers._instrument import Command, Query, ScpiInstrument, try_each
from drivers._parking import Expect, Recipe, Say, Settle, Walk
from drivers._setting import Measured
from drivers._wire import Wire
from drivers.errors import InstrumentError, NotFollowed, NotParked, NotReady, OutOfRange

_MANUAL = "243-1303 p. B-2; BOP-1K MG p. B-2 to B-49; pymeasure kepcobop.py"
_FLAG = re.compile(r"\+?([01])")

STEP_INTERVAL: Final = 0.02  # s between two set points of a ramp
RATE_SMALLEST: Final = 1e-3  # A/s
RATE_LARGEST: Final = 50.0  # A/s
PARK_RATE: Final = 0.5  # A/s, for a supply that nobody prepared
VOLTAGE_SMALLEST: Final = 0.1  # V; a lower limit would carry no current

_TURNAROUND = 2e-3  # s between a question and the read of its answer: 243-0882, front note
_DECIMALS = 6  # on the wire; the card uses eight, and nothing below 1e-6
_READS_BACK = 0.005  # of the rating: the converter answers its nearest step (1.39997E1 for 14)
_FOLLOWS = 0.02  # of the rating: how far measured and set current may differ in a supply that is not limited
_AT_LIMIT = 0.98  # of the voltage limit
_PARKED_BELOW = 0.05  # A, measured
_POLL = 0.2  # s
_PARK_MARGIN = 10.0  # s for the magnet to follow after the last step


class KepcoBop(ScpiInstrument):
    """The supply as a source of ramped current: prepare, set_current, current, park.

    Ratings come from the model in the identity (36-12: ±36 V, ±12 A), so it must be connected first.
    """

    MODEL = "Kepco BOP with a BIT 4886 or BIT 4882 card"
    IDENTITY = re.compile(r"KEPCO,BIT 488[26]\w* +(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)\b.*")
    __slots__ = ("_I_max", "_V_max", "_rate", "_said")

    current = Measured("MEAS:CURR?", unit="A", page=_MANUAL, doc="measured output current")
    voltage = Measured("MEAS:VOLT?", unit="V", page=_MANUAL, doc="measured output voltage")
    set_point = Measured("CURR?", unit="A", page=_MANUAL, doc="current that is set; a limit in voltage mode")
    voltage_limit = Measured("VOLT?", unit="V", page=_MANUAL, doc="voltage limit; the level in voltage mode")

    mode = Command(
        "FUNC:MODE", _MANUAL, "CURR: the current is set and the voltage limited; VOLT: the reverse"
    )
    mode_set = Query("FUNC:MODE?", _FLAG, _MANUAL, "1 current, 0 voltage")
    set_level = Command("CURR", _MANUAL, "current (A), at once")
    set_limit = Command("VOLT", _MANUAL, "voltage limit (V)")
    switch = Command("OUTP", _MANUAL, "output ON or OFF")
    switched = Query("OUTP?", _FLAG, _MANUAL, "1 on, 0 off")

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        wire.pace(_TURNAROUND)
        self._I_max: float | None = None  # A; nothing may be set before `prepare`
        self._V_max = math.inf  # V; of the coil and its leads
        self._rate = PARK_RATE  # A/s
        self._said: float | None = None  # A; the set point, where it is known without asking

    @property
    def ratings(self) -> tuple[float, float]:
        """Largest voltage (V) and current (A) of the model that answered; NotReady before it was connected."""
        model = self.IDENTITY.fullmatch(self.identity)
        if model is None:
            raise NotReady(
                f"{self.wire.name} must be connected before its ratings are known. Nothing was sent."
            )
        return float(model[1]), float(model[2])

    def limit_voltage(self, V_max: float) -> None:
        """Let `prepare` write no voltage limit above this (V) into the supply; it narrows and never widens."""
        if not V_max >= VOLTAGE_SMALLEST:
            raise OutOfRange(
                f"the voltage limit of {self.wire.name} must be at least {VOLTAGE_SMALLEST:G} V; got {V_max!r} V. "
                "Nothing was sent."
            )
        self._V_max = min(self._V_max, V_max)

    def prepare(self, I_max: float, rate: float, voltage_limit: float | None = None) -> None:
        """Take current mode with at most `I_max` (A), ramps at `rate` (A/s), and the output on; nothing jumps.

        An output found off gets current mode, a set point of zero and the voltage limit (V; the rating where
        none is given), all read back, before it is switched on. One found on keeps its current, from which the
        first ramp starts; it must be in current mode, within `I_max`, and carry what it is set to, otherwise
        NotReady is raised and nothing is set.
        """
        who = self.wire.name
        V_rated, I_rated = self.ratings
        largest = min(V_rated, self._V_max)
        limit = largest if voltage_limit is None else voltage_limit
        for what, unit, value, low, high in (
            ("I_max", "A", I_max, 0.0, I_rated),
            ("rate", "A/s", rate, RATE_SMALLEST, RATE_LARGEST),
            ("voltage_limit", "V", limit, VOLTAGE_SMALLEST, largest),
        ):
            if not low <= value <= high:
                raise OutOfRange(
                    f"{what} of {who} must be {low:G} to {high:G} {unit}; got {value!r}. Nothing was sent."
                )
        self._I_max = self._said = None
        is_on = self._is_on()
        if is_on:
            self._check_found_on(I_max, limit)
        else:
            self.do(self.mode, "CURR")
            self.do(self.set_level, "0")
        self.do(self.set_limit, _number(limit))
        self._confirm("voltage limit", "V", limit, self.voltage_limit, within=_READS_BACK * V_rated)
        if not is_on:
            if not self._is_current_mode():
                raise NotFollowed(
                    f"the mode of {who} must read back as current; it is voltage. It stays off."
                )
            self._confirm("set point", "A", 0.0, self.set_point, within=_READS_BACK * I_rated)
            self.do(self.switch, "ON")
            self._said = 0.0
        self._I_max, self._rate = I_max, rate

    def set_current(self, current: float) -> None:
        """Walk to `current` (A) at the prepared rate and return when it is set; beyond `I_max` nothing is sent.

        No step is larger than the rate times 20 ms, and 20 ms pass after each; a slow wire makes it slower,
        never faster. Errors are asked for at the end of the walk. It starts from the set point that is read back;
        one that somebody else has changed since the last walk raises NotFollowed and nothing is sent.
        """
        if self._I_max is None:
            raise NotReady(f"{self.wire.name} must be prepared before a current is set. Nothing was sent.")
        if not abs(current) <= self._I_max * (1 + 1e-9):
            raise OutOfRange(
                f"the current of {self.wire.name} must be within {self._I_max:G} A; got {current!r} A. "
                "Nothing was sent."
            )
        start = self.set_point
        if self._said is not None:
            self._confirm("set point", "A", self._said, start, within=_READS_BACK * self.ratings[1])
        self._walk(start, current, urgent=False)
        self._said = None  # a refused step leaves the set point somewhere on the way
        self.check_errors(f"{self.set_level.header} {_number(current)}")
        self._said = current

    def faults(self) -> list[str]:
        """Return what the supply has to complain about, and whether it is at its voltage limit; else empty.

        An output that is off has no limit to be at (and *RST sets a limit of 0 V).
        """
        limit = self.voltage_limit
        is_limited = abs(self.voltage) >= _AT_LIMIT * limit and self._is_on()
        return self.pending_errors() + ([f"at its voltage limit of {limit:G} V"] if is_limited else [])

    def settings(self) -> dict[str, tuple[float | bool | str, str]]:
        """Read every setting: name -> (value, unit)."""
        return {
            "mode": ("current" if self._is_current_mode() else "voltage", "1"),
            "output": (self._is_on(), "1"),
            "set_point": (self.set_point, "A"),
            "voltage_limit": (self.voltage_limit, "V"),
        }

    def park(self, rate: float | None = None) -> None:
        """Walk to zero, confirm it by the measured current, then output off; NotParked where it is not.

        The walk starts from the set point read back, or else from the last one said, at `rate` (A/s) where one is
        given, else at the prepared one (0.5 A/s where there is none). Where no set point is known zero is said at
        once, and the voltage limit bounds how fast the magnet follows. The walk is taken again as long as the set
        point does not read back as zero, for 10 s after the first. An output that still carries 50 mA is left on:
        breaking the circuit of a magnet is worse than its current.
        """
        self._I_max = None
        if rate is not None:
            self._rate = min(max(rate, RATE_SMALLEST), RATE_LARGEST)
        failed = try_each((("walk to zero", self._walk_to_zero), ("errors", self.pending_errors)))
        clock = self.wire.clock
        deadline = clock.now() + _PARK_MARGIN
        while problem := try_each((("at zero", self._confirm_zero),)):
            if clock.now() >= deadline:
                raise NotParked(
                    f"{self.wire.name} must be at 0 A; that is not confirmed. The output was left on: do not break "
                    "the circuit of the magnet, check it by hand.\n"
                    + "\n".join(failed + problem + try_each((("faults", self._confirm_healthy),)))
                )
            clock.wait(_POLL)
        unconfirmed = try_each(
            (
                ("output off", lambda: self.say(self.switch, "OFF", urgent=True)),
                ("output read back", self._confirm_off),
            )
        )
        if unconfirmed:
            raise NotParked(
                f"{self.wire.name} must be off; it is at 0 A, but that is not confirmed.\n"
                + "\n".join(failed + unconfirmed)
            )

    def ramp_down_recipe(self, rate: float, I_max: float) -> Recipe:
        """Return what `park` says and reads back, as plain data, for walks at `rate` (A/s).

        It is the same from any current: `I_max` (A) is for supplies that ramp by themselves.
        """
        return (
            Walk("CURR?", f"CURR {{:.{_DECIMALS}f}}", rate, STEP_INTERVAL, _PARKED_BELOW, _PARK_MARGIN),
            Settle("MEAS:CURR?", _PARKED_BELOW, _PARK_MARGIN),
            Say("OUTP OFF"),
            Expect("OUTP?", r"\+?0+"),
        )

    def _walk(self, start: float, end: float, *, urgent: bool) -> None:
        """Set the current in equal steps of at most rate x 20 ms, one every 20 ms, the last one at `end`."""
        largest = self._rate * STEP_INTERVAL - 10**-_DECIMALS  # a step is rounded as it is said
        steps = max(1, math.ceil(abs(end - start) / largest))
        for left in reversed(range(steps)):
            step = end + (start - end) * left / steps
            self.say(self.set_level, _number(step), urgent=urgent)
            self._said = step
            self.wire.clock.wait(STEP_INTERVAL)

    def _walk_to_zero(self) -> None:
        try:
            start = self.set_point
        except InstrumentError:
            start = self._said or 0.0
        self._walk(start, 0.0, urgent=True)

    def _check_found_on(self, I_max: float, limit: float) -> None:
        who = self.wire.name
        measured, is_current_mode = self.current, self._is_current_mode()
        if not is_current_mode:
            raise NotReady(
                f"{who} must be in current mode, or off; it is on, in voltage mode, and carries {measured:G} A. "
                "Nothing was set."
            )
        set_point, voltage = self.set_point, self.voltage
        if max(abs(measured), abs(set_point)) > I_max + _PARKED_BELOW:
            raise NotReady(
                f"{who} must carry at most {I_max:G} A before that becomes its limit; it is set to {set_point:G} A "
                f"and carries {measured:G} A. Ramp it down first. Nothing was set."
            )
        if abs(measured - set_point) > _FOLLOWS * self.ratings[1] or abs(voltage) > limit:
            raise NotReady(
                f"{who} must carry what it is set to, below its voltage limit to be of {limit:G} V; it is set to "
                f"{set_point:G} A, carries {measured:G} A and stands at {voltage:G} V. Nothing was set."
            )

    def _is_on(self) -> bool:
        return self.ask(self.switched)[1] == "1"

    def _is_current_mode(self) -> bool:
        return self.ask(self.mode_set)[1] == "1"

    def _confirm_off(self) -> None:
        if self._is_on():
            raise NotFollowed("the output is still on")

    def _confirm_zero(self) -> None:
        if abs(self.set_point) > _PARKED_BELOW:
            self._walk_to_zero()
            self._confirm("set point", "A", 0.0, self.set_point, within=_PARKED_BELOW)
        measured = self.current
        if not abs(measured) < _PARKED_BELOW:
            raise NotFollowed(f"it carries {measured:G} A")

    def _confirm_healthy(self) -> None:
        faults = self.faults()
        if faults:
            raise NotFollowed(", ".join(faults))

    def _confirm(self, what: str, unit: str, expected: float, answered: float, within: float) -> None:
        if not abs(answered - expected) <= within:
            raise NotFollowed(
                f"the {what} of {self.wire.name} must read back {expected:G} {unit}; it reads {answered:G} {unit}."
            )


def _number(value: float) -> str:
    """Return a number as the card takes it: at most 4 digits before the point, no exponent, no minus zero."""
    return f"{round(value, _DECIMALS) + 0.0:.{_DECIMALS}f}"
