"""Tonic posture: limbs brought into a posture at once, held still (often with a fine tremor), and given up again.

A posture is read from movement that goes somewhere: a burst of drift, a hold without drift of at least 2.5 s, often a
second burst that goes back. Everyday postures (reaching, stretching, lying differently) come slower, in one arm, after
other movement, or with the trunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.segmentation import BodyPart
from schemas.semiology import Measure, Side
from services.semiology.engines.kinematic.activity import BIN_S, Activity
from services.semiology.engines.kinematic.body import ARMS, LEFT, LEGS, RIGHT, Body, Region
from services.semiology.engines.kinematic.events import Event, Kind, logistic, ramp

Floats = npt.NDArray[Any]

SHORTEST_HOLD_S = 2.5
LONGEST_HOLD_S = 30.0
"""Tonic phases last 10–20 s; a posture held for longer than half a minute is how somebody lies."""
LONGEST_RISE_S = 3.0
DRIFT = 0.12
"""Drift (square heads times heads per second) from which something is brought somewhere: a forearm at a walking pace of
half a head per second."""
REST = 0.25
"""During the hold the drift stays below this share of the rise's peak."""
QUIET_BEFORE_S = 2.0
SEEN_BEFORE_S = 1.0
"""What was there before must have been seen, else nothing was taken up."""
JERKING_SHARE = 0.5
"""Share of a hold that clonic jerks may fill."""
TREMOR_PACE_HZ = (4.5, 6.2)
"""Mean frequency of the movement during a hold from which it may be, and surely is, tremor; waving and handling lie
below even with their overtones."""
TREMOR_LEVEL = (0.0002, 0.001)
"""Tremor power (square heads times (heads per second) squared) of a hold: a forearm that trembles by a finger's width
has about 0.001, still limbs a tenth of it."""
COARSE = 4.0
"""Bursts are also looked for at this multiple of `DRIFT`: strong tremor leaves some drift in the hold."""
PRIOR = -2.8
WEIGHT_TREMOR = 2.6
"""Fine tremor above 6.5 Hz through the hold: contraction at full force."""
WEIGHT_ABRUPT = 1.0
WEIGHT_RETURN = 0.7
WEIGHT_BOTH = 1.0
WEIGHT_SEQUENCE = 2.5
"""Clonic jerks follow the hold directly: the tonic-clonic sequence; nothing after a short hold without tremor."""
WEIGHT_BRIEF = -1.5
BRIEF_S = (4.5, 7.5)
"""A hold so short that nothing follows is more often a stretch than a tonic seizure."""
WEIGHT_TRUNK = -2.0
"""The trunk travels: turning over, sitting up."""


@dataclass(frozen=True)
class Hold:
    """A posture between two bursts of drift, in bins."""

    rise: tuple[int, int]
    """First and past-last bin of the burst that brought it."""
    end: int
    """First bin after the hold."""
    back: tuple[int, int] | None
    """The burst that ended it; none when the part ends first."""


def tonic_events(activity: Activity, body: Body, clonic: Sequence[Event], end_s: float) -> tuple[Event, ...]:
    """Tonic candidates in time order."""
    events = []
    for hold in holds(activity):
        if _is_jerking(hold, activity, clonic):
            continue
        event = _event(hold, activity, body, clonic, end_s)
        if event is not None:
            events.append(event)
    return tuple(events)


