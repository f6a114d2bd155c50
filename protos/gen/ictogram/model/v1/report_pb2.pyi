from ictogram.model.v1 import case_pb2 as _case_pb2
from ictogram.model.v1 import engine_pb2 as _engine_pb2
from ictogram.model.v1 import recording_pb2 as _recording_pb2
from ictogram.model.v1 import semiology_pb2 as _semiology_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReportStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPORT_STATUS_UNSPECIFIED: _ClassVar[ReportStatus]
    REPORT_STATUS_PRELIMINARY: _ClassVar[ReportStatus]
    REPORT_STATUS_FINAL: _ClassVar[ReportStatus]
    REPORT_STATUS_AMENDED: _ClassVar[ReportStatus]
    REPORT_STATUS_CORRECTED: _ClassVar[ReportStatus]
    REPORT_STATUS_APPENDED: _ClassVar[ReportStatus]
    REPORT_STATUS_CANCELLED: _ClassVar[ReportStatus]
    REPORT_STATUS_ENTERED_IN_ERROR: _ClassVar[ReportStatus]

class FlagKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FLAG_KIND_UNSPECIFIED: _ClassVar[FlagKind]
    FLAG_KIND_CONVULSIVE_2_MIN: _ClassVar[FlagKind]
    FLAG_KIND_CONVULSIVE_5_MIN: _ClassVar[FlagKind]
    FLAG_KIND_LONG_10_MIN: _ClassVar[FlagKind]
    FLAG_KIND_OFFSET_NOT_CAPTURED: _ClassVar[FlagKind]
    FLAG_KIND_CLUSTER: _ClassVar[FlagKind]
    FLAG_KIND_PRONE_OR_MOTIONLESS: _ClassVar[FlagKind]
    FLAG_KIND_FALL: _ClassVar[FlagKind]
    FLAG_KIND_AGE_OR_SPASMS: _ClassVar[FlagKind]
REPORT_STATUS_UNSPECIFIED: ReportStatus
REPORT_STATUS_PRELIMINARY: ReportStatus
REPORT_STATUS_FINAL: ReportStatus
REPORT_STATUS_AMENDED: ReportStatus
REPORT_STATUS_CORRECTED: ReportStatus
REPORT_STATUS_APPENDED: ReportStatus
REPORT_STATUS_CANCELLED: ReportStatus
REPORT_STATUS_ENTERED_IN_ERROR: ReportStatus
FLAG_KIND_UNSPECIFIED: FlagKind
FLAG_KIND_CONVULSIVE_2_MIN: FlagKind
FLAG_KIND_CONVULSIVE_5_MIN: FlagKind
FLAG_KIND_LONG_10_MIN: FlagKind
FLAG_KIND_OFFSET_NOT_CAPTURED: FlagKind
FLAG_KIND_CLUSTER: FlagKind
FLAG_KIND_PRONE_OR_MOTIONLESS: FlagKind
FLAG_KIND_FALL: FlagKind
FLAG_KIND_AGE_OR_SPASMS: FlagKind

class SafetyFlag(_message.Message):
    __slots__ = ("kind", "text", "episode_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EPISODE_ID_FIELD_NUMBER: _ClassVar[int]
    kind: FlagKind
    text: str
    episode_id: str
    def __init__(self, kind: _Optional[_Union[FlagKind, str]] = ..., text: _Optional[str] = ..., episode_id: _Optional[str] = ...) -> None: ...

class Sentence(_message.Message):
    __slots__ = ("text", "source_ids")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_IDS_FIELD_NUMBER: _ClassVar[int]
    text: str
    source_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, text: _Optional[str] = ..., source_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class EvidenceStill(_message.Message):
    __slots__ = ("occurrence_id", "recording_id", "time_s", "object")
    OCCURRENCE_ID_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    occurrence_id: str
    recording_id: str
    time_s: float
    object: _recording_pb2.ObjectRef
    def __init__(self, occurrence_id: _Optional[str] = ..., recording_id: _Optional[str] = ..., time_s: _Optional[float] = ..., object: _Optional[_Union[_recording_pb2.ObjectRef, _Mapping]] = ...) -> None: ...

class LocalizationAid(_message.Message):
    __slots__ = ("refusal", "notes")
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    refusal: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, refusal: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class LocalizationResult(_message.Message):
    __slots__ = ("engine", "episodes", "aid")
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    EPISODES_FIELD_NUMBER: _ClassVar[int]
    AID_FIELD_NUMBER: _ClassVar[int]
    engine: _engine_pb2.EngineInfo
    episodes: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Episode]
    aid: LocalizationAid
    def __init__(self, engine: _Optional[_Union[_engine_pb2.EngineInfo, _Mapping]] = ..., episodes: _Optional[_Iterable[_Union[_semiology_pb2.Episode, _Mapping]]] = ..., aid: _Optional[_Union[LocalizationAid, _Mapping]] = ...) -> None: ...

