"""Where the face and the hands are over time, as rectangles that move smoothly.

The rectangle's way is smoothed, never the pixels in it; its size stays the same for seconds, so that nothing looks like
a movement that is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.recording import Interval
from services.media.masks import MaskTrack
from services.segmentation.joints import (
    LONGEST_GAP_S,
    OF_FACE,
    Joint,
    Joints,
    JointTrack,
    runs,
    spans_without,
    stands_s,
)
from services.segmentation.views.pictures import Cut

Floats = npt.NDArray[Any]
FACE_SPREADS = 2.2
"""Side of the face's square over the widest distance of its joints (ear to ear, or ear to nose): head and some room."""
FACE_UNITS = (0.5, 1.1)
"""The same side in shoulder widths, at least and at most: joints of a face may fall together."""
HAND_UNITS = 0.8
"""Width of a hand's rectangle in shoulder widths: about 30 cm."""
HAND_SHARE = 0.63
"""A hand's length (19 cm) over the width of its rectangle."""
_LEAST_OF_FACE = 3
_HAND_BEYOND_WRIST = 0.35
_HEAD_END_SHARE = 0.6
_CENTRE_S = 0.4
_SIZE_S = 3.0
_LEAST_SIDE_PX = 4.0


@dataclass(frozen=True, slots=True)
class CropPath:
    """A rectangle over time; pixels of the proxy."""

    time_s: Floats
    """(n,) instants, growing."""
    cuts: Floats
    """(n, 4) x and y of the middle, width, height; NaN where there is nothing to show."""
    missing: tuple[Interval, ...]
    """Spans in which what is shown, if anything, is not what the view is for."""

    def at(self, time_s: float) -> Cut | None:
        """The rectangle at any instant; none in gaps longer than a second."""
        known = np.flatnonzero(~np.isnan(self.cuts[:, 0]))
        after = int(np.searchsorted(self.time_s[known], time_s))
        left, right = (known[k] if 0 <= k < len(known) else None for k in (after - 1, after))
        if left is not None and right is not None and self.time_s[right] - self.time_s[left] <= LONGEST_GAP_S:
            share = (time_s - self.time_s[left]) / (self.time_s[right] - self.time_s[left])
            return Cut(*(float(v) for v in self.cuts[left] * (1 - share) + self.cuts[right] * share))
        near = min(
            (k for k in (left, right) if k is not None), key=lambda k: abs(self.time_s[k] - time_s), default=None
        )
        if near is None:
            return None
        begin_s, end_s = stands_s(self.time_s, int(near))
        if not begin_s <= time_s <= end_s:
            return None
        return Cut(*(float(v) for v in self.cuts[near]))

    def width_px(self) -> float:
        """Median width, pixels of the proxy; 0 where nothing is shown at all."""
        known = self.cuts[~np.isnan(self.cuts[:, 2]), 2]
        return float(np.median(known)) if len(known) else 0.0


def face_path(track: JointTrack, masks: MaskTrack, proxy: tuple[int, int], end_s: float) -> CropPath:
    """A square around the face. Missing are the spans in which only the head's place is known, or nothing.

    Where the joints of the face are not seen, it is shown where they are thought to be; where no joint is found for
    more than a second, the mask's end is, in the direction in which the trunk lay when it was last seen. The
    head's turn may be judged there, its features not.
    """
    unit = track.unit_px()
    cuts = np.full((len(track.time_s), 4), np.nan)
    of_face = np.zeros(len(cuts), bool)
    trunk: Floats | None = None
    known_s = track.time_s[track.found]
    for row, joints in enumerate(track.stills()):
        head = None
        if joints is not None:
            trunk = joints.trunk
            of_face[row] = sum(joints.seen(joint) for joint in OF_FACE) >= _LEAST_OF_FACE
            head = _face(joints, unit)
        elif trunk is not None and np.abs(known_s - track.time_s[row]).min() > LONGEST_GAP_S:
            head = _end_of_mask(masks, float(track.time_s[row]), trunk, unit, proxy)
        if head is not None:
            cuts[row] = (*head[:2], head[2], head[2])
    missing = spans_without(track.time_s, of_face, end_s)
    return CropPath(track.time_s, _smooth(track.time_s, cuts), missing)


