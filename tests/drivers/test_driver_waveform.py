"""Waveforms as text: what is sent, put together again, is what was asked for; what cannot be played is refused."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers._waveform import waveform
from drivers.errors import OutOfRange

amperes = st.floats(min_value=-0.105, max_value=0.105, allow_nan=False)
legal = st.lists(amperes, min_size=1, max_size=350).map(lambda samples: [*samples, 0.0])


@settings(max_examples=60, deadline=None)
@given(legal.filter(lambda samples: max(map(abs, samples)) >= 2e-12))
def test_any_legal_waveform_survives_the_text_to_a_millionth_of_its_peak(samples):
    """Parsed again and multiplied by the amplitude, every point is where it was asked for."""
    wave = waveform(samples, 1e-3, "source")
    texts = ",".join(wave.chunks()).split(",")
    played = [float(text) * wave.peak for text in texts]
    assert len(played) == len(samples)
    assert max(abs(a - b) for a, b in zip(played, samples, strict=True)) <= 1e-6 * wave.peak
    assert max(abs(float(text)) for text in texts) == 1.0
    assert float(texts[-1]) == 0.0
    assert "-0" not in texts


@given(st.integers(min_value=2, max_value=1000))
def test_chunks_are_full_but_the_last(n):
    """622x: at most 100 points a message; none is empty, none is lost."""
    lengths = [len(chunk.split(",")) for chunk in waveform([1e-3] * (n - 1) + [0.0], 1e-3, "source").chunks()]
    assert sum(lengths) == n
    assert lengths[:-1] == [100] * (len(lengths) - 1)
    assert 1 <= lengths[-1] <= 100


def test_the_largest_waveform_is_656_messages():
    """65535 points."""
    assert len(waveform([1e-3] * 65534 + [0.0], 1e-4, "source").chunks()) == 656


@pytest.mark.parametrize(("n", "slot"), [(2, 100e-6), (2, 1.0), (3, 10e-3), (100, 100e-9), (2, 500.0)])
def test_one_cycle_at_the_frequency_lasts_as_long_as_the_points(n, slot):
    """From 10 us to 1000 s, the pulses of 100 us and of 1 s among them."""
    wave = waveform([1e-3] * (n - 1) + [0.0], slot, "source")
    assert 1 / wave.frequency == pytest.approx(n * slot)
    assert wave.duration == pytest.approx(n * slot)


@pytest.mark.parametrize(
    ("samples", "slot", "rule"),
    [
        ([], 1e-3, "number of samples"),
        ([0.0], 1e-3, "number of samples"),
        ([1e-3] * 65535 + [0.0], 1e-3, "2 to 65535; got 65536"),
        ([0.1051, 0.0], 1e-3, "sample 0 .*within 0.105 A; got 0.1051 A"),
        ([1e-3, -0.2, 0.0], 1e-3, "sample 1"),
        ([math.nan, 0.0], 1e-3, "sample 0"),
        ([math.inf, 0.0], 1e-3, "sample 0"),
        ([1e-3, math.nan], 1e-3, "sample 1"),
        ([1e-3, 1e-3], 1e-3, "last sample .*must be 0 A"),
        ([0.0, 0.0], 1e-3, "peak .*at least 2E-12 A"),
        ([1e-12, 0.0], 1e-3, "peak"),
        ([1e-3, 0.0], 0.0, "slot"),
        ([1e-3, 0.0], -1e-3, "slot"),
        ([1e-3, 0.0], math.nan, "slot"),
        ([1e-3, 0.0], math.inf, "slot"),
        ([1e-3] * 200 + [0.0], 99e-9, "slot"),
        ([1e-3, 0.0], 4e-6, "duration .*1E-05 s to 1000 s"),
        ([1e-3, 0.0], 501.0, "duration"),
    ],
)
def test_what_the_source_cannot_play_is_refused_in_words(samples, slot, rule):
    """Too few, too many, too large, not finite, not ending at zero, all zero, too short, too long."""
    with pytest.raises(OutOfRange, match=f"{rule}(?s:.*)Nothing was sent"):
        waveform(samples, slot, "source")
