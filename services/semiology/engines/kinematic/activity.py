"""How much moves, where, how fast, and which way on balance: curves over time that posture and activity are read from.

Lengths are in head heights of this patient, so that near and far cameras compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.semiology.engines.kinematic.body import USUAL_HEAD
from services.semiology.engines.kinematic.flow import MotionGrid
from services.semiology.engines.kinematic.scene import Scene, noise_floor

Floats = npt.NDArray[Any]

BIN_S = 0.25
"""Step of all curves."""
TREMOR_HZ = 6.5
"""Above this, movement is tremor or noise, not clonic jerks."""
SPEED_WINDOW_S = 2.0


@dataclass(frozen=True)
class Activity:
    """Curves of one scene; n bins of 0.25 s."""

    time_s: Floats
    """(n,) centre of each bin."""
    head: float
    """Head height, share of the picture's long side."""
    cell: float
    """Area of a cell in square head heights."""
    total: Floats
    """(n,) movement: area (square heads) times speed (heads per second)."""
    slow: Floats
    """(n, rows, columns, 2) velocity averaged over 0.75 s, heads per second: posture, without tremor and noise."""
    drift: Floats
    """(n,) the same summed over cells like `total`: movement that goes somewhere."""
    tremor: Floats
    """(n,) power above 6.5 Hz summed over cells, square heads times (heads per second) squared."""
    pace: Floats
    """(n,) mean frequency of the movement, Hz (2 s around); 0 where nothing moves."""
    area: Floats
    """(n,) share of the patient's cells that move."""

    def index(self, time_s: float) -> int:
        """Bin that holds an instant."""
        return int(np.clip(round((time_s - float(self.time_s[0])) / BIN_S), 0, len(self.time_s) - 1))

    def displacement(self, begin: int, end: int) -> Floats:
        """(rows, columns, 2) net way of each cell's content over bins [begin, end), in heads."""
        return np.asarray(self.slow[begin:end].sum(axis=0) * BIN_S)


def activity_of(scene: Scene) -> Activity | None:
    """All curves; none for a recording shorter than two seconds."""
    grid, body = scene.grid, scene.body
    per_bin = max(1, round(BIN_S * grid.rate_hz))
    bins = len(grid.time_s) // per_bin
    if bins < 8:
        return None
    size = body.head.size if body.head is not None else USUAL_HEAD
    cell = 1.0 / grid.shape[1] / max(1.0, grid.aspect) / size
    floor = noise_floor(grid)
    speed = grid.speed[: bins * per_bin].reshape(bins, per_bin, *grid.shape).mean(axis=1, dtype=np.float32)
    speed = np.maximum(speed - floor, 0) / size
    slow = _slow(grid, bins, per_bin, floor) / size
    moving = speed > 0.15
    tremor, pace = _frequencies(grid, bins, per_bin, floor, size, cell**2)
    return Activity(
        time_s=grid.time_s[: bins * per_bin].reshape(bins, per_bin).mean(axis=1),
        head=size,
        cell=cell**2,
        total=speed.sum(axis=(1, 2)) * cell**2,
        slow=slow,
        drift=np.hypot(slow[..., 0], slow[..., 1]).sum(axis=(1, 2)) * cell**2,
        tremor=tremor,
        pace=pace,
        area=(moving & (body.weight > 0)).sum(axis=(1, 2)) / max(1.0, float((body.weight > 0).sum())),
    )


def _slow(grid: MotionGrid, bins: int, per_bin: int, floor: float) -> Floats:
    velocity = grid.velocity[: bins * per_bin].reshape(bins, per_bin, *grid.shape, 2).mean(axis=1, dtype=np.float32)
    padded = np.concatenate((velocity[:1], velocity, velocity[-1:]))
    # A triangle of half a second each way: an 8 Hz tremor leaves under a hundredth.
    smooth = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    still = np.hypot(smooth[..., 0], smooth[..., 1]) < floor
    smooth[still] = 0
    return np.asarray(smooth)


def _frequencies(
    grid: MotionGrid, bins: int, per_bin: int, floor: float, size: float, cell: float
) -> tuple[Floats, Floats]:
    """Tremor power and mean frequency per bin, from spectra of 2 s around it."""
    length = round(SPEED_WINDOW_S * grid.rate_hz)
    frequency = np.fft.rfftfreq(length, 1 / grid.rate_hz)
    taper = np.hanning(length)[:, None].astype(np.float32)
    gain = 2.0 / float((taper**2).sum()) / length / size**2
    fast, used = frequency >= TREMOR_HZ, frequency >= 0.4
    tremor, pace = np.zeros(bins), np.zeros(bins)
    for k in range(bins):
        begin = int(np.clip(k * per_bin + per_bin // 2 - length // 2, 0, max(0, len(grid.time_s) - length)))
        part = np.s_[begin : begin + length]
        moved = grid.speed[part].mean(axis=0) > floor
        if len(grid.time_s) < length or not moved.any():
            continue
        velocity = grid.velocity[part][:, moved].astype(np.float32).reshape(length, -1)
        power = (np.abs(np.fft.rfft(velocity * taper, axis=0)) ** 2).sum(axis=1) * gain * cell
        tremor[k] = power[fast].sum()
        total = power[used].sum()
        pace[k] = float((power * frequency)[used].sum() / total) if total > 0 else 0.0
    return tremor, pace
