"""Limits: the whole request before the first byte, every set-point again; the bench's black box is the witness."""

import math
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from labctl import bench, config, engine, limits, runfile
from labctl.errors import RequestError
from labctl.limits import Demand
from protocols import sot_switching

LOOP = ("run", "ahe-loop", "-p", "mu0_H_step=80Oe", "-p", "settle=0s", "--seed", "1", "-o", "loop.h5")
#: A triangle of pulses of 10 ms, up to 4 mA.
PULSES = (
    *("run", "sot-switching", "-p", "I_max=4mA", "-p", "I_step=2mA", "-p", "R_AHE_reference=0.4ohm"),
    *("-p", "preparation=as-is", "--seed", "1", "-o", "pulses.h5"),
)
AREA = 10e-6 * 11.2e-9


def sample_file(folder: Path, *tables: str) -> str:
    path = folder / "mine.toml"
    path.write_text("\n".join(('name = "mine"', 't_AlOx = "2 nm"', *tables)), encoding="utf-8")
    return str(path)


def prepared(folder: Path, *words: str, sample: str = "alox-2.0", station: str = "sim") -> engine.Request:
    name, *rest = words[1:]
    assignments = [word for word in rest if "=" in word]
    return engine.prepare(name, assignments, station=station, sample=sample, seed=1, output=folder / "x.h5")


@pytest.mark.parametrize(
    ("limit", "allowed", "forbidden", "complaint"),
    [
        ("current", '"4 mA"', '"3.99 mA"', "the current must be at most 3.99 mA"),
        ("J", '"3.572e10 A/m2"', '"3.571e6 A/cm2"', "the current density must be at most"),
        ("compliance", '"15 V"', '"14.9 V"', "the compliance must be at most 14.9 V"),
        ("V", '"1.2 V"', '"1.19 V"', "the voltage across R_xx must be at most 1.19 V"),
        ("t_pulse", '"10 ms"', '"9.9 ms"', "the length of a pulse must be at most 9.9 ms"),
        ("duty", "0.01", "0.001", "the duty of the pulses must be at most 0.001"),
        ("charge", '"10 mC"', '"0.1 mC"', "the charge of the run must be at most"),
        ("energy", '"1 mJ"', '"10 uJ"', "the energy of the run must be at most"),
        ("pulses", "12", "3", "the number of pulses must be at most 3"),
        ("mu0_H", '"800 Oe"', '"799 Oe"', "the field of magnet_x must be at most 799 Oe"),
        ("mu0_H_rate", '"500 Oe/s"', '"499 Oe/s"', "the slew of magnet_x must be at most 499 Oe/s"),
    ],
)
def test_every_limit_lets_what_it_allows_pass_and_nothing_of_what_it_forbids(
    real: Any, labctl: Command, tmp_path: Path, limit: str, allowed: str, forbidden: str, complaint: str
) -> None:
    """The same run: within the limit it is measured; beyond it exit 2, and not one byte reached the instruments."""
    station = real()

    def run(value: str) -> Any:
        sample = sample_file(tmp_path, 'R_xx = "300 ohm"', "[limits]", f"{limit} = {value}")
        return labctl(*PULSES, "--station", str(station.file), "--sample", sample)

    said = run(forbidden)
    assert (said.status, station.said) == (2, [])
    assert complaint in said.err
    assert said.err.rstrip().endswith("Nothing was sent.")
    assert not list(tmp_path.glob("pulses*"))
    said = run(allowed)
    assert said.status == 0, said.err
    assert station.box.current == pytest.approx(4e-3, rel=0.01)
    assert station.box.mu0_H[0] == pytest.approx(0.08, rel=0.01)


