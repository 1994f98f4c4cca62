"""The simulated SR830: what it demodulates, how it settles, when it overloads, how much it noises."""

import cmath
import math

import numpy as np
import pytest
from rig_sr830 import LockIn, ScriptedReference, ScriptedSignal

from sim_instruments.srs_sr830_tables import NOISE_BANDWIDTH

# --- demodulation ---------------------------------------------------------------------------------


def fourier(voltage, order, phase=0.0, points=4096):
    """X and Y (rms) of a waveform of the angle, by averaging it over a period with sine and cosine."""
    angle = np.arange(points) * 2 * math.pi / points
    values = math.sqrt(2) * np.array([voltage(a) for a in angle])
    return np.mean(values * np.sin(order * angle + phase)), np.mean(values * np.cos(order * angle + phase))


def test_the_readings_are_rms_and_not_peak():
    """A sine of 1 V peak is 1/sqrt(2) V rms = 0.707107 V; X holds it, Y nothing."""
    rms, _ = fourier(math.sin, 1)
    assert LockIn(ScriptedSignal(c1=rms)).settled() == pytest.approx([0.707107, 0.0], abs=1e-6)


@pytest.mark.parametrize("degrees", [0, 30, 90, -120, 180])
def test_phase_is_positive_where_the_signal_leads(degrees):
    """V = sqrt(2) c sin(wt + theta): X = c cos theta, Y = c sin theta, R = c, and theta itself."""
    theta = math.radians(degrees)
    x, y, r, angle = LockIn(ScriptedSignal(c1=cmath.rect(0.2, theta))).settled("SNAP?1,2,3,4")
    assert [x, y] == pytest.approx(fourier(lambda a: 0.2 * math.sqrt(2) * math.sin(a + theta), 1), abs=1e-6)
    assert [r, abs(angle)] == pytest.approx([0.2, abs(degrees)], abs=1e-4)


def test_a_second_harmonic_of_cosine_shape_appears_in_y():
    """-b cos 2wt, as an odd resistance makes it: at HARM 2 X is 0 and Y is -b/sqrt(2)."""
    signal = ScriptedSignal(c1=1e-3, c2=-1j * 1e-4 / math.sqrt(2))
    lock_in = LockIn(signal)
    lock_in.say("HARM2;SENS17")
    assert lock_in.settled() == pytest.approx([0.0, -7.07107e-5], abs=1e-9)
    assert fourier(lambda a: -1e-4 * math.cos(2 * a), 2) == pytest.approx([0.0, -7.07107e-5], abs=1e-9)


