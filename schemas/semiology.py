"""Episodes, occurrences and findings: what was seen, when, on which side, and what could not be judged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.engine import EngineInfo
from schemas.recording import Interval, ObjectRef
from schemas.segmentation import BodyPart, ViewKind


class Side(StrEnum):
    """The patient's own side."""

    UNDETERMINED = "undetermined"
    LEFT = "left"
    RIGHT = "right"
    BILATERAL_SYMMETRIC = "bilateral_symmetric"
    BILATERAL_LEFT_GT = "bilateral_left_gt"
    BILATERAL_RIGHT_GT = "bilateral_right_gt"


class SideRefersTo(StrEnum):
    """What a sign's side means."""

    NONE = "none"
    MOVING_LIMB = "moving_limb"
    POSTURING_LIMB = "posturing_limb"
    DIRECTION_TURNED = "direction_turned"
    EXTENDED_ELBOW = "extended_elbow"
    LAST_JERKING_SIDE = "last_jerking_side"
    MOVING_FACE_SIDE = "moving_face_side"
    WIPING_HAND = "wiping_hand"
    WEAK_LIMB = "weak_limb"


class Phase(StrEnum):
    """The part of the episode in which an occurrence starts."""

    UNKNOWN = "unknown"
    INITIAL = "initial"
    SUBSEQUENT = "subsequent"
    POST_ICTAL = "post_ictal"


INITIAL_PHASE_S = 10.0
"""Seconds from an episode's onset in which a sign counts as initial. Clinical judgement: no published cut was found;
10 s keep the hypermotor behaviour that is described within 10 s of onset in the initial phase."""


class FindingStatus(StrEnum):
    """What the report says of a sign. There is no "absent" and no "normal"."""

    NOT_ASSESSABLE = "not_assessable"
    PRESENT = "present"
    POSSIBLE = "possible"
    NOT_SEEN = "not_seen"
    NOT_TESTED = "not_tested"


class Reason(StrEnum):
    """Why a finding has its status, where that needs a reason."""

    NONE = "none"
    NO_ENGINE = "no_engine"
    VIEW_MISSING = "view_missing"
    FACE_TOO_SMALL = "face_too_small"
    FACE_NOT_VISIBLE = "face_not_visible"
    DARK = "dark"
    BLURRED = "blurred"
    CAMERA_MOVING = "camera_moving"
    FRAME_RATE_TOO_LOW = "frame_rate_too_low"
    SLOW_MOTION = "slow_motion"
    PATIENT_NOT_FOUND = "patient_not_found"
    BODY_AXIS_UNKNOWN = "body_axis_unknown"
    TOUCHED_BY_STAFF = "touched_by_staff"
    ONSET_NOT_CAPTURED = "onset_not_captured"
    TOO_SHORT = "too_short"
    NO_AUDIO = "no_audio"
    NO_QUESTION_HEARD = "no_question_heard"
    NO_PRECEDING_ACTIVITY = "no_preceding_activity"
    NOT_TESTED_BY_STAFF = "not_tested_by_staff"
    AGE_OUT_OF_SCOPE = "age_out_of_scope"
    LOW_ANSWER_MASS = "low_answer_mass"


class EpisodeSource(StrEnum):
    """Who proposed an episode."""

    ENGINE = "engine"
    BUTTON = "button"
    EEG = "eeg"
    HUMAN = "human"


class EpisodeState(StrEnum):
    """Whether somebody has confirmed that this is a seizure."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class StateBefore(StrEnum):
    """The patient's state before the episode, as far as a video tells."""

    UNKNOWN = "unknown"
    AWAKE = "awake"
    APPARENTLY_ASLEEP = "apparently_asleep"


