"""Repeated movement below the clonic band: thrusting of the pelvis, and the irregular handling of automatisms."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.segmentation import BodyPart
from schemas.semiology import Measure, Side
from services.semiology.engines.kinematic.activity import BIN_S, Activity
from services.semiology.engines.kinematic.body import ARMS, HIP, Body, Region
from services.semiology.engines.kinematic.events import Event, Kind, logistic, ramp
from services.semiology.engines.kinematic.flow import MotionGrid
from services.semiology.engines.kinematic.tonic import bursts
from services.semiology.engines.kinematic.vigour import regularity

Floats = npt.NDArray[Any]

HIPS = (HIP - 1.2, HIP + 0.9)
"""Head heights below the face between which the pelvis lies."""
PELVIC_SHARE = 0.4
"""Share of all movement that the pelvis carries: legs and arms ride along, but less."""
PELVIC_LEVEL = 0.3
HANDS_LEVEL = (0.05, 2.0)
"""Movement (square heads times heads per second) of a handling hand: above trembling, below vigour."""
SHORTEST_S = 6.0


def pelvic_events(activity: Activity, grid: MotionGrid, body: Body) -> tuple[Event, ...]:
    """Stretches in which the pelvis carries a regular movement at 0.3–2.5 Hz."""
    if body.along is None or body.lateral is None:
        return ()
    pelvis = (body.along >= HIPS[0]) & (body.along <= HIPS[1]) & (np.abs(body.lateral) < 1.0)
    speed = np.hypot(activity.slow[..., 0], activity.slow[..., 1])
    share = speed[:, pelvis].sum(axis=1) / (speed.sum(axis=(1, 2)) + 1e-9)
    busy = np.where(activity.total > PELVIC_LEVEL, share, 0.0)
    smooth = np.convolve(busy, np.ones(8) / 8, "same")
    events = []
    for first, past in bursts(smooth, PELVIC_SHARE, join=4):
        length_s = (past - first) * BIN_S
        begin, end = float(activity.time_s[first]), float(activity.time_s[past - 1])
        if length_s < SHORTEST_S:
            continue
        even = regularity(grid, begin, end)
        carried = float(np.median(share[first:past]))
        evidence = -4.0 + 2.5 * ramp(even, 0.4, 0.7) + 1.5 * ramp(carried, 0.4, 0.6) + 1.2 * ramp(length_s, 5.0, 10.0)
        score = logistic(evidence)
        events.append(
            Event(
                kind=Kind.PELVIC,
                onset_s=begin,
                offset_s=end,
                onset_error_s=1.0,
                offset_error_s=1.0,
                score=score,
                sign_score=score,
                side=Side.UNDETERMINED,
                part=BodyPart.TRUNK,
                words=(
                    f"The pelvis carries {carried:.0%} of the movement for {length_s:.0f} s, repeating itself with a "
                    f"correlation of {even:.2f}."
                ),
                measures=(Measure("share", round(carried, 3), "1"), Measure("regularity", round(even, 3), "1")),
            )
        )
    return tuple(events)


def automatism_events(activity: Activity, body: Body) -> tuple[Event, ...]:
    """Stretches of continuous small movement of the arms while head, trunk and legs rest.

    It fits fumbling as well as any handling of things, so it never proposes an episode.
    """
    if body.along is None or body.lateral is None:
        return ()
    speed = np.hypot(activity.slow[..., 0], activity.slow[..., 1])
    reach = np.any([body.cells(region) for region in (*ARMS, Region.TRUNK)], axis=0)
    arms = speed[:, reach].sum(axis=1) / (speed.sum(axis=(1, 2)) + 1e-9)
    level = np.convolve(activity.total, np.ones(8) / 8, "same")
    handling = (level > HANDS_LEVEL[0]) & (level < HANDS_LEVEL[1]) & (arms > 0.6)
    events = []
    for first, past in bursts(handling.astype(np.float64), 0.5, join=6):
        length_s = (past - first) * BIN_S
        if length_s < SHORTEST_S:
            continue
        part = np.s_[first:past]
        pace = float(np.median(activity.pace[part]))
        energy = (speed[part] ** 2).sum(axis=0)
        fit = 0.15 + 0.5 * ramp(length_s, 6.0, 15.0) * ramp(pace, 0.5, 1.0) * (1 - ramp(pace, 3.0, 5.0))
        side = body.side_of(energy)
        events.append(
            Event(
                kind=Kind.AUTOMATISM,
                onset_s=float(activity.time_s[first]),
                offset_s=float(activity.time_s[past - 1]),
                onset_error_s=1.5,
                offset_error_s=1.5,
                score=0.2,
                sign_score=fit,
                side=side,
                part=BodyPart.HAND,
                words=(
                    f"Continuous small movement of the arms ({side.value.replace('_', ' ')}) for {length_s:.0f} s at a "
                    f"mean rate of {pace:.1f} Hz while the rest of the body keeps still."
                ),
                measures=(Measure("mean_rate", round(pace, 2), "Hz"), Measure("duration", round(length_s, 2), "s")),
            )
        )
    return tuple(events)
