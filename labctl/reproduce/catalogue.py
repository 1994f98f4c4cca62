"""Every section of a reproduction by name, in the paper's order, and what cannot be reproduced at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labctl.errors import RequestError
from labctl.reproduce.paper import fig1, fig2, fig3, fig4, fig4_network, harmonics, supporting
from labctl.reproduce.plan import Section
from labctl.spelling import suggest

SECTIONS: tuple[Section, ...] = (
    *fig1.SECTIONS,
    *sorted((*fig2.SECTIONS, *harmonics.FIGURES), key=lambda section: section.name),
    *fig3.SECTIONS,
    *fig4.SECTIONS,
    *harmonics.SECTIONS,
    *supporting.SECTIONS,
)

#: What of the paper is not reproduced, and why.
NOT_REPRODUCED = (
    (
        "The numbers in the paper's figures and in its supporting information",
        "They were not available: trends and the numbers in the text are compared, no curve with a curve.",
    ),
    (
        "Fig. 1(a), 2(a) inset, 3(a), 4(c)",
        "Drawings of the stack, of the definition of ΔI, of a synapse and of the network: nothing is measured.",
    ),
    (
        "The physics of the layer",
        "The sample is a model: that a claim holds shows that protocols, drivers and analysis find in it what was "
        "put in, and that the model is able to behave as the paper describes. It is no evidence about Co/Gd.",
    ),
)


def chosen(names: Sequence[str], mnist: Path | None = None) -> tuple[list[Section], list[tuple[str, str]]]:
    """The sections of these names, or all, and those that are skipped for want of MNIST: what, and why.

    An unknown name raises RequestError with the list.
    """
    known = {section.name: section for section in (*SECTIONS, *fig4_network.sections(mnist or Path()))}
    for name in names:
        if name not in known:
            raise RequestError(
                f"a figure must be one of {', '.join(known)}; got {name!r}{suggest(name, known)}. "
                "Nothing was sent."
            )
    wanted = [section for name, section in known.items() if not names or name in names]
    if mnist is not None:
        return wanted, []
    possible = [section for section in wanted if section in SECTIONS]
    why = "It needs the images of MNIST; --mnist DIR says where they are."
    return possible, [(f"{heading(section)}", why) for section in wanted if section not in possible]


def heading(section: Section) -> str:
    """The title of a section as the report has it: "Fig. 2(a): ..." or, for what supports it, the title alone."""
    number, panel = section.name[0], section.name[1:]
    return f"Fig. {number}({panel}): {section.title}" if number.isdigit() else section.title
