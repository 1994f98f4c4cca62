"""Nothing is said, obeyed or declared without a witness; runs after all other tests, whose traffic it judges."""

from __future__ import annotations

import pytest
import witness
from driver_calls import IDLE, Player
from spoken import (
    ALL,
    DRIVERS,
    MOVING,
    SIMULATORS,
    coverage,
    declared_without_witness,
    normal,
    table,
    without_witness,
)
from traffic import Traffic

from drivers._wire import Wire
from sim_instruments.clock import VirtualClock
from sim_instruments.keithley_6221 import Keithley6221Sim
from sim_instruments.lakeshore_643 import LakeShore643Sim
from sim_instruments.scpi_commands import Group, Setting, query
from sim_instruments.scpi_parameters import Number

STATUSES = ("transcribed", "public-driver", "pasted-reply", "captured", "uncited")


@pytest.mark.parametrize("name", DRIVERS)
def test_every_header_that_a_driver_can_say_has_a_witness(name: str):
    """A header without a page, a public driver or a captured reply behind it is a guess."""
    assert without_witness(name, DRIVERS[name].headers()) == []


@pytest.mark.parametrize("name", SIMULATORS)
def test_every_header_that_a_simulator_declares_has_a_witness(name: str):
    """What the simulator obeys and no witness has was invented by its author."""
    assert declared_without_witness(name, SIMULATORS[name]) == []


@pytest.mark.parametrize("name", MOVING)
def test_every_command_that_moves_current_or_field_is_cited(name: str):
    """A guess may be read, never driven."""
    assert MOVING[name] <= DRIVERS[name].headers()
    assert coverage(name).moving_uncited == []


@pytest.mark.parametrize("name", witness.ALL)
def test_every_entry_says_where_it_comes_from(name: str):
    """The status is one of the five, and the source stands by itself."""
    for entry in witness.load(name).exchanges:
        assert entry.status in STATUSES, entry
        assert entry.source, entry
        assert not any(word in f"{entry.source} {entry.note}" for word in ("reference 1", "section 3", ".md"))


class Invented(Group):
    """A setting and a query that no manual has."""

    level = Setting("SOURce:INVented[:LEVel]", Number(0.0, 1.0), default=0.0)

    @query("OUTPut:INVented")
    def ask(self) -> str:
        return "1"


class InventiveScpi(Keithley6221Sim):
    groups = (*Keithley6221Sim.groups, Invented)


class InventiveLakeShore(LakeShore643Sim):
    commands = {**LakeShore643Sim.commands, "INVENTED?": (0, lambda self: "1")}  # noqa: RUF012


def test_a_header_that_a_simulator_made_up_is_reported():
    """The closure can fail: commands and queries, in both languages."""
    made_up = {"OUTPut:INVented?", "SOURce:INVented[:LEVel]", "SOURce:INVented[:LEVel]?"}
    assert made_up <= set(declared_without_witness("keithley_6221", InventiveScpi))
    assert "INVENTED?" in declared_without_witness("lakeshore_643", InventiveLakeShore)


def test_a_header_that_was_said_or_obeyed_without_a_witness_is_reported(monkeypatch: pytest.MonkeyPatch):
    """A refused header is no witness, nor is one that only looks alike with its compulsory words left out."""
    monkeypatch.setitem(SIMULATORS, "lakeshore_643", InventiveLakeShore)
    heard = Traffic()
    heard.said["keithley_6221"] |= {"SOUR:CURR", "SOUR:CURR:LEV:IMM:AMPL", "SOUR:NOSUCH?", "SOUR:WAVE"}
    heard.obeyed["lakeshore_643"] |= {"SETI", "INVENTED?"}
    assert heard.without_witness() == [
        "keithley_6221: SOUR:NOSUCH?",
        "keithley_6221: SOUR:WAVE",
        "lakeshore_643: INVENTED?",
    ]


def test_words_are_left_out_only_where_the_manual_prints_them_in_brackets():
    """SYST:BEEP:STAT is another command than SYST:BEEP; OUTP:STAT is the same as OUTP."""
    for spelled, short in {
        ":outp:stat?": "OUTP?",
        "SOURce:CURRent:LEVel:IMMediate:AMPLitude": "SOUR:CURR",
        "SENS:VOLT:DC:CHAN1:RANG:UPP": "SENS:VOLT:RANG",
        "UNIT:VOLT:DC?": "UNIT?",
        "SYST:BEEP:STAT": "SYST:BEEP:STAT",
        "SENS:VOLT:REF:STAT": "SENS:VOLT:REF:STAT",
        "SOUR:WAVE:AMPL": "SOUR:WAVE:AMPL",
        "CALC2:IMM": "CALC2:IMM",
    }.items():
        assert normal(spelled, "keithley_2182a") == short


def test_what_a_driver_says_is_heard_and_what_a_test_says_is_not(monkeypatch: pytest.MonkeyPatch):
    """A test may put nonsense on a driver's wire, to see it refused; that is not the driver's doing."""
    heard = Traffic()
    heard.listen(monkeypatch)
    logged: list[str] = []
    player = Player(IDLE["lakeshore_643"])
    wire = Wire(player, player, "magnet", lambda *line: logged.append(line[3]))  # type: ignore[arg-type]
    driver = DRIVERS["lakeshore_643"](wire)
    driver.ramp_rate = 0.5
    driver.wire.say("NOSUCH 1")
    assert "RATE" in heard.said["lakeshore_643"]
    assert "NOSUCH" not in heard.said["lakeshore_643"]
    assert "NOSUCH 1" in logged, "the wire's own log must go on"


def test_what_a_simulator_obeys_is_heard_and_what_it_refuses_is_not(monkeypatch: pytest.MonkeyPatch):
    """A simulator that is not on offer (a test's own) is not listened to at all."""
    heard = Traffic()
    heard.listen(monkeypatch)

    class Load:
        resistance = 264.0

        def drive(self, current: float) -> None:
            pass

    source = Keithley6221Sim(VirtualClock(), Load())
    source.write(b"sour:curr:rang 1e-3;:nosuch 1\n")
    assert heard.obeyed == {"keithley_6221": {"[SOURce1]:CURRent:RANGe"}}


def test_the_table_has_a_line_for_every_instrument_and_names_what_is_missing():
    """The check prints it."""
    rows = [coverage(name) for name in ALL]
    lines = table(rows).splitlines()
    assert [line.split()[0] for line in lines[1 : len(ALL) + 1]] == ALL
    assert all(0 < row.cited <= row.entries for row in rows)
    assert any(line.startswith("lakeshore_475, said, uncited: ") for line in lines)


def test_nothing_was_said_or_obeyed_in_this_session_without_a_witness(traffic: Traffic):
    """Every header that a driver really said, and every one that a simulator really obeyed, in all tests."""
    assert traffic.without_witness() == []


def test_no_driver_said_a_header_in_this_session_that_it_does_not_declare(traffic: Traffic):
    """All its lines come from its data sheet, so that the closure over `headers()` cannot drift."""
    undeclared = {
        name: sorted({normal(header, name) for header in said} - DRIVERS[name].headers())
        for name, said in traffic.said.items()
    }
    assert not any(undeclared.values()), undeclared
