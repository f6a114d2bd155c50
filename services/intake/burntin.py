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
_REGULAR_SHARE = 0.85
_TOLERANCE_S = 0.21


class BurntInClock:
    """Watches tiles along the upper and lower edge of the proxy, where recorders write the time.

    It can say yes, or nothing: a clock without seconds, or elsewhere, is not found.
    """

    def __init__(self) -> None:
        self._before: np.ndarray[Any, np.dtype[np.int16]] | None = None
        self._shown: np.ndarray[Any, np.dtype[np.int16]] | None = None
        self._last_s = np.zeros(0)
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
        tiles = _tiles(edges)
        change = _differences(tiles, _tiles(self._before))
        if self._shown is None:
            self._shown = tiles.copy()
            self._last_s = np.full(change.size, -np.inf)
            self._ticks = np.zeros(change.size, np.int64)
            self._changes = np.zeros(change.size, np.int64)
        changed = (change > _CHANGE) & (np.ptp(tiles, axis=(1, 2)) > _CONTRAST)
        # a digit shows something new each time; rhythmic movement shows what it showed a period ago
        new = _differences(tiles, self._shown) > _CHANGE
        since = time_s - self._last_s
        self._changes += changed & np.isfinite(since)
        self._ticks += changed & new & (np.abs(since - 1.0) <= _TOLERANCE_S)
        self._last_s[changed] = time_s
        self._shown[changed] = tiles[changed]


def _differences(
    one: np.ndarray[Any, np.dtype[np.int16]], other: np.ndarray[Any, np.dtype[np.int16]]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(np.abs(one - other).mean(axis=(1, 2)))


def _tiles(band: np.ndarray[Any, np.dtype[np.int16]]) -> np.ndarray[Any, np.dtype[np.int16]]:
    """(tiles, 16, 16) of a band."""
    height, width = band.shape
    split = band.reshape(height // _TILE_PX, _TILE_PX, width // _TILE_PX, _TILE_PX)
    return np.ascontiguousarray(split.swapaxes(1, 2)).reshape(-1, _TILE_PX, _TILE_PX)
