"""Joint angles over time and forward kinematics of an articulated body.

World: metres, x to the left side of a supine patient, y towards the head of the bed, z up. Body frame: l(eft), u(p, to
the head), f(ront); it equals the world frame for a patient who lies supine. Angles are in degrees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MATTRESS_TOP_M = 0.56
MATTRESS_X_M = 0.46
MATTRESS_Y_M = (-0.02, 2.04)

ROOT = ("x", "y", "z", "yaw", "pitch", "roll")
TRUNK = ("spine_flex", "spine_twist", "spine_side", "breath")
HEAD = ("head_yaw", "head_pitch", "head_roll", "eyes_open", "mouth_open", "gaze")
ARM = ("shoulder_flex", "shoulder_abd", "shoulder_rot", "elbow", "wrist", "fingers")
LEG = ("hip_flex", "hip_abd", "hip_rot", "knee", "ankle")
JOINTS = (*ROOT, *TRUNK, *HEAD, *(f"{s}_{j}" for s in ("left", "right") for j in (*ARM, *LEG)))
_INDEX = {name: index for index, name in enumerate(JOINTS)}


class Motion:
    """Joint values over time; movements write into it one after another.

    `values` is (n, joints), `time_s` is (n,) in script time.
    """

    def __init__(self, time_s: Array) -> None:
        self.time_s = time_s
        self.values: Array = np.zeros((len(time_s), len(JOINTS)))

    def __getitem__(self, joint: str) -> Array:
        return self.values[:, _INDEX[joint]]

    def __setitem__(self, joint: str, value: Array | float) -> None:
        self.values[:, _INDEX[joint]] = value

    def blend(self, target: dict[str, float], weight: Array) -> None:
        """Move joints towards target values by a weight of 0-1 per instant."""
        for joint, value in target.items():
            column = self[joint]
            column += weight * (value - column)


class Limb(NamedTuple):
    """Joint positions of one limb, each (n, 3).

    Shoulder, elbow, wrist, knuckles, fingertips; or hip, knee, ankle, toes.
    """

    joints: tuple[Array, ...]


class Body(NamedTuple):
    """Where everything is; positions (n, 3), orientations (n, 3, 3) with columns l, u, f."""

    pelvis: Array
    waist: Array
    chest: Array
    neck: Array
    head: Array
    pelvis_axes: Array
    chest_axes: Array
    head_axes: Array
    arms: dict[str, Limb]
    legs: dict[str, Limb]


class Build(NamedTuple):
    """Lengths of a person's segments, metres, and the scale of their girth."""

    scale: float = 1.0
    girth: float = 1.0


def _rotation(axis: int, degrees: Array) -> Array:
    """(n, 3, 3) rotation about a coordinate axis, right-handed."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    out = np.zeros((len(degrees), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[:, axis, axis] = 1.0
    out[:, i, i] = out[:, j, j] = c
    out[:, i, j], out[:, j, i] = -s, s
    return out


def _place(axes: Array, local: Array) -> Array:
    return np.asarray(np.einsum("nij,nj->ni", axes, local))


def _offset(axes: Array, lateral: float, up: float, front: float) -> Array:
    return np.asarray(np.einsum("nij,j->ni", axes, np.array([lateral, up, front])))


def _segment(flex: Array, abduction: Array, rotation: Array, sign: float) -> tuple[Array, Array]:
    """Direction of an upper arm or thigh and the unit vector towards which it bends forwards, in its parent's frame."""
    f, a, r = np.radians(flex), np.radians(abduction), np.radians(rotation)
    zero = np.zeros_like(f)
    along = np.stack([np.sin(a) * sign, -np.cos(a) * np.cos(f), np.cos(a) * np.sin(f)], axis=1)
    front = np.stack([zero, np.sin(f), np.cos(f)], axis=1)
    medial = sign * np.cross(along, front)
    medial /= np.linalg.norm(medial, axis=1, keepdims=True)
    return along, np.cos(r)[:, None] * front + np.sin(r)[:, None] * medial


def _arm(motion: Motion, side: str, root: Array, axes: Array, scale: float) -> Limb:
    sign = 1.0 if side == "left" else -1.0
    along, bend = _segment(
        motion[f"{side}_shoulder_flex"], motion[f"{side}_shoulder_abd"], motion[f"{side}_shoulder_rot"], sign
    )
    elbow_angle = np.radians(motion[f"{side}_elbow"])[:, None]
    forearm = np.cos(elbow_angle) * along + np.sin(elbow_angle) * bend
    palm_normal = -np.sin(elbow_angle) * along + np.cos(elbow_angle) * bend
    wrist_angle = np.radians(motion[f"{side}_wrist"])[:, None]
    hand = np.cos(wrist_angle) * forearm + np.sin(wrist_angle) * palm_normal
    curl = wrist_angle + np.radians(motion[f"{side}_fingers"])[:, None]
    finger = np.cos(curl) * forearm + np.sin(curl) * palm_normal
    elbow = root + _place(axes, along) * 0.28 * scale
    wrist = elbow + _place(axes, forearm) * 0.25 * scale
    knuckles = wrist + _place(axes, hand) * 0.085 * scale
    tips = knuckles + _place(axes, finger) * 0.075 * scale
    return Limb((root, elbow, wrist, knuckles, tips))


