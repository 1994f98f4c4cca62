"""The same sweep by Bluesky with ophyd: a list_scan whose documents go into a JSON-lines file."""

import json
import time
from pathlib import Path
from typing import Any

import bluesky.plans as bp
from bluesky import RunEngine
from instruments import QUERY, Marks, level, room, sessions
from ophyd import Signal
from ophyd.status import Status


class Source(Signal):
    """A signal that is a current."""

    def __init__(self, session: Any) -> None:
        super().__init__(name="I", value=0.0)
        self._session = session

    def set(self, value: float, **_options: Any) -> Status:
        self._session.write(f"SOUR:CURR {value:.9G}")
        self._readback = value
        status = Status(obj=self)
        status.set_finished()
        return status


class Meter(Signal):
    """A signal that is a voltage, asked for when it is read."""

    def __init__(self, session: Any, mark: Marks) -> None:
        super().__init__(name="V", value=0.0)
        self._session = session
        self._mark = mark

    def get(self, **_options: Any) -> float:
        self._readback = float(self._session.query(QUERY))
        return self._readback

    def trigger(self) -> Status:
        self._mark()
        status = Status(obj=self)
        status.set_finished()
        return status

    def read(self) -> Any:
        return {self.name: {"value": self.get(), "timestamp": time.time()}}

    def describe(self) -> Any:
        return {self.name: {"source": "meter", "dtype": "number", "shape": []}}


def bluesky(folder: Path, points: int, mark: Marks) -> Path:
    """A RunEngine with one subscriber, which writes each document as a line."""
    source, meter = sessions(room())
    file = folder / "bluesky.jsonl"
    engine = RunEngine({})
    with file.open("w", encoding="utf-8") as lines:

        def write(name: str, document: Any) -> None:
            lines.write(json.dumps((name, document), default=str) + "\n")
            lines.flush()

        engine.subscribe(write)
        engine(
            bp.list_scan([Meter(meter, mark)], Source(source), [level(number) for number in range(points)])
        )
    return file
