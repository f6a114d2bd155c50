from ictogram.model.v1 import engine_pb2 as _engine_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WorkContext(_message.Message):
    __slots__ = ("request_id", "site_id", "case_id", "run_id", "step_id", "output_prefix", "expected_digest")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_PREFIX_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_DIGEST_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    site_id: str
    case_id: str
    run_id: str
    step_id: str
    output_prefix: str
    expected_digest: str
    def __init__(self, request_id: _Optional[str] = ..., site_id: _Optional[str] = ..., case_id: _Optional[str] = ..., run_id: _Optional[str] = ..., step_id: _Optional[str] = ..., output_prefix: _Optional[str] = ..., expected_digest: _Optional[str] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("fraction", "stage", "message")
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    fraction: float
    stage: str
    message: str
    def __init__(self, fraction: _Optional[float] = ..., stage: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class GetInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ServiceInfo(_message.Message):
    __slots__ = ("service", "version", "digest", "slots", "engines")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    service: str
    version: str
    digest: str
    slots: int
    engines: _containers.RepeatedCompositeFieldContainer[_engine_pb2.EngineInfo]
    def __init__(self, service: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ..., slots: _Optional[int] = ..., engines: _Optional[_Iterable[_Union[_engine_pb2.EngineInfo, _Mapping]]] = ...) -> None: ...
