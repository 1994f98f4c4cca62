"""States to start from, in every protocol that offers them, and the source's zero that a train is played less."""

import math

import numpy as np
import pytest
from pydantic import ValidationError
from scripted_lab import ScriptedLab, columns_of, run_protocol

from protocols import ahe_loop, demagnetize, minor_loops, sigmoid_neuron, sot_switching
from protocols.preparation import less_zero, measured_zero
from protocols.units import Oe, mA, uA

#: Each protocol with parameters that make it short; a reference is given where one would be measured.
SHORT = {
    ahe_loop: {"mu0_H_step": 200 * Oe},
    sot_switching: {"I_max": 20 * mA, "I_step": 10 * mA, "R_AHE_reference": 0.4, "R_off_reference": 0.05},
    minor_loops: {
        "I_max_list": [10 * mA],
        "I_step": 10 * mA,
        "I_reset": 20 * mA,
        "R_AHE_reference": 0.4,
        "R_off_reference": 0.05,
    },
    sigmoid_neuron: {"I_step": 5 * mA},
}
MODULES = pytest.mark.parametrize("module", SHORT, ids=lambda module: module.protocol.name)
STATES = ("saturate+", "saturate-", "demagnetize", "as-is")
#: Patches of which the train of 28, -27.5 ... -0.5 mA turns every other one up.
PATCHES = tuple((k + 0.25) * 0.5 * mA for k in range(8, 48))


def prepared(module, lab, preparation, **parameters):
    """Rows of a short run with a preparation, and its parameters."""
    return run_protocol(module.protocol, lab, **SHORT[module], preparation=preparation, **parameters)


# --- the states --------------------------------------------------------------------------------------


@MODULES
@pytest.mark.parametrize(("preparation", "R_xy"), [("saturate+", 0.45), ("saturate-", -0.35)])
def test_a_saturated_layer_is_read_before_a_field_in_the_plane_comes(module, preparation, R_xy):
    """R_off +- R_AHE is in every row; when it was read magnet_z was at zero and magnet_x had not moved."""
    lab = ScriptedLab(thresholds=PATCHES, polarity=-1)
    rows, _ = prepared(module, lab, preparation)
    assert [row["R_xy_prepared"] for row in rows] == pytest.approx([R_xy] * len(rows))
    saturated = lab.calls.index(("ramp z", 400 * Oe if preparation == "saturate+" else -400 * Oe))
    after = [call for call in lab.calls[saturated + 1 :] if call[0] in {"ramp z", "read_voltage", "ramp x"}]
    assert after[:3] == [("ramp z", 0.0), ("read_voltage",), ("read_voltage",)]
    assert not [call for call in lab.calls[:saturated] if call[0] == "ramp x" and call[1] != 0]


@MODULES
def test_a_demagnetized_layer_is_read_in_the_field_after_the_train(module):
    """56 pulses in one waveform in -500 Oe leave R_off; magnet_z is off, and nothing else was played before."""
    lab = ScriptedLab(thresholds=PATCHES, polarity=-1)
    rows, _ = prepared(module, lab, "demagnetize", mu0_H_x=-500 * Oe)
    train = lab.of("play")[0]
    assert np.array(train[1][::2]) / mA == pytest.approx([(-1) ** k * (28 - k / 2) for k in range(56)])
    assert rows[0]["R_xy_prepared"] == pytest.approx(0.05)
    before = [call for call in lab.calls[: lab.calls.index(train)] if call[0].startswith(("ramp", "park"))]
    assert before[-1] == ("ramp x", -500 * Oe)
    assert ("park magnet_z",) in before or module is sigmoid_neuron


@MODULES
def test_a_layer_taken_as_it_is_meets_nothing(module):
    """No train, no saturation and no reading that a run without a preparation would not have."""
    lab = ScriptedLab()
    rows, p = prepared(module, lab, "as-is")
    assert math.isnan(rows[0]["R_xy_prepared"])
    assert p.train == []
    ramped = [field for _, field in lab.of("ramp z") if field]
    assert not ramped or module is ahe_loop


