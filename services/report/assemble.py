"""From what the steps left to the one model of a report. Pure: no object is read or written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from schemas.catalogue import load_catalogue
from schemas.engine import EngineInfo
from schemas.report import REPORT_SCHEMA_VERSION, EvidenceStill, Report, ReportedRecording, ReportStatus
from schemas.semiology import Episode
from services.report.agegate import Gate, gate_for, without_findings
from services.report.flags import safety_flags
from services.report.gaps import not_captured
from services.report.job import ComposeJob
from services.report.limits import limits_for
from services.report.narrative import describe
from services.report.wording import side_is_confirmed

T = TypeVar("T")

COMPOSER_NAME = "report-composer"
COMPOSER_VERSION = "1.0.0"


def composer_info() -> EngineInfo:
    """Identity of this step: its version and the catalogue whose titles it writes."""
    identity = f"{COMPOSER_NAME} {COMPOSER_VERSION} {load_catalogue().digest}"
    digest = hashlib.sha256(identity.encode()).hexdigest()
    return EngineInfo(name=COMPOSER_NAME, version=COMPOSER_VERSION, digest=digest, training="training-free")


def shown_episodes(job: ComposeJob) -> tuple[tuple[Episode, ...], Gate]:
    """The episodes as the report may show them, and how far the age gate is open."""
    episodes = tuple(_with_honest_sides(job, episode) for episode in job.localization.episodes)
    gate = gate_for(job.case.context, episodes)
    if gate is Gate.CLOSED:
        return tuple(without_findings(episode) for episode in episodes), gate
    return episodes, gate


def assemble(job: ComposeJob, evidence: tuple[EvidenceStill, ...] = ()) -> Report:
    """The report's model. Flags are raised before the age gate withholds findings: safety comes first."""
    episodes, gate = shown_episodes(job)
    engines = _distinct(
        [*(engine for item in job.recordings for engine in item.engines), job.localization.engine, composer_info()]
    )
    return Report(
        schema_version=REPORT_SCHEMA_VERSION,
        id=job.report_id,
        version=job.version,
        status=ReportStatus.PRELIMINARY,
        case_id=job.case.id,
        run_id=job.run_id,
        site_id=job.case.site_id,
        created_at=job.created_at,
        subject=job.case.subject,
        order=job.case.order,
        recordings=tuple(
            ReportedRecording(item.recording, item.intake.facts, item.coverage) for item in job.recordings
        ),
        episodes=episodes,
        aid=job.localization.aid,
        flags=safety_flags(job.localization.episodes, job.case.context),
        description=describe(job.recordings, episodes, gate),
        not_captured=not_captured(job.recordings, episodes, gate),
        limits=limits_for(job.recordings, episodes, engines, gate),
        engines=engines,
        catalogue_version=_catalogue_version(job),
        evidence=evidence,
        tests=job.tests,
        interventions=job.interventions,
        reads=job.reads,
    )


def _with_honest_sides(job: ComposeJob, episode: Episode) -> Episode:
    """The episode with no side marked as confirmed that is not: mirroring unknown and no reader behind it."""
    recording = next((item.recording for item in job.recordings if item.recording.id == episode.recording_id), None)
    findings = tuple(
        replace(
            finding,
            occurrences=tuple(
                replace(occurrence, side_confirmed=side_is_confirmed(occurrence, recording))
                for occurrence in finding.occurrences
            ),
        )
        for finding in episode.findings
    )
    return replace(episode, findings=findings)


def _catalogue_version(job: ComposeJob) -> str:
    versions = _distinct(item.catalogue_version for item in job.recordings if item.catalogue_version)
    return ", ".join(versions) or load_catalogue().version


def _distinct(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))
