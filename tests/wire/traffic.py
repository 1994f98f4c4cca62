"""Everything that drivers say and simulators obey while tests run, by instrument and header."""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from spoken import DRIVERS, SIMULATORS, declared, declared_without_witness, without_witness
from witness import absolute_headers

import drivers._instrument
import sim_instruments.instrument
from drivers._wire import Wire

#: Who speaks for the house: a line that a test puts on the wire itself (to have it refused) does not count.
HOUSE = ("drivers", "labctl", "protocols")


def _sets() -> defaultdict[str, set[str]]:
    return defaultdict(set)


@dataclass
class Traffic:
    """Headers by instrument name: `said` by its driver, and `obeyed` by its simulator (as it declares them)."""

    said: defaultdict[str, set[str]] = field(default_factory=_sets)
    obeyed: defaultdict[str, set[str]] = field(default_factory=_sets)

    def listen(self, patch: pytest.MonkeyPatch) -> None:
        """From now on hear every wire that a driver is put on, and every simulator; `patch` ends it."""
        initialise = drivers._instrument.Instrument.__init__
        receive = sim_instruments.instrument.Instrument._receive

        def init(driver: Any, wire: Wire) -> None:
            initialise(driver, wire)
            name = _name(driver, DRIVERS)
            if name is not None and isinstance(wire, Wire):
                self._overhear(name, wire)

        def hear(instrument: Any, line: bytes, message_exchange: bool) -> None:
            name = _name(instrument, SIMULATORS)
            if name is not None:
                self._note_obeyed(name, line.decode("latin-1"))
            receive(instrument, line, message_exchange)

        patch.setattr(drivers._instrument.Instrument, "__init__", init)
        patch.setattr(sim_instruments.instrument.Instrument, "_receive", hear)

    def without_witness(self) -> list[str]:
        """Return what was heard and no entry of a witness has, as `instrument: header`."""
        found: list[str] = []
        for name, headers in sorted(self.said.items()):
            found += [f"{name}: {header}" for header in without_witness(name, headers)]
        for name, headers in sorted(self.obeyed.items()):
            unknown = headers & set(declared_without_witness(name, SIMULATORS[name]))
            found += [f"{name}: {header}" for header in sorted(unknown)]
        return found

    def _overhear(self, name: str, wire: Wire) -> None:
        log = wire._log

        def listen(time: float, who: str, direction: Any, text: str) -> None:
            if direction == "say" and _speaker() in HOUSE:
                self.said[name].update(absolute_headers(text))
            if log is not None:
                log(time, who, direction, text)

        wire._log = listen

    def _note_obeyed(self, name: str, message: str) -> None:
        for header in absolute_headers(message):
            known = declared(SIMULATORS[name], header)
            if known is not None:
                self.obeyed[name].add(known)


def _name(instrument: Any, offered: dict[str, Any]) -> str | None:
    """Return the name under which an instrument's class is on offer; None for a test's own invention."""
    return next((name for name, kind in offered.items() if isinstance(instrument, kind)), None)


def _speaker() -> str:
    """Return the package whose code called the wire that is just being heard."""
    frame = sys._getframe(2)
    while frame.f_globals["__name__"] in ("drivers._wire", __name__) and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_globals["__name__"].partition(".")[0]
