"""The engine `motion` on scenes in which it is known who is where."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.recording import Box, Interval
from services.segmentation.engines import SegmentOutput
from tests.services.segmentation.conftest import HEIGHT, WIDTH, Segment, Stage

BED = (70, 70, 110, 80)
"""Left, top, width, height of the patient, pixels."""


def _box(left: int, top: int, width: int, height: int) -> Box:
    return Box(left / WIDTH, top / HEIGHT, (left + width) / WIDTH, (top + height) / HEIGHT)


def _covered(found: Box | None, truth: Box) -> float:
    """Share of the truth's area inside the found box."""
    assert found is not None
    width = max(0.0, min(found.right, truth.right) - max(found.left, truth.left))
    height = max(0.0, min(found.bottom, truth.bottom) - max(found.top, truth.top))
    return width * height / ((truth.right - truth.left) * (truth.bottom - truth.top))


def _size(box: Box | None) -> float:
    assert box is not None
    return (box.right - box.left) * (box.bottom - box.top)


def _others_inside(found: SegmentOutput, box: Box) -> np.ndarray:
    """(n,) share of the box that is marked as others, per mask."""
    _, rows, columns = found.masks.others.shape
    part = np.stack(list(found.masks.others))[
        :, int(box.top * rows) : int(box.bottom * rows), int(box.left * columns) : int(box.right * columns)
    ]
    return np.asarray(part.mean(axis=(1, 2)))


def test_the_patient_is_where_movement_stays(segment: Segment) -> None:
    found = segment(Stage().jerking(*BED).draw, 12)
    assert _covered(found.patient_region, _box(*BED)) > 0.95
    assert _size(found.patient_region) < 3.5 * _size(_box(*BED))
    assert found.others_present == ()
    assert found.staff_contacts == ()
    assert found.patient_missing == ()
    assert 0.5 < found.quality <= 0.8
    assert not found.masks.others.any()


def test_the_mask_stays_while_the_patient_lies_still(segment: Segment) -> None:
    found = segment(Stage().jerking(*BED, until_s=6).draw, 20)
    assert _covered(found.patient_region, _box(*BED)) > 0.95
    masks = np.stack(list(found.masks.patient))
    last = masks[found.masks.time_s > 10]
    assert len(last) > 20
    assert last.mean() == pytest.approx(masks[:10].mean(), rel=0.05)


def test_masks_come_at_the_rate_asked_for(segment: Segment) -> None:
    times = segment(Stage().jerking(*BED).draw, 8, mask_rate_hz=1.0).masks.time_s
    assert np.allclose(np.diff(times), 1.0)
    assert times[0] == 0.0


def test_somebody_who_walks_in_is_told_apart(segment: Segment) -> None:
    stage = Stage().jerking(*BED).walker(6, 16, to=230)
    found = segment(stage.draw, 22)
    assert _covered(found.patient_region, _box(*BED)) > 0.95
    assert found.patient_region is not None
    assert found.patient_region.right < 0.8
    assert len(found.others_present) == 1
    assert found.others_present[0].lo == pytest.approx(6.4, abs=1.0)
    assert found.others_present[0].hi == pytest.approx(15.8, abs=1.5)
    assert found.staff_contacts == ()
    assert _others_inside(found, _box(*BED)).max() < 0.1


def test_contact_is_noticed(segment: Segment) -> None:
    stage = Stage().jerking(*BED).walker(6, 16, to=150)
    found = segment(stage.draw, 22)
    assert len(found.staff_contacts) == 1
    assert 6.5 < found.staff_contacts[0].span.lo < 10.5
    assert 12 < found.staff_contacts[0].span.hi < 17
    jerking = _others_inside(found, _box(BED[0], BED[1], 60, BED[3]))
    assert np.mean(jerking) < 0.15  # the patient's own movement is not taken for the visitor's


