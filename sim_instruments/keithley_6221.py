"""Keithley 6221 AC and DC current source: DC source and waves, with its compliance, interlock and errors.

Reference Manual 622x-901-01 (p. 10-14 to 10-18 syntax, 11-2 to 11-17 status, B-2 errors), User's Manual
622x-900-01 (specification page, Rev. B); limits as in the public drivers slave (k6221.py), pyacquisition
(keithley_6221.py) and PyMeasure (keithley6221.py); bench notes ferroDAC and TANGO_Devices.
"""

from __future__ import annotations

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import unit_stream
from sim_instruments.keithley_6221_source import DcSource, Output
from sim_instruments.keithley_6221_tables import MESSAGE_TIME, RESET_TIME
from sim_instruments.keithley_6221_waves import Waves
from sim_instruments.ports import Load, TriggerLink
from sim_instruments.scpi import ScpiInstrument
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Number

#: Bit of the operation register (622x-901-01 p. 11-11 to 11-17).
IDLE_BIT = 10


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
    """A 6221 that drives `load`, with its phase marker on a line of `trigger_link`.

    `accuracy` gives it errors within specification, fixed by its serial number.

    Power-on is the *RST state. Not simulated (refused as undefined): sweeps and lists, delta and pulse delta,
    the averaging filter, buffer and its statistics, reading format, trigger model, the RS-232 relay, digital
    I/O, memory slots (*SAV, *RCL), display text, interface set-up, *OPT?, STATus:QUEue:ENABle.
    """

    groups = (Output, DcSource, Waves, Readings, FrontPanel)
    #: Table B-1 of 622x-901-01 prints the first two so (p. B-2); the third stands in TANGO_Devices' bench notes.
    error_texts = {  # noqa: RUF012
        -410: "Query INTERRUPTED",
        -420: "Query INTERMINATED",
        413: "Not allowed with mode arm",
    }
    reset_time = RESET_TIME
    message_time = MESSAGE_TIME

    def __init__(
        self,
        clock: VirtualClock,
        load: Load,
        *,
        trigger_link: TriggerLink | None = None,
        serial: str = "4559777",
        accuracy: bool = True,
    ) -> None:
        # Two blanks before the board revision and one behind it, as real units answer.
        super().__init__(clock, f"KEITHLEY INSTRUMENTS INC.,MODEL 6221,{serial},D04  /700x ")
        output = Output(self.status)
        source = DcSource(clock, load, output, self.status, unit_stream(serial), accuracy=accuracy)
        waves = Waves(clock, source, self.status, trigger_link or TriggerLink())
        self.install(output, source, waves, Readings(), FrontPanel())
        self.status.operation.set(IDLE_BIT, True)

    @property
    def interlock_closed(self) -> bool:
        """The interlock contact; opening it switches the output off and sets measurement bit 1."""
        return self.group(Output).interlock_closed

    @interlock_closed.setter
    def interlock_closed(self, closed: bool) -> None:
        self.group(Output).interlock_closed = closed
