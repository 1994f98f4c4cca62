"""The one style of all figures: as wide as a journal's column, ticks inside, colours and marks for print."""

from __future__ import annotations

import io
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Width = Literal["single", "double"]
Kind = Literal["png", "svg", "pdf"]

#: Okabe and Ito's colours, told apart by colour-blind readers (jfly.uni-koeln.de/color, 2008).
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

#: Marks of the runs of an overlay, so that it can be read without colour; triangles are arrowheads of branches.
MARKS: Final = ("o", "s", "D", "X", "P", "p", "*")

#: Dashes of the fitted lines of an overlay, as (offset, (on, off, ...)) in line widths.
DASHES: Final = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)), (0, (9, 2)), (0, (3, 3)))

_INCH: Final = 2.54  # cm

#: Width and height in inches. Physical Review's columns are 8.6 and 17.8 cm wide; the heights are our choice.
SIZES: Final[dict[Width, tuple[float, float]]] = {
    "single": (8.6 / _INCH, 6.6 / _INCH),
    "double": (17.8 / _INCH, 9.4 / _INCH),
}

SMALLEST: Final = 7.0
"""Points of the smallest letters that are set by themselves; an index of a symbol is smaller, as in print."""

STYLE: Final[dict[Any, Any]] = {
    "figure.figsize": SIZES["single"],
    "figure.dpi": 200,
    "figure.constrained_layout.w_pad": 0.02,  # inches
    "figure.constrained_layout.h_pad": 0.02,
    "savefig.dpi": 300,
    # Both come with matplotlib, so that a figure is the same on every machine; the second has more signs.
    "font.family": ["STIXGeneral", "DejaVu Sans"],
    "font.size": 8,
    "mathtext.fontset": "stix",
    "mathtext.default": "it",
    "axes.labelsize": 9,
    "axes.labelpad": 2.5,
    "axes.linewidth": 0.6,
    "axes.titlesize": 8,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.limits": (-3, 4),
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.2,
    "legend.borderaxespad": 0.3,
    "path.simplify_threshold": 0.25,  # points or pixels: what is nearer to a straight line is one
    "lines.linewidth": 0.9,
    "lines.markersize": 2.5,
    "lines.markeredgewidth": 0.5,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.45,
    "ytick.minor.width": 0.45,
    # Letters of an SVG are outlines: it looks the same where the fonts are missing. Those of a PDF are TrueType,
    # embedded, so that they can be found and copied.
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "svg.hashsalt": "labctl",  # the same figure has the same identifiers, and the same bytes
}

_METADATA: Final[dict[Kind, dict[str, None]]] = {
    "png": {},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}  # no date: a figure that is made again is the same file


@contextmanager
def styled() -> Generator[None]:
    """Let what is drawn below have the style."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that no font has
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")  # shaped scripts
        yield


def image(figure: Figure, kind: Kind) -> bytes:
    """Return a figure as a file: the same figure, the same bytes."""
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format=kind, metadata=_METADATA[kind])
    return buffer.getvalue()
