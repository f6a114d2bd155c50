"""What the report step is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.case import Case
from schemas.engine import EngineInfo
from schemas.recording import IntakeResult, Recording
from schemas.report import LocalizationResult
from schemas.semiology import Coverage, Intervention, Read, Test


class PageSize(StrEnum):
    """Paper of the PDF."""

    A4 = "a4"
    LETTER = "letter"


@dataclass(frozen=True, slots=True)
class ReportInput:
    """One recording as far as the report needs it."""

    recording: Recording
    """What was sent in."""
    intake: IntakeResult
    """What was measured, and the proxy that stills are cut from."""
    coverage: Coverage
    """What could be judged."""
    engines: tuple[EngineInfo, ...] = ()
    """Who segmented and judged."""
    losses: tuple[str, ...] = ()
    """What they said they cannot do, in plain sentences."""
    catalogue_version: str = ""
    """Version of the sign catalogue they used."""


@dataclass(frozen=True, slots=True)
class ComposeJob:
    """One version of one report, and where to write it. Same job, same bytes."""

    case: Case
    """Case with subject, order and history."""
    run_id: str
    """Run that made it."""
    report_id: str
    """UUID, stable over versions."""
    version: int
    """Counted from 1."""
    created_at: str
    """Instant that the report carries, RFC 3339."""
    recordings: tuple[ReportInput, ...]
    """One or more."""
    localization: LocalizationResult
    """Episodes with findings and order, and the aid."""
    object_root: str
    """Root address of the object store."""
    output_prefix: str
    """Object address under which everything is written."""
    tests: tuple[Test, ...] = ()
    """Ictal and post-ictal testing, human-entered."""
    interventions: tuple[Intervention, ...] = ()
    """Interventions, human-entered."""
    reads: tuple[Read, ...] = ()
    """Reads kept."""
    page_size: PageSize = PageSize.A4
    """Paper."""
    max_stills: int = 12
    """Most evidence stills in one report."""
    still_long_side_px: int = 480
    """Long side of a still, pixels."""
