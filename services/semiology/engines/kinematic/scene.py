"""Everything measured of one recording, ready for the detectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.recording import Box, Interval, RecordingFacts
from schemas.segmentation import Segmentation
from schemas.semiology import CoverageGap, Reason
from services.media.decode import frames
from services.media.masks import MaskTrack
from services.semiology.engines import Evidence
from services.semiology.engines.kinematic.body import Body, body_of
from services.semiology.engines.kinematic.flow import MotionGrid
from services.semiology.engines.kinematic.head import Picture, find_head
from services.semiology.engines.kinematic.midline import find_midline
from services.semiology.engines.kinematic.skeleton import Skeleton, find_skeleton

Floats = npt.NDArray[Any]

STILL_PX = 560
"""Long side of stills: a patient who fills half of the picture still has a head of 20 px for the networks."""
STILLS = 9
"""Stills in which the body is looked for."""
FACE_STILLS = np.s_[::2]
"""Of these, where joints are not found, stills in which the head is looked for."""
REGION_MARGIN = 0.2
"""The patient's region is widened by this share of the picture: limbs reach out of it."""
NOISE_MARGIN = 3.0
"""Cell velocities below this many times the picture's own floor are taken as still."""
STIRRING = 0.01
"""Cell speed, long sides per second, that is more than breathing."""
FEWEST_CELLS = 2
"""Cells that move when somebody stirs: a hand covers two."""
EDGE_S = 1.5
"""A span that reaches over a part by no more than this ends with the recording, not in the next part."""
SHAKING_SPEED = 0.004
"""Camera velocity (long sides per second) from which the picture counts as moving."""


@dataclass(frozen=True)
class Seen:
    """What is kept of a recording when its movement was judged: little, however long it is."""

    time_s: npt.NDArray[np.float64]
    """(n,) instants of the measured frames."""
    rate_hz: float
    """Measured frames per second."""
    body: Body
    """Geometry."""
    facts: RecordingFacts
    """What intake measured."""
    segmentation: Segmentation
    """Staff contacts and more."""
    gaps: tuple[CoverageGap, ...]
    """Spans in which movement cannot be judged."""
    moving: Floats
    """(n,) 1 in frames in which the patient moves, else 0."""
    begin_s: float
    """Begin of the part."""
    end_s: float
    """End of the part."""


@dataclass(frozen=True)
class Scene(Seen):
    """One part of a recording with its movement."""

    grid: MotionGrid
    """Movement, zeroed where it is not the patient's or cannot be judged."""

    @property
    def weight(self) -> Floats:
        """(rows, columns) 1 where the patient may be."""
        return self.body.weight


def stills_of(evidence: Evidence) -> list[Picture]:
    """A few colour pictures spread over the recording, found by seeking."""
    duration = evidence.intake.facts.duration_s
    step = 1.0 / max(1.0, evidence.intake.proxy_rate_hz)
    pictures: list[Picture] = []
    for k in range(STILLS):
        at = duration * (k + 0.25) / STILLS
        for frame in frames(evidence.proxy, long_side_px=STILL_PX, colour="bgr", span=(at, at + 2.5 * step)):
            pictures.append(frame.image)
            break
    return pictures


def body_in(evidence: Evidence, grid: MotionGrid) -> Body:
    """The patient's geometry on the cells of `grid`, whose movement shows where the patient is."""
    weight = weight_of(evidence, grid.shape)
    region = evidence.recording.patient_box or evidence.segmentation.patient_region
    stills = stills_of(evidence)
    skeleton = find_skeleton(stills, region)
    if skeleton is not None:
        if evidence.recording.patient_box is None:
            weight = np.maximum(weight, _around(skeleton, grid))
        return body_of(grid.shape, grid.aspect, None, weight, region, evidence.recording.mirrored, skeleton=skeleton)
    stills = stills[FACE_STILLS]
    midline = find_midline(_middle(stills), _moved(evidence, grid, weight)) if stills else None
    head = find_head(stills, region, midline)
    return body_of(grid.shape, grid.aspect, head, weight, region, evidence.recording.mirrored, midline)


def _around(skeleton: Skeleton, grid: MotionGrid) -> Floats:
    """(rows, columns) 1 where the joints lie: a patient of whom only a hand moved so far is the patient all over."""
    across = max(1.0, grid.aspect)
    down = across / grid.aspect
    left, top, right, bottom = skeleton.bounds
    return box_cells(Box(left * across, top * down, right * across, bottom * down), grid.shape, 0.0)


