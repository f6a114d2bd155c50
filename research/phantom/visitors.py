"""Other people: walking in, standing at the bed, handling the patient, leaving."""

from __future__ import annotations

import numpy as np

from research.phantom.acts.postures import STANDING, assume
from research.phantom.acts.stage import Stage, envelope, smooth, wander
from research.phantom.script import Visitor
from research.phantom.skeleton import Array, Motion
from schemas.errors import InvalidRequestError

WALK_S = 3.0
"""Time from the edge of the picture to the bedside."""

PATHS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "bedside_left": ((1.5, -2.4), (0.80, 0.95)),
    "bedside_right": ((-1.9, -2.4), (-0.80, 0.95)),
    "walk_past": ((-1.9, -2.3), (-1.35, 2.0)),
}
"""Where they come from and where they go, metres."""


def contact_span(visitor: Visitor) -> tuple[float, float] | None:
    """When their hands are on the patient; None when they touch nothing."""
    if not visitor.touch:
        return None
    return (visitor.enter_s + WALK_S + 0.8, visitor.leave_s - WALK_S - 0.8)


def _gait(motion: Motion, travelled_m: Array, walking: Array) -> None:
    phase = 2 * np.pi * travelled_m / 1.25
    for side, sign in (("left", 1.0), ("right", -1.0)):
        swing = np.sin(phase) * sign * walking
        motion[f"{side}_hip_flex"] = motion[f"{side}_hip_flex"] + 24 * swing
        motion[f"{side}_knee"] = motion[f"{side}_knee"] + 26 * np.clip(np.cos(phase) * sign, 0, 1) * walking
        motion[f"{side}_shoulder_flex"] = motion[f"{side}_shoulder_flex"] - 18 * swing
    motion["z"] = motion["z"] + 0.015 * np.cos(2 * phase) * walking


def visit(visitor: Visitor, time_s: Array, rng: np.random.Generator) -> Motion:
    """The visitor's joints over time; far outside the room while away.

    Raises:
        InvalidRequestError: the path is unknown or the visit too short to walk in and out.

    """
    if visitor.path not in PATHS:
        raise InvalidRequestError(f"path {visitor.path!r} is none of {sorted(PATHS)}")
    passing = visitor.path == "walk_past"
    if visitor.leave_s - visitor.enter_s < 2 * WALK_S + 2 and not passing:
        raise InvalidRequestError(f"a visit needs at least {2 * WALK_S + 2} s, not {visitor.leave_s - visitor.enter_s}")
    motion = Motion(time_s)
    assume(motion, STANDING)
    start, goal = (np.array(p) for p in PATHS[visitor.path])
    if passing:
        share = (time_s - visitor.enter_s) / (visitor.leave_s - visitor.enter_s)
        share, inwards = np.clip(share, 0, 1), np.ones_like(time_s)
    else:
        share = envelope(time_s, visitor.enter_s, visitor.leave_s, WALK_S, WALK_S)
        inwards = np.where(time_s < (visitor.enter_s + visitor.leave_s) / 2, 1.0, -1.0)
    place = start + share[:, None] * (goal - start)
    motion["x"], motion["y"] = place[:, 0], place[:, 1]
    away = (time_s < visitor.enter_s) | (time_s > visitor.leave_s)
    motion["y"] = np.where(away, -60.0, motion["y"])
    walking = np.ones_like(time_s) if passing else smooth(share * 8) * smooth((1 - share) * 8)
    _gait(motion, share * float(np.linalg.norm(goal - start)), walking)
    heading = np.degrees(np.arctan2(*(goal - start)[::-1])) + 90
    at_bed = smooth((share - 0.85) / 0.15)
    # A standing body faces -y at yaw 0; at the bed it faces the patient across the bed.
    facing_bed = -90.0 if start[0] > 0 else 90.0
    facing = heading + np.where(inwards > 0, 0, 180)
    motion["yaw"] = facing if passing else facing + at_bed * (facing_bed - facing)
    if not passing:
        _lean_and_touch(motion, visitor, time_s, at_bed, rng)
    return motion


def _lean_and_touch(motion: Motion, visitor: Visitor, time_s: Array, at_bed: Array, rng: np.random.Generator) -> None:
    motion["head_pitch"] = motion["head_pitch"] + 24 * at_bed
    span = contact_span(visitor)
    if span is None:
        return
    weight = envelope(time_s, span[0] - 0.6, span[1] + 0.6, 0.8, 0.8)
    motion["spine_flex"] = motion["spine_flex"] + 30 * weight
    for side in ("left", "right"):
        motion.blend({f"{side}_shoulder_flex": 64.0, f"{side}_elbow": 18.0, f"{side}_shoulder_abd": 4.0}, weight)
        for joint, degrees in (("elbow", 9.0), ("shoulder_flex", 6.0)):
            name = f"{side}_{joint}"
            motion[name] = motion[name] + weight * degrees * wander(time_s, 0.2, 0.8, rng)


def be_handled(stage: Stage, visitor: Visitor) -> None:
    """What the handling does to the patient: an arm is lifted and moved, as when a pulse is taken."""
    span = contact_span(visitor)
    if span is None or not visitor.touch.startswith("arm_"):
        return
    side = visitor.touch.removeprefix("arm_")
    weight = envelope(stage.time_s, span[0], span[1], 0.9, 0.9)
    stage.motion.blend({f"{side}_shoulder_abd": 42.0, f"{side}_shoulder_flex": 26.0, f"{side}_elbow": 30.0}, weight)
    for joint in ("elbow", "shoulder_flex"):
        name = f"{side}_{joint}"
        stage.motion[name] = stage.motion[name] + weight * 5 * wander(stage.time_s, 0.2, 0.8, stage.rng)
