"""Means, gaps and their uncertainties from rows of trainings that were written down by hand."""

import math

import numpy as np
import pytest

from protocols.analysis.classification import classification

IDEAL = {1: [0.90, 0.97], 2: [0.91, 0.98]}
DEVICE = {1: [0.89, 0.96], 2: [0.90, 0.975]}


def rows(*neurons, fields=(-0.05, -0.04), clamped=0.1):
    """Columns of trainings, one mapping from seed to accuracies by epoch for each neuron, the ideal one first."""
    table = [
        (neuron, seed, epoch, accuracy, 1 - accuracy, clamped, fields[neuron - 1] if neuron else math.nan)
        for neuron, trainings in enumerate(neurons)
        for seed, accuracies in trainings.items()
        for epoch, accuracy in enumerate(accuracies, start=1)
    ]
    names = ("neuron", "seed", "epoch", "accuracy", "loss", "clamped", "mu0_H_x")
    return dict(zip(names, np.array(table).T.reshape(len(names), -1), strict=True))


def test_the_results_are_means_over_seeds_after_the_last_epoch():
    """Two seeds: the mean, and half of their distance as its standard uncertainty."""
    found = classification(rows(IDEAL, DEVICE), epochs=2, devices=["a"]).results
    assert found["accuracy_ideal"].value == pytest.approx(0.975)
    assert found["accuracy_ideal"].uncertainty == pytest.approx(0.005)
    assert found["accuracy_device"].value == pytest.approx(0.9675)
    assert found["loss_device"].value == pytest.approx(0.0325)


def test_the_gap_is_taken_seed_by_seed():
    """0.010 and 0.005, so 0.0075 +- 0.0025: positive where the device is worse; what seeds share is not in it."""
    gap = classification(rows(IDEAL, DEVICE), epochs=2, devices=["a"]).results["accuracy_gap"]
    assert gap.value == pytest.approx(0.0075)
    assert gap.uncertainty == pytest.approx(0.0025)


def test_a_stopped_training_is_left_out():
    """A seed whose device did not reach the last epoch counts neither for it nor for the gap."""
    found = classification(rows(IDEAL, {1: [0.89, 0.96], 2: [0.90]}), epochs=2, devices=["a"]).results
    assert found["accuracy_ideal"].value == pytest.approx(0.975)
    assert found["accuracy_gap"].value == pytest.approx(0.01)
    assert math.isnan(found["accuracy_gap"].uncertainty)
    assert "one seed" in found["accuracy_gap"].note


def test_nothing_at_all_is_not_found():
    """No rows, or no training to its end: NaN with a note, no exception."""
    empty = {name: column[:0] for name, column in rows(IDEAL).items()}
    for data in (empty, rows({1: [0.9]})):
        found = classification(data, epochs=2, devices=["a"]).results
        assert math.isnan(found["accuracy_gap"].value)
        assert found["accuracy_gap"].note


def test_several_devices_are_told_apart_and_drawn_against_their_fields():
    """Results are numbered in the order of the neurons; the curve goes from the lowest field to the highest."""
    analysis = classification(rows(IDEAL, DEVICE, IDEAL, fields=(-0.04, -0.05)), epochs=2, devices=["a", "b"])
    assert analysis.results["accuracy_gap_1"].value == pytest.approx(0.0075)
    assert analysis.results["accuracy_gap_2"].value == pytest.approx(0)
    curve = analysis.curves["accuracy_against_mu0_H_x"]
    assert curve.x == pytest.approx([-0.05, -0.04])
    assert curve.y == pytest.approx([0.975, 0.9675])


def test_devices_of_one_field_have_no_curve_against_it():
    """Two samples at -500 Oe are told apart by their numbers only."""
    analysis = classification(rows(IDEAL, DEVICE, IDEAL, fields=(-0.05, -0.05)), epochs=2, devices=["a", "b"])
    assert "accuracy_against_mu0_H_x" not in analysis.curves


def test_a_device_that_is_driven_beyond_its_ends_is_warned_of():
    """Where most currents are clamped, the network has constants for neurons."""
    assert classification(rows(IDEAL, DEVICE, clamped=0.9), epochs=2, devices=["a"]).warnings
    assert not classification(rows(IDEAL, DEVICE), epochs=2, devices=["a"]).warnings
