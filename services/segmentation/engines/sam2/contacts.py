"""What the masks say afterwards: who is missing, who touches the patient and where, where the mask jumped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from schemas.recording import Box, Interval
from schemas.segmentation import BodyPart, StaffContact
from services.media.masks import Mask, MaskTrack
from services.pose.finder import LEAST_VISIBLE, Joint
from services.segmentation.engines.sam2.looks import Look, Person, Places
from services.segmentation.engines.sam2.parts import overlap
from services.segmentation.engines.sam2.people import Trail

_JOIN_S = 1.0
_LEAST_S = 0.6
"""As in the engine `motion`: gaps under a second are joined, what is shorter than 0.6 s is left out."""
_TOUCH = 0.012
"""Gap between two outlines, long sides of the mask, up to which they touch: about a hand's breadth."""
_LEAST_TOUCH = 0.004
"""Share of the patient's cells that must lie within that gap: outlines that graze each other at one corner do not."""
_LIMB = 0.12
"""How far from a joint, long sides of the mask, what is touched still belongs to its limb."""
_JOINTS_S = 4.0
"""Joints are taken from a look at most so far away; limbs of a seizing patient move."""
_JUMP = 0.05
"""Overlap of two successive masks under which the mask has jumped."""
_MARGIN = 0.05
_STRAY = 0.01
"""A cell that is the patient's in fewer of the masks does not widen the patient's region."""

PART_OF: dict[Joint, BodyPart] = {
    **dict.fromkeys((Joint.NOSE, Joint.LEFT_EAR, Joint.RIGHT_EAR), BodyPart.HEAD),
    **dict.fromkeys((Joint.LEFT_ELBOW, Joint.RIGHT_ELBOW), BodyPart.ARM),
    **dict.fromkeys((Joint.LEFT_WRIST, Joint.RIGHT_WRIST), BodyPart.HAND),
    **dict.fromkeys((Joint.LEFT_KNEE, Joint.RIGHT_KNEE, Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE), BodyPart.LEG),
    **dict.fromkeys((Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_HIP, Joint.RIGHT_HIP), BodyPart.TRUNK),
}
"""What is touched near a joint."""

Flags = np.ndarray[Any, np.dtype[np.bool_]]


def spans(times: np.ndarray[Any, Any], flags: Flags, end_s: float) -> tuple[Interval, ...]:
    """Flagged instants as spans, each instant lasting until the next; short gaps joined, short spans left out."""
    found: list[Interval] = []
    for k in np.flatnonzero(flags):
        lo, hi = float(times[k]), float(times[k + 1]) if k + 1 < len(times) else end_s
        if found and lo - found[-1].hi < _JOIN_S:
            found[-1] = Interval(found[-1].lo, hi)
        else:
            found.append(Interval(lo, hi))
    return tuple(span for span in found if span.length_s >= _LEAST_S - 1e-9)


def touched(patient: Mask, others: Mask) -> Mask:
    """The patient's cells that somebody else touches; none where the outlines only graze."""
    nothing = np.zeros_like(patient)
    if not (patient.any() and others.any()):
        return nothing
    reach = max(1, round(_TOUCH * max(patient.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    near = cv2.dilate(others.astype(np.uint8), disc).astype(bool) & patient
    return near if int(near.sum()) >= _LEAST_TOUCH * int(patient.sum()) else nothing


def body_part(cells: Mask, person: Person | None) -> BodyPart:
    """The part of the body that most of the touched cells lie next to; unspecified where no joint tells."""
    joints = _shown(person)
    if joints is None or not cells.any():
        return BodyPart.UNSPECIFIED
    places, parts = joints
    rows, columns = np.nonzero(cells)
    height, width = cells.shape
    spots = np.stack(((columns + 0.5), (rows + 0.5)), axis=1)
    away = np.hypot(*(spots[:, None] - places[None] * (width, height)).transpose(2, 0, 1))
    nearest = away.argmin(axis=1)
    near = away[np.arange(len(spots)), nearest] <= _LIMB * max(height, width)
    if near.mean() < 0.5:
        return BodyPart.UNSPECIFIED
    counts = {part: int((near & np.array([parts[k] is part for k in nearest])).sum()) for part in set(parts)}
    best = max(counts, key=lambda part: (counts[part], part.value))
    if counts[best] * 2 >= int(near.sum()):
        return best
    return BodyPart.WHOLE_BODY if sum(count > 0 for count in counts.values()) >= 3 else BodyPart.UNSPECIFIED


def contacts(masks: MaskTrack, patient: Trail, looks: Sequence[Look], end_s: float) -> tuple[StaffContact, ...]:
    """Spans of contact by part of the body, in the order of their beginning."""
    told: dict[BodyPart, Flags] = {}
    for k, (mine, others) in enumerate(zip(masks.patient, masks.others, strict=True)):
        cells = touched(mine, others)
        if cells.any():
            part = body_part(cells, joints_near(patient, looks, float(masks.time_s[k])))
            told.setdefault(part, np.zeros(len(masks.time_s), bool))[k] = True
    anywhere = np.any(list(told.values()), axis=0) if told else np.zeros(len(masks.time_s), bool)
    found = [StaffContact(span, part) for part, flags in told.items() for span in spans(masks.time_s, flags, end_s)]
    for span in spans(masks.time_s, anywhere, end_s):
        if not any(one.span.lo < span.hi and span.lo < one.span.hi for one in found):
            found.append(StaffContact(span, BodyPart.UNSPECIFIED))  # parts took turns too fast for a span of any
    return tuple(sorted(found, key=lambda one: (one.span, one.body_part.value)))


def joints_near(patient: Trail, looks: Sequence[Look], time_s: float) -> Person | None:
    """The patient with joints in the look nearest to an instant; none when that is too far away."""
    near = [
        (abs(looks[number].time_s - time_s), number)
        for number, person in zip(patient.looks, patient.people, strict=True)
        if person.joints is not None
    ]
    away_s, number = min(near, default=(np.inf, 0))
    return patient.at(number) if away_s <= _JOINTS_S else None


def jumps(masks: MaskTrack) -> tuple[float, ...]:
    """Instants at which the patient's mask lies apart from where it was one instant before: maybe on somebody else."""
    found: list[float] = []
    before: Mask | None = None
    for time_s, mask in zip(masks.time_s, masks.patient, strict=True):
        if mask.any():
            if before is not None and overlap(before, mask) < _JUMP:
                found.append(float(time_s))
            before = mask
    return tuple(found)


def region(masks: MaskTrack) -> Box | None:
    """Where the patient is over the whole recording, with margin; none when there is no patient."""
    cells = masks.patient.share() > _STRAY
    if not cells.any():
        return None
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    height, width = cells.shape
    across, down = _MARGIN * max(cells.shape) / width, _MARGIN * max(cells.shape) / height
    return Box(
        max(0.0, float(columns[0]) / width - across), max(0.0, float(rows[0]) / height - down),
        min(1.0, float(columns[-1] + 1) / width + across), min(1.0, float(rows[-1] + 1) / height + down),
    )  # fmt: skip


def _shown(person: Person | None) -> tuple[Places, list[BodyPart]] | None:
    """Places (n, 2) and parts of the joints that can be seen."""
    if person is None or person.joints is None or person.visible is None:
        return None
    shown = [joint for joint in PART_OF if person.visible[joint] >= LEAST_VISIBLE]
    if not shown:
        return None
    return np.asarray(person.joints[[int(joint) for joint in shown]]), [PART_OF[joint] for joint in shown]
