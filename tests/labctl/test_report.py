"""`labctl report`: one file that needs nothing else and says what the run's file says, whatever it is called."""

import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from journals import left_behind
from old_files import unpacked
from stored_runs import ANALYSIS, PARAMETERS, SAMPLE, begun, finish, stored

from labctl import notes, tell
from labctl.record import Quantity
from labctl.runfile import read_run

VOID = {"meta", "br", "path", "use", "rect", "link", "img"}
HOSTILE = (
    '</td><script src="http://x.example/a.js"></script>{{ 7*7 }} #import "@a/x:1.0.0" $\\frac{ ]]>\x1b[2J'
)


class Page(HTMLParser):
    """What a browser makes of a page: elements closed in order, identifiers, what it would fetch, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.styles: list[str] = []
        self.words: list[str] = []
        self.feed(text.replace("<wbr>", ""))  # a place where a word may be broken
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open += [] if tag in VOID else [tag]
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"src", "href", "xlink:href", "action", "data", "srcset"}:
                self.links.append(value or "")
            if name == "style":
                self.styles.append(value or "")
            assert not name.startswith("on")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.styles.append(data)
        elif data.strip():
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def reported(labctl: Command, *files: str, output: str = "report.html") -> str:
    said = labctl("report", *files, "-o", output)
    assert said.status == 0, said.err
    assert said.out == f"{output}\n"
    return Path(output).read_text(encoding="utf-8") if output.endswith("html") else ""


def test_a_page_is_whole_and_fetches_nothing(labctl: Command, tmp_path: Path) -> None:
    """Closed elements, identifiers that occur once however many figures, no script, links within the page only."""
    names = [stored(tmp_path / f"{name}.h5").name for name in "ab"]
    page = Page(reported(labctl, *names, unpacked("classify", tmp_path).name))
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed"})
    inner = [link for link in page.links if link.startswith("#")]
    assert page.links == inner
    assert {link[1:] for link in inner} <= set(page.ids)
    assert not re.search(r"url\((?!#)|@import", " ".join(page.styles))
    assert "ahe-loop: 2 runs side by side" in page.text


def test_a_report_says_what_the_file_says(labctl: Command, tmp_path: Path) -> None:
    """Every result, every parameter, the sample, who measured, the log and the file's own SHA-256."""
    path = unpacked("sot-switching_verified", tmp_path)
    run = read_run(path)
    text = Page(reported(labctl, path.name)).text.replace("μ", "u").replace("Ω", "ohm")
    for name, value, _ in tell.result_rows(run.results):
        assert f"{name} {value}" in text
    for name, quantity in run.parameters.items():
        assert f"{name} {tell.shown(quantity)}" in text
    for instrument in run.instruments.values():
        assert " ".join(instrument.identity.split()) in text
        assert instrument.resource in text
    for event in run.log:
        assert event.text in text
    assert hashlib.sha256(path.read_bytes()).hexdigest() in text
    assert run.uuid in text
    assert "rows 21 of 21" in text
    assert "parking confirmed: source, magnet_x, magnet_z, voltmeter" in text
    assert f"{run.wire.lines} lines in" in text


def test_parameters_that_are_not_the_default_are_marked(labctl: Command, tmp_path: Path) -> None:
    """The value in bold, its default beside it; no other one is."""
    text = reported(labctl, unpacked("sot-switching_verified", tmp_path).name)
    changed = re.findall(
        r'<tr class="changed"><td class="name">(\S+)</td>\s*<td[^>]*>([^<]*)</td><td[^>]*>([^<]*)', text
    )
    assert changed == [("I_step", "7 mA", "0.5 mA")]


def test_several_runs_are_overlaid_and_tabled_by_what_varies(labctl: Command, tmp_path: Path) -> None:
    """The table has the parameter that differs against every result, and none that does not."""
    for name, field in (("a", 0.08), ("b", 0.04)):
        stored(tmp_path / f"{name}.h5", parameters=PARAMETERS | {"mu0_H_max": Quantity(field, "T")})
    text = reported(labctl, "a.h5", "b.h5")
    head = re.findall(r'<th class="run">([^<]*)</th>', text)
    assert head == ["run", "mu0_H_max", *ANALYSIS.results]
    assert "800 Oe" in text
    assert text.count("0.02510 ± 0.00040 T") == 4  # in the table, and with each run


@pytest.mark.parametrize("ending", ["html", "pdf"])
def test_hostile_names_are_text(labctl: Command, tmp_path: Path, ending: str) -> None:
    """Markup of HTML, of templates and of Typst in a run's texts is shown as it is, controls as escapes."""
    path = stored(
        tmp_path / "run.h5",
        title=HOSTILE,
        caption=HOSTILE,
        protocol=HOSTILE,
        sample=SAMPLE | {"name": Quantity(HOSTILE), HOSTILE: Quantity(HOSTILE)},
        parameters=PARAMETERS | {HOSTILE: Quantity(1.0, HOSTILE, HOSTILE)},
    )
    notes.add_note(path, read_run(path).uuid, HOSTILE, read_run(path).start_time)
    shown = HOSTILE.replace("\x1b", "\\x1b")
    text = reported(labctl, "run.h5", output=f"report.{ending}")
    if ending == "html":
        page = Page(text)
        assert page.tags.isdisjoint({"script"})
        assert shown in html.unescape(text.replace("<wbr>", ""))
        assert "\x1b" not in text
        return
    read = "".join(words_of("report.pdf").replace("\u200b", "").split())
    assert read.count("</td><scriptsrc=") >= 5
    assert '{{7*7}}#import"@a/x:1.0.0"' in read


