"""Windows of sound, cut from a stream that is read once."""

from __future__ import annotations

import io
import wave

import numpy as np

from schemas.recording import Interval
from services.semiology.engines.audio.sound import wavs_of
from services.semiology.engines.audio.voice import RATE_HZ

RAMP = (np.arange(10 * RATE_HZ) / (10 * RATE_HZ)).astype(np.float32)
"""Ten seconds whose loudness tells the time."""


def samples(data: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767


def test_overlapping_windows_hold_their_own_seconds() -> None:
    spans = [Interval(0, 4), Interval(3, 7), Interval(6, 10)]
    cut = list(wavs_of(iter(np.array_split(RAMP, 23)), spans))
    assert [span for span, _ in cut] == spans
    for span, data in cut:
        heard = samples(data)
        assert len(heard) == 4 * RATE_HZ
        assert np.allclose(heard, RAMP[int(span.lo) * RATE_HZ : int(span.hi) * RATE_HZ], atol=1e-4)


def test_past_the_end_is_silence_and_what_begins_there_is_left_out() -> None:
    ((span, data),) = wavs_of([RAMP], [Interval(8, 12), Interval(11, 15)])
    assert span == Interval(8, 12)
    assert not samples(data)[2 * RATE_HZ :].any()
    assert samples(data)[: 2 * RATE_HZ].min() > 0.79
