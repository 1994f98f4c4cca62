"""Keithley 6221: the trigger model, its layers and the Trigger Link lines.

Commands as in the public drivers slave (k6221.py), pyacquisition (keithley_6221.py) and stoner_measurement
(k6221.py); lines 2182A-900-01 p. 7-7; status bits 622x-901-01 p. 11-11 to 11-17.
"""

from __future__ import annotations

from collections.abc import Callable

from sim_instruments.clock import Event, VirtualClock
from sim_instruments.ports import TriggerLink
from sim_instruments.scpi_commands import Group, Setting, command
from sim_instruments.scpi_parameters import Choice, Integer, Number
from sim_instruments.scpi_status import ScpiError, Status

#: Bits of the operation register.
WAITING_TRIGGER_BIT, WAITING_ARM_BIT = 5, 6
_LINES = Integer(1, 6)


class TriggerModel(Group):
    """ARM and TRIGger: out of idle, each sweep waits in the arm layer and each of its points in the trigger layer.

    A point is taken, then comes the output trigger SOURce, its delay, and the output trigger DELay. TENTer
    and TEXit come as the trigger layer is entered and left. A direction of SOURce lets the first wait for
    the link pass. Which layer waits for what is the drivers' common understanding [unconfirmed]; so is that
    a trigger out of place is -211. BSTest, PSTest and NSTest (start of test, a digital input) and MANual
    wait for what never comes here; SIGNal helps them on.
    """

    arm_source = Setting(
        "ARM:SOURce",
        Choice("IMMediate", "TIMer", "BUS", "TLINk", "BSTest", "PSTest", "NSTest", "MANual"),
        default="IMM",
    )
    arm_timer = Setting("ARM:TIMer", Number(0.0, 99999.99, ".3f"), default=0.1)
    arm_direction = Setting("ARM[:TCONfigure]:DIRection", Choice("SOURce", "ACCeptor"), default="ACC")
    arm_input = Setting("ARM[:TCONfigure][:ASYNchronous]:ILINe", _LINES, default=1.0)
    arm_output_line = Setting("ARM[:TCONfigure][:ASYNchronous]:OLINe", _LINES, default=2.0)
    arm_output = Setting("ARM:OUTPut", Choice("TENTer", "TEXit", "NONE"), default="NONE")
    source = Setting("TRIGger:SOURce", Choice("IMMediate", "TLINk"), default="IMM")
    direction = Setting("TRIGger[:TCONfigure]:DIRection", Choice("SOURce", "ACCeptor"), default="ACC")
    input = Setting("TRIGger[:TCONfigure][:ASYNchronous]:ILINe", _LINES, default=1.0)
    output_line = Setting("TRIGger[:TCONfigure][:ASYNchronous]:OLINe", _LINES, default=2.0)
    output = Setting("TRIGger:OUTPut", Choice("SOURce", "DELay", "NONE"), default="NONE")

    def __init__(self, clock: VirtualClock, status: Status, link: TriggerLink | None) -> None:
        super().__init__()
        self._clock = clock
        self._status = status
        self._link = link
        self._step: Callable[[int], float] | None = None
        self._done: Callable[[], None] = lambda: None
        self._event: Event | None = None
        self._sweeps = 0.0
        self._points = self._index = 0
        self._tick = 0.0
        self._bypass_arm = self._bypass = False
        #: What goes on when the layer that waits hears its event.
        self._arm_event: Callable[[], None] | None = None
        self._event_in: Callable[[], None] | None = None
        if link is not None:
            link.listen(self._hear)

    @output_line.check
    def free_output(self, line: float) -> float:
        """Refuse a line that is an input (-221)."""
        return self._apart(line, self.input, self.arm_input)

    @input.check
    def free_input(self, line: float) -> float:
        """Refuse a line that is an output (-221)."""
        return self._apart(line, self.output_line, self.arm_output_line)

    arm_output_line.check(free_output)
    arm_input.check(free_input)

    @staticmethod
    def _apart(line: float, *others: float) -> float:
        if line in others:
            raise ScpiError(-221)
        return line

    # --- a sweep ----------------------------------------------------------------------------------

    def run(self, points: int, sweeps: float, step: Callable[[int], float], done: Callable[[], None]) -> None:
        """Leave idle for some sweeps of some points: `step` takes a point and returns its delay (s).

        `done` is called at the end, unless `halt` comes before (which `step` may call).
        """
        self.halt()
        self._points, self._sweeps, self._step, self._done = points, sweeps, step, done
        self._tick = self._clock.now()
        self._bypass_arm = self.arm_direction == "SOUR"
        self._enter_arm_layer()

    def halt(self) -> None:
        """Back to idle."""
        if self._event is not None:
            self._event.cancel()
            self._event = None
        self._step = None
        self._wait_in_arm_layer(None)
        self.await_input(None)

    def reset(self) -> None:
        """*RST: idle."""
        super().reset()
        self.halt()

    def _enter_arm_layer(self) -> None:
        if not self._sweeps:
            self.halt()
            self._done()
            return
        self._sweeps -= 1
        if self.arm_source == "IMM" or (self.arm_source == "TLIN" and self._bypass_arm):
            self._bypass_arm = False
            self._armed()
        elif self.arm_source == "TIM":
            self._event = self._clock.at(max(self._tick, self._clock.now()), self._armed)
            self._tick += self.arm_timer
        else:
            self._wait_in_arm_layer(self._armed)

    def _armed(self) -> None:
        self._index = 0
        self._bypass = self.direction == "SOUR"
        if self.arm_output == "TENT":
            self._pulse(self.arm_output_line)
        self._enter_trigger_layer()

    def _enter_trigger_layer(self) -> None:
        if self._index == self._points:
            if self.arm_output == "TEX":
                self._pulse(self.arm_output_line)
            self._enter_arm_layer()
        elif self.source == "IMM" or self._bypass:
            self._bypass = False
            self._act()
        else:
            self.await_input(self._act)

    def _act(self) -> None:
        step, index = self._step, self._index
        if step is None:
            return
        self._index += 1
        delay = step(index)
        if self._step is None:
            return
        if self.output == "SOUR":
            self._pulse(self.output_line)
        self._event = self._clock.after(delay, self._delayed)

    def _delayed(self) -> None:
        if self.output == "DEL":
            self._pulse(self.output_line)
        self._enter_trigger_layer()

    # --- triggers ---------------------------------------------------------------------------------

    def shake_hands(self, then: Callable[[], None]) -> None:
        """Pulse the output line of the trigger layer, and go on with `then` when its input line answers."""
        self.await_input(then)
        self._pulse(self.output_line)

    def await_input(self, then: Callable[[], None] | None) -> None:
        """Wait for the input line of the trigger layer, or (None) no longer."""
        self._event_in = then
        self._status.operation.set(WAITING_TRIGGER_BIT, then is not None)

    def _wait_in_arm_layer(self, then: Callable[[], None] | None) -> None:
        self._arm_event = then
        self._status.operation.set(WAITING_ARM_BIT, then is not None)

    def _pulse(self, line: float) -> None:
        if self._link is not None:
            self._link.pulse(int(line))

    def _hear(self, line: int) -> None:
        if self._event_in is not None and line == self.input:
            self.signal()
        elif self._arm_event is not None and self.arm_source == "TLIN" and line == self.arm_input:
            self.signal_arm()

    @command("ARM:SIGNal")
    def signal_arm(self) -> None:
        """Go on from the arm layer."""
        then = self._arm_event
        if then is None:
            raise ScpiError(-211)
        self._wait_in_arm_layer(None)
        then()

    @command("TRIGger:SIGNal")
    def signal(self) -> None:
        """Go on from the trigger layer."""
        then = self._event_in
        if then is None:
            raise ScpiError(-211)
        self.await_input(None)
        then()

    @command("*TRG")
    def bus_trigger(self) -> None:
        """A trigger over the bus."""
        if self.arm_source != "BUS":
            raise ScpiError(-211)
        self.signal_arm()
