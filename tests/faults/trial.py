"""One short run with something wrong in it, and what came of it: told, kept, and as the simulator saw it."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from labctl import bench, engine, mishaps, runfile, validate
from labctl.errors import LabctlError
from sim_instruments.black_box import BlackBox, black_box

#: What is measured: nine fields with two voltages each, ten pulses with a reading after each, or harmonics of the
#: Hall voltage at five fields a sweep.
RUNS = {
    "ahe-loop": ("mu0_H_max=40 Oe", "mu0_H_step=20 Oe"),
    "sot-switching": (
        "I_max=12 mA",
        "I_step=6 mA",
        "R_AHE_reference=1 ohm",
        "R_off_reference=0.1 ohm",
        "mu0_H_x=50 Oe",
    ),
    "harmonic-hall": (
        "n_readings=1",
        "mu0_H_step=100 Oe",
        "mu0_H_high=0 Oe",
        "planar_hall=given",
        "r_PHE=0.2",
    ),
}


@dataclass(frozen=True)
class Trial:
    """What a run with faults left: `status` of its file, exit status, what was told, and the bench behind it."""

    status: str
    exit_status: int
    told: str
    rows: int
    rows_expected: int
    log: Sequence[str]
    run: runfile.Run | None
    room: Any
    box: BlackBox
    findings: Sequence[str]
    slew: Mapping[str, float]

    @property
    def warnings(self) -> list[str]:
        """The lines of the log that say that something was not as it should be."""
        return [line for line in self.log if not line.startswith("info")]


def carry_out(
    folder: Path,
    faults: Sequence[str] = (),
    *,
    protocol: str = "ahe-loop",
    chaos: int | None = None,
    seed: int = 1,
) -> Trial:
    """Measure on the simulated bench while these things go wrong; the file is `folder`/run.h5."""
    rooms: list[tuple[Any, BlackBox]] = []
    ordinary = bench.build

    def recorded(*args: Any) -> Any:
        room = ordinary(*args)
        rooms.append((room, black_box(room)))
        return room

    path, told, status = folder / "run.h5", "", 0
    outcome = None
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(bench, "build", recorded))
        try:
            request = engine.prepare(
                protocol, RUNS[protocol], station="sim", sample="alox-2.0", seed=seed, output=path
            )
            request = mishaps.afflicted(request, faults, chaos)
            outcome = engine.run(request, lambda _row: None, lambda _question: None)
        except LabctlError as error:
            told, status = str(error), error.exit_status
    if outcome is not None and outcome.error is not None:
        told, status = str(outcome.error), outcome.error.exit_status
    run = runfile.read_run(path) if path.exists() else None
    room, box = rooms[-1] if rooms else (None, BlackBox())
    return Trial(
        status=run.status if run else "",
        exit_status=status,
        told=told,
        rows=run.rows if run else 0,
        rows_expected=request.rows_expected,
        log=[f"{event.level}: {event.text}" for event in run.log] if run else [],
        run=run,
        room=room,
        box=box,
        slew={name: magnet.slew for name, magnet in request.station.magnets.items()},
        findings=[str(one) for one in validate.validate(path).findings] if run else [],
    )
