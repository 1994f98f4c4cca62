"""Curves out of dots: known lines come out as they are, whatever part of them came when."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.live.canvas import Canvas, span
from labctl.live.graph import Graph
from protocols.vocabulary import Column

FIELD = Column("mu0_H_z", "T", "field", display="Oe")
HALL = Column("R_xy", "ohm", "Hall resistance")


def drawn(x, y, is_joined=True, columns=4, lines=2, *, is_braille=True):
    canvas = Canvas(columns, lines)
    canvas.draw(np.array(x), np.array(y), np.full(len(x) - 1, is_joined))
    return canvas.text(is_braille=is_braille)


def curve(x, y, width=29, lines=11, parts=1, *, is_braille=True):
    """The cells of a graph alone, with its axes and labels left off."""
    graph = Graph(FIELD, HALL, is_braille=is_braille)
    x, y = np.array(x, float), np.array(y, float)
    for stop in np.linspace(len(x) / parts, len(x), parts).astype(int):
        said = graph.lines(x[:stop], y[:stop], width, lines)
    texts = ["".join(text for text, _ in line) for line in said]
    edges = "┤│" if is_braille else "+|"
    return [text[max(text.find(edge) for edge in edges) + 1 :] for text in texts[1:-2]], texts


def test_a_rising_line_rises():
    """From the bottom left to the top right, a dot in each column of dots, as Unicode numbers them."""
    assert drawn([0, 7], [0, 7]) == ["  ⡠⠊", "⡠⠊  "]


def test_a_falling_line_falls():
    """The mirror image."""
    assert drawn([0, 7], [7, 0]) == ["⠑⢄  ", "  ⠑⢄"]


def test_a_step_stays_a_step():
    """A jump at one place is a vertical stroke there, not a slope."""
    assert drawn([0, 3, 3, 7], [0, 0, 7, 7]) == [" ⢸⠉⠉", "⣀⣸  "]


def test_points_that_are_not_joined_stand_alone():
    """Two dots and nothing between them."""
    assert drawn([0, 7], [0, 7], is_joined=False) == ["   ⠈", "⡀   "]


def test_without_braille_the_line_rises_all_the_same():
    """Upper and lower halves of cells, in signs that every terminal has."""
    assert drawn([0, 7], [0, 7], is_braille=False) == ["  .'", ".'  "]


def test_a_hysteresis_loop_keeps_its_two_steps():
    """Each branch jumps within one step of the field: a stroke from top to bottom that leans by a cell at most."""
    field = np.concatenate((np.linspace(-1, 1, 81), np.linspace(1, -1, 81))) * 0.04
    up = np.arange(162) < 81
    hall = np.where(field > np.where(up, 0.0101, -0.0101), 0.4, -0.4)
    cells, _ = curve(field, hall, width=41, lines=13)
    strokes = [[column for column, sign in enumerate(line) if sign != " "] for line in cells[2:8]]
    for left, right in strokes:
        assert abs(left - strokes[0][0]) <= 1
        assert abs(right - strokes[0][1]) <= 1
        assert abs((left + right) / 2 - len(cells[0]) / 2) <= 1
        assert right - left == pytest.approx(
            len(cells[0]) * 202 / 900, abs=1.5
        )  # Oe, of an axis from -450 to 450


def test_the_next_sweep_is_not_joined_to_the_end_of_the_last():
    """Three sweeps from left to right, each higher: no line runs back across the picture."""
    x = np.tile(np.linspace(0.0, 0.1, 60), 3)
    y = np.repeat([0.0, 1.0, 2.0], 60)
    cells, _ = curve(x, y, width=49, lines=19)
    assert sum(any(sign != " " for sign in line) for line in cells) == 3


def test_a_sweep_whose_steps_grow_is_one_line():
    """Steps three times as long each: dense about zero, wide at the ends, and no gap between them."""
    x = np.concatenate(([0.0], 1e-5 * 3.0 ** np.arange(8)))
    cells, _ = curve(x, np.arange(9.0), width=49, lines=13)
    rows = [line for line, cell in enumerate(cells) if cell.strip()]
    columns = [column for column in range(len(cells[0])) if any(line[column] != " " for line in cells)]
    assert rows == list(range(rows[0], rows[-1] + 1))
    assert columns == list(range(columns[0], columns[-1] + 1))


def test_the_axes_have_round_ends_and_units_of_the_laboratory():
    """Tesla are shown in oersted; every label is a multiple of a round step."""
    _, texts = curve(np.linspace(-0.0402, 0.0402, 50), np.linspace(-0.41, 0.41, 50), width=60, lines=13)
    assert texts[0].strip() == "R_xy (ohm) against mu0_H_z (Oe)"
    assert texts[-1].split() == ["-400", "-200", "0", "200", "400"]
    assert [text.split()[0] for text in texts if "┤" in text] == ["0.4", "0.2", "0.0", "-0.2", "-0.4"]


@given(low=st.floats(-1e12, 1e12), size=st.one_of(st.just(0.0), st.floats(1e-9, 1e12)))
def test_the_ends_hold_every_value_and_waste_little(low, size):
    """What is between the ends of an axis lies in it; at either end less than an eighth of it is empty."""
    axis = span(low, low + size)
    room = 1e-6 * (axis.high - axis.low)
    assert axis.low <= low + room
    assert axis.high >= low + size - room
    if size > 1e-6 * abs(low):
        assert axis.low >= low - (axis.high - axis.low) / 8
        assert axis.high <= low + size + (axis.high - axis.low) / 8


@given(
    x=st.lists(st.one_of(st.floats(-0.1, 0.1), st.just(0.0)), min_size=40, max_size=40),
    y=st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(math.nan)), min_size=1, max_size=40),
    parts=st.integers(1, 7),
)
def test_a_curve_that_comes_in_parts_is_the_same_curve(x, y, parts):
    """Drawn as it grows or all at once: the same dots, and no reading that is not a number is one of them."""
    x = x[: len(y)]
    assert curve(x, y, parts=min(parts, len(y)))[0] == curve(x, y)[0]


def test_without_a_number_there_is_nothing_to_draw():
    """Rows that are all NaN give no axes."""
    assert curve([0.0, 0.1], [math.nan, math.nan])[1] == []


@pytest.mark.parametrize("value", [0.0, 3.7e-9, -2e7])
def test_one_point_has_axes_about_it(value):
    """A single row, or a flat line, is a point in the middle of its axes."""
    cells, _ = curve([value], [value])
    assert [sum(sign != " " for sign in line) for line in cells].count(1) == 1


def test_a_hundred_thousand_rows_cost_what_the_new_ones_cost():
    """Only new points are drawn: of ten rows more, ten points reach the canvas."""
    graph = Graph(FIELD, HALL, is_braille=True)
    x = np.tile(np.linspace(-0.1, 0.1, 1000), 100)
    graph.lines(x[:90_000], x[:90_000], 80, 20)
    canvas, seen = graph._canvas, []
    canvas.draw = lambda x, _y, _joined: seen.append(len(x))
    graph.lines(x[:90_010], x[:90_010], 80, 20)
    assert seen == [11]  # the last of the old ones begins the line
