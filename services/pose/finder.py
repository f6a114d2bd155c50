"""The people in one still picture, whichever way they lie: four looks at the turned picture, then joints."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from services.pose import network
from services.pose.network import Circle

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[Any]

QUARTERS = range(4)
"""The detector knows upright people only; a patient may lie in any direction. It bears turns of 45°."""
LEAST_PRESENCE = 0.6
"""Presence of a person from which joints are believed; the network's authors use 0.5."""
LEAST_VISIBLE = 0.6
"""Visibility that at least one joint of a limb must have: a body that the network only guesses at has at most 0.5."""
SAME_PLACE = 0.35
SAME_WAY = 0.8
"""Circles whose centres are this close (share of their reach) and whose directions agree so well (cosine) are one."""


class Joint(IntEnum):
    """Rows of `Pose.joints` that we use; left and right are the person's own."""

    NOSE = 0
    LEFT_EAR = 7
    RIGHT_EAR = 8
    LEFT_SHOULDER = 11
    RIGHT_SHOULDER = 12
    LEFT_ELBOW = 13
    RIGHT_ELBOW = 14
    LEFT_WRIST = 15
    RIGHT_WRIST = 16
    LEFT_HIP = 23
    RIGHT_HIP = 24
    LEFT_KNEE = 25
    RIGHT_KNEE = 26
    LEFT_ANKLE = 27
    RIGHT_ANKLE = 28


OF_LIMBS = tuple(joint for joint in Joint if joint.name.endswith(("ELBOW", "WRIST", "KNEE", "ANKLE")))
"""Head, shoulders and hips are called visible even where they are covered."""


@dataclass(frozen=True)
class Pose:
    """One person in one still."""

    presence: float
    """0-1: that the joints are a person's."""
    joints: Floats
    """(33, 2) x, y of each joint in pixels of the still, also of those that are hidden."""
    visible: Floats
    """(33,) 0-1: that each joint is in the picture and not covered."""


def find_poses(image: Picture) -> list[Pose]:
    """Every person found in a colour still (H x W x 3, BGR), surest first."""
    found: list[tuple[Circle, Pose]] = []
    for quarter in QUARTERS:
        for _, circle in network.detect(np.ascontiguousarray(np.rot90(image, quarter))):
            seen = _turned_back(circle, quarter, image.shape)
            if any(_alike(seen, other) for other, _ in found):
                continue
            pose, own = _pose(image, seen)
            if pose is not None and not any(_alike(own, other) for other, _ in found):
                found.append((own, pose))
    return sorted((pose for _, pose in found), key=lambda pose: -pose.presence)


def _pose(image: Picture, circle: Circle) -> tuple[Pose | None, Circle]:
    """The joints in a circle, looked at once more in the circle that they themselves span."""
    presence, _, own = network.joints_in(image, circle)
    if presence < LEAST_PRESENCE:
        return None, circle
    presence, joints, _ = network.joints_in(image, own)
    believed = presence >= LEAST_PRESENCE and float(joints[list(OF_LIMBS), 2].max()) >= LEAST_VISIBLE
    return (Pose(presence, joints[:, :2], joints[:, 2]) if believed else None), own


def _turned_back(circle: Circle, quarter: int, shape: tuple[int, ...]) -> Circle:
    """A circle found in the picture turned left by quarters, in the picture as it is."""
    height, width = shape[:2]
    x, y, up_x, up_y = circle.x, circle.y, circle.up_x, circle.up_y
    for turned in range(quarter):
        across = width if (quarter - turned) % 2 else height
        x, y, up_x, up_y = across - 1 - y, x, -up_y, up_x
    return Circle(x, y, up_x, up_y)


def _alike(one: Circle, other: Circle) -> bool:
    reach = float(np.hypot(one.up_x, one.up_y)), float(np.hypot(other.up_x, other.up_y))
    apart = float(np.hypot(one.x - other.x, one.y - other.y))
    way = (one.up_x * other.up_x + one.up_y * other.up_y) / (reach[0] * reach[1] + 1e-9)
    return apart < SAME_PLACE * max(reach) and way > SAME_WAY
