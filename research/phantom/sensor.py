"""What the camera does to the picture: vignette, blur, noise, exposure, shake."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from research.phantom.script import Disturbance
from research.phantom.skeleton import Array

Plane = NDArray[np.float32]

NOISE_FIELDS = 6


@dataclass(frozen=True, slots=True)
class Exposure:
    """Light, television and camera displacement per frame, each (n,)."""

    gain: Array
    screen: Array
    dx_px: Array
    dy_px: Array
    frozen: NDArray[np.bool_]


def _steps(time_s: Array, rate_hz: float, rng: np.random.Generator) -> Array:
    """A value that jumps at random about `rate_hz` times a second, as a television's picture does."""
    count = max(2, int((time_s[-1] - time_s[0]) * rate_hz) + 2)
    edges = np.sort(rng.uniform(time_s[0], time_s[-1], count))
    levels = rng.uniform(0, 1, count + 1)
    return np.asarray(levels[np.searchsorted(edges, time_s)])


def expose(time_s: Array, disturbances: tuple[Disturbance, ...], height_px: int, rng: np.random.Generator) -> Exposure:
    """Turn disturbances into per-frame values; instants in script time."""
    n = len(time_s)
    gain, screen, dx, dy = np.ones(n), np.zeros(n), np.zeros(n), np.zeros(n)
    frozen = np.zeros(n, bool)
    unit = height_px / 360
    for event in disturbances:
        inside = (time_s >= event.onset_s) & (time_s < event.offset_s)
        local = time_s - event.onset_s
        if event.kind == "camera_shake":
            swing = [
                sum(
                    np.sin(6.2832 * f * local + rng.uniform(0, 6.28)) * a
                    for f, a in ((0.6, 2.2), (1.7, 1.4), (3.6, 0.8), (5.8, 0.5))
                )
                for _ in range(2)
            ]
            dx += inside * swing[0] * event.strength * unit
            dy += inside * swing[1] * event.strength * unit
        elif event.kind == "camera_knock":
            ring = inside * np.exp(-local.clip(0) * 2.2) * np.sin(6.2832 * 4.3 * local)
            dx += ring * 7 * event.strength * unit
            dy += ring * 4 * event.strength * unit + (time_s >= event.onset_s) * 3 * event.strength * unit
        elif event.kind == "light_switch":
            gain *= np.where(inside, 1 + 0.45 * event.strength * (1 - np.exp(-local.clip(0) / 0.25)), 1)
        elif event.kind == "tv_flicker":
            screen += inside * _steps(time_s, 2.5, rng) * 0.30 * event.strength
        elif event.kind == "dark":
            gain *= np.where(inside, 1 - 0.80 * min(event.strength, 1.2), 1)
        elif event.kind == "freeze":
            frozen |= inside
    return Exposure(gain, screen, dx, dy, frozen)


@dataclass(slots=True)
class Sensor:
    """Turns float planes into a noisy 8-bit picture. `noise` is the standard deviation in grey levels."""

    size: tuple[int, int]
    infrared: bool
    noise: float
    seed: int
    vignette: Plane = field(init=False)
    fields: list[Plane] = field(init=False)

    def __post_init__(self) -> None:
        width, height = self.size
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(height / width)
        fall = np.float32(0.55 if self.infrared else 0.22)
        self.vignette = (1 - fall * np.clip((x * x + y * y) / np.float32(1.3), 0, 1) ** 1.2).astype(np.float32)
        self.fields = []
        rng = np.random.default_rng([self.seed, 0])
        for _ in range(NOISE_FIELDS):
            grain = rng.normal(0, 1, (height, width)).astype(np.float32)
            grain = 0.75 * grain + 0.9 * cv2.GaussianBlur(grain, (0, 0), 1.1)
            self.fields.append((grain * np.float32(self.noise)).astype(np.float32))

    def read(self, planes: list[Plane], gain: float, index: int) -> NDArray[np.uint8]:
        """(h, w) grey or (h, w, 3) blue-green-red picture; its noise depends on the frame's index alone."""
        rng = np.random.default_rng([self.seed, index + 1])
        out = []
        for plane in planes:
            sharp = cv2.GaussianBlur(plane, (3, 3), 0.65)
            lit = cv2.multiply(sharp, self.vignette, scale=gain)
            grain = self.fields[int(rng.integers(NOISE_FIELDS))]
            shift = int(rng.integers(grain.shape[0]))
            rolled = np.empty_like(lit, dtype=np.uint8)
            split = grain.shape[0] - shift
            rolled[:split] = cv2.add(lit[:split], grain[shift:], dtype=cv2.CV_8U)
            if shift:
                rolled[split:] = cv2.add(lit[split:], grain[:shift], dtype=cv2.CV_8U)
            out.append(rolled)
        return np.asarray(out[0] if len(out) == 1 else cv2.merge(out))


def displace(picture: NDArray[np.uint8], dx_px: float, dy_px: float) -> NDArray[np.uint8]:
    """Shift a picture as a moved camera would; edges repeat."""
    if abs(dx_px) < 0.02 and abs(dy_px) < 0.02:
        return picture
    matrix = np.array([[1, 0, dx_px], [0, 1, dy_px]], np.float32)
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
