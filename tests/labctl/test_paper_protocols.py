"""Demagnetizing, minor loops and the neuron on the simulated bench: the paper's Figs. 3 and 4."""

from typing import Any

import pytest
from command_line import Command

MA = 1e-3


def measured(labctl: Command, *words: str, seed: int = 1) -> dict[str, Any]:
    """Results of a run on alox-2.0 at -500 Oe, the paper's sample and field, as {name: value}."""
    said = labctl(
        "run", *words, "--sample", "alox-2.0", "-p", "mu0_H_x=-500Oe", "--seed", str(seed), "--json"
    )
    assert said.status == 0, said.err
    return {name: result["value"] for name, result in said.json["results"].items()}


@pytest.mark.parametrize("start", ["saturate+", "saturate-"])
def test_fifty_six_alternating_pulses_leave_little_of_either_saturated_state(
    labctl: Command, start: str
) -> None:
    """From +28 to -0.5 mA in one waveform: what is left is a few per cent of R_AHE, from both states alike."""
    found = measured(labctl, "demagnetize", "-p", f"preparation={start}")
    assert abs(found["R_xy_residual_over_R_AHE"]) < 0.05


def test_a_sample_that_switches_in_one_step_does_not_demagnetize(labctl: Command) -> None:
    """At t = 0 the last pulse that switches takes all with it, and the run says so."""
    said = labctl(
        "run", "demagnetize", "--sample", "alox-0.0", "-p", "mu0_H_x=-500Oe", "--seed", "1", "--json"
    )
    assert abs(said.json["results"]["R_xy_residual_over_R_AHE"]["value"]) > 0.5
    assert said.json["warnings"]


def test_minor_loops_end_where_the_model_says_and_stay_there(labctl: Command) -> None:
    """R/R_AHE after 12, 16, 20, 24 and 30 mA as a prototype of the model gave it; nothing moves while waiting."""
    found = measured(labctl, "minor-loops")
    ends = [found[f"m_at_I_max_{number}"] for number in range(1, 6)]
    assert ends == pytest.approx([-0.63, -0.09, 0.56, 0.89, 0.93], abs=0.04)
    assert found["max_volatility"] < 0.007


def test_the_neuron_is_a_sigmoid_only_with_resets(labctl: Command) -> None:
    """X_0 = 16.4 mA and K = 2.55 mA with a RESET before each lower current; without, there is no curve."""
    found = measured(labctl, "sigmoid-neuron", "-p", "order=random")
    assert found["X_0"] / MA == pytest.approx(16.4, abs=0.3)
    assert found["K"] / MA == pytest.approx(2.55, abs=0.15)
    assert found["cycle_noise"] < 0.0035
    never = measured(labctl, "sigmoid-neuron", "-p", "order=random", "-p", "reset=never")
    assert never["K"] is None  # what is left is no sigmoid
