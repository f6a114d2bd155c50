"""Movements that are no seizure but may look like one."""

from __future__ import annotations

import numpy as np

from research.phantom.acts.postures import LYING_LEFT, SITTING, mirror
from research.phantom.acts.stage import Mark, Stage, envelope, side_enum, sides_of, smooth, wander
from research.phantom.script import Act
from schemas.segmentation import BodyPart
from schemas.semiology import Side

AT_MOUTH = {
    "shoulder_flex": 52.0,
    "shoulder_abd": 20.0,
    "shoulder_rot": 42.0,
    "elbow": 128.0,
    "wrist": 15.0,
    "fingers": 60.0,
}


def _mark(act: Act, part: BodyPart, probes: tuple[str, ...]) -> list[Mark]:
    return [Mark("", act.onset_s, act.offset_s, side_enum(act), part, probes)]


def brush_teeth(act: Act, stage: Stage) -> list[Mark]:
    """Hand at the mouth going to and fro. params: hz (3.8)."""
    p = {"hz": 3.8, **act.params}
    t, motion, (side,) = stage.time_s, stage.motion, sides_of(act)
    weight = envelope(t, act.onset_s, act.offset_s, 1.2, 1.0)
    motion.blend({f"{side}_{j}": v for j, v in AT_MOUTH.items()}, weight)
    # People brush in bouts of some seconds and move on to the next teeth.
    bouts = smooth(1.2 + 1.6 * wander(t, 0.10, 0.3, stage.rng))
    sway = np.sin(2 * np.pi * p["hz"] * t + 0.9 * wander(t, 0.1, 0.6, stage.rng)) * weight * bouts
    for joint, degrees in (("elbow", 7.0), ("shoulder_rot", 6.0), ("wrist", 12.0)):
        motion[f"{side}_{joint}"] = motion[f"{side}_{joint}"] + sway * degrees
    motion["head_yaw"] = motion["head_yaw"] + weight * 6 * wander(t, 0.1, 0.3, stage.rng) + sway * 1.2
    motion["mouth_open"] = motion["mouth_open"] + 0.4 * weight
    return _mark(act, BodyPart.ARM, (f"{side}_arm",))


def wave(act: Act, stage: Stage) -> list[Mark]:
    """A raised arm waves. params: hz (1.8)."""
    p = {"hz": 1.8, **act.params}
    t, motion, (side,) = stage.time_s, stage.motion, sides_of(act)
    weight = envelope(t, act.onset_s, act.offset_s, 0.8, 0.8)
    pose = {
        "shoulder_flex": 62.0,
        "shoulder_abd": 34.0,
        "shoulder_rot": 10.0,
        "elbow": 55.0,
        "wrist": 0.0,
        "fingers": 5.0,
    }
    motion.blend({f"{side}_{j}": v for j, v in pose.items()}, weight)
    swing = np.sin(2 * np.pi * p["hz"] * t) * weight
    motion[f"{side}_shoulder_rot"] = motion[f"{side}_shoulder_rot"] + swing * 26
    motion[f"{side}_shoulder_abd"] = motion[f"{side}_shoulder_abd"] + swing * 8
    return _mark(act, BodyPart.ARM, (f"{side}_arm",))


def scratch(act: Act, stage: Stage) -> list[Mark]:
    """One hand scratches the chest or the other arm. params: hz (4.5)."""
    p = {"hz": 4.5, **act.params}
    t, motion, (side,) = stage.time_s, stage.motion, sides_of(act)
    weight = envelope(t, act.onset_s, act.offset_s, 0.8, 0.8)
    pose = {
        "shoulder_flex": 30.0,
        "shoulder_abd": 18.0,
        "shoulder_rot": 70.0,
        "elbow": 104.0,
        "wrist": 20.0,
        "fingers": 60.0,
    }
    motion.blend({f"{side}_{j}": v for j, v in pose.items()}, weight)
    bouts = smooth(0.8 + 1.8 * wander(t, 0.25, 0.6, stage.rng))
    rub = np.sin(2 * np.pi * p["hz"] * t + 0.7 * wander(t, 0.2, 0.8, stage.rng)) * weight * bouts
    for joint, degrees in (("elbow", 4.5), ("wrist", 14.0)):
        motion[f"{side}_{joint}"] = motion[f"{side}_{joint}"] + rub * degrees
    return _mark(act, BodyPart.HAND, (f"{side}_arm",))


