"""What the tests of labctl share: the command line in process, and the benches behind it."""

from pathlib import Path
from typing import Any

import pytest
from command_line import Command, Said

from labctl import bench, catalogue, cli


@pytest.fixture
def labctl(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command line in an empty folder; the user's own folders are empty too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    monkeypatch.setattr(catalogue, "default_location", lambda: tmp_path / ".cache/labctl/catalogue.sqlite")

    def run(*words: str) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(list(words))
        captured = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every bench that is built while the test runs, oldest first, with its history recorded."""
    built: list[Any] = []
    ordinary = bench.Bench

    def recorded(*args: Any, **kwargs: Any) -> Any:
        built.append(ordinary(*args, record=True, **kwargs))
        return built[-1]

    monkeypatch.setattr(bench, "Bench", recorded)
    return built
