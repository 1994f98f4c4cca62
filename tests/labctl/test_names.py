"""Names that people give: data as they are, harmless in file names, on terminals, in figures and in HTML."""

from pathlib import Path

import pytest
from command_line import Command
from stored_runs import SAMPLE, stored

from labctl.names import as_label, printable, slug
from labctl.report.page import notation
from labctl.runfile import read_run
from labctl.store import Quantity

NAMES = [
    "../../x", "/etc/passwd", "CON", "nul.txt", "", "a" * 300, "-rf", "=cmd|' /C calc'!A0", "<img onerror=x>",
    "a\x1b[2Jb", "line\nbreak", "a\0b", "\u202egnp.exe", "[/red]", "Co/Gd 2.0 nm", "Ta|CoFeB|MgO", "$\\frac{",
    "\ud800", ".hidden", "試料 1",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_slug_is_a_harmless_part_of_a_file_name(name: str) -> None:
    """Letters, digits, dot, dash, underscore; 64 at most; no device, no hidden file, no option."""
    made = slug(name)
    assert 1 <= len(made) <= 65
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
    assert made[0] not in ".-"
    assert made.partition(".")[0].upper() not in {"CON", "NUL"}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_terminal_is_shown_holds_nothing_it_would_obey(name: str) -> None:
    """Controls, marks of direction and lone surrogates are shown as escapes; letters of any script stay."""
    shown = printable(name)
    assert shown.isprintable()
    shown.encode()
    assert printable("試料 µm 1") == "試料 µm 1"


def test_a_label_is_no_formula_and_not_long() -> None:
    """A dollar is a dollar; 80 signs are enough for a title."""
    assert as_label("$x$") == r"\$x\$"
    assert len(as_label("a" * 300)) == 80


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_any_sample_is_stored_shown_and_drawn(labctl: Command, tmp_path: Path, name: str) -> None:
    """The name comes back as it was given (a lone surrogate as its escape); what is shown is harmless."""
    path = stored(
        tmp_path / "run.h5",
        sample={**SAMPLE, "name": Quantity(name)},
        title=f"loop of {name}",
        protocol="none",
    )
    if name != "\ud800":
        assert read_run(path).sample_name == name
    said = labctl("show", str(path))
    assert said.status == 0, said.err
    assert said.out.replace("\n", "").isprintable()
    assert labctl("show", str(path), "--json").status == 0
    assert labctl("plot", str(path)).status == 0
    assert [file.suffix for file in sorted(tmp_path.iterdir()) if file.is_file()] == [".h5", ".png"]


def test_no_line_of_an_exported_csv_begins_with_a_formula(labctl: Command, tmp_path: Path) -> None:
    """Free text stands in comment lines without commas: a spreadsheet makes no cell of its own from it."""
    path = stored(tmp_path / "run.h5", sample={**SAMPLE, "name": Quantity("a,=cmd|' /C calc'!A0\n=1+1")})
    assert labctl("export", str(path), "--to", "csv").status == 0
    lines = path.with_suffix(".csv").read_text().splitlines()
    cells = [cell for line in lines for cell in line.split(",")]
    assert not [cell for cell in cells if cell.lstrip('"').startswith(("=", "@", "\t"))]


def test_a_reproductions_report_escapes_what_it_is_told() -> None:
    """Markup in a name is text."""
    assert "<img" not in str(notation("<img src=x onerror=alert(1)> H_x"))


def test_a_message_of_an_error_shows_no_controls(labctl: Command) -> None:
    """A path with an escape sequence cannot clear the screen."""
    said = labctl("show", "a\x1b[2Jb.h5")
    assert said.status == 2
    assert "\x1b" not in said.err
    assert labctl("show", f"{'a' * 300}.h5").status == 2
