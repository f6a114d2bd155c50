"""The localization step: one job function."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from schemas.case import PatientContext
from schemas.engine import EngineInfo
from schemas.recording import IntakeResult, Recording
from schemas.report import LocalizationResult
from schemas.semiology import INITIAL_PHASE_S, Episode, Finding, SemiologyResult
from services.localization.evidence import EvidenceSource, aid_for, load_source
from services.localization.order import first_visible_s, onset_order
from services.localization.phases import phase_of

ENGINE_NAME = "onset-order"
ENGINE_VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class RecordingReading:
    """One recording with what was measured and read of it."""

    recording: Recording
    """What was sent in."""
    intake: IntakeResult
    """What was measured."""
    semiology: SemiologyResult
    """What was read."""


@dataclass(frozen=True, slots=True)
class LocalizeJob:
    """Everything the step needs; it reads no object."""

    readings: tuple[RecordingReading, ...]
    """All recordings of the case."""
    patient_context: PatientContext = field(default_factory=PatientContext)
    """The history."""
    initial_phase_s: float = INITIAL_PHASE_S
    """Length of the initial phase, seconds; see `services.localization.phases`."""
    evidence_source: str = ""
    """``module:Class`` of the evidence tables; empty for none."""


def engine_info(initial_phase_s: float, source: EvidenceSource | None = None) -> EngineInfo:
    """Identity of this step; the digest covers the version, the phase rule's length and the evidence tables."""
    tables = source.info().digest if source else ""
    identity = {"name": ENGINE_NAME, "version": ENGINE_VERSION, "initial_phase_s": initial_phase_s, "tables": tables}
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return EngineInfo(name=ENGINE_NAME, version=ENGINE_VERSION, digest=digest, training="training-free")


def localize(job: LocalizeJob, report: Callable[[float, str, str], None]) -> LocalizationResult:
    """Order the occurrences of every episode, fill in phases and the first visible sign, give or refuse the aid.

    Episodes come out sorted by recording (in the case's order) and onset. Raises `InvalidRequestError` for intervals
    that run backwards and for an evidence source that cannot be loaded.
    """
    source = load_source(job.evidence_source)
    found = [
        episode
        for reading in job.readings
        for episode in sorted(reading.semiology.episodes, key=lambda one: (one.onset_s.lo, one.id))
    ]
    episodes = []
    for index, episode in enumerate(found):
        report(index / len(found), "order", f"episode {index + 1} of {len(found)}")
        episodes.append(ordered(episode, job.initial_phase_s))
    report(1.0, "aid", "localization aid")
    return LocalizationResult(
        engine=engine_info(job.initial_phase_s, source),
        episodes=tuple(episodes),
        aid=aid_for(episodes, job.patient_context, source),
    )


def ordered(episode: Episode, initial_phase_s: float) -> Episode:
    """The episode with phases, first visible sign and onset order; a first sign that a reader timed is kept."""
    findings = tuple(_with_phases(finding, episode, initial_phase_s) for finding in episode.findings)
    phased = replace(episode, findings=findings)
    return replace(
        phased,
        order=onset_order(phased),
        first_visible_sign_s=episode.first_visible_sign_s or first_visible_s(phased),
    )


def _with_phases(finding: Finding, episode: Episode, initial_phase_s: float) -> Finding:
    occurrences = tuple(
        replace(occurrence, phase=phase_of(occurrence, episode, initial_phase_s)) for occurrence in finding.occurrences
    )
    return replace(finding, occurrences=occurrences)
