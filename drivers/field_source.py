"""A magnet with its supply, and where there is one its gaussmeter: from a field asked for to a field measured.

What a protocol calls a field is mu0*H in tesla. The coil constant `field_per_current` (T/A) turns it into the
supply's current; what is reported is always measured, by the gaussmeter or else from the current read back.

With a gaussmeter the loop is closed. Iron remembers which way a field was reached, so a field is always reached
from the side that the sweep comes from:

1. The current is moved by what the measured field lacks, over the coil constant. Where an error of the coil
   constant (`agreement`) could carry the field past the target by more than the tolerance, it is moved by
   1 / (1 + agreement) of that, which cannot.
2. Measured again, a field within the tolerance is there. One that is still short is moved on, as in 1.
3. One that was passed by more than the tolerance all the same is taken back to three tolerances before the target,
   and reached again from there in halves of what lacks. A field within the tolerance is never moved against the
   sweep.

At most twenty moves are made, and no current is asked for beyond mu0_H_max over the coil constant and 5 % more.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

from drivers._looks import looks
from drivers._parking import Recipe
from drivers._wire import Clock
from drivers.errors import NotFollowed, OutOfRange

HEADROOM: Final = (
    0.05  # of mu0_H_max: current that the closed loop may add where the iron or the coil lack field
)
MOVES: Final = 20
_POLL: Final = 0.05  # s between two looks at a current that is still on its way
_READING: Final = 0.1  # s between two field readings: a gaussmeter renews ten times a second
_SETTLE_MARGIN: Final = 10.0  # s after the computed ramp in which current and field must have settled
_ACCURACY: Final = 1e-3  # of a current: what a supply is set to and what it reads back may be so far apart
_STEADY: Final = 0.25  # of the tolerance: a field that creeps faster than that in 0.1 s is not corrected yet
#: How far a field may have gone from where it settled: so many tolerances, and this part of it (our choice).
_STRAY, _STRAY_PART = 10.0, 0.02
_BACK_OFF: Final = 3.0  # tolerances before the target, where it is reached anew


class Supply(Protocol):
    """What a magnet supply must offer: the currents are in A and the rate in A/s."""

    def prepare(self, I_max: float, rate: float) -> None:
        """Write limits and rate into the supply and read them back, without a jump."""
        ...

    def set_current(self, current: float) -> None:
        """Ramp to `current` at that rate: start it and return at once, or return when the set point is there."""
        ...

    @property
    def current(self) -> float:
        """Measured current."""
        ...

    def faults(self) -> list[str]:
        """Present errors in words."""
        ...

    def park(self, rate: float | None = None) -> None:
        """Ramp to zero, at `rate` (A/s) where the supply was not prepared, and confirm it."""
        ...

    def ramp_down_recipe(self, rate: float, I_max: float) -> Recipe:
        """Return the same as plain data, for a ramp from at most `I_max` (A) at `rate` (A/s)."""
        ...


class FieldMeter(Protocol):
    """What a gaussmeter must offer."""

    def prepare(self) -> None:
        """Make it read tesla."""
        ...

    def read_field(self) -> float:
        """Return the field at the probe (T)."""
        ...


class FieldSource:
    """One axis of field, in the role of a FieldSource: prepare, ramp_to, read_field, park.

    `field_per_current` is the coil constant (T/A, its sign is the direction), `mu0_H_max` the largest field
    magnitude (T), `slew` the ramp rate (T/s) and `tolerance` the distance (T) within which a field counts as
    reached and two successive readings as equal. With a gaussmeter the field must agree with the current times
    the coil constant within `agreement` (a fraction) and `remanence` (T, what the iron may keep), otherwise the
    coil constant, the probe or the wiring is wrong; and unless `closed_loop` is False the current is corrected
    until the measured field is the one asked for. Without one `closed_loop` means nothing.
    """

    __slots__ = (
        "_agreement",
        "_asked",
        "_clock",
        "_current",
        "_field",
        "_field_per_current",
        "_gaussmeter",
        "_is_closed",
        "_is_parked",
        "_mu0_H_max",
        "_remanence",
        "_slew",
        "_strayed",
        "_supply",
        "_sweep",
        "_tolerance",
        "name",
    )

    def __init__(
        self,
        supply: Supply,
        gaussmeter: FieldMeter | None = None,
        *,
        field_per_current: float,
        mu0_H_max: float,
        slew: float,
        tolerance: float,
        clock: Clock,
        name: str,
        agreement: float = 0.1,
        remanence: float = 5e-3,
        closed_loop: bool = True,
    ) -> None:
        if not (math.isfinite(field_per_current) and field_per_current != 0):
            raise OutOfRange(
                f"field_per_current of {name} must be a number of T/A other than 0; got {field_per_current!r}."
            )
        for what, value in (("mu0_H_max", mu0_H_max), ("slew", slew), ("tolerance", tolerance)):
            if not 0 < value < math.inf:
                raise OutOfRange(f"{what} of {name} must be above 0 and finite; got {value!r}.")
        self.name = name
        self._supply = supply
        self._gaussmeter = gaussmeter
        self._is_closed = closed_loop and gaussmeter is not None
        self._field_per_current = field_per_current
        self._mu0_H_max = mu0_H_max
        self._slew = slew
        self._tolerance = tolerance
        self._clock = clock
        self._agreement = agreement
        self._is_parked = False
        self._remanence = remanence
        self._forget()

    @property
    def mu0_H_max(self) -> float:
        """Largest field magnitude (T) that may be asked for."""
        return self._mu0_H_max

    @property
    def asked(self) -> float | None:
        """Field (T) that was last asked for; None before the first, and when it is parked."""
        return self._asked

    def limit(self, mu0_H: float) -> None:
        """Take no field (T, either sign) beyond this from now on; it narrows mu0_H_max and never widens it."""
        if not mu0_H > 0:
            raise OutOfRange(f"a limit of {self.name} must be above 0 T; got {mu0_H!r}. Nothing was sent.")
        self._mu0_H_max = min(self._mu0_H_max, mu0_H)

    @property
    def longest_ramp(self) -> float:
        """Seconds that a ramp to zero takes at most."""
        return self._mu0_H_max * (1 + HEADROOM) / self._slew

    def prepare(self) -> None:
        """Write limits and rate into the supply, set the gaussmeter to tesla, read the current; nothing moves."""
        self._forget()
        self._supply.prepare(self._I_max, self._slew / abs(self._field_per_current))
        if self._gaussmeter is not None:
            self._gaussmeter.prepare()
        self._current = self._supply.current
        self._is_parked = False

    def ramp_to(self, mu0_H: float) -> float:
        """Ramp at the slew rate, wait until current and field have settled, return the measured field (T).

        A source that was parked is prepared first.

        In a closed loop the field that is returned is within the tolerance of `mu0_H`. Beyond `mu0_H_max`
        raises OutOfRange and nothing is sent; a supply or a field that does not follow, or does not come
        within the tolerance, raises NotFollowed with what was measured, and the set point stays.
        """
        if not abs(mu0_H) <= self._mu0_H_max:
            raise OutOfRange(
                f"the field of {self.name} must be within {self._mu0_H_max:G} T; got {mu0_H!r} T. Nothing was sent."
            )
        if self._is_parked:
            self.prepare()
        if self._is_closed and self._gaussmeter is not None:
            return self._approach(mu0_H, self._gaussmeter)
        self._asked = mu0_H
        return self._move(mu0_H / self._field_per_current, self._gaussmeter)

    def verify(self) -> None:
        """Raise NotFollowed unless supply and field are still where they were last brought to.

        The supply within twice the settling; the field as it was read since then, within ten tolerances or 2 %. A
        magnet that was not moved yet, or is parked, is left alone.
        """
        if self._current is None or self._asked is None:
            return
        current = self._supply.current
        if abs(current - self._current) > 2 * self._within(self._current):
            faults = ", ".join(self._supply.faults()) or "none reported"
            raise NotFollowed(
                f"the supply of {self.name} must still carry {self._current:.4f} A; it carries {current:.4f} A "
                f"(faults: {faults}). Somebody has changed it, or it has lost its mains. The set point was left."
            )
        if self._strayed is not None:
            raise NotFollowed(
                f"the field of {self.name} must still be {self._field:.6g} T; it is read as {self._strayed:.6g} T. "
                "The gaussmeter, its probe or the supply is not what it was. The set point was left."
            )

    def overlook(self) -> None:
        """Hold what was read so far against no later row."""
        self._strayed = None

    def read_field(self) -> float:
        """Return the measured field (T) now: gaussmeter where there is one, else read-back current.

        One that is far from where the field settled is held against the row by `verify`.
        """
        meter = self._gaussmeter
        field = self._field_per_current * self._supply.current if meter is None else meter.read_field()
        settled = self._field
        if settled is not None and not abs(field - settled) <= max(
            _STRAY * self._tolerance, _STRAY_PART * abs(settled)
        ):
            self._strayed = field
        return field

    def park(self) -> None:
        """Ramp to zero at the slew rate and confirm it by read-back; NotParked where it is not."""
        self._forget()
        self._is_parked = True
        self._supply.park()

    def parking_recipe(self) -> Recipe:
        """Return what parks the supply, as plain data, at the slew rate."""
        return self._supply.ramp_down_recipe(self._slew / abs(self._field_per_current), self._I_max)

    @property
    def _I_max(self) -> float:
        largest = self._mu0_H_max * (1 + HEADROOM) if self._is_closed else self._mu0_H_max
        return largest / abs(self._field_per_current)

    def _forget(self) -> None:
        self._current: float | None = None  # A; where the next ramp starts, None where only the supply knows
        self._field: float | None = None  # T; measured there
        self._strayed: float | None = None  # T; what was read far from there since
        self._asked: float | None = None  # T
        self._sweep = 1.0  # sign of the direction in which the field was last asked to go

    def _approach(self, mu0_H: float, gaussmeter: FieldMeter) -> float:
        """Close the loop around `mu0_H` by the rule at the head of this module."""
        field = gaussmeter.read_field() if self._field is None else self._field
        current = self._supply.current if self._current is None else self._current
        before = field if self._asked is None else self._asked
        if mu0_H != before:
            self._sweep = math.copysign(1.0, mu0_H - before)
        self._asked = mu0_H
        doubt = self._agreement
        for _ in range(MOVES):
            if (field - mu0_H) * self._sweep > self._tolerance:
                doubt, aim = 1.0, mu0_H - self._sweep * _BACK_OFF * self._tolerance
            else:
                aim = self._aim(mu0_H, field, doubt)
            current += (aim - field) / self._field_per_current
            if abs(current) > self._I_max:
                raise NotFollowed(
                    f"the field of {self.name} must be reached with at most {self._I_max:.4f} A, {HEADROOM:.0%} "
                    f"more than its coil constant asks for; {mu0_H:.6g} T would need {current:.4f} A, for now it "
                    f"measures {field:.6g} T. The set point was left."
                )
            field = self._move(current, gaussmeter)
            if abs(field - mu0_H) <= self._tolerance:
                return field
        raise NotFollowed(
            f"the field of {self.name} must come within {self._tolerance:.3g} T of {mu0_H:.6g} T; after {MOVES} "
            f"moves it is {field:.6g} T at {current:.4f} A. The set point was left."
        )

    def _aim(self, mu0_H: float, field: float, doubt: float) -> float:
        """Return the field (T) a move onward should lead to, where the constant may be off by the part `doubt`."""
        short = (mu0_H - field) * self._sweep
        if short <= 0:
            return field
        if doubt * short <= self._tolerance * (1 + 1e-9):
            return mu0_H
        return field + self._sweep * short / (1 + doubt)

    def _move(self, target: float, gaussmeter: FieldMeter | None) -> float:
        """Ramp to the current `target` (A), wait until everything has settled, and return the field (T)."""
        start = self._supply.current if self._current is None else self._current
        self._current = self._field = self._strayed = None
        began = self._clock.now()
        self._supply.set_current(target)
        ramp = abs(target - start) * abs(self._field_per_current) / self._slew
        # A supply that walks there itself has used up the ramp by now. The set point took its time to arrive:
        # asking at once is a query too many.
        self._clock.wait(max(began + ramp - self._clock.now(), 0.0) + _POLL)
        deadline = self._clock.now() + _SETTLE_MARGIN
        field = self._field_per_current * self._settled_current(target, deadline)
        if gaussmeter is not None:
            field = self._settled_field(gaussmeter, expected=field, deadline=deadline)
        self._current, self._field = target, field
        return field

    def _settled_current(self, target: float, deadline: float) -> float:
        within = self._within(target)
        for is_last in looks(self._clock, deadline, _POLL):
            current = self._supply.current
            if abs(current - target) <= within:
                return current
            if is_last:
                faults = ", ".join(self._supply.faults()) or "none reported"
                raise NotFollowed(
                    f"the supply of {self.name} must follow to {target:.4f} A within {within:.4f} A; "
                    f"{_SETTLE_MARGIN:g} s after the ramp should have ended it carries {current:.4f} A "
                    f"(faults: {faults}). The set point was left."
                )
        raise AssertionError("unreachable")

    def _within(self, target: float) -> float:
        """Return how far (A) a current may be from the one that was set."""
        return max(self._tolerance / abs(self._field_per_current), _ACCURACY * abs(target))

    def _settled_field(self, gaussmeter: FieldMeter, expected: float, deadline: float) -> float:
        field = gaussmeter.read_field()
        steady = self._tolerance * (_STEADY if self._is_closed else 1.0)
        self._clock.wait(_READING)
        for is_last in looks(self._clock, deadline, _READING):
            before, field = field, gaussmeter.read_field()
            if abs(field - before) <= steady:
                break
            if is_last:
                raise NotFollowed(
                    f"the field of {self.name} must come to rest; two readings 0.1 s apart still differ by "
                    f"{abs(field - before):.3g} T (at most {steady:.3g} T) at {field:.6g} T. "
                    "The set point was left."
                )
        if abs(field - expected) > self._agreement * abs(expected) + self._remanence:
            raise NotFollowed(
                f"the field of {self.name} must agree with its current: the gaussmeter reads {field:.6g} T where "
                f"the current times {self._field_per_current:G} T/A is {expected:.6g} T. The coil constant, the "
                "probe or the wiring is wrong. The set point was left."
            )
        return field
