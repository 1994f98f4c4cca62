"""The simulated Kepco BOP on a coil: what flows after a step, what limits it, what is read back."""

import itertools

import numpy as np
import pytest
from rig_kepco import INDUCTANCE, RESISTANCE, Desk, RecordingCoil

from sim_instruments.kepco_bop_tables import MODELS


@pytest.fixture
def desk():
    return Desk("CURR")


# --- what flows -----------------------------------------------------------------------------------


def test_a_step_of_the_current_takes_what_the_compliance_allows(desk):
    """L dI = (V - R I_mean) dt: 4 A from zero with 20 V, on to -4 A, and back with 5 V and the winding's help."""
    assert desk.settled("CURR 4") == (4.0, pytest.approx(INDUCTANCE * 4 / (20 - RESISTANCE * 2)))
    assert desk.settled("CURR 2") == (2.0, pytest.approx(INDUCTANCE * 2 / (20 + RESISTANCE * 3)))
    assert desk.settled("CURR -4") == (-4.0, pytest.approx(INDUCTANCE * 6 / (20 + RESISTANCE * -1)))
    assert desk.settled("VOLT 5;:CURR 0") == (0.0, pytest.approx(INDUCTANCE * 4 / (5 + RESISTANCE * 2)))


def test_the_current_goes_in_a_straight_line(desk):
    """There is no ramp in the hardware; the way is one line, and a new step begins where the current is."""
    desk.say("CURR 10")
    ramp = desk.coil.ramps[-1]
    desk.clock.wait((ramp.end - ramp.start) / 4)
    assert desk.current() == pytest.approx(2.5)
    desk.say("CURR 0")
    assert desk.current() == pytest.approx(2.5)
    assert desk.coil.ramps[-1].start_current == pytest.approx(2.5)


def test_the_same_set_point_again_moves_nothing(desk):
    """The coil is told of changes only."""
    desk.settled("CURR 4")
    told = len(desk.coil.ramps)
    desk.say("CURR 4;:CURR 4;:VOLT 10")
    assert len(desk.coil.ramps) == told


def test_a_coil_without_inductance_takes_the_amplifiers_own_time():
    """A millisecond."""
    desk = Desk("CURR", RecordingCoil(2.0, 0.0))
    assert desk.settled("CURR 4") == (4.0, pytest.approx(1e-3))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_compliance_limits_the_current(desk, sign):
    """No more than V / R flows, reached in 2 L/R; the voltage regulates then, and the current is in error."""
    desk.say("VOLT 2")
    assert desk.settled(f"CURR {sign * 10}") == (sign * 4.0, pytest.approx(2 * INDUCTANCE / RESISTANCE))
    assert desk.ask("CURR?") == f"{sign}E1"
    assert desk.ask("STAT:OPER:COND?;:STAT:QUES:COND?") == "256;2"
    assert float(desk.ask("MEAS:VOLT?")) == pytest.approx(sign * 2.0)
    assert desk.settled("VOLT 20")[0] == sign * 10.0
    assert desk.ask("STAT:OPER:COND?;:STAT:QUES:COND?") == "1024;0"


def test_lowering_the_compliance_lets_the_current_die_down_to_it(desk):
    """Not faster than the winding itself."""
    desk.settled("CURR 10")
    assert desk.settled("VOLT 1") == (2.0, pytest.approx(2 * INDUCTANCE / RESISTANCE))
    assert desk.settled("VOLT 0") == (0.0, pytest.approx(2 * INDUCTANCE / RESISTANCE))


def test_in_voltage_mode_the_current_follows_by_the_winding_up_to_its_limit():
    """V / R in 2 L/R; beyond CURR it stops, and the current regulates."""
    desk = Desk("VOLT")
    assert desk.settled("VOLT -3") == (-6.0, pytest.approx(2 * INDUCTANCE / RESISTANCE))
    assert desk.ask("STAT:OPER:COND?;:STAT:QUES:COND?") == "256;0"
    current, taken = desk.settled("VOLT 10")
    assert (current, taken) == (10.0, pytest.approx(INDUCTANCE * 16 / (10 - RESISTANCE * 2)))
    assert desk.ask("STAT:OPER:COND?;:STAT:QUES:COND?") == "1024;1"
    current, taken = desk.settled("CURR 2")
    assert (current, taken) == (2.0, pytest.approx(INDUCTANCE * 8 / (36 + RESISTANCE * 6)))


def test_with_the_output_off_the_current_dies_out_and_the_settings_stay(desk):
    """In 2 L/R, through the amplifier; the output comes back as it was set."""
    desk.settled("CURR 3")
    assert desk.settled("OUTP OFF") == (0.0, pytest.approx(2 * INDUCTANCE / RESISTANCE))
    assert desk.ask("OUTP?;:CURR?;:VOLT?;:STAT:OPER:COND?") == "0;3E0;2E1;0"
    desk.say("CURR 5")
    assert desk.current() == 0.0
    assert desk.settled("OUTP ON")[0] == 5.0


