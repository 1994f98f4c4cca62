"""The faults 40 to 75, of the program, its data and the people around it: which test shows what becomes of each.

What does not apply says why. Most need a process that really dies, a disk that really fills or a person who writes
a wrong file, so that no short run with a line of text can have them.
"""

from typing import Final

from cases import Elsewhere

_GUARD = "tests/labctl/test_guard.py"
_ENGINE = "tests/labctl/test_engine.py"
_PARKING = "tests/labctl/test_parking.py"
_STEPS = "tests/labctl/test_process_faults.py"
_CRASH = "tests/labctl/test_crash_matrix.py"
_DISKS = "tests/labctl/test_failing_disks.py"
_RECOVERY = "tests/labctl/test_recovery.py"
_JOURNAL = "tests/labctl/test_journal.py"
_STORE = "tests/labctl/test_store.py"
_CONFIG = "tests/labctl/test_config_safety.py"
_HOSTILE = "tests/labctl/test_hostile_files.py"
_NAMES = "tests/labctl/test_names.py"
_BROWSER = "tests/labctl/test_dashboard_browser.py"
_STRANGERS = "tests/labctl/test_dashboard_security.py"

_TAKES_OVER = "the guard parks at the rated slew; every acknowledged row is recovered"


def _shown(number: int, what: str, expected: str, *nodes: str) -> Elsewhere:
    return Elsewhere(number, what, expected, "as expected", nodes)


