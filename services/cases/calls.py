"""What each step asks of its service: the request made from the results of earlier steps, and the key of the answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from ictogram.intake.v1 import intake_pb2, intake_pb2_grpc
from ictogram.localization.v1 import localization_pb2, localization_pb2_grpc
from ictogram.model.v1 import case_pb2, recording_pb2, report_pb2, segmentation_pb2, semiology_pb2
from ictogram.report.v1 import report_pb2 as compose_pb2
from ictogram.report.v1 import report_pb2_grpc as compose_pb2_grpc
from ictogram.segmentation.v1 import segmentation_pb2 as segment_pb2
from ictogram.segmentation.v1 import segmentation_pb2_grpc as segment_pb2_grpc
from ictogram.semiology.v1 import semiology_pb2 as judge_pb2
from ictogram.semiology.v1 import semiology_pb2_grpc as judge_pb2_grpc
from ictogram.work.v1.work_pb2 import WorkContext

from schemas.case import Case, CaseStatus, StepName
from schemas.recording import Recording
from schemas.semiology import Intervention, Read, Test
from services.cases.store.results import Edition
from services.cases.store.steps import Claim
from services.runtime.convert import to_proto

MessageT = TypeVar("MessageT", bound=Message)

STUBS: Mapping[StepName, tuple[Callable[[Any], Any], str]] = {
    StepName.INTAKE: (intake_pb2_grpc.IntakeServiceStub, "Ingest"),
    StepName.SEGMENTATION: (segment_pb2_grpc.SegmentationServiceStub, "Segment"),
    StepName.SEMIOLOGY: (judge_pb2_grpc.SemiologyServiceStub, "Judge"),
    StepName.LOCALIZATION: (localization_pb2_grpc.LocalizationServiceStub, "Localize"),
    StepName.REPORT: (compose_pb2_grpc.ReportServiceStub, "Compose"),
}
"""Stub and method of each step's service; the service is named like the step."""


@dataclass(frozen=True, slots=True)
class Known:
    """Everything a run knows when one of its steps is about to be called."""

    case: Case
    results: Mapping[tuple[StepName, str], bytes]
    """Results of the finished steps, by step and recording."""
    edition: Edition | None = None
    """The report version to write; for the report step."""
    tests: tuple[Test, ...] = field(default=())
    interventions: tuple[Intervention, ...] = field(default=())
    reads: tuple[Read, ...] = field(default=())

    def recording(self, recording_id: str) -> Recording:
        """The recording with that id."""
        return next(recording for recording in self.case.recordings if recording.id == recording_id)

    def result(self, name: StepName, recording_id: str, kind: type[MessageT]) -> MessageT:
        """The result of an earlier step."""
        message = kind()
        message.ParseFromString(self.results[name, recording_id])
        return message


def build(held: Claim, known: Known, output_prefix: str) -> Message:
    """The request of a step's service."""
    context = WorkContext(
        request_id=held.step_id,
        site_id=held.site_id,
        case_id=held.case_id,
        run_id=held.run_id,
        step_id=held.step_id,
        output_prefix=output_prefix,
        expected_digest=held.expected_digest,
    )
    return _BUILDERS[held.name](held, known, context)


def key(held: Claim, request: Message) -> str:
    """The key of a step's result: site, step, inputs by content, settings and expected engine; not ids or addresses.

    Two requests with equal keys ask the same question of the same engine about the same bytes.
    """
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("context")
    _forget_addresses(bare)
    digest = hashlib.sha256()
    for part in (held.site_id, held.name.value, held.recording_id, str(held.part), held.expected_digest):
        digest.update(f"{len(part)}:{part};".encode())
    digest.update(bare.SerializeToString(deterministic=True))
    return digest.hexdigest()


def video_s(held: Claim, known: Known, least_bytes_per_s: float) -> float:
    """Seconds of video that the step works on, for its deadline; before intake a guess on the long side, by size."""
    if held.name is StepName.INTAKE:
        return sum(file.object.size_bytes for file in known.recording(held.recording_id).files) / least_bytes_per_s
    wanted = [held.recording_id] if held.recording_id else [recording.id for recording in known.case.recordings]
    return sum(known.result(StepName.INTAKE, one, recording_pb2.IntakeResult).facts.duration_s for one in wanted)


