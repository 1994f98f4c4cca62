"""What a case of a fault is, and the faults of wires."""

from dataclasses import dataclass

OTHER_6221 = "KEITHLEY INSTRUMENTS INC.,MODEL 6221,9999999,D04  /700x "
SOT = "sot-switching"
HARMONICS = "harmonic-hall"


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

OF_WIRES = (
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
)
