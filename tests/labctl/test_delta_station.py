"""A station whose voltmeter hangs on the source's serial port: its file, the doctor, and what it is good for."""

import re
from pathlib import Path

from command_line import Command

from labctl import config


def test_the_doctor_looks_for_a_meter_on_the_cable_behind_the_source(labctl: Command) -> None:
    """On the station sim-delta the voltmeter has no address: the source is asked for it, and it answers."""
    said = labctl("station", "check", "sim-delta", "--json")
    assert said.status == 0, said.err
    findings = {finding["what"]: finding for finding in said.json["findings"]}
    assert findings["source: nanovoltmeter on its serial port"]["seen"].startswith("it answers")
    assert findings["source: trigger link"]["state"] == "ok"
    assert "voltmeter" not in findings
    assert {finding["state"] for finding in said.json["findings"]} == {"ok"}


def delta_station(folder: Path, **changed: str) -> str:
    """A file of the station sim-delta with lines changed in it."""
    text = config.built_in("station")["sim-delta"]()
    for old, new in changed.items():
        text = re.sub(rf"(?m)^{old} .*$", new, text)
    (folder / "delta.toml").write_text(text)
    return "delta.toml"


def test_the_doctor_warns_of_a_delta_that_would_wait_for_ever(labctl: Command, tmp_path: Path) -> None:
    """The serial cable without the trigger link: the first conversion would never be asked for."""
    said = labctl("station", "check", delta_station(tmp_path, trigger_link=""), "--json")
    (link,) = [one for one in said.json["findings"] if one["what"] == "source: trigger link"]
    assert link["state"] == "warning"
    assert "waits for ever" in link["advice"]


def test_a_voltmeter_behind_the_source_measures_for_no_protocol(labctl: Command) -> None:
    """It cannot be asked over the bus: exit 2, before anything is opened, and why."""
    said = labctl("run", "ahe-loop", "--station", "sim-delta")
    assert said.status == 2
    assert "cables.relay has it on the serial port of the source" in said.err
    assert "Nothing was sent." in said.err


def test_cables_need_both_ends(labctl: Command, tmp_path: Path) -> None:
    """A cable to an instrument that is not in the file is a mistake in the file."""
    station = delta_station(tmp_path)
    text = Path(station).read_text().replace("instruments.voltmeter", "instruments.meter")
    Path(station).write_text(text)
    said = labctl("station", "check", station, "--offline")
    assert said.status == 2
    assert "there is no instruments.voltmeter" in said.err
