"""Whatever ends a run, the station is parked and the data are kept; the bench, not the program, is asked."""

import re
import signal
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from labctl import engine, runfile, station

QUICK = ("run", "ahe-loop", "-p", "mu0_H_step=40Oe", "-p", "settle=0s", "--seed", "1", "-o", "loop.h5")


def assert_parked(bench: Any) -> None:
    """No current in the bar, the output off, every magnet at zero but for the offset of its supply."""
    say = bench.instruments["source"].write
    say(b"OUTP?\n")
    assert bench.instruments["source"].next_reply(bench.clock.now() + 1) == b"0\n"
    before = bench.envelope.charge
    bench.clock.wait(10.0)
    assert bench.envelope.charge == before
    for magnet in bench.magnets.values():
        assert abs(magnet.mu0_H(bench.clock.now())) < 1e-4


def sample_file(folder: Path, **model: str) -> str:
    lines = "\n".join(f'{name} = "{value}"' for name, value in model.items())
    path = folder / "odd.toml"
    path.write_text(f'name = "odd"\n[model]\n{lines}\n', encoding="utf-8")
    return str(path)


def test_a_complete_run_leaves_the_station_parked_and_says_so(
    labctl: Command, tmp_path: Path, rooms: list[Any]
) -> None:
    """Settings before and after, every line of the wire and the confirmed parking are in the file."""
    assert labctl(*QUICK).status == 0
    assert_parked(rooms[-1])
    run = runfile.read_run(tmp_path / "loop.h5")
    assert run.status == "complete"
    assert set(run.instruments) == {"source", "voltmeter", "magnet_z_supply"}
    assert "MODEL 6221" in run.instruments["source"].identity
    assert run.instruments["source"].settings_after["output"].value in (0, False)
    wire = runfile.read_wire(tmp_path / "loop.h5")
    assert {line.instrument for line in wire} == set(run.instruments)
    assert sum(line.text == "READ?" for line in wire) == 2 * run.rows
    assert [line.time for line in wire] == sorted(line.time for line in wire)
    confirmed = [event.text for event in run.log if event.text.endswith(": confirmed")]
    assert confirmed == [f"parking, {role}: confirmed" for role in ("source", "magnet_z", "voltmeter")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_between_two_rows(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Exit 3, status stopped, the rows so far are in the file, the station is parked."""
    take_rows = engine._take_rows

    def interrupted(request: Any, lab: Any, store: Any, stop: Any, _advance: Any) -> Any:
        return take_rows(
            request, lab, store, stop, lambda done: signal.raise_signal(number) if done == 5 else None
        )

    monkeypatch.setattr(engine, "_take_rows", interrupted)
    said = labctl(*QUICK)
    assert said.status == 3
    assert "the station was parked" in said.err
    run = runfile.read_run(tmp_path / "loop.h5")
    assert (run.status, run.rows) == ("stopped", 5)
    assert_parked(rooms[-1])
    assert signal.getsignal(number) is not None  # and the old handler is back
    assert "request_stop" not in repr(signal.getsignal(number))


@pytest.mark.parametrize(
    ("model", "complaint"),
    [({"R_off": "200 ohm"}, "overflow"), ({"R_xx": "1000 kohm"}, "compliance limit")],
)
def test_a_faulty_sample_stops_the_run(
    labctl: Command, tmp_path: Path, rooms: list[Any], model: dict[str, str], complaint: str
) -> None:
    """An overload is never a voltage, and a source in compliance drives another current than was asked for."""
    said = labctl(*QUICK, "--sample", sample_file(tmp_path, **model))
    assert said.status == 4
    assert complaint in said.err
    assert "the station was parked" in said.err
    run = runfile.read_run(tmp_path / "loop.h5")
    assert run.status == "faulted"
    assert complaint in run.reason
    assert_parked(rooms[-1])


def test_parking_goes_on_where_a_step_fails(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that cannot be parked keeps neither the magnet from its ramp nor the data from the disk."""
    from drivers.keithley_6221 import Keithley6221

    def broken(_self: Any) -> None:
        raise station.InstrumentError("the cable is out")

    monkeypatch.setattr(Keithley6221, "park", broken)
    said = labctl(*QUICK)
    assert said.status == 4
    assert "NOT PARKED: source: the cable is out" in said.err
    assert abs(rooms[-1].magnets["z"].mu0_H(rooms[-1].clock.now())) < 1e-4
    run = runfile.read_run(tmp_path / "loop.h5")
    assert run.status == "faulted"
    assert run.rows == 41


def test_a_bug_in_a_protocol_parks_the_station_too(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1, and still no current is left on."""
    from protocols import ahe_loop

    monkeypatch.setattr(ahe_loop, "require_regulation", lambda *_: 1 / 0)
    said = labctl(*QUICK)
    assert said.status == 1
    assert "ZeroDivisionError" in said.err
    assert runfile.read_run(tmp_path / "loop.h5").status == "faulted"
    assert_parked(rooms[-1])


def test_an_instrument_that_is_not_there_is_a_fault_before_anything_is_sent(
    labctl: Command, tmp_path: Path
) -> None:
    """A real station without instruments: exit 4, the address is named, no file is left."""
    labctl("station", "new", "mine.toml")
    text = (tmp_path / "mine.toml").read_text().replace('axis = "manual"', 'axis = "z"')
    (tmp_path / "mine.toml").write_text(
        text.replace("TCPIP0::192.0.2.21::1394::SOCKET", "ASRL/dev/none::INSTR")
    )
    said = labctl(*QUICK, "--station", "mine.toml")
    assert said.status == 4
    assert said.err.count("\n") == 1
    assert "source must answer at ASRL/dev/none::INSTR; it cannot be opened" in said.err
    assert "Nothing was sent" in said.err
    assert not list(tmp_path.glob("*.h5"))


def test_the_wrong_instrument_at_an_address_is_refused(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What answers must be the model of the data sheet; otherwise nothing is set and the station stays parked."""
    from drivers.keithley_2182a import Keithley2182A

    monkeypatch.setattr(Keithley2182A, "IDENTITY", re.compile("KEITHLEY INSTRUMENTS INC.,MODEL 2002,.*"))
    said = labctl(*QUICK)
    assert said.status == 4
    assert "at its address answered 'KEITHLEY INSTRUMENTS INC.,MODEL 2182A" in said.err
    assert runfile.read_run(tmp_path / "loop.h5").rows == 0
    assert rooms[-1].envelope.I_max == 0
    said_to_it = [
        line.text
        for line in runfile.read_wire(tmp_path / "loop.h5")
        if (line.instrument, line.direction) == ("voltmeter", "say")
    ]
    assert said_to_it == ["*IDN?"]  # not even to park it
