"""`labctl classify` from neuron files to the result's file, on digits that the tests draw themselves."""

import math
import multiprocessing
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from command_line import Command, Said
from digit_files import real_mnist, write_digits, write_neuron, write_part

from labctl import classify
from labctl.errors import LabctlError
from labctl.runfile import read_run

QUICK = ("--seeds", "2", "--epochs", "6", "--jobs", "1")


def classified(labctl: Command, tmp_path: Path, *neurons: Path, more: tuple[str, ...] = ()) -> Said:
    """Classify the small digits by neurons, in this process."""
    digits = write_digits(tmp_path / "digits")
    files = [word for neuron in neurons for word in ("--neuron", str(neuron))]
    return labctl("classify", *files, "--mnist", str(digits), *QUICK, "--json", *more)


def values(said: Said) -> dict[str, float]:
    assert said.status == 0, said.err
    return {name: result["value"] for name, result in said.json["results"].items()}


def test_a_good_neuron_reads_digits_as_well_as_the_ideal_sigmoid(labctl: Command, tmp_path: Path) -> None:
    """Both read nearly all; every epoch of both, for every seed, is in the file."""
    said = classified(labctl, tmp_path, write_neuron(tmp_path / "good.h5"))
    found = values(said)
    assert found["accuracy_ideal"] > 0.95
    assert abs(found["accuracy_gap"]) < 0.02
    assert found["accuracy_gap"] == pytest.approx(found["accuracy_ideal"] - found["accuracy_device"])
    assert said.json["rows"] == 2 * 2 * 6
    stored = read_run(Path(said.json["file"]))
    assert stored.status == "complete"
    assert stored.columns["epoch"].tolist() == [1, 2, 3, 4, 5, 6] * 4
    assert stored.columns["neuron"].tolist() == ([0] * 6 + [1] * 6) * 2
    assert stored.columns["seed"].tolist() == [1] * 12 + [2] * 12
    assert stored.results["accuracy_device"].value == found["accuracy_device"]


def test_the_file_holds_what_the_network_was_given(labctl: Command, tmp_path: Path) -> None:
    """The neuron's table, noise, X_0, K, its run and the model behind it: the run may be gone next year."""
    neuron = write_neuron(tmp_path / "good.h5", noise_curve=[0.001 * n for n in range(36)])
    stored = read_run(Path(classified(labctl, tmp_path, neuron).json["file"]))
    measured = read_run(neuron)
    assert stored.sample["neuron_1_uuid"].value == measured.uuid
    assert stored.sample["neuron_1_Y"].value == measured.curves["Y_mean"].y.tolist()
    assert stored.sample["neuron_1_Y_noise"].value == pytest.approx([0.001 * n for n in range(36)])
    assert stored.parameters["X_0"].value == pytest.approx([16e-3])
    assert stored.parameters["K"].value == pytest.approx([2.5e-3])
    assert stored.simulation is not None
    assert stored.simulation["neuron_1"].value["hysterons"] == 4096


def test_the_notes_say_what_is_the_schedules_doing_and_what_the_devices(
    labctl: Command, tmp_path: Path
) -> None:
    """The accuracies stand with the schedule, the gap with the device."""
    results = classified(labctl, tmp_path, write_neuron(tmp_path / "good.h5")).json["results"]
    assert "schedule" in results["accuracy_ideal"]["note"]
    assert "schedule" in results["accuracy_device"]["note"]
    assert "device" in results["accuracy_gap"]["note"]


def test_show_plot_and_export_know_the_file(labctl: Command, tmp_path: Path) -> None:
    """As for a run: a table, two pictures (accuracy and loss), a CSV with units."""
    said = classified(labctl, tmp_path, write_neuron(tmp_path / "good.h5"), more=("-o", "c.h5"))
    assert said.json["figure"] == "c.png"
    assert (tmp_path / "c_loss.png").read_bytes().startswith(b"\x89PNG")
    assert labctl("show", "c.h5", "--json").json["results"] == said.json["results"]
    assert labctl("plot", "c.h5", "-o", "again.svg").status == 0
    assert "Accuracy (%)" in (tmp_path / "again.svg").read_text()
    assert "Loss (mean cross-entropy)" in (tmp_path / "again_loss.svg").read_text()
    assert labctl("export", "c.h5", "--to", "csv").status == 0
    assert "mu0_H_x (T)" in (tmp_path / "c.csv").read_text()


def test_a_classification_is_no_protocol_to_run(labctl: Command, tmp_path: Path) -> None:
    """It is neither listed nor run: no instrument takes part in it."""
    assert "classify" not in labctl("protocols").out
    said = labctl("run", "classify")
    assert said.status == 2
    assert "the protocol must be one of" in said.err


