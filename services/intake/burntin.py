"""A clock drawn into the picture: a small patch of strong edges that changes once per second and rests in between."""

from __future__ import annotations

from typing import Any

import numpy as np

from schemas.recording import Tri
from services.media.geometry import Image

_TILE_PX = 16
_BAND = 0.16
_CHANGE = 6.0
_CONTRAST = 40.0
_FEWEST_TICKS = 8
_REGULAR_SHARE = 0.8
_TOLERANCE_S = 0.3


class BurntInClock:
    """Watches tiles along the upper and lower edge of the proxy, where recorders write the time.

    It can say yes, or nothing: a clock without seconds, or elsewhere, is not found.
    """

    def __init__(self) -> None:
        self._before: np.ndarray[Any, np.dtype[np.int16]] | None = None
        self._last_s: np.ndarray[Any, np.dtype[np.float64]] | None = None
        self._ticks = np.zeros(0, np.int64)
        self._changes = np.zeros(0, np.int64)

    def see(self, time_s: float, luma: Image) -> None:
        """Take a sampled proxy picture (luma, H x W); samples at most 0.3 s apart."""
        band = max(_TILE_PX, int(luma.shape[0] * _BAND) // _TILE_PX * _TILE_PX)
        width = luma.shape[1] // _TILE_PX * _TILE_PX
        if luma.shape[0] < 2 * band or not width:
            return
        edges = np.concatenate([luma[:band, :width], luma[-band:, :width]]).astype(np.int16)
        if self._before is not None and self._before.shape == edges.shape:
            self._compare(time_s, edges)
        self._before = edges

    def verdict(self) -> Tri:
        """Yes when a tile ticked regularly, at least eight times; else unknown."""
        regular = (self._ticks >= _FEWEST_TICKS) & (self._ticks >= _REGULAR_SHARE * self._changes)
        return Tri.YES if regular.any() else Tri.UNKNOWN

    def _compare(self, time_s: float, edges: np.ndarray[Any, np.dtype[np.int16]]) -> None:
        assert self._before is not None
        change = _tiles(np.abs(edges - self._before)).mean(axis=(1, 3)).reshape(-1)
        tiles = _tiles(edges)
        contrast = (tiles.max(axis=(1, 3)) - tiles.min(axis=(1, 3))).reshape(-1)
        changed = (change > _CHANGE) & (contrast > _CONTRAST)
        if self._last_s is None:
            self._last_s = np.full(changed.size, -np.inf)
            self._ticks = np.zeros(changed.size, np.int64)
            self._changes = np.zeros(changed.size, np.int64)
        since = time_s - self._last_s
        self._changes += changed & np.isfinite(since)
        self._ticks += changed & (np.abs(since - 1.0) <= _TOLERANCE_S)
        self._last_s[changed] = time_s


def _tiles(band: np.ndarray[Any, np.dtype[np.int16]]) -> np.ndarray[Any, np.dtype[np.int16]]:
    height, width = band.shape
    return band.reshape(height // _TILE_PX, _TILE_PX, width // _TILE_PX, _TILE_PX)
