"""A reproduction in small: runs made once and reused, claims and falsifiers judged, a report that stands alone."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from labctl import runfile
from labctl.reproduce import catalogue, library
from labctl.reproduce.drawing import draw_run
from labctl.reproduce.judging import every
from labctl.reproduce.plan import Claim, Falsifier, Measured, Panel, Section, Verdict, planned

LOOP = planned("ahe-loop", "alox-0.0", mu0_H_step="100 Oe")
SMALL = LOOP.altered(R_AHE="0.01 ohm")
PULSES = planned("sot-switching", "alox-1.0", I_step="14 mA", R_AHE_reference=Measured(LOOP, "R_AHE", 2.0))


def is_large(runs: Sequence[runfile.Run]) -> Verdict:
    return every("R_AHE", lambda found: found.value > 0.1)(runs)


CLAIM = Claim(
    name="toy-height",
    text="The loop is high: R_AHE & <more>.",
    origin="paper",
    criterion="R_AHE > 0.1 ohm",
    judge=is_large,
    runs=(LOOP,),
    falsifier=Falsifier("most of the anomalous Hall effect", (SMALL,)),
)
TOY = Section(
    name="toy",
    title="A loop",
    paper="There is a loop.",
    ours=("Its step.",),
    claims=(CLAIM,),
    panel=Panel((LOOP,), lambda figure, runs: draw_run(figure.subplots(), runs[0], None, "k"), "A loop."),
)

Shown = Callable[..., None]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Make the catalogue hold these sections and no others."""

    def show(*sections: Section) -> None:
        monkeypatch.setattr(catalogue, "SECTIONS", sections)

    return show


def reproduce(labctl: Command, *words: str) -> Any:
    return labctl("reproduce", "-o", "out", "--jobs", "1", "--json", *words)


def files_of(folder: str = "out/runs") -> list[Path]:
    return sorted(Path(folder).glob("*.h5"))


def test_a_claim_is_judged_by_files_and_its_falsifier_by_files_of_another_sample(
    labctl: Command, shown: Shown
) -> None:
    """The JSON object names claim, criterion, what was measured, and the same for the run that must fail."""
    shown(TOY)
    said = reproduce(labctl)
    assert said.status == 0, said.err
    (claim,) = said.json["claims"]
    assert (claim["figure"], claim["holds"], claim["falsifier"]["holds"]) == ("toy", True, False)
    assert claim["criterion"] == "R_AHE > 0.1 ohm"
    assert "0.39" in claim["measured"]
    assert "0.009" in claim["falsifier"]["measured"]
    (judged,), (falsifying,) = claim["files"], claim["falsifier"]["files"]
    assert runfile.read_run(Path(judged)).sample["name"].value == "alox-0.0"
    other = runfile.read_run(Path(falsifying))
    assert other.sample["name"].value == "alox-0.0 with R_AHE = 0.01 ohm"
    assert other.simulation is not None
    assert other.simulation["R_AHE"].value == 0.01
    assert said.json == json.loads(Path("out/report.json").read_text(encoding="utf-8"))
    assert said.json["seconds"] > 0
    assert Path(said.json["figures"]["toy"]).read_bytes().startswith(b"<?xml")


def test_finished_runs_are_reused_unless_fresh(labctl: Command, shown: Shown) -> None:
    """The second time nothing is made; with --fresh all is made again, beside the old files, with the same data."""
    shown(TOY)
    assert reproduce(labctl).json["reused"] == 0
    first = {path: path.read_bytes() for path in files_of()}
    assert reproduce(labctl).json["reused"] == len(first) == 2
    assert {path: path.read_bytes() for path in files_of()} == first
    again = reproduce(labctl, "--fresh").json
    assert again["reused"] == 0
    assert {path: path.read_bytes() for path in first} == first
    new = Path(again["claims"][0]["files"][0])
    assert new not in first
    old = new.with_stem(new.stem.removesuffix("-2"))
    columns = [{n: c.tobytes() for n, c in runfile.read_run(path).columns.items()} for path in (old, new)]
    assert columns[0] == columns[1]
    assert reproduce(labctl).json["claims"][0]["files"] == [str(new)]


