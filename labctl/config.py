"""Station and sample files: TOML with units, checked as a whole before anything is opened."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from labctl import door
from labctl.errors import RequestError
from labctl.record import Quantity
from labctl.spelling import suggest
from labctl.textfile import read_text


def _quantity(unit: str) -> BeforeValidator:
    def read(value: object) -> float:
        if not isinstance(value, str):
            raise ValueError(f"must be {door.kind_of(unit)}; got {value!r}")
        try:
            return door.parse(value, unit, "it")
        except RequestError as error:
            raise ValueError(str(error).removeprefix("it ").removesuffix(" Nothing was sent.")) from None

    return BeforeValidator(read)


Current = Annotated[float, _quantity("A"), Field(gt=0)]
CurrentDensity = Annotated[float, _quantity("A/m2"), Field(gt=0)]
Charge = Annotated[float, _quantity("C"), Field(gt=0)]
Energy = Annotated[float, _quantity("J"), Field(gt=0)]
SquaredCurrentTime = Annotated[float, _quantity("A2 s"), Field(gt=0)]
Volts = Annotated[float, _quantity("V"), Field(gt=0)]
Tesla = Annotated[float, _quantity("T"), Field(gt=0)]
FieldRate = Annotated[float, _quantity("T/s"), Field(gt=0)]
FieldPerCurrent = Annotated[float, _quantity("T/A")]
Remanence = Annotated[float, _quantity("T"), Field(ge=0)]
Seconds = Annotated[float, _quantity("s"), Field(ge=0)]
# Strict: a number in quotation marks is a text, and no text says yes.
Share = Annotated[float, Field(gt=0, le=1, strict=True)]
Number = Annotated[int, Field(ge=0, lt=2**53, strict=True)]
Switch = Annotated[bool, Field(strict=True)]
Metres = Annotated[float, _quantity("m"), Field(ge=0)]
Ohms = Annotated[float, _quantity("ohm"), Field(gt=0)]
Henries = Annotated[float, _quantity("H"), Field(gt=0)]
Hertz = Annotated[float, _quantity("Hz")]
Radians = Annotated[float, _quantity("rad")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InstrumentSection(_Section):
    """One instrument: which data sheet it obeys, where it is, and how far its settings may go on this station.

    `limits` gives by the name of a setting the largest magnitude, with its unit, that it may be set to.
    """

    driver: str
    resource: str
    limits: dict[str, str] = {}


class MagnetSection(_Section):
    """One magnet: its axis, its supply, its gaussmeter where there is one, and its calibration.

    `closed_loop` lets the gaussmeter correct the current until the field is within `tolerance`. `V_max` is the
    largest voltage that coil and leads may need, |I| coil_resistance + coil_inductance |dI/dt|. What else the coil
    and the yoke do (`yoke_...`) only matters on the simulated bench.
    """

    axis: Literal["x", "y", "z", "manual"] | None = None
    azimuth: Radians | None = None
    supply: str
    gaussmeter: str | None = None
    field_per_current: FieldPerCurrent
    mu0_H_max: Tesla
    slew: FieldRate
    tolerance: Tesla = 5e-5
    closed_loop: Switch = True
    coil_resistance: Ohms = 0.4
    coil_inductance: Henries = 0.1
    V_max: Volts | None = None
    yoke_remanence: Remanence = 0.0
    yoke_lag: Seconds = 0.0

    @model_validator(mode="after")
    def _one_direction(self) -> MagnetSection:
        if (self.axis is None) == (self.azimuth is None):
            raise ValueError('must have either axis = "x" | "y" | "z" | "manual" or azimuth = "30 deg"')
        if self.field_per_current == 0:
            raise ValueError("field_per_current must not be zero")
        return self

    @property
    def direction(self) -> tuple[float, float, float]:
        """Unit vector of the field (x along the current, z the film normal); "manual" counts as z."""
        if self.azimuth is not None:
            return (math.cos(self.azimuth), math.sin(self.azimuth), 0.0)
        return {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0)}.get(self.axis or "z", (0.0, 0.0, 1.0))


class Cables(_Section):
    """How source and voltmeter are joined besides through the sample, as the source's delta modes need it.

    With `relay` the voltmeter's port in use is RS-232, at the other end the source: it is reached through that, and
    no longer at its own resource. `trigger_link` joins their trigger lines.
    """

    relay: Switch = False
    trigger_link: Switch = False


class Limits(_Section):
    """Nothing beyond these is ever sent.

    `J` is the current over the cross-section of the metal (width times thickness: the mean over the stack), `V` the
    voltage that the current needs across R_xx; `t_pulse` the longest time for which a waveform is away from 0 A;
    `duty` the largest share of the time from the start of one waveform to the start of the next for which it is;
    `charge` (both directions counted positive), `energy` (R_xx I^2 t) and `pulses` (waveforms; a train is one) are
    those of a whole run. `mu0_H` and `mu0_H_rate` hold for every magnet.
    """

    current: Current | None = None
    J: CurrentDensity | None = None
    compliance: Volts | None = None
    V: Volts | None = None
    t_pulse: Seconds | None = None
    duty: Share | None = None
    charge: Charge | None = None
    energy: Energy | None = None
    pulses: Number | None = None
    mu0_H: Tesla | None = None
    mu0_H_rate: FieldRate | None = None


class Life(_Section):
    """What a sample may go through in all its runs together; with this table a ledger of them is kept.

    Runs on the simulated bench age nothing, unless `simulated` says that they shall.
    """

    pulses: Number | None = None
    J: CurrentDensity | None = None
    square: SquaredCurrentTime | None = None
    simulated: Switch = False


class InterlockSection(_Section):
    """Something that is watched after each row of a run, and what is done where it is not well.

    Either `when`, a comparison of a column, as "abs(R_xy) > 5 ohm"; or `watch`, something that instruments know:
    "compliance" of the source, "faults" (over-temperature and open interlock of the source, errors of a magnet's
    supply), "gaussmeter" (a field more than `within` from the one asked for). The row is skipped, the run paused
    or stopped. "overflow" of a meter stops a run anyway; with action "retry" the reading is taken again first.
    """

    when: str | None = None
    watch: Literal["compliance", "faults", "gaussmeter", "overflow"] | None = None
    within: Tesla | None = None
    action: Literal["retry", "skip", "pause", "stop"] = "stop"

    @model_validator(mode="after")
    def _one_thing(self) -> InterlockSection:
        if (self.when is None) == (self.watch is None):
            raise ValueError('must have either when = "abs(R_xy) > 5 ohm" or watch = "compliance"')
        if (self.watch == "gaussmeter") != (self.within is not None):
            raise ValueError('must have within = "5 Oe" together with watch = "gaussmeter", and only then')
        if (self.watch == "overflow") != (self.action == "retry"):
            raise ValueError('must have action = "retry" together with watch = "overflow", and only then')
        return self


class Station(_Section):
    """A station file: instruments, magnets and limits.

    `time_factor` is 1 but for a served bench (labctl simulate) whose time passes faster.
    """

    name: str = Field(min_length=1, max_length=64)
    visa: str
    line_frequency: Hertz = 50.0
    time_factor: float = Field(default=1.0, ge=1, allow_inf_nan=False, strict=True)
    instruments: dict[str, InstrumentSection]
    magnets: dict[str, MagnetSection] = {}
    cables: Cables = Cables()
    limits: Limits = Limits()
    interlock: tuple[InterlockSection, ...] = ()

    @property
    def relayed(self) -> str | None:
        """The instrument that is reached through the source only, where there is one."""
        return "voltmeter" if self.cables.relay else None

    @property
    def simulated(self) -> bool:
        """True where simulated instruments are at the other end of the wire."""
        return self.visa == "sim"

    @model_validator(mode="after")
    def _consistent(self) -> Station:
        if self.simulated and self.time_factor != 1:
            raise ValueError(
                'time_factor must be 1 where visa is "sim", whose time is virtual; it belongs to a served bench'
            )
        if self.line_frequency not in (50.0, 60.0):
            raise ValueError(f"line_frequency must be 50 Hz or 60 Hz; got {self.line_frequency:g} Hz")
        resources = [section.resource for section in self.instruments.values()]
        for resource in resources:
            if resources.count(resource) > 1:
                raise ValueError(f"each instrument must have its own resource; {resource} is given twice")
        if self.cables.relay or self.cables.trigger_link:
            for end in ("source", "voltmeter"):
                if end not in self.instruments:
                    raise ValueError(
                        f"cables must join instruments of this file; there is no instruments.{end}"
                    )
        for name, magnet in self.magnets.items():
            for part in filter(None, (magnet.supply, magnet.gaussmeter)):
                if part not in self.instruments:
                    raise ValueError(
                        f"magnets.{name} must be made of instruments of this file; there is no "
                        f"instruments.{part}{suggest(part, self.instruments)}"
                    )
        return self


class Sample(_Section):
    """A sample file: what is on the chip, the limits it survives, and its model on the simulated bench."""

    name: str = Field(min_length=1, max_length=200)
    stack: str = ""
    notes: str = ""
    t_AlOx: Metres = 0.0
    width: Metres = 10e-6
    thickness: Metres = 11.2e-9
    device_seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    R_xx: Ohms | None = None
    limits: Limits = Limits()
    life: Life | None = None
    model: dict[str, str | int] = {}

    @property
    def area(self) -> float:
        """Cross-section (m2) of the metal: the current over it is the density J, the mean over the stack."""
        return self.width * self.thickness


_MAX_BYTES = 10**6  # a station or sample file has one or two thousand; our choice

_Config = TypeVar("_Config", bound=BaseModel)


def load_station(name_or_path: str) -> tuple[Station, str]:
    """Read a station by built-in name or file; return it with the text of its file."""
    return _load("station", name_or_path, Station)


def load_sample(name_or_path: str) -> tuple[Sample, str]:
    """Read a sample by built-in name or file; return it with the text of its file."""
    return _load("sample", name_or_path, Sample)


def file_of(kind: Literal["station", "sample"], name: str) -> Path | None:
    """The file that a name or path of a station or sample stands for; None where it is built in."""
    if name.endswith(".toml"):
        return Path(name)
    return None if name in built_in(kind) else own_folder(kind) / f"{name}.toml"


def built_in(kind: Literal["station", "sample"]) -> dict[str, Callable[[], str]]:
    """Names of the built-in stations or samples, each with a function that gives the text of its file."""
    folder = files("labctl") / f"{kind}s"
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name.removesuffix(".toml"))
    return {
        entry.name.removesuffix(".toml"): entry.read_text for entry in entries if entry.name.endswith(".toml")
    }


def own_folder(kind: Literal["station", "sample"]) -> Path:
    """Folder where the user's own station or sample files are found by name."""
    import platformdirs

    return Path(platformdirs.user_config_dir("labctl", appauthor=False)) / f"{kind}s"


