"""Episodes, their onset order, the coverage of a recording and the localization aid as Observations."""

from __future__ import annotations

from gateway.fhir.coding import Json, absent, concept, local, measure, ratio, seconds, sign, wire
from gateway.fhir.context import Context
from gateway.fhir.device import order_engine, sign_engine
from gateway.fhir.observation import Span, base, bounds, by, component, finding, method, occurrence, segment
from schemas.catalogue import load_catalogue
from schemas.report import ReportedRecording
from schemas.semiology import Episode, EpisodeSource, OrderItem, StateBefore

NOTHING_SEEN = "No candidate episode was found. Nothing seen does not exclude a seizure."


def span_of(episode: Episode) -> Span:
    """An episode from its onset to its end, by the middles of the two intervals."""
    start_s = episode.onset_s.middle_s
    return Span(episode.recording_id, start_s, max(start_s, episode.offset_s.middle_s))


def results(context: Context, episode: Episode) -> tuple[list[Json], list[Json]]:
    """Members (occurrences) and results (the episode, its findings, its order) of one episode."""
    span = span_of(episode)
    members = [occurrence(context, episode, one, found) for found in episode.findings for one in found.occurrences]
    findings = [finding(context, episode, found, span) for found in episode.findings]
    order = [] if episode.order is None else [onset_order(context, episode)]
    return members, [whole(context, episode, findings), *findings, *order]


def whole(context: Context, episode: Episode, findings: list[Json]) -> Json:
    """The episode itself; its findings are its members."""
    span = span_of(episode)
    machine = episode.source is EpisodeSource.ENGINE
    state = local("episode-state", wire(episode.state))
    text = f"{state['display']}: {span.start_s:.1f} s to {span.end_s:.1f} s of the recording"
    found = base(context, "episode", episode.id, code=measure("episode"), text=text, span=span, machine=machine)
    found["valueCodeableConcept"] = concept(state)
    found["method"] = method(machine)
    found |= by(context, sign_engine(context.report) if machine else None)
    if findings:
        found["hasMember"] = [{"reference": f"Observation/{one['id']}"} for one in findings]
    found["derivedFrom"] = [segment(context, span)]
    found["component"] = [
        *bounds(
            episode.onset_s,
            episode.offset_s,
            open_left=not episode.onset_captured,
            open_right=not episode.offset_captured,
        ),
        _captured("onset-captured", episode.onset_captured),
        _captured("end-captured", episode.offset_captured),
        *_state_before(episode),
        component("episode-score", valueQuantity=ratio(episode.score)),
    ]
    return found


def _captured(code: str, captured: bool) -> Json:
    answer = local("capture", "captured" if captured else "not-captured")
    return component(code, valueCodeableConcept=concept(answer))


def _state_before(episode: Episode) -> list[Json]:
    if episode.state_before is StateBefore.UNKNOWN:
        return []
    return [component("state-before", valueCodeableConcept=concept(local("state-before", wire(episode.state_before))))]


def onset_order(context: Context, episode: Episode) -> Json:
    """In which order the signs began: the value is the first sign, each component one sign's place."""
    order = episode.order
    assert order is not None
    if order.first_sign:
        text = f"First sign: {load_catalogue().by_id[order.first_sign].title}"
        answer: Json = {"valueCodeableConcept": sign(order.first_sign)}
    else:
        reason = order.first_sign_reason or "No first sign can be named"
        text = f"First sign not named: {reason}"
        answer = {"dataAbsentReason": absent("unknown", "Unknown", text=reason)}
    found = base(context, "order", episode.id, code=measure("onset-order"), text=text, span=span_of(episode))
    found |= answer
    found["method"] = method()
    found |= by(context, order_engine(context.report))
    sources = [f"Observation/{context.result_id('occurrence', item.occurrence_id)}" for item in order.items]
    found["derivedFrom"] = [{"reference": one} for one in sources] or [context.document(episode.recording_id)]
    if order.items:
        found["component"] = [_place(item) for item in order.items]
    return found


def _place(item: OrderItem) -> Json:
    if item.rank_lo == item.rank_hi:
        return {"code": sign(item.sign), "valueInteger": item.rank_lo}
    return {"code": sign(item.sign), "valueRange": {"low": {"value": item.rank_lo}, "high": {"value": item.rank_hi}}}


def coverage(context: Context, reported: ReportedRecording) -> Json:
    """How much of a recording could be judged; stands first, also when there is no episode."""
    seen = reported.coverage
    own_id = reported.recording.id
    episodes = sum(episode.recording_id == own_id for episode in context.report.episodes)
    found = base(
        context,
        "coverage",
        own_id,
        code=measure("coverage"),
        text=f"{seen.assessable_s:.1f} s of {seen.duration_s:.1f} s could be judged",
        span=Span(own_id, 0.0, seen.duration_s),
    )
    found["valueQuantity"] = seconds(seen.assessable_s)
    if not episodes:
        found["note"] = [{"text": NOTHING_SEEN}]
    found["method"] = method()
    found |= by(context, sign_engine(context.report))
    found["derivedFrom"] = [context.document(own_id)]
    gaps: dict[str, float] = {}
    for gap in seen.not_assessable:
        gaps[wire(gap.reason)] = gaps.get(wire(gap.reason), 0.0) + gap.span.length_s
    found["component"] = [
        component("recording-time", valueQuantity=seconds(seen.duration_s)),
        component("episode-count", valueInteger=episodes),
        *({"code": concept(local("not-assessable", code)), "valueQuantity": seconds(s)} for code, s in gaps.items()),
    ]
    return found


def localization_aid(context: Context) -> Json | None:
    """The localization aid over the case; none when it was refused (the refusal stands in the report)."""
    aid = context.report.aid
    if aid.refusal or not aid.notes:
        return None
    found = base(
        context,
        "localization-aid",
        "case",
        code=measure("localization-aid"),
        text=f"Localization aid (not a diagnosis): {' '.join(aid.notes)}",
        span=None,
    )
    found["dataAbsentReason"] = absent("as-text", "As Text", text="The aid is given in words, see the notes")
    found["note"] = [{"text": note} for note in aid.notes]
    found["method"] = method()
    found |= by(context, order_engine(context.report))
    orders = [one for one in context.report.episodes if one.order is not None]
    sources = [{"reference": f"Observation/{context.result_id('order', one.id)}"} for one in orders]
    found["derivedFrom"] = sources or [context.document(one) for one in context.recordings]
    return found
