"""Pinhole cameras at the places where bedside cameras hang."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from research.phantom.skeleton import Array


@dataclass(frozen=True, slots=True)
class Camera:
    """A fixed camera. `axes` has rows right, down, forward."""

    position: Array
    axes: Array
    focal_px: float
    width_px: int
    height_px: int

    def project(self, points: Array) -> Array:
        """(m, 3) world points to (m, 3): x px, y px, depth m along the optical axis (at least 5 cm)."""
        local = (points - self.position) @ self.axes.T
        depth = np.maximum(local[:, 2], 0.05)
        x = self.width_px / 2 + self.focal_px * local[:, 0] / depth
        y = self.height_px / 2 + self.focal_px * local[:, 1] / depth
        return np.stack([x, y, depth], axis=1)

    def rays(self, step: int = 1) -> Array:
        """(h/step, w/step, 3) directions with unit length along the optical axis, one per pixel centre."""
        x = (np.arange(0, self.width_px, step) + step / 2 - self.width_px / 2) / self.focal_px
        y = (np.arange(0, self.height_px, step) + step / 2 - self.height_px / 2) / self.focal_px
        grid_x, grid_y = np.meshgrid(x, y)
        return np.asarray(np.stack([grid_x, grid_y, np.ones_like(grid_x)], axis=2) @ self.axes)


PLACES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], float]] = {
    "ceiling_corner": ((1.75, -0.75, 2.45), (-0.02, 1.08, 0.62), 48.0),
    "bed_end": ((0.25, -1.60, 2.0), (0.0, 1.12, 0.72), 44.0),
    "side": ((2.35, 0.85, 1.75), (-0.05, 1.05, 0.72), 52.0),
    "overhead": ((0.12, 0.80, 2.85), (0.0, 1.12, 0.56), 62.0),
}
"""Position, point looked at, horizontal field of view in degrees, for a 16:9 picture."""


def place_camera(name: str, size: tuple[int, int], rng: np.random.Generator) -> Camera:
    """Hang a camera, by a hand that is never quite exact."""
    position, target, field_deg = PLACES[name]
    eye = np.array(position) + rng.normal(0, 0.04, 3)
    look = np.array(target) + rng.normal(0, 0.02, 3)
    forward = look - eye
    forward /= np.linalg.norm(forward)
    tilt = np.radians(rng.normal(0, 0.8))
    up_hint = np.array([0.0, 1.0, 0.02]) if name == "overhead" else np.array([0.0, 0.0, 1.0])
    right = np.cross(forward, up_hint)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    axes = np.stack(
        [
            np.cos(tilt) * right + np.sin(tilt) * down,
            -np.sin(tilt) * right + np.cos(tilt) * down,
            forward,
        ]
    )
    width, height = size
    # The field of view is meant across 16:9; taller pictures keep its height so that the bed stays in the picture.
    reference = min(width, height * 16 / 9)
    focal = reference / 2 / np.tan(np.radians(field_deg / 2))
    return Camera(eye, axes, float(focal), width, height)