def test_bad_neurons_do_visibly_worse(labctl: Command, tmp_path: Path) -> None:
    """A step far from the centre, and a neuron whose Y says little of the current, in a good neuron's circuit."""
    good = write_neuron(tmp_path / "good.h5")
    step = write_neuron(tmp_path / "step.h5", Y=[0.0] * 32 + [1.0] * 4, K=0.23, K_limit="upper")
    noisy = write_neuron(
        tmp_path / "noisy.h5", Y=[0.5 + 0.1 * math.sin(n) for n in range(36)], K=math.nan, noise=0.4
    )
    said = classified(labctl, tmp_path, good, step, noisy, more=("--scale-from", str(good)))
    found = values(said)
    assert found["accuracy_gap_1"] < 0.02
    assert found["accuracy_gap_2"] > 0.05
    assert found["accuracy_gap_3"] > 0.05
    for warning, name in zip(said.json["warnings"], ("step.h5", "noisy.h5"), strict=False):
        assert re.search(f"{name} has no measured K: X_0 and K are those of .*good.h5", warning)
    stored = read_run(Path(said.json["file"]))
    assert stored.parameters["K"].value == pytest.approx([2.5e-3] * 3)


def test_neurons_of_several_fields_are_drawn_against_the_field(labctl: Command, tmp_path: Path) -> None:
    """Numbered results in the order given, one curve from the lowest field to the highest, in Oe in the picture."""
    neurons = [write_neuron(tmp_path / f"H{H}.h5", mu0_H_x=-H * 1e-4) for H in (400, 600, 500)]
    said = classified(labctl, tmp_path, *neurons, more=("-o", "fields.h5"))
    assert {"accuracy_device_1", "accuracy_device_2", "accuracy_device_3"} <= set(values(said))
    curve = read_run(tmp_path / "fields.h5").curves["accuracy_against_mu0_H_x"]
    assert curve.x == pytest.approx([-0.06, -0.05, -0.04])
    assert labctl("plot", "fields.h5", "-o", "fields.svg").status == 0
    assert "(Oe)" in (tmp_path / "fields.svg").read_text()


def test_one_cycle_has_no_noise_and_says_so(labctl: Command, tmp_path: Path) -> None:
    """Without repeats the noise is unknown: it is taken as 0, with a warning."""
    said = classified(labctl, tmp_path, write_neuron(tmp_path / "one.h5", noise=math.nan))
    assert "its noise was not measured and is taken as 0" in said.json["warnings"][0]
    assert set(read_run(Path(said.json["file"])).sample["neuron_1_Y_noise"].value) == {0.0}


@pytest.mark.parametrize(
    ("neuron", "complaint"),
    [
        ({"protocol": "ahe-loop"}, "must be a run of sigmoid-neuron; it is one of ahe-loop"),
        ({"Y": [], "K": math.nan}, "must have a curve Y against current"),
        ({"K": math.nan}, "no sigmoid goes through Y.*Give --scale-from FILE"),
        ({"K": 0.2, "K_limit": "upper"}, "must have a measured width K.*Give --scale-from"),
    ],
)
def test_what_is_no_neuron_is_refused(
    labctl: Command, tmp_path: Path, neuron: dict[str, Any], complaint: str
) -> None:
    """One line, exit 2, before anything is computed or written."""
    said = classified(labctl, tmp_path, write_neuron(tmp_path / "bad.h5", **neuron))
    refused(said, complaint)
    assert not (tmp_path / "runs").exists()


def refused(said: Said, complaint: str) -> None:
    assert said.status == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert re.search(complaint, said.err)


def test_a_wrong_request_is_refused(labctl: Command, tmp_path: Path) -> None:
    """No neuron, no digits, one neuron twice, a scale without a width, and a file that is there already."""
    good = write_neuron(tmp_path / "good.h5")
    sharp = write_neuron(tmp_path / "sharp.h5", K=0.2, K_limit="upper")
    refused(labctl("classify", "--mnist", "."), "Missing option '--neuron'")
    refused(labctl("classify", "--neuron", "nothing.h5", "--mnist", "."), "nothing.h5 must be a file")
    refused(labctl("classify", "--neuron", str(good), "--mnist", "nowhere"), "nowhere must hold train-images")
    refused(classified(labctl, tmp_path, good, good), "--neuron must name every file once")
    refused(
        classified(labctl, tmp_path, good, more=("--scale-from", str(sharp))),
        "--scale-from must be a run with a measured X_0 and K",
    )
    refused(classified(labctl, tmp_path, good, more=("-o", str(good))), "good.h5 must not exist yet")


