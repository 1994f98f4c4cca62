"""Keithley 6221: waves, from the shapes and the arbitrary points to arm, start, end and abort.

Commands, limits and checks as in the public drivers slave (k6221.py), pyacquisition (keithley_6221.py), PyMeasure
(keithley6221.py) and PICA (which quotes 622x-901-01 table 7-4, p. 7-27 to 7-30); refusals while armed from the
TANGO_Devices bench notes; status 622x-901-01 p. 11-11 to 11-17.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sim_instruments.clock import Event, VirtualClock
from sim_instruments.keithley_6221_source import DcSource, fits, lowest_range
from sim_instruments.keithley_6221_tables import (
    AMPLITUDE_MIN,
    ARM_TIME,
    CURRENT_MAX,
    CYCLES_MAX,
    CYCLES_MIN,
    DURATION_MAX,
    DURATION_MIN,
    FREQUENCY_MAX,
    FREQUENCY_MIN,
    POINTS_MAX,
    POINTS_MIN,
    POINTS_PER_MESSAGE,
    RANGES,
)
from sim_instruments.keithley_6221_trigger import TriggerModel
from sim_instruments.ports import TriggerLine, TriggerLink, Waveform
from sim_instruments.scpi_commands import Group, Pending, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Integer, Number
from sim_instruments.scpi_status import ScpiError, Status

#: Bits of the operation register.
WAVE_STARTED_BIT, WAVE_STOPPED_BIT = 4, 7

#: Steps in a period of a sine, and in each flank of a ramp (our choice; the instrument itself makes them finer).
SINE_STEPS = 64
FLANK_STEPS = 32


class Shape(NamedTuple):
    """One period of a wave: its values (-1 ... 1) and for which part of the period each is held (sum 1)."""

    values: list[float]
    parts: list[float]


def _curve(values: list[float], part: float) -> Shape:
    """Follow a curve, given at equal distances with both ends, in steps: each value holds half a step either way.

    Peaks are reached, phases are kept, and the mean square of a sine is exact.
    """
    step = part / (len(values) - 1)
    return Shape(values, [step / 2, *[step] * (len(values) - 2), step / 2])


def sine() -> Shape:
    """Return a sine that begins at zero and rises."""
    return _curve([math.sin(2 * math.pi * k / SINE_STEPS) for k in range(SINE_STEPS + 1)], 1.0)


def square(duty: float) -> Shape:
    """Return a square wave that is high for the part `duty` of a period, first [order unconfirmed]."""
    return Shape([1.0, -1.0], [duty, 1.0 - duty])


def ramp(duty: float) -> Shape:
    """Return a ramp that rises for the part `duty` of a period, and then falls [order unconfirmed]."""
    rising = np.linspace(-1.0, 1.0, FLANK_STEPS + 1).tolist()
    up, down = _curve(rising, duty), _curve(rising[::-1], 1.0 - duty)
    return Shape(up.values + down.values, up.parts + down.parts)


def arbitrary(points: tuple[float, ...]) -> Shape:
    """Return points that share the period equally."""
    return Shape(list(points), [1.0 / len(points)] * len(points))


class Waves(Group):
    """SOURce:WAVE: one wave is set up, armed, started, and ends by itself or is aborted.

    Where no manual page or bench note says what happens, it is our choice [uncited]: a set-up that does not fit
    is refused at ARM with -221; arming sets the DC level to zero, which is what flows before and after the wave,
    and it stays zero when un-armed; a wave that has ended stays armed and can be started again; starting one
    that is not armed is -221, one that runs -213; arbitrary points survive *RST. The wave runs on while the
    output is off.

    The phase marker is an edge in each period on its trigger line, from the start to the end. Not simulated: its
    width and polarity; refused as undefined: the external trigger (EXTRigger, firmware A03 and later).
    """

    root = "[SOURce1]:WAVE"

    function = Setting(
        ":FUNCtion",
        Choice("SINusoid", "SQUare", "RAMP", *(f"ARBitrary{slot}" for slot in range(5)), numbered=True),
        default="SIN",
    )
    duty_cycle = Setting(":DCYCle", Number(0.0, 100.0), default=50.0)
    amplitude = Setting(":AMPLitude", Number(AMPLITUDE_MIN, CURRENT_MAX), default=1e-3)
    frequency = Setting(":FREQuency", Number(FREQUENCY_MIN, FREQUENCY_MAX), default=1e3)
    offset = Setting(":OFFSet", Number(-CURRENT_MAX, CURRENT_MAX), default=0.0)
    ranging = Setting(":RANGing", Choice("BEST", "FIXed"), default="BEST")
    duration = Setting(
        ":DURation:TIME", Number(DURATION_MIN, DURATION_MAX, ".9E", infinite=True), default=math.inf
    )
    cycles = Setting(
        ":DURation:CYCLes", Number(CYCLES_MIN, CYCLES_MAX, ".9E", infinite=True), default=math.inf
    )
    marker_phase = Setting(":PMARk[:LEVel]", Number(0.0, 360.0), default=180.0)
    marker_line = Setting(":PMARk:OLINe", Integer(1, 6), default=3.0)
    marker = Setting(":PMARk:STATe", Boolean(), default=False)

    def __init__(
        self,
        clock: VirtualClock,
        source: DcSource,
        status: Status,
        trigger: TriggerModel,
        trigger_link: TriggerLink,
    ) -> None:
        super().__init__()
        self._trigger = trigger
        self._clock = clock
        self._source = source
        self._status = status
        self._trigger_link = trigger_link
        self._slots: dict[str, tuple[float, ...]] = {}
        self._running = False
        self._end: Event | None = None

    def allow_change(self, name: str) -> None:
        """Refuse set-up while armed or running (-221)."""
        if self._source.armed is self:
            raise ScpiError(-221)

    # --- arbitrary points -------------------------------------------------------------------------

    @command(":ARBitrary:DATA", Number(-1.0, 1.0), series=True)
    def write_points(self, *points: float) -> None:
        """Put the first points into ARB0; more than 100 are -223 [code unconfirmed]."""
        self._store(points, before=())

    @command(":ARBitrary:APPend", Number(-1.0, 1.0), series=True)
    def append_points(self, *points: float) -> None:
        """Add points to ARB0; more than 65535 in all are -225 [code unconfirmed]."""
        self._store(points, before=self._slots.get("ARB0", ()))

    def _store(self, points: tuple[float, ...], before: tuple[float, ...]) -> None:
        self.allow_change("points")
        if len(points) > POINTS_PER_MESSAGE:
            raise ScpiError(-223)
        if len(before) + len(points) > POINTS_MAX:
            raise ScpiError(-225)
        self._slots["ARB0"] = before + points

    @query(":ARBitrary:POINts")
    def number_of_points(self) -> str:
        """Number of points in ARB0."""
        return str(len(self._slots.get("ARB0", ())))

    @query(":ARBitrary:DATA")
    def points(self) -> str:
        """Points in ARB0, separated by commas."""
        return ",".join(f"{point:.6E}" for point in self._slots.get("ARB0", ()))

    @command(":ARBitrary:COPY", Integer(1, 4))
    def copy_points(self, slot: float) -> None:
        """Copy ARB0 to a slot that keeps it; nothing to copy is -221 [code unconfirmed]."""
        self.allow_change("points")
        if "ARB0" not in self._slots:
            raise ScpiError(-221)
        self._slots[f"ARB{slot:.0f}"] = self._slots["ARB0"]

    # --- arm, start, stop -------------------------------------------------------------------------

    @command(":ARM")
    def arm(self) -> Pending:
        """Check the set-up and make the source ready, at zero; nothing else is obeyed until that is done."""
        if self._running:
            raise ScpiError(-221)
        self._check()
        self._source.arm(self)
        self._source.silence()
        done = Pending()
        self._clock.after(ARM_TIME, done.settle)
        return done

    @query(":ARM")
    def armed(self) -> str:
        """Return 1 while armed or running."""
        return "1" if self._source.armed is self else "0"

    @command(":INITiate")
    def start(self) -> None:
        """Start the armed wave."""
        if self._source.armed is not self:
            raise ScpiError(-221)
        if self._running:
            raise ScpiError(-213)
        wave = self._wave()
        self._running = True
        self._status.operation.pulse(WAVE_STARTED_BIT)
        self._source.play(wave, self._range())
        if self.marker:
            self._marked.carry(self.frequency, math.radians(self.marker_phase))
        if math.isfinite(wave.end):
            self._end = self._clock.at(wave.end, self._stop)

    @command(":ABORt")
    def abort(self) -> None:
        """Stop at once, if running, and un-arm."""
        if self._source.armed is self:
            self._source.disarm()

    def disarm(self) -> None:
        """Stop at once, if running: the source has been un-armed."""
        if self._running:
            self._stop()

    def reset(self) -> None:
        """*RST: stop and un-arm."""
        self.abort()
        super().reset()

    def _stop(self) -> None:
        if self._end is not None:
            self._end.cancel()
        self._running = False
        self._source.silence()
        self._marked.carry(None)
        self._status.operation.pulse(WAVE_STOPPED_BIT)

    @property
    def _marked(self) -> TriggerLine:
        return self._trigger_link.line(int(self.marker_line))

    # --- what is played ---------------------------------------------------------------------------

    def _check(self) -> None:
        peak = abs(self.offset) + self.amplitude
        if (
            not fits(peak, RANGES[-1].full_scale)
            or not fits(peak, self._range())
            or (self.marker and self.marker_line == self._trigger.output_line)
            or (self.function.startswith("ARB") and len(self._slots.get(self.function, ())) < POINTS_MIN)
        ):
            raise ScpiError(-221)

    def _range(self) -> float:
        if self.ranging == "FIX":
            return self._source.range
        return lowest_range(abs(self.offset) + self.amplitude)

    def _wave(self) -> Waveform:
        shape = self._shape()
        return Waveform(
            start=self._clock.now(),
            levels=tuple(self.offset + self.amplitude * value for value in shape.values),
            holds=tuple(part / self.frequency for part in shape.parts),
            cycles=_whole(min(self.cycles, self.duration * self.frequency)),
            sine_peak=self.amplitude if self.function == "SIN" and not self.offset else None,
        )

    def _shape(self) -> Shape:
        if self.function == "SIN":
            return sine()
        if self.function == "SQU":
            return square(self.duty_cycle / 100)
        if self.function == "RAMP":
            return ramp(self.duty_cycle / 100)
        return arbitrary(self._slots[self.function])


def _whole(cycles: float) -> float:
    """Return a whole number of cycles where only rounding stands between."""
    nearest = math.floor(cycles + 0.5) if math.isfinite(cycles) else cycles
    return float(nearest) if abs(cycles - nearest) < 1e-9 * nearest else cycles
