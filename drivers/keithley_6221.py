"""Keithley 6220/6221 current source: DC, and on the 6221 one arbitrary waveform at a time.

Reference Manual 622x-901-01, p. 4-22, 10-14 to 10-18, 11-2 to 11-17, B-2, and User's Manual 622x-900-01,
p. 5-23 to 5-41 and the specification page. A line whose manual page was not seen says which public drivers
it was read in; what a bench should confirm is listed as uncited in tests/wire/keithley_6221.toml.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from drivers._choice import Boolean, Choice
from drivers._instrument import Command, Query, ScpiInstrument, register, try_each
from drivers._setting import Number
from drivers._waveform import Waveform, waveform
from drivers._wire import NUMBER, Wire
from drivers.errors import (
    InCompliance,
    InstrumentError,
    NotFollowed,
    NotParked,
    NotReady,
    OutOfRange,
    PulseUnconfirmed,
)

_SEEN = "no page; slave k6221.py, pyacquisition keithley_6221.py, pymeasure keithley6221.py"
_WAVES = _SEEN + "; PICA AC_Resistivity_K6221_SR830_GUI.py, quoting 622x-901-01 p. 7-27 to 7-30"
_REGISTERS = "622x-901-01 p. 11-11 to 11-17"
_IN_COMPLIANCE = 1 << 3
_WAVE_STOPPED = 1 << 7
_WITHOUT_WAVES = "MODEL 6220"

_PER_CHUNK = 0.1  # s that the source may take over one message of points
_ARM_LIMIT = 10.0  # s; arming takes 1 to 2
_ARM_POLL = 0.2  # s
_START = 0.02  # s from INIT to the wave: asking at once is a query too many
_END_POLL = 0.05  # s
_END_MARGIN = 2.0  # s, and 1 % of the duration, in which the end must be confirmed


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
_ROUNDING: Final = 1 + 1e-9  # 1.05 * 2e-3 and its likes are not exact


def range_for(current: float) -> Range:
    """Return the smallest range that holds `current` (A, either sign); beyond 105 mA raises OutOfRange."""
    for candidate in RANGES:
        if abs(current) <= USABLE * candidate.full_scale * _ROUNDING:
            return candidate
    raise OutOfRange(f"a current must be within 105 mA; got {current!r} A. Nothing was sent.")


class Keithley6221(ScpiInstrument):
    """The source in the role of a PulseSource: prepare, set_current, in_compliance, accuracy, play, park."""

    MODEL = "Keithley 6220 or 6221"
    IDENTITY = re.compile(r"KEITHLEY INSTRUMENTS INC\., ?MODEL 622[01],.*")
    __slots__ = ("_I_max", "_compliance", "_loaded", "_range")

    level = Number("SOUR:CURR", unit="A", low=-0.105, high=0.105, page=_SEEN, doc="output current")
    range = Number(
        "SOUR:CURR:RANG", unit="A", low=-0.105, high=0.105, page=_SEEN, doc="lowest range that holds it"
    )
    autorange = Boolean("SOUR:CURR:RANG:AUTO", page=_SEEN, doc="range follows the level")
    compliance = Number(
        "SOUR:CURR:COMP", unit="V", low=0.1, high=105, page=_SEEN, doc="voltage limit, 10 mV steps"
    )
    output = Boolean("OUTP", page=_SEEN, doc="output on")
    response = Choice(
        "OUTP:RESP", {"fast": "FAST", "slow": "SLOW"}, page=_SEEN, doc="output response, slow 100 us"
    )
    filter = Boolean("SOUR:CURR:FILT", page=_SEEN, doc="analog output filter")
    low_to_earth = Boolean("OUTP:LTE", page=_SEEN, doc="output low connected to earth")
    inner_shield = Choice(
        "OUTP:ISH",
        {"output low": "OLOW", "guard": "GUARd"},
        page=_SEEN,
        doc="inner shield of the triaxial output",
    )

    interlock = Query(
        "OUTP:INT:TRIP?", re.compile(r"\+?([01])"), _SEEN, "1 closed, output allowed; 0 tripped"
    )
    nanovoltmeter_present = Query(
        "SOUR:DELT:NVPR?", re.compile(r"\+?([01])"), _SEEN, "1: a 2182A answers on the serial port"
    )
    condition = register("STAT:MEAS:COND?", _REGISTERS, "bit 1 interlock, 2 over-temperature, 3 compliance")
    clear = Command("SOUR:CLE", _SEEN, "level to zero and output off")

    wave_shape = Command("SOUR:WAVE:FUNC", _WAVES, "ARB0: the points last sent")
    wave_points = Command("SOUR:WAVE:ARB:DATA", _WAVES, "the first 100 points, -1 to +1")
    wave_more_points = Command("SOUR:WAVE:ARB:APP", _WAVES, "100 further points")
    wave_length = Query("SOUR:WAVE:ARB:POIN?", NUMBER, _WAVES, "number of points")
    wave_amplitude = Command("SOUR:WAVE:AMPL", _WAVES, "peak (A)")
    wave_offset = Command("SOUR:WAVE:OFFS", _WAVES, "offset (A)")
    wave_frequency = Command("SOUR:WAVE:FREQ", _WAVES, "cycles per second")
    wave_ranging = Command("SOUR:WAVE:RANG", _WAVES, "FIX: the range of the DC level")
    wave_time = Command("SOUR:WAVE:DUR:TIME", _WAVES, "duration (s)")
    wave_cycles = Command("SOUR:WAVE:DUR:CYCL", _WAVES, "duration in cycles; the shorter of the two holds")
    wave_marker = Command("SOUR:WAVE:PMAR:STAT", _WAVES, "phase marker on a trigger line")
    wave_arm = Command("SOUR:WAVE:ARM", _WAVES, "check the settings; the source goes to zero, 1 to 2 s")
    wave_armed = Query("SOUR:WAVE:ARM?", re.compile(r"\+?([01])"), _WAVES, "1 armed")
    wave_start = Command("SOUR:WAVE:INIT", _WAVES, "start the armed wave")
    wave_abort = Command("SOUR:WAVE:ABOR", _WAVES, "stop and un-arm; harmless when idle")
    operation_events = register(
        "STAT:OPER?", _REGISTERS, "bit 4 wave started, 7 wave stopped; reading clears"
    )
    measurement_events = register("STAT:MEAS?", _REGISTERS, "the bits of `condition` since the last reading")

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._I_max = 0.0  # A; nothing may be sourced before `prepare`
        self._range: Range | None = None
        self._compliance = 0.0  # V
        # The points in the source, and how often the session had been resynchronised when they were sent.
        self._loaded: tuple[tuple[str, ...], int] | None = None

    def connect(self) -> list[str]:
        """Check the identity and return old errors; points sent over an earlier connection are not relied on."""
        self._loaded = None
        return super().connect()

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
        self.check("compliance", compliance)
        if self.ask(self.interlock)[1] != "1":
            raise NotReady(f"the interlock of {who} must be closed; it is open. Nothing was set.")
        self._I_max, self._range, self._loaded = 0.0, None, None
        self.level = 0.0
        self.autorange = False
        self.range = chosen.full_scale
        self.compliance = compliance
        self._confirm("range", "A", chosen.full_scale, self.range, within=0.01 * chosen.full_scale)
        self._confirm("compliance", "V", compliance, self.compliance, within=0.01)
        self.output = True
        self._I_max, self._range, self._compliance = I_max, chosen, compliance

    def set_current(self, current: float) -> None:
        """Set the level (A); beyond the prepared `I_max` raises OutOfRange and nothing is sent."""
        if self._range is None:
            raise NotReady(f"{self.wire.name} must be prepared before a current is set. Nothing was sent.")
        if not abs(current) <= self._I_max * _ROUNDING:
            raise OutOfRange(
                f"the current of {self.wire.name} must be within the {self._I_max:G} A it was prepared for; "
                f"got {current!r} A. Nothing was sent."
            )
        self.level = current

    def in_compliance(self) -> bool:
        """Return True while the output is limited by the compliance voltage."""
        return bool(self.ask_register(self.condition) & _IN_COMPLIANCE)

    def accuracy(self, level: float) -> float:
        """Return the 1-year accuracy (A) at `level` (A) on the prepared range, else on the smallest that holds it.

        622x-900-01, specification page: a fraction of the level and an offset, 23 ± 5 degrees Celsius.
        """
        used = self._range or range_for(level)
        return used.gain_error * abs(level) + used.offset_error

    def play(self, samples: Sequence[float], slot: float, *, compliance: float, R_load: float) -> None:
        """Play one waveform, once: `samples` (A), each for `slot` seconds, the last one 0 A.

        On return the end is confirmed, the level is 0 A, and range and compliance are those of `prepare`. The
        peak may be above the prepared `I_max`: it has a fixed range and a `compliance` (V) of its own. A peak
        that would need more than that voltage into `R_load` (ohm) raises OutOfRange, as does a waveform that
        the source cannot play; nothing is then sent. A set-up that is refused raises before anything is started.

        A started wave whose end (operation event bit 7) is not seen within its duration and a margin, or whose
        output is then off, raises PulseUnconfirmed; one that met the compliance raises InCompliance. After any
        failure but the latter the wave was aborted, the level set to zero, and the source must be prepared
        again. Nothing is repeated by itself.

        Points equal to those last sent are not sent again, up to a connection, resynchronisation, preparation,
        failure or parking.
        """
        who = self.wire.name
        wave = waveform(samples, slot, who)
        self.check("compliance", compliance)
        if not 0 < R_load < math.inf:
            raise OutOfRange(f"R_load of {who} must be above 0 ohm; got {R_load!r} ohm. Nothing was sent.")
        if not wave.peak * R_load <= compliance * _ROUNDING:
            raise OutOfRange(
                f"the peak of a waveform for {who} times R_load must be within the compliance of {compliance:G} V; "
                f"got {wave.peak:G} A into {R_load:G} ohm, {wave.peak * R_load:G} V. Nothing was sent."
            )
        prepared = self._range
        if prepared is None or _WITHOUT_WAVES in self.identity:
            raise NotReady(f"{who} must be a 6221, and prepared, before it plays. Nothing was sent.")
        if self.ask(self.interlock)[1] != "1" or not self.output:
            raise NotReady(f"{who} must have its interlock closed and its output on. Nothing was set.")
        self._range = None  # until its own is back, no level may be set
        try:
            self._set_up(wave, compliance)
            self._arm()
        except BaseException:  # whatever it was, an armed source must not be left behind
            self._silence()
            raise
        is_limited = self._start(wave)
        self._return_to(prepared)
        if is_limited:
            raise InCompliance(
                f"{who} must stay below its compliance of {compliance:G} V; it met it while it played a peak of "
                f"{wave.peak:G} A. The sample saw less; the level is 0 A again."
            )

    def park(self) -> None:
        """Abort a wave, level 0 A, output off, and both read back; NotParked says what could not be confirmed.

        Each step is tried even if the one before failed, and is sent even on a suspect session. What counts
        is the read-back: an error on the way is forgiven when the output is off and the level zero.
        """
        self._I_max = 0.0
        failed = self._silence()
        failed += try_each((("output off", lambda: self.say(self.clear, urgent=True)),))
        unconfirmed = try_each(
            (("output read back", self._confirm_output_off), ("level read back", self._confirm_level_zero))
        )
        failed += try_each((("errors", self.pending_errors),))
        if unconfirmed:
            raise NotParked(
                f"{self.wire.name} must be off at 0 A; that is not confirmed. Check it by hand.\n"
                + "\n".join(failed + unconfirmed)
            )

    def _dc_lines(self, chosen: Range, compliance: float) -> tuple[str, str, str]:
        return (
            self.line("level", 0.0),
            self.line("range", chosen.full_scale),
            self.line("compliance", compliance),
        )

    def _set_up(self, wave: Waveform, compliance: float) -> None:
        """Send everything that arming will check, and prove that it was accepted."""
        for line in (self.wave_abort.header, *self._dc_lines(range_for(wave.peak), compliance)):
            self.wire.say(line)
        content = (wave.points, self.wire.resynchronisations)
        if self._loaded != content:
            self._loaded = None
            self._load(wave)
        self.say(self.wave_amplitude, f"{wave.peak:.9G}")
        self.say(self.wave_frequency, f"{wave.frequency:.9G}")
        self.check_errors("the set-up of a waveform")
        self._loaded = content

    def _load(self, wave: Waveform) -> None:
        """Send the points and what is the same for every wave, and read back how many arrived."""
        first, *more = wave.chunks()
        self.say(self.wave_points, first)
        for chunk in more:
            self.say(self.wave_more_points, chunk)
        answered = float(self.ask(self.wave_length, timeout=2.0 + _PER_CHUNK * len(more))[0])
        self._confirm("the number of points", "points", len(wave.points), answered, within=0.0)
        self.say(self.wave_shape, "ARB0")
        self.say(self.wave_ranging, "FIX")
        self.say(self.wave_offset, "0")
        self.say(
            self.wave_time, "INF"
        )  # before the cycles: of the two the last one said may be the one that holds
        self.say(self.wave_cycles, "1")
        self.say(self.wave_marker, "OFF")

    def _arm(self) -> None:
        clock = self.wire.clock
        deadline = clock.now() + _ARM_LIMIT
        self.say(self.wave_arm)
        while self.ask(self.wave_armed, timeout=_ARM_LIMIT)[1] != "1":
            self.check_errors(self.wave_arm.header)
            if clock.now() >= deadline:
                raise NotFollowed(f"{self.wire.name} must be armed within {_ARM_LIMIT:g} s; it is not.")
            clock.wait(_ARM_POLL)
        # Both registers keep what was, until they are read: from here on they tell of this wave only.
        self.ask_register(self.operation_events)
        self.ask_register(self.measurement_events)

    def _start(self, wave: Waveform) -> bool:
        """Start the armed wave and wait for its end; return whether it met the compliance."""
        clock = self.wire.clock
        deadline = clock.now() + 1.01 * wave.duration + _END_MARGIN
        try:
            self.say(self.wave_start)
            clock.wait(wave.duration + _START)
            while not self.ask_register(self.operation_events) & _WAVE_STOPPED:
                if clock.now() >= deadline:
                    raise NotFollowed("bit 7 of STAT:OPER?, wave stopped, was not seen")
                clock.wait(_END_POLL)
            is_limited = bool(self.ask_register(self.measurement_events) & _IN_COMPLIANCE)
            if not self.output:
                raise NotFollowed("the output is off")
        except BaseException as failure:
            failed = self._silence()
            if not isinstance(failure, InstrumentError):
                raise
            done = "; ".join(failed) or "The wave was aborted and the level set to zero"
            raise PulseUnconfirmed(
                f"{self.wire.name} must confirm the end of a waveform ({wave.duration:G} s, peak {wave.peak:G} A); "
                f"{failure}. What the sample saw is not known, and nothing is repeated. {done}.\n"
                f"{self.wire.last_exchanges()}"
            ) from failure
        return is_limited

    def _return_to(self, prepared: Range) -> None:
        """Un-arm, level zero, and the range and compliance of `prepare`."""
        try:
            for line in (self.wave_abort.header, *self._dc_lines(prepared, self._compliance)):
                self.wire.say(line)
            self.check_errors("the return to the prepared range and compliance")
        except BaseException:
            self._silence()
            raise
        self._range = prepared

    def _silence(self) -> list[str]:
        """Abort a wave and set the level to zero, each whatever became of the other; return what failed.

        After that the source counts as unprepared and without points.
        """
        self._range, self._loaded = None, None
        return try_each(
            (
                ("waveform aborted", lambda: self.say(self.wave_abort, urgent=True)),
                ("level to zero", lambda: self.wire.say(self.line("level", 0.0), urgent=True)),
            )
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
