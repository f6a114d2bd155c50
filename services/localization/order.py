"""The onset order of an episode's occurrences, by interval logic.

The onset of an occurrence is known as an interval only. One occurrence **certainly precedes** another when the latest
possible onset of the first lies before the earliest possible onset of the second (a strict interval order; Fishburn,
Interval Orders and Interval Graphs, 1985). Where intervals overlap or touch, no order is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.catalogue import SignGroup, load_catalogue
from schemas.errors import InvalidRequestError
from schemas.recording import Interval
from schemas.semiology import (
    Episode,
    Finding,
    FindingStatus,
    Occurrence,
    OnsetOrder,
    OrderItem,
    Precedence,
    StateBefore,
)

_SHOWN = frozenset({FindingStatus.PRESENT, FindingStatus.POSSIBLE})


@dataclass(frozen=True, slots=True)
class _Start:
    """An occurrence that takes part in the order, and how strongly its finding is stated."""

    occurrence: Occurrence
    stated: bool

    @property
    def earliest_s(self) -> float:
        """Earliest possible onset; unbounded when it was already going on as assessable video began."""
        return -math.inf if self.occurrence.censored_left else self.occurrence.onset_s.lo

    @property
    def latest_s(self) -> float:
        return self.occurrence.onset_s.hi

    def precedes(self, other: _Start) -> bool:
        return self.latest_s < other.earliest_s


def starts_of(findings: Sequence[Finding]) -> tuple[Occurrence, ...]:
    """The occurrences that take part in the order, sorted by the middle of their onset interval, then by id.

    Raises `InvalidRequestError` for an onset interval that is not finite or runs backwards.
    """
    return tuple(start.occurrence for start in _starts(findings))


def onset_order(episode: Episode) -> OnsetOrder:
    """Order the occurrences of an episode.

    Raises `InvalidRequestError` for an onset interval that is not finite or runs backwards.
    """
    starts = _starts(episode.findings)
    first, reason = _first_sign(episode, starts)
    return OnsetOrder(
        items=tuple(_item(start, starts) for start in starts),
        precedences=_reduced(starts),
        first_sign=first,
        first_sign_reason=reason,
    )


def first_visible_s(episode: Episode) -> Interval | None:
    """When the first visible sign began: no later than any sign's latest onset, no earlier than the earliest of all.

    None when the onset was not captured, when no sign has a time, or when one was already going on as assessable
    video began.
    """
    starts = _starts(episode.findings)
    if not episode.onset_captured or not starts or any(start.occurrence.censored_left for start in starts):
        return None
    return Interval(min(start.earliest_s for start in starts), min(start.latest_s for start in starts))


def _starts(findings: Sequence[Finding]) -> tuple[_Start, ...]:
    starts = [
        _Start(occurrence, stated=finding.status is FindingStatus.PRESENT)
        for finding in findings
        if finding.status in _SHOWN and not _tells_state(finding.sign)
        for occurrence in finding.occurrences
    ]
    for start in starts:
        _check(start.occurrence)
    return tuple(sorted(starts, key=lambda start: (start.occurrence.onset_s.middle_s, start.occurrence.id)))


def _tells_state(sign: str) -> bool:
    """Whether a sign describes the state in which the episode began: such a sign has no onset of its own."""
    known = load_catalogue().by_id.get(sign)
    return known is not None and known.group is SignGroup.STATE


def _check(occurrence: Occurrence) -> None:
    lo, hi = occurrence.onset_s
    if not (math.isfinite(lo) and math.isfinite(hi) and lo <= hi):
        raise InvalidRequestError(
            f"Occurrence {occurrence.id} has the onset interval [{lo}, {hi}]; it must be finite and not run backwards."
        )


def _item(start: _Start, starts: Sequence[_Start]) -> OrderItem:
    before = sum(other.precedes(start) for other in starts)
    after = sum(start.precedes(other) for other in starts)
    occurrence = start.occurrence
    return OrderItem(
        occurrence_id=occurrence.id,
        sign=occurrence.sign,
        side=occurrence.side,
        onset_s=occurrence.onset_s,
        rank_lo=1 + before,
        rank_hi=len(starts) - after,
    )


def _reduced(starts: Sequence[_Start]) -> tuple[Precedence, ...]:
    """The certain pairs without those that follow from two others.

    Between ``a`` and ``b`` lies a third when one begins certainly after ``a`` and certainly before ``b``; it is enough
    to ask the one whose onset is over first among those after ``a``.
    """
    pairs: list[Precedence] = []
    for first in starts:
        followers = [other for other in starts if first.precedes(other)]
        if not followers:
            continue
        bound = min(other.latest_s for other in followers)
        pairs.extend(
            Precedence(earlier=first.occurrence.id, later=other.occurrence.id)
            for other in followers
            if other.earliest_s <= bound
        )
    return tuple(pairs)


def _first_sign(episode: Episode, starts: Sequence[_Start]) -> tuple[str, str]:
    """The sign that began first, or why none is named: exactly one of the two is empty."""
    if not starts:
        return "", "No sign with an onset time was found in this episode."
    first = starts[0]
    rivals = {other.occurrence.sign for other in starts if not first.precedes(other)}
    obstacles = (
        (
            not episode.onset_captured,
            "The episode was already going on when it came into view, so its first sign was not seen.",
        ),
        (
            any(start.occurrence.censored_left for start in starts),
            "At least one sign was already going on when the patient could first be judged.",
        ),
        (rivals != {first.occurrence.sign}, "Several signs may have begun first: their onset times overlap."),
        (not first.stated, "The earliest sign is only possible, not stated."),
        (
            episode.state_before is StateBefore.UNKNOWN,
            "The state before the episode, awake or apparently asleep, is not known.",
        ),
    )
    reason = next((words for stands, words in obstacles if stands), "")
    return ("", reason) if reason else (first.occurrence.sign, "")
