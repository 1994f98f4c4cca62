"""Setting up waves of the simulated 6221: what is refused and when, arbitrary points, and anything at all."""

from __future__ import annotations

import numpy as np
import pytest
from rig_6221 import Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


# --- refused --------------------------------------------------------------------------------------

SET_UP = [
    "FUNC SIN",
    "DCYC 10",
    "AMPL 1e-4",
    "FREQ 50",
    "OFFS 1e-5",
    "RANG FIX",
    "DUR:TIME 1",
    "DUR:CYCL 1",
    "PMAR 90",
    "PMAR:OLIN 4",
    "PMAR:STAT ON",
    "ARB:DATA 0,1",
    "ARB:APP 0,1",
    "ARB:COPY 1",
]


@pytest.mark.parametrize("line", SET_UP)
@pytest.mark.parametrize("running", [False, True], ids=["armed", "running"])
def test_set_up_is_refused_while_armed_and_while_running(rig: Rig, line: str, running: bool) -> None:
    """-221, nothing changes; after ABORt it is accepted."""
    header = "SOUR:WAVE:" + line.split()[0].replace("APP", "POIN").replace("COPY", "POIN")
    rig.say("SOUR:WAVE:ARB:DATA 1,0,1", "SOUR:WAVE:FUNC SQU")
    rig.start()
    if not running:
        rig.say("SOUR:WAVE:ABOR", "SOUR:WAVE:ARM")
    before = rig.ask(header + "?")
    rig.say("SOUR:WAVE:" + line)
    assert rig.ask("SYST:ERR?") == '-221,"Settings conflict"'
    assert rig.ask(header + "?") == before
    rig.say("SOUR:WAVE:ABOR", "SOUR:WAVE:" + line)
    assert rig.ask("SYST:ERR?").startswith("0,")


@pytest.mark.parametrize("line", ["SOUR:CURR 2e-3", "SOUR:CURR:RANG 2e-3", "SOUR:CURR:RANG:AUTO ON"])
def test_level_and_range_are_refused_while_armed(rig: Rig, line: str) -> None:
    """+413, and the old setting stays."""
    header = line.split()[0] + "?"
    rig.say("SOUR:WAVE:ARM")
    before = rig.ask(header)
    rig.say(line)
    assert rig.ask("SYST:ERR?") == '+413,"Not allowed with mode arm"'
    assert int(rig.ask("*ESR?")) & 16
    assert rig.ask(header) == before
    rig.say("SOUR:WAVE:ABOR", line)
    assert rig.ask("SYST:ERR?").startswith("0,")


@pytest.mark.parametrize(
    "set_up",
    [
        ("SOUR:WAVE:AMPL 0.1", "SOUR:WAVE:OFFS -0.006"),
        ("SOUR:CURR:RANG 2e-3", "SOUR:WAVE:RANG FIX", "SOUR:WAVE:AMPL 2e-3", "SOUR:WAVE:OFFS 2e-4"),
        ("SOUR:WAVE:PMAR:STAT ON", "SOUR:WAVE:PMAR:OLIN 2"),
        ("SOUR:WAVE:PMAR:STAT ON", "TRIG:OLIN 3"),
        ("SOUR:WAVE:FUNC ARB0",),
        ("SOUR:WAVE:FUNC ARB3",),
        ("SOUR:WAVE:ARB:DATA 0.5", "SOUR:WAVE:FUNC ARB0"),
    ],
    ids=[
        "beyond the source",
        "beyond the range",
        "marker line",
        "trigger line",
        "no points",
        "empty slot",
        "one point",
    ],
)
def test_a_set_up_that_does_not_fit_is_refused_when_it_is_armed(rig: Rig, set_up: tuple[str, ...]) -> None:
    """Each setting alone is accepted; ARM answers -221 and the source is not armed, its level not touched."""
    rig.say("SOUR:CURR 1e-3", "OUTP ON", *set_up)
    assert rig.ask("SYST:ERR?").startswith("0,")
    rig.say("SOUR:WAVE:ARM")
    assert rig.ask("SYST:ERR?") == '-221,"Settings conflict"'
    assert rig.ask("SOUR:WAVE:ARM?") == "0"
    assert rig.now() == pytest.approx(1e-3)


@pytest.mark.parametrize(
    "set_up",
    [
        ("SOUR:WAVE:AMPL 0.1", "SOUR:WAVE:OFFS -0.005"),
        ("SOUR:CURR:RANG 2e-3", "SOUR:WAVE:RANG FIX", "SOUR:WAVE:AMPL 2e-3", "SOUR:WAVE:OFFS -1e-4"),
        ("SOUR:CURR:RANG 2e-3", "SOUR:WAVE:RANG BEST", "SOUR:WAVE:AMPL 20e-3"),
        ("SOUR:WAVE:PMAR:STAT OFF", "SOUR:WAVE:PMAR:OLIN 2"),
        ("SOUR:WAVE:PMAR:STAT ON", "SOUR:WAVE:PMAR:OLIN 2", "TRIG:OLIN 4"),
        ("SOUR:WAVE:ARB:DATA 0.5,0", "SOUR:WAVE:FUNC ARB0"),
    ],
)
def test_what_just_fits_is_armed(rig: Rig, set_up: tuple[str, ...]) -> None:
    """105 mA and 105 % of a range are still carried; BEST leaves the fixed range aside."""
    rig.start(*set_up)
    assert rig.ask("SOUR:WAVE:ARM?") == "1"


# --- arbitrary points -----------------------------------------------------------------------------


