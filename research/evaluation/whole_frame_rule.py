"""The published whole-frame rule: rhythm of the picture's group velocities.

Kalitzin et al. 2012 and Geertsema et al. 2018: fit six generators of motion (two translations, rotation, dilatation,
two shears) to the optical flow of the whole picture and compare their power at 2-6 Hz with that at 0.5-12.5 Hz. The
published threshold was calibrated per camera and is not stated; here it is 0.5 held for 5 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.media.decode import frames

RATE_HZ = 25.0
LONG_SIDE_PX = 160
BAND_HZ = (2.0, 6.0)
TOTAL_HZ = (0.5, 12.5)
RATIO = 0.5
HOLD_S = 5.0
WINDOW_S = 4.0
STEP_S = 0.2

Array = NDArray[np.float64]


def group_velocities(path: Path) -> Array:
    """(n, 6) motion of the whole picture per frame pair, at `RATE_HZ`.

    Raises `UnreadableMediaError` for what is no video.
    """
    return np.array(list(_velocities(path))).reshape(-1, 6)


def _velocities(path: Path) -> Iterator[Array]:
    import cv2

    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    before = None
    solve: Array | None = None
    for frame in frames(path, rate_hz=RATE_HZ, long_side_px=LONG_SIDE_PX, colour="gray"):
        if before is not None:
            field = flow.calc(before, frame.image, None)  # type: ignore[call-overload]
            if solve is None:
                solve = _projector(field.shape[0], field.shape[1])
            yield solve @ field.reshape(-1)
        before = frame.image


def _projector(height: int, width: int) -> Array:
    """(6, 2 h w) least-squares projection of a flow field onto the six generators."""
    y, x = np.mgrid[0:height, 0:width]
    x = (x - (width - 1) / 2) / (width / 2)
    y = (y - (height - 1) / 2) / (width / 2)
    one, none = np.ones_like(x), np.zeros_like(x)
    generators = ((one, none), (none, one), (-y, x), (x, y), (x, -y), (y, x))
    basis = np.stack([np.stack(pair, axis=-1).reshape(-1) for pair in generators], axis=1)
    return np.asarray(np.linalg.pinv(basis))


def band_ratio(velocities: Array) -> tuple[Array, Array]:
    """Centres (s) of sliding windows and the share of power in the band, pooled over the generators."""
    size, step = round(WINDOW_S * RATE_HZ), round(STEP_S * RATE_HZ)
    starts = np.arange(0, max(0, len(velocities) - size + 1), step)
    if not len(starts):
        return np.zeros(0), np.zeros(0)
    windows = np.stack([velocities[s : s + size] for s in starts])
    windows = (windows - windows.mean(axis=1, keepdims=True)) * np.hanning(size)[None, :, None]
    power = (np.abs(np.fft.rfft(windows, axis=1)) ** 2).sum(axis=2)
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    band = power[:, (hz >= BAND_HZ[0]) & (hz <= BAND_HZ[1])].sum(axis=1)
    total = power[:, (hz >= TOTAL_HZ[0]) & (hz <= TOTAL_HZ[1])].sum(axis=1)
    return np.asarray((starts + size / 2) / RATE_HZ), np.asarray(band / np.maximum(total, 1e-12))


def detect(path: Path) -> tuple[tuple[float, float], ...]:
    """Spans (s) over which the rule alarms.

    Raises `UnreadableMediaError` for what is no video.
    """
    time_s, ratio = band_ratio(group_velocities(path))
    return alarms(time_s, ratio)


def alarms(time_s: Array, ratio: Array) -> tuple[tuple[float, float], ...]:
    """Spans in which the ratio stays at or above `RATIO` for at least `HOLD_S`."""
    above = np.concatenate([[False], ratio >= RATIO, [False]]).astype(int)
    first, after = np.flatnonzero(np.diff(above) == 1), np.flatnonzero(np.diff(above) == -1)
    spans = [(float(time_s[a]), float(time_s[b - 1])) for a, b in zip(first, after, strict=True)]
    return tuple(span for span in spans if span[1] - span[0] >= HOLD_S)
