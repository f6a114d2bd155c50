"""What masks say of contact, absence and mistaken identity."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.recording import Box, Interval
from schemas.segmentation import BodyPart
from services.media.masks import Mask, MaskTrack
from services.pose.finder import Joint
from services.segmentation.engines.sam2.contacts import body_part, contacts, joints_near, jumps, region, spans, touched
from services.segmentation.engines.sam2.looks import Look, Person
from services.segmentation.engines.sam2.people import Trail
from tests.services.segmentation.sam2.scenes import box_mask, person

PATIENT = box_mask((0.2, 0.4, 0.6, 0.8))
NOTHING = np.zeros_like(PATIENT)
AT_HAND, AT_FOOT, APART = (
    box_mask((0.6, 0.3, 0.7, 0.9)),
    box_mask((0.1, 0.3, 0.2, 0.9)),
    box_mask((0.8, 0.3, 0.9, 0.9)),
)


def _lying() -> Person:
    """Feet on the left, hands on the right of the patient's mask."""
    joints, visible = np.full((33, 2), 0.4), np.zeros(33)
    for joint, x in ((Joint.LEFT_WRIST, 0.59), (Joint.LEFT_ANKLE, 0.21), (Joint.LEFT_HIP, 0.4)):
        joints[joint], visible[joint] = (x, 0.6), 0.9
    return person((0.2, 0.4, 0.6, 0.8), joints=joints, visible=visible)


def _track(patient: list[Mask], others: list[Mask], step_s: float = 0.5) -> MaskTrack:
    return MaskTrack.of(np.arange(len(patient)) * step_s, np.stack(patient), np.stack(others))


def test_outlines_touch_across_a_small_gap_only() -> None:
    assert touched(PATIENT, AT_HAND).any()
    assert not touched(PATIENT, APART).any()
    assert not touched(PATIENT, NOTHING).any()
    corner = np.zeros_like(PATIENT)
    corner[round(0.8 * 36) :, round(0.6 * 64) :] = True
    assert not touched(PATIENT, corner).any()


@pytest.mark.parametrize(("other", "part"), [(AT_HAND, BodyPart.HAND), (AT_FOOT, BodyPart.LEG)])
def test_the_nearest_joint_names_the_part(other: Mask, part: BodyPart) -> None:
    assert body_part(touched(PATIENT, other), _lying()) is part


def test_without_joints_nearby_the_part_is_not_told() -> None:
    cells = touched(PATIENT, AT_HAND)
    assert body_part(cells, None) is BodyPart.UNSPECIFIED
    assert body_part(cells, person((0, 0, 1, 1))) is BodyPart.UNSPECIFIED
    hidden = _lying()
    assert hidden.joints is not None
    far = person((0, 0, 1, 1), joints=hidden.joints * 0.1, visible=hidden.visible)
    assert body_part(cells, far) is BodyPart.UNSPECIFIED


def test_contact_is_told_by_part_and_span() -> None:
    others = [*[NOTHING] * 2, *[AT_HAND] * 4, *[NOTHING] * 4, *[AT_FOOT] * 4]
    looks = tuple(Look(2.0 * k, (_lying(),)) for k in range(4))
    trail = Trail([0, 1, 2, 3], [look.people[0] for look in looks])
    found = contacts(_track([PATIENT] * 14, others), trail, looks, 7.0)
    assert [(one.span, one.body_part) for one in found] == [
        (Interval(1.0, 3.0), BodyPart.HAND),
        (Interval(5.0, 7.0), BodyPart.LEG),
    ]


def test_contact_whose_part_changes_all_the_time_is_still_contact() -> None:
    others = [AT_HAND if k % 8 < 1 else AT_FOOT if k % 8 == 4 else box_mask((0.35, 0.2, 0.45, 0.42)) for k in range(8)]
    trail = Trail([0], [_lying()])
    looks = (Look(0.0, (trail.people[0],)),)
    found = contacts(_track([PATIENT] * 8, others, 0.1), trail, looks, 0.8)
    assert found
    assert found[0].span.lo <= 0.4


def test_joints_of_long_ago_do_not_count() -> None:
    looks = (Look(0.0, (_lying(),)),)
    trail = Trail([0], [looks[0].people[0]])
    assert joints_near(trail, looks, 3.0) is trail.people[0]
    assert joints_near(trail, looks, 9.0) is None


def test_spans_join_short_gaps_and_drop_what_is_short() -> None:
    times = np.arange(20) * 0.4
    flags = np.zeros(20, bool)
    flags[[2, 3, 5, 6, 12]] = True
    assert spans(times, flags, 8.0) == (Interval(pytest.approx(0.8), pytest.approx(2.8)),)
    flags[:] = True
    assert spans(times, flags, 7.9) == (Interval(0.0, 7.9),)


def test_a_mask_that_jumps_is_reported_even_across_a_gap() -> None:
    there = box_mask((0.7, 0.1, 0.9, 0.5))
    assert jumps(_track([PATIENT, PATIENT, NOTHING, there, there], [NOTHING] * 5)) == (1.5,)
    assert jumps(_track([PATIENT, box_mask((0.3, 0.4, 0.7, 0.8))], [NOTHING] * 2)) == ()


def test_the_region_has_a_margin_and_forgets_stray_masks() -> None:
    stray = box_mask((0.9, 0.0, 1.0, 0.1))
    found = region(_track([PATIENT] * 199 + [stray], [NOTHING] * 200))
    assert found is not None
    assert found == pytest.approx(Box(0.15, 0.31, 0.65, 0.89), abs=0.03)
    assert region(_track([NOTHING], [NOTHING])) is None
