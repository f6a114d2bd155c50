from ictogram.model.v1 import engine_pb2 as _engine_pb2
from ictogram.model.v1 import recording_pb2 as _recording_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ViewKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIEW_KIND_UNSPECIFIED: _ClassVar[ViewKind]
    VIEW_KIND_FULL_FRAME: _ClassVar[ViewKind]
    VIEW_KIND_SILHOUETTE: _ClassVar[ViewKind]
    VIEW_KIND_FACE_CROP: _ClassVar[ViewKind]
    VIEW_KIND_HANDS: _ClassVar[ViewKind]
    VIEW_KIND_POSE_OVERLAY: _ClassVar[ViewKind]
    VIEW_KIND_AUDIO: _ClassVar[ViewKind]
    VIEW_KIND_DENOISED_AUDIO: _ClassVar[ViewKind]
    VIEW_KIND_TRANSCRIPT: _ClassVar[ViewKind]
    VIEW_KIND_PRIVACY: _ClassVar[ViewKind]

class BodyPart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BODY_PART_UNSPECIFIED: _ClassVar[BodyPart]
    BODY_PART_WHOLE_BODY: _ClassVar[BodyPart]
    BODY_PART_HEAD: _ClassVar[BodyPart]
    BODY_PART_FACE: _ClassVar[BodyPart]
    BODY_PART_EYES: _ClassVar[BodyPart]
    BODY_PART_ARM: _ClassVar[BodyPart]
    BODY_PART_HAND: _ClassVar[BodyPart]
    BODY_PART_LEG: _ClassVar[BodyPart]
    BODY_PART_TRUNK: _ClassVar[BodyPart]
VIEW_KIND_UNSPECIFIED: ViewKind
VIEW_KIND_FULL_FRAME: ViewKind
VIEW_KIND_SILHOUETTE: ViewKind
VIEW_KIND_FACE_CROP: ViewKind
VIEW_KIND_HANDS: ViewKind
VIEW_KIND_POSE_OVERLAY: ViewKind
VIEW_KIND_AUDIO: ViewKind
VIEW_KIND_DENOISED_AUDIO: ViewKind
VIEW_KIND_TRANSCRIPT: ViewKind
VIEW_KIND_PRIVACY: ViewKind
BODY_PART_UNSPECIFIED: BodyPart
BODY_PART_WHOLE_BODY: BodyPart
BODY_PART_HEAD: BodyPart
BODY_PART_FACE: BodyPart
BODY_PART_EYES: BodyPart
BODY_PART_ARM: BodyPart
BODY_PART_HAND: BodyPart
BODY_PART_LEG: BodyPart
BODY_PART_TRUNK: BodyPart

class View(_message.Message):
    __slots__ = ("kind", "object", "missing", "scale", "part_px")
    KIND_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    PART_PX_FIELD_NUMBER: _ClassVar[int]
    kind: ViewKind
    object: _recording_pb2.ObjectRef
    missing: _containers.RepeatedCompositeFieldContainer[_recording_pb2.Interval]
    scale: float
    part_px: float
    def __init__(self, kind: _Optional[_Union[ViewKind, str]] = ..., object: _Optional[_Union[_recording_pb2.ObjectRef, _Mapping]] = ..., missing: _Optional[_Iterable[_Union[_recording_pb2.Interval, _Mapping]]] = ..., scale: _Optional[float] = ..., part_px: _Optional[float] = ...) -> None: ...

class StaffContact(_message.Message):
    __slots__ = ("span", "body_part")
    SPAN_FIELD_NUMBER: _ClassVar[int]
    BODY_PART_FIELD_NUMBER: _ClassVar[int]
    span: _recording_pb2.Interval
    body_part: BodyPart
    def __init__(self, span: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., body_part: _Optional[_Union[BodyPart, str]] = ...) -> None: ...

class Segmentation(_message.Message):
    __slots__ = ("engine", "masks", "mask_rate_hz", "patient_region", "patient_missing", "others_present", "staff_contacts", "identity_switches_s", "mask_quality", "views", "losses")
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    MASKS_FIELD_NUMBER: _ClassVar[int]
    MASK_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    PATIENT_REGION_FIELD_NUMBER: _ClassVar[int]
    PATIENT_MISSING_FIELD_NUMBER: _ClassVar[int]
    OTHERS_PRESENT_FIELD_NUMBER: _ClassVar[int]
    STAFF_CONTACTS_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_SWITCHES_S_FIELD_NUMBER: _ClassVar[int]
    MASK_QUALITY_FIELD_NUMBER: _ClassVar[int]
    VIEWS_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    engine: _engine_pb2.EngineInfo
    masks: _recording_pb2.ObjectRef
    mask_rate_hz: float
    patient_region: _recording_pb2.Box
    patient_missing: _containers.RepeatedCompositeFieldContainer[_recording_pb2.Interval]
    others_present: _containers.RepeatedCompositeFieldContainer[_recording_pb2.Interval]
    staff_contacts: _containers.RepeatedCompositeFieldContainer[StaffContact]
    identity_switches_s: _containers.RepeatedScalarFieldContainer[float]
    mask_quality: float
    views: _containers.RepeatedCompositeFieldContainer[View]
    losses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, engine: _Optional[_Union[_engine_pb2.EngineInfo, _Mapping]] = ..., masks: _Optional[_Union[_recording_pb2.ObjectRef, _Mapping]] = ..., mask_rate_hz: _Optional[float] = ..., patient_region: _Optional[_Union[_recording_pb2.Box, _Mapping]] = ..., patient_missing: _Optional[_Iterable[_Union[_recording_pb2.Interval, _Mapping]]] = ..., others_present: _Optional[_Iterable[_Union[_recording_pb2.Interval, _Mapping]]] = ..., staff_contacts: _Optional[_Iterable[_Union[StaffContact, _Mapping]]] = ..., identity_switches_s: _Optional[_Iterable[float]] = ..., mask_quality: _Optional[float] = ..., views: _Optional[_Iterable[_Union[View, _Mapping]]] = ..., losses: _Optional[_Iterable[str]] = ...) -> None: ...
