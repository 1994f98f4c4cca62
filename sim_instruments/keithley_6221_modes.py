"""Keithley 6221: what all modes have alike that are armed, started by INITiate, and un-armed by SOURce:SWEep:ABORt.

Life cycle User's Manual 622x-900-01 p. 5-34 and 5-41; status bits 622x-901-01 p. 11-11 to 11-17.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sim_instruments.clock import Event, VirtualClock
from sim_instruments.keithley_6221_readings import Readings
from sim_instruments.keithley_6221_source import DcSource, Output
from sim_instruments.keithley_6221_tables import ARM_TIME
from sim_instruments.keithley_6221_trigger import TriggerModel
from sim_instruments.ports import SerialCable, SerialMeter
from sim_instruments.scpi_commands import Group, Pending, command, query
from sim_instruments.scpi_status import Operations, ScpiError, Status

#: Bits of the operation register.
DONE_BIT, ABORTED_BIT, SWEEPING_BIT, IDLE_BIT = 1, 2, 3, 10


@dataclass(frozen=True, slots=True)
class Parts:
    """What the modes of one instrument work with; `line_frequency` in Hz."""

    clock: VirtualClock
    source: DcSource
    output: Output
    status: Status
    operations: Operations
    trigger: TriggerModel
    readings: Readings
    cable: SerialCable
    line_frequency: float


class ArmedMode(Group, ABC):
    """One mode: it is armed at zero with the output on, runs, and stays armed when it has ended.

    That arming switches the output on follows from published scripts, which never do it themselves. Where no page
    or note says what happens, it is our choice [uncited]: set-up is refused while armed with +413; a set-up that
    does not fit is refused at arming with -221; after its end a delta mode rests at zero and a sweep at its last
    point; un-armed, level and output go off. The register shows sweeping from INITiate to the end, which sets
    sweep done, or sweep aborted where ABORt, un-arming or compliance ended it.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self._parts = parts
        self._running = False
        self._event: Event | None = None

    # --- what a mode provides ---------------------------------------------------------------------

    @abstractmethod
    def check(self) -> None:
        """Refuse a set-up that cannot be armed with ScpiError."""

    @abstractmethod
    def begin(self) -> None:
        """Start running: INITiate."""

    def rest(self) -> None:
        """Stop at once whatever was begun; the end has come."""
        if self._event is not None:
            self._event.cancel()
            self._event = None
        self._parts.trigger.halt()

    # --- life cycle -------------------------------------------------------------------------------

    def allow_change(self, name: str) -> None:
        """Refuse set-up while armed (+413)."""
        if self._parts.source.armed is self:
            raise ScpiError(413)

    def arm(self) -> Pending:
        """Check the set-up and make ready; nothing else is obeyed until that is done."""
        if self._running:
            raise ScpiError(-221)
        self.check()
        self._parts.output.allow(True)
        self._parts.source.arm(self)
        self._parts.source.silence()
        self._parts.output.switch_on()
        done = Pending()
        self._parts.clock.after(ARM_TIME, done.settle)
        return done

    @property
    def running(self) -> bool:
        """True from INITiate to the end."""
        return self._running

    def start(self) -> None:
        """INITiate: run, from the beginning."""
        if self._running:
            raise ScpiError(-213)
        self._running = True
        self._parts.operations.begin()
        operation = self._parts.status.operation
        for bit, on in ((DONE_BIT, False), (ABORTED_BIT, False), (IDLE_BIT, False), (SWEEPING_BIT, True)):
            operation.set(bit, on)
        self.begin()

    def finish(self, ending: int = DONE_BIT) -> None:
        """End a run, if there is one, with a bit of the operation register."""
        if not self._running:
            return
        self._running = False
        self.rest()
        operation = self._parts.status.operation
        operation.set(SWEEPING_BIT, False)
        operation.set(ending, True)
        operation.set(IDLE_BIT, True)
        self._parts.operations.end()

    def disarm(self) -> None:
        """End a run; level to zero and output off."""
        self.finish(ABORTED_BIT)
        self._parts.source.silence()
        self._parts.output.switch_off()

    def reset(self) -> None:
        """*RST: un-armed."""
        super().reset()
        if self._parts.source.armed is self:
            self._parts.source.disarm()

    def step(self, amperes: float, full_scale: float, *, abort: bool) -> bool:
        """Let a level flow (A, on a range in A); with `abort`, compliance ends the run, and False is returned."""
        self._parts.source.step(amperes, full_scale)
        if abort and self._parts.source.in_compliance:
            self.finish(ABORTED_BIT)
            self._parts.source.silence()
            return False
        return True


class LinkedMode(ArmedMode):
    """A mode that measures with a 2182A on the RS-232 cable and the Trigger Link.

    Each conversion is triggered over the output line of the trigger layer, and its end is heard on the input line;
    without the link a run waits for that for ever. No meter on the cable is -241 at arming [unconfirmed].
    """

    @query(":NVPResent")
    def meter_present(self) -> str:
        """Return 1 where a 2182A answers."""
        return "0" if self._parts.cable.meter is None else "1"

    @command(":ARM")
    def arm_mode(self) -> Pending:
        """Take command of the meter and make ready."""
        meter = self.meter
        done = self.arm()
        meter.take_over(self.aperture)
        return done

    @query(":ARM")
    def armed(self) -> str:
        """Return 1 while armed, running or not."""
        return "1" if self._parts.source.armed is self else "0"

    @property
    def meter(self) -> SerialMeter:
        """The meter on the cable; none is -241."""
        if self._parts.cable.meter is None:
            raise ScpiError(-241)
        return self._parts.cable.meter

    @property
    def aperture(self) -> float | None:
        """How long the meter is to integrate (s); None leaves it to its own setting."""
        return None

    def start(self) -> None:
        """Run, with no conversion of an earlier run under way."""
        if not self.running:
            self.meter.take_over(self.aperture)
        super().start()

    def rest(self) -> None:
        """Rest at zero."""
        super().rest()
        self._parts.source.silence()

    def disarm(self) -> None:
        """Give the meter back, too."""
        super().disarm()
        self._parts.readings.end()
        self.meter.release()


class Initiation(Group):
    """INITiate and ABORt, for whichever mode is armed."""

    def __init__(self, source: DcSource) -> None:
        super().__init__()
        self._source = source

    @command("INITiate[:IMMediate]")
    def initiate(self) -> None:
        """Start the armed mode; nothing armed, or a wave (which has its own command), is -221 [uncited]."""
        if not isinstance(self._source.armed, ArmedMode):
            raise ScpiError(-221)
        self._source.armed.start()

    @command("ABORt")
    def abort(self) -> None:
        """Back to idle: end the run, stay armed [uncited]."""
        if isinstance(self._source.armed, ArmedMode):
            self._source.armed.finish(ABORTED_BIT)

    @command("[SOURce1]:SWEep:ABORt")
    def abort_and_disarm(self) -> None:
        """End and un-arm whatever mode is armed, waves left alone; with none nothing happens."""
        if isinstance(self._source.armed, ArmedMode):
            self._source.disarm()
