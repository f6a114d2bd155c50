"""A script played out: bodies over time, and the marks that the movements left."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np

from research.phantom.acts import perform
from research.phantom.acts.postures import POSES, assume, live
from research.phantom.acts.stage import Mark, Stage
from research.phantom.script import Script
from research.phantom.skeleton import Array, Build, Motion
from research.phantom.visitors import be_handled, visit


def generator(seed: int, purpose: str) -> np.random.Generator:
    """An independent stream of chance for one purpose, so that one more draw here changes nothing there."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def shifted(script: Script, seed: int) -> Script:
    """The script with its events moved later by the seed's share of `jitter_s` (but never past its end)."""
    if script.jitter_s <= 0:
        return script
    ends = [act.offset_s for act in script.acts] + [visitor.leave_s for visitor in script.visitors]
    ends += [disturbance.offset_s for disturbance in script.disturbances]
    room = min(script.jitter_s, script.duration_s - max(ends, default=script.duration_s))
    by = float(generator(seed, "jitter").uniform(0, max(room, 0)))
    return replace(
        script,
        acts=tuple(replace(a, onset_s=a.onset_s + by, offset_s=a.offset_s + by) for a in script.acts),
        visitors=tuple(replace(v, enter_s=v.enter_s + by, leave_s=v.leave_s + by) for v in script.visitors),
        disturbances=tuple(replace(d, onset_s=d.onset_s + by, offset_s=d.offset_s + by) for d in script.disturbances),
        asleep_until_s=script.asleep_until_s + by if script.asleep_until_s else 0.0,
    )


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that moves; times in script time."""

    script: Script
    time_s: Array
    patient: Motion
    build: Build
    visitors: tuple[Motion, ...]
    marks: tuple[tuple[int, Mark], ...]
    """Index of the act and what it left."""


def play(script: Script, seed: int, rate_hz: float) -> Scene:
    """Play a script at a frame rate.

    Raises:
        InvalidRequestError: the script names an unknown movement or path.

    """
    script = shifted(script, seed)
    lo, hi = script.span
    time_s = lo + np.arange(max(2, round((hi - lo) * rate_hz))) / rate_hz
    motion = Motion(time_s)
    assume(motion, POSES[script.posture])
    _vary(motion, generator(seed, "posture"))
    live(Stage(motion, generator(seed, "life")), script.asleep_until_s)
    marks: list[tuple[int, Mark]] = []
    for index, act in enumerate(script.acts):
        marks += [(index, mark) for mark in perform(act, Stage(motion, generator(seed, f"act {index}")))]
    others = []
    for index, visitor in enumerate(script.visitors):
        be_handled(Stage(motion, generator(seed, f"handled {index}")), visitor)
        others.append(visit(visitor, time_s, generator(seed, f"visitor {index}")))
    rng = generator(seed, "build")
    build = Build(float(rng.uniform(0.95, 1.04)), float(rng.uniform(0.92, 1.15)))
    return Scene(script, time_s, motion, build, tuple(others), tuple(marks))


def _vary(motion: Motion, rng: np.random.Generator) -> None:
    """Nobody lies exactly like anybody else."""
    for joint, spread in (
        ("x", 0.025),
        ("y", 0.02),
        ("yaw", 2.0),
        ("spine_side", 1.5),
        ("head_yaw", 6.0),
        ("head_roll", 3.0),
        ("left_shoulder_abd", 4.0),
        ("right_shoulder_abd", 4.0),
        ("left_elbow", 6.0),
        ("right_elbow", 6.0),
        ("left_hip_abd", 2.5),
        ("right_hip_abd", 2.5),
        ("left_knee", 4.0),
        ("right_knee", 4.0),
    ):
        motion[joint] = motion[joint] + rng.normal(0, spread)
