"""Harmonic Hall measurement: what is asked of the instruments, what is recorded, what is refused and drawn."""

import itertools
import math
import subprocess
import sys
from functools import partial

import matplotlib.figure
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from macrospin_lab import MacrospinLab
from pydantic import ValidationError
from scripted_lab import columns_of, run_protocol

from protocols.harmonic_hall import Parameters, protocol
from protocols.units import Oe, mA, ms, mV, uV
from protocols.vocabulary import MeasurementError

run = partial(run_protocol, protocol)

#: Sweeps of nine fields and four high fields of each sign.
COARSE = {"mu0_H_max": 400 * Oe, "mu0_H_step": 100 * Oe, "n_high": 4}


@st.composite
def any_parameters(draw):
    """Any request of at most some hundred rows, of layers that are in the plane at the high fields or not."""
    mu0_H_max = draw(st.floats(50 * Oe, 600 * Oe))
    I_ac_pk = draw(st.floats(0.1 * mA, 10 * mA))
    return Parameters(
        I_ac_pk=I_ac_pk,
        mu0_H_max=mu0_H_max,
        mu0_H_step=mu0_H_max / draw(st.floats(4, 8)),
        mu0_H_sat=draw(st.floats(300 * Oe, 1000 * Oe)),
        mu0_H_high=draw(st.one_of(st.just(0.0), st.floats(4 * mu0_H_max, 1))),
        n_high=draw(st.integers(4, 6)),
        planar_hall=draw(st.sampled_from(["measured", "given"])),
        n_readings=draw(st.integers(1, 3)),
        R_load=100,
        compliance=draw(st.floats(1, 50)),
    )


# --- order of things ---------------------------------------------------------------------------------


def test_every_sweep_begins_with_a_saturated_layer_and_ends_without_field():
    """Directions 0, 90, 45, -45 deg, each up and down: saturated, z off, read, swept, read without field."""
    lab = MacrospinLab()
    rows, _ = run(lab, **COARSE)
    swept = [-400, -300, -200, -100, 0, 100, 200, 300, 400]
    expected = [
        (branch, phi, state, stage, level)
        for branch, (phi, state) in enumerate(itertools.product((0, 90, 45, -45), (1, -1)), start=1)
        for stage, level in [(0, 0), (1, 0), *((2, level) for level in swept), (3, 0)]
    ]
    high = [5500 * size for size in (-1, -5 / 6, -4 / 6, -0.5, 0.5, 4 / 6, 5 / 6, 1)]
    expected += [(9, 0, 0, 4, pytest.approx(level)) for level in high]
    seen = [
        (row["branch"], round(math.degrees(row["phi"])), row["state"], row["stage"], row["mu0_H_set"] / Oe)
        for row in rows
    ]
    assert seen == [(*case[:4], pytest.approx(case[4], abs=1e-9)) for case in expected]
    assert [call[1] for call in lab.of("ramp z")] == [400 * Oe, 0, -400 * Oe, 0] * 4


def test_the_field_goes_along_the_current_across_it_and_along_both_diagonals():
    """x alone, y alone, both alike, both opposite; mu0_H is the measured field along the direction."""
    rows, _ = run(MacrospinLab(), **COARSE)
    for row in rows:
        level, phi = row["mu0_H_set"], round(math.degrees(row["phi"]))
        x, y = {0: (1, 0), 90: (0, 1), 45: (0.5**0.5, 0.5**0.5), -45: (0.5**0.5, -(0.5**0.5))}[phi]
        assert (row["mu0_H_x"], row["mu0_H_y"]) == pytest.approx((x * level, y * level), abs=1e-15)
        assert row["mu0_H"] == pytest.approx(level)


def test_the_layer_is_saturated_with_no_field_in_the_plane():
    """Both magnets are at zero before magnet_z is ramped, always."""
    lab = MacrospinLab()
    run(lab, **COARSE)
    at = {"x": math.nan, "y": math.nan}
    for call in lab.of("ramp x", "ramp y", "ramp z"):
        axis = call[0][-1]
        if axis == "z":
            assert at == {"x": 0, "y": 0}
        else:
            at[axis] = call[1]


