from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from research.evaluation.whole_frame_rule import RATE_HZ, alarms, band_ratio, detect, group_velocities
from research.phantom.encode import write_video


def _swinging(hz: float, seconds: float, start_s: float = 0.0) -> Iterator[NDArray[np.uint8]]:
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (140, 220)).astype(np.float32), (0, 0), 2.0)
    texture = cv2.normalize(texture, None, 20, 235, cv2.NORM_MINMAX)
    for number in range(int(seconds * RATE_HZ)):
        t = number / RATE_HZ
        shift = 4 * np.sin(2 * np.pi * hz * t) if t >= start_s else 0.0
        moved = cv2.warpAffine(texture, np.array([[1, 0, shift], [0, 1, 0]], np.float32), (220, 140))
        yield moved[25:115, 30:190].astype(np.uint8)


def _write(path: Path, hz: float, start_s: float = 0.0) -> Path:
    write_video(path, _swinging(hz, 16.0, start_s), (160, 90), RATE_HZ)
    return path


def test_a_picture_that_swings_at_four_hertz_alarms_from_when_it_starts(tmp_path: Path) -> None:
    spans = detect(_write(tmp_path / "fast.mp4", 4.0, start_s=5.0))
    assert len(spans) == 1
    assert spans[0][0] == pytest.approx(5.0, abs=2.2)
    assert spans[0][1] > 13.0


def test_a_picture_that_swings_slowly_does_not(tmp_path: Path) -> None:
    assert detect(_write(tmp_path / "slow.mp4", 0.9)) == ()


def test_a_shift_is_seen_as_a_shift(tmp_path: Path) -> None:
    velocities = group_velocities(_write(tmp_path / "fast.mp4", 2.0))
    power = velocities.var(axis=0)
    assert power[0] > 10 * power[1:].max()


def test_the_share_of_white_noise_is_the_share_of_the_band() -> None:
    noise = np.random.default_rng(1).normal(0, 1, (4000, 6))
    _, ratio = band_ratio(noise)
    assert ratio.mean() == pytest.approx(4 / 12, abs=0.05)


def test_an_alarm_needs_five_seconds_on_end() -> None:
    time_s = np.arange(0, 20, 0.2)
    ratio = np.where((time_s > 2) & (time_s < 6), 0.9, 0.1)
    assert alarms(time_s, ratio) == ()
    ratio = np.where((time_s > 2) & (time_s < 8), 0.9, 0.1)
    assert len(alarms(time_s, ratio)) == 1
    assert alarms(np.zeros(0), np.zeros(0)) == ()


def test_a_recording_shorter_than_the_window_has_no_ratio() -> None:
    assert band_ratio(np.zeros((50, 6)))[0].size == 0