def sample_quantities(sample: Sample, text: str) -> dict[str, Quantity]:
    """What the file says of the sample: its card, SI with units, and the text of its own file."""
    return {
        "name": Quantity(sample.name),
        "stack": Quantity(sample.stack),
        "notes": Quantity(sample.notes),
        "t_AlOx": Quantity(sample.t_AlOx, "m", "thickness of the AlOx layer"),
        "width": Quantity(sample.width, "m", "width of the Hall bar"),
        "thickness": Quantity(sample.thickness, "m", "thickness of the metal that carries the current"),
        "device_seed": Quantity(sample.device_seed, "1", "seed of the simulated device's quenched barriers"),
        "sample_file": Quantity(text),
    }


def station_quantities(station: Station, text: str) -> dict[str, Quantity]:
    """What the file says of the station: its name, and the text of its own file."""
    return {"name": Quantity(station.name), "station_file": Quantity(text)}


def read_station(text: str, origin: str) -> Station:
    """Read a station from the text of its file, as a run keeps it."""
    return _validate("station", origin, text, Station)


def read_sample(text: str, origin: str) -> Sample:
    """Read a sample from the text of its file, as a run keeps it."""
    return _validate("sample", origin, text, Sample)


def _load(kind: Literal["station", "sample"], name: str, model: type[_Config]) -> tuple[_Config, str]:
    texts = built_in(kind)
    own = own_folder(kind) / f"{name}.toml"
    if name.endswith(".toml"):
        path = Path(name)
    elif name in texts and not (kind == "station" and name == "example"):
        return _validate(kind, name, texts[name](), model), texts[name]()
    elif "/" not in name and own.is_file():
        path = own
    else:
        known = [known for known in texts if known != "example"]
        raise RequestError(
            f"--{kind} must be one of {', '.join(known)}, or a file ending in .toml; got {name!r}"
            f"{suggest(name, known)}. Nothing was sent."
        )
    try:
        text = read_text(path, _MAX_BYTES)
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a name with a NUL
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RequestError(
            f"--{kind} must name a readable file; {path}: {reason}. Nothing was sent."
        ) from error
    return _validate(kind, str(path), text, model), text


def _validate(kind: str, origin: str, text: str, model: type[_Config]) -> _Config:
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RequestError(f"{kind} file {origin} must be TOML; {error}. Nothing was sent.") from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_complaints(error, content, model))
        raise RequestError(f"{kind} file {origin}: {problems}. Nothing was sent.") from error


def _complaints(error: ValidationError, content: dict[str, Any], model: type[BaseModel]) -> Iterator[str]:
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        match problem["type"]:
            case "extra_forbidden":
                known = _fields_at(model, problem["loc"][:-1])
                yield f"{where} is not known{suggest(str(problem['loc'][-1]), known)}"
            case "missing":
                yield f"{where} is missing"
            case _:
                message = problem["msg"].removeprefix("Value error, ")
                yield f"{where} {message[0].lower() + message[1:]}".strip()


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {
        "instruments": InstrumentSection,
        "magnets": MagnetSection,
        "cables": Cables,
        "limits": Limits,
        "life": Life,
        "interlock": InterlockSection,
    }
    section = sections[str(location[0])] if location else model
    return list(section.model_fields)
