"""A magnet with its supply, and where there is one its gaussmeter: from a field asked for to a field measured.

What a protocol calls a field is mu0*H in tesla. The coil constant `field_per_current` (T/A) turns it into the
supply's current; what is reported is always measured, by the gaussmeter or else from the current read back.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

from drivers._wire import Clock
from drivers.errors import NotFollowed, OutOfRange

_POLL: Final = 0.05  # s between two looks at a current that is still on its way
_READING: Final = 0.1  # s between two field readings: a gaussmeter renews ten times a second
_SETTLE_MARGIN: Final = 10.0  # s after the computed ramp in which current and field must have settled


class Supply(Protocol):
    """What a magnet supply must offer: the currents are in A and the rate in A/s."""

    def prepare(self, I_max: float, rate: float) -> None:
        """Write limits and rate into the supply and read them back, without a jump."""
        ...

    def set_current(self, current: float) -> None:
        """Start the ramp to `current` and return at once."""
        ...

    @property
    def current(self) -> float:
        """Measured current."""
        ...

    def faults(self) -> list[str]:
        """Present errors in words."""
        ...

    def park(self) -> None:
        """Ramp to zero and confirm it."""
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
    coil constant, the probe or the wiring is wrong.
    """

    __slots__ = (
        "_agreement",
        "_clock",
        "_field_per_current",
        "_gaussmeter",
        "_mu0_H_max",
        "_remanence",
        "_slew",
        "_start",
        "_supply",
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
        self._field_per_current = field_per_current
        self._mu0_H_max = mu0_H_max
        self._slew = slew
        self._tolerance = tolerance
        self._clock = clock
        self._agreement = agreement
        self._remanence = remanence
        self._start: float | None = None  # A: where the next ramp starts; None where only the supply knows

    @property
    def mu0_H_max(self) -> float:
        """Largest field magnitude (T) that may be asked for."""
        return self._mu0_H_max

    def prepare(self) -> None:
        """Write limits and rate into the supply, set the gaussmeter to tesla, read the current; nothing moves."""
        per_ampere = abs(self._field_per_current)
        self._supply.prepare(self._mu0_H_max / per_ampere, self._slew / per_ampere)
        if self._gaussmeter is not None:
            self._gaussmeter.prepare()
        self._start = self._supply.current

    def ramp_to(self, mu0_H: float) -> float:
        """Ramp at the slew rate, wait until current and field have settled, return the measured field (T).

        Beyond `mu0_H_max` raises OutOfRange and nothing is sent; a supply or a field that does not follow
        raises NotFollowed with what was measured, and the set point stays.
        """
        if not abs(mu0_H) <= self._mu0_H_max:
            raise OutOfRange(
                f"the field of {self.name} must be within {self._mu0_H_max:G} T; got {mu0_H!r} T. Nothing was sent."
            )
        target = mu0_H / self._field_per_current
        start = self._supply.current if self._start is None else self._start
        self._start = None
        self._supply.set_current(target)
        ramp = abs(target - start) * abs(self._field_per_current) / self._slew
        self._clock.wait(
            ramp + _POLL
        )  # the set point took its time to arrive: asking at once is a query too many
        deadline = self._clock.now() + _SETTLE_MARGIN
        current = self._settled_current(target, deadline)
        field = self._field_per_current * current
        if self._gaussmeter is not None:
            field = self._settled_field(self._gaussmeter, expected=field, deadline=deadline)
        self._start = target
        return field

    def read_field(self) -> float:
        """Return the measured field (T) now: gaussmeter where there is one, else read-back current."""
        if self._gaussmeter is not None:
            return self._gaussmeter.read_field()
        return self._field_per_current * self._supply.current

    def park(self) -> None:
        """Ramp to zero at the slew rate and confirm it by read-back; NotParked where it is not."""
        self._start = None
        self._supply.park()

    def _settled_current(self, target: float, deadline: float) -> float:
        within = self._tolerance / abs(self._field_per_current)
        while True:
            current = self._supply.current
            if abs(current - target) <= within:
                return current
            if self._clock.now() >= deadline:
                faults = ", ".join(self._supply.faults()) or "none reported"
                raise NotFollowed(
                    f"the supply of {self.name} must follow to {target:.4f} A within {within:.4f} A; "
                    f"{_SETTLE_MARGIN:g} s after the ramp should have ended it carries {current:.4f} A "
                    f"(faults: {faults}). The set point was left."
                )
            self._clock.wait(_POLL)

    def _settled_field(self, gaussmeter: FieldMeter, expected: float, deadline: float) -> float:
        field = gaussmeter.read_field()
        while True:
            self._clock.wait(_READING)
            before, field = field, gaussmeter.read_field()
            if abs(field - before) <= self._tolerance:
                break
            if self._clock.now() >= deadline:
                raise NotFollowed(
                    f"the field of {self.name} must come to rest; two readings 0.1 s apart still differ by "
                    f"{abs(field - before):.3g} T (tolerance {self._tolerance:.3g} T) at {field:.6g} T. "
                    "The set point was left."
                )
        if abs(field - expected) > self._agreement * abs(expected) + self._remanence:
            raise NotFollowed(
                f"the field of {self.name} must agree with its current: the gaussmeter reads {field:.6g} T where "
                f"the current times {self._field_per_current:G} T/A is {expected:.6g} T. The coil constant, the "
                "probe or the wiring is wrong. The set point was left."
            )
        return field