def test_the_lockin_reads_the_first_harmonic_once_and_the_second_as_a_mean():
    """Each on its own range, with high reserve; 25 time constants after a change of harmonic, 5 between two."""
    lab = MacrospinLab()
    run(lab, **COARSE, n_readings=3, time_constant=300 * ms)
    assert lab.of("prepare lockin") == [("prepare lockin", 2 * mV, 300 * ms, 24, 1, "high")]
    calls = lab.of("select_harmonic", "wait", "read_xy")
    start = calls.index(("select_harmonic", 1, 2 * mV))
    assert calls[start : start + 10] == [
        ("select_harmonic", 1, 2 * mV), ("wait", 7.5), ("read_xy",),
        ("select_harmonic", 2, 10 * uV), ("wait", 7.5), ("read_xy",),
        ("wait", 1.5), ("read_xy",), ("wait", 1.5), ("read_xy",),
    ]  # fmt: skip


def test_the_reference_is_there_before_the_lockin_is_set_up_and_the_wave_ends_with_the_run():
    """External reference, sine with its compliance and load, lock-in; stop_wave comes last of all."""
    lab = MacrospinLab()
    run(lab, **COARSE, I_ac_pk=3 * mA, frequency=77.0, compliance=5.0, R_load=200)
    setting_up = [call[0] for call in lab.of("use_external_reference", "start_sine", "prepare lockin")]
    assert setting_up[:3] == ["use_external_reference", "start_sine", "prepare lockin"]
    assert lab.of("prepare source", "start_sine")[:2] == [
        ("prepare source", 3 * mA, 5.0), ("start_sine", 3 * mA, 77.0, 5.0, 200)
    ]  # fmt: skip
    assert lab.calls[-1] == ("stop_wave",)
    assert not lab.of("prepare voltmeter", "read_voltage", "set_current")


def test_the_current_is_off_while_the_field_goes_to_the_high_fields():
    """Between the sweeps and -5500 Oe, and between -2750 and +2750 Oe; it flows at every high field."""
    lab = MacrospinLab()
    rows, _ = run(lab, **COARSE)
    moves = [call[:2] for call in lab.of("start_sine", "stop_wave", "ramp x")]
    first = moves.index(("ramp x", pytest.approx(-5500 * Oe)))
    assert moves[first - 1] == ("stop_wave",)
    assert moves[first + 1] == ("start_sine", 4 * mA)
    crossing = moves.index(("ramp x", pytest.approx(2750 * Oe)))
    assert moves[crossing - 1] == ("stop_wave",)
    assert moves[crossing + 1] == ("start_sine", 4 * mA)
    assert all(abs(row["V_2w_rms"]) > 1e-6 for row in rows if row["stage"] == 4)


def test_without_a_lockin_a_direct_current_is_reversed_around_zero():
    """+I, 0, -I, each read once after the delay of a reversal, n_readings times; the range is that of the peak."""
    lab = MacrospinLab(has_lockin=False)
    rows, _ = run(lab, **COARSE, n_readings=2, nplc=3.0)
    assert lab.of("prepare voltmeter") == [("prepare voltmeter", pytest.approx(2 * 2**0.5 * mV), 3.0)]
    calls = lab.of("set_current", "wait", "read_voltage")
    start = calls.index(("set_current", 4 * mA))
    triple = [
        call for level in (4 * mA, 0, -4 * mA)
        for call in (("set_current", level), ("wait", 2 * ms), ("read_voltage",))
    ]  # fmt: skip
    assert calls[start : start + 18] == triple * 2
    assert calls[-1] == ("set_current", 0.0)
    assert not lab.of("start_sine", "stop_wave", "prepare lockin", "use_external_reference")
    assert {row["is_lockin"] for row in rows} == {0}
    assert any("no lock-in" in text for _, text in lab.of("note"))


