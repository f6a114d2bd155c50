"""Voices among the sounds of a ward, all of them synthetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest

from services.semiology.engines.audio.voice import RATE_HZ, voice_in

Sound = npt.NDArray[np.float32]
SECONDS = 12.0
TIME_S = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ


def noise(level: float = 0.005, seed: int = 3) -> Sound:
    return np.random.default_rng(seed).normal(0, level, len(TIME_S)).astype(np.float32)


def vowel(pitch_hz: float, begin_s: float, end_s: float, level: float = 0.1) -> Sound:
    """A glottal pulse train that glides by a tenth, through two formants."""
    glide = pitch_hz * (1 + 0.1 * (TIME_S - begin_s) / (end_s - begin_s))
    phase = 2 * np.pi * np.cumsum(glide) / RATE_HZ
    sound = np.zeros(len(TIME_S))
    for partial in range(1, 25):
        frequency = partial * pitch_hz
        formants = np.exp(-(((frequency - 700) / 300) ** 2)) + 0.6 * np.exp(-(((frequency - 1200) / 400) ** 2)) + 0.05
        sound += formants * np.sin(partial * phase)
    sounding = (begin_s <= TIME_S) & (end_s > TIME_S)
    return (level * sound / np.abs(sound).max() * sounding).astype(np.float32)


def beep(frequency_hz: float) -> Sound:
    """A monitor: a tenth of a second every second."""
    return (0.2 * np.sin(2 * np.pi * frequency_hz * TIME_S) * (TIME_S % 1.0 < 0.1)).astype(np.float32)


def bang() -> Sound:
    """A door and steps: bursts without pitch."""
    burst = np.random.default_rng(5).normal(0, 0.2, len(TIME_S))
    return (burst * np.exp(-20 * (TIME_S % 1.5))).astype(np.float32)


def pieces(sound: Sound) -> Iterator[Sound]:
    yield from np.array_split(sound, 37)


@pytest.mark.parametrize("pitch_hz", [95.0, 130.0, 220.0, 420.0])
def test_a_voice_is_found_where_it_sounds(pitch_hz: float) -> None:
    ((span, score),) = voice_in(pieces(noise() + vowel(pitch_hz, 4.0, 6.5))).utterances(0.2)
    assert span.lo == pytest.approx(4.0, abs=0.08)
    assert span.hi == pytest.approx(6.5, abs=0.08)
    assert score > 0.6


@pytest.mark.parametrize(
    "sound",
    [
        noise,
        lambda: beep(440.0),
        lambda: beep(960.0),
        lambda: beep(2700.0),
        bang,
        lambda: (0.1 * np.sin(2 * np.pi * 100 * TIME_S)).astype(np.float32),
    ],
    ids=["a quiet room", "a low beep", "a monitor", "an alarm", "steps and doors", "a pump's hum"],
)
def test_what_is_no_voice_is_not_taken_for_one(sound: Callable[[], Sound]) -> None:
    assert voice_in(pieces(noise(seed=8) + sound())).utterances(0.2) == ()


def test_pauses_within_an_utterance_do_not_split_it_and_coughs_of_a_blink_do_not_count() -> None:
    spoken = vowel(130, 3.0, 3.8) + vowel(130, 4.0, 4.9) + vowel(130, 8.0, 8.06)
    ((span, _),) = voice_in(pieces(noise() + spoken)).utterances(0.2)
    assert (span.lo, span.hi) == (pytest.approx(3.0, abs=0.08), pytest.approx(4.9, abs=0.08))


def test_the_pieces_in_which_sound_arrives_change_nothing() -> None:
    sound = np.tile(noise() + vowel(180, 2.0, 4.0), 6)
    whole, split = voice_in([sound]), voice_in(np.array_split(sound, 101))
    assert np.array_equal(whole.score, split.score)
    assert len(whole.utterances(0.2)) == 6


def test_nothing_is_heard_in_no_sound() -> None:
    assert voice_in([]).utterances(0.2) == ()