def test_a_damaged_file_and_one_of_another_request_are_not_reused(labctl: Command, shown: Shown) -> None:
    """What is not whole, or is another run under this name, is made again; nothing is replaced."""
    shown(TOY)
    reproduce(labctl)
    for path in files_of():
        if "R_AHE" in path.name:
            other = path.read_bytes()
            path.write_bytes(other[: len(other) // 2])
        else:
            ours = path
    ours.write_bytes(other)
    said = reproduce(labctl)
    assert said.status == 0
    assert said.json["reused"] == 0
    assert len(files_of()) == 4


def test_a_change_of_the_program_makes_every_run_anew(
    labctl: Command, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's name holds the digest of protocols, drivers and simulators."""
    shown(TOY)
    reproduce(labctl)
    monkeypatch.setattr(library, "_code", lambda: "another program")
    assert reproduce(labctl).json["reused"] == 0


def test_a_claim_that_does_not_hold_ends_with_5(labctl: Command, shown: Shown) -> None:
    """The report is written all the same, and the error names the claim."""
    shown(replace(TOY, claims=(replace(CLAIM, runs=(SMALL,)),)))
    said = reproduce(labctl)
    assert said.status == 5
    assert "toy-height must hold" in said.err
    assert not said.json["holds"]
    assert "0 of 1 claims hold" in Path("out/report.html").read_text(encoding="utf-8")


def test_a_falsifier_that_passes_ends_with_5(labctl: Command, shown: Shown) -> None:
    """A claim that holds without its mechanism shows nothing."""
    blind = Falsifier("nothing that matters", (LOOP.altered(R_PHE="0 ohm"),))
    shown(replace(TOY, claims=(replace(CLAIM, falsifier=blind),)))
    said = reproduce(labctl)
    assert said.status == 5
    assert "toy-height must fail with the mechanism removed" in said.err
    assert said.json["claims"][0]["holds"]


def test_a_run_takes_what_another_run_measured(labctl: Command, shown: Shown) -> None:
    """The needed run is made first, and its result goes into the parameters exactly, times the factor."""
    section = replace(TOY, panel=replace(TOY.panel, runs=(PULSES,)), claims=())
    shown(section)
    said = reproduce(labctl)
    assert said.status == 0, said.err
    loop, pulses = (runfile.read_run(Path(run["file"])) for run in said.json["runs"])
    assert pulses.parameters["R_AHE_reference"].value == 2 * loop.results["R_AHE"].value
    assert "2 × measured R_AHE (ahe-loop)" in said.json["runs"][1]["parameters"]


def test_a_result_that_was_not_found_cannot_be_taken(labctl: Command, shown: Shown) -> None:
    """Without an in-plane field nothing switches: there is no threshold, and the run that wants it is not begun."""
    nothing = planned("sot-switching", "alox-1.0", I_step="14 mA", mu0_H_x="0 Oe")
    run = PULSES.given(I_max=Measured(nothing, "I_th"))
    shown(replace(TOY, panel=replace(TOY.panel, runs=(run,)), claims=()))
    said = reproduce(labctl)
    assert said.status == 4
    assert "I_max needs the result I_th of sot-switching" in said.err


class _Links(HTMLParser):
    """What a page would fetch, and the tags it has."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in {"src", "srcset", "data", "poster"} or (tag == "link" and name == "href"):
                self.fetched.append(value or "")


def test_the_report_needs_nothing_but_itself(labctl: Command, shown: Shown) -> None:
    """Figures are embedded; there is no script, no style sheet, font or picture from elsewhere."""
    shown(TOY)
    reproduce(labctl)
    page = Path("out/report.html").read_text(encoding="utf-8")
    links = _Links()
    links.feed(page)
    assert len(links.fetched) == 1
    assert links.fetched[0].startswith("data:image/svg+xml;base64,")
    assert not links.tags & {"script", "link", "iframe", "object"}
    assert not re.search(r"https?://|@import|url\(", page)
    assert "<i>R</i><sub>AHE</sub> &amp; &lt;more&gt;." in page


def test_an_unknown_figure_is_refused_with_the_list(labctl: Command) -> None:
    """One line that names what there is; nothing is written."""
    said = labctl("reproduce", "2z", "-o", "out")
    assert said.status == 2
    assert "a figure must be one of 1b, 2a" in said.err
    assert "'2z'" in said.err
    assert not Path("out").exists()


def test_figures_of_the_network_are_skipped_without_its_images(labctl: Command, shown: Shown) -> None:
    """The report and the JSON say what was skipped and why."""
    shown(TOY)
    said = reproduce(labctl)
    skipped = {entry["what"]: entry["why"] for entry in said.json["not_reproduced"]}
    assert "--mnist DIR" in skipped["Fig. 4(d): Accuracy of the network against the epoch"]
    assert "Fig. 4(e): Loss of the network" in Path("out/report.html").read_text(encoding="utf-8")


def test_a_place_that_is_no_directory_is_refused(labctl: Command) -> None:
    """One line; no run is begun."""
    Path("out").write_text("a file", encoding="utf-8")
    said = labctl("reproduce", "1b", "-o", "out")
    assert said.status == 2
    assert "must be a directory" in said.err


def test_an_altered_sample_file_is_refused(labctl: Command, shown: Shown) -> None:
    """A sample that somebody edited is not the sample of the claim."""
    shown(TOY)
    reproduce(labctl)
    (sample,) = Path("out/samples").glob("*.toml")
    sample.write_text(sample.read_text(encoding="utf-8") + "eta = 0.2\n", encoding="utf-8")
    said = labctl("reproduce", "-o", "out", "--jobs", "1")
    assert said.status == 2
    assert "it was altered" in said.err
