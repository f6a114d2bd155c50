"""The patient's joints over time: found in stills by a pose engine, one body followed through the recording.

Joints come in one layout, whatever network found them: the seventeen points of the COCO data set, left and right the
person's own. Places are pixels of the proxy, times seconds from the recording's first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import numpy.typing as npt

from schemas.engine import EngineInfo
from schemas.recording import Box, Interval
from services.media.decode import frames
from services.media.geometry import Image, pixel_box
from services.media.masks import MaskTrack

Floats = npt.NDArray[Any]
PixelBox = tuple[int, int, int, int]
"""Left, top, right, bottom."""

SEEN = 0.5
"""Visibility from which a joint is believed to be in the picture."""
LONGEST_GAP_S = 1.0
"""Joints are interpolated over at most this; longer, and the patient may have done anything meanwhile."""
LEAST_RATE_HZ = 1.25
"""However long the recording: fewer stills, and one that fails would tear a gap."""
_SEARCH_EVERY_S = 1.0
_LEAST_ON_PATIENT = 0.2
_MASK_MARGIN = 0.03
_REGION_MARGIN = 0.25
_NEAR_MASKS = 2


class Joint(IntEnum):
    """Rows of `Joints.places`; left and right are the person's own."""

    NOSE = 0
    LEFT_EYE = 1
    RIGHT_EYE = 2
    LEFT_EAR = 3
    RIGHT_EAR = 4
    LEFT_SHOULDER = 5
    RIGHT_SHOULDER = 6
    LEFT_ELBOW = 7
    RIGHT_ELBOW = 8
    LEFT_WRIST = 9
    RIGHT_WRIST = 10
    LEFT_HIP = 11
    RIGHT_HIP = 12
    LEFT_KNEE = 13
    RIGHT_KNEE = 14
    LEFT_ANKLE = 15
    RIGHT_ANKLE = 16


OF_FACE = (Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE, Joint.LEFT_EAR, Joint.RIGHT_EAR)
OTHER_SIDE = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])
"""For each joint the same one of the other side."""


@dataclass(frozen=True, slots=True)
class Joints:
    """One body at one instant."""

    places: Floats
    """(17, 2) x, y of each joint in pixels, also of those that are hidden."""
    visible: Floats
    """(17,) 0-1: that each joint is in the picture and not covered."""

    def seen(self, joint: Joint) -> bool:
        return bool(self.visible[joint] >= SEEN)

    def middle(self, *joints: Joint) -> Floats:
        """(2,) mean place of some joints."""
        return np.asarray(self.places[list(joints)].mean(axis=0))

    @property
    def trunk(self) -> Floats:
        """(2,) from the middle of the hips to the middle of the shoulders, pixels."""
        shoulders = self.middle(Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)
        return np.asarray(shoulders - self.middle(Joint.LEFT_HIP, Joint.RIGHT_HIP))


@runtime_checkable
class PoseEngine(Protocol):
    """One way of finding joints in a still. Keeps nothing from still to still."""

    def info(self) -> EngineInfo:
        """Who it is; cheap, loads nothing."""

    def load(self) -> None:
        """Get the weights ready; called once in the process that computes. Raises an `IctogramError`."""

    def find(self, image: Image, region: PixelBox, before: Joints | None) -> Sequence[Joints]:
        """People in a part of a colour picture (H x W x 3, BGR), surest first, in pixels of the whole picture.

        With `before`, the joints a moment ago, only that body is looked for, near where it was.
        """


