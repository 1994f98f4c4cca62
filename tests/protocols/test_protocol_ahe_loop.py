"""The anomalous-Hall loop: what it asks of the instruments, in which order, and what it refuses."""

import subprocess
import sys
from functools import partial

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from pydantic import ValidationError
from scripted_lab import ScriptedLab, columns_of, run_protocol

from protocols.ahe_loop import Parameters, protocol
from protocols.units import Oe, mA, ms, mV
from protocols.vocabulary import MeasurementError

matplotlib.use("Agg")

run = partial(run_protocol, protocol)
as_data = partial(columns_of, protocol)

COARSE = {"mu0_H_max": 400 * Oe, "mu0_H_step": 50 * Oe}


@st.composite
def loop_parameters(draw):
    """Any loop of up to a thousand rows, with steps that do and do not divide the largest field."""
    mu0_H_max = draw(st.floats(1e-6, 2.0))
    mu0_H_step = mu0_H_max / draw(st.one_of(st.integers(2, 60), st.floats(2, 60)))
    return Parameters(mu0_H_max=mu0_H_max, mu0_H_step=mu0_H_step, n_loops=draw(st.integers(1, 4)))


def test_the_layer_is_saturated_before_the_first_reading():
    """Nothing is read, and no current flows, before the field has been at +mu0_H_max."""
    lab = ScriptedLab()
    run(lab, **COARSE)
    named = [call[0] for call in lab.calls if call[0] != "note"]
    assert named[:3] == ["prepare voltmeter", "prepare source", "ramp z"]
    assert lab.of("ramp z")[0] == ("ramp z", 400 * Oe)


def test_every_field_settles_and_dwells_before_it_is_read():
    """A row is: ramp, dwell, read the field, then one voltage at +I_sense and one at -I_sense."""
    lab = ScriptedLab()
    run(lab, **COARSE, settle=0.25)
    start = lab.calls.index(("ramp z", 350 * Oe))
    assert lab.calls[start : start + 9] == [
        ("ramp z", 350 * Oe),
        ("wait", 0.25),
        ("read z",),
        ("set_current", 0.1 * mA),
        ("wait", 2 * ms),
        ("read_voltage",),
        ("set_current", -0.1 * mA),
        ("wait", 2 * ms),
        ("read_voltage",),
    ]


def test_instruments_are_prepared_once_with_what_was_asked_for():
    """Ranges are fixed for the whole loop, so that no range change falls into a branch."""
    lab = ScriptedLab()
    run(lab, **COARSE, I_sense=0.2 * mA, compliance=3.0, V_max=100 * mV, nplc=5.0)
    assert lab.of("prepare source", "prepare voltmeter") == [
        ("prepare voltmeter", 100 * mV, 5.0),
        ("prepare source", 0.2 * mA, 3.0),
    ]


def test_one_loop_goes_down_and_up_and_reads_each_turning_point_once():
    """400 Oe in steps of 200 Oe is +400 +200 0 -200 -400 descending, -200 0 +200 +400 ascending."""
    rows, _ = run(ScriptedLab(), mu0_H_max=400 * Oe, mu0_H_step=200 * Oe)
    assert [(round(row["mu0_H_z_set"] / Oe, 9), row["branch"], row["loop"]) for row in rows] == [
        (400, -1, 1), (200, -1, 1), (0, -1, 1), (-200, -1, 1), (-400, -1, 1),
        (-200, 1, 1), (0, 1, 1), (200, 1, 1), (400, 1, 1),
    ]  # fmt: skip


def test_a_second_loop_goes_on_where_the_first_ended():
    """The +400 Oe that ends loop 1 is not read again at the start of loop 2."""
    rows, _ = run(ScriptedLab(), mu0_H_max=400 * Oe, mu0_H_step=200 * Oe, n_loops=2)
    assert [(round(row["mu0_H_z_set"] / Oe, 9), row["branch"], row["loop"]) for row in rows[8:11]] == [
        (400, 1, 1), (200, -1, 2), (0, -1, 2),
    ]  # fmt: skip
    assert len(rows) == 17


def test_the_default_loop_has_321_rows():
    """+-400 Oe in steps of 5 Oe: 161 fields down, 160 up."""
    assert protocol.n_rows(Parameters()) == 321


@given(p=loop_parameters())
@settings(max_examples=40, deadline=None)
def test_the_number_of_rows_is_known_in_advance(p):
    """n_rows is exact, and every row holds every column and nothing else."""
    rows = list(protocol.measure(ScriptedLab(), p))
    assert len(rows) == protocol.n_rows(p)
    names = {column.name for column in protocol.columns}
    assert all(set(row) == names for row in rows)


@given(p=loop_parameters())
@settings(max_examples=40, deadline=None)
def test_nothing_beyond_the_envelope_is_asked_for(p):
    """Every current and field sent lies within the envelope, and the envelope is reached."""
    lab = ScriptedLab()
    list(protocol.measure(lab, p))
    envelope = protocol.envelope(p)
    assert max(abs(value) for _, value in lab.of("set_current")) == envelope.current
    assert max(abs(value) for _, value in lab.of("ramp z")) == envelope.mu0_H["magnet_z"]
    assert lab.of("prepare source") == [("prepare source", envelope.current, envelope.compliance)]


