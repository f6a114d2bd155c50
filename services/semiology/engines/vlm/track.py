"""From the scores of overlapping windows to a track over time, and from the track to sightings of a sign."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.catalogue import Aggregate, Sign
from schemas.recording import Interval
from schemas.semiology import Measure
from services.semiology.engines import Sighting
from services.semiology.engines.vlm.reader import Explanation

STEP_S = 0.5
"""Grid of the tracks, seconds."""
CANDIDATE_MARGIN = 0.01
"""A run that is too short stays visible, this far below what is stated."""
_EDGE_S = 1e-6

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """One window's answer for one sign."""

    span: Interval
    """The window."""
    score: float
    """0-1; NaN when the model did not answer yes or no."""
    answer_mass: float
    """Probability that it answered at all."""
    explanation: Explanation | None = None
    """Its own words, for windows that matter."""

    @property
    def is_judged(self) -> bool:
        return not math.isnan(self.score)


@dataclass(frozen=True, slots=True)
class Run:
    """Windows that together make one instance."""

    first: Scored
    """The first window with the sign."""
    last: Scored
    """The last one."""
    windows: tuple[Scored, ...]
    """All of them, in time order."""
    score: float
    """0-1: the highest value of the track."""
    length_s: float
    """How long the track stays up."""


def grid_of(duration_s: float) -> Values:
    """Instants of a track, seconds from the recording's first frame."""
    return np.arange(0.0, max(duration_s, STEP_S), STEP_S)


def track_of(time_s: Values, windows: Sequence[Scored], lost: Sequence[Interval], sign: Sign) -> Values:
    """(n,) score at each instant: the mean over the windows that cover it, NaN where none does or it is lost.

    The mean places an event best: both windows saw it only where they overlap. Protocols that count any window take
    the highest score.
    """
    shape = time_s.shape
    total, count, highest = np.zeros(shape), np.zeros(shape), np.full(shape, -np.inf)
    for window in windows:
        if window.is_judged:
            inside = (time_s >= window.span.lo - _EDGE_S) & (time_s < window.span.hi - _EDGE_S)
            total[inside] += window.score
            count[inside] += 1
            highest[inside] = np.maximum(highest[inside], window.score)
    combined = total / np.maximum(count, 1) if sign.aggregate is Aggregate.HYSTERESIS else highest
    values = np.where(count > 0, combined, np.nan)
    for span in lost:
        values[(time_s >= span.lo) & (time_s < span.hi)] = np.nan
    return values


def sightings_of(time_s: Values, values: Values, windows: Sequence[Scored], sign: Sign) -> tuple[Sighting, ...]:
    """Instances of a sign in time order, those that are only possible or too short among them."""
    judged = sorted((window for window in windows if window.is_judged), key=lambda window: window.span)
    if sign.aggregate is Aggregate.ANY_WINDOW:
        runs = _window_runs(judged, sign)
    else:
        runs = _track_runs(time_s, values, judged, sign)
    return tuple(_sighting(run, judged, sign) for run in runs)


def _track_runs(time_s: Values, values: Values, judged: Sequence[Scored], sign: Sign) -> list[Run]:
    """Spans in which the track stays at or over `t_show`: stated where it reaches `t_state`, else possible."""
    up = np.nan_to_num(values, nan=-1.0) >= sign.t_show
    runs = []
    for begin, end in _true_spans(up):
        lo, hi = float(time_s[begin]), float(time_s[end - 1]) + STEP_S
        here = [w for w in judged if w.score >= sign.t_show and w.span.lo < hi and w.span.hi > lo]
        last = max(here, key=lambda window: window.span.hi)
        runs.append(Run(here[0], last, tuple(here), float(values[begin:end].max()), hi - lo))
    return runs


def _window_runs(judged: Sequence[Scored], sign: Sign) -> list[Run]:
    """Windows at or over `t_state` that follow each other, at least `least_run` of them."""
    groups: list[list[Scored]] = []
    before: Scored | None = None
    for window in judged:
        if window.score >= sign.t_state:
            joined = before is not None and before.score >= sign.t_state and window.span.lo <= before.span.hi + _EDGE_S
            if joined:
                groups[-1].append(window)
            else:
                groups.append([window])
        before = window
    return [
        Run(group[0], group[-1], tuple(group), max(w.score for w in group), group[-1].span.hi - group[0].span.lo)
        for group in groups
        if len(group) >= sign.least_run
    ]


