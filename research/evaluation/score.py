"""Scores of many recordings: episodes, signs, sides and order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from research.evaluation.events import STRICT, SZCORE, EventPair, EventScore, joined, score_events
from research.evaluation.prediction import ABSTAINED, STATED, Prediction, SaidEpisode, SaidOccurrence
from research.evaluation.rates import Rate, Spread, always_yes_f1, f1, kendall_tau, rate, spread
from research.phantom.truth import TrueEpisode, TrueOccurrence, Truth
from schemas.segmentation import BodyPart

LIMBS = (BodyPart.ARM, BodyPart.HAND, BodyPart.LEG)
SIMULTANEOUS_S = 0.5
"""True onsets closer than this are in no certain order."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One recording: what is true and what was said."""

    name: str
    truth: Truth
    said: Prediction


@dataclass(frozen=True, slots=True)
class SignScore:
    """How well one sign is answered for, per recording and per occurrence."""

    sign: str
    positives: int
    """Recordings in which it can be seen."""
    negatives: int
    abstained: Rate
    """Share of recordings without an answer; those are left out of the rates of this row."""
    sensitivity: Rate
    precision: Rate
    f1: float
    always_yes_f1: float
    events: EventScore | None
    """Occurrence by occurrence; None when the sign never occurs."""
    onset_error_s: Spread
    """Absolute, over matched occurrences whose onset was captured."""
    onset_within_1_s: Rate


@dataclass(frozen=True, slots=True)
class SideScore:
    """Sides of matched occurrences with a true side."""

    right: Rate
    """Correct among those where a side was given."""
    answered: Rate
    """Share where a side was given at all."""


@dataclass(frozen=True, slots=True)
class Score:
    """Everything that is measured of one system on one set."""

    recordings: int
    hours: float
    episodes: EventScore
    episodes_szcore: EventScore
    video_sensitivity: Rate
    """Share of seizure recordings in which a proposed episode overlaps a true one."""
    video_specificity: Rate
    """Share of seizure-free recordings without any episode."""
    false_alarms_per_h_seizure_free: float
    episode_onset_error_s: Spread
    onset_captured_right: Rate
    offset_captured_right: Rate
    signs: tuple[SignScore, ...]
    limb_side: SideScore
    head_side: SideScore
    order_tau: Spread


