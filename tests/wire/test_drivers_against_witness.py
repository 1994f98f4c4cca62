"""Every driver against the witness alone: it says what the manual says, and understands what the manual answers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from pyvisa.constants import InterfaceType, StatusCode
from pyvisa.errors import VisaIOError
from spoken import DRIVERS, MOVING, accepted, coverage, headers_of, normal, table
from witness import Exchange, load

from drivers._instrument import Instrument
from drivers._wire import Wire
from drivers.errors import OutOfRange, Overload
from drivers.lakeshore_475 import ReadingMode

Do = Callable[[Any, Any], object]


class Player:
    """A resource that remembers settings, answers from `answers`, and is never out of words for a query."""

    interface_type = InterfaceType.gpib

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = dict(answers)
        self.said: list[str] = []
        self.timeout = 0.0
        self.write_termination = self.read_termination = ""
        self._pending: list[str] = []
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds

    def write(self, line: str) -> None:
        self.said.append(line)
        header, _, argument = line.partition(" ")
        if header.endswith("?"):
            if header in self.answers:
                self._pending.append(self.answers[header])
        else:
            self.answers[f"{header}?"] = {"ON": "1", "OFF": "0"}.get(argument, argument)

    def read(self) -> str:
        if not self._pending:
            raise VisaIOError(StatusCode.error_timeout)
        return self._pending.pop(0)

    def clear(self) -> None:
        self._pending.clear()


#: What an instrument that is idle and well answers, so that a driver can be prepared.
IDLE = {
    "keithley_6221": {"SYST:ERR?": '0,"No error"', "OUTP:INT:TRIP?": "1", "OUTP?": "0", "SOUR:CURR?": "0"},
    "keithley_2182a": {"SYST:ERR?": '0,"No error"', "SYST:LFR?": "60", "READ?": "+1.0E-06"},
    "lakeshore_643": {
        "*ESR?": "0", "XPGM?": "0", "SETI?": "+00.0000", "RDGI?": "+00.0000", "ERST?": "0,0",
    },
    "lakeshore_475": {"*ESR?": "0", "RDGFIELD?": "+000.000E+00"},
}  # fmt: skip


def put(name: str) -> Do:
    """Return the driver call that assigns a setting."""
    return lambda driver, value: setattr(driver, name, value)


def get(name: str) -> Do:
    """Return the driver call that reads an attribute."""
    return lambda driver, _: getattr(driver, name)


def resynchronise(driver: Instrument, _: Any) -> None:
    driver.wire.distrust()
    driver.wire.resynchronise()


def ramp(driver: Any, value: float) -> None:
    driver.prepare(I_max=70.1, rate=50.0)
    driver.set_current(value)


def limit(driver: Any, value: str) -> None:
    I_max, rate = (float(part) for part in value.split(","))
    driver.prepare(I_max, rate)


def prepared_reading(driver: Any, _: Any) -> float:
    driver.prepare(1e-3, 1.0)
    return driver.read_voltage()


def field(driver: Any, _: Any) -> float:
    reply = driver.wire._resource.answers["RDGFIELD?"]
    driver.prepare()
    driver.wire._resource.answers["RDGFIELD?"] = reply
    return driver.read_field()


MODES = {
    "DC, 4 digits, wide filter, pulse peak, both peaks": ReadingMode(
        "DC", "4 digits", "wide", "pulse", "both"
    ),
    "DC, 4 digits, wide filter": ReadingMode("DC", "4 digits", "wide", "pulse", "both"),
    "DC, 5 digits, low-pass filter": ReadingMode("DC", "5 digits", "low pass", "periodic", "positive"),
    "RMS": ReadingMode("RMS", "4 digits", "wide", "periodic", "positive"),
    "peak, periodic": ReadingMode("peak", "3 digits", "wide", "periodic", "both"),
}


def set_mode(driver: Any, value: str) -> None:
    driver.reading_mode = MODES[value]


#: (a) the driver call for each quantity that a witness entry sets.
SAYS: dict[str, dict[str, Do]] = {
    "keithley_6221": {
        "current level": put("level"),
        "current range": put("range"),
        "autorange": put("autorange"),
        "compliance": put("compliance"),
        "analog filter": put("filter"),
        "inner shield": put("inner_shield"),
        "output low to earth": put("low_to_earth"),
        "output response": put("response"),
        "output": put("output"),
    },
    "keithley_2182a": {
        "function": lambda driver, _: driver.prepare(1e-3, 1.0),
        "channel": put("channel"),
        "range": put("range"),
        "autorange": put("autorange"),
        "integration": put("nplc"),
        "digital filter": put("digital_filter"),
        "filter count": put("filter_count"),
        "filter type": put("filter_type"),
        "filter window": put("filter_window"),
        "analog filter": put("analog_filter"),
        "autozero": put("autozero"),
        "front autozero": put("front_autozero"),
        "line synchronisation": put("line_sync"),
        "samples": put("sample_count"),
        "trigger source": put("trigger_source"),
        "trigger count": put("trigger_count"),
        "trigger delay": put("trigger_delay"),
        "continuous initiation": put("continuous"),
        "state": lambda driver, _: driver.park(),
    },
    "lakeshore_643": {
        "registers cleared": resynchronise,
        "current set point": ramp,
        "ramp rate": put("ramp_rate"),
        "current limit, rate limit": limit,
        "ramp segments": put("ramp_segments"),
        "ramp held": lambda driver, _: driver.stop(),
        "programming": put("programming"),
    },
    "lakeshore_475": {
        "registers cleared": resynchronise,
        "unit": put("unit"),
        "range": put("range"),
        "autorange": put("autorange"),
        "mode": set_mode,
    },
}

#: (b) what the driver understands by each quantity that a witness entry answers.
HEARS: dict[str, dict[str, Do]] = {
    "keithley_6221": {
        "model": lambda driver, _: driver.connect() or driver.identity,
        "error code": lambda driver, _: driver.pending_errors(),
        "current level": get("level"),
        "current range": get("range"),
        "autorange": get("autorange"),
        "compliance": get("compliance"),
        "analog filter": get("filter"),
        "inner shield": get("inner_shield"),
        "output low to earth": get("low_to_earth"),
        "output response": get("response"),
        "output": get("output"),
        "interlock closed": lambda driver, _: driver.ask(driver.interlock)[1] == "1",
        "measurement condition: compliance, bit 3": lambda driver, _: driver.in_compliance(),
    },
    "keithley_2182a": {
        "model": lambda driver, _: driver.connect() or driver.identity,
        "error code": lambda driver, _: driver.pending_errors(),
        "channel": get("channel"),
        "range": get("range"),
        "autorange": get("autorange"),
        "integration": get("nplc"),
        "line frequency": get("line_frequency"),
        "digital filter": get("digital_filter"),
        "filter count": get("filter_count"),
        "filter type": get("filter_type"),
        "filter window": get("filter_window"),
        "analog filter": get("analog_filter"),
        "autozero": get("autozero"),
        "front autozero": get("front_autozero"),
        "line synchronisation": get("line_sync"),
        "function": lambda driver, _: driver.prepare(1e-3, 1.0),
        "voltage": prepared_reading,
        "overflow": prepared_reading,
        "samples": get("sample_count"),
        "trigger source": get("trigger_source"),
        "trigger count": get("trigger_count"),
        "trigger delay": get("trigger_delay"),
        "continuous initiation": get("continuous"),
    },
    "lakeshore_643": {
        "model": lambda driver, _: driver.connect() or driver.identity,
        "event register": lambda driver, _: driver.pending_errors(),
        "event register: execution error, bit 4": lambda driver, _: driver.pending_errors(),
        "event register: command error, bit 5": lambda driver, _: driver.pending_errors(),
        "current set point": get("set_point"),
        "measured current": get("current"),
        "measured voltage": get("voltage"),
        "ramp rate": get("ramp_rate"),
        "current limit, rate limit": get("limits"),
        "ramp segments": get("ramp_segments"),
        "operation status: ramp done, bit 1": lambda driver, _: driver.operation(),
        "hardware, operational errors": lambda driver, _: driver.faults(),
        "programming": get("programming"),
    },
    "lakeshore_475": {
        "model": lambda driver, _: driver.connect() or driver.identity,
        "event register": lambda driver, _: driver.pending_errors(),
        "field": field,
        "overload": field,
        "unit": get("unit"),
        "range": get("range"),
        "autorange": get("autorange"),
        "mode": get("reading_mode"),
    },
}

#: (c) the driver call for what an entry refuses; the argument comes from the line.
REFUSES: dict[str, dict[str, Do]] = {
    "keithley_6221": {
        "SOUR:CURR": put("level"),
        "SOUR:CURR:RANG": put("range"),
        "SOUR:CURR:COMP": put("compliance"),
    },
    "keithley_2182a": {
        "SENS:CHAN": put("channel"),
        "SENS:VOLT:RANG": put("range"),
        "SENS:VOLT:NPLC": put("nplc"),
        "SENS:VOLT:DFIL:COUN": put("filter_count"),
        "SAMP:COUN": put("sample_count"),
        "TRIG:COUN": put("trigger_count"),
    },
    "lakeshore_643": {
        "SETI": ramp,
        "LIMIT": lambda driver, pair: driver.prepare(*pair),
        "RATE": put("ramp_rate"),
        "XPGM": put("programming"),
    },
    "lakeshore_475": {
        "UNIT": put("unit"),
        "RANGE": put("range"),
        "AUTO": put("autorange"),
        "RDGMODE": lambda driver, codes: put("reading_mode")(driver, ReadingMode(*map(str, codes))),
    },
}

#: Entries about headers that the driver says, which it neither says nor hears in this form, and why.
NOT_OURS = {
    "SENS:VOLT:RANG 120": "the driver asks for a range by its full scale",
    "SOUR:CURR 0.005": "refused for the range it was preceded by; the driver keeps to the prepared current",
    "SETI 20": "refused for the limit it was preceded by; the driver keeps to the prepared limit",
    "SOUR:CURR:COMP? MAX": "the driver knows the limits from its data sheet",
    "READ?": "the driver sets the trigger so that READ? is allowed",
    "SENS:DATA:FRES?": "heard in the same form as READ?, see tests/drivers",
    "UNIT 1 first": "the driver reads no field in gauss",
}
#: Errors of lines that no driver sends: malformed, or out of place.
NOT_SENT = ("-108", "-109", "-113", "-213", "-214", "-410", "-420", "+413")

SPEAKABLE = [
    pytest.param(name, entry, id=f"{name}-{number}-{entry.say[-1]}")
    for name in DRIVERS
    for number, entry in enumerate(load(name).exchanges)
    if headers_of(entry, name) <= DRIVERS[name].headers()
]


def kind(name: str, entry: Exchange) -> str:
    """Return how an entry concerns the driver: "says", "hears", both, "refuses", or "" with a reason."""
    commands, queries = split(entry)
    if any(";" in line for line in entry.say):
        return ""  # message syntax: the drivers say one command a line
    if entry.error:
        is_limit = "-222" in entry.error or "EXE" in entry.error
        return "refuses" if is_limit and entry.say[0] not in NOT_OURS else ""
    if entry.say[-1] in NOT_OURS and entry.say[-1] != "READ?":
        return ""
    if "gauss" in str(entry.means.get("value")) and queries:
        return ""
    if entry.means["quantity"] == "error code" and len(entry.say) > 1:
        return ""
    quantity = entry.means["quantity"]
    does = []
    if len(commands) == 1 and quantity in SAYS[name]:
        does.append("says")
    if len(queries) == 1 and quantity in HEARS[name]:
        does.append("hears")
    return " ".join(does)


def split(entry: Exchange) -> tuple[list[str], list[str]]:
    return [line for line in entry.say if "?" not in line], [line for line in entry.say if "?" in line]


def plugged(name: str, **answers: str) -> tuple[Any, Player]:
    """Return a driver on a player that is idle and well, with some answers of its own."""
    player = Player(IDLE[name] | answers)
    driver = DRIVERS[name](Wire(player, player, name))  # type: ignore[arg-type]
    example = load(name).instrument["idn_example"] or "LSCI,MODEL475,4750022,1.0"
    player.answers.setdefault("*IDN?", example)
    return driver, player


def normal_line(line: str, name: str) -> tuple[str, tuple[float | str, ...]]:
    """Return a line as its normal header and its arguments: numbers as floats, ON and OFF as 1 and 0."""
    header, _, arguments = line.partition(" ")
    words = arguments.upper().replace("'", '"').split(",") if arguments else []
    return normal(header, name), tuple(number_or_word(word.strip()) for word in words)


def number_or_word(word: str) -> float | str:
    try:
        return {"ON": 1.0, "OFF": 0.0}[word]
    except KeyError:
        try:
            return float(word)
        except ValueError:
            return word


def sample(entry: Exchange, name: str) -> str:
    """Return a reply that the entry allows: the exact one, or one of its form with its value in it."""
    if entry.hear is not None:
        return entry.hear[-1]
    value = entry.means["value"]
    tries = [load(name).instrument["idn_example"], "LSCI,MODEL475,4750022,1.0"]
    if isinstance(value, int | float):
        tries += [
            f"{value:+.6E}",
            f"{value:+09.4f}",
            f"{1e3 * value:+08.3f}E-03",
            str(int(value)),
            f"+{value:.0f}",
        ]
    tries += ["+1.23456789E-06", "+1.2345", "MOV", "IMM", "OLOW", "GUARD", "SLOW", "FAST", "000,000", "50"]
    tries += ["+012.345E-03", "+70.1000,+50.0000", "0", "2", "3", "4", "5", str(entry.hear_pattern)]
    return next(text for text in tries if re.fullmatch(str(entry.hear_pattern), text))


@pytest.mark.parametrize(("name", "entry"), [p for p in SPEAKABLE if "says" in kind(*p.values)])
def test_the_driver_says_what_the_witness_says(name: str, entry: Exchange):
    """Asked to do what the entry means, the driver says its line, up to spelling and number format."""
    driver, player = plugged(name)
    SAYS[name][entry.means["quantity"]](driver, entry.means["value"])
    expected = normal_line(split(entry)[0][0], name)
    if expected[0] == "SOUR:CLE":
        driver.park()
    said = [normal_line(line, name) for line in player.said]
    assert expected in [line for line in said if line[0] == expected[0]][-1:]


@pytest.mark.parametrize(("name", "entry"), [p for p in SPEAKABLE if "hears" in kind(*p.values)])
def test_the_driver_understands_what_the_witness_answers(name: str, entry: Exchange):
    """Given the entry's answer, the driver returns what it means, in SI units and in words."""
    reply, quantity, value = sample(entry, name), entry.means["quantity"], entry.means["value"]
    query = split(entry)[1][0]
    driver, player = plugged(name, **{query.lstrip(":").upper(): reply})
    hear = HEARS[name][quantity]
    if quantity == "error code" and value:
        played = iter([reply])
        answers = player.answers

        class Queue(dict):
            def __getitem__(self, key):
                return next(played, '0,"No error"') if key == "SYST:ERR?" else answers[key]

        player.answers = Queue(answers)
    if quantity in ("overflow", "overload"):
        with pytest.raises(Overload):
            hear(driver, None)
        return
    heard = hear(driver, None)
    if quantity == "model":
        assert heard == reply
    elif quantity == "error code":
        assert heard == ([reply] if value else [])
    elif "register" in quantity:
        bit = quantity.partition(", ")[2]
        assert [bit in text for text in heard] == ([True] if value else [])
    elif quantity == "operation status: ramp done, bit 1":
        assert heard == ["ramp done"]
    elif quantity == "measurement condition: compliance, bit 3":
        assert heard is True
    elif quantity == "hardware, operational errors":
        assert heard == []
    elif quantity == "current limit, rate limit":
        assert heard == tuple(float(part) for part in value.split(","))
    elif quantity == "mode":
        assert heard == MODES[value]
    elif quantity == "trigger count" and value == 9.9e37:
        assert heard == math.inf
    elif isinstance(value, str) and isinstance(heard, float):
        assert heard == pytest.approx(float(reply))  # the entry gives a form, the value is the reply's own
    elif isinstance(value, bool | str):
        assert heard == value
    else:
        assert heard == pytest.approx(value)


