"""Pose engine `blazepose`: the networks of `services.pose`, on the processor, with weights that come along."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

import numpy as np

from schemas.engine import EngineInfo
from services.media.geometry import Image
from services.pose import network
from services.pose.finder import LEAST_PRESENCE, LEAST_VISIBLE, find_poses
from services.segmentation.joints import Joint, Joints, PixelBox

VERSION = "1"
ROWS = np.array([0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28])
"""Rows of BlazePose's 33 joints that are our seventeen."""
_LIMBS = [joint for joint in Joint if joint.name.endswith(("ELBOW", "WRIST", "KNEE", "ANKLE"))]
_REACH = 1.8
"""A body's reach from the hips as a multiple of its trunk: 0.53 of a person's height over 0.29."""
_TRUNK_OVER_SHOULDERS = 1.15
"""A trunk is about so much longer than shoulders are wide; seen from the bed's end it looks shorter than it is."""
_LEAST_REACH_PX = 8.0


class BlazePoseEngine:
    """Anybody, whichever way they lie; calls head, shoulders and hips visible even where they are covered."""

    def info(self) -> EngineInfo:
        return EngineInfo("blazepose", VERSION, _digest(), "people in everyday photographs, by its authors")

    def load(self) -> None:
        network.load()

    def find(self, image: Image, region: PixelBox, before: Joints | None) -> Sequence[Joints]:
        if before is not None:
            again = _again(image, before)
            return () if again is None else (again,)
        left, top, right, bottom = region
        poses = find_poses(np.ascontiguousarray(image[top:bottom, left:right]))
        return [Joints(pose.joints[ROWS] + (left, top), pose.visible[ROWS]) for pose in poses]


def _again(image: Image, before: Joints) -> Joints | None:
    """The body that was here a moment ago: the joints' network alone, without looking for people."""
    hips = before.middle(Joint.LEFT_HIP, Joint.RIGHT_HIP)
    across = before.places[Joint.LEFT_SHOULDER] - before.places[Joint.RIGHT_SHOULDER]
    length = float(np.hypot(*before.trunk))
    reach = _REACH * max(length, _TRUNK_OVER_SHOULDERS * float(np.hypot(*across)))
    if length < 1 or reach < _LEAST_REACH_PX:
        return None
    up = before.trunk / length * reach
    presence, _, own = network.joints_in(
        image, network.Circle(float(hips[0]), float(hips[1]), float(up[0]), float(up[1]))
    )
    if presence < LEAST_PRESENCE:
        return None
    presence, found, _ = network.joints_in(image, own)
    joints = Joints(found[ROWS, :2], found[ROWS, 2])
    return joints if presence >= LEAST_PRESENCE and joints.visible[_LIMBS].max() >= LEAST_VISIBLE else None


@cache
def _digest() -> str:
    content = hashlib.sha256(f"blazepose {VERSION}".encode())
    for path in sorted(network.WEIGHTS.glob("*.onnx")):
        content.update(path.read_bytes())
    return content.hexdigest()
