"""Simulated Lake Shore 475 gaussmeter: a Hall probe that reads the field 10, 30 or 100 times a second."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import unit_stream
from sim_instruments.lakeshore import (
    OPERATION_SUMMARY,
    Command,
    LakeShoreInstrument,
    Setting,
    integer,
    number,
)
from sim_instruments.ports import Terminals

MU0 = 4e-7 * math.pi
#: How many of the present unit make a tesla, by UNIT code: gauss, tesla, oersted, ampere per metre (in air).
PER_TESLA = {1: 1e4, 2: 1.0, 3: 1e4, 4: 1 / MU0}
#: Readings per second by resolution code (3, 4, 5 digits).
READINGS_PER_SECOND = {1: 100, 2: 30, 3: 10}
FIELD_MAX = 35.0  # T, +-350 kG, largest set point
DC, RMS = 1, 2  # codes of RDGMODE
PRESENT_FIELD = 2  # code of REL
CELSIUS = 1  # code of TUNIT

#: Bits of the operation status (Model 455; there is always a probe, so bit 0 is never set).
OVERLOAD = 1 << 1


@dataclass(frozen=True, slots=True)
class Probe:
    """A Hall probe: the codes and tables that belong to it.

    `ranges` (T, full scale of RANGE 1 to 5) and `noise` (T rms of one reading at 10 readings per second, by
    range; it grows with the square root of the reading rate). `gain` (1) and `offset` (of full scale) are
    half-widths: a meter has its own fixed error inside them. `resistance` (ohm), `temperature` (K) and
    `sensitivity` (mV/kG) are what RDGOHM?, RDGTEMP? and PRBSENS? give.
    """

    code: int
    ranges: tuple[float, ...]
    noise: tuple[float, ...]
    gain: float = 5e-4
    offset: float = 5e-5
    resistance: float = 2.0
    temperature: float = 296.0
    sensitivity: float = 1.0


#: High sensitivity, high stability and ultra-high sensitivity probes: codes and ranges of the Model 425 and
#: 455 papers; noise and accuracy are our choice of orders of magnitude (no specification page was available).
PROBES = {
    "HSE": Probe(40, (3.5e-4, 3.5e-3, 3.5e-2, 0.35, 3.5), (5e-8, 5e-8, 1e-7, 1e-6, 1e-5)),
    "HST": Probe(41, (3.5e-3, 3.5e-2, 0.35, 3.5, 35.0), (5e-7, 5e-7, 1e-6, 1e-5, 1e-4)),
    "UHS": Probe(42, (3.5e-6, 3.5e-5, 3.5e-4, 3.5e-3, 3.5e-2), (1e-9, 1e-9, 5e-9, 5e-8, 1e-7)),
}


@runtime_checkable
class RememberedField(Protocol):
    """A probe that also knows the field it saw a moment ago."""

    def at(self, time: float) -> float:
        """Return the field (T) at a bench time (s) not longer ago than one reading."""
        ...


class LakeShore475Sim(LakeShoreInstrument):
    """A Model 475 with one Hall probe, as the interface sees it.

    Readings are completed on a grid of 10, 30 or 100 per second (5, 4 or 3 digits), and every query about
    the field answers with the reading completed last: a field that was just set shows only after up to one
    period. A probe that has `at` (`RememberedField`; the bench's have) is asked for the field at that moment;
    a plain callable for the field now, once per period. A reading is rounded to its digits (4 digits on
    0.35 T: 10 uT) and answered in the present UNIT as `+-nnn.nnnE+-nn`; beyond the range the answer is `OL`
    (the 475's own text is not known) and bit 1 of OPST? is set. AUTO takes the lowest range of which the
    field fills at most 98 % (our choice). ZPROBE makes the present field the zero, ZCLEAR forgets it. *RST:
    gauss, autorange, DC, 4 digits, wide filter (our choice).

    Sources: Model 475 manual p. 6-1, 6-7, 6-28, 6-38; Model 425 manual p. 60, 64, 65; InstrumentKit
    `lakeshore475.py`.

    Not simulated: alternating fields (nothing on this bench makes one: RMS readings are only noise and
    RDGFRQ? is 0), filters (the mode is stored), peak capture (RDGPEAK? and RDGMNMX? give the extremes of the
    readings that were asked for since *RST or RDGMODE), field control (CMODE, CSETP and CPARAM are stored, no
    output moves), the data log (*TRG and GET are taken and do nothing), alarms, relays and analog output (refused),
    compensation, beeper, keys and bus set-up (stored only; KEYST? says that no key was pressed).
    """

    model = "MODEL475"

    def __init__(
        self,
        clock: VirtualClock,
        probe: Terminals,
        rng: np.random.Generator,
        *,
        noise: bool = True,
        accuracy: bool = True,
        probe_type: Literal["HSE", "HST", "UHS"] = "HSE",
        serial: str = "4750001",
    ) -> None:
        """Put a probe of this type where `probe` looks; it gives the field (T) along the probe.

        `rng` gives the noise of the readings; the meter's fixed errors follow from its serial number. With
        `noise` or `accuracy` False there is none of it.
        """
        super().__init__(clock, serial, "1.0")
        self._field_at: Callable[[float], float] = (
            probe.at if isinstance(probe, RememberedField) else lambda time: probe()
        )
        self._rng = rng
        self._noisy = noise
        self._probe = PROBES[probe_type]
        unit = unit_stream(serial).uniform(-1.0, 1.0, 2)
        self._gain, self._offset = (float(error) if accuracy else 0.0 for error in unit)
        self._probe_serial = f"H{serial}"
        self._zero = 0.0
        self._is_unplugged = False
        self._control_set_point = 0.0
        self._latched = 0
        self._control = (1.0, 1.0, 0.0, 1.0)
        self._set_defaults()

    def _set_defaults(self) -> None:
        self._mode = (DC, 2, 1, 1, 1)
        self._relative = (0, 1)
        self._reference = self._relative_set_point = 0.0
        self._forget_readings()

    def _forget_readings(self) -> None:
        self._slot = -1
        self._raw = 0.0
        self._reading: float | None = None
        self._extremes: tuple[float, float] | None = None

    def reset(self) -> None:
        """Take the power-up settings; the zero of the probe stays."""
        for name in ("UNIT", "AUTO", "RANGE", "TUNIT", "CMODE"):
            self.stored[name] = self.settings[name].initial
        self._set_defaults()

    @property
    def mishaps(self) -> Mapping[str, Callable[[bool], None]]:
        """The probe lies on the table: what it sees has nothing to do with the magnet."""
        return {"unplugged": self._unplug}

    def _unplug(self, happens: bool) -> None:
        self._is_unplugged = happens

    # --- the readings -----------------------------------------------------------------------------

    def _refresh(self) -> float | None:
        """Return the reading completed last (T), None where it was an overload."""
        now = self.clock.now()
        rate = READINGS_PER_SECOND[self._mode[1]]
        slot = math.floor(now * rate)
        if slot != self._slot:
            self._slot = slot
            self._take(0.0 if self._is_unplugged else self._field_at(min(slot / rate, now)), rate)
        return self._reading

    def _take(self, field: float, rate: int) -> None:
        """Make one reading of a field (T): errors, noise and zero, then range and digits."""
        probe = self._probe
        if self._mode[0] == RMS:
            field = 0.0
        if self.stored["AUTO"]:
            size = abs(field - self._zero)
            fitting = (code for code, top in enumerate(probe.ranges, 1) if size <= 0.98 * top)
            self.stored["RANGE"] = next(fitting, len(probe.ranges))
        full_scale = probe.ranges[self.stored["RANGE"] - 1]
        raw = field + field * probe.gain * self._gain + full_scale * probe.offset * self._offset
        if self._noisy:
            spread = probe.noise[self.stored["RANGE"] - 1] * math.sqrt(rate / 10)
            raw += spread * self._rng.standard_normal()
        self._raw = abs(raw) if self._mode[0] == RMS else raw
        reading = self._raw - self._zero
        if abs(reading) > full_scale:
            self._reading = None
            return
        step = full_scale / 3.5 * 10.0 ** -(self._mode[1] + 2)
        self._reading = reading = round(reading / step) * step
        low, high = self._extremes or (reading, reading)
        self._extremes = (min(low, reading), max(high, reading))

    def _in_unit(self, field: float | None) -> str:
        return "OL" if field is None else _scientific(field * PER_TESLA[self.stored["UNIT"]])

    # --- answers ----------------------------------------------------------------------------------

    def _say_field(self) -> str:
        return self._in_unit(self._refresh())

    def _say_relative_field(self) -> str:
        field = self._refresh()
        switched_on, source = self._relative
        if field is not None and switched_on:
            field -= self._reference if source == PRESENT_FIELD else self._relative_set_point
        return self._in_unit(field)

    def _say_extremes(self) -> str:
        self._refresh()
        low, high = self._extremes or (None, None)
        return f"{self._in_unit(low)},{self._in_unit(high)}"

    def _say_frequency(self) -> str:
        return _scientific(0.0)

    def _say_resistance(self) -> str:
        return _scientific(self._probe.resistance)

    def _say_temperature(self) -> str:
        kelvin = self._probe.temperature
        return _scientific(kelvin - 273.15 if self.stored["TUNIT"] == CELSIUS else kelvin)

    def _say_mode(self) -> str:
        return ",".join(map(str, self._mode))

    def _say_relative(self) -> str:
        return "{},{}".format(*self._relative)

    def _say_relative_set_point(self) -> str:
        return self._in_unit(self._relative_set_point)

    def _say_probe_code(self) -> str:
        return str(self._probe.code)

    def _say_probe_serial(self) -> str:
        return self._probe_serial

    def _say_sensitivity(self) -> str:
        return _scientific(self._probe.sensitivity)

    def _say_no_key(self) -> str:
        return "0"

    def _forget_extremes(self) -> None:
        self._extremes = None

    def _say_latched(self) -> str:
        self.summary()
        latched, self._latched = self._latched, 0
        return str(latched)

    def _say_control_set_point(self) -> str:
        return self._in_unit(self._control_set_point)

    def _say_control(self) -> str:
        gain, integral, ramp, slope = self._control
        return f"{_scientific(gain)},{_scientific(integral)},{self._in_unit(ramp)},{_scientific(slope)}"

    def _say_operation_status(self) -> str:
        return str(OVERLOAD if self._refresh() is None else 0)

    # --- settings ---------------------------------------------------------------------------------

    def changed(self, setting: str) -> None:
        """Start a new reading when the range is changed; choosing a range ends autoranging."""
        if setting == "RANGE":
            self.stored["AUTO"] = 0
        if setting in ("RANGE", "AUTO"):
            self._slot = -1

    def _set_mode(self, *codes: str) -> None:
        highest = (3, 3, 3, 2, 3)
        mode = [integer(code, 1, top) for code, top in zip(codes, highest, strict=True)]
        self._mode = (mode[0], mode[1], mode[2], mode[3], mode[4])
        self._forget_readings()

    def _set_relative(self, state: str, source: str) -> None:
        self._relative = (integer(state, 0, 1), integer(source, 1, 2))
        if self._relative == (1, PRESENT_FIELD):
            self._reference = self._refresh() or 0.0

    def _tesla(self, text: str) -> float:
        per_tesla = PER_TESLA[self.stored["UNIT"]]
        return number(text, -FIELD_MAX * per_tesla, FIELD_MAX * per_tesla) / per_tesla

    def _set_relative_set_point(self, field: str) -> None:
        self._relative_set_point = self._tesla(field)

    def _set_control_set_point(self, field: str) -> None:
        self._control_set_point = self._tesla(field)

    def _set_control(self, gain: str, integral: str, ramp: str, slope: str) -> None:
        self._control = (
            number(gain, 0.01, 1000),
            number(integral, 0.0001, 1000),
            number(ramp, 0, 1e9) / PER_TESLA[self.stored["UNIT"]],
            number(slope, 0.01, 1000),
        )

    def _zero_probe(self) -> None:
        self._refresh()
        self._zero = self._raw
        self._forget_readings()

    def _forget_zero(self) -> None:
        self._zero = 0.0
        self._forget_readings()

    def _start_log(self) -> None:
        """*TRG starts the data log, which is not simulated."""

    # --- status -----------------------------------------------------------------------------------

    def clear_registers(self) -> None:
        """Clear the latched operation status."""
        self._latched = 0

    def summary(self) -> int:
        """Bit 7: an enabled bit of the operation status is set."""
        overloaded = self._refresh() is None
        self._latched |= OVERLOAD if overloaded else 0
        return OPERATION_SUMMARY if overloaded and self.stored["OPSTE"] & OVERLOAD else 0

    commands: ClassVar[Mapping[str, Command]] = MappingProxyType(
        {
            **LakeShoreInstrument.common_commands,
            "*TRG": (0, _start_log),
            "RDGFIELD?": (0, _say_field),
            "RDGREL?": (0, _say_relative_field),
            "RDGMNMX?": (0, _say_extremes),
            "RDGPEAK?": (0, _say_extremes),
            "RDGFRQ?": (0, _say_frequency),
            "RDGOHM?": (0, _say_resistance),
            "RDGTEMP?": (0, _say_temperature),
            "RDGMODE": (5, _set_mode),
            "RDGMODE?": (0, _say_mode),
            "REL": (2, _set_relative),
            "REL?": (0, _say_relative),
            "RELSP": (1, _set_relative_set_point),
            "RELSP?": (0, _say_relative_set_point),
            "ZPROBE": (0, _zero_probe),
            "ZCLEAR": (0, _forget_zero),
            "TYPE?": (0, _say_probe_code),
            "PRBSNUM?": (0, _say_probe_serial),
            "PRBSENS?": (0, _say_sensitivity),
            "KEYST?": (0, _say_no_key),
            "PKRST": (0, _forget_extremes),
            "OPSTR?": (0, _say_latched),
            "CSETP": (1, _set_control_set_point),
            "CSETP?": (0, _say_control_set_point),
            "CPARAM": (4, _set_control),
            "CPARAM?": (0, _say_control),
            "OPST?": (0, _say_operation_status),
        }
    )
    rows = LakeShoreInstrument.common_rows
    settings: ClassVar[Mapping[str, Setting]] = MappingProxyType(
        {
            **LakeShoreInstrument.common_settings,
            "MODE": Setting(0, 2, 0),
            "BEEP": Setting(0, 1, 1),
            "PRBFCOMP": Setting(0, 1, 1),
            "PRBTCOMP": Setting(0, 1, 1),
            "UNIT": Setting(1, 4, 1),
            "RANGE": Setting(1, 5, 5),
            "AUTO": Setting(0, 1, 1),
            "TUNIT": Setting(1, 2, CELSIUS),
            "CMODE": Setting(0, 1, 0),
            "OPSTE": Setting(0, 255, 0),
        }
    )


def _scientific(value: float) -> str:
    """Return `+-nnn.nnnE+-nn`: six digits, three before the point; zero is +000.000E+00."""
    if abs(value) < 1e-90:  # two digits of exponent
        return "+000.000E+00"
    digits, exponent = f"{value:+.5e}".split("e")
    sign, digits = digits[0], digits[1:].replace(".", "")
    return f"{sign}{digits[:3]}.{digits[3:]}E{int(exponent) - 2:+03d}"