def test_only_the_harmonic_that_is_selected_is_seen():
    """HARM picks one of three; a harmonic that is not there reads zero."""
    lock_in = LockIn(ScriptedSignal(c1=0.1, c2=0.02j, c3=-0.003))
    found = []
    for order in (1, 2, 3, 4):
        lock_in.say(f"HARM {order}")
        found += lock_in.settled()
    assert found == pytest.approx([0.1, 0, 0, 0.02, -0.003, 0, 0, 0], abs=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_error_of_the_reference_is_n_times_as_large_at_the_nth_harmonic(order):
    """An edge 10 degrees late in the fundamental's period turns harmonic n by n x 10 degrees."""
    error = math.radians(10)
    reference = ScriptedReference(phase=error)
    lock_in = LockIn(ScriptedSignal(**{f"c{order}": 0.1}), reference=reference)
    lock_in.say(f"FMOD0;HARM{order}")
    assert lock_in.settled("SNAP?3,4") == pytest.approx([0.1, order * 10.0], abs=1e-4)
    late = fourier(lambda a: 0.1 * math.sqrt(2) * math.sin(order * a), order, -order * error)
    assert lock_in.settled() == pytest.approx(late, abs=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_the_phase_setting_turns_the_detected_harmonic_itself(order):
    """PHAS 30 takes 30 degrees off the phase read, at the first harmonic and at the second."""
    lock_in = LockIn(ScriptedSignal(**{f"c{order}": cmath.rect(0.1, math.radians(50))}))
    lock_in.say(f"HARM{order};PHAS 30")
    assert lock_in.settled("SNAP?3,4") == pytest.approx([0.1, 20.0], abs=1e-4)


def test_auto_phase_puts_everything_into_x():
    """After APHS the phase setting is the signal's phase, and Y settles to zero."""
    lock_in = LockIn(ScriptedSignal(c1=cmath.rect(0.1, math.radians(-75))))
    lock_in.settled()
    lock_in.say("APHS")
    assert lock_in.ask("PHAS?") == "-75.00"
    assert lock_in.settled() == pytest.approx([0.1, 0.0], abs=1e-5)


def test_a_signal_beside_the_reference_turns_at_the_difference():
    """0.25 Hz beside the internal oscillator, behind 30 ms: after 1 s the phase is 90 degrees further."""
    lock_in = LockIn(ScriptedSignal(frequency=1000.25, c1=0.1))
    lock_in.say("OFLT7;OFSL0")
    lock_in.clock.wait(2.0)
    first = float(lock_in.ask("OUTP?4"))
    lock_in.clock.wait(1.0)
    assert (float(lock_in.ask("OUTP?4")) - first) % 360 == pytest.approx(90.0, abs=0.01)
    expected = 0.1 / math.hypot(1, 2 * math.pi * 0.25 * 0.03)
    assert float(lock_in.ask("OUTP?3")) == pytest.approx(expected, rel=1e-5)


# --- settling -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slope", "constants"), [(0, 5), (1, 7), (2, 9), (3, 10)])
def test_a_step_settles_to_one_per_cent_in_so_many_time_constants(slope, constants):
    """5, 7, 9, 10 time constants for 6, 12, 18, 24 dB/octave; two fewer are not enough."""
    lock_in = LockIn(ScriptedSignal(c1=0.0))
    lock_in.say(f"OFLT10;OFSL{slope}")
    lock_in.clock.wait(100.0)
    lock_in.signal.change(c1=0.5)
    lock_in.clock.wait(constants - 2.0)
    assert float(lock_in.ask("OUTP?1")) < 0.99 * 0.5
    lock_in.clock.wait(2.0)
    assert float(lock_in.ask("OUTP?1")) == pytest.approx(0.5, rel=0.0105)


@pytest.mark.parametrize("slope", [0, 1, 2, 3])
def test_the_step_response_is_that_of_equal_poles_however_often_one_looks(slope):
    """A numerical integration of p equal poles, in steps of tau/1000, gives the same curve."""
    lock_in = LockIn(ScriptedSignal(c1=0.0))
    lock_in.say(f"OFLT10;OFSL{slope}")
    lock_in.clock.wait(1.0)
    lock_in.signal.change(c1=0.5)
    stages = np.zeros(5)
    stages[0] = 0.5
    for tenth in range(1, 51):
        for _ in range(100):
            middle = stages[1:] + 0.5e-3 * (stages[:-1] - stages[1:])
            stages[1:] += 1e-3 * (np.concatenate([[0.5], middle[:-1]]) - middle)
        lock_in.clock.wait(0.1)
        if tenth % (slope + 2) == 0:
            assert float(lock_in.ask("OUTP?1")) == pytest.approx(stages[slope + 1], abs=1e-5)


def test_a_change_that_nobody_looked_at_has_happened_all_the_same():
    """A pulse of one time constant, long before the reading, has left (1 - 1/e)/e of itself behind one pole."""
    lock_in = LockIn(ScriptedSignal(c1=0.0))
    lock_in.say("OFLT10;OFSL0")
    lock_in.clock.wait(1.0)
    lock_in.signal.change(c1=0.5)
    lock_in.clock.wait(1.0)
    lock_in.signal.change(c1=0.0)
    lock_in.clock.wait(1.0)
    assert float(lock_in.ask("OUTP?1")) == pytest.approx(0.5 * (1 - math.exp(-1)) * math.exp(-1), rel=1e-5)


def test_a_new_setting_has_to_settle_too():
    """PHAS 90 moves a settled X to Y only as the filter lets it: one pole, one time constant."""
    lock_in = LockIn(ScriptedSignal(c1=0.5))
    lock_in.say("OFSL0")
    lock_in.settled()
    lock_in.say("PHAS 90")
    lock_in.clock.wait(0.1)
    left = math.exp(-1)
    x, y = map(float, lock_in.ask("SNAP?1,2").split(","))
    assert [x, y] == pytest.approx([0.5 * left, -0.5 * (1 - left)], rel=1e-5)


def test_the_filter_forgets_nothing_over_a_day_and_a_microsecond():
    """Waiting 1e5 s with a time constant of 10 us is no harder than any other wait."""
    lock_in = LockIn(ScriptedSignal(c1=0.3))
    lock_in.say("OFLT0")
    lock_in.clock.wait(1e5)
    assert lock_in.ask("SNAP?1,2") == "0.3,0"


# --- overload, reference --------------------------------------------------------------------------


@pytest.mark.parametrize(("fraction", "status"), [(1.08, 0), (1.10, 4)])
def test_the_output_overloads_beyond_its_full_scale(fraction, status):
    """LIAS? bit 2 above 1.09 of the sensitivity, and the reading stops there."""
    lock_in = LockIn(ScriptedSignal(c1=fraction * 0.1))
    lock_in.say("RMOD0;SENS23")
    x, _ = lock_in.settled()
    assert x == pytest.approx(min(fraction, 1.09) * 0.1)
    assert lock_in.ask("LIAS?") == str(status)


@pytest.mark.parametrize(
    ("sensitivity", "reserve", "limit"),
    [(26, 2, 1.0), (17, 2, 3.16e-3), (17, 1, 0.1), (17, 0, 1.0), (14, 2, 3.16e-3), (14, 1, 0.1), (0, 0, 1.0)],
)
def test_what_is_far_from_the_harmonic_overloads_the_input(sensitivity, reserve, limit):
    """At 1 mV: 3.16 mV, 100 mV and 1 V by the reserve mode, though the harmonic itself is not there."""
    for rms, overload in ((0.97 * limit, "0"), (1.03 * limit, "1")):
        lock_in = LockIn(ScriptedSignal(c3=rms))
        lock_in.say(f"SENS{sensitivity};RMOD{reserve};*CLS")
        assert lock_in.ask("LIAS?0") == overload
        assert lock_in.ask("LIAS?2") == "0"


def test_an_overload_that_has_passed_stays_latched_until_it_is_read():
    """LIAS? clears on reading; one bit read clears only that one."""
    lock_in = LockIn(ScriptedSignal(c1=0.5))
    lock_in.say("SENS20")
    lock_in.clock.wait(4.0)
    lock_in.signal.change(c1=0.0)
    lock_in.clock.wait(10.0)
    assert [lock_in.ask(line) for line in ("LIAS?2", "LIAS?2", "LIAS?", "LIAS?")] == ["1", "0", "1", "0"]


def test_without_a_reference_it_is_unlocked_and_reads_nothing():
    """External mode with no edges: LIAS? bit 3, FREQ? 0, X decays; with edges it follows their frequency."""
    reference = ScriptedReference(frequency=None)
    lock_in = LockIn(ScriptedSignal(frequency=137.0, c1=0.1), reference=reference)
    lock_in.say("FMOD 0")
    assert lock_in.settled("SNAP?1,2,9") == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    assert lock_in.ask("LIAS?3") == "1"
    reference.frequency = 137.0
    assert lock_in.settled("SNAP?1,9") == pytest.approx([0.1, 137.0])
    lock_in.say("*CLS")
    assert lock_in.ask("LIAS?3") == "0"


def test_above_200_hz_no_time_constant_is_longer_than_30_s():
    """OFLT 14 (100 s) goes with 150 Hz; a higher frequency makes it 30 s, says so, and it stays 30 s."""
    lock_in = LockIn()
    assert lock_in.ask("FREQ 150;OFLT 14;OFLT?") == "14"
    lock_in.say("*CLS;FREQ 250")
    assert lock_in.ask("LIAS?") == str((1 << 4) + (1 << 5))
    assert lock_in.ask("FREQ 150;OFLT?") == "13"
    lock_in.say("FREQ 250;*CLS;OFLT 14")
    assert lock_in.ask("*ESR?") == "16"


def test_a_high_gain_asks_for_a_slower_filter():
    """174 dB at 2 nV and high reserve: 10 ms at 12 dB/octave, 300 us at 24 (p. 4-9), and LIAS? bit 5."""
    lock_in = LockIn()
    assert lock_in.ask("RMOD0;OFLT0;OFLT?") == "0"
    assert lock_in.ask("SENS0;OFLT?") == "6"
    assert lock_in.ask("LIAS?5") == "1"
    assert lock_in.ask("OFSL3;OFLT3;OFLT?") == "3"
    assert lock_in.ask("OFLT2;*ESR?") == "16"


# --- noise, accuracy ------------------------------------------------------------------------------


@pytest.mark.parametrize(("slope", "bandwidth"), [(0, 1 / 4), (1, 1 / 8), (2, 3 / 32), (3, 5 / 64)])
def test_noise_follows_the_equivalent_bandwidth(slope, bandwidth):
    """sigma = 6 nV sqrt(ENBW) for X and for Y; ENBW = 1/4, 1/8, 3/32, 5/64 of 1/tau."""
    lock_in = LockIn(ScriptedSignal(c1=0.0), noise=True, seed=slope)
    lock_in.say(f"SENS8;OFLT8;OFSL{slope}")
    values = []
    for _ in range(2000):
        lock_in.clock.wait(3.0)
        values += map(float, lock_in.ask("SNAP?1,2").split(","))
    assert np.std(values) == pytest.approx(6e-9 * math.sqrt(bandwidth / 0.1), rel=0.05)
    assert np.mean(values) == pytest.approx(0.0, abs=2e-9)


def test_noise_does_not_average_faster_than_the_filter_lets_it():
    """Two readings at once are equal; a hundredth of a time constant apart they are nearly so."""
    lock_in = LockIn(noise=True)
    lock_in.clock.wait(10.0)
    assert lock_in.ask("SNAP?1,2") == lock_in.ask("SNAP?1,2")
    lock_in.say("SENS8;OFLT10")
    lock_in.signal.change(c1=0.0)
    lock_in.clock.wait(1000.0)
    steps, values = [], []
    for _ in range(500):
        lock_in.clock.wait(20.0)
        first = float(lock_in.ask("OUTP?1"))
        lock_in.clock.wait(0.01)
        steps.append(float(lock_in.ask("OUTP?1")) - first)
        values.append(first)
    assert np.std(steps) < 0.2 * np.std(values)


def test_the_bare_bandwidths_agree_with_the_transfer_function():
    """ENBW is the integral of |1 / (1 + i 2 pi f tau)|^2p over the frequency."""
    step = 1e-3
    frequency = np.arange(step / 2, 100.0, step)
    for poles, bandwidth in enumerate(NOISE_BANDWIDTH, 1):
        gain = (1 + (2 * math.pi * frequency) ** 2) ** -poles
        assert step * gain.sum() == pytest.approx(bandwidth, rel=2e-3 if poles > 1 else 0.01)


def test_gain_and_phase_errors_belong_to_the_unit():
    """Serial numbers differ by up to 1 % and 1 degree; the same one is always off alike, twice as much at 2f."""
    found = []
    for serial in ("1", "2", "3", "1"):
        lock_in = LockIn(ScriptedSignal(c1=0.1, c2=0.1), accuracy=True, serial=serial)
        r, theta = lock_in.settled("SNAP?3,4")
        lock_in.say("HARM 2")
        assert lock_in.settled("SNAP?3,4") == pytest.approx([r, 2 * theta], rel=1e-4)
        found.append((r, theta))
    assert len(set(found)) == 3
    assert found[0] == found[3]
    assert all(1e-6 < abs(r / 0.1 - 1) < 0.01 and 1e-3 < abs(theta) < 1.0 for r, theta in found)
