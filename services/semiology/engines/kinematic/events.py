"""What the detectors hand on: one thing that was seen to happen, with the numbers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from schemas.recording import Interval
from schemas.segmentation import BodyPart
from schemas.semiology import Measure, Side


class Kind(StrEnum):
    """What kind of movement it is."""

    CLONIC = "clonic"
    TONIC = "tonic"
    HYPERKINETIC = "hyperkinetic"
    AUTOMATISM = "automatism"
    PELVIC = "pelvic"
    HEAD_TURN = "head_turn"
    ARREST = "arrest"


@dataclass(frozen=True)
class Event:
    """One thing that was seen to happen."""

    kind: Kind
    """What."""
    onset_s: float
    """Best estimate of its begin, seconds from the first frame."""
    offset_s: float
    """Best estimate of its end."""
    onset_error_s: float
    """Half width of the onset's uncertainty."""
    offset_error_s: float
    """Half width of the offset's uncertainty."""
    score: float
    """0-1: how much it looks like part of a seizure; no probability."""
    sign_score: float
    """0-1: how well it fits the sign's own description."""
    side: Side
    """The patient's side, mirroring undone."""
    part: BodyPart
    """What moves."""
    words: str
    """One sentence with the measured numbers."""
    measures: tuple[Measure, ...] = ()
    """The numbers."""
    censored_left: bool = False
    """Going on when assessable video began."""
    censored_right: bool = False
    """Still going on when assessable video ended."""
    shaking: bool = False
    """For vigorous movement: fast enough to be called shaking."""
    forced: bool = False
    """For head turns: sustained and held, as version is."""

    @property
    def onset(self) -> Interval:
        """Onset as an interval, not before 0."""
        return Interval(max(0.0, self.onset_s - self.onset_error_s), max(0.0, self.onset_s + self.onset_error_s))

    @property
    def offset(self) -> Interval:
        """Offset as an interval, not before the onset."""
        low = max(self.onset.lo, self.offset_s - self.offset_error_s)
        return Interval(low, max(low, self.offset_s + self.offset_error_s))

    @property
    def duration_s(self) -> float:
        return self.offset_s - self.onset_s


def joined(events: Sequence[Event]) -> tuple[Event, ...]:
    """Events of one kind that overlap as one: they were seen in two overlapping parts of a long recording."""
    merged: list[Event] = []
    for event in sorted(events, key=lambda e: (e.onset_s, e.offset_s)):
        at = next((k for k, m in enumerate(merged) if m.kind is event.kind and m.offset_s > event.onset_s), None)
        if at is None:
            merged.append(event)
            continue
        first, last = merged[at], max(merged[at], event, key=lambda e: e.offset_s)
        best = max(first, event, key=lambda e: e.score)
        merged[at] = replace(
            best,
            onset_s=first.onset_s,
            onset_error_s=first.onset_error_s,
            censored_left=first.censored_left,
            offset_s=last.offset_s,
            offset_error_s=last.offset_error_s,
            censored_right=last.censored_right,
        )
    return tuple(merged)


def ramp(value: float, low: float, high: float) -> float:
    """0 at or below `low`, 1 at or above `high`, straight between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def logistic(evidence: float) -> float:
    """A score from evidence in log-odds."""
    import math

    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, evidence))))