def _middle(stills: Sequence[Picture]) -> npt.NDArray[np.uint8]:
    """The grey picture of what stays where it is in most stills."""
    import cv2

    return np.asarray(cv2.cvtColor(np.median(np.stack(stills), axis=0).astype(np.uint8), cv2.COLOR_BGR2GRAY), np.uint8)


def _moved(evidence: Evidence, grid: MotionGrid, weight: Floats) -> Floats:
    """(rows, columns) how much the patient moved where, on average, above the noise."""
    count = len(grid.speed)
    if not count:
        return np.zeros(grid.shape, np.float32)
    mine = of_patient(grid, weight, evidence.masks)
    floor = max(STIRRING / 2, noise_floor(grid))
    total = np.zeros(grid.shape, np.float32)
    for begin in range(0, count, 1000):  # not the whole part at once in float32
        some = np.s_[begin : begin + 1000]
        total += np.maximum((grid.speed[some] * mine[some]).astype(np.float32) - floor, 0).sum(axis=0)
    return np.asarray(total / count)


def weight_of(evidence: Evidence, shape: tuple[int, int]) -> Floats:
    """(rows, columns) 1 where the patient may be: the box a person drew, else mask and region, else everywhere."""
    box = evidence.recording.patient_box
    if box is not None:
        return box_cells(box, shape, 0.0)
    region = evidence.segmentation.patient_region
    weight = box_cells(region, shape, REGION_MARGIN) if region is not None else np.ones(shape, np.float32)
    if evidence.masks is not None and len(evidence.masks.time_s):
        ever = _cells(evidence.masks.patient.share(), shape)
        weight = np.maximum(weight, _widen(ever > 0.02)) if region is not None else _widen(ever > 0.02)
    return weight if weight.any() else np.ones(shape, np.float32)


def box_cells(box: Box, shape: tuple[int, int], margin: float) -> Floats:
    """(rows, columns) 1 for cells whose centre lies in the widened box."""
    rows, columns = shape
    x, y = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    across = (x >= box.left - margin) & (x <= box.right + margin)
    down = (y >= box.top - margin) & (y <= box.bottom + margin)
    return (down[:, None] & across[None, :]).astype(np.float32)


def _cells(mask: Floats, shape: tuple[int, int]) -> Floats:
    """A mask or its mean over time as shares per cell."""
    import cv2

    rows, columns = shape
    return np.asarray(cv2.resize(mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA))


def _widen(cells: npt.NDArray[np.bool_]) -> Floats:
    import cv2

    return np.asarray(cv2.dilate(cells.astype(np.uint8), np.ones((5, 5), np.uint8)), np.float32)


def of_patient(grid: MotionGrid, weight: Floats, masks: MaskTrack | None) -> npt.NDArray[np.bool_]:
    """(n, rows, columns) true in the patient's place, but not where somebody else is just then."""
    mine = np.broadcast_to(weight > 0, (len(grid.time_s), *grid.shape)).copy()
    if masks is not None and masks.others.any():
        nearest = np.array([masks.at(float(t)) for t in grid.time_s], np.intp)
        for k in np.unique(nearest).tolist():
            others = masks.others[k]
            if others.any():
                mine[nearest == k] &= _cells(others, grid.shape) < 0.3
    return mine


def gaps_of(evidence: Evidence, grid: MotionGrid) -> tuple[CoverageGap, ...]:
    """Spans that cannot be judged, with the reason, in time order."""
    quality, segmentation = evidence.intake.facts.quality, evidence.segmentation
    found = [CoverageGap(span, Reason.DARK) for span in quality.dark]
    found += [CoverageGap(span, Reason.CAMERA_MOVING) for span in quality.camera_moving]
    found += [CoverageGap(span, Reason.VIEW_MISSING) for span in quality.frozen]
    if segmentation.patient_region is not None or not moving_frames(grid).any():
        # A patient of whom only a hand ever moves is not located, but the hand is seen: small movement counts.
        missing = (_within(span, grid) for span in segmentation.patient_missing)
        found += [CoverageGap(span, Reason.PATIENT_NOT_FOUND) for span in missing if span is not None]
    found += [CoverageGap(span, Reason.CAMERA_MOVING) for span in shaking(grid)]
    return tuple(sorted(found, key=lambda gap: gap.span))


