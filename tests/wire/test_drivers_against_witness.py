"""Every driver against the witness alone: it says what the manual says, and understands what the manual answers."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from driver_calls import HEARS, IDLE, MODES, REFUSES, SAYS, Player
from spoken import DRIVERS, headers_of, normal
from witness import Exchange, load

from drivers._wire import Wire
from drivers.errors import OutOfRange, Overload

#: Entries about headers that the driver says, which it neither says nor hears in this form, and why.
NOT_OURS = {
    "SENS:VOLT:RANG 120": "the driver asks for a range by its full scale",
    "SOUR:CURR 0.005": "refused for the range it was preceded by; the driver keeps to the prepared current",
    "SETI 20": "refused for the limit it was preceded by; the driver keeps to the prepared limit",
    "SOUR:CURR:COMP? MAX": "the driver knows the limits from its data sheet",
    "SOUR:WAVE:RANG BEST": "the driver chooses the range itself and fixes it",
    "SOUR:WAVE:DUR:CYCL 0.001": "the driver plays one whole cycle",
    "SOUR:WAVE:DUR:CYCL 0.0009": "the driver plays one whole cycle",
    "SOUR:WAVE:PMAR 361": "the driver marks the beginning of the cycle only",
    "SOUR:WAVE:ARB:DATA 0,1.1": "the driver's points are normalised to 1",
    "CURR? MAX": "the driver knows the rating from the identity",
    "CURR? MIN": "the driver knows the rating from the identity",
    "*ESR? 5": "the driver reads the register as a whole, not one bit",
    "LIAS? 0": "the driver reads the register as a whole, not one bit",
    "LIAS? 3": "the driver reads the register as a whole, not one bit",
    "FREQ 17": "refused for the reference it was preceded by, which the driver does not ask for each time",
    "SNAP? 1": "the driver asks for two or more",
    "SNAP? 1,2,3,4,9,10": "the driver does not ask for the display",
    "volt 5": "a level in voltage mode, which the driver never takes",
}
#: Errors of lines that no driver sends: malformed, or out of place.
NOT_SENT = ("-108", "-109", "-113", "-120", "-213", "-214", "-221", "-410", "-420", "+413")

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
    if entry.say[-1] in NOT_OURS:
        return ""
    if "gauss" in str(entry.means.get("value")) and queries:
        return ""
    if entry.means["quantity"] == "error code" and len(entry.say) > 1:
        return ""
    quantity = entry.means["quantity"]
    does = []
    if commands and quantity in SAYS[name]:
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
            re.sub("E([+-])0?", lambda sign: "E" + sign[1].strip("+"), f"{value:.5E}"),
        ]
    tries += ["+1.23456789E-06", "+1.2345", "MOV", "IMM", "OLOW", "GUARD", "SLOW", "FAST", "000,000", "50"]
    tries += ["+012.345E-03", "+70.1000,+50.0000", "0", "2", "3", "4", "5", str(entry.hear_pattern)]
    return next(text for text in tries if re.fullmatch(str(entry.hear_pattern), text))


@pytest.mark.parametrize(("name", "entry"), [p for p in SPEAKABLE if "says" in kind(*p.values)])
def test_the_driver_says_what_the_witness_says(name: str, entry: Exchange):
    """Asked to do what the entry means, the driver says its lines, up to spelling and number format."""
    driver, player = plugged(name)
    SAYS[name][entry.means["quantity"]](driver, entry.means["value"])
    for command in split(entry)[0]:
        expected = normal_line(command, name)
        if expected[0] == "SOUR:CLE":
            driver.park()
        said = [normal_line(line, name) for line in player.said]
        assert expected in [line for line in said if line[0] == expected[0]][-1:]


@pytest.mark.parametrize(("name", "entry"), [p for p in SPEAKABLE if "hears" in kind(*p.values)])
def test_the_driver_understands_what_the_witness_answers(name: str, entry: Exchange):
    """Given the entry's answer, the driver returns what it means, in SI units and in words."""
    reply, quantity, value = sample(entry, name), entry.means["quantity"], entry.means["value"]
    query = split(entry)[1][0]
    driver, player = plugged(name, **{normal(query, name): reply})
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
            hear(driver, query)
        return
    heard = hear(driver, query)
    if quantity == "model":
        assert heard == reply
    elif quantity == "error code":
        assert heard == ([reply] if value else [])
    elif "register" in quantity:
        bit = quantity.partition(", ")[2]
        assert [bit in text for text in heard] == ([True] if value else [])
    elif quantity == "operation status: ramp done, bit 1":
        assert heard == ["ramp done"]
    elif re.match("(measurement|operation) (condition|event): ", quantity):
        assert heard is True
    elif quantity == "hardware, operational errors":
        assert heard == []
    elif quantity == "current limit, rate limit":
        assert heard == tuple(float(part) for part in value.split(","))
    elif quantity == "X, Y":
        assert heard == tuple(float(part) for part in reply.split(","))
    elif quantity == "mode":
        assert heard == MODES.get(value, value)
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
    assert listed or is_syntax or is_out_of_place or queue_order
