"""Conditions on runs: units, dates, words; what is missing is never listed; what is wrong is said."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.conditions import bind, parse
from labctl.errors import RequestError


@dataclass
class Fake:
    """A run that is nothing but its values, each with its SI unit."""

    name: str
    values: dict[str, tuple[Any, str | None]] = field(default_factory=dict)

    def names(self) -> list[str]:
        return list(self.values)

    def value(self, name: str) -> tuple[Any, str | None]:
        return self.values.get(name, (None, None))


RUNS = [
    Fake("low", {"mu0_H_x": (0.02, "T"), "results.I_th": (0.012, "A"), "status": ("complete", None),
                 "start": (datetime(2026, 3, 1, 23, 30).astimezone(), None), "rows": (41, "1")}),
    Fake("high", {"mu0_H_x": (0.08, "T"), "results.I_th": (0.010, "A"), "status": ("complete", None),
                  "start": (datetime(2026, 3, 2, 0, 0).astimezone(), None), "rows": (41, "1"),
                  "tag": (frozenset({"good", "cold"}), None), "averaging": (True, "1")}),
    Fake("lost", {"mu0_H_x": (0.08, "T"), "results.I_th": (float("nan"), "A"), "status": ("stopped", None),
                  "start": (datetime(2026, 3, 3, 9, 0).astimezone(), None), "rows": (7, "1"),
                  "tag": (frozenset(), None), "averaging": (False, "1")}),
    Fake("other", {"status": ("complete", None), "width": (2e-3, "s"), "layers": (["Ta", "Pt"], None),
                   "sample.notes": ("grown in May, not bad", None)}),
    Fake("wide", {"width": (1e-5, "m")}),
]  # fmt: skip


def names(text: str) -> str:
    """Names of the runs for which a condition holds."""
    holds = bind(parse(text), RUNS)
    return " ".join(run.name for run in RUNS if holds(run))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mu0_H_x > 500 Oe", "high lost"),
        ("mu0_H_x>500Oe", "high lost"),
        ("mu0_H_x >= 80 mT", "high lost"),
        ("mu0_H_x = 800 Oe", "high lost"),
        ("mu0_H_x == 0.08 T", "high lost"),
        ("mu0_H_x != 0.8 kOe", "low"),
        ("mu0_H_x > 800 Oe", ""),
        ("mu0_H_x > 500 Oe and results.I_th < 15 mA", "high"),
        ("mu0_H_x < 500 Oe or results.I_th < 11 mA", "low high"),
        ("status = complete and mu0_H_x < 500 Oe or status = stopped", "low lost"),
        ("status = complete and (mu0_H_x < 500 Oe or status = stopped)", "low"),
        ("NOT status = complete AND rows < 10", "lost"),
        ("not (status = complete or rows < 10)", ""),
        ("not not rows = 41", "low high"),
        ("status != 'complete'", "lost"),
        ('sample.notes = "grown in May, not bad"', "other"),
        ("start >= 2026-03-02", "high lost"),
        ("start > 2026-03-02", "lost"),
        ("start <= 2026-03-02", "low high"),
        ("start < 2026-03-02", "low"),
        ("start = 2026-03-02", "high"),
        ("start < 2026-03-01T23:45", "low"),
        ("start > 2026-03-01 23:15", "low high lost"),
        ("tag = good", "high"),
        ("tag != good", "lost"),
        ("averaging = true", "high"),
        ("averaging != true", "lost"),
        ("width < 5 ms", "other"),
        ("width < 1 mm", "wide"),
        ("rows > 1e1", "low high"),
    ],
)
def test_a_condition_finds_the_runs_that_a_person_would(text: str, expected: str) -> None:
    """Known answers, counted by hand, for every kind of value and way to put conditions together."""
    assert names(text) == expected


def test_a_run_without_the_value_is_listed_neither_by_a_condition_nor_by_its_contrary() -> None:
    """A result that was not found (NaN) is neither above nor below; the same where a run has no such parameter."""
    assert names("results.I_th > 11 mA") == "low"
    assert names("not results.I_th > 11 mA") == "high"
    assert names("results.I_th != 10 mA") == "low"


def test_what_decides_alone_needs_not_the_rest() -> None:
    """A true part of an `or`, or a false one of an `and`, decides although the other part cannot be told."""
    assert names("status = stopped or results.I_th > 1 A") == "lost"
    assert names("not (rows > 1000 and results.I_th > 11 mA)") == "low high lost"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mu0_H_x > 15 mA", "mu0_H_x in a condition must be a field with its unit"),
        ("mu0_H_x > 500", "bare number '500'"),
        ("mu0_H_x > nan", "must be a field"),
        ("mu0_H_q > 500 Oe", r"got 'mu0_H_q' \(did you mean mu0_H_x\?\)"),
        ("I_th < 15 mA", r"did you mean results.I_th\?"),
        ("width < 5 A", "width in a condition must be"),
        ("status < complete", "status must be compared by = or !="),
        ("averaging = yes", "averaging must be compared with true or false"),
        ("start > yesterday", "start must be compared with a date"),
        ("start > 2026-13-01", "start must be compared with a date"),
        ("layers = Ta", "single value"),
        ("mu0_H_x", "which stops too early"),
        ("", "NAME < VALUE"),
        ("mu0_H_x > 500 Oe and", "which stops too early"),
        ("(mu0_H_x > 500 Oe", "which stops too early"),
        ("mu0_H_x > 500 Oe) or rows = 1", "not understood from '"),
        ("mu0_H_x => 500 Oe", "not understood from '> 500 Oe'"),
        ("500 Oe < mu0_H_x", "not understood from '500 Oe"),
        ("rows = __import__('os')", "not understood"),
        ("not " * 250 + "rows = 1", "at most 1000 signs"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line_that_says_why(text: str, said: str) -> None:
    """Dimension, name, kind of value and grammar; a misspelt name is answered with the one that was meant."""
    with pytest.raises(RequestError, match=said) as caught:
        bind(parse(text), RUNS)
    assert "\n" not in str(caught.value)


def test_the_deepest_nest_that_is_taken_is_answered() -> None:
    """240 times not: no recursion runs out."""
    assert names("not " * 240 + "rows = 41") == "low high"
    assert names("(" * 400 + "rows = 41" + ")" * 400) == "low high"


def test_names_that_begin_like_the_words_between_conditions_are_names() -> None:
    """`notes`, `order` and `android` are not taken apart."""
    run = Fake("only", dict.fromkeys(("notes", "order", "android"), (1, "1")))
    for name in run.values:
        assert bind(parse(f"{name} = 1 and not {name} = 2"), [run])(run) is True


SIMPLE = st.sampled_from(
    ["mu0_H_x > 500 Oe", "results.I_th < 11 mA", "rows = 41", "status = complete", "tag = good"]
)
NESTED = st.recursive(
    SIMPLE,
    lambda part: st.one_of(
        part.map("not ({})".format),
        st.tuples(part, part).map(lambda pair: "({}) and ({})".format(*pair)),
        st.tuples(part, part).map(lambda pair: "({}) or ({})".format(*pair)),
    ),
    max_leaves=6,
)


def ask(text: str) -> list[bool | None]:
    """What a condition says of every run."""
    holds = bind(parse(text), RUNS)
    return [holds(run) for run in RUNS]


@given(NESTED, NESTED)
def test_the_laws_of_logic_hold_also_where_something_is_not_known(a: str, b: str) -> None:
    """De Morgan, twice not, and the order of the parts, on every run of the set."""
    assert ask(f"not (({a}) and ({b}))") == ask(f"not ({a}) or not ({b})")
    assert ask(f"not (({a}) or ({b}))") == ask(f"not ({a}) and not ({b})")
    assert ask(f"not not ({a})") == ask(a)
    assert ask(f"({a}) or ({b})") == ask(f"({b}) or ({a})")
