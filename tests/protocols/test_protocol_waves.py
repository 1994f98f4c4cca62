"""Waveforms for the file: rows of one length, and the train of demagnetizing."""

import numpy as np
import pytest
from scripted_lab import ScriptedLab, columns_of, run_protocol

from protocols import demagnetize
from protocols.units import mA, ms
from protocols.vocabulary import Column
from protocols.waves import demagnetizing_train, played

DELAY = Column("dt_spike", "s", "delay")

#: A train of +20 -10 mA, references given.
TRAIN = {"I_start": 20 * mA, "I_step": 10 * mA, "R_AHE_reference": 0.4, "R_off_reference": 0.05}


def test_shorter_waveforms_go_on_at_zero():
    """Three samples and one: the second row is continued by 0 A."""
    found = played({-1e-3: [1.0, 2.0, 0.0], 2e-3: [3.0]}, 0.5 * ms, DELAY)
    assert found.at.tolist() == [-1e-3, 2e-3]
    assert found.time / ms == pytest.approx([0, 0.5, 1.0])
    assert found.current.tolist() == [[1, 2, 0], [3, 0, 0]]


def test_the_train_of_demagnetizing_is_what_was_played():
    """Pulses and pauses of t_pulse each, in one row."""
    lab = ScriptedLab()
    rows, p = run_protocol(demagnetize.protocol, lab, **TRAIN, t_pulse=5 * ms)
    found = demagnetize.protocol.waveforms(columns_of(demagnetize.protocol, rows), p)
    (call,) = lab.of("play")
    assert found.current.tolist() == [call[1]]
    assert np.diff(found.time) == pytest.approx(np.full(len(call[1]) - 1, 5 * ms))


def test_a_train_that_was_not_one_waveform_or_not_played_is_none():
    """Pulse by pulse there is no waveform, nor in a run that ended before the train."""
    rows, p = run_protocol(demagnetize.protocol, ScriptedLab(), **TRAIN)
    assert demagnetizing_train(columns_of(demagnetize.protocol, rows[:1]), p) is None
    rows, p = run_protocol(demagnetize.protocol, ScriptedLab(), **TRAIN, mode="pulses")
    assert demagnetizing_train(columns_of(demagnetize.protocol, rows), p) is None
