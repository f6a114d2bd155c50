from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Tri(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRI_UNSPECIFIED: _ClassVar[Tri]
    TRI_UNKNOWN: _ClassVar[Tri]
    TRI_YES: _ClassVar[Tri]
    TRI_NO: _ClassVar[Tri]

class AnchorSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANCHOR_SOURCE_UNSPECIFIED: _ClassVar[AnchorSource]
    ANCHOR_SOURCE_CONTAINER: _ClassVar[AnchorSource]
    ANCHOR_SOURCE_SERVER: _ClassVar[AnchorSource]
    ANCHOR_SOURCE_USER: _ClassVar[AnchorSource]
    ANCHOR_SOURCE_EEG: _ClassVar[AnchorSource]
TRI_UNSPECIFIED: Tri
TRI_UNKNOWN: Tri
TRI_YES: Tri
TRI_NO: Tri
ANCHOR_SOURCE_UNSPECIFIED: AnchorSource
ANCHOR_SOURCE_CONTAINER: AnchorSource
ANCHOR_SOURCE_SERVER: AnchorSource
ANCHOR_SOURCE_USER: AnchorSource
ANCHOR_SOURCE_EEG: AnchorSource

class Interval(_message.Message):
    __slots__ = ("lo", "hi")
    LO_FIELD_NUMBER: _ClassVar[int]
    HI_FIELD_NUMBER: _ClassVar[int]
    lo: float
    hi: float
    def __init__(self, lo: _Optional[float] = ..., hi: _Optional[float] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("left", "top", "right", "bottom")
    LEFT_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    BOTTOM_FIELD_NUMBER: _ClassVar[int]
    left: float
    top: float
    right: float
    bottom: float
    def __init__(self, left: _Optional[float] = ..., top: _Optional[float] = ..., right: _Optional[float] = ..., bottom: _Optional[float] = ...) -> None: ...

class ObjectRef(_message.Message):
    __slots__ = ("uri", "sha256", "size_bytes", "media_type")
    URI_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    uri: str
    sha256: str
    size_bytes: int
    media_type: str
    def __init__(self, uri: _Optional[str] = ..., sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., media_type: _Optional[str] = ...) -> None: ...

class ClockAnchor(_message.Message):
    __slots__ = ("pts_us", "at", "time_zone", "source", "uncertainty_ms")
    PTS_US_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    UNCERTAINTY_MS_FIELD_NUMBER: _ClassVar[int]
    pts_us: int
    at: str
    time_zone: str
    source: AnchorSource
    uncertainty_ms: float
    def __init__(self, pts_us: _Optional[int] = ..., at: _Optional[str] = ..., time_zone: _Optional[str] = ..., source: _Optional[_Union[AnchorSource, str]] = ..., uncertainty_ms: _Optional[float] = ...) -> None: ...

class EegAlignment(_message.Message):
    __slots__ = ("file_id", "offset_ms", "uncertainty_ms", "drift_ppm")
    FILE_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_MS_FIELD_NUMBER: _ClassVar[int]
    UNCERTAINTY_MS_FIELD_NUMBER: _ClassVar[int]
    DRIFT_PPM_FIELD_NUMBER: _ClassVar[int]
    file_id: str
    offset_ms: float
    uncertainty_ms: float
    drift_ppm: float
    def __init__(self, file_id: _Optional[str] = ..., offset_ms: _Optional[float] = ..., uncertainty_ms: _Optional[float] = ..., drift_ppm: _Optional[float] = ...) -> None: ...

class SourceFile(_message.Message):
    __slots__ = ("object", "start_s")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    object: ObjectRef
    start_s: float
    def __init__(self, object: _Optional[_Union[ObjectRef, _Mapping]] = ..., start_s: _Optional[float] = ...) -> None: ...

class Recording(_message.Message):
    __slots__ = ("id", "files", "mirrored", "camera", "filmed_by", "consent_scope", "anchors", "eeg", "patient_box")
    ID_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    MIRRORED_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    FILMED_BY_FIELD_NUMBER: _ClassVar[int]
    CONSENT_SCOPE_FIELD_NUMBER: _ClassVar[int]
    ANCHORS_FIELD_NUMBER: _ClassVar[int]
    EEG_FIELD_NUMBER: _ClassVar[int]
    PATIENT_BOX_FIELD_NUMBER: _ClassVar[int]
    id: str
    files: _containers.RepeatedCompositeFieldContainer[SourceFile]
    mirrored: Tri
    camera: str
    filmed_by: str
    consent_scope: str
    anchors: _containers.RepeatedCompositeFieldContainer[ClockAnchor]
    eeg: EegAlignment
    patient_box: Box
    def __init__(self, id: _Optional[str] = ..., files: _Optional[_Iterable[_Union[SourceFile, _Mapping]]] = ..., mirrored: _Optional[_Union[Tri, str]] = ..., camera: _Optional[str] = ..., filmed_by: _Optional[str] = ..., consent_scope: _Optional[str] = ..., anchors: _Optional[_Iterable[_Union[ClockAnchor, _Mapping]]] = ..., eeg: _Optional[_Union[EegAlignment, _Mapping]] = ..., patient_box: _Optional[_Union[Box, _Mapping]] = ...) -> None: ...

class Quality(_message.Message):
    __slots__ = ("dark", "blurred", "camera_moving", "frozen", "cuts_s", "light_changes_s", "brightness", "sharpness")
    DARK_FIELD_NUMBER: _ClassVar[int]
    BLURRED_FIELD_NUMBER: _ClassVar[int]
    CAMERA_MOVING_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    CUTS_S_FIELD_NUMBER: _ClassVar[int]
    LIGHT_CHANGES_S_FIELD_NUMBER: _ClassVar[int]
    BRIGHTNESS_FIELD_NUMBER: _ClassVar[int]
    SHARPNESS_FIELD_NUMBER: _ClassVar[int]
    dark: _containers.RepeatedCompositeFieldContainer[Interval]
    blurred: _containers.RepeatedCompositeFieldContainer[Interval]
    camera_moving: _containers.RepeatedCompositeFieldContainer[Interval]
    frozen: _containers.RepeatedCompositeFieldContainer[Interval]
    cuts_s: _containers.RepeatedScalarFieldContainer[float]
    light_changes_s: _containers.RepeatedScalarFieldContainer[float]
    brightness: float
    sharpness: float
    def __init__(self, dark: _Optional[_Iterable[_Union[Interval, _Mapping]]] = ..., blurred: _Optional[_Iterable[_Union[Interval, _Mapping]]] = ..., camera_moving: _Optional[_Iterable[_Union[Interval, _Mapping]]] = ..., frozen: _Optional[_Iterable[_Union[Interval, _Mapping]]] = ..., cuts_s: _Optional[_Iterable[float]] = ..., light_changes_s: _Optional[_Iterable[float]] = ..., brightness: _Optional[float] = ..., sharpness: _Optional[float] = ...) -> None: ...

class RecordingFacts(_message.Message):
    __slots__ = ("container", "codec", "width_px", "height_px", "rotation_deg", "duration_s", "start_us", "frames", "nominal_rate_hz", "effective_rate_hz", "variable_rate", "interlaced", "has_audio", "infrared", "burnt_in_clock", "slow_motion", "edited", "capture_rate_hz", "anchors", "quality")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    ROTATION_DEG_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    START_US_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    NOMINAL_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    VARIABLE_RATE_FIELD_NUMBER: _ClassVar[int]
    INTERLACED_FIELD_NUMBER: _ClassVar[int]
    HAS_AUDIO_FIELD_NUMBER: _ClassVar[int]
    INFRARED_FIELD_NUMBER: _ClassVar[int]
    BURNT_IN_CLOCK_FIELD_NUMBER: _ClassVar[int]
    SLOW_MOTION_FIELD_NUMBER: _ClassVar[int]
    EDITED_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    ANCHORS_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    container: str
    codec: str
    width_px: int
    height_px: int
    rotation_deg: int
    duration_s: float
    start_us: int
    frames: int
    nominal_rate_hz: float
    effective_rate_hz: float
    variable_rate: bool
    interlaced: bool
    has_audio: bool
    infrared: Tri
    burnt_in_clock: Tri
    slow_motion: Tri
    edited: Tri
    capture_rate_hz: float
    anchors: _containers.RepeatedCompositeFieldContainer[ClockAnchor]
    quality: Quality
    def __init__(self, container: _Optional[str] = ..., codec: _Optional[str] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., rotation_deg: _Optional[int] = ..., duration_s: _Optional[float] = ..., start_us: _Optional[int] = ..., frames: _Optional[int] = ..., nominal_rate_hz: _Optional[float] = ..., effective_rate_hz: _Optional[float] = ..., variable_rate: _Optional[bool] = ..., interlaced: _Optional[bool] = ..., has_audio: _Optional[bool] = ..., infrared: _Optional[_Union[Tri, str]] = ..., burnt_in_clock: _Optional[_Union[Tri, str]] = ..., slow_motion: _Optional[_Union[Tri, str]] = ..., edited: _Optional[_Union[Tri, str]] = ..., capture_rate_hz: _Optional[float] = ..., anchors: _Optional[_Iterable[_Union[ClockAnchor, _Mapping]]] = ..., quality: _Optional[_Union[Quality, _Mapping]] = ...) -> None: ...

class Thumbnail(_message.Message):
    __slots__ = ("time_s", "object")
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    time_s: float
    object: ObjectRef
    def __init__(self, time_s: _Optional[float] = ..., object: _Optional[_Union[ObjectRef, _Mapping]] = ...) -> None: ...

class IntakeResult(_message.Message):
    __slots__ = ("facts", "proxy", "proxy_width_px", "proxy_height_px", "proxy_rate_hz", "audio", "thumbnails")
    FACTS_FIELD_NUMBER: _ClassVar[int]
    PROXY_FIELD_NUMBER: _ClassVar[int]
    PROXY_WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    PROXY_HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    PROXY_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    THUMBNAILS_FIELD_NUMBER: _ClassVar[int]
    facts: RecordingFacts
    proxy: ObjectRef
    proxy_width_px: int
    proxy_height_px: int
    proxy_rate_hz: float
    audio: ObjectRef
    thumbnails: _containers.RepeatedCompositeFieldContainer[Thumbnail]
    def __init__(self, facts: _Optional[_Union[RecordingFacts, _Mapping]] = ..., proxy: _Optional[_Union[ObjectRef, _Mapping]] = ..., proxy_width_px: _Optional[int] = ..., proxy_height_px: _Optional[int] = ..., proxy_rate_hz: _Optional[float] = ..., audio: _Optional[_Union[ObjectRef, _Mapping]] = ..., thumbnails: _Optional[_Iterable[_Union[Thumbnail, _Mapping]]] = ...) -> None: ...
