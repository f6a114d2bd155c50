"""Parts of long recordings, what they hand over, and masks between instants."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from services.media.masks import MaskTrack
from services.segmentation.engines.sam2.between import at_instants
from services.segmentation.engines.sam2.parts import agree, handed, overlap, parts
from tests.services.segmentation.sam2.scenes import box_mask

LEFT, RIGHT = box_mask((0.1, 0.2, 0.4, 0.8)), box_mask((0.6, 0.2, 0.9, 0.8))
NOTHING = np.zeros_like(LEFT)


@pytest.mark.parametrize(("count", "length", "shared"), [(1, 10, 2), (10, 10, 2), (11, 10, 2), (99, 7, 3), (19, 10, 1)])
def test_parts_cover_everything_and_overlap(count: int, length: int, shared: int) -> None:
    found = parts(count, length, shared)
    assert found[0].start == 0
    assert found[-1].stop == count
    assert all(len(part) <= length for part in found)
    assert all(before.stop - after.start == shared for before, after in pairwise(found))


def test_parts_that_would_never_end_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot overlap"):
        parts(100, 5, 5)


def test_the_first_instant_with_most_people_is_handed_over() -> None:
    place, masks = handed([{0: LEFT, 1: NOTHING}, {0: LEFT, 1: RIGHT}, {0: LEFT, 1: RIGHT}, {0: LEFT}])
    assert place == 1
    assert set(masks) == {0, 1}
    assert handed([{0: NOTHING}, {}]) == (0, {})
    assert handed([]) == (0, {})


def test_two_parts_agree_on_one_person_only() -> None:
    shifted = box_mask((0.13, 0.2, 0.43, 0.8))
    assert agree([LEFT, LEFT, NOTHING], [shifted, LEFT, NOTHING])
    assert not agree([LEFT, LEFT], [RIGHT, RIGHT])
    assert not agree([LEFT, LEFT], [NOTHING, NOTHING])
    assert agree([NOTHING], [NOTHING])
    assert overlap(NOTHING, NOTHING) == 0.0
    assert overlap(LEFT, LEFT) == 1.0


def test_an_outline_moves_evenly_between_two_instants() -> None:
    early, late = box_mask((0.2, 0.2, 0.4, 0.8)), box_mask((0.3, 0.2, 0.5, 0.8))
    nobody = np.zeros((2, *early.shape), bool)
    track = MaskTrack.of(np.array([0.0, 1.0]), np.stack([early, late]), nobody)
    found = at_instants(track, np.array([0.0, 0.5, 1.0, 1.4]))
    assert (found.patient[0] == early).all()
    assert (found.patient[2] == late).all()
    assert (found.patient[3] == late).all()
    middle = np.flatnonzero(found.patient[1].any(axis=0))
    truth = np.flatnonzero(box_mask((0.25, 0.2, 0.45, 0.8)).any(axis=0))
    assert abs(middle[0] - truth[0]) <= 1
    assert abs(middle[-1] - truth[-1]) <= 1


def test_beside_an_empty_mask_the_nearest_stands_and_nobody_is_two_people() -> None:
    track = MaskTrack.of(np.array([0.0, 1.0, 2.0]), np.stack([LEFT, NOTHING, LEFT]), np.stack([NOTHING, NOTHING, LEFT]))
    found = at_instants(track, np.array([0.3, 0.7, 1.9]))
    assert (found.patient[0] == LEFT).all()
    assert not found.patient[1].any()
    assert not found.others[2].any()
