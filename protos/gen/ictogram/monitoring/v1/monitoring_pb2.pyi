from ictogram.work.v1 import work_pb2 as _work_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchRequest(_message.Message):
    __slots__ = ("context", "camera_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    context: _work_pb2.WorkContext
    camera_id: str
    def __init__(self, context: _Optional[_Union[_work_pb2.WorkContext, _Mapping]] = ..., camera_id: _Optional[str] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("probability", "alarm")
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    ALARM_FIELD_NUMBER: _ClassVar[int]
    probability: SeizureProbability
    alarm: Alarm
    def __init__(self, probability: _Optional[_Union[SeizureProbability, _Mapping]] = ..., alarm: _Optional[_Union[Alarm, _Mapping]] = ...) -> None: ...

class SeizureProbability(_message.Message):
    __slots__ = ("at", "window_s", "detection_score", "forecast_score", "horizon_s")
    AT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    DETECTION_SCORE_FIELD_NUMBER: _ClassVar[int]
    FORECAST_SCORE_FIELD_NUMBER: _ClassVar[int]
    HORIZON_S_FIELD_NUMBER: _ClassVar[int]
    at: str
    window_s: float
    detection_score: float
    forecast_score: float
    horizon_s: float
    def __init__(self, at: _Optional[str] = ..., window_s: _Optional[float] = ..., detection_score: _Optional[float] = ..., forecast_score: _Optional[float] = ..., horizon_s: _Optional[float] = ...) -> None: ...

class Alarm(_message.Message):
    __slots__ = ("id", "at", "rationale")
    ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    RATIONALE_FIELD_NUMBER: _ClassVar[int]
    id: str
    at: str
    rationale: str
    def __init__(self, id: _Optional[str] = ..., at: _Optional[str] = ..., rationale: _Optional[str] = ...) -> None: ...
