"""A small hysteresis loop as a stored run, written out by hand, for the tests of files."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from labctl.store import Quantity, RunHeader, RunStore
from protocols.vocabulary import Analysis, Column, Curve, Result, Waveforms

FIELD = [-0.1, -0.05, 0.0, 0.05, 0.1, 0.05, 0.0, -0.05, -0.1]
HALL = [-1.5, -1.5, -1.4, 1.4, 1.5, 1.5, 1.4, -1.4, -1.5]
BRANCH = [1, 1, 1, 1, 1, -1, -1, -1, -1]
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
END = datetime(2026, 3, 1, 12, 0, 9, tzinfo=UTC)

COLUMNS = [
    Column("mu0_H_z", "T", "measured field along z"),
    Column("R_xy", "ohm", "Hall resistance"),
    Column("branch", "1", "+1 on the way up, -1 on the way down", "int64"),
]
PARAMETERS = {
    "mu0_H_max": Quantity(0.1, "T", "largest field"),
    "repeats": Quantity(1, "1", "number of loops"),
    "averaging": Quantity("none"),
    "compliance": Quantity(None, "V"),
    "steps": Quantity([0.05, 0.01], "T", "field steps"),
}
SAMPLE = {
    "name": Quantity("S1"),
    "t_AlOx": Quantity(2e-9, "m", "thickness of AlOx"),
    "layers": Quantity(["Ta", "CoFeB", "MgO"]),
}
ANALYSIS = Analysis(
    results={
        "mu0_H_c": Result(0.0251, 0.0004, "T", "coercive field"),
        "R_AHE": Result(float("nan"), float("nan"), "ohm", "half height", limit="upper", note="no plateau"),
    },
    curves={
        "fit": Curve(np.array([0.0, 0.1]), np.array([0.0, 1.5]), "mu0_H_z", "T", "R_xy", "ohm", "tanh fit")
    },
    warnings=["the loop is not closed"],
)

WAVEFORMS = Waveforms(
    axis=Column("dt_spike", "s", "delay of the spikes"),
    at=np.array([-0.002, 0.002]),
    time=np.array([0.0, 0.0001, 0.0002]),
    current=np.array([[0.008, -0.004, 0.0], [-0.008, 0.0, 0.0]]),
)


def header(**changed) -> RunHeader:
    """The header of the run, with anything changed that a test wants changed."""
    known = {
        "title": "AHE loop of S1",
        "protocol": "ahe-loop",
        "protocol_version": "1.0",
        "caption": "Anomalous Hall loop",
        "source": "def measure(lab, p): ...\n",
        "parameters": PARAMETERS,
        "columns": COLUMNS,
        "signal": "R_xy",
        "axis": "mu0_H_z",
        "uuid": "3f2a9c1e-5b7d-4c1a-9e21-0123456789ab",
        "seed": 7,
        "start_time": START,
        "program_version": "0.1.0",
        "clock": "virtual",
        "sample": SAMPLE,
        "simulation": {"model": Quantity("hysterons"), "hysterons": Quantity(4096, "1")},
    }
    return RunHeader(**{**known, **changed})


def begun(target: Path, **changed) -> RunStore:
    """A store that has taken the whole loop and is ready to be finished."""
    store = RunStore(target)
    store.begin(header(**changed))
    store.instrument(
        "voltmeter",
        identity="KEITHLEY INSTRUMENTS INC.,MODEL 2182A,1234567,C05",
        resource="GPIB0::7::INSTR",
        driver="drivers.keithley_2182a:Keithley2182A",
        settings_before={"nplc": Quantity(5.0, "1"), "range": Quantity(float("nan"), "V")},
    )
    for row in zip(FIELD, HALL, BRANCH, strict=True):
        store.row(dict(zip(["mu0_H_z", "R_xy", "branch"], row, strict=True)))
    store.wire(0.25, "voltmeter", "say", ":READ?")
    store.wire(0.375, "voltmeter", "hear", "+1.5E-06")
    store.event(0.5, "warning", "field settled late")
    store.settings_after("voltmeter", {"nplc": Quantity(1.0, "1"), "display": Quantity(True)})
    return store


def finish(store: RunStore, status="complete", reason="") -> Path:
    """End the run as the engine does."""
    return store.finish(status, reason, END, 9.5, ANALYSIS, "ahe-loop 1.0, labctl 0.1.0", WAVEFORMS)


def stored(target: Path, **changed) -> Path:
    """The path of a finished run."""
    return finish(begun(target, **changed))
