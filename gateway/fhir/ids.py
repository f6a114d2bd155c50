"""Deterministic resource ids: the same thing has the same id in every version and every delivery.

They are made from our own random or positional ids only (report, case, recording, finding) and never from anything
about the patient.
"""

from __future__ import annotations

import uuid

from gateway.fhir.site import SiteProfile
from schemas.engine import EngineInfo
from schemas.report import Report


def _make(site: SiteProfile, *parts: str) -> str:
    return str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, site.canonical), "/".join(parts)))


def device(site: SiteProfile, engine: EngineInfo) -> str:
    """One per engine, version and digest, whatever the case: a recall finds all its results."""
    return _make(site, "device", engine.name, engine.version, engine.digest)


def recording(site: SiteProfile, report: Report, recording_id: str) -> str:
    """One per recording of a case."""
    return _make(site, "recording", report.case_id, recording_id)


def result(site: SiteProfile, report: Report, kind: str, name: str) -> str:
    """One per finding, occurrence, episode, ... of a report, stable over the report's versions."""
    return _make(site, "result", report.id, kind, name)


def diagnostic_report(site: SiteProfile, report: Report) -> str:
    """One per report, stable over its versions."""
    return _make(site, "report", report.id)


def provenance(site: SiteProfile, report: Report, kind: str) -> str:
    """One per version and kind of act (made, signed)."""
    return _make(site, "provenance", report.id, str(report.version), kind)


def bundle(site: SiteProfile, report: Report) -> str:
    """One per version of a report."""
    return _make(site, "bundle", report.id, str(report.version))