def _forget_addresses(message: Message) -> None:
    """Objects count by content: clear every address, at any depth."""
    if isinstance(message, recording_pb2.ObjectRef):
        message.ClearField("uri")
        return
    for descriptor, value in message.ListFields():
        if descriptor.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            for item in value if descriptor.is_repeated else (value,):
                _forget_addresses(item)


def _ingest(held: Claim, known: Known, context: WorkContext) -> Message:
    return intake_pb2.IngestRequest(context=context, recording=_recording(known, held.recording_id))


def _segment(held: Claim, known: Known, context: WorkContext) -> Message:
    return segment_pb2.SegmentRequest(
        context=context, recording=_recording(known, held.recording_id), intake=_intake(known, held.recording_id)
    )


def _judge(held: Claim, known: Known, context: WorkContext) -> Message:
    return judge_pb2.JudgeRequest(
        context=context,
        recording=_recording(known, held.recording_id),
        intake=_intake(known, held.recording_id),
        segmentation=known.result(StepName.SEGMENTATION, held.recording_id, segmentation_pb2.Segmentation),
    )


def _localize(_held: Claim, known: Known, context: WorkContext) -> Message:
    readings = [
        localization_pb2.RecordingReading(
            recording=_recording(known, recording.id),
            intake=_intake(known, recording.id),
            semiology=_semiology(known, recording.id),
        )
        for recording in known.case.recordings
    ]
    history = to_proto(known.case.context, case_pb2.PatientContext)
    return localization_pb2.LocalizeRequest(context=context, readings=readings, patient_context=history)


def _compose(_held: Claim, known: Known, context: WorkContext) -> Message:
    assert known.edition is not None
    # What changes while the run goes on is no part of the question: the same request must give the same bytes.
    case = replace(
        known.case,
        status=CaseStatus.RUNNING,
        error_code="",
        error_message="",
        report_id="",
        report_version=0,
        run_id=context.run_id,
    )
    return compose_pb2.ComposeRequest(
        context=context,
        case=to_proto(case, case_pb2.Case),
        report_id=known.edition.report_id,
        version=known.edition.version,
        created_at=known.edition.created_at,
        recordings=[_report_input(known, recording.id) for recording in known.case.recordings],
        localization=known.result(StepName.LOCALIZATION, "", report_pb2.LocalizationResult),
        tests=[to_proto(test, semiology_pb2.Test) for test in known.tests],
        interventions=[to_proto(one, semiology_pb2.Intervention) for one in known.interventions],
        reads=[to_proto(read, semiology_pb2.Read) for read in known.reads],
    )


def _report_input(known: Known, recording_id: str) -> compose_pb2.ReportInput:
    segmentation = known.result(StepName.SEGMENTATION, recording_id, segmentation_pb2.Segmentation)
    semiology = _semiology(known, recording_id)
    return compose_pb2.ReportInput(
        recording=_recording(known, recording_id),
        intake=_intake(known, recording_id),
        coverage=semiology.coverage,
        engines=[segmentation.engine, *semiology.engines],
        losses=segmentation.losses,
        catalogue_version=semiology.catalogue_version,
    )


def _recording(known: Known, recording_id: str) -> recording_pb2.Recording:
    return to_proto(known.recording(recording_id), recording_pb2.Recording)


def _intake(known: Known, recording_id: str) -> recording_pb2.IntakeResult:
    return known.result(StepName.INTAKE, recording_id, recording_pb2.IntakeResult)


def _semiology(known: Known, recording_id: str) -> semiology_pb2.SemiologyResult:
    return known.result(StepName.SEMIOLOGY, recording_id, semiology_pb2.SemiologyResult)


_BUILDERS: Mapping[StepName, Callable[[Claim, Known, WorkContext], Message]] = {
    StepName.INTAKE: _ingest,
    StepName.SEGMENTATION: _segment,
    StepName.SEMIOLOGY: _judge,
    StepName.LOCALIZATION: _localize,
    StepName.REPORT: _compose,
}
