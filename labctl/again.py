"""A stored run's request once more: what its file says that was asked for, checked by today's program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labctl import config, engine, registry
from labctl.errors import DataError
from labctl.record import Quantity
from labctl.request import make_parameters

if TYPE_CHECKING:
    from labctl.engine import Request
    from labctl.runfile import Run
    from protocols.vocabulary import ParameterSet

#: What has to be said where `starts_as_it_is` is true and the run is made again.
AS_IT_IS: Final = (
    "it begins with the layer as it is (preparation as-is), which is now how the unfinished run left it: unless "
    "the protocol saturates the layer by itself, make the run again that prepared it, too"
)


def request_of(run: Run) -> Request:
    """The request that a stored run was; DataError where its file does not tell."""
    kept = {"station": run.station.get("station_file"), "sample": run.sample.get("sample_file")}
    texts = {kind: str(text.value) for kind, text in kept.items() if text is not None}
    if lacking := sorted(kept.keys() - texts.keys()):
        raise DataError(
            f"{run.path} must hold the text of its {' and '.join(lacking)} file; it has none. Nothing was sent."
        )
    protocol = registry.load_protocol(run.protocol)
    parameters = make_parameters(protocol, {name: value.value for name, value in run.parameters.items()})
    return engine.Request(
        protocol=protocol,
        parameters=parameters,
        station=config.read_station(texts["station"], f"in {run.path}"),
        sample=config.read_sample(texts["sample"], f"in {run.path}"),
        texts=texts,
        seed=run.seed,
        target=run.path,
        uuid=run.uuid,
        start=run.start_time,
    )


def starts_as_it_is(request: Request) -> bool:
    """True where a run begins with whatever state an earlier one left; on the bench each run has a new sample."""
    return not request.station.simulated and getattr(request.parameters, "preparation", "") == "as-is"


def is_of(run: Run, request: Request) -> bool:
    """True where a stored run is what a request asks for: protocol, parameters, sample, station and seed."""
    return (
        has_parameters(run, request.protocol.name, request.parameters)
        and run.seed == request.seed
        and run.station.get("station_file", Quantity(None)).value == request.texts["station"]
        and run.sample.get("sample_file", Quantity(None)).value == request.texts["sample"]
    )


def has_parameters(run: Run, method: str, parameters: ParameterSet) -> bool:
    """True where a stored run is of this method and these parameters, exactly."""
    wanted = {field: getattr(parameters, field) for field in type(parameters).model_fields}
    return run.protocol == method and {name: value.value for name, value in run.parameters.items()} == wanted


def has_same_parameters(earlier: Run, later: Run) -> bool:
    """True where two stored runs did the same to the same sample: protocol, its version, and every parameter."""
    return (
        (earlier.protocol, earlier.protocol_version) == (later.protocol, later.protocol_version)
        and earlier.sample["sample_file"].value == later.sample["sample_file"].value
        and {name: value.value for name, value in earlier.parameters.items()}
        == {name: value.value for name, value in later.parameters.items()}
    )
