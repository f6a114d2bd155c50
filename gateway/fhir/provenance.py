"""Who made a version, from what, and who signed it."""

from __future__ import annotations

from gateway.fhir import ids
from gateway.fhir.clock import instant
from gateway.fhir.coding import AI_ASSERTED, AI_DEVICE_TYPE, Json, concept
from gateway.fhir.context import Context, narrative
from gateway.fhir.device import engines
from gateway.fhir.report import interpreter

_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_COMPLETION = "http://terminology.hl7.org/CodeSystem/v3-DocumentCompletion"
_ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


def made(context: Context, targets: list[Json]) -> Json:
    """Made by engines, from the recordings. ``targets`` are the resources that engines said something in."""
    return {
        "resourceType": "Provenance",
        "id": ids.provenance(context.site, context.report, "made"),
        "text": narrative("Made by ictogram"),
        "target": [_reference(target) for target in targets],
        "occurredDateTime": context.made_at,
        "recorded": context.made_at,
        "reason": [concept(AI_ASSERTED)],
        "activity": concept({"system": _OPERATION, "code": "CREATE", "display": "create"}),
        "agent": [
            {
                "type": concept({"system": _PARTICIPANT, "code": "author", "display": "Author"}),
                "role": [{"coding": [{"system": AI_DEVICE_TYPE, "code": "Artificial-Intelligence"}]}],
                "who": context.device(engine),
                "onBehalfOf": context.organization,
            }
            for engine in engines(context.report)
        ],
        "entity": [{"role": "source", "what": context.document(one)} for one in context.recordings],
    }


def signed(context: Context, targets: list[Json]) -> Json:
    """Reviewed and signed by a person."""
    sign_off = context.report.sign_off
    assert sign_off is not None
    at = instant(sign_off.signed_at, context.site.zone)
    roles = (("verifier", "Verifier"), ("legal", "Legal Authenticator"))
    return {
        "resourceType": "Provenance",
        "id": ids.provenance(context.site, context.report, "signed"),
        "text": narrative(f"Reviewed and signed by {sign_off.signer_name}"),
        "target": [_reference(target) for target in targets],
        "occurredDateTime": at,
        "recorded": at,
        "reason": [concept({"system": _ACT_REASON, "code": "TREAT", "display": "treatment"})],
        "activity": concept({"system": _COMPLETION, "code": "LA", "display": "legally authenticated"}),
        "agent": [
            {
                "type": concept({"system": _PARTICIPANT, "code": code, "display": display}),
                "who": interpreter(context),
                "onBehalfOf": context.organization,
            }
            for code, display in roles
        ],
    }


def _reference(resource: Json) -> Json:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}