def test_points_are_written_a_hundred_at_a_time(rig: Rig) -> None:
    """DATA begins anew, APPend adds; the 101st in a message is too much (-223), and none of them is taken."""
    hundred = ",".join(["0.25"] * 100)
    rig.say("SOUR:WAVE:ARB:DATA 1,-1", f"SOUR:WAVE:ARB:DATA {hundred}", f"SOUR:WAVE:ARB:APP {hundred}")
    assert rig.ask("SOUR:WAVE:ARB:POIN?") == "200"
    rig.say(f"SOUR:WAVE:ARB:APP {hundred},0")
    assert rig.ask("SYST:ERR?") == '-223,"Too much data"'
    rig.say(f"SOUR:WAVE:ARB:DATA {hundred},0")
    assert rig.ask("SYST:ERR?") == '-223,"Too much data"'
    assert rig.ask("SOUR:WAVE:ARB:POIN?") == "200"


def test_a_wave_has_at_most_65535_points(rig: Rig) -> None:
    """The 65536th is refused with -225."""
    hundred = ",".join("0" * 100)
    rig.say(*[f"SOUR:WAVE:ARB:APP {hundred}"] * 655)
    rig.say("SOUR:WAVE:ARB:APP " + ",".join("0" * 36))
    assert rig.ask("SYST:ERR?;:SOUR:WAVE:ARB:POIN?") == '-225,"Out of memory";65500'
    rig.say("SOUR:WAVE:ARB:APP " + ",".join("0" * 35))
    assert rig.ask("SYST:ERR?;:SOUR:WAVE:ARB:POIN?") == '0,"No error";65535'


@pytest.mark.parametrize(
    ("data", "code"),
    [("", "-109"), ("0,", "-109"), ("0,x", "-104"), ("0,-1.01", "-222"), ("0,1.2.3", "-120")],
)
def test_points_that_are_no_numbers_from_minus_one_to_one_are_refused(rig: Rig, data: str, code: str) -> None:
    """Of the whole message none is taken."""
    rig.say("SOUR:WAVE:ARB:DATA 1,0,1", f"SOUR:WAVE:ARB:DATA {data}")
    assert rig.ask("SYST:ERR?").startswith(code)
    values = [float(value) for value in rig.ask("SOUR:WAVE:ARB:DATA?").split(",")]
    assert values == [1.0, 0.0, 1.0]


def test_a_copy_keeps_its_points(rig: Rig) -> None:
    """Whatever ARB0 becomes, and through *RST; with nothing to copy, -221."""
    rig.say("SOUR:WAVE:ARB:COPY 2")
    assert rig.ask("SYST:ERR?").startswith("-221")
    rig.say("SOUR:WAVE:ARB:DATA 1,0", "SOUR:WAVE:ARB:COPY 2", "SOUR:WAVE:ARB:DATA -1,-1", "*RST")
    rig.start("SOUR:WAVE:FUNC ARB2", "SOUR:WAVE:FREQ 100")
    assert rig.seen(0.001, 0.006) == pytest.approx([1e-3, 0.0])
    assert rig.ask("SOUR:WAVE:FUNC?") == "ARB2"


@pytest.mark.parametrize("name", ["SIN", "SQU", "RAMP", "ARB0", "ARB1", "ARB4"])
def test_every_function_answers_by_its_short_name(rig: Rig, name: str) -> None:
    """ARB1 keeps its number, and ARB alone is no function."""
    long = {"SIN": "SINusoid", "SQU": "SQUare"}.get(name, name.replace("ARB", "ARBitrary"))
    for spoken in (name, long):
        rig.say("SOUR:WAVE:FUNC SIN", f"SOUR:WAVE:FUNC {spoken}")
        assert rig.ask("SOUR:WAVE:FUNC?") == name
    rig.say("SOUR:WAVE:FUNC ARB")
    assert rig.ask("SYST:ERR?").startswith("-224")


# --- anything at all ------------------------------------------------------------------------------


def test_no_wave_traffic_can_break_the_instrument() -> None:
    """Whatever is said about waves, in whatever order, nothing is raised, and *RST brings it back."""
    lines = [
        *(f"SOUR:WAVE:{line}" for line in SET_UP),
        *(
            f"SOUR:WAVE:{line}"
            for line in ("ARM", "ARM?", "INIT", "ABOR", "AMPL 0.1", "OFFS 0.05", "FREQ 1e5")
        ),
        *(f"SOUR:WAVE:{line}" for line in ("FUNC ARB0", "FUNC RAMP", "FUNC SQU", "DCYC 0", "DCYC 100")),
        *(f"SOUR:WAVE:{line}" for line in ("DUR:TIME 1e-7", "DUR:CYCL 1e-3", "DUR:TIME INF", "FREQ 1e-3")),
        *("OUTP ON", "OUTP OFF", "SOUR:CURR 1e-3", "SOUR:CLE", "SOUR:CURR:COMP 0.1", "*RST", "SYST:ERR?"),
    ]
    rig, rng = Rig(accuracy=True), np.random.default_rng(6221)
    for _ in range(2000):
        rig.say(str(rng.choice(lines)))
        rig.source.next_reply(rig.clock.now() + 0.01)
        rig.clock.wait(float(rng.choice([0.0, 1e-4, 2.0])))
        assert abs(rig.now()) <= 0.106
    rig.source.device_clear()
    rig.say("*RST")
    assert rig.ask("OUTP?;:SOUR:WAVE:ARM?") == "0;0"
    assert rig.now() == 0.0
