"""The patient's joints from several stills, and what left and right then rest on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from schemas.recording import Box, Tri
from schemas.semiology import Side
from services.pose.finder import Joint, Pose
from services.semiology.engines.kinematic import skeleton
from services.semiology.engines.kinematic.body import Body, Region, Sides, body_of
from services.semiology.engines.kinematic.head import HeadSource
from services.semiology.engines.kinematic.skeleton import Skeleton, find_skeleton

HEIGHT, WIDTH = 360, 640
SHAPE = (36, 64)
HEADS = {  # heads to the left of the midline, and down from the head's centre
    Joint.NOSE: (0.0, 0.1),
    Joint.LEFT_EAR: (0.3, 0.0),
    Joint.LEFT_SHOULDER: (0.75, 0.9),
    Joint.LEFT_ELBOW: (1.1, 2.2),
    Joint.LEFT_WRIST: (1.2, 3.4),
    Joint.LEFT_HIP: (0.4, 3.6),
    Joint.LEFT_KNEE: (0.4, 5.3),
    Joint.LEFT_ANKLE: (0.4, 6.9),
}
STILL = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def body(
    *, head: tuple[float, float] = (320, 60), down: tuple[float, float] = (0, 36), left: tuple[float, float] = (36, 0)
) -> Pose:
    """A body whose head height shows as `down` along it and as `left` across it, pixels."""
    joints = np.zeros((33, 2))
    for joint, (across, along) in HEADS.items():
        joints[joint] = np.array(head) + across * np.array(left) + along * np.array(down)
        if joint is not Joint.NOSE:
            other = Joint[joint.name.replace("LEFT", "RIGHT")]
            joints[other] = np.array(head) - across * np.array(left) + along * np.array(down)
    return Pose(1.0, joints, np.ones(33))


def found(monkeypatch: pytest.MonkeyPatch, stills: list[list[Pose]], region: Box | None = None) -> Skeleton | None:
    turns: Iterator[list[Pose]] = iter(stills)
    monkeypatch.setattr(skeleton, "find_poses", lambda _: next(turns))
    return find_skeleton([STILL] * len(stills), region)


def oriented(monkeypatch: pytest.MonkeyPatch, pose: Pose, mirrored: Tri = Tri.NO) -> Body:
    seen = found(monkeypatch, [[pose]] * 3)
    assert seen is not None
    return body_of(SHAPE, HEIGHT / WIDTH, None, np.ones(SHAPE, np.float32), None, mirrored, skeleton=seen)


def moving(x: float, y: float) -> npt.NDArray[np.float32]:
    """Movement of one hand's size at a pixel."""
    moved = np.zeros(SHAPE, np.float32)
    row, column = int(y / HEIGHT * SHAPE[0]), int(x / WIDTH * SHAPE[1])
    moved[row : row + 2, column : column + 2] = 1.0
    return moved


def test_three_stills_that_agree_are_enough_and_no_more_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = found(monkeypatch, [[body()], [body(head=(324, 61))], [body(head=(318, 59))], []])
    assert seen is not None
    assert seen.share == 1.0
    assert seen.head * WIDTH == pytest.approx((320, 60))
    assert seen.head_height * WIDTH == pytest.approx(36, abs=1)


def test_stills_that_do_not_agree_show_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    turned = body(head=(320, 300), down=(0, -36))
    flipped = body(left=(-36, 0))
    assert found(monkeypatch, [[body()], [turned], [flipped], [body()], [turned]]) is None


def test_who_lies_elsewhere_is_not_the_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Box(0.0, 0.2, 0.3, 1.0)
    patient, visitor = body(head=(80, 60)), body(head=(560, 40))
    seen = found(monkeypatch, [[visitor, patient]] * 3, bed)
    assert seen is not None
    assert seen.head[0] * WIDTH == pytest.approx(80)
    assert found(monkeypatch, [[visitor]] * 3, bed) is None


def test_a_hand_taken_for_a_person_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, [[body(down=(0, 8), left=(8, 0))]] * 3) is None


@pytest.mark.parametrize(
    ("down", "left"),
    [((0, 36), (36, 0)), ((36, 0), (0, -36)), ((-30, -30), (-30, 30)), ((40, 6), (8, -20))],
    ids=["from the foot end", "from the left side", "from the head end", "obliquely"],
)
def test_the_arm_that_moves_is_the_patients_own(
    monkeypatch: pytest.MonkeyPatch, down: tuple[float, float], left: tuple[float, float]
) -> None:
    pose = body(head=(320, 150), down=down, left=left)
    seen = oriented(monkeypatch, pose)
    assert seen.sides is Sides.SEEN
    assert seen.head is not None
    assert seen.head.source is HeadSource.JOINTS
    for joint, side, region in (
        (Joint.LEFT_ELBOW, Side.LEFT, Region.LEFT_ARM),
        (Joint.RIGHT_ELBOW, Side.RIGHT, Region.RIGHT_ARM),
    ):
        moved = moving(*pose.joints[joint])
        assert seen.side_of(moved) is side
        assert seen.shares(moved)[region] > 0.4


def test_in_a_mirrored_recording_the_sides_are_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    pose = body()
    moved = moving(*pose.joints[Joint.LEFT_ELBOW])
    assert oriented(monkeypatch, pose, Tri.YES).side_of(moved) is Side.RIGHT


def test_a_body_seen_from_the_back_names_no_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patients are filmed face up: a back is rare, and networks turn faceless bodies round."""
    pose = body(left=(-36, 0))
    seen = oriented(monkeypatch, pose)
    assert seen.sides is Sides.UNNAMED
    assert seen.side_of(moving(*pose.joints[Joint.LEFT_ELBOW])) is Side.UNDETERMINED
    assert "back" in seen.how


def test_limbs_that_cover_each_other_name_no_side(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = oriented(monkeypatch, body(head=(560, 180), down=(-36, 0), left=(3, 4)))
    assert seen.sides is Sides.UNKNOWN
    assert seen.along is not None, "arms and legs can still be told apart"


def test_a_body_whose_arms_share_a_cell_names_no_side(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = oriented(monkeypatch, body(down=(0, 15), left=(7, 0)))
    assert seen.sides is Sides.UNNAMED
    assert "too small" in seen.how


def test_a_leg_under_a_blanket_moves_below_its_joints(monkeypatch: pytest.MonkeyPatch) -> None:
    pose = body(head=(120, 160), down=(36, 0), left=(0, -36))
    lowest = float(pose.joints[list(Joint), 1].max()) / HEIGHT
    under = Box(0.2, lowest + 0.02, 0.9, 1.0)
    assert found(monkeypatch, [[pose]] * 3, under) is not None
    assert found(monkeypatch, [[pose]] * 3, under._replace(top=lowest + 0.1)) is None