@pytest.mark.parametrize(("name", "entry"), [p for p in SPEAKABLE if kind(*p.values) == "refuses"])
def test_what_the_witness_refuses_the_driver_does_not_send(name: str, entry: Exchange):
    """A value that the instrument would refuse raises in the driver, and the line never goes out."""
    header, arguments = normal_line(entry.say[0], name)
    driver, player = plugged(name)
    with pytest.raises(OutOfRange, match="Nothing was sent"):
        REFUSES[name][header](driver, arguments[0] if len(arguments) == 1 else arguments)
    assert header not in [normal_line(line, name)[0] for line in player.said]


@pytest.mark.parametrize(("name", "entry"), [p for p in SPEAKABLE if not kind(*p.values)])
def test_no_entry_that_a_driver_could_speak_is_left_out_without_a_reason(name: str, entry: Exchange):
    """Message syntax, refusals that no driver provokes, and the listed exceptions; nothing else."""
    listed = any(line in NOT_OURS for line in entry.say) or "gauss" in str(entry.means.get("value"))
    is_syntax = any(";" in line for line in entry.say)
    is_out_of_place = entry.error is not None and entry.error.startswith(NOT_SENT)
    queue_order = entry.say == ("*IDN?", "SYST:ERR?")
    is_lower_case = entry.say[0].islower()
    closing = entry.say[0] == "SOUR:CLE"
    assert listed or is_syntax or is_out_of_place or queue_order or is_lower_case or closing


