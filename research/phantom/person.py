"""From joint positions to painted parts: which capsules and ellipsoids make a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.phantom.camera import Camera
from research.phantom.face import LEVELS, head_texture
from research.phantom.raster import Canvas, Ellipsoid, Material, capsule, ellipsoid, textured
from research.phantom.room import colour_of
from research.phantom.skeleton import Array, Body, Build, Motion


class Segment(NamedTuple):
    """A capsule over time: ends (n, 3), radii in metres, material and which limb it belongs to."""

    start: Array
    end: Array
    radii: tuple[float, float]
    material: str
    limb: str


class Lump(NamedTuple):
    """An ellipsoid over time: centre (n, 3), axes (n, 3, 3), semi-axes in metres."""

    centre: Array
    axes: Array
    semi: tuple[float, float, float]
    material: str


@dataclass(frozen=True, slots=True)
class Outfit:
    """What a person wears."""

    top: str
    bottom: str
    feet: str


PATIENT_OUTFIT = Outfit("gown", "trousers", "skin")
NURSE_OUTFIT = Outfit("tunic", "nurse_trousers", "shoe")


def _between(a: Array, b: Array, share: float) -> Array:
    return a + (b - a) * share


def _arm_segments(body: Body, side: str, outfit: Outfit, girth: float) -> list[Segment]:
    shoulder, elbow, wrist, knuckles, tips = body.arms[side].joints
    sleeve_end = _between(shoulder, elbow, 0.72)
    limb = f"{side}_arm"
    g = girth
    across = np.cross(tips - wrist, body.chest_axes[:, :, 2])
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    sign = -1.0 if side == "left" else 1.0
    thumb_root = _between(wrist, knuckles, 0.35) + across * sign * 0.02
    thumb_tip = knuckles + across * sign * 0.045
    return [
        Segment(shoulder, sleeve_end, (0.064 * g, 0.058 * g), outfit.top, limb),
        Segment(sleeve_end, elbow, (0.043 * g, 0.040 * g), "skin", limb),
        Segment(elbow, wrist, (0.041 * g, 0.028 * g), "skin", limb),
        Segment(wrist, knuckles, (0.028, 0.037), "skin", limb),
        Segment(knuckles, tips, (0.034, 0.016), "skin", limb),
        Segment(thumb_root, thumb_tip, (0.015, 0.011), "skin", limb),
    ]


def _leg_segments(body: Body, side: str, outfit: Outfit, girth: float) -> list[Segment]:
    hip, knee, ankle, toes = body.legs[side].joints
    limb = f"{side}_leg"
    return [
        Segment(hip, knee, (0.085 * girth, 0.062 * girth), outfit.bottom, limb),
        Segment(knee, ankle, (0.060 * girth, 0.042 * girth), outfit.bottom, limb),
        Segment(ankle, toes, (0.042, 0.030), outfit.feet, limb),
    ]


@dataclass(slots=True)
class Person:
    """A dressed body over time, ready to be painted frame by frame."""

    body: Body
    motion: Motion
    camera: Camera
    outfit: Outfit
    build: Build
    infrared: bool
    look_seed: int
    limbs: tuple[str, ...] = field(init=False)
    starts: Array = field(init=False)
    ends: Array = field(init=False)
    radii: Array = field(init=False)
    materials: tuple[Material, ...] = field(init=False)
    lumps: list[Lump] = field(init=False)
    textures: dict[tuple[int, int, int], NDArray[np.float32]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        body, k, g = self.body, self.build.scale, self.build.girth
        segments = [
            Segment(body.neck, body.head, (0.056 * g, 0.05), "skin", "head"),
            Segment(
                body.arms["left"].joints[0],
                body.arms["right"].joints[0],
                (0.066 * g, 0.066 * g),
                self.outfit.top,
                "trunk",
            ),
        ]
        for side in ("left", "right"):
            segments += _arm_segments(body, side, self.outfit, g)
            segments += _leg_segments(body, side, self.outfit, g)
        self.limbs = tuple(segment.limb for segment in segments)
        self.starts = np.stack([segment.start for segment in segments], axis=1)
        self.ends = np.stack([segment.end for segment in segments], axis=1)
        self.radii = np.array([segment.radii for segment in segments])
        self.materials = tuple(
            Material(colour_of(segment.material, self.infrared), 0.0 if segment.material == "skin" else 0.05, 14.0)
            for segment in segments
        )
        belly = _between(body.pelvis, body.chest, 0.42)
        self.lumps = [
            Lump(body.chest, body.chest_axes, (0.185 * g * k, 0.235 * k, 0.118 * g), self.outfit.top),
            Lump(belly, body.chest_axes, (0.165 * g * k, 0.20 * k, 0.112 * g), self.outfit.top),
            Lump(body.pelvis, body.pelvis_axes, (0.175 * g * k, 0.15 * k, 0.112 * g), self.outfit.bottom),
        ]

    def segment_ends(self, index: int, lift: dict[str, float] | None = None) -> tuple[Array, Array]:
        """Ends (m, 3) of all segments in one frame; `lift` raises whole limbs (metres) that rest on a blanket."""
        raise_m = np.array([(lift or {}).get(limb, 0.0) for limb in self.limbs])
        up = np.stack([0 * raise_m, 0 * raise_m, raise_m], axis=1)
        return self.starts[index] + up, self.ends[index] + up

    def paint(
        self, canvas: Canvas, index: int, lift: dict[str, float] | None = None, hidden: NDArray[np.bool_] | None = None
    ) -> None:
        """Paint one frame without the segments that are hidden (m,)."""
        self._paint_lumps(canvas, index)
        self._paint_head(canvas, index)
        starts, ends = self.segment_ends(index, lift)
        seen = self.camera.project(np.concatenate([starts, ends]))
        lengths = np.linalg.norm(ends - starts, axis=1)
        for row, material in enumerate(self.materials):
            if hidden is not None and hidden[row]:
                continue
            pair = seen[[row, row + len(starts)]]
            radii = (float(self.radii[row, 0]), float(self.radii[row, 1]))
            capsule(canvas, pair, radii, self.camera.focal_px, float(lengths[row]), material)

    def _to_local(self, axes: Array) -> Array:
        # Camera axes (right, down, towards the viewer) expressed in the part's own l, u, f.
        view = self.camera.axes * np.array([[1.0], [1.0], [-1.0]])
        return np.asarray(axes.T @ view.T)

    def _paint_lumps(self, canvas: Canvas, index: int) -> None:
        centres = self.camera.project(np.array([lump.centre[index] for lump in self.lumps]))
        for row, lump in enumerate(self.lumps):
            shape = Ellipsoid(centres[row], lump.semi, self._to_local(lump.axes[index]))
            dots = 0.35 if lump.material == "gown" else 0.08
            material = Material(colour_of(lump.material, self.infrared), dots, 11.0)
            ellipsoid(canvas, shape, self.camera.focal_px, material)

    def _paint_head(self, canvas: Canvas, index: int) -> None:
        motion, axes = self.motion, self.body.head_axes[index]
        levels = (
            round(float(np.clip(motion["eyes_open"][index], 0, 1)) * (LEVELS - 1)),
            round(float(np.clip(motion["mouth_open"][index], 0, 1)) * (LEVELS - 1)),
            round(float(np.clip(motion["gaze"][index], -30, 30)) / 10),
        )
        if levels not in self.textures:
            self.textures[levels] = head_texture(
                self.infrared, levels[0] / (LEVELS - 1), levels[1] / (LEVELS - 1), levels[2] * 10.0, self.look_seed
            )
        head = self.body.head[index]
        nose = head + axes @ np.array([0.0, -0.012, 0.094])
        bridge = head + axes @ np.array([0.0, 0.028, 0.082])
        ears = [head + axes @ np.array([side * 0.074, 0.0, -0.005]) for side in (-1.0, 1.0)]
        seen = self.camera.project(np.stack([head, bridge, nose, *ears]))
        shape = Ellipsoid(seen[0], (0.076, 0.112, 0.094), self._to_local(axes))
        textured(canvas, shape, self.camera.focal_px, self.textures[levels])
        skin = Material(tuple(c * 0.98 for c in colour_of("skin", self.infrared)))
        capsule(canvas, seen[1:3], (0.009, 0.016), self.camera.focal_px, 0.05, skin)
        for ear in seen[3:]:
            capsule(canvas, np.stack([ear, ear]), (0.018, 0.018), self.camera.focal_px, 0.01, skin)