def clap(act: Act, stage: Stage) -> list[Mark]:
    """Rhythmic clapping. params: hz (2.2)."""
    p = {"hz": 2.2, **act.params}
    t, motion = stage.time_s, stage.motion
    weight = envelope(t, act.onset_s, act.offset_s, 0.8, 0.8)
    beat = np.abs(np.sin(np.pi * p["hz"] * t)) ** 0.8 * weight
    for side in ("left", "right"):
        pose = {"shoulder_flex": 46.0, "shoulder_abd": 14.0, "shoulder_rot": 58.0, "elbow": 70.0, "fingers": 5.0}
        motion.blend({f"{side}_{j}": v for j, v in pose.items()}, weight)
        motion[f"{side}_shoulder_rot"] = motion[f"{side}_shoulder_rot"] - beat * 30
    return _mark(act, BodyPart.ARM, ("left_arm", "right_arm"))


def gesture(act: Act, stage: Stage) -> list[Mark]:
    """Talking with the hands: changing, irregular movements of the forearms."""
    t, motion = stage.time_s, stage.motion
    weight = envelope(t, act.onset_s, act.offset_s, 0.8, 0.8)
    for side in sides_of(act):
        lively = weight * smooth(0.6 + wander(t, 0.1, 0.35, stage.rng))
        pose = {"shoulder_flex": 36.0, "shoulder_abd": 18.0, "shoulder_rot": 36.0, "elbow": 82.0, "fingers": 15.0}
        motion.blend({f"{side}_{j}": v for j, v in pose.items()}, lively)
        for joint, degrees, high in (("elbow", 14.0, 1.4), ("shoulder_rot", 14.0, 1.1), ("wrist", 14.0, 2.0)):
            motion[f"{side}_{joint}"] = motion[f"{side}_{joint}"] + lively * degrees * wander(t, 0.3, high, stage.rng)
    motion["mouth_open"] = motion["mouth_open"] + weight * 0.25 * (1 + wander(t, 1.5, 4.0, stage.rng)).clip(0, 2)
    motion["head_yaw"] = motion["head_yaw"] + weight * 8 * wander(t, 0.1, 0.5, stage.rng)
    motion["head_pitch"] = motion["head_pitch"] + weight * 3 * wander(t, 0.3, 1.5, stage.rng)
    return _mark(act, BodyPart.ARM, ("left_arm", "right_arm"))


def eat(act: Act, stage: Stage) -> list[Mark]:
    """Spoon to the mouth and back, about every four seconds, and chewing."""
    t, motion, (side,) = stage.time_s, stage.motion, sides_of(act)
    weight = envelope(t, act.onset_s, act.offset_s, 1.0, 1.0)
    down = {"shoulder_flex": 30.0, "shoulder_abd": 16.0, "shoulder_rot": 48.0, "elbow": 64.0, "fingers": 60.0}
    motion.blend({f"{side}_{j}": v for j, v in down.items()}, weight)
    phase = t / stage.rng.uniform(3.6, 4.6) + 0.08 * wander(t, 0.05, 0.2, stage.rng)
    up = smooth(1.5 * np.sin(2 * np.pi * phase)) * weight
    motion.blend({f"{side}_{j}": v for j, v in AT_MOUTH.items()}, up)
    chew = 0.15 * (1 + np.sin(2 * np.pi * 1.4 * t)) * (1 - up)
    motion["mouth_open"] = motion["mouth_open"] + weight * (0.4 * up + chew)
    return _mark(act, BodyPart.ARM, (f"{side}_arm",))


def fidget(act: Act, stage: Stage) -> list[Mark]:
    """Busy with a telephone or a book in both hands: steady small purposeful movements. params: amplitude (1)."""
    p = {"amplitude": 1.0, **act.params}
    t, motion = stage.time_s, stage.motion
    weight = envelope(t, act.onset_s, act.offset_s, 1.0, 1.0)
    for side in ("left", "right"):
        pose = {
            "shoulder_flex": 44.0,
            "shoulder_abd": 12.0,
            "shoulder_rot": 52.0,
            "elbow": 84.0,
            "wrist": 5.0,
            "fingers": 45.0,
        }
        motion.blend({f"{side}_{j}": v for j, v in pose.items()}, weight)
        for joint, degrees, high in (
            ("elbow", 5.0, 0.8),
            ("wrist", 12.0, 1.6),
            ("fingers", 26.0, 2.2),
            ("shoulder_rot", 5.0, 0.7),
        ):
            name = f"{side}_{joint}"
            motion[name] = motion[name] + weight * p["amplitude"] * degrees * wander(t, 0.2, high, stage.rng)
    motion.blend({"head_pitch": 20.0}, weight)
    motion["head_pitch"] = motion["head_pitch"] + weight * 4 * wander(t, 0.1, 0.5, stage.rng)
    return _mark(act, BodyPart.HAND, ("left_arm", "right_arm"))


