"""States to start from on the simulated bench: demagnetized device after device, and every protocol from each."""

from pathlib import Path

import numpy as np
import pytest
from command_line import Command

from labctl import config, engine, runfile

DEVICES = range(101, 111)
OE = 1e-4


def residual(tmp_path: Path, device_seed: int, *parameters: str) -> float:
    """(R_xy - R_off) / R_AHE after `demagnetize` at -500 Oe on a device of alox-2.0, through drivers and wire."""
    _, text = config.load_sample("alox-2.0")
    sample = tmp_path / f"device{device_seed}.toml"
    sample.write_text(text.replace("device_seed = 21 ", f"device_seed = {device_seed} "))
    assert config.load_sample(str(sample))[0].device_seed == device_seed
    request = engine.prepare(
        "demagnetize",
        ["mu0_H_x=-500Oe", *parameters],
        station="sim",
        sample=str(sample),
        seed=device_seed,
        output=tmp_path / "runs",
    )
    return engine.rehearse(request).analysis.results["R_xy_residual_over_R_AHE"].value


def test_ten_devices_are_demagnetized_from_both_saturated_states(tmp_path: Path) -> None:
    """alox-2.0 at -500 Oe, +28, -27.5 ... -0.5 mA: less than 5 % of R_AHE remain, whichever device and state."""
    left = np.array(
        [
            [residual(tmp_path, device, f"preparation={start}") for start in ("saturate+", "saturate-")]
            for device in DEVICES
        ]
    )
    assert np.max(np.abs(left)) < 0.05
    assert (
        abs(np.mean(left)) < 0.015
    )  # what the source's resolution of 10 uA leaves of its zero, and the scatter


def test_the_zero_of_the_source_left_in_is_what_magnetizes_the_layer(tmp_path: Path) -> None:
    """Played as asked for, the same train leaves some per cent more of one sign, on average of five devices."""
    kept, taken = (
        np.array([residual(tmp_path, device, f"source_zero={zero}") for device in DEVICES[:5]])
        for zero in ("ignored", "measured")
    )
    assert np.mean(kept - taken) < -0.015


@pytest.mark.parametrize("sample", ["alox-0.0", "alox-0.5", "alox-1.0", "alox-1.5"])
def test_a_sample_that_does_not_demagnetize_is_said_not_to(labctl: Command, sample: str) -> None:
    """Up to 1.5 nm of AlOx switching runs away with the layer: far more than 5 % remain, and the run warns."""
    said = labctl("run", "demagnetize", "--sample", sample, "-p", "mu0_H_x=-500Oe", "--seed", "1", "--json")
    assert said.status == 0
    assert abs(said.json["results"]["R_xy_residual_over_R_AHE"]["value"]) > 0.2
    (warning,) = said.json["warnings"]
    assert warning.startswith("the layer is not demagnetized")


SHORT = {
    "ahe-loop": ("mu0_H_step=50Oe",),
    "sot-switching": ("I_step=7mA", "mu0_H_x=-500Oe"),
    "minor-loops": ("I_step=10mA", "I_max_list=20mA"),
    "sigmoid-neuron": ("I_step=5mA", "n_cycles=1"),
}


@pytest.mark.parametrize("protocol", SHORT)
@pytest.mark.parametrize(
    ("preparation", "m"), [("saturate+", 1.0), ("saturate-", -1.0), ("demagnetize", 0.0)]
)
def test_every_protocol_starts_from_the_state_that_was_asked_for(
    labctl: Command, protocol: str, preparation: str, m: float
) -> None:
    """(R_xy_prepared - R_off) / R_AHE, of the sample's 0.05 and 0.4 ohm, is +1, -1 or 0; the log tells how."""
    words = [word for value in (*SHORT[protocol], f"preparation={preparation}") for word in ("-p", value)]
    said = labctl("run", protocol, "--sample", "alox-2.0", *words, "--seed", "3", "-o", "run.h5", "--json")
    assert said.status == 0, said.err
    assert not [warning for warning in said.json["warnings"] if "at the start" in warning]
    run = runfile.read_run(Path("run.h5"))
    assert run.parameters["preparation"].value == preparation
    (R_xy,) = set(run.columns["R_xy_prepared"])
    assert (R_xy - 0.05) / 0.4 == pytest.approx(m, abs=0.05 if m == 0 else 0.005)
    assert [event for event in run.log if f"prepared ({preparation})" in event.text]


def test_a_sample_that_cannot_be_demagnetized_is_warned_of_before_it_is_measured(labctl: Command) -> None:
    """Without AlOx the train leaves one state, and the loop that follows says so first."""
    said = labctl(
        "run", "sot-switching", "--sample", "alox-0.0", "-p", "preparation=demagnetize", "-p", "I_step=7mA",
        "--seed", "1", "--json",
    )  # fmt: skip
    assert said.json["warnings"][0].startswith("the layer was not demagnetized at the start")


def test_a_station_without_the_magnet_serves_until_the_state_needs_it(
    labctl: Command, tmp_path: Path
) -> None:
    """The neuron on a station with magnet x alone: demagnetized it runs, saturated is refused in one line."""
    _, text = config.load_station("sim")
    sections = [
        part for part in text.split("\n[") if not part.startswith(("instruments.supply_", "magnets."))
    ]
    x_only = [part for part in text.split("\n[") if part.startswith(("instruments.supply_x", "magnets.x"))]
    station = tmp_path / "x.toml"
    station.write_text("\n[".join([*sections, *x_only]))
    words = ("run", "sigmoid-neuron", "--station", str(station), "--sample", "alox-2.0", "--seed", "1")
    assert labctl(*words, "-p", "preparation=demagnetize", "-p", "n_cycles=1").status == 0
    refused = labctl(*words, "-p", "preparation=saturate+")
    assert refused.status == 2
    assert "must have a magnet along z for magnet_z" in refused.err
    assert refused.err.count("Nothing was sent.") == 1