class Author(StrEnum):
    """Who marked an occurrence."""

    ENGINE = "engine"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured number behind a rationale."""

    name: str
    """What was measured, such as ``band_ratio_2_6_hz``."""
    value: float
    """The number."""
    unit: str
    """UCUM unit; ``1`` for a ratio."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One instance of a sign."""

    id: str
    """``<episode>-<sign>-<n>``, stable for the same input and versions."""
    sign: str
    """Catalogue id."""
    onset_s: Interval
    """Onset with its uncertainty, seconds from the first frame."""
    offset_s: Interval
    """Offset with its uncertainty, seconds from the first frame."""
    side: Side = Side.UNDETERMINED
    """The patient's side; see `side_refers_to` for what it means."""
    side_refers_to: SideRefersTo = SideRefersTo.NONE
    """What the side refers to, copied from the catalogue."""
    side_confirmed: bool = False
    """False while mirroring is unknown and no reviewer confirmed the side: then it is not released."""
    body_part: BodyPart = BodyPart.UNSPECIFIED
    """The part that moves or postures."""
    phase: Phase = Phase.UNKNOWN
    """Phase of the episode."""
    score: float = 0.0
    """0-1; not a probability unless the finding says it is calibrated."""
    censored_left: bool = False
    """It was already going on when assessable video began."""
    censored_right: bool = False
    """It was still going on when assessable video ended."""
    touched_by_staff: bool = False
    """Somebody touched the part meanwhile."""
    author: Author = Author.ENGINE
    """Engine or human read."""
    rationale: str = ""
    """Why, in words with the measured numbers."""
    measures: tuple[Measure, ...] = ()
    """The numbers."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one engine says of a sign, beside others that were asked, too."""

    engine: EngineInfo
    """Who."""
    status: FindingStatus
    """What it would say alone."""
    score: float | None = None
    """0-1, its highest over the episode; none when it could not judge."""
    assessable_s: float = 0.0
    """Seconds of the episode in which it could judge."""
    reason: Reason = Reason.NONE
    """Why it could not."""
    reason_text: str = ""
    """The same in one sentence."""
    view: ViewKind = ViewKind.FULL_FRAME
    """What it looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the report says of one sign in one episode."""

    id: str
    """``<episode>-<sign>``."""
    sign: str
    """Catalogue id."""
    status: FindingStatus
    """Present, possible, not seen, not assessable or not tested."""
    reason: Reason = Reason.NONE
    """Why it is not assessable or not tested."""
    reason_text: str = ""
    """The same in one sentence, with the offending value."""
    score: float | None = None
    """0-1, highest over the episode; none when nothing was judged."""
    calibrated: bool = False
    """True only with a clinical calibration set on the engine's card."""
    assessable_s: float = 0.0
    """Seconds of the episode in which the sign could be judged."""
    episode_s: float = 0.0
    """Length of the episode as recorded, seconds."""
    occurrences: tuple[Occurrence, ...] = ()
    """Instances in time order."""
    engine: EngineInfo | None = None
    """Who answered; none when no engine could."""
    view: ViewKind = ViewKind.FULL_FRAME
    """What the engine looked at."""
    catalogue_version: str = ""
    """Version of the sign catalogue."""
    opinions: tuple[Opinion, ...] = ()
    """What each engine says, where more than one answers for the sign; in the order in which they are trusted."""

    @property
    def disputed(self) -> bool:
        """Whether one engine states the sign and another, that could judge, did not see it."""
        said = {opinion.status for opinion in self.opinions}
        return {FindingStatus.PRESENT, FindingStatus.NOT_SEEN} <= said


@dataclass(frozen=True, slots=True)
class OrderItem:
    """One occurrence's place in the onset order."""

    occurrence_id: str
    """The occurrence."""
    sign: str
    """Its sign."""
    side: Side
    """Its side."""
    onset_s: Interval
    """Its onset interval."""
    rank_lo: int
    """Earliest possible place, counted from 1."""
    rank_hi: int
    """Latest possible place."""


@dataclass(frozen=True, slots=True)
class Precedence:
    """The first occurrence certainly starts before the second: their onset intervals do not overlap."""

    earlier: str
    """Occurrence id."""
    later: str
    """Occurrence id."""


