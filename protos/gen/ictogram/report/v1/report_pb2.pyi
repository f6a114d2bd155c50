from ictogram.model.v1 import case_pb2 as _case_pb2
from ictogram.model.v1 import engine_pb2 as _engine_pb2
from ictogram.model.v1 import recording_pb2 as _recording_pb2
from ictogram.model.v1 import report_pb2 as _report_pb2
from ictogram.model.v1 import semiology_pb2 as _semiology_pb2
from ictogram.work.v1 import work_pb2 as _work_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ComposeRequest(_message.Message):
    __slots__ = ("context", "case", "report_id", "version", "created_at", "recordings", "localization", "tests", "interventions", "reads")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CASE_FIELD_NUMBER: _ClassVar[int]
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    RECORDINGS_FIELD_NUMBER: _ClassVar[int]
    LOCALIZATION_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    INTERVENTIONS_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    context: _work_pb2.WorkContext
    case: _case_pb2.Case
    report_id: str
    version: int
    created_at: str
    recordings: _containers.RepeatedCompositeFieldContainer[ReportInput]
    localization: _report_pb2.LocalizationResult
    tests: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Test]
    interventions: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Intervention]
    reads: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Read]
    def __init__(self, context: _Optional[_Union[_work_pb2.WorkContext, _Mapping]] = ..., case: _Optional[_Union[_case_pb2.Case, _Mapping]] = ..., report_id: _Optional[str] = ..., version: _Optional[int] = ..., created_at: _Optional[str] = ..., recordings: _Optional[_Iterable[_Union[ReportInput, _Mapping]]] = ..., localization: _Optional[_Union[_report_pb2.LocalizationResult, _Mapping]] = ..., tests: _Optional[_Iterable[_Union[_semiology_pb2.Test, _Mapping]]] = ..., interventions: _Optional[_Iterable[_Union[_semiology_pb2.Intervention, _Mapping]]] = ..., reads: _Optional[_Iterable[_Union[_semiology_pb2.Read, _Mapping]]] = ...) -> None: ...

class ReportInput(_message.Message):
    __slots__ = ("recording", "intake", "coverage", "engines", "losses", "catalogue_version")
    RECORDING_FIELD_NUMBER: _ClassVar[int]
    INTAKE_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    CATALOGUE_VERSION_FIELD_NUMBER: _ClassVar[int]
    recording: _recording_pb2.Recording
    intake: _recording_pb2.IntakeResult
    coverage: _semiology_pb2.Coverage
    engines: _containers.RepeatedCompositeFieldContainer[_engine_pb2.EngineInfo]
    losses: _containers.RepeatedScalarFieldContainer[str]
    catalogue_version: str
    def __init__(self, recording: _Optional[_Union[_recording_pb2.Recording, _Mapping]] = ..., intake: _Optional[_Union[_recording_pb2.IntakeResult, _Mapping]] = ..., coverage: _Optional[_Union[_semiology_pb2.Coverage, _Mapping]] = ..., engines: _Optional[_Iterable[_Union[_engine_pb2.EngineInfo, _Mapping]]] = ..., losses: _Optional[_Iterable[str]] = ..., catalogue_version: _Optional[str] = ...) -> None: ...

class ComposeResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _work_pb2.Progress
    result: _report_pb2.ReportFiles
    def __init__(self, progress: _Optional[_Union[_work_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[_report_pb2.ReportFiles, _Mapping]] = ...) -> None: ...
