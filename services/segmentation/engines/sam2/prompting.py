"""When to point somebody out (again): after a loss, a mistake or a cut, and when somebody comes in. Pure rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from schemas.recording import Box
from services.media.masks import Mask
from services.segmentation.engines import PATIENT, PromptPoint
from services.segmentation.engines.sam2.looks import box_overlap
from services.segmentation.engines.sam2.people import Trail

LOST_S = 2.0
"""Unseen for so long, the patient is pointed out again once a look shows them; before, SAM 2 recovers by itself."""
GONE_S = 10.0
"""Unseen for so long, somebody else is followed no longer; a look that shows them begins anew."""
_EXPLAINED = 0.5
"""Overlap of a mask's bounding box with somebody's box from which the mask shows them."""
_ELSEWHERE = 0.2
"""Overlap under which it does not."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Somebody to be pointed out."""

    person: int
    """Whom."""
    box: Box | None
    """Box around them."""
    points: tuple[PromptPoint, ...] = ()
    """Points on and off them."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a look says of the masks just before it."""

    cues: tuple[Cue, ...] = ()
    """Whom to point out."""
    mistaken: bool = False
    """The patient's mask lies on somebody else."""


@dataclass(frozen=True, slots=True)
class Situation:
    """How the following stands when a look is due."""

    masks: Mapping[int, Mask]
    """Everybody's last mask, by person."""
    followed: AbstractSet[int]
    """Who is followed, seen or not."""
    patient_lost_s: float
    """For how long the patient has not been seen."""
    begun: bool
    """The patient has been pointed out at all."""
    after_cut: bool
    """The scene changed since the last look."""
    room: int
    """How many more people may be followed."""


def advise(now: Situation, look: int, patient: Trail, others: Sequence[tuple[int, Trail]]) -> Advice:
    """Whom to point out at a look; `others` by number."""
    mine = patient.at(look)
    there = [(number, person) for number, trail in others if (person := trail.at(look)) is not None]
    mistaken = _mistaken(now, mine.box if mine else None, [person.box for _, person in there])
    cues: list[Cue] = []
    if mine is not None and now.begun and (mistaken or now.after_cut or now.patient_lost_s >= LOST_S):
        cues.append(Cue(PATIENT, mine.box))
    room = now.room
    for number, person in there:
        explained = any(_shows(mask, person.box) for mask in now.masks.values())
        again = now.after_cut and number in now.followed
        if again or (number not in now.followed and not explained and room > 0):
            cues.append(Cue(number, person.box))
            room -= not again
    return Advice(tuple(cues), mistaken)


def mask_box(mask: Mask) -> Box | None:
    """The bounding box of a mask; none when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    height, width = mask.shape
    return Box(
        float(columns[0]) / width, float(rows[0]) / height,
        float(columns[-1] + 1) / width, float(rows[-1] + 1) / height,
    )  # fmt: skip


def _mistaken(now: Situation, mine: Box | None, theirs: Sequence[Box]) -> bool:
    mask = now.masks.get(PATIENT)
    box = mask_box(mask) if mask is not None else None
    if box is None or (mine is not None and box_overlap(box, mine) >= _ELSEWHERE):
        return False
    return any(box_overlap(box, other) >= _EXPLAINED for other in theirs)


def _shows(mask: Mask, box: Box) -> bool:
    around = mask_box(mask)
    return around is not None and box_overlap(around, box) >= _EXPLAINED
