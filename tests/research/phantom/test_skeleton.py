from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.phantom.acts.postures import POSES, assume, mirror
from research.phantom.skeleton import JOINTS, MATTRESS_TOP_M, Motion, forward_kinematics

ANGLES = ("shoulder_flex", "shoulder_abd", "shoulder_rot", "elbow", "wrist", "fingers")


def _supine() -> Motion:
    motion = Motion(np.zeros(1))
    assume(motion, POSES["supine"])
    return motion


def test_a_supine_patient_has_the_left_hand_at_positive_x_and_the_face_up() -> None:
    body = forward_kinematics(_supine())
    assert body.arms["left"].joints[2][0, 0] > 0.2 > -0.2 > body.arms["right"].joints[2][0, 0]
    assert body.head_axes[0, 2, 2] > 0.9
    assert body.head[0, 1] > body.pelvis[0, 1] > body.legs["left"].joints[2][0, 1]


def test_turning_the_head_to_the_left_moves_the_nose_to_the_left() -> None:
    motion = _supine()
    motion["head_yaw"] = 70.0
    assert forward_kinematics(motion).head_axes[0, 0, 2] > 0.8


def test_bending_the_elbow_brings_the_hand_towards_the_shoulder_and_up() -> None:
    straight, bent = _supine(), _supine()
    straight["right_elbow"], bent["right_elbow"] = 5.0, 120.0
    bent["right_shoulder_rot"] = 0.0
    arms = [forward_kinematics(m).arms["right"].joints for m in (straight, bent)]
    reach = [np.linalg.norm(joints[2] - joints[0]) for joints in arms]
    assert reach[1] < 0.7 * reach[0]
    assert forward_kinematics(bent).arms["right"].joints[2][0, 2] > MATTRESS_TOP_M + 0.15


@given(st.lists(st.floats(-170, 170), min_size=6, max_size=6), st.sampled_from(["left", "right"]))
@settings(max_examples=60, deadline=None)
def test_bones_keep_their_length_whatever_the_angles(angles: list[float], side: str) -> None:
    motion = _supine()
    for joint, value in zip(ANGLES, angles, strict=True):
        motion[f"{side}_{joint}"] = value
    joints = forward_kinematics(motion, on_bed=False).arms[side].joints
    lengths = [float(np.linalg.norm(b - a)) for a, b in itertools.pairwise(joints)]
    assert lengths == pytest.approx([0.28, 0.25, 0.085, 0.075], abs=1e-6)


def test_the_bed_carries_the_limbs() -> None:
    motion = _supine()
    motion["left_shoulder_flex"] = -40.0
    assert forward_kinematics(motion).arms["left"].joints[2][0, 2] >= MATTRESS_TOP_M


def test_a_mirrored_pose_is_the_same_body_seen_in_a_mirror() -> None:
    one, other = Motion(np.zeros(1)), Motion(np.zeros(1))
    assume(one, POSES["lying_left"])
    assume(other, mirror(POSES["lying_left"]))
    left, right = forward_kinematics(one), forward_kinematics(other)
    flip = np.array([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(left.arms["left"].joints[3], right.arms["right"].joints[3] * flip, atol=1e-9)
    np.testing.assert_allclose(left.legs["right"].joints[2], right.legs["left"].joints[2] * flip, atol=1e-9)


def test_every_pose_names_only_joints_that_exist() -> None:
    assert {joint for pose in POSES.values() for joint in pose} <= set(JOINTS)
