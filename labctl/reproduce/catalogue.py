"""Every section of a reproduction by name, in the paper's order, and what cannot be reproduced at all."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.config import suggest
from labctl.errors import RequestError
from labctl.reproduce.paper import fig1, fig2, fig3, fig4, supporting
from labctl.reproduce.plan import Section

SECTIONS: tuple[Section, ...] = (
    *fig1.SECTIONS,
    *fig2.SECTIONS,
    *fig3.SECTIONS,
    *fig4.SECTIONS,
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


def chosen(names: Sequence[str]) -> list[Section]:
    """The sections of these names, or all; an unknown name raises RequestError with the list."""
    known = {section.name: section for section in SECTIONS}
    for name in names:
        if name not in known:
            raise RequestError(
                f"a figure must be one of {', '.join(known)}; got {name!r}{suggest(name, known)}. "
                "Nothing was sent."
            )
    return [section for name, section in known.items() if not names or name in names]
