"""Painting shaded capsules and ellipsoids into float planes with a depth buffer.

Normals are in camera axes with z towards the viewer. Perspective is exact for positions and weak (scaled orthographic)
within one part, which is invisible at bedside distances.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Light:
    """One far lamp, light from everywhere, and light from the camera's own lamp."""

    direction: Plane
    ambient: float
    diffuse: float
    headlamp: float

    def shade(self, nx: Plane, ny: Plane, nz: Plane) -> Plane:
        """Brightness of a matt surface with unit normals; 1 is fully lit."""
        lx, ly, lz = (float(v) for v in self.direction)
        lit = np.maximum(nx * lx + ny * ly + nz * lz, 0)
        return np.asarray(self.ambient + self.diffuse * lit + self.headlamp * nz, dtype=np.float32)


@dataclass(slots=True)
class Canvas:
    """Float planes of 0-255 (one grey, or blue, green, red) and the depth of what is in them, metres."""

    planes: list[Plane]
    depth: Plane
    light: Light

    def window(self, x0: float, y0: float, x1: float, y1: float) -> tuple[slice, slice] | None:
        """Rows and columns of a rectangle inside the picture; none when it lies outside."""
        height, width = self.depth.shape
        left, right = max(int(x0), 0), min(int(x1) + 1, width)
        top, bottom = max(int(y0), 0), min(int(y1) + 1, height)
        return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None

    def put(self, rows: slice, columns: slice, alpha: Plane, depth: Plane, layers: tuple[Plane, ...]) -> None:
        """Blend layers where they are nearer than what is there."""
        behind = self.depth[rows, columns]
        alpha = alpha * (depth < behind)
        for plane, layer in zip(self.planes, layers, strict=True):
            region = plane[rows, columns]
            region += alpha * (layer - region)
        np.copyto(behind, depth, where=alpha > 0.5)


@dataclass(frozen=True, slots=True)
class Material:
    """Reflectance (0-255 per plane) and the weave: relative contrast and waves per metre along the part."""

    colour: tuple[float, ...]
    weave: float = 0.0
    waves_per_m: float = 0.0


def capsule(
    canvas: Canvas,
    ends: NDArray[np.float64],
    radii_m: tuple[float, float],
    focal_px: float,
    length_m: float,
    material: Material,
) -> None:
    """Paint a limb segment: a tapered capsule between two projected ends (x px, y px, depth m)."""
    (xa, ya, za), (xb, yb, zb) = ends
    ra, rb = radii_m[0] * focal_px / za, radii_m[1] * focal_px / zb
    spot = canvas.window(
        min(xa - ra, xb - rb) - 1, min(ya - ra, yb - rb) - 1, max(xa + ra, xb + rb) + 1, max(ya + ra, yb + rb) + 1
    )
    if spot is None or za < 0.2 or zb < 0.2:
        return
    rows, columns = spot
    dx = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] - np.float32(xa)
    dy = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(ya)
    ex, ey = float(xb - xa), float(yb - ya)
    square = max(ex * ex + ey * ey, 1e-3)
    s = np.clip(dx * np.float32(ex / square) + dy * np.float32(ey / square), 0, 1)
    radius = np.float32(ra) + s * np.float32(rb - ra)
    nx = (dx - s * np.float32(ex)) / radius
    ny = (dy - s * np.float32(ey)) / radius
    n2 = nx * nx + ny * ny
    alpha = np.clip((1 - np.sqrt(n2)) * radius + np.float32(0.5), 0, 1)
    nz = np.sqrt(np.maximum(1 - n2, 0))
    depth = np.float32(za) + s * np.float32(zb - za) - nz * radius * np.float32((za + zb) / 2 / focal_px)
    shade = canvas.light.shade(nx, ny, nz)
    if material.weave:
        wave = s * np.float32(material.waves_per_m * length_m * 6.2832) + nx
        shade *= 1 + np.float32(material.weave) * np.sin(wave)
    canvas.put(rows, columns, alpha, depth, tuple(shade * np.float32(c) for c in material.colour))


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid in camera terms: projected centre (x px, y px, depth m), semi-axes, and its axes in camera axes."""

    centre: NDArray[np.float64]
    semi_m: tuple[float, float, float]
    to_local: NDArray[np.float64]
    """(3, 3): camera axes (right, down, towards the viewer) to the body's l, u, f."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Where an ellipsoid was hit, per pixel of a window."""

    rows: slice
    columns: slice
    alpha: Plane
    depth: Plane
    local: tuple[Plane, Plane, Plane]
    """Unit-sphere coordinates l, u, f of the point."""
    normal: tuple[Plane, Plane, Plane]
    """Normal in camera axes."""


