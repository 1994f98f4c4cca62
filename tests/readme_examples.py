"""Run the README examples and write down what they print: `python tests/readme_examples.py`, then read the diff."""

import re
import tempfile
from pathlib import Path

from test_readme import ROOT, run_shell, write_files


def with_outputs(readme: str, folder: Path) -> str:
    """Return the README with every command's output as it is today; the commands are run in order in `folder`."""

    def block(found: re.Match[str]) -> str:
        lines = [line for line in found[1].splitlines() if line.startswith("$ ")]
        shown = [line + "\n" + _trimmed(run_shell(line.removeprefix("$ "), folder)) for line in lines]
        return "```console\n" + "".join(shown) + "```"

    return re.sub(r"```console\n(.*?)```", block, readme, flags=re.DOTALL)


def _trimmed(output: str) -> str:
    return "".join(line.rstrip() + "\n" for line in output.rstrip().splitlines())


if __name__ == "__main__":
    path = ROOT / "README.md"
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name))
        path.write_text(with_outputs(path.read_text(encoding="utf-8"), Path(name)), encoding="utf-8")