def bursts(curve: Floats, threshold: float, join: int = 1) -> list[tuple[int, int]]:
    """Stretches [first, past) in which `curve` exceeds `threshold`; gaps of at most `join` bins are bridged."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (curve > threshold).astype(np.int8), [0]))))
    merged: list[tuple[int, int]] = []
    for first, past in zip(edges[::2], edges[1::2], strict=True):
        if merged and first - merged[-1][1] <= join:
            merged[-1] = (merged[-1][0], int(past))
        else:
            merged.append((int(first), int(past)))
    return merged


def holds(activity: Activity) -> list[Hold]:
    """Postures brought by a burst of at most 3 s after at least 2 s of rest, in time order."""
    fine = _holds(activity, DRIFT)
    coarse = [h for h in _holds(activity, COARSE * DRIFT) if not any(_overlap(h, other) for other in fine)]
    return sorted(fine + coarse, key=lambda hold: hold.rise)


def _overlap(one: Hold, other: Hold) -> bool:
    return one.rise[0] < other.end and other.rise[0] < one.end


def _holds(activity: Activity, threshold: float) -> list[Hold]:
    found: list[Hold] = []
    given_up: set[tuple[int, int]] = set()
    stretches = bursts(activity.drift, threshold)
    for k, (first, past) in enumerate(stretches):
        before = stretches[k - 1][1] if k else -round(QUIET_BEFORE_S / BIN_S)
        if (past - first) * BIN_S > LONGEST_RISE_S or (first - before) * BIN_S < QUIET_BEFORE_S:
            continue
        if (first, past) in given_up or first * BIN_S < SEEN_BEFORE_S:
            continue
        peak = float(activity.drift[first:past].max())
        ending = next((s for s in stretches[k + 1 :] if float(activity.drift[s[0] : s[1]].max()) > REST * peak), None)
        end = ending[0] if ending else len(activity.time_s)
        if SHORTEST_HOLD_S <= (end - past) * BIN_S <= LONGEST_HOLD_S:
            hold = Hold((first, past), end, ending)
            found.append(hold)
            if ending and _returned(activity, hold, activity.displacement(first, past)) > 0.5:
                given_up.add(ending)  # what lies there afterwards is rest, not the next posture
    return found


def _event(hold: Hold, activity: Activity, body: Body, clonic: Sequence[Event], end_s: float) -> Event | None:
    first, past = hold.rise
    way = activity.displacement(first, past)
    gross = np.hypot(activity.slow[first:past, ..., 0], activity.slow[first:past, ..., 1]).sum(axis=0) * BIN_S
    length = np.hypot(way[..., 0], way[..., 1])
    if float(length.sum()) < 0.4 * float(gross.sum()):
        return None  # out and back: nothing was held
    energy = length**2
    shares = body.shares(energy)
    limbs = sum(shares[region] for region in (*ARMS, *LEGS)) if shares else 1.0
    if limbs < 0.25:
        return None
    onset_s = float(activity.time_s[first]) - BIN_S / 2
    held_from = float(activity.time_s[past - 1])
    tremor = _tremor(activity, hold)
    end = _tremor_end(activity, hold) if tremor > 0.5 else hold.end
    offset_s = float(activity.time_s[end - 1]) + BIN_S / 2
    jerks = next((e for e in clonic if _follows(e, held_from, offset_s)), None)
    if jerks is not None:
        offset_s = jerks.onset_s
    rise_s = _rise_s(activity, hold)
    limb_energy = energy * (1 - body.cells(Region.HEAD)) if body.along is not None else energy
    side = body.side_of(limb_energy)
    held_s = offset_s - held_from
    both = min(sum(shares[r] for r in LEFT), sum(shares[r] for r in RIGHT)) / (limbs + 1e-9) if shares else 0.0
    trunk = shares[Region.TRUNK] + shares[Region.HEAD] if shares else 0.0
    evidence = (
        PRIOR
        + WEIGHT_TREMOR * tremor
        + WEIGHT_ABRUPT * (1 - ramp(rise_s, 0.9, 1.8))
        + WEIGHT_RETURN * _returned(activity, hold, way)
        + WEIGHT_BOTH * ramp(both, 0.1, 0.3)
        + (WEIGHT_SEQUENCE * _sequence(tremor, held_s) if jerks and _agree(side, jerks.side) else 0.0)
        + WEIGHT_TRUNK * ramp(trunk, 0.5, 0.8)
    )
    censored = hold.back is None and jerks is None
    if censored:
        evidence -= 0.7
    if jerks is None:
        evidence += WEIGHT_BRIEF * (1 - ramp(held_s, *BRIEF_S))
    score = logistic(evidence)
    return Event(
        kind=Kind.TONIC,
        onset_s=onset_s,
        offset_s=offset_s,
        onset_error_s=0.5,
        offset_error_s=0.7,
        score=score,
        sign_score=score,
        side=side,
        part=body.part_of(limb_energy),
        words=_words(side, body.part_of(limb_energy), rise_s, held_s, tremor, followed=jerks is not None),
        measures=(
            Measure("rise", round(rise_s, 2), "s"),
            Measure("hold", round(held_s, 2), "s"),
            Measure("tremor_evidence", round(tremor, 2), "1"),
        ),
        censored_right=censored or offset_s >= end_s - 1.0,
    )


def _is_jerking(hold: Hold, activity: Activity, clonic: Sequence[Event]) -> bool:
    """Whether clonic jerks fill most of a hold: a limb that jerks comes to rest nowhere else, but is held by nobody."""
    begin, end = float(activity.time_s[hold.rise[1] - 1]), float(activity.time_s[hold.end - 1])
    shared = sum(max(0.0, min(end, e.offset_s) - max(begin, e.onset_s)) for e in clonic if e.score > 0.5)
    return shared > JERKING_SHARE * (end - begin)


def _sequence(tremor: float, held_s: float) -> float:
    """0-1: how much a hold before jerks is a tonic phase; somebody who reached out a moment before holds briefly."""
    return max(ramp(tremor, 0.0, 0.5), ramp(held_s, *BRIEF_S))


def _agree(posture: Side, jerks: Side) -> bool:
    """Whether jerks may go on where the posture was: those of the other side are no second phase of it."""
    return {posture, jerks} != {Side.LEFT, Side.RIGHT}


def _follows(jerks: Event, held_from_s: float, held_to_s: float) -> bool:
    """Whether clonic jerks begin out of a hold that lasted long enough."""
    return jerks.score > 0.5 and held_from_s + SHORTEST_HOLD_S <= jerks.onset_s <= held_to_s + 3.0


def _tremor(activity: Activity, hold: Hold) -> float:
    """0-1: fine tremor in the hold against the time before the rise."""
    first, past = hold.rise
    pad = round(1.0 / BIN_S)
    held = activity.tremor[past + pad : hold.end - pad]
    before = activity.tremor[max(0, first - 5 * pad) : max(1, first - pad)]
    if len(held) < 2:
        return 0.0
    pace = float(np.median(activity.pace[past + pad : hold.end - pad]))
    level = float(np.median(held))
    above_rest = ramp(level / (float(np.median(before)) + 1e-6), 3.0, 10.0)
    return above_rest * ramp(level, *TREMOR_LEVEL) * ramp(pace, *TREMOR_PACE_HZ)


def _tremor_end(activity: Activity, hold: Hold) -> int:
    """First bin after the hold's tremor: limbs under tension may slip in between."""
    level = 0.25 * float(np.median(activity.tremor[hold.rise[1] + 4 : hold.end - 4]))
    end = hold.end
    while end < len(activity.time_s) and activity.tremor[end] > level and activity.pace[end] > TREMOR_PACE_HZ[1]:
        end += 1
    return end


