"""Words with times: how the sound is cut, without torch; loading, refusing and listening, with tiny weights."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError
from services.media.transcript import Transcript, Word
from services.segmentation.engines.whisper import PART_S, WhisperListener, parts
from tests.services.segmentation import tiny
from tests.services.segmentation.views.test_sound import RATE, write


def noise(seconds: float, level: float = 0.2) -> Any:
    return level * np.random.default_rng(5).normal(size=round(seconds * RATE))


def test_sound_is_cut_where_it_is_quiet_and_nothing_is_lost(tmp_path: Path) -> None:
    samples = noise(70)
    for quiet_s in (25.0, 50.0):
        samples[round(quiet_s * RATE) : round((quiet_s + 0.4) * RATE)] *= 0.001
    with wave.open(str(write(tmp_path / "x.wav", samples)), "rb") as heard:
        pieces = list(parts(heard))
    assert [start / RATE for start, _ in pieces] == pytest.approx([0, 25.2, 50.2], abs=0.25)
    assert all(len(piece) <= PART_S * RATE for _, piece in pieces)
    assert np.concatenate([piece for _, piece in pieces]) == pytest.approx(np.clip(samples, -1, 1), abs=1e-4)
    assert [start for start, _ in pieces][1:] == np.cumsum([len(piece) for _, piece in pieces])[:-1].tolist()


def test_a_transcript_survives_its_file(tmp_path: Path) -> None:
    said = Transcript(EngineInfo("tiny", "1", "a" * 64), (Word("hello", 1.0, 1.5),), "en")
    said.save(tmp_path / "t.json")
    assert Transcript.load(tmp_path / "t.json") == said
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InvalidRequestError, match="no transcript: engine"):
        Transcript.load(tmp_path / "other.json")


def test_a_folder_without_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"no card\.json"):
        WhisperListener(tmp_path).load()


@pytest.mark.vision
def test_words_lie_on_the_recordings_clock_and_silence_has_none(tmp_path: Path) -> None:
    import torch

    torch.set_num_threads(1)
    listener = WhisperListener(tiny.whisper(tmp_path / "weights"), "en")
    listener.load()
    samples = np.concatenate([np.zeros(29 * RATE), noise(6)])
    told: list[float] = []
    said = listener.listen(write(tmp_path / "x.wav", samples), told.append)
    assert said.words, "a random network hears something in noise"
    assert all(20.9 <= word.start_s <= word.end_s <= 35.01 for word in said.words)
    assert said.engine == listener.info()
    assert told[0] == 0
    assert len(told) == 2
    assert listener.listen(tmp_path / "x.wav", told.append) == said
    assert listener.listen(write(tmp_path / "silent.wav", noise(3, 1e-4)), told.append).words == ()


@pytest.mark.vision
def test_weights_without_word_times_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="alignment heads"):
        WhisperListener(tiny.whisper(tmp_path / "weights", alignment_heads=None)).load()
