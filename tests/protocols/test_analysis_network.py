"""The network against what is known without it: finite differences, exact tables, toys that can be learned."""

import itertools
import math

import numpy as np
import pytest

from protocols.analysis.network import (
    N_CLASSES,
    SLOPE_MIN,
    Digits,
    IdealSigmoid,
    MeasuredNeuron,
    Schedule,
    Weights,
    evaluate,
    first_weights,
    gradient,
    train,
)
from protocols.units import mA

X_0, K = 16.4 * mA, 2.55 * mA
SCHEDULE = Schedule(epochs=4, batch_size=20, learning_rate=0.3)


def ideal_table(*, step=0.05, low=-5.0, high=30.0, noise=0.0):
    """A neuron that is the ideal sigmoid as far as a table of currents (mA) with a step can say."""
    I = np.linspace(low, high, round((high - low) / step) + 1) * mA
    return MeasuredNeuron(I, [1 / (1 + math.exp(-(i - X_0) / K)) for i in I], noise, X_0, K)


def stripes(n, seed):
    """Images of 20 bytes that differ in the pair of bright pixels, one pair for each class: linearly separable."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(N_CLASSES, size=n)
    images = rng.integers(60, size=(n, 20))
    for row, label in enumerate(labels):
        images[row, 2 * label : 2 * label + 2] += 150
    return Digits(images.astype(np.uint8), labels)


TRAINING, TEST = stripes(1500, 1), stripes(500, 2)


def last(activation, seed=1, training=TRAINING, test=TEST, schedule=SCHEDULE):
    return list(train(training, test, activation, schedule, seed))[-1]


def responses(activation, z, seed=0):
    return activation.respond(np.asarray(z, dtype=np.float64), np.random.default_rng(seed))


def test_the_gradient_is_what_finite_differences_say():
    """Every weight of a small network, moved by a millionth either way, changes the loss as its derivative says."""
    rng = np.random.default_rng(5)
    start = first_weights(6, rng, n_hidden=4)
    weights = Weights(*(w.astype(np.float64) + 0.1 * rng.standard_normal(w.shape) for w in start))
    x, labels = rng.random((7, 6)), rng.integers(N_CLASSES, size=7)
    _, derivative = gradient(weights, x, labels, IdealSigmoid(), rng)
    for weight, stated in zip(weights, derivative, strict=True):
        for where in itertools.product(*map(range, weight.shape)):
            losses = []
            for sign in (1, -1):
                weight[where] += sign * 1e-6
                losses.append(gradient(weights, x, labels, IdealSigmoid(), rng)[0])
                weight[where] -= sign * 1e-6
            assert stated[where] == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-8)


def test_a_network_that_knows_nothing_loses_ln_10():
    """With all weights 0 every class has probability 1/10."""
    weights = Weights(*(np.zeros_like(w) for w in first_weights(20, np.random.default_rng(0))))
    _, loss, _ = evaluate(weights, TEST, IdealSigmoid(), np.random.default_rng(0))
    assert loss == pytest.approx(math.log(10), rel=1e-5)


@pytest.mark.parametrize("activation", [IdealSigmoid(), ideal_table(), ideal_table(step=1.0, noise=0.002)])
def test_separable_images_are_learned(activation):
    """A toy that a line can divide is recognised without fail, by the ideal sigmoid and by a good device."""
    assert last(activation).accuracy > 0.99


def test_images_without_a_pattern_are_not_learned():
    """Labels that have nothing to do with the images are guessed: one in ten."""
    shuffled = [
        Digits(digits.images, np.random.default_rng(seed).permutation(digits.labels))
        for seed, digits in enumerate((TRAINING, TEST))
    ]
    assert last(IdealSigmoid(), training=shuffled[0], test=shuffled[1]).accuracy < 0.2


def test_the_table_of_an_ideal_sigmoid_is_the_ideal_sigmoid():
    """Between its ends, a fine table has the sigmoid's value within 2e-4 and slope within 1e-3."""
    z = np.linspace(-5, 5, 1001)
    y, slope = responses(ideal_table(), z)
    assert y == pytest.approx(1 / (1 + np.exp(-z)), abs=2e-4)
    assert slope == pytest.approx(np.exp(-z) / (1 + np.exp(-z)) ** 2, abs=1e-3)


