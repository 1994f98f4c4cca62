"""Keithley 6221: what becomes of a delta voltage: averaging filter, unit, math, and the queries for the latest.

Reference Manual 622x-901-01 p. 5-15 (read commands), 6-12 (order of elements), 13-7 (FORMat:ELEMents);
User's Manual 622x-900-01 p. 5-38 (units of differential conductance); limits as in the public driver slave
(k6221.py).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sim_instruments.clock import VirtualClock
from sim_instruments.keithley_6221_tables import FILTER_MAX, FILTER_MIN
from sim_instruments.keithley_statistics import OVERFLOW
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Integer, Number
from sim_instruments.scpi_status import ScpiError, Status

#: Bits of the measurement and of the operation register.
OVERFLOW_BIT, AVAILABLE_BIT, FILTER_SETTLED_BIT = 0, 5, 8

#: Elements in the order they are returned in, whichever order they are asked in (p. 6-12).
_ELEMENTS = ("READ", "TST", "SOUR", "AVOL", "COMP", "RNUM")
#: What stands behind a reading with the element UNITs [unconfirmed].
_UNITS = {"V": "VDC", "OHMS": "OHM", "W": "W", "SIEM": "SIE"}


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading with all its elements.

    `volts` is the voltage (V) for the current `amperes` (A), which flows for the part `duty` of the time.
    For differential conductance `volts` is a difference: `change` (A) is what makes it, `average` the mean
    voltage (V) at `amperes`; both are NaN otherwise. `time` (s) counts from the first reading of the run,
    `number` from 1; `value` is the voltage in the unit chosen, `unit`.
    """

    volts: float
    amperes: float
    change: float = math.nan
    average: float = math.nan
    duty: float = 1.0
    compliance: bool = False
    time: float = 0.0
    number: int = 0
    value: float = OVERFLOW
    unit: str = "V"


class Units(Group):
    """UNIT: what delta readings are expressed in."""

    unit = Setting("UNIT[:VOLTage][:DC]", Choice("V", "OHMS", "W", "SIEMens"), default="V")
    power_type = Setting("UNIT:POWer[:TYPE]", Choice("PEAK", "AVERage"), default="PEAK")

    def express(self, reading: Reading) -> Reading:
        """Return a reading with its value in the unit chosen."""
        volts = reading.volts
        amperes = reading.amperes if math.isnan(reading.change) else reading.change
        if volts >= OVERFLOW:
            value = OVERFLOW
        elif self.unit == "OHMS":
            value = volts / amperes if amperes else OVERFLOW
        elif self.unit == "SIEM":
            value = amperes / volts if volts else OVERFLOW
        elif self.unit == "W":
            power = reading.amperes * (volts if math.isnan(reading.average) else reading.average)
            value = power * (reading.duty if self.power_type == "AVER" else 1.0)
        else:
            value = volts
        return replace(reading, value=value, unit=self.unit)


