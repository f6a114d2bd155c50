"""What every movement works with: the body's joint values, time, chance, and the marks it leaves for the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from research.phantom.script import Act
from research.phantom.skeleton import Array, Motion
from schemas.errors import InvalidRequestError
from schemas.segmentation import BodyPart
from schemas.semiology import Side

SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a movement tells the truth about itself; script time, not yet clipped."""

    sign: str
    """Catalogue id; empty for an everyday movement."""
    onset_s: float
    offset_s: float
    side: Side
    body_part: BodyPart
    probes: tuple[str, ...]
    """Limbs whose swing in the picture is measured: left_arm, right_leg, head, trunk, ..."""
    rate_hz: tuple[float, float] | None = None


@dataclass(slots=True)
class Stage:
    """A body that movements write into."""

    motion: Motion
    rng: np.random.Generator

    @property
    def time_s(self) -> Array:
        return self.motion.time_s


def sides_of(act: Act) -> tuple[str, ...]:
    """Which sides of the body an act moves.

    Raises:
        InvalidRequestError: the side is none that a movement can take.

    """
    if act.side in SIDES:
        return (act.side,)
    if act.side == "bilateral_symmetric":
        return SIDES
    raise InvalidRequestError(f"act {act.kind!r} needs side left, right or bilateral_symmetric, not {act.side!r}")


def smooth(x: Array) -> Array:
    """Smoothstep of values clipped to 0-1."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))


def envelope(time_s: Array, onset_s: float, offset_s: float, rise_s: float, fall_s: float) -> Array:
    """0 before the onset, 1 after the rise, falling back to 0 just at the offset."""
    rise = smooth((time_s - onset_s) / max(rise_s, 1e-3))
    fall = smooth((offset_s - time_s) / max(fall_s, 1e-3))
    return np.minimum(rise, fall)


def wander(time_s: Array, low_hz: float, high_hz: float, rng: np.random.Generator) -> Array:
    """Irregular movement within a band: unit standard deviation, mean 0, the same for the same generator state."""
    count = 9
    frequencies = rng.uniform(low_hz, high_hz, count)
    phases = rng.uniform(0, 2 * np.pi, count)
    # Slowly drifting phases keep single components from being recognised as a steady rhythm.
    drift = rng.uniform(0.5, 1.5, count) * 0.4
    total = np.zeros_like(time_s)
    for f, p, d in zip(frequencies, phases, drift, strict=True):
        total += np.sin(2 * np.pi * f * time_s + p + d * np.sin(2 * np.pi * 0.11 * d * time_s + p))
    return np.asarray(total / np.sqrt(count / 2))


def tremble(stage: Stage, joints: tuple[str, ...], weight: Array, degrees: float, hz: float) -> None:
    """A fine shaking around `hz`, growing and fading with the weight."""
    for joint in joints:
        stage.motion[joint] = stage.motion[joint] + weight * degrees * wander(
            stage.time_s, hz * 0.85, hz * 1.15, stage.rng
        )


def side_enum(act: Act) -> Side:
    """The act's side as the schema's word."""
    return Side(act.side)
