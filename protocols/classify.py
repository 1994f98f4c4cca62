"""Handwritten digits read by a 784-100-10 network whose hidden neurons are measured devices.

Method    The curve of one or several measured sigmoid neurons (mean Y against current, noise between cycles, ends)
          becomes the activation of a network's hidden layer, and the ideal sigmoid that of another; the rest of the
          two is the same. Both learn the training images for `epochs` epochs by mini-batch gradient descent, once
          for each seed, and are tested on the test images after every epoch (analysis/network.py).
Reports   accuracy_ideal, accuracy_device, accuracy_gap, loss_ideal, loss_device (analysis/classification.py); with
          several devices accuracy_device_1, accuracy_gap_1 ... in the order of the neurons.
Source    Li et al., Chin. Phys. B 31, 117106 (2022), Fig. 4(c) to 4(e): 60 000 and 10 000 images of MNIST, 97.7 %
          with the device and 97.8 % with the ideal sigmoid. The schedule of learning is a choice of this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocols.drawing import whole_numbers
from protocols.units import Oe
from protocols.vocabulary import Analysis, Column, Method, ParameterSet, parameter

if TYPE_CHECKING:
    from protocols.vocabulary import Curve, Data

_LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (6, 1, 1, 1, 1, 1)))


class Parameters(ParameterSet):
    """What was classified, by what, and how it was learned; SI inside."""

    neurons: list[str] = parameter([], "names of the neurons' runs, in the order of their numbers")
    X_0: list[float] = parameter(
        [], "current of each neuron at an input of 0, I = X_0 + K z", unit="A", display="mA"
    )
    K: list[float] = parameter([], "current of each neuron for an input of 1", unit="A", display="mA")
    scale_from: str = parameter("", "run that gave X_0 and K to neurons that have none of their own")
    n_train: int = parameter(60_000, "number of images to learn from", low=1)
    n_test: int = parameter(10_000, "number of images to test on", low=1)
    first_seed: int = parameter(1, "seed of the first training; each further one is higher by 1", low=0)
    n_seeds: int = parameter(5, "how often each network is trained", low=1, high=1000)
    epochs: int = parameter(20, "how often all images are learned from", low=1, high=10_000)
    batch_size: int = parameter(20, "images in a batch", low=1)
    learning_rate: float = parameter(
        0.3, "step of descent; halved for the last two fifths of the epochs, less in the last", above=0
    )


columns = (
    Column("epoch", "1", "number of the epoch, from 1", dtype="int64"),
    Column("accuracy", "1", "share of the test images put in the right class"),
    Column("loss", "1", "mean cross-entropy of the test images"),
    Column("loss_train", "1", "mean cross-entropy of the training images as they came up in the epoch"),
    Column("neuron", "1", "0 the ideal sigmoid, else the number of the measured neuron", dtype="int64"),
    Column("seed", "1", "seed of first weights, order and noise", dtype="int64"),
    Column("learning_rate", "1", "step of descent in the epoch"),
    Column("clamped", "1", "share of hidden inputs, over the test images, beyond the neuron's ends"),
    Column("mu0_H_x", "T", "field the neuron was measured in; NaN for the ideal sigmoid", display="Oe"),
)


def analyse(data: Data, p: Parameters) -> Analysis:
    """Accuracies, losses and gaps after the last epoch, from the columns and the names of the neurons alone."""
    from protocols.analysis.classification import classification  # numpy is not needed to list the methods

    return classification(data, epochs=p.epochs, devices=p.neurons)


def draw(
    axes: Any, data: Data, analysis: Analysis, *, label: str | None = None, color: str | None = None
) -> None:
    """Draw the accuracy (%) on a matplotlib Axes: against the epoch, as Fig. 4(d) of the source, or against H_x.

    The latter (Oe) where several neurons were measured in different fields. Lines are means over seeds, bands reach
    from the lowest to the highest; the ideal sigmoid is grey.
    """
    against_field = analysis.curves.get("accuracy_against_mu0_H_x")
    if against_field is None:
        _against_epoch(axes, "accuracy", 100, data, analysis, label, color)
        axes.set_ylabel("Accuracy (%)")
        return
    axes.set_xlabel("$H_x$ (Oe)")
    axes.set_ylabel("Accuracy (%)")
    ideal = analysis.results["accuracy_ideal"]
    axes.axhline(100 * ideal.value, color="0.5", linestyle=":", label=None if label else "ideal sigmoid")
    errors = {r.value: r.uncertainty for name, r in analysis.results.items() if "accuracy_device" in name}
    axes.errorbar(
        against_field.x / Oe,
        100 * against_field.y,
        [100 * errors[y] for y in against_field.y.tolist()],
        fmt="o-",
        color=color,
        label=label or "device",
    )
    axes.margins(y=0.3)
    if label is None:
        axes.legend(loc="lower center", ncols=2)


def draw_loss(
    axes: Any, data: Data, analysis: Analysis, *, label: str | None = None, color: str | None = None
) -> None:
    """Draw the loss against the epoch on a matplotlib Axes, as Fig. 4(e) of the source; otherwise as `draw`."""
    _against_epoch(axes, "loss", 1, data, analysis, label, color)
    axes.set_ylabel("Loss (mean cross-entropy)")


def _against_epoch(
    axes: Any,
    quantity: str,
    scale: float,
    data: Data,
    analysis: Analysis,
    label: str | None,
    color: str | None,
) -> None:
    names = (f"{quantity}_ideal", f"{quantity}_device")
    means = [curve for name, curve in analysis.curves.items() if name.startswith(names)]
    for neuron, curve in enumerate(means):
        style: dict[str, Any] = {"color": color, "linestyle": _LINES[(neuron - 1) % len(_LINES)]}
        if neuron == 0:
            style = {"color": "0.5", "linestyle": ":"}
        text = curve.help if label is None else label if neuron == 1 else None
        (line,) = axes.plot(curve.x, scale * curve.y, label=text, **style)
        low, high = _extremes(data, quantity, neuron, curve)
        axes.fill_between(curve.x, scale * low, scale * high, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.set_xlabel("Epoch")
    whole_numbers(axes)
    if label is None:
        axes.legend(loc="best")


def _extremes(data: Data, quantity: str, neuron: int, curve: Curve) -> tuple[Any, Any]:
    """Lowest and highest value over seeds at every epoch of a curve, NaN where there is none."""
    values = data[quantity][data["neuron"] == neuron]
    epochs = data["epoch"][data["neuron"] == neuron]
    here = [values[epochs == epoch] for epoch in curve.x]
    low, high = curve.y.copy(), curve.y.copy()
    low[:], high[:] = [v.min() for v in here], [v.max() for v in here]
    return low, high


evaluation = Method(
    name="classify",
    version="1",
    text=__doc__,
    parameters=Parameters,
    columns=columns,
    signal="accuracy",
    axis="epoch",
    analyse=analyse,
    draw=draw,
    more_pictures={"loss": draw_loss},
)