@dataclass(frozen=True, slots=True)
class JointTrack:
    """The joints of one person over time, with gaps."""

    time_s: Floats
    """(n,) instants that were looked at, growing."""
    places: Floats
    """(n, 17, 2) pixels of the proxy; NaN where nobody was found."""
    visible: Floats
    """(n, 17) 0-1; 0 where nobody was found."""

    @classmethod
    def of(cls, time_s: Sequence[float], found: Sequence[Joints | None]) -> JointTrack:
        """From what was found at each instant."""
        count = len(Joint)
        places = [np.full((count, 2), np.nan) if one is None else one.places for one in found]
        visible = [np.zeros(count) if one is None else one.visible for one in found]
        return cls(
            np.asarray(time_s, float),
            np.array(places, float).reshape(-1, count, 2),
            np.array(visible, float).reshape(-1, count),
        )

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """(n,) whether the body was found at each instant."""
        return np.asarray(~np.isnan(self.places[:, 0, 0]))

    def stills(self) -> list[Joints | None]:
        """What was found at each instant."""
        return [
            Joints(places, visible) if there else None
            for places, visible, there in zip(self.places, self.visible, self.found, strict=True)
        ]

    def at(self, time_s: float) -> Joints | None:
        """The joints at any instant, in a straight line between two stills at most `LONGEST_GAP_S` apart."""
        known = np.flatnonzero(self.found)
        after = int(np.searchsorted(self.time_s[known], time_s))
        ends = [known[k] for k in (after - 1, after) if 0 <= k < len(known)]
        if len(ends) == 2 and self.time_s[ends[1]] - self.time_s[ends[0]] <= LONGEST_GAP_S:
            left, right = ends
            share = (time_s - self.time_s[left]) / (self.time_s[right] - self.time_s[left])
            return Joints(_between(self.places, left, right, share), _between(self.visible, left, right, share))
        near = min(ends, key=lambda k: abs(self.time_s[k] - time_s), default=None)
        if near is None:
            return None
        begin_s, end_s = stands_s(self.time_s, int(near))
        if not begin_s <= time_s <= end_s:
            return None
        return Joints(self.places[near], self.visible[near])

    def unit_px(self) -> float:
        """A body's shoulder width as it would look from the front, pixels; 0 when nobody was ever found.

        The wider of what the shoulders and four fifths of what the trunk span, the median over the recording: a body
        seen from the side has narrow shoulders, one seen from the bed's end a short trunk.
        """
        known = self.places[self.found]
        if not len(known):
            return 0.0
        across = known[:, Joint.LEFT_SHOULDER] - known[:, Joint.RIGHT_SHOULDER]
        shoulders, hips = known[:, [5, 6]].mean(axis=1), known[:, [11, 12]].mean(axis=1)
        spans = np.maximum(np.hypot(*across.T), 0.8 * np.hypot(*(shoulders - hips).T))
        return float(np.median(spans))


def follow(
    engine: PoseEngine,
    video: Path,
    masks: MaskTrack,
    region: Box | None,
    rate_hz: float,
    tell: Callable[[float], None],
) -> JointTrack:
    """Look for the patient's joints in `rate_hz` stills a second of the proxy; `tell` hears the instants done.

    A body counts as the patient's when more of its joints lie on the patient's mask than on others. Where the mask is
    empty, nobody is looked for. Memory grows by 400 bytes a still. Raises what decoding and the engine raise.
    """
    times: list[float] = []
    found: list[Joints | None] = []
    last: Joints | None = None
    searched_s = -np.inf
    for frame in frames(video, rate_hz=rate_hz, colour="bgr"):
        here: Joints | None = None
        patient, others = _near(masks, frame.time_s)
        if patient is not None:
            height, width = frame.image.shape[:2]
            wide = _wide(region, width, height)
            looks: list[tuple[PixelBox, Joints | None]] = [] if last is None else [(wide, last)]
            if last is not None or frame.time_s - searched_s >= _SEARCH_EVERY_S:
                looks += [(wide, None), ((0, 0, width, height), None)]
            for where, before in looks:
                searched_s = searched_s if before is not None else frame.time_s
                here = _patients(engine.find(frame.image, where, before), patient, others, (width, height))
                if here is not None:
                    break
        times.append(frame.time_s)
        found.append(here)
        last = here
        tell(frame.time_s)
    return steady(JointTrack.of(times, found))


def steady(track: JointTrack) -> JointTrack:
    """The same joints with sides that do not jump: a network may take left for right in single stills.

    Within a run without gaps each still keeps its sides or has them exchanged, whichever moves the joints less; the
    run as a whole keeps the sides that most of its stills gave.
    """
    places, visible = track.places.copy(), track.visible.copy()
    for run in runs(track.time_s, track.found):
        turned = [False]
        for row in run[1:]:
            stays = _moved(places[row], places[row - 1])
            turns = _moved(places[row][OTHER_SIDE], places[row - 1])
            turned.append(turns < 0.7 * stays)
            if turned[-1]:
                places[row], visible[row] = places[row][OTHER_SIDE], visible[row][OTHER_SIDE]
        if sum(turned) > len(turned) / 2:
            places[run], visible[run] = places[run][:, OTHER_SIDE], visible[run][:, OTHER_SIDE]
    return JointTrack(track.time_s, places, visible)


