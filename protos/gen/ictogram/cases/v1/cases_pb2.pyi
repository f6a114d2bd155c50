from ictogram.model.v1 import case_pb2 as _case_pb2
from ictogram.model.v1 import recording_pb2 as _recording_pb2
from ictogram.model.v1 import report_pb2 as _report_pb2
from ictogram.model.v1 import semiology_pb2 as _semiology_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Caller(_message.Message):
    __slots__ = ("site_id", "actor", "roles")
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    site_id: str
    actor: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, site_id: _Optional[str] = ..., actor: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateCaseRequest(_message.Message):
    __slots__ = ("request_id", "caller", "subject", "order", "patient_context", "recordings", "priority")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PATIENT_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    RECORDINGS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    caller: Caller
    subject: _case_pb2.Subject
    order: _case_pb2.OrderRef
    patient_context: _case_pb2.PatientContext
    recordings: _containers.RepeatedCompositeFieldContainer[_recording_pb2.Recording]
    priority: _case_pb2.Priority
    def __init__(self, request_id: _Optional[str] = ..., caller: _Optional[_Union[Caller, _Mapping]] = ..., subject: _Optional[_Union[_case_pb2.Subject, _Mapping]] = ..., order: _Optional[_Union[_case_pb2.OrderRef, _Mapping]] = ..., patient_context: _Optional[_Union[_case_pb2.PatientContext, _Mapping]] = ..., recordings: _Optional[_Iterable[_Union[_recording_pb2.Recording, _Mapping]]] = ..., priority: _Optional[_Union[_case_pb2.Priority, str]] = ...) -> None: ...

class CreateCaseResponse(_message.Message):
    __slots__ = ("view", "already_existed")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    ALREADY_EXISTED_FIELD_NUMBER: _ClassVar[int]
    view: CaseView
    already_existed: bool
    def __init__(self, view: _Optional[_Union[CaseView, _Mapping]] = ..., already_existed: _Optional[bool] = ...) -> None: ...

class GetCaseRequest(_message.Message):
    __slots__ = ("caller", "case_id")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    case_id: str
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ..., case_id: _Optional[str] = ...) -> None: ...

class CaseView(_message.Message):
    __slots__ = ("case", "steps")
    CASE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    case: _case_pb2.Case
    steps: _containers.RepeatedCompositeFieldContainer[_case_pb2.StepState]
    def __init__(self, case: _Optional[_Union[_case_pb2.Case, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[_case_pb2.StepState, _Mapping]]] = ...) -> None: ...

class ListCasesRequest(_message.Message):
    __slots__ = ("caller", "page_size", "page_token", "statuses")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    page_size: int
    page_token: str
    statuses: _containers.RepeatedScalarFieldContainer[_case_pb2.CaseStatus]
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., statuses: _Optional[_Iterable[_Union[_case_pb2.CaseStatus, str]]] = ...) -> None: ...

