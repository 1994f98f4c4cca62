"""Curves from CSV files: units of the header, and one clear refusal for each thing that can be wrong."""

import pytest

from labctl import tracefile
from labctl.errors import DataError
from labctl.tracefile import read_trace


@pytest.fixture
def read(tmp_path):
    """Read a text as the curve of the parameter "spike", a share or a current."""

    def reading(text):
        path = tmp_path / "spike.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_trace(path, "spike", ("1", "A"))

    return reading


@pytest.mark.parametrize(
    ("header", "times", "values", "unit"),
    [
        ("time (ms),current (mA)", (0, 2e-3), (8e-3, -4e-3), "A"),
        ("t [s];I [uA]", (0, 2), (8e-6, -4e-6), "A"),
        ("time (us)\tshare", (0, 2e-6), (8, -4), "1"),
        ('"time (ms)","share (%)"', (0, 2e-3), (0.08, -0.04), "1"),
        ("(s),(1)", (0, 2), (8, -4), "1"),
    ],
)
def test_the_header_gives_units_and_separator(read, header, times, values, unit):
    """Commas, semicolons or tabs; any multiple of the unit; a share needs none."""
    separator = next(sign for sign in "\t;," if sign in header)
    trace = read(f"{header}\n0{separator}8\n2{separator}-4\n")
    assert trace.times == pytest.approx(times)
    assert trace.values == pytest.approx(values)
    assert trace.unit == unit


def test_comments_empty_lines_and_a_byte_order_mark_are_skipped(read):
    """What spreadsheets and our own exports put into a CSV does no harm."""
    trace = read("\ufeff# drawn by hand\r\n\r\ntime (s),current (A)\r\n 0 , 1 \r\n# here\r\n1,0\r\n")
    assert (trace.times, trace.values) == ((0.0, 1.0), (1.0, 0.0))


HEADER = "time (ms),current (mA)\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "with a header and rows of numbers; .* has no line"),
        ("# nothing\n\n", "has no line"),
        (HEADER, "with at least 2 rows of numbers; .* has 0"),
        (HEADER + "0,1\n", "with at least 2 rows of numbers; .* has 1"),
        (HEADER + "0,1\n1,high\n", "two finite numbers in every row; .* has '1,high' in line 3"),
        (HEADER + "0,nan\n1,1\n", "two finite numbers in every row; .* has '0,nan' in line 2"),
        (HEADER + "0,1\n1\n", "two finite numbers in every row; .* has '1' in line 3"),
        (HEADER + "0,1\n1,2,3\n", "two finite numbers in every row"),
        (HEADER + "0,1\n2,1\n1,1\n", "times that increase; .* has 1 after 2 in line 4"),
        (HEADER + "0,1\n0,2\n", "times that increase; .* has 0 after 0 in line 3"),
        ("time,current (mA)\n0,1\n1,1\n", "units in brackets, here s or a multiple; .* has 'time'"),
        ("time (ms),V (mV)\n0,1\n1,1\n", "here none or A or a multiple; .* has 'V \\(mV\\)'"),
        ("0,1\n1,1\n", "units in brackets"),
        ("time (ms)\n0\n1\n", "of two columns"),
        ("a (s),b (A),c (A)\n0,1,1\n", "of two columns"),
        (b"\xff\xfe\x00", "of text in UTF-8"),
    ],
)
def test_a_file_that_is_no_curve_is_refused_with_the_reason(read, text, message):
    """The message names the parameter, what must be, the file and what it has."""
    with pytest.raises(DataError, match=f"^spike must be a CSV file .*{message}.*Nothing was sent"):
        read(text)


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path, read, monkeypatch):
    """A folder, a missing file and a file beyond any curve."""
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(
            DataError, match=r"spike must be a CSV file that can be read; .* Nothing was sent"
        ):
            read_trace(path, "spike", ("A",))
    monkeypatch.setattr(tracefile, "MAX_BYTES", 10)
    with pytest.raises(DataError, match="more than 10 bytes"):
        read(HEADER + "0,1\n1,1\n")
