"""Minor loops: which pulses are played, when a state is held and read again, and what a run gives back."""

import math
import subprocess
import sys
from functools import partial

import matplotlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from pydantic import ValidationError
from scripted_lab import ScriptedLab, columns_of, run_protocol

from protocols.minor_loops import Parameters, protocol
from protocols.units import Oe, mA, ms
from protocols.vocabulary import MeasurementError

matplotlib.use("Agg")

run = partial(run_protocol, protocol)
as_data = partial(columns_of, protocol)

COARSE = {"I_max_list": [10 * mA, 20 * mA], "I_reset": 20 * mA, "I_step": 10 * mA}
GIVEN = {**COARSE, "R_AHE_reference": 0.4, "R_off_reference": 0.05}
FIVE_PATCHES = (3.8 * mA, 7.8 * mA, 11.8 * mA, 15.8 * mA, 19.8 * mA)


def layer():
    """Five patches that a positive current turns up in a negative field."""
    return ScriptedLab(thresholds=FIVE_PATCHES, polarity=-1)


def amplitudes(lab):
    """Amplitudes of the pulses (mA) in the order in which they were played."""
    return [round(samples[0] / mA, 6) for _, samples, *_ in lab.of("play")]


@st.composite
def loop_parameters(draw):
    """Any request of up to a few hundred rows, with steps that do and do not divide the ends."""
    I_reset = draw(st.floats(1 * mA, 50 * mA))
    return Parameters(
        mu0_H_x=draw(st.floats(-0.2, 0.2)),
        I_max_list=draw(st.lists(st.floats(1 * mA, 50 * mA), min_size=1, max_size=3)),
        I_reset=I_reset,
        I_step=I_reset / draw(st.one_of(st.integers(1, 10), st.floats(1, 10))),
        compliance=draw(st.floats(0.1, 50)),
        compliance_pulse=draw(st.floats(16, 105)),
        R_AHE_reference=draw(st.sampled_from([0.0, 0.4, -0.4])),
        mu0_H_sat=draw(st.floats(0.01, 0.2)),
    )


# --- pulses and holds --------------------------------------------------------------------------------


def test_every_loop_goes_from_its_RESET_to_I_max_and_back():
    """-20 to 10 and to 20 mA in steps of 10: RESET first, both ways through 0, which is no pulse."""
    lab = ScriptedLab()
    run(lab, **COARSE)
    assert amplitudes(lab) == [-20, -10, 10, -10, -20, -20, -10, 10, 20, 10, -10, -20]


def test_phases_follow_one_another_and_readings_at_I_max_have_no_pulse():
    """RESET, rising, five readings, five after the hold, falling: amplitudes of the first loop."""
    rows, _ = run(ScriptedLab(), **COARSE)
    first = [(row["phase"], round(row["I_pulse"] / mA, 6)) for row in rows if row["loop"] == 1]
    assert first == [
        (0, -20), (1, -10), (1, 0), (1, 10),
        *[(2, 0)] * 5, *[(3, 0)] * 5,
        (4, 0), (4, -10), (4, -20),
    ]  # fmt: skip
    assert {row["I_max"] for row in rows if row["loop"] == 2} == {20 * mA}


def test_the_hold_is_waited_once_between_the_readings_at_I_max():
    """Loops are held 123 s each, after the fifth reading at I_max and before the sixth, with the field on."""
    lab = ScriptedLab()
    run(lab, **GIVEN, hold=123.0)
    assert lab.of("wait").count(("wait", 123.0)) == 2
    held = lab.calls.index(("wait", 123.0))
    before = [call for call in lab.calls[:held] if call[0] in {"play", "read x"}]
    after = [call for call in lab.calls[held:] if call[0] in {"play", "read x"}]
    assert before[-6:] == [*[("read x",)] * 6]  # that of the pulse itself, and five
    assert before[-7][1] == [10 * mA, 0.0]
    assert after[:5] == [("read x",)] * 5
    assert lab.of("ramp x")[-1] == ("ramp x", -500 * Oe)


def test_a_reading_comes_after_the_end_of_the_pulse_and_the_wait():
    """A row is: pulse, wait, read the field, then one voltage at +I_sense and one at -I_sense."""
    lab = ScriptedLab()
    run(lab, **GIVEN, settle=0.25, t_pulse=1 * ms)
    start = lab.calls.index(("play", [10 * mA, 0.0], 1 * ms, 15.0, 300.0))
    assert lab.calls[start + 1 : start + 9] == [
        ("wait", 0.25),
        ("read x",),
        ("set_current", 0.1 * mA),
        ("wait", 2 * ms),
        ("read_voltage",),
        ("set_current", -0.1 * mA),
        ("wait", 2 * ms),
        ("read_voltage",),
    ]


