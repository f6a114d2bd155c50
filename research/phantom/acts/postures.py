"""How a person lies, sits or stands before anything happens, and the small movements of being alive."""

from __future__ import annotations

import numpy as np

from research.phantom.acts.stage import Stage, envelope, smooth, wander
from research.phantom.skeleton import MATTRESS_TOP_M, Motion

SUPINE: dict[str, float] = {
    "x": 0.0,
    "y": 1.05,
    "z": MATTRESS_TOP_M + 0.115,
    "spine_flex": 5.0,
    "head_pitch": 9.0,
    "eyes_open": 0.9,
    **{
        f"{s}_{j}": v
        for s in ("left", "right")
        for j, v in {
            "shoulder_flex": -5.0,
            "shoulder_abd": 17.0,
            "shoulder_rot": 62.0,
            "elbow": 20.0,
            "wrist": 5.0,
            "fingers": 25.0,
            "hip_flex": 3.0,
            "hip_abd": 8.0,
            "hip_rot": 12.0,
            "knee": 8.0,
            "ankle": 25.0,
        }.items()
    },
}
HANDS_ON_BELLY: dict[str, float] = {
    **SUPINE,
    **{
        f"{s}_{j}": v
        for s in ("left", "right")
        for j, v in {
            "shoulder_flex": 16.0,
            "shoulder_abd": 26.0,
            "shoulder_rot": 72.0,
            "elbow": 78.0,
            "wrist": 12.0,
        }.items()
    },
}
SITTING: dict[str, float] = {
    **SUPINE,
    "y": 1.36,
    "z": MATTRESS_TOP_M + 0.12,
    "spine_flex": 62.0,
    "head_pitch": 2.0,
    **{
        f"{s}_{j}": v
        for s in ("left", "right")
        for j, v in {
            "shoulder_flex": 28.0,
            "shoulder_abd": 14.0,
            "shoulder_rot": 40.0,
            "elbow": 62.0,
            "hip_flex": 4.0,
            "knee": 10.0,
        }.items()
    },
}
LYING_LEFT: dict[str, float] = {
    **SUPINE,
    "roll": 78.0,
    "z": MATTRESS_TOP_M + 0.17,
    "head_yaw": 4.0,
    "head_pitch": 12.0,
    "x": -0.06,
    "left_shoulder_flex": 70.0,
    "left_shoulder_abd": 5.0,
    "left_elbow": 70.0,
    "left_shoulder_rot": 5.0,
    "right_shoulder_flex": 62.0,
    "right_shoulder_abd": 5.0,
    "right_shoulder_rot": 30.0,
    "right_elbow": 62.0,
    "left_hip_flex": 30.0,
    "left_knee": 52.0,
    "right_hip_flex": 48.0,
    "right_knee": 68.0,
    "left_hip_abd": 0.0,
    "right_hip_abd": -4.0,
}
STANDING: dict[str, float] = {
    "pitch": 90.0,
    "z": 0.92,
    "eyes_open": 0.9,
    **{
        f"{s}_{j}": v
        for s in ("left", "right")
        for j, v in {
            "shoulder_flex": 4.0,
            "shoulder_abd": 9.0,
            "shoulder_rot": 20.0,
            "elbow": 18.0,
            "fingers": 25.0,
            "hip_abd": 3.0,
            "knee": 4.0,
            "ankle": 5.0,
        }.items()
    },
}


def mirror(pose: dict[str, float]) -> dict[str, float]:
    """The same pose with left and right of the body exchanged."""
    flipped = {"x", "yaw", "roll", "spine_twist", "spine_side", "head_yaw", "head_roll", "gaze"}
    out: dict[str, float] = {}
    for joint, value in pose.items():
        name = joint
        if joint.startswith("left_"):
            name = "right_" + joint[5:]
        elif joint.startswith("right_"):
            name = "left_" + joint[6:]
        out[name] = -value if joint in flipped else value
    return out


POSES: dict[str, dict[str, float]] = {
    "supine": SUPINE,
    "hands_on_belly": HANDS_ON_BELLY,
    "sitting": SITTING,
    "lying_left": LYING_LEFT,
    "lying_right": mirror(LYING_LEFT),
    "absent": {**SUPINE, "y": 40.0},
}


def assume(motion: Motion, pose: dict[str, float]) -> None:
    """Take a pose for the whole recording."""
    for joint, value in pose.items():
        motion[joint] = value


def live(stage: Stage, asleep_until_s: float) -> None:
    """Breathing, blinking and, while awake, small aimless movements."""
    t, rng, motion = stage.time_s, stage.rng, stage.motion
    rate = rng.uniform(0.21, 0.27)
    motion["breath"] = 0.007 * (1 + np.sin(2 * np.pi * rate * t + rng.uniform(0, 6)))
    awake = smooth((t - asleep_until_s) / 0.6) if asleep_until_s > 0 else np.ones_like(t)
    motion["eyes_open"] = motion["eyes_open"] * awake
    blink_at = rng.uniform(2, 5)
    while blink_at < t[-1]:
        motion["eyes_open"] = motion["eyes_open"] * (1 - envelope(t, blink_at, blink_at + 0.24, 0.08, 0.1))
        blink_at += rng.exponential(3.5) + 1
    for joint, degrees, hz in (
        ("head_yaw", 5.0, 0.10),
        ("head_pitch", 2.0, 0.12),
        ("gaze", 8.0, 0.3),
        ("left_elbow", 2.0, 0.10),
        ("right_elbow", 2.0, 0.10),
        ("left_shoulder_rot", 2.0, 0.09),
        ("right_shoulder_rot", 2.0, 0.09),
        ("left_fingers", 7.0, 0.22),
        ("right_fingers", 7.0, 0.22),
        ("left_ankle", 3.0, 0.14),
        ("right_ankle", 3.0, 0.14),
    ):
        motion[joint] = motion[joint] + awake * degrees * wander(t, hz * 0.3, hz, rng)
