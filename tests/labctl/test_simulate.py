"""Simulated instruments served to other processes: strangers' drivers, a run over sockets, and its transcript."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.keithley import Keithley2182, Keithley6221
from pymeasure.instruments.kepco import KepcoBOP3612
from pymeasure.instruments.srs import SR830

from labctl.clock import WallClock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LABCTL = [sys.executable, "-c", "from labctl.cli import main; main()"]
WALL = WallClock()
#: The thickest cap at rest, as grown: saturated up. R_AHE + R_off of its model, in ohm.
R_UP = 0.45


@dataclass
class Bench:
    """A served bench: the process, what it printed, and PyMeasure's way to its instruments."""

    process: subprocess.Popen[str]
    printed: dict[str, Any]
    folder: Path

    @contextmanager
    def adapter(self, role: str) -> Iterator[VISAAdapter]:
        (resource,) = [one["resource"] for one in self.printed["instruments"] if one["role"] == role]
        adapter = VISAAdapter(
            resource, visa_library="@py", read_termination="\n", write_termination="\n", timeout=10_000
        )
        yield adapter
        adapter.close()

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        with self.process:
            return self.process.wait(20)


def start(folder: Path, *words: str) -> Bench:
    command = [*LABCTL, "simulate", "--seed", "1", "--json", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    assert process.stdout is not None
    return Bench(process, json.loads(process.stdout.readline()), folder)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    served = start(tmp_path_factory.mktemp("served"), "--sample", "alox-2.0", "--time", "50")
    yield served
    assert served.end() == 0


def test_a_strangers_source_and_meter_read_the_hall_resistance(bench: Bench) -> None:
    """PyMeasure's Keithley6221 sets +-1 mA, its Keithley2182 reads; half the difference over I is R_xy."""
    with bench.adapter("source") as one, bench.adapter("voltmeter") as other:
        source, meter = Keithley6221(one), Keithley2182(other)
        source.reset()
        WALL.wait(0.1)
        source.source_compliance = 5.0
        meter.reset()
        WALL.wait(0.1)
        meter.ch_1.setup_voltage(auto_range=True, nplc=1)
        readings: list[float] = []
        for current in (1e-3, -1e-3):
            source.source_current = current
            source.enable_source()
            WALL.wait(0.05)
            readings.append(meter.voltage)
        source.shutdown()
        assert (readings[0] - readings[1]) / 2e-3 == pytest.approx(R_UP, rel=2e-3)
        assert source.check_errors() == []
        assert meter.check_errors() == []


def test_a_strangers_meter_fills_its_buffer(bench: Bench) -> None:
    """Twelve buffered readings over the socket, with their statistics."""
    with bench.adapter("source") as one, bench.adapter("voltmeter") as other:
        source, meter = Keithley6221(one), Keithley2182(other)
        source.source_range = 2e-3
        source.source_current = 2e-3
        source.enable_source()
        meter.reset()
        WALL.wait(0.1)
        meter.ch_1.setup_voltage(auto_range=True, nplc=1)
        meter.config_buffer(points=12, delay=0.01)
        meter.start_buffer()
        WALL.wait(0.3)  # 12 readings take 1 to 2 s of the bench's time
        data = [float(value) for value in meter.ask("TRAC:DATA?").split(",")]
        assert len(data) == 12
        assert sum(data) / 12 == pytest.approx(2e-3 * R_UP, rel=5e-3)
        assert meter.mean == pytest.approx(sum(data) / 12, rel=1e-6)
        source.shutdown()


def test_a_strangers_lockin_snaps_the_response_to_a_strangers_sine(bench: Bench) -> None:
    """A sine of 1 mA peak from PyMeasure's Keithley6221 with its marker: X is I R_xy / sqrt(2), rms."""
    with bench.adapter("source") as one, bench.adapter("lockin") as other:
        source, lockin = Keithley6221(one), SR830(other)
        source.reset()
        WALL.wait(0.1)
        source.waveform_function = "sine"
        source.waveform_amplitude = 1e-3
        source.waveform_frequency = 137.0
        source.waveform_offset = 0.0
        source.waveform_ranging = "best"
        source.waveform_use_phasemarker = True
        source.waveform_phasemarker_phase = 0
        source.waveform_phasemarker_line = 3
        source.waveform_duration_set_infinity()
        source.enable_source()
        source.waveform_arm()
        WALL.wait(0.2)
        source.waveform_start()
        lockin.reference_source = "External"
        lockin.input_config = "A - B"
        lockin.sensitivity = 1e-3
        lockin.time_constant = 0.1
        lockin.filter_slope = 24
        WALL.wait(0.5)
        X, Y = lockin.snap("X", "Y")
        assert abs(X - 1e-3 * R_UP / 2**0.5) < 0.015 * X  # a unit is good to 1 %
        assert abs(Y) < 0.05 * X
        source.waveform_abort()
        source.shutdown()
        assert source.check_errors() == []


def test_a_strangers_supply_ramps_a_current(bench: Bench) -> None:
    """PyMeasure's KepcoBOP3612 drives the coil of magnet z to 2 A in steps and back."""
    with bench.adapter("supply_z") as adapter:
        supply = KepcoBOP3612(adapter)
        supply.operating_mode = "CURR"
        supply.voltage_setpoint = 36
        supply.output_enabled = True
        for current in (0.5, 1.0, 1.5, 2.0):
            supply.current_setpoint = current
            WALL.wait(0.05)
        assert supply.current == pytest.approx(2.0, abs=0.02)
        for current in (1.5, 1.0, 0.5, 0.0):
            supply.current_setpoint = current
            WALL.wait(0.05)
        assert supply.current == pytest.approx(0.0, abs=0.02)
        supply.output_enabled = False


def test_a_run_over_sockets_gives_what_a_run_in_process_gives(labctl: Command, tmp_path: Path) -> None:
    """The same protocol, sample and drivers through pyvisa-py: the numbers agree within their uncertainty."""
    served = start(tmp_path, "--sample", "alox-1.0", "--time", "100")
    try:
        words = ("run", "ahe-loop", "--sample", "alox-1.0", "-p", "mu0_H_step=10Oe", "--json")
        far = labctl(*words, "--station", served.printed["station"], "-o", "far.h5")
        near = labctl(*words, "--seed", "2", "-o", "near.h5")
        assert far.status == near.status == 0, far.err + near.err
        for name in ("mu0_H_c", "R_AHE", "R_off"):
            one, other = far.json["results"][name], near.json["results"][name]
            u = (one["uncertainty"] ** 2 + other["uncertainty"] ** 2) ** 0.5
            assert abs(one["value"] - other["value"]) < 3 * u, name

        replayed = labctl("replay", "far.h5", "--json")
        assert replayed.status == 0, replayed.err
        assert replayed.json["identical"]

        checked = labctl("station", "check", served.printed["station"], "--json")
        assert checked.status == 0, checked.err
        assert {one["state"] for one in checked.json["findings"]} <= {"ok", "warning"}
    finally:
        assert served.end() == 0


def test_a_run_over_sockets_becomes_witness_entries(labctl: Command, bench: Bench) -> None:
    """What a unit answered is kept as it was, numbers as patterns of its own format."""
    assert labctl(
        "run", "demagnetize", "--station", str(bench.folder / bench.printed["station"]), "-o", "far.h5"
    ).status in (0,)
    said = labctl("station", "record", "far.h5", "-o", "captured")
    assert said.status == 0, said.err
    content = tomllib.loads(Path("captured/source.toml").read_text())
    entries = {entry["say"]: entry for entry in content["exchange"]}
    assert entries["SYST:ERR?"]["hear"] == '0,"No error"'
    assert {entry["status"] for entry in content["exchange"]} == {"captured"}
    assert "hear_pattern" in entries["SOUR:CURR?"]


def test_a_run_on_the_simulated_bench_is_no_evidence(labctl: Command) -> None:
    """Nobody may take what our own simulators say for what an instrument says."""
    labctl("run", "demagnetize", "--seed", "1", "-o", "near.h5")
    said = labctl("station", "record", "near.h5", "-o", "captured")
    assert said.status == 2
    assert "hardware" in said.err
    assert not Path("captured").exists()


def test_the_doctor_finds_an_instrument_that_is_gone(labctl: Command, tmp_path: Path) -> None:
    """After the bench has been switched off every instrument is a fault, and says what to do."""
    served = start(tmp_path, "--time", "100")
    served.end()
    said = labctl("station", "check", served.printed["station"], "--json")
    assert said.status == 4
    faults = [one for one in said.json["findings"] if one["state"] == "fault"]
    assert {one["what"] for one in faults} >= {"source", "voltmeter", "supply_x"}
    assert all(one["advice"] for one in faults)


def test_a_file_that_somebody_wrote_is_not_replaced(tmp_path: Path) -> None:
    """A station file of the user's own under the same name is left alone, and nothing is served."""
    (tmp_path / "served.toml").write_text("name = 'mine'\n")
    done = subprocess.run([*LABCTL, "simulate"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "neither" in done.stderr
    assert (tmp_path / "served.toml").read_text() == "name = 'mine'\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs SIGTERM as POSIX has it")
def test_sigterm_ends_it_like_ctrl_c(tmp_path: Path) -> None:
    """A supervisor may end it too: exit status 0, the ports are free again."""
    served = start(tmp_path, "--port-base", "0")
    assert served.end(signal.SIGTERM) == 0


@pytest.fixture(scope="module")
def delta_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("delta")
    served = start(folder, "--sample", "alox-2.0", "--station", "sim-delta", "--time", "50")
    yield served
    assert served.end() == 0


def test_a_meter_behind_the_source_has_no_port_of_its_own(delta_bench: Bench) -> None:
    """Source and supply are served; the station file keeps the meter and says by which cable it is reached."""
    assert [one["role"] for one in delta_bench.printed["instruments"]] == ["source", "supply_z"]
    content = tomllib.loads((delta_bench.folder / delta_bench.printed["station"]).read_text())
    assert content["cables"] == {"relay": True, "trigger_link": True}
    assert "voltmeter" in content["instruments"]


def test_a_strangers_source_measures_delta_through_the_relay(delta_bench: Bench) -> None:
    """PyMeasure's Keithley6221 arms, runs and reads a delta of 20 readings: R_xy in ohm."""
    with delta_bench.adapter("source") as adapter:
        source = Keithley6221(adapter)
        source.reset()
        WALL.wait(0.1)
        assert source.delta_connected
        source.write('SYST:COMM:SER:SEND "VOLT:NPLC 1"')
        source.delta_unit = "Ohms"
        source.delta_high_source = 1e-3
        source.delta_delay = 0.01
        source.delta_cycles = 20
        source.delta_compliance_abort_enabled = True
        source.delta_buffer_points = 20
        source.delta_arm()
        WALL.wait(0.1)
        source.delta_start()
        WALL.wait(0.1)
        readings = source.delta_values[::2]
        source.delta_abort()
        assert len(readings) == 20
        assert sum(readings) / 20 == pytest.approx(R_UP, rel=2e-3)
        assert source.check_errors() == []


def test_pulse_delta_over_the_socket_reads_the_same_resistance(delta_bench: Bench) -> None:
    """PyMeasure has no pulse delta: the lines of the user's manual (p. 5-34), pulses of 2 ms."""
    with delta_bench.adapter("source") as adapter:
        for line in (
            "*RST",
            "UNIT OHMS",
            "SOUR:PDEL:HIGH 1e-3;LOW 0;WIDT 2e-3;SDEL 1e-4;COUN 10",
            "SOUR:PDEL:ARM",
        ):
            adapter.write(line)
        WALL.wait(0.1)
        adapter.write("INIT:IMM")
        WALL.wait(0.1)
        adapter.write("TRAC:DATA?")
        readings = [float(text) for text in adapter.read().split(",")][::2]
        adapter.write("SOUR:SWE:ABOR;:SYST:ERR?")
        assert adapter.read().strip() == '0,"No error"'
        assert len(readings) == 10
        assert sum(readings) / 10 == pytest.approx(R_UP, rel=5e-3)


def test_the_doctor_sees_the_link_of_a_served_bench(labctl: Command, delta_bench: Bench) -> None:
    """From another process: the meter answers behind the source, and nothing is at fault."""
    said = labctl("station", "check", str(delta_bench.folder / delta_bench.printed["station"]), "--json")
    assert said.status == 0, said.err
    assert {"source: nanovoltmeter on its serial port", "source: trigger link"} <= {
        one["what"] for one in said.json["findings"] if one["state"] == "ok"
    }
