"""The patient's outline at any instant, smooth in space and in time, from masks that are coarse in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from schemas.recording import Interval
from services.media.masks import Mask, MaskTrack
from services.segmentation.joints import LONGEST_GAP_S

Alpha = npt.NDArray[np.float32]
"""H x W, 0 outside and 1 inside, in between along the edge."""
_EDGE_PX = 1.5
_STEPS_CELLS = 0.8
"""Evens out the steps of a coarse mask's edge, cells."""


class Outlines:
    """Signed distances to the edge are blended between masks and enlarged, so that edges move and do not step."""

    def __init__(self, masks: MaskTrack, missing: Sequence[Interval]) -> None:
        self._masks = masks
        self._missing = missing
        self._kept: dict[int, npt.NDArray[Any] | None] = {}

    def at(self, time_s: float, width: int, height: int, margin: float = 0.0) -> Alpha | None:
        """Who is the patient in a picture of this size; none where nobody is known to be.

        `margin` widens the outline, as a share of the picture's width. Other people are never inside.
        """
        if any(span.lo <= time_s <= span.hi for span in self._missing):
            return None
        found = self._distance(time_s)
        if found is None:
            return None
        distance, others = found
        scale = width / distance.shape[1]
        near = cv2.resize(distance, (width, height), interpolation=cv2.INTER_LINEAR) * scale
        alpha = np.clip((near + margin * width) / _EDGE_PX + 0.5, 0, 1).astype(np.float32)
        if others.any():
            taken = cv2.resize(others.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
            alpha[taken > 0.5] = 0
        return np.asarray(alpha)

    def _distance(self, time_s: float) -> tuple[npt.NDArray[Any], Mask] | None:
        """Signed distance to the edge (cells, positive inside), and others' cells."""
        times = self._masks.time_s
        if not len(times):
            return None
        nearest = self._masks.at(time_s)
        after = int(np.searchsorted(times, time_s))
        if 0 < after < len(times) and times[after] - times[after - 1] <= LONGEST_GAP_S:
            share = (time_s - times[after - 1]) / (times[after] - times[after - 1])
            left, right = self._signed(after - 1), self._signed(after)
            if left is not None and right is not None:
                return left * (1 - share) + right * share, self._masks.others[nearest]
        own = self._signed(nearest)
        if own is None or abs(times[nearest] - time_s) > LONGEST_GAP_S / 2:
            return None
        return own, self._masks.others[nearest]

    def _signed(self, index: int) -> npt.NDArray[Any] | None:
        if index not in self._kept:
            mask = (self._masks.patient[index] & ~self._masks.others[index]).astype(np.uint8)
            self._kept = {k: kept for k, kept in self._kept.items() if abs(k - index) <= 1}
            self._kept[index] = _signed(mask) if mask.any() else None
        return self._kept[index]


def _signed(mask: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """Distance of each cell's middle to the edge; cells beyond the picture are like those at its border."""
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    inside = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform(1 - framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    signed = np.where(framed, inside - 0.5, 0.5 - outside).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(signed, (0, 0), _STEPS_CELLS)[1:-1, 1:-1])
