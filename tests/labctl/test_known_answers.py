"""What the sample was given comes back out of the loop: through protocol, drivers, wire, instruments and noise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bare_model import write_sample
from command_line import Command
from reference import ReferenceSample

OE = 1e-4


def results_of(labctl: Command, *words: str) -> dict[str, Any]:
    said = labctl("run", "ahe-loop", "--seed", "1", "--json", *words)
    assert said.status == 0, said.err
    return said.json["results"]


def test_height_and_offset_are_those_of_the_sample(labctl: Command, tmp_path: Path) -> None:
    """R_AHE and R_off as the sample file sets them, within the source's accuracy (0.05 % + 100 nA of 0.1 mA)."""
    sample = write_sample(tmp_path, 0.0, R_AHE="0.25 ohm", R_off="-0.1 ohm", n_patches="512")
    results = results_of(labctl, "--sample", sample)
    for name, value in (("R_AHE", 0.25), ("R_off", -0.1)):
        found = results[name]
        assert found["value"] == pytest.approx(value, rel=2e-3)
        assert abs(found["value"] - value) < 2 * found["uncertainty"] < 2e-3 * abs(value)


def bare_coercivity(history: list[Any], t_nm: float, device_seed: int, n_patches: int) -> tuple[float, float]:
    """Coercive fields (Oe) of the plain model in the history that the bench recorded, at another thermal seed."""
    sample = ReferenceSample(t_nm, n_patches, device_seed, thermal_seed=999)
    fields, heights = [], []
    for current, mu0_H, dt in history:
        H_Oe = tuple(component / OE for component in mu0_H)
        sample.advance(current * 1e3, H_Oe, dt)
        fields.append(H_Oe[2])
        heights.append(sample.read(H_Oe) - 0.05)
    height, field = np.array(heights), np.array(fields)
    crossed = np.flatnonzero(np.diff(np.sign(height)))
    assert len(crossed) == 2
    return field[crossed[0] + 1], field[crossed[1] + 1]


@pytest.mark.parametrize("t_nm", [0.0, 1.0, 2.0])
def test_the_loop_measures_the_coercivity_of_the_bare_model(
    labctl: Command, tmp_path: Path, rooms: list[Any], t_nm: float
) -> None:
    """The same history of current, field and time, fed to the plain model, reverses at the same fields."""
    sample = write_sample(tmp_path, t_nm, n_patches="512")
    results = results_of(labctl, "--sample", sample, "-p", "mu0_H_step=4Oe")
    down, up = bare_coercivity(rooms[-1].history, t_nm, 5, 512)
    # a jump is put in the middle of the step in which it happened
    assert results["mu0_H_c_down"]["value"] / OE == pytest.approx(down, abs=4.0)
    assert results["mu0_H_c_up"]["value"] / OE == pytest.approx(up, abs=4.0)


@pytest.mark.parametrize(
    ("sample", "H_c", "width"),
    [
        ("alox-0.0", 189, (0, 1.05)),
        ("alox-0.5", 170, (0, 1.05)),
        ("alox-1.0", 148, (0.8, 2.5)),
        ("alox-1.5", 130, (13, 21)),
        ("alox-2.0", 116, (49, 57)),
    ],
)
def test_the_five_samples_have_the_coercivities_and_widths_of_the_model(
    labctl: Command, sample: str, H_c: float, width: tuple[float, float]
) -> None:
    """1 Oe steps, 0.5 s: H_c 189 ... 116 Oe, widths from one step to 53 Oe, as a prototype of the model gave them.

    Devices scatter by about 1 Oe in H_c.
    """
    results = results_of(labctl, "--sample", sample, "-p", "mu0_H_step=1Oe")
    assert results["mu0_H_c"]["value"] / OE == pytest.approx(H_c, abs=2.5)
    assert width[0] <= results["width_10_90"]["value"] / OE <= width[1]
    assert (results["width_10_90"].get("limit") == "upper") is (sample in {"alox-0.0", "alox-0.5"})
    assert results["squareness"]["value"] == pytest.approx(1, abs=2e-3)


def test_another_barrier_is_another_coercivity(labctl: Command, tmp_path: Path) -> None:
    """The coercivity is the sample's, not the program's: half of the nucleation field gives a much smaller one."""
    hard = results_of(labctl, "--sample", write_sample(tmp_path, 1.0, seed=1, n_patches="512"))
    soft = results_of(labctl, "--sample", write_sample(tmp_path, 1.0, seed=2, n_patches="512", eta="0.05"))
    assert soft["mu0_H_c"]["value"] < 0.7 * hard["mu0_H_c"]["value"]


def test_a_field_that_does_not_reverse_the_sample_finds_no_coercivity(labctl: Command) -> None:
    """At 100 Oe nothing happens to a sample with 189 Oe: no number is made up, and the reader is warned."""
    said = labctl("run", "ahe-loop", "--sample", "alox-0.0", "-p", "mu0_H_max=100Oe", "--seed", "1", "--json")
    assert said.status == 0
    assert said.json["results"]["mu0_H_c"]["value"] is None
    assert said.json["warnings"]
    assert "not found" in said.err


def columns_and_wire(path: Path) -> tuple[dict[str, bytes], list[Any]]:
    from labctl import runfile

    run = runfile.read_run(path)
    return {name: column.tobytes() for name, column in run.columns.items()}, runfile.read_wire(path)


def test_the_same_seeds_give_the_same_data_bit_for_bit(labctl: Command, tmp_path: Path) -> None:
    """Every column and every line on the wire repeats; another seed is other noise on the same device."""
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        said = labctl("run", "ahe-loop", "-p", "mu0_H_step=20Oe", "--seed", seed, "-o", f"{name}.h5")
        assert said.status == 0
    a, b, c = (columns_and_wire(tmp_path / f"{name}.h5") for name in "abc")
    assert a == b
    assert a[0]["R_xy"] != c[0]["R_xy"]
    assert a[0]["branch"] == c[0]["branch"]
