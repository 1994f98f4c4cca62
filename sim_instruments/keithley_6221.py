"""Keithley 6221 AC and DC current source: the DC source with its ranges, compliance, interlock and errors.

Reference Manual 622x-901-01 (p. 10-14 to 10-18 syntax, 11-2 to 11-17 status, B-2 errors), User's Manual
622x-900-01 (specification page, Rev. B); limits as in the public drivers slave (k6221.py), pyacquisition
(keithley_6221.py) and PyMeasure (keithley6221.py); bench notes ferroDAC and TANGO_Devices.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import unit_stream
from sim_instruments.keithley_6221_tables import (
    COMPLIANCE_MAX,
    COMPLIANCE_MIN,
    COMPLIANCE_STEP,
    CURRENT_MAX,
    MESSAGE_TIME,
    RANGES,
    RESET_TIME,
    USABLE,
    SourceRange,
)
from sim_instruments.ports import Load
from sim_instruments.scpi import ScpiInstrument
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Number
from sim_instruments.scpi_status import ScpiError, Status

#: Bits of the measurement register and of the operation register (622x-901-01 p. 11-11 to 11-17).
INTERLOCK_BIT, COMPLIANCE_BIT, IDLE_BIT = 1, 3, 10


_RESOLUTION = {row.full_scale: row.resolution for row in RANGES}


class Output(Group):
    """OUTPut: the switch, the shield and earth connections, and the interlock."""

    state = Setting("OUTPut[:STATe]", Boolean(), default=False)
    low_to_earth = Setting("OUTPut:LTEarth", Boolean(), default=False)
    inner_shield = Setting("OUTPut:ISHield", Choice("OLOW", "GUARd"), default="OLOW")
    response = Setting("OUTPut:RESPonse", Choice("FAST", "SLOW"), default="FAST")

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status
        self._interlock_closed = True
        #: Called when the switch has moved.
        self.switched: Callable[[], None] = lambda: None

    @state.check
    def allow(self, on: bool) -> bool:
        """Refuse to switch on with the interlock open (-221) [unconfirmed: code]."""
        if on and not self._interlock_closed:
            raise ScpiError(-221)
        return on

    @query("OUTPut:INTerlock:TRIPped")
    def tripped(self) -> str:
        """Return 1 with the interlock closed (output allowed), 0 with it open."""
        return "1" if self._interlock_closed else "0"

    @property
    def interlock_closed(self) -> bool:
        """The interlock contact at the rear; opening it switches the output off."""
        return self._interlock_closed

    @interlock_closed.setter
    def interlock_closed(self, closed: bool) -> None:
        self._interlock_closed = closed
        self._status.measurement.set(INTERLOCK_BIT, not closed)
        if not closed:
            self.switch_off()

    def switch_off(self) -> None:
        """Open the output."""
        self.state = False
        self.switched()

    def changed(self, name: str) -> None:
        """Follow the switch."""
        if name == "state":
            self.switched()

    def reset(self) -> None:
        """*RST: output off."""
        super().reset()
        self.switched()


class DcSource(Group):
    """SOURce: level, range, compliance and filter of the DC source, and what it makes flow.

    Quasi-static: a new level is there at once (the source settles within 100 us at slow response, far less
    than any reading takes), and compliance is judged by the load's resistance at that moment. Not simulated:
    noise of the source (4 nA rms on the 200 uA range; over a Hall resistance below 1 ohm that is below the
    noise of any meter), errors of the compliance limit, and what FILTer and DELay do to a DC level.
    """

    level = Setting(
        "SOURce:CURRent[:LEVel][:IMMediate][:AMPLitude]", Number(-CURRENT_MAX, CURRENT_MAX), default=0.0
    )
    range = Setting("SOURce:CURRent:RANGe", Number(-CURRENT_MAX, CURRENT_MAX), default=RANGES[-1].full_scale)
    autorange = Setting("SOURce:CURRent:RANGe:AUTO", Boolean(), default=False)
    compliance = Setting("SOURce:CURRent:COMPliance", Number(COMPLIANCE_MIN, COMPLIANCE_MAX), default=10.0)
    filter = Setting("SOURce:CURRent:FILTer[:STATe]", Boolean(), default=False)
    delay = Setting("SOURce:DELay", Number(1e-3, 999999.999), default=1.0)

    def __init__(
        self, load: Load, output: Output, status: Status, unit: np.random.Generator, *, accuracy: bool
    ) -> None:
        super().__init__()
        self._load = load
        self._output = output
        self._status = status
        self._errors = {row.full_scale: _unit_errors(row, unit) if accuracy else (0.0, 0.0) for row in RANGES}
        self._flowing = 0.0
        output.switched = self.drive

    @level.check
    def fit_level(self, amperes: float) -> float:
        """Autorange, or refuse a level beyond 105 % of the fixed range (-222)."""
        if self.autorange:
            self.range = _lowest_range(amperes)
        elif not _fits(amperes, self.range):
            raise ScpiError(-222)
        return amperes

    @range.check
    def fit_range(self, amperes: float) -> float:
        """Pick the lowest range that fits, and leave autorange; below the present level -221 [unconfirmed]."""
        full_scale = _lowest_range(amperes)
        if not _fits(self.level, full_scale):
            raise ScpiError(-221)
        self.autorange = False
        return full_scale

    @autorange.check
    def fit_autorange(self, on: bool) -> bool:
        """Switching on picks the lowest range for the present level."""
        if on:
            self.range = _lowest_range(self.level)
        return on

    @compliance.check
    def round_compliance(self, volts: float) -> float:
        """Round to steps of 10 mV."""
        return round(volts / COMPLIANCE_STEP) * COMPLIANCE_STEP

    @command("SOURce:CLEar[:IMMediate]")
    def clear(self) -> None:
        """Level to zero and output off."""
        self.level = 0.0
        self._output.switch_off()

    def changed(self, name: str) -> None:
        """Let the new current flow."""
        self.drive()

    def reset(self) -> None:
        """*RST: level to zero, highest range."""
        super().reset()
        self.drive()

    def drive(self) -> None:
        """Make the load see the present current: level with the unit's errors, or what compliance allows."""
        wanted = self._true_current() if self._output.state else 0.0
        most = self.compliance / self._load.resistance if self._load.resistance else math.inf
        self._status.measurement.set(COMPLIANCE_BIT, abs(wanted) > most)
        current = math.copysign(min(abs(wanted), most), wanted)
        if current != self._flowing:
            self._flowing = current
            self._load.drive(current)

    def _true_current(self) -> float:
        gain_error, offset = self._errors[self.range]
        step = _RESOLUTION[self.range]
        return round(self.level / step) * step * (1.0 + gain_error) + offset


