"""The lines of safety of the bench, each with what is put in its place and the tests that must notice."""

# ruff: noqa: E501 (lines of other modules are quoted as they are)

from typing import NamedTuple


class Mutation(NamedTuple):
    """One line of safety: what it is for, where it stands, what is put in its place, and who must notice."""

    name: str
    file: str
    text: str
    instead: str
    tests: str


_LIMITS = "tests/labctl/test_limits.py"
_DRIVER_LIMITS = "tests/drivers/test_driver_limits.py"
_6221 = "tests/drivers/test_driver_keithley_6221.py"
_BOP = "tests/drivers/test_driver_kepco_bop.py"
_643 = "tests/drivers/test_driver_lakeshore_643.py"
_WIRE = "tests/drivers/test_driver_wire.py"
_TAKEOVER = "tests/labctl/test_takeover.py"
_LIFE = "tests/labctl/test_life.py"
_INTERLOCKS = "tests/labctl/test_interlocks.py"

OF_THE_BENCH = (
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
        "        return try_each((abort, zero))",
        "        return try_each((abort,))",
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
        "tests/drivers/test_driver_keithley_6221_sine.py",
    ),
    Mutation(
        "what is not a number trips an interlock",
        "labctl/interlocks.py",
        "        if _WELL[self.sign](value, self.value):",
        "        if not {'>': operator.gt, '>=': operator.ge, '<': operator.lt, '<=': operator.le}"
        "[self.sign](value, self.value):",
        f"{_INTERLOCKS}::test_what_is_not_a_number_trips",
    ),
)
