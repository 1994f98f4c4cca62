"""The mutation check: each line of safety is taken out in turn, and the tests named for it must then fail.

    python tests/mutations.py [WORD ...]      all of them, or those whose name holds one of the words

It works on a copy of the tree. A line that can go without a test noticing is a promise that nothing keeps.
"""

# ruff: noqa: E501 (lines of other modules are quoted as they are)

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


_JOURNAL = "tests/labctl/test_journal.py"
_STORE = "tests/labctl/test_store.py"
_HOSTILE = "tests/labctl/test_hostile_files.py"
_LIFE = "tests/labctl/test_life.py"
_INTERLOCKS = "tests/labctl/test_interlocks.py"

MUTATIONS = (
<<<<<<< HEAD
    *OF_THE_BENCH,
=======
    # --- limits -----------------------------------------------------------------------------------
    Mutation(
        "limit check of the rehearsed request",
        "labctl/safety.py",
        "    refuse(list(limits.broken(demand, station, sample)))",
        "    refuse([])",
        f"{_LIMITS}::test_every_limit_lets_what_it_allows_pass_and_nothing_of_what_it_forbids",
    ),
    Mutation(
        "limit check of the declared request",
        "labctl/safety.py",
        "    problems = [*limits.missing(station, sample), *limits.broken(demand, station, sample)]",
        "    problems = [*limits.missing(station, sample)]",
        "tests/labctl/test_cli.py::test_a_wrong_request_is_one_line_exit_2_and_nothing_written",
    ),
    Mutation(
        "limit check of a magnet",
        "labctl/safety.py",
        "        problems += limits.broken_by_magnet(role, mu0_H, magnet, station, sample)",
        "        problems += []",
        f"{_LIMITS}::test_every_limit_lets_what_it_allows_pass_and_nothing_of_what_it_forbids",
    ),
    Mutation(
        "limit check while a run goes on",
        "labctl/tally.py",
        "        if problems:\n            raise FaultError",
        "        if problems and not sent:\n            raise FaultError",
        f"{_LIMITS}::test_unrehearsed_it_is_stopped_at_the_set_point_that_is_too_high",
    ),
    Mutation(
        "what is not a number is beyond every limit",
        "labctl/limits.py",
        "    if not abs(value) <= limit * (1 + ROUNDING):",
        "    if abs(value) > limit * (1 + ROUNDING):",
        f"{_LIMITS}::test_what_is_not_a_number_is_beyond_every_limit",
    ),
    Mutation(
        "limits of a setting in its driver",
        "drivers/_setting.py",
        "        if not self.low <= value <= self.high:",
        "        if value != value:",
        _DRIVER_LIMITS,
    ),
    Mutation(
        "limits of the station in a driver",
        "drivers/_instrument.py",
        "            if not low <= value <= high:  # in this form",
        "            if value != value:  # in this form",
        _DRIVER_LIMITS,
    ),
    Mutation(
        "current within what the source was prepared for",
        "drivers/keithley_6221_dc.py",
        "        if not abs(current) <= self._I_max * ROUNDING:",
        "        if current != current:",
        _6221,
    ),
    Mutation(
        "current within what the supply was prepared for",
        "drivers/kepco_bop.py",
        "        if not abs(current) <= self._I_max * (1 + 1e-9):",
        "        if not abs(current) <= 2 * self._I_max:",
        _BOP,
    ),
    Mutation(
        "largest field of a magnet",
        "drivers/field_source.py",
        "        if not abs(mu0_H) <= self._mu0_H_max:",
        "        if mu0_H != mu0_H:",
        f"{_DRIVER_LIMITS} tests/drivers/test_driver_field_source.py",
    ),
    Mutation(
        "budget of a sample's life",
        "labctl/admission.py",
        "    safety.refuse(beyond)\n    return near",
        "    return near",
        f"{_LIFE}::test_near_its_end_every_run_is_told_and_beyond_it_refused",
    ),
    Mutation(
        "the plan in the ledger before anything is sent",
        "labctl/admission.py",
        '        self.ledger.append("planned", run, title, Spent.of(self.planned, sample))',
        "        pass",
        f"{_LIFE}::test_a_run_that_was_killed_counts_as_it_was_planned",
    ),
    # --- ramps, and back to nothing ---------------------------------------------------------------
    Mutation(
        "walk of a supply in small steps",
        "drivers/kepco_bop.py",
        "        steps = max(1, math.ceil(abs(end - start) / largest))",
        "        steps = max(1, math.ceil(abs(end - start) / (1e3 * largest)))",
        _BOP,
    ),
    Mutation(
        "rate of a ramp in the supply",
        "drivers/lakeshore_643.py",
        "        self.ramp_segments = False\n        self.ramp_rate = rate\n        answered_rate",
        "        self.ramp_segments = False\n        answered_rate",
        _643,
    ),
    Mutation(
        "walk to zero before a supply is switched off",
        "drivers/kepco_bop.py",
        '        failed = try_each((("walk to zero", self._walk_to_zero), ("errors", self.pending_errors)))',
        '        failed = try_each((("errors", self.pending_errors),))',
        _BOP,
    ),
    Mutation(
        "no magnet's circuit is broken under current",
        "drivers/kepco_bop.py",
        '        if not abs(measured) < _PARKED_BELOW:\n            raise NotFollowed(f"it carries',
        '        if measured != measured:\n            raise NotFollowed(f"it carries',
        _BOP,
    ),
    Mutation(
        "level to zero when the source is silenced",
        "drivers/keithley_6221.py",
        '                ("level to zero", lambda: self.wire.say(self.line("level", 0.0), urgent=True)),\n',
        "",
        f"{_6221} tests/drivers/test_driver_keithley_6221_waves.py",
    ),
    Mutation(
        "output off in parking",
        "drivers/keithley_6221.py",
        '        failed += try_each((("output off", lambda: self.say(self.clear, urgent=True)),))\n',
        "",
        _6221,
    ),
    Mutation(
        "output read back in parking",
        "drivers/keithley_6221.py",
        '            (("output read back", self._confirm_output_off), ("level read back", self._confirm_level_zero))',
        '            (("level read back", self._confirm_level_zero),)',
        _6221,
    ),
    Mutation(
        "one step of parking that fails keeps no other",
        "labctl/parking.py",
        "        except BaseException as error:  # the next step must be tried whatever this one met\n"
        "            self._outcome = str(error) or type(error).__name__\n",
        "        except ZeroDivisionError as error:\n            self._outcome = str(error)\n",
        "tests/labctl/test_parking.py::test_what_raises_or_hangs_holds_up_no_other_step",
    ),
    Mutation(
        "the source is parked before the magnets",
        "labctl/station/lab.py",
        '        order = ("source", *magnets, "lockin", "voltmeter")',
        '        order = (*magnets, "source", "lockin", "voltmeter")',
        "tests/labctl/test_engine.py tests/labctl/test_lockin.py",
    ),
    Mutation(
        "a stop by signal is heeded between two rows",
        "labctl/engine.py",
        "            if stop.reason:\n                _write_down",
        "            if not request:\n                _write_down",
        "tests/labctl/test_engine.py::test_a_signal_ends_the_run_between_two_rows",
    ),
    Mutation(
        "a ramp that is asked to stop goes on",
        "labctl/stopping.py",
        "        if self.is_parking:\n            return\n",
        "",
        "tests/labctl/test_parking.py",
    ),
    # --- identity, read-back, resynchronisation ---------------------------------------------------
    Mutation(
        "identity of an instrument",
        "drivers/_instrument.py",
        "        if not self.IDENTITY.fullmatch(identity):",
        "        if not identity:",
        "tests/labctl/test_engine.py::test_the_wrong_instrument_at_an_address_is_refused",
    ),
    Mutation(
        "the same serial number after a resynchronisation",
        "drivers/_instrument.py",
        "        self._wire.expect(re.compile(re.escape(identity)))\n",
        "",
        f"{_6221} {_WIRE} tests/drivers/test_driver_repeats.py",
    ),
    Mutation(
        "identity of what a guard parks",
        "labctl/takeover.py",
        "            if self._line.hear(deadline) == self._identity:",
        "            if self._line.hear(deadline):",
        _TAKEOVER,
    ),
    Mutation(
        "half a line is voided",
        "labctl/takeover.py",
        "            self._line.void()\n",
        "",
        f"{_TAKEOVER}::test_what_is_said_first_costs_no_line_of_the_recipe",
    ),
    Mutation(
        "limits of a supply read back",
        "drivers/lakeshore_643.py",
        "        if not (_same(answered[0], I_max) and _same(answered[1], rate)):",
        "        if not answered:",
        _643,
    ),
    Mutation(
        "compliance read back",
        "drivers/keithley_6221_dc.py",
        '        self._confirm("compliance", "V", compliance, self.compliance, within=0.01)\n',
        "",
        _6221,
    ),
    Mutation(
        "field against current",
        "drivers/field_source.py",
        "        if abs(field - expected) > self._agreement * abs(expected) + self._remanence:",
        "        if field != field:",
        "tests/drivers/test_driver_field_source.py tests/drivers/test_driver_field_loop.py",
    ),
    Mutation(
        "resynchronisation before the next question",
        "drivers/_wire.py",
        "        if self._suspect:\n            self.resynchronise()\n        if timeout is None:",
        "        if timeout is None:",
        f"{_WIRE}::test_a_reply_that_comes_late_is_never_the_answer_to_a_later_question",
    ),
    Mutation(
        "a garbled answer makes the session suspect",
        "drivers/_wire.py",
        "        if found is None:\n            self.distrust()\n",
        "        if found is None:\n",
        f"{_WIRE} tests/drivers/test_driver_repeats.py",
    ),
    Mutation(
        "nothing may follow the identity",
        "drivers/_wire.py",
        "                if is_itself and self._drain(_SILENCE) == 0:",
        "                if is_itself:",
        f"{_WIRE} tests/drivers/test_driver_repeats.py",
    ),
    Mutation(
        "overflow is no number",
        "drivers/_wire.py",
        "        if abs(value) >= INFINITY:",
        "        if value != value:",
        _WIRE,
    ),
    Mutation(
        "a pulse is never repeated",
        "drivers/keithley_6221.py",
        "            with self.wire.once():  # a resynchronisation would clear what the source has seen of the wave\n"
        "                yield",
        "            yield",
        f"tests/drivers/test_driver_keithley_6221_waves.py {_INTERLOCKS}",
    ),
    Mutation(
        "what is not a number trips an interlock",
        "labctl/interlocks.py",
        "        if _WELL[self.sign](value, self.value):",
        "        if not {'>': operator.gt, '>=': operator.ge, '<': operator.lt, '<=': operator.le}"
        "[self.sign](value, self.value):",
        f"{_INTERLOCKS}::test_what_is_not_a_number_trips",
    ),
>>>>>>> chaos
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
        "            resource.lock_excl(1e3 * _LOCK_PATIENCE)",
        "            pass",
        f"{_INTERLOCKS}::"
        "test_an_instrument_that_another_computer_has_locked_is_a_fault_before_anything_is_sent",
    ),
    # --- data -------------------------------------------------------------------------------------
    Mutation(
        "fsync of a row",
        "labctl/journal/writer.py",
        "                os.fsync(self._descriptor)\n                self._synced",
        "                self._synced",
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
        "        path for path, digest in digests.items() if path not in present or _digest(present[path]) != digest",
        "        path for path in digests if path not in present",
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
