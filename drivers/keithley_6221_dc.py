"""Keithley 6220/6221 as a DC source: ranges, level, compliance and output, each checked, and no jump.

Reference Manual 622x-901-01, p. 4-22, 10-14 to 10-18, 11-2 to 11-17, B-2, and User's Manual 622x-900-01, the
specification page. A line whose manual page was not seen says which public drivers it was read in.
"""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from drivers._choice import Boolean, Choice
from drivers._instrument import Command, Query, ScpiInstrument, names_of, register
from drivers._setting import Number
from drivers._wire import Wire
from drivers.errors import InCompliance, NotFollowed, NotReady, OutOfRange

SEEN: Final = "no page; slave k6221.py, pyacquisition keithley_6221.py, pymeasure keithley6221.py"
REGISTERS: Final = "622x-901-01 p. 11-11 to 11-17"
IN_COMPLIANCE: Final = 1 << 3
#: Bits of the measurement condition that are faults.
FAULTS: Final = ("", "interlock open", "over-temperature")


class Range(NamedTuple):
    """One current range: full scale, 1-year accuracy as a fraction and an offset, resolution (A), settling (s)."""

    full_scale: float
    gain_error: float
    offset_error: float
    resolution: float
    settling_fast: float  # to 1 %, fast response


#: 622x-900-01, specification page (Rev. B).
RANGES: Final = (
    Range(2e-9, 0.4e-2, 2e-12, 100e-15, 90e-6),
    Range(20e-9, 0.3e-2, 10e-12, 1e-12, 90e-6),
    Range(200e-9, 0.3e-2, 100e-12, 10e-12, 30e-6),
    Range(2e-6, 0.1e-2, 1e-9, 100e-12, 4e-6),
    Range(20e-6, 0.05e-2, 10e-9, 1e-9, 2e-6),
    Range(200e-6, 0.05e-2, 100e-9, 10e-9, 2e-6),
    Range(2e-3, 0.05e-2, 1e-6, 100e-9, 2e-6),
    Range(20e-3, 0.05e-2, 10e-6, 1e-6, 2e-6),
    Range(100e-3, 0.1e-2, 50e-6, 10e-6, 3e-6),
)
USABLE: Final = 1.05  # of full scale
ROUNDING: Final = 1 + 1e-9  # 1.05 * 2e-3 and its likes are not exact


def range_for(current: float) -> Range:
    """Return the smallest range that holds `current` (A, either sign); beyond 105 mA raises OutOfRange."""
    for candidate in RANGES:
        if abs(current) <= USABLE * candidate.full_scale * ROUNDING:
            return candidate
    raise OutOfRange(f"a current must be within 105 mA; got {current!r} A. Nothing was sent.")


