"""Findings and occurrences as Observations.

A finding says what the report says of a sign in an episode; its occurrences are its members. Nothing is ever "absent":
what was not seen, could not be judged or was not tested are three different things.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.fhir.clock import unknown_period
from gateway.fhir.coding import (
    BODY_REGIONS,
    LOINC,
    OBSERVATION_CATEGORY,
    Json,
    absent,
    concept,
    extension,
    local,
    measure,
    ratio,
    seconds,
    sign,
    wire,
)
from gateway.fhir.context import Context, ai_label, narrative
from schemas.catalogue import load_catalogue
from schemas.engine import EngineInfo
from schemas.recording import Interval
from schemas.report import ReportStatus
from schemas.segmentation import BodyPart
from schemas.semiology import Author, Episode, Finding, FindingStatus, Occurrence, Phase, Reason, Side, SideRefersTo

_STATUS = {ReportStatus.APPENDED: "amended"}
_BODY_SIDES = {
    SideRefersTo.MOVING_LIMB,
    SideRefersTo.POSTURING_LIMB,
    SideRefersTo.EXTENDED_ELBOW,
    SideRefersTo.LAST_JERKING_SIDE,
    SideRefersTo.MOVING_FACE_SIDE,
    SideRefersTo.WIPING_HAND,
    SideRefersTo.WEAK_LIMB,
}
SIDE_WITHHELD = (
    "Side not released: the picture may be mirrored or the side was inferred, and no reviewer has confirmed it"
)
PRESENT_IN_LOINC = {"system": LOINC, "code": "LA9633-4", "display": "Present"}


@dataclass(frozen=True, slots=True)
class Span:
    """Where in a recording something was observed, seconds from its first frame."""

    recording_id: str
    """Which recording."""
    start_s: float
    """From."""
    end_s: float
    """To."""


def base(
    context: Context, kind: str, name: str, *, code: Json, text: str, span: Span | None, machine: bool = True
) -> Json:
    """What every Observation of ours starts with, up to and including its performer.

    ``span`` none: about the whole case, so no time of its own is known.
    """
    own_id = context.result_id(kind, name)
    based_on = {"basedOn": [context.order]} if context.order is not None else {}
    visit = {"encounter": context.encounter} if context.encounter is not None else {}
    return {
        "resourceType": "Observation",
        "id": own_id,
        **({"meta": ai_label()} if machine else {}),
        "text": narrative(text),
        "identifier": [{"system": context.site.naming("result"), "value": own_id}],
        **based_on,
        "status": _STATUS.get(context.report.status, context.report.status.value),
        "category": [concept({"system": OBSERVATION_CATEGORY, "code": "procedure", "display": "Procedure"})],
        "code": code,
        "subject": context.subject,
        **visit,
        "effectivePeriod": period(context, span),
        "performer": [context.organization],
    }


def period(context: Context, span: Span | None) -> Json:
    """The wall-clock period of a span, or one that says that it is unknown."""
    if span is None:
        return unknown_period()
    context.recording(span.recording_id)
    return context.clocks[span.recording_id].period(span.start_s, span.end_s)


def method(machine: bool = True) -> Json:
    """How it was observed."""
    return concept(local("method", "video-semiology-ai" if machine else "video-semiology-human"))


def by(context: Context, engine: EngineInfo | None) -> Json:
    """The device element; empty when no engine said it."""
    return {} if engine is None else {"device": context.device(engine)}


def component(code: str, **value: Json | int | str) -> Json:
    """One component under a measure of ours."""
    return {"code": measure(code), **value}


def segment(context: Context, span: Span) -> Json:
    """Reference to the part of the recording that shows it."""
    lo, hi = sorted((seconds(span.start_s)["value"], seconds(span.end_s)["value"]))
    return {
        **context.document(span.recording_id),
        "extension": [extension("video-segment", valueRange={"low": seconds(lo), "high": seconds(hi)})],
    }


def bounds(onset_s: Interval, offset_s: Interval, *, open_left: bool, open_right: bool) -> list[Json]:
    """Onset and end in seconds from the first frame, each with half the width of its uncertainty.

    A side cut off by the recording is a bound (<= or >=).
    """
    found = [
        component("onset-offset-from-start", valueQuantity=seconds(onset_s.middle_s, "<=" if open_left else "")),
        component("end-offset-from-start", valueQuantity=seconds(offset_s.middle_s, ">=" if open_right else "")),
    ]
    for code, interval in (("onset-uncertainty", onset_s), ("end-uncertainty", offset_s)):
        if interval.length_s > 0:
            found.append(component(code, valueQuantity=seconds(interval.length_s / 2)))
    return found


def occurrence(context: Context, episode: Episode, found: Occurrence, finding: Finding) -> Json:
    """One instance of a sign."""
    machine = found.author is Author.ENGINE
    title = load_catalogue().by_id[found.sign].title
    span = Span(episode.recording_id, found.onset_s.middle_s, max(found.onset_s.middle_s, found.offset_s.middle_s))
    text = f"{title}{_where(found)}, {span.start_s:.1f} s to {span.end_s:.1f} s"
    resource = base(context, "occurrence", found.id, code=measure("sign-event"), text=text, span=span, machine=machine)
    resource["valueCodeableConcept"] = sign(found.sign)
    if found.touched_by_staff:
        resource["note"] = [{"text": "Somebody else touched this part of the body meanwhile."}]
    resource |= _body_site(found)
    resource["method"] = method(machine)
    resource |= by(context, finding.engine if machine else None)
    resource["derivedFrom"] = [segment(context, span)]
    resource["component"] = [
        *_side(found),
        *bounds(found.onset_s, found.offset_s, open_left=found.censored_left, open_right=found.censored_right),
        *_phase(found),
        *([component(_score_code(finding), valueQuantity=ratio(found.score))] if machine else []),
    ]
    return resource


def finding(context: Context, episode: Episode, found: Finding, span: Span) -> Json:
    """What the report says of one sign in one episode."""
    machine = found.engine is not None or found.status in {FindingStatus.NOT_ASSESSABLE, FindingStatus.NOT_TESTED}
    title = load_catalogue().by_id[found.sign].title
    status = local("finding-status", wire(found.status))
    resource = base(
        context,
        "finding",
        found.id,
        code=sign(found.sign),
        text=f"{title}: {status['display'][0].lower()}{status['display'][1:]}{_because(found)}",
        span=span,
        machine=machine,
    )
    resource |= _answer(found, status)
    resource["method"] = method(machine)
    resource |= by(context, found.engine)
    if found.occurrences:
        resource["hasMember"] = [
            {"reference": f"Observation/{context.result_id('occurrence', one.id)}"} for one in found.occurrences
        ]
    resource["derivedFrom"] = [context.document(episode.recording_id)]
    resource["component"] = _finding_components(found)
    return resource


def _answer(found: Finding, status: Json) -> Json:
    if found.status is FindingStatus.NOT_TESTED:
        return {"dataAbsentReason": absent("not-performed", "Not Performed", text=_reason_text(found))}
    if found.status is FindingStatus.NOT_ASSESSABLE:
        unsupported = found.reason is Reason.NO_ENGINE
        why = ("unsupported", "Unsupported") if unsupported else ("unknown", "Unknown")
        return {"dataAbsentReason": absent(*why, text=_reason_text(found))}
    also = [PRESENT_IN_LOINC] if found.status is FindingStatus.PRESENT else []
    return {"valueCodeableConcept": concept(status, *also)}


def _finding_components(found: Finding) -> list[Json]:
    components = []
    if found.reason is not Reason.NONE:
        code = "not-tested-reason" if found.status is FindingStatus.NOT_TESTED else "not-assessable-reason"
        reason = concept(local("not-assessable", wire(found.reason)))
        components.append(component(code, valueCodeableConcept=reason))
    if found.score is not None:
        components.append(component(_score_code(found), valueQuantity=ratio(found.score)))
    components.append(component("assessable-time", valueQuantity=seconds(found.assessable_s)))
    components.append(component("episode-time", valueQuantity=seconds(found.episode_s)))
    return components


def _score_code(found: Finding) -> str:
    return "probability" if found.calibrated else "score"


def _reason_text(found: Finding) -> str:
    word = "Not tested" if found.status is FindingStatus.NOT_TESTED else "Not assessable"
    if found.reason_text:
        return f"{word}: {found.reason_text}"
    return word if found.reason is Reason.NONE else f"{word}: {local('not-assessable', wire(found.reason))['display']}"


def _because(found: Finding) -> str:
    if found.status is FindingStatus.NOT_SEEN:
        return f" ({found.assessable_s:.1f} s of {found.episode_s:.1f} s)"
    if found.status in {FindingStatus.NOT_ASSESSABLE, FindingStatus.NOT_TESTED} and found.reason is not Reason.NONE:
        reason = local("not-assessable", wire(found.reason))["display"]
        return f", {reason[0].lower()}{reason[1:]}"
    return ""


def _side(found: Occurrence) -> list[Json]:
    if found.side_refers_to is SideRefersTo.NONE:
        return []
    meaning = concept(local("side-refers-to", wire(found.side_refers_to)))
    refers = component("side-refers-to", valueCodeableConcept=meaning)
    if found.side is Side.UNDETERMINED or found.side_confirmed:
        return [component("side", valueCodeableConcept=concept(local("side", wire(found.side)))), refers]
    withheld = absent("temp-unknown", "Temporarily Unknown", text=SIDE_WITHHELD)
    return [component("side", dataAbsentReason=withheld), refers]


def _phase(found: Occurrence) -> list[Json]:
    if found.phase is Phase.UNKNOWN:
        return []
    return [component("phase", valueCodeableConcept=concept(local("phase", wire(found.phase))))]


def _released_side(found: Occurrence) -> str:
    """The side in a word where it may be told and belongs to a part of the body."""
    told = found.side_confirmed and found.side in {Side.LEFT, Side.RIGHT} and found.side_refers_to in _BODY_SIDES
    return found.side.value if told else ""


def _where(found: Occurrence) -> str:
    part = "" if found.body_part is BodyPart.UNSPECIFIED else BODY_REGIONS[found.body_part][1].lower()
    words = " ".join(word for word in (_released_side(found), part) if word)
    return f", {words}" if words else ""


def _body_site(found: Occurrence) -> Json:
    if found.body_part is BodyPart.UNSPECIFIED:
        return {}
    code, display = BODY_REGIONS[found.body_part]
    side = _released_side(found)
    return {
        "bodySite": concept(local("body-region", code), text=f"{side.title()} {display.lower()}" if side else display)
    }