def test_the_reference_is_measured_in_saturation_before_the_field_is_held():
    """Down and up along z with no field in the plane, then z to 0, then mu0_H_x, and no ramp after that."""
    lab = layer()
    rows, _ = run(lab, **COARSE)
    ramps = [("x", 0.0), ("z", -400 * Oe), ("z", 400 * Oe), ("z", 0.0), ("x", -500 * Oe)]
    assert lab.of("ramp x", "ramp z") == [(f"ramp {axis}", value) for axis, value in ramps]
    assert lab.calls.index(("ramp x", -500 * Oe)) < lab.calls.index(lab.of("play")[0])
    for row in rows:
        assert row["R_AHE_reference"] == pytest.approx(0.4)
        assert row["R_off_reference"] == pytest.approx(0.05)


def test_a_given_reference_is_taken_as_it_is_and_nothing_is_saturated():
    """Both numbers go into every row with no uncertainty."""
    lab = layer()
    rows, _ = run(lab, **GIVEN)
    assert lab.of("ramp z") == [("ramp z", 0.0)]
    found = {(row["R_AHE_reference"], row["R_off_reference"], row["u_reference"]) for row in rows}
    assert found == {(0.4, 0.05, 0.0)}


def test_the_default_run_has_559_rows_and_499_pulses():
    """42, 46, 50, 54, 60 steps each way, RESETs, ten readings at each I_max; ten passages of 0."""
    steps = [42, 46, 50, 54, 60]
    assert protocol.n_rows(Parameters()) == 2 * sum(steps) + 5 + 50 == 559
    assert protocol.envelope(Parameters()).pulses == 2 * sum(steps) + 5 - 10 == 499


@given(p=loop_parameters())
@settings(max_examples=60, deadline=None)
def test_rows_pulses_and_the_largest_magnitudes_are_known_in_advance(p):
    """n_rows and envelope are exact, and every row holds every column and nothing else."""
    lab = ScriptedLab()
    rows = list(protocol.measure(lab, p))
    envelope = protocol.envelope(p)
    assert len(rows) == protocol.n_rows(p)
    names = {column.name for column in protocol.columns}
    assert all(set(row) == names for row in rows)
    pulses = lab.of("play")
    assert len(pulses) == envelope.pulses == rows[-1]["pulse"]
    assert envelope.current == max(abs(samples[0]) for _, samples, *_ in pulses)
    voltages = [call[3] for call in pulses] + [call[2] for call in lab.of("prepare source")]
    assert max(voltages) == envelope.compliance
    for axis in "xz":
        reached = max(abs(value) for _, value in lab.of(f"ramp {axis}"))
        assert reached == envelope.mu0_H[f"magnet_{axis}"]
    assert set(protocol.roles) == {"source", "voltmeter", *envelope.mu0_H}


# --- what comes out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", [{}, {"R_AHE_reference": 0.4, "R_off_reference": 0.05}])
def test_every_turning_point_gives_the_state_that_the_layer_has_there(reference):
    """Of five patches 1, 3 and 5 are up at 5, 12 and 20 mA: m of -0.6, 0.2 and 1, in any order of the list."""
    rows, p = run(layer(), I_max_list=[20 * mA, 5 * mA, 12 * mA], **reference)
    found = protocol.analyse(as_data(rows), p).results
    assert list(found) == ["m_at_I_max_1", "m_at_I_max_2", "m_at_I_max_3", "max_volatility"]
    assert [found[f"m_at_I_max_{n}"].value for n in (1, 2, 3)] == pytest.approx([1, -0.6, 0.2])
    assert [found[f"m_at_I_max_{n}"].help[-6:] for n in (1, 2, 3)] == [" 20 mA", "f 5 mA", " 12 mA"]
    assert found["max_volatility"].value == pytest.approx(0, abs=1e-9)


def test_a_state_that_is_lost_in_the_hold_is_found():
    """A layer that loses one patch of five in a long wait: m falls by 0.4, and m_at_I_max is that before."""

    class VolatileLab(ScriptedLab):
        def wait(self, seconds):
            super().wait(seconds)
            if seconds >= 60:
                self.patches[0] = -1

    rows, p = run(VolatileLab(thresholds=FIVE_PATCHES, polarity=-1), I_max_list=[12 * mA])
    found = protocol.analyse(as_data(rows), p).results
    assert found["max_volatility"].value == pytest.approx(0.4)
    assert found["m_at_I_max_1"].value == pytest.approx(0.2)


def test_the_accuracy_of_the_current_is_in_m_where_the_reference_comes_from_elsewhere():
    """The source is good to 0.1 %: of R_xy = 0.45 ohm that is 0.001125 of m; a measured reference cancels it."""
    for reference, expected in (({}, 0.0), ({"R_AHE_reference": 0.4, "R_off_reference": 0.05}, 1.125e-3)):
        rows, p = run(layer(), I_max_list=[20 * mA], **reference)
        m = protocol.analyse(as_data(rows), p).results["m_at_I_max_1"]
        assert m.uncertainty == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("end", [0, 1, 4, 6, 12, 20])