class Elements(Group):
    """FORMat: which elements a reading is answered with, as text or as numbers of 4 or 8 bytes.

    A binary answer is `#0`, the numbers one after the other, and the terminator (as 2182A-900-01 chapter 14 has it
    for its own); it has no units. NORMal is the most significant byte first; *RST NORMal, SYSTem:PRESet SWAPped
    (slave).
    """

    byte_order = Setting("FORMat:BORDer", Choice("NORMal", "SWAPped"), default="NORM")

    def __init__(self) -> None:
        super().__init__()
        self._chosen: tuple[str, ...] = ("READ", "TST")
        self._form = "ASC"

    def reset(self) -> None:
        """*RST: reading and timestamp, as text."""
        super().reset()
        self._chosen, self._form = ("READ", "TST"), "ASC"

    def set_up(self) -> dict[str, Any]:
        """Return form and elements as well."""
        return {**super().set_up(), "chosen": (self._chosen, self._form)}

    def take_set_up(self, values: Mapping[str, Any]) -> None:
        """Take form and elements as well."""
        self._chosen, self._form = values["chosen"]
        super().take_set_up({name: value for name, value in values.items() if name != "chosen"})

    @command("FORMat[:DATA]", Choice("ASCii", "REAL", "SREal", "DREal"), Integer(32, 64), optional=1)
    def choose_form(self, form: str, bits: float | None = None) -> None:
        """ASCii, SREal (4 bytes), DREal (8 bytes), or REAL with 32 or 64 bits."""
        if form == "REAL" and bits is None:
            raise ScpiError(-109)
        if form != "REAL" and bits is not None:
            raise ScpiError(-108)
        if bits not in (None, 32.0, 64.0):
            raise ScpiError(-224)
        self._form = form if bits is None else f"REAL,{bits:.0f}"

    @query("FORMat[:DATA]")
    def chosen_form(self) -> str:
        """The form chosen, as it was chosen."""
        return self._form

    @command(
        "FORMat:ELEMents",
        Choice(
            "READing",
            "TSTamp",
            "UNITs",
            "RNUMber",
            "SOURce",
            "COMPliance",
            "AVOLtage",
            "ALL",
            "DEFault",
        ),
        series=True,
    )
    def choose(self, *elements: str) -> None:
        """Choose what a reading is returned with."""
        if elements == ("ALL",):
            elements = (*_ELEMENTS, "UNIT")
        elif elements == ("DEF",):
            elements = ("READ", "TST")
        elif "ALL" in elements or "DEF" in elements:
            raise ScpiError(-221)
        self._chosen = elements

    @query("FORMat:ELEMents")
    def chosen(self) -> str:
        """The elements chosen."""
        return ",".join(self._chosen)

    def write(self, readings: Sequence[Reading]) -> str:
        """Return readings as the instrument answers them (bytes as latin-1)."""
        if self._form == "ASC":
            return ",".join(map(self._as_text, readings))
        order = ">" if self.byte_order == "NORM" else "<"
        size = "d" if self._form in ("DRE", "REAL,64") else "f"
        numbers = [number for reading in readings for number in self._numbers(reading).values()]
        return "#0" + struct.pack(f"{order}{len(numbers)}{size}", *map(number_of, numbers)).decode("latin-1")

    def _numbers(self, reading: Reading) -> dict[str, float]:
        numbers = {
            "READ": reading.value,
            "TST": reading.time,
            "SOUR": reading.amperes,
            "AVOL": reading.average,
            "COMP": float(reading.compliance),
            "RNUM": float(reading.number),
        }
        return {element: numbers[element] for element in _ELEMENTS if element in self._chosen}

    def _as_text(self, reading: Reading) -> str:
        unit = _UNITS[reading.unit] if "UNIT" in self._chosen else ""
        texts = {element: write_number(number) for element, number in self._numbers(reading).items()}
        return ",".join(text + unit if element == "READ" else text for element, text in texts.items())


def number_of(value: float) -> float:
    """Return a number as it stands in a reading: overflow, or no number, is 9.9E37 (p. 13-7)."""
    return OVERFLOW if math.isnan(value) or abs(value) >= OVERFLOW else value


def write_number(value: float) -> str:
    """Return a number as it stands in a reading [digits unconfirmed]; overflow, no number: `+9.9E37` (p. 13-7)."""
    return "+9.9E37" if number_of(value) == OVERFLOW else format(value, "+.6E")


class AveragingFilter(Group):
    """SENSe:AVERage: of delta readings.

    The moving filter is filled by its first reading and gives one for each; the repeating filter gives one
    for COUNt. A reading further from the mean than WINDow (% of the meter's range, 0 is none) fills it
    afresh [uncited].
    """

    root = "SENSe1"

    enabled = Setting(":AVERage[:STATe]", Boolean(), default=False)
    control = Setting(":AVERage:TCONtrol", Choice("MOVing", "REPeat"), default="MOV")
    window = Setting(":AVERage:WINDow", Number(0.0, 10.0, ".2f"), default=0.0)
    count = Setting(":AVERage:COUNt", Integer(FILTER_MIN, FILTER_MAX), default=10.0)

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status
        self._stack: list[float] = []

    def changed(self, name: str) -> None:
        """Whatever was changed, the filter starts to fill again."""
        self.clear()

    def clear(self) -> None:
        """Forget the readings in the filter."""
        self._stack.clear()
        self._status.operation.set(FILTER_SETTLED_BIT, False)

    def average(self, volts: float, full_scale: float) -> float | None:
        """Return the mean with a new reading (V) on a range of the meter (V), or None while it repeats."""
        if not self.enabled or volts >= OVERFLOW:
            return volts
        stack, count = self._stack, int(self.count)
        if stack and self.window and abs(volts - sum(stack) / len(stack)) > self.window / 100 * full_scale:
            self.clear()
        stack.append(volts)
        del stack[:-count]
        self._status.operation.set(FILTER_SETTLED_BIT, len(stack) == count)
        mean = (sum(stack) + (count - len(stack)) * stack[0]) / count
        if self.control == "REP":
            if len(stack) < count:
                return None
            stack.clear()
        return mean


