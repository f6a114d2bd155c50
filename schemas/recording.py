"""Recordings: what was filmed, on which clock, and how well it can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Interval(NamedTuple):
    """A closed span of time, or the uncertainty of one instant, in seconds from the recording's first frame."""

    lo: float
    hi: float

    @property
    def length_s(self) -> float:
        return self.hi - self.lo

    @property
    def middle_s(self) -> float:
        return (self.lo + self.hi) / 2


class Box(NamedTuple):
    """A rectangle as fractions (0-1) of the displayed picture: left, top, right, bottom; origin at the top left."""

    left: float
    top: float
    right: float
    bottom: float


class Tri(StrEnum):
    """An answer that may be unknown."""

    UNKNOWN = "unknown"
    YES = "yes"
    NO = "no"


class AnchorSource(StrEnum):
    """Where a clock anchor comes from."""

    CONTAINER = "container"
    SERVER = "server"
    USER = "user"
    EEG = "eeg"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """A stored object. Data between steps travels as these, never as bytes."""

    uri: str
    """Where it lies, as an fsspec address; carries site and case, never a name."""
    sha256: str
    """Lower-case hex digest of the content."""
    size_bytes: int
    """Length in bytes."""
    media_type: str
    """IANA media type, such as ``video/mp4``."""


@dataclass(frozen=True, slots=True)
class ClockAnchor:
    """One known pair of video time and wall-clock time."""

    pts_us: int
    """Presentation time of the source, microseconds."""
    at: str
    """The instant as RFC 3339 with offset."""
    time_zone: str
    """IANA zone name; empty when only the offset is known."""
    source: AnchorSource
    """Who says so."""
    uncertainty_ms: float
    """Half width of the uncertainty, milliseconds."""


@dataclass(frozen=True, slots=True)
class EegAlignment:
    """How an EEG file lies against the recording: eeg_time = video_time + offset, drifting."""

    file_id: str
    """Identifier of the EEG file at the site."""
    offset_ms: float
    """EEG time minus video time at the first frame, milliseconds."""
    uncertainty_ms: float
    """Half width of the offset's uncertainty, milliseconds."""
    drift_ppm: float
    """Clock drift of the EEG against the video, parts per million."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a recording; a recording with gaps has several."""

    object: ObjectRef
    """The bytes as they were sent in."""
    start_s: float = 0.0
    """Elapsed time of the file's first frame after the recording's first frame, seconds (counts gaps)."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What somebody sent in and what they told us about it."""

    id: str
    """Label within its case: ``r1``, ``r2``, ..."""
    files: tuple[SourceFile, ...]
    """One or more files in time order, possibly with gaps between them."""
    mirrored: Tri = Tri.UNKNOWN
    """Whether left and right are swapped in the picture (phones save front-camera video mirrored)."""
    camera: str = ""
    """Kind of camera in the sender's words, such as ``phone`` or ``ward ceiling``; no names."""
    filmed_by: str = ""
    """Role of who filmed: ``relative``, ``staff``, ``fixed camera``."""
    consent_scope: str = ""
    """What the recording may be used for, as the site codes it."""
    anchors: tuple[ClockAnchor, ...] = ()
    """Clock anchors that people gave."""
    eeg: EegAlignment | None = None
    """Alignment with an EEG recording, when there is one."""
    patient_box: Box | None = None
    """Where a person drew the patient, if they did; overrides the automatic choice."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Spans in which the picture is too poor to judge from; used to abstain."""

    dark: tuple[Interval, ...] = ()
    """Too dark to see movement."""
    blurred: tuple[Interval, ...] = ()
    """Out of focus."""
    camera_moving: tuple[Interval, ...] = ()
    """The whole picture moves: handheld camera, pan, knock."""
    frozen: tuple[Interval, ...] = ()
    """Identical frames: the recorder stalled."""
    cuts_s: tuple[float, ...] = ()
    """Instants at which the scene changes at once: editing or a switched camera."""
    light_changes_s: tuple[float, ...] = ()
    """Instants at which the light changes at once, the scene staying the same."""
    brightness: float = 0.0
    """Median luma over the recording, 0-255."""
    sharpness: float = 0.0
    """Median variance of the Laplacian of the proxy's luma."""


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """What intake measured of one recording."""

    container: str
    """Container format as FFmpeg names it."""
    codec: str
    """Video codec as FFmpeg names it."""
    width_px: int
    """Width of the displayed picture after rotation and sample aspect ratio, pixels."""
    height_px: int
    """Height of the displayed picture, pixels."""
    rotation_deg: int
    """Display rotation that the file asks for: 0, 90, 180 or 270 clockwise."""
    duration_s: float
    """Playing time from first to end of last frame, seconds."""
    start_us: int
    """Presentation time of the first frame in the source, microseconds."""
    frames: int
    """Number of decoded frames."""
    nominal_rate_hz: float
    """Frame rate that the container states; 0 when it states none."""
    effective_rate_hz: float
    """Median rate of frames that differ from the one before."""
    variable_rate: bool
    """Frame spacing varies by more than a tenth of its median."""
    interlaced: bool
    """Frames are flagged as interlaced."""
    has_audio: bool
    """An audio track is present and decodable."""
    infrared: Tri = Tri.UNKNOWN
    """Looks like infrared night vision (no colour)."""
    burnt_in_clock: Tri = Tri.UNKNOWN
    """A clock seems to be drawn into the picture."""
    slow_motion: Tri = Tri.UNKNOWN
    """Played slower than captured: no frequency and no duration may be stated until retimed."""
    edited: Tri = Tri.UNKNOWN
    """Cut or re-encoded by an editor."""
    capture_rate_hz: float | None = None
    """Rate at which the camera captured, when the file says so."""
    anchors: tuple[ClockAnchor, ...] = ()
    """Clock anchors found in the file."""
    quality: Quality = Quality()
    """Where it cannot be judged."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small still of the recording."""

    time_s: float
    """Time of the frame, seconds from the first frame."""
    object: ObjectRef
    """JPEG."""


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """What the intake step leaves for all later steps."""

    facts: RecordingFacts
    """Measured facts and quality."""
    proxy: ObjectRef
    """Normalised copy: H.264 in MP4, constant rate, upright, square pixels; time 0 is the recording's first frame."""
    proxy_width_px: int
    """Width of the proxy, pixels."""
    proxy_height_px: int
    """Height of the proxy, pixels."""
    proxy_rate_hz: float
    """Constant frame rate of the proxy."""
    audio: ObjectRef | None
    """16 kHz mono WAV aligned with the proxy; none when the source has no audio."""
    thumbnails: tuple[Thumbnail, ...] = ()
    """Stills in time order."""