def hit_ellipsoid(canvas: Canvas, shape: Ellipsoid, focal_px: float) -> Hit | None:
    """Cast parallel rays at an ellipsoid; none when it is outside the picture."""
    x, y, z = (float(v) for v in shape.centre)
    if z < 0.2:
        return None
    reach = max(shape.semi_m) * focal_px / z + 1
    spot = canvas.window(x - reach, y - reach, x + reach, y + reach)
    if spot is None:
        return None
    rows, columns = spot
    scale = np.float32(z / focal_px)
    px = (np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] - np.float32(x)) * scale
    py = (np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(y)) * scale
    squash = (shape.to_local / np.array(shape.semi_m)[:, None]).astype(np.float32)
    qx, qy, qz = squash[:, 0], squash[:, 1], squash[:, 2]
    start = [px * qx[i] + py * qy[i] for i in range(3)]
    a = float(qz @ qz)
    b = start[0] * qz[0] + start[1] * qz[1] + start[2] * qz[2]
    c = start[0] ** 2 + start[1] ** 2 + start[2] ** 2 - 1
    inside = b * b - a * c
    towards = (np.sqrt(np.maximum(inside, 0)) - b) / a
    local = tuple(start[i] + towards * qz[i] for i in range(3))
    normal = [sum(local[j] * squash[j, i] for j in range(3)) for i in range(3)]
    length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + np.float32(1e-6)
    # `inside` falls off quadratically at the rim; this slope turns it into about one pixel of soft edge.
    alpha = np.clip(inside * np.float32(reach / (2 * a)) * np.float32(1.5), 0, 1)
    return Hit(
        rows,
        columns,
        alpha,
        np.float32(z) - towards,
        (local[0], local[1], local[2]),
        (normal[0] / length, normal[1] / length, normal[2] / length),
    )


def ellipsoid(canvas: Canvas, shape: Ellipsoid, focal_px: float, material: Material) -> None:
    """Paint a plain or patterned ellipsoid (a trunk in a gown); the weave makes dots."""
    hit = hit_ellipsoid(canvas, shape, focal_px)
    if hit is None:
        return
    shade = canvas.light.shade(*hit.normal)
    if material.weave:
        lateral, up = hit.local[0] * np.float32(shape.semi_m[0]), hit.local[1] * np.float32(shape.semi_m[1])
        k = np.float32(material.waves_per_m * 6.2832)
        shade *= 1 - np.float32(material.weave) * np.maximum(np.sin(lateral * k) * np.sin(up * k) - np.float32(0.35), 0)
    layers = tuple(shade * np.float32(colour) for colour in material.colour)
    canvas.put(hit.rows, hit.columns, hit.alpha, hit.depth, layers)


def textured(canvas: Canvas, shape: Ellipsoid, focal_px: float, texture: NDArray[np.float32]) -> None:
    """Paint an ellipsoid wearing a texture (h, w) or (h, w, planes).

    Columns are longitude from the back over the right side, front and left; rows are latitude from the crown down.
    """
    hit = hit_ellipsoid(canvas, shape, focal_px)
    if hit is None:
        return
    lateral, up, front = hit.local
    height, width = texture.shape[:2]
    column = (np.arctan2(lateral, front) / np.float32(2 * np.pi) + np.float32(0.5)) * np.float32(width - 1)
    row = (np.float32(0.5) - np.arcsin(np.clip(up, -1, 1)) / np.float32(np.pi)) * np.float32(height - 1)
    skin = cv2.remap(texture, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR)
    shade = canvas.light.shade(*hit.normal)
    planes = (skin,) if skin.ndim == 2 else tuple(skin[:, :, i] for i in range(skin.shape[2]))
    canvas.put(hit.rows, hit.columns, hit.alpha, hit.depth, tuple(shade * plane for plane in planes))
