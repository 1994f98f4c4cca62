"""Keithley 6220/6221 current source: DC, and on the 6221 one arbitrary waveform at a time or a sine.

Reference Manual 622x-901-01, p. 4-22, 10-14 to 10-18, 11-2 to 11-17, B-2, and User's Manual 622x-900-01,
p. 5-23 to 5-41 and the specification page. A line whose manual page was not seen says which public drivers
it was read in; what a bench should confirm is listed as uncited in tests/wire/keithley_6221.toml.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from drivers._instrument import Command, Query, register, try_each
from drivers._looks import looks
from drivers._parking import Expect, Recipe, Say
from drivers._waveform import Waveform, check_sine, waveform
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
from drivers.keithley_6221_dc import (
    IN_COMPLIANCE,
    RANGES,
    REGISTERS,
    ROUNDING,
    SEEN,
    DcSource,
    Range,
    range_for,
)

__all__ = ["RANGES", "Keithley6221", "range_for"]

#: Trigger line of the phase marker: the factory's choice. The trigger output has line 2, and the two must differ.
MARKER_LINE: Final = 3

_WAVES = SEEN + "; PICA AC_Resistivity_K6221_SR830_GUI.py, quoting 622x-901-01 p. 7-27 to 7-30"
_WAVE_STARTED = 1 << 4
_WAVE_STOPPED = 1 << 7
_WITHOUT_WAVES = "MODEL 6220"
ZERO: Final = r"[+-]?0+(?:\.0*)?(?:[eE][+-]?\d+)?"  # a number that is zero, however it is printed

_PER_CHUNK = 0.1  # s that the source may take over one message of points
_ARM_LIMIT, _ARM_POLL = 10.0, 0.2  # s; arming takes 1 to 2
_START = 0.02  # s from INIT to the wave: asking at once is a query too many
_FIRST_LOOK = 1.0  # s at most until a sine is looked at: a period, so that a peak has been
_END_POLL = 0.05  # s
_END_MARGIN = 2.0  # s, and 1 % of the duration, in which the end must be confirmed


@dataclass(slots=True)
class _Sine:
    """A sine that runs: what it is in words, its compliance (V), the range to go back to, and what was seen."""

    words: str
    compliance: float
    prepared: Range
    is_limited: bool = False


class Keithley6221(DcSource):
    """The source in the role of a PulseSource: what a DcSource does, play, start_sine, stop_wave and park.

    While a sine runs there is no level, no waveform and no preparation (NotReady): `stop_wave` or `park` end it.
    """

    __slots__ = ("_loaded", "_sine")

    wave_shape = Command("SOUR:WAVE:FUNC", _WAVES, "ARB0: the points last sent; SIN")
    wave_points = Command("SOUR:WAVE:ARB:DATA", _WAVES, "the first 100 points, -1 to +1")
    wave_more_points = Command("SOUR:WAVE:ARB:APP", _WAVES, "100 further points")
    wave_length = Query("SOUR:WAVE:ARB:POIN?", NUMBER, _WAVES, "number of points")
    wave_amplitude = Command("SOUR:WAVE:AMPL", _WAVES, "peak (A)")
    wave_offset = Command("SOUR:WAVE:OFFS", _WAVES, "offset (A)")
    wave_frequency = Command("SOUR:WAVE:FREQ", _WAVES, "cycles per second")
    wave_ranging = Command("SOUR:WAVE:RANG", _WAVES, "FIX: the range of the DC level")
    wave_time = Command("SOUR:WAVE:DUR:TIME", _WAVES, "duration (s)")
    wave_cycles = Command("SOUR:WAVE:DUR:CYCL", _WAVES, "duration in cycles; the shorter of the two holds")
    wave_marker = Command("SOUR:WAVE:PMAR:STAT", _WAVES, "phase marker: about 1 us high, once a cycle")
    wave_marker_line = Command("SOUR:WAVE:PMAR:OLIN", _WAVES, "the trigger line that it is on, not 2")
    wave_marker_phase = Command("SOUR:WAVE:PMAR", _WAVES, "where in the cycle it is (deg)")
    wave_arm = Command("SOUR:WAVE:ARM", _WAVES, "check the settings; the source goes to zero, 1 to 2 s")
    wave_armed = Query("SOUR:WAVE:ARM?", re.compile(r"\+?([01])"), _WAVES, "1 armed")
    wave_start = Command("SOUR:WAVE:INIT", _WAVES, "start the armed wave")
    wave_abort = Command("SOUR:WAVE:ABOR", _WAVES, "stop and un-arm; harmless when idle")
    operation_events = register("STAT:OPER?", REGISTERS, "bit 4 wave started, 7 wave stopped; reading clears")

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        # The points in the source, and how often the session had been resynchronised when they were sent.
        self._loaded: tuple[tuple[str, ...], int] | None = None
        self._sine: _Sine | None = None

    def connect(self) -> list[str]:
        """Check the identity and return old errors; points sent over an earlier connection are not relied on."""
        self._loaded = None
        return super().connect()

    def prepare(self, I_max: float, compliance: float) -> None:
        """Choose range and compliance as DcSource does; points sent earlier are not relied on."""
        self._check_no_sine()
        super().prepare(I_max, compliance)
        self._loaded = None

    def set_current(self, current: float) -> None:
        """Set the level (A); beyond the prepared `I_max` raises OutOfRange and nothing is sent."""
        self._check_no_sine()
        super().set_current(current)

    def in_compliance(self) -> bool:
        """Return True while the compliance voltage limits the output, or has limited the sine that runs."""
        if self._sine is None:
            return super().in_compliance()
        with self.wire.once():  # a resynchronisation would clear what the sine has met
            return self._has_limited(self._sine) or super().in_compliance()

    def verify(self) -> None:
        """As DcSource has it; a sine that runs has no level, and must not have ended nor met its compliance."""
        if self._sine is None:
            super().verify()
            return
        if not self.output:
            raise NotFollowed(f"the output of {self.wire.name} must be on while a sine runs; it is off.")
        with self.wire.once():
            if self._has_limited(self._sine):
                raise self._limited(self._sine.words, self._sine.compliance)

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
        wave = waveform(samples, slot, self.wire.name)
        prepared = self._ready_for(wave.peak, compliance, R_load)
        self._prepare_wave(lambda: self._set_up(wave, compliance))
        is_limited = self._start(wave)
        self._return_to(prepared)
        if is_limited:
            raise self._limited(f"a peak of {wave.peak:G} A", compliance)

    def start_sine(self, I_ac_pk: float, frequency: float, *, compliance: float, R_load: float) -> None:
        """Drive I_ac_pk sin(2 pi frequency t), peak in A, 1 mHz to 100 kHz, from now until `stop_wave` or `park`.

        On return it is confirmed to flow, and the phase marker gives an edge at each rising zero on trigger line
        MARKER_LINE. Range and compliance (V) are the sine's own; refusals and failures are those of `play`. A
        sine that met the compliance within its first period (at most its first second) was ended, with the
        source ready again (InCompliance); one that meets it later is told by `in_compliance` and `stop_wave`.
        """
        check_sine(I_ac_pk, frequency, self.wire.name)
        prepared = self._ready_for(I_ac_pk, compliance, R_load)
        sine = _Sine(f"a sine of {I_ac_pk:G} A peak at {frequency:G} Hz", compliance, prepared)
        self._prepare_wave(lambda: self._set_up_sine(I_ac_pk, frequency, compliance))
        with self._confirmed(f"the start of {sine.words}"):
            self.say(self.wave_start)
            self.wire.clock.wait(min(1 / frequency, _FIRST_LOOK) + _START)
            events = self.ask_register(self.operation_events)
            if not events & _WAVE_STARTED or events & _WAVE_STOPPED:
                raise NotFollowed(
                    f"STAT:OPER? must tell of a start and of no end, bits 4 and 7; it is {events}"
                )
            self._check_output_on()
            is_limited = self._has_limited(sine)
        if is_limited:
            self._return_to(prepared)
            raise self._limited(sine.words, compliance)
        self._sine = sine

    def stop_wave(self) -> None:
        """End the sine, if one runs: level 0 A, range and compliance of `prepare`, and the source ready again.

        A sine that had ended before, or whose output is off, raises PulseUnconfirmed; the level was set to zero
        and the source must be prepared again. One that met the compliance raises InCompliance.
        """
        sine = self._sine
        if sine is None:
            return
        with self._confirmed(f"that {sine.words} ran until it was stopped"):
            if self.ask_register(self.operation_events) & _WAVE_STOPPED:
                raise NotFollowed("bit 7 of STAT:OPER?, wave stopped, was set before")
            self._check_output_on()
            is_limited = self._has_limited(sine)
        self._return_to(sine.prepared)
        if is_limited:
            raise self._limited(sine.words, sine.compliance)

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

    def parking_recipe(self) -> Recipe:
        """Return what `park` says and reads back, as plain data."""
        return (
            Say(self.wave_abort.header),
            Say(self.line("level", 0.0)),
            Say(self.clear.header),
            Expect("OUTP?", r"\+?0+"),
            Expect("SOUR:CURR?", ZERO),
        )

    # --- what a wave needs ------------------------------------------------------------------------

    def _check_no_sine(self) -> None:
        if self._sine is not None:
            who = self.wire.name
            raise NotReady(f"{who} must be idle; {self._sine.words} runs until stop_wave. Nothing was sent.")

    def _check_output_on(self) -> None:
        if not self.output:
            raise NotFollowed("the output is off")

    def _has_limited(self, sine: _Sine) -> bool:
        """Return whether the compliance was ever met by a sine; the register forgets it once it is read."""
        sine.is_limited |= bool(self.ask_register(self.measurement_events) & IN_COMPLIANCE)
        return sine.is_limited

    def _limited(self, what: str, compliance: float) -> InCompliance:
        return InCompliance(
            f"{self.wire.name} must stay below its compliance of {compliance:G} V; it met it while it played "
            f"{what}. The sample saw less; the level is 0 A again."
        )

    def _ready_for(self, peak: float, compliance: float, R_load: float) -> Range:
        """Check that a wave with this peak (A) may flow now, and return the range to go back to after it."""
        who = self.wire.name
        self.check("level", peak)
        self.check("compliance", compliance)
        if not 0 < R_load < math.inf:
            raise OutOfRange(f"R_load of {who} must be above 0 ohm; got {R_load!r} ohm. Nothing was sent.")
        if not peak * R_load <= compliance * ROUNDING:
            raise OutOfRange(
                f"the peak of a waveform for {who} times R_load must be within the compliance of {compliance:G} V; "
                f"got {peak:G} A into {R_load:G} ohm, {peak * R_load:G} V. Nothing was sent."
            )
        self._check_no_sine()
        prepared = self._range
        if prepared is None or _WITHOUT_WAVES in self.identity:
            raise NotReady(f"{who} must be a 6221, and prepared, before it plays. Nothing was sent.")
        if self.ask(self.interlock)[1] != "1" or not self.output:
            raise NotReady(f"{who} must have its interlock closed and its output on. Nothing was set.")
        return prepared

    def _prepare_wave(self, set_up: Callable[[], None]) -> None:
        """Set up and arm; whatever fails, no armed source is left behind."""
        self._range = None  # until its own is back, no level may be set
        try:
            set_up()
            self._arm()
        except BaseException:
            self._silence()
            raise

    def _begin_set_up(self, peak: float, compliance: float) -> None:
        for line in (self.wave_abort.header, *self._dc_lines(range_for(peak), compliance)):
            self.wire.say(line)

    def _set_up_sine(self, I_ac_pk: float, frequency: float, compliance: float) -> None:
        """Send everything that arming will check, and prove that it was accepted."""
        self._loaded = None  # shape, duration and marker are no longer those of the points
        self._begin_set_up(I_ac_pk, compliance)
        self.say(self.wave_shape, "SIN")
        self._say_common("INF")
        self.say(self.wave_amplitude, f"{I_ac_pk:.9G}")
        self.say(self.wave_frequency, f"{frequency:.9G}")
        self.say(self.wave_marker_line, f"{MARKER_LINE}")
        self.say(self.wave_marker, "ON")
        self.say(self.wave_marker_phase, "0")
        self.check_errors("the set-up of a sine")

    def _set_up(self, wave: Waveform, compliance: float) -> None:
        """Send everything that arming will check, and prove that it was accepted."""
        self._begin_set_up(wave.peak, compliance)
        content = (wave.points, self.wire.resynchronisations)
        if self._loaded != content:
            self._load(wave)
        self.say(self.wave_amplitude, f"{wave.peak:.9G}")
        self.say(self.wave_frequency, f"{wave.frequency:.9G}")
        self.check_errors("the set-up of a waveform")
        self._loaded = content

    def _load(self, wave: Waveform) -> None:
        """Send the points and what is the same for every wave, and read back how many arrived."""
        self._loaded = None
        first, *more = wave.chunks()
        self.say(self.wave_points, first)
        for chunk in more:
            self.say(self.wave_more_points, chunk)
        answered = float(self.ask(self.wave_length, timeout=2.0 + _PER_CHUNK * len(more))[0])
        self._confirm("the number of points", "points", len(wave.points), answered, within=0.0)
        self.say(self.wave_shape, "ARB0")
        self._say_common("1")
        self.say(self.wave_marker, "OFF")

    def _say_common(self, cycles: str) -> None:
        self.say(self.wave_ranging, "FIX")
        self.say(self.wave_offset, "0")
        # Time before cycles: of the two the last one said may be the one that holds.
        self.say(self.wave_time, "INF")
        self.say(self.wave_cycles, cycles)

    def _arm(self) -> None:
        deadline = self.wire.clock.now() + _ARM_LIMIT
        self.say(self.wave_arm)
        for is_last in looks(self.wire.clock, deadline, _ARM_POLL):
            if self.ask(self.wave_armed, timeout=_ARM_LIMIT)[1] == "1":
                break
            self.check_errors(self.wave_arm.header)
            if is_last:
                raise NotFollowed(f"{self.wire.name} must be armed within {_ARM_LIMIT:g} s; it is not.")
        # Both registers keep what was, until they are read: from here on they tell of this wave only.
        self.ask_register(self.operation_events)
        self.ask_register(self.measurement_events)

    def _start(self, wave: Waveform) -> bool:
        """Start the armed wave and wait for its end; return whether it met the compliance."""
        clock = self.wire.clock
        deadline = clock.now() + 1.01 * wave.duration + _END_MARGIN
        with self._confirmed(f"the end of a waveform ({wave.duration:G} s, peak {wave.peak:G} A)"):
            self.say(self.wave_start)
            clock.wait(wave.duration + _START)
            for is_last in looks(clock, deadline, _END_POLL):
                if self.ask_register(self.operation_events) & _WAVE_STOPPED:
                    break
                if is_last:
                    raise NotFollowed("bit 7 of STAT:OPER?, wave stopped, was not seen")
            is_limited = bool(self.ask_register(self.measurement_events) & IN_COMPLIANCE)
            self._check_output_on()
        return is_limited

    @contextmanager
    def _confirmed(self, what: str) -> Generator[None]:
        """Silence the source where what is inside fails, and say so: PulseUnconfirmed."""
        try:
            with self.wire.once():  # a resynchronisation would clear what the source has seen of the wave
                yield
        except BaseException as failure:
            failed = self._silence()
            if not isinstance(failure, InstrumentError):
                raise
            done = "; ".join(failed) or "The wave was aborted and the level set to zero"
            raise PulseUnconfirmed(
                f"{self.wire.name} must confirm {what}; {failure}. What the sample saw is not known, and nothing "
                f"is repeated. {done}.\n{self.wire.last_exchanges()}"
            ) from failure

    def _return_to(self, prepared: Range) -> None:
        """Un-arm, level zero, and the range and compliance of `prepare`."""
        try:
            for line in (self.wave_abort.header, *self._dc_lines(prepared, self._compliance)):
                self.wire.say(line)
            self.check_errors("the return to the prepared range and compliance")
        except BaseException:
            self._silence()
            raise
        self._range, self._sine, self._level = prepared, None, 0.0

    def _silence(self) -> list[str]:
        """Abort a wave and set the level to zero, each whatever became of the other; return what failed.

        After that the source counts as unprepared and without points.
        """
        self._range, self._loaded, self._sine = None, None, None
        abort = ("waveform aborted", lambda: self.say(self.wave_abort, urgent=True))
        zero = ("level to zero", lambda: self.wire.say(self.line("level", 0.0), urgent=True))
        return try_each((abort, zero))
