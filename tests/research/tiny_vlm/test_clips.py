from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from research.phantom.render import truth_of
from research.tiny_vlm import clips
from research.tiny_vlm.clips import HOP, RATE_HZ, SIGNS, STORED_SIZE, WINDOW, Window, recording, truth_in, windows
from research.tiny_vlm.scoring import f1, score


def test_a_recording_follows_from_its_seed_and_is_painted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "RECORDED_S", 7.0)
    first = windows([4], tmp_path)
    stored = tmp_path / "00004.npz"
    painted = stored.stat().st_mtime_ns
    again = windows([4], tmp_path)
    assert stored.stat().st_mtime_ns == painted
    assert len(first) == (14 - WINDOW) // HOP + 1
    assert first[0].pictures.shape == (WINDOW, STORED_SIZE[1], STORED_SIZE[0])
    assert all(np.array_equal(one.pictures, other.pictures) for one, other in zip(first, again, strict=True))


def test_a_sign_that_only_touches_a_window_is_neither_yes_nor_no() -> None:
    script, look = recording(2)  # one arm jerks
    truth = truth_of(script, 2, look)
    (jerks,) = [one for episode in truth.episodes for one in episode.occurrences if one.sign == "clonic"]
    length = WINDOW / RATE_HZ
    assert truth_in(truth, jerks.onset_s, jerks.onset_s + length)["clonic"] is True
    assert "clonic" not in truth_in(truth, jerks.onset_s - length + 1, jerks.onset_s + 1)
    assert truth_in(truth, jerks.onset_s - length, jerks.onset_s)["clonic"] is False


def test_f1_stands_beside_that_of_always_yes() -> None:
    truth = [True, True, False, False, False, False]
    shown = [Window(np.zeros((0, 0, 0), np.uint8), dict.fromkeys(SIGNS, one), k) for k, one in enumerate(truth)]
    answers = np.array([[0.9], [0.2], [0.8], [0.1], [0.1], [0.1]], np.float32)
    (found,) = score(shown, answers, ["clonic"])
    assert found.f1 == pytest.approx(0.5)
    assert found.always_yes == pytest.approx(2 * 2 / (2 * 2 + 4))
    assert found.lo <= found.f1 <= found.hi


def test_f1_of_nothing_is_nothing() -> None:
    assert f1(np.array([], bool), np.array([], bool)) == 0.0
