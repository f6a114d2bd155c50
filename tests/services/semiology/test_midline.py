"""The midline from mirror symmetry, and what left and right rest on when no face was seen."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from schemas.recording import Tri
from schemas.semiology import Side
from services.semiology.engines.kinematic.body import Sides, body_of
from services.semiology.engines.kinematic.head import Head, HeadSource
from services.semiology.engines.kinematic.midline import Midline, find_midline

HEIGHT, WIDTH = 180, 320
SHAPE = (18, 32)
Picture = npt.NDArray[np.uint8]


def lying(turn_deg: float, *, seed: int = 5) -> Picture:
    """A person on a bed seen from above (head up at 0°), with things about the room, turned clockwise."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH), 90, np.uint8)
    for x, y, wide, high, luma in rng.integers((0, 0, 10, 10, 40), (290, 150, 40, 40, 160), (9, 5)):
        cv2.rectangle(picture, (int(x), int(y)), (int(x + wide), int(y + high)), int(luma), -1)
    layer, where = np.zeros_like(picture), np.zeros_like(picture)
    shapes = [
        ((110, 10), (210, 175), 210),  # bed
        ((135, 15), (185, 45), 235),  # pillow
        ((138, 55), (182, 115), 120),  # trunk
        ((124, 58), (136, 110), 100),  # arms
        ((184, 58), (196, 110), 100),
        ((142, 115), (157, 170), 70),  # legs
        ((163, 115), (178, 170), 70),
    ]
    for corner, opposite, luma in shapes:
        cv2.rectangle(layer, corner, opposite, luma, -1)
        cv2.rectangle(where, corner, opposite, 255, -1)
    cv2.circle(layer, (160, 38), 12, 60, -1)
    matrix = cv2.getRotationMatrix2D((160, 92), -turn_deg, 0.9)
    layer, where = (cv2.warpAffine(part, matrix, (WIDTH, HEIGHT)) for part in (layer, where))
    picture[where > 127] = layer[where > 127]
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)


def moving(row: int, column: int) -> npt.NDArray[np.float32]:
    moved = np.zeros(SHAPE, np.float32)
    moved[row : row + 2, column : column + 2] = 1.0
    return moved


@pytest.mark.parametrize("turn_deg", [0.0, 12.0, -12.0, 75.0, 90.0, -90.0])
def test_the_midline_of_a_person_on_a_bed(turn_deg: float) -> None:
    line = find_midline(lying(turn_deg), moving(9, 17))
    assert line is not None
    angle = np.radians(turn_deg)
    along = abs(line.down[0] * -np.sin(angle) + line.down[1] * np.cos(angle))
    assert along > np.cos(np.radians(8.0))
    assert line.distance(160 / WIDTH, 92 / WIDTH) < 0.03


def test_none_where_nothing_is_symmetric_and_none_where_nothing_moves() -> None:
    noise = np.random.default_rng(3).integers(0, 255, (HEIGHT, WIDTH)).astype(np.uint8)
    assert find_midline(np.asarray(cv2.GaussianBlur(noise, (0, 0), 4.0), np.uint8), moving(9, 17)) is None
    assert find_midline(lying(0.0), np.zeros(SHAPE, np.float32)) is None


def test_a_bed_seen_from_its_side_has_no_midline_though_a_window_hangs_over_it() -> None:
    picture = np.full((HEIGHT, WIDTH), 110, np.uint8)
    cv2.rectangle(picture, (20, 110), (300, 140), 210, -1)
    cv2.rectangle(picture, (40, 95), (250, 112), 80, -1)
    cv2.circle(picture, (262, 100), 12, 60, -1)
    cv2.rectangle(picture, (135, 10), (185, 60), 190, -1)
    assert find_midline(np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8), moving(10, 16)) is None


def side(midline: Midline, head: Head | None, row: int, column: int, mirrored: Tri = Tri.NO) -> tuple[Side, Sides]:
    body = body_of(SHAPE, HEIGHT / WIDTH, head, np.ones(SHAPE, np.float32), None, mirrored, midline)
    return body.side_of(moving(row, column)), body.sides


@pytest.mark.req("side-not-guessed")
def test_an_upright_midline_infers_sides_that_a_reviewer_has_to_confirm() -> None:
    upright = Midline(0.5, 0.28, (0.0, 1.0), 0.8)
    assert side(upright, None, 8, 20) == (Side.LEFT, Sides.INFERRED)
    assert side(upright, None, 8, 20, Tri.YES) == (Side.RIGHT, Sides.INFERRED)


@pytest.mark.req("side-not-guessed")
def test_a_level_midline_needs_a_head_to_tell_the_sides() -> None:
    level = Midline(0.5, 0.28, (-1.0, 0.0), 0.8)
    assert side(level, None, 12, 15) == (Side.UNDETERMINED, Sides.UNNAMED)
    body = body_of(SHAPE, HEIGHT / WIDTH, None, np.ones(SHAPE, np.float32), None, Tri.NO, level)
    assert body.side_of(moving(12, 15) + moving(4, 15)) is Side.BILATERAL_SYMMETRIC
    at_the_right, at_the_left = (Head(x, 0.28, 0.06, HeadSource.SKIN) for x in (0.8, 0.2))
    assert side(level, at_the_right, 12, 15) == (Side.LEFT, Sides.INFERRED)
    assert side(level, at_the_left, 12, 15) == (Side.RIGHT, Sides.INFERRED)
