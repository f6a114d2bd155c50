"""The people in stills: joints become boxes, doubles are dropped, detectors' boxes get joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.recording import Box
from services.pose.finder import Pose
from services.segmentation.engines.sam2 import looks
from services.segmentation.engines.sam2.looks import box_overlap, by_pose, look, with_joints
from tests.services.segmentation.sam2.scenes import person
from tests.support import videos

PICTURE = np.zeros((100, 200, 3), np.uint8)


def _pose(left: float, top: float, right: float, bottom: float, presence: float = 0.9) -> Pose:
    """Joints spread over a box in pixels."""
    random = np.random.default_rng(2)
    joints = random.uniform((left, top), (right, bottom), (33, 2))
    joints[11], joints[28] = (left, top), (right, bottom)
    return Pose(presence, joints, np.full(33, 0.9))


def _found(monkeypatch: pytest.MonkeyPatch, *poses: Pose) -> None:
    monkeypatch.setattr(looks, "find_poses", lambda _: list(poses))


def test_the_box_has_room_around_the_joints(monkeypatch: pytest.MonkeyPatch) -> None:
    _found(monkeypatch, _pose(40, 40, 120, 80))
    (one,) = by_pose(PICTURE)
    assert one.box == pytest.approx(Box(28 / 200, 28 / 100, 132 / 200, 92 / 100))
    assert one.joints is not None
    assert one.joints.min(axis=0) == pytest.approx((0.2, 0.4), abs=0.02)


def test_hidden_joints_do_not_widen_the_box(monkeypatch: pytest.MonkeyPatch) -> None:
    pose = _pose(40, 40, 120, 80)
    pose.joints[27], pose.visible[27] = (199, 99), 0.1
    _found(monkeypatch, pose)
    (one,) = by_pose(PICTURE)
    assert one.box.right < 0.7


def test_tiny_bodies_and_doubles_are_no_people(monkeypatch: pytest.MonkeyPatch) -> None:
    child, double, hand = _pose(140, 40, 180, 90), _pose(42, 22, 100, 78, 0.7), _pose(10, 10, 16, 18)
    _found(monkeypatch, _pose(40, 20, 120, 80), child, double, hand)
    assert len(by_pose(PICTURE)) == 2


def test_a_detectors_people_get_the_joints_in_their_box(monkeypatch: pytest.MonkeyPatch) -> None:
    _found(monkeypatch, _pose(40, 40, 120, 80))
    lying, standing = person((0.2, 0.35, 0.65, 0.85)), person((0.8, 0.1, 0.95, 0.9))
    told = with_joints((lying, standing), PICTURE)
    assert [one.box for one in told] == [lying.box, standing.box]
    assert told[0].joints is not None
    assert told[1].joints is None


def test_somebody_alone_is_not_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "find_poses", lambda _: pytest.fail("nobody can touch somebody who is alone"))
    alone = (person((0.2, 0.35, 0.65, 0.85)),)
    assert with_joints(alone, PICTURE) == alone


def test_there_is_a_look_every_two_seconds(tmp_path: Path) -> None:
    video = videos.write_video(tmp_path / "v.mp4", videos.scene(64, 36), seconds=7, rate=8)
    told: list[float] = []
    seen = list(look(video, lambda image: (person((0, 0, 1, 1), float(image.shape[1])),), told.append))
    assert [one.time_s for one in seen] == [0, 2, 4, 6]
    assert told == [0, 2, 4, 6]
    assert seen[0].people[0].score == 64


def test_overlap_of_boxes() -> None:
    assert box_overlap(Box(0, 0, 0.5, 1), Box(0.25, 0, 0.75, 1)) == pytest.approx(1 / 3)
    assert box_overlap(Box(0, 0, 0.2, 1), Box(0.3, 0, 0.5, 1)) == 0
    assert box_overlap(Box(0.2, 0.2, 0.2, 0.2), Box(0.2, 0.2, 0.2, 0.2)) == 0
