"""Samples, series of runs, and changes of the model that the figures share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from labctl import bench, config
from labctl.reproduce.plan import Planned, planned

THICKNESSES = (0.0, 0.5, 1.0, 1.5, 2.0)
SAMPLES = tuple(f"alox-{t:.1f}" for t in THICKNESSES)
LABELS = tuple(f"$t$ = {t:g} nm" for t in THICKNESSES)

#: Every sample as the one without a cap: what the cap does to the layer is taken away.
NO_CAP = {"mu0_H_k": "2000 Oe", "sigma_K": "0.05", "mu0_J_0": "52 Oe"}
#: Thermal agitation is as strong as the barriers: superparamagnetic patches.
NO_BARRIERS = {"E_0": "4.14e-21 J"}
#: All patches have one barrier.
NO_SPREAD = {"sigma_K": "1e-6"}
#: Walls do not help a reversal to spread.
NO_WALLS = {"mu0_J_0": "0 Oe"}
#: A current makes heat and nothing else (the model wants a positive torque: a millionth of the paper's).
NO_TORQUE = {"mu0_H_DL_per_J": "2.5e-20 T*m**2/A"}

FIELDS_OE = (200, 400, 600, 800, 1000, 1200)

#: At 200 Oe the sample with t = 1 nm needs 28.2 mA: the loops against H_x go beyond that.
SWITCHING = planned("sot-switching", "alox-1.0")
FAR, FARTHER = "32 mA", "36 mA"


def on_all(run: Planned) -> tuple[Planned, ...]:
    """A run on each of the five samples, each with noise of its own."""
    return tuple(replace(run, sample=sample, seed=seed) for seed, sample in enumerate(SAMPLES, start=1))


def altered(runs: Iterable[Planned], **model: str) -> tuple[Planned, ...]:
    """Runs on samples whose model has other parameters."""
    return tuple(run.altered(**model) for run in runs)


def stiff(run: Planned) -> Planned:
    """The run on a sample that an in-plane field does not tilt, with the same barriers and nucleation fields.

    The anisotropy field is ten times as large; the nucleation field over it is a tenth, and the energy of the
    barriers is counted from ten times the field.
    """
    model = bench.model_of(config.load_sample(run.sample)[0])
    ten_times = {name: f"{10 * model[name].value!r} T" for name in ("mu0_H_k", "mu0_H_k_E_0")}
    return run.altered(**ten_times, eta=f"{model['eta'].value / 10!r}")


AHE_LOOPS = on_all(planned("ahe-loop", "alox-0.0", mu0_H_max="300 Oe"))
BY_FIELD = tuple(
    replace(SWITCHING.given(mu0_H_x=f"{field} Oe", I_max=FAR), seed=seed)
    for seed, field in enumerate(FIELDS_OE, start=1)
)
BY_FIELD_STIFF = tuple(stiff(run.given(I_max=FARTHER)) for run in BY_FIELD)
BY_THICKNESS = on_all(SWITCHING.given(mu0_H_x="800 Oe"))
BY_THICKNESS_NO_CAP = altered(BY_THICKNESS, **NO_CAP)
BY_THICKNESS_NO_SPREAD = altered(BY_THICKNESS, **NO_SPREAD)