def test_between_two_currents_the_table_is_a_straight_line():
    """Y halfway between two measured currents is the mean of the two."""
    neuron = MeasuredNeuron(np.array([0, 10, 20]) * mA, [0.1, 0.3, 0.9], 0.0, 10 * mA, 5 * mA)
    y, _ = responses(neuron, [-2, -1, 0, 1, 2])
    assert y == pytest.approx([0.1, 0.2, 0.3, 0.6, 0.9], abs=1e-4)


def test_the_slope_is_that_over_two_spacings_and_never_none():
    """A step between two currents is smeared over its neighbours; where Y is flat or falls, SLOPE_MIN is left."""
    currents = np.arange(9) * mA
    neuron = MeasuredNeuron(currents, [0, 0, 0, 0, 1, 1, 1, 0.8, 0.6], 0.0, 0.0, 1 * mA)
    _, slope = responses(neuron, [0, 3, 4, 8])
    assert slope == pytest.approx([SLOPE_MIN, 0.5, 0.5, SLOPE_MIN], abs=1e-3)


def test_a_current_beyond_an_end_is_set_to_the_end():
    """Below the first and above the last current, output and noise are those of the end."""
    neuron = MeasuredNeuron(np.array([-5, 30]) * mA, [0.02, 0.98], 0.0, 10 * mA, 5 * mA)
    y, slope = responses(neuron, [-1e6, -3.01, 4.01, 1e6])
    assert y == pytest.approx([0.02, 0.02, 0.98, 0.98])
    assert np.all(slope >= SLOPE_MIN)
    assert neuron.clamped(np.array([-4.0, 0.0, 1.0, 4.1])) == 0.5


def test_the_noise_has_the_size_that_was_measured_at_its_current():
    """40 000 uses at each of two currents scatter by the noise of that current, about the mean Y."""
    neuron = MeasuredNeuron(np.array([0, 1]) * mA, [0.25, 0.75], [0.01, 0.2], 0.0, 1 * mA)
    y, _ = responses(neuron, np.repeat([[0.0, 1.0]], 40_000, axis=0))
    assert y.mean(axis=0) == pytest.approx([0.25, 0.75], abs=0.005)
    assert y.std(axis=0) == pytest.approx([0.01, 0.2], rel=0.02)


def test_noise_raises_the_loss_and_a_flat_curve_learns_nothing():
    """The ideal curve, with more noise each time, loses more; a device that never switches guesses."""
    losses = [last(ideal_table(noise=noise)).loss for noise in (0.0, 0.3, 1.0)]
    assert losses[0] < losses[1] < losses[2]
    flat = MeasuredNeuron(np.array([-5, 30]) * mA, [0.5, 0.5], 0.0, X_0, K)
    assert last(flat).accuracy < 0.25


def test_a_seed_gives_the_same_training_again_and_another_seed_another():
    """Same machine, same numbers, noise included."""
    noisy = ideal_table(noise=0.05)
    assert last(noisy, seed=7) == last(noisy, seed=7)
    assert last(noisy, seed=7) != last(noisy, seed=8)


def test_two_neurons_with_one_seed_differ_only_in_what_they_do():
    """An ideal table and the ideal sigmoid go the same way: the losses of an epoch agree but for the table."""
    pairs = zip(
        train(TRAINING, TEST, IdealSigmoid(), SCHEDULE, 3),
        train(TRAINING, TEST, ideal_table(), SCHEDULE, 3),
        strict=True,
    )
    for ideal, device in pairs:
        assert device.loss_train == pytest.approx(ideal.loss_train, rel=5e-3)


def test_the_rate_is_halved_and_smaller_still_in_the_last_epoch():
    """Of ten epochs the seventh is the first at half the rate."""
    rates = [Schedule(10, 20, 0.3).rate(epoch) for epoch in range(1, 11)]
    assert rates == pytest.approx([0.3] * 6 + [0.15] * 3 + [0.06])


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"current": [1.0]}, "two at least"),
        ({"Y": [0.0, 1.0]}, "of one length"),
        ({"current": [0.0, 2.0, 1.0]}, "ascend"),
        ({"Y": [0.0, math.nan, 1.0]}, "finite"),
        ({"noise": -0.1}, "at least 0"),
        ({"K": 0.0}, "K positive"),
        ({"X_0": math.nan}, "X_0 must be finite"),
    ],
)
def test_what_is_no_neuron_is_refused(changed, complaint):
    """The message says what must be."""
    good = {"current": [0.0, 1.0, 2.0], "Y": [0.0, 0.5, 1.0], "noise": 0.0, "X_0": 1.0, "K": 0.3}
    with pytest.raises(ValueError, match=complaint):
        MeasuredNeuron(**(good | changed))
