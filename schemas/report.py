"""The report: one model, rendered as JSON, PDF, HTML and FHIR."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.case import OrderRef, Subject
from schemas.engine import EngineInfo
from schemas.recording import ObjectRef, Recording, RecordingFacts
from schemas.semiology import Coverage, Episode, Intervention, Read, Test

REPORT_SCHEMA_VERSION = "1.1.0"
"""Version of ``report.schema.json`` (semantic versioning: a new optional field is a minor step)."""


class ReportStatus(StrEnum):
    """FHIR's DiagnosticReport.status, as far as we use it."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    CORRECTED = "corrected"
    APPENDED = "appended"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"


class FlagKind(StrEnum):
    """Why somebody should look soon. Rule-based; stored video is never an alarm."""

    CONVULSIVE_2_MIN = "convulsive_2_min"
    CONVULSIVE_5_MIN = "convulsive_5_min"
    LONG_10_MIN = "long_10_min"
    OFFSET_NOT_CAPTURED = "offset_not_captured"
    CLUSTER = "cluster"
    PRONE_OR_MOTIONLESS = "prone_or_motionless"
    FALL = "fall"
    AGE_OR_SPASMS = "age_or_spasms"


@dataclass(frozen=True, slots=True)
class SafetyFlag:
    """One reason to review now."""

    kind: FlagKind
    """Which rule."""
    text: str
    """Worded "review now: ..."."""
    episode_id: str = ""
    """Episode it is about; empty for the whole case."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the narrative and what it rests on."""

    text: str
    """The sentence."""
    source_ids: tuple[str, ...]
    """Ids of the findings, occurrences, episodes or recordings that carry it; never empty."""


@dataclass(frozen=True, slots=True)
class EvidenceStill:
    """A still that shows an occurrence."""

    occurrence_id: str
    """What it shows."""
    recording_id: str
    """Where it is from."""
    time_s: float
    """Seconds from the first frame."""
    object: ObjectRef
    """JPEG."""


@dataclass(frozen=True, slots=True)
class LocalizationAid:
    """Regions reported with these signs (symptomatogenic, not epileptogenic, zone)."""

    refusal: str = ""
    """Why no aid is given; empty when one is."""
    notes: tuple[str, ...] = ()
    """Limits and remarks."""


@dataclass(frozen=True, slots=True)
class LocalizationResult:
    """What the localization step leaves for a case."""

    engine: EngineInfo
    """Who ordered and localised."""
    episodes: tuple[Episode, ...]
    """The episodes of all recordings, each with its onset order."""
    aid: LocalizationAid
    """Localization aid over the case."""


@dataclass(frozen=True, slots=True)
class ReportedRecording:
    """A recording as the report shows it."""

    recording: Recording
    """What was sent in."""
    facts: RecordingFacts
    """What was measured."""
    coverage: Coverage
    """What could be judged."""


@dataclass(frozen=True, slots=True)
class SignOff:
    """A clinician's signature under one version."""

    signer: str
    """Identifier of who signed."""
    signer_name: str
    """Name as it stands on the report."""
    signed_at: str
    """RFC 3339."""
    conclusion: str
    """Typed by the signer."""


@dataclass(frozen=True, slots=True)
class Report:
    """One version of a report."""

    schema_version: str
    """`REPORT_SCHEMA_VERSION` at writing."""
    id: str
    """UUID, stable over versions."""
    version: int
    """Counted from 1."""
    status: ReportStatus
    """Preliminary until signed."""
    case_id: str
    """Case."""
    run_id: str
    """Run that made it."""
    site_id: str
    """Site."""
    created_at: str
    """RFC 3339."""
    subject: Subject
    """Patient."""
    order: OrderRef | None
    """Order, if any."""
    recordings: tuple[ReportedRecording, ...]
    """What was looked at."""
    episodes: tuple[Episode, ...]
    """What was found; empty when nothing was."""
    aid: LocalizationAid
    """Localization aid or refusal."""
    flags: tuple[SafetyFlag, ...]
    """Reasons to review now."""
    description: tuple[Sentence, ...]
    """Ordered description in words; every sentence traceable."""
    not_captured: tuple[Sentence, ...]
    """What was not captured or could not be judged."""
    limits: tuple[str, ...]
    """Limits of the method, in plain sentences."""
    engines: tuple[EngineInfo, ...]
    """Everything that had a say, with versions."""
    catalogue_version: str
    """Version of the sign catalogue."""
    evidence: tuple[EvidenceStill, ...] = ()
    """Stills."""
    tests: tuple[Test, ...] = ()
    """Ictal and post-ictal testing, human-entered."""
    interventions: tuple[Intervention, ...] = ()
    """Interventions, human-entered."""
    reads: tuple[Read, ...] = ()
    """Reads kept."""
    sign_off: SignOff | None = None
    """None: UNSIGNED."""


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What the report step leaves: the model and its renderings."""

    report: Report
    """The model."""
    json: ObjectRef
    """``application/json`` after ``report.schema.json``."""
    html: ObjectRef
    """Self-contained page."""
    pdf: ObjectRef
    """PDF."""