def runs(time_s: Floats, there: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.intp]]:
    """Rows in which something is there, apart where more than `LONGEST_GAP_S` lies between two of them."""
    rows = np.flatnonzero(there)
    breaks = np.flatnonzero(np.diff(time_s[rows]) > LONGEST_GAP_S)
    return [run for run in np.split(rows, breaks + 1) if len(run)]


def stands_s(time_s: Floats, row: int) -> tuple[float, float]:
    """From when until when a still stands where there is none to interpolate to; the last one a whole step long."""
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else LONGEST_GAP_S
    own_s = float(time_s[row])
    return own_s - step_s / 2, own_s + step_s * (1.0 if row == len(time_s) - 1 else 0.5) + 1e-6


def spans_without(time_s: Floats, there: npt.NDArray[np.bool_], end_s: float) -> tuple[Interval, ...]:
    """Spans of a recording of length `end_s` in which something is neither there nor interpolated."""
    known = [(stands_s(time_s, run[0])[0], stands_s(time_s, run[-1])[1]) for run in runs(time_s, there)]
    ends = [0.0, *(side for span in known for side in span), end_s]
    gaps = (Interval(lo, min(hi, end_s)) for lo, hi in zip(ends[::2], ends[1::2], strict=True))
    return tuple(gap for gap in gaps if gap.lo < gap.hi)


def _between(values: Floats, left: int, right: int, share: float) -> Floats:
    return np.asarray(values[left] * (1 - share) + values[right] * share)


def _moved(now: Floats, before: Floats) -> float:
    return float(np.median(np.hypot(*(now - before)[5:].T)))


def _near(masks: MaskTrack, time_s: float) -> tuple[npt.NDArray[np.bool_] | None, npt.NDArray[np.bool_]]:
    """Where patient and others are about an instant; no patient when the nearest mask is empty."""
    if not len(masks.time_s) or not masks.patient[masks.at(time_s)].any():
        return None, np.zeros((1, 1), bool)
    middle = masks.at(time_s)
    rows = range(max(0, middle - _NEAR_MASKS), min(len(masks.time_s), middle + _NEAR_MASKS + 1))
    patient = np.logical_or.reduce([masks.patient[row] for row in rows])
    reach = max(1, round(_MASK_MARGIN * patient.shape[1]))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return cv2.dilate(patient.astype(np.uint8), kernel).astype(bool), masks.others[middle]


def _wide(region: Box | None, width: int, height: int) -> PixelBox:
    """The patient's region with a margin; masks may show moving limbs only."""
    if region is None:
        return 0, 0, width, height
    across, down = (region.right - region.left) * _REGION_MARGIN, (region.bottom - region.top) * _REGION_MARGIN
    wide = Box(region.left - across, region.top - down, region.right + across, region.bottom + down)
    return pixel_box(Box(*(min(max(side, 0.0), 1.0) for side in wide)), width, height)


def _patients(
    people: Sequence[Joints],
    patient: npt.NDArray[np.bool_],
    others: npt.NDArray[np.bool_],
    size: tuple[int, int],
) -> Joints | None:
    """The body that lies best on the patient's mask, if one does."""
    best: tuple[float, Joints] | None = None
    for person in people:
        on, off = (_share_on(person, mask, size) for mask in (patient, others))
        if on >= _LEAST_ON_PATIENT and on > off and (best is None or on - off > best[0]):
            best = on - off, person
    return None if best is None else best[1]


def _share_on(person: Joints, mask: npt.NDArray[np.bool_], size: tuple[int, int]) -> float:
    rows, columns = mask.shape
    x, y = person.places.T / np.array([[size[0]], [size[1]]]) * np.array([[columns], [rows]])
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    cells = mask[np.clip(y, 0, rows - 1).astype(int), np.clip(x, 0, columns - 1).astype(int)]
    return float((cells & inside).mean())
