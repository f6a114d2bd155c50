"""Codes: our local systems with their displays, and small builders for coded values and quantities.

The local systems are published as CodeSystem resources under ``schemas/fhir`` (`gateway.fhir.publish`). Their addresses
belong to the project and are the same at every site.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any

from schemas.catalogue import Catalogue, CodeRelation, load_catalogue
from schemas.segmentation import BodyPart
from schemas.semiology import EpisodeState, FindingStatus, Phase, Reason, Side, SideRefersTo, StateBefore

Json = dict[str, Any]

VOCABULARY = "https://ictogram.example.org/fhir"
"""Base of the project's code systems and extensions."""

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
V3_OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
V2_IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
V2_DIAGNOSTIC_SERVICE = "http://terminology.hl7.org/CodeSystem/v2-0074"
DATA_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
AI_DEVICE_TYPE = "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIdeviceTypeCS"
AI_KIND = "http://hl7.org/fhir/uv/aitransparency/StructureDefinition/aitransparency.AIKind"
DATA_ABSENT_EXTENSION = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def wire(member: StrEnum) -> str:
    """A member's code on the wire: our words with hyphens, as FHIR writes them."""
    return member.value.replace("_", "-")


MEASURES = {
    "sign-event": "Seizure sign event",
    "episode": "Candidate seizure episode",
    "coverage": "Assessable time of a recording",
    "onset-order": "Order of onset of signs",
    "localization-aid": "Localization aid",
    "side": "Side of the patient",
    "side-refers-to": "What the side refers to",
    "phase": "Phase of the episode",
    "onset-offset-from-start": "Onset, seconds from the start of the recording",
    "onset-uncertainty": "Half width of the uncertainty of the onset",
    "end-offset-from-start": "End, seconds from the start of the recording",
    "end-uncertainty": "Half width of the uncertainty of the end",
    "onset-captured": "Whether the recording shows the onset",
    "end-captured": "Whether the recording shows the end",
    "state-before": "State of the patient before the episode",
    "score": "Score that the sign is present (no probability)",
    "episode-score": "Score that the episode is a seizure (no probability)",
    "probability": "Clinically calibrated probability that the sign is present",
    "assessable-time": "Time in which it could be judged",
    "episode-time": "Length of the episode as recorded",
    "recording-time": "Length of the recording",
    "episode-count": "Number of candidate episodes",
    "not-assessable-reason": "Why it could not be judged",
    "not-tested-reason": "Why it was not tested",
    "not-assessable-time": "Time that could not be judged",
}
DOCUMENTS = {"seizure-video": "Seizure video recording", "seizure-semiology-report": "Seizure semiology report"}
METHODS = {
    "video-semiology-ai": "Automated analysis of video semiology",
    "video-semiology-human": "Reading of video semiology by a person",
}
CAPTURE = {"captured": "Captured by the recording", "not-captured": "Not captured by the recording"}
STATUSES = {
    FindingStatus.PRESENT: "Present",
    FindingStatus.POSSIBLE: "Possible",
    FindingStatus.NOT_SEEN: "Not seen in the time that could be judged",
    FindingStatus.NOT_ASSESSABLE: "Not assessable",
    FindingStatus.NOT_TESTED: "Not tested",
}
SIDES = {
    Side.UNDETERMINED: "Undetermined",
    Side.LEFT: "Patient's left",
    Side.RIGHT: "Patient's right",
    Side.BILATERAL_SYMMETRIC: "Bilateral, symmetric",
    Side.BILATERAL_LEFT_GT: "Bilateral, left more than right",
    Side.BILATERAL_RIGHT_GT: "Bilateral, right more than left",
}
SIDE_MEANINGS = {
    SideRefersTo.MOVING_LIMB: "Limb that moves",
    SideRefersTo.POSTURING_LIMB: "Limb that is held in a posture",
    SideRefersTo.DIRECTION_TURNED: "Direction of the turn",
    SideRefersTo.EXTENDED_ELBOW: "Side of the extended elbow",
    SideRefersTo.LAST_JERKING_SIDE: "Side that jerks last",
    SideRefersTo.MOVING_FACE_SIDE: "Side of the face that moves",
    SideRefersTo.WIPING_HAND: "Hand that wipes",
    SideRefersTo.WEAK_LIMB: "Weak limb",
}
PHASES = {Phase.INITIAL: "Initial phase", Phase.SUBSEQUENT: "Subsequent phase", Phase.POST_ICTAL: "Post-ictal phase"}
EPISODE_STATES = {
    EpisodeState.CANDIDATE: "Candidate seizure, not confirmed",
    EpisodeState.CONFIRMED: "Confirmed as a seizure",
    EpisodeState.REJECTED: "Rejected as a seizure",
}
STATES_BEFORE = {
    StateBefore.UNKNOWN: "Unknown",
    StateBefore.AWAKE: "Awake",
    StateBefore.APPARENTLY_ASLEEP: "Apparently asleep",
}
BODY_REGIONS = {
    BodyPart.WHOLE_BODY: ("whole-body", "Whole body"),
    BodyPart.HEAD: ("head", "Head"),
    BodyPart.FACE: ("face", "Face"),
    BodyPart.EYES: ("eyes", "Eyes"),
    BodyPart.ARM: ("upper-limb", "Upper limb"),
    BodyPart.HAND: ("hand", "Hand"),
    BodyPart.LEG: ("lower-limb", "Lower limb"),
    BodyPart.TRUNK: ("trunk", "Trunk"),
}
REASONS = {
    Reason.NO_ENGINE: "No engine answers for this sign",
    Reason.VIEW_MISSING: "The view it needs is missing",
    Reason.FACE_TOO_SMALL: "Face too small",
    Reason.FACE_NOT_VISIBLE: "Face not visible",
    Reason.DARK: "Too dark",
    Reason.BLURRED: "Out of focus",
    Reason.CAMERA_MOVING: "The camera moves",
    Reason.FRAME_RATE_TOO_LOW: "Frame rate too low",
    Reason.SLOW_MOTION: "Slow motion or edited video",
    Reason.PATIENT_NOT_FOUND: "Patient not found in the picture",
    Reason.BODY_AXIS_UNKNOWN: "Body axis unknown",
    Reason.TOUCHED_BY_STAFF: "Touched by staff",
    Reason.ONSET_NOT_CAPTURED: "Onset not captured",
    Reason.TOO_SHORT: "Assessable time too short",
    Reason.NO_AUDIO: "No audio",
    Reason.NO_QUESTION_HEARD: "No question heard",
    Reason.NO_PRECEDING_ACTIVITY: "No activity seen before",
    Reason.NOT_TESTED_BY_STAFF: "Not tested by staff",
    Reason.AGE_OUT_OF_SCOPE: "Age out of scope",
    Reason.LOW_ANSWER_MASS: "The model gave no clear answer",
}


