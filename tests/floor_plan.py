"""The README's floor plan, made from the first docstring line of every module (run it to write the plan)."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("labctl", "drivers", "protocols", "sim_instruments")
START, END = "<!-- floor plan -->", "<!-- end of floor plan -->"


def caption(module: Path) -> str:
    """First line of a module's docstring, without its full stop."""
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
    return (docstring or "").partition("\n")[0].removesuffix(".")


def floor_plan() -> str:
    """Every module with its caption, room by room, as one Markdown code block."""
    lines: list[str] = []
    for room in ROOMS:
        folders = sorted({module.parent for module in (ROOT / room).rglob("*.py")})
        for folder in folders:
            lines.append(f"{folder.relative_to(ROOT).as_posix() + '/':<30}{caption(folder / '__init__.py')}")
            modules = sorted(module for module in folder.glob("*.py") if module.name != "__init__.py")
            lines += [f"    {module.name:<26}{caption(module)}" for module in modules]
        lines.append("")
    return "\n".join(["```", *lines[:-1], "```"])


def with_plan(readme: str) -> str:
    """Return the README's text with the floor plan of the code as it stands."""
    before, _, rest = readme.partition(START)
    return f"{before}{START}\n{floor_plan()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(with_plan(path.read_text(encoding="utf-8")), encoding="utf-8")
