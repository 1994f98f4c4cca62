"""The black box of a simulated bench: what went over every wire, and what flowed, whatever anybody believes.

Each reply is kept with the message that asked for it, so that a reading which was taken for the answer to another
question can be found; currents and ramps are kept as they began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sim_instruments.bench import Bench
    from sim_instruments.instrument import Reply
    from sim_instruments.line import Line
    from sim_instruments.ports import Ramp, Waveform


class Said(NamedTuple):
    """A message that arrived at an instrument's interface: bench time (s), instrument, text."""

    time: float
    instrument: str
    text: str


class Heard(NamedTuple):
    """A reply that an interface took: bench time (s), instrument, text, and which questions it has to do with.

    `asked_by` is the message that it answers, `taken_for` the one that was said last before it was taken; `is_own`
    where they are one and the same, `is_altered` where it is not what the instrument answered.
    """

    time: float
    instrument: str
    text: str
    asked_by: str
    taken_for: str
    is_own: bool
    is_altered: bool


class Flow(NamedTuple):
    """From a bench time (s) on this flows through the bar: a current (A) or a waveform."""

    time: float
    what: float | Waveform


class MagnetRamp(NamedTuple):
    """From a bench time (s) on a magnet's current (A) follows this ramp."""

    time: float
    magnet: str
    ramp: Ramp

    @property
    def rate(self) -> float:
        """How fast the current changes (A/s), either sign; 0 where it stays."""
        ramp = self.ramp
        change = abs(ramp.end_current - ramp.start_current)
        return change / (ramp.end - ramp.start) if change else 0.0


@dataclass(slots=True)
class BlackBox:
    """What it has recorded, each list in order of time."""

    said: list[Said] = field(default_factory=list[Said])
    heard: list[Heard] = field(default_factory=list[Heard])
    flows: list[Flow] = field(default_factory=list[Flow])
    ramps: list[MagnetRamp] = field(default_factory=list[MagnetRamp])

    def current_at(self, time: float) -> float:
        """Current (A) that flowed through the bar at a bench time (s)."""
        flow = next((flow for flow in reversed(self.flows) if flow.time <= time), None)
        if flow is None:
            return 0.0
        return flow.what if isinstance(flow.what, float | int) else flow.what.at(time)


def black_box(bench: Bench) -> BlackBox:
    """Record what a bench goes through from now on."""
    box, clock = BlackBox(), bench.clock
    texts: dict[str, dict[int, str]] = {name: {} for name in bench.lines}
    last: dict[str, int] = dict.fromkeys(bench.lines, 0)
    pieces: dict[tuple[str, int], str] = {}

    def said(line: Line, message: str) -> None:
        # A message that does not reach the instrument has no number there; the next that does takes its place.
        last[line.name] = line.instrument.messages + 1
        texts[line.name][last[line.name]] = message
        box.said.append(Said(clock.now(), line.name, message))

    def heard(line: Line, reply: Reply) -> None:
        name, text = line.name, (reply.line or b"").decode("latin-1").rstrip("\r\n")
        text = pieces.pop((name, reply.message), "") + text
        if not reply.ends:
            pieces[name, reply.message] = text
            return
        asked, taken = texts[name].get(reply.message, ""), texts[name].get(last[name], "")
        box.heard.append(
            Heard(clock.now(), name, text, asked, taken, reply.message == last[name], reply.altered)
        )

    for line in bench.lines.values():
        line.said.append(said)
        line.heard.append(heard)
    bench.on_current(lambda current: box.flows.append(Flow(clock.now(), current)))
    for name, magnet in bench.magnets.items():
        magnet.driven = lambda ramp, name=name: box.ramps.append(MagnetRamp(clock.now(), name, ramp))
    return box