@pytest.mark.parametrize("name", DRIVERS)
def test_every_header_that_a_driver_can_say_has_a_witness(name: str):
    """A header without a page, a public driver or a captured reply behind it is a guess."""
    assert coverage(name).unwitnessed == []


@pytest.mark.parametrize("name", MOVING)
def test_every_command_that_moves_current_or_field_is_cited(name: str):
    """A guess may be read, never driven."""
    assert MOVING[name] <= DRIVERS[name].headers()
    assert coverage(name).moving_uncited == []


@pytest.mark.parametrize("name", DRIVERS)
def test_a_driver_says_no_header_that_it_does_not_declare(name: str):
    """All its lines come from the data sheet, so that the closure over headers cannot drift."""
    import inspect

    source = inspect.getsource(inspect.getmodule(DRIVERS[name]))  # type: ignore[arg-type]
    for call in re.findall(r"\.wire\.(?:say|ask|number|match)\((.*)", source):
        assert re.match(
            r"(?:f\"\{_LEVEL\} 0\"|self\.\w+\.header|query\.header|f\"\{self\.\w+\.header\} 0\")", call
        ), call


def test_the_table_has_a_line_for_every_driver_and_counts_what_is_cited():
    """The check prints it."""
    lines = table().splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(DRIVERS)
    row = coverage("lakeshore_643")
    assert 0 < row.cited <= row.entries
    assert accepted(load("lakeshore_643"), "SETI")
