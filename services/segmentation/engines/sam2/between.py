"""Masks between two instants: the outline moves evenly from one to the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from services.media.masks import Mask, MaskStack, MaskTrack, Times

_NEAR_S = 1e-3
_Levels = np.ndarray[Any, np.dtype[np.float32]]


def at_instants(track: MaskTrack, wanted_s: Times) -> MaskTrack:
    """The masks at other instants (growing), interpolated by signed distance to the outline.

    The distance (cells; positive inside) is blended linearly between the two neighbours and cut at 0 (shape-based
    interpolation, Raya and Udupa 1990). Where one of the two is empty, before the first and after the last mask, the
    nearest mask stands.
    """
    if not len(track.time_s):
        return track
    _, rows, columns = track.patient.shape
    patient = MaskStack.packed(_blended(track, track.patient, wanted_s), rows, columns)
    free = MaskStack.packed(
        (others & ~mine for others, mine in zip(_blended(track, track.others, wanted_s), patient, strict=True)),
        rows, columns,
    )  # fmt: skip
    return MaskTrack(wanted_s, patient, free)


def _blended(track: MaskTrack, masks: MaskStack, wanted_s: Times) -> Iterator[Mask]:
    times = track.time_s
    for time_s in wanted_s:
        after = int(np.searchsorted(times, time_s))
        nearest = track.at(float(time_s))
        if abs(times[nearest] - time_s) <= _NEAR_S or after in {0, len(times)}:
            yield masks[nearest]
            continue
        share = float((time_s - times[after - 1]) / (times[after] - times[after - 1]))
        before, later = masks[after - 1], masks[after]
        if not (before.any() and later.any()):
            yield masks[nearest]
            continue
        yield (1 - share) * _distance(before) + share * _distance(later) > 0


def _distance(mask: Mask) -> _Levels:
    inside = mask.astype(np.uint8)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    return np.asarray(within - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5), np.float32)