def test_a_run_that_was_stopped_has_all_results_by_name_and_can_be_drawn(end):
    """What was not read is NaN with a note."""
    rows, p = run(layer(), **COARSE)
    data = as_data(rows[:end])
    analysis = protocol.analyse(data, p)
    assert list(analysis.results) == ["m_at_I_max_1", "m_at_I_max_2", "max_volatility"]
    for result in analysis.results.values():
        assert math.isfinite(result.value) or result.note
    figure = Figure()
    protocol.draw(figure.subplots(), data, analysis)
    figure.canvas.draw()


def test_a_contact_that_opens_is_noticed_at_the_next_turning_point():
    """A bond that opens after two rows ends the run at the first reading at I_max, the fifth row."""
    measuring = protocol.measure(ScriptedLab(compliant_rows=2), Parameters(**GIVEN))
    rows = [next(measuring) for _ in range(4)]
    assert rows[-1]["I_pulse"] == 10 * mA
    with pytest.raises(MeasurementError, match="got the compliance limit"):
        next(measuring)


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"I_max_list": []}, "I_max_list must hold one current at least; got none"),
        (
            {"I_max_list": [12 * mA, -3 * mA]},
            r"every current of I_max_list must be above I_sense .*got -3 mA",
        ),
        (
            {"I_max_list": [12 * mA, 0.1 * mA]},
            r"every current of I_max_list must be above I_sense \(0.1 mA\)",
        ),
        ({"I_max_list": [1.5]}, "I_max_list must hold currents of at most 1 A; got 1.5 A"),
        ({"I_max_list": [12 * mA, math.nan]}, "I_max_list"),
        (
            {"I_max_list": [60 * mA, 1 * mA]},
            "compliance_pulse must be at least the largest current of I_max_list",
        ),
        ({"I_reset": 60 * mA}, r"compliance_pulse must be at least I_reset \* R_load"),
        ({"I_reset": 0.1 * mA}, "I_reset must be above I_sense"),
        ({"I_step": 31 * mA}, r"I_step must be at most I_reset \(30 mA\); got 31 mA"),
        ({"I_step": 1e-300}, r"I_step must leave at most 1000000 rows in 5 loop"),
        ({"I_step": 1e-7}, r"I_step must leave at most 1000000 rows in 5 loop"),
        ({"hold": -1.0}, "hold"),
        ({"R_off_reference": 0.05}, "R_off_reference must be given together with R_AHE_reference"),
        ({"I_max": 12 * mA}, "I_max"),
    ],
)
def test_parameters_that_make_no_loops_are_refused_with_one_message(bad, complaint):
    """One wrong value, one complaint, and it names the parameter."""
    with pytest.raises(ValidationError, match=complaint) as refused:
        Parameters(**bad)
    assert refused.value.error_count() == 1


def test_the_defaults_are_those_of_the_source():
    """RESET at -30 mA, -500 Oe, 10 ms, read at 0.1 mA; every parameter has a meaning."""
    p = Parameters()
    assert (p.I_reset, p.mu0_H_x, p.t_pulse, p.I_sense) == (30 * mA, -500 * Oe, 10 * ms, 0.1 * mA)
    assert p.I_max_list == [12 * mA, 16 * mA, 20 * mA, 24 * mA, 30 * mA]
    assert all(info.description for info in Parameters.model_fields.values())


def test_the_description_reads_as_a_methods_section():
    """The caption is one line; the description says Method, Reports and Source."""
    assert "\n" not in protocol.caption
    for heading in ("Method ", "Reports ", "Source "):
        assert f"\n{heading}" in "\n" + protocol.description


def test_listing_the_protocol_does_not_load_numpy():
    """`labctl protocols` starts fast because importing a protocol imports no array library."""
    code = "import sys, protocols.minor_loops; sys.exit('numpy' in sys.modules)"
    path = ":".join(entry for entry in sys.path if entry)
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": path})


# --- the figure --------------------------------------------------------------------------------------


def test_the_figure_overlays_the_loops_and_names_their_turning_points():
    """R_xy in ohm against mA, one line for each loop from -I_reset to I_max and back; later loops are stronger."""
    rows, p = run(layer(), **COARSE)
    axes = Figure().subplots()
    protocol.draw(axes, as_data(rows), protocol.analyse(as_data(rows), p))
    small, large = axes.lines[2:]
    assert small.get_xdata() == pytest.approx([-20, -10, 0, 10, 0, -10, -20])
    assert large.get_xdata().max() == pytest.approx(20)
    assert small.get_alpha() < large.get_alpha() == 1
    assert small.get_color() == large.get_color()
    assert [text.get_text() for text in axes.texts] == ["10", "20"]
    assert "Ω" in axes.get_ylabel()


def test_several_runs_share_one_figure_with_one_legend_entry_each():
    """Turning points are not named there, and each run has its colour."""
    axes = Figure().subplots()
    for color in ("C0", "C3"):
        rows, p = run(layer(), **COARSE)
        protocol.draw(axes, as_data(rows), protocol.analyse(as_data(rows), p), label=color, color=color)
    assert axes.get_legend_handles_labels()[1] == ["C0", "C3"]
    assert {line.get_color() for line in axes.lines} == {"0.8", "C0", "C3"}
    assert not axes.texts
