"""What each measured event says of which sign, and why a sign could not be judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from schemas.catalogue import Sign, load_catalogue
from schemas.recording import Tri
from schemas.semiology import Reason, Side
from services.semiology.engines import Answer, Proposal, Sighting
from services.semiology.engines.kinematic.events import Event, Kind
from services.semiology.engines.kinematic.scene import Scene

LOWEST_RATE_HZ = 15.0
"""Effective frames per second under which no rhythm can be judged (clinical rule)."""
ONE_SIDE = (Side.LEFT, Side.RIGHT)

Test = Callable[[Event], bool]

RULES: dict[str, Test] = {
    "clonic": lambda e: e.kind is Kind.CLONIC,
    "unilateral_clonic": lambda e: e.kind is Kind.CLONIC and e.side in ONE_SIDE,
}
"""Sign → which events show it."""

ANSWERED = tuple(RULES)


def answers_for(events: Sequence[Event], episode: Proposal, scene: Scene) -> tuple[Answer, ...]:
    """One answer per sign that this engine can judge."""
    catalogue = load_catalogue()
    return tuple(_answer(catalogue.by_id[sign], events, episode, scene) for sign in ANSWERED)


def _answer(sign: Sign, events: Sequence[Event], episode: Proposal, scene: Scene) -> Answer:
    blocked = _blocked(sign, scene)
    if blocked is not None:
        return blocked
    seen_s = assessable_s(episode, scene)
    if seen_s <= 0:
        gap = next((g for g in scene.gaps if g.span.hi >= episode.onset_s.lo), None)
        reason = gap.reason if gap else Reason.TOO_SHORT
        return Answer(sign.id, reason=reason, reason_text="Movement could not be judged during the whole episode.")
    shown = [e for e in events if RULES[sign.id](e)]
    sightings = tuple(sighting(e, scene) for e in shown if e.duration_s >= sign.min_duration_s)
    return Answer(sign.id, sightings, assessable_s=seen_s, score=max((e.sign_score for e in shown), default=0.0))


def _blocked(sign: Sign, scene: Scene) -> Answer | None:
    """Reasons that hold for the whole recording."""
    facts = scene.facts
    if sign.rhythmic and 0 < facts.effective_rate_hz < LOWEST_RATE_HZ:
        text = f"The picture changes {facts.effective_rate_hz:.1f} times a second; rhythm needs at least {LOWEST_RATE_HZ:.0f}."
        return Answer(sign.id, reason=Reason.FRAME_RATE_TOO_LOW, reason_text=text)
    if sign.rhythmic and Tri.YES in {facts.slow_motion, facts.edited}:
        text = "The video is slowed or edited; rates and durations hold only after it was retimed."
        return Answer(sign.id, reason=Reason.SLOW_MOTION, reason_text=text)
    return None


def assessable_s(episode: Proposal, scene: Scene) -> float:
    """Seconds of an episode outside every gap."""
    begin, end = episode.onset_s.middle_s, episode.offset_s.middle_s
    lost, reached = 0.0, begin
    for gap in scene.gaps:
        low, high = max(gap.span.lo, reached), min(gap.span.hi, end)
        if high > low:
            lost, reached = lost + high - low, high
    return max(0.0, end - begin - lost)


def sighting(event: Event, scene: Scene) -> Sighting:
    """An event as a sighting, with contact by staff noted."""
    touched = any(
        contact.span.lo < event.offset_s and contact.span.hi > event.onset_s
        for contact in scene.segmentation.staff_contacts
    )
    made = Sighting(
        onset_s=event.onset,
        offset_s=event.offset,
        score=event.sign_score,
        side=event.side,
        body_part=event.part,
        rationale=event.words,
        measures=event.measures,
        censored_left=event.censored_left,
        censored_right=event.censored_right,
        touched_by_staff=touched,
    )
    return replace(made, rationale=made.rationale + " Staff touch the patient meanwhile.") if touched else made
