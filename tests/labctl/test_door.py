"""The door: units come in as text and go out as text, and a bare number for a field stays outside."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import door
from labctl.errors import RequestError

KNOWN = [(unit, symbol) for unit, symbols in door._COMMON.items() for symbol in symbols if symbol]


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("400 Oe", "T", 0.04),
        ("400Oe", "T", 0.04),
        ("40 mT", "T", 0.04),
        ("-4e2 Oe", "T", -0.04),
        ("0.4 kOe", "T", 0.04),
        (".04T", "T", 0.04),
        ("0.1 mA", "A", 1e-4),
        ("100 µA", "A", 1e-4),
        ("2A", "A", 2.0),
        ("500 ms", "s", 0.5),
        ("30 deg", "rad", math.pi / 6),
        ("90 Oe/A", "T/A", 0.009),
        ("7", "1", 7.0),
        ("2 nm", "m", 2e-9),
    ],
)
def test_a_quantity_is_read_in_any_of_its_units(text: str, unit: str, value: float) -> None:
    """What people write at the bench is understood, and comes out as the nearest SI float."""
    assert door.parse(text, unit, "x") == pytest.approx(value, rel=1e-15)


def test_a_field_strength_in_ampere_per_metre_becomes_mu0_H() -> None:
    """1 Oe is 1000/4pi A/m, so both ways of writing a field agree (to the precision of CODATA's mu_0)."""
    assert door.parse(f"{1000 / (4 * math.pi)} A/m", "T", "H") == pytest.approx(1e-4, rel=1e-8)


def test_a_unit_outside_the_common_table_is_looked_up() -> None:
    """pint knows the rest; 1 abampere is 10 A."""
    assert door.parse("2 abampere", "A", "I") == pytest.approx(20.0)


@pytest.mark.parametrize("text", ["400", "4e2", "0", "-1.5"])
def test_a_bare_number_for_a_field_is_refused_with_the_accepted_forms(text: str) -> None:
    """400 may be oersted, millitesla or tesla; nobody guesses."""
    with pytest.raises(RequestError, match=r"mu0_H_max must be a field .*400 Oe.*40 mT.*bare number"):
        door.parse(text, "T", "mu0_H_max")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Oe",
        "four hundred Oe",
        "nan Oe",
        "inf T",
        "1,5 T",
        "1e999 T",
        "1 s",
        "1 Oe;*RST",
        "1 T T",
        "--1 T",
    ],
)
def test_nonsense_is_refused(text: str) -> None:
    """Anything that is not one finite number with a unit of the right kind is refused in one line."""
    with pytest.raises(RequestError, match=r"^x must be") as refused:
        door.parse(text, "T", "x")
    assert "\n" not in str(refused.value)


@given(number=st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-9), known=st.sampled_from(KNOWN))
def test_every_common_unit_round_trips(number: float, known: tuple[str, str]) -> None:
    """What the door shows in a unit, the door reads back as the same value."""
    unit, symbol = known
    value = door.parse(f"{number!r} {symbol}", unit, "x")
    assert door.parse(door.show(value, unit, symbol, digits=17), unit, "x") == pytest.approx(value, rel=1e-14)


def test_a_result_is_rounded_to_two_figures_of_its_uncertainty() -> None:
    """0.01156 T with 0.00014 T of uncertainty is 115.6 +- 1.4 Oe."""
    assert door.show_result(0.01156, 0.00014, "T", "Oe") == "115.6 ± 1.4 Oe"
    assert door.show_result(math.nan, 0.1, "T", "Oe") == "not found"
    assert door.show_result(0.4, 0.0, "ohm") == "0.4 ohm"


def test_results_far_from_one_are_written_with_a_power_of_ten() -> None:
    """Fourteen zeros after the point are not read by anybody; what has a unit near it is written plainly."""
    assert door.show_result(2.518e-14, 1.1e-16, "T m2/A") == "(2.518 ± 0.011)e-14 T m2/A"
    assert door.show_result(3.5714e10, 6.2e7, "A/m2") == "(3.5714 ± 0.0062)e10 A/m2"
    assert door.show_result(9e-4, 4e-6, "T", "Oe") == "9.000 ± 0.040 Oe"
    assert door.show_result(6e-6, 1.2e-3, "1") == "0.0000 ± 0.0012"


@given(number=st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-9), known=st.sampled_from(KNOWN))
def test_a_value_goes_out_in_the_unit_it_came_in(number: float, known: tuple[str, str]) -> None:
    """What was read from "4 kOe" is 4 in kOe again, to rounding."""
    unit, symbol = known
    value = door.parse(f"{number!r} {symbol}", unit, "x")
    assert door.scale_to(unit, symbol, "x").of(value) == pytest.approx(number, rel=1e-15)


@pytest.mark.parametrize(
    ("unit", "wanted", "value", "shown"),
    [
        ("T", "Oe", 0.0399, 399.0),
        ("T", "millitesla", 0.0399, 39.9),
        ("T m2/A", "mT m2/A", 2.5e-14, 2.5e-11),
        ("s", "minutes", 90.0, 1.5),
        ("K", "degC", 300.0, 26.85),
        ("1", "ppm", 2e-6, 2.0),
        ("1", "%", 0.5, 50.0),
    ],
)
def test_a_value_is_shown_in_another_unit(unit: str, wanted: str, value: float, shown: float) -> None:
    """By the common table, or by pint; a square metre is written m2."""
    assert door.scale_to(unit, wanted, "x").of(value) == pytest.approx(shown, rel=1e-13)


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [("T", "mA"), ("T", ""), ("T", "oe"), ("1", "dB"), ("V", "dBm"), ("A", "__import__('os')")],
)
def test_a_unit_of_another_kind_is_refused_on_the_way_out(unit: str, wanted: str) -> None:
    """No unit at all, misspelt ones, logarithmic ones, and what is not a unit."""
    with pytest.raises(RequestError, match=f"the unit of x must be one for {unit}"):
        door.scale_to(unit, wanted, "x")


def test_a_number_is_split_from_its_unit_exactly() -> None:
    """Decimals stay what was written, so that a range of them hits its end."""
    number, unit = door.split("0.1 mA", "I")
    assert (number * 3, unit) == (Decimal("0.3"), "mA")
    assert door.split("-5", "n") == (Decimal(-5), "")
    for text in ("", "mA", "1e999 A", "1e-999999999999 A", "nan", "1 2"):
        with pytest.raises(RequestError, match="I must be a number with its unit"):
            door.split(text, "I")