class Calculation(Group):
    """CALCulate1: m X + b or m / X + b of a reading X; -230 where there is no (new) result."""

    root = "CALCulate1"

    kind = Setting(":FORMat", Choice("NONE", "MXB", "RECiprocal"), default="NONE")
    m = Setting(":KMATh:MMFactor", Number(-9.99999e20, 9.99999e20), default=1.0)
    b = Setting(":KMATh:MBFactor", Number(-9.99999e20, 9.99999e20), default=0.0)
    enabled = Setting(":STATe", Boolean(), default=False)

    def __init__(self, elements: Elements) -> None:
        super().__init__()
        self._elements = elements
        self._latest: Reading | None = None
        self._fresh = False

    def reset(self) -> None:
        """*RST: off, no result."""
        super().reset()
        self.clear()

    def clear(self) -> None:
        """Forget the result."""
        self._latest, self._fresh = None, False

    def calculate(self, reading: Reading) -> Reading:
        """Return a reading with the result as its value; the reading itself with the calculation off."""
        if not self.enabled or self.kind == "NONE":
            return reading
        x = reading.value
        if x >= OVERFLOW or (self.kind == "REC" and not x):
            value = OVERFLOW
        else:
            value = self.m * x + self.b if self.kind == "MXB" else self.m / x + self.b
        self._latest, self._fresh = replace(reading, value=value), True
        return self._latest

    @query(":DATA[:LATest]")
    def latest(self) -> str:
        """Return the latest result."""
        if self._latest is None:
            raise ScpiError(-230)
        return self._elements.write([self._latest])

    @query(":DATA:FRESh")
    def fresh(self) -> str:
        """Return the latest result, once."""
        if not self._fresh:
            raise ScpiError(-230)
        self._fresh = False
        return self.latest()


class Readings(Group):
    """SENSe:DATA, and the way from a voltage to a finished reading.

    The manual has the read commands refused (-221) when no delta mode is running (622x-900-01 p. 5-41); a published
    script reads the one reading of a test that has ended. So they are answered from the start until un-arming.
    """

    def __init__(
        self,
        clock: VirtualClock,
        status: Status,
        units: Units,
        elements: Elements,
        averaging: AveragingFilter,
        calculation: Calculation,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._status = status
        self._units = units
        self._elements = elements
        self._filter = averaging
        self._calculation = calculation
        self._latest: Reading | None = None
        self._fresh = self._open = False
        self._start = 0.0
        self._number = 0
        self._timed = False
        #: Called when a run begins: its kind (DELT, PULS, DCON), and how many readings it will make.
        self.begun: Callable[[str, float], None] = lambda kind, count: None
        #: Called with every reading and the result of the math for it.
        self.taken: Callable[[Reading, Reading], None] = lambda reading, result: None

    def begin(self, kind: str, count: float) -> None:
        """A run of a mode begins."""
        self._latest, self._fresh, self._open = None, False, True
        self._start = self._clock.now()
        self._number = 0
        self._timed = False
        self._filter.clear()
        self._calculation.clear()
        self.begun(kind, count)

    def end(self) -> None:
        """The mode is un-armed."""
        self._open = False

    def take(self, reading: Reading, full_scale: float) -> bool:
        """Take the voltage of a run, on a range of the meter (V); False where the filter has swallowed it."""
        volts = self._filter.average(reading.volts, full_scale)
        if volts is None:
            return False
        if not self._timed:
            self.restart_time()
        self._number += 1
        reading = self._units.express(
            replace(reading, volts=volts, time=self._clock.now() - self._start, number=self._number)
        )
        self._latest, self._fresh = reading, True
        self._status.measurement.set(OVERFLOW_BIT, reading.value >= OVERFLOW)
        self._status.measurement.pulse(AVAILABLE_BIT)
        self.taken(reading, self._calculation.calculate(reading))
        return True

    @query("SENSe1:DATA[:LATest]")
    def latest(self) -> str:
        """Return the latest reading; none as yet is answered with +9.9E37, no test is -221."""
        if not self._open:
            raise ScpiError(-221)
        waiting = Reading(OVERFLOW, math.nan, time=self._clock.now() - self._start)
        return self._elements.write([self._latest or waiting])

    @query("SENSe1:DATA:FRESh")
    def fresh(self) -> str:
        """Return the latest reading, once; no new one is -230, no test -221."""
        if self._open and not self._fresh:
            raise ScpiError(-230)
        answer = self.latest()
        self._fresh = False
        return answer

    @command("SYSTem:RNUMber:RESet")
    def restart_numbers(self) -> None:
        """Count readings from 1 again."""
        self._number = 0

    @command("SYSTem:TSTamp:RESet")
    def restart_time(self) -> None:
        """Count seconds from now."""
        self._start, self._timed = self._clock.now(), True
