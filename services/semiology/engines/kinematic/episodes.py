"""Which events make a candidate seizure, and where it begins and ends."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.recording import Interval
from schemas.semiology import StateBefore
from services.semiology.engines import Proposal
from services.semiology.engines.kinematic.events import Event, Kind
from services.semiology.engines.kinematic.scene import Seen
from services.semiology.engines.kinematic.signs import state_before

PROPOSE = 0.5
"""Score from which an event alone makes an episode."""
JOIN_S = 12.0
"""Seizure events closer than this are one episode (tonic and clonic phases follow each other within seconds)."""
SUPPORT_S = 3.0
"""Weaker events that touch an episode within this extend it."""
SUPPORT_SCORE = 0.3
EDGE_S = 1.0
"""Movement that is there within this of the recording's edge was going on before it."""


def proposals_of(events: Sequence[Event], scene: Seen) -> tuple[Proposal, ...]:
    """Candidate seizures in time order."""
    groups: list[list[Event]] = []
    for event in sorted((e for e in events if e.score >= PROPOSE), key=lambda e: e.onset_s):
        if groups and event.onset_s - max(e.offset_s for e in groups[-1]) <= JOIN_S:
            groups[-1].append(event)
        else:
            groups.append([event])
    return tuple(_proposal(_supported(group, events), scene) for group in groups)


def members(proposal: Proposal, events: Sequence[Event]) -> list[Event]:
    """Events that lie in an episode for more than half of their own length."""
    inside = []
    for event in events:
        shared = min(event.offset_s, proposal.offset_s.hi) - max(event.onset_s, proposal.onset_s.lo)
        if shared >= 0.5 * max(event.duration_s, 1e-6):
            inside.append(event)
    return inside


def _supported(group: list[Event], events: Sequence[Event]) -> list[Event]:
    """The group with weaker seizure-like events next to it (a tonic phase before clonic jerks, version before both)."""
    begin, end = min(e.onset_s for e in group), max(e.offset_s for e in group)
    near = [
        event
        for event in events
        if SUPPORT_SCORE <= event.score < PROPOSE
        and event.kind is not Kind.AUTOMATISM
        and event.offset_s >= begin - SUPPORT_S
        and event.onset_s <= end + SUPPORT_S
    ]
    return group + near


def _proposal(group: list[Event], scene: Seen) -> Proposal:
    first = min(group, key=lambda e: e.onset_s)
    last = max(group, key=lambda e: e.offset_s)
    best = max(group, key=lambda e: e.score)
    started = not first.censored_left and first.onset_s > scene.begin_s + EDGE_S
    ended = not last.censored_right and last.offset_s < scene.end_s - EDGE_S
    ordered = sorted(group, key=lambda e: e.onset_s)
    return Proposal(
        onset_s=first.onset if started else Interval(0.0, first.onset.hi),
        offset_s=last.offset,
        onset_captured=started,
        offset_captured=ended,
        score=best.score,
        rationale=" ".join(dict.fromkeys(event.words for event in ordered)),
        state_before=state_before(first.onset_s, scene) if started else StateBefore.UNKNOWN,
    )
