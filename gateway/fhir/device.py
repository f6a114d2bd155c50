"""Engines as Device resources, after the AI transparency guide: one per engine, version and digest."""

from __future__ import annotations

from gateway.fhir import ids
from gateway.fhir.coding import AI_DEVICE_TYPE, AI_KIND, Json
from gateway.fhir.context import Context, narrative
from schemas.engine import EngineInfo
from schemas.report import Report

ORDER_ENGINE = "onset-order"
"""Name of the localization step's engine; it signs the onset order and the localization aid."""


def engines(report: Report) -> tuple[EngineInfo, ...]:
    """Everything that had a say in a report, each once, in the report's order."""
    found = {(one.name, one.version, one.digest): one for one in report.engines}
    for episode in report.episodes:
        for finding in episode.findings:
            if finding.engine is not None:
                found.setdefault((finding.engine.name, finding.engine.version, finding.engine.digest), finding.engine)
    return tuple(found.values())


def order_engine(report: Report) -> EngineInfo | None:
    """The engine that ordered the onsets, if the report names it."""
    return next((engine for engine in report.engines if engine.name == ORDER_ENGINE), None)


def sign_engine(report: Report) -> EngineInfo | None:
    """The first engine that judges signs, if the report names one: it also says what it could look at."""
    return next((engine for engine in report.engines if engine.answers), None)


def device(context: Context, engine: EngineInfo) -> Json:
    """A Device resource."""
    title = f"ictogram {engine.name} engine"
    kind = "AI-for-Video-Data" if engine.answers else "Deterministic-AI"
    build = f"{engine.name}-{engine.version}-sha256.{engine.digest}"
    return {
        "resourceType": "Device",
        "id": ids.device(context.site, engine),
        "text": narrative(f"{title} {engine.version}"),
        "extension": [
            {"url": AI_KIND, "valueCodeableConcept": {"coding": [{"system": AI_DEVICE_TYPE, "code": kind}]}},
        ],
        "identifier": [{"system": context.site.naming("engine-build"), "value": build}],
        "status": "active",
        "manufacturer": "ictogram project",
        "deviceName": [{"name": title, "type": "model-name"}],
        "modelNumber": engine.name,
        "type": {"coding": [{"system": AI_DEVICE_TYPE, "code": "Artificial-Intelligence"}]},
        "version": [
            {"type": {"text": "software"}, "value": engine.version},
            {"type": {"text": "build-sha256"}, "value": engine.digest},
        ],
    }