@MODULES
@pytest.mark.parametrize("preparation", STATES)
def test_rows_and_envelope_hold_the_preparation(module, preparation):
    """As many rows and pulses as announced, every column, and nothing beyond the envelope, all of it used."""
    lab = ScriptedLab(thresholds=PATCHES, polarity=-1)
    rows, p = prepared(module, lab, preparation, mu0_H_sat=600 * Oe, I_demag=40 * mA)
    envelope = module.protocol.envelope(p)
    assert len(rows) == module.protocol.n_rows(p)
    assert all(set(row) == {column.name for column in module.protocol.columns} for row in rows)
    played = [abs(current) for call in lab.of("play") for current in call[1]]
    assert max([p.I_sense, *played]) == pytest.approx(envelope.current)
    assert len(lab.of("play")) == envelope.pulses
    for axis in "xz":
        reached = max((abs(field) for _, field in lab.of(f"ramp {axis}")), default=0.0)
        assert reached == envelope.mu0_H.get(f"magnet_{axis}", 0.0)


@MODULES
def test_a_magnet_is_asked_for_only_where_the_state_needs_it(module):
    """The neuron needs magnet_z to saturate only, the field loop magnet_x to demagnetize only."""
    needed = {
        state: set(module.protocol.envelope(module.Parameters(**SHORT[module], preparation=state)).mu0_H)
        for state in STATES
    }
    own = {role for role in module.protocol.roles if role.startswith("magnet")}
    assert needed["as-is"] == own
    assert needed["saturate+"] == needed["saturate-"] == own | {"magnet_z"}
    assert needed["demagnetize"] == own | {"magnet_x"}


@MODULES
@pytest.mark.parametrize(
    ("preparation", "word"), [("saturate-", "saturated down"), ("demagnetize", "demagnetized")]
)
def test_a_layer_that_does_not_obey_is_warned_of(module, preparation, word):
    """Saturating short of the coercive field, or by pulses that are too small, leaves the layer up."""
    lab = ScriptedLab(thresholds=(29 * mA,), polarity=-1)
    if module is sigmoid_neuron:  # so that the ends of the neuron differ
        lab = ScriptedLab(thresholds=(10 * mA,), polarity=-1)
    lab.patches = [+1]
    rows, p = prepared(module, lab, preparation, mu0_H_sat=100 * Oe, mu0_H_x=-500 * Oe)
    analysis = module.protocol.analyse(columns_of(module.protocol, rows), p)
    assert f"the layer was not {word} at the start" in analysis.warnings[0]


def test_without_R_off_a_saturated_layer_is_not_judged():
    """R_AHE alone is enough for the switching ratio, and not to say where the layer is."""
    short = {"I_max": 20 * mA, "I_step": 10 * mA, "R_AHE_reference": 0.4}
    rows, p = run_protocol(sot_switching.protocol, ScriptedLab(), **short, mu0_H_sat=100 * Oe)
    analysis = sot_switching.protocol.analyse(columns_of(sot_switching.protocol, rows), p)
    assert not [warning for warning in analysis.warnings if "at the start" in warning]


def test_a_prepared_field_loop_begins_with_an_initial_leg_that_the_numbers_leave_out():
    """0 and 200 Oe on branch 0, then the loop as ever: saturated down, the leg turns up with it."""
    rows, p = prepared(ahe_loop, ScriptedLab(mu0_H_c=100 * Oe), "saturate-")
    assert [(row["mu0_H_z_set"] / Oe, row["branch"], row["loop"]) for row in rows[:3]] == [
        (0.0, 0, 0), (pytest.approx(200), 0, 0), (400.0, -1, 1),
    ]  # fmt: skip
    assert rows[0]["R_xy"] == pytest.approx(-0.35)
    data = columns_of(ahe_loop.protocol, rows)
    looped = {name: column[2:] for name, column in data.items()}
    found, expected = (ahe_loop.protocol.analyse(some, p).results for some in (data, looped))
    assert found == expected


