"""Figures as they are printed: size, letters, notation, overlays that read without colour, any two columns."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from command_line import Command
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import TICKRIGHT, TICKUP
from matplotlib.text import Text
from old_files import unpacked
from stored_runs import BRANCH, FIELD, HALL, PARAMETERS, SAMPLE, stored

from labctl import figures, untrusted
from labctl.figures.notation import axis_label
from labctl.figures.style import SMALLEST
from labctl.record import Quantity
from labctl.runfile import Run, read_run
from protocols.vocabulary import Column

CM = 1 / 2.54

#: A run of every protocol, and the pictures it has.
DRAWN = {
    "ahe-loop": [""],
    "classify": ["", "loss"],
    "demagnetize": [""],
    "harmonic-hall": [""],
    "minor-loops": [""],
    "sigmoid-neuron": [""],
    "sot-switching": [""],
    "stdp": [""],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("runs")
    paths = [unpacked(name, folder) for name in DRAWN]
    for path in paths:
        untrusted.trust(path)  # it is ours, and reading it is not what is tested
    return {path.stem: read_run(path) for path in paths}


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(stored(tmp_path_factory.mktemp("loop") / "loop.h5"))


def texts(figure: Figure) -> Iterator[tuple[Text, Any]]:
    """Every text that is seen, with the box it takes (pixels)."""
    canvas = FigureCanvasAgg(figure)
    with figures.styled():
        canvas.draw()
    renderer = canvas.get_renderer()
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_visible() and text.get_text().strip() and _is_seen(text):
            yield text, text.get_window_extent(renderer)


def _is_seen(text: Text) -> bool:
    """Matplotlib keeps labels of ticks beyond the ends of an axis."""
    for axes in text.figure.findobj(mpl.axes.Axes):
        for axis, low, high in ((axes.xaxis, *axes.get_xlim()), (axes.yaxis, *axes.get_ylim())):
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if text in (tick.label1, tick.label2):
                    return low <= tick.get_loc() <= high
    return True


@pytest.mark.parametrize(("name", "picture"), [(name, more) for name, all in DRAWN.items() for more in all])
def test_a_protocols_figure_is_fit_to_print(runs: dict[str, Run], name: str, picture: str) -> None:
    """8.6 cm wide, letters of 7 points at least, none cut off or on another, units, nothing over data."""
    figure = figures.of_run(runs[name], picture)
    assert figure.get_figwidth() == pytest.approx(8.6 * CM)
    seen = list(texts(figure))
    whole = figure.bbox
    for text, box in seen:
        assert text.get_fontsize() >= SMALLEST, text
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1, text  # noqa: PT018
    assert [(a, b) for (a, one), (b, other) in combinations(seen, 2) if one.overlaps(other)] == []
    (axes,) = figure.axes
    for axis, inwards in ((axes.xaxis, TICKUP), (axes.yaxis, TICKRIGHT)):
        assert axis.get_major_ticks()[0].tick1line.get_marker() == inwards
        assert axis.get_major_ticks()[0].tick2line.get_visible()
        label = axis.get_label_text()
        assert label[0] in "$" or label[0].isupper()
        assert "(" in label or label in {"$Y$", "Epoch", "Pulse", "Reading"}
    covers = [small.get_window_extent() for small in axes.child_axes]
    covers += [legend.get_window_extent() for legend in (axes.get_legend(),) if legend]
    for line in axes.lines:
        if len(line.get_xdata()) > 2:  # the zero lines have two points
            for x, y in axes.transData.transform(np.column_stack(line.get_data())):
                assert not [box for box in covers if box.contains(x, y)], (name, line)


def test_a_figure_of_two_columns_is_17_8_cm_wide(labctl: Command, tmp_path: Path) -> None:
    """What the page of a PDF says is what is printed."""
    stored(tmp_path / "loop.h5")
    assert labctl("plot", "loop.h5", "--width", "double", "-o", "wide.pdf").status == 0
    (box,) = set(re.findall(rb"/MediaBox \[ *([^\]]*?) *\]", Path("wide.pdf").read_bytes()))
    width = [float(number) for number in box.split()][2]
    assert width / 72 / CM == pytest.approx(17.8, abs=0.01)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_run_gives_the_same_bytes(loop: Run, kind: Any) -> None:
    """No date, no random identifiers."""
    one, two = (
        figures.image(figures.drawn(figures.plain([loop], ["S1"], figures.Choice())), kind) for _ in range(2)
    )
    assert one == two


def test_a_pdf_has_its_fonts_and_an_svg_needs_none(labctl: Command, tmp_path: Path) -> None:
    """Every font of the PDF is TrueType and in it; the letters of the SVG are outlines."""
    pypdf = pytest.importorskip("pypdf")
    stored(tmp_path / "loop.h5")
    for ending in ("pdf", "svg"):
        assert labctl("plot", "loop.h5", "--y", "R_xy", "-o", f"loop.{ending}").status == 0
    (page,) = pypdf.PdfReader("loop.pdf").pages
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    assert fonts
    for font in fonts:
        inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
        assert inner["/Subtype"] in {"/TrueType", "/CIDFontType2"}
        assert "/FontFile2" in inner["/FontDescriptor"]
    assert "<text" not in Path("loop.svg").read_text()


# --- overlays -----------------------------------------------------------------------------------------


def overlaid(loop: Run, *changes: dict[str, Any]) -> list[Run]:
    """The loop as other runs, called a.h5, b.h5 ..., each with something changed."""
    return [
        replace(loop, path=Path(f"{name}.h5"), **change)
        for name, change in zip("abcdefgh", changes, strict=False)
    ]


def fields(value: float) -> dict[str, Any]:
    return {"parameters": PARAMETERS | {"mu0_H_max": Quantity(value, "T"), "I_ac_pk": Quantity(4e-3, "A")}}


@pytest.mark.parametrize(
    ("changes", "legend"),
    [
        ([fields(0.08), fields(-0.04)], [r"$H_{\mathrm{max}}$ = 800 Oe", r"$H_{\mathrm{max}}$ = −400 Oe"]),
        ([{}, {"sample": SAMPLE | {"name": Quantity("S2")}}], ["S1", "S2"]),
        ([{}, {"seed": 8}], ["a", "b"]),
        ([fields(0.08), fields(0.08), fields(0.04)], [
            r"$H_{\mathrm{max}}$ = 800 Oe, a", r"$H_{\mathrm{max}}$ = 800 Oe, b", r"$H_{\mathrm{max}}$ = 400 Oe",
        ]),
        ([{}, {"protocol": "other"}], ["ahe-loop", "other"]),
    ],
)  # fmt: skip
def test_the_legend_says_what_differs(loop: Run, changes: Any, legend: list[str]) -> None:
    """Parameters in the field's notation and units, samples, protocols; else the files' names."""
    runs = overlaid(loop, *changes)
    assert figures.labels(runs) == legend
    figure = figures.drawn(figures.plain(runs, legend, figures.Choice()))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == legend


def test_runs_of_an_overlay_are_told_apart_without_colour(loop: Run) -> None:
    """Five runs have five colours and marks, 49 none in common; the legend is above axes as large as ever."""
    runs = overlaid(loop, *({"sample": SAMPLE | {"name": Quantity(f"S{n}")}} for n in range(5)))
    alone = figures.drawn(figures.plain(runs[:1], ["S0"], figures.Choice()))
    figure = figures.drawn(figures.plain(runs, figures.labels(runs), figures.Choice()))
    lines = figure.axes[0].lines
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 5
    many = figures.drawn(figures.plain(runs[:1] * 49, ["S0"] * 49, figures.Choice()))
    assert len({(line.get_color(), line.get_marker()) for line in many.axes[0].lines}) == 49
    for drawing in (alone, figure):
        FigureCanvasAgg(drawing).draw()
    assert figure.legends[0].get_window_extent().y0 >= figure.axes[0].get_window_extent().y1
    heights = [drawing.axes[0].get_window_extent().height for drawing in (alone, figure)]
    assert heights[1] == pytest.approx(heights[0], rel=0.1)


def test_a_legend_of_long_names_stays_within_the_figure(loop: Run) -> None:
    """80 signs are more than a column of a journal is wide: they are broken."""
    names = [
        "W" * 79,
        "Ta(1)/Pt(5)/[Co(0.36)/Gd(0.34)]6/Pt(1)/AlOx(2.0), annealed, with $100 of gold",
        "試料",
    ]
    runs = overlaid(loop, *({"sample": SAMPLE | {"name": Quantity(name)}} for name in names))
    figure = figures.drawn(figures.plain(runs, figures.labels(runs), figures.Choice()))
    for _, box in texts(figure):
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1  # noqa: PT018


def test_many_points_are_not_all_marked(runs: dict[str, Run]) -> None:
    """Marks that run into each other tell nothing; every reading is still on the line."""
    figure = figures.drawn([figures.stored_picture(runs["ahe-loop"])] * 2)
    curves = [line for line in figure.axes[0].lines if line.get_marker() in {"o", "s"}]
    assert [len(curve.get_xdata()) for curve in curves] == [41, 41]
    first, second = (curve.get_markevery() for curve in curves)
    assert first[0] != second[0]
    assert first[1] == second[1] >= 0.05  # parts of the diagonal: a few millimetres


def test_numbers_beside_curves_are_not_written_over_each_other(runs: dict[str, Run]) -> None:
    """Neurons of one kind have their X_0 and K at one place: they stand one below the other, three at most."""
    picture = figures.stored_picture(runs["sigmoid-neuron"])
    figure = figures.drawn([picture] * 4)
    notes = [(text, box) for text, box in texts(figure) if "K" in text.get_text()]
    assert len(notes) == 3
    assert not [1 for (_, one), (_, other) in combinations(notes, 2) if one.overlaps(other)]


def test_runs_of_one_name_are_told_apart_by_their_folders(loop: Run) -> None:
    """monday/loop and tuesday/loop."""
    runs = [replace(loop, path=Path(day) / "loop.h5") for day in ("monday", "tuesday")]
    assert figures.labels(runs) == ["monday/loop", "tuesday/loop"]


def test_a_figure_of_a_hundred_thousand_rows_is_no_flood(runs: dict[str, Run]) -> None:
    """Dots that run into each other are not drawn one by one: an SVG of noise stays below 4 MB."""
    turns = np.linspace(0, 40 * np.pi, 100_000)
    noise = np.random.default_rng(1).normal(size=turns.size)
    columns = {
        **runs["ahe-loop"].columns,
        "mu0_H_z": 0.04 * np.cos(turns),
        "R_xy": np.cos(turns) + 0.01 * noise,
    }
    run = replace(runs["ahe-loop"], columns=columns)
    assert len(figures.image(figures.drawn(figures.plain([run], ["run"], figures.Choice())), "svg")) < 4e6


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_runs_without_a_number_are_drawn_empty(runs: dict[str, Run], value: float) -> None:
    """A contact that was open all the time is no error of the figure."""
    run = replace(runs["ahe-loop"], columns={name: np.full(50, value) for name in runs["ahe-loop"].columns})
    figure = figures.drawn(figures.plain([run, run], ["one", "two"], figures.Choice()))
    assert figures.image(figure, "png").startswith(b"\x89PNG")


# --- columns ------------------------------------------------------------------------------------------


def curve(run: Run, **wanted: Any) -> tuple[list[float], list[float], str, str]:
    figure = figures.drawn(figures.plain([run], ["run"], figures.Choice(**wanted)))
    (axes,) = figure.axes
    (line,) = axes.lines
    return list(line.get_xdata()), list(line.get_ydata()), axes.get_xlabel(), axes.get_ylabel()


def test_any_two_columns_are_drawn_in_the_units_asked_for(loop: Run) -> None:
    """The numbers are the file's, and the axes say the unit: H in Oe, mu0 H in mT."""
    x, y, x_label, y_label = curve(loop, x="R_xy", y="mu0_H_z", units={"mu0_H_z": "mT"})
    assert (x, y) == (HALL, pytest.approx([1e3 * value for value in FIELD]))
    assert (x_label, y_label) == ("$R_{xy}$ (Ω)", r"$\mu_\mathrm{0}H_{z}$ (mT)")
    x, y, x_label, _ = curve(loop, y="branch")
    assert (x, y, x_label) == (pytest.approx([1e4 * value for value in FIELD]), BRANCH, "$H_{z}$ (Oe)")