def test_a_winding_without_resistance_has_leads():
    """A volt makes no infinite current."""
    desk = Desk("VOLT", RecordingCoil(0.0, 0.1))
    assert desk.settled("VOLT 5e-3")[0] == pytest.approx(5.0)


def test_a_new_mode_begins_at_zero_and_keeps_the_old_level_as_a_limit(desk):
    """The current stops being driven to its set point; its magnitude limits the voltage mode."""
    desk.settled("CURR -3")
    assert desk.settled("FUNC:MODE VOLT")[0] == 0.0
    assert desk.ask("FUNC:MODE?;:VOLT?;:CURR?") == "0;0E0;3E0"
    assert desk.settled("VOLT 20")[0] == 3.0
    desk.say("FUNC:MODE VOLT")
    assert desk.ask("VOLT?") == "2E1"


def test_reset_is_voltage_mode_at_zero_with_the_output_off(desk):
    """Nothing flows; a supply just switched on is in the same state."""
    desk.settled("CURR 3")
    assert desk.settled("TRIG:SOUR BUS;:INIT;*RST")[0] == 0.0
    asked = "OUTP?;:FUNC:MODE?;:VOLT?;:CURR?;:TRIG:SOUR?;:STAT:OPER:COND?"
    assert desk.ask(asked) == Desk().ask(asked) == "0;0;0E0;0E0;IMMEDIATE;0"


@pytest.mark.parametrize(
    ("model", "volts", "amperes"), [("36-12", 36, 12), ("100-1", 100, 1), ("5-30", 5, 30)]
)
def test_the_rating_is_the_models(model, volts, amperes):
    """Both signs for the level, none for the limit; one step beyond is refused and changes nothing."""
    desk = Desk(model=model)
    assert f"BIT 4886 {model} " in desk.ask("*IDN?")
    desk.say("FUNC:MODE CURR")
    answers = [float(desk.ask(line)) for line in ("CURR? MIN", "CURR? MAX", "VOLT? MIN", "VOLT? MAX")]
    assert answers == [-amperes, amperes, 0, volts]
    desk.say("CURR MAX;:VOLT MAX")
    for line in (f"CURR {amperes * 1.01}", f"CURR {-amperes * 1.01}", f"VOLT {volts * 1.01}", "VOLT -1"):
        desk.say(line)
        assert desk.errors() == ['-222,"Data out of range"']
    assert (float(desk.ask("CURR?")), float(desk.ask("VOLT?"))) == (amperes, volts)


def test_a_model_that_there_is_not_is_refused():
    """With those that there are."""
    with pytest.raises(ValueError, match="36-12"):
        Desk(model="36-13")


def test_no_model_is_rated_beyond_its_power():
    """100, 200 or 400 W, roughly; a typing error in the table would stand out."""
    for volts, amperes in MODELS.values():
        assert min(abs(volts * amperes / watts - 1) for watts in (100, 200, 400)) < 0.26


def test_every_step_on_the_way_is_joined_to_the_one_before(desk):
    """The coil never sees the current jump."""
    rng = np.random.default_rng(3)
    for line in rng.choice(["CURR 5", "CURR -9", "VOLT 2", "VOLT 30", "OUTP OFF", "OUTP ON", "CURR 0"], 200):
        desk.say(str(line))
        desk.clock.wait(float(rng.exponential(0.05)))
    assert len(desk.coil.ramps) > 100
    for one, following in itertools.pairwise(desk.coil.ramps):
        assert following.start_current == pytest.approx(one.at(following.start), abs=1e-12)
        assert following.end > following.start


# --- what is read back ----------------------------------------------------------------------------


def test_the_readback_is_right_320_ms_after_a_change(desk):
    """It is the mean of 16 conversions, 20 ms apart; half way it is half the change."""
    start = round(desk.clock.now() / 0.02) * 0.02 + 1.0
    desk.clock.run_until(start + 1e-6)
    desk.say("VOLT 36;:CURR 1")
    desk.clock.run_until(start + 0.17)
    assert float(desk.ask("MEAS:CURR?")) == pytest.approx(0.5)
    assert float(desk.ask("MEAS:VOLT?")) == pytest.approx(0.25)
    desk.clock.run_until(start + 0.33)
    assert float(desk.ask("MEAS:CURR?")) == pytest.approx(1.0)
    assert float(desk.ask("MEAS:VOLT?")) == pytest.approx(0.5)


