"""Pictures on the proxy's clock: the same place of the room, whatever size, turn and colours the file has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from services.media.decode import frames
from services.media.geometry import Image
from services.segmentation.views.pictures import Cut, Part, Shot, shots
from tests.support import videos

WIDTH, HEIGHT = 320, 180


def room(index: int, time_s: float) -> Image:
    """Smooth colours and a white spot at x 240, y 45 of 320 x 180, a black one at 80, 135."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    picture = np.stack([60 + 120 * x / WIDTH, 60 + 120 * y / HEIGHT, np.full_like(x, 110)], axis=-1).astype(np.uint8)
    cv2.circle(picture, (240, 45), 12, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(picture, (80, 135), 12, (0, 0, 0), -1, cv2.LINE_AA)
    return np.ascontiguousarray(picture)


def first(path: Path, width: int = WIDTH, height: int = HEIGHT) -> Shot:
    return next(shots([Part(path, 0.0)], width, height, 10.0, 1))


def spot(image: Image) -> Any:
    """Middle of the white spot."""
    rows, columns = np.nonzero(image.min(axis=2) > 200)
    return columns.mean() + 0.5, rows.mean() + 0.5


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return videos.write_video(tmp_path / "plain.mp4", room, seconds=1.0, rate=10, options={"crf": "4"})


def test_a_cut_shows_what_the_decoder_shows(plain: Path) -> None:
    whole = next(frames(plain, colour="bgr")).image
    cut = first(plain).cut(Cut(240, 45, 80, 60), 80, 60)
    assert np.abs(cut.astype(int) - whole[15:75, 200:280]).mean() < 1.5
    assert np.abs(first(plain).whole(WIDTH, HEIGHT).astype(int) - whole).mean() < 0.5


def test_enlarged_and_shrunk_cuts_keep_their_middle(plain: Path) -> None:
    for side, size in ((40, 200), (120, 30), (100, 100)):
        x, y = spot(first(plain).cut(Cut(240, 45, side, side), size, size))
        assert (x, y) == pytest.approx((size / 2, size / 2), abs=0.06 * size)


def test_a_cut_may_move_by_less_than_a_pixel(plain: Path) -> None:
    shot = first(plain)
    places = [spot(shot.cut(Cut(240 + shift, 45, 60, 60), 180, 180))[0] for shift in (0, 0.25, 0.5, 0.75)]
    assert np.diff(places) == pytest.approx([-0.75] * 3, abs=0.4)


def test_what_overhangs_the_picture_is_black(plain: Path) -> None:
    cut = first(plain).cut(Cut(310, 20, 80, 80), 80, 80)
    assert cut[:15].max() == 0
    assert cut[:, 55:].max() == 0
    assert cut[30:70, 5:40].min() > 40
    assert first(plain).cut(Cut(900, 900, 80, 80), 40, 40).max() == 0


@pytest.mark.parametrize(("turned", "mirror"), [(0, True), (90, False), (180, False), (270, False), (90, True)])
def test_turned_files_show_the_same_place_upright(tmp_path: Path, turned: int, mirror: bool) -> None:
    path = videos.write_video(
        tmp_path / "turned.mp4", room, seconds=0.5, rate=10, rotation_ccw=turned, mirror=mirror, options={"crf": "4"}
    )
    upright = next(frames(path, colour="bgr")).image
    height, width = upright.shape[:2]
    x, y = spot(upright)
    cut = first(path, width, height).cut(Cut(x, y, 60, 40), 60, 40)
    assert spot(cut) == pytest.approx((30, 20), abs=0.6)
    left, top = round(x) - 30, round(y) - 20
    assert np.abs(cut.astype(int) - upright[top : top + 40, left : left + 60]).mean() < 6
    assert np.abs(first(path, width, height).whole(width, height).astype(int) - upright).mean() < 0.5


def test_a_larger_original_gives_more_detail_at_the_same_place(plain: Path) -> None:
    shot = first(plain, WIDTH // 2, HEIGHT // 2)
    assert shot.detail == 2.0
    assert spot(shot.cut(Cut(120, 22.5, 30, 30), 60, 60)) == pytest.approx((30, 30), abs=0.6)


@pytest.mark.parametrize("pixels", ["yuvj420p", "yuv444p", "yuv420p10le"])
def test_other_pixels_have_the_same_colours(tmp_path: Path, pixels: str) -> None:
    path = videos.write_video(tmp_path / "other.mp4", room, seconds=0.5, rate=10, pixels=pixels, options={"crf": "4"})
    whole = next(frames(path, colour="bgr")).image
    cut = first(path).cut(Cut(160, 90, 200, 100), 200, 100)
    assert np.abs(cut.astype(int) - whole[40:140, 60:260]).mean() < 3


def test_a_file_of_another_shape_lies_where_the_proxy_has_it(tmp_path: Path, plain: Path) -> None:
    square = videos.write_video(tmp_path / "square.mp4", videos.scene(160, 160), seconds=0.5, rate=10)
    shot = first(square)
    assert shot.inner == (70.0, 0.0, 180.0, 180.0)
    whole = shot.whole(WIDTH, HEIGHT)
    assert whole[:, :68].max() == 0
    assert whole[:, 254:].max() == 0
    assert whole[:30, 80:100, 2].mean() > 150, "the red corner"
    corner = shot.cut(Cut(80, 10, 20, 20), 20, 20)
    assert corner[..., 2].mean() > 150


def test_files_follow_each_other_on_the_recordings_clock(plain: Path) -> None:
    seen = [shot.time_s for shot in shots([Part(plain, 0.0), Part(plain, 3.0)], WIDTH, HEIGHT, 10.0, 1)]
    assert seen == pytest.approx([k / 10 for k in range(40)]), "the gap shows the picture nearest to each instant"
