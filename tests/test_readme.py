"""What the README says is true: its commands are run, its output compared, its floor plan that of the code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from floor_plan import ROOMS, ROOT, caption, with_plan

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)
SCRIPTS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
SETUP, CHECK = re.findall(r"```sh\n(.*?)\n```", README, flags=re.DOTALL)


FILES = dict(re.findall(r"```toml\n# (\S+)\n(.*?)```", README, flags=re.DOTALL))


def write_files(folder: Path) -> None:
    """Write the files that the README shows, each of which begins with its name."""
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")


def exchanges() -> list[tuple[str, str]]:
    """Every command of the README's examples with the output printed below it."""
    found: list[tuple[str, str]] = []
    for block in BLOCKS:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def settled(output: str) -> str:
    """Take out what differs from run to run, times and identifiers, and the blanks at the ends of lines."""
    output = re.sub(r"\d{8}T\d{6}Z_(\S+?)_[0-9a-f]{4}", r"<stamp>_\1", output)
    output = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>", output)
    output = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "<time>", output)
    output = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*", "<time>", output)
    return "\n".join(line.rstrip() for line in output.rstrip().splitlines())


def run_shell(command: str, folder: Path) -> str:
    """Run a line in a shell with this environment's labctl; return standard output and error as they came."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "200",
        "XDG_CONFIG_HOME": str(folder / ".config"),
        "XDG_CACHE_HOME": str(folder / ".cache"),
        "XDG_DATA_HOME": str(folder / ".data"),
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def test_the_floor_plan_is_that_of_the_code() -> None:
    """Regenerate with `python tests/floor_plan.py`."""
    assert with_plan(README) == README


def test_every_module_has_a_caption() -> None:
    """The first docstring line of every module says what it is."""
    modules = [module for room in ROOMS for module in (ROOT / room).rglob("*.py")]
    assert len(modules) > 40
    assert [str(module) for module in modules if not caption(module)] == []


def test_no_room_is_too_large() -> None:
    """Over 400 lines a module wants a split."""
    modules = [module for room in (*ROOMS, "tests") for module in (ROOT / room).rglob("*.py")]
    assert [str(module) for module in modules if len(module.read_text("utf-8").splitlines()) > 400] == []


def test_ci_calls_exactly_the_check_of_the_readme() -> None:
    """What a newcomer is told to run is what decides."""
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == CHECK


def test_the_changelog_has_each_heading_once() -> None:
    """One heading for each version."""
    headings = re.findall(r"^## .*$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(headings) == len(set(headings)) > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_example_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """All commands in order, in one empty folder, as a newcomer would type them."""
    assert len(exchanges()) > 8
    write_files(tmp_path)
    for command, shown in exchanges():
        assert settled(run_shell(command, tmp_path)) == settled(shown), command
    for code, said in zip(SCRIPTS, ("ohm T\n", "mu0_H_c"), strict=True):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert said in done.stdout
    assert (tmp_path / "notebook.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("picture", "folder"), [("ahe-loops.png", "loops/"), ("switching.png", "switching/")]
)
def test_the_pictures_are_what_their_commands_make(tmp_path: Path, picture: str, folder: str) -> None:
    """The pictures in the README show what these commands measure (fonts may differ a little)."""
    from matplotlib.testing.compare import compare_images

    for command, _ in exchanges():
        if folder in command:
            run_shell(command, tmp_path)
    kept = tmp_path / "kept.png"
    shutil.copy(ROOT / "labctl" / "pictures" / picture, kept)
    assert compare_images(str(kept), str(tmp_path / picture), tol=10) is None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_first_command_works_in_a_fresh_clone(tmp_path: Path) -> None:
    """Nothing but Python with venv and pip: an environment, a file, a picture and a table."""
    if subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(tmp_path / "try"),
                       "click"], check=False, capture_output=True).returncode:  # fmt: skip
        pytest.skip("no package index is reachable from here")
    clone = tmp_path / "clone"
    ignore = shutil.ignore_patterns(".git", ".venv*", "runs", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, clone, ignore=ignore)
    said = run_shell(SETUP, clone)
    assert "mu0_H_c" in said, said
    assert sorted(path.suffix for path in (clone / "runs").iterdir()) == [".h5", ".png"]
