"""A 784-100-10 network whose hidden neurons are measured devices, trained by mini-batch gradient descent.

Network      a = f(x W1 + b1), p = softmax(a W2 + b2): pixels x in 0 ... 1, one layer of hidden neurons f, one
             output for each class. The loss is the cross-entropy -ln p of the right class, mean over the images.
Neuron       A hidden neuron's input z is the current I = X_0 + K z, so that a device whose Y is a sigmoid of centre
             X_0 and width K is f(z) = 1 / (1 + exp(-z)) but for what it does not do perfectly: its measured mean Y,
             interpolated between the currents; the noise between its cycles, drawn anew for every use of every
             neuron, in training and in testing; and its ends, because a current beyond them is set to the end.
Backward     The slope of the table between one mean spacing of the currents below z and one above it, at least
             SLOPE_MIN, so that a neuron driven beyond an end is not lost for good.
Schedule     Batches in an order shuffled anew in every epoch, no momentum, no decay; the rate is halved for the
             last two fifths of the epochs and is two fifths of that in the last one. Weights start normal with
             variance 1 / (number of inputs), biases at 0.
Seeds        One seed gives the first weights, the orders and the noise, each a stream of its own: two kinds of
             neuron with one seed start from the same weights and see the same batches.
Source       Li et al., Chin. Phys. B 31, 117106 (2022), Fig. 4(c): 784-100-10 with the device's sigmoid as
             activation. The output layer, the loss, the schedule and the rule for the slope are choices of this
             package.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]  # float32 or float64, as the weights are

N_HIDDEN: Final = 100
N_CLASSES: Final = 10
SLOPE_MIN: Final = 1e-3
_TABLE_SIZE: Final = 2**14  # entries: with 35 mA and K = 2.5 mA, the nearest one is within 1.1e-4 of Y
_CHUNK: Final = 1000  # images tested at once


class Activation(Protocol):
    """What a hidden neuron does with its input."""

    def respond(self, z: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return output and slope, each of the shape and type of z; `rng` makes the noise of this use."""
        ...

    def clamped(self, z: Array) -> float:
        """Return the share of the inputs that are beyond what the neuron can be given."""
        ...


class IdealSigmoid:
    """The neuron 1 / (1 + exp(-z)): no noise, no ends."""

    def respond(self, z: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return the sigmoid and its derivative."""
        y = 0.5 * np.tanh(0.5 * z) + 0.5
        return y, y * (1 - y)

    def clamped(self, z: Array) -> float:
        """Return 0: every input is possible."""
        return 0.0


class MeasuredNeuron:
    """A neuron that is a table: the mean Y of a device and its noise against current.

    `current` (A), shape (n,), ascending, at least two; `Y` and `noise` (standard deviation of Y between cycles, at
    least 0) of that shape or, the noise, one number. X_0 and K (A, positive) turn the network's z into a current.
    Raises ValueError for anything else.
    """

    def __init__(self, current: ArrayLike, Y: ArrayLike, noise: ArrayLike, X_0: float, K: float) -> None:
        I = np.asarray(current, dtype=np.float64)
        mean = np.asarray(Y, dtype=np.float64)
        if I.ndim != 1 or len(I) < 2 or mean.shape != I.shape:
            raise ValueError(
                f"current and Y must be lists of one length, two at least; got {I.shape}, {mean.shape}"
            )
        scatter = np.broadcast_to(np.asarray(noise, dtype=np.float64), I.shape)
        if not (np.all(np.isfinite([I, mean, scatter])) and np.all(np.diff(I) > 0) and np.all(scatter >= 0)):
            raise ValueError("current must ascend, Y be finite and noise at least 0")
        if not (np.isfinite(X_0) and np.isfinite(K) and K > 0):
            raise ValueError(f"X_0 must be finite and K positive; got {X_0} A and {K} A")
        z = (I - X_0) / K
        grid = np.linspace(z[0], z[-1], _TABLE_SIZE)
        reach = float(z[-1] - z[0]) / (len(z) - 1)
        slope = (np.interp(grid + reach, z, mean) - np.interp(grid - reach, z, mean)) / (2 * reach)
        self._first, self._last = float(z[0]), float(z[-1])
        self._per_z = (_TABLE_SIZE - 1) / (self._last - self._first)
        self._Y = np.interp(grid, z, mean).astype(np.float32)
        self._slope = np.maximum(slope, SLOPE_MIN).astype(np.float32)
        self._noise = np.interp(grid, z, scatter).astype(np.float32)
        self._is_noisy = bool(np.any(scatter > 0))

    def respond(self, z: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return the table's Y, with noise, and its smoothed slope, at the nearest entries."""
        where = np.clip((z - self._first) * self._per_z + 0.5, 0, _TABLE_SIZE - 1).astype(np.intp)
        y = self._Y[where]
        if self._is_noisy:
            y += self._noise[where] * rng.standard_normal(z.shape, dtype=np.float32)
        return y.astype(z.dtype, copy=False), self._slope[where].astype(z.dtype, copy=False)

    def clamped(self, z: Array) -> float:
        """Return the share of the inputs whose current is beyond the ends of the table."""
        return float(np.mean((z < self._first) | (z > self._last)))


class Digits(NamedTuple):
    """Images as bytes, shape (n, pixels), and what they show, integers of shape (n,), 0 to N_CLASSES - 1."""

    images: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]


