from ictogram.model.v1 import case_pb2 as _case_pb2
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

class LocalizeRequest(_message.Message):
    __slots__ = ("context", "readings", "patient_context")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    READINGS_FIELD_NUMBER: _ClassVar[int]
    PATIENT_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    context: _work_pb2.WorkContext
    readings: _containers.RepeatedCompositeFieldContainer[RecordingReading]
    patient_context: _case_pb2.PatientContext
    def __init__(self, context: _Optional[_Union[_work_pb2.WorkContext, _Mapping]] = ..., readings: _Optional[_Iterable[_Union[RecordingReading, _Mapping]]] = ..., patient_context: _Optional[_Union[_case_pb2.PatientContext, _Mapping]] = ...) -> None: ...

class RecordingReading(_message.Message):
    __slots__ = ("recording", "intake", "semiology")
    RECORDING_FIELD_NUMBER: _ClassVar[int]
    INTAKE_FIELD_NUMBER: _ClassVar[int]
    SEMIOLOGY_FIELD_NUMBER: _ClassVar[int]
    recording: _recording_pb2.Recording
    intake: _recording_pb2.IntakeResult
    semiology: _semiology_pb2.SemiologyResult
    def __init__(self, recording: _Optional[_Union[_recording_pb2.Recording, _Mapping]] = ..., intake: _Optional[_Union[_recording_pb2.IntakeResult, _Mapping]] = ..., semiology: _Optional[_Union[_semiology_pb2.SemiologyResult, _Mapping]] = ...) -> None: ...

class LocalizeResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _work_pb2.Progress
    result: _report_pb2.LocalizationResult
    def __init__(self, progress: _Optional[_Union[_work_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[_report_pb2.LocalizationResult, _Mapping]] = ...) -> None: ...
