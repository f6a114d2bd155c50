from ictogram.model.v1 import recording_pb2 as _recording_pb2
from ictogram.work.v1 import work_pb2 as _work_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IngestRequest(_message.Message):
    __slots__ = ("context", "recording")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    RECORDING_FIELD_NUMBER: _ClassVar[int]
    context: _work_pb2.WorkContext
    recording: _recording_pb2.Recording
    def __init__(self, context: _Optional[_Union[_work_pb2.WorkContext, _Mapping]] = ..., recording: _Optional[_Union[_recording_pb2.Recording, _Mapping]] = ...) -> None: ...

class IngestResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _work_pb2.Progress
    result: _recording_pb2.IntakeResult
    def __init__(self, progress: _Optional[_Union[_work_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[_recording_pb2.IntakeResult, _Mapping]] = ...) -> None: ...
