"""The same sweep by PyMeasure: a Procedure in a Worker, which writes a CSV file."""

import time
from pathlib import Path
from typing import Any, ClassVar

from instruments import QUERY, Marks, level, room, sessions
from pymeasure.experiment import IntegerParameter, Procedure, Results, Worker


class Sweep(Procedure):
    """One write, one query, one emitted row."""

    points = IntegerParameter("Points", default=300)
    DATA_COLUMNS: ClassVar = ["I (A)", "V (V)", "time (s)"]
    mark: Any = None

    def startup(self) -> None:
        self.source, self.meter = sessions(room())

    def execute(self) -> None:
        for number in range(self.points):
            current = level(number)
            self.source.write(f"SOUR:CURR {current:.9G}")
            V = float(self.meter.query(QUERY))
            self.emit("results", {"I (A)": current, "V (V)": V, "time (s)": time.time()})
            Sweep.mark()


def pymeasure(folder: Path, points: int, mark: Marks) -> Path:
    """A worker thread that runs the procedure."""
    Sweep.mark = staticmethod(mark)
    procedure = Sweep(points=points)
    worker = Worker(Results(procedure, str(folder / "pymeasure.csv")))
    worker.start()
    worker.join(timeout=600)
    return folder / "pymeasure.csv"
