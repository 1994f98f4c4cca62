"""The check: style, types, import contracts, witnesses and every test that a machine without hardware can run."""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE = Path(sys.executable).parent

PARTS = min(os.cpu_count() or 1, 8)
PYTEST = [sys.executable, "-m", "pytest", "-q"]

#: Every step by name, and the commands that do it side by side.
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
    """Run commands side by side, print what each said when all are done; True where none failed."""
    if len(commands) == 1:
        _announce(name, commands[0])
        return subprocess.run(commands[0], cwd=ROOT, check=False).returncode == 0
    with ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in commands]
        running = [
            subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
            for command, output in zip(commands, outputs, strict=True)
        ]
        statuses = [process.wait() for process in running]
        for command, output in zip(commands, outputs, strict=True):
            _announce(name, command)
            output.seek(0)
            print(output.read(), end="", flush=True)
    return not any(statuses)


def _announce(name: str, command: list[str]) -> None:
    print(f"\n=== {name}: {' '.join([Path(command[0]).name, *command[1:]])}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
