"""What the intake step is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schemas.recording import Recording
from services.intake.settings import IntakeSettings

Report = Callable[[float, str, str], None]
"""Takes fraction (0-1), stage and a few words for people."""


@dataclass(frozen=True, slots=True)
class IngestJob:
    """One recording to read, and where to write. Same job, same bytes."""

    recording: Recording
    """What was sent in."""
    object_root: str
    """Root address of the object store."""
    output_prefix: str
    """Address under which everything is written."""
    settings: IntakeSettings
    """Limits, and what to make."""
    object_verify: str = "sha256"
    """How the source is checked before it is opened (`RuntimeSettings.object_verify`)."""
    scratch_dir: str = ""
    """Folder for temporary files; empty: the system's own."""