@pytest.mark.parametrize(("word", "number"), [("up", 1), ("down", -1), ("1", 1), ("-1", -1)])
def test_one_branch_is_drawn_alone(loop: Run, word: str, number: int) -> None:
    """Up is the ascending one."""
    kept = [row for row, branch in enumerate(BRANCH) if branch == number]
    x, y, _, _ = curve(loop, branch=word)
    assert x == pytest.approx([1e4 * FIELD[row] for row in kept])
    assert y == [HALL[row] for row in kept]


def test_sweeps_that_are_counted_are_not_called_up_and_down(
    runs: dict[str, Run], labctl: Command, tmp_path: Path
) -> None:
    """Sweep 1 of a harmonic measurement is no ascending branch."""
    run = runs["harmonic-hall"]
    numbers = run.columns["branch"]
    _, y, _, label = curve(run, branch="2")
    assert label == r"$V_{\mathrm{2}\omega}$ (μV, rms)"
    assert y == pytest.approx(1e6 * run.columns["V_2w_rms"][numbers == 2])
    said = labctl("plot", str(run.path), "--branch", "up", "-o", str(tmp_path / "x.png"))
    assert said.status == 2
    assert "--branch must be one that" in said.err
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    ("column", "values", "label"),
    [
        (Column("V", "V", ""), [1e-6, -3e-6], "$V$ (μV)"),
        (Column("V", "V", ""), [0.02, 0.01], "$V$ (mV)"),
        (Column("I_pulse", "A", ""), [0.028], r"$I_{\mathrm{pulse}}$ (mA)"),
        (Column("mu0_H_x", "T", ""), [5.0], "$H_{x}$ (kOe)"),
        (Column("time", "s", ""), [600.0], "time (s)"),
        (Column("n", "1", "", "int64"), [100000.0], "$n$"),
    ],
)
def test_a_unit_that_nobody_chose_fits_the_numbers(column: Column, values: list[float], label: str) -> None:
    """Oe, mA and s where they do, else another prefix."""
    from labctl.figures.columns import _scale

    assert axis_label(column.name, _scale(column, {}, [np.array(values)]).unit) == label


