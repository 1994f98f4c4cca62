"""The check: style, types, import contracts, witnesses and every test that a machine without hardware can run."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE = Path(sys.executable).parent

PARTS = 8
PYTEST = [sys.executable, "-m", "pytest", "-q"]

#: Every step by name, and the commands that do it, as many at once as there are cores.
STEPS = {
    "format": [[str(HERE / "ruff"), "format", "--check", "."]],
    "lint": [[str(HERE / "ruff"), "check", "."]],
    "import contracts": [[str(HERE / "lint-imports"), "--no-cache"]],
    "types": [[str(HERE / "pyright"), "--pythonpath", sys.executable]],
    "witnesses": [[sys.executable, "tests/wire/coverage.py"]],
    "tests": [[*PYTEST, "--part", f"{part + 1}/{PARTS}"] for part in range(PARTS)],
    "slow tests": [[*PYTEST, "-m", "slow"]],  # real time and signals: they have the machine for themselves
}


def main() -> int:
    """Run every step, whatever the ones before said; the exit status is that of the worst."""
    failed: list[str] = []
    for name, commands in STEPS.items():
        if not _all_succeed(name, commands):
            failed.append(name)
    print(f"\n=== failed: {', '.join(failed)}" if failed else "\n=== all well", flush=True)
    return 1 if failed else 0


def _all_succeed(name: str, commands: list[list[str]]) -> bool:
    """Run commands, as many at once as there are cores, and print what each said; True where none failed."""
    if len(commands) == 1:
        _announce(name, commands[0])
        return subprocess.run(commands[0], cwd=ROOT, check=False).returncode == 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(_run, commands))
    for command, result in zip(commands, done, strict=True):
        _announce(name, command)
        print(result.stdout, end="", flush=True)
    return not any(result.returncode for result in done)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _announce(name: str, command: list[str]) -> None:
    print(f"\n=== {name}: {' '.join([Path(command[0]).name, *command[1:]])}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