def test_no_word_without_end_widens_a_page(labctl: Command, tmp_path: Path) -> None:
    """Names of 300 signs may be broken everywhere but in headings of tables."""
    name = "W" * 300
    stored(tmp_path / "run.h5", title=name, sample=SAMPLE | {"name": Quantity(name), name: Quantity(name)})
    text = reported(labctl, "run.h5")
    body = text[text.index("<body>") :]
    assert "W" * 30 + "<wbr>" in body
    assert "W" * 31 not in body


def words_of(path: str) -> str:
    pypdf = pytest.importorskip("pypdf")
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)


def test_a_pdf_has_pages_of_paper_embedded_fonts_and_the_files_numbers(
    labctl: Command, tmp_path: Path
) -> None:
    """A4, every font with its outlines, figures without pixels, text that can be found."""
    pypdf = pytest.importorskip("pypdf")
    path = unpacked("sot-switching_verified", tmp_path)
    reported(labctl, path.name, output="report.pdf")
    pages = pypdf.PdfReader("report.pdf").pages
    assert 2 <= len(pages) <= 4
    fonts: list[Any] = []
    for page in pages:
        assert [round(float(side) / 72 * 25.4) for side in page.mediabox[2:]] == [210, 297]
        assert list(page.images) == []
        fonts += page["/Resources"]["/Font"].values()
    for font in fonts:
        descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert {"/FontFile", "/FontFile2", "/FontFile3"} & descriptor.keys()
    text = " ".join(words_of("report.pdf").split())
    for name, value, _ in tell.result_rows(read_run(path).results):
        assert value.replace("uV", "μV").replace("ohm", "Ω") in text, name
    assert "21 of 21" in text
    assert hashlib.sha256(path.read_bytes()).hexdigest() in "".join(text.replace("\u200b", "").split())


def test_the_same_runs_give_the_same_bytes(labctl: Command, tmp_path: Path) -> None:
    """A report has no date of its own, on paper neither."""
    stored(tmp_path / "run.h5")
    for name in ("one.pdf", "two.pdf", "one.html", "two.html"):
        reported(labctl, "run.h5", output=name)
    for ending in ("pdf", "html"):
        assert Path(f"one.{ending}").read_bytes() == Path(f"two.{ending}").read_bytes()


def test_warnings_come_first_and_what_went_wrong_is_said(labctl: Command, tmp_path: Path) -> None:
    """A faulted run: its reason, its warnings before the rest of the log, what was not confirmed."""
    store = begun(tmp_path / "run.h5")
    store.event(0.1, "info", "an ordinary line")
    store.event(0.9, "info", "parking, source: NOT confirmed: no answer")
    store.event(1.0, "info", "parking, magnet_z: confirmed")
    finish(store, "faulted", "the voltmeter does not answer")
    text = Page(reported(labctl, "run.h5")).text
    assert "faulted : the voltmeter does not answer" in text
    assert text.index("field settled late") < text.index("an ordinary line")
    assert "parking source: NOT confirmed: no answer" in text
    assert "the loop is not closed" in text
    assert "warnings 2" in text


def test_a_run_that_goes_on_is_reported_as_far_as_it_has_come(labctl: Command, tmp_path: Path) -> None:
    """Status running, its rows so far, no check sum, and it is not disturbed."""
    store = begun(tmp_path / "run.h5")
    text = Page(reported(labctl, "run.h5")).text
    assert "running" in text
    assert "None yet: the run still goes on" in text
    assert "the run still goes on: these are its rows so far" in text
    assert "SHA-256" not in text
    assert read_run(finish(store)).rows == 9


def test_an_interrupted_run_is_recovered_first(labctl: Command, tmp_path: Path) -> None:
    """Only its journal was left."""
    left_behind(tmp_path / "run.h5")
    text = Page(reported(labctl, "run.h5")).text
    assert "interrupted" in text
    assert (tmp_path / "run.h5").exists()


REFUSED = [
    (("run.h5", "-o", "report.txt"), "a report must end in .html or .pdf; got 'report.txt'"),
    (("run.h5", "-o", "there.html"), "there.html must not exist yet"),
    (("run.h5", "-o", "no/such/report.html"), "must be a directory that takes new files"),
    (("run.h5", "nothing.h5", "-o", "x.html"), "nothing.h5 must be a file"),
]


def test_what_cannot_be_reported_is_refused_in_one_line(labctl: Command, tmp_path: Path) -> None:
    """Exit 2, and nothing is written or replaced."""
    stored(tmp_path / "run.h5")
    Path("there.html").write_text("mine")
    before = sorted(tmp_path.iterdir())
    for words, error in REFUSED:
        said = labctl("report", *words)
        assert (said.status, said.err.count("\n")) == (2, 1)
        assert error in said.err
    assert Path("there.html").read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_was_altered_is_not_reported_as_right(labctl: Command, tmp_path: Path) -> None:
    """A digit changed after the run: no report says that its manifest was verified."""
    import h5py

    path = stored(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        file["entry/data/R_xy"][0] = -1.4
    said = labctl("report", "run.h5", "-o", "report.html")
    assert said.status == 2
    assert "altered or damaged: /entry/data/R_xy" in said.err


def test_without_typst_a_pdf_is_refused_with_the_remedy(
    labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip install 'labctl[pdf]'; HTML needs none."""
    from labctl.report import pdf

    monkeypatch.setattr(pdf, "find_spec", lambda _name: None)
    stored(tmp_path / "run.h5")
    said = labctl("report", "run.h5", "-o", "report.pdf")
    assert said.status == 2
    assert "pip install 'labctl[pdf]'" in said.err
    assert labctl("report", "run.h5").out == "run_report.html\n"