@MODULES
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"I_demag_step": 30 * mA}, r"I_demag_step must be at most I_demag \(28 mA\); got 30 mA"),
        ({"I_demag": 60 * mA}, r"compliance_pulse must be at least I_demag \* R_load \(18 V"),
        ({"I_demag_step": 1e-300}, "I_demag_step must leave at most 10000 pulses"),
    ],
)
def test_a_train_that_cannot_be_is_refused_where_it_would_be_played(module, parameters, message):
    """The message says what must be and what came; a preparation without a train does not care."""
    with pytest.raises(ValidationError, match=message):
        module.Parameters(**SHORT[module], **parameters, preparation="demagnetize")
    module.Parameters(**SHORT[module], **parameters, preparation="as-is")


@pytest.mark.parametrize("module", [sot_switching, minor_loops, demagnetize])
def test_a_state_to_be_kept_and_a_reference_to_be_measured_exclude_each_other(module):
    """as-is with R_AHE_reference = 0 is refused: measuring it saturates the layer."""
    with pytest.raises(ValidationError, match="R_AHE_reference must be given where preparation is as-is"):
        module.Parameters(preparation="as-is")


@pytest.mark.parametrize("module", [sot_switching, minor_loops, demagnetize])
def test_R_off_alone_is_no_reference(module):
    """It goes with R_AHE_reference, or is measured with it."""
    with pytest.raises(ValidationError, match="R_off_reference must be given together with R_AHE_reference"):
        module.Parameters(R_off_reference=0.05)


# --- the zero of the source --------------------------------------------------------------------------


@pytest.mark.parametrize("zero", [-50 * uA, 0.0, 13.5 * uA])
@pytest.mark.parametrize("state", [-1, +1])
def test_the_zero_of_the_source_is_found_by_the_voltage_that_it_makes(zero, state):
    """Whatever the layer's state and the thermal EMF are; the source is left as it was prepared for sensing."""
    lab = ScriptedLab(zero=zero, emf=3e-6)
    lab.patches = [state]
    p = demagnetize.Parameters()
    assert measured_zero(lab, p) == pytest.approx(zero, abs=1e-12)
    assert lab.of("prepare source") == [("prepare source", 28 * mA, 10.0), ("prepare source", 0.1 * mA, 10.0)]


def test_a_layer_without_a_Hall_voltage_tells_nothing_of_the_zero():
    """R_xy = 0: no voltage is divided by nothing; none is taken, and the log says so."""
    lab = ScriptedLab(R_off=0.4, zero=20 * uA)
    assert measured_zero(lab, demagnetize.Parameters()) == 0.0
    assert "cannot be measured" in lab.of("note")[-1][1]


def test_a_train_less_the_zero_is_no_larger_than_the_train():
    """28, -27.5, 27 mA less -50 uA: the first would be 28.05 mA and stays 28."""
    assert np.array(less_zero([28 * mA, -27.5 * mA, 27 * mA], -50 * uA)) / mA == pytest.approx(
        [28, -27.45, 27.05]
    )


@pytest.mark.parametrize("mode", ["waveform", "pulses"])
@pytest.mark.parametrize("preparation", ["saturate+", "saturate-"])
def test_the_zero_is_two_of_them_over_the_step_of_magnetization_and_taken_off_none(mode, preparation):
    """Thresholds evenly from 4 to 24 mA: with 50 uA left in, 2 * 0.05 / 0.5 = 20 % remain; without, nothing."""
    found = {}
    for source_zero in ("measured", "ignored"):
        lab = ScriptedLab(thresholds=tuple(np.linspace(4, 24, 4001)[:-1] * mA), polarity=-1, zero=50 * uA)
        rows, p = run_protocol(
            demagnetize.protocol, lab, mode=mode, preparation=preparation, source_zero=source_zero
        )
        results = demagnetize.protocol.analyse(columns_of(demagnetize.protocol, rows), p).results
        found[source_zero] = results["R_xy_residual_over_R_AHE"].value
        I_zero = 50 * uA if source_zero == "measured" else 0.0
        assert [row["I_zero"] for row in rows] == pytest.approx([I_zero] * len(rows), abs=1e-12)
    assert found["measured"] == pytest.approx(0, abs=0.002)
    assert found["ignored"] == pytest.approx(0.2, abs=0.002)