@given(p=loop_parameters())
@settings(max_examples=40, deadline=None)
def test_fields_are_multiples_of_the_step_symmetric_and_end_at_the_maximum(p):
    """No accumulation of rounding: field k is k steps, its opposite is there too, the ends are exact."""
    fields = [row["mu0_H_z_set"] for row in protocol.measure(ScriptedLab(), p) if row["loop"] == 1]
    turn = fields.index(min(fields))
    down = fields[: turn + 1]
    assert down == [-mu0_H for mu0_H in reversed(down)]
    assert fields[turn:] == list(reversed(down))
    assert down[0] == p.mu0_H_max
    assert all(mu0_H == round(mu0_H / p.mu0_H_step) * p.mu0_H_step for mu0_H in down[1:-1])
    assert max(np.diff(fields[turn:])) <= p.mu0_H_step * (1 + 1e-6)
    assert min(np.diff(fields[turn:])) > 0


def test_current_reversal_removes_a_thermal_emf():
    """An EMF a hundred times the Hall voltage is seen in both voltages and not at all in R_xy."""
    rows, _ = run(ScriptedLab(emf=5e-3), **COARSE)
    assert rows[0]["V_plus"] == pytest.approx(5e-3 + 0.45 * 0.1 * mA)
    assert rows[0]["V_minus"] == pytest.approx(5e-3 - 0.45 * 0.1 * mA)
    assert rows[0]["R_xy"] == pytest.approx(0.45, abs=1e-9)


def test_the_measured_field_is_recorded_beside_the_one_asked_for():
    """A magnet that stops 0.3 Oe short of its set-point is seen in mu0_H_z, not in mu0_H_z_set."""
    rows, _ = run(ScriptedLab(settling_error=-0.3 * Oe), **COARSE)
    assert rows[0]["mu0_H_z_set"] == 400 * Oe
    assert rows[0]["mu0_H_z"] == pytest.approx(399.7 * Oe)


def test_the_time_of_a_row_is_the_clock_when_it_was_complete():
    """With a dwell of 1 s and two reversals of 2 ms, rows come every 1.004 s."""
    rows, _ = run(ScriptedLab(), **COARSE, settle=1.0)
    assert np.array([row["time"] for row in rows]) == pytest.approx(1.004 * np.arange(1, len(rows) + 1))


def test_a_source_in_compliance_at_the_start_ends_the_run_before_the_first_row():
    """Open current leads: no row is written with a current that was not there."""
    measuring = protocol.measure(ScriptedLab(compliant_rows=0), Parameters(**COARSE, compliance=2.0))
    with pytest.raises(
        MeasurementError, match=r"must drive 0\.1 mA with less than 2 V; got the compliance limit"
    ):
        next(measuring)


def test_a_contact_that_opens_during_a_branch_is_noticed_at_its_end():
    """A bond that opens after five rows ends the run at the next turning point, the seventeenth field."""
    measuring = protocol.measure(ScriptedLab(compliant_rows=5), Parameters(**COARSE))
    descending = [next(measuring) for _ in range(16)]
    assert descending[-1]["mu0_H_z_set"] == -350 * Oe
    with pytest.raises(MeasurementError):
        next(measuring)


def test_the_loop_gives_back_the_coercive_field_that_the_layer_has():
    """Switching at 200 Oe, read in steps of 50 Oe: within the step that follows 200 Oe, whatever the EMF."""
    rows, p = run(ScriptedLab(mu0_H_c=200 * Oe, emf=1e-4), mu0_H_max=400 * Oe, mu0_H_step=20 * Oe)
    found = protocol.analyse(as_data(rows), p).results
    assert found["mu0_H_c"].value == pytest.approx(210 * Oe)
    assert found["R_AHE"].value == pytest.approx(0.4)
    assert found["R_off"].value == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"mu0_H_max": 0.0}, "mu0_H_max"),
        ({"mu0_H_max": -400 * Oe}, "mu0_H_max"),
        ({"mu0_H_max": 2.1}, "mu0_H_max"),
        ({"mu0_H_max": float("nan")}, "mu0_H_max"),
        ({"mu0_H_step": 0.0}, "mu0_H_step"),
        ({"mu0_H_step": -5 * Oe}, "mu0_H_step"),
        ({"mu0_H_step": 201 * Oe}, r"mu0_H_step must be at most half of mu0_H_max \(200 Oe\); got 201 Oe"),
        ({"mu0_H_step": 1e-300}, "mu0_H_step must leave at most 1000000 rows"),
        ({"mu0_H_step": 0.01 * Oe, "n_loops": 10}, "mu0_H_step must leave at most 1000000 rows in 10"),
        ({"I_sense": 0.0}, "I_sense"),
        ({"I_sense": 1.01 * mA}, "I_sense"),
        ({"settle": -1.0}, "settle"),
        ({"nplc": 0.0}, "nplc"),
        ({"nplc": 60.0}, "nplc"),
        ({"compliance": 0.0}, "compliance"),
        ({"compliance": 200.0}, "compliance"),
        ({"V_max": 0.0}, "V_max"),
        ({"n_loops": 0}, "n_loops"),
        ({"n_loops": 1.5}, "n_loops"),
        ({"mu0_H_maximum": 400 * Oe}, "mu0_H_maximum"),
    ],
)
def test_parameters_that_make_no_loop_are_refused_with_one_message(bad, complaint):
    """One wrong value, one complaint, and it names the parameter."""
    with pytest.raises(ValidationError, match=complaint) as refused:
        Parameters(**bad)
    assert refused.value.error_count() == 1


