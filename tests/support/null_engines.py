"""Engines that look at nothing, to measure what everything around them costs. Chosen by the services' settings."""

from __future__ import annotations

import hashlib

import numpy as np

from schemas.engine import EngineInfo
from schemas.recording import Box
from schemas.segmentation import ViewKind
from schemas.semiology import CoverageGap, Reason
from services.media.masks import MaskTrack
from services.media.tracks import Track
from services.segmentation.engines import SegmentInput, SegmentOutput
from services.semiology.engines import Answer, Evidence, Proposal, Report, Study

SETTINGS = {
    "ICTOGRAM_SEGMENTATION_ENGINE": f"{__name__}:NullSegmentation",
    "ICTOGRAM_SEMIOLOGY_ENGINES": f'["{__name__}:NullSemiology"]',
}
"""What chooses them."""
_WHOLE = Box(0.0, 0.0, 1.0, 1.0)


def _info(name: str, answers: tuple[str, ...] = ()) -> EngineInfo:
    return EngineInfo(name, "1", hashlib.sha256(name.encode()).hexdigest(), "training-free", answers)


class NullSegmentation:
    """Takes the whole picture for the patient without opening the video."""

    def info(self) -> EngineInfo:
        return _info("null-segmentation")

    def load(self) -> None:
        """Nothing to load."""

    def segment(self, request: SegmentInput, report: Report) -> SegmentOutput:
        """One mask over everything, whatever the video shows."""
        report(0.5, "segment", "looking at nothing")
        whole = np.ones((1, 9, 16), bool)
        return SegmentOutput(MaskTrack.of(np.zeros(1), whole, ~whole), _WHOLE)


class NullSemiology:
    """Proposes no episode and claims one sign that it never sees."""

    def info(self) -> EngineInfo:
        return _info("null-semiology", ("clonic",))

    def load(self) -> None:
        """Nothing to load."""

    def study(self, evidence: Evidence, report: Report) -> Study:
        """A study of nothing, for the length of the recording."""
        report(0.5, "study", "looking at nothing")
        return _NullStudy(evidence.intake.facts.duration_s)


class _NullStudy:
    def __init__(self, duration_s: float) -> None:
        self._duration_s = duration_s

    def gaps(self) -> tuple[CoverageGap, ...]:
        return ()

    def proposals(self) -> tuple[Proposal, ...]:
        return ()

    def answers(self, episode: Proposal) -> tuple[Answer, ...]:
        seconds = episode.offset_s.lo - episode.onset_s.hi
        return (Answer("clonic", (), max(0.0, seconds), Reason.NONE, "", 0.0, ViewKind.FULL_FRAME),)

    def tracks(self) -> tuple[Track, ...]:
        return (Track("activity", np.array([0.0, self._duration_s]), np.zeros(2)),)
