"""The guide to adding an instrument works as it is printed."""

import re
import tomllib
from pathlib import Path

import drivers

README = (Path(drivers.__file__).parent / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_of_the_guide_runs_in_its_order():
    """Driver, then its test: both as printed, the assertions included."""
    namespace = {"__name__": "lakeshore_425"}
    for block in blocks("python"):
        exec(compile(block, "drivers/README.md", "exec"), namespace)  # noqa: S102
    assert namespace["LakeShore425"].headers() == {
        "*IDN?", "*CLS", "*ESR?", "UNIT", "UNIT?", "RANGE", "RANGE?", "RDGFIELD?",
    }  # fmt: skip


def test_the_toml_of_the_guide_is_toml():
    """The witness entry and the entry point can be copied."""
    witness, entry_point = (tomllib.loads(block) for block in blocks("toml"))
    assert {"say", "hear_pattern", "means", "source", "status"} == set(witness["exchange"][0])
    assert entry_point["project"]["entry-points"]["labctl.drivers"]


def test_every_file_of_the_package_is_in_the_guide_or_is_an_instrument():
    """A new helper that nobody mentions is not found by the next person."""
    for path in Path(drivers.__file__).parent.glob("*.py"):
        is_instrument = re.search(r"_\d", path.stem) is not None
        assert is_instrument or path.name in README or path.name == "__init__.py", path.name
