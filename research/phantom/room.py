"""The room behind the patient, cast once per recording: walls, bed, pillow, rails, cupboard, monitor, window."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from research.phantom.camera import Camera
from research.phantom.skeleton import MATTRESS_TOP_M

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Block:
    """A box with its corners in metres and what it is made of."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    material: str
    inside: bool = False
    """Seen from the inside: the room itself."""


BLOCKS = (
    Block((-2.3, -2.6, 0.0), (2.9, 2.35, 2.7), "wall", inside=True),
    Block((-0.47, 0.0, 0.36), (0.47, 2.05, MATTRESS_TOP_M), "sheet"),
    Block((-0.50, -0.04, 0.24), (0.50, 2.10, 0.37), "frame"),
    Block((-0.50, 2.08, 0.20), (0.50, 2.14, 1.10), "headboard"),
    Block((-0.50, -0.08, 0.20), (0.50, -0.04, 0.74), "headboard"),
    Block((-1.10, 1.62, 0.0), (-0.66, 2.10, 0.78), "cupboard"),
    Block((-1.02, 1.72, 0.78), (-0.90, 1.84, 0.90), "cup"),
    Block((-0.98, 2.20, 1.25), (-0.58, 2.28, 1.55), "monitor"),
    Block((0.75, 2.26, 1.05), (1.75, 2.34, 2.00), "window"),
    Block((-2.29, 0.2, 0.0), (-2.24, 1.1, 2.05), "door"),
    Block((-1.55, 0.55, 0.0), (-1.10, 1.00, 0.45), "chair"),
    Block((-1.60, 0.55, 0.45), (-1.55, 1.00, 0.95), "chair"),
)

REFLECTANCE: dict[str, tuple[float, tuple[float, float, float]]] = {
    "wall": (118, (176, 190, 196)),
    "floor": (74, (96, 108, 118)),
    "sheet": (176, (226, 222, 214)),
    "pillow": (190, (236, 234, 228)),
    "frame": (84, (120, 120, 116)),
    "headboard": (92, (92, 124, 160)),
    "cupboard": (104, (124, 158, 186)),
    "cup": (150, (170, 120, 70)),
    "monitor": (40, (44, 40, 38)),
    "window": (70, (214, 204, 188)),
    "door": (96, (132, 150, 168)),
    "chair": (80, (120, 88, 60)),
    "skin": (166, (150, 178, 216)),
    "hair": (52, (38, 50, 66)),
    "gown": (150, (206, 186, 158)),
    "trousers": (112, (128, 104, 92)),
    "blanket": (136, (170, 128, 104)),
    "tunic": (138, (176, 160, 70)),
    "nurse_trousers": (100, (150, 134, 62)),
    "shoe": (60, (70, 70, 74)),
}
"""Grey under infrared, and blue-green-red in daylight, 0-255."""


def colour_of(material: str, infrared: bool) -> tuple[float, ...]:
    """Reflectance per plane."""
    grey, bgr = REFLECTANCE[material]
    return (float(grey),) if infrared else bgr


@dataclass(frozen=True, slots=True)
class Room:
    """The empty scene."""

    planes: tuple[Plane, ...]
    depth: Plane
    bed: Plane
    """1 where the mattress top is seen."""
    screen: Plane
    """1 where the television lights the room: walls and bed alike, weighted by facing."""


def _cast(block: Block, eye: NDArray[np.float64], rays: Plane) -> tuple[Plane, NDArray[np.int8]]:
    """Distance along each ray (inf: missed) and which face was hit (axis * 2 + upper)."""
    inverse = 1.0 / np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    near = (np.array(block.low) - eye) * inverse
    far = (np.array(block.high) - eye) * inverse
    first, last = np.minimum(near, far), np.maximum(near, far)
    if block.inside:
        axis = np.argmin(last, axis=2)
        distance = np.take_along_axis(last, axis[..., None], axis=2)[..., 0]
        upper = np.take_along_axis(rays, axis[..., None], axis=2)[..., 0] > 0
    else:
        axis = np.argmax(first, axis=2)
        distance = np.take_along_axis(first, axis[..., None], axis=2)[..., 0]
        missed = (distance > last.min(axis=2)) | (distance <= 0)
        distance = np.where(missed, np.inf, distance)
        upper = np.take_along_axis(rays, axis[..., None], axis=2)[..., 0] < 0
    return distance.astype(np.float32), (axis * 2 + upper).astype(np.int8)


FACE_LIGHT = np.array([0.72, 0.66, 0.80, 0.84, 0.45, 1.0], dtype=np.float32)
"""Brightness of faces looking to -x, +x, -y, +y, -z, +z."""


