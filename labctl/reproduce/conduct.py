"""A reproduction from its beginning to its report: runs, verdicts, figures."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.errors import ClaimError
from labctl.reproduce import drawing, schedule
from labctl.reproduce.library import Library
from labctl.reproduce.plan import closure, described

if TYPE_CHECKING:
    from labctl.reproduce.plan import Claim, Planned, Section, Verdict
    from labctl.runfile import Run


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with what its runs and its falsifier's runs say."""

    claim: Claim
    verdict: Verdict
    falsified: Verdict

    @property
    def is_good(self) -> bool:
        """True where the claim holds and the runs without its mechanism break it."""
        return self.verdict.holds and not self.falsified.holds


@dataclass(frozen=True, slots=True)
class Finished:
    """A section with its drawing (SVG) and its judged claims."""

    section: Section
    drawing: bytes
    claims: Sequence[Judged]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """All that a reproduction found: sections, runs in the order of their plan, seconds it took."""

    sections: Sequence[Finished]
    runs: dict[Planned, Run]
    reused: int
    seconds: float

    @property
    def claims(self) -> list[tuple[Section, Judged]]:
        """Every claim with its section."""
        return [(finished.section, judged) for finished in self.sections for judged in finished.claims]


def reproduce(
    sections: Sequence[Section],
    folder: Path,
    *,
    fresh: bool = False,
    jobs: int | None = None,
    advance: Callable[[int], None] = lambda _done: None,
) -> Reproduction:
    """Make the runs of the sections in `folder`, judge every claim, and draw every panel.

    Finished runs are reused unless `fresh`; `jobs` processes (default: one for each core) work in parallel.
    `advance` is told how many runs are done. A folder that cannot be written raises RequestError, a run that does
    not end well its own error.
    """
    start = time.monotonic()
    planned = closure(run for section in sections for run in section.runs)
    shelf = Library(folder, fresh=fresh)
    done: dict[Planned, Run] = {}
    reused = 0
    drawings: dict[str, bytes] = {}
    for plan, run, was_there in schedule.perform(planned, shelf, jobs or os.cpu_count() or 1):
        done[plan] = run
        reused += was_there
        advance(len(done))
        for section in sections:  # drawn while the workers go on
            if section.name not in drawings and all(needed in done for needed in section.panel.runs):
                drawings[section.name] = drawing.render(
                    section.panel, [done[needed] for needed in section.panel.runs]
                )
    finished = [
        Finished(section, drawings[section.name], [_judged(claim, done) for claim in section.claims])
        for section in sections
    ]
    return Reproduction(finished, {plan: done[plan] for plan in planned}, reused, time.monotonic() - start)


def n_runs(sections: Sequence[Section]) -> int:
    """How many runs the sections need."""
    return len(closure(run for section in sections for run in section.runs))


def _judged(claim: Claim, done: dict[Planned, Run]) -> Judged:
    return Judged(
        claim,
        claim.judge([done[run] for run in claim.runs]),
        claim.judge([done[run] for run in claim.falsifier.runs]),
    )


def require_good(found: Reproduction) -> None:
    """Raise ClaimError where a claim does not hold, or holds without its mechanism."""
    failed = [judged.claim.name for _, judged in found.claims if not judged.verdict.holds]
    passed = [judged.claim.name for _, judged in found.claims if judged.falsified.holds]
    problems = [f"{', '.join(failed)} must hold; the runs say otherwise"] if failed else []
    if passed:
        problems.append(
            f"{', '.join(passed)} must fail with the mechanism removed; the runs hold all the same"
        )
    if problems:
        raise ClaimError(f"{'; '.join(problems)}.")


def as_plain(
    found: Reproduction,
    files: dict[str, Path],
    figures: dict[str, Path],
    not_reproduced: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """The reproduction as plain data (SI), for --json and report.json."""

    def said(verdict: Verdict, runs: Sequence[Planned]) -> dict[str, Any]:
        return {
            "measured": verdict.measured,
            "values": verdict.values,
            "holds": verdict.holds,
            "files": [found.runs[run].path for run in runs],
        }

    claims: list[dict[str, Any]] = []
    for section, judged in found.claims:
        claim, falsifier = judged.claim, judged.claim.falsifier
        facts: dict[str, Any] = {
            "name": claim.name,
            "figure": section.name,
            "claim": claim.text,
            "origin": claim.origin,
        }
        facts |= {"criterion": claim.criterion, "our_choice": claim.ours, **said(judged.verdict, claim.runs)}
        facts["falsifier"] = {"removed": falsifier.removed, **said(judged.falsified, falsifier.runs)}
        claims.append(facts)
    return {
        "holds": all(judged.is_good for _, judged in found.claims),
        "claims": claims,
        "figures": figures,
        "files": files,
        "runs": [run_facts(plan, run) for plan, run in found.runs.items()],
        "not_reproduced": [{"what": what, "why": why} for what, why in not_reproduced],
        "reused": found.reused,
        "seconds": round(found.seconds, 3),
    }


def run_facts(plan: Planned, run: Run) -> dict[str, Any]:
    """What the report says of a run: file, protocol, sample, what was asked for, seed, warnings."""
    return {
        "file": run.path,
        "protocol": run.protocol,
        "sample": plan.sample,
        "parameters": described(plan),
        "seed": plan.seed,
        "rows": run.rows,
        "duration": run.duration,
        "warnings": list(run.warnings),
    }
