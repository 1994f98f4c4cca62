"""Every claim can fail: each has a criterion, and a run in which its mechanism is removed."""

import json
from collections import Counter
from pathlib import Path

import pytest
from command_line import Command

from labctl.reproduce import catalogue, conduct
from labctl.reproduce.library import Library
from labctl.reproduce.plan import Claim, Section, assignments, closure

ALL, _ = catalogue.chosen((), Path("mnist"))
CLAIMS = [pytest.param(claim, id=claim.name) for section in ALL for claim in section.claims]
SECTIONS = [pytest.param(section, id=section.name) for section in ALL]


def test_names_are_given_once() -> None:
    """A name on the command line, or in the JSON, means one section and one claim."""
    names = [section.name for section in ALL]
    names += [claim.name for section in ALL for claim in section.claims]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    assert set(repeated) <= {"symmetry"}  # the section and its only claim


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_claim_has_a_falsifier_that_is_another_experiment(claim: Claim) -> None:
    """What was removed is said in words, and at least one run differs from the claim's."""
    assert claim.falsifier.removed
    assert claim.falsifier.runs != claim.runs
    assert claim.criterion
    assert claim.text.endswith((".", ".)"))


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_says_what_the_paper_says_and_what_is_ours(section: Section) -> None:
    """A reader can tell the two apart; a section without a claim would show nothing."""
    assert section.paper
    assert section.ours
    assert section.claims


@pytest.mark.parametrize("section", SECTIONS)
def test_every_run_is_a_request_that_labctl_accepts(section: Section, tmp_path: Path) -> None:
    """Parameters, samples and limits are checked before anything is run, as on the command line."""
    shelf = Library(tmp_path, fresh=True)
    for plan in closure(section.runs):
        if not plan.needs:
            shelf.job(plan, assignments(plan, {})).request()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_paper_is_reproduced_and_every_falsifier_fails(labctl: Command) -> None:
    """All claims hold, all fail without their mechanism, in parallel processes through drivers and files."""
    said = labctl("reproduce", "-o", "out", "--json")
    found = json.loads(said.out)
    assert [claim["name"] for claim in found["claims"] if not claim["holds"]] == []
    assert [claim["name"] for claim in found["claims"] if claim["falsifier"]["holds"]] == []
    assert said.status == 0
    assert found["reused"] == 0
    assert len(found["runs"]) == conduct.n_runs(catalogue.SECTIONS)
