"""Rates with their uncertainty, spreads, and rank correlation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with Wilson's 95 % interval; undefined (nan) when nothing was counted."""

    hits: int
    of: int
    value: float
    low: float
    high: float


def rate(hits: int, of: int) -> Rate:
    """A share and its score interval (Wilson 1927)."""
    if of == 0:
        return Rate(hits, of, math.nan, math.nan, math.nan)
    p, z2 = hits / of, Z_95**2
    centre = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = Z_95 * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return Rate(hits, of, p, max(0.0, centre - half), min(1.0, centre + half))


def f1(true_positive: int, false_positive: int, missed: int) -> float:
    """Harmonic mean of precision and sensitivity; nan when there was nothing to find and nothing was said."""
    total = 2 * true_positive + false_positive + missed
    return 2 * true_positive / total if total else math.nan


def always_yes_f1(positives: int, negatives: int) -> float:
    """F1 of answering yes every time: what a score must beat to mean anything."""
    return f1(positives, negatives, 0) if positives else math.nan


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles; nan when empty."""

    n: int
    median: float
    lower: float
    upper: float


def quantile(ordered: Sequence[float], share: float) -> float:
    """Linear interpolation between order statistics of a sorted, non-empty sequence."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def spread(values: Sequence[float]) -> Spread:
    """Median and interquartile range."""
    if not values:
        return Spread(0, math.nan, math.nan, math.nan)
    ordered = sorted(values)
    return Spread(len(ordered), quantile(ordered, 0.5), quantile(ordered, 0.25), quantile(ordered, 0.75))


def kendall_tau(first: Sequence[tuple[float, float]], second: Sequence[tuple[float, float]]) -> float:
    """Kendall's tau over items whose ranks are intervals (lo, hi): pairs that overlap in the first sequence are not
    counted, pairs that overlap only in the second count as neither agreement nor disagreement.

    Returns nan when no pair is in certain order in the first sequence.
    """
    agree = disagree = pairs = 0
    for i in range(len(first)):
        for j in range(i + 1, len(first)):
            truth, said = _order(first[i], first[j]), _order(second[i], second[j])
            if truth == 0:
                continue
            pairs += 1
            agree += truth == said
            disagree += truth == -said
    return (agree - disagree) / pairs if pairs else math.nan


def _order(a: tuple[float, float], b: tuple[float, float]) -> int:
    if a[1] < b[0]:
        return -1
    return 1 if b[1] < a[0] else 0
