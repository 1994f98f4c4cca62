"""Fig. 4(d) and 4(e): handwritten digits, read by a network of the measured neurons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import registry
from labctl.reproduce.judging import result_of, told, words
from labctl.reproduce.paper.fig4 import NEURON
from labctl.reproduce.plan import Claim, Falsifier, FileOf, Panel, Planned, Section, Verdict, planned

if TYPE_CHECKING:
    from labctl.runfile import Run

#: Fields (Oe) of the neurons that are compared.
_FIELDS = (-300, -500, -700)
_SCHEDULE = (
    "The schedule of learning (10 epochs, batches of 20, learning rate 0.3 that falls at the end) and the loss "
    "(cross-entropy): the absolute accuracy is their doing; the gap between the two networks is the device's."
)


def _one(runs: Sequence[Run], *names: str) -> list[Any]:
    (run,) = runs
    return [result_of(name)(run) for name in names]


def _accuracy(runs: Sequence[Run]) -> Verdict:
    ideal, device, gap = _one(runs, "accuracy_ideal", "accuracy_device", "accuracy_gap")
    holds = 0.975 < ideal.value < 0.981 and abs(gap.value) < 0.002
    text = f"ideal {words([ideal])}, device {words([device])}, gap {words([gap])}"
    return Verdict(holds, text, told(accuracy_ideal=[ideal], accuracy_device=[device], accuracy_gap=[gap]))


def _loss(runs: Sequence[Run]) -> Verdict:
    ideal, device = _one(runs, "loss_ideal", "loss_device")
    text = f"ideal {words([ideal])}, device {words([device])}"
    return Verdict(device.value < 1.1 * ideal.value, text, told(loss_ideal=[ideal], loss_device=[device]))


def _all_fields(runs: Sequence[Run]) -> Verdict:
    gaps = _one(runs, *(f"accuracy_gap_{number}" for number in range(1, len(_FIELDS) + 1)))
    return Verdict(
        all(abs(gap.value) < 0.003 for gap in gaps), f"gaps {words(gaps)}", told(accuracy_gap=gaps)
    )


def _draw(figure: Any, runs: Sequence[Run]) -> None:
    method = registry.load_method("classify")
    method.draw(figure.subplots(), runs[0].columns, _analysis(runs[0]))


def _draw_loss(figure: Any, runs: Sequence[Run]) -> None:
    registry.load_method("classify").more_pictures["loss"](
        figure.subplots(), runs[0].columns, _analysis(runs[0])
    )


def _analysis(run: Run) -> Any:
    from protocols.vocabulary import Analysis

    return Analysis(run.results, run.curves, run.warnings)


def sections(mnist: Path) -> tuple[Section, ...]:
    """The sections that need the images of MNIST, which lie in the folder `mnist`."""

    def learned(*neurons: Planned, scale_from: Planned | None = None, seeds: int = 3) -> Planned:
        files = {f"neuron_{number}": FileOf(neuron) for number, neuron in enumerate(neurons, start=1)}
        run = planned("classify", "alox-2.0", mnist=str(mnist), seeds=str(seeds), epochs="10").given(**files)
        return run if scale_from is None else run.given(scale_from=FileOf(scale_from))

    good = learned(NEURON)
    no_reset = learned(NEURON.given(reset="never"), scale_from=NEURON)
    sharp = learned(NEURON.on("alox-0.0"), scale_from=NEURON)
    fields = [NEURON.given(mu0_H_x=f"{field} Oe") for field in _FIELDS]
    by_field = learned(*fields, seeds=2)
    by_field_sharp = learned(*(run.given(reset="never") for run in fields), scale_from=NEURON, seeds=2)
    return (
        Section(
            name="4d",
            title="Accuracy of the network against the epoch",
            paper="A 784-100-10 network on 60 000 and 10 000 images reads 97.7 % of the digits with the device's "
            "curve as its activation, and 97.8 % with the ideal sigmoid.",
            ours=(
                _SCHEDULE,
                "Three seeds; the neuron is the one of Fig. 4(b), with its table, noise and ends.",
            ),
            claims=(
                Claim(
                    name="4d-accuracy",
                    text="The network of devices reads the digits as well as the ideal one: 97.7 % and 97.8 %.",
                    origin="paper",
                    criterion="the ideal network reads 97.8 ± 0.3 %, and the device's is within 0.2 points of it",
                    judge=_accuracy,
                    runs=(good,),
                    falsifier=Falsifier("the RESET before a lower current", (no_reset,)),
                    ours="both bounds",
                ),
            ),
            panel=Panel(
                (good,), _draw, "Accuracy on the test images; bands: lowest to highest of three seeds."
            ),
        ),
        Section(
            name="4e",
            title="Loss of the network against the epoch",
            paper="The loss of both networks against the epoch.",
            ours=(_SCHEDULE, "All values of the loss: the paper gives them in its figure only."),
            claims=(
                Claim(
                    name="4e-loss",
                    text="The network of devices learns as the ideal one does.",
                    origin="paper",
                    criterion="its loss on the test images after the last epoch is less than 1.1 times the ideal's",
                    judge=_loss,
                    runs=(good,),
                    falsifier=Falsifier("the gradual switching (the neuron of t = 0, a step)", (sharp,)),
                    ours="the factor of 1.1",
                ),
            ),
            panel=Panel(
                (good,), _draw_loss, "Loss on the test images; bands: lowest to highest of three seeds."
            ),
        ),
        Section(
            name="accuracy",
            title="Accuracy against the in-plane field",
            paper="The neuron is measured at H_x = −500 Oe.",
            ours=(_SCHEDULE, "The other fields, −300 and −700 Oe, and two seeds.", "The whole comparison."),
            claims=(
                Claim(
                    name="accuracy-field",
                    text="A neuron that was measured in another in-plane field serves as well.",
                    origin="model",
                    criterion="at −300, −500 and −700 Oe the accuracy is within 0.3 points of the ideal network's",
                    judge=_all_fields,
                    runs=(by_field,),
                    falsifier=Falsifier("the RESET before a lower current", (by_field_sharp,)),
                ),
            ),
            panel=Panel((by_field,), _draw, "Accuracy of networks of neurons measured in three fields."),
        ),
    )
