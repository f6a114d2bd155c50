"""Left and right are stated only where something tells them apart."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.recording import Box, Tri
from schemas.semiology import Side
from services.semiology.engines.kinematic.body import body_of
from services.semiology.engines.kinematic.head import Head, HeadSource

REGION = Box(0.15, 0.04, 0.75, 1.0)
SHAPE, ASPECT = (18, 32), 0.5625


def side(head: Head | None, mirrored: Tri = Tri.NO) -> Side:
    """The side of movement at the right edge of the patient's region, for a person who faces the camera."""
    energy, patient = np.zeros(SHAPE), np.zeros(SHAPE)
    energy[8:10, 20:23] = 1.0
    patient[1:18, 5:24] = 1.0
    return body_of(SHAPE, ASPECT, head, patient, REGION, mirrored).side_of(energy)


def test_a_face_tells_the_patients_own_side() -> None:
    head = Head(0.45, 0.12, 0.06, HeadSource.FACE)
    assert side(head) is Side.LEFT
    assert side(head, Tri.YES) is Side.RIGHT


def test_a_patch_of_skin_where_a_head_would_be_tells_it_too() -> None:
    assert side(Head(0.45, 0.12, 0.06, HeadSource.SKIN)) is Side.LEFT


@pytest.mark.req("side-not-guessed")
@pytest.mark.parametrize(
    "head",
    [
        None,
        Head(0.38, 0.31, 0.06, HeadSource.SKIN),  # a hand on the blanket
        Head(0.20, 0.12, 0.06, HeadSource.SKIN),  # a lamp beside the bed
        Head(0.45, 0.12, 0.019, HeadSource.SKIN),  # too small for a head on this body
    ],
)
def test_no_side_is_stated_from_less(head: Head | None) -> None:
    assert side(head) is Side.UNDETERMINED
