"""From `-p key=value` to a checked set of parameters: the request as a whole, before anything is opened."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from labctl import door
from labctl.errors import RequestError
from labctl.spelling import suggest

if TYPE_CHECKING:
    from labctl.record import Quantity
    from protocols.vocabulary import MeasurementProtocol, Method, ParameterSet, Trace


def unit_of(field: FieldInfo) -> tuple[str, str]:
    """SI unit and display unit of a protocol parameter."""
    extra = field.json_schema_extra
    if not isinstance(extra, dict):
        return "1", "1"
    return str(extra.get("unit", "1")), str(extra.get("display", "1"))


def result_of(field: FieldInfo) -> str | None:
    """The result of another run that a protocol parameter can be, by its name; None for most."""
    extra = field.json_schema_extra
    return cast("str | None", extra.get("result")) if isinstance(extra, dict) else None


def limits_of(field: FieldInfo) -> str:
    """The limits of a parameter in its display unit, as "1 nA to 1 mA" "above 0 Oe, at most 2 T" or "a, b, c"."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(get_args(field.annotation))
    unit, display = unit_of(field)
    bounds = {
        attribute: door.show(bound, unit, display)
        for constraint in field.metadata
        for attribute in ("ge", "gt", "le", "lt")
        if (bound := getattr(constraint, attribute, None)) is not None
    }
    if bounds.keys() == {"ge", "le"}:
        return f"{bounds['ge']} to {bounds['le']}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return ", ".join(f"{words[attribute]} {bound}" for attribute, bound in bounds.items())


def read_parameters(protocol: MeasurementProtocol, assignments: Iterable[str]) -> ParameterSet:
    """Read `key=value` texts with their units; one RequestError line names everything that is wrong."""
    fields = protocol.parameters.model_fields
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals:
            raise RequestError(f"-p must be key=value; got {assignment!r}. Nothing was sent.")
        if name not in fields:
            known = ", ".join(fields)
            raise RequestError(
                f"{protocol.name} has no parameter {name!r}{suggest(name, fields)}; it has {known}. "
                "Nothing was sent."
            )
        if name in values:
            raise RequestError(f"{name} must be given once; got it twice. Nothing was sent.")
        values[name] = _read(name, fields[name], text.strip())
    return make_parameters(protocol, values)


def make_parameters(protocol: Method, values: dict[str, Any]) -> ParameterSet:
    """Validate SI values as a whole; one RequestError line names everything that is wrong."""
    try:
        return protocol.parameters.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_complaint(protocol, problem) for problem in error.errors())
        raise RequestError(f"{problems}. Nothing was sent.") from error


def quantities(parameters: ParameterSet) -> dict[str, Quantity]:
    """Return checked parameters with their units and meanings, as a file keeps them."""
    from labctl.record import Quantity

    return {
        name: Quantity(getattr(parameters, name), unit_of(field)[0], field.description or "")
        for name, field in type(parameters).model_fields.items()
    }


def _read(name: str, field: FieldInfo, text: str) -> Any:
    unit, _ = unit_of(field)
    if text.startswith("@"):
        return _from_file(name, field, Path(text[1:]), unit)
    kind = get_origin(field.annotation) or field.annotation
    if kind is float:
        return door.parse(text, unit, name)
    if kind is list or kind is tuple:
        return [door.parse(part, unit, name) for part in text.split(",")]
    return text  # words, whole numbers and booleans: pydantic reads them


def _from_file(name: str, field: FieldInfo, path: Path, unit: str) -> float | Trace:
    """Take a parameter from a file: a result of a stored run, or a curve against time from a CSV file."""
    extra = field.json_schema_extra
    declared = cast("Mapping[str, Any]", extra if isinstance(extra, dict) else {})
    if declared.get("trace"):
        from labctl.tracefile import read_trace

        return read_trace(path, name, declared["trace"])
    if wanted := result_of(field):
        return _from_run(name, wanted, path, unit)
    raise RequestError(
        f"{name} must be {door.kind_of(unit)}; it cannot be taken from a run. Nothing was sent."
    )


def _from_run(name: str, wanted: str, path: Path, unit: str) -> float:
    """Take a parameter's value from the results of a stored run."""
    from labctl.runfile import read_run

    result = read_run(path).results.get(wanted)
    if result is None or result.unit != unit or not math.isfinite(result.value):
        raise RequestError(f"{name} must be the result {wanted} of a run; {path} has none. Nothing was sent.")
    return result.value


def _complaint(protocol: Method, problem: Any) -> str:
    if not problem["loc"]:
        return str(problem["msg"]).removeprefix("Value error, ")
    name = str(problem["loc"][0])
    field = protocol.parameters.model_fields.get(name)
    if field is None:
        return f"{protocol.name} has no parameter {name!r}"
    unit, display = unit_of(field)
    value = problem["input"]
    got = door.show(value, unit, display) if isinstance(value, (int, float)) else repr(value)
    if problem["type"] in {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}:
        return f"{name} must be {limits_of(field)}; got {got}"
    message = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{name} must be {message}; got {got}"
