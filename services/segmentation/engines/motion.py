"""Engine `motion`: finds the patient by where movement stays, and others by how they come in. Learns nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from schemas.engine import EngineInfo
from schemas.recording import Box, Interval
from schemas.segmentation import BodyPart, StaffContact
from services.media.decode import frames
from services.media.masks import MaskStack, MaskTrack
from services.segmentation.engines import PATIENT, Report, SegmentInput, SegmentOutput, place, visitors
from services.segmentation.engines.scan import GRID_PX, RATE_HZ, Cells, Scan, scan

VERSION = "1"
_LEAST_MOVEMENT_S = 1.5
_RESTLESS_SHARE = 0.5
_OTHER_SHARE = 0.006
_HIDDEN_SHARE = 0.7
_TOUCH_SHARE = 0.01
_EMPTY_SHARE = 0.3
_JOIN_S = 1.0
_LEAST_S = 0.6
_CAP_OF_METHOD = 0.8
_NO_VISITORS = (
    "Hardly anything moves in one place, so that the patient could not be found; a box drawn around them helps."
)
_ONLY_VISITORS = (
    "Hardly anything moves but people who walk in and out, so that the patient could not be found; "
    "a box drawn around them helps."
)
_LOSSES = (
    "The patient is taken to be whoever moves most steadily in one place; a person who hardly moves is not found.",
    "The patient's outline encloses where movement was seen, with a margin; it is no outline of the body.",
    "Two people who touch are told apart roughly, and people who were there from the start only by their place.",
)


class MotionEngine:
    """Background estimation and persistence of movement on a grid of 96 cells, five pictures a second."""

    def info(self) -> EngineInfo:
        parameters = f"motion {VERSION} {GRID_PX} {RATE_HZ}"
        return EngineInfo("motion", VERSION, hashlib.sha256(parameters.encode()).hexdigest(), "training-free")

    def load(self) -> None:
        """Nothing to load."""

    def segment(self, request: SegmentInput, report: Report) -> SegmentOutput:
        """Find the patient and others. Prompts: the first box of the patient counts, the rest is not used."""
        seen = _scan(request, report)
        report(0.8, "segment", "finding the patient")
        box = next((prompt.box for prompt in request.prompts if prompt.person == PATIENT and prompt.box), None)
        where, losses = _patient(seen, box)
        if where is None:
            return _nobody(seen, request, losses)
        visits = visitors.follow(seen, where.body)
        report(0.9, "segment", "telling others apart")
        return _Answer(seen, where, visits, request.mask_rate_hz).output(request.facts.duration_s, losses)


def _scan(request: SegmentInput, report: Report) -> Scan:
    facts = request.facts

    def told() -> Iterable[Any]:
        for count, frame in enumerate(frames(request.video, rate_hz=RATE_HZ, long_side_px=2 * GRID_PX)):
            if count % 25 == 0:
                report(0.8 * min(1.0, frame.time_s / max(facts.duration_s, 1e-3)), "segment", "looking for movement")
            yield frame

    jumps = (*facts.quality.cuts_s, *facts.quality.light_changes_s)
    return scan(told(), facts.quality.camera_moving, jumps)


def _patient(seen: Scan, box: Box | None) -> tuple[place.Place | None, tuple[str, ...]]:
    """The patient's place, and what could not be told."""
    usable = float(seen.usable.mean()) if len(seen.time_s) else 0.0
    if usable < 1 - _RESTLESS_SHARE and box is None:
        told = (
            f"The camera or the whole picture moves in {1 - usable:.0%} of the recording, so that the patient "
            "could not be told from the room; the whole picture counts as the patient."
        )
        return place.whole_picture(seen.shape), (told, *_LOSSES)
    steady = place.steadiness(seen)
    if box is not None:
        return place.drawn(box, steady), _LOSSES[1:]
    strangers = visitors.follow(seen, None)
    alone = place.steadiness(seen, strangers) if strangers.any else steady
    where = place.found(alone)
    if where is None or float(alone.max()) * _length_s(seen) < _LEAST_MOVEMENT_S:
        return None, (_NO_VISITORS if not strangers.any else _ONLY_VISITORS, *_LOSSES)
    return where, _LOSSES


def _length_s(seen: Scan) -> float:
    return float(seen.time_s[-1] - seen.time_s[0]) if len(seen.time_s) else 0.0


def _nobody(seen: Scan, request: SegmentInput, losses: tuple[str, ...]) -> SegmentOutput:
    indices = _mask_indices(seen, request.mask_rate_hz)
    blank = MaskStack.blank((len(indices), *seen.shape))
    return SegmentOutput(
        masks=MaskTrack(seen.time_s[indices], blank, blank),
        patient_region=None,
        patient_missing=(Interval(0.0, request.facts.duration_s),),
        losses=losses,
    )


