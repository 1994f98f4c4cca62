"""The faults 1 to 39, of wires and instruments: what is done, what is expected, and what a person must be told.

A fault may have several cases. One that no short run on the bench can have is shown by another test, or does not
apply; either says so.
"""

from dataclasses import dataclass

OTHER_6221 = "KEITHLEY INSTRUMENTS INC.,MODEL 6221,9999999,D04  /700x "
SOT = "sot-switching"


@dataclass(frozen=True)
class Case:
    """One run with faults: how it must end, what must be told (a part of it), and how many rows must be kept.

    `complete` runs tell in their log. `is_parkable` is False where an instrument cannot be reached to the end;
    `is_slew_ours` where the fault itself moves a magnet.
    """

    number: int
    what: str
    faults: tuple[str, ...]
    expected: str
    told: str
    rows: int
    complete: bool = False
    protocol: str = "ahe-loop"
    is_parkable: bool = True
    is_slew_ours: bool = True


@dataclass(frozen=True)
class Elsewhere:
    """A fault that is shown by other tests, by their node ids, or (none) that does not apply, for this reason."""

    number: int
    what: str
    expected: str
    reason: str
    nodes: tuple[str, ...] = ()


STOPS = "the run ends parked, the rows before are kept"
AGAIN = "the question is asked again, the log says so, every row is right"

