"""The mutation check: each line of safety is taken out in turn, and the tests named for it must then fail.

    python tests/mutations.py [WORD ...]      all of them, or those whose name holds one of the words

It works on a copy of the tree. A line that can go without a test noticing is a promise that nothing keeps.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mutation_lines import OF_THE_BENCH, Mutation

ROOT = Path(__file__).parent.parent
#: Seconds (wall) that the tests of one line may take.
_PATIENCE = 600.0
COPIED = ("labctl", "drivers", "protocols", "sim_instruments", "tests", "pyproject.toml", "README.md")


_JOURNAL = "tests/labctl/test_journal.py tests/labctl/test_journal_on_disk.py"
_STORE = "tests/labctl/test_store.py"
_HOSTILE = "tests/labctl/test_hostile_files.py"
_LIFE = "tests/labctl/test_life.py"
_INTERLOCKS = "tests/labctl/test_interlocks.py"

MUTATIONS = (
    *OF_THE_BENCH,
    # --- one station, one program -----------------------------------------------------------------
    Mutation(
        "flock of a station",
        "labctl/locks.py",
        "            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n        except",
        "            pass\n        except",
        "tests/labctl/test_locks.py",
    ),
    Mutation(
        "flock of a journal",
        "labctl/journal/writer.py",
        "            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n            journal._begin",
        "            journal._begin",
        f"tests/labctl/test_recovery.py {_JOURNAL}",
    ),
    Mutation(
        "VISA lock",
        "labctl/sessions.py",
        "            resource.lock_excl(1e3 * patience)",
        "            pass",
        f"{_INTERLOCKS}::"
        "test_an_instrument_that_another_computer_has_locked_is_a_fault_before_anything_is_sent",
    ),
    # --- data -------------------------------------------------------------------------------------
    Mutation(
        "fsync of a row",
        "labctl/journal/writer.py",
        "                    os.fsync(self._descriptor)\n                    self._synced",
        "                    self._synced",
        _JOURNAL,
    ),
    Mutation(
        "check sum of a record",
        "labctl/journal/frames.py",
        "            if crc32(payload, crc32(window[place + 4 : body - 4], SEED)) == check:",
        "            if check or length:",
        _JOURNAL,
    ),
    Mutation(
        "seed of the check sum",
        "labctl/journal/frames.py",
        "SEED: Final = 0x6C616263",
        "SEED: Final = 0",
        _JOURNAL,
    ),
    Mutation(
        "a write cut short is completed",
        "labctl/journal/writer.py",
        "            newfile.write_all(self._descriptor, frame[written:])",
        "            pass",
        f"{_STORE}::test_short_writes_are_completed {_JOURNAL}",
    ),
    Mutation(
        "fsync of a file before it gets its name",
        "labctl/newfile.py",
        "        os.fsync(descriptor)\n        if hasattr",
        "        if hasattr",
        _STORE,
    ),
    Mutation(
        "fsync of a folder",
        "labctl/newfile.py",
        "    try:\n        os.fsync(descriptor)\n    finally:",
        "    try:\n        pass\n    finally:",
        _STORE,
    ),
    Mutation(
        "a file is verified before it gets its name",
        "labctl/newfile.py",
        "    if verify is not None:\n        verify(partial)\n",
        "",
        _STORE,
    ),
    Mutation(
        "no file is ever replaced",
        "labctl/newfile.py",
        "        os.link(partial, target, follow_symlinks=False)",
        "        os.link(partial, partial.with_suffix('.x')); partial.replace(target); partial.touch()",
        _STORE,
    ),
    Mutation(
        "hashes of a file are compared",
        "labctl/manifest.py",
        "if path in digests and _digest(node) == digests[path]}",
        "if path in digests}",
        f"{_STORE} tests/labctl/test_validate.py",
    ),
    Mutation(
        "a changed line of a ledger",
        "labctl/life.py",
        "        if check != _check(before, plain):",
        "        if not check:",
        _LIFE,
    ),
    # --- what strangers write ---------------------------------------------------------------------
    Mutation(
        "links that lead out of a file",
        "labctl/untrusted.py",
        "    if not isinstance(group.get(name, getlink=True), h5py.HardLink):",
        "    if not name:",
        "tests/labctl/test_runfile.py",
    ),
    Mutation(
        "data kept in another file",
        "labctl/untrusted.py",
        "    if dataset.external or dataset.is_virtual:",
        "    if not dataset:",
        "tests/labctl/test_runfile.py",
    ),
    Mutation(
        "size that a file may claim",
        "labctl/untrusted.py",
        "        if unpacked > MAX_BYTES or claimed > MAX_CLAIM:",
        "        if unpacked < 0:",
        f"{_HOSTILE}::test_what_no_run_has_is_refused_before_it_is_read",
    ),
    Mutation(
        "unknown keys",
        "labctl/config.py",
        'extra="forbid"',
        'extra="ignore"',
        "tests/labctl/test_config.py",
    ),
    Mutation(
        "quantities are finite",
        "labctl/door.py",
        "    if not math.isfinite(float(number)):",
        "    if not number:",
        "tests/labctl/test_door.py",
    ),
)


def select(words: list[str]) -> list[Mutation]:
    """Those whose name holds one of the words; all where there are none."""
    return [one for one in MUTATIONS if not words or any(word in one.name for word in words)]


def judged(mutations: list[Mutation]) -> Iterator[tuple[Mutation, str]]:
    """Yield each mutation with the test that noticed it (it passes again when the line is back), or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in COPIED:
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "pictures")
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, tree / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, tree / name)
        for one in mutations:
            path = tree / one.file
            whole = path.read_text(encoding="utf-8")
            path.write_text(mutated(whole, one), encoding="utf-8")
            noticed = failed(tree, one.tests)
            path.write_text(whole, encoding="utf-8")
            if noticed and failed(tree, noticed):
                noticed = ""  # it fails anyway, and tells nothing
            yield one, noticed


def mutated(whole: str, one: Mutation) -> str:
    """The text of a module without its line of safety, which must stand there once."""
    if whole.count(one.text) != 1:
        raise LookupError(f"{one.name}: {one.file} must hold once {one.text!r}")
    return whole.replace(one.text, one.instead)


def failed(tree: Path, tests: str) -> str:
    """Run tests of a copy against that copy, and return the first that failed; nothing where all passed.

    A module that no longer compiles, or a test that is not there, is no verdict: RuntimeError.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", *tests.split()]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=_PATIENCE
    )
    if ran.returncode == 0:
        return ""
    found = re.search(r"^FAILED (\S+::\w+)", ran.stdout, re.MULTILINE)
    if found is None or "SyntaxError" in ran.stdout:
        said = (ran.stdout.strip() or ran.stderr.strip()).rpartition("\n")[2]
        raise RuntimeError(f"pytest {tests} must come to a verdict; it ended with {ran.returncode}: {said}")
    return found[1]


def main() -> int:
    """Print a table of all, and who noticed; the exit status is 1 where one went unnoticed."""
    chosen = select(sys.argv[1:])
    unnoticed = 0
    for one, noticed in judged(chosen):
        unnoticed += not noticed
        print(f"{one.name:55} {one.file:32} {noticed or 'UNNOTICED'}", flush=True)
    print(f"{unnoticed} of {len(chosen)} unnoticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