def _marble(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> Plane:
    """Smooth blotches at several scales with mean 1, so that nothing is perfectly flat."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    for cells, weight in ((6, 0.5), (24, 0.3), (90, 0.2)):
        grid = rng.normal(0, 1, (cells, max(2, cells * width // height))).astype(np.float32)
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return 1 + np.float32(strength) * total


def _pillow(planes: list[Plane], depth: Plane, camera: Camera, rays: Plane, infrared: bool) -> None:
    """A soft rounded slab at the head of the bed: |x|^4 + |y|^4 + |z|^2, found by walking along the rays."""
    centre, semi = np.array([0.0, 1.78, MATTRESS_TOP_M + 0.02]), np.array([0.36, 0.215, 0.105])
    corners = centre + semi * np.array([[sx, sy, sz] for sx in (-1, 1) for sy in (-1, 1) for sz in (-1, 1)])
    seen = camera.project(corners)
    x0, y0 = np.maximum(seen[:, :2].min(axis=0).astype(int) - 2, 0)
    x1, y1 = seen[:, :2].max(axis=0).astype(int) + 3
    window = (slice(y0, y1), slice(x0, x1))
    local = rays[window]
    best = np.full(local.shape[:2], np.inf, np.float32)
    for step in np.linspace(seen[:, 2].min() - 0.05, seen[:, 2].max() + 0.05, 160, dtype=np.float32):
        q = np.abs((camera.position + local * step - centre) / semi)
        solid = q[..., 0] ** 4 + q[..., 1] ** 4 + q[..., 2] ** 2 < 1
        best = np.where(solid & (step < best), step, best)
    hit = np.isfinite(best)
    q = (camera.position + local * np.where(hit, best, 1)[..., None] - centre) / semi
    normal = np.stack([4 * q[..., 0] ** 3 / semi[0], 4 * q[..., 1] ** 3 / semi[1], 2 * q[..., 2] / semi[2]], axis=2)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True) + 1e-6
    dent = 1 - 0.22 * np.exp(-((q[..., 0] / 0.3) ** 2 + (q[..., 1] / 0.5) ** 2))
    shade = cv2.GaussianBlur(((0.62 + 0.4 * np.maximum(normal[..., 2], 0)) * dent).astype(np.float32), (0, 0), 1.2)
    visible = hit & (best < depth[window])
    for plane, colour in zip(planes, colour_of("pillow", infrared), strict=True):
        region = plane[window]
        np.copyto(region, shade * np.float32(colour), where=visible)
    np.copyto(depth[window], best, where=visible)


def build_room(camera: Camera, infrared: bool, rng: np.random.Generator) -> Room:
    """Cast the empty room."""
    rays = camera.rays().astype(np.float32)
    depth: Plane = np.full(rays.shape[:2], np.inf, np.float32)
    material = np.zeros(depth.shape, np.int8)
    face = np.zeros(depth.shape, np.int8)
    for number, block in enumerate(BLOCKS):
        distance, side = _cast(block, camera.position, rays)
        nearer = distance < depth
        depth = np.where(nearer, distance, depth)
        material = np.where(nearer, np.int8(number), material)
        face = np.where(nearer, side, face)
    point = camera.position + rays * depth[..., None]
    light: Plane = FACE_LIGHT[face] * _marble(rng, (camera.height_px, camera.width_px), 0.035)
    floor = (material == 0) & (face == 4)
    light = np.where(material == 0, FACE_LIGHT[face ^ 1] * light / FACE_LIGHT[face], light)
    # Light falls off away from the bed, and little of it comes below it.
    spread = (point[..., 0] / 2.6) ** 2 + ((point[..., 1] - 1.0) / 3.2) ** 2
    light = light * (1.05 - 0.35 * np.clip(spread, 0, 1.4)).astype(np.float32)
    under = floor & (np.abs(point[..., 0]) < 0.75) & (point[..., 1] > -0.25)
    light = np.where(under, light * np.float32(0.62), light)
    planes = []
    for channel in range(1 if infrared else 3):
        table = np.array([colour_of(block.material, infrared)[channel] for block in BLOCKS], np.float32)
        base = np.where(floor, np.float32(colour_of("floor", infrared)[channel]), table[material])
        planes.append((base * light).astype(np.float32))
    mattress = (material == 1) & (face == 5)
    _pillow(planes, depth, camera, rays, infrared)
    _rails(planes, depth, camera, infrared)
    soft = [np.asarray(cv2.GaussianBlur(plane, (0, 0), 0.6), dtype=np.float32) for plane in planes]
    glow = np.where(material == 0, 0.6, 1.0).astype(np.float32) * (0.3 + 0.7 * np.clip(1.2 - point[..., 1] / 3, 0, 1))
    return Room(tuple(soft), depth, mattress.astype(np.float32), glow.astype(np.float32))


def _rails(planes: list[Plane], depth: Plane, camera: Camera, infrared: bool) -> None:
    """Lowered side rails: thin bars along the bed."""
    colour = colour_of("frame", infrared)
    for x in (-0.53, 0.53):
        for z in (0.42, 0.50):
            ends = camera.project(np.array([[x, 0.55, z], [x, 1.75, z]]))
            mask = np.zeros(depth.shape, np.uint8)
            thickness = max(1, round(0.02 * camera.focal_px / ends[:, 2].mean()))
            start, stop = (tuple(int(v) for v in end[:2]) for end in ends)
            cv2.line(mask, start, stop, 255, thickness, cv2.LINE_AA)
            visible = mask.astype(np.float32) / 255 * (depth > ends[:, 2].min() - 0.05)
            for plane, value in zip(planes, colour, strict=True):
                np.add(plane, visible * (np.float32(value * 1.25) - plane), out=plane)