CASES = (
    Case(
        1,
        "one late reply, meter",
        ("voltmeter: late 3 s at row 4",),
        AGAIN,
        "is asked again, 1 of 2",
        9,
        True,
    ),
    Case(
        1,
        "one late reply, source (a raw socket)",
        ("source: late 3 s at row 4",),
        AGAIN,
        "asked again",
        9,
        True,
    ),
    Case(
        2,
        "late beyond every patience",
        ("voltmeter: late 30 s at row 4 for 99 times",),
        STOPS,
        "voltmeter must answer",
        3,
    ),
    Case(
        3,
        "no reply any more, though commands arrive",
        ("source: timeout at row 4 for 999 times",),
        "the run ends; parked in truth, told as not confirmed",
        "NOT PARKED: source",
        3,
    ),
    Case(
        3, "no reply to a pulse's set-up", ("source: timeout at row 4",), AGAIN, "asked again", 11, True, SOT
    ),
    Case(4, "half a reply, meter", ("voltmeter: half at row 4",), AGAIN, "asked again", 9, True),
    Case(4, "half a reply, source", ("source: half at row 4",), AGAIN, "asked again", 9, True),
    Case(
        5,
        "a reply in two pieces",
        ("voltmeter: split at row 4",),
        "taken whole, every row is right",
        "",
        9,
        True,
    ),
    Case(5, "a reply in two pieces, socket", ("source: split at row 4",), "taken whole", "", 9, True),
    Case(6, "a reply twice, meter", ("voltmeter: doubled at row 4",), "the second is dropped", "", 9, True),
    Case(6, "a reply twice, source", ("source: doubled at row 4",), "the second is dropped", "", 9, True),
    Case(7, "an empty reply", ("voltmeter: empty at row 4",), AGAIN, "got ''", 9, True),
    Case(
        8,
        "bytes that are no ASCII",
        ("voltmeter: garbage at row 4",),
        AGAIN,
        "must answer 'READ?' in ASCII",
        9,
        True,
    ),
    Case(
        9,
        "replies that end in CR alone",
        ("source: carriage-return at query 1 for 99 times",),
        "the run ends before anything is set",
        "source must answer '*IDN?'",
        0,
    ),
    Case(10, "bytes before a reply", ("voltmeter: noise at row 4",), AGAIN, "got '#?", 9, True),
    Case(
        11,
        "another instrument's reply, meter",
        ("voltmeter: swapped magnet_z_supply at row 4",),
        AGAIN + " (a reply of the very same form could not be told)",
        "must answer 'READ?' in the form",
        9,
        True,
    ),
    Case(
        11,
        "another instrument's reply, source",
        ("source: swapped voltmeter at row 4",),
        STOPS,
        "level of source must",
        3,
    ),
    Case(
        12,
        "cable out between points",
        ("voltmeter: lost at row 4 for 1 s",),
        STOPS,
        "voltmeter must be reachable",
        3,
    ),
    Case(
        13,
        "cable out in a ramp, back after 4 s",
        ("supply_z: lost at row 4 for 4 s",),
        STOPS + ", parked when the link is back",
        "magnet_z_supply must be reachable",
        3,
    ),
    Case(
        13,
        "cable out in a ramp for good",
        ("supply_z: lost at row 5",),
        "source and meter are parked, the magnet told as not parked",
        "NOT PARKED: magnet_z",
        4,
        is_parkable=False,
    ),
    Case(
        14,
        "cable out while parking, back after 3 s",
        ('source: lost at line "SOUR:CLE" for 3 s',),
        "parking is tried again and confirmed",
        "parking, source: NOT confirmed",
        9,
        True,
    ),
    Case(
        14,
        "cable out while parking, for good",
        ('source: lost at line "SOUR:CLE"',),
        "the magnets are parked all the same, the source is told as not parked",
        "NOT PARKED: source",
        9,
    ),
    Case(
        15,
        "another unit answers after a lost reply",
        ("source: timeout at row 4", f'source: answer "{OTHER_6221}" at row 4 for 999 times'),
        "nothing more is taken from it; told as not parked",
        "with its own identity",
        3,
    ),
    Case(
        16,
        "the instrument is locked by another program",
        ("source: locked at query 1",),
        "the run ends before anything is set",
        "VI_ERROR_RSRC_LOCKED",
        0,
    ),
    Case(
        17,
        "the instrument is taken by another program, for 5 s",
        ("source: locked at row 4 for 5 s",),
        STOPS,
        "VI_ERROR_RSRC_LOCKED",
        3,
    ),
    Case(
        17,
        "the instrument is taken by another program, for good",
        ("source: locked at row 4",),
        "the magnets are parked, the source is told as not parked",
        "NOT PARKED: source",
        3,
        is_parkable=False,
    ),
    Case(
        20,
        "a command is lost",
        ("source: swallowed at row 4",),
        STOPS,
        "level of source must read back 0.0001 A",
        3,
    ),
    Case(
        21,
        "an error of the system, not of VISA",
        ("voltmeter: broken at row 4 for 1 s",),
        STOPS,
        "[Errno 5]",
        3,
    ),
    Case(23, "an overflow", ('voltmeter: answer "+9.9E37" at row 4',), STOPS, "Choose a larger V_max", 3),
    Case(
        23,
        "an overflow of the other sign",
        ('voltmeter: answer "-9.90000000E+37" at row 4',),
        STOPS,
        "overflow",
        3,
    ),
    Case(
        23,
        "a display's overflow",
        ('voltmeter: answer "+199.999E99" at row 4',),
        AGAIN,
        "in the form",
        9,
        True,
    ),
    Case(24, "not a number", ('voltmeter: answer "nan" at row 4',), AGAIN, "got 'nan'", 9, True),
    Case(24, "infinity", ('voltmeter: answer "inf" at row 4',), AGAIN, "got 'inf'", 9, True),
    Case(24, "two numbers", ('voltmeter: answer "1,2" at row 4',), AGAIN, "got '1,2'", 9, True),
    Case(
        24,
        "a unit behind it",
        ('voltmeter: answer "+1.0E-03 V" at row 4',),
        AGAIN,
        "got '+1.0E-03 V'",
        9,
        True,
    ),
    Case(
        25, "a reading that is stuck", ("voltmeter: frozen at row 4",), STOPS, "It is stuck, or its range", 3
    ),
    Case(26, "a lead comes off", ("source: loose-contact at row 4",), STOPS, "Check the current leads", 3),
    Case(
        26,
        "a lead comes off before a pulse",
        ("source: loose-contact at row 4",),
        STOPS,
        "current leads",
        3,
        False,
        SOT,
    ),
    Case(
        27,
        "an old error at the start",
        ("voltmeter: error -222 at time 0 s",),
        "logged, blamed on nobody",
        "-222",
        9,
        True,
    ),
    Case(
        28,
        "a command is refused",
        ("source: refused -222 at row 4",),
        STOPS,
        "source must accept 'SOUR:CURR 0.0001'",
        3,
    ),
    Case(
        29,
        "errors without end",
        ("source: error -350 at time 0 s", 'source: frozen at line "SYST:ERR?"'),
        "they are taken at most 32 at a time; the run ends",
        "-350",
        0,
    ),
    Case(
        30,
        "the source loses the mains",
        ("source: power-cycled at row 4",),
        STOPS,
        "source must read back",
        3,
    ),
    Case(
        30, "the meter loses the mains", ("voltmeter: power-cycled at row 4",), STOPS, "has lost its mains", 3
    ),
    Case(
        30,
        "the supply loses the mains before a ramp",
        ("supply_z: power-cycled at row 5",),
        STOPS,
        "magnet_z_supply",
        4,
        is_slew_ours=False,
    ),
    Case(
        30,
        "the supply loses the mains between ramps",
        ("supply_x: power-cycled at row 4",),
        STOPS,
        "the supply of magnet_x must still carry",
        3,
        protocol=SOT,
        is_slew_ours=False,
    ),
    Case(
        31,
        "somebody sets another current",
        ('source: panel "SOUR:CURR 5E-5" at time 4.7 s',),
        STOPS,
        "level of source must",
        3,
    ),
    Case(
        31,
        "somebody sets another field",
        ('supply_z: panel "CURR 0.3" at row 4',),
        STOPS + ", ramped from where it stands",
        "set point of magnet_z_supply must read back",
        3,
        is_slew_ours=False,
    ),
    Case(
        31,
        "somebody sets another range",
        ('voltmeter: panel "SENS:VOLT:RANG 100" at row 4',),
        STOPS,
        "Somebody has",
        3,
    ),
    Case(
        32,
        "an output is found on, with current",
        ('source: panel "SOUR:CURR 1E-3" at time 0 s', 'source: panel "OUTP ON" at time 0 s'),
        "taken to zero first; every row is right",
        "",
        9,
        True,
    ),
    Case(
        33,
        "a set point read back with rounding",
        ('source: answer "-1.00003E-4" at row 5',),
        "taken as it is",
        "",
        9,
        True,
    ),
    Case(
        36,
        "the source is too hot",
        ("source: over-temperature at row 4",),
        STOPS,
        "it reports over-temperature",
        3,
    ),
    Case(
        36,
        "the interlock is open",
        ("source: interlock-open at row 4",),
        STOPS,
        "it reports interlock open",
        3,
    ),
    Case(
        36,
        "the interlock is open before a pulse",
        ("source: interlock-open at row 4",),
        STOPS,
        "interlock closed",
        3,
        False,
        SOT,
    ),
    Case(
        37,
        "a supply that lags",
        ("supply_x: slow at query 10",),
        "waited for; every row is right",
        "",
        11,
        True,
        SOT,
    ),
    Case(
        37, "a supply that does not move", ("supply_z: stuck at row 4",), STOPS, "magnet_z must follow to", 3
    ),
    Case(
        37,
        "a supply that sticks with current in it",
        ("supply_x: stuck at query 20",),
        "told as not parked; the circuit is not broken",
        "NOT PARKED: magnet_x",
        0,
        protocol=SOT,
        is_parkable=False,
    ),
    Case(
        38,
        "the probe is not in the magnet",
        ("gaussmeter_x: unplugged at query 10",),
        STOPS,
        "must agree with",
        0,
        False,
        SOT,
    ),
    Case(
        38,
        "the probe's wire breaks",
        ('gaussmeter_x: answer "OL" at row 4',),
        STOPS,
        "must be within its range",
        3,
        False,
        SOT,
    ),
)