def _leg(motion: Motion, side: str, root: Array, axes: Array, scale: float) -> Limb:
    sign = 1.0 if side == "left" else -1.0
    along, bend = _segment(motion[f"{side}_hip_flex"], motion[f"{side}_hip_abd"], -motion[f"{side}_hip_rot"], sign)
    knee_angle = np.radians(motion[f"{side}_knee"])[:, None]
    shin = np.cos(knee_angle) * along - np.sin(knee_angle) * bend
    front = np.cos(knee_angle) * bend + np.sin(knee_angle) * along
    ankle_angle = np.radians(motion[f"{side}_ankle"])[:, None]
    foot = np.cos(ankle_angle) * front + np.sin(ankle_angle) * shin
    knee = root + _place(axes, along) * 0.42 * scale
    ankle = knee + _place(axes, shin) * 0.40 * scale
    toes = ankle + _place(axes, foot) * 0.17 * scale
    return Limb((root, knee, ankle, toes))


def _rest_on_bed(points: Array, clearance: float) -> Array:
    """Lift points that would sink into the mattress (a bed carries its patient)."""
    over = (
        (np.abs(points[:, 0]) < MATTRESS_X_M + 0.06)
        & (points[:, 1] > MATTRESS_Y_M[0] - 0.08)
        & (points[:, 1] < MATTRESS_Y_M[1] + 0.06)
    )
    lifted = points.copy()
    lifted[:, 2] = np.where(over, np.maximum(points[:, 2], MATTRESS_TOP_M + clearance), points[:, 2])
    return lifted


AVERAGE_BUILD = Build()


def forward_kinematics(motion: Motion, build: Build = AVERAGE_BUILD, *, on_bed: bool = True) -> Body:
    """Positions of all joints at all instants."""
    k = build.scale
    pelvis = np.stack([motion["x"], motion["y"], motion["z"]], axis=1)
    pelvis_axes = _rotation(2, motion["yaw"]) @ _rotation(0, motion["pitch"]) @ _rotation(1, motion["roll"])
    chest_axes = (
        pelvis_axes
        @ _rotation(0, motion["spine_flex"])
        @ _rotation(1, motion["spine_twist"])
        @ _rotation(2, motion["spine_side"])
    )
    head_axes = (
        chest_axes
        @ _rotation(1, motion["head_yaw"])
        @ _rotation(0, motion["head_pitch"])
        @ _rotation(2, motion["head_roll"])
    )
    waist = pelvis + _offset(pelvis_axes, 0, 0.13 * k, 0)
    chest = waist + _offset(chest_axes, 0, 0.18 * k, 0) + chest_axes[:, :, 2] * motion["breath"][:, None]
    neck = waist + _offset(chest_axes, 0, 0.37 * k, 0.0)
    head = neck + _offset(chest_axes, 0, 0.05 * k, 0.015) + _offset(head_axes, 0, 0.105 * k, 0.02)
    arms, legs = {}, {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder = waist + _offset(chest_axes, sign * 0.175 * k, 0.325 * k, -0.01)
        hip = pelvis + _offset(pelvis_axes, sign * 0.09 * k, -0.04 * k, 0)
        arms[side] = _arm(motion, side, shoulder, chest_axes, k)
        legs[side] = _leg(motion, side, hip, pelvis_axes, k)
    body = Body(pelvis, waist, chest, neck, head, pelvis_axes, chest_axes, head_axes, arms, legs)
    return _settle(body) if on_bed else body


def _lay_limb(limb: Limb, clearances: tuple[float, ...]) -> Limb:
    return Limb(tuple(_rest_on_bed(joint, gap) for joint, gap in zip(limb.joints, clearances, strict=True)))


def _settle(body: Body) -> Body:
    arms = {side: _lay_limb(limb, (0.06, 0.045, 0.035, 0.03, 0.02)) for side, limb in body.arms.items()}
    legs = {side: _lay_limb(limb, (0.08, 0.06, 0.045, 0.035)) for side, limb in body.legs.items()}
    return body._replace(arms=arms, legs=legs)
