"""Lake Shore 643 electromagnet power supply, four quadrants, ±70.1 A.

Model 642 manual p. 5-5, 5-10, 5-30, 5-35, Model 648 manual (PDF p. 49, 66) and the maker's own package
lakeshore 1.10.0, em_power_supply.py: the 643 and 648 share one command set. The 643 manual itself was not seen.
"""

from __future__ import annotations

import re
from typing import Final

from drivers._choice import Boolean, Choice
from drivers._instrument import Command, Query, RegisterInstrument, names_of, register, try_each
from drivers._parking import Recipe, Say, Settle
from drivers._setting import Measured, Number
from drivers._wire import Wire
from drivers.errors import InstrumentError, NotFollowed, NotParked, NotReady, OutOfRange

_MANUAL = "642 p. 5-5, 5-10, 5-30, 5-35; 648 PDF p. 49, 66; lakeshore 1.10.0"
_PAIR = re.compile(r"([+-]?\d+\.\d+),([+-]?\d+\.\d+)")
_REGISTERS = re.compile(r"(\d+),(\d+)")

I_LARGEST: Final = 70.1  # A
RATE_SMALLEST: Final = 1e-4  # A/s
RATE_LARGEST: Final = 50.0  # A/s
RESOLUTION: Final = 1e-4  # A and A/s: four decimals on the wire

HARDWARE_ERRORS: Final = (
    "output control failure",
    "DAC processor not answering",
    "over-current",
    "over-voltage",
    "temperature fault",
    "output-stage protect",
)
OPERATIONAL_ERRORS: Final = (
    "calibration error",
    "external current program",
    "temperature high",
    "low line voltage",
    "high line voltage",
    "magnet flow switch",
    "supply flow switch",
    "remote-enable fault",
)
OPERATION: Final = ("compliance", "ramp done", "power limit")

_PARKED_BELOW = 0.05  # A, measured; well above the reading's offset
_POLL = 0.2  # s
_PARK_MARGIN = 10.0  # s for the magnet to follow after the ramp has ended
_SLOWEST_PARK = 120.0  # s, where neither the current nor the rate could be read


