"""The figures that published studies report, computed their way, with always-yes beside every F1.

``epivlm``: per sign over 5 s segments (accuracy, sensitivity), per video (share of videos without the sign in which it
is claimed) and the delay of the first claim. ``pathmotion``: per feature and video, claimed when any segment says yes
(precision, recall, F1). Figures of studies differ because protocols differ; these let a site compare like with like.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from research.evaluation.prediction import STATED
from research.evaluation.rates import Rate, Spread, always_yes_f1, f1, rate, spread
from research.evaluation.score import Scored, overlap_s, visible_occurrences
from schemas.catalogue import load_catalogue

SEGMENT_S = 5.0
"""Length of a segment in the EpiVLM study."""


@dataclass(frozen=True, slots=True)
class SegmentScore:
    """One sign as the EpiVLM study scores it."""

    sign: str
    segments: int
    accuracy: Rate
    """Share of all segments called rightly."""
    sensitivity: Rate
    """Share of segments with the sign that are claimed."""
    false_videos: Rate
    """Share of videos without the sign in which it is claimed anywhere."""
    delay_s: Spread
    """First claim minus true onset, over videos in which it is claimed and its onset was recorded."""
    f1: float
    always_yes_f1: float


@dataclass(frozen=True, slots=True)
class FeatureScore:
    """One feature as the PathMotionMLLM study scores it: a video has it or not."""

    feature: str
    videos: int
    precision: Rate
    recall: Rate
    f1: float
    always_yes_f1: float


def segment_scores(items: Sequence[Scored]) -> tuple[SegmentScore, ...]:
    """The EpiVLM study's figures for the signs of its preset."""
    return tuple(_segment_score(items, sign.id) for sign in load_catalogue("epivlm").signs)


def feature_scores(items: Sequence[Scored]) -> tuple[FeatureScore, ...]:
    """The PathMotionMLLM study's figures for its features."""
    return tuple(_feature_score(items, sign.id) for sign in load_catalogue("pathmotion").signs)


def _segment_score(items: Sequence[Scored], sign: str) -> SegmentScore:
    calls: list[tuple[bool, bool]] = []
    delays, false_videos, clean_videos = [], 0, 0
    for item in items:
        true, said = _true_spans(item, sign), _said_spans(item, sign)
        count = max(1, math.floor(item.truth.duration_s / SEGMENT_S))
        segments = [(k * SEGMENT_S, (k + 1) * SEGMENT_S) for k in range(count)]
        calls += [(_any_overlap(segment, true), _any_overlap(segment, said)) for segment in segments]
        if not true:
            clean_videos += 1
            false_videos += bool(said)
        elif said and min(true)[0] > 0:
            delays.append(min(said)[0] - min(true)[0])
    tp, fp, missed = (sum(call == kind for call in calls) for kind in ((True, True), (False, True), (True, False)))
    positives = tp + missed
    return SegmentScore(
        sign=sign,
        segments=len(calls),
        accuracy=rate(sum(true == said for true, said in calls), len(calls)),
        sensitivity=rate(tp, positives),
        false_videos=rate(false_videos, clean_videos),
        delay_s=spread(delays),
        f1=f1(tp, fp, missed),
        always_yes_f1=always_yes_f1(positives, len(calls) - positives),
    )


def _feature_score(items: Sequence[Scored], feature: str) -> FeatureScore:
    calls = [(bool(_true_spans(item, feature)), bool(_said_spans(item, feature))) for item in items]
    tp, fp, missed = (sum(call == kind for call in calls) for kind in ((True, True), (False, True), (True, False)))
    return FeatureScore(
        feature=feature,
        videos=len(calls),
        precision=rate(tp, tp + fp),
        recall=rate(tp, tp + missed),
        f1=f1(tp, fp, missed),
        always_yes_f1=always_yes_f1(tp + missed, len(calls) - tp - missed),
    )


def _true_spans(item: Scored, sign: str) -> list[tuple[float, float]]:
    return [(one.onset_s, one.offset_s) for one in visible_occurrences(item.truth, sign)]


def _said_spans(item: Scored, sign: str) -> list[tuple[float, float]]:
    stating = (episode for episode in item.said.episodes if episode.status.get(sign) in STATED)
    return [(one.onset_s, one.offset_s) for episode in stating for one in episode.occurrences if one.sign == sign]


def _any_overlap(segment: tuple[float, float], spans: Sequence[tuple[float, float]]) -> bool:
    return any(overlap_s(segment, span) > 0 for span in spans)