def test_the_readback_has_every_change_of_the_last_320_ms():
    """0 A at one conversion, 1 A at five, 3 A at five, 0 A at the last five."""
    desk = Desk("CURR", RecordingCoil(0.5, 1e-4))
    for time, amperes in ((2.0, 1), (2.1, 3), (2.2, 0)):
        desk.clock.run_until(time + 1e-6)
        desk.say(f"CURR {amperes}")
    desk.clock.run_until(2.31)
    assert float(desk.ask("MEAS:CURR?")) == pytest.approx((5 * 1 + 5 * 3) / 16)


def test_the_voltage_on_the_way_is_inductive_as_well():
    """A slow coil: 20 V all the way to 10 A, then R I."""
    desk = Desk("CURR", RecordingCoil(0.5, 2.0))
    desk.say("CURR 10")
    desk.clock.wait(0.9)
    assert float(desk.ask("MEAS:VOLT?")) == pytest.approx(20.0)
    desk.clock.wait(2.0)
    assert float(desk.ask("MEAS:VOLT?")) == pytest.approx(5.0)


def test_levels_are_rounded_to_steps_of_16_bits():
    """12 A / 32768 and 36 V / 32768; VOLT 14 is answered as a step near it, as the manuals show."""
    desk = Desk(accuracy=True)
    assert desk.ask("FUNC:MODE VOLT;:CURR 1;:VOLT 14;VOLT?").startswith("1.399")
    step = 12 / 32768
    desk.say("FUNC:MODE CURR;:VOLT 30")
    for level in (0.0, step, 0.1 * np.pi, -7.0, 12.0, -12.0):
        desk.say(f"CURR {level:.6f}")
        answer = float(desk.ask("CURR?"))
        assert answer == pytest.approx(level, abs=step / 2 + 1e-6)
        assert answer / step == pytest.approx(round(answer / step), abs=0.2)


def test_a_unit_has_its_own_errors_and_a_seed_its_own_noise():
    """The serial number fixes what flows, the seed what is read; without either there is neither."""

    def run(**options):
        desk = Desk("CURR", **options)
        flowing = desk.settled("CURR 5")[0]
        readings = []
        for _ in range(20):
            desk.clock.wait(0.1)
            readings.append(float(desk.ask("MEAS:CURR?")))
        return flowing, readings

    flowing, readings = run(accuracy=True, noise=True)
    assert run(accuracy=True, noise=True) == (flowing, readings)
    assert flowing == pytest.approx(5.0, abs=6e-3)
    assert flowing != 5.0
    other_flowing, other_readings = run(accuracy=True, noise=True, serial="H111111")
    assert other_flowing != flowing
    same_flowing, other_noise = run(accuracy=True, noise=True, seed=2)
    assert same_flowing == flowing
    assert other_noise != readings
    assert len(set(readings)) > 1
    assert np.std(run(noise=True)[1]) == pytest.approx(12 * 3e-5, rel=0.6)
    assert run() == (5.0, [5.0] * 20)
    assert readings[0] != other_readings[0]


def test_a_query_takes_five_milliseconds():
    """Whatever it asks for."""
    desk = Desk(message_time=None)
    for question in ("MEAS:CURR?", "VOLT?"):
        before = desk.clock.now()
        desk.ask(question)
        assert desk.clock.now() - before == pytest.approx(5e-3)


# --- ranges ---------------------------------------------------------------------------------------


def test_the_quarter_range_has_steps_of_a_quarter_and_ends_at_a_quarter():
    """16 bit over 24 A are 0.37 mA, over 6 A 0.09 mA; 3.1 A is beyond, and so is the range itself at 4 A."""
    desk = Desk("CURR", accuracy=True)
    desk.say("CURR 1")
    assert abs(float(desk.ask("CURR?")) - round(1 / (24 / 2**16)) * 24 / 2**16) < 1e-5
    desk.say("CURR:RANG 4;:CURR 1.0001")
    assert abs(float(desk.ask("CURR?")) - 1.0001) < 6 / 2**16 / 2 + 1e-5
    desk.say("CURR 3.1")
    assert desk.errors() == ['-222,"Data out of range"']
    desk.say("CURR:RANG 1;:CURR 4;:CURR:RANG 4")
    assert desk.errors() == ['-222,"Data out of range"']
    assert desk.ask("CURR:RANG?") == "1"
    assert float(desk.ask("CURR?")) == pytest.approx(4.0, abs=1e-3)


def test_the_automatic_range_is_the_lower_one_that_carries_the_level():
    """2 A are in the quarter range of a 12 A supply, 5 A are not; *RST goes back to the full range."""
    desk = Desk("CURR")
    desk.say("CURR:RANG:AUTO")
    ranges = []
    for amperes in (2, 5, -3):
        desk.say(f"CURR {amperes}")
        ranges.append(desk.ask("CURR:RANG?"))
    assert ranges == ["4", "1", "4"]
    desk.say("*RST")
    assert desk.ask("CURR:RANG?;:VOLT:RANG?") == "1;1"
