"""Kepco BOP bipolar power supply with interface card BIT 4886: voltage or current mode into a magnet's coil.

BIT 4886 manual 243-1303 (p. B-2 numbers; sections 1.2.1 readback, 4.1.1.1 limits, B.20 output), as far as seen;
the rest as its relatives have it: BIT 4882 manual 243-0882 (p. A-2 to A-4, B-5), BOP-1K MG manual (appendices A
and B), BOP-GL manual 243-1293, MST 488 manual (table B-6 errors); public drivers PyMeasure (kepcobop.py) and
stoner_measurement. What flows and how fast: kepco_bop_stage.py. Ratings, errors, times: kepco_bop_tables.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import unit_stream
from sim_instruments.kepco_bop_numbers import QUARTER, Extreme, Level, Part, written
from sim_instruments.kepco_bop_stage import PowerStage
from sim_instruments.kepco_bop_tables import MESSAGE_MAX, MESSAGE_TIME, MODELS
from sim_instruments.ports import Coil
from sim_instruments.scpi import ScpiInstrument
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_core import ScpiCore
from sim_instruments.scpi_parameters import Boolean, Choice
from sim_instruments.scpi_status import ScpiError, Status

#: Bits of the operation register: voltage or current regulated [unconfirmed], armed (MG manual A.16).
CV_BIT, CC_BIT, WTG_BIT = 8, 10, 5
#: Bits of the questionable register: the voltage, or the current, is not what was set (MG manual B.118).
VOLTAGE_ERROR_BIT, CURRENT_ERROR_BIT = 0, 1


class Output(Group):
    """FUNCtion, VOLTage, CURRent, OUTPut and MEASure: what is set, and what the power stage does with it.

    One number each for voltage and current: that of the mode is the level, the other one the limit, without a
    sign (section 4.1.1.1). A new mode begins at level zero and takes the old level's magnitude as its limit
    (our choice). With the output off the settings stay and nothing is driven (B.20). RANGe 4 is the quarter
    range: a quarter of the rating in steps of a quarter; a level beyond it keeps it from being chosen (-222, our
    choice). RANGe:AUTO takes the quarter range for every level that it carries.
    """

    def __init__(self, stage: PowerStage, status: Status) -> None:
        super().__init__()
        self._stage = stage
        self._status = status
        self._converters = {"VOLT": stage.voltage, "CURR": stage.current}
        self._mode = "VOLT"
        self._set = {"VOLT": 0.0, "CURR": 0.0}
        self._parts = {"VOLT": 1, "CURR": 1}
        self._automatic = {"VOLT": False, "CURR": False}
        self._on = False

    def span(self, quantity: str) -> tuple[float, float]:
        """Return the least and the most that may be set now: both polarities for a level, none for a limit."""
        rating = self._converters[quantity].rating
        rating /= 1 if self._automatic[quantity] else self._parts[quantity]
        return (-rating if quantity == self._mode else 0.0), rating

    def put(self, levels: dict[str, float]) -> None:
        """Set voltage (V), current (A) or both, rounded as the converters do."""
        for quantity, value in levels.items():
            converters = self._converters[quantity]
            if self._automatic[quantity]:
                self._parts[quantity] = QUARTER if abs(value) <= converters.rating / QUARTER else 1
            self._set[quantity] = converters.rounded(value, self._parts[quantity])
        self._act()

    def _choose_range(self, quantity: str, part: int) -> None:
        if abs(self._set[quantity]) > self._converters[quantity].rating / part:
            raise ScpiError(-222)
        self._parts[quantity], self._automatic[quantity] = part, False
        self.put({quantity: self._set[quantity]})

    def _choose_automatic(self, quantity: str) -> None:
        self._automatic[quantity] = True
        self.put({quantity: self._set[quantity]})

    def _act(self) -> None:
        """Let the power stage follow the settings, and say what regulates."""
        volts, amperes = self._set["VOLT"], self._set["CURR"]
        reached, current_mode = True, self._mode == "CURR"
        if not self._on:
            self._stage.switch_off()
        elif current_mode:
            reached = self._stage.hold_current(amperes, volts)
        else:
            reached = self._stage.hold_voltage(volts, amperes)
        self._status.operation.set(CC_BIT, self._on and current_mode == reached)
        self._status.operation.set(CV_BIT, self._on and current_mode != reached)
        self._status.questionable.set(CURRENT_ERROR_BIT, current_mode and not reached)
        self._status.questionable.set(VOLTAGE_ERROR_BIT, not current_mode and not reached)

    def reset(self) -> None:
        """*RST: voltage mode, everything zero, output off (our choice; the card's state is not recorded)."""
        super().reset()
        self._mode, self._on = "VOLT", False
        self._parts, self._automatic = {"VOLT": 1, "CURR": 1}, {"VOLT": False, "CURR": False}
        self.put({"VOLT": 0.0, "CURR": 0.0})

    @command("[SOURce:]FUNCtion:MODE", Choice("VOLTage", "CURRent"))
    def choose_mode(self, mode: str) -> None:
        """Regulate the voltage or the current."""
        if mode != self._mode:
            self._mode, old = mode, self._mode
            self.put({mode: 0.0, old: abs(self._set[old])})

    @query("[SOURce:]FUNCtion:MODE")
    def mode(self) -> str:
        """Return 0 in voltage mode, 1 in current mode."""
        return "1" if self._mode == "CURR" else "0"

    @command("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPlitude]", Level("VOLT"))
    def set_voltage(self, volts: float) -> None:
        """Level in voltage mode, compliance in current mode (V)."""
        self.put({"VOLT": volts})

    @query("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPlitude]", Extreme("VOLT"), optional=1)
    def voltage(self, asked: float | None = None) -> str:
        """Return the set voltage (V), or a limit of it."""
        return written(self._set["VOLT"] if asked is None else asked)

    @command("[SOURce:]CURRent[:LEVel][:IMMediate][:AMPlitude]", Level("CURR"))
    def set_current(self, amperes: float) -> None:
        """Level in current mode, limit in voltage mode (A)."""
        self.put({"CURR": amperes})

    @query("[SOURce:]CURRent[:LEVel][:IMMediate][:AMPlitude]", Extreme("CURR"), optional=1)
    def current(self, asked: float | None = None) -> str:
        """Return the set current (A), or a limit of it."""
        return written(self._set["CURR"] if asked is None else asked)

    @command("[SOURce:]VOLTage:RANGe", Part())
    def choose_voltage_range(self, part: int) -> None:
        """1 for the full range, 4 for the quarter range of the voltage."""
        self._choose_range("VOLT", part)

    @query("[SOURce:]VOLTage:RANGe")
    def voltage_range(self) -> str:
        """The range of the voltage."""
        return str(self._parts["VOLT"])

    @command("[SOURce:]VOLTage:RANGe:AUTO")
    def choose_voltage_automatically(self) -> None:
        """The lower range that carries the voltage."""
        self._choose_automatic("VOLT")

    @command("[SOURce:]CURRent:RANGe", Part())
    def choose_current_range(self, part: int) -> None:
        """1 for the full range, 4 for the quarter range of the current."""
        self._choose_range("CURR", part)

    @query("[SOURce:]CURRent:RANGe")
    def current_range(self) -> str:
        """The range of the current."""
        return str(self._parts["CURR"])

    @command("[SOURce:]CURRent:RANGe:AUTO")
    def choose_current_automatically(self) -> None:
        """The lower range that carries the current."""
        self._choose_automatic("CURR")

    @command("OUTPut[:STATe]", Boolean())
    def switch(self, on: bool) -> None:
        """Drive the coil, or stop driving it."""
        self._on = on
        self._act()

    @query("OUTPut[:STATe]")
    def state(self) -> str:
        """Return 1 with the output on."""
        return "1" if self._on else "0"

    @query("MEASure[:SCALar]:VOLTage[:DC]")
    def measured_voltage(self) -> str:
        """Voltage (V) at the terminals."""
        return written(self._stage.measure()[0])

    @query("MEASure[:SCALar]:CURRent[:DC]")
    def measured_current(self) -> str:
        """Current (A) that flows."""
        return written(self._stage.measure()[1])


class TriggerSource(Choice):
    """Where a trigger comes from; answered in full (MG manual p. B-37)."""

    def reply(self, value: str) -> str:
        """Return the whole word."""
        return {"IMM": "IMMEDIATE", "EXT": "EXTERNAL"}.get(value, value)


class Trigger(Group):
    """TRIGger, INITiate, ABORt and the triggered levels (MG manual B.3, B.91 and A.16; no EXT input)."""

    source = Setting("TRIGger:SOURce", TriggerSource("BUS", "EXTernal", "IMMediate"), default="IMM")
    continuous = Setting("INITiate:CONTinuous", Boolean(), default=False)

    def __init__(self, output: Output, status: Status) -> None:
        super().__init__()
        self._output = output
        self._status = status
        self._levels: dict[str, float] = {}
        self._armed = False

    def span(self, quantity: str) -> tuple[float, float]:
        """Return what may be set as a triggered level: the same as at once."""
        return self._output.span(quantity)

    def changed(self, name: str) -> None:
        """INITiate:CONTinuous arms as well."""
        self._arm(self._armed or self.continuous)

    def reset(self) -> None:
        """*RST: triggered levels forgotten, not armed, levels taken at once (BOP-GL manual)."""
        super().reset()
        self._levels.clear()
        self._arm(False)

    def _arm(self, on: bool) -> None:
        self._armed = on
        self._status.operation.set(WTG_BIT, on)

    def _fire(self) -> None:
        levels, self._levels = self._levels, {}
        self._arm(self.continuous)
        spans = {quantity: self._output.span(quantity) for quantity in levels}
        if any(not spans[one][0] <= value <= spans[one][1] for one, value in levels.items()):
            raise ScpiError(-222)  # the mode has been changed since
        self._output.put(levels)

    def _prepare(self, quantity: str, value: float) -> None:
        self._levels[quantity] = value
        if self.source == "IMM":
            self._fire()

    @command("[SOURce:]VOLTage[:LEVel]:TRIGgered[:AMPlitude]", Level("VOLT"))
    def prepare_voltage(self, volts: float) -> None:
        """Voltage (V) to set at the next trigger."""
        self._prepare("VOLT", volts)

    @command("[SOURce:]CURRent[:LEVel]:TRIGgered[:AMPlitude]", Level("CURR"))
    def prepare_current(self, amperes: float) -> None:
        """Current (A) to set at the next trigger."""
        self._prepare("CURR", amperes)

    @command("INITiate[:IMMediate]")
    def initiate(self) -> None:
        """Wait for one trigger."""
        self._arm(True)

    @command("ABORt")
    def abort(self) -> None:
        """Wait no longer, unless continuously."""
        self._arm(self.continuous)

    @command("*TRG")
    def bus_trigger(self) -> None:
        """A trigger over the bus; nothing happens, and no error, where none is waited for."""
        if self.source == "BUS" and self._armed:
            self._fire()


class System(Group):
    """SYSTem: version, errors by their other names, beeper, remote."""

    remote = Setting("SYSTem:REMote", Boolean(), default=False, keeps=True)

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status

    @query("SYSTem:ERRor:NEXT")
    def next_error(self) -> str:
        """Oldest entry of the error queue, which goes."""
        return self._status.next_error()

    @query("SYSTem:ERRor:CODE[:NEXT]")
    def next_code(self) -> str:
        """Code of the oldest entry, which goes."""
        return str(self._status.next_code())

    @query("SYSTem:VERSion")
    def scpi_version(self) -> str:
        """SCPI level [unconfirmed]."""
        return "1997.0"

    @command("SYSTem:BEEP")
    def beep(self) -> None:
        """Sound the beeper; nobody hears it."""


class KepcoBopSim(ScpiInstrument):
    """A BOP with a coil on its output; `model` is one of `MODELS`, such as "36-12" (36 V, 12 A).

    `noise` switches the noise of the readings, drawn from `rng`; `accuracy` the unit's errors, fixed by its
    serial number, and the steps of its 16-bit converters. Power-on is the *RST state.

    Not simulated: the spike at a change of range, nor that *TRG does nothing with the output off. Refused as
    undefined: lists, memories (*SAV, *RCL, MEMory), DIAGnostic (DIAG:TST? drives the output to full scale),
    calibration, passwords, other languages, LAN cards, protection commands of the 1 kW models. SYST:REM is
    stored only: over GPIB the bus decides. The limits set at the front panel are the ratings.
    """

    core = ScpiCore
    groups = (Output, Trigger, System)
    queue_depth = 15
    #: MST 488 manual table B-6, BOP-1K MG manual tables B-3 to B-5.
    error_texts = {  # noqa: RUF012
        -100: "Command error",
        -120: "Numeric error",
        -222: "Data out of range",
        -350: "Too many errors",
    }
    message_time = MESSAGE_TIME

    def __init__(
        self,
        clock: VirtualClock,
        coil: Coil,
        rng: np.random.Generator,
        *,
        model: str = "36-12",
        noise: bool = True,
        accuracy: bool = True,
        serial: str = "H249977",
    ) -> None:
        if model not in MODELS:
            raise ValueError(f"the model must be one of {', '.join(MODELS)}; got {model!r}")
        # Date of calibration after two blanks, as a real unit answers.
        super().__init__(clock, f"KEPCO,BIT 4886 {model}  08-04-2023,{serial},4.04-1.82")
        stage = PowerStage(
            clock,
            coil,
            rng,
            unit_stream(serial),
            MODELS[model],
            self.operations,
            noise=noise,
            accuracy=accuracy,
        )
        self._stage = stage
        output = Output(stage, self.status)
        self.install(output, Trigger(output, self.status), System(self.status))

    @property
    def mishaps(self) -> Mapping[str, Callable[[bool], None]]:
        """The output stays where it is, whatever is set."""
        return {"stuck": self._stage.stick}

    def execute(self, message: str) -> None:
        """Obey a message, unless it is longer than the card can hold: then all of it is lost [code unconfirmed]."""
        if len(message) > MESSAGE_MAX:
            self.status.error(-100)
        else:
            super().execute(message)

    def group_trigger(self) -> None:
        """GET, the same as *TRG."""
        try:
            self.group(Trigger).bus_trigger()
        except ScpiError as refusal:
            self.status.error(refusal.code)
