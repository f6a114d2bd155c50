"""A blanket as a height field over the bed, draped over whatever lies under it and found by walking along the rays."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from research.phantom.camera import Camera
from research.phantom.raster import Canvas, Material
from research.phantom.skeleton import MATTRESS_TOP_M

Plane = NDArray[np.float32]

CELL_M = 0.025
X0_M, X1_M = -0.65, 0.65
Y0_M, Y1_M = -0.10, 1.85
THICKNESS_M = 0.015
FOOT_Y_M = -0.03
"""The cloth is tucked in behind the footboard."""
WALK_STEPS = 20


def _sample(field: Plane, x: Plane, y: Plane) -> Plane:
    """Values of a field at fractional columns and rows; edges repeat."""
    return np.asarray(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)


@dataclass(slots=True)
class Blanket:
    """The cloth of one recording."""

    camera: Camera
    material: Material
    folds: Plane
    step: int
    rays: Plane = field(init=False)
    base: Plane = field(init=False)
    x: Plane = field(init=False)
    y: Plane = field(init=False)

    def __post_init__(self) -> None:
        self.rays = self.camera.rays(self.step).astype(np.float32)
        self.x = np.arange(X0_M, X1_M + 1e-6, CELL_M, dtype=np.float32)[None, :]
        self.y = np.arange(Y0_M, Y1_M + 1e-6, CELL_M, dtype=np.float32)[:, None]
        over_edge = np.maximum(np.abs(self.x) - 0.52, 0) + 0 * self.y
        self.base = (MATTRESS_TOP_M + THICKNESS_M - 3.2 * over_edge).astype(np.float32)

    def drape(self, starts: NDArray[np.float64], ends: NDArray[np.float64], radii: NDArray[np.float64]) -> Plane:
        """Height (m) over the grid with capsules lying under the cloth; starts and ends (m, 3), radii (m, 2)."""
        height = self.base + self.folds
        for (xa, ya, za), (xb, yb, zb), (ra, rb) in zip(starts, ends, radii, strict=True):
            ex, ey = float(xb - xa), float(yb - ya)
            square = max(ex * ex + ey * ey, 1e-6)
            s = np.clip(
                ((self.x - np.float32(xa)) * np.float32(ex) + (self.y - np.float32(ya)) * np.float32(ey))
                / np.float32(square),
                0,
                1,
            )
            away = np.hypot(self.x - np.float32(xa) - s * np.float32(ex), self.y - np.float32(ya) - s * np.float32(ey))
            radius = np.float32(ra) + s * np.float32(rb - ra)
            top = np.float32(za) + s * np.float32(zb - za) + radius + np.float32(THICKNESS_M)
            slope = np.maximum(away - radius * np.float32(0.6), 0) * np.float32(0.95)
            height = np.maximum(height, top - slope)
        return np.asarray(cv2.GaussianBlur(height, (0, 0), 1.3), dtype=np.float32)

    def height_at(self, height: Plane, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height of the cloth under world points (m, 3); minus infinity beyond it."""
        column = np.round((points[:, 0] - X0_M) / CELL_M).astype(int)
        row = np.round((points[:, 1] - Y0_M) / CELL_M).astype(int)
        inside = (column >= 0) & (column < height.shape[1]) & (row >= 0) & (row < height.shape[0])
        values = height[np.clip(row, 0, height.shape[0] - 1), np.clip(column, 0, height.shape[1] - 1)]
        return np.where(inside, values, -np.inf)

    def _window(self, top_y: float) -> tuple[slice, slice]:
        corners = np.array([[x, y, z] for x in (X0_M, X1_M) for y in (Y0_M, top_y + 0.05) for z in (0.3, 1.15)])
        seen = self.camera.project(corners)[:, :2] / self.step
        low, high = seen.min(axis=0).astype(int) - 1, seen.max(axis=0).astype(int) + 2
        rows, columns = self.rays.shape[:2]
        return (slice(max(low[1], 0), min(max(high[1], 1), rows)), slice(max(low[0], 0), min(max(high[0], 1), columns)))

    def paint(self, canvas: Canvas, height: Plane, top_y: float) -> None:
        """Paint the cloth up to `top_y` (m along the bed)."""
        rows, columns = self._window(top_y)
        rays = self.rays[rows, columns]
        eye = self.camera.position.astype(np.float32)
        coarse, over = self._search(height, eye, rays[::2, ::2])
        size = (rays.shape[1], rays.shape[0])
        # The coarse map has its samples on every second ray, so the fine ray i lies at i / 2 of it.
        half_x = (np.arange(size[0]) / 2).astype(np.float32)
        half_y = (np.arange(size[1]) / 2).astype(np.float32)
        at_x, at_y = np.broadcast_to(half_x, size[::-1]), np.broadcast_to(half_y[:, None], size[::-1])
        distance = self._refine(height, eye, rays, _sample(coarse, at_x, at_y))
        cover = np.asarray(cv2.blur(_sample(over.astype(np.float32), at_x, at_y), (3, 3)), dtype=np.float32)
        self._lay(canvas, height, top_y, rows, columns, eye, rays, distance, cover)

    def _search(self, height: Plane, eye: Plane, rays: Plane) -> tuple[Plane, NDArray[np.bool_]]:
        """Distance at which each ray first meets the cloth, and whether it does, by walking and halving."""
        start = (float(height.max()) + 0.01 - eye[2]) / rays[..., 2]
        stop = (0.38 - eye[2]) / rays[..., 2]
        over = np.zeros(start.shape, bool)
        found, before = stop.copy(), start.copy()
        for index in range(1, WALK_STEPS + 1):
            distance: Plane = start + (stop - start) * np.float32(index / WALK_STEPS)
            below = self._gap(height, eye, rays, distance) < 0
            found = np.where(below & ~over, distance, found)
            over |= below
            before = np.where(over, before, distance)
        for _ in range(4):
            middle = (found + before) / 2
            below = self._gap(height, eye, rays, middle) < 0
            found, before = np.where(below, middle, found), np.where(below, before, middle)
        return (found + before) / 2, over

    def _refine(self, height: Plane, eye: Plane, rays: Plane, distance: Plane) -> Plane:
        """One secant step towards the cloth, at most 4 cm, so that the pattern on it moves smoothly."""
        gap = self._gap(height, eye, rays, distance)
        further = distance + np.clip(gap, -0.04, 0.04)
        change = self._gap(height, eye, rays, further) - gap
        step = np.where(np.abs(change) > 1e-5, -gap * (further - distance) / np.where(change == 0, 1, change), 0)
        return np.asarray(distance + np.clip(step, -0.04, 0.04), dtype=np.float32)

    def _gap(self, height: Plane, eye: Plane, rays: Plane, distance: Plane) -> Plane:
        """How far the point on each ray is above the cloth."""
        x = (eye[0] + rays[..., 0] * distance - np.float32(X0_M)) / np.float32(CELL_M)
        y = (eye[1] + rays[..., 1] * distance - np.float32(Y0_M)) / np.float32(CELL_M)
        cloth = cv2.remap(height, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=-9)
        return np.asarray(eye[2] + rays[..., 2] * distance - cloth, dtype=np.float32)

    def _shade(self, canvas: Canvas, height: Plane) -> Plane:
        """Brightness over the grid from the slope of the cloth and its folds, four times as fine as the grid."""
        fine: Plane = np.asarray(cv2.resize(height, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), np.float32)
        slope_x = cv2.Sobel(fine, cv2.CV_32F, 1, 0, scale=4 / (8 * CELL_M))
        slope_y = cv2.Sobel(fine, cv2.CV_32F, 0, 1, scale=4 / (8 * CELL_M))
        length = np.sqrt(1 + slope_x**2 + slope_y**2)
        axes = self.camera.axes.astype(np.float32)
        world = (-slope_x / length, -slope_y / length, 1 / length)
        nx, ny, nz = (sum(axes[i, j] * world[j] for j in range(3)) for i in range(3))
        shade = canvas.light.shade(nx, ny, np.maximum(-nz, 0))
        lines = np.arange(fine.shape[0], dtype=np.float32)[:, None] * (CELL_M / 4)
        across = np.arange(fine.shape[1], dtype=np.float32)[None, :] * (CELL_M / 4)
        weave: Plane = np.sin(lines * np.float32(6.2832 / 0.11)) * np.float32(0.035)
        weave = weave + np.sin(across * np.float32(6.2832 / 0.15)) * np.float32(0.03)
        return np.asarray(shade * (1 + weave), dtype=np.float32)

    def _lay(
        self,
        canvas: Canvas,
        height: Plane,
        top_y: float,
        rows: slice,
        columns: slice,
        eye: Plane,
        rays: Plane,
        distance: Plane,
        cover: Plane,
    ) -> None:
        x = eye[0] + rays[..., 0] * distance
        y = eye[1] + rays[..., 1] * distance
        hem = np.float32(top_y) + np.float32(0.018) * np.sin(x * 17) + np.float32(0.01) * np.sin(x * 41 + 1)
        alpha = cover * np.clip((hem - y) / np.float32(0.012), 0, 1) * (y > FOOT_Y_M)
        k = self.step
        full = (slice(rows.start * k, rows.stop * k), slice(columns.start * k, columns.stop * k))
        limits = canvas.depth.shape
        full = (slice(full[0].start, min(full[0].stop, limits[0])), slice(full[1].start, min(full[1].stop, limits[1])))
        size = (full[1].stop - full[1].start, full[0].stop - full[0].start)
        wide = ((columns.stop - columns.start) * k, (rows.stop - rows.start) * k)
        grow = [
            np.asarray(cv2.resize(m, wide, interpolation=cv2.INTER_LINEAR)[: size[1], : size[0]], dtype=np.float32)
            for m in (alpha, distance, x, y)
        ]
        shade = self._shade(canvas, height)
        u = (grow[2] - np.float32(X0_M)) * np.float32(4 / CELL_M) + np.float32(1.5)
        v = (grow[3] - np.float32(Y0_M)) * np.float32(4 / CELL_M) + np.float32(1.5)
        lit = _sample(shade, u, v)
        lit *= 1 - np.float32(0.25) * np.clip(1 - (np.float32(top_y) - grow[3]) / np.float32(0.02), 0, 1)
        canvas.put(full[0], full[1], grow[0], grow[1], tuple(lit * np.float32(c) for c in self.material.colour))


def make_blanket(camera: Camera, colour: tuple[float, ...], rng: np.random.Generator) -> Blanket:
    """A blanket with folds of its own."""
    shape = (round((Y1_M - Y0_M) / CELL_M) + 1, round((X1_M - X0_M) / CELL_M) + 1)
    coarse = rng.normal(0, 1, (11, 7)).astype(np.float32)
    fine = rng.normal(0, 1, (26, 17)).astype(np.float32)
    folds = 0.010 * cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    folds += 0.004 * cv2.resize(fine, shape[::-1], interpolation=cv2.INTER_CUBIC)
    step = 2 if camera.width_px < 960 else 4
    folds -= folds.min()
    return Blanket(camera, Material(colour), folds.astype(np.float32), step)
