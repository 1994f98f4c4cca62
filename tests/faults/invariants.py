"""What must hold however a run ended, judged by what the simulator has seen: never by what the program believes.

The numbers are those of the list of invariants that the table of faults speaks of: I1 slew, I3 everything off,
I8 each stored value from its own question, I9 told and exit status, I11 the order of parking. A stored row is held
to the bench as a whole: its voltages, its resistance, its pulse and its fields are those that there were.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from trial import Trial

#: Offsets that a supply at 0 A has (A), and the field that its yoke keeps is no concern of its current.
NO_CURRENT = 0.05
#: A row of voltages: at which sign of the sense current each was read.
SIGNS = {"V_plus": +1, "V_minus": -1}
#: What a row calls the field along a magnet, by its direction; how far it may be off (T), beside 1 % and what the
#: yoke keeps: the probe's zero, the supply's read-back, and a field that still settles.
AXES = {(1, 0, 0): "mu0_H_x", (0, 1, 0): "mu0_H_y", (0, 0, 1): "mu0_H_z"}
FIELD = 3e-4
#: A supply without a ramp of its own is walked in steps of 20 ms: its rate is judged over this time (s).
WALK = 0.2


def broken(trial: Trial, *, is_parkable: bool = True, is_slew_ours: bool = True) -> list[str]:
    """Say which invariants do not hold; `is_parkable` False where the link to an instrument is gone for good.

    `is_slew_ours` False where the fault itself moved a magnet.
    """
    found = [*_told(trial), *_stored(trial), *trial.findings]
    if is_parkable:
        found += [*_off(trial), *_order(trial)]
    if is_slew_ours:
        found += _slew(trial)
    return found


def marked(trial: Trial) -> str:
    """How a person is told that something was wrong: by the end of the run, by a line of its log, or not at all."""
    return trial.told or next(iter(trial.warnings), "")


def _told(trial: Trial) -> Iterator[str]:
    if (trial.status == "complete") != (trial.exit_status == 0):
        yield f"I9: status {trial.status} with exit status {trial.exit_status}"
    if trial.exit_status and not trial.told:
        yield "I9: nothing was told"
    if trial.exit_status == 1:
        yield f"I9: a bug: {trial.told}"
    if trial.status == "complete" and trial.rows != trial.rows_expected:
        yield f"I7: complete with {trial.rows} rows of {trial.rows_expected}"


def _off(trial: Trial) -> Iterator[str]:
    moment = trial.room.moment
    if moment.current != 0:
        yield f"I3: {moment.current} A flow through the bar"
    for name, current in moment.I_magnet.items():
        if abs(current) > NO_CURRENT:
            yield f"I3: magnet {name} carries {current} A"
    if _output_is_on(trial):
        yield "I3: the output of the source is on"


def _output_is_on(trial: Trial) -> bool:
    source = trial.room.instruments["source"]
    source.line = None
    source.device_clear()
    source.write(b"OUTP?\n", message_exchange=False)
    return bool(source.next_reply(trial.room.clock.now() + 1.0, message_exchange=False) != b"0\n")


def _order(trial: Trial) -> Iterator[str]:
    """The bar is without current before the last ramp of a magnet begins."""
    if trial.status == "complete" or not trial.box.flows:
        return
    ended = next((flow.time for flow in reversed(trial.box.flows) if flow.what != 0), 0.0)
    last = [flow.time for flow in trial.box.flows if flow.time >= ended and flow.what == 0]
    parked = {
        name: [ramp.time for ramp in ramps if ramp.rate > 0][-1:] for name, ramps in _by_magnet(trial).items()
    }
    for name, times in parked.items():
        if times and last and times[0] > ended and last[0] > times[0]:
            yield f"I11: magnet {name} was still ramped while current flowed"


def _slew(trial: Trial) -> Iterator[str]:
    for name, ramps in _by_magnet(trial).items():
        spec = next(spec for spec in trial.room.spec.magnets if spec.name == name)
        rated = trial.slew[name] / abs(spec.field_per_current)
        for start, ramp in enumerate(ramps):
            after = [one for one in ramps[start:] if one.time < ramp.time + WALK]
            change = abs(after[-1].ramp.end_current - ramp.ramp.start_current)
            lasted = max(WALK, after[-1].ramp.end - ramp.time)
            if change > rated * lasted * 1.1 + 0.01:
                yield f"I1: magnet {name} was changed by {change:.3g} A in {lasted:.3g} s at {ramp.time:.3f} s"
                break


def _by_magnet(trial: Trial) -> dict[str, list[Any]]:
    ramps = sorted(trial.box.ramps, key=lambda ramp: ramp.magnet)
    return {name: list(group) for name, group in groupby(ramps, key=lambda ramp: ramp.magnet)}


def _stored(trial: Trial) -> Iterator[str]:
    """Each voltage of each row is the untouched answer to its own question, read while its current flowed."""
    if trial.run is None or "V_plus" not in trial.run.columns:
        return
    I_sense = float(trial.run.parameters["I_sense"].value)
    readings = [heard for heard in trial.box.heard if heard.instrument == "voltmeter"]
    for row in range(trial.rows):
        yield from _row(trial, row)
        for column, sign in SIGNS.items():
            value = float(trial.run.columns[column][row])
            own = [heard for heard in readings if _is_number(heard.text, value)]
            if not own:
                yield f"I8: {column} of row {row + 1}, {value}, was never answered"
            elif not any(heard.is_own and not heard.is_altered for heard in own):
                yield f"I8: {column} of row {row + 1}, {value}, is not the answer to its question"
            elif not any(_flowed(trial, heard.time, sign * I_sense) for heard in own):
                yield f"row {row + 1} is wrong: {column} was not read at {sign * I_sense:g} A"


def _row(trial: Trial, row: int) -> Iterator[str]:
    """The resistance of a row is that of its voltages, its pulse was played, and its fields were there."""
    assert trial.run is not None
    cells = {name: float(column[row]) for name, column in trial.run.columns.items()}
    R_xy = (cells["V_plus"] - cells["V_minus"]) / (2 * float(trial.run.parameters["I_sense"].value))
    if abs(cells["R_xy"] - R_xy) > 1e-9 * abs(R_xy):
        yield f"row {row + 1} is wrong: R_xy is {cells['R_xy']}, its voltages say {R_xy}"
    time = _read_at(trial, row)
    if "I_pulse" in cells and row > 0:
        yield from _pulse(trial, row, cells["I_pulse"], _read_at(trial, row - 1), time)
    for magnet in trial.room.spec.magnets:
        measured = cells.get(AXES.get(tuple(map(round, magnet.direction)), ""))
        if measured is None:
            continue
        current = next(
            (
                ramp.ramp.at(time)
                for ramp in reversed(_by_magnet(trial).get(magnet.name, []))
                if ramp.time <= time
            ),
            0.0,
        )
        true = magnet.field_per_current * current
        if not abs(measured - true) <= abs(magnet.remanence) + FIELD + 0.01 * abs(true):
            yield f"row {row + 1} is wrong: along {magnet.name} it says {measured:.6g} T, there were {true:.6g} T"


def _pulse(trial: Trial, row: int, I_pulse: float, after: float, before: float) -> Iterator[str]:
    played = [
        max(flow.what.levels, key=abs)
        for flow in trial.box.flows
        if after < flow.time < before and not isinstance(flow.what, float | int)
    ]
    expected = [I_pulse] if I_pulse else []
    if len(played) != len(expected) or any(abs(got - I_pulse) > 0.01 * abs(I_pulse) for got in played):
        yield f"row {row + 1} is wrong: it says that {expected} A were played; it was {played}"


def _read_at(trial: Trial, row: int) -> float:
    """When the first voltage of a row was read (s); infinity where it never was, which is told elsewhere."""
    assert trial.run is not None
    value = float(trial.run.columns["V_plus"][row])
    readings = (heard for heard in trial.box.heard if heard.instrument == "voltmeter")
    return next((heard.time for heard in readings if _is_number(heard.text, value)), float("inf"))


def _is_number(text: str, value: float) -> bool:
    try:
        return float(text) == value
    except ValueError:
        return False


def _flowed(trial: Trial, time: float, current: float) -> bool:
    return abs(trial.box.current_at(time) - current) < 0.01 * abs(current)