def measured_neuron(labctl: Command, name: str, *words: str, sample: str = "alox-2.0") -> str:
    """Measure a neuron at -500 Oe on the simulated bench; return its file."""
    said = labctl(
        "run", "sigmoid-neuron", "--sample", sample, "-p", "mu0_H_x=-500Oe", "--seed", "1", "-o", name, *words
    )
    assert said.status == 0, said.err
    return name


def test_on_mnist_a_measured_neuron_is_as_good_as_the_ideal_one_and_bad_ones_are_not(
    labctl: Command, tmp_path: Path
) -> None:
    """A tenth of MNIST, two epochs: no gap with alox-2.0, a wide one without RESETs and with t = 0's one step."""
    part = write_part(real_mnist(), tmp_path / "part", n_train=6000, n_test=2000)
    good = measured_neuron(labctl, "good.h5")
    no_reset = measured_neuron(labctl, "no_reset.h5", "-p", "reset=never", "-p", "order=random")
    one_step = measured_neuron(labctl, "one_step.h5", sample="alox-0.0")
    neurons = [word for file in (good, no_reset, one_step) for word in ("--neuron", file)]
    small = ("--seeds", "1", "--epochs", "2", "--jobs", "1", "--json")
    found = values(labctl("classify", *neurons, "--scale-from", good, "--mnist", str(part), *small))
    assert found["accuracy_ideal"] > 0.8
    assert abs(found["accuracy_gap_1"]) < 0.02
    assert found["accuracy_gap_2"] > 0.3
    assert found["accuracy_gap_3"] > 0.3


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_on_all_of_mnist_the_device_is_within_a_fifth_of_a_percent(labctl: Command, tmp_path: Path) -> None:
    """Five seeds of twenty epochs: the ideal sigmoid 97.8 +- 0.3 %, the device within 0.2 points of it."""
    mnist = str(real_mnist())
    good = measured_neuron(labctl, "good.h5")
    found = values(labctl("classify", "--neuron", good, "--mnist", mnist, "--json"))
    assert found["accuracy_ideal"] == pytest.approx(0.978, abs=0.003)
    assert abs(found["accuracy_gap"]) < 0.002


def task_of(tmp_path: Path, *, jobs: int) -> classify.Task:
    """A classification of the small digits, ready to run."""
    return classify.prepare(
        [write_neuron(tmp_path / "good.h5")],
        write_digits(tmp_path / "digits"),
        scale_from=None,
        first_seed=1,
        n_seeds=2,
        epochs=6,
        output=tmp_path / "result.h5",
        jobs=jobs,
    )


def test_a_stop_keeps_what_was_learned_by_then(tmp_path: Path) -> None:
    """Ctrl-C in the second training: the rows so far are in the file, which says how it ended; exit 3."""

    def stop(done: int) -> None:
        if done == 8:
            signal.raise_signal(signal.SIGINT)

    finished = classify.run(task_of(tmp_path, jobs=1), stop)
    assert finished.rows == 8
    assert finished.error is not None
    assert finished.error.exit_status == 3
    stored = read_run(tmp_path / "result.h5")
    assert (stored.status, stored.reason) == ("stopped", "stopped by the user")
    assert stored.results["accuracy_ideal"].value > 0.9
    assert math.isnan(stored.results["accuracy_gap"].value)


@pytest.mark.slow
def test_a_dead_process_ends_it_and_leaves_none_behind(tmp_path: Path) -> None:
    """A training process that is killed is one clear line, not an endless wait; nothing is written."""

    def kill(done: int) -> None:
        if done == 1:
            multiprocessing.active_children()[0].kill()

    with pytest.raises(LabctlError, match="a training process died"):
        classify.run(task_of(tmp_path, jobs=2), kill)
    assert not multiprocessing.active_children()
    assert not (tmp_path / "result.h5").exists()


@pytest.mark.slow
def test_other_processes_find_the_same_numbers(labctl: Command, tmp_path: Path) -> None:
    """Two processes or this one alone: every column is the same to the last bit."""
    neuron = write_neuron(tmp_path / "good.h5")
    alone = classified(labctl, tmp_path, neuron, more=("-o", "alone.h5"))
    two = classified(labctl, tmp_path, neuron, more=("-o", "two.h5", "--jobs", "2"))
    assert alone.status == two.status == 0
    columns, others = (read_run(tmp_path / name).columns for name in ("alone.h5", "two.h5"))
    for name, column in columns.items():
        assert column.tobytes() == others[name].tobytes(), name