class Weights(NamedTuple):
    """Everything the network learns: W1 (pixels, hidden), b1 (hidden), W2 (hidden, classes), b2 (classes)."""

    W1: Array
    b1: Array
    W2: Array
    b2: Array


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the network learns: epochs, images in a batch, and the rate of the first epochs."""

    epochs: int
    batch_size: int
    learning_rate: float

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, from 1."""
        if 5 * (epoch - 1) < 3 * self.epochs:
            return self.learning_rate
        return self.learning_rate * (0.2 if epoch == self.epochs else 0.5)


@dataclass(frozen=True, slots=True)
class Epoch:
    """The network after an epoch: what it makes of images that it has not learned from.

    `accuracy` is the share of test images put in the right class, `loss` their mean cross-entropy, `loss_train`
    that of the training images as they came up in the epoch, `clamped` the share of hidden inputs, over the test
    images, that are beyond the neuron's ends.
    """

    epoch: int
    learning_rate: float
    accuracy: float
    loss: float
    loss_train: float
    clamped: float


def first_weights(n_pixels: int, rng: np.random.Generator, n_hidden: int = N_HIDDEN) -> Weights:
    """Return weights to start from, float32: normal, of variance 1 / (number of inputs); biases are 0."""

    def layer(n_in: int, n_out: int) -> Array:
        return (rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)).astype(np.float32)

    return Weights(
        layer(n_pixels, n_hidden),
        np.zeros(n_hidden, np.float32),
        layer(n_hidden, N_CLASSES),
        np.zeros(N_CLASSES, np.float32),
    )


def gradient(
    weights: Weights, x: Array, labels: Array, activation: Activation, rng: np.random.Generator
) -> tuple[float, Weights]:
    """Return the loss of a batch x, shape (n, pixels), and its derivative by every weight."""
    a, slope = activation.respond(x @ weights.W1 + weights.b1, rng)
    p = _softmax(a @ weights.W2 + weights.b2)
    rows = np.arange(len(labels))
    loss = _cross_entropy(p[rows, labels])
    p[rows, labels] -= 1
    p /= len(labels)  # now the derivative by the outputs' inputs
    d = (p @ weights.W2.T) * slope
    return loss, Weights(x.T @ d, d.sum(axis=0), a.T @ p, p.sum(axis=0))


def train(
    training: Digits, test: Digits, activation: Activation, schedule: Schedule, seed: int
) -> Iterator[Epoch]:
    """Train a network from its first weights, and yield what it can do after every epoch."""
    of_weights, of_order, of_noise = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)
    )
    weights = first_weights(training.images.shape[1], of_weights)
    for epoch in range(1, schedule.epochs + 1):
        rate = schedule.rate(epoch)
        order = of_order.permutation(len(training.labels))
        losses = 0.0
        for start in range(0, len(order), schedule.batch_size):
            batch = order[start : start + schedule.batch_size]
            x, labels = _pixels(training.images[batch]), training.labels[batch]
            loss, derivative = gradient(weights, x, labels, activation, of_noise)
            losses += loss * len(batch)
            for weight, change in zip(weights, derivative, strict=True):
                change *= rate
                weight -= change
        accuracy, loss, clamped = evaluate(weights, test, activation, of_noise)
        yield Epoch(epoch, rate, accuracy, loss, losses / len(order), clamped)


def evaluate(
    weights: Weights, digits: Digits, activation: Activation, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return the share of images put in the right class, their loss, and the share of clamped inputs."""
    right = losses = clamped = 0.0
    for start in range(0, len(digits.labels), _CHUNK):
        labels = digits.labels[start : start + _CHUNK]
        z = _pixels(digits.images[start : start + _CHUNK]) @ weights.W1 + weights.b1
        a, _ = activation.respond(z, rng)
        p = _softmax(a @ weights.W2 + weights.b2)
        right += float(np.sum(p.argmax(axis=1) == labels))
        losses += _cross_entropy(p[np.arange(len(labels)), labels]) * len(labels)
        clamped += activation.clamped(z) * len(labels)
    n = len(digits.labels)
    return right / n, losses / n, clamped / n


def _pixels(images: NDArray[np.uint8]) -> Array:
    return images * np.float32(1 / 255)


def _softmax(z: Array) -> Array:
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p


def _cross_entropy(right: Array) -> float:
    # float32 has no smaller number than 1e-38 with all its digits: a hopeless image costs 87, not infinity
    return -float(np.mean(np.log(np.maximum(right, np.finfo(np.float32).tiny))))