def local_systems(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    """Every local code system: name -> code -> display."""
    return {
        "sign": {sign.id: sign.title for sign in catalogue.signs},
        "measure": MEASURES,
        "document": DOCUMENTS,
        "method": METHODS,
        "capture": CAPTURE,
        "finding-status": {wire(key): text for key, text in STATUSES.items()},
        "side": {wire(key): text for key, text in SIDES.items()},
        "side-refers-to": {wire(key): text for key, text in SIDE_MEANINGS.items()},
        "phase": {wire(key): text for key, text in PHASES.items()},
        "episode-state": {wire(key): text for key, text in EPISODE_STATES.items()},
        "state-before": {wire(key): text for key, text in STATES_BEFORE.items()},
        "body-region": dict(BODY_REGIONS.values()),
        "not-assessable": {wire(key): text for key, text in REASONS.items()},
    }


@cache
def _shipped() -> dict[str, dict[str, str]]:
    return local_systems(load_catalogue())


def local(system: str, code: str) -> Json:
    """A coding of ours with its display. Raises KeyError for a code that we did not define."""
    display = _shipped()[system][code]
    return {"system": f"{VOCABULARY}/CodeSystem/{system}", "code": code, "display": display}


def concept(*codings: Json, text: str = "") -> Json:
    """A CodeableConcept."""
    found: Json = {"coding": list(codings)}
    return {**found, "text": text} if text else found


def measure(code: str) -> Json:
    """What is measured, as a concept of ours."""
    return concept(local("measure", code))


def sign(sign_id: str) -> Json:
    """A sign: our code first, the HED SCORE code beside it where it means the same."""
    entry = load_catalogue().by_id[sign_id]
    same = [
        {"system": f"{VOCABULARY}/CodeSystem/hed-score", "code": code.code, "display": code.label}
        for code in entry.hed
        if code.relation is CodeRelation.EQUIVALENT
    ]
    return concept(local("sign", sign_id), *same, text=entry.title)


def absent(code: str, display: str, *, text: str) -> Json:
    """A dataAbsentReason."""
    return concept({"system": DATA_ABSENT, "code": code, "display": display}, text=text)


def seconds(value: float, comparator: str = "") -> Json:
    """A quantity in seconds, to the millisecond; ``comparator`` as R4 has it (<=, >=)."""
    bound = {"comparator": comparator} if comparator else {}
    return {"value": round(value, 3), **bound, "unit": "s", "system": UCUM, "code": "s"}


def ratio(value: float) -> Json:
    """A quantity without a unit, to three decimals."""
    return {"value": round(value, 3), "unit": "1", "system": UCUM, "code": "1"}


def extension(name: str, **value: Any) -> Json:
    """One of our extensions, such as ``extension("sha256", valueString=...)``."""
    return {"url": f"{VOCABULARY}/StructureDefinition/{name}", **value}


AI_ASSERTED = {"system": V3_OBSERVATION_VALUE, "code": "AIAST", "display": "Artificial Intelligence asserted"}
"""Security label of everything that an engine said."""
