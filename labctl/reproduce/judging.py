"""Criteria that many claims share, as functions of runs: a number rises, falls, stays, lies within limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from labctl.reproduce.plan import Judge, Verdict
from labctl.tell import result_text
from protocols.vocabulary import Result

if TYPE_CHECKING:
    from labctl.runfile import Run

#: Combined standard uncertainties that two numbers must be apart to count as different (our choice).
SIGNIFICANT = 3.0

Number = Callable[["Run"], Result]


def result_of(name: str) -> Number:
    """The result of a run by name; a run that has none gives NaN."""

    def number(run: Run) -> Result:
        return run.results.get(name, Result(math.nan, math.nan, "1", name, note="not reported"))

    return number


def over(numerator: str, denominator: str, help: str) -> Number:
    """The ratio of two results of a run, their uncertainties taken as independent."""

    def number(run: Run) -> Result:
        a, b = result_of(numerator)(run), result_of(denominator)(run)
        value = a.value / b.value if b.value else math.nan
        relative = math.hypot(a.uncertainty / a.value, b.uncertainty / b.value) if a.value and b.value else 0
        return Result(value, abs(value) * relative, "1", help, limit=a.limit)

    return number


def told(**series: Sequence[Result]) -> dict[str, Any]:
    """Results as plain data (SI): name, list of values, list of uncertainties, unit."""
    return {
        name: {
            "values": [result.value for result in results],
            "uncertainties": [result.uncertainty for result in results],
            "unit": results[0].unit,
        }
        for name, results in series.items()
    }


def words(results: Iterable[Result]) -> str:
    """Results one after the other, each in its display unit with its uncertainty."""
    return "; ".join(result_text(result).replace("<=", "≤").replace(">=", "≥") for result in results)


def _name(number: Number | str) -> tuple[str, Number]:
    return (number, result_of(number)) if isinstance(number, str) else ("value", number)


def _excess(a: Result, b: Result) -> float:
    """By how many combined standard uncertainties b is larger than a; NaN where either was not found.

    An upper limit counts as larger than nothing, and as exactly known where something else is larger than it.
    """
    if b.limit == "upper" and a.limit == "upper":
        return 0.0 if a.value == a.value and b.value == b.value else math.nan
    u = math.hypot(0.0 if a.limit else a.uncertainty, 0.0 if b.limit else b.uncertainty)
    difference = b.value - a.value
    return math.inf * difference if u == 0 and difference else difference / u if u else difference


def changes(number: Number | str, sign: int, factor: float, *, strictly: bool = True) -> Judge:
    """From the first run to the last the number has changed by `factor` (above 1) in the direction of `sign`.

    From each run to the next it changes significantly that way or, unless `strictly`, not significantly the
    other way.
    """
    name, value_of = _name(number)
    least_step = SIGNIFICANT if strictly else -SIGNIFICANT

    def judge(runs: Sequence[Run]) -> Verdict:
        found = [value_of(run) for run in runs]
        steps = [sign * _excess(a, b) for a, b in pairwise(found)]
        small, large = (found[0].value, found[-1].value)[::sign]
        is_enough = large > 0 and large >= factor * small
        holds = is_enough and all(step > least_step for step in steps)
        return Verdict(holds, words(found), told(**{name: found}))

    return judge


def every(number: Number | str, holds: Callable[[Result], bool]) -> Judge:
    """In every run the number is as `holds` says."""
    name, value_of = _name(number)

    def judge(runs: Sequence[Run]) -> Verdict:
        found = [value_of(run) for run in runs]
        return Verdict(all(holds(result) for result in found), words(found), told(**{name: found}))

    return judge


def spread_below(number: Number | str, limit: float) -> Judge:
    """The largest and the smallest of the numbers differ by less than `limit`."""
    name, value_of = _name(number)

    def judge(runs: Sequence[Run]) -> Verdict:
        found = [value_of(run) for run in runs]
        spread = max(result.value for result in found) - min(result.value for result in found)
        return Verdict(
            spread < limit, f"spread {spread:.3g}: {words(found)}", told(**{name: found}) | {"spread": spread}
        )

    return judge


def straight(x: Sequence[float], y: Sequence[float]) -> float:
    """Share of the variance of y that a straight line in x describes; NaN where y does not vary."""
    n, mean_x, mean_y = len(x), sum(x) / len(x), sum(y) / len(y)
    xx = sum((a - mean_x) ** 2 for a in x) / n
    yy = sum((b - mean_y) ** 2 for b in y) / n
    xy = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / n
    return xy**2 / (xx * yy) if xx and yy else math.nan