ELSEWHERE = (
    Elsewhere(
        18,
        "a call that never returns",
        "a step of parking is left to itself; a hung run is ended by its guard",
        "needs real time",
        (
            "tests/labctl/test_parking.py::test_what_raises_or_hangs_holds_up_no_other_step",
            "tests/labctl/test_guard.py::test_an_endless_loop_is_a_hang",
        ),
    ),
    Elsewhere(
        19,
        "the VISA library aborts the process",
        "as a killed process: the guard parks",
        "needs a process of its own",
        ("tests/labctl/test_guard.py::test_the_guard_parks_what_a_dead_run_left_on",),
    ),
    Elsewhere(
        22,
        "200 connections, one after the other",
        "nothing is left open",
        "needs no run",
        ("tests/faults/test_faults.py::test_two_hundred_connections_leave_nothing_open",),
    ),
    Elsewhere(
        34,
        "the lock-in is unlocked or overloaded",
        "there is no reading, and the run ends",
        "a run with the lock-in takes too long here",
        (
            "tests/drivers/test_driver_srs_sr830_readings.py::test_without_its_reference_the_lockin_has_no_reading",
            "tests/drivers/test_driver_srs_sr830_readings.py::test_an_overloaded_output_is_not_a_reading",
        ),
    ),
    Elsewhere(
        35,
        "a quench",
        "-",
        "does not apply: no magnet here is superconducting, and no supply here can say so",
    ),
    Elsewhere(
        39,
        "a wrong coil constant",
        "the first move ends with both numbers",
        "needs another station",
        (
            "tests/drivers/test_driver_field_loop.py::test_a_wrong_coil_constant_or_a_turned_probe_ends_the_first_move",
        ),
    ),
)
