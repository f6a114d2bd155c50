"""Cases and how work on them proceeds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.recording import Recording


class Priority(StrEnum):
    """Stat cases go before batch cases."""

    BATCH = "batch"
    STAT = "stat"


class CaseStatus(StrEnum):
    """Where a case stands."""

    QUEUED = "queued"
    RUNNING = "running"
    REPORTED = "reported"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepName(StrEnum):
    """The steps of the journey, in order."""

    INTAKE = "intake"
    SEGMENTATION = "segmentation"
    SEMIOLOGY = "semiology"
    LOCALIZATION = "localization"
    REPORT = "report"


class StepStatus(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Subject:
    """The patient as the hospital names them. Never in logs, spans, metrics, errors or object keys."""

    identifier: str
    """Medical record number."""
    system: str = ""
    """Namespace of the identifier (URI)."""
    family: str = ""
    """Family name for the report's header."""
    given: str = ""
    """Given name."""
    birth_date: str = ""
    """ISO 8601 date; may be partial."""
    sex: str = ""
    """Administrative: female, male, other, unknown."""


@dataclass(frozen=True, slots=True)
class OrderRef:
    """The hospital order that asks for the reading."""

    identifier: str
    """Placer order number."""
    system: str = ""
    """Namespace of the identifier (URI)."""
    encounter: str = ""
    """Encounter (visit) identifier, if known."""


@dataclass(frozen=True, slots=True)
class PatientContext:
    """What the history says. Engines that judge signs never see it."""

    version: int = 1
    """Counts up with every change."""
    age_years: float | None = None
    """Age at recording."""
    handedness: str = ""
    """left, right, ambidextrous or empty."""
    language_dominance: str = ""
    """left, right, bilateral or empty."""
    language_dominance_source: str = ""
    """fMRI, Wada, assumed, ..."""
    baseline_weakness: str = ""
    """Known weakness, by side."""
    baseline_movement: str = ""
    """Known tremor or dyskinesia."""
    prior_surgery: str = ""
    """Brain surgery before the recording."""
    last_seizure_at: str = ""
    """RFC 3339, if known."""
    medication_taper: str = ""
    """What is being withdrawn."""
    rescue_drug: str = ""
    """Rescue drug given."""
    rescue_drug_at: str = ""
    """RFC 3339, if known."""
    history: str = ""
    """Free text."""
    suspected_spasms: bool = False
    """Epileptic spasms are suspected: no findings, urgent specialist review."""


@dataclass(frozen=True, slots=True)
class Case:
    """One reading task over one or more recordings of one patient."""

    id: str
    """UUID."""
    site_id: str
    """Hospital site; every row and object belongs to one."""
    subject: Subject
    """The patient."""
    recordings: tuple[Recording, ...]
    """One or more."""
    order: OrderRef | None = None
    """The order, if there is one."""
    context: PatientContext = PatientContext()
    """The history."""
    priority: Priority = Priority.BATCH
    """Stat or batch."""
    status: CaseStatus = CaseStatus.QUEUED
    """Where it stands."""
    error_code: str = ""
    """Code of the error that failed it."""
    error_message: str = ""
    """The same in one readable sentence."""
    created_at: str = ""
    """RFC 3339."""
    report_id: str = ""
    """Latest report, if any."""
    report_version: int = 0
    """Latest version of it, counted from 1."""
    run_id: str = ""
    """Latest run."""


@dataclass(frozen=True, slots=True)
class StepState:
    """How far a step has come, for showing."""

    name: StepName
    """Which step."""
    recording_id: str
    """Recording it works on; empty for steps over the whole case."""
    status: StepStatus
    """Where it stands."""
    fraction: float = 0.0
    """0-1."""
    message: str = ""
    """What it is doing, in a few words."""
    attempt: int = 0
    """Attempts so far."""
    error_code: str = ""
    """Code of its last error."""
    error_message: str = ""
    """Its last error in one sentence."""
    reused: bool = False
    """The result was found under the same key and not computed again."""
    elapsed_s: float = 0.0
    """Seconds since it started, or that it took."""
