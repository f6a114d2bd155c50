"""The patient's joints as most stills agree on them, and the body's own directions in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.recording import Box
from services.pose.finder import Joint, Pose, find_poses

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[Any]

FRAME = (Joint.NOSE, Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_HIP, Joint.RIGHT_HIP)
"""The joints that orient a body; limbs may move between stills."""
APART = 0.4
"""Two stills agree when these joints lie within so many trunk lengths of each other, on average."""
AGREEING = 3
"""Stills that must agree; with as many, the others are not looked at."""
LEAST_SHARE = 0.6
"""Share of the stills with somebody in the patient's place that must agree."""
SMALLEST = 0.055
"""Shoulder to hip, picture long sides: shorter bodies are hands and cushions taken for people."""
HIPS_BELOW, BROAD_SHOULDERS = 3.6, 1.5
"""Head's centre to hips, and shoulder to shoulder joint, in head heights (stature is 7.5 heads)."""
ROOM = 0.05
"""Around the joints, shares of the picture: flesh and covers."""
LEAST_BREADTH = 0.25
"""Shoulders that show less than this of their breadth are seen from the side: near and far arm cannot be told apart."""


@dataclass(frozen=True)
class Skeleton:
    """Joints of the patient; lengths are fractions of the picture's long side."""

    joints: Floats
    """(33, 2) x, y of each joint: the median of the stills that agree."""
    share: float
    """0-1: share of the stills that agree."""

    @property
    def shoulders(self) -> Floats:
        """The middle between the shoulders (x, y)."""
        return _middle(self.joints, Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)

    @property
    def hips(self) -> Floats:
        """The middle between the hips (x, y)."""
        return _middle(self.joints, Joint.LEFT_HIP, Joint.RIGHT_HIP)

    @property
    def head(self) -> Floats:
        """The head's centre, between the ears (x, y)."""
        return _middle(self.joints, Joint.LEFT_EAR, Joint.RIGHT_EAR)

    @property
    def down(self) -> Floats:
        """One head height down the body, as it appears in the picture (x, y)."""
        return np.asarray((self.hips - self.head) / HIPS_BELOW)

    @property
    def left(self) -> Floats:
        """One head height to the patient's left, as it appears in the picture (x, y)."""
        return np.asarray(_across(self.joints) / BROAD_SHOULDERS)

    @property
    def head_height(self) -> float:
        """The head's height; what is foreshortened counts less."""
        return max(float(np.hypot(*self.down)), float(np.hypot(*self.left)))

    @property
    def faces_camera(self) -> bool:
        """Whether the chest is seen; else the back, or a body that the network has turned round."""
        return float(self.down[0] * self.left[1] - self.down[1] * self.left[0]) < 0

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the joints, with half a head around."""
        joints = self.joints[list(Joint)]
        room = self.head_height / 2
        (left, top), (right, bottom) = joints.min(axis=0) - room, joints.max(axis=0) + room
        return float(left), float(top), float(right), float(bottom)

    @property
    def shows_sides(self) -> bool:
        """Whether left and right lie apart in the picture."""
        across = self.left - self.down * float(self.left @ self.down) / float(self.down @ self.down + 1e-12)
        return float(np.hypot(*across)) >= LEAST_BREADTH * self.head_height


def find_skeleton(stills: Sequence[Picture], region: Box | None) -> Skeleton | None:
    """The patient's joints in colour stills (H x W x 3, BGR) of one recording; none when stills do not agree.

    `region`: where the patient moves; without one, whoever is there in most stills and shows largest is the patient.
    """
    seen: list[tuple[int, Floats]] = []
    best: list[Floats] = []
    for looked, still in enumerate(_spread(len(stills)), start=1):
        height, width = stills[still].shape[:2]
        for pose in find_poses(stills[still]):
            joints = pose.joints / max(height, width)
            if _trunk(joints) >= SMALLEST and _reaches(pose, region, width, height):
                seen.append((still, joints))
        best = max((_agreeing(joints, seen) for _, joints in seen), key=_rank, default=[])
        if len(best) == looked == AGREEING:
            break
    occupied = len({still for still, _ in seen})
    if len(best) < min(AGREEING, len(stills)) or len(best) < LEAST_SHARE * occupied:
        return None
    return Skeleton(np.median(np.stack(best), axis=0), len(best) / occupied)


def _spread(count: int) -> list[int]:
    """The numbers below `count`, those far apart first: neighbours in time show little that is new."""
    return sorted(range(count), key=lambda k: (k % 4 != 0, k % 2 != 0, k))


def _rank(joints: list[Floats]) -> tuple[int, float]:
    return len(joints), _trunk(joints[0])


def _agreeing(joints: Floats, seen: Sequence[tuple[int, Floats]]) -> list[Floats]:
    """One body per still that lies as `joints` do, with the same sides."""
    limit, across = APART * _trunk(joints), _across(joints)
    frame = list(FRAME)
    alike: dict[int, Floats] = {}
    for still, other in seen:
        near = float(np.hypot(*(other[frame] - joints[frame]).T).mean()) < limit
        if near and float(_across(other) @ across) > 0:
            alike.setdefault(still, other)
    return list(alike.values())


def _across(joints: Floats) -> Floats:
    """From the right shoulder to the left (x, y)."""
    return np.asarray(joints[Joint.LEFT_SHOULDER] - joints[Joint.RIGHT_SHOULDER])


def _trunk(joints: Floats) -> float:
    """Shoulder to hip, or shoulder to shoulder where that is more: what is foreshortened counts less."""
    shoulders = _middle(joints, Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)
    hips = _middle(joints, Joint.LEFT_HIP, Joint.RIGHT_HIP)
    return max(float(np.hypot(*(hips - shoulders))), float(np.hypot(*_across(joints))))


def _reaches(pose: Pose, region: Box | None, width: int, height: int) -> bool:
    """Whether a body reaches into the region: a blanket that a leg moves reaches further than the joints."""
    if region is None:
        return True
    joints = pose.joints[list(Joint)] / (width, height)
    left, top = joints.min(axis=0) - ROOM
    right, bottom = joints.max(axis=0) + ROOM
    return bool(left < region.right and right > region.left and top < region.bottom and bottom > region.top)


def _middle(joints: Floats, one: Joint, other: Joint) -> Floats:
    return np.asarray((joints[one] + joints[other]) / 2)
