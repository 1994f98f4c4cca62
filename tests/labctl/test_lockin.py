"""The lock-in through real drivers on the simulated station: harmonics, reserve, settling, parking."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.errors import NotReady, Overload
from labctl import bench, config, engine, station
from labctl.station import OpenStation
from protocols.vocabulary import RoleName

RMS = 1 / math.sqrt(2)
OE = 1e-4
R_XX = 264.0  # ohm


def nobody(_question: str) -> None:
    raise AssertionError("nobody is there to be asked")


@contextmanager
def opened(
    *roles: RoleName, optional: Sequence[RoleName] = (), name: str = "sim", sample: str = "alox-0.0"
) -> Generator[OpenStation]:
    """Open a station for some roles, as the engine does for a protocol."""
    request = engine.prepare("ahe-loop", (), station=name, sample=sample, seed=1, output=Path("x.h5"))
    protocol = replace(request.protocol, roles=roles, optional_roles=optional)
    with station.opened(replace(request, protocol=protocol), lambda *_: None, nobody) as lab:
        lab.connect()
        yield lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[OpenStation]:
    """The station sim, with source, lock-in and the magnets along x and z connected."""
    monkeypatch.chdir(tmp_path)
    with opened("source", "lockin", "magnet_x", "magnet_z") as lab:
        yield lab


def start(lab: OpenStation, I_ac_pk: float, frequency: float = 1e3) -> None:
    lab.source.prepare(1e-3, 10.0)
    lab.source.start_sine(I_ac_pk, frequency, compliance=20.0, R_load=R_XX)


def listen(lab: OpenStation, V_max_rms: float, harmonic: int = 1, reserve: str = "normal") -> None:
    lab.lockin.use_external_reference()
    lab.lockin.prepare(V_max_rms, 0.1, harmonic=harmonic, reserve=reserve)
    lab.wait(2 * lab.lockin.settle_time())


def test_the_first_harmonic_is_read_through_the_drivers(lab: OpenStation) -> None:
    """1 mA peak over 0.45 ohm, rms: the gain of the lock-in is within 1 %, its reference within 1 degree."""
    start(lab, 1e-3)
    listen(lab, 1e-3)
    in_phase, quadrature = lab.lockin.read_xy()
    assert in_phase == pytest.approx(1e-3 * 0.45 * RMS, rel=0.015)
    assert abs(quadrature) < 0.02 * in_phase
    lab.source.stop_wave()
    lab.source.set_current(1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_small_second_harmonic_under_a_large_first_is_read_with_high_reserve(
    lab: OpenStation, sign: int
) -> None:
    """0.4 uV under 1.2 mV: Y = +-I_pk R_AHE H H_DL/(2 sqrt 2 H_k^2), 2.232 Oe/mA and H_k = 2000 Oe, both states.

    The wide bound is for noise, gain and reference of the lock-in: 2 degrees of the second harmonic at most.
    """
    for mu0_H in (sign * 500 * OE, 0.0):
        lab.magnet_z.ramp_to(mu0_H)
    mu0_H_x = lab.magnet_x.ramp_to(320 * OE)
    start(lab, 4e-3)
    listen(lab, 2e-3, reserve="high")
    in_phase, _ = lab.lockin.read_xy()
    assert in_phase == pytest.approx(4e-3 * RMS * (sign * 0.4 + 0.05), rel=0.03)
    lab.lockin.select_harmonic(2, 1e-6)
    lab.wait(3 * lab.lockin.settle_time())
    readings = []
    for _ in range(16):
        lab.wait(1.0)
        readings.append(lab.lockin.read_xy()[1])
    expected = 4e-3 * RMS / 2 * 0.4 * (mu0_H_x / OE) * (2.232 * 4) / 2000**2
    assert expected == pytest.approx(0.4e-6, rel=0.03)
    assert sum(readings) / len(readings) == pytest.approx(expected, rel=0.1)


def test_what_the_input_cannot_stand_is_an_overload_and_no_number(lab: OpenStation) -> None:
    """12 mA make 3.8 mV: low noise takes 3.16 mV at small full scales, high reserve a volt."""
    start(lab, 12e-3)
    listen(lab, 100e-6, harmonic=2, reserve="low noise")
    with pytest.raises(Overload, match="input overload"):
        lab.lockin.read_xy()
    listen(lab, 100e-6, harmonic=2, reserve="high")
    lab.lockin.read_xy()


def test_a_first_harmonic_beyond_full_scale_is_an_overload(lab: OpenStation) -> None:
    """1.2 mV into 1 uV."""
    start(lab, 4e-3)
    listen(lab, 1e-6, reserve="high")
    with pytest.raises(Overload, match="output overload"):
        lab.lockin.read_xy()


def test_a_harmonic_that_was_selected_is_there_after_the_settling_time(lab: OpenStation) -> None:
    """To 1 % of the change, and not before half of it."""
    start(lab, 4e-3)
    listen(lab, 2e-3)
    first, _ = lab.lockin.read_xy()
    lab.lockin.select_harmonic(2)
    lab.wait(0.2 * lab.lockin.settle_time())
    assert lab.lockin.read_xy()[0] > 0.5 * first
    lab.wait(0.8 * lab.lockin.settle_time())
    assert abs(lab.lockin.read_xy()[0]) < 0.011 * first


def test_without_a_sine_the_lock_in_is_unlocked(lab: OpenStation) -> None:
    """Before and after it there is no reading."""
    listen(lab, 1e-3)
    with pytest.raises(NotReady, match="unlocked"):
        lab.lockin.read_xy()
    start(lab, 1e-3)
    lab.wait(2 * lab.lockin.settle_time())
    lab.lockin.read_xy()
    lab.source.stop_wave()
    with pytest.raises(NotReady, match="unlocked"):
        lab.lockin.read_xy()


def test_parking_ends_the_sine_before_the_magnets_and_the_lock_in_after_them(lab: OpenStation) -> None:
    """No current flows in the end, and the lock-in is turned down."""
    start(lab, 1e-3)
    steps = lab.parking()
    assert [step.what for step in steps] == ["source", "magnet_x", "magnet_z", "lockin"]
    for step in steps:
        step.act()
    listen(lab, 1e-3)
    with pytest.raises(NotReady, match="unlocked"):
        lab.lockin.read_xy()
    settings = lab.settings_left(["source", "lockin"])
    assert settings["source"]["output"].value is False
    assert settings["lockin"]["V_sine_rms"].value == 0.004


def test_a_station_without_a_lock_in_says_so_and_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An optional role stays open there, and is filled on the station that has one."""
    monkeypatch.chdir(tmp_path)
    for name, has_one in (("sim", True), ("sim-dc", False)):
        with opened("source", "voltmeter", optional=("lockin",), name=name) as lab:
            assert lab.has("lockin") == has_one
            lab.source.prepare(1e-3, 10.0)
            lab.source.set_current(1e-3)
            lab.voltmeter.prepare(10e-3, 1.0)
            assert lab.voltmeter.read_voltage() == pytest.approx(0.45e-3, rel=0.02)


def test_the_station_without_is_otherwise_the_station_with() -> None:
    """Two files, and one difference."""
    with_one, without = (config.load_station(name)[0].model_dump() for name in ("sim", "sim-dc"))
    assert (with_one.pop("name"), without.pop("name")) == ("sim", "sim-dc")
    assert with_one["instruments"].pop("lockin")["driver"] == "srs_sr830"
    assert with_one == without


@pytest.mark.parametrize(
    ("roles", "is_there"), [((), True), (("source", "voltmeter"), False), (("source", "lockin"), True)]
)
def test_a_lockin_that_no_role_of_the_run_reads_is_not_on_the_bench(
    roles: tuple[RoleName, ...], is_there: bool
) -> None:
    """It would follow every change for nothing; without roles the bench is whole."""
    room = bench.build(config.load_station("sim")[0], config.load_sample("alox-2.0")[0], 1, roles)
    assert ("lockin" in room.instruments) == is_there
