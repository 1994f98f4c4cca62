"""Stanford Research SR830 lock-in amplifier: harmonics of a voltage, as X and Y in volts rms.

SR830 manual p. 4-9, 5-2, 5-8, 5-15, 5-16, 5-20, 5-23; what has no page there was read in the public drivers of
pymeasure (sr830.py), qcodes, slave and instrumentkit. Every voltage is rms, as the lock-in prints and sets it.
"""

from __future__ import annotations

import math
import re
from typing import Final, Literal, NamedTuple

from drivers._choice import Boolean, Choice
from drivers._instrument import Command, Query, RegisterInstrument, names_of, register, try_each
from drivers._parking import Expect, Recipe, Say
from drivers._setting import Count, Number
from drivers._wire import NUMBER, Wire
from drivers.errors import NotFollowed, NotParked, NotReady, OutOfRange, Overload, WireTimeout
from drivers.srs_sr830_settings import (
    SENSITIVITIES,
    SLOPES,
    STEP_TOLERANCE,
    TIME_CONSTANTS,
    Amplitude,
    Frequency,
    Step,
    sensitivity_for,
    settle_time,
)

_DRIVERS = "pymeasure sr830.py, qcodes, slave, instrumentkit"
#: Highest detection frequency (Hz): harmonic times reference frequency.
DETECTION_MAX: Final = 102e3
#: Smallest amplitude (V rms) of the sine output, which cannot be switched off.
V_SINE_MIN_RMS: Final = 0.004

_UNLOCKED: Final = "reference unlocked"
_OVERLOADS: Final = ("input overload", "filter overload", "output overload")
#: Bits of the lock-in status byte, lowest first (p. 5-23).
STATUS: Final = (
    *(*_OVERLOADS, _UNLOCKED),
    *("frequency range changed", "time constant changed", "data storage triggered"),
)

_PORTS: Final[dict[Literal["GPIB", "serial"], str]] = {"GPIB": "1", "serial": "0"}
_INPUT: Final = "ISRC"
_TWO_OR_MORE = re.compile(rf"{NUMBER.pattern}(?:,{NUMBER.pattern}){{1,5}}")


class Snapshot(NamedTuple):
    """Outputs and reference at one moment: `X`, `Y`, `R` (V rms), `theta` (deg), `frequency` (Hz)."""

    X: float
    Y: float
    R: float
    theta: float
    frequency: float


