"""Spike pairs on the simulated bench: the paper's Fig. 3 on alox-2.0, what breaks it, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Command

from labctl.registry import load_protocol
from labctl.request import make_parameters
from labctl.runfile import Run, read_run

MOHM = 1e-3

#: Half-differences of the window (mohm) at 2, 4 ... 12 ms as a prototype of the model gave them at -500 Oe.
PROTOTYPE = {"1": [144, 112, 85, 60, 41, 25], "2": [139, 64, 31, 14, 6, 2]}

#: I_spike over the current that half of the layer switches at: 8 mA at -500 Oe. Our choice.
SHARE = 8 / 16.6


def window(
    labctl: Command, *words: str, field: int = -500, sample: str = "alox-2.0"
) -> tuple[dict[str, Any], Run]:
    """The JSON object of a run and the run as its file has it."""
    asked = ["-p", f"mu0_H_x={field}Oe", *words]
    said = labctl("run", "stdp", "--sample", sample, *asked, "--seed", "1", "--json")
    assert said.status == 0, said.err
    return said.json, read_run(Path(said.json["file"]))


def halves(run: Run) -> tuple[Any, Any]:
    """Half-differences and half-sums (mohm) of the mean changes at dt < 0 and dt > 0, by rising |dt|."""
    mean = run.curves["dR_mean"].y / MOHM
    n = len(mean) // 2
    minus, plus = mean[:n][::-1], mean[-n:]
    return (minus - plus) / 2, (minus + plus) / 2


# --- the claims --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spike", "tau"), [("1", 6.6e-3), ("2", 2.7e-3)])
def test_the_window_follows_the_spikes_tail(labctl: Command, spike: str, tau: float) -> None:
    """Both signs, one height, one decay; falling from 2 ms on as the prototype; a lone spike does little."""
    json, run = window(labctl, "-p", f"spike={spike}")
    found = {name: result["value"] for name, result in json["results"].items()}
    assert found["A_plus"] < 0 < found["A_minus"]
    assert -found["A_plus"] == pytest.approx(found["A_minus"], rel=0.1)
    assert [found["tau_plus"], found["tau_minus"]] == pytest.approx([tau, tau], rel=0.15)
    odd, _ = halves(run)
    assert odd == pytest.approx(PROTOTYPE[spike], rel=0.15, abs=4)
    assert np.all(np.diff(odd) < 3)  # down to the scatter of one repeat
    assert found["asymmetry"] < 0.1
    assert found["lone_spike_ratio"] < 0.1
    assert not any("not judged" in warning for warning in json["warnings"])


@pytest.mark.parametrize("field", [-600, -400, 400, 500, 600])
def test_a_spike_proportional_to_the_threshold_gives_the_same_antisymmetric_window(
    labctl: Command, field: int
) -> None:
    """I_spike follows I_th as measured by sot-switching; half-sums are below 10 % of the half-differences.

    So are A_plus and A_minus, although they are extrapolated to dt = 0 from different curvatures.
    """
    said = labctl(
        "run", "sot-switching", "--sample", "alox-2.0", "-p", f"mu0_H_x={field}Oe", "--seed", "1", "--json"
    )
    I_spike = SHARE * said.json["results"]["I_th"]["value"]
    json, run = window(labctl, "-p", f"I_spike={I_spike} A", "-p", "n_repeats=1", field=field)
    found = {name: result["value"] for name, result in json["results"].items()}
    assert found["asymmetry"] < 0.1
    assert -found["A_plus"] / found["A_minus"] == pytest.approx(1, abs=0.1)
    assert found["lone_spike_ratio"] < 0.1
    odd, _ = halves(run)
    assert np.sign(odd[0]) == -np.sign(field)
    assert abs(odd[0]) == pytest.approx(PROTOTYPE["1"][0], rel=0.07)


# --- what breaks them --------------------------------------------------------------------------------


def test_a_spike_that_does_not_follow_the_threshold_gives_another_window(labctl: Command) -> None:
    """8 mA at -400 Oe, where 9 mA are needed: a third of the height is missing."""
    _, run = window(labctl, "-p", "n_repeats=1", field=-400)
    assert halves(run)[0][0] < 0.75 * PROTOTYPE["1"][0]


def test_a_spike_at_the_threshold_switches_alone(labctl: Command) -> None:
    """16 mA is what half of the layer switches at."""
    json, _ = window(labctl, "-p", "I_spike=16mA", "-p", "n_repeats=1")
    assert json["results"]["lone_spike_ratio"]["value"] > 0.3


def test_spikes_without_tails_have_no_window(labctl: Command) -> None:
    """Heads alone never add up, so that a pair does no more than a lone spike."""
    _, run = window(
        labctl, "-p", "spike=rectangle", "-p", "tail_ratio=0", "-p", "n_repeats=1", "-p", "dt_max=8ms"
    )
    assert np.max(np.abs(run.curves["dR_mean"].y)) < 20 * MOHM


def test_different_spikes_give_an_asymmetric_window(labctl: Command) -> None:
    """Head of post on the linear tail of pre, head of pre on the exponential tail of post."""
    json, _ = window(labctl, "-p", "spike_post=2", "-p", "n_repeats=1")
    found = json["results"]["asymmetry"]["value"]
    assert found is None or found > 0.1


@pytest.mark.parametrize("sample", ["alox-0.0", "alox-1.5"])
def test_where_the_layer_does_not_demagnetize_the_window_is_shown_not_judged(
    labctl: Command, sample: str
) -> None:
    """The thinner samples switch in too few steps: the run says so, and gives no number to be held against it."""
    json, run = window(labctl, "-p", "n_repeats=2", sample=sample)
    assert any("not judged" in warning for warning in json["warnings"])
    assert json["results"]["asymmetry"]["value"] is None
    assert json["results"]["lone_spike_ratio"]["value"] is None
    assert len(run.curves["dR_mean"].y) == 13


def test_a_train_that_does_not_demagnetize_is_found_out(labctl: Command) -> None:
    """Trains of 2 mA leave each pair with what the one before it did."""
    json, _ = window(labctl, "-p", "I_start=2mA", "-p", "n_repeats=1")
    assert any("not judged" in warning for warning in json["warnings"])


# --- the file ----------------------------------------------------------------------------------------

SPIKE = "time (ms),current (mA)\n0,8\n2,8\n2.0001,-8\n18,0\n"

SHORT = ("-p", "dt_max=4ms", "-p", "dt_step=2ms", "-p", "n_repeats=1")


def test_a_spike_from_a_file_is_in_the_run_and_needs_the_file_no_more(labctl: Command) -> None:
    """Spike 1 drawn by hand is spike 1; the stored samples alone give the parameters and the analysis again."""
    Path("drawn.csv").write_text(SPIKE, encoding="utf-8")
    _, drawn = window(labctl, "-p", "spike=@drawn.csv", *SHORT)
    _, named = window(labctl, "-p", "spike=1", *SHORT)
    Path("drawn.csv").unlink()
    assert drawn.waveforms is not None
    assert named.waveforms is not None
    assert drawn.waveforms.current == pytest.approx(named.waveforms.current, abs=1e-5)
    protocol = load_protocol("stdp")
    stored = {name: quantity.value for name, quantity in drawn.parameters.items()}
    again: Any = make_parameters(protocol, stored)
    assert again.I_spike == pytest.approx(8e-3)
    assert len(again.spike) == 180
    assert protocol.waveforms is not None
    assert protocol.waveforms(drawn.columns, again).current.tolist() == drawn.waveforms.current.tolist()
    analysis = protocol.analyse(drawn.columns, again)
    assert {name: result.note for name, result in analysis.results.items()} == {
        name: result.note for name, result in drawn.results.items()
    }
    assert labctl("show", str(drawn.path)).out.count("180 values") == 1


def test_the_waveforms_are_in_the_file_one_row_for_each_delay(labctl: Command) -> None:
    """Pre first, 2 ms: 8 mA, then -16 mA where the head of post lies on the tail of pre; exactly 0 at no delay."""
    _, run = window(labctl, *SHORT)
    waveforms = run.waveforms
    assert waveforms is not None
    assert waveforms.at == pytest.approx([-4e-3, -2e-3, 0, 2e-3, 4e-3])
    assert (waveforms.axis.name, waveforms.axis.unit) == ("dt_spike", "s")
    assert np.diff(waveforms.time) == pytest.approx(np.full(220, 1e-4))
    assert waveforms.current[3, [0, 19, 20]] == pytest.approx([8e-3, 8e-3, -15.975e-3])
    assert not np.any(waveforms.current[2])
    assert waveforms.current[0].tolist() == (-waveforms.current[4]).tolist()


def test_the_train_of_demagnetize_is_in_its_file(labctl: Command) -> None:
    """56 pulses and as many pauses from +28 mA on."""
    said = labctl("run", "demagnetize", "--seed", "1", "--json")
    waveforms = read_run(Path(said.json["file"])).waveforms
    assert waveforms is not None
    assert waveforms.current.shape == (1, 112)
    assert waveforms.current[0, :4] == pytest.approx([28e-3, 0, -27.5e-3, 0])


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "spike=@empty.csv",
            "spike must be a CSV file with a header and rows of numbers; empty.csv has no line",
        ),
        ("spike=@none.csv", "spike must be a CSV file that can be read; none.csv: No such file"),
        ("spike_post=@empty.csv", "spike_post must be a CSV file"),
        ("spike=@long.csv", "spike must last at most 1.1 s; got 2 s"),
        ("spike=@zero.csv", "spike must drive a current; got 0 A throughout"),
        ("spike=@drawn.csv I_spike=5mA", "I_spike must not be given where the file of spike is in amperes"),
        ("spike=@drawn.csv dt_max=20ms", "dt_max must be at most the length of a spike (18 ms)"),
        ("spike=3", "spike must be one of 1, 2, rectangle, triangle, exponential, or @FILE.csv; got '3'"),
        (
            "dt_max=20ms",
            "dt_max must be at most the length of a spike (18 ms), beyond which two do not meet; got 20",
        ),
        ("I_spike=30mA", "compliance_pulse must be at least the peak of a pair of spikes * R_load"),
        ("I_spike=24mA", "the current must be at most 40 mA (limit of alox-2.0); got 47.925 mA"),
        ("tail_ratio=1.5", "tail_ratio must be 0 to 1; got 1.5"),
        ("tau_spike=1us", "tau_spike must be 0.1 ms to 1000 ms; got 0.001 ms"),
    ],
)
def test_a_request_that_cannot_be_is_refused_before_any_instrument_is_touched(
    labctl: Command, rooms: list[Any], words: str, message: str
) -> None:
    """One line, exit status 2, and no bench was even opened."""
    for name, text in {
        "empty": "", "drawn": SPIKE, "long": "t (s),I (mA)\n0,8\n2,0\n", "zero": "t (ms),share\n0,0\n4,0\n",
    }.items():  # fmt: skip
        Path(f"{name}.csv").write_text(text, encoding="utf-8")
    said = labctl("run", "stdp", *(part for word in words.split() for part in ("-p", word)))
    assert said.status == 2
    assert message in said.err
    assert said.err.endswith("Nothing was sent.\n")
    assert said.err.count("\n") == 1
    assert rooms == []
