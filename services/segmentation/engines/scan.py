"""First pass over a video: where something moves and what differs from the room, on a coarse grid.

The room is a running median of the past (sigma-delta estimation: each cell's estimate takes one small step towards the
picture; Manzanera and Richefeu 2007), which slows down where something stands in front of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from schemas.recording import Interval
from services.media.decode import Frame
from services.media.geometry import Image

GRID_PX = 96
"""Long side of the grid, cells."""
RATE_HZ = 5.0
"""Pictures looked at per second."""
_MOTION_SHARE = (0.06, 4.0, 7.0)
_ROOM_SHARE = (0.12, 8.0, 16.0)
"""Levels that count as a change: a share of the picture's range of luma, with its least and most."""
_NOISE_FACTOR = 5.0
_NOISE_CAP = 4.0
_EVERYTHING = 0.6
_SLOW = 15
_FASTEST = 1
_SPECKLE = np.ones((2, 2), np.uint8)

Cells = np.ndarray[Any, np.dtype[np.bool_]]
"""(h, w) one truth value per cell."""
Levels = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Scan:
    """What the first pass saw, packed: under a hundred bytes per picture where little moves."""

    time_s: np.ndarray[Any, np.dtype[np.float64]]
    """(n,) seconds from the recording's first frame."""
    shape: tuple[int, int]
    """Rows and columns of the grid."""
    usable: np.ndarray[Any, np.dtype[np.bool_]]
    """(n,) false where the camera moves, the light changes or everything moves."""
    _motion: tuple[bytes, ...]
    _front: tuple[bytes, ...]

    def motion(self, index: int) -> Cells:
        """Cells that changed since the picture before."""
        return unpack(self._motion[index], self.shape)

    def front(self, index: int) -> Cells:
        """Cells that differ from the room."""
        return unpack(self._front[index], self.shape)


def pack(cells: Cells) -> bytes:
    """One bit per cell, deflated: long recordings have many pictures, in most of which little moves."""
    return zlib.compress(np.packbits(cells).tobytes(), _FASTEST)


def unpack(packed: bytes, shape: tuple[int, int]) -> Cells:
    """The cells that `pack` packed."""
    bits = np.unpackbits(np.frombuffer(zlib.decompress(packed), np.uint8), count=shape[0] * shape[1])
    return bits.astype(bool).reshape(shape)


def scan(frames: Iterable[Frame], unsteady: Iterable[Interval], jumps_s: Iterable[float]) -> Scan:
    """Look at grey frames in time order; `unsteady` spans and `jumps_s` (cuts, light) are passed over."""
    room = _Room()
    spans, jumps = list(unsteady), sorted(jumps_s)
    times: list[float] = []
    usable: list[bool] = []
    motion: list[bytes] = []
    front: list[bytes] = []
    shape = (1, 1)
    for frame in frames:
        small = _grid(frame.image)
        shape = small.shape
        last_s = times[-1] if times else frame.time_s
        jumped = any(last_s < jump <= frame.time_s for jump in jumps)
        steady = not any(span.lo <= frame.time_s <= span.hi for span in spans)
        moved, ahead, whole = room.look(small, jumped=jumped, steady=steady)
        times.append(frame.time_s)
        usable.append(steady and not jumped and not whole)
        motion.append(pack(moved))
        front.append(pack(ahead))
    return Scan(np.array(times), shape, np.array(usable, bool), tuple(motion), tuple(front))


def _grid(image: Image) -> Levels:
    scale = GRID_PX / max(image.shape)
    size = (max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


class _Room:
    """The picture without people, as far as the past shows it."""

    def __init__(self) -> None:
        self._before: Levels | None = None
        self._room: Levels | None = None
        self._count = 0

    def look(self, now: Levels, *, jumped: bool, steady: bool) -> tuple[Cells, Cells, bool]:
        """Moving cells, cells in front of the room, and whether nearly everything moved."""
        if self._before is None or self._room is None or jumped or self._before.shape != now.shape:
            self._before, self._room = now, now.copy()
            nothing = np.zeros(now.shape, bool)
            return nothing, nothing, False
        change = now - self._before
        change -= np.median(change)  # the camera's gain
        # bounded, because where everything moves the median is no noise
        noise = min(float(np.median(np.abs(change))) * 1.4826, _NOISE_CAP)
        moved = _clean(np.abs(change) > max(_levels(now, _MOTION_SHARE), _NOISE_FACTOR * noise))
        self._before = now
        whole = float(moved.mean()) > _EVERYTHING
        if whole or not steady:
            self._room = now.copy()
            return moved, np.zeros(now.shape, bool), whole
        off = now - self._room
        off -= np.median(off)
        ahead = _clean(np.abs(off) > max(_levels(now, _ROOM_SHARE), _NOISE_FACTOR * noise))
        self._count += 1
        step = np.sign(now - self._room)
        if self._count % _SLOW:
            step[ahead] = 0  # what stands in front of the room becomes part of it slowly
        self._room += step
        return moved, ahead, False


def _levels(picture: Levels, rule: tuple[float, float, float]) -> float:
    """Dim pictures have small differences."""
    share, least, most = rule
    low, high = np.percentile(picture[::2, ::2], (5, 95))
    return float(np.clip(share * (high - low), least, most))


def _clean(cells: Cells) -> Cells:
    """Without single cells."""
    return cv2.morphologyEx(cells.astype(np.uint8), cv2.MORPH_OPEN, _SPECKLE).astype(bool)