class DcSource(ScpiInstrument):
    """What a 6220 and a 6221 have in common, in the role of a CurrentSource (parking apart)."""

    MODEL = "Keithley 6220 or 6221"
    IDENTITY = re.compile(r"KEITHLEY INSTRUMENTS INC\., ?MODEL 622[01],.*")
    __slots__ = ("_I_max", "_compliance", "_is_watched", "_level", "_range")

    level = Number("SOUR:CURR", unit="A", low=-0.105, high=0.105, page=SEEN, doc="output current")
    range = Number(
        "SOUR:CURR:RANG", unit="A", low=-0.105, high=0.105, page=SEEN, doc="lowest range that holds it"
    )
    autorange = Boolean("SOUR:CURR:RANG:AUTO", page=SEEN, doc="range follows the level")
    compliance = Number(
        "SOUR:CURR:COMP", unit="V", low=0.1, high=105, page=SEEN, doc="voltage limit, 10 mV steps"
    )
    output = Boolean("OUTP", page=SEEN, doc="output on")
    response = Choice(
        "OUTP:RESP", {"fast": "FAST", "slow": "SLOW"}, page=SEEN, doc="output response, slow 100 us"
    )
    filter = Boolean("SOUR:CURR:FILT", page=SEEN, doc="analog output filter")
    low_to_earth = Boolean("OUTP:LTE", page=SEEN, doc="output low connected to earth")
    inner_shield = Choice(
        "OUTP:ISH",
        {"output low": "OLOW", "guard": "GUARd"},
        page=SEEN,
        doc="inner shield of the triaxial output",
    )

    interlock = Query(
        "OUTP:INT:TRIP?", re.compile(r"\+?([01])"), SEEN, "1 closed, output allowed; 0 tripped", True
    )
    nanovoltmeter_present = Query(
        "SOUR:DELT:NVPR?", re.compile(r"\+?([01])"), SEEN, "1: a 2182A answers on the serial port"
    )
    condition = register(
        "STAT:MEAS:COND?",
        REGISTERS,
        "bit 1 interlock, 2 over-temperature, 3 compliance",
        is_repeatable=True,
    )
    measurement_events = register("STAT:MEAS?", REGISTERS, "the bits of `condition` since the last reading")
    clear = Command("SOUR:CLE", SEEN, "level to zero and output off")

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._I_max = 0.0  # A; nothing may be sourced before `prepare`
        self._range: Range | None = None
        self._compliance = 0.0  # V
        self._level = 0.0  # A; what was set last, and read back
        self._is_watched = False  # whether the events that `verify` reads are all from after `prepare`

    def limit(self, current: float | None, compliance: float | None) -> None:
        """Take no current (A, either sign) and no compliance (V) beyond these from now on; None: no limit."""
        if current is not None:
            self.narrow("level", -current, current)
        if compliance is not None:
            self.narrow("compliance", 0.0, compliance)

    def prepare(self, I_max: float, compliance: float) -> None:
        """Choose the fixed range for `I_max` (A) and the compliance (V); level 0 A, output on, without a jump.

        Level zero comes first, so that an output found on with current in it is taken down before its range
        or compliance changes; range and compliance are read back before the output is switched on. An open
        interlock raises NotReady.
        """
        who = self.wire.name
        if not I_max > 0:
            raise OutOfRange(f"I_max of {who} must be above 0 A; got {I_max!r}. Nothing was sent.")
        chosen = range_for(I_max)
        self.check("level", I_max)
        self.check("compliance", compliance)
        if self.ask(self.interlock)[1] != "1":
            raise NotReady(f"the interlock of {who} must be closed; it is open. Nothing was set.")
        self._I_max, self._range = 0.0, None
        self.level = 0.0
        self.autorange = False
        self.range = chosen.full_scale
        self.compliance = compliance
        self._confirm("range", "A", chosen.full_scale, self.range, within=0.01 * chosen.full_scale)
        self._confirm("compliance", "V", compliance, self.compliance, within=0.01)
        self.output = True
        self._I_max, self._range, self._compliance = I_max, chosen, compliance
        self._level, self._is_watched = 0.0, False

    def set_current(self, current: float) -> None:
        """Set the level (A) and read it back; beyond the prepared `I_max` raises OutOfRange and nothing is sent.

        The level before must still be the one that was set; where it is not, NotFollowed, and nothing is sent. A
        level that was refused raises ErrorQueueNotEmpty, one that was lost on the way NotFollowed. The questions
        may be repeated.
        """
        if self._range is None:
            raise NotReady(f"{self.wire.name} must be prepared before a current is set. Nothing was sent.")
        if not abs(current) <= self._I_max * ROUNDING:
            raise OutOfRange(
                f"the current of {self.wire.name} must be within the {self._I_max:G} A it was prepared for; "
                f"got {current!r} A. Nothing was sent."
            )
        self._confirm("level", "A", self._level, self.level, within=self._range.resolution)
        line = self.line("level", current)
        self._wire.say(line)
        answered = self.level
        if not abs(answered - current) <= self._range.resolution:
            self.check_errors(line)
        self._confirm("level", "A", current, answered, within=self._range.resolution)
        self._level = current

    def in_compliance(self) -> bool:
        """Return True while the output is limited by the compliance voltage."""
        return bool(self.ask_register(self.condition) & IN_COMPLIANCE)

    def verify(self) -> None:
        """Raise NotFollowed or InCompliance unless what was set has been so since it was verified last.

        The output must be on and the level the one that was set; the compliance must not have been met, nor the
        interlock been open, nor the source too hot, in the meantime. A source that is not prepared is left alone.
        """
        if self._range is None:
            return
        events = self.ask_register(self.measurement_events)
        if not self._is_watched:  # what was before `prepare` is in there as well
            events, self._is_watched = self.ask_register(self.condition), True
        who = self.wire.name
        if faults := names_of(events & ~IN_COMPLIANCE, FAULTS):
            raise NotFollowed(f"{who} must be able to drive its current; it reports {', '.join(faults)}.")
        if not self.output:
            raise NotFollowed(f"the output of {who} must be on; it is off, and nobody here has switched it.")
        if events & IN_COMPLIANCE:
            raise InCompliance(
                f"{who} must drive {self._level:G} A with less than {self._compliance:G} V; it has met that limit. "
                "Check the current leads and contacts, or raise the compliance."
            )
        self._confirm("level", "A", self._level, self.level, within=self._range.resolution)

    def overlook(self) -> None:
        """Let the next `verify` judge by the present state alone: what was before has been dealt with."""
        self._is_watched = False

    def faults(self) -> list[str]:
        """Return in words what is wrong with the source now: over-temperature, an open interlock; else empty."""
        return names_of(self.ask_register(self.condition) & ~IN_COMPLIANCE, FAULTS)

    def accuracy(self, level: float) -> float:
        """Return the 1-year accuracy (A) at `level` (A) on the prepared range, else on the smallest that holds it.

        622x-900-01, specification page: a fraction of the level and an offset, 23 ± 5 degrees Celsius.
        """
        used = self._range or range_for(level)
        return used.gain_error * abs(level) + used.offset_error

    def _dc_lines(self, chosen: Range, compliance: float) -> tuple[str, str, str]:
        return (
            self.line("level", 0.0),
            self.line("range", chosen.full_scale),
            self.line("compliance", compliance),
        )

    def _confirm_output_off(self) -> None:
        if self.output:
            raise NotFollowed("the output is still on")

    def _confirm_level_zero(self) -> None:
        self._confirm("level", "A", 0.0, self.level, within=0.0)

    def _confirm(self, what: str, unit: str, expected: float, answered: float, within: float) -> None:
        if not math.isclose(answered, expected, rel_tol=0, abs_tol=within):
            raise NotFollowed(
                f"{what} of {self.wire.name} must read back {expected:G} {unit}; it reads {answered:G} {unit}."
            )
