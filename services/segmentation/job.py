"""What the segmentation step is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.recording import IntakeResult, Recording
from schemas.segmentation import ViewKind
from services.segmentation.settings import SegmentationSettings


@dataclass(frozen=True, slots=True)
class SegmentJob:
    """One recording to segment, and where to write. Same job, same bytes."""

    recording: Recording
    """What was sent in; a patient box in it overrides the automatic choice, and details are cut from its files."""
    intake: IntakeResult
    """What intake left: its proxy is what is segmented."""
    object_root: str
    """Root address of the object store."""
    output_prefix: str
    """Address under which everything is written."""
    settings: SegmentationSettings
    """Engine, rates and what views need."""
    views: tuple[ViewKind, ...] = ()
    """Views to make; empty: those of the settings."""
    object_verify: str = "sha256"
    """How the proxy is checked before it is opened (`RuntimeSettings.object_verify`)."""
    scratch_dir: str = ""
    """Folder for temporary files; empty: the system's own."""
