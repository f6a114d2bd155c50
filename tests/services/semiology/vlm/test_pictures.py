from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from schemas.catalogue import SamplingKind
from schemas.errors import UnreadableMediaError
from schemas.recording import Interval
from services.semiology.engines.vlm.pictures import PAD, clip_of, encoded, fitted, whole_clip
from tests.support.videos import write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "v.mp4", seconds=6.0, rate=10)


def _decoded(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def test_a_window_is_shown_at_its_rate_and_pinned_size(video: Path) -> None:
    clip = clip_of(video, Interval(2.0, 5.0), 2.0, (112, 84), SamplingKind.STILLS)
    assert [picture.time_s for picture in clip.pictures] == [2.0, 2.5, 3.0, 3.5, 4.0, 4.5]
    assert {_decoded(picture.jpeg).shape for picture in clip.pictures} == {(84, 112, 3)}
    assert (clip.step_s, clip.kind, clip.begin_s) == (0.5, SamplingKind.STILLS, 2.0)


def test_the_same_content_has_the_same_name_and_other_content_another(video: Path) -> None:
    one = clip_of(video, Interval(1.0, 3.0), 2.0, (112, 84), SamplingKind.CLIP)
    again = clip_of(video, Interval(1.0, 3.0), 2.0, (112, 84), SamplingKind.CLIP)
    assert [p.uuid for p in one.pictures] == [p.uuid for p in again.pictures]
    assert len({p.uuid for p in one.pictures}) == len(one.pictures)


def test_overlapping_windows_share_the_pictures_of_their_overlap(video: Path) -> None:
    """Then a server has seen half of the next window before."""
    first = clip_of(video, Interval(0.0, 4.0), 2.0, (112, 84), SamplingKind.CLIP)
    second = clip_of(video, Interval(2.0, 6.0), 2.0, (112, 84), SamplingKind.CLIP)
    assert [p.uuid for p in first.pictures[4:]] == [p.uuid for p in second.pictures[:4]]


@pytest.mark.parametrize("shape", [(480, 640), (1080, 1920), (40, 90), (300, 100), (84, 112)])
def test_every_shape_fills_the_pinned_size_undistorted(shape: tuple[int, int]) -> None:
    rows, columns = shape
    image = np.zeros((rows, columns, 3), np.uint8)
    cv2.circle(image, (columns // 2, rows // 2), min(shape) // 3, (255, 255, 255), -1)
    shown = fitted(image, (112, 84))
    assert shown.shape == (84, 112, 3)
    inside = np.argwhere(shown[..., 0] > 200)
    height, width = inside.max(0) - inside.min(0) + 1
    assert height == pytest.approx(width, abs=3), "a circle stays a circle"
    scale = min(112 / columns, 84 / rows)
    expected = 112 * 84 - round(rows * scale) * round(columns * scale)
    assert int((shown[..., 0] == PAD).sum()) == pytest.approx(expected, abs=400)


def test_encoding_is_the_same_every_time() -> None:
    image = np.random.default_rng(1).integers(0, 256, (84, 112, 3), np.uint8)
    assert encoded(image) == encoded(image.copy())


def test_a_canary_is_shown_picture_by_picture(video: Path) -> None:
    clip = whole_clip(video)
    assert (len(clip.pictures), clip.step_s) == (60, 0.1)


def test_a_window_after_the_end_shows_nothing(video: Path) -> None:
    with pytest.raises(UnreadableMediaError, match=r"no picture from 20.0 to 25.0 s"):
        clip_of(video, Interval(20.0, 25.0), 2.0, (112, 84), SamplingKind.CLIP)