class Readings(Group):
    """UNIT: what delta readings are expressed in."""

    unit = Setting("UNIT[:VOLTage][:DC]", Choice("V", "OHMS", "W", "SIEMens"), default="V")
    power_type = Setting("UNIT:POWer[:TYPE]", Choice("PEAK", "AVERage"), default="PEAK")


class FrontPanel(Group):
    """SYSTem and DISPlay as far as a remote client meets them."""

    display = Setting("DISPlay:ENABle", Boolean(), default=True)
    beeper = Setting("SYSTem:BEEPer:STATe", Boolean(), default=True)

    @query("SYSTem:VERSion")
    def scpi_version(self) -> str:
        """SCPI level [unconfirmed: not seen in the manual pages at hand]."""
        return "1996.0"

    @command("SYSTem:BEEPer", Number(65.0, 2e6), Number(0.0, 7.9))
    def beep(self, frequency: float, duration: float) -> None:
        """Sound a tone (Hz, s); nobody hears it."""


class Keithley6221Sim(ScpiInstrument):
    """A 6221 that drives `load`; `accuracy` gives it errors within specification, fixed by its serial number.

    Power-on is the *RST state. Not simulated (refused as undefined): waves, sweeps and lists, delta and pulse
    delta, the averaging filter, buffer and its statistics, reading format, trigger model, the RS-232 relay,
    digital I/O, memory slots (*SAV, *RCL), display text, interface set-up, *OPT?, STATus:QUEue:ENABle.
    """

    groups = (Output, DcSource, Readings, FrontPanel)
    #: Table B-1 of 622x-901-01 prints these two so (p. B-2).
    error_texts = {-410: "Query INTERRUPTED", -420: "Query INTERMINATED"}  # noqa: RUF012
    reset_time = RESET_TIME
    message_time = MESSAGE_TIME

    def __init__(
        self,
        clock: VirtualClock,
        load: Load,
        *,
        serial: str = "4559777",
        accuracy: bool = True,
    ) -> None:
        # Two blanks before the board revision and one behind it, as real units answer.
        super().__init__(clock, f"KEITHLEY INSTRUMENTS INC.,MODEL 6221,{serial},D04  /700x ")
        output = Output(self.status)
        source = DcSource(load, output, self.status, unit_stream(serial), accuracy=accuracy)
        self.install(output, source, Readings(), FrontPanel())
        self.status.operation.set(IDLE_BIT, True)

    @property
    def interlock_closed(self) -> bool:
        """The interlock contact; opening it switches the output off and sets measurement bit 1."""
        return self.group(Output).interlock_closed

    @interlock_closed.setter
    def interlock_closed(self, closed: bool) -> None:
        self.group(Output).interlock_closed = closed


def _fits(amperes: float, full_scale: float) -> bool:
    # 2.1 mA over 2 mA is 1.0500000000000003 in binary.
    return abs(amperes) <= full_scale * USABLE * (1 + 1e-12)


def _lowest_range(amperes: float) -> float:
    return next(row.full_scale for row in RANGES if _fits(amperes, row.full_scale))


def _unit_errors(row: SourceRange, unit: np.random.Generator) -> tuple[float, float]:
    """Draw one unit's gain error and offset (A): normal, a third of the specification, cut off at it."""
    gain, offset = np.clip(unit.normal(0.0, 1 / 3, size=2), -1.0, 1.0)
    return float(gain * row.gain_error), float(offset * row.offset_error)