def test_the_limits_themselves_are_accepted():
    """Limits are inclusive, and a step of half the maximum is still a loop."""
    Parameters(mu0_H_max=2.0, mu0_H_step=1.0, I_sense=1 * mA, settle=0.0, nplc=50.0, compliance=105.0)
    Parameters(I_sense=1e-9, nplc=0.01, compliance=0.1, V_max=100.0)


def test_every_parameter_says_its_unit_and_meaning():
    """What `describe` prints is there for all of them, and the defaults are those of the source."""
    for name, info in Parameters.model_fields.items():
        assert info.description, name
        assert {"unit", "display"} <= set(info.json_schema_extra), name
    assert Parameters().I_sense == 0.1 * mA
    assert Parameters().mu0_H_max == 400 * Oe


def test_the_description_reads_as_a_methods_section():
    """The caption is one line; the description says Method, Reports and Source."""
    assert "\n" not in protocol.caption
    assert protocol.description.startswith("Method ")
    for heading in ("Method ", "Reports ", "Source "):
        assert f"\n{heading}" in "\n" + protocol.description


def test_listing_the_protocol_does_not_load_numpy():
    """`labctl protocols` starts fast because importing a protocol imports no array library."""
    code = "import sys, protocols.ahe_loop; sys.exit('numpy' in sys.modules)"
    path = ":".join(entry for entry in sys.path if entry)
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": path})


def test_the_figure_shows_the_loop_against_the_field_in_oersted():
    """R_xy in ohm against H_z in Oe, every reading, arrowheads at the coercive fields the way R_xy goes."""
    rows, p = run(ScriptedLab(mu0_H_c=210 * Oe), mu0_H_max=400 * Oe, mu0_H_step=20 * Oe)
    axes = Figure().subplots()
    protocol.draw(axes, as_data(rows), protocol.analyse(as_data(rows), p))
    assert "Oe" in axes.get_xlabel()
    assert "Ω" in axes.get_ylabel()
    loop, down, up = axes.lines[2:]
    assert loop.get_xdata()[0] == pytest.approx(400)
    assert len(loop.get_xdata()) == 81
    assert (down.get_marker(), up.get_marker()) == ("v", "^")
    assert down.get_xdata() == pytest.approx([-210])
    assert up.get_xdata() == pytest.approx([210])
    assert down.get_ydata() == pytest.approx([0.05])


def test_several_runs_share_one_figure():
    """Each run has its own colour and one legend entry; the zero lines are drawn once."""
    axes = Figure().subplots()
    for H_c, color in ((110, "C0"), (190, "C3")):
        rows, p = run(ScriptedLab(mu0_H_c=H_c * Oe), **COARSE)
        data = as_data(rows)
        protocol.draw(axes, data, protocol.analyse(data, p), label=f"{H_c} Oe", color=color)
    assert axes.get_legend_handles_labels()[1] == ["110 Oe", "190 Oe"]
    assert [line.get_color() for line in axes.lines].count("0.8") == 2
    assert {line.get_color() for line in axes.lines} == {"0.8", "C0", "C3"}


def test_a_loop_that_never_switched_can_still_be_drawn():
    """A coercive field that was not found leaves no cross and breaks nothing."""
    rows, p = run(ScriptedLab(mu0_H_c=1.0), **COARSE)
    figure = Figure()
    data = as_data(rows)
    protocol.draw(figure.subplots(), data, protocol.analyse(data, p))
    figure.canvas.draw()


def test_the_accuracy_of_the_source_is_in_the_uncertainty_of_the_height():
    """The scripted source is good to 0.1 % (one sigma), and so are R_AHE and R_off; H_c is not touched."""
    rows, p = run(ScriptedLab(), **COARSE)
    results = protocol.analyse(as_data(rows), p).results
    assert results["R_AHE"].uncertainty == pytest.approx(0.4e-3, rel=1e-6)
    assert results["R_off"].uncertainty == pytest.approx(0.05e-3, rel=1e-6)
    exact = as_data([{**row, "u_I_sense": 0.0} for row in rows])
    assert protocol.analyse(exact, p).results["R_AHE"].uncertainty < 1e-9
    assert protocol.analyse(exact, p).results["mu0_H_c"] == results["mu0_H_c"]
