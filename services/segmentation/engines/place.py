"""Where the patient lies: the person-sized place that moves most steadily over the recording, or the box drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from schemas.recording import Box
from services.segmentation.engines.scan import Cells, Scan
from services.segmentation.engines.visitors import Visits

_BIN_S = 2.0
_FULL_BIN = 0.5
_SMOOTH = 1.6
_LEAST_SHARE = 0.2
_PERSON_SHARE = 0.008
_NEAR = 0.07
_MARGIN = 0.05
_SMALL_MARGIN = 0.14
_LARGE_SHARE = 0.25
_OTHER_SCORE = 0.15
_STRANGER_MARGIN = 0.05

Weights = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Place:
    """The patient's place over the whole recording, and those of others who were there all along."""

    body: Cells
    """Cells that belong to the patient, without margin."""
    reach: Cells
    """The same with margin: what limbs may reach."""
    region: Box
    """Bounding box of `reach`."""
    elsewhere: Cells
    """Cells that move steadily and apart from the patient: somebody else, a screen, a curtain."""
    confidence: float
    """0-1."""


def steadiness(scan: Scan, strangers: Visits | None = None) -> Weights:
    """(h, w) share of two-second bins in which each cell kept moving, without where strangers are.

    A bin counts in full when the cell moved in half of its pictures, and much less when it moved once or twice: that
    is somebody passing.
    """
    rate = len(scan.time_s) / max(scan.time_s[-1] - scan.time_s[0], 1e-6) if len(scan.time_s) > 1 else 1.0
    length = max(1, round(_BIN_S * rate))
    total = np.zeros(scan.shape, np.float32)
    bins = 0
    for start in range(0, len(scan.time_s), length):
        indices = [index for index in range(start, min(start + length, len(scan.time_s))) if scan.usable[index]]
        if len(indices) * 2 < length:
            continue
        count = np.zeros(scan.shape, np.float32)
        for index in indices:
            moving = scan.motion(index)
            stranger = strangers.at(index) if strangers is not None else None
            count += moving if stranger is None else moving & ~_grown(_hull(stranger), _STRANGER_MARGIN)
        total += np.minimum(count / (_FULL_BIN * length), 1.0) ** 2
        bins += 1
    return np.asarray(total / max(bins, 1), np.float32)


def whole_picture(shape: tuple[int, int]) -> Place:
    """The answer where everything moves and nothing can be told apart."""
    everything = np.ones(shape, bool)
    return Place(everything, everything, Box(0, 0, 1, 1), ~everything, 0.1)


def drawn(box: Box, steady: Weights) -> Place:
    """The place that a person drew; what moves outside of it is somebody else's."""
    inside = _box_cells(box, steady.shape)
    reach = _grown(inside, _MARGIN / 2)
    _, labels, shares = _islands(steady)
    elsewhere = np.isin(labels, [label for label, share in shares.items() if share > 0]) & ~_grown(inside, _NEAR)
    return Place(inside, reach, box, elsewhere, 0.9)


def found(steady: Weights) -> Place | None:
    """The best place; none when hardly anything moved."""
    count, labels, shares = _islands(steady)
    scores = {label: share for label, share in shares.items() if share > 0}
    if not count or not scores:
        return None
    best = max(scores, key=lambda label: scores[label])
    body = labels == best
    for label in sorted(scores, key=lambda label: -scores[label]):  # limbs that lie apart from the trunk
        island = labels == label
        if label != best and (_grown(body, _NEAR) & island).any():
            body |= island
    hull = _hull(body)
    reach = _grown(hull, _margin(float(hull.mean())))
    mine = sum(scores[label] for label in scores if (body & (labels == label)).any())
    far = [label for label in scores if not (body & (labels == label)).any() and scores[label] > _OTHER_SCORE * mine]
    elsewhere = np.isin(labels, far) & ~reach
    return Place(hull, reach, _bounding_box(reach), elsewhere, float(np.clip(mine / sum(scores.values()), 0, 1)) * 0.8)


def _islands(steady: Weights) -> tuple[int, np.ndarray[Any, np.dtype[np.int32]], dict[int, float]]:
    """Connected places that move, with their score: steadiness summed over the place, the middle counting more."""
    soft = np.asarray(cv2.GaussianBlur(steady, (0, 0), _SMOOTH), np.float32)
    count, labels = cv2.connectedComponents((soft > _LEAST_SHARE * float(soft.max(initial=0))).astype(np.uint8))
    if float(soft.max(initial=0)) <= 0:
        return 0, np.zeros(steady.shape, np.int32), {}
    weight = np.sqrt(soft) * _middle(steady.shape)
    smallest = _PERSON_SHARE * steady.size
    scores = {}
    for label in range(1, count):
        island = labels == label
        scores[label] = float(weight[island].sum()) if island.sum() >= smallest else 0.0
    return count - 1, np.asarray(labels, np.int32), scores


def _margin(share: float) -> float:
    """Wider for small places: where only a chest was seen breathing, arms and legs lie further out."""
    return _MARGIN + (_SMALL_MARGIN - _MARGIN) * max(0.0, 1 - share / _LARGE_SHARE)


def _middle(shape: tuple[int, int]) -> Weights:
    """1 in the middle of the picture, where whoever films aims, 0.4 in its corners."""
    rows, columns = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    return np.asarray(0.4 + 0.6 * np.exp(-(rows[:, None] ** 2 + columns[None, :] ** 2)), np.float32)


def _hull(cells: Cells) -> Cells:
    """The convex outline of the cells: what lies between moving limbs is the patient too."""
    points = np.argwhere(cells)[:, ::-1].astype(np.int32)
    filled = np.zeros(cells.shape, np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return filled.astype(bool)


def _grown(cells: Cells, share: float) -> Cells:
    reach = max(1, round(share * max(cells.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(cells.astype(np.uint8), disc).astype(bool)


def _box_cells(box: Box, shape: tuple[int, ...]) -> Cells:
    rows, columns = shape
    cells = np.zeros((rows, columns), bool)
    top, bottom = int(box.top * rows), max(int(box.top * rows) + 1, round(box.bottom * rows))
    left, right = int(box.left * columns), max(int(box.left * columns) + 1, round(box.right * columns))
    cells[top:bottom, left:right] = True
    return cells


def _bounding_box(cells: Cells) -> Box:
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    height, width = cells.shape
    left, right = int(columns[0]) / width, (int(columns[-1]) + 1) / width
    return Box(left, int(rows[0]) / height, right, (int(rows[-1]) + 1) / height)
