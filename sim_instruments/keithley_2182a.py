"""Keithley 2182A nanovoltmeter: DC voltage on two channels, trigger model, buffer and statistics.

User's Manual 2182A-900-01 (chapters 2, 3, 5 to 15, appendix B). What it measures and how long that takes:
keithley_2182a_meter.py and keithley_2182a_tables.py.
"""

from __future__ import annotations

import numpy as np

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import unit_stream
from sim_instruments.keithley_2182a_buffer import TraceBuffer, write_reading
from sim_instruments.keithley_2182a_math import Calculation, Limits
from sim_instruments.keithley_2182a_meter import AutoZero, Channel1, Channel2, Meter
from sim_instruments.keithley_2182a_serial import SerialEnd
from sim_instruments.keithley_2182a_tables import COMPLETE_LINE, EXTERNAL_LINE, MESSAGE_TIME, RESET_TIME
from sim_instruments.keithley_2182a_trigger import TriggerModel
from sim_instruments.keithley_setups import AnalogOutput, Memories, Panel
from sim_instruments.keithley_statistics import Statistics
from sim_instruments.ports import SerialCable, Terminals, TriggerLink
from sim_instruments.scpi import ScpiInstrument
from sim_instruments.scpi_commands import Group, Setting, query
from sim_instruments.scpi_parameters import Boolean, Choice
from sim_instruments.scpi_status import ScpiError


class Interface(Group):
    """DISPlay, FORMat:ELEMents and what is left of SYSTem: how the meter talks, not what it measures."""

    elements = Setting("FORMat:ELEMents", Choice("READing"), default="READ")
    display = Setting("DISPlay:ENABle", Boolean(), default=True)
    beeper = Setting("SYSTem:BEEPer[:STATe]", Boolean(), default=True)
    power_on = Setting(
        "SYSTem:POSetup", Choice("RST", "PRESet", "SAV0", numbered=True), default="RST", keeps=True
    )

    def __init__(self, line_frequency: float) -> None:
        super().__init__()
        self._line_frequency = line_frequency

    @query("SYSTem:VERSion")
    def scpi_version(self) -> str:
        """SCPI level."""
        return "1991.0"

    @query("SYSTem:LFRequency")
    def line_frequency(self) -> str:
        """Line frequency (Hz), 50 or 60."""
        return format(self._line_frequency, ".0f")


class Keithley2182ASim(ScpiInstrument):
    """A 2182A that looks at `input` (channel 1) and `channel2` (both V; None is a shorted channel 2).

    On `relay`, the RS-232 cable of a 6221, it is commanded by that and ends its lines with `serial_terminator`
    (selectable on the unit; which it leaves the factory with was not seen). Its "voltmeter complete" and its
    external trigger are lines of `trigger_link`.
    `noise` switches the table of noise, drawn from `rng`; `accuracy` the unit's errors, fixed by its serial number.
    Power-on is the *RST state. Not simulated (refused as undefined, or as an illegal value): temperature with
    thermocouples, ratio and delta, hold, scanning, calibration, the elements CHANnel and UNITs, keys
    (SYSTem:KEY), texts of the display, language 182.
    """

    groups = (
        AutoZero,
        Channel1,
        Channel2,
        Meter,
        TraceBuffer,
        Statistics,
        Calculation,
        Limits,
        TriggerModel,
        Interface,
        AnalogOutput,
        Panel,
        Memories,
    )
    reset_time = RESET_TIME
    message_time = MESSAGE_TIME

    def __init__(
        self,
        clock: VirtualClock,
        input: Terminals,
        rng: np.random.Generator,
        *,
        line_frequency: float = 50.0,
        channel2: Terminals | None = None,
        serial: str = "1193143",
        noise: bool = True,
        accuracy: bool = True,
        relay: SerialCable | None = None,
        trigger_link: TriggerLink | None = None,
        serial_terminator: str = "\r",
    ) -> None:
        if line_frequency not in (50.0, 60.0):
            raise ValueError(f"the line frequency must be 50 or 60 Hz; got {line_frequency!r}")
        super().__init__(clock, f"KEITHLEY INSTRUMENTS INC.,MODEL 2182A,{serial},C02 /A02")
        autozero = AutoZero()
        unit = unit_stream(serial)
        channels = (
            Channel1(input, rng, unit, noise=noise, accuracy=accuracy),
            Channel2(channel2 or _shorted, rng, unit, noise=noise, accuracy=accuracy),
        )
        meter = Meter(clock, self.status, autozero, channels, line_frequency)
        buffer = TraceBuffer(self.status)
        calculation = Calculation(lambda: trigger.last, write_reading)
        limits = Limits(self.status)
        trigger = TriggerModel(
            clock, meter, channels, buffer, self.status, self.operations, calculation, limits
        )
        self._serial = SerialEnd(self, meter, trigger, serial_terminator)
        if relay is not None:
            relay.meter = self._serial
        if trigger_link is not None:
            trigger_link.listen(self._hear)
            trigger.completed = self._serial.completed = lambda: trigger_link.pulse(COMPLETE_LINE)
        self.install(
            autozero,
            *channels,
            meter,
            buffer,
            Statistics(lambda: buffer.readings, write_reading),
            calculation,
            limits,
            trigger,
            Interface(line_frequency),
            AnalogOutput(),
            Panel(),
            Memories(0, self.set_up, self.take_set_up),
        )

    def preset(self) -> None:
        """SYSTem:PRESet: measure continuously, with a trigger count of infinity."""
        trigger = self.group(TriggerModel)
        trigger.count = float("inf")
        trigger.continuous = True
        trigger.initiate()

    def group_trigger(self) -> None:
        """GET, the same as *TRG."""
        self._trigger("BUS")

    def external_trigger(self) -> None:
        """A falling edge on the EXT TRIG input."""
        if self._serial.commanded:
            self._serial.trigger()
        else:
            self._trigger("EXT")

    def _hear(self, line: int) -> None:
        if line == EXTERNAL_LINE and (self._serial.commanded or self.group(TriggerModel).source == "EXT"):
            self.external_trigger()

    def _trigger(self, source: str) -> None:
        try:
            self.group(TriggerModel).trigger(source)
        except ScpiError as refusal:
            self.status.error(refusal.code)


def _shorted() -> float:
    return 0.0