class ListCasesResponse(_message.Message):
    __slots__ = ("cases", "next_page_token")
    CASES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    cases: _containers.RepeatedCompositeFieldContainer[_case_pb2.Case]
    next_page_token: str
    def __init__(self, cases: _Optional[_Iterable[_Union[_case_pb2.Case, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CaseActionRequest(_message.Message):
    __slots__ = ("request_id", "caller", "case_id")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    caller: Caller
    case_id: str
    def __init__(self, request_id: _Optional[str] = ..., caller: _Optional[_Union[Caller, _Mapping]] = ..., case_id: _Optional[str] = ...) -> None: ...

class GetReportRequest(_message.Message):
    __slots__ = ("caller", "case_id", "version", "for_media")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FOR_MEDIA_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    case_id: str
    version: int
    for_media: bool
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ..., case_id: _Optional[str] = ..., version: _Optional[int] = ..., for_media: _Optional[bool] = ...) -> None: ...

class GetReportResponse(_message.Message):
    __slots__ = ("files", "intakes")
    FILES_FIELD_NUMBER: _ClassVar[int]
    INTAKES_FIELD_NUMBER: _ClassVar[int]
    files: _report_pb2.ReportFiles
    intakes: _containers.RepeatedCompositeFieldContainer[_recording_pb2.IntakeResult]
    def __init__(self, files: _Optional[_Union[_report_pb2.ReportFiles, _Mapping]] = ..., intakes: _Optional[_Iterable[_Union[_recording_pb2.IntakeResult, _Mapping]]] = ...) -> None: ...

class ListDeliveriesResponse(_message.Message):
    __slots__ = ("deliveries",)
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    deliveries: _containers.RepeatedCompositeFieldContainer[Delivery]
    def __init__(self, deliveries: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("id", "case_id", "report_id", "version", "destination_id", "status", "attempts", "error_code", "error_message", "receipt", "delivered_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    case_id: str
    report_id: str
    version: int
    destination_id: str
    status: _case_pb2.DeliveryStatus
    attempts: int
    error_code: str
    error_message: str
    receipt: str
    delivered_at: str
    def __init__(self, id: _Optional[str] = ..., case_id: _Optional[str] = ..., report_id: _Optional[str] = ..., version: _Optional[int] = ..., destination_id: _Optional[str] = ..., status: _Optional[_Union[_case_pb2.DeliveryStatus, str]] = ..., attempts: _Optional[int] = ..., error_code: _Optional[str] = ..., error_message: _Optional[str] = ..., receipt: _Optional[str] = ..., delivered_at: _Optional[str] = ...) -> None: ...

class ClaimDeliveryRequest(_message.Message):
    __slots__ = ("delivery_id",)
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    def __init__(self, delivery_id: _Optional[str] = ...) -> None: ...

class ClaimDeliveryResponse(_message.Message):
    __slots__ = ("found", "delivery", "site_id", "lease_token", "lease_s", "files", "intakes", "traceparent")
    FOUND_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    INTAKES_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    found: bool
    delivery: Delivery
    site_id: str
    lease_token: str
    lease_s: float
    files: _report_pb2.ReportFiles
    intakes: _containers.RepeatedCompositeFieldContainer[_recording_pb2.IntakeResult]
    traceparent: str
    def __init__(self, found: _Optional[bool] = ..., delivery: _Optional[_Union[Delivery, _Mapping]] = ..., site_id: _Optional[str] = ..., lease_token: _Optional[str] = ..., lease_s: _Optional[float] = ..., files: _Optional[_Union[_report_pb2.ReportFiles, _Mapping]] = ..., intakes: _Optional[_Iterable[_Union[_recording_pb2.IntakeResult, _Mapping]]] = ..., traceparent: _Optional[str] = ...) -> None: ...

class DeliveryLeaseRequest(_message.Message):
    __slots__ = ("delivery_id", "lease_token")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    lease_token: str
    def __init__(self, delivery_id: _Optional[str] = ..., lease_token: _Optional[str] = ...) -> None: ...

class DeliveryLeaseResponse(_message.Message):
    __slots__ = ("lease_s",)
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    lease_s: float
    def __init__(self, lease_s: _Optional[float] = ...) -> None: ...

class FinishDeliveryRequest(_message.Message):
    __slots__ = ("delivery_id", "lease_token", "status", "error_code", "error_message", "receipt")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    lease_token: str
    status: _case_pb2.DeliveryStatus
    error_code: str
    error_message: str
    receipt: str
    def __init__(self, delivery_id: _Optional[str] = ..., lease_token: _Optional[str] = ..., status: _Optional[_Union[_case_pb2.DeliveryStatus, str]] = ..., error_code: _Optional[str] = ..., error_message: _Optional[str] = ..., receipt: _Optional[str] = ...) -> None: ...

class Entries(_message.Message):
    __slots__ = ("tests", "interventions", "reads")
    TESTS_FIELD_NUMBER: _ClassVar[int]
    INTERVENTIONS_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    tests: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Test]
    interventions: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Intervention]
    reads: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Read]
    def __init__(self, tests: _Optional[_Iterable[_Union[_semiology_pb2.Test, _Mapping]]] = ..., interventions: _Optional[_Iterable[_Union[_semiology_pb2.Intervention, _Mapping]]] = ..., reads: _Optional[_Iterable[_Union[_semiology_pb2.Read, _Mapping]]] = ...) -> None: ...

class AddTestRequest(_message.Message):
    __slots__ = ("request_id", "caller", "case_id", "test")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    caller: Caller
    case_id: str
    test: _semiology_pb2.Test
    def __init__(self, request_id: _Optional[str] = ..., caller: _Optional[_Union[Caller, _Mapping]] = ..., case_id: _Optional[str] = ..., test: _Optional[_Union[_semiology_pb2.Test, _Mapping]] = ...) -> None: ...

class AddInterventionRequest(_message.Message):
    __slots__ = ("request_id", "caller", "case_id", "intervention")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    INTERVENTION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    caller: Caller
    case_id: str
    intervention: _semiology_pb2.Intervention
    def __init__(self, request_id: _Optional[str] = ..., caller: _Optional[_Union[Caller, _Mapping]] = ..., case_id: _Optional[str] = ..., intervention: _Optional[_Union[_semiology_pb2.Intervention, _Mapping]] = ...) -> None: ...

class StartReadRequest(_message.Message):
    __slots__ = ("request_id", "caller", "case_id", "role", "blinded_to_ai", "blinded_to_eeg", "blinded_to_history")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    BLINDED_TO_AI_FIELD_NUMBER: _ClassVar[int]
    BLINDED_TO_EEG_FIELD_NUMBER: _ClassVar[int]
    BLINDED_TO_HISTORY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    caller: Caller
    case_id: str
    role: str
    blinded_to_ai: bool
    blinded_to_eeg: bool
    blinded_to_history: bool
    def __init__(self, request_id: _Optional[str] = ..., caller: _Optional[_Union[Caller, _Mapping]] = ..., case_id: _Optional[str] = ..., role: _Optional[str] = ..., blinded_to_ai: _Optional[bool] = ..., blinded_to_eeg: _Optional[bool] = ..., blinded_to_history: _Optional[bool] = ...) -> None: ...

class SaveReadRequest(_message.Message):
    __slots__ = ("request_id", "caller", "case_id", "read_id", "episodes", "close")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    READ_ID_FIELD_NUMBER: _ClassVar[int]
    EPISODES_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    caller: Caller
    case_id: str
    read_id: str
    episodes: _containers.RepeatedCompositeFieldContainer[_semiology_pb2.Episode]
    close: bool
    def __init__(self, request_id: _Optional[str] = ..., caller: _Optional[_Union[Caller, _Mapping]] = ..., case_id: _Optional[str] = ..., read_id: _Optional[str] = ..., episodes: _Optional[_Iterable[_Union[_semiology_pb2.Episode, _Mapping]]] = ..., close: _Optional[bool] = ...) -> None: ...

class ReleaseObjectRequest(_message.Message):
    __slots__ = ("request_id", "caller", "object")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    caller: Caller
    object: _recording_pb2.ObjectRef
    def __init__(self, request_id: _Optional[str] = ..., caller: _Optional[_Union[Caller, _Mapping]] = ..., object: _Optional[_Union[_recording_pb2.ObjectRef, _Mapping]] = ...) -> None: ...

class ReleaseObjectResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
