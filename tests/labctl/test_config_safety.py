"""Files that people write, and programs that listen: nothing is executed, nothing is smuggled onto a wire."""

import ast
import re
from pathlib import Path
from typing import Any

import click
import pytest
from command_line import Command
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers._setting import Setting
from drivers._wire import Wire
from drivers.errors import InstrumentError
from drivers.keithley_2182a import Keithley2182A
from drivers.keithley_6221 import Keithley6221
from drivers.kepco_bop import KepcoBop
from drivers.lakeshore_475 import LakeShore475
from drivers.lakeshore_643 import LakeShore643
from drivers.srs_sr830 import SR830
from labctl import cli, config

ROOT = Path(__file__).parents[2]
MODULES = [
    path
    for name in ("labctl", "drivers", "protocols", "sim_instruments")
    for path in (ROOT / name).rglob("*.py")
]
FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "cloudpickle",
    "dill",
    "marshal",
    "shelve",
    "yaml",
    "jsonpickle",
    "joblib",
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp"}
EVERYWHERE = {"0.0.0.0", "::", "*"}


def dangers(source: str) -> list[str]:
    """What a module must not do: run text, load pickles, start a shell, listen to everybody."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [one.name for one in names if one.name.partition(".")[0] in FORBIDDEN_MODULES]
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in FORBIDDEN_MODULES:
                found.append(module)
            case ast.Call(func=function, keywords=keywords):
                name = ast.unparse(function)
                found += [name] if name in FORBIDDEN_CALLS else []
                for one in keywords:
                    given = ast.unparse(one.value)
                    if one.arg in {"shell", "allow_pickle"} and given != "False":
                        found.append(f"{one.arg}={given}")
                    if one.arg == "host" and given.strip("'\"") in {*EVERYWHERE, ""}:
                        found.append(f"host={given}")
            case ast.Constant(value="0.0.0.0"):
                found.append("everybody")
            case _:
                pass
    return found


def test_nothing_in_the_packages_runs_text_loads_pickles_or_listens_to_everybody() -> None:
    """Every module of the four packages."""
    assert len(MODULES) > 150
    assert {
        path.name: dangers(path.read_text(encoding="utf-8"))
        for path in MODULES
        if dangers(path.read_text(encoding="utf-8"))
    } == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "import yaml", "eval('1')", "exec(text)",
        "import os; os.system('x')",
        "import subprocess; subprocess.run('x', shell=True)", "np.load(p, allow_pickle=True)", "listen('0.0.0.0')",
        "serve(host='')",
    ],
)  # fmt: skip
def test_each_danger_would_be_found(source: str) -> None:
    """The look at the modules is not blind."""
    assert dangers(source)


def test_a_bench_is_served_to_this_computer_unless_another_address_is_given() -> None:
    """The default of --host is loopback."""
    simulate = cli.cli.commands["simulate"]
    (host,) = [one for one in simulate.params if one.name == "host"]
    assert isinstance(host, click.Option)
    assert host.default == "127.0.0.1"


# --- numbers and keys ---------------------------------------------------------------------------------

WRONG = [
    '"nan A"', '"inf A"', '"-inf A"', '"1e400 A"', '"-0 A"', '"0 A"', '"-1 mA"', '"1e-3"', '"30"', "30", "0.03",
    "nan",
    "inf", "true", '"30 mV"', '"0x1F mA"', '"1_0 mA"', '"3 mA; OUTP ON"', '""', '"mA"', "[1]", '"٣ mA"',
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("kind", ["station", "sample"])
def test_what_is_no_current_is_refused_in_a_file(
    labctl: Command, tmp_path: Path, kind: str, wrong: str
) -> None:
    """One line that names the key, exit 2; the same place takes "30 mA"."""
    text = config.built_in("station")["sim"]() if kind == "station" else 'name = "bar"\n'
    text = re.sub(r"(?ms)^\[limits\].*?(?=^\[|\Z)", "", text)
    path = tmp_path / "mine.toml"
    path.write_text(f"{text}\n[limits]\ncurrent = {wrong}\n", encoding="utf-8")
    said = labctl("run", "ahe-loop", f"--{kind}", str(path))
    assert said.status == 2
    assert "limits.current" in said.err
    assert said.err.count("\n") == 1
    path.write_text(f'{text}\n[limits]\ncurrent = "30 mA"\n', encoding="utf-8")
    load = config.load_station if kind == "station" else config.load_sample
    assert load(str(path))[0].limits.current == pytest.approx(0.03)


@pytest.mark.parametrize("wrong", ["nan", "inf", "-inf", "1e400", "0", "-0", "0.5", '"1"'])
def test_a_time_factor_is_a_finite_number_of_at_least_one(
    labctl: Command, tmp_path: Path, wrong: str
) -> None:
    """Whatever else would stop the clock of a run, or turn it back."""
    path = tmp_path / "mine.toml"
    path.write_text(f"time_factor = {wrong}\n" + config.built_in("station")["example"](), encoding="utf-8")
    said = labctl("run", "ahe-loop", "--station", str(path))
    assert said.status == 2
    assert "time_factor" in said.err or "TOML" in said.err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[limits]\ncurent = '1 mA'\n", "limits.curent is not known (did you mean current?)"),
        ("[limit]\ncurrent = '1 mA'\n", "limit is not known (did you mean limits?)"),
        ("thicknes = '1 nm'\n", "thicknes is not known (did you mean thickness?)"),
        ("[life]\npulse = 3\n", "life.pulse is not known (did you mean pulses?)"),
        ("[limits]\ncurrent = '1 mA'\ncurrent = '2 A'\n", "must be TOML"),
        ("[limits]\ncurrent = '1 mA'\n[limits]\nJ = '1 A/m2'\n", "must be TOML"),
        ("stack = 'a'\nstack = 'b'\n", "must be TOML"),
        ("limits.current = '1 mA'\n[limits]\ncurrent = '2 A'\n", "must be TOML"),
    ],
)
def test_a_key_that_is_not_known_or_given_twice_is_refused(
    labctl: Command, tmp_path: Path, text: str, complaint: str
) -> None:
    """A limit that was misspelt would be no limit."""
    path = tmp_path / "bar.toml"
    path.write_text(f'name = "bar"\n{text}', encoding="utf-8")
    said = labctl("run", "ahe-loop", "--sample", str(path))
    assert said.status == 2
    assert complaint in said.err


# --- second commands ----------------------------------------------------------------------------------

SMUGGLED = "OUTP:SMUGGLED"
PAYLOADS = [
    f";:{SMUGGLED} ON",
    f"\\n{SMUGGLED} ON",
    f"\\r\\n{SMUGGLED} ON",
    f"\\u0000{SMUGGLED}",
    f"'\\\";{SMUGGLED}?",
]
PLACES = {
    "the name of a station": ("station", 'name = "sim"', 'name = "{}"'),
    "the resource of an instrument": ("station", "INSTR", "INSTR{}"),
    "a driver": ("station", 'driver = "keithley_6221"', 'driver = "keithley_6221{}"'),
    "a limited setting": (
        "station",
        "[magnets.x]",
        '[instruments.source.limits]\n"level{}" = "1 mA"\n[magnets.x]',
    ),
    "a limit of a setting": (
        "station",
        "[magnets.x]",
        '[instruments.source.limits]\nlevel = "1 mA{}"\n[magnets.x]',
    ),
    "the name of a sample": ("sample", 'name = "alox-2.0"', 'name = "{}"'),
    "the notes of a sample": ("sample", 'name = "alox-2.0"', 'name = "a"\nnotes = "{}"'),
}


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("place", PLACES)
def test_no_text_of_a_file_reaches_a_wire(
    labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, payload: str
) -> None:
    """Refused before anything is sent, or stored as data: no line to an instrument holds it."""
    from sim_instruments.visa import BenchLibrary

    said: list[str] = []
    ordinary = BenchLibrary.write

    def write(library: Any, session: Any, data: bytes) -> Any:
        said.append(data.decode("latin-1"))
        return ordinary(library, session, data)

    monkeypatch.setattr(BenchLibrary, "write", write)
    kind, old, new = PLACES[place]
    text = config.built_in(kind)["sim" if kind == "station" else "alox-2.0"]()
    assert old in text, "this place is no longer where it was"
    (tmp_path / "mine.toml").write_text(text.replace(old, new.replace("{}", payload), 1), encoding="utf-8")
    ended = labctl(
        "run", "ahe-loop", "-p", "mu0_H_max=20Oe", "-p", "mu0_H_step=10Oe", "-p", "settle=0s", "-o", "loop.h5",
        f"--{kind}", "mine.toml",
    )  # fmt: skip
    assert ended.status in (0, 2, 4), ended.err
    assert not any("SMUGGLED" in line for line in said)
    assert ended.status == 0 or not said
    form = re.compile(r"[*A-Z][A-Z0-9:]*\??(?: ?(?:[A-Z0-9.,+-]*|'VOLT'))\n")
    assert [line for line in said if not form.fullmatch(line)] == []


SETTINGS = [
    (driver, entry.name)
    for driver in (Keithley6221, Keithley2182A, LakeShore643, LakeShore475, KepcoBop, SR830)
    for owner in driver.__mro__
    for entry in vars(owner).values()
    if isinstance(entry, Setting)
]


class Deaf:
    """A resource that writes down what it is told, and has no errors."""

    timeout, resource_class, read_termination, write_termination = 0.0, "SOCKET", "", ""

    def __init__(self) -> None:
        self.said: list[str] = []

    def write(self, text: str) -> int:
        self.said.append(text)
        return len(text)

    def read(self) -> str:
        return {"SYST:ERR?": '0,"No error"'}.get(self.said[-1], "0")


class Still:
    def now(self) -> float:
        return 0.0

    def wait(self, seconds: float) -> None:
        pass


smuggling = st.sampled_from(["", "1", "ON", "fast", "FAST", "0.1"]).flatmap(
    lambda start: st.sampled_from([";:OUTP ON", "\n*RST", "\r\nOUTP ON", "\0", ",1;*RST", "?", '"', "'"]).map(
        lambda rest: start + rest
    )
)
values = st.one_of(
    st.text(), smuggling, st.binary(), st.floats(), st.integers(), st.booleans(), st.none(), st.lists(st.text()),
    st.complex_numbers(),
)  # fmt: skip


@pytest.mark.parametrize(("driver", "name"), SETTINGS, ids=lambda one: getattr(one, "__name__", one))
@settings(max_examples=40, deadline=None)
@given(value=values)
def test_no_value_puts_a_second_command_into_a_line(driver: Any, name: str, value: Any) -> None:
    """A setting says its own header with one plain word, or nothing at all."""
    resource = Deaf()
    instrument = driver(Wire(resource, Still(), "meter"))  # type: ignore[arg-type]
    entry = getattr(driver, name)
    try:
        setattr(instrument, name, value)
    except (InstrumentError, TypeError, AttributeError, ValueError, ArithmeticError):
        assert [line for line in resource.said if not line.endswith("?")] == []
        return
    line = resource.said[0]
    assert line.startswith(entry.header)
    assert re.fullmatch(r" ?[A-Za-z0-9.+-]*", line.removeprefix(entry.header)), line


def test_a_line_with_more_than_one_command_would_be_seen() -> None:
    """The pattern that lines are held to knows a second command."""
    for line in (":OUTP ON;:SMUGGLED", " 1;*RST", " 1\n*RST", " 1?"):
        assert not re.fullmatch(r" ?[A-Za-z0-9.+-]*", line)
