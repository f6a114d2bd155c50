"""Where the patient is, who else is there, and what a classifier may look at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.engine import EngineInfo
from schemas.recording import Box, Interval, ObjectRef


class ViewKind(StrEnum):
    """What a classifier looks at."""

    FULL_FRAME = "full_frame"
    SILHOUETTE = "silhouette"
    FACE_CROP = "face_crop"
    HANDS = "hands"
    POSE_OVERLAY = "pose_overlay"
    AUDIO = "audio"
    DENOISED_AUDIO = "denoised_audio"
    TRANSCRIPT = "transcript"
    PRIVACY = "privacy"


class BodyPart(StrEnum):
    """A part of the body as far as a camera tells it apart."""

    UNSPECIFIED = "unspecified"
    WHOLE_BODY = "whole_body"
    HEAD = "head"
    FACE = "face"
    EYES = "eyes"
    ARM = "arm"
    HAND = "hand"
    LEG = "leg"
    TRUNK = "trunk"


@dataclass(frozen=True, slots=True)
class View:
    """One way of looking at the recording, as a stored object."""

    kind: ViewKind
    """What it shows."""
    object: ObjectRef
    """The media."""
    missing: tuple[Interval, ...] = ()
    """Spans in which this view shows nothing that can be judged."""
    scale: float = 1.0
    """Pixels of this view per pixel of the source."""
    part_px: float = 0.0
    """Width of the face or length of a hand that it shows, pixels of the source (median); 0: not measured."""


@dataclass(frozen=True, slots=True)
class StaffContact:
    """Somebody else touches the patient: what is touched is not assessable meanwhile."""

    span: Interval
    """When."""
    body_part: BodyPart
    """What is touched, as far as it can be told."""


@dataclass(frozen=True, slots=True)
class Segmentation:
    """What the segmentation step leaves: the patient apart from everything else."""

    engine: EngineInfo
    """Who segmented."""
    masks: ObjectRef
    """Masks over time in the format of `services.media.masks` (times, patient mask, other-person mask)."""
    mask_rate_hz: float
    """Masks per second."""
    patient_region: Box | None
    """Where the patient is over the whole recording; none when nobody was found."""
    patient_missing: tuple[Interval, ...] = ()
    """Spans in which the patient could not be found or was hidden."""
    others_present: tuple[Interval, ...] = ()
    """Spans in which somebody else is in the picture."""
    staff_contacts: tuple[StaffContact, ...] = ()
    """Spans of contact."""
    identity_switches_s: tuple[float, ...] = ()
    """Instants at which the mask may have jumped to another person."""
    mask_quality: float = 0.0
    """0-1, mean confidence that the mask is the patient."""
    views: tuple[View, ...] = ()
    """Views made from the masks."""
    losses: tuple[str, ...] = ()
    """What this engine cannot do, in plain sentences, for the report's limits."""