class ReportedRecording(_message.Message):
    __slots__ = ("recording", "facts", "coverage")
    RECORDING_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    recording: _recording_pb2.Recording
    facts: _recording_pb2.RecordingFacts
    coverage: _semiology_pb2.Coverage
    def __init__(self, recording: _Optional[_Union[_recording_pb2.Recording, _Mapping]] = ..., facts: _Optional[_Union[_recording_pb2.RecordingFacts, _Mapping]] = ..., coverage: _Optional[_Union[_semiology_pb2.Coverage, _Mapping]] = ...) -> None: ...

class SignOff(_message.Message):
    __slots__ = ("signer", "signer_name", "signed_at", "conclusion")
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    SIGNER_NAME_FIELD_NUMBER: _ClassVar[int]
    SIGNED_AT_FIELD_NUMBER: _ClassVar[int]
    CONCLUSION_FIELD_NUMBER: _ClassVar[int]
    signer: str
    signer_name: str
    signed_at: str
    conclusion: str
    def __init__(self, signer: _Optional[str] = ..., signer_name: _Optional[str] = ..., signed_at: _Optional[str] = ..., conclusion: _Optional[str] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("schema_version", "id", "version", "status", "case_id", "run_id", "site_id", "created_at", "subject", "order", "recordings", "episodes", "aid", "flags", "description", "not_captured", "limits", "engines", "catalogue_version", "evidence", "tests", "interventions", "reads", "sign_off")
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    RECORDINGS_FIELD_NUMBER: _ClassVar[int]
    EPISODES_FIELD_NUMBER: _ClassVar[int]
    AID_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    NOT_CAPTURED_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    CATALOGUE_VERSION_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    INTERVENTIONS_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    SIGN_OFF_FIELD_NUMBER: _ClassVar[int]
    schema_version: str
    id: str
    version: int
    status: ReportStatus
    case_id: str
    run_id: str
    site_id: str
    created_at: str
    subject: _case_pb2.Subject
    order: _case_pb2.OrderRef
    recordings: _containers.RepeatedCompositeFieldContainer[ReportedRecording]
    episodes: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Episode]
    aid: LocalizationAid
    flags: _containers.RepeatedCompositeFieldContainer[SafetyFlag]
    description: _containers.RepeatedCompositeFieldContainer[Sentence]
    not_captured: _containers.RepeatedCompositeFieldContainer[Sentence]
    limits: _containers.RepeatedScalarFieldContainer[str]
    engines: _containers.RepeatedCompositeFieldContainer[_engine_pb2.EngineInfo]
    catalogue_version: str
    evidence: _containers.RepeatedCompositeFieldContainer[EvidenceStill]
    tests: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Test]
    interventions: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Intervention]
    reads: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Read]
    sign_off: SignOff
    def __init__(self, schema_version: _Optional[str] = ..., id: _Optional[str] = ..., version: _Optional[int] = ..., status: _Optional[_Union[ReportStatus, str]] = ..., case_id: _Optional[str] = ..., run_id: _Optional[str] = ..., site_id: _Optional[str] = ..., created_at: _Optional[str] = ..., subject: _Optional[_Union[_case_pb2.Subject, _Mapping]] = ..., order: _Optional[_Union[_case_pb2.OrderRef, _Mapping]] = ..., recordings: _Optional[_Iterable[_Union[ReportedRecording, _Mapping]]] = ..., episodes: _Optional[_Iterable[_Union[_semiology_pb2.Episode, _Mapping]]] = ..., aid: _Optional[_Union[LocalizationAid, _Mapping]] = ..., flags: _Optional[_Iterable[_Union[SafetyFlag, _Mapping]]] = ..., description: _Optional[_Iterable[_Union[Sentence, _Mapping]]] = ..., not_captured: _Optional[_Iterable[_Union[Sentence, _Mapping]]] = ..., limits: _Optional[_Iterable[str]] = ..., engines: _Optional[_Iterable[_Union[_engine_pb2.EngineInfo, _Mapping]]] = ..., catalogue_version: _Optional[str] = ..., evidence: _Optional[_Iterable[_Union[EvidenceStill, _Mapping]]] = ..., tests: _Optional[_Iterable[_Union[_semiology_pb2.Test, _Mapping]]] = ..., interventions: _Optional[_Iterable[_Union[_semiology_pb2.Intervention, _Mapping]]] = ..., reads: _Optional[_Iterable[_Union[_semiology_pb2.Read, _Mapping]]] = ..., sign_off: _Optional[_Union[SignOff, _Mapping]] = ...) -> None: ...

class ReportFiles(_message.Message):
    __slots__ = ("report", "json", "html", "pdf")
    REPORT_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    PDF_FIELD_NUMBER: _ClassVar[int]
    report: Report
    json: _recording_pb2.ObjectRef
    html: _recording_pb2.ObjectRef
    pdf: _recording_pb2.ObjectRef
    def __init__(self, report: _Optional[_Union[Report, _Mapping]] = ..., json: _Optional[_Union[_recording_pb2.ObjectRef, _Mapping]] = ..., html: _Optional[_Union[_recording_pb2.ObjectRef, _Mapping]] = ..., pdf: _Optional[_Union[_recording_pb2.ObjectRef, _Mapping]] = ...) -> None: ...
