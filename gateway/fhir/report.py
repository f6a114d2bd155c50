"""The DiagnosticReport: what was found, and the report as people read it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from gateway.fhir import ids
from gateway.fhir.clock import instant, unknown_period
from gateway.fhir.coding import LOINC, V2_DIAGNOSTIC_SERVICE, V2_IDENTIFIER_TYPE, Json, concept, extension, local
from gateway.fhir.context import Context, ai_label, narrative

UNSIGNED = "AI draft, not reviewed by a physician. UNSIGNED"


@dataclass(frozen=True, slots=True)
class Presented:
    """The renderings that people read."""

    pdf: bytes
    """PDF."""
    html: bytes
    """Self-contained HTML page; empty for none."""


def diagnostic_report(context: Context, results: list[Json], presented: Presented) -> Json:
    """A DiagnosticReport over ``results`` with the renderings inline."""
    report = context.report
    own_id = ids.diagnostic_report(context.site, report)
    found: Json = {
        "resourceType": "DiagnosticReport",
        "id": own_id,
        "meta": ai_label(),
        "text": narrative(_summary(context)),
        "identifier": [
            {
                "type": {"coding": [{"system": V2_IDENTIFIER_TYPE, "code": "FILL"}]},
                "system": context.site.naming("report"),
                "value": report.id,
            },
            {"system": context.site.naming("report-version"), "value": f"{report.id}.{report.version}"},
        ],
        **({"basedOn": [context.order]} if context.order is not None else {}),
        "status": report.status.value,
        "category": [
            concept({"system": V2_DIAGNOSTIC_SERVICE, "code": "EN", "display": "Electroneuro (EEG, EMG,EP,PSG)"}),
        ],
        "code": concept(
            local("document", "seizure-semiology-report"),
            {"system": LOINC, "code": "47045-0", "display": "Study report"},
        ),
        "subject": context.subject,
        **({"encounter": context.encounter} if context.encounter is not None else {}),
        "effectivePeriod": _period(context),
        "performer": [context.organization],
        "result": [{"reference": f"Observation/{one['id']}"} for one in results],
        "presentedForm": _forms(context, presented),
    }
    if report.sign_off is not None:
        found["issued"] = instant(report.sign_off.signed_at, context.site.zone)
        found["resultsInterpreter"] = [interpreter(context)]
        found["conclusion"] = report.sign_off.conclusion
    return found


def interpreter(context: Context) -> Json:
    """The signer, named by identifier."""
    sign_off = context.report.sign_off
    assert sign_off is not None
    return {
        "type": "Practitioner",
        "identifier": {"system": context.site.naming("signer"), "value": sign_off.signer},
        "display": sign_off.signer_name,
    }


def _summary(context: Context) -> str:
    report = context.report
    head = UNSIGNED if report.sign_off is None else f"Signed by {report.sign_off.signer_name}"
    refusal = [f"Localization aid: {report.aid.refusal}"] if report.aid.refusal else []
    return " · ".join([head, *(flag.text for flag in report.flags), *refusal])


def _period(context: Context) -> Json:
    """From the first recording's start to the last one's end; unknown unless every recording has a clock."""
    periods = [
        (context.clocks[one.recording.id].at(0.0), context.clocks[one.recording.id].at(one.facts.duration_s))
        for one in context.report.recordings
    ]
    starts = [start for start, _ in periods if start is not None]
    ends = [end for _, end in periods if end is not None]
    if not periods or len(starts) < len(periods):
        return unknown_period()
    return {"start": min(starts), "end": max(ends)}


def _forms(context: Context, presented: Presented) -> list[Json]:
    forms = [("application/pdf", presented.pdf), ("text/html", presented.html)]
    return [_form(context, media_type, data) for media_type, data in forms if data]


def _form(context: Context, media_type: str, data: bytes) -> Json:
    # R4 defines Attachment.hash as SHA-1; the SHA-256 beside it is the one to rely on
    sha1 = hashlib.sha1(data, usedforsecurity=False).digest()
    return {
        "contentType": media_type,
        "language": context.site.language,
        "data": base64.b64encode(data).decode(),
        "size": len(data),
        "hash": base64.b64encode(sha1).decode(),
        "title": "Seizure semiology report",
        "creation": context.made_at,
        "extension": [extension("sha256", valueString=hashlib.sha256(data).hexdigest())],
    }
