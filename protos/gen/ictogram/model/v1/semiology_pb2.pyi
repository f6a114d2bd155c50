from ictogram.model.v1 import engine_pb2 as _engine_pb2
from ictogram.model.v1 import recording_pb2 as _recording_pb2
from ictogram.model.v1 import segmentation_pb2 as _segmentation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Side(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIDE_UNSPECIFIED: _ClassVar[Side]
    SIDE_UNDETERMINED: _ClassVar[Side]
    SIDE_LEFT: _ClassVar[Side]
    SIDE_RIGHT: _ClassVar[Side]
    SIDE_BILATERAL_SYMMETRIC: _ClassVar[Side]
    SIDE_BILATERAL_LEFT_GT: _ClassVar[Side]
    SIDE_BILATERAL_RIGHT_GT: _ClassVar[Side]

class SideRefersTo(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIDE_REFERS_TO_UNSPECIFIED: _ClassVar[SideRefersTo]
    SIDE_REFERS_TO_NONE: _ClassVar[SideRefersTo]
    SIDE_REFERS_TO_MOVING_LIMB: _ClassVar[SideRefersTo]
    SIDE_REFERS_TO_POSTURING_LIMB: _ClassVar[SideRefersTo]
    SIDE_REFERS_TO_DIRECTION_TURNED: _ClassVar[SideRefersTo]
    SIDE_REFERS_TO_EXTENDED_ELBOW: _ClassVar[SideRefersTo]
    SIDE_REFERS_TO_LAST_JERKING_SIDE: _ClassVar[SideRefersTo]
    SIDE_REFERS_TO_MOVING_FACE_SIDE: _ClassVar[SideRefersTo]
    SIDE_REFERS_TO_WIPING_HAND: _ClassVar[SideRefersTo]
    SIDE_REFERS_TO_WEAK_LIMB: _ClassVar[SideRefersTo]

class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PHASE_UNSPECIFIED: _ClassVar[Phase]
    PHASE_UNKNOWN: _ClassVar[Phase]
    PHASE_INITIAL: _ClassVar[Phase]
    PHASE_SUBSEQUENT: _ClassVar[Phase]
    PHASE_POST_ICTAL: _ClassVar[Phase]

class FindingStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINDING_STATUS_UNSPECIFIED: _ClassVar[FindingStatus]
    FINDING_STATUS_NOT_ASSESSABLE: _ClassVar[FindingStatus]
    FINDING_STATUS_PRESENT: _ClassVar[FindingStatus]
    FINDING_STATUS_POSSIBLE: _ClassVar[FindingStatus]
    FINDING_STATUS_NOT_SEEN: _ClassVar[FindingStatus]
    FINDING_STATUS_NOT_TESTED: _ClassVar[FindingStatus]

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_NONE: _ClassVar[Reason]
    REASON_NO_ENGINE: _ClassVar[Reason]
    REASON_VIEW_MISSING: _ClassVar[Reason]
    REASON_FACE_TOO_SMALL: _ClassVar[Reason]
    REASON_FACE_NOT_VISIBLE: _ClassVar[Reason]
    REASON_DARK: _ClassVar[Reason]
    REASON_BLURRED: _ClassVar[Reason]
    REASON_CAMERA_MOVING: _ClassVar[Reason]
    REASON_FRAME_RATE_TOO_LOW: _ClassVar[Reason]
    REASON_SLOW_MOTION: _ClassVar[Reason]
    REASON_PATIENT_NOT_FOUND: _ClassVar[Reason]
    REASON_BODY_AXIS_UNKNOWN: _ClassVar[Reason]
    REASON_TOUCHED_BY_STAFF: _ClassVar[Reason]
    REASON_ONSET_NOT_CAPTURED: _ClassVar[Reason]
    REASON_TOO_SHORT: _ClassVar[Reason]
    REASON_NO_AUDIO: _ClassVar[Reason]
    REASON_NO_QUESTION_HEARD: _ClassVar[Reason]
    REASON_NO_PRECEDING_ACTIVITY: _ClassVar[Reason]
    REASON_NOT_TESTED_BY_STAFF: _ClassVar[Reason]
    REASON_AGE_OUT_OF_SCOPE: _ClassVar[Reason]
    REASON_LOW_ANSWER_MASS: _ClassVar[Reason]

class EpisodeSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EPISODE_SOURCE_UNSPECIFIED: _ClassVar[EpisodeSource]
    EPISODE_SOURCE_ENGINE: _ClassVar[EpisodeSource]
    EPISODE_SOURCE_BUTTON: _ClassVar[EpisodeSource]
    EPISODE_SOURCE_EEG: _ClassVar[EpisodeSource]
    EPISODE_SOURCE_HUMAN: _ClassVar[EpisodeSource]

class EpisodeState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EPISODE_STATE_UNSPECIFIED: _ClassVar[EpisodeState]
    EPISODE_STATE_CANDIDATE: _ClassVar[EpisodeState]
    EPISODE_STATE_CONFIRMED: _ClassVar[EpisodeState]
    EPISODE_STATE_REJECTED: _ClassVar[EpisodeState]

class StateBefore(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATE_BEFORE_UNSPECIFIED: _ClassVar[StateBefore]
    STATE_BEFORE_UNKNOWN: _ClassVar[StateBefore]
    STATE_BEFORE_AWAKE: _ClassVar[StateBefore]
    STATE_BEFORE_APPARENTLY_ASLEEP: _ClassVar[StateBefore]

class Author(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUTHOR_UNSPECIFIED: _ClassVar[Author]
    AUTHOR_ENGINE: _ClassVar[Author]
    AUTHOR_READ: _ClassVar[Author]
SIDE_UNSPECIFIED: Side
SIDE_UNDETERMINED: Side
SIDE_LEFT: Side
SIDE_RIGHT: Side
SIDE_BILATERAL_SYMMETRIC: Side
SIDE_BILATERAL_LEFT_GT: Side
SIDE_BILATERAL_RIGHT_GT: Side
SIDE_REFERS_TO_UNSPECIFIED: SideRefersTo
SIDE_REFERS_TO_NONE: SideRefersTo
SIDE_REFERS_TO_MOVING_LIMB: SideRefersTo
SIDE_REFERS_TO_POSTURING_LIMB: SideRefersTo
SIDE_REFERS_TO_DIRECTION_TURNED: SideRefersTo
SIDE_REFERS_TO_EXTENDED_ELBOW: SideRefersTo
SIDE_REFERS_TO_LAST_JERKING_SIDE: SideRefersTo
SIDE_REFERS_TO_MOVING_FACE_SIDE: SideRefersTo
SIDE_REFERS_TO_WIPING_HAND: SideRefersTo
SIDE_REFERS_TO_WEAK_LIMB: SideRefersTo
PHASE_UNSPECIFIED: Phase
PHASE_UNKNOWN: Phase
PHASE_INITIAL: Phase
PHASE_SUBSEQUENT: Phase
PHASE_POST_ICTAL: Phase
FINDING_STATUS_UNSPECIFIED: FindingStatus
FINDING_STATUS_NOT_ASSESSABLE: FindingStatus
FINDING_STATUS_PRESENT: FindingStatus
FINDING_STATUS_POSSIBLE: FindingStatus
FINDING_STATUS_NOT_SEEN: FindingStatus
FINDING_STATUS_NOT_TESTED: FindingStatus
REASON_UNSPECIFIED: Reason
REASON_NONE: Reason
REASON_NO_ENGINE: Reason
REASON_VIEW_MISSING: Reason
REASON_FACE_TOO_SMALL: Reason
REASON_FACE_NOT_VISIBLE: Reason
REASON_DARK: Reason
REASON_BLURRED: Reason
REASON_CAMERA_MOVING: Reason
REASON_FRAME_RATE_TOO_LOW: Reason
REASON_SLOW_MOTION: Reason
REASON_PATIENT_NOT_FOUND: Reason
REASON_BODY_AXIS_UNKNOWN: Reason
REASON_TOUCHED_BY_STAFF: Reason
REASON_ONSET_NOT_CAPTURED: Reason
REASON_TOO_SHORT: Reason
REASON_NO_AUDIO: Reason
REASON_NO_QUESTION_HEARD: Reason
REASON_NO_PRECEDING_ACTIVITY: Reason
REASON_NOT_TESTED_BY_STAFF: Reason
REASON_AGE_OUT_OF_SCOPE: Reason
REASON_LOW_ANSWER_MASS: Reason
EPISODE_SOURCE_UNSPECIFIED: EpisodeSource
EPISODE_SOURCE_ENGINE: EpisodeSource
EPISODE_SOURCE_BUTTON: EpisodeSource
EPISODE_SOURCE_EEG: EpisodeSource
EPISODE_SOURCE_HUMAN: EpisodeSource
EPISODE_STATE_UNSPECIFIED: EpisodeState
EPISODE_STATE_CANDIDATE: EpisodeState
EPISODE_STATE_CONFIRMED: EpisodeState
EPISODE_STATE_REJECTED: EpisodeState
STATE_BEFORE_UNSPECIFIED: StateBefore
STATE_BEFORE_UNKNOWN: StateBefore
STATE_BEFORE_AWAKE: StateBefore
STATE_BEFORE_APPARENTLY_ASLEEP: StateBefore
AUTHOR_UNSPECIFIED: Author
AUTHOR_ENGINE: Author
AUTHOR_READ: Author

class Measure(_message.Message):
    __slots__ = ("name", "value", "unit")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    unit: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ..., unit: _Optional[str] = ...) -> None: ...

class Occurrence(_message.Message):
    __slots__ = ("id", "sign", "onset_s", "offset_s", "side", "side_refers_to", "side_confirmed", "body_part", "phase", "score", "censored_left", "censored_right", "touched_by_staff", "author", "rationale", "measures")
    ID_FIELD_NUMBER: _ClassVar[int]
    SIGN_FIELD_NUMBER: _ClassVar[int]
    ONSET_S_FIELD_NUMBER: _ClassVar[int]
    OFFSET_S_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    SIDE_REFERS_TO_FIELD_NUMBER: _ClassVar[int]
    SIDE_CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    BODY_PART_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    CENSORED_LEFT_FIELD_NUMBER: _ClassVar[int]
    CENSORED_RIGHT_FIELD_NUMBER: _ClassVar[int]
    TOUCHED_BY_STAFF_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    RATIONALE_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    id: str
    sign: str
    onset_s: _recording_pb2.Interval
    offset_s: _recording_pb2.Interval
    side: Side
    side_refers_to: SideRefersTo
    side_confirmed: bool
    body_part: _segmentation_pb2.BodyPart
    phase: Phase
    score: float
    censored_left: bool
    censored_right: bool
    touched_by_staff: bool
    author: Author
    rationale: str
    measures: _containers.RepeatedCompositeFieldContainer[Measure]
    def __init__(self, id: _Optional[str] = ..., sign: _Optional[str] = ..., onset_s: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., offset_s: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., side: _Optional[_Union[Side, str]] = ..., side_refers_to: _Optional[_Union[SideRefersTo, str]] = ..., side_confirmed: _Optional[bool] = ..., body_part: _Optional[_Union[_segmentation_pb2.BodyPart, str]] = ..., phase: _Optional[_Union[Phase, str]] = ..., score: _Optional[float] = ..., censored_left: _Optional[bool] = ..., censored_right: _Optional[bool] = ..., touched_by_staff: _Optional[bool] = ..., author: _Optional[_Union[Author, str]] = ..., rationale: _Optional[str] = ..., measures: _Optional[_Iterable[_Union[Measure, _Mapping]]] = ...) -> None: ...

class Opinion(_message.Message):
    __slots__ = ("engine", "status", "score", "assessable_s", "reason", "reason_text", "view")
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    ASSESSABLE_S_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REASON_TEXT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    engine: _engine_pb2.EngineInfo
    status: FindingStatus
    score: float
    assessable_s: float
    reason: Reason
    reason_text: str
    view: _segmentation_pb2.ViewKind
    def __init__(self, engine: _Optional[_Union[_engine_pb2.EngineInfo, _Mapping]] = ..., status: _Optional[_Union[FindingStatus, str]] = ..., score: _Optional[float] = ..., assessable_s: _Optional[float] = ..., reason: _Optional[_Union[Reason, str]] = ..., reason_text: _Optional[str] = ..., view: _Optional[_Union[_segmentation_pb2.ViewKind, str]] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("id", "sign", "status", "reason", "reason_text", "score", "calibrated", "assessable_s", "episode_s", "occurrences", "engine", "view", "catalogue_version", "opinions")
    ID_FIELD_NUMBER: _ClassVar[int]
    SIGN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REASON_TEXT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    CALIBRATED_FIELD_NUMBER: _ClassVar[int]
    ASSESSABLE_S_FIELD_NUMBER: _ClassVar[int]
    EPISODE_S_FIELD_NUMBER: _ClassVar[int]
    OCCURRENCES_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    CATALOGUE_VERSION_FIELD_NUMBER: _ClassVar[int]
    OPINIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    sign: str
    status: FindingStatus
    reason: Reason
    reason_text: str
    score: float
    calibrated: bool
    assessable_s: float
    episode_s: float
    occurrences: _containers.RepeatedCompositeFieldContainer[Occurrence]
    engine: _engine_pb2.EngineInfo
    view: _segmentation_pb2.ViewKind
    catalogue_version: str
    opinions: _containers.RepeatedCompositeFieldContainer[Opinion]
    def __init__(self, id: _Optional[str] = ..., sign: _Optional[str] = ..., status: _Optional[_Union[FindingStatus, str]] = ..., reason: _Optional[_Union[Reason, str]] = ..., reason_text: _Optional[str] = ..., score: _Optional[float] = ..., calibrated: _Optional[bool] = ..., assessable_s: _Optional[float] = ..., episode_s: _Optional[float] = ..., occurrences: _Optional[_Iterable[_Union[Occurrence, _Mapping]]] = ..., engine: _Optional[_Union[_engine_pb2.EngineInfo, _Mapping]] = ..., view: _Optional[_Union[_segmentation_pb2.ViewKind, str]] = ..., catalogue_version: _Optional[str] = ..., opinions: _Optional[_Iterable[_Union[Opinion, _Mapping]]] = ...) -> None: ...

class OrderItem(_message.Message):
    __slots__ = ("occurrence_id", "sign", "side", "onset_s", "rank_lo", "rank_hi")
    OCCURRENCE_ID_FIELD_NUMBER: _ClassVar[int]
    SIGN_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    ONSET_S_FIELD_NUMBER: _ClassVar[int]
    RANK_LO_FIELD_NUMBER: _ClassVar[int]
    RANK_HI_FIELD_NUMBER: _ClassVar[int]
    occurrence_id: str
    sign: str
    side: Side
    onset_s: _recording_pb2.Interval
    rank_lo: int
    rank_hi: int
    def __init__(self, occurrence_id: _Optional[str] = ..., sign: _Optional[str] = ..., side: _Optional[_Union[Side, str]] = ..., onset_s: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., rank_lo: _Optional[int] = ..., rank_hi: _Optional[int] = ...) -> None: ...

class Precedence(_message.Message):
    __slots__ = ("earlier", "later")
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    LATER_FIELD_NUMBER: _ClassVar[int]
    earlier: str
    later: str
    def __init__(self, earlier: _Optional[str] = ..., later: _Optional[str] = ...) -> None: ...

class OnsetOrder(_message.Message):
    __slots__ = ("items", "precedences", "first_sign", "first_sign_reason")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    PRECEDENCES_FIELD_NUMBER: _ClassVar[int]
    FIRST_SIGN_FIELD_NUMBER: _ClassVar[int]
    FIRST_SIGN_REASON_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[OrderItem]
    precedences: _containers.RepeatedCompositeFieldContainer[Precedence]
    first_sign: str
    first_sign_reason: str
    def __init__(self, items: _Optional[_Iterable[_Union[OrderItem, _Mapping]]] = ..., precedences: _Optional[_Iterable[_Union[Precedence, _Mapping]]] = ..., first_sign: _Optional[str] = ..., first_sign_reason: _Optional[str] = ...) -> None: ...

class Episode(_message.Message):
    __slots__ = ("id", "recording_id", "score", "onset_s", "offset_s", "onset_captured", "offset_captured", "source", "state", "state_before", "eeg_onset_s", "clinical_onset_s", "first_visible_sign_s", "rationale", "findings", "order")
    ID_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    ONSET_S_FIELD_NUMBER: _ClassVar[int]
    OFFSET_S_FIELD_NUMBER: _ClassVar[int]
    ONSET_CAPTURED_FIELD_NUMBER: _ClassVar[int]
    OFFSET_CAPTURED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    EEG_ONSET_S_FIELD_NUMBER: _ClassVar[int]
    CLINICAL_ONSET_S_FIELD_NUMBER: _ClassVar[int]
    FIRST_VISIBLE_SIGN_S_FIELD_NUMBER: _ClassVar[int]
    RATIONALE_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    id: str
    recording_id: str
    score: float
    onset_s: _recording_pb2.Interval
    offset_s: _recording_pb2.Interval
    onset_captured: bool
    offset_captured: bool
    source: EpisodeSource
    state: EpisodeState
    state_before: StateBefore
    eeg_onset_s: _recording_pb2.Interval
    clinical_onset_s: _recording_pb2.Interval
    first_visible_sign_s: _recording_pb2.Interval
    rationale: str
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    order: OnsetOrder
    def __init__(self, id: _Optional[str] = ..., recording_id: _Optional[str] = ..., score: _Optional[float] = ..., onset_s: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., offset_s: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., onset_captured: _Optional[bool] = ..., offset_captured: _Optional[bool] = ..., source: _Optional[_Union[EpisodeSource, str]] = ..., state: _Optional[_Union[EpisodeState, str]] = ..., state_before: _Optional[_Union[StateBefore, str]] = ..., eeg_onset_s: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., clinical_onset_s: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., first_visible_sign_s: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., rationale: _Optional[str] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., order: _Optional[_Union[OnsetOrder, _Mapping]] = ...) -> None: ...

class Coverage(_message.Message):
    __slots__ = ("recording_id", "duration_s", "assessable_s", "not_assessable")
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    ASSESSABLE_S_FIELD_NUMBER: _ClassVar[int]
    NOT_ASSESSABLE_FIELD_NUMBER: _ClassVar[int]
    recording_id: str
    duration_s: float
    assessable_s: float
    not_assessable: _containers.RepeatedCompositeFieldContainer[CoverageGap]
    def __init__(self, recording_id: _Optional[str] = ..., duration_s: _Optional[float] = ..., assessable_s: _Optional[float] = ..., not_assessable: _Optional[_Iterable[_Union[CoverageGap, _Mapping]]] = ...) -> None: ...

class CoverageGap(_message.Message):
    __slots__ = ("span", "reason")
    SPAN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    span: _recording_pb2.Interval
    reason: Reason
    def __init__(self, span: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., reason: _Optional[_Union[Reason, str]] = ...) -> None: ...

class SemiologyResult(_message.Message):
    __slots__ = ("engines", "coverage", "episodes", "tracks", "catalogue_version")
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    EPISODES_FIELD_NUMBER: _ClassVar[int]
    TRACKS_FIELD_NUMBER: _ClassVar[int]
    CATALOGUE_VERSION_FIELD_NUMBER: _ClassVar[int]
    engines: _containers.RepeatedCompositeFieldContainer[_engine_pb2.EngineInfo]
    coverage: Coverage
    episodes: _containers.RepeatedCompositeFieldContainer[Episode]
    tracks: _recording_pb2.ObjectRef
    catalogue_version: str
    def __init__(self, engines: _Optional[_Iterable[_Union[_engine_pb2.EngineInfo, _Mapping]]] = ..., coverage: _Optional[_Union[Coverage, _Mapping]] = ..., episodes: _Optional[_Iterable[_Union[Episode, _Mapping]]] = ..., tracks: _Optional[_Union[_recording_pb2.ObjectRef, _Mapping]] = ..., catalogue_version: _Optional[str] = ...) -> None: ...

class Test(_message.Message):
    __slots__ = ("id", "recording_id", "kind", "at_s", "prompt", "response", "entered_by")
    ID_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_S_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ENTERED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    recording_id: str
    kind: str
    at_s: _recording_pb2.Interval
    prompt: str
    response: str
    entered_by: str
    def __init__(self, id: _Optional[str] = ..., recording_id: _Optional[str] = ..., kind: _Optional[str] = ..., at_s: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., prompt: _Optional[str] = ..., response: _Optional[str] = ..., entered_by: _Optional[str] = ...) -> None: ...

class Intervention(_message.Message):
    __slots__ = ("id", "recording_id", "kind", "at_s", "entered_by")
    ID_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_S_FIELD_NUMBER: _ClassVar[int]
    ENTERED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    recording_id: str
    kind: str
    at_s: _recording_pb2.Interval
    entered_by: str
    def __init__(self, id: _Optional[str] = ..., recording_id: _Optional[str] = ..., kind: _Optional[str] = ..., at_s: _Optional[_Union[_recording_pb2.Interval, _Mapping]] = ..., entered_by: _Optional[str] = ...) -> None: ...

class Read(_message.Message):
    __slots__ = ("id", "reader", "role", "blinded_to_ai", "blinded_to_eeg", "blinded_to_history", "started_at", "finished_at", "episodes")
    ID_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    BLINDED_TO_AI_FIELD_NUMBER: _ClassVar[int]
    BLINDED_TO_EEG_FIELD_NUMBER: _ClassVar[int]
    BLINDED_TO_HISTORY_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    EPISODES_FIELD_NUMBER: _ClassVar[int]
    id: str
    reader: str
    role: str
    blinded_to_ai: bool
    blinded_to_eeg: bool
    blinded_to_history: bool
    started_at: str
    finished_at: str
    episodes: _containers.RepeatedCompositeFieldContainer[Episode]
    def __init__(self, id: _Optional[str] = ..., reader: _Optional[str] = ..., role: _Optional[str] = ..., blinded_to_ai: _Optional[bool] = ..., blinded_to_eeg: _Optional[bool] = ..., blinded_to_history: _Optional[bool] = ..., started_at: _Optional[str] = ..., finished_at: _Optional[str] = ..., episodes: _Optional[_Iterable[_Union[Episode, _Mapping]]] = ...) -> None: ...