class SR830(RegisterInstrument):
    """The lock-in amplifier of a harmonic measurement: prepare, select_harmonic, settle_time, read_xy, park.

    The reference is chosen apart from that, by `use_external_reference` or `use_internal_reference`.
    """

    MODEL = "Stanford Research SR830"
    IDENTITY = re.compile(r"Stanford_Research_Systems,SR830,s/n[^,]+,ver[^,]+")
    EVENTS = ("input buffer overflow (*ESR? bit 0)", *RegisterInstrument.EVENTS[1:])
    __slots__ = ("_kept", "_time_constant")

    phase = Number(
        "PHAS", unit="deg", low=-360, high=729.99, page=_DRIVERS, doc="answered within 180", style=".2f"
    )
    reference = Choice("FMOD", {"external": "0", "internal": "1"}, page=_DRIVERS, doc="what is locked to")
    reference_slope = Choice(
        "RSLP",
        {"sine": "0", "TTL rising": "1", "TTL falling": "2"},
        page=_DRIVERS,
        doc="edge of the external reference; sine is its zero crossing",
    )
    frequency = Frequency(
        "FREQ", unit="Hz", low=0.001, high=DETECTION_MAX, page=_DRIVERS, doc="set if internal"
    )
    harmonic = Count("HARM", low=1, high=19999, page=_DRIVERS, doc="detected at harmonic x frequency")
    V_sine_rms = Amplitude(
        "SLVL",
        unit="V",
        low=V_SINE_MIN_RMS,
        high=5.0,
        page=_DRIVERS,
        doc="sine output, also with external reference",
        style=".3f",
    )
    input = Choice(
        _INPUT,
        {"A": "0", "A-B": "1", "I at 1 Mohm": "2", "I at 100 Mohm": "3"},
        page=_DRIVERS,
        doc="voltage on A, or between A and B; current",
    )
    shield = Choice("IGND", {"float": "0", "ground": "1"}, page=_DRIVERS, doc="of the input connectors")
    coupling = Choice("ICPL", {"AC": "0", "DC": "1"}, page=_DRIVERS, doc="input coupling")
    line_filters = Choice(
        "ILIN", {"none": "0", "line": "1", "2 x line": "2", "both": "3"}, page=_DRIVERS, doc="notch filters"
    )
    sensitivity = Step("SENS", SENSITIVITIES, unit="V", page=_DRIVERS, doc="full scale, rms; SENSITIVITIES")
    reserve = Choice(
        "RMOD", {"high": "0", "normal": "1", "low noise": "2"}, page=_DRIVERS, doc="dynamic reserve"
    )
    time_constant = Step("OFLT", TIME_CONSTANTS, unit="s", page="4-9", doc="at most 30 s above 200 Hz")
    slope = Step("OFSL", SLOPES, unit="dB/octave", page="4-9", doc="slope of the output filter")
    sync_filter = Boolean(
        "SYNC", page="5-23", doc="mean over one period of the reference, below 200 Hz", off_on=("0", "1")
    )

    reply_port = Command("OUTX", "fsc2 sr830.c", "the port that replies are sent to")
    offset_expand = Command("OEXP", "5-8", "output, offset (% of full scale), expand")
    snap = Query("SNAP?", _TWO_OR_MORE, _DRIVERS, "two to six outputs at one moment")
    lockin_status = register("LIAS?", "5-23", "what happened since it was last read, as in STATUS")

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._time_constant: float | None = None  # as prepared; None: not prepared
        self._kept: dict[str, float | str] = {}  # what must still be so when a reading is stored

    def connect(self) -> list[str]:
        """Check the identity and take the old errors; a lock-in that is mute is told which port to answer on.

        Replies go to one port only, chosen by OUTX, and the other stays silent. Only after a silence, and before
        it is given up (WireTimeout), is OUTX said: GPIB first, then serial.
        """
        for port in _PORTS:
            try:
                return super().connect()
            except WireTimeout:
                self.send_replies_to(port)
        return super().connect()

    def send_replies_to(self, port: Literal["GPIB", "serial"]) -> None:
        """Have replies sent to "GPIB" or "serial"; said without asking, since the answer may go elsewhere."""
        self.say(self.reply_port, _PORTS[port], urgent=True)

    def use_external_reference(self, slope: str = "TTL rising") -> None:
        """Lock to the reference input: to its "TTL rising" or "TTL falling" edge, or a "sine" zero crossing."""
        self._check_all(reference_slope=slope)
        self.reference = "external"
        self.reference_slope = slope
        self._kept["reference"] = "external"

    def use_internal_reference(self, frequency: float, V_sine_rms: float = V_SINE_MIN_RMS) -> None:
        """Lock to the internal oscillator at `frequency` (Hz), with `V_sine_rms` (V) at the sine output.

        A frequency whose present harmonic is beyond 102 kHz raises OutOfRange and nothing is set.
        """
        self._check_all(frequency=frequency, V_sine_rms=V_sine_rms)
        self._check_detection(self.harmonic, frequency)
        self.reference = "internal"
        self.frequency = frequency
        self.V_sine_rms = V_sine_rms
        self._kept["reference"] = "internal"

    def prepare(
        self,
        V_max_rms: float,
        time_constant: float,
        slope: float = 24,
        harmonic: int = 1,
        *,
        reserve: str = "normal",
        sync_filter: bool = False,
    ) -> None:
        """Set up readings of one harmonic of the voltage between A and B, on the fixed range for `V_max_rms` (V).

        `time_constant` (s) is one of TIME_CONSTANTS, `slope` one of SLOPES (dB/octave). A large fundamental under
        a small harmonic wants `reserve="high"`. Shields float (the sample is grounded at its source), AC coupling,
        no line filters (they turn the phase next to the line frequency), no offset of X or Y. Everything is
        checked before anything is set; a time constant that the lock-in does not keep (its slope or reserve needs
        a longer one, or it is above 30 s at more than 200 Hz) raises NotFollowed.
        """
        full_scale = sensitivity_for(V_max_rms)
        self._check_all(
            time_constant=time_constant,
            slope=slope,
            harmonic=harmonic,
            reserve=reserve,
            sync_filter=sync_filter,
        )
        self._check_detection(harmonic, self.frequency)
        self._time_constant = None
        self.input = "A-B"
        self.shield = "float"
        self.coupling = "AC"
        self.line_filters = "none"
        self.reserve = reserve
        self.sensitivity = full_scale
        self.slope = slope
        self.harmonic = harmonic  # before the time constant, whose limit depends on it
        self.time_constant = time_constant
        self.sync_filter = sync_filter
        for output in (1, 2):
            self.do(self.offset_expand, f"{output},0,0")
        self._confirm(harmonic, time_constant)
        self._time_constant = time_constant
        self._kept |= {
            "input": "A-B",
            "sensitivity": full_scale,
            "harmonic": harmonic,
            "time_constant": time_constant,
        }

    def select_harmonic(self, n: int, V_max_rms: float | None = None) -> None:
        """Measure the `n`-th harmonic from now on; `V_max_rms` (V) also changes the range.

        A harmonic beyond 102 kHz raises OutOfRange and nothing is set. Wait for `settle_time()` before reading.
        """
        time_constant = self._prepared()
        full_scale = None if V_max_rms is None else sensitivity_for(V_max_rms)
        self.check("harmonic", n)
        self._check_detection(n, self.frequency)
        self.harmonic = n
        if full_scale is not None:
            self.sensitivity = full_scale
        self._confirm(n, time_constant)
        self._kept["harmonic"] = n
        if full_scale is not None:
            self._kept["sensitivity"] = full_scale

    def settle_time(self) -> float:
        """Return how long (s) to wait after a change, as the lock-in is set now, until X and Y are within 1 %.

        The synchronous filter adds one period of the reference. A time constant that is no longer the prepared one
        raises NotFollowed: the wait would be too short.
        """
        time_constant = self.time_constant
        if self._time_constant is not None:
            self._must_still_be("time_constant", self._time_constant, time_constant)
        filtered = settle_time(time_constant, self.slope)
        return filtered + (1 / self.frequency if self.sync_filter else 0.0)

    def read_xy(self) -> tuple[float, float]:
        """Return X and Y (V rms) of the same moment; they are not averaged and nothing is waited for.

        Raises NotReady before prepare and while the reference is unlocked, Overload while input, filter or output
        are overloaded: then there is no reading.
        """
        self._prepared()
        (X, Y), status = self.wire.persistently(self._read_xy_once, "a reading of X and Y")
        if _UNLOCKED in status:
            raise NotReady(
                f"{self.wire.name} must be locked to its reference; it is unlocked. There is no reading.\n"
                f"{self.wire.last_exchanges()}"
            )
        overloads = [word for word in status if word in _OVERLOADS]
        if overloads:
            raise Overload(
                f"{self.wire.name} must not be overloaded; it reports {', '.join(overloads)}. There is no reading. "
                f"Choose a larger V_max_rms, more reserve, or wait longer.\n{self.wire.last_exchanges()}"
            )
        return X, Y

    def verify(self) -> None:
        """Raise NotFollowed unless input, range, harmonic, time constant and reference are still as they were set.

        One that is not prepared is left alone.
        """
        if self._time_constant is None:
            return
        for name, wanted in self._kept.items():
            self._must_still_be(name, wanted, getattr(self, name))

    def snapshot(self) -> Snapshot:
        """Return the outputs and the reference frequency of one moment, overloaded or not: see `status`.

        X and Y are taken within some 10 us of R and theta (SR830 manual p. 5-15).
        """
        return Snapshot(*self._snap(1, 2, 3, 4, 9))

    def status(self) -> list[str]:
        """Return, in the words of STATUS, what has happened since it was last asked; asking clears it."""
        return names_of(self.ask_register(self.lockin_status), STATUS)

    def is_locked(self) -> bool:
        """Return False where the reference was unlocked at any time since the status was last asked."""
        return _UNLOCKED not in self.status()

    def command(self, line: str) -> None:
        """Say a line and check that it was accepted; after a change of input it must be prepared again."""
        if line.startswith(_INPUT):
            self._time_constant = None
        super().command(line)

    def park(self) -> None:
        """Turn the sine output down to its minimum, 4 mV rms; NotParked where that is not read back."""
        self._time_constant = None
        turn_down = self.line("V_sine_rms", V_SINE_MIN_RMS)
        steps = ((turn_down, lambda: self.wire.say(turn_down, urgent=True)), ("SLVL?", self._confirm_down))
        if failed := try_each(steps):
            raise NotParked(
                f"the sine output of {self.wire.name} must be confirmed at {V_SINE_MIN_RMS:G} V rms: "
                f"{'; '.join(failed)}. Turn it down by hand.\n{self.wire.last_exchanges()}"
            )

    def parking_recipe(self) -> Recipe:
        """Return what `park` says and reads back, as plain data."""
        return (Say(self.line("V_sine_rms", V_SINE_MIN_RMS)), Expect("SLVL?", r"\+?0?\.00[0-4]\d*"))

    def _prepared(self) -> float:
        if self._time_constant is None:
            raise NotReady(f"{self.wire.name} must be prepared before it is used. Nothing was sent.")
        return self._time_constant

    def _read_xy_once(self) -> tuple[list[float], list[str]]:
        self.status()  # what was latched while it settled does not concern the reading
        return self._snap(1, 2), self.status()

    def _check_all(self, **values: float | str) -> None:
        """Raise OutOfRange where any of the named settings would refuse its value; nothing is sent."""
        for name, value in values.items():
            self.line(name, value)

    def _check_detection(self, harmonic: float, frequency: float) -> None:
        if harmonic * frequency > DETECTION_MAX:
            raise OutOfRange(
                f"harmonic times frequency of {self.wire.name} must be at most {DETECTION_MAX:G} Hz; got "
                f"{harmonic:G} times {frequency:G} Hz. Nothing was sent."
            )

    def _confirm(self, harmonic: float, time_constant: float) -> None:
        """Read back what the lock-in changes by itself where it does not fit the rest."""
        for name, wanted, got in (
            ("harmonic", harmonic, self.harmonic),
            ("time_constant", time_constant, self.time_constant),
        ):
            if not _is_same(got, wanted):
                self._time_constant = None
                raise NotFollowed(
                    f"{name} of {self.wire.name} must read back {wanted:G}; it reads {got:G}. Prepare it again."
                )

    def _must_still_be(self, name: str, wanted: float | str, got: float | str) -> None:
        if not _is_same(got, wanted):
            self._time_constant = None
            raise NotFollowed(
                f"{name} of {self.wire.name} must still be {wanted}; it is {got}. Somebody has changed it, or the "
                "lock-in has lost its mains."
            )

    def _confirm_down(self) -> None:
        if not (V_rms := self.V_sine_rms) < V_SINE_MIN_RMS + Amplitude.STEP / 2:
            raise NotFollowed(f"it reads {V_rms:G} V rms")

    def _snap(self, *outputs: int) -> list[float]:
        line = f"{self.snap.header} {','.join(map(str, outputs))}"
        form = re.compile(",".join([NUMBER.pattern] * len(outputs)))
        return [float(value) for value in self.wire.match(line, form)[0].split(",")]


def _is_same(got: float | str, wanted: float | str) -> bool:
    if isinstance(got, str) or isinstance(wanted, str):
        return got == wanted
    return math.isclose(got, wanted, rel_tol=STEP_TOLERANCE)
