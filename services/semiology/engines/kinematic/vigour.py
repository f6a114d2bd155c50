"""Vigorous movement of the whole body (hyperkinetic), and its opposite: activity that stops at once (arrest)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.segmentation import BodyPart
from schemas.semiology import Measure, Side
from services.semiology.engines.kinematic.activity import BIN_S, Activity
from services.semiology.engines.kinematic.events import Event, Kind, logistic, ramp
from services.semiology.engines.kinematic.flow import MotionGrid
from services.semiology.engines.kinematic.rhythm import MOST_CELLS
from services.semiology.engines.kinematic.tonic import bursts
from services.semiology.engines.kinematic.waveform import waveform

Floats = npt.NDArray[Any]

VIGOROUS = 2.0
"""Movement (square heads times heads per second): both arms and legs at two heads per second; calm gestures reach 1."""
SHORTEST_S = 3.0
SHAKING_HZ = 3.5
"""Mean rate from which vigorous movement of the whole body is also called shaking."""
ARREST_BEFORE_S = 5.0
"""Voluntary activity that has to be seen before (clinical rule)."""
SHORTEST_ARREST_S = 4.0
LEAST_BUSY = 0.6
"""Share of the 10 s before in which the patient must have moved; less is rest with a movement in it."""
STILL = 0.06
"""Movement below which nobody stirs: a twentieth of calm gestures."""
WALKING = (0.25, 0.45)
"""Picture widths over which the place of vigorous movement wanders when somebody walks through the picture."""
FARTHEST_TRAVEL = 0.12
"""Picture widths over which the place of the movement may wander before an arrest: handling stays before the body,
somebody who walks out of the picture does not, and an empty room is no arrest."""


def hyperkinetic_events(activity: Activity, grid: MotionGrid, end_s: float) -> tuple[Event, ...]:
    """Stretches of vigorous movement of the whole body."""
    smooth = np.convolve(activity.total, np.ones(4) / 4, "same")
    events = []
    for first, past in bursts(smooth, VIGOROUS, join=round(1.5 / BIN_S)):
        length_s = float(past - first) * BIN_S
        if length_s < SHORTEST_S:
            continue
        part = np.s_[first:past]
        level, pace = float(np.median(activity.total[part])), float(np.median(activity.pace[part]))
        area = float(np.median(activity.area[part]))
        before = activity.total[max(0, first - 16) : max(1, first - 2)]
        even = regularity(grid, *(float(activity.time_s[k]) for k in (first, past - 1)))
        sudden = first > 8 and float(np.median(before)) < 0.1 * level
        evidence = (
            -5.6
            + 3.0 * ramp(length_s, 4.0, 9.0)
            + 1.5 * ramp(level, 3.0, 8.0)
            + 2.0 * ramp(pace, 1.8, 2.8)
            + 0.8 * ramp(area, 0.15, 0.35)
            - 2.0 * (1 - ramp(area, 0.06, 0.15))
            + (0.8 if sudden else 0.0)
            - 1.8 * ramp(even, 0.55, 0.8)
            - 2.0 * ramp(travel(activity, first, past), *WALKING)
            - (1.5 if first <= 3 and past >= len(smooth) - 3 else 0.0)  # neither begin nor end: just how it is there
        )
        onset, offset = float(activity.time_s[first]), float(activity.time_s[past - 1])
        score = logistic(evidence)
        events.append(
            Event(
                kind=Kind.HYPERKINETIC,
                onset_s=onset,
                offset_s=offset,
                onset_error_s=0.7,
                offset_error_s=1.0,
                score=score,
                sign_score=score,
                side=Side.BILATERAL_SYMMETRIC,
                part=BodyPart.WHOLE_BODY,
                words=(
                    f"Vigorous movement of {area:.0%} of the patient's place for {length_s:.0f} s, {level:.1f} square "
                    f"heads × heads per second at a mean rate of {pace:.1f} Hz, "
                    f"{'starting at once from rest' if sudden else 'growing'}."
                ),
                measures=(
                    Measure("movement", round(level, 2), "1"),
                    Measure("mean_rate", round(pace, 2), "Hz"),
                    Measure("regularity", round(even, 3), "1"),
                    Measure("moving_area", round(area, 3), "1"),
                ),
                censored_left=first <= 3,
                shaking=pace >= SHAKING_HZ and area >= 0.25,
                censored_right=offset >= end_s - 1.0,
            )
        )
    return tuple(events)


def regularity(grid: MotionGrid, begin_s: float, end_s: float) -> float:
    """0-1: how well the strongest movement repeats itself 0.4–3 s later; gymnastics does, thrashing does not."""
    first, past = (int(k) for k in np.searchsorted(grid.time_s, (begin_s, end_s)))
    energy = (grid.speed[first:past].astype(np.float32) ** 2).sum(axis=0)
    if past - first < 6 * grid.rate_hz or float(energy.max()) <= 0:
        return 0.0
    cells = energy >= np.sort(energy, axis=None)[-min(MOST_CELLS, energy.size)]
    signal = waveform(grid, cells & (energy > 0), first, past)[first:past]
    signal = signal - signal.mean()
    best: list[float] = []
    length = round(6 * grid.rate_hz)
    for start in range(0, len(signal) - length + 1, length // 2):
        piece = signal[start : start + length]
        lags = range(round(0.4 * grid.rate_hz), round(3.0 * grid.rate_hz))
        best.append(max(_correlation(piece[lag:], piece[:-lag]) for lag in lags))
    return max(0.0, float(np.median(best)))


def _correlation(one: Floats, other: Floats) -> float:
    return float((one * other).sum() / (np.sqrt((one**2).sum() * (other**2).sum()) + 1e-12))


def arrest_events(activity: Activity, ictal: Sequence[Event], end_s: float) -> tuple[Event, ...]:
    """Stretches in which at least 10 s of steady voluntary activity stop at once.

    `ictal`: seizure-like events; stillness after one of them is its end, no arrest.
    """
    still = np.convolve(activity.total, np.ones(3) / 3, "same") < STILL
    events = []
    edges = np.flatnonzero(np.diff(np.concatenate(([0], still.astype(np.int8), [0]))))
    for first, past in zip(edges[::2], edges[1::2], strict=True):
        length_s = (past - first) * BIN_S
        begin = first - round(10.0 / BIN_S)
        if length_s < SHORTEST_ARREST_S or begin < 0 or _after_seizure(ictal, activity, begin, first):
            continue
        before = activity.total[begin:first]
        busy = float((before > 2 * STILL).mean())
        if busy < LEAST_BUSY or travel(activity, begin, first) > FARTHEST_TRAVEL:
            continue
        steady = float(np.median(before))
        after = activity.total[past : past + round(5.0 / BIN_S)]
        resumed = len(after) >= 8 and float(np.median(after)) > 0.3 * steady
        fall = activity.total[max(0, first - 6) : first]
        abrupt = float(fall.max(initial=0.0)) > 0.5 * steady
        evidence = (
            -4.4
            + 1.6 * ramp(busy, 0.5, 0.9)
            + 1.8 * ramp(length_s, 5.0, 12.0)
            + (0.8 if abrupt else 0.0)
            + (1.4 if resumed else 0.0)
        )
        score = logistic(evidence)
        onset, offset = float(activity.time_s[first]), float(activity.time_s[past - 1])
        events.append(
            Event(
                kind=Kind.ARREST,
                onset_s=onset,
                offset_s=offset,
                onset_error_s=0.5,
                offset_error_s=0.5,
                score=score,
                sign_score=score,
                side=Side.UNDETERMINED,
                part=BodyPart.WHOLE_BODY,
                words=(
                    f"Activity seen in {busy:.0%} of the 10 s before stops at once; no movement for {length_s:.1f} s"
                    + (", then it goes on." if resumed else ".")
                ),
                measures=(Measure("stillness", round(length_s, 2), "s"), Measure("busy_before", round(busy, 3), "1")),
                censored_right=offset >= end_s - 1.0,
            )
        )
    return tuple(events)


def travel(activity: Activity, begin: int, end: int) -> float:
    """How far the place of the movement wanders over bins [begin, end), in picture widths (10th to 90th percentile)."""
    speed = np.hypot(activity.slow[begin:end, ..., 0], activity.slow[begin:end, ..., 1])
    amount = speed.sum(axis=(1, 2))
    moved = amount > 0.05 * float(amount.max(initial=0.0))
    if not moved.any():
        return 0.0
    columns = np.arange(speed.shape[2])
    rows = np.arange(speed.shape[1])
    x = (speed.sum(axis=1)[moved] @ columns) / amount[moved]
    y = (speed.sum(axis=2)[moved] @ rows) / amount[moved]
    low, high = np.percentile((x, y), (10, 90), axis=1)
    return float(np.max(high - low) / len(columns))


def _after_seizure(ictal: Sequence[Event], activity: Activity, begin: int, first: int) -> bool:
    """Whether what came before the stillness was itself seizure-like."""
    low, high = float(activity.time_s[begin]), float(activity.time_s[first])
    return any(e.score >= 0.4 and e.onset_s < high and e.offset_s > low for e in ictal)
