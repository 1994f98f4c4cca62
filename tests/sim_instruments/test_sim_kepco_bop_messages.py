"""The simulated Kepco BOP on the wire: numbers, triggers, completion, errors, and somebody else's driver."""

import numpy as np
import pytest
import pyvisa
from hypothesis import given, settings
from hypothesis import strategies as st
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.kepco import KepcoBOP3612
from rig_kepco import Desk, RecordingCoil

from sim_instruments.clock import VirtualClock
from sim_instruments.kepco_bop import KepcoBopSim
from sim_instruments.visa import BenchLibrary


@pytest.fixture
def desk():
    return Desk("CURR")


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("5", "5E0"),
        ("+5.", "5E0"),
        (".5", "5E-1"),
        ("-2.5e-1", "-2.5E-1"),
        ("1.39997E+01", "1.39997E1"),
        ("0.00499", "4.99E-3"),
        ("12345.2e-2", "2.3452E1"),
        ("0.0000034567e6", "3.45E0"),
        ("1e-6", "1E-6"),
        ("0", "0E0"),
        ("-0.0e99999999999", "0E0"),
    ],
)
def test_numbers_are_taken_and_written_as_the_card_does(said, answered):
    """4 digits before the point and 8 behind it count; a mantissa and one digit of exponent come back."""
    desk = Desk()
    assert desk.ask(f"VOLT {said};VOLT?") == answered
    assert desk.errors() == []


@pytest.mark.parametrize(
    "said",
    ["7000", "-6501", "9e-7", "1e999", "five", ".", "e5", "1e", "1 V", "--1", "nan", "inf", '"1"', "٣"],
)
def test_what_is_no_number_between_the_limits_is_a_numeric_error(said):
    """From .000001 to 6500.9999, or zero; the level stays."""
    desk = Desk()
    desk.say("VOLT 3")
    desk.supply.write(f"VOLT {said}\n".encode())
    assert desk.errors() == ['-120,"Numeric error"']
    assert desk.ask("VOLT?") == "3E0"


# --- triggers, completion, errors -----------------------------------------------------------------


def test_a_triggered_level_waits_for_its_trigger(desk):
    """Prepared, armed, triggered; a second trigger does nothing, and is no error."""
    desk.say("TRIG:SOUR BUS;:CURR:TRIG 2;*TRG")
    assert desk.ask("CURR?;:STAT:OPER:COND?") == "0E0;1024"
    desk.say("INIT")
    assert desk.ask("STAT:OPER:COND?") == str(1024 + 32)
    desk.supply.group_trigger()
    assert desk.ask("CURR?;:STAT:OPER:COND?") == "2E0;1024"
    desk.say("CURR:TRIG 3;*TRG")
    assert desk.ask("CURR?") == "2E0"
    assert desk.errors() == []


def test_continuous_initiation_arms_again_and_abort_does_not_disarm_it(desk):
    """Until it is switched off and aborted."""
    desk.say("TRIG:SOUR BUS;:INIT:CONT ON")
    for level in (1, 2):
        assert desk.ask(f"CURR:TRIG {level};*TRG;:CURR?") == f"{level}E0"
    assert desk.ask("ABOR;:CURR:TRIG 4;*TRG;:CURR?") == "4E0"
    desk.say("INIT:CONT OFF;:ABOR;:CURR:TRIG 3;*TRG")
    assert desk.ask("CURR?;:STAT:OPER:COND?") == "4E0;1024"


def test_reset_forgets_a_triggered_level(desk):
    """A trigger after it has nothing to set."""
    desk.say("TRIG:SOUR BUS;:CURR:TRIG 2;*RST")
    assert desk.ask("TRIG:SOUR BUS;:INIT;*TRG;:CURR?") == "0E0"


def test_with_an_immediate_source_a_triggered_level_is_set_at_once(desk):
    """The state after *RST."""
    assert desk.ask("CURR:TRIG 2;:CURR?") == "2E0"


def test_a_triggered_level_that_the_mode_no_longer_allows_is_refused(desk):
    """-3 A is a level, not a limit."""
    desk.say("TRIG:SOUR BUS;:CURR:TRIG -3;:INIT;:FUNC:MODE VOLT")
    desk.supply.group_trigger()
    assert desk.errors() == ['-222,"Data out of range"']
    assert desk.ask("CURR?") == "0E0"