def _mask_indices(seen: Scan, rate_hz: float) -> list[int]:
    """Pictures of the scan nearest to the instants at which masks are wanted, each once."""
    if not len(seen.time_s):
        return []
    wanted = np.arange(seen.time_s[0], seen.time_s[-1] + 1e-6, 1 / rate_hz)
    return sorted({int(np.abs(seen.time_s - instant).argmin()) for instant in wanted})


class _Answer:
    """Puts the parts together."""

    def __init__(self, seen: Scan, where: place.Place, visits: visitors.Visits, rate_hz: float) -> None:
        self._seen = seen
        self._where = where
        self._visits = visits
        self._indices = _mask_indices(seen, rate_hz)
        self._least = _OTHER_SHARE * where.body.size

    def output(self, duration_s: float, losses: tuple[str, ...]) -> SegmentOutput:
        times, where = self._seen.time_s, self._where
        body = max(1, int(where.body.sum()))
        present, over = np.zeros(len(times), bool), np.zeros(len(times))
        for index in range(len(times)):
            others = self._others(index)
            present[index] = others.sum() >= self._least
            over[index] = int((others & where.body).sum()) / body
        touching = present & (over >= _TOUCH_SHARE)
        hidden = _spans(times, over >= _HIDDEN_SHARE, duration_s)
        return SegmentOutput(
            masks=self._masks(),
            patient_region=where.region,
            patient_missing=tuple(sorted((*hidden, *self._gone(duration_s)))),
            others_present=_spans(times, present, duration_s),
            staff_contacts=tuple(
                StaffContact(span, BodyPart.UNSPECIFIED) for span in _spans(times, touching, duration_s)
            ),
            quality=self._quality(),
            losses=losses,
        )

    def _others(self, index: int) -> Cells:
        """Visitors, and what moves steadily elsewhere."""
        cells = self._seen.motion(index) & self._where.elsewhere
        visitor = self._visits.at(index)
        return cells if visitor is None else cells | visitor

    def _masks(self) -> MaskTrack:
        others = MaskStack.packed((self._others(index) for index in self._indices), *self._seen.shape)
        patient = MaskStack.packed((self._where.reach & ~other for other in others), *self._seen.shape)
        return MaskTrack(self._seen.time_s[self._indices], patient, others)

    def _gone(self, duration_s: float) -> tuple[Interval, ...]:
        """From when the patient walked out of the picture until something moves in their place again.

        That it was the patient shows in the place, which looks different without them.
        """
        gone: list[Interval] = []
        for index in self._visits.left_body:
            after = min(index + round(RATE_HZ), len(self._seen.time_s) - 1)
            if (self._seen.front(after) & self._where.body).sum() < _EMPTY_SHARE * self._where.body.sum():
                continue
            back = next((later for later in range(index + 1, len(self._seen.time_s)) if self._moves(later)), None)
            until = duration_s if back is None else float(self._seen.time_s[back])
            if until - float(self._seen.time_s[index]) >= _LEAST_S:
                gone.append(Interval(float(self._seen.time_s[index]), until))
        return tuple(gone)

    def _moves(self, index: int) -> bool:
        return int((self._seen.motion(index) & self._where.body).sum()) >= self._least

    def _quality(self) -> float:
        """Share of the movement, not counting others, that lies in the patient's place, bounded by the method."""
        inside = total = 0
        for index in np.flatnonzero(self._seen.usable).tolist():
            moving = self._seen.motion(index) & ~self._others(index)
            total += int(moving.sum())
            inside += int((moving & self._where.reach).sum())
        share = inside / total if total else 0.5
        steady = float(self._seen.usable.mean())
        return float(np.clip(min(self._where.confidence, _CAP_OF_METHOD) * share * steady, 0, 1))


def _spans(times: np.ndarray[Any, Any], flags: np.ndarray[Any, Any], end_s: float) -> tuple[Interval, ...]:
    """Flagged pictures as spans: gaps under a second joined, what is shorter than 0.6 s left out."""
    step = 1 / RATE_HZ
    spans: list[Interval] = []
    for time_s in times[flags]:
        if spans and time_s - spans[-1].hi < _JOIN_S:
            spans[-1] = Interval(spans[-1].lo, min(end_s, float(time_s) + step))
        else:
            spans.append(Interval(float(time_s), min(end_s, float(time_s) + step)))
    return tuple(span for span in spans if span.length_s >= _LEAST_S)
