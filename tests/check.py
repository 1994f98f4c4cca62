"""The check: style, types, import contracts, witnesses and every test that a machine without hardware can run."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE = Path(sys.executable).parent

STEPS = {
    "format": [str(HERE / "ruff"), "format", "--check", "."],
    "lint": [str(HERE / "ruff"), "check", "."],
    "import contracts": [str(HERE / "lint-imports"), "--no-cache"],
    "types": [str(HERE / "pyright"), "--pythonpath", sys.executable],
    "witnesses": [sys.executable, "tests/wire/coverage.py"],
    "tests": [sys.executable, "-m", "pytest", "-q"],
    "slow tests": [sys.executable, "-m", "pytest", "-q", "-m", "slow"],
}


def main() -> int:
    """Run every step, whatever the ones before said; the exit status is that of the worst."""
    failed: list[str] = []
    for name, command in STEPS.items():
        print(f"\n=== {name}: {' '.join([Path(command[0]).name, *command[1:]])}", flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
    print(f"\n=== failed: {', '.join(failed)}" if failed else "\n=== all well", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
