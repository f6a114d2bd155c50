from ictogram.model.v1 import recording_pb2 as _recording_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_BATCH: _ClassVar[Priority]
    PRIORITY_STAT: _ClassVar[Priority]

class CaseStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CASE_STATUS_UNSPECIFIED: _ClassVar[CaseStatus]
    CASE_STATUS_QUEUED: _ClassVar[CaseStatus]
    CASE_STATUS_RUNNING: _ClassVar[CaseStatus]
    CASE_STATUS_REPORTED: _ClassVar[CaseStatus]
    CASE_STATUS_FAILED: _ClassVar[CaseStatus]
    CASE_STATUS_CANCELLED: _ClassVar[CaseStatus]

class StepName(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_NAME_UNSPECIFIED: _ClassVar[StepName]
    STEP_NAME_INTAKE: _ClassVar[StepName]
    STEP_NAME_SEGMENTATION: _ClassVar[StepName]
    STEP_NAME_SEMIOLOGY: _ClassVar[StepName]
    STEP_NAME_LOCALIZATION: _ClassVar[StepName]
    STEP_NAME_REPORT: _ClassVar[StepName]

class StepStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_STATUS_UNSPECIFIED: _ClassVar[StepStatus]
    STEP_STATUS_WAITING: _ClassVar[StepStatus]
    STEP_STATUS_READY: _ClassVar[StepStatus]
    STEP_STATUS_RUNNING: _ClassVar[StepStatus]
    STEP_STATUS_DONE: _ClassVar[StepStatus]
    STEP_STATUS_FAILED: _ClassVar[StepStatus]
    STEP_STATUS_CANCELLED: _ClassVar[StepStatus]

class DeliveryStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_STATUS_UNSPECIFIED: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_PENDING: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_SENDING: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_DELIVERED: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_FAILED: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_PARKED: _ClassVar[DeliveryStatus]
PRIORITY_UNSPECIFIED: Priority
PRIORITY_BATCH: Priority
PRIORITY_STAT: Priority
CASE_STATUS_UNSPECIFIED: CaseStatus
CASE_STATUS_QUEUED: CaseStatus
CASE_STATUS_RUNNING: CaseStatus
CASE_STATUS_REPORTED: CaseStatus
CASE_STATUS_FAILED: CaseStatus
CASE_STATUS_CANCELLED: CaseStatus
STEP_NAME_UNSPECIFIED: StepName
STEP_NAME_INTAKE: StepName
STEP_NAME_SEGMENTATION: StepName
STEP_NAME_SEMIOLOGY: StepName
STEP_NAME_LOCALIZATION: StepName
STEP_NAME_REPORT: StepName
STEP_STATUS_UNSPECIFIED: StepStatus
STEP_STATUS_WAITING: StepStatus
STEP_STATUS_READY: StepStatus
STEP_STATUS_RUNNING: StepStatus
STEP_STATUS_DONE: StepStatus
STEP_STATUS_FAILED: StepStatus
STEP_STATUS_CANCELLED: StepStatus
DELIVERY_STATUS_UNSPECIFIED: DeliveryStatus
DELIVERY_STATUS_PENDING: DeliveryStatus
DELIVERY_STATUS_SENDING: DeliveryStatus
DELIVERY_STATUS_DELIVERED: DeliveryStatus
DELIVERY_STATUS_FAILED: DeliveryStatus
DELIVERY_STATUS_PARKED: DeliveryStatus

class Subject(_message.Message):
    __slots__ = ("identifier", "system", "family", "given", "birth_date", "sex")
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    BIRTH_DATE_FIELD_NUMBER: _ClassVar[int]
    SEX_FIELD_NUMBER: _ClassVar[int]
    identifier: str
    system: str
    family: str
    given: str
    birth_date: str
    sex: str
    def __init__(self, identifier: _Optional[str] = ..., system: _Optional[str] = ..., family: _Optional[str] = ..., given: _Optional[str] = ..., birth_date: _Optional[str] = ..., sex: _Optional[str] = ...) -> None: ...

class OrderRef(_message.Message):
    __slots__ = ("identifier", "system", "encounter")
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_FIELD_NUMBER: _ClassVar[int]
    identifier: str
    system: str
    encounter: str
    def __init__(self, identifier: _Optional[str] = ..., system: _Optional[str] = ..., encounter: _Optional[str] = ...) -> None: ...

class PatientContext(_message.Message):
    __slots__ = ("version", "age_years", "handedness", "language_dominance", "language_dominance_source", "baseline_weakness", "baseline_movement", "prior_surgery", "last_seizure_at", "medication_taper", "rescue_drug", "rescue_drug_at", "history", "suspected_spasms")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGE_YEARS_FIELD_NUMBER: _ClassVar[int]
    HANDEDNESS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_DOMINANCE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_DOMINANCE_SOURCE_FIELD_NUMBER: _ClassVar[int]
    BASELINE_WEAKNESS_FIELD_NUMBER: _ClassVar[int]
    BASELINE_MOVEMENT_FIELD_NUMBER: _ClassVar[int]
    PRIOR_SURGERY_FIELD_NUMBER: _ClassVar[int]
    LAST_SEIZURE_AT_FIELD_NUMBER: _ClassVar[int]
    MEDICATION_TAPER_FIELD_NUMBER: _ClassVar[int]
    RESCUE_DRUG_FIELD_NUMBER: _ClassVar[int]
    RESCUE_DRUG_AT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    SUSPECTED_SPASMS_FIELD_NUMBER: _ClassVar[int]
    version: int
    age_years: float
    handedness: str
    language_dominance: str
    language_dominance_source: str
    baseline_weakness: str
    baseline_movement: str
    prior_surgery: str
    last_seizure_at: str
    medication_taper: str
    rescue_drug: str
    rescue_drug_at: str
    history: str
    suspected_spasms: bool
    def __init__(self, version: _Optional[int] = ..., age_years: _Optional[float] = ..., handedness: _Optional[str] = ..., language_dominance: _Optional[str] = ..., language_dominance_source: _Optional[str] = ..., baseline_weakness: _Optional[str] = ..., baseline_movement: _Optional[str] = ..., prior_surgery: _Optional[str] = ..., last_seizure_at: _Optional[str] = ..., medication_taper: _Optional[str] = ..., rescue_drug: _Optional[str] = ..., rescue_drug_at: _Optional[str] = ..., history: _Optional[str] = ..., suspected_spasms: _Optional[bool] = ...) -> None: ...

class Case(_message.Message):
    __slots__ = ("id", "site_id", "subject", "recordings", "order", "context", "priority", "status", "error_code", "error_message", "created_at", "report_id", "report_version", "run_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    RECORDINGS_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    REPORT_VERSION_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    site_id: str
    subject: Subject
    recordings: _containers.RepeatedCompositeFieldContainer[_recording_pb2.Recording]
    order: OrderRef
    context: PatientContext
    priority: Priority
    status: CaseStatus
    error_code: str
    error_message: str
    created_at: str
    report_id: str
    report_version: int
    run_id: str
    def __init__(self, id: _Optional[str] = ..., site_id: _Optional[str] = ..., subject: _Optional[_Union[Subject, _Mapping]] = ..., recordings: _Optional[_Iterable[_Union[_recording_pb2.Recording, _Mapping]]] = ..., order: _Optional[_Union[OrderRef, _Mapping]] = ..., context: _Optional[_Union[PatientContext, _Mapping]] = ..., priority: _Optional[_Union[Priority, str]] = ..., status: _Optional[_Union[CaseStatus, str]] = ..., error_code: _Optional[str] = ..., error_message: _Optional[str] = ..., created_at: _Optional[str] = ..., report_id: _Optional[str] = ..., report_version: _Optional[int] = ..., run_id: _Optional[str] = ...) -> None: ...

class StepState(_message.Message):
    __slots__ = ("name", "recording_id", "status", "fraction", "message", "attempt", "error_code", "error_message", "reused", "elapsed_s")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_S_FIELD_NUMBER: _ClassVar[int]
    name: StepName
    recording_id: str
    status: StepStatus
    fraction: float
    message: str
    attempt: int
    error_code: str
    error_message: str
    reused: bool
    elapsed_s: float
    def __init__(self, name: _Optional[_Union[StepName, str]] = ..., recording_id: _Optional[str] = ..., status: _Optional[_Union[StepStatus, str]] = ..., fraction: _Optional[float] = ..., message: _Optional[str] = ..., attempt: _Optional[int] = ..., error_code: _Optional[str] = ..., error_message: _Optional[str] = ..., reused: _Optional[bool] = ..., elapsed_s: _Optional[float] = ...) -> None: ...
