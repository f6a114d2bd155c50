from ictogram.model.v1 import recording_pb2 as _recording_pb2
from ictogram.model.v1 import segmentation_pb2 as _segmentation_pb2
from ictogram.work.v1 import work_pb2 as _work_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SegmentRequest(_message.Message):
    __slots__ = ("context", "recording", "intake", "views")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    RECORDING_FIELD_NUMBER: _ClassVar[int]
    INTAKE_FIELD_NUMBER: _ClassVar[int]
    VIEWS_FIELD_NUMBER: _ClassVar[int]
    context: _work_pb2.WorkContext
    recording: _recording_pb2.Recording
    intake: _recording_pb2.IntakeResult
    views: _containers.RepeatedScalarFieldContainer[_segmentation_pb2.ViewKind]
    def __init__(self, context: _Optional[_Union[_work_pb2.WorkContext, _Mapping]] = ..., recording: _Optional[_Union[_recording_pb2.Recording, _Mapping]] = ..., intake: _Optional[_Union[_recording_pb2.IntakeResult, _Mapping]] = ..., views: _Optional[_Iterable[_Union[_segmentation_pb2.ViewKind, str]]] = ...) -> None: ...

class SegmentResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _work_pb2.Progress
    result: _segmentation_pb2.Segmentation
    def __init__(self, progress: _Optional[_Union[_work_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[_segmentation_pb2.Segmentation, _Mapping]] = ...) -> None: ...
