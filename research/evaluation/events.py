"""Events against events: counted by ``timescoring`` per recording, summed over recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from research.evaluation.rates import Rate, f1, rate

Span = tuple[float, float]

SCORING_HZ = 10
"""The resolution at which timescoring compares events."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When a said event counts as the true one; timescoring's parameters, seconds."""

    tolerance_start_s: float
    tolerance_end_s: float
    merge_closer_than_s: float


STRICT = Rules(0.0, 0.0, 0.0)
"""Any overlap, no tolerance, nothing merged: right for short motor clips."""
SZCORE = Rules(30.0, 60.0, 90.0)
"""The defaults of the SzCORE framework for long EEG recordings."""


@dataclass(frozen=True, slots=True)
class EventScore:
    """Event counts and rates over many recordings."""

    sensitivity: Rate
    precision: Rate
    f1: float
    always_yes_f1: float
    """F1 of saying yes to the whole of every recording, under the same rules."""
    false_alarms: int
    hours: float
    false_alarms_per_h: float


@dataclass(frozen=True, slots=True)
class EventPair:
    """True and said events of one recording."""

    truth: tuple[Span, ...]
    said: tuple[Span, ...]
    duration_s: float


def joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The same instants as disjoint spans in time order."""
    merged: list[Span] = []
    for lo, hi in sorted(spans):
        if merged and lo <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], hi))
        else:
            merged.append((lo, hi))
    return tuple(merged)


def count(pair: EventPair, rules: Rules) -> tuple[int, int, int]:
    """True positives, false positives and true events of one recording."""
    from timescoring.annotations import Annotation
    from timescoring.scoring import EventScoring

    samples = max(1, round(pair.duration_s * SCORING_HZ))
    parameters = EventScoring.Parameters(
        toleranceStart=rules.tolerance_start_s,
        toleranceEnd=rules.tolerance_end_s,
        minDurationBetweenEvents=rules.merge_closer_than_s,
        # Longer than any recording: a seizure is one event however long it lasts.
        maxEventDuration=pair.duration_s + 1,
    )
    reference = Annotation(_clipped(pair.truth, pair.duration_s), SCORING_HZ, samples)
    hypothesis = Annotation(_clipped(pair.said, pair.duration_s), SCORING_HZ, samples)
    scored = EventScoring(reference, hypothesis, parameters)
    return int(scored.tp), int(scored.fp), int(scored.refTrue)


def _clipped(spans: Sequence[Span], duration_s: float) -> list[Span]:
    # An event shorter than one sample would vanish from the comparison; it is kept one sample long.
    shortest = 1 / SCORING_HZ
    kept = []
    for lo, hi in joined(spans):
        start = min(max(lo, 0.0), duration_s - shortest)
        kept.append((start, min(max(hi, start + shortest), duration_s)))
    return kept


def score_events(pairs: Sequence[EventPair], rules: Rules = STRICT) -> EventScore:
    """Sum the counts of all recordings."""
    hit = false = true = yes_hit = yes_false = 0
    for pair in pairs:
        tp, fp, events = count(pair, rules)
        hit, false, true = hit + tp, false + fp, true + events
        everything = EventPair(pair.truth, ((0.0, pair.duration_s),), pair.duration_s)
        tp, fp, _ = count(everything, rules)
        yes_hit, yes_false = yes_hit + tp, yes_false + fp
    hours = sum(pair.duration_s for pair in pairs) / 3600
    return EventScore(
        rate(hit, true),
        rate(hit, hit + false),
        f1(hit, false, true - hit),
        f1(yes_hit, yes_false, true - yes_hit),
        false,
        hours,
        false / hours if hours else float("nan"),
    )