def _rise_s(activity: Activity, hold: Hold) -> float:
    """Time in which the middle 80 % of the rise's way is covered, corrected for the curve's own smoothing."""
    first, past = hold.rise
    way = np.cumsum(activity.drift[first:past])
    low, high = np.searchsorted(way, [0.1 * way[-1], 0.9 * way[-1]])
    return max(0.25, float(high - low + 1) * BIN_S - 0.25)


def _returned(activity: Activity, hold: Hold, way: Floats) -> float:
    """0-1: the second burst takes the limbs back."""
    if hold.back is None:
        return 0.0
    back = activity.displacement(*hold.back)
    norm = float(np.sqrt((way**2).sum() * (back**2).sum())) + 1e-12
    return ramp(-float((way * back).sum()) / norm, 0.1, 0.5)


def _words(side: Side, part: BodyPart, rise_s: float, held_s: float, tremor: float, *, followed: bool) -> str:
    name = "limbs" if part in {BodyPart.WHOLE_BODY, BodyPart.UNSPECIFIED} else part.value
    who = f"{side.value} {name}" if side in {Side.LEFT, Side.RIGHT} else f"{name} of both sides"
    text = f"Posture of {who} reached within {rise_s:.1f} s and held for {held_s:.1f} s"
    text += ", with a fine tremor" if tremor > 0.5 else ", without visible tremor"
    return text + (", then rhythmic jerks." if followed else ".")