def test_runs_of_different_protocols_share_columns(
    runs: dict[str, Run], labctl: Command, tmp_path: Path
) -> None:
    """With --x and --y they are drawn on one figure; without, it is said which columns they share."""
    both = [str(runs[name].path) for name in ("ahe-loop", "sot-switching")]
    said = labctl("plot", *both, "-o", "both.svg")
    assert said.status == 2
    assert "must be of one protocol; got ahe-loop, sot-switching" in said.err
    assert "R_xy" in said.err
    said = labctl("plot", *both, "--x", "time", "--y", "R_xy", "-o", "both.svg")
    assert said.status == 0, said.err
    drawing = Path("both.svg").read_text()
    assert "<!-- ahe-loop, " in drawing  # what is drawn as outlines stands beside them in words
    assert "<!-- sot-switching, " in drawing
    said = labctl("plot", *both, "--y", "R_xy", "-o", "other.svg")
    assert said.status == 2
    assert "must share their --x; they have mu0_H_z (T), I_pulse (A)" in said.err


REFUSED = [
    (("--y", "R_xx"), "one of mu0_H_z, R_xy, branch; got 'R_xx' (did you mean R_xy?)"),
    (("--unit", "R_xy=Oe"), "the unit of R_xy must be one for ohm"),
    (("--unit", "mu0_H_max=Oe"), "--unit must name a column that is drawn, mu0_H_z or R_xy"),
    (("--unit", "R_xy"), "--unit must be NAME=UNIT"),
    (("--branch", "sideways"), "--branch must be one that loop.h5 has, up, down, 1, -1; got 'sideways'"),
    (("--branch", "initial"), "--branch must be one that"),
]


