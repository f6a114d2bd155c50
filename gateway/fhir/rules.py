"""Tables of what R4 (4.0.1) allows in the elements that we write, and what we never write."""

from __future__ import annotations

WRITES = frozenset({"Bundle", "Device", "DocumentReference", "Observation", "DiagnosticReport", "Provenance"})
"""Resource types that we send."""

FORBIDDEN = {"Observation": ("valueBoolean", "interpretation"), "Bundle": ()}
"""Elements that could be taken for a verdict: a sign is never true or false, never normal or abnormal."""

SINGLE_CHOICE = {
    "Observation": ("value", "effective"),
    "DiagnosticReport": ("effective",),
    "Provenance": ("occurred",),
}
"""Choice elements of which one type may be present."""

_RESULT = {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"}

BINDINGS: dict[str, frozenset[str]] = {
    "Observation.status": frozenset(_RESULT),
    "DiagnosticReport.status": frozenset({*_RESULT, "partial", "appended"}),
    "DocumentReference.status": frozenset({"current", "superseded", "entered-in-error"}),
    "Device.status": frozenset({"active", "inactive", "entered-in-error", "unknown"}),
    "Device.deviceName.type": frozenset(
        {"udi-label-name", "user-friendly-name", "patient-reported-name", "manufacturer-name", "model-name", "other"}
    ),
    "Provenance.entity.role": frozenset({"derivation", "revision", "quotation", "source", "removal"}),
    "*.comparator": frozenset({"<", "<=", ">=", ">"}),
    "*.use": frozenset({"usual", "official", "temp", "secondary", "old"}),
}
"""Required bindings, by path without indices or, after ``*.``, by element name."""

_PATIENT = frozenset({"Patient"})
_PEOPLE = frozenset({"Practitioner", "PractitionerRole", "Organization", "CareTeam"})
_ENCOUNTER = frozenset({"Encounter"})
_BASED_ON = {"CarePlan", "ImmunizationRecommendation", "MedicationRequest", "NutritionOrder", "ServiceRequest"}
_WHO = frozenset({"Practitioner", "PractitionerRole", "RelatedPerson", "Patient", "Device", "Organization"})

TARGETS: dict[str, frozenset[str]] = {
    "Observation.basedOn": frozenset({*_BASED_ON, "DeviceRequest"}),
    # a Patient only: R4 also has Group, Device and Location, which none of our results is about
    "Observation.subject": _PATIENT,
    "Observation.encounter": _ENCOUNTER,
    # no Device here: R4 names the machine in Observation.device
    "Observation.performer": frozenset({*_PEOPLE, "Patient", "RelatedPerson"}),
    "Observation.device": frozenset({"Device", "DeviceMetric"}),
    "Observation.hasMember": frozenset({"Observation", "QuestionnaireResponse", "MolecularSequence"}),
    "Observation.derivedFrom": frozenset(
        {"DocumentReference", "ImagingStudy", "Media", "QuestionnaireResponse", "Observation", "MolecularSequence"}
    ),
    "DiagnosticReport.basedOn": frozenset(_BASED_ON),
    "DiagnosticReport.subject": _PATIENT,
    "DiagnosticReport.encounter": _ENCOUNTER,
    "DiagnosticReport.performer": _PEOPLE,
    "DiagnosticReport.resultsInterpreter": _PEOPLE,
    "DiagnosticReport.result": frozenset({"Observation"}),
    "DocumentReference.subject": _PATIENT,
    "DocumentReference.custodian": frozenset({"Organization"}),
    "DocumentReference.context.encounter": frozenset({"Encounter", "EpisodeOfCare"}),
    # Reference(Any) in R4; ours is the order
    "DocumentReference.context.related": frozenset({"ServiceRequest"}),
    # Reference(Any) in R4; ours are results
    "Provenance.target": frozenset({"DiagnosticReport", "Observation"}),
    "Provenance.agent.who": _WHO,
    "Provenance.agent.onBehalfOf": _WHO,
    # Reference(Any) in R4; ours are recordings
    "Provenance.entity.what": frozenset({"DocumentReference"}),
}
"""Types that a reference may lead to, by path."""