def _within(span: Interval, grid: MotionGrid) -> Interval | None:
    """The share of a span in the measured part: whether anything moves there says nothing of other parts."""
    if not len(grid.time_s):
        return span
    begin, end = float(grid.time_s[0]), float(grid.time_s[-1])
    low = span.lo if begin - span.lo < EDGE_S else begin
    high = span.hi if span.hi - end < EDGE_S else end
    return Interval(low, high) if low < high else None


def shaking(grid: MotionGrid) -> tuple[Interval, ...]:
    """Spans of at least a second in which the camera moved most of the time, measured here."""
    if not len(grid.time_s):
        return ()
    moving = (np.hypot(grid.camera[:, 0], grid.camera[:, 1]) > SHAKING_SPEED).astype(np.float64)
    length = max(1, round(grid.rate_hz))
    busy = np.convolve(moving, np.ones(length) / length, "same") > 0.3
    return tuple(span for span in spans(busy, grid.time_s) if span.length_s >= 1.0)


def spans(flags: npt.NDArray[np.bool_], time_s: npt.NDArray[np.float64]) -> Iterator[Interval]:
    """The stretches in which `flags` (n,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    for first, past in zip(edges[::2], edges[1::2], strict=True):
        yield Interval(float(time_s[first]), float(time_s[past - 1]))


def keep(grid: MotionGrid, mine: npt.NDArray[np.bool_], gaps: Sequence[CoverageGap]) -> None:
    """Sets the grid to still where it is not `mine` (n, rows, columns) and in every gap.

    Nothing is concluded from movement that is not the patient's or cannot be judged. Changes `grid` itself, because
    copies would double what a long recording takes.
    """
    for gap in gaps:
        mine[(grid.time_s >= gap.span.lo) & (grid.time_s <= gap.span.hi)] = False
    grid.velocity[~mine], grid.speed[~mine] = 0, 0


def scene_of(evidence: Evidence, grid: MotionGrid, body: Body) -> Scene:
    """Puts the measured parts together; `grid` becomes the scene's and loses what is not the patient's."""
    gaps = gaps_of(evidence, grid)
    keep(grid, of_patient(grid, body.weight, evidence.masks), gaps)
    begin = float(grid.time_s[0]) if len(grid.time_s) else 0.0
    end = float(grid.time_s[-1]) if len(grid.time_s) else evidence.intake.facts.duration_s
    return Scene(
        time_s=grid.time_s,
        rate_hz=grid.rate_hz,
        body=body,
        facts=evidence.intake.facts,
        segmentation=evidence.segmentation,
        gaps=gaps,
        moving=moving_frames(grid),
        begin_s=begin,
        end_s=end,
        grid=grid,
    )


def kept(scene: Scene) -> Seen:
    """The scene without its movement."""
    return Seen(**{field.name: getattr(scene, field.name) for field in fields(Seen)})


def joined(parts: Sequence[Seen]) -> Seen:
    """The parts of one recording, in time order and overlapping, as one; the last body, which is the best found."""
    times, moving = [parts[0].time_s], [parts[0].moving]
    for part in parts[1:]:
        later = part.time_s > times[-1][-1] if len(times[-1]) else np.ones(len(part.time_s), bool)
        times.append(part.time_s[later])
        moving.append(part.moving[later])
    first = parts[0]
    return Seen(
        time_s=np.concatenate(times),
        rate_hz=first.rate_hz,
        body=parts[-1].body,
        facts=first.facts,
        segmentation=first.segmentation,
        gaps=tuple(sorted({gap for part in parts for gap in part.gaps}, key=lambda gap: gap.span)),
        moving=np.concatenate(moving),
        begin_s=first.begin_s,
        end_s=parts[-1].end_s,
    )


def noise_floor(grid: MotionGrid) -> float:
    """Cell speed of a still picture: what most cells show most of the time, times a margin."""
    if not len(grid.time_s):
        return NOISE_MARGIN * 1e-4
    sample = grid.speed[:: max(1, len(grid.time_s) // 400)].astype(np.float32)
    return NOISE_MARGIN * float(np.median(np.percentile(sample, 30, axis=0))) + 1e-4


def moving_frames(grid: MotionGrid) -> Floats:
    """(n,) 1 where at least two cells (a hand) exceed the noise and a least speed, averaged over half a second."""
    limit = max(noise_floor(grid), STIRRING)
    busy = ((grid.speed > limit).sum(axis=(1, 2)) >= FEWEST_CELLS).astype(np.float32)
    length = max(1, round(0.5 * grid.rate_hz))
    return np.asarray(np.convolve(busy, np.ones(length) / length, "same") > 0.3, np.float32)