def test_operation_complete_waits_for_the_current(desk):
    """*OPC? answers when the current has arrived, also when it was sent elsewhere on the way."""
    desk.say("CURR 10")
    desk.clock.wait(0.01)
    desk.say("CURR -10;*OPC?")
    arrival = desk.coil.ramps[-1].end
    assert desk.supply.next_reply(arrival - 1e-6, message_exchange=False) is None
    assert desk.supply.next_reply(arrival, message_exchange=False) == b"1\n"
    assert desk.ask("CURR -10;*OPC?") == "1"


def test_the_error_queue_holds_fifteen_and_ends_with_too_many_errors(desk):
    """The oldest stay; the last place says that there were more."""
    for number in range(17):
        desk.say("NOSUCH" if number else "CURR 99")
    errors = desk.errors()
    assert errors[0] == '-222,"Data out of range"'
    assert errors[1:14] == ['-113,"Undefined header"'] * 13
    assert errors[14:] == ['-350,"Too many errors"']


def test_an_error_may_be_asked_for_by_its_code_only(desk):
    """And is gone afterwards."""
    desk.say("NOSUCH")
    assert [desk.ask("SYST:ERR:CODE?") for _ in range(2)] == ["-113", "0"]


def test_a_message_that_is_too_long_is_lost(desk):
    """253 characters are taken, 254 are not."""
    desk.say("CURR 1".ljust(253, ";"))
    assert desk.ask("CURR?") == "1E0"
    desk.say("CURR 2".ljust(254, ";"))
    assert desk.errors() == ['-100,"Command error"']
    assert desk.ask("CURR?") == "1E0"


@pytest.mark.parametrize(
    "line", ["SYST:PRES", "STAT:MEAS?", "STAT:QUE?", "SYST:CLE", "VOLT:PROT 1", "CURR DEF;NOSUCH"]
)
def test_what_other_makers_understand_is_refused(desk, line):
    """Nothing is obeyed that the manuals of Kepco do not have."""
    desk.say(line)
    assert len(desk.errors()) == 1


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.binary(max_size=60)
        | st.sampled_from(
            [
                b"CURR 5",
                b"VOLT 9",
                b"OUTP 1",
                b"FUNC:MODE CURR",
                b"*RST",
                b"INIT",
                b"*TRG",
                b"MEAS:CURR?",
                b"*OPC?",
                b"*WAI",
            ]
        ),
        max_size=12,
    )
)
def test_no_bytes_at_all_upset_it(messages):
    """Whatever comes, in any order, the supply goes on answering, and no more flows than it is rated for."""
    desk = Desk(accuracy=True, noise=True)
    for message in messages:
        desk.supply.write(message + b"\n")
        desk.clock.wait(0.03)
    desk.supply.device_clear()
    assert desk.ask("*IDN?").startswith("KEPCO")
    desk.clock.wait(1.0)
    assert abs(desk.current()) <= 12 * 1.001


# --- somebody else's driver -----------------------------------------------------------------------


def test_pymeasures_own_driver_runs_the_supply():
    """KepcoBOP3612, unchanged: mode, level, output, readings, identity and self test."""
    clock, coil = VirtualClock(), RecordingCoil()
    supply = KepcoBopSim(clock, coil, np.random.default_rng(1), noise=False, accuracy=False)
    library = BenchLibrary({"GPIB0::6::INSTR": supply}, clock)
    adapter = VISAAdapter(
        "GPIB0::6::INSTR", visa_library=library, read_termination="\n", write_termination="\n"
    )
    driver = KepcoBOP3612(adapter)
    driver.operating_mode = "CURR"
    driver.voltage_setpoint = 10
    driver.current_setpoint = 2
    driver.output_enabled = True
    clock.wait(1.0)
    assert driver.id.startswith("KEPCO,BIT 4886 36-12")
    assert driver.output_enabled
    assert driver.current == pytest.approx(2.0)
    assert driver.voltage == pytest.approx(1.0)
    assert coil.ramps[-1].end_current == 2.0
    driver.beep()
    driver.output_enabled = False
    clock.wait(1.0)
    assert driver.current == pytest.approx(0.0)
    assert driver.current_setpoint == pytest.approx(2.0)
    adapter.close()
    pyvisa.ResourceManager(library).close()
