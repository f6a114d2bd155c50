"""What a segmentation engine is: it gets a video and prompts, and gives masks of the patient and of everybody else.

The shape fits engines that follow what is pointed at (video object segmentation: box or point prompts at any time,
several people, prompts again after a loss) as well as engines that find the patient by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from schemas.engine import EngineInfo
from schemas.recording import Box, Interval, RecordingFacts
from schemas.segmentation import StaffContact
from services.media.masks import MaskTrack

PATIENT = 0
"""The person number of the patient in prompts; others count from 1."""
Report = Callable[[float, str, str], None]
"""Takes fraction (0-1), stage and a few words for people; may raise to stop the work."""


@dataclass(frozen=True, slots=True)
class PromptPoint:
    """A point on a person, or beside them."""

    x: float
    """0-1 of the displayed picture's width."""
    y: float
    """0-1 of its height."""
    inside: bool = True
    """On the person; false: certainly not."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Somebody pointed out at one instant. Several prompts of one person correct each other over time."""

    time_s: float
    """When, seconds from the recording's first frame."""
    person: int = PATIENT
    """Whom: `PATIENT`, or a number from 1 for somebody else."""
    box: Box | None = None
    """Box around them."""
    points: tuple[PromptPoint, ...] = ()
    """Points on and off them."""


@dataclass(frozen=True, slots=True)
class SegmentInput:
    """What an engine works on."""

    video: Path
    """The proxy: constant rate, upright, square pixels."""
    facts: RecordingFacts
    """What intake measured: length, camera movement, cuts, light."""
    mask_rate_hz: float
    """Masks wanted per second."""
    prompts: tuple[Prompt, ...] = ()
    """People pointed out; empty: the engine finds the patient."""


@dataclass(frozen=True, slots=True)
class SegmentOutput:
    """What an engine found; the same fields as in `schemas.segmentation.Segmentation`."""

    masks: MaskTrack
    """Patient and others at about the rate wanted."""
    patient_region: Box | None
    """Where the patient is over the whole recording, with margin; none when nobody was found."""
    patient_missing: tuple[Interval, ...] = ()
    """Spans in which the patient was not found or was hidden."""
    others_present: tuple[Interval, ...] = ()
    """Spans in which somebody else is in the picture."""
    staff_contacts: tuple[StaffContact, ...] = ()
    """Spans in which somebody else touches the patient."""
    identity_switches_s: tuple[float, ...] = ()
    """Instants at which the mask may have jumped to another person: where a prompt is worth most."""
    quality: float = 0.0
    """0-1, confidence that the mask is the patient."""
    losses: tuple[str, ...] = ()
    """What could not be told, in plain sentences."""


@runtime_checkable
class SegmentationEngine(Protocol):
    """One way of telling the patient apart. Named ``module:Class`` in the settings; made without arguments."""

    def info(self) -> EngineInfo:
        """Who it is; cheap, loads nothing."""

    def load(self) -> None:
        """Get ready (weights, devices). Called once in the process that computes."""

    def segment(self, request: SegmentInput, report: Report) -> SegmentOutput:
        """Follow the patient through one video. Raises an `IctogramError`."""
