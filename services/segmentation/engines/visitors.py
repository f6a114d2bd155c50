"""Second pass: people who come in over the edge of the picture, followed until they leave or stand still for long."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import cv2
import numpy as np

from services.segmentation.engines.scan import Cells, Scan, pack, unpack

_PERSON_SHARE = 0.008
_EDGE_CELLS = 2
_STEP_CELLS = 2
_TRAVEL = 0.18
_SLIVER = 0.2
_STAYED = 0.3
_SETTLE_S = 1.0
_REST_S = 10.0
_LOST_S = 0.7
_GROWTH = 1.3
_IN_BODY = 0.5


@dataclass(frozen=True, slots=True)
class Visits:
    """Where visitors are, picture by picture of a scan."""

    shape: tuple[int, int]
    """Rows and columns of the grid."""
    _packed: dict[int, bytes]
    left_body: tuple[int, ...] = ()
    """Pictures in which somebody who rose from the patient's place went out over the edge."""

    @property
    def any(self) -> bool:
        """There was a visitor."""
        return bool(self._packed)

    def at(self, index: int) -> Cells | None:
        """The visitors' cells in a picture; none when there was no visitor."""
        packed = self._packed.get(index)
        return None if packed is None else unpack(packed, self.shape)


@dataclass(slots=True)
class _Track:
    """One moving blob over time."""

    cells: Cells
    birth: Cells
    from_edge: bool
    from_body: bool
    start: tuple[float, float]
    moved_at: float
    seen_at: float
    area: float
    travel: float = 0.0
    at_edge: bool = False
    history: dict[int, bytes] = field(default_factory=dict)

    def visitor(self, long_side: int) -> bool:
        """Came in over the edge and walked on."""
        return self.from_edge and self.travel >= _TRAVEL * long_side

    def left_body(self, long_side: int) -> bool:
        """Rose from the patient's place and went out over the edge."""
        return self.from_body and not self.from_edge and self.at_edge and self.travel >= 2 * _TRAVEL * long_side


def follow(scan: Scan, body: Cells | None) -> Visits:
    """Everybody who walks in; `body` is the patient's place, which visitors may cover but do not start from."""
    long_side = max(scan.shape)
    body = np.zeros(scan.shape, bool) if body is None else body
    tracks: list[_Track] = []
    done: list[_Track] = []
    unsettled_until = -1.0
    for index in range(len(scan.time_s)):
        now = float(scan.time_s[index])
        if scan.usable[index] and index:
            _advance(tracks, _blobs(scan, index), body, index, now, settled=now > unsettled_until)
        else:
            unsettled_until = now + _SETTLE_S  # the room is not known yet
        over = [track for track in tracks if now - track.seen_at > _LOST_S or now - track.moved_at > _REST_S]
        done += [track for track in over if track.visitor(long_side) or track.left_body(long_side)]
        tracks = [track for track in tracks if not any(track is gone for gone in over)]
    packed: dict[int, bytes] = {}
    for track in (track for track in done + tracks if track.visitor(long_side)):
        for index, seen in track.history.items():
            together = unpack(seen, scan.shape) | unpack(packed[index], scan.shape) if index in packed else None
            packed[index] = seen if together is None else pack(together)
    left = sorted(max(track.history) for track in done if track.left_body(long_side))
    return Visits(scan.shape, packed, tuple(left))


_Blob = tuple[Cells, bool]
"""Cells, and whether something moves in them."""


def _blobs(scan: Scan, index: int) -> list[_Blob]:
    front = cv2.morphologyEx(scan.front(index).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(front)
    smallest = _PERSON_SHARE * front.size
    large = [label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= smallest]
    if not large:
        return []
    motion = scan.motion(index)
    return [(labels == label, bool((motion & (labels == label)).any())) for label in large]


def _advance(tracks: list[_Track], blobs: list[_Blob], body: Cells, index: int, now: float, *, settled: bool) -> None:
    for blob, moving in blobs:
        reached = [track for track in tracks if (_grown(track.cells) & blob).any()]
        if not reached:
            track = _born(blob, body, now, settled=settled)
            tracks.append(track)
        else:
            track = max(reached, key=lambda candidate: int((_grown(candidate.cells) & blob).sum()))
        cells = _own_part(track, blob, body)
        if not cells.any():
            continue
        _update(track, cells, index, now, moving=moving)


def _born(blob: Cells, body: Cells, now: float, *, settled: bool) -> _Track:
    """A blob without past. Who walks in is a sliver at the edge at first; what reaches in from the middle is not."""
    in_body = float((blob & body).sum() / blob.sum())
    return _Track(
        cells=blob,
        birth=blob,
        from_edge=settled and in_body < _IN_BODY and _touches_edge(blob) and _beside_edge(_middle(blob), blob.shape),
        from_body=in_body >= _IN_BODY,
        start=_middle(blob),
        moved_at=now,
        seen_at=now,
        area=float(blob.sum()),
    )


def _own_part(track: _Track, blob: Cells, body: Cells) -> Cells:
    """The part of a blob that is this visitor: beside the patient all of it, over the patient what is near and no more.

    Without the bound a visitor who touches the patient would take over the patient's own movement step by step.
    """
    over = blob & body
    if not over.any():
        track.area = max(track.area, float(blob.sum()))
    if not track.from_edge or not over.any():
        return blob
    beside = blob & ~body
    near = over & _grown(track.cells)
    room = _GROWTH * track.area - float(beside.sum())
    if near.sum() <= room:
        return beside | near
    if room <= 0 or not (beside.any() or track.cells.any()):
        return beside
    anchor = beside if beside.any() else track.cells
    distance = cv2.distanceTransform((~anchor).astype(np.uint8), cv2.DIST_L2, 3)
    limit = np.sort(distance[near])[min(int(room), int(near.sum()) - 1)]
    return cast("Cells", beside | (near & (distance <= limit)))


def _update(track: _Track, cells: Cells, index: int, now: float, *, moving: bool) -> None:
    if index in track.history:
        cells = cells | track.cells
    track.cells = cells
    track.history[index] = pack(cells)
    track.seen_at = now
    track.at_edge = _touches_edge(cells)
    if moving:
        track.moved_at = now
    if (cells & track.birth).sum() > _STAYED * track.birth.sum():
        return  # it grows from where it began, as movement that spreads over a body does: nobody walks
    middle = _middle(cells)
    track.travel = max(track.travel, float(np.hypot(middle[0] - track.start[0], middle[1] - track.start[1])))


def _grown(cells: Cells) -> Cells:
    size = 2 * _STEP_CELLS + 1
    return cast("Cells", cv2.dilate(cells.astype(np.uint8), np.ones((size, size), np.uint8)).astype(bool))


def _beside_edge(middle: tuple[float, float], shape: tuple[int, ...]) -> bool:
    """Left, right or below: nobody walks in from above."""
    row, column = middle
    near = _SLIVER * max(shape)
    return min(column, shape[1] - column, shape[0] - row) <= near


def _touches_edge(cells: Cells) -> bool:
    edge = _EDGE_CELLS
    return bool(cells[:edge].any() or cells[-edge:].any() or cells[:, :edge].any() or cells[:, -edge:].any())


def _middle(cells: Cells) -> tuple[float, float]:
    rows, columns = np.nonzero(cells)
    return float(rows.mean()), float(columns.mean())
