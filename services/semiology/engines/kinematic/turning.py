"""Turning of the head: unforced turns, and the slow, held turn that version is.

The face's surface moves towards the side that the patient turns to. The trunk's own movement is taken off, so that
turning over is no head turn. Version turns slowly and without pause and is held; a look to the side takes under a
second and comes back (Munich series: version lasts 6.4 ± 4.1 s; duration and order separate, speed does not).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.segmentation import BodyPart
from schemas.semiology import Measure, Side
from services.semiology.engines.kinematic.activity import BIN_S, Activity
from services.semiology.engines.kinematic.body import Body, Region
from services.semiology.engines.kinematic.events import Event, Kind, logistic, ramp
from services.semiology.engines.kinematic.head import HeadSource
from services.semiology.engines.kinematic.tonic import bursts

Floats = npt.NDArray[Any]

SLOWEST = 0.012
"""Face surface speed, heads per second averaged over the head, that still counts as turning. The average runs over hair
and background too and the noise gate drops the slowest pixels, so it shows about a third of the face's own speed."""
SMALLEST = 0.035
"""Way of the face's surface in heads, measured so, that counts as a turn (about 20–30°)."""
VERSION_TURN_S = 1.5
VERSION_HOLD_S = 4.0
UNFORCED, UNSEEN = 0.3, 0.45
"""Highest scores of an unforced turn, and of a turn of a head whose face was not seen: the body may turn under it."""


def head_events(activity: Activity, body: Body, end_s: float) -> tuple[Event, ...]:
    """Head turns in time order; none when the face or the sides are unknown."""
    if body.along is None or body.head is None or not body.sides_named:
        return ()
    turn = _turning(activity, body)
    events = []
    for first, past in _turns(turn):
        event = _event(turn, (first, past), activity, body, end_s)
        if event is not None:
            events.append(event)
    return tuple(events)


def _turning(activity: Activity, body: Body) -> Floats:
    """(n,) speed of the face's surface to the patient's left, the trunk's taken off, heads per second."""
    left = lateral_direction(body)
    across = activity.slow[..., 0] * left[0] + activity.slow[..., 1] * left[1]
    head, trunk = body.cells(Region.HEAD), body.cells(Region.TRUNK)
    face = across[:, head].mean(axis=1) if head.any() else np.zeros(len(across))
    moved = np.median(across[:, trunk], axis=1) if trunk.any() else np.zeros(len(across))
    return np.asarray(np.convolve(face - moved, np.ones(3) / 3, "same"))


def lateral_direction(body: Body) -> tuple[float, float]:
    """Unit vector in the picture towards the patient's left."""
    assert body.lateral is not None
    x = float(np.mean(np.diff(body.lateral, axis=1))) if body.lateral.shape[1] > 1 else 0.0
    y = float(np.mean(np.diff(body.lateral, axis=0))) if body.lateral.shape[0] > 1 else 0.0
    norm = float(np.hypot(x, y)) + 1e-12
    return x / norm, y / norm


def _turns(turn: Floats) -> list[tuple[int, int]]:
    """Stretches of turning to one side, pauses of half a second bridged."""
    join = round(0.5 / BIN_S)
    both = [*bursts(turn, SLOWEST, join), *bursts(-turn, SLOWEST, join)]
    return sorted(s for s in both if abs(float(turn[s[0] : s[1]].sum())) * BIN_S >= SMALLEST)


def _most(body: Body, *, forced: bool) -> float:
    """Highest score as part of a seizure: only a forced turn of a face that was seen makes an episode by itself."""
    if not forced:
        return UNFORCED
    return 1.0 if body.head is not None and body.head.source is HeadSource.FACE else UNSEEN


def _event(turn: Floats, bins: tuple[int, int], activity: Activity, body: Body, end_s: float) -> Event | None:
    first, past = bins
    way = float(turn[first:past].sum()) * BIN_S
    place = np.cumsum(turn[past:]) * BIN_S * np.sign(way)
    back = np.flatnonzero(place < -0.5 * abs(way))
    hold_bins = int(back[0]) if len(back) else len(place)
    hold_s, turn_s = hold_bins * BIN_S, (past - first) * BIN_S
    forced = turn_s >= VERSION_TURN_S and hold_s >= VERSION_HOLD_S
    around = activity.drift[max(0, first - 4) : past].max()
    evidence = (
        -3.0
        + 1.8 * ramp(turn_s, 1.2, 2.5)
        + 1.4 * ramp(hold_s, 3.0, 6.0)
        + 1.0 * ramp(abs(way), 0.04, 0.1)
        + (0.5 if len(back) else 0.0)
        - 2.5 * ramp(float(around), 0.6, 2.0)
    )
    score = logistic(evidence)
    side = Side.LEFT if way > 0 else Side.RIGHT
    onset = float(activity.time_s[first]) - BIN_S / 2
    offset = min(end_s, float(activity.time_s[past - 1]) + hold_s)
    return Event(
        kind=Kind.HEAD_TURN,
        onset_s=onset,
        offset_s=offset,
        onset_error_s=0.6,
        offset_error_s=0.8,
        score=min(score, _most(body, forced=forced)),
        sign_score=score if forced else 0.4 + 0.5 * ramp(abs(way), 0.035, 0.12),
        side=side,
        part=BodyPart.HEAD,
        words=(
            f"The head turns to the patient's {side.value} over {turn_s:.1f} s and stays there for {hold_s:.1f} s "
            f"(way of the face {abs(way):.2f} head heights)."
        ),
        measures=(
            Measure("turn", round(turn_s, 2), "s"),
            Measure("hold", round(hold_s, 2), "s"),
            Measure("way", round(abs(way), 2), "1"),
        ),
        censored_right=not len(back),
        forced=forced,
    )