def hand_paths(track: JointTrack, shape: float) -> tuple[CropPath, CropPath]:
    """Rectangles around the patient's left and right hand; `shape` is height over width. `missing` is left empty."""
    width = max(_LEAST_SIDE_PX, HAND_UNITS * track.unit_px())
    paths = []
    for wrist, elbow in ((Joint.LEFT_WRIST, Joint.LEFT_ELBOW), (Joint.RIGHT_WRIST, Joint.RIGHT_ELBOW)):
        cuts = np.full((len(track.time_s), 4), np.nan)
        for row, joints in enumerate(track.stills()):
            if joints is not None and joints.seen(wrist):
                forearm = joints.places[wrist] - joints.places[elbow]
                hand = joints.places[wrist] + _HAND_BEYOND_WRIST * forearm
                cuts[row] = (*hand, width, width * shape)
        paths.append(CropPath(track.time_s, _smooth(track.time_s, cuts), ()))
    return paths[0], paths[1]


def neither(paths: Sequence[CropPath], end_s: float) -> tuple[Interval, ...]:
    """Spans in which no path shows anything."""
    shown = np.logical_or.reduce([~np.isnan(path.cuts[:, 0]) for path in paths])
    return spans_without(paths[0].time_s, shown, end_s)


def _face(joints: Joints, unit: float) -> tuple[float, float, float]:
    """Middle and side of the square from the joints of the face, those that are seen if enough of them are."""
    seen = [joint for joint in OF_FACE if joints.seen(joint)]
    places = joints.places[seen if len(seen) >= _LEAST_OF_FACE else list(OF_FACE)]
    apart = places[:, None] - places[None]
    spread = float(np.hypot(apart[..., 0], apart[..., 1]).max())
    side = min(max(FACE_SPREADS * spread, FACE_UNITS[0] * unit), FACE_UNITS[1] * unit)
    x, y = places.mean(axis=0)
    return float(x), float(y), max(_LEAST_SIDE_PX, side)


def _end_of_mask(
    masks: MaskTrack, time_s: float, trunk: Floats, unit: float, proxy: tuple[int, int]
) -> tuple[float, float, float] | None:
    """The head end of the patient's mask: its cells within a head's length of its farthest along the trunk."""
    if not len(masks.time_s) or abs(masks.time_s[masks.at(time_s)] - time_s) > LONGEST_GAP_S:
        return None
    mask = masks.patient[masks.at(time_s)]
    length = float(np.hypot(*trunk))
    if not mask.any() or not length or not unit:
        return None
    rows, columns = np.nonzero(mask)
    places = np.stack([(columns + 0.5) * proxy[0] / mask.shape[1], (rows + 0.5) * proxy[1] / mask.shape[0]], axis=1)
    along = places @ (trunk / length)
    x, y = places[along >= along.max() - _HEAD_END_SHARE * unit].mean(axis=0)
    return float(x), float(y), max(_LEAST_SIDE_PX, FACE_UNITS[1] * unit)


def _smooth(time_s: Floats, cuts: Floats) -> Floats:
    """Means weighted by nearness in time, within runs without gaps; the size much slower than the middle."""
    smooth = cuts.copy()
    for run in runs(time_s, ~np.isnan(cuts[:, 0])):
        for columns, spread_s in ((slice(0, 2), _CENTRE_S), (slice(2, 4), _SIZE_S)):
            for row in run:
                near = run[np.abs(time_s[run] - time_s[row]) <= 3 * spread_s]
                weights = np.exp(-0.5 * ((time_s[near] - time_s[row]) / spread_s) ** 2)
                smooth[row, columns] = weights @ cuts[near, columns] / weights.sum()
    return smooth