def test_what_cannot_be_drawn_is_refused_in_one_line(labctl: Command, tmp_path: Path) -> None:
    """Exit 2, what must be, what came, and no file."""
    stored(tmp_path / "loop.h5")
    for words, error in REFUSED:
        said = labctl("plot", "loop.h5", *words, "-o", "x.svg")
        assert (said.status, said.err.count("\n")) == (2, 1)
        assert error in said.err
        assert said.err.rstrip().endswith("Nothing was written.")
        assert not Path("x.svg").exists()


@pytest.mark.parametrize(
    ("name", "unit", "label"),
    [
        ("V_2w_rms", "uV", r"$V_{\mathrm{2}\omega}$ (μV, rms)"),
        ("dR_xy", "ohm", r"$\mathrm{\Delta}R_{xy}$ (Ω)"),
        ("J", "A/m2", "$J$ (A/m²)"),
        ("mu0_H_DL_per_J", "T m2/A", r"$\mu_\mathrm{0}H_{\mathrm{DL}}/J$ (T m²/A)"),
        ("is_lockin", "1", "is lockin"),
        ("R_$x", "a$b", r"R \$x (a\$b)"),
    ],
)
def test_names_are_written_as_the_field_writes_them(name: str, unit: str, label: str) -> None:
    """Italic quantities, upright indices, units in brackets; what is no symbol is a word, and a dollar a dollar."""
    assert axis_label(name, unit) == label
