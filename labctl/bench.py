"""The simulated twin of a station: which simulators stand for its instruments, with the sample between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_type_hints

from labctl import door, registry
from labctl.errors import RequestError
from labctl.record import Quantity
from labctl.safety import ROLE_DIRECTIONS, magnet_for
from sim_instruments.bench import Bench, BenchSpec, InstrumentSpec, MagnetSpec
from sim_instruments.physics.sample import SampleParameters

if TYPE_CHECKING:
    from labctl.config import Sample, Station
    from labctl.record import WireLine
    from sim_instruments.faults import Fault
    from sim_instruments.recorded import Tape
    from sim_instruments.server import Served
    from sim_instruments.visa import BenchLibrary
    from sim_instruments.wiring import Moment

#: SI units of the model's parameters; those that are pure numbers are left out.
MODEL_UNITS: Final = {
    "t_AlOx": "m",
    "mu0_H_k": "T",
    "mu0_J_0": "T",
    "mu0_J_D": "T",
    "mu0_H_D": "T",
    "E_0": "J",
    "mu0_H_k_E_0": "T",
    "tau_0": "s",
    "T_0": "K",
    "T_c": "K",
    "kappa": "K/A**2",
    "mu0_H_DL_per_J": "T*m**2/A",
    "R_AHE": "ohm",
    "R_PHE": "ohm",
    "R_off": "ohm",
    "R_gradT_z": "ohm/A",
    "R_gradT_x": "ohm/A",
    "R_xx": "ohm",
    "width": "m",
    "metal_thickness": "m",
}


@dataclass(frozen=True, slots=True)
class BlackBox:
    """What the sample has seen, as the bench (not an instrument) recorded it, in SI units.

    `pulses` counts the waveforms that flowed; `mu0_H` (T) is the largest magnitude along x, y and z,
    `mu0_H_rate` (T/s) the fastest change of a magnet.
    """

    current: float
    energy: float
    charge: float
    pulses: int
    mu0_H: tuple[float, float, float]
    mu0_H_rate: float


def parameters_of(sample: Sample) -> SampleParameters:
    """The model's parameters for a sample file; what cannot be is a RequestError that names the file's key."""
    kinds = get_type_hints(SampleParameters)
    overrides: dict[str, Any] = {}
    for name, text in sample.model.items():
        if name not in kinds or name in {"t_AlOx", "width", "metal_thickness"}:
            raise RequestError(f"sample {sample.name}: model.{name} is not a parameter of the model.")
        value = door.parse(str(text), MODEL_UNITS.get(name, "1"), f"sample {sample.name}: model.{name}")
        overrides[name] = round(value) if kinds[name] is int else value
    try:
        return SampleParameters.for_thickness(
            sample.t_AlOx, width=sample.width, metal_thickness=sample.thickness, **overrides
        )
    except ValueError as error:
        raise RequestError(f"sample {sample.name}: {error}. Nothing was sent.") from error


def model_of(sample: Sample) -> dict[str, Quantity]:
    """Every parameter of the model, with its unit, for the file."""
    parameters = parameters_of(sample)
    model = {
        field.name: Quantity(getattr(parameters, field.name), MODEL_UNITS.get(field.name, "1"))
        for field in fields(parameters)
    }
    return {"model": Quantity("mean-field hysterons, sim_instruments.physics"), **model}


def build(station: Station, sample: Sample, seed: int, roles: Sequence[str]) -> Bench:
    """Build the bench for a station: its own instruments, or the twins of real ones in a rehearsal.

    A lock-in has the source's phase marker for its reference. A magnet whose sample is turned by hand lies along
    the axis of the role it plays.
    """
    turned = {magnet_for(station, role): ROLE_DIRECTIONS[role] for role in roles if role in ROLE_DIRECTIONS}
    magnets = [
        MagnetSpec(
            name=name,
            supply=magnet.supply,
            gaussmeter=magnet.gaussmeter,
            direction=turned[name] if magnet.axis == "manual" and name in turned else magnet.direction,
            field_per_current=magnet.field_per_current,
            resistance=magnet.coil_resistance,
            inductance=magnet.coil_inductance,
            remanence=magnet.yoke_remanence,
            lag=magnet.yoke_lag,
        )
        for name, magnet in station.magnets.items()
    ]
    # a lock-in that nobody reads would follow every change of field and current all the same
    has_lockin = "lockin" in station.instruments and (not roles or "lockin" in roles)
    instruments = [
        InstrumentSpec(name, registry.load("simulators", section.driver), section.resource)
        for name, section in station.instruments.items()
        if name != "lockin" or has_lockin
    ]
    spec = BenchSpec(
        tuple(instruments),
        tuple(magnets),
        "source",
        "voltmeter",
        line_frequency=station.line_frequency,
        relay=station.cables.relay,
        trigger_link=station.cables.trigger_link,
        lockin="lockin" if has_lockin else None,
    )
    return Bench(spec, parameters_of(sample), device_seed=sample.device_seed, seed=seed)


def read_faults(texts: Iterable[str], names: Mapping[str, str]) -> tuple[Fault, ...]:
    """Read what is to go wrong; `names` says what each instrument that may be named is called on the bench."""
    from sim_instruments import faults

    read: list[Fault] = []
    for text in texts:
        try:
            fault = faults.parse(text)
        except ValueError as error:
            raise RequestError(f"{error}. Nothing was sent.") from error
        renamed = {"instrument": names.get(fault.instrument, fault.instrument)}
        if faults.KINDS[fault.kind].value == "instrument":
            renamed["value"] = names.get(fault.value, fault.value)
        read.append(replace(fault, **renamed))
    return tuple(read)


def draw_faults(seed: int, room: Bench, names: Iterable[str], rows: int) -> tuple[Fault, ...]:
    """Draw what is to go wrong on some instruments in a run of so many rows."""
    from sim_instruments import chaos

    return chaos.draw(seed, {name: tuple(room.instruments[name].mishaps) for name in names}, rows)


def suffer(room: Bench, faults: Sequence[Fault]) -> Callable[[int], None]:
    """Let things go wrong on a bench; the answer is to be told which row is being measured.

    RequestError where one cannot happen here.
    """
    try:
        return room.suffer(faults).row
    except ValueError as error:
        raise RequestError(f"{error}. Nothing was sent.") from error


def served(
    station: Station, sample: Sample, seed: int, factor: float, faults: Sequence[Fault] = ()
) -> tuple[Served, Callable[[], Moment]]:
    """The bench of a station ready to be served on TCP ports, its time `factor` times faster than the wall's.

    With a function that says what flows, and what field there is, at the moment. `faults` go wrong on it.
    """
    from sim_instruments.server import Served

    if any(fault.when == "row" for fault in faults):
        raise RequestError(
            "a fault of a served bench must be at a query, line or time, since a row is known to the run alone; "
            "got one at a row. Nothing was served."
        )
    room = build(station, sample, seed, ())
    suffer(room, faults)
    return Served(room.reachable, room.clock, factor), lambda: room.moment


def recorded(
    wires: Mapping[str, str], lines: Iterable[WireLine], mode: Literal["strict", "by-query"]
) -> tuple[BenchLibrary, Tape]:
    """A VISA library that answers from a recording: `wires` says what each resource was called there."""
    from sim_instruments import recorded

    tape = recorded.Tape((recorded.Line(*line) for line in lines), mode)
    return recorded.library(wires, tape), tape


def seen(bench: Bench) -> BlackBox:
    """What the sample on a bench has gone through so far."""
    envelope = bench.envelope
    along = [
        max(abs(magnet.direction[axis]) * envelope.mu0_H_max[magnet.name] for magnet in bench.spec.magnets)
        for axis in range(3)
    ]
    return BlackBox(
        current=envelope.I_max,
        energy=envelope.energy,
        charge=envelope.charge,
        pulses=envelope.pulses,
        mu0_H=(along[0], along[1], along[2]),
        mu0_H_rate=max(envelope.mu0_H_rate_max.values(), default=0.0),
    )
