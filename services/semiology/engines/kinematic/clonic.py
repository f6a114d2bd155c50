"""Clonic movement: which rhythmic runs jerk as a seizure does, and on which side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from schemas.segmentation import BodyPart
from schemas.semiology import Measure, Side
from services.semiology.engines.kinematic.body import Body
from services.semiology.engines.kinematic.events import Event, Kind, logistic, ramp
from services.semiology.engines.kinematic.rhythm import Rhythm

SHORTEST_S = 3.0
"""Shorter trains are myoclonic jerks or a gesture; they are no clonic event here (catalogue: candidates from 1.5 s)."""
FEWEST_JERKS = 7
WEIGHT_SHIVER = -1.0
SHIVER_HZ = (4.2, 4.9)
"""A steady rhythm as fast as this is shivering or tremor: clonic jerks that are still so fast soon slow down."""
FASTEST_PACE_HZ = (1.5, 6.5)
"""Rate of the first third: clonic bursts begin at 2–6 Hz; a margin for the estimate."""
MOST_VARIATION = 0.65
"""Pauses vary with the slowing (ES: coefficient of variation 52 %, Bayly 2013), but a train of jerks is no noise."""
PRIOR = -2.2
"""Log-odds of an unspecific 2–6 Hz rhythm: everyday rhythms are far more frequent (87 false alarms per hour for
the bare ratio rule)."""
WEIGHT_SLOWING = 2.4
"""A steady lengthening of the pauses: the best separator of clonic from voluntary or functional rhythm."""
WEIGHT_JERKS = 1.9
"""Fast-slow jerks with pauses against an even swing."""
WEIGHT_LENGTH = 0.8
"""Lasting beyond 5–10 s."""
WEIGHT_SHORT = -2.5
"""Shorter than 4–7 s: at 2 s the ratio rule alarms 87 times an hour, at 5 s 16, at 10 s 1.8 (on wrist data)."""
ENOUGH_JERKS = (8, 16)
"""A trend of the pauses is worth the more, the more pauses it stands on."""
WEIGHT_SPREAD = 1.5
"""Arms and legs of both sides jerk together: hardly voluntary."""
WEIGHT_IRREGULAR = -1.6
"""Pauses that vary (0.4–0.6) without lengthening: handling and care by somebody else, not a train of jerks."""
EVEN_PACE = (0.1, 0.2)
"""Coefficient of variation of the pauses of somebody who keeps time."""
WEIGHT_EVEN_PACE = -1.2
"""Pauses that hardly vary and do not lengthen: clapping, brushing, tapping keep time, and so do functional
seizures (coefficient of variation 17 % against 52 %, Bayly 2013)."""
WEIGHT_TRAVEL = -3.0
"""The place of the rhythm moves on by 0.08–0.2 picture widths: steps of somebody who walks past."""
BEYOND_JERKS = (8.0, 14.0)
"""Velocity so peaked is isolated twitches of light or of the codec rather than a train."""


def clonic_events(rhythms: Sequence[Rhythm], body: Body, end_s: float) -> tuple[Event, ...]:
    """Clonic candidates in time order; runs of several limbs that jerk at the same time become one event."""
    trains = [rhythm for rhythm in rhythms if _is_train(rhythm)]
    events = [_event(group, body, end_s) for group in _together(trains)]
    return tuple(sorted(events, key=lambda event: event.onset_s))


def _is_train(rhythm: Rhythm) -> bool:
    train = rhythm.train
    return (
        train.duration_s >= SHORTEST_S
        and len(train.times_s) >= FEWEST_JERKS
        and FASTEST_PACE_HZ[0] <= train.start_hz <= FASTEST_PACE_HZ[1]
        and train.variation <= MOST_VARIATION
    )


def _together(rhythms: list[Rhythm]) -> list[list[Rhythm]]:
    """Groups of runs of which each overlaps the group for more than half of the shorter one."""
    groups: list[list[Rhythm]] = []
    for rhythm in sorted(rhythms, key=lambda r: -float(r.energy.sum())):
        for group in groups:
            lead = group[0].train
            shared = min(lead.offset_s, rhythm.train.offset_s) - max(lead.onset_s, rhythm.train.onset_s)
            if shared > 0.5 * min(lead.duration_s, rhythm.train.duration_s):
                group.append(rhythm)
                break
        else:
            groups.append([rhythm])
    return groups


def evidence(rhythm: Rhythm) -> float:
    """Log-odds that one run is clonic, before spread to other limbs counts."""
    train = rhythm.train
    slowing = _slowing(rhythm)
    jerks = max(ramp(train.peakedness, 2.1, 3.6), ramp(train.skew, 0.3, 0.9))
    jerks *= 1 - ramp(train.peakedness, *BEYOND_JERKS)
    length = ramp(train.duration_s, 4.0, 10.0)
    short = 1 - ramp(train.duration_s, 4.0, 7.0)
    irregular = ramp(train.variation, 0.4, 0.6) * (1 - slowing)
    return (
        PRIOR
        + WEIGHT_SLOWING * slowing
        + WEIGHT_JERKS * jerks
        + WEIGHT_LENGTH * length
        + WEIGHT_SHORT * short
        + WEIGHT_IRREGULAR * irregular
        + WEIGHT_EVEN_PACE * (1 - ramp(train.variation, *EVEN_PACE)) * (1 - slowing)
        + WEIGHT_SHIVER * ramp(train.end_hz, *SHIVER_HZ) * (1 - slowing)
        + WEIGHT_TRAVEL * ramp(rhythm.travel, 0.08, 0.2)
    )


def _slowing(rhythm: Rhythm) -> float:
    """0-1: the pauses lengthen steadily, over enough jerks."""
    train = rhythm.train
    slowing = ramp(train.trend, 0.1, 0.45) * ramp(float(np.log2(train.start_hz / train.end_hz)), 0.0, 0.2)
    return slowing * ramp(len(train.times_s), *ENOUGH_JERKS)


def _event(group: list[Rhythm], body: Body, end_s: float) -> Event:
    best = max(group, key=lambda r: (evidence(r), r.train.duration_s))
    kin = [r for r in group if evidence(r) >= evidence(best) - 1.5]
    energy = np.sum([r.energy for r in kin], axis=0)
    parts = body.shares(energy)
    spread = body.is_spread(parts)
    # Hands that clap shake the whole body, in time; jerks of the whole body hardly keep it.
    unsteady = ramp(best.train.variation, *EVEN_PACE)
    score = logistic(evidence(best) + (WEIGHT_SPREAD * max(unsteady, _slowing(best)) if spread else 0.0))
    onset = min(r.train.onset_s for r in kin)
    offset = max(r.train.offset_s for r in kin)
    train = best.train
    side, part = body.side_of(energy), body.part_of(energy)
    return Event(
        kind=Kind.CLONIC,
        onset_s=onset,
        offset_s=offset,
        onset_error_s=0.3,
        offset_error_s=0.5 * max(0.6, 1 / max(train.end_hz, 0.2)),
        score=score,
        sign_score=score,
        side=side,
        part=part,
        words=_words(best, part, side, spread=spread),
        measures=(
            Measure("band_ratio_2_6_hz", round(best.ratio, 3), "1"),
            Measure("rate_start", round(train.start_hz, 2), "Hz"),
            Measure("rate_end", round(train.end_hz, 2), "Hz"),
            Measure("jerks", float(len(train.times_s)), "1"),
            Measure("pause_trend_tau", round(train.trend, 2), "1"),
            Measure("pause_variation", round(train.variation, 2), "1"),
            Measure("velocity_kurtosis", round(train.peakedness, 2), "1"),
            Measure("velocity_skewness", round(train.skew, 2), "1"),
        ),
        censored_left=onset <= 0.6,
        censored_right=offset >= end_s - 1.0,
    )


def _words(rhythm: Rhythm, part: BodyPart, side: Side, *, spread: bool) -> str:
    train = rhythm.train
    where = "a limb or the trunk" if part is BodyPart.UNSPECIFIED else part.value.replace("_", " ")
    if spread:
        where = "several limbs"
    if side in {Side.LEFT, Side.RIGHT}:
        where = f"{side.value} {where}"
    pace = (
        f"slowing from {train.start_hz:.1f} to {train.end_hz:.1f} per second"
        if train.trend > 0.2 and train.end_hz < 0.92 * train.start_hz
        else f"at {train.start_hz:.1f} per second without slowing"
    )
    shape = "fast-slow jerks with pauses" if train.peakedness > 2.6 or train.skew > 0.5 else "an even swing"
    return (
        f"{len(train.times_s)} rhythmic movements of {where} over {train.duration_s:.1f} s, {pace}, {shape} "
        f"(kurtosis {train.peakedness:.1f}, skewness {train.skew:.1f}; {rhythm.ratio:.0%} of the movement in 2–6 Hz)."
    )
