"""The lab that a protocol is handed, and what the engine sees of it: instruments by role, one clock, parking."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from drivers.errors import InstrumentError
from drivers.field_source import FieldSource
from labctl.clock import RecordingClock
from labctl.oversight import Oversight
from labctl.parking import ParkingStep
from labctl.record import Quantity
from labctl.stopping import Watch

if TYPE_CHECKING:
    from drivers._wire import Clock
    from protocols import roles as role_of


class OpenStation:
    """The lab that a protocol is handed: instruments by role, and the station's clock."""

    def __init__(
        self, clock: Clock, glance: Callable[[], float], watch: Watch | None = None, time_factor: float = 1.0
    ) -> None:
        """Take the station's clock; `glance` tells its time (s) without leaving a reading on it.

        `watch` is looked after before every exchange; a real station's time passes `time_factor` times faster.
        """
        self.watch = watch or Watch()
        self._time_factor = time_factor
        self._clock = clock
        self._glance = glance
        self._start = self._clock.now()
        self._roles: dict[str, Any] = {}
        self._instruments: dict[str, tuple[Any, str]] = {}
        self._known: set[str] = set()
        #: What limits, ledger and interlocks see of the station, and do to it.
        self.oversight = Oversight(self._roles, self._instruments, self.elapsed, self.warn)
        self.found: Sequence[str] = ()  # what there is to say of the station as it was found
        self.takes: Callable[[Mapping[str, float]], bool] = lambda _row: (
            True
        )  # whether a row is one of the data
        #: Told which row is being measured, from 1: what goes wrong on a simulated bench may wait for one.
        self.on_row: Callable[[int], None] = lambda _number: None
        self._handles: dict[str, dict[str, Any]] = {}
        self._arm: Callable[[list[dict[str, Any]]], None] = lambda _parts: None
        self._note: Callable[[str, str], None] = lambda _level, _text: None

    # --- what a protocol sees ---------------------------------------------------------------------

    @property
    def source(self) -> role_of.PulseSource:
        """The current source that drives the bar."""
        return self._role("source")

    @property
    def voltmeter(self) -> role_of.Voltmeter:
        """The voltmeter across the Hall arms."""
        return self._role("voltmeter")

    @property
    def lockin(self) -> role_of.LockIn:
        """The lock-in amplifier across the Hall arms."""
        return self._role("lockin")

    @property
    def magnet_x(self) -> role_of.FieldSource:
        """The magnet along the current."""
        return self._role("magnet_x")

    @property
    def magnet_y(self) -> role_of.FieldSource:
        """The magnet across the current."""
        return self._role("magnet_y")

    @property
    def magnet_z(self) -> role_of.FieldSource:
        """The magnet along the film normal."""
        return self._role("magnet_z")

    def has(self, role: str) -> bool:
        """Return True where the station fills a role."""
        return role in self._roles

    def _role(self, name: str) -> Any:
        if name not in self._roles:
            raise LookupError(f"a protocol must name {name!r} among its roles before it uses it")
        return self._roles[name]

    def wait(self, seconds: float) -> None:
        """Let time pass on the station's clock."""
        self._clock.wait(seconds)

    def now(self) -> float:
        """Seconds on the station's clock since it was opened."""
        return self._clock.now() - self._start

    def note(self, text: str) -> None:
        """Write a line into the run's log."""
        self._note("info", text)

    def warn(self, text: str) -> None:
        """Write a warning into the run's log."""
        self._note("warning", text)

    def log(self, level: str, text: str) -> None:
        """Write a line of some level into the run's log."""
        self._note(level, text)

    # --- what the engine sees ---------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The station's clock as instruments and protocol read it."""
        return self._clock

    @property
    def readings(self) -> array[float]:
        """Every reading (s) of the clock since it was looked at last; whoever takes them empties it."""
        return self._clock.readings if isinstance(self._clock, RecordingClock) else array("d")

    def elapsed(self) -> float:
        """As `now`, for the engine's own book-keeping, which no replay has to repeat."""
        return self._glance() - self._start

    @property
    def resources(self) -> list[str]:
        """Where the instruments are."""
        return [resource for _, resource in self._instruments.values()]

    def on_note(self, note: Callable[[str, str], None]) -> None:
        """Say where notes go: a function of level and text."""
        self._note = note

    def on_known(self, arm: Callable[[list[dict[str, Any]]], None]) -> None:
        """Say who is handed the recipe of parking once every instrument is known, before anything is set."""
        self._arm = arm

    def connect(self) -> None:
        """Ask every instrument who it is and empty its error queue; nothing is set, no output jumps."""
        for role, (instrument, _) in self._instruments.items():
            for text in instrument.connect():
                self._note("warning", f"{role}: {text}")
            self._known.add(role)
        self._arm(self.recipe())
        for magnet in self._magnets():
            magnet.prepare()

    def describe(self) -> dict[str, dict[str, Any]]:
        """Identity, resource, driver and present settings of every instrument, by role."""
        return {
            role: {
                "identity": instrument.identity,
                "resource": resource,
                "driver": type(instrument).__name__,
                "settings_before": _quantities(instrument.settings()),
            }
            for role, (instrument, resource) in self._instruments.items()
        }

    def settings_left(self, roles: Iterable[str]) -> dict[str, dict[str, Quantity]]:
        """Present settings of the instruments in these roles, as far as they still answer."""
        left: dict[str, dict[str, Quantity]] = {}
        for role in roles:
            try:
                instrument = self._instruments[role][0]
                left[role] = _quantities(instrument.settings()) | {
                    "repeats": Quantity(instrument.wire.repeats, "1", "queries that had to be asked again")
                }
            except InstrumentError as error:
                self._note("warning", f"{role}: settings after the run are unknown: {error}")
        return left

    def parking(self) -> list[ParkingStep]:
        """The steps of parking, in order: current to zero and output off, then the magnets, then the meters.

        What did not identify itself as the right instrument is left alone: nothing was set there, and nobody
        knows what a command would do to it.
        """
        magnets = [
            role for role in self._roles if role.startswith("magnet_") and f"{role}_supply" in self._known
        ]
        order = ("source", *magnets, "lockin", "voltmeter")
        return [
            ParkingStep(
                role,
                self._roles[role].park,
                self._roles[role].longest_ramp / self._time_factor if role in magnets else 0.0,
            )
            for role in order
            if role in {*magnets, *self._known}
        ]

    def recipe(self) -> list[dict[str, Any]]:
        """The same as plain data, for a guard: each instrument's identity, steps, and the way to it."""
        parts: list[dict[str, Any]] = []
        for step in self.parking():
            is_magnet = step.what.startswith("magnet_")
            label = f"{step.what}_supply" if is_magnet else step.what
            instrument = self._instruments[label][0]
            steps = (self._roles[step.what] if is_magnet else instrument).parking_recipe()
            parts.append(
                {
                    "name": step.what,
                    "identity": instrument.identity,
                    "steps": [(type(one).__name__, asdict(one)) for one in steps],
                    **self._handles[label],
                }
            )
        return parts

    def _magnets(self) -> list[FieldSource]:
        return [magnet for role, magnet in self._roles.items() if role.startswith("magnet_")]

    def add(self, role: str, instrument: Any, resource: str, handle: dict[str, Any]) -> None:
        """Take an instrument that has a wire of its own; `source` and the meters are roles themselves.

        `handle` is the way to it for a guard (`heartbeat.Guard.arm`).
        """
        self._instruments[role] = (instrument, resource)
        self._handles[role] = handle
        if role in {"source", "voltmeter", "lockin"}:
            self._roles[role] = instrument

    def add_magnet(self, role: str, magnet: FieldSource) -> None:
        """Take the field source that plays a magnet's role."""
        self._roles[role] = magnet


def _quantities(settings: Mapping[str, tuple[Any, str]]) -> dict[str, Quantity]:
    return {
        name: Quantity(value, None if isinstance(value, str) else unit)
        for name, (value, unit) in settings.items()
    }
