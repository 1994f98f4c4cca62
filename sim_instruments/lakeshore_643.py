"""Simulated Lake Shore 643 electromagnet supply: +-70 A that ramp linearly into the coil at RATE."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from sim_instruments.clock import Event, VirtualClock
from sim_instruments.instrument import unit_stream
from sim_instruments.lakeshore import (
    OPERATION_SUMMARY,
    Command,
    LakeShoreInstrument,
    OutOfRangeError,
    Setting,
    integer,
    number,
)
from sim_instruments.ports import Coil, Ramp

I_MAX = 70.1  # A, largest setting
RATE_MIN, RATE_MAX = 0.0001, 50.0  # A/s
V_MAX = 35.0  # V, compliance of the output stage
READINGS_PER_SECOND = 10
SEGMENTS = 5
DEFAULTS = 99  # code of DFLT
COLLAPSE = 0.2  # s in which the current dies out when the mains fail
SLOWNESS = 0.1  # of the rate, for a supply that creeps

#: Bits of the operation status register; bit 2, power limit, cannot be reached: 70 A * 35 V is the rating.
COMPLIANCE = 1 << 0
RAMP_DONE = 1 << 1


@dataclass(frozen=True, slots=True)
class SupplyErrors:
    """How far one unit may be off, and how noisy its readings are.

    `set_gain` (1), `set_offset` (A), `read_gain` (1), `read_offset` (A), `voltage_gain` (1) and
    `voltage_offset` (V) are half-widths: each unit has its own fixed error inside them. `current_noise` (A)
    and `voltage_noise` (V) are rms values of one reading.
    """

    set_gain: float
    set_offset: float
    read_gain: float
    read_offset: float
    voltage_gain: float
    voltage_offset: float
    current_noise: float
    voltage_noise: float


#: Our choice of orders of magnitude: the specification page of the 643 was not available.
ERRORS = SupplyErrors(
    set_gain=1e-4,
    set_offset=1e-3,
    read_gain=3e-4,
    read_offset=1e-3,
    voltage_gain=5e-4,
    voltage_offset=2e-3,
    current_noise=0.2e-3,
    voltage_noise=0.5e-3,
)


class LakeShore643Sim(LakeShoreInstrument):
    """A Model 643 with a coil on its output, as the interface sees it.

    I(t) goes linearly at RATE (or at the rates of the ramp segments) from where it is to the set point, which
    has a resolution of 0.1 mA; the readings are V = L dI/dt + R I and I itself, refreshed ten times a second.
    A set point that the compliance voltage cannot drive through the winding stops at 35 V / R. A rate above
    the rate LIMIT is capped; a current above the current LIMIT is refused; lowering LIMIT below the set point
    brings the set point down to it. STOP holds the present current at once, and SETI? then gives it. *RST:
    set point 0, RATE 1 A/s, LIMIT 70.1 A and 50 A/s, no segments (RATE and the segments' start are our
    choice). Replies: `+nn.nnnn`.

    Sources: Model 642 manual p. 5-5, 5-10, 5-30, 5-35; Model 648 manual PDF p. 49, 66; lakeshore 1.10.0
    `em_power_supply.py`. The 643 manual itself was not seen.

    Not simulated: the external programming input (XPGM is stored; nothing is connected, and the internal
    set point is followed in every mode), water valves and flow switches (stored only, no fault ever comes),
    ripple and drift of the output, the time STOP needs (up to 2 s), the share of the compliance that a fast
    ramp takes through the inductance, hardware and operational errors (ERST? is always 0), front panel,
    keypad lock, interface set-up, local and remote (DISP, LOCK, IEEE and MODE are stored). DFLT 99 is obeyed at
    0 A only, and does what *RST does.
    """

    model = "MODEL643"

    def __init__(
        self,
        clock: VirtualClock,
        coil: Coil,
        rng: np.random.Generator,
        *,
        noise: bool = True,
        accuracy: bool = True,
        serial: str = "1234567",
    ) -> None:
        """Put a supply with this serial number on a coil.

        `rng` gives the noise of the readings; the unit's fixed errors follow from its serial number. With
        `noise` or `accuracy` False there is none of it.
        """
        super().__init__(clock, serial, "1.0/1.0")
        self._coil = coil
        self._rng = rng
        self._noisy = noise
        unit = unit_stream(serial)
        self._unit = [float(error) if accuracy else 0.0 for error in unit.uniform(-1.0, 1.0, 6)]
        self._limit = (I_MAX, RATE_MAX)
        self._rate = 1.0
        self._segments = [(0.0, 1.0)] * SEGMENTS
        self._error_enable = (0, 0)
        self._latched = 0
        self._slot = -1
        self._is_stuck, self._slowness = False, 1.0
        self._reading = (0.0, 0.0)
        self._coming: Event | None = None
        self._ramp = Ramp(clock.now(), 0.0, clock.now(), 0.0)
        self._set_point = 0.0
        self._ramping = False
        self._over_compliance = False
        self._drive([self._ramp])
        self.clear_registers()  # switching on is not the end of a ramp

    # --- mishaps ----------------------------------------------------------------------------------

    @property
    def mishaps(self) -> Mapping[str, Callable[[bool], None]]:
        """The output stays where it is, or creeps at a tenth of the rate, whatever is set."""
        return {"stuck": self._stick, "slow": self._slow_down}

    def power_cycle(self) -> None:
        """Lose the current through the winding's own resistance: at once, in `COLLAPSE` seconds (our choice)."""
        now, here = self.clock.now(), self._ramp.at(self.clock.now())
        super().power_cycle()
        self._drive([Ramp(now, here, now + COLLAPSE, 0.0)])

    def _stick(self, happens: bool) -> None:
        self._go_to(self._ramp.at(self.clock.now()) if happens else self._set_point)
        self._is_stuck = happens

    def _slow_down(self, happens: bool) -> None:
        self._slowness = SLOWNESS if happens else 1.0
        self._follow()

    # --- the output -------------------------------------------------------------------------------

    def reset(self) -> None:
        """Go to 0 A at 1 A/s, limits to the ratings, segments off, internal programming."""
        self._limit = (I_MAX, RATE_MAX)
        self._rate = 1.0
        self._segments = [(0.0, 1.0)] * SEGMENTS
        self.stored["RSEG"] = self.stored["XPGM"] = 0
        self._go_to(0.0)

    def _go_to(self, set_point: float) -> None:
        """Start the ramp to a set point (A) from where the current is now."""
        now = self.clock.now()
        self._set_point = set_point
        if self._is_stuck:
            return
        highest = V_MAX / self._coil.resistance if self._coil.resistance > 0 else math.inf
        self._over_compliance = abs(set_point) > highest
        target = math.copysign(min(abs(set_point), highest), set_point)
        self._ramping = True
        self._drive(self._pieces(now, self._ramp.at(now), target))

    def _pieces(self, start: float, here: float, target: float) -> list[Ramp]:
        """Return the ramp from `here` to `target` (A) as stretches of one rate each; never empty."""
        corners = [target]
        if self.stored["RSEG"]:
            edges = {sign * edge for edge, _ in self._segments if edge > 0 for sign in (1, -1)}
            between = sorted(edge for edge in edges if min(here, target) < edge < max(here, target))
            corners = [*(between if target > here else reversed(between)), target]
        pieces: list[Ramp] = []
        for corner in corners:
            end = start + abs(corner - here) / self._rate_at(abs(corner + here) / 2)
            pieces.append(Ramp(start, here, end, corner))
            start, here = end, corner
        return pieces

    def _rate_at(self, magnitude: float) -> float:
        """Ramp rate (A/s) at a current of this magnitude (A); past the last segment its rate stays."""
        rate = self._rate
        if self.stored["RSEG"]:
            used = sorted(segment for segment in self._segments if segment[0] > 0)
            above = [segment for segment in used if segment[0] >= magnitude]
            rate = (above[0] if above else used[-1])[1] if used else rate
        return min(rate, self._limit[1]) * self._slowness

    def _drive(self, pieces: list[Ramp]) -> None:
        """Begin the first of some stretches; the others, and the end of the ramp, follow by the clock."""
        self._refresh()  # the last completed reading still belongs to the ramp before
        self._ramp = ramp = pieces[0]
        self._coil.drive(
            Ramp(ramp.start, self._output(ramp.start_current), ramp.end, self._output(ramp.end_current))
        )
        if self._coming is not None:
            self._coming.cancel()
        if len(pieces) > 1:
            self._coming = self.clock.at(ramp.end, lambda: self._drive(pieces[1:]))
        elif ramp.end > self.clock.now():
            self._coming = self.clock.at(ramp.end, self._arrive)
        else:
            self._arrive()

    def _arrive(self) -> None:
        self._ramping = False
        self._latched |= self._operation_status()

    def _output(self, programmed: float) -> float:
        """Current (A) that flows for a programmed one."""
        return programmed * (1 + ERRORS.set_gain * self._unit[0]) + ERRORS.set_offset * self._unit[1]

    # --- the readings -----------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Take the reading that was completed last, unless it is already there."""
        now = self.clock.now()
        slot = math.floor(now * READINGS_PER_SECOND)
        if slot == self._slot:
            return
        self._slot = slot
        time = min(slot / READINGS_PER_SECOND, now)
        ramp = self._ramp
        current = self._output(ramp.at(time))
        rising = ramp.start <= time < ramp.end
        slope = (ramp.end_current - ramp.start_current) / (ramp.end - ramp.start) if rising else 0.0
        voltage = self._coil.inductance * slope + self._coil.resistance * current
        voltage = min(max(voltage, -V_MAX), V_MAX)
        unit = self._unit
        current += current * ERRORS.read_gain * unit[2] + ERRORS.read_offset * unit[3]
        voltage += voltage * ERRORS.voltage_gain * unit[4] + ERRORS.voltage_offset * unit[5]
        if self._noisy:
            current += ERRORS.current_noise * self._rng.standard_normal()
            voltage += ERRORS.voltage_noise * self._rng.standard_normal()
        self._reading = (current, voltage)

    # --- settings ---------------------------------------------------------------------------------

    def _set_current(self, text: str) -> None:
        set_point = round(number(text, -I_MAX, I_MAX), 4)
        if abs(set_point) > self._limit[0]:
            raise OutOfRangeError
        self._go_to(set_point)

    def _set_rate(self, text: str) -> None:
        self._rate = min(round(number(text, RATE_MIN, RATE_MAX), 4), self._limit[1])
        self._follow()

    def _set_limit(self, current: str, rate: str) -> None:
        limit = (round(number(current, 0.0, I_MAX), 4), round(number(rate, RATE_MIN, RATE_MAX), 4))
        self._limit = limit
        self._rate = min(self._rate, limit[1])
        self._set_point = math.copysign(min(abs(self._set_point), limit[0]), self._set_point)
        self._follow()

    def _follow(self) -> None:
        """Go on to the set point under changed settings, where the output is not there already."""
        if self._ramp.at(self.clock.now()) != self._set_point:
            self._go_to(self._set_point)

    def _stop(self) -> None:
        self._go_to(self._ramp.at(self.clock.now()))

    def _set_segment(self, segment: str, current: str, rate: str) -> None:
        index = integer(segment, 1, SEGMENTS) - 1
        self._segments[index] = (
            round(number(current, 0.0, I_MAX), 4),
            round(number(rate, RATE_MIN, RATE_MAX), 4),
        )
        self._follow()

    def changed(self, setting: str) -> None:
        """Go on at the other rate when the ramp segments are switched."""
        if setting == "RSEG":
            self._follow()

    # --- status -----------------------------------------------------------------------------------

    def clear_registers(self) -> None:
        """Clear the latched operation status."""
        self._latched = 0

    def summary(self) -> int:
        """Bit 7: something enabled has happened in the operation status."""
        return OPERATION_SUMMARY if self._latched & self.stored["OPSTE"] else 0

    def _operation_status(self) -> int:
        if self._ramping:
            return 0
        return RAMP_DONE | (COMPLIANCE if self._over_compliance else 0)

    def _set_error_enable(self, hardware: str, operational: str) -> None:
        self._error_enable = (integer(hardware, 0, 255), integer(operational, 0, 255))

    # --- answers ----------------------------------------------------------------------------------

    def _say_set_point(self) -> str:
        return _decimal(self._set_point)

    def _say_current(self) -> str:
        self._refresh()
        return _decimal(self._reading[0])

    def _say_voltage(self) -> str:
        self._refresh()
        return _decimal(self._reading[1])

    def _say_rate(self) -> str:
        return f"{self._rate:+.4f}"

    def _say_limit(self) -> str:
        return f"{_decimal(self._limit[0])},{_decimal(self._limit[1])}"

    def _say_segment(self, segment: str) -> str:
        current, rate = self._segments[integer(segment, 1, SEGMENTS) - 1]
        return f"{_decimal(current)},{rate:+.4f}"

    def _say_operation_status(self) -> str:
        return str(self._operation_status())

    def _say_latched(self) -> str:
        latched, self._latched = self._latched, 0
        return str(latched)

    def _say_no_errors(self) -> str:
        return "000,000"

    def _say_error_enable(self) -> str:
        return "{:03d},{:03d}".format(*self._error_enable)

    def _take_defaults(self, code: str) -> None:
        integer(code, DEFAULTS, DEFAULTS)
        if self._ramping or self._set_point != 0:
            raise OutOfRangeError
        self.reset()

    def _wait_for_nothing(self) -> None:
        """*WAI: a ramp is no pending operation, so there is nothing to wait for."""

    commands: ClassVar[Mapping[str, Command]] = MappingProxyType(
        {
            **LakeShoreInstrument.common_commands,
            "*WAI": (0, _wait_for_nothing),
            "DFLT": (1, _take_defaults),
            "SETI": (1, _set_current),
            "SETI?": (0, _say_set_point),
            "RDGI?": (0, _say_current),
            "RDGV?": (0, _say_voltage),
            "RATE": (1, _set_rate),
            "RATE?": (0, _say_rate),
            "LIMIT": (2, _set_limit),
            "LIMIT?": (0, _say_limit),
            "RSEGS": (3, _set_segment),
            "RSEGS?": (1, _say_segment),
            "STOP": (0, _stop),
            "OPST?": (0, _say_operation_status),
            "OPSTR?": (0, _say_latched),
            "ERST?": (0, _say_no_errors),
            "ERSTR?": (0, _say_no_errors),
            "ERSTE": (2, _set_error_enable),
            "ERSTE?": (0, _say_error_enable),
        }
    )
    rows = LakeShoreInstrument.common_rows
    settings: ClassVar[Mapping[str, Setting]] = MappingProxyType(
        {
            **LakeShoreInstrument.common_settings,
            "RSEG": Setting(0, 1, 0),
            "XPGM": Setting(0, 2, 0),
            "MODE": Setting(0, 2, 0),
            "DISP": Setting(0, 3, 2),
            "INTWTR": Setting(0, 3, 2),
            "MAGWTR": Setting(0, 3, 2),
            "OPSTE": Setting(0, 255, 0),
        }
    )


def _decimal(value: float) -> str:
    """Return the `+nn.nnnn` of the replies, without a negative zero."""
    return f"{round(value, 4) + 0.0:+08.4f}"
