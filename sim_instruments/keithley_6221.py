"""Keithley 6221 AC and DC current source: DC, waves, sweeps, and delta modes with a 2182A on its RS-232 port.

Reference Manual 622x-901-01 (p. 4-9, 4-22, 5-15, 6-12 to 6-18, 10-14 to 10-18, 11-2 to 11-17, 13-7, B-2), User's
Manual 622x-900-01 (p. 5-23 to 5-41, specification page, Rev. B); limits as in the public drivers slave (k6221.py),
pyacquisition (keithley_6221.py) and PyMeasure (keithley6221.py); bench notes ferroDAC and TANGO_Devices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import unit_stream
from sim_instruments.keithley_6221_buffer import BufferStatistics, TraceBuffer
from sim_instruments.keithley_6221_delta import Delta, DifferentialConductance
from sim_instruments.keithley_6221_modes import IDLE_BIT, Initiation, Parts
from sim_instruments.keithley_6221_panel import DigitalOutput, Display, Interfaces
from sim_instruments.keithley_6221_pulse_delta import PulseDelta
from sim_instruments.keithley_6221_readings import (
    AveragingFilter,
    Calculation,
    Elements,
    Readings,
    Units,
    write_number,
)
from sim_instruments.keithley_6221_relay import Relay
from sim_instruments.keithley_6221_source import TEMPERATURE_BIT, DcSource, Output
from sim_instruments.keithley_6221_sweeps import Sweep, SweepLists
from sim_instruments.keithley_6221_tables import MESSAGE_TIME, RESET_TIME
from sim_instruments.keithley_6221_trigger import TriggerModel
from sim_instruments.keithley_6221_waves import Waves
from sim_instruments.keithley_setups import Memories, Panel, StatusFormat
from sim_instruments.ports import Load, SerialCable, TriggerLink
from sim_instruments.scpi import ScpiInstrument
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Number
from sim_instruments.scpi_status import ScpiError


class System(Group):
    """What is left of SYSTem."""

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

    `relay` is the RS-232 cable to a 2182A, `trigger_link` the cable with the trigger lines, phase marker included,
    `line_frequency` (Hz) that of the mains, to which pulse delta keeps. Power-on is the *RST state. Not
    simulated (refused as undefined): zero of differential conductance (NVZero), externally triggered waves
    (SOURce:WAVE:EXTRigger), keys (SYSTem:KEY), numbers of the boards (SYSTem:ABOard, DBOard), passwords, the
    choice of the interface (SYSTem:COMMunicate:SELect), *OPT?, STATus:QUEue:ENABle and DISable.
    """

    groups = (
        Output,
        DcSource,
        TriggerModel,
        Waves,
        Units,
        Elements,
        AveragingFilter,
        Calculation,
        Readings,
        TraceBuffer,
        BufferStatistics,
        SweepLists,
        Sweep,
        Delta,
        PulseDelta,
        DifferentialConductance,
        Initiation,
        Relay,
        System,
        Panel,
        Display,
        DigitalOutput,
        Interfaces,
        StatusFormat,
        Memories,
    )
    #: Table B-1 of 622x-901-01 prints the first two so (p. B-2); the third stands in TANGO_Devices' bench notes.
    error_texts = {  # noqa: RUF012
        -410: "Query INTERRUPTED",
        -420: "Query INTERMINATED",
        413: "Not allowed with mode arm",
    }
    reset_time = RESET_TIME
    message_time = MESSAGE_TIME
    clients_max = 1  # TANGO_Devices bench notes: the LAN port takes one client at a time

    def __init__(
        self,
        clock: VirtualClock,
        load: Load,
        *,
        serial: str = "4559777",
        accuracy: bool = True,
        line_frequency: float = 50.0,
        relay: SerialCable | None = None,
        trigger_link: TriggerLink | None = None,
    ) -> None:
        # Two blanks before the board revision and one behind it, as real units answer.
        super().__init__(clock, f"KEITHLEY INSTRUMENTS INC.,MODEL 6221,{serial},D04  /700x ")
        cable = relay or SerialCable()
        output = Output(self.status)
        source = DcSource(clock, load, output, self.status, unit_stream(serial), accuracy=accuracy)
        link = trigger_link or TriggerLink()
        trigger = TriggerModel(clock, self.status, link)
        units, elements, averaging = Units(), Elements(), AveragingFilter(self.status)
        calculation = Calculation(elements)
        readings = Readings(clock, self.status, units, elements, averaging, calculation)
        buffer = TraceBuffer(self.status, elements)
        readings.begun, readings.taken = buffer.begin, buffer.store
        parts = Parts(
            clock, source, output, self.status, self.operations, trigger, readings, cable, line_frequency
        )
        lists = SweepLists(source)
        sweep = Sweep(parts, lists)
        self.install(
            output,
            source,
            trigger,
            Waves(clock, source, self.status, trigger, link),
            units,
            elements,
            averaging,
            calculation,
            readings,
            buffer,
            BufferStatistics(buffer.values_stored, write_number),
            lists,
            sweep,
            Delta(parts, buffer),
            PulseDelta(parts, buffer, sweep),
            DifferentialConductance(parts),
            Initiation(source),
            Relay(cable),
            System(),
            Panel(),
            Display(),
            DigitalOutput(source),
            Interfaces(),
            StatusFormat(self.status),
            Memories(4, self.set_up, self.take_set_up),
        )
        self.status.operation.set(IDLE_BIT, True)

    def preset(self) -> None:
        """SYSTem:PRESet: binary numbers with the least significant byte first (slave)."""
        self.group(Elements).byte_order = "SWAP"

    def group_trigger(self) -> None:
        """GET, the same as *TRG."""
        try:
            self.group(TriggerModel).bus_trigger()
        except ScpiError as refusal:
            self.status.error(refusal.code)

    @property
    def mishaps(self) -> Mapping[str, Callable[[bool], None]]:
        """The interlock opens, the source is too hot (either switches the output off), a lead comes off."""
        return {
            "interlock-open": self._open_interlock,
            "over-temperature": self._overheat,
            "loose-contact": self.group(DcSource).loosen_contact,
        }

    def _open_interlock(self, happens: bool) -> None:
        self.interlock_closed = not happens

    def _overheat(self, happens: bool) -> None:
        self.status.measurement.set(TEMPERATURE_BIT, happens)
        if happens:
            self.group(Output).switch_off()

    @property
    def interlock_closed(self) -> bool:
        """The interlock contact; opening it switches the output off and sets measurement bit 1."""
        return self.group(Output).interlock_closed

    @interlock_closed.setter
    def interlock_closed(self, closed: bool) -> None:
        self.group(Output).interlock_closed = closed
