"""Station and sample files: complete, strict, and clear about what is wrong."""

import re
from pathlib import Path

import pytest

from labctl import config
from labctl.errors import RequestError

EXAMPLE = config.built_in("station")["example"]()


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_built_in_file_is_valid() -> None:
    """What we ship, we can read; the five samples differ in t and in device."""
    station, _ = config.load_station("sim")
    assert station.simulated
    assert {magnet.axis for magnet in station.magnets.values()} == {"x", "y", "z"}
    assert min(station.magnets[axis].mu0_H_max for axis in "xy") >= 0.6
    assert station.magnets["z"].mu0_H_max >= 0.1
    samples = [config.load_sample(name)[0] for name in config.built_in("sample")]
    assert [sample.name for sample in samples] == [f"alox-{t}" for t in ("0.0", "0.5", "1.0", "1.5", "2.0")]
    assert [sample.t_AlOx for sample in samples] == [0, 0.5e-9, 1e-9, 1.5e-9, 2e-9]
    assert len({sample.device_seed for sample in samples}) == 5


def test_the_example_is_a_complete_station_with_gpib_and_lan(tmp_path: Path) -> None:
    """The example that `station new` writes reads back as it stands."""
    station, _ = config.load_station(write(tmp_path, EXAMPLE))
    assert not station.simulated
    resources = [section.resource for section in station.instruments.values()]
    assert any(resource.startswith("GPIB") for resource in resources)
    assert any(resource.startswith("TCPIP") for resource in resources)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            'slew = "200 Oe/s"',
            "slew = 200",
            r"magnets\.main\.slew must be a field rate with its unit.*got 200",
        ),
        ('slew = "200 Oe/s"', 'slew = "200 Oe"', r"magnets\.main\.slew must be a field rate.*'200 Oe'"),
        ('slew = "200 Oe/s"', 'slew = "-1 Oe/s"', r"magnets\.main\.slew .*greater than 0"),
        ('slew = "200 Oe/s"', 'slwe = "200 Oe/s"', r"slwe is not known \(did you mean slew\?\)"),
        ('slew = "200 Oe/s"', "", r"magnets\.main\.slew is missing"),
        ('supply = "supply"', 'supply = "suply"', r"no instruments\.suply \(did you mean supply\?\)"),
        ("GPIB0::12::INSTR", "GPIB0::14::INSTR", r"its own resource; GPIB0::14::INSTR is given twice"),
        ('axis = "manual"', 'axis = "w"', r"magnets\.main\.axis .*'x', 'y', 'z' or 'manual'"),
        ('axis = "manual"', 'axis = "x"\nazimuth = "3 deg"', "either axis"),
        ('"90 Oe/A"', '"0 Oe/A"', "must not be zero"),
        ('"50 Hz"', '"55 Hz"', "50 Hz or 60 Hz; got 55 Hz"),
        ('current = "30 mA"', 'current = "nan A"', r"limits\.current must be a current"),
        ("[limits]", "[limits", "must be TOML"),
        ("[limits]", "[limit]", r"limit is not known \(did you mean limits\?\)"),
    ],
)
def test_a_wrong_station_file_says_what_must_be(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    """One line: the file, the key, what must be, what came."""
    assert old in EXAMPLE
    path = write(tmp_path, EXAMPLE.replace(old, new))
    with pytest.raises(RequestError, match=complaint) as refused:
        config.load_station(path)
    assert "\n" not in re.sub(r"\(at line.*", "", str(refused.value))
    assert str(refused.value).endswith("Nothing was sent.")


def test_a_name_nearly_right_is_suggested() -> None:
    """The error lists what there is."""
    with pytest.raises(RequestError, match=r"alox-0\.0, .*got 'alox-2' \(did you mean alox-2\.0\?\)"):
        config.load_sample("alox-2")


def test_own_files_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the user's folder is as good as a built-in one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = config.own_folder("sample")
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('name = "wafer 7, device B"\nt_AlOx = "1.3 nm"\n', encoding="utf-8")
    sample, _ = config.load_sample("mine")
    assert sample.name == "wafer 7, device B"
    assert sample.t_AlOx == pytest.approx(1.3e-9)


def test_a_missing_or_unreadable_file_is_one_line(tmp_path: Path) -> None:
    """No such file, a folder, not text: RequestError, never a traceback."""
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for name in ("nothing.toml", "folder.toml", "bytes.toml"):
        with pytest.raises(RequestError, match=r"readable file|must be TOML"):
            config.load_station(str(tmp_path / name))