PROCESS: Final = (
    _shown(
        40,
        "a protocol raises, at any of its lines",
        "parked, every row before in a file that says faulted, exit 1",
        f"{_STEPS}::test_a_protocol_may_raise_at_any_of_its_lines",
        f"{_ENGINE}::test_a_bug_in_a_protocol_parks_the_station_too",
    ),
    _shown(
        41,
        "one Ctrl-C, before any line to an instrument",
        "never swallowed; the point ends, then parked, exit 3",
        f"{_STEPS}::test_ctrl_c_before_any_line_to_an_instrument_is_heeded_and_never_swallowed",
        f"{_ENGINE}::test_a_signal_ends_the_run_between_two_rows",
    ),
    _shown(
        42,
        "Ctrl-C again and again while the station is parked",
        "each is answered, none cuts a ramp",
        f"{_PARKING}::test_requests_during_parking_are_answered_and_change_nothing",
        f"{_GUARD}::test_leaning_on_ctrl_c_cuts_no_ramp",
    ),
    _shown(
        43,
        "SIGTERM, SIGHUP (the terminal is closed)",
        "as Ctrl-C; the point has half a second",
        f"{_GUARD}::test_a_supervisors_signal_leaves_the_point_half_a_second",
        f"{_PARKING}::test_a_supervisor_leaves_the_point_a_grace_period",
    ),
    _shown(
        44,
        "SIGKILL at any moment, also while it parks or files",
        _TAKES_OVER,
        "tests/labctl/test_guard_at_any_moment.py::test_the_guard_parks_at_any_moment",
        f"{_CRASH}::test_a_run_that_is_killed_loses_no_row_that_was_acknowledged",
        f"{_RECOVERY}::test_a_run_that_dies_at_any_step_of_its_end_leaves_its_file_whole_or_absent",
    ),
    _shown(
        45,
        "SIGSEGV (and what kills a process for its memory)",
        _TAKES_OVER,
        f"{_GUARD}::test_the_guard_parks_what_a_dead_run_left_on",
    ),
    _shown(
        46,
        "SIGSTOP, an endless loop",
        "the guard notices the silence, kills the run and parks",
        f"{_GUARD}::test_the_guard_parks_what_a_dead_run_left_on",
        f"{_GUARD}::test_an_endless_loop_is_a_hang",
    ),
    _shown(
        47,
        "the guard is killed",
        "the run notices within 1 s, refuses to go on and parks",
        f"{_GUARD}::test_a_run_whose_guard_was_killed_stops_and_parks",
    ),
    _shown(
        48,
        "run and guard are killed",
        "labctl stop parks what was left on; the next run is told",
        f"{_GUARD}::test_a_station_is_parked_by_hand_from_where_it_stands",
        "tests/labctl/test_locks.py::test_the_lock_of_a_program_that_was_killed_is_free_and_the_next_one_is_told",
    ),
    _shown(
        49,
        "the computer's clock jumps by hours",
        "times are monotonic; the jump is in the log",
        f"{_ENGINE}::test_a_clock_that_is_set_back_during_a_run_is_harmless_and_noted",
        f"{_DISKS}::test_a_clock_that_is_set_back_in_the_middle_of_a_run_costs_nothing",
    ),
    _shown(
        50,
        "steps of parking raise or hang, singly and in pairs",
        "all others run, within their deadlines",
        f"{_PARKING}::test_what_raises_or_hangs_holds_up_no_other_step",
    ),
    _shown(
        51,
        "the progress bar, the figure or the evaluation fails",
        "the data are filed all the same",
        f"{_STEPS}::test_a_display_that_fails_does_not_touch_the_run",
        f"{_ENGINE}::test_a_figure_that_the_disk_does_not_take_is_said_and_makes_no_failure_of_the_run",
    ),
    _shown(
        52,
        "two runs at one station",
        "the second is told who holds it and sends nothing",
        "tests/labctl/test_locks.py::test_a_second_program_is_told_who_holds_the_station_and_sends_nothing",
    ),
    _shown(
        53,
        "a paused run is killed",
        "as 44: a pause excuses silence and no death",
        f"{_GUARD}::test_a_run_that_is_killed_while_it_is_paused_is_parked",
    ),
    _shown(
        54,
        "labctl stop from another terminal, the run healthy, hung or dead",
        "the source is safe within 1 s",
        f"{_GUARD}::test_stop_makes_the_source_safe_within_a_second",
    ),
    _shown(
        55,
        "a flood of requests to the dashboard",
        "no deadline is missed",
        f"{_BROWSER}::test_a_flood_of_requests_costs_the_run_no_deadline",
    ),
    _shown(
        56,
        "the disk is full, at every write",
        "parked, exit 4, every row before is kept",
        f"{_DISKS}::test_at_every_write_of_a_run_the_disk_may_refuse_to_take_it",
        f"{_DISKS}::test_a_disk_that_others_fill_up_costs_no_row",
    ),
    _shown(
        57,
        "the disk fails, or does not sync",
        "parked, exit 4, every row before is kept",
        "tests/labctl/test_journal_on_disk.py::test_a_disk_that_does_not_sync_stops_the_run",
        f"{_ENGINE}::test_a_disk_that_fails_stops_the_run_parks_the_station_and_keeps_every_row_before",
    ),
    _shown(
        58,
        "the folder becomes read-only, is deleted or unmounted",
        "parked; the file is made elsewhere where its place is gone",
        f"{_DISKS}::test_a_folder_that_becomes_read_only_keeps_the_journal_and_every_row",
        f"{_DISKS}::test_where_the_journal_is_no_longer_to_be_had_the_run_stops_and_its_file_is_made_elsewhere",
    ),
    _shown(
        59,
        "a torn record, a tail of zeros, a flipped bit",
        "what is whole is kept; what is lost is located and counted",
        f"{_JOURNAL}::test_every_beginning_of_a_journal_gives_the_rows_that_were_whole_in_it",
        f"{_JOURNAL}::test_a_tail_of_zeros_is_no_record_and_is_told",
        f"{_JOURNAL}::test_a_flipped_bit_costs_one_record_and_is_located",
    ),
    _shown(
        60,
        "killed at each step of making the file",
        "the file is whole or absent, and made again",
        f"{_RECOVERY}::test_a_run_that_dies_at_any_step_of_its_end_leaves_its_file_whole_or_absent",
        f"{_RECOVERY}::test_a_recovery_that_dies_at_any_step_can_be_done_again",
    ),
    _shown(
        61,
        "the target exists, or appears meanwhile",
        "refused, or kept under another name; never replaced",
        f"{_STORE}::test_a_target_that_exists_is_refused_before_the_run",
        f"{_STORE}::test_a_target_that_appears_during_the_run_is_not_replaced_and_the_run_is_kept",
    ),
    _shown(
        62,
        "a record is missing, or came twice",
        "told, with its place",
        f"{_JOURNAL}::test_a_record_that_is_missing_and_one_that_came_twice_are_told",
    ),
    _shown(
        63,
        "a long run",
        "flat memory, and an end in proportion; 24 h at a stretch were not tried",
        "tests/benchmarks/test_store_cost.py::"
        "test_a_long_run_stays_small_and_its_end_takes_no_longer_than_a_few_times_its_rows",
    ),
    _shown(
        64,
        "numbers that are not finite, texts of every kind and length",
        "back bit for bit, or refused at once",
        f"{_JOURNAL}::test_every_number_and_text_comes_back_bit_for_bit",
        f"{_STORE}::test_a_text_that_no_file_can_hold_does_not_cost_the_run",
    ),
    _shown(
        65,
        "recovered twice",
        "the same bytes",
        f"{_RECOVERY}::test_recovery_gives_the_same_bytes_every_time",
    ),
    _shown(
        66,
        "a journal of a later version",
        "refused, and left as it is",
        f"{_RECOVERY}::test_a_journal_of_a_later_version_is_refused_and_left_as_it_is",
    ),
    _shown(
        67,
        "a limit in mA for A, a unit missing",
        "refused, exit 2, nothing is sent",
        f"{_CONFIG}::test_what_is_no_current_is_refused_in_a_file",
    ),
    _shown(
        68,
        "nan, inf, 1e400, -0, a bare 1e-3 in a file",
        "refused, exit 2, nothing is sent",
        f"{_CONFIG}::test_what_is_no_current_is_refused_in_a_file",
    ),
    _shown(
        69,
        "a key that is not known, or given twice",
        "refused, with what was perhaps meant",
        f"{_CONFIG}::test_a_key_that_is_not_known_or_given_twice_is_refused",
    ),
    _shown(
        70,
        "a second command in a text",
        "refused, or data that reach no wire",
        f"{_CONFIG}::test_no_text_of_a_file_reaches_a_wire",
        f"{_CONFIG}::test_no_value_puts_a_second_command_into_a_line",
    ),
    _shown(
        71,
        "hostile names of samples",
        "a harmless file name; the name itself is kept as data",
        f"{_NAMES}::test_a_slug_is_a_harmless_part_of_a_file_name",
        f"{_NAMES}::test_a_run_of_any_sample_is_stored_shown_and_drawn",
    ),
    _shown(
        72,
        "hostile HDF5 files",
        "refused, within bounds of time and memory",
        "tests/labctl/test_runfile.py::test_a_file_that_would_lead_elsewhere_or_fill_the_memory_is_refused",
        f"{_HOSTILE}::test_what_no_run_has_is_refused_before_it_is_read",
    ),
    _shown(
        73,
        "strangers at the dashboard: without or with a wrong token, by another name, from another site, with ..",
        "401, 403, 404; nothing is sent",
        f"{_STRANGERS}::test_a_name_that_somebody_else_can_point_here_is_refused",
        f"{_STRANGERS}::test_beyond_loopback_nobody_comes_in_without_the_token",
        f"{_STRANGERS}::test_only_a_page_of_this_very_server_can_stop_a_run",
        f"{_STRANGERS}::test_no_name_leads_out_of_the_folder",
    ),
    _shown(
        74,
        "a protocol asks beyond a limit late in a run",
        "refused by the rehearsal, nothing is sent",
        "tests/labctl/test_limits.py::"
        "test_a_protocol_that_declares_less_than_it_does_is_found_out_by_the_rehearsal",
    ),
    _shown(
        75,
        "station and sample file are changed during a run",
        "what was read and checked holds, and is in the file",
        f"{_STEPS}::test_a_station_file_that_is_changed_during_a_run_changes_nothing_of_it",
    ),
)
