"""Boxes, masks and looks of known truth, and the facts of small videos."""

from __future__ import annotations

from typing import Any

import numpy as np

from schemas.recording import Box, Interval, Quality, RecordingFacts
from services.media.masks import Mask
from services.segmentation.engines.sam2.looks import Look, Person

WIDTH, HEIGHT = 320, 180
ROWS, COLUMNS = 36, 64
Rectangle = tuple[float, float, float, float]


def box_mask(box: Rectangle, shape: tuple[int, int] = (ROWS, COLUMNS)) -> Mask:
    """A mask that fills a box (left, top, right, bottom; 0-1)."""
    mask = np.zeros(shape, bool)
    rows, columns = shape
    left, top, right, bottom = box
    mask[round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)] = True
    return mask


def person(box: Rectangle, score: float = 0.9, **joints: Any) -> Person:
    return Person(Box(*box), score, **joints)


def looks(*people: tuple[Rectangle, ...]) -> tuple[Look, ...]:
    """One look every two seconds with people in these boxes."""
    return tuple(Look(2.0 * k, tuple(person(box) for box in boxes)) for k, boxes in enumerate(people))


def facts(duration_s: float, *, cuts_s: tuple[float, ...] = (), moving: tuple[Interval, ...] = ()) -> RecordingFacts:
    return RecordingFacts(
        container="mov", codec="h264", width_px=WIDTH, height_px=HEIGHT, rotation_deg=0, duration_s=duration_s,
        start_us=0, frames=int(duration_s * 10), nominal_rate_hz=10, effective_rate_hz=10, variable_rate=False,
        interlaced=False, has_audio=False, quality=Quality(cuts_s=cuts_s, camera_moving=moving),
    )  # fmt: skip
