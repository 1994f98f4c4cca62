"""The same sweep by QCoDeS: a Measurement into its SQLite database."""

import time
from pathlib import Path

from instruments import QUERY, Marks, level, room, sessions
from qcodes.dataset import Measurement, initialise_or_create_database_at, load_or_create_experiment
from qcodes.parameters import Parameter


def qcodes(folder: Path, points: int, mark: Marks) -> Path:
    """Parameters on bare PyVISA sessions, results added one by one."""
    source, meter = sessions(room())
    database = folder / "qcodes.db"
    initialise_or_create_database_at(str(database))
    load_or_create_experiment("sweep", "nothing")
    I = Parameter("I", unit="A", set_cmd=lambda value: source.write(f"SOUR:CURR {value:.9G}"))
    V = Parameter("V", unit="V", get_cmd=lambda: float(meter.query(QUERY)))
    moment = Parameter("time", unit="s", get_cmd=time.time)
    measurement = Measurement(name="sweep")
    measurement.register_parameter(I)
    measurement.register_parameter(V, setpoints=(I,))
    measurement.register_parameter(moment, setpoints=(I,))
    with measurement.run() as saver:
        for number in range(points):
            current = level(number)
            I(current)
            saver.add_result((I, current), (V, V()), (moment, moment()))
            mark()
    return database
