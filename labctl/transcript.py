"""`labctl station record`: the wire of a run with hardware as witness entries, one file for each instrument.

An entry says what was said and what a real unit answered, in the form of tests/wire/*.toml: the exact reply where
it is words, and a pattern that keeps the unit's own number format where it is numbers. The run's file is itself the
cassette: `labctl replay` plays it back to the drivers, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import runfile
from labctl.errors import DataError, RequestError

if TYPE_CHECKING:
    from labctl.record import WireLine
    from labctl.runfile import Run

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")


@dataclass(slots=True)
class _Exchange:
    """One line that was said, and the different things that were heard after it, oldest first."""

    say: str
    times: int = 0
    heard: dict[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])


def record(path: Path, folder: Path) -> list[Path]:
    """Write `folder`/<role>.toml for every instrument of a run with hardware; return the paths.

    DataError where the run is from the simulated bench or kept no wire, RequestError where a file exists already;
    nothing is then written.
    """
    import tomli_w

    run = runfile.read_run(path)
    if run.simulation is not None:
        raise DataError(
            f"{path} must be a run with hardware: what simulated instruments say is no evidence of what real ones "
            "do. Nothing was written."
        )
    lines = runfile.read_wire(path)
    if not lines:
        raise DataError(
            f"{path} must hold the lines of its wire; it was run with --no-wire. Nothing was written."
        )
    targets = {role: folder / f"{role}.toml" for role in run.instruments}
    for target in targets.values():
        if target.exists():
            raise RequestError(f"{target} exists already. Nothing was written.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for role, target in targets.items():
            target.write_text(
                tomli_w.dumps(_document(run, role, lines), multiline_strings=False), encoding="utf-8"
            )
    except OSError as error:
        raise RequestError(f"{folder} must be a folder that can be written: {error.strerror}.") from error
    return list(targets.values())


def _document(run: Run, role: str, lines: Sequence[WireLine]) -> dict[str, Any]:
    instrument = run.instruments[role]
    source = f"captured from {instrument.identity.strip()}, {run.start_time:%Y-%m-%d}, run {run.uuid}"
    return {
        "instrument": {"model": instrument.driver, "idn_example": instrument.identity},
        "exchange": [_entry(exchange, source) for exchange in _exchanges(role, lines)],
    }


def _exchanges(role: str, lines: Iterable[WireLine]) -> Iterator[_Exchange]:
    """Each different line that was said to an instrument, in the order in which they came up first."""
    said: dict[str, _Exchange] = {}
    current: _Exchange | None = None
    answer: list[str] = []

    def close() -> None:
        if current is not None:
            current.times += 1
            current.heard[tuple(answer)] = current.heard.get(tuple(answer), 0) + 1

    for line in lines:
        if line.instrument != role:
            continue
        if line.direction == "say":
            close()
            current, answer = said.setdefault(line.text, _Exchange(line.text)), []
        else:
            answer.append(line.text)
    close()
    yield from said.values()


def _entry(exchange: _Exchange, source: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"say": exchange.say}
    answers = [answer for answer in exchange.heard if answer]
    patterns = {tuple(_pattern(text) for text in answer) for answer in answers}
    if len(answers) == 1 and not _NUMBER.fullmatch(answers[0][0].strip()):
        (answer,) = answers
        entry["hear"] = answer[0] if len(answer) == 1 else list(answer)
    elif patterns:
        entry["hear_pattern"] = "|".join(sorted("\n".join(pattern) for pattern in patterns))
    unanswered = exchange.heard.get((), 0)
    note = f"seen {exchange.times} times" + (
        f", {unanswered} of them unanswered" if answers and unanswered else ""
    )
    return entry | {"source": source, "status": "captured", "note": note}


def _pattern(text: str) -> str:
    """A regular expression for replies like this one: the words as they are, numbers in the same format."""
    parts: list[str] = []
    end = 0
    for number in _NUMBER.finditer(text):
        parts += [re.escape(text[end : number.start()]), _format(number[0])]
        end = number.end()
    return "".join([*parts, re.escape(text[end:])])


def _format(number: str) -> str:
    """A regular expression for numbers printed like this one: sign, decimals and exponent as they are."""
    mantissa, mark, exponent = number.replace("E", "e").partition("e")
    sign = "[+-]" if mantissa[0] in "+-" else ""
    whole, point, decimals = mantissa.lstrip("+-").partition(".")
    form = sign + (r"\d" if len(whole) == 1 and mark else r"\d+")
    form += (r"\." + (rf"\d{{{len(decimals)}}}" if decimals else "")) if point else ""
    if mark:
        signed = "[+-]" if exponent[0] in "+-" else ""
        form += f"[eE]{signed}" + rf"\d{{{len(exponent.lstrip('+-'))}}}"
    return form