def overlap_s(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Seconds that two spans share; negative when they are apart."""
    return min(a[1], b[1]) - max(a[0], b[0])


def _episode_of(truth: TrueEpisode, said: Prediction) -> SaidEpisode | None:
    """The said episode that shares most with a true one."""
    span = (truth.onset_s, truth.offset_s)
    best = max(said.episodes, key=lambda e: overlap_s(span, (e.onset_s, e.offset_s)), default=None)
    return best if best is not None and overlap_s(span, (best.onset_s, best.offset_s)) > 0 else None


def _matched_episodes(items: Sequence[Scored]) -> list[tuple[TrueEpisode, SaidEpisode]]:
    pairs = [(t, _episode_of(t, item.said)) for item in items for t in item.truth.episodes]
    return [(t, s) for t, s in pairs if s is not None]


def visible_occurrences(truth: Truth, sign: str) -> list[TrueOccurrence]:
    """True occurrences of a sign that can be seen."""
    return [o for e in truth.episodes for o in e.occurrences if o.sign == sign and o.visible]


def _hidden_only(truth: Truth, sign: str) -> bool:
    own = [o for e in truth.episodes for o in e.occurrences if o.sign == sign]
    return bool(own) and not any(o.visible for o in own)


def _abstains(said: Prediction, sign: str) -> bool:
    """No answer in any episode; or no engine for the sign; or nothing of the recording could be judged."""
    if said.episodes:
        return all(e.status.get(sign, ABSTAINED[0]) in ABSTAINED for e in said.episodes)
    return said.assessable_s <= 0 or (said.answers is not None and sign not in said.answers)


def _said_occurrences(said: Prediction, sign: str) -> list[SaidOccurrence]:
    return [o for e in said.episodes if e.status.get(sign) in STATED for o in e.occurrences if o.sign == sign]


def matched(
    truth: Sequence[TrueOccurrence], said: Sequence[SaidOccurrence]
) -> list[tuple[TrueOccurrence, SaidOccurrence]]:
    """Each true occurrence with the said one of the same sign that shares most with it, a same side breaking ties."""
    pairs = []
    for true in truth:
        span = (true.onset_s, true.offset_s)
        own = [s for s in said if s.sign == true.sign and overlap_s(span, (s.onset_s, s.offset_s)) > 0]
        if own:
            best = max(own, key=lambda s: (s.side == true.side, overlap_s(span, (s.onset_s, s.offset_s))))
            pairs.append((true, best))
    return pairs


def score_sign(items: Sequence[Scored], sign: str) -> SignScore:
    """One sign over all recordings; recordings in which it happens only out of sight are left out."""
    judged = [item for item in items if not _hidden_only(item.truth, sign)]
    answered = [item for item in judged if not _abstains(item.said, sign)]
    truths = [bool(visible_occurrences(item.truth, sign)) for item in answered]
    calls = [any(e.status.get(sign) in STATED for e in item.said.episodes) for item in answered]
    tp = sum(t and c for t, c in zip(truths, calls, strict=True))
    positives, said_yes = sum(truths), sum(calls)
    events = [
        EventPair(
            joined([(o.onset_s, o.offset_s) for o in visible_occurrences(item.truth, sign)]),
            joined([(o.onset_s, o.offset_s) for o in _said_occurrences(item.said, sign)]),
            item.truth.duration_s,
        )
        for item in answered
    ]
    pairs = [
        pair
        for item in answered
        for pair in matched(visible_occurrences(item.truth, sign), _said_occurrences(item.said, sign))
    ]
    errors = [abs(s.onset_s - t.onset_s) for t, s in pairs if not t.censored_left]
    return SignScore(
        sign,
        sum(bool(visible_occurrences(item.truth, sign)) for item in judged),
        sum(not visible_occurrences(item.truth, sign) for item in judged),
        rate(len(judged) - len(answered), len(judged)),
        rate(tp, positives),
        rate(tp, said_yes),
        f1(tp, said_yes - tp, positives - tp),
        always_yes_f1(positives, len(answered) - positives),
        score_events(events) if positives else None,
        spread(errors),
        rate(sum(e <= 1.0 for e in errors), len(errors)),
    )


def _side_class(side: str) -> str:
    return "bilateral" if side.startswith("bilateral") else side


def score_sides(items: Sequence[Scored], parts: Sequence[BodyPart]) -> SideScore:
    """Sides of all matched occurrences of the given parts whose true side is known."""
    right = given = total = 0
    for item in items:
        truth = [
            o
            for e in item.truth.episodes
            for o in e.occurrences
            if o.visible and o.body_part in parts and o.side != "undetermined"
        ]
        said = [o for e in item.said.episodes for o in e.occurrences if e.status.get(o.sign) in STATED]
        for true, guess in matched(truth, said):
            total += 1
            given += guess.side != "undetermined"
            right += _side_class(guess.side) == _side_class(true.side)
    return SideScore(rate(right, given), rate(given, total))


def order_tau(true: TrueEpisode, said: SaidEpisode) -> float:
    """Kendall's tau of the first onsets of the signs that both name; nan when no pair is in certain order."""
    first_true: dict[str, float] = {}
    for item in true.occurrences:
        if item.visible and not item.censored_left:
            first_true[item.sign] = min(item.onset_s, first_true.get(item.sign, math.inf))
    first_said: dict[str, tuple[float, float]] = {}
    for other in said.occurrences:
        if other.sign not in first_said and said.status.get(other.sign) in STATED:
            first_said[other.sign] = (other.onset_lo_s, other.onset_hi_s)
    both = sorted(first_true.keys() & first_said.keys())
    half = SIMULTANEOUS_S / 2
    return kendall_tau([(first_true[s] - half, first_true[s] + half) for s in both], [first_said[s] for s in both])


def score(items: Sequence[Scored]) -> Score:
    """Everything over all recordings.

    Args:
        items: recordings with truth and prediction.

    """
    pairs = [
        EventPair(
            tuple((e.onset_s, e.offset_s) for e in item.truth.episodes),
            tuple((e.onset_s, e.offset_s) for e in item.said.episodes),
            item.truth.duration_s,
        )
        for item in items
    ]
    seizures = [item for item in items if item.truth.episodes]
    free = [item for item in items if not item.truth.episodes]
    found = sum(any(_episode_of(t, item.said) for t in item.truth.episodes) for item in seizures)
    free_hours = sum(item.truth.duration_s for item in free) / 3600
    alarms = sum(len(item.said.episodes) for item in free)
    both = _matched_episodes(items)
    taus = [tau for t, s in both if not math.isnan(tau := order_tau(t, s))]
    names = {o.sign for item in items for e in item.truth.episodes for o in e.occurrences}
    names |= {
        sign for item in items for e in item.said.episodes for sign, status in e.status.items() if status in STATED
    }
    return Score(
        len(items),
        sum(item.truth.duration_s for item in items) / 3600,
        score_events(pairs, STRICT),
        score_events(pairs, SZCORE),
        rate(found, len(seizures)),
        rate(sum(not item.said.episodes for item in free), len(free)),
        alarms / free_hours if free_hours else math.nan,
        spread([abs(s.onset_s - t.onset_s) for t, s in both if t.onset_captured]),
        rate(sum(s.onset_captured == t.onset_captured for t, s in both), len(both)),
        rate(sum(s.offset_captured == t.offset_captured for t, s in both), len(both)),
        tuple(score_sign(items, sign) for sign in sorted(names)),
        score_sides(items, LIMBS),
        score_sides(items, (BodyPart.HEAD,)),
        spread(taus),
    )