@pytest.mark.parametrize("words", [PULSES, ("run", "demagnetize", "-p", "I_start=20mA"), ("run", "stdp")])
def test_what_a_rehearsal_counts_is_what_the_bar_has_seen(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Set-points added up on one side, a recorder at the terminals on the other: within the source's accuracy."""
    rehearsed = engine.rehearse(prepared(tmp_path, *words))
    sent, seen = rehearsed.demand, rehearsed.seen
    assert sent.pulses == seen.pulses
    assert sent.current == pytest.approx(seen.current, rel=0.01)
    R_xx = bench.parameters_of(prepared(tmp_path, *words).sample).R_xx
    assert sent.square == pytest.approx(seen.energy / R_xx, rel=0.01)
    # A sense current that flows while the source hears what comes next, some 80 ms, is counted as that already.
    missed = 0.1 * 0.1e-3 * (sent.pulses + 2)
    # The rest is the accuracy of the source: 0.1 % and 50 uA on its largest range, for as long as a wave lasts.
    assert -0.01 * seen.charge <= seen.charge - sent.charge <= missed + 0.01 * seen.charge


def test_the_sum_of_a_few_pulses_is_known_without_the_program(tmp_path: Path) -> None:
    """Pulses of 2 and 4 mA, 10 ms each: I^2 t, and a sense current of 0.1 mA for the rest of the time."""
    rehearsed = engine.rehearse(prepared(tmp_path, *PULSES))
    I_pulses = [abs(current) for current in rehearsed.data["I_pulse"] if current]
    sensed = (0.1e-3) ** 2 * rehearsed.duration
    pulsed = sum(current**2 for current in I_pulses) * 10e-3
    assert pulsed < rehearsed.demand.square < pulsed + sensed
    assert rehearsed.demand.t_pulse == pytest.approx(10e-3)
    assert rehearsed.demand.pulses == len(I_pulses)
    assert 0 < rehearsed.demand.duty < 10e-3  # the source takes more than a second to arm


def lying(monkeypatch: pytest.MonkeyPatch, *, after: int = 0) -> None:
    """Have sot-switching play every pulse but the first few three times as high as it declares."""
    ordinary, played = sot_switching.pulse_once, count(1)

    def pulse_once(lab: Any, p: Any, current: float) -> Any:
        return ordinary(lab, p, current if next(played) <= after else 3 * current)

    monkeypatch.setattr(sot_switching, "pulse_once", pulse_once)


def test_a_protocol_that_declares_less_than_it_does_is_found_out_by_the_rehearsal(
    real: Any, labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven pulses as declared, then 6 mA where 4 mA are declared and 5 mA allowed: exit 2, nothing sent."""
    station = real()
    lying(monkeypatch, after=7)
    sample = sample_file(tmp_path, "[limits]", 'current = "5 mA"')
    said = labctl(*PULSES, "--station", str(station.file), "--sample", sample)
    assert (said.status, station.said) == (2, [])
    assert "rehearsed on the simulated bench" in said.err
    assert "must be -0.005 to 0.005 A on this station; got 0.006. Nothing was sent." in said.err


def test_unrehearsed_it_is_stopped_at_the_set_point_that_is_too_high(
    real: Any, labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 4, the station parked, and the bar has never seen more than is allowed."""
    station = real()
    lying(monkeypatch)
    sample = sample_file(tmp_path, "[limits]", 'current = "5 mA"')
    said = labctl(*PULSES, "--no-rehearsal", "--station", str(station.file), "--sample", sample)
    assert said.status == 4
    assert "the current must be at most 5 mA (limit of mine); got 6 mA. It was not sent." in said.err
    assert "the station was parked" in said.err
    assert station.box.current <= 5e-3 * 1.001
    assert runfile.read_run(tmp_path / "pulses.h5").status == "faulted"


def test_a_field_that_was_not_declared_is_refused_by_the_magnet_itself(tmp_path: Path) -> None:
    """The limit of the sample is in the field source: 800 Oe are not reached where 500 Oe are allowed."""
    limited = config.load_sample(sample_file(tmp_path, "[limits]", 'mu0_H = "500 Oe"'))[0]
    request = replace(prepared(tmp_path, *PULSES), sample=limited)
    with pytest.raises(RequestError, match=r"the field of magnet_x must be within 0\.05 T; got 0\.08"):
        engine.rehearse(request)


def test_the_same_on_the_simulated_station_costs_no_second_bench(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With limits that every protocol declares there is no rehearsal; the set-point is caught all the same."""
    lying(monkeypatch)
    sample = sample_file(tmp_path, "[limits]", 'current = "5 mA"')
    assert labctl(*PULSES, "--sample", sample).status == 4
    assert len(rooms) == 1
    assert rooms[0].envelope.I_max <= 5e-3 * 1.001


def test_a_limit_that_no_protocol_declares_is_rehearsed_on_the_simulated_station_too(
    labctl: Command, tmp_path: Path, rooms: list[Any]
) -> None:
    """Exit 2 there as well: only the rehearsal's bench has seen a current."""
    sample = sample_file(tmp_path, "[limits]", 'charge = "0.1 mC"')
    assert labctl(*PULSES, "--sample", sample).status == 2
    assert len(rooms) == 1
    assert not list(tmp_path.glob("*.h5"))


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["current", "compliance", "t_pulse", "duty", "charge"])
def test_what_is_not_a_number_is_beyond_every_limit(name: str, value: float) -> None:
    """A comparison with NaN is false, and must be so on the safe side."""
    station, _ = config.load_station("sim")
    allowed = config.Limits.model_validate(
        {"current": "1 A", "compliance": "1 V", "t_pulse": "1 s", "duty": 1.0, "charge": "1 C"}
    )
    sample = config.Sample(name="mine", limits=allowed)
    assert list(limits.broken(Demand(**{name: value}), station, sample))
    assert not list(limits.broken(Demand(), station, sample))


def test_a_coil_needs_its_resistance_and_its_inductance(real: Any, labctl: Command, tmp_path: Path) -> None:
    """1 kOe at 90 Oe/A through 0.4 ohm is 4.44 V, and 500 Oe/s through 0.1 H another 0.56 V."""
    for V_max, status in (("4.9 V", 2), ("5.1 V", 0)):
        station = real(**{"[magnets.z]": f'[magnets.z]\nV_max = "{V_max}"'})
        words = ("run", "ahe-loop", "-p", "mu0_H_max=1kOe", "-p", "mu0_H_step=500Oe", "-p", "settle=0s")
        said = labctl(*words, "--station", str(station.file), "-o", f"{status}.h5")
        assert said.status == status, said.err
        if status:
            assert "the voltage of magnet_z must be at most 4.9 V" in said.err
            assert station.said == []
        else:
            assert "VOLT 5.100000\n" in station.said  # and the supply itself is told


def test_a_limit_that_needs_the_resistance_is_refused_where_the_sample_does_not_tell_it(
    labctl: Command, tmp_path: Path
) -> None:
    """An energy cannot be kept within a limit by somebody who does not know R."""
    said = labctl(*PULSES, "--sample", sample_file(tmp_path, "[limits]", 'energy = "1 J"'))
    assert said.status == 2
    assert "sample mine must tell R_xx where energy is limited" in said.err


@pytest.mark.parametrize(
    ("limit", "status", "complaint"),
    [
        ('level = "2 mA"', 2, "level of source must be -0.002 to 0.002 A on this station; got 0.004"),
        ('level = "4 mA"', 0, ""),
        ('levle = "2 mA"', 2, "instruments.source.limits.levle"),
        ('level = "2"', 2, "instruments.source.limits.level must be a current with its unit"),
    ],
)
def test_an_instruments_own_settings_can_be_limited(
    real: Any, labctl: Command, limit: str, status: int, complaint: str
) -> None:
    """By the name of the setting on its data sheet, with its unit."""
    old = "[instruments.source]                 # through the bar, arm to arm\n"
    station = real(f"\n[instruments.source.limits]\n{limit}\n")
    assert old in station.file.read_text()
    said = labctl(*PULSES, "--station", str(station.file))
    assert said.status == status, said.err
    assert complaint in said.err
    assert bool(station.said) == (status == 0)


def test_a_rehearsal_says_what_is_limited_and_how_much_of_it_is_asked(
    labctl: Command, tmp_path: Path
) -> None:
    """The table of a dry run has a line for each such limit, and the JSON object the sums."""
    sample = sample_file(tmp_path, 'R_xx = "300 ohm"', "[limits]", 'energy = "1 J"', 't_pulse = "20 ms"')
    said = labctl("rehearse", *PULSES[1:], "--sample", sample, "--json")
    assert said.json["sent"]["t_pulse"] == pytest.approx(10e-3)
    (line,) = [line for line in said.err.splitlines() if line.startswith("length of a pulse")]
    assert line.rstrip().endswith("limit 20 ms")
    assert "energy of the run" in said.err


def test_a_rehearsal_beyond_a_limit_is_refused(labctl: Command, tmp_path: Path) -> None:
    """As the run would be."""
    sample = sample_file(tmp_path, "[limits]", 't_pulse = "1 ms"')
    assert labctl("rehearse", *PULSES[1:], "--sample", sample).status == 2


def test_a_request_that_needs_another_sample_is_no_traceback(tmp_path: Path) -> None:
    """A rehearsal that ends early is a request that cannot be carried out, in one line."""
    sample = sample_file(tmp_path, "[model]", 'R_off = "200 ohm"')
    with pytest.raises(RequestError, match="rehearsed on the simulated bench, the run ends early"):
        engine.rehearse(prepared(tmp_path, *LOOP, sample=sample))
