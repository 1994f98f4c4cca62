"""The SCPI engine of the simulators: headers, messages and parameters, through a small instrument."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scpi_toy import Bus, Lamp, Toy

from sim_instruments.clock import VirtualClock
from sim_instruments.scpi import ScpiInstrument
from sim_instruments.scpi_commands import Group, Setting
from sim_instruments.scpi_parameters import Boolean


@pytest.fixture
def bus() -> Bus:
    return Bus()


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "SOUR:VOLT",
        "SOURCE:VOLTAGE",
        ":sour:volt",
        "Source:Volt:Level",
        "SOUR:VOLT:LEV:IMM",
        "SOUR:VOLT:IMM",
        "SOUR:VOLTAGE:LEVEL:IMMEDIATE",
    ],
)
def test_long_short_and_optional_words_mean_the_same_command(bus: Bus, header: str) -> None:
    """Exact long or short form, any case, optional words or not, leading colon or not (622x-901-01 p. 10-14)."""
    bus.say(f"{header} 2.5")
    assert bus.ask(f"{header}?") == "2.500"
    assert bus.errors() == []


@pytest.mark.parametrize(
    "header", ["SOU:VOLT", "SOURC:VOLT", "SOUR:VOLTA", "VOLT", "SOUR::VOLT", "SOUR", "::", "?", ":"]
)
def test_a_word_that_is_neither_form_is_an_undefined_header(bus: Bus, header: str) -> None:
    """-113, and nothing is set."""
    bus.say(f"{header} 2.5")
    assert bus.errors() == [-113]
    assert bus.ask("SOUR:VOLT?") == "1.000"


@pytest.mark.parametrize("header", ["CHAN2:GAIN", "channel2:gain"])
def test_a_numeric_suffix_must_stand(bus: Bus, header: str) -> None:
    """CHANnel2 has both forms, with the 2."""
    bus.say(f"{header} 4")
    assert bus.ask("CHAN2:GAIN?") == "4.0"


def test_another_numeric_suffix_is_out_of_range(bus: Bus) -> None:
    """-114 for a header that would be right with another number."""
    bus.say("CHAN3:GAIN 4")
    bus.say("CHAN3:GAIN?")
    assert bus.errors() == [-114, -114]


def test_an_unknown_query_is_not_answered(bus: Bus) -> None:
    """Silence, and -113 in the queue."""
    bus.say("LAMP:NOSUCH?")
    assert bus.toy.next_reply(bus.clock.now() + 5.0, message_exchange=False) is None
    assert bus.errors() == [-113]


def test_a_command_has_no_query_unless_it_is_declared(bus: Bus) -> None:
    """`SYSTem:BEEPer?` was never declared, nor `*IDN`."""
    bus.say("SYST:BEEP?")
    bus.say("*IDN")
    assert bus.errors() == [-113, -113]


# --- messages -------------------------------------------------------------------------------------


def test_a_header_without_colon_continues_at_the_same_level(bus: Bus) -> None:
    """After `SOUR:VOLT` the path is SOUR (622x-901-01 p. 10-16)."""
    bus.say("SOUR:VOLT 2;STEP 5")
    assert bus.ask("SOUR:STEP?") == "5"


def test_a_colon_goes_back_to_the_root(bus: Bus) -> None:
    """And without it the header is looked for at the present level."""
    assert bus.ask("SOUR:VOLT 2;:OUTP?") == "0"
    bus.say("SOUR:VOLT 2;OUTP ON")
    assert bus.errors() == [-113]


@pytest.mark.parametrize("common", ["*CLS", ":*CLS", "*ESE?"])
def test_a_common_command_does_not_move_the_path(bus: Bus, common: str) -> None:
    """2182A-900-01 p. 11-26."""
    bus.say(f"SOUR:VOLT 2;{common};STEP 6")
    bus.hear()
    assert bus.ask("SOUR:STEP?") == "6"


def test_the_path_does_not_outlive_the_message(bus: Bus) -> None:
    """Each message begins at the root."""
    bus.say("SOUR:VOLT 2")
    bus.say("STEP 6")
    assert bus.errors() == [-113]


def test_replies_of_one_message_come_in_one_line(bus: Bus) -> None:
    """Joined by semicolons, one terminator at the end."""
    assert bus.ask("OUTP?;:SOUR:STEP?;*ESE?") == "0;3;0"
    assert not bus.toy.has_output


@pytest.mark.parametrize("line", ["OUTP ON;", ";OUTP ON", " OUTP  1 ", "OUTP\t1;;", "OUTP ON\r"])
def test_blanks_and_empty_commands_are_harmless(bus: Bus, line: str) -> None:
    """Trailing semicolons, tabs and CR before LF are what clients send."""
    bus.say(line)
    assert bus.ask("OUTP?") == "1"
    assert bus.errors() == []


def test_what_stands_before_an_invalid_command_is_done_and_the_rest_dropped(bus: Bus) -> None:
    """2182A-900-01 p. 11-26; the reply so far is sent."""
    assert bus.ask("SOUR:STEP 5;STEP?;NOSUCH;STEP 9;STEP?") == "5"
    assert bus.ask("SOUR:STEP?") == "5"
    assert bus.errors() == [-113]


def test_an_execution_error_does_not_stop_the_message(bus: Bus) -> None:
    """A value out of range leaves its setting alone; the commands behind it are obeyed."""
    bus.say("SOUR:VOLT 6;STEP 7")
    assert bus.ask("SOUR:VOLT?;STEP?") == "1.000;7"
    assert bus.errors() == [-222]


# --- parameters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("1.", 1), (".5", 0.5), ("+1e-3", 1e-3), ("1E+0", 1), ("-2.5", -2.5), ("0000000000002", 2)],
)
def test_every_way_to_write_a_decimal_number_is_understood(bus: Bus, text: str, value: float) -> None:
    """NRf of IEEE 488.2-1992, 7.7.2."""
    bus.say(f"SOUR:VOLT {text}")
    assert float(bus.ask("SOUR:VOLT?") or "nan") == pytest.approx(value)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("SOUR:VOLT 5.001", -222),
        ("SOUR:VOLT 1e999", -222),
        ("SOUR:VOLT 1.2.3", -120),
        ("SOUR:VOLT 1e", -120),
        ("SOUR:VOLT 0x10", -120),
        ("SOUR:VOLT ٣", -101),
        ("SOUR:VOLT nan", -104),
        ("SOUR:VOLT INF", -104),
        ("SOUR:VOLT '1'", -104),
        ("SOUR:VOLT &", -101),
        ("SOUR:VOLT", -109),
        ("SOUR:VOLT ,", -108),
        ("SOUR:VOLT 1,2", -108),
        ("SOUR:VOLT 3", -221),
        ("SOUR:VOLT? 1", -108),
        ("*CLS 1", -108),
        ("*ESE 256", -222),
        ("OUTP MAYBE", -224),
        ("OUTP 2", -224),
        ("OUTP 'ON'", -104),
        ("LAMP:COL GREEN", -224),
        ("LAMP:COL REDD", -224),
        ("LAMP:COL 1", -104),
        ("LAMP:COL? MAX", -104),
        ("LAMP:SHAP ROUN", -104),
        ("LAMP:SHAP 'FLAT'", -224),
        ("LAMP:SHAP 'ROUN", -151),
        ("SYST:BEEP 1,,", -108),
        ("SYST:BEEP 1,", -109),
        ("SYST:BEEP", -109),
    ],
)
def test_a_refused_parameter_gives_its_own_code(bus: Bus, line: str, code: int) -> None:
    """Codes of 2182A-900-01 table B-1; the setting stays as it was."""
    before = bus.ask("SOUR:VOLT?;:OUTP?;:LAMP:COL?;SHAP?")
    bus.toy.write(line.encode("utf-8") + b"\n")
    assert bus.errors() == [code]
    assert bus.ask("SOUR:VOLT?;:OUTP?;:LAMP:COL?;SHAP?") == before


@pytest.mark.parametrize(
    ("text", "answer"), [("ON", "1"), ("1", "1"), ("on", "1"), ("OFF", "0"), ("0", "0"), ("1.0", "1")]
)
def test_booleans_are_words_or_digits_and_answered_as_digits(bus: Bus, text: str, answer: str) -> None:
    """622x-901-01 p. 10-14."""
    bus.say(f"OUTP {text}")
    assert bus.ask("OUTP?") == answer


def test_limits_and_default_can_be_set_and_asked_by_name(bus: Bus) -> None:
    """`? MIN`, `? MAX`, `? DEF`, and the same as parameters."""
    assert [bus.ask(f"SOUR:VOLT? {word}") for word in ("MIN", "MAXimum", "def")] == [
        "-5.000",
        "5.000",
        "1.000",
    ]
    bus.say("SOUR:VOLT MAX")
    assert bus.ask("SOUR:VOLT?") == "5.000"
    bus.say("SOUR:VOLT DEFAULT")
    assert bus.ask("SOUR:VOLT?") == "1.000"


@pytest.mark.parametrize("text", ["INF", "infinity", "9.9E37", "1e99"])
def test_infinity_is_a_word_or_a_huge_number(bus: Bus, text: str) -> None:
    """Only where a setting knows it."""
    bus.say("SOUR:LIM 5")
    bus.say(f"SOUR:LIM {text}")
    assert bus.ask("SOUR:LIM?") == "+9.9e37"


def test_a_whole_number_is_rounded(bus: Bus) -> None:
    """A fraction where an integer is wanted is rounded, half away from zero."""
    bus.say("SOUR:STEP 6.5")
    assert bus.ask("SOUR:STEP?") == "7"


@pytest.mark.parametrize("text", ["SENS", "sense", "SENS1", "SENSE1"])
def test_a_word_may_leave_out_its_one(bus: Bus, text: str) -> None:
    """`SENSe[1]` as a parameter."""
    bus.say(f"LAMP:COL {text}")
    assert bus.ask("LAMP:COL?") == "SENS"


@pytest.mark.parametrize("text", ["'ROUN'", '"round:flat"', "'ROUN:FLAT'"])
def test_a_quoted_name_has_both_forms_and_both_quotes(bus: Bus, text: str) -> None:
    """And is answered in its short form in double quotes."""
    bus.say(f"LAMP:SHAP {text}")
    assert bus.errors() == []
    assert bus.ask("LAMP:SHAP?") == '"ROUN:FLAT"'


def test_separators_inside_quotes_do_not_separate(bus: Bus) -> None:
    """One refused string, not two commands and three parameters; doubled quotes stay inside."""
    bus.say("LAMP:SHAP 'a;SOUR:STEP 9,''b''';:OUTP ON")
    assert bus.errors() == [-224]
    assert bus.ask("SOUR:STEP?;:OUTP?") == "3;1"


def test_blanks_around_commas_do_not_matter_and_the_last_may_be_optional(bus: Bus) -> None:
    """`SYST:BEEP 440, 0.1` is what PyMeasure sends."""
    bus.say("SYST:BEEP 440 , 0.1")
    bus.say("SYST:BEEP 65")
    assert bus.toy.group(Lamp).heard == [(440.0, 0.1), (65.0,)]


# --- declarations ---------------------------------------------------------------------------------


def test_what_is_declared_can_be_listed_and_looked_up() -> None:
    """Patterns as the manual prints them, queries with their question mark."""
    headers = Toy.declared_headers()
    assert {
        "OUTPut[:STATe]",
        "OUTPut[:STATe]?",
        "SYSTem:BEEPer",
        "*IDN?",
        "STATus:OPERation[:EVENt]?",
    } <= headers
    assert not {"SYSTem:BEEPer?", "*IDN", "STATus:OPERation[:EVENt]"} & headers
    assert Toy.declared(":outp:stat?") == "OUTPut[:STATe]?"
    assert Toy.declared("OUTPU") is None


def test_two_commands_spelled_alike_are_a_mistake() -> None:
    """Found when the class is made, not when a client is answered by the wrong one."""

    class Twice(Group):
        one = Setting("LAMP[:STATe]", Boolean(), default=False)
        two = Setting("LAMP", Boolean(), default=False)

    with pytest.raises(ValueError, match="both spelled LAMP"):
        type("Wrong", (ScpiInstrument,), {"groups": (Twice,)})


def test_an_instrument_must_install_what_it_declares() -> None:
    """One group object for each group class."""

    class Bare(ScpiInstrument):
        groups = (Lamp,)

    with pytest.raises(TypeError, match="must install"):
        Bare(VirtualClock(), "BARE").install()


# --- anything at all ------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        "SOUR",
        ":",
        ";",
        "?",
        "*",
        "VOLT",
        "LAMP:BRIG?",
        "OUTP",
        " ",
        ",",
        "'",
        '"',
        "1e5",
        "\x00",
        "\xff",
        "*RST",
        "\n",
    ]
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=12), WORDS.map(lambda text: text.encode("latin-1"))), max_size=20)
)
def test_no_bytes_can_break_the_parser(pieces: list[bytes]) -> None:
    """Whatever arrives, nothing is raised, and after a device clear the instrument answers."""
    bus = Bus()
    for piece in pieces:
        bus.toy.write(piece, end=False)
        bus.clock.wait(0.1)
    bus.toy.device_clear()
    bus.clock.wait(3.0)
    assert bus.ask("*IDN?") == "TOY"
