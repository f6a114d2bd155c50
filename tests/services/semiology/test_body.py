"""The patient's own left and right, for every way to lie in the picture."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.recording import Box, Tri
from schemas.segmentation import BodyPart
from schemas.semiology import Side
from services.semiology.engines.kinematic.body import Body, Sides, body_of
from services.semiology.engines.kinematic.head import Head, HeadSource

SHAPE, ASPECT = (18, 32), 9 / 16
EVERYWHERE = np.ones(SHAPE, np.float32)


def at(turned_deg: int, x: float, y: float, mirrored: Tri = Tri.NO) -> Body:
    head = Head(x, y, 0.06, HeadSource.FACE, turned_deg, 1.0)
    return body_of(SHAPE, ASPECT, head, EVERYWHERE, None, mirrored)


def moving(row: int, column: int) -> np.ndarray:
    energy = np.zeros(SHAPE)
    energy[row, column] = 1.0
    return energy


@pytest.mark.parametrize(
    ("turned_deg", "x", "y", "cell"),
    [
        (0, 0.5, 0.12, (6, 20)),  # head up, facing the camera: the patient's left is the picture's right
        (180, 0.5, 0.45, (10, 12)),  # head down
        (90, 0.15, 0.28, (4, 10)),  # head at the left: left arm at the top
        (270, 0.85, 0.28, (14, 22)),  # head at the right: left arm at the bottom
    ],
)
def test_left_arm_in_every_orientation(turned_deg: int, x: float, y: float, cell: tuple[int, int]) -> None:
    body = at(turned_deg, x, y)
    assert body.side_of(moving(*cell)) is Side.LEFT
    assert body.part_of(moving(*cell)) is BodyPart.ARM


def test_a_mirrored_video_swaps_the_sides() -> None:
    assert at(0, 0.5, 0.12, Tri.YES).side_of(moving(6, 20)) is Side.RIGHT


def test_both_arms_alike_are_symmetric() -> None:
    body = at(0, 0.5, 0.12)
    assert body.side_of(moving(6, 11) + moving(6, 20)) is Side.BILATERAL_SYMMETRIC


def test_without_a_head_a_wide_patient_has_no_sides() -> None:
    body = body_of(SHAPE, ASPECT, None, EVERYWHERE, Box(0.1, 0.3, 0.9, 0.7), Tri.NO)
    assert body.sides is Sides.UNKNOWN
    assert body.side_of(moving(6, 20)) is Side.UNDETERMINED


def test_without_a_head_a_tall_patient_is_taken_as_upright_but_no_side_is_named() -> None:
    body = body_of(SHAPE, ASPECT, None, EVERYWHERE, Box(0.35, 0.0, 0.65, 1.0), Tri.NO)
    assert "assumed" in body.how
    assert body.part_of(moving(6, 20)) is BodyPart.ARM
    assert body.side_of(moving(6, 20)) is Side.UNDETERMINED
    assert body.side_of(moving(6, 13) + moving(6, 18)) is Side.UNDETERMINED  # where the middle is was assumed, too
