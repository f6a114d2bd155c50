"""What intake measures of a picture's quality, on scenes in which the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from schemas.recording import Interval, Quality, Tri
from tests.services.intake.conftest import Ingest
from tests.support import videos

Image = np.ndarray[Any, np.dtype[np.uint8]]
ROOM = videos.scene(320, 180)


def _other_room(index: int, time_s: float) -> Image:
    return np.asarray(cv2.resize(videos.scene(160, 90, seed=9)(index, time_s), (320, 180)))


def _between(
    change: Callable[[Image, float], Image], lo: float = 2.0, hi: float = 4.0
) -> Callable[[int, float], Image]:
    def draw(index: int, time_s: float) -> Image:
        picture = ROOM(index, time_s)
        return change(picture, time_s) if lo <= time_s < hi else picture

    return draw


def _shaken(picture: Image, time_s: float) -> Image:
    shift = np.float32([[1, 0, 9 * np.sin(11 * time_s)], [0, 1, 6 * np.cos(7 * time_s)]])
    return np.asarray(cv2.warpAffine(picture, shift, (320, 180), borderMode=cv2.BORDER_REFLECT))


def _measure(tmp_path: Path, run: Ingest, draw: Callable[[int, float], Image]) -> Quality:
    return run(videos.write_video(tmp_path / "v.mp4", draw, seconds=6)).facts.quality


def _covers(spans: tuple[Interval, ...], lo: float, hi: float) -> bool:
    return len(spans) == 1 and abs(spans[0].lo - lo) <= 0.31 and abs(spans[0].hi - hi) <= 0.31


def test_a_quiet_scene_is_without_fault(tmp_path: Path, run: Ingest) -> None:
    quality = _measure(tmp_path, run, ROOM)
    found = (quality.dark, quality.blurred, quality.camera_moving, quality.frozen)
    assert found == ((), (), (), ())
    assert (quality.cuts_s, quality.light_changes_s) == ((), ())
    assert 90 < quality.brightness < 150
    assert quality.sharpness > 20


def test_darkness_is_found(tmp_path: Path, run: Ingest) -> None:
    quality = _measure(tmp_path, run, _between(lambda picture, _: picture // 12))
    assert _covers(quality.dark, 2, 4)
    assert quality.blurred == ()


def test_a_picture_out_of_focus_is_found(tmp_path: Path, run: Ingest) -> None:
    quality = _measure(tmp_path, run, _between(lambda picture, _: np.asarray(cv2.GaussianBlur(picture, (0, 0), 9))))
    assert _covers(quality.blurred, 2, 4)
    assert quality.dark == ()


def test_camera_movement_is_told_from_movement_in_the_picture(tmp_path: Path, run: Ingest) -> None:
    assert _covers(_measure(tmp_path, run, _between(_shaken)).camera_moving, 2, 4)

    def large_mover(picture: Image, time_s: float) -> Image:
        left = int(100 + 60 * np.sin(8 * time_s))
        picture[40:150, left : left + 100] = ROOM(0, 0)[40:150, 60:160] // 2 + 60
        return picture

    assert _measure(tmp_path, run, _between(large_mover)).camera_moving == ()


def test_a_stalled_recorder_is_found(tmp_path: Path, run: Ingest) -> None:
    still = ROOM(0, 0)
    quality = _measure(tmp_path, run, _between(lambda *_: still, 1.5, 5.0))
    assert _covers(quality.frozen, 1.5, 5.0)


def test_a_clean_still_scene_is_not_called_stalled(tmp_path: Path, run: Ingest) -> None:
    still = ROOM(0, 0)
    assert _measure(tmp_path, run, lambda *_: still).frozen == ()


def test_cuts_are_told_from_changes_of_light(tmp_path: Path, run: Ingest) -> None:
    cut = _measure(tmp_path, run, lambda index, time_s: (ROOM if time_s < 3 else _other_room)(index, time_s))
    assert cut.cuts_s == (pytest.approx(3, abs=0.21),)
    assert cut.light_changes_s == ()
    light = _measure(tmp_path, run, lambda index, time_s: ROOM(index, time_s) // (1 if time_s < 3 else 2))
    assert light.light_changes_s == (pytest.approx(3, abs=0.21),)
    assert light.cuts_s == ()


@pytest.mark.parametrize(("tint", "verdict"), [((1, 1, 1), Tri.YES), ((0.9, 0.8, 1), Tri.YES)])
def test_night_vision_is_known_by_its_lack_of_colour(
    tmp_path: Path, run: Ingest, tint: tuple[float, float, float], verdict: Tri
) -> None:
    def draw(index: int, time_s: float) -> Image:
        grey = ROOM(index, time_s)[:, :, 1:2].repeat(3, 2)
        offset = (np.array(tint) - 1) * 100  # a lamp's tint is the same everywhere
        return np.clip(grey + offset, 0, 255).astype(np.uint8)

    assert run(videos.write_video(tmp_path / "v.mp4", draw, seconds=2)).facts.infrared is verdict
    assert run(videos.write_video(tmp_path / "w.mp4", ROOM, seconds=2)).facts.infrared is Tri.NO


def test_a_burnt_in_clock_is_found_and_movement_is_not_taken_for_one(tmp_path: Path, run: Ingest) -> None:
    def clock(index: int, time_s: float) -> Image:
        picture = ROOM(index, time_s)
        picture[4:24, 150:316] = 0
        cv2.putText(picture, f"12:34:{int(time_s + 0.4):02d}", (154, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255,) * 3, 2)
        return picture

    def waving(index: int, time_s: float) -> Image:
        picture = ROOM(index, time_s)
        left = int(160 + 60 * np.sin(2 * np.pi * 1.0 * time_s))
        picture[2:28, left : left + 30] = 240
        return picture

    assert run(videos.write_video(tmp_path / "v.mp4", clock, seconds=14, rate=15)).facts.burnt_in_clock is Tri.YES
    assert run(videos.write_video(tmp_path / "w.mp4", waving, seconds=14, rate=15)).facts.burnt_in_clock is Tri.UNKNOWN