@dataclass(frozen=True, slots=True)
class OnsetOrder:
    """In which order the signs began; none is claimed where intervals overlap."""

    items: tuple[OrderItem, ...] = ()
    """Sorted by the middle of the onset interval."""
    precedences: tuple[Precedence, ...] = ()
    """Pairs in certain order (transitively reduced)."""
    first_sign: str = ""
    """Sign that began first; empty when that cannot be said."""
    first_sign_reason: str = ""
    """Why no first sign is named."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A candidate seizure in a recording."""

    id: str
    """``<recording>-e<n>``."""
    recording_id: str
    """Recording it lies in."""
    score: float
    """0-1 that this is a seizure; not a probability."""
    onset_s: Interval
    """First visible change, with uncertainty."""
    offset_s: Interval
    """End, with uncertainty."""
    onset_captured: bool
    """False: it was already going on when the recording began (then no first sign, no total duration, no lobe)."""
    offset_captured: bool
    """False: it was still going on when the recording ended."""
    source: EpisodeSource = EpisodeSource.ENGINE
    """Who proposed it."""
    state: EpisodeState = EpisodeState.CANDIDATE
    """Confirmed or not."""
    state_before: StateBefore = StateBefore.UNKNOWN
    """Awake or apparently asleep (needs 60 s seen)."""
    eeg_onset_s: Interval | None = None
    """Onset in the EEG, human-entered."""
    clinical_onset_s: Interval | None = None
    """Clinical onset, human-entered."""
    first_visible_sign_s: Interval | None = None
    """Onset of the first visible sign."""
    rationale: str = ""
    """Why it was proposed, in words with the measured numbers."""
    findings: tuple[Finding, ...] = ()
    """One per catalogue sign."""
    order: OnsetOrder | None = None
    """Onset order; none until the localization step ran."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was looked at, for how long, and what could not be seen in the whole recording."""

    recording_id: str
    """Recording."""
    duration_s: float
    """Playing time of the recording."""
    assessable_s: float
    """Seconds in which the patient's movement could be judged."""
    not_assessable: tuple[CoverageGap, ...] = ()
    """Spans that could not be judged, with the reason."""


@dataclass(frozen=True, slots=True)
class CoverageGap:
    """A span that could not be judged."""

    span: Interval
    """When."""
    reason: Reason
    """Why."""


@dataclass(frozen=True, slots=True)
class SemiologyResult:
    """What the semiology step leaves for one recording."""

    engines: tuple[EngineInfo, ...]
    """Who answered."""
    coverage: Coverage
    """What was looked at."""
    episodes: tuple[Episode, ...] = ()
    """Candidates in time order, with findings; empty when none was found."""
    tracks: ObjectRef | None = None
    """Scores over time in the format of `services.media.tracks` (NPZ)."""
    catalogue_version: str = ""
    """Version of the sign catalogue."""


@dataclass(frozen=True, slots=True)
class Test:
    """One item of ictal or post-ictal testing, entered by a person."""

    id: str
    """Identifier within the case."""
    recording_id: str
    """Recording."""
    kind: str
    """Command, word to recall, naming, grip, ..."""
    at_s: Interval
    """When it was done."""
    prompt: str = ""
    """What was asked."""
    response: str = ""
    """What the patient did."""
    entered_by: str = ""
    """Role of who entered it."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """Something done to the patient, entered by a person."""

    id: str
    """Identifier within the case."""
    recording_id: str
    """Recording."""
    kind: str
    """Rescue drug, oxygen, turned to side, ..."""
    at_s: Interval
    """When."""
    entered_by: str = ""
    """Role of who entered it."""


@dataclass(frozen=True, slots=True)
class Read:
    """One reader's marks; adjudication keeps all reads."""

    id: str
    """Identifier within the case."""
    reader: str
    """Pseudonymous reader id."""
    role: str
    """Role of the reader."""
    blinded_to_ai: bool
    """Did not see machine findings before marking."""
    blinded_to_eeg: bool
    """Did not see the EEG."""
    blinded_to_history: bool
    """Did not see the history."""
    started_at: str
    """RFC 3339."""
    finished_at: str
    """RFC 3339; empty while going on."""
    episodes: tuple[Episode, ...] = ()
    """The reader's own marks."""
