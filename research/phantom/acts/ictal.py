"""Movements of seizures. Ranges from the clinical literature gathered in ``docs/phantom.md``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from research.phantom.acts.stage import SIDES, Mark, Stage, envelope, side_enum, sides_of, smooth, tremble, wander
from research.phantom.script import Act
from research.phantom.skeleton import Array
from schemas.segmentation import BodyPart
from schemas.semiology import Side

BURST_S = 0.2
"""Length of one clonic jerk, nearly constant while the silences between jerks lengthen."""

ARM_READY = {
    "shoulder_flex": 38.0,
    "shoulder_abd": 26.0,
    "shoulder_rot": 42.0,
    "elbow": 78.0,
    "wrist": 22.0,
    "fingers": 55.0,
}
ARM_JERK = {"elbow": 34.0, "shoulder_flex": 11.0, "wrist": 20.0, "shoulder_abd": 5.0}
LEG_READY = {"hip_flex": 20.0, "knee": 34.0}
LEG_JERK = {"hip_flex": 10.0, "knee": 20.0, "ankle": 12.0}


def jerk_times(onset_s: float, offset_s: float, first_hz: float, last_hz: float, rng: np.random.Generator) -> Array:
    """Starts of jerks whose spacing grows exponentially from 1/first_hz to 1/last_hz and that end by the offset."""
    last_start = offset_s - BURST_S
    starts, now = [], onset_s
    growth = np.log(first_hz / last_hz) / max(last_start - onset_s, 1e-6)
    while now <= last_start:
        starts.append(now)
        rate = first_hz * np.exp(-growth * (now - onset_s))
        now += rng.uniform(0.93, 1.07) / rate
    return np.array(starts)


def jerk_shape(time_s: Array, starts: Array, rng: np.random.Generator, build_up: int = 4) -> Array:
    """Pulses of about 0-1: a fast pull and a slower release, each of `BURST_S`; the first few grow."""
    total = np.zeros_like(time_s)
    for number, start in enumerate(starts):
        first, last = np.searchsorted(time_s, (start, start + BURST_S))
        local = (time_s[first:last] - start) / BURST_S
        pulse = np.where(local < 0.4, np.sin(local / 0.4 * np.pi / 2), np.cos((local - 0.4) / 0.6 * np.pi / 2)) ** 2
        size = rng.uniform(0.8, 1.15) * min(1.0, 0.45 + 0.55 * number / build_up)
        total[first:last] = np.maximum(total[first:last], pulse * size)
    return total


def clonic(act: Act, stage: Stage) -> list[Mark]:
    """Repeated jerks that slow down.

    params: first_hz, last_hz, amplitude (1), arm (1), leg (0), head (0), and ending (0): 1 for the last jerks of one
    side after a bilateral run.
    """
    p = {
        "first_hz": 4.0,
        "last_hz": 1.2,
        "amplitude": 1.0,
        "arm": 1.0,
        "leg": 0.0,
        "head": 0.0,
        "ready_s": 1.2,
        **act.params,
    }
    t, motion, sides = stage.time_s, stage.motion, sides_of(act)
    starts = jerk_times(act.onset_s, act.offset_s, p["first_hz"], p["last_hz"], stage.rng)
    pulses = jerk_shape(t, starts, stage.rng) * p["amplitude"]
    end = float(starts[-1] + BURST_S)
    # The limb draws up with the first jerks and sinks back after the last one.
    hold = smooth((t - act.onset_s) / p["ready_s"]) * (1 - smooth((t - end) / 1.5))
    for limb, ready, jerk in (("arm", ARM_READY, ARM_JERK), ("leg", LEG_READY, LEG_JERK)):
        for side in sides if p[limb] > 0 else ():
            motion.blend({f"{side}_{j}": v for j, v in ready.items()}, hold * min(p[limb] * 1.5, 1))
            gain = p[limb] * stage.rng.uniform(0.92, 1.08)
            for joint, degrees in jerk.items():
                name = f"{side}_{joint}"
                motion[name] = motion[name] + pulses * degrees * gain
    motion["head_pitch"] = motion["head_pitch"] + pulses * 9 * p["head"]
    if len(sides) == len(SIDES):
        motion["spine_flex"] = motion["spine_flex"] + pulses * 3.0 * p["arm"]
    motion.blend({"eyes_open": 0.9}, smooth((t - act.onset_s) / 0.5) * smooth((end - t) / 0.5))
    return _clonic_marks(act, (float(starts[0]), end), p)


def _clonic_marks(act: Act, span: tuple[float, float], p: Mapping[str, float]) -> list[Mark]:
    sides, side = sides_of(act), side_enum(act)
    rate = (float(p["first_hz"]), float(p["last_hz"]))
    limbs = [(limb, part) for limb, part in (("arm", BodyPart.ARM), ("leg", BodyPart.LEG)) if p[limb] > 0]
    marks = []
    for limb, part in limbs:
        probes = tuple(f"{s}_{limb}" for s in sides)
        marks.append(Mark("clonic", *span, side, part, probes, rate))
        if len(sides) == 1:
            marks.append(Mark("unilateral_clonic", *span, side, part, probes, rate))
        elif limb == "arm":
            marks.append(Mark("arms_move_simultaneously", *span, side, part, probes, rate))
    if len(sides) == len(limbs) == len(SIDES):
        probes = tuple(f"{s}_{limb}" for s in sides for limb, _ in limbs)
        marks.append(Mark("full_body_shaking", *span, side, BodyPart.WHOLE_BODY, probes, rate))
    if p.get("ending"):
        marks.append(Mark("asymmetric_clonic_ending", *span, side, limbs[0][1], (f"{sides[0]}_{limbs[0][0]}",), rate))
    return marks


def shaking(act: Act, stage: Stage) -> list[Mark]:
    """The whole body shakes. params: hz (5), amplitude (1), steady (1: constant, 0: irregular)."""
    p = {"hz": 5.0, "amplitude": 1.0, "steady": 0.6, **act.params}
    t, motion = stage.time_s, stage.motion
    weight = envelope(t, act.onset_s, act.offset_s, 1.0, 0.8) * p["amplitude"]
    common = np.sin(2 * np.pi * p["hz"] * t + stage.rng.uniform(0, 6))
    for joint, degrees in (
        ("left_elbow", 9.0),
        ("right_elbow", 9.0),
        ("left_shoulder_flex", 5.0),
        ("right_shoulder_flex", 5.0),
        ("left_hip_flex", 4.0),
        ("right_hip_flex", 4.0),
        ("left_knee", 8.0),
        ("right_knee", 8.0),
        ("spine_side", 2.0),
        ("head_yaw", 5.0),
        ("left_hip_abd", 3.0),
        ("right_hip_abd", 3.0),
        ("roll", 2.5),
    ):
        own = wander(t, p["hz"] * 0.6, p["hz"] * 1.3, stage.rng)
        phase = np.sin(2 * np.pi * p["hz"] * t + stage.rng.uniform(-0.4, 0.4))
        motion[joint] = motion[joint] + weight * degrees * (
            p["steady"] * (0.5 * common + 0.7 * phase) + (1 - p["steady"]) * own
        )
    probes = ("left_arm", "right_arm", "left_leg", "right_leg", "trunk")
    rate = (float(p["hz"]), float(p["hz"]))
    span = (act.onset_s, act.offset_s)
    return [
        Mark("full_body_shaking", *span, Side.BILATERAL_SYMMETRIC, BodyPart.WHOLE_BODY, probes, rate),
        Mark("arms_move_simultaneously", *span, Side.BILATERAL_SYMMETRIC, BodyPart.ARM, probes[:2], rate),
    ]


TONIC_ARM = {
    "shoulder_flex": 42.0,
    "shoulder_abd": 30.0,
    "shoulder_rot": 24.0,
    "elbow": 30.0,
    "wrist": 45.0,
    "fingers": 70.0,
}
TONIC_LEG = {"hip_flex": 4.0, "knee": 1.0, "ankle": 48.0, "hip_abd": 5.0, "hip_rot": 0.0}
FLEXED_ARM = {
    "shoulder_flex": 45.0,
    "shoulder_abd": 30.0,
    "shoulder_rot": 68.0,
    "elbow": 112.0,
    "wrist": 50.0,
    "fingers": 75.0,
}
STRAIGHT_ARM = {
    "shoulder_flex": 48.0,
    "shoulder_abd": 22.0,
    "shoulder_rot": 5.0,
    "elbow": 4.0,
    "wrist": 35.0,
    "fingers": 70.0,
}


def tonic(act: Act, stage: Stage) -> list[Mark]:
    """Sustained stiffening with a fine tremble. params: rise_s (1), tremble_deg (0.9), elbow (30)."""
    p = {"rise_s": 1.0, "fall_s": 1.0, "tremble_deg": 0.9, "elbow": 30.0, **act.params}
    t, motion, sides = stage.time_s, stage.motion, sides_of(act)
    weight = envelope(t, act.onset_s, act.offset_s, p["rise_s"], p["fall_s"])
    for side in sides:
        target = {f"{side}_{j}": v for j, v in {**TONIC_ARM, "elbow": p["elbow"]}.items()}
        target |= {f"{side}_{j}": v for j, v in TONIC_LEG.items()}
        motion.blend(target, weight)
        tremble(stage, (f"{side}_elbow", f"{side}_wrist", f"{side}_shoulder_flex"), weight, p["tremble_deg"], 9.0)
    part = BodyPart.WHOLE_BODY if len(sides) == 2 else BodyPart.ARM
    if len(sides) == 2:
        motion.blend({"head_pitch": -12.0, "mouth_open": 0.5, "eyes_open": 1.0, "spine_flex": -3.0}, weight)
        tremble(stage, ("head_yaw",), weight, p["tremble_deg"] * 0.6, 8.0)
    probes = tuple(f"{side}_arm" for side in sides)
    marks = [Mark("tonic", act.onset_s, act.offset_s, side_enum(act), part, probes)]
    if len(sides) == 1:
        marks.append(Mark("unilateral_tonic", act.onset_s, act.offset_s, side_enum(act), part, probes))
    return marks


def figure4(act: Act, stage: Stage) -> list[Mark]:
    """One elbow straight, the other bent over the chest; the side is that of the straight elbow."""
    p = {"rise_s": 1.2, "tremble_deg": 0.8, **act.params}
    (straight,) = sides_of(act)
    bent = "left" if straight == "right" else "right"
    weight = envelope(stage.time_s, act.onset_s, act.offset_s, p["rise_s"], 1.0)
    target = {f"{straight}_{j}": v for j, v in STRAIGHT_ARM.items()} | {f"{bent}_{j}": v for j, v in FLEXED_ARM.items()}
    stage.motion.blend(target, weight)
    for side in SIDES:
        tremble(stage, (f"{side}_elbow", f"{side}_wrist"), weight, p["tremble_deg"], 9.0)
    side, span = Side(straight), (act.onset_s, act.offset_s)
    arms = ("left_arm", "right_arm")
    return [
        Mark("figure4", *span, side, BodyPart.ARM, arms),
        Mark("asymmetric_tonic", *span, side, BodyPart.ARM, arms),
        Mark("tonic", *span, Side.BILATERAL_SYMMETRIC, BodyPart.ARM, arms),
        Mark("arm_straightening", *span, side, BodyPart.ARM, (f"{straight}_arm",)),
        Mark("arm_flexion", *span, Side(bent), BodyPart.ARM, (f"{bent}_arm",)),
    ]


def dystonic(act: Act, stage: Stage) -> list[Mark]:
    """One arm held twisted: extended, turned inwards, wrist bent, fingers in an odd posture."""
    (side,) = sides_of(act)
    weight = envelope(stage.time_s, act.onset_s, act.offset_s, 2.0, 1.5)
    pose = {
        "shoulder_flex": 20.0,
        "shoulder_abd": 38.0,
        "shoulder_rot": -40.0,
        "elbow": 28.0,
        "wrist": 75.0,
        "fingers": -15.0,
    }
    stage.motion.blend({f"{side}_{j}": v for j, v in pose.items()}, weight)
    writhe = weight * 6 * wander(stage.time_s, 0.15, 0.4, stage.rng)
    stage.motion[f"{side}_shoulder_rot"] = stage.motion[f"{side}_shoulder_rot"] + writhe
    return [Mark("dystonic_limb", act.onset_s, act.offset_s, Side(side), BodyPart.ARM, (f"{side}_arm",))]


def _turn(act: Act, stage: Stage, degrees: float, turn_s: float, return_s: float) -> Array:
    sign = 1.0 if act.side == "left" else -1.0
    weight = envelope(stage.time_s, act.onset_s, act.offset_s + return_s, turn_s, return_s)
    stage.motion.blend({"head_yaw": sign * degrees, "gaze": sign * 20.0}, weight)
    return weight


def version(act: Act, stage: Stage) -> list[Mark]:
    """A forced, sustained turn of head and eyes to one side, in small jerks, chin up. params: degrees (72)."""
    p = {"degrees": 72.0, "turn_s": 4.0, "return_s": 2.0, **act.params}
    sides_of(act)
    weight = _turn(act, stage, p["degrees"], p["turn_s"], p["return_s"])
    sign = 1.0 if act.side == "left" else -1.0
    stage.motion.blend(
        {"head_pitch": -8.0, "head_roll": -sign * 10.0, "spine_twist": sign * 9.0, "eyes_open": 1.0, "mouth_open": 0.3},
        weight,
    )
    ratchet = np.sin(2 * np.pi * 3.2 * stage.time_s) * 3.0 * weight * (1 - weight) * 4
    stage.motion["head_yaw"] = stage.motion["head_yaw"] + sign * ratchet
    tremble(stage, ("head_yaw",), weight, 0.6, 7.0)
    return [Mark("version", act.onset_s, act.offset_s, side_enum(act), BodyPart.HEAD, ("head",))]


def head_turn(act: Act, stage: Stage) -> list[Mark]:
    """An unforced turn of the head, as when looking at something. params: degrees (42)."""
    p = {"degrees": 42.0, "turn_s": 0.9, "return_s": 1.0, **act.params}
    sides_of(act)
    _turn(act, stage, p["degrees"], p["turn_s"], p["return_s"])
    return [Mark("head_turning", act.onset_s, act.offset_s, side_enum(act), BodyPart.HEAD, ("head",))]


def automatisms(act: Act, stage: Stage) -> list[Mark]:
    """Fumbling of one or both hands on belly or sheet, irregular at 1-2 Hz. params: amplitude (1)."""
    p = {"amplitude": 1.0, **act.params}
    t, motion, sides = stage.time_s, stage.motion, sides_of(act)
    weight = envelope(t, act.onset_s, act.offset_s, 1.0, 1.0)
    ready = {"shoulder_flex": 24.0, "shoulder_abd": 22.0, "shoulder_rot": 66.0, "elbow": 80.0, "wrist": 18.0}
    for side in sides:
        motion.blend({f"{side}_{j}": v for j, v in ready.items()}, weight)
        waxing = 0.65 + 0.35 * np.clip(wander(t, 0.08, 0.25, stage.rng), -1, 1)
        for joint, degrees in (
            ("elbow", 7.0),
            ("shoulder_rot", 6.0),
            ("wrist", 16.0),
            ("fingers", 24.0),
            ("shoulder_abd", 3.0),
        ):
            name = f"{side}_{joint}"
            motion[name] = motion[name] + weight * waxing * degrees * p["amplitude"] * wander(t, 0.9, 2.1, stage.rng)
    probes = tuple(f"{side}_arm" for side in sides)
    span, side_word = (act.onset_s, act.offset_s), side_enum(act)
    return [
        Mark("limb_automatisms", *span, side_word, BodyPart.HAND, probes, (0.9, 2.1)),
        Mark("manual_automatisms", *span, side_word, BodyPart.HAND, probes, (0.9, 2.1)),
    ]


def oral_automatisms(act: Act, stage: Stage) -> list[Mark]:
    """Chewing and smacking at 1-2 Hz."""
    weight = envelope(stage.time_s, act.onset_s, act.offset_s, 0.8, 0.8)
    chew = 0.35 + 0.35 * np.sin(2 * np.pi * 1.5 * stage.time_s + 0.8 * wander(stage.time_s, 0.1, 0.4, stage.rng))
    stage.motion["mouth_open"] = stage.motion["mouth_open"] + weight * chew
    return [
        Mark("oral_automatisms", act.onset_s, act.offset_s, Side.UNDETERMINED, BodyPart.FACE, ("face",), (1.2, 1.8))
    ]


HYPERKINETIC = (
    ("shoulder_flex", 34.0, 0.7, 1.9),
    ("shoulder_abd", 24.0, 0.6, 1.7),
    ("shoulder_rot", 28.0, 0.6, 1.8),
    ("elbow", 32.0, 0.8, 2.2),
    ("hip_flex", 22.0, 0.8, 2.0),
    ("hip_abd", 10.0, 0.6, 1.6),
    ("knee", 32.0, 0.8, 2.1),
)


def hyperkinetic(act: Act, stage: Stage) -> list[Mark]:
    """Large, fast, chaotic movements of trunk and proximal limbs. params: amplitude (1)."""
    p = {"amplitude": 1.0, **act.params}
    t, motion = stage.time_s, stage.motion
    weight = envelope(t, act.onset_s, act.offset_s, 0.8, 1.0)
    ready = {
        "shoulder_flex": 55.0,
        "shoulder_abd": 38.0,
        "elbow": 60.0,
        "hip_flex": 36.0,
        "knee": 55.0,
        "hip_abd": 14.0,
    }
    for side in SIDES:
        motion.blend({f"{side}_{j}": v for j, v in ready.items()}, weight)
        for joint, degrees, low, high in HYPERKINETIC:
            name = f"{side}_{joint}"
            motion[name] = motion[name] + weight * p["amplitude"] * degrees * wander(t, low, high, stage.rng)
        motion[f"{side}_elbow"] = np.clip(motion[f"{side}_elbow"], 0, 145)
        motion[f"{side}_knee"] = np.clip(motion[f"{side}_knee"], 0, 140)
        motion[f"{side}_hip_flex"] = np.clip(motion[f"{side}_hip_flex"], 0, 110)
    for joint, degrees, low, high in (
        ("roll", 16.0, 0.4, 1.1),
        ("spine_twist", 10.0, 0.5, 1.4),
        ("spine_flex", 9.0, 0.4, 1.2),
        ("head_yaw", 24.0, 0.4, 1.2),
        ("head_pitch", 10.0, 0.4, 1.2),
        ("yaw", 5.0, 0.2, 0.6),
    ):
        motion[joint] = motion[joint] + weight * p["amplitude"] * degrees * wander(t, low, high, stage.rng)
    motion["z"] = motion["z"] + weight * 0.03 * (1 + wander(t, 0.7, 1.5, stage.rng)).clip(0, 2)
    probes = ("left_arm", "right_arm", "left_leg", "right_leg", "trunk")
    span = (act.onset_s, act.offset_s)
    return [
        Mark("hyperkinetic", *span, Side.BILATERAL_SYMMETRIC, BodyPart.WHOLE_BODY, probes),
        Mark("asynchronous_movement", *span, Side.BILATERAL_SYMMETRIC, BodyPart.WHOLE_BODY, probes),
    ]


def pelvic_thrusting(act: Act, stage: Stage) -> list[Mark]:
    """The pelvis lifts and falls. params: hz (1.3), amplitude (1)."""
    p = {"hz": 1.3, "amplitude": 1.0, **act.params}
    t, motion = stage.time_s, stage.motion
    weight = envelope(t, act.onset_s, act.offset_s, 0.8, 0.8)
    phase = 2 * np.pi * p["hz"] * t + 0.6 * wander(t, 0.05, 0.3, stage.rng)
    thrust = weight * p["amplitude"] * (0.5 + 0.5 * np.sin(phase))
    for side in SIDES:
        motion.blend({f"{side}_hip_flex": 42.0, f"{side}_knee": 84.0, f"{side}_ankle": 10.0}, weight)
        motion[f"{side}_hip_flex"] = motion[f"{side}_hip_flex"] - thrust * 24
    motion["z"] = motion["z"] + thrust * 0.13
    motion["pitch"] = motion["pitch"] - thrust * 10
    motion["spine_flex"] = motion["spine_flex"] + thrust * 4
    return [
        Mark(
            "pelvic_thrusting",
            act.onset_s,
            act.offset_s,
            Side.UNDETERMINED,
            BodyPart.TRUNK,
            ("pelvis",),
            (float(p["hz"]), float(p["hz"])),
        )
    ]


def arrest(act: Act, stage: Stage) -> list[Mark]:
    """Whatever was going on stops at once and resumes afterwards; the eyes stay open and still."""
    t, values = stage.time_s, stage.motion.values
    weight = envelope(t, act.onset_s, act.offset_s, 0.25, 0.5)[:, None]
    start = min(int(np.searchsorted(t, act.onset_s)), len(t) - 1)
    held = values[start].copy()
    breath = stage.motion["breath"].copy()
    values += weight * (held - values)
    stage.motion["breath"] = breath
    stage.motion.blend({"eyes_open": 1.0, "gaze": 0.0, "mouth_open": 0.12}, weight[:, 0])
    span = (act.onset_s, act.offset_s)
    return [
        Mark("behavioural_arrest", *span, Side.UNDETERMINED, BodyPart.WHOLE_BODY, ("whole",)),
        Mark("blank_stare", *span, Side.UNDETERMINED, BodyPart.FACE, ("face",)),
    ]


def myoclonic(act: Act, stage: Stage) -> list[Mark]:
    """A single shock-like jerk of the arms, under half a second."""
    t, motion, sides = stage.time_s, stage.motion, sides_of(act)
    pulse = jerk_shape(t, np.array([act.onset_s]), stage.rng, build_up=1) * 1.8
    for side in sides:
        for joint, degrees in (("shoulder_flex", 26.0), ("shoulder_abd", 18.0), ("elbow", 22.0)):
            motion[f"{side}_{joint}"] = motion[f"{side}_{joint}"] + pulse * degrees
    probes = tuple(f"{side}_arm" for side in sides)
    return [Mark("myoclonic", act.onset_s, act.onset_s + BURST_S, side_enum(act), BodyPart.ARM, probes)]


def slack(act: Act, stage: Stage) -> list[Mark]:
    """Limp stillness after a seizure, eyes closed, deep breathing; no sign of its own."""
    t, motion = stage.time_s, stage.motion
    weight = envelope(t, act.onset_s, act.offset_s, 1.5, 2.0)
    motion.blend({"eyes_open": 0.0, "mouth_open": 0.35, "head_roll": 8.0, "head_pitch": 6.0}, weight)
    motion["breath"] = motion["breath"] * (1 + 1.2 * weight)
    return []