def test_the_file_says_that_a_lockin_read():
    """is_lockin is 1 in every row, and the log says so too."""
    lab = MacrospinLab()
    rows, _ = run(lab, **COARSE)
    assert {row["is_lockin"] for row in rows} == {1}
    assert any("by the lock-in" in text for _, text in lab.of("note"))


def test_a_layer_that_breaks_up_is_noted_at_once():
    """400 Oe break it up: after both sweeps it is no single domain, which the log says before the next sweep."""
    lab = MacrospinLab(mu0_H_break=390 * Oe, share=0.02)
    measuring = protocol.measure(lab, Parameters(**COARSE))
    for _ in range(2 * 12 + 1):  # both sweeps along x, and one row of the next
        next(measuring)
    notes = [text for _, text in lab.of("note") if "single domain" in text]
    assert [text.split(":")[0] for text in notes] == ["sweep 1", "sweep 2"]
    assert all("after it, 2 % of it" in text for text in notes)


def test_a_layer_that_stays_one_domain_is_not_complained_about():
    """The same run of a layer that does not break."""
    lab = MacrospinLab()
    run(lab, **COARSE)
    assert not [text for _, text in lab.of("note") if "single domain" in text]


def test_a_source_in_compliance_ends_the_run():
    """There is no row of a current that does not flow."""
    measuring = protocol.measure(MacrospinLab(is_compliant=True), Parameters(**COARSE))
    with pytest.raises(MeasurementError, match="got the compliance limit"):
        next(measuring)


@given(p=any_parameters(), has_lockin=st.booleans())
@settings(max_examples=15, deadline=None)
def test_rows_and_envelope_are_exact(p, has_lockin):
    """As many rows as announced, with every column; nothing beyond the envelope is asked for, and all of it is."""
    lab = MacrospinLab(has_lockin=has_lockin, mu0_H_k=0.3)
    rows = list(protocol.measure(lab, p))
    envelope = protocol.envelope(p)
    assert len(rows) == protocol.n_rows(p)
    assert all(set(row) == {column.name for column in protocol.columns} for row in rows)
    currents = [call[1] for call in lab.of("start_sine", "set_current")]
    assert max(abs(current) for current in currents) == envelope.current
    assert max(call[2] for call in lab.of("prepare source")) == envelope.compliance
    for axis in "xyz":
        reached = max(abs(value) for _, value in lab.of(f"ramp {axis}"))
        largest = envelope.mu0_H[f"magnet_{axis}"]
        assert reached <= largest
        assert reached == largest
    assert set(protocol.roles) == {"source", "voltmeter", *envelope.mu0_H}


def test_the_default_run_has_276_rows_and_lasts_half_an_hour():
    """29 fields and three readings without, eight sweeps, twenty high fields; 6.5 s a row."""
    lab = MacrospinLab()
    rows, _ = run(lab)
    assert len(rows) == protocol.n_rows(Parameters()) == 8 * 32 + 20
    assert lab.seconds == pytest.approx(276 * 6.6, rel=0.01)