def test_a_walker_alone_does_not_become_the_patient_of_others(segment: Segment) -> None:
    """One who jerks for a quarter of the time beside one who walks about for half of it."""
    stage = Stage().jerking(*BED, until_s=6).walker(8, 20, to=220)
    found = segment(stage.draw, 24)
    assert _covered(found.patient_region, _box(*BED)) > 0.9
    assert found.patient_region is not None
    assert found.patient_region.right < 0.85


def test_the_box_that_a_person_drew_wins(segment: Segment) -> None:
    drawn = Box(0.7, 0.3, 0.95, 0.9)
    found = segment(Stage().jerking(*BED).draw, 10, box=drawn)
    assert found.patient_region == drawn
    assert found.quality > 0
    _, rows, columns = found.masks.patient.shape
    assert all(mask[int(0.6 * rows), int(0.8 * columns)] for mask in found.masks.patient)
    assert found.masks.others.any()  # what moves outside of the box is somebody else


def test_where_nothing_moves_nobody_is_found(segment: Segment) -> None:
    found = segment(Stage().draw, 8)
    assert found.patient_region is None
    assert found.patient_missing == (Interval(0.0, 8),)
    assert found.quality == 0
    assert not found.masks.patient.any()
    assert "Hardly anything moves in one place" in found.losses[0]


def test_where_the_camera_moves_all_along_the_whole_picture_counts(segment: Segment) -> None:
    def shaking(index: int, time_s: float) -> np.ndarray:
        picture = Stage().jerking(*BED).draw(index, time_s)
        return np.roll(picture, (int(9 * np.sin(9 * time_s)), int(14 * np.cos(7 * time_s))), (0, 1))

    found = segment(shaking, 8, camera_moving=(Interval(0, 8),))
    assert found.patient_region == Box(0, 0, 1, 1)
    assert found.quality < 0.15
    assert "could not be told from the room" in found.losses[0]
    assert found.others_present == ()


def test_a_shaken_camera_for_a_while_does_not_widen_the_place(segment: Segment) -> None:
    steady = Stage().jerking(*BED)

    def draw(index: int, time_s: float) -> np.ndarray:
        picture = steady.draw(index, time_s)
        return np.roll(picture, int(14 * np.cos(7 * time_s)), 1) if 5 <= time_s < 8 else picture

    found = segment(draw, 16, camera_moving=(Interval(4.8, 8.2),))
    assert _covered(found.patient_region, _box(*BED)) > 0.95
    assert _size(found.patient_region) < 3.5 * _size(_box(*BED))


def test_where_everything_moves_the_whole_picture_counts(segment: Segment) -> None:
    random = np.random.default_rng(2)

    def static(index: int, time_s: float) -> np.ndarray:
        coarse = random.integers(0, 255, (HEIGHT // 10, WIDTH // 10, 3), np.uint8)
        return coarse.repeat(10, 0).repeat(10, 1)

    found = segment(static, 6)
    assert found.patient_region == Box(0, 0, 1, 1)
    assert found.quality < 0.15


def test_one_picture_is_enough_not_to_fail(segment: Segment) -> None:
    found = segment(Stage().jerking(*BED).draw, 0.3)
    assert found.patient_region is None
    assert len(found.masks.time_s) == 1


def test_movement_that_spreads_from_the_edge_is_the_patients_own(segment: Segment) -> None:
    """A close-up: an arm at the edge moves first, then the whole body."""
    arm, body = Stage().jerking(0, 60, 40, 60), Stage().jerking(0, 40, 220, 110)

    def draw(index: int, time_s: float) -> np.ndarray:
        return Stage().draw(index, time_s) if time_s < 4 else (arm if time_s < 6 else body).draw(index, time_s)

    found = segment(draw, 16)
    assert _covered(found.patient_region, _box(0, 40, 220, 110)) > 0.9
    assert not found.masks.others.any()


def test_people_who_only_walk_through_are_not_the_patient(segment: Segment) -> None:
    found = segment(Stage().walker(4, 8, to=20).walker(12, 16, to=20).draw, 20)
    assert found.patient_region is None
    assert "walk in and out" in found.losses[0]
