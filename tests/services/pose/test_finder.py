"""People in stills: on drawings, whose joints are known, whichever way the picture is turned."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from research.phantom.look import Look
from research.phantom.render import prepare
from research.phantom.script import CAMERAS, Script
from services.pose.finder import Joint, Pose, find_poses
from services.pose.network import WEIGHTS

SIZE = (640, 360)
LIMBS = {
    "left": (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
    "right": (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
}


@dataclass(frozen=True)
class Drawn:
    """A drawn patient and where the joints of the arms are."""

    picture: npt.NDArray[np.uint8]
    arms: dict[str, npt.NDArray[np.float64]]
    """(3, 2) x, y of shoulder, elbow and wrist, pixels."""


@cache
def drawn(camera: str, *, infrared: bool = False, mirrored: bool = False) -> Drawn:
    script = Script("a patient lies still", duration_s=1.0, acts=(), blanket=0.0)
    stage = prepare(script, 7, Look(SIZE, 2.0, camera, infrared, mirrored))
    picture = next(iter(stage.frames()))
    arms = {}
    for side in LIMBS:
        places = [stage.camera.project(joint[:1])[0][:2] for joint in stage.people[0].body.arms[side].joints[:3]]
        arms[side] = np.array([(SIZE[0] - 1 - x if mirrored else x, y) for x, y in places])
    colour = picture if picture.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    return Drawn(np.asarray(colour, np.uint8), arms)


def distance(pose: Pose, side: str, arm: npt.NDArray[np.float64]) -> float:
    return float(np.hypot(*(pose.joints[list(LIMBS[side])] - arm).T).mean())


@pytest.mark.parametrize("infrared", [False, True])
@pytest.mark.parametrize("camera", CAMERAS)
def test_the_arms_are_where_they_were_drawn_and_keep_their_sides(camera: str, infrared: bool) -> None:
    seen = drawn(camera, infrared=infrared)
    poses = find_poses(seen.picture)
    if (camera, infrared) == ("side", True):
        assert poses == [], "from beside the bed at night nobody is found, rather than somebody in a wrong place"
        return
    best = poses[0]
    for side, other in (("left", "right"), ("right", "left")):
        assert distance(best, side, seen.arms[side]) < 30
        assert distance(best, side, seen.arms[side]) < distance(best, side, seen.arms[other])


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_picture_may_lie_on_its_side_or_head(quarter: int) -> None:
    upright, *_ = find_poses(drawn("bed_end").picture)
    turned, *_ = find_poses(np.ascontiguousarray(np.rot90(drawn("bed_end").picture, quarter)))
    x, y = turned.joints[list(Joint)].T
    for _ in range(quarter):
        x, y = (SIZE[0] if _ % 2 == (quarter + 1) % 2 else SIZE[1]) - 1 - y, x
    assert np.median(np.hypot(x - upright.joints[list(Joint), 0], y - upright.joints[list(Joint), 1])) < 12


def test_a_mirrored_picture_shows_the_sides_exchanged() -> None:
    seen = drawn("bed_end", mirrored=True)
    best, *_ = find_poses(seen.picture)
    assert distance(best, "left", seen.arms["right"]) < distance(best, "left", seen.arms["left"])


def test_nobody_is_found_in_a_room_without_people() -> None:
    stage = prepare(Script("nobody", duration_s=1.0, acts=()), 7, Look(SIZE, 2.0, "ceiling_corner", infrared=False))
    stage.people.clear()
    stage.blanket = None
    empty = np.clip(np.stack(stage.room.planes, axis=-1), 0, 255).astype(np.uint8)
    assert find_poses(np.ascontiguousarray(np.broadcast_to(empty[..., -3:], (*empty.shape[:2], 3)))) == []


def test_the_weights_are_those_that_are_described() -> None:
    described = dict(re.findall(r"`(\w+\.onnx)`.*`([0-9a-f]{64})`", (WEIGHTS / "README.md").read_text()))
    assert described == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in WEIGHTS.glob("*.onnx")}