def _true_spans(flags: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _sighting(run: Run, judged: Sequence[Scored], sign: Sign) -> Sighting:
    onset, censored_left = _onset(run.first, judged, sign)
    offset, censored_right = _offset(run.last, judged, sign)
    lo = max(offset.lo, onset.lo)
    offset = Interval(lo, max(lo, offset.hi))
    claimed_s = _claimed_s(run)
    length_s = run.length_s if claimed_s is None else claimed_s
    is_short = length_s < sign.min_duration_s and sign.aggregate is Aggregate.HYSTERESIS
    is_short = is_short and not (censored_left or censored_right)
    score = min(run.score, sign.t_state - CANDIDATE_MARGIN) if is_short else run.score
    return Sighting(
        onset_s=onset,
        offset_s=offset,
        score=score,
        body_part=sign.body_part,
        rationale=_words(run, sign, length_s, is_short=is_short),
        measures=(
            Measure("windows", len(run.windows), "1"),
            Measure("highest_window_score", round(max(w.score for w in run.windows), 3), "1"),
            Measure("least_answer_mass", round(min(w.answer_mass for w in run.windows), 3), "1"),
        ),
        censored_left=censored_left,
        censored_right=censored_right,
    )


def _onset(first: Scored, judged: Sequence[Scored], sign: Sign) -> tuple[Interval, bool]:
    """When it began, and whether it may have been going on before anything could be judged.

    A model says yes to a window of which the sign fills something between a glimpse and half: it began after the middle
    of the last window without it, and before the end of the first window with it. A claimed onset narrows this.
    """
    before = [window for window in judged if window.span.lo < first.span.lo - _EDGE_S]
    cut_off = not before or before[-1].span.hi < first.span.lo - _EDGE_S
    lo = before[-1].span.middle_s if before and before[-1].score < sign.t_show else first.span.lo
    wide = Interval(min(lo, first.span.hi), first.span.hi)
    if first.explanation is None:
        return wide, cut_off
    claimed = first.span.lo + first.explanation.onset_s
    began_inside = first.explanation.onset_s >= 1 / sign.sampling.fps - _EDGE_S
    return _narrowed(wide, claimed, sign), cut_off and not (began_inside and claimed <= first.span.hi)


def _offset(last: Scored, judged: Sequence[Scored], sign: Sign) -> tuple[Interval, bool]:
    """When it ended: `_onset` mirrored in time."""
    after = [window for window in judged if window.span.hi > last.span.hi + _EDGE_S]
    cut_off = not after or after[0].span.lo > last.span.hi + _EDGE_S
    hi = after[0].span.middle_s if after and after[0].score < sign.t_show else last.span.hi
    wide = Interval(last.span.lo, max(hi, last.span.lo))
    if last.explanation is None:
        return wide, cut_off
    claimed = last.span.lo + last.explanation.offset_s
    ended_inside = claimed <= last.span.hi - 1 / sign.sampling.fps + _EDGE_S
    return _narrowed(wide, claimed, sign), cut_off and not (ended_inside and claimed >= last.span.lo)


def _narrowed(wide: Interval, claimed_s: float, sign: Sign) -> Interval:
    """The part of an interval near a claimed instant, never finer than half a hop: a model's times are claims."""
    slack = max(sign.sampling.hop_s / 2, 1 / sign.sampling.fps)
    lo, hi = max(wide.lo, claimed_s - slack), min(wide.hi, claimed_s + slack)
    return Interval(lo, hi) if wide.lo <= claimed_s <= wide.hi else wide


def _claimed_s(run: Run) -> float | None:
    """How long it lasted by the model's own words, when one window holds all of it."""
    if run.first is not run.last or run.first.explanation is None:
        return None
    return run.first.explanation.offset_s - run.first.explanation.onset_s


def _words(run: Run, sign: Sign, length_s: float, *, is_short: bool) -> str:
    best = max(run.windows, key=lambda window: window.score)
    count = "1 window" if len(run.windows) == 1 else f"{len(run.windows)} windows"
    words = [
        f"The model said yes in {count} of {best.span.length_s:.3g} s,",
        f"from {run.first.span.lo:.1f} to {run.last.span.hi:.1f} s, highest score {best.score:.2f}.",
    ]
    if is_short:
        words.append(f"{length_s:.1f} s is shorter than the {sign.min_duration_s:.3g} s that count: a candidate only.")
    if best.explanation is not None:
        words.append(f"Written by the model, unchecked: “{best.explanation.reason}”")
    return " ".join(words)