class LakeShore643(RegisterInstrument):
    """The supply as a source of ramped current: prepare, set_current, current, park."""

    MODEL = "Lake Shore 643"
    IDENTITY = re.compile(r"LSCI,MODEL643,[^,]+,[^,]+")
    __slots__ = ("_I_max",)

    ramp_rate = Number(
        "RATE", unit="A/s", low=RATE_SMALLEST, high=RATE_LARGEST, page=_MANUAL, doc="both ways", style=".4f"
    )
    programming = Choice(
        "XPGM", {"internal": "0", "external": "1", "sum": "2"}, page=_MANUAL, doc="what sets the current"
    )
    ramp_segments = Boolean("RSEG", page=_MANUAL, doc="rate by segments instead of RATE", off_on=("0", "1"))
    set_point = Measured("SETI?", unit="A", page=_MANUAL, doc="where the ramp goes")
    current = Measured("RDGI?", unit="A", page=_MANUAL, doc="measured output current")
    voltage = Measured("RDGV?", unit="V", page=_MANUAL, doc="measured output voltage")

    ramp = Command("SETI", _MANUAL, "set point (A): starts a ramp")
    limit = Command("LIMIT", _MANUAL, "largest set current (A) and largest ramp rate (A/s)")
    stop_ramp = Command("STOP", _MANUAL, "hold within about 2 s; a new set point resumes")
    limits_set = Query("LIMIT?", _PAIR, _MANUAL, "current limit (A), rate limit (A/s)")
    operation_status = register("OPST?", _MANUAL, "bit 0 compliance, 1 ramp done, 2 power limit")
    error_status = Query("ERST?", _REGISTERS, _MANUAL, "present hardware and operational errors")

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._I_max: float | None = None  # A; nothing may be ramped before `prepare`

    def prepare(self, I_max: float, rate: float) -> None:
        """Write the limits of current (A) and ramp rate (A/s) and the rate into the supply, and read them back.

        The output current stays as it is: a supply that carries, or is on its way to, more than `I_max`
        raises NotReady, and so does one that is programmed by an external voltage.
        """
        who = self.wire.name
        if not 0 <= I_max <= I_LARGEST:
            raise OutOfRange(f"I_max of {who} must be 0 to {I_LARGEST:G} A; got {I_max!r}. Nothing was sent.")
        self.check("ramp_rate", rate)
        self._I_max = None
        if self.programming != "internal":
            raise NotReady(
                f"{who} must be programmed internally; it follows another source. Nothing was set."
            )
        largest = max(abs(self.current), abs(self.set_point))
        if largest > I_max + _PARKED_BELOW:
            raise NotReady(
                f"{who} must carry at most {I_max:G} A before that becomes its limit; it carries, or ramps to, "
                f"{largest:G} A. Ramp it down first. Nothing was set."
            )
        self.do(self.limit, f"{I_max:.4f},{rate:.4f}")
        answered = self.limits
        if not (_same(answered[0], I_max) and _same(answered[1], rate)):
            raise NotFollowed(
                f"the limits of {who} must read back {I_max:.4f} A, {rate:.4f} A/s; "
                f"they read {answered[0]:.4f} A, {answered[1]:.4f} A/s. Nothing was ramped."
            )
        self.ramp_segments = False
        self.ramp_rate = rate
        answered_rate = self.ramp_rate
        if not _same(answered_rate, rate):
            raise NotFollowed(
                f"the ramp rate of {who} must read back {rate:.4f} A/s; it reads {answered_rate:.4f} A/s. "
                "Nothing was ramped."
            )
        self._I_max = I_max

    def set_current(self, current: float) -> None:
        """Start the ramp to `current` (A) and return at once; beyond the prepared limit nothing is sent."""
        if self._I_max is None:
            raise NotReady(
                f"{self.wire.name} must be prepared (limits written and read back) before a current is set. "
                "Nothing was sent."
            )
        if not abs(current) <= self._I_max + RESOLUTION / 2:
            raise OutOfRange(
                f"the current of {self.wire.name} must be within {self._I_max:G} A; got {current!r} A. "
                "Nothing was sent."
            )
        self.do(self.ramp, f"{current:.4f}")

    def stop(self) -> None:
        """Hold the current where it is (within about 2 s)."""
        self.wire.say(self.stop_ramp.header, urgent=True)
        self.check_errors(self.stop_ramp.header)

    @property
    def limits(self) -> tuple[float, float]:
        """Current limit (A) and rate limit (A/s) in the supply."""
        answer = self.ask(self.limits_set)
        return float(answer[1]), float(answer[2])

    def operation(self) -> list[str]:
        """Return the operation status in words: compliance, ramp done, power limit."""
        return names_of(self.ask_register(self.operation_status), OPERATION)

    def faults(self) -> list[str]:
        """Return the present hardware and operational errors in words; empty when all is well."""
        answer = self.ask(self.error_status)
        return names_of(int(answer[1]), HARDWARE_ERRORS) + names_of(int(answer[2]), OPERATIONAL_ERRORS)

    def settings(self) -> dict[str, tuple[float | bool | str, str]]:
        """Read every setting, limits and set point among them: name -> (value, unit)."""
        current_limit, rate_limit = self.limits
        return super().settings() | {
            "current_limit": (current_limit, "A"),
            "rate_limit": (rate_limit, "A/s"),
            "set_point": (self.set_point, "A"),
        }

    def park(self, rate: float | None = None) -> None:
        """Ramp to zero at the rate in the supply, wait until it is there, confirm; NotParked where it is not.

        Who does not know the rate in the supply gives one (A/s), which is set first.
        The set point goes out even on a suspect session, and again as long as it does not read back as zero.
        The supply is parked when set point and measured current (below 50 mA) are both zero; it is given the
        time of the ramp and 10 s.
        """
        failed = [] if rate is None else try_each((("ramp rate", lambda: self._set_rate(rate)),))
        failed += self._aim_at_zero()
        failed += try_each((("errors", self.pending_errors),))
        clock = self.wire.clock
        ramp = self._time_to_zero()
        clock.wait(ramp or 0.0)
        deadline = clock.now() + (_SLOWEST_PARK if ramp is None else _PARK_MARGIN)
        while problem := try_each((("at zero", self._confirm_zero),)):
            if clock.now() >= deadline:
                raise NotParked(
                    f"{self.wire.name} must be ramped to 0 A; that is not confirmed. Do not break the circuit of "
                    "the magnet: check it by hand.\n"
                    + "\n".join(failed + problem + try_each((("faults", self._confirm_healthy),)))
                )
            clock.wait(_POLL)

    def ramp_down_recipe(self, rate: float, I_max: float) -> Recipe:
        """Return what `park` says and reads back, as plain data, for ramps from `I_max` (A) at `rate` (A/s)."""
        aim = self._zero()
        return (
            Say(aim),
            Settle("SETI?", 2 * RESOLUTION, _PARK_MARGIN, aim),
            Settle("RDGI?", _PARKED_BELOW, I_max / rate + _PARK_MARGIN),
        )

    def _aim_at_zero(self) -> list[str]:
        return try_each((("set point to zero", lambda: self.wire.say(self._zero(), urgent=True)),))

    def _zero(self) -> str:
        return f"{self.ramp.header} 0"

    def _set_rate(self, rate: float) -> None:
        self.check("ramp_rate", rate)
        self.ramp_segments = False
        self.ramp_rate = rate

    def _time_to_zero(self) -> float | None:
        """Return |I| / rate (s) as the supply has them; None where it does not tell."""
        try:
            return abs(self.current) / self.ramp_rate
        except InstrumentError:
            return None

    def _confirm_zero(self) -> None:
        set_point = self.set_point
        if abs(set_point) > RESOLUTION:
            self._aim_at_zero()
            raise NotFollowed(f"the set point reads back {set_point:G} A; zero was sent again")
        measured = self.current
        if not abs(measured) < _PARKED_BELOW:
            raise NotFollowed(f"it carries {measured:G} A")

    def _confirm_healthy(self) -> None:
        faults = self.faults()
        if faults:
            raise NotFollowed(", ".join(faults))


def _same(answered: float, asked: float) -> bool:
    return abs(answered - asked) <= RESOLUTION