# --- requests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"R_load": 3000}, r"compliance must be at least I_ac_pk \* R_load \(12 V for 4 mA through 3000 ohm\)"),
        ({"frequency": 60e3}, "less than or equal to 51000"),
        ({"time_constant": 0.2}, "time_constant must be 1 or 3 times a power of ten; got 200 ms"),
        ({"time_constant": 3 * ms}, r"time_constant must be at least a period of the current \(7\.29927 ms"),
        ({"mu0_H_step": 110 * Oe}, r"mu0_H_step must be at most a quarter of mu0_H_max \(105 Oe\); got 110 Oe"),
        ({"mu0_H_step": 1e-300}, "mu0_H_step must leave at most 1000000 rows"),
        ({"mu0_H_high": 1000 * Oe}, r"mu0_H_high must be 0 or at least four times mu0_H_max \(1680 Oe\)"),
        ({"window_torque": 0.4}, r"window_torque must be at most window_H_k \(0\.3\); got 0\.4"),
        ({"r_PHE": 0.1}, "planar_hall must be given where r_PHE is; got r_PHE 0.1 with planar_hall measured"),
        ({"planar_hall": "given", "r_PHE": 0.5}, "less than or equal to 0.45"),
        ({"planar_hall": "maybe"}, "'measured' or 'given'"),
        ({"I_ac_pk": 0.0}, "greater than 0"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_is_refused_with_the_reason(bad, message):
    """One message each, before anything is sent."""
    with pytest.raises(ValidationError, match=message) as refused:
        Parameters(**bad)
    assert refused.value.error_count() == 1


@pytest.mark.parametrize(
    "time_constant", [3e-5, 100e-6, 300e-6, 1 * ms, 3 * ms, 0.03, 0.1, 0.3, 1.0, 3.0, 30.0]
)
def test_every_step_of_a_lockin_is_a_time_constant(time_constant):
    """1 and 3 times powers of ten are accepted, however they are rounded."""
    assert Parameters(time_constant=time_constant, frequency=50e3).time_constant == time_constant


def test_current_densities_follow_the_convention():
    """4 mA: 3.57e10 A/m2 in 10 um x 11.2 nm of metal, 6.67e10 A/m2 where 6 nm of platinum carry it all."""
    stack, Pt = Parameters().J, Parameters(J_convention="Pt").J
    assert (stack, Pt) == pytest.approx((3.5714e10, 6.6667e10), rel=1e-4)


def test_listing_the_protocol_does_not_load_numpy():
    """The list of protocols has to be there at once."""
    code = "import protocols.harmonic_hall, sys; print('numpy' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def test_the_description_says_what_the_signs_and_J_mean():
    """Two laboratories can only compare numbers whose conventions are written down."""
    for words in ("is_lockin", "positive current", "where the layer is up", "peak", "stack", "width t_Pt"):
        assert words in protocol.description
    assert protocol.caption.startswith("Harmonic Hall measurement")


# --- figure ------------------------------------------------------------------------------------------


def drawn(label=None, **lab):
    rows, p = run(MacrospinLab(**lab), **COARSE)
    data = columns_of(protocol, rows)
    analysis = protocol.analyse(data, p)
    axes = matplotlib.figure.Figure().subplots()
    protocol.draw(axes, data, analysis, label=label, color="#0072B2")
    return axes, data, analysis


def test_the_figure_shows_the_second_harmonic_in_microvolts_against_the_field_in_oersted():
    """Four sweeps with their fits; the inset has the first harmonic in millivolts."""
    axes, data, analysis = drawn()
    assert axes.get_xlabel() == "$H$ (Oe)"
    assert axes.get_ylabel() == r"$V_{\mathrm{2}\omega}$ (μV, rms)"
    points = [line for line in axes.lines if line.get_marker() in "^v"]
    assert len(points) == 4
    along = (data["stage"] == 2) & (data["phi"] == 0) & (data["state"] == 1)
    assert points[0].get_xdata() == pytest.approx(data["mu0_H"][along] / Oe)
    assert points[0].get_ydata() == pytest.approx(data["V_2w_rms"][along] / uV)
    (inset,) = axes.child_axes
    assert inset.get_ylabel() == r"$V_{\mathrm{1}\omega}$ (mV, rms)"
    assert max(inset.lines[0].get_ydata()) == pytest.approx(4 * 0.4 / 2**0.5, rel=1e-4)
    assert max(inset.lines[1].get_xdata()) <= 400
    assert {curve.y_unit for curve in analysis.curves.values()} == {"V"}


def test_what_is_drawn_is_free_of_the_phase_error():
    """A reference that is late by 40 degrees changes nothing in the picture."""
    late, right = (drawn(phase_error=phase)[0] for phase in (0.7, 0.0))
    for one, other in zip(late.lines, right.lines, strict=True):
        assert np.asarray(one.get_ydata()) == pytest.approx(np.asarray(other.get_ydata()), abs=1e-4)


def test_several_runs_share_one_figure_with_one_legend_entry_each_and_no_inset():
    """Labels are the runs', not the sweeps'."""
    axes, _, _ = drawn(label="t = 0")
    assert axes.get_legend_handles_labels()[1] == ["t = 0"]
    assert not axes.child_axes
