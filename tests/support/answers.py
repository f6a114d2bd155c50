"""Small, valid answers of every step, for tests that need no real computing."""

from __future__ import annotations

import hashlib

from google.protobuf.message import Message
from ictogram.model.v1 import report_pb2

from schemas.case import StepName
from schemas.engine import EngineInfo
from schemas.recording import IntakeResult, Interval, ObjectRef, RecordingFacts
from schemas.report import LocalizationAid, LocalizationResult
from schemas.segmentation import Segmentation, ViewKind
from schemas.semiology import (
    Coverage,
    Episode,
    Finding,
    FindingStatus,
    Occurrence,
    SemiologyResult,
    Side,
    SideRefersTo,
)
from services.cases.store.results import RESULTS
from services.runtime.convert import from_proto, to_proto

ENGINE = EngineInfo("fake", "1", "e" * 64)
FACTS = RecordingFacts(
    container="mp4",
    codec="h264",
    width_px=640,
    height_px=360,
    rotation_deg=0,
    duration_s=12.0,
    start_us=0,
    frames=360,
    nominal_rate_hz=30.0,
    effective_rate_hz=30.0,
    variable_rate=False,
    interlaced=False,
    has_audio=False,
)


def object_ref(uri: str, media_type: str = "application/octet-stream") -> ObjectRef:
    """A reference whose digest depends on the address only."""
    return ObjectRef(uri, hashlib.sha256(uri.encode()).hexdigest(), len(uri), media_type)


def episode(recording_id: str) -> Episode:
    """A clonic seizure of the right arm."""
    occurrence = Occurrence(
        id=f"{recording_id}-e1-clonic-1",
        sign="clonic",
        onset_s=Interval(3.0, 3.5),
        offset_s=Interval(8.0, 8.5),
        side=Side.RIGHT,
        side_refers_to=SideRefersTo.MOVING_LIMB,
        score=0.9,
    )
    findings = (
        Finding(
            id=f"{recording_id}-e1-clonic",
            sign="clonic",
            status=FindingStatus.PRESENT,
            score=0.9,
            assessable_s=6.0,
            episode_s=6.0,
            occurrences=(occurrence,),
            engine=ENGINE,
            view=ViewKind.FULL_FRAME,
            catalogue_version="1.0.0",
        ),
        Finding(id=f"{recording_id}-e1-cough", sign="cough", status=FindingStatus.NOT_ASSESSABLE),
    )
    return Episode(
        id=f"{recording_id}-e1",
        recording_id=recording_id,
        score=0.8,
        onset_s=Interval(2.5, 3.5),
        offset_s=Interval(8.0, 9.0),
        onset_captured=True,
        offset_captured=True,
        findings=findings,
    )


def answer(kind: StepName, request: Message) -> Message:
    """A valid Result for a request of a step's service."""
    prefix = request.context.output_prefix  # type: ignore[attr-defined]
    if kind is StepName.INTAKE:
        proxy = object_ref(f"{prefix}/proxy.mp4", "video/mp4")
        return to_proto(IntakeResult(FACTS, proxy, 640, 360, 30.0, None), RESULTS[kind])
    if kind is StepName.SEGMENTATION:
        masks = object_ref(f"{prefix}/masks.npz")
        return to_proto(Segmentation(ENGINE, masks, 5.0, None), RESULTS[kind])
    if kind is StepName.SEMIOLOGY:
        recording_id = request.recording.id  # type: ignore[attr-defined]
        coverage = Coverage(recording_id, 12.0, 11.0)
        return to_proto(SemiologyResult((ENGINE,), coverage, (episode(recording_id),)), RESULTS[kind])
    if kind is StepName.LOCALIZATION:
        readings = [from_proto(one.semiology, SemiologyResult) for one in request.readings]  # type: ignore[attr-defined]
        episodes = tuple(found for reading in readings for found in reading.episodes)
        return to_proto(LocalizationResult(ENGINE, episodes, LocalizationAid()), RESULTS[kind])
    return _report_files(request, prefix)


def _report_files(request: Message, prefix: str) -> report_pb2.ReportFiles:
    files = report_pb2.ReportFiles()
    files.report.id = request.report_id  # type: ignore[attr-defined]
    files.report.version = request.version  # type: ignore[attr-defined]
    files.report.created_at = request.created_at  # type: ignore[attr-defined]
    for name, media_type in (("json", "application/json"), ("html", "text/html"), ("pdf", "application/pdf")):
        getattr(files, name).CopyFrom(to_proto(object_ref(f"{prefix}/report.{name}", media_type), type(files.json)))
    return files