def cough(act: Act, stage: Stage) -> list[Mark]:
    """Bouts of three to five coughs that shake the trunk."""
    t, motion = stage.time_s, stage.motion
    total = np.zeros_like(t)
    bout = act.onset_s
    while bout < act.offset_s - 1:
        for number in range(int(stage.rng.integers(3, 6))):
            at = bout + number * stage.rng.uniform(0.38, 0.5)
            total += np.exp(-(((t - at) / 0.09) ** 2)) * stage.rng.uniform(0.7, 1.2)
        bout += stage.rng.uniform(3.5, 6.0)
    total *= (t >= act.onset_s) & (t <= act.offset_s)
    for joint, degrees in (
        ("spine_flex", 7.0),
        ("head_pitch", 11.0),
        ("left_shoulder_abd", 4.0),
        ("right_shoulder_abd", 4.0),
        ("mouth_open", 0.6),
        ("left_elbow", 3.0),
        ("right_elbow", 3.0),
    ):
        motion[joint] = motion[joint] + total * degrees
    return _mark(act, BodyPart.TRUNK, ("trunk", "head"))


def turn_over(act: Act, stage: Stage) -> list[Mark]:
    """From the back onto one side, and staying there. params: move_s (2.6)."""
    p = {"move_s": 2.6, **act.params}
    (side,) = sides_of(act)
    pose = dict(LYING_LEFT if side == "left" else mirror(LYING_LEFT))
    pose.pop("eyes_open", None)
    t = stage.time_s
    weight = smooth((t - act.onset_s) / p["move_s"])
    effort = 4 * weight * (1 - weight)
    stage.motion.blend(pose, weight)
    stage.motion["z"] = stage.motion["z"] + 0.03 * effort
    other = "right" if side == "left" else "left"
    stage.motion[f"{other}_shoulder_flex"] = stage.motion[f"{other}_shoulder_flex"] + 30 * effort
    stage.motion[f"{other}_knee"] = stage.motion[f"{other}_knee"] + 30 * effort
    return [
        Mark(
            "",
            act.onset_s,
            min(act.offset_s, act.onset_s + p["move_s"]),
            Side(side),
            BodyPart.WHOLE_BODY,
            ("trunk", f"{other}_arm"),
        )
    ]


def sit_up(act: Act, stage: Stage) -> list[Mark]:
    """Sits up, stays, lies down again."""
    weight = envelope(stage.time_s, act.onset_s, act.offset_s, 2.2, 2.2)
    stage.motion.blend({j: v for j, v in SITTING.items() if j not in ("eyes_open", "x")}, weight)
    lean = 4 * weight * (1 - weight)
    for side in ("left", "right"):
        stage.motion[f"{side}_shoulder_flex"] = stage.motion[f"{side}_shoulder_flex"] - 22 * lean
    return _mark(act, BodyPart.WHOLE_BODY, ("trunk", "head"))


def stretch(act: Act, stage: Stage) -> list[Mark]:
    """A long stretch of both arms overhead, as after waking."""
    weight = envelope(stage.time_s, act.onset_s, act.offset_s, 1.6, 1.8)
    for side in ("left", "right"):
        pose = {
            "shoulder_flex": 140.0,
            "shoulder_abd": 28.0,
            "elbow": 22.0,
            "fingers": 60.0,
            "knee": 2.0,
            "ankle": 45.0,
        }
        stage.motion.blend({f"{side}_{j}": v for j, v in pose.items()}, weight)
    stage.motion.blend({"mouth_open": 0.8, "head_pitch": -10.0}, weight)
    return _mark(act, BodyPart.ARM, ("left_arm", "right_arm"))


def tremor(act: Act, stage: Stage) -> list[Mark]:
    """A steady rest tremor of one hand, as in Parkinson's disease. params: hz (5), degrees (7)."""
    p = {"hz": 5.0, "degrees": 7.0, **act.params}
    (side,) = sides_of(act)
    weight = envelope(stage.time_s, act.onset_s, act.offset_s, 1.5, 1.5)
    beat = np.sin(2 * np.pi * p["hz"] * stage.time_s + 0.5 * wander(stage.time_s, 0.1, 0.4, stage.rng)) * weight
    for joint, share in (("wrist", 1.0), ("fingers", 1.6), ("elbow", 0.25)):
        name = f"{side}_{joint}"
        stage.motion[name] = stage.motion[name] + beat * share * p["degrees"]
    return _mark(act, BodyPart.HAND, (f"{side}_arm",))


def restless_legs(act: Act, stage: Stage) -> list[Mark]:
    """Rubbing and moving the legs under the blanket."""
    weight = envelope(stage.time_s, act.onset_s, act.offset_s, 1.0, 1.0)
    for side in ("left", "right"):
        bend = weight * smooth(0.5 + wander(stage.time_s, 0.15, 0.5, stage.rng))
        stage.motion[f"{side}_hip_flex"] = stage.motion[f"{side}_hip_flex"] + 26 * bend
        stage.motion[f"{side}_knee"] = stage.motion[f"{side}_knee"] + 46 * bend
    return _mark(act, BodyPart.LEG, ("left_leg", "right_leg"))
