"""Keithley 2182A: the trigger model, and the queries that start, fetch or await readings.

User's Manual 2182A-900-01 chapters 7 (triggering) and 13 (signal-oriented measurement commands).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sim_instruments.clock import Event, VirtualClock
from sim_instruments.keithley_2182a_buffer import TraceBuffer, write_reading
from sim_instruments.keithley_2182a_math import Calculation, Limits
from sim_instruments.keithley_2182a_meter import Channel, Meter
from sim_instruments.keithley_2182a_tables import AUTO_DELAY
from sim_instruments.scpi_commands import Answer, Group, Pending, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Integer, Number
from sim_instruments.scpi_status import Operations, ScpiError, Status

#: Bits of the operation and the measurement register.
_MEASURING, _WAITING, IDLE_BIT, _READING_AVAILABLE = 4, 5, 10, 5


class TriggerModel(Group):
    """TRIGger, SAMPle, INITiate, ABORt, and READ?, FETCh?, MEASure?, SENSe:DATA?.

    Out of idle, each of TRIGger:COUNt passes waits for the source, then for the delay, and takes SAMPle:COUNt
    readings. A FETCh? during a measurement waits for its first reading, READ? for its end.
    """

    source = Setting("TRIGger:SOURce", Choice("IMMediate", "TIMer", "MANual", "BUS", "EXTernal"), "IMM")
    count = Setting("TRIGger:COUNt", Integer(1, 9999, infinite=True), default=1.0)
    delay = Setting("TRIGger:DELay", Number(0.0, 999999.999, ".3f"), default=0.0)
    auto_delay = Setting("TRIGger:DELay:AUTO", Boolean(), default=True)
    timer = Setting("TRIGger:TIMer", Number(0.0, 999999.999, ".3f"), default=0.1)
    samples = Setting("SAMPle:COUNt", Integer(1, 1024), default=1.0)
    continuous = Setting("INITiate:CONTinuous", Boolean(), default=False)

    def __init__(
        self,
        clock: VirtualClock,
        meter: Meter,
        channels: tuple[Channel, Channel],
        buffer: TraceBuffer,
        status: Status,
        operations: Operations,
        calculation: Calculation,
        limits: Limits,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._meter = meter
        self._channels = channels
        self._buffer = buffer
        self._status = status
        self._operations = operations
        self._calculation = calculation
        self._limits = limits
        self._idle = True
        self._waiting = False
        self._event: Event | None = None
        self._passes = 0.0
        self._samples_left = 0
        self._next_tick = -math.inf
        self._readings: list[float] = []
        self._fresh = False
        self._await_reading: list[Pending] = []
        self._await_fresh: list[Pending] = []
        self._await_end: list[Pending] = []
        #: Called when a reading is complete and the model is ready for the next trigger.
        self.completed: Callable[[], None] = lambda: None
        status.operation.set(IDLE_BIT, True)

    # --- life of a measurement --------------------------------------------------------------------

    @command("INITiate[:IMMediate]")
    def initiate(self) -> None:
        """Leave idle; -213 where that has happened already."""
        if not self._idle:
            raise ScpiError(-213)
        self._operations.begin()
        self._leave_idle()

    @command("ABORt")
    def abort(self) -> None:
        """Back to idle; with INITiate:CONTinuous ON a new measurement begins at once."""
        self.halt()
        if self.continuous:
            self.initiate()

    def halt(self) -> None:
        """Back to idle, and stay there."""
        if self._event is not None:
            self._event.cancel()
        self._meter.abort()
        self._set_waiting(False)
        for queue in (self._await_reading, self._await_fresh, self._await_end):
            queue.clear()
        if not self._idle:
            self._enter_idle()
            self._operations.end()

    def reset(self) -> None:
        """*RST: idle, no reading; INITiate:CONTinuous OFF."""
        super().reset()
        self.halt()
        self._readings.clear()
        self._fresh = False

    def changed(self, name: str) -> None:
        """INITiate:CONTinuous ON starts measuring; switched off, the measurement under way is the last."""
        if name == "continuous" and self.continuous and self._idle:
            self.initiate()

    def _leave_idle(self) -> None:
        self._idle = False
        self._status.operation.set(IDLE_BIT, False)
        self._passes = self.count
        self._readings.clear()
        self._next_tick = self._clock.now()
        self._limits.begin()
        self._next_pass()

    def _enter_idle(self) -> None:
        self._idle = True
        self._status.operation.set(_MEASURING, False)
        self._status.operation.set(IDLE_BIT, True)

    def _next_pass(self) -> None:
        if self._passes <= 0:
            self._end()
        elif self.source == "IMM":
            self._triggered()
        elif self.source == "TIM":
            self._event = self._clock.at(max(self._next_tick, self._clock.now()), self._triggered)
            self._next_tick += self.timer
        else:
            self._set_waiting(True)

    def _set_waiting(self, waiting: bool) -> None:
        self._waiting = waiting
        self._status.operation.set(_WAITING, waiting)

    def _triggered(self) -> None:
        self._set_waiting(False)
        self._passes -= 1
        self._samples_left = int(self.samples)
        delay = self.delay
        if self.auto_delay and self.source in ("BUS", "EXT"):
            delay = AUTO_DELAY[0 if self._meter.on_highest_range else 1]
        self._event = self._clock.after(delay, self._measure) if delay else None
        if not delay:
            self._measure()

    def _measure(self) -> None:
        self._status.operation.set(_MEASURING, True)
        self._meter.start(self._deliver)

    def _deliver(self, volts: float) -> None:
        self._readings.append(volts)
        del self._readings[: -int(self.samples)]
        self._fresh = not self._await_fresh
        result = self._calculation.calculate(volts)
        self._limits.judge(result)
        self._buffer.store(volts, result)
        self._status.measurement.pulse(_READING_AVAILABLE)
        waiting = self._await_reading + self._await_fresh
        self._await_reading, self._await_fresh = [], []
        self._samples_left -= 1
        if self._samples_left > 0:
            self._measure()
        else:
            self._next_pass()
        for pending in waiting:
            pending.settle(write_reading(volts))
        self.completed()

    def _end(self) -> None:
        if self.continuous:
            self._leave_idle_again()
            return
        self._enter_idle()
        waiting, self._await_end = self._await_end, []
        self._operations.end()
        for pending in waiting:
            pending.settle(self._all_readings())

    def _leave_idle_again(self) -> None:
        last = self._readings[-1:]
        self._leave_idle()
        # FETCh? goes on answering the last reading until the next one is there.
        self._readings[:] = last

    # --- triggers ---------------------------------------------------------------------------------

    def trigger(self, source: str) -> None:
        """An event of one source arrives; out of place it is -211."""
        if not self._waiting or self.source != source:
            raise ScpiError(-211)
        self._triggered()

    @command("*TRG")
    def bus_trigger(self) -> None:
        """A trigger over the bus."""
        self.trigger("BUS")

    @command("TRIGger:SIGNal")
    def skip_wait(self) -> None:
        """Stop waiting for the source, whichever it is."""
        self.trigger(self.source)

    # --- queries for readings ---------------------------------------------------------------------

    @property
    def last(self) -> float | None:
        """The last reading (V), where there is one."""
        return self._readings[-1] if self._readings else None

    def _all_readings(self) -> str:
        return ",".join(map(write_reading, self._readings))

    @query("FETCh")
    def fetch(self) -> Answer:
        """Return the last reading(s) again; none is -230, but one under way is waited for."""
        if self._readings:
            return self._all_readings()
        if self._idle:
            raise ScpiError(-230)
        return self._wait(self._await_reading)

    @query("SENSe1:DATA[:LATest]")
    def latest(self) -> Answer:
        """Return the last reading."""
        return write_reading(self._readings[-1]) if self._readings else self.fetch()

    @query("SENSe1:DATA:FRESh")
    def fresh(self) -> Answer:
        """Return a reading that was not returned this way before; idle with none is -230 [unconfirmed]."""
        if self._readings and self._fresh:
            self._fresh = False
            return write_reading(self._readings[-1])
        if self._idle:
            raise ScpiError(-230)
        return self._wait(self._await_fresh)

    @query("READ")
    def read(self) -> Pending:
        """ABORt, INITiate, FETCh?."""
        if self.continuous:
            self._status.error(-213)
            return self._wait(self._await_reading)
        if self.source in ("BUS", "EXT"):
            raise ScpiError(-214)
        if self.samples > 1:
            if self._buffer.readings:
                raise ScpiError(-225)
            self._buffer.begin(int(self.samples))
        self.halt()
        self.initiate()
        return self._wait(self._await_end)

    @command("CONFigure:VOLTage[:DC]")
    def configure(self) -> None:
        """Function defaults, one immediate trigger, one sample, no delay, buffer off."""
        self.continuous = False
        self.halt()
        for group in (self._meter, *self._channels):
            group.reset()
        self.source, self.count, self.delay, self.samples = "IMM", 1.0, 0.0, 1.0
        self._buffer.control = "NEV"

    @query("MEASure[:VOLTage][:DC]")
    def measure(self) -> Pending:
        """ABORt, CONFigure, READ?."""
        self.configure()
        return self.read()

    @staticmethod
    def _wait(queue: list[Pending]) -> Pending:
        pending = Pending()
        queue.append(pending)
        return pending
