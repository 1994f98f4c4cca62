"""What only a bus has, on every simulated instrument through pyvisa: service request, clear, trigger."""

from collections.abc import Iterator
from typing import Any

import pytest
import pyvisa

from labctl import bench, config

#: What makes each instrument request service, and the bit of its status byte that says why: a sweep done, a buffer
#: full, a scan at its end, a ramp done, a field beyond the range, a current regulated.
REASONS = {
    "source": (("STAT:OPER:ENAB 2;*SRE 128", "SOUR:SWE:POIN 3", "SOUR:SWE:ARM", "INIT"), 128),
    "voltmeter": (
        ("STAT:MEAS:ENAB 512;*SRE 1", "TRAC:POIN 3;FEED SENS;FEED:CONT NEXT", "TRIG:COUN 3", "INIT"),
        1,
    ),
    "lockin": (("SRAT13;SEND0;STRT", "*SRE 1"), 1),
    "supply_x": (("OPSTE 2;*SRE 128", "SETI 2"), 128),
    "gaussmeter_x": (("RANGE 1;OPSTE 2", "*SRE 128"), 128),
    "supply_z": (("STAT:OPER:ENAB 1024;*SRE 128", "FUNC:MODE CURR;:VOLT 10;:OUTP ON", "CURR 1"), 128),
}


@pytest.fixture
def sessions() -> Iterator[dict[str, Any]]:
    """Every instrument of the station sim, opened by its resource name; the source is on a bus, too."""
    station = config.load_station("sim")[0]
    sections = dict(station.instruments)
    sections["source"] = sections["source"].model_copy(update={"resource": "GPIB0::13::INSTR"})
    station = station.model_copy(update={"instruments": sections})
    room = bench.build(station, config.load_sample("alox-2.0")[0], 1, ())
    manager = pyvisa.ResourceManager(room.library)
    opened = {
        name: manager.open_resource(section.resource, read_termination="\n", timeout=60_000)
        for name, section in sections.items()
    }
    # 7 Oe at the probe: beyond its lowest range of 3.5 Oe.
    opened["supply_x"].write("SETI 0.08")
    room.clock.wait(5.0)
    yield opened
    manager.close()


@pytest.mark.parametrize("name", REASONS)
def test_an_instrument_requests_service_once_and_says_why(sessions: dict[str, Any], name: str) -> None:
    """The event comes in virtual time; the poll has RQS and the reason, the next poll the reason alone."""
    session = sessions[name]
    session.write("*CLS")
    lines, reason = REASONS[name]
    service = pyvisa.constants.EventType.service_request
    session.enable_event(service, pyvisa.constants.EventMechanism.queue)
    for line in lines:
        session.write(line)
    session.wait_on_event(service, 60_000)
    assert session.read_stb() & (64 | reason) == 64 | reason
    assert session.read_stb() & (64 | reason) == reason


@pytest.mark.parametrize("name", REASONS)
def test_wait_for_srq_returns_when_service_is_requested(sessions: dict[str, Any], name: str) -> None:
    """pyvisa's own way, which polls until RQS is there."""
    session = sessions[name]
    session.write("*CLS")
    for line in REASONS[name][0]:
        session.write(line)
    session.wait_for_srq(60_000)


@pytest.mark.parametrize("name", REASONS)
def test_an_instrument_without_a_reason_requests_no_service(sessions: dict[str, Any], name: str) -> None:
    """The same with the service request enable register at 0: the wait ends with its timeout."""
    session = sessions[name]
    session.write("*CLS")
    for line in (*REASONS[name][0], "*SRE 0"):
        session.write(line)
    with pytest.raises(pyvisa.errors.VisaIOError) as ended:
        session.wait_for_srq(5_000)
    assert ended.value.error_code == pyvisa.constants.StatusCode.error_timeout


@pytest.mark.parametrize("name", REASONS)
def test_device_clear_throws_away_what_was_asked_and_no_setting(sessions: dict[str, Any], name: str) -> None:
    """A question nobody waits for, half a line, and a clear: the next answer is that of the next question."""
    session = sessions[name]
    session.write("*ESE 4;*ESE?")
    session.send_end = False
    session.write_raw(b"NONSEN")
    session.send_end = True
    session.clear()
    assert session.query("*ESE?").strip() == "4"
    assert session.query("*ESR?").strip() in {"0", "128"}  # at most that it was switched on


def test_a_group_trigger_takes_a_reading(sessions: dict[str, Any]) -> None:
    """The 2182A waits for the bus: GET, and there is a reading."""
    meter = sessions["voltmeter"]
    meter.write("TRIG:SOUR BUS;:INIT")
    assert int(meter.query("STAT:OPER:COND?")) & 32
    meter.assert_trigger()
    assert abs(float(meter.query("FETC?"))) < 1e-4


def test_a_group_trigger_starts_a_sweep(sessions: dict[str, Any]) -> None:
    """The 6221 waits in its arm layer: GET, and the sweep runs to its end."""
    source = sessions["source"]
    for line in (
        "ARM:SOUR BUS",
        "SOUR:CURR:STAR 0;STOP 1e-3",
        "SOUR:SWE:POIN 2",
        "SOUR:DEL 0.01",
        "SOUR:SWE:ARM",
        "INIT",
    ):
        source.write(line)
    assert int(source.query("STAT:OPER:COND?")) & 64
    source.assert_trigger()
    assert source.query("*OPC?").strip() == "1"
    assert float(source.query("SOUR:CURR?")) == pytest.approx(1e-3)


def test_a_group_trigger_sets_a_prepared_current(sessions: dict[str, Any]) -> None:
    """The BOP waits for the bus with 1.5 A prepared: GET, and it is the set current."""
    supply = sessions["supply_z"]
    supply.write("FUNC:MODE CURR;:TRIG:SOUR BUS;:CURR:TRIG 1.5;:INIT")
    assert float(supply.query("CURR?")) == 0
    supply.assert_trigger()
    assert float(supply.query("CURR?")) == pytest.approx(1.5, abs=1e-3)


@pytest.mark.parametrize("name", ["source", "voltmeter"])
def test_a_group_trigger_that_nobody_waits_for_is_an_error_and_nothing_else(
    sessions: dict[str, Any], name: str
) -> None:
    """-211, Trigger ignored."""
    session = sessions[name]
    session.assert_trigger()
    assert session.query("SYST:ERR?").startswith("-211,")


def test_a_raw_socket_has_none_of_it() -> None:
    """The station's own address of the source: no poll, no trigger; clear throws unread answers away."""
    station = config.load_station("sim")[0]
    room = bench.build(station, config.load_sample("alox-2.0")[0], 1, ())
    manager = pyvisa.ResourceManager(room.library)
    source: Any = manager.open_resource(station.instruments["source"].resource, read_termination="\n")
    for act in (source.read_stb, source.assert_trigger):
        with pytest.raises(pyvisa.errors.VisaIOError) as refused:
            act()
        assert refused.value.error_code == pyvisa.constants.StatusCode.error_nonsupported_operation
    source.write("*ESE 4\n*ESE?")
    source.clear()
    assert source.query("*IDN?").startswith("KEITHLEY")
    manager.close()
