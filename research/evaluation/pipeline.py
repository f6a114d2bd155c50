"""Runs the very steps of a case on a local video, in this process and without any service."""

from __future__ import annotations

from pathlib import Path

from research.evaluation.prediction import Prediction, prediction_from_plain
from schemas.recording import Recording, SourceFile, Tri
from schemas.semiology import SemiologyResult


def _silent(fraction: float, stage: str, message: str) -> None:
    """Nobody watches a benchmark's progress step by step."""


class Pipeline:
    """Intake, segmentation and semiology over a local object store."""

    def __init__(self, store: Path) -> None:
        store.mkdir(parents=True, exist_ok=True)
        self._root = store.resolve().as_uri()
        self.name = "engine"

    def analyse(self, name: str, video: Path, *, mirrored: bool) -> Prediction:
        """What the installed engines say of one video.

        Args:
            name: folder for its outputs, unique in this store.
            video: the file.
            mirrored: what a sender would say about left and right in the picture.

        Raises:
            IctogramError: a step refused or failed, as it would in a case.

        """
        from services.intake.job import IngestJob
        from services.intake.service import ingest
        from services.intake.settings import IntakeSettings
        from services.runtime.convert import to_plain
        from services.runtime.objects import ObjectStore
        from services.segmentation.job import SegmentJob
        from services.segmentation.service import segment
        from services.segmentation.settings import SegmentationSettings
        from services.semiology.service import JudgeJob, judge

        store = ObjectStore(self._root)
        prefix = store.join(self._root, name)
        source = store.put_file(video, store.join(prefix, "source.mp4"), "video/mp4")
        recording = Recording("r1", (SourceFile(source),), mirrored=Tri.YES if mirrored else Tri.NO)
        intake = ingest(IngestJob(recording, self._root, store.join(prefix, "intake"), IntakeSettings()), _silent)
        masks = segment(
            SegmentJob(recording, intake, self._root, store.join(prefix, "segmentation"), SegmentationSettings()),
            _silent,
        )
        result = judge(JudgeJob(store.join(prefix, "semiology"), self._root, recording, intake, masks), _silent)
        self.name = " + ".join(f"{engine.name} {engine.version}" for engine in result.engines)
        return _prediction(result, to_plain(intake.facts), [to_plain(e) for e in result.episodes])


def _prediction(result: SemiologyResult, facts: dict[str, object], episodes: list[dict[str, object]]) -> Prediction:
    coverage = {"assessable_s": result.coverage.assessable_s}
    recordings = [{"recording": {"id": result.coverage.recording_id}, "facts": facts, "coverage": coverage}]
    engines = [{"answers": engine.answers} for engine in result.engines]
    return prediction_from_plain({"recordings": recordings, "episodes": episodes, "engines": engines})
