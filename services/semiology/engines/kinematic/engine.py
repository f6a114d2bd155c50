"""The engine `kinematic`: puts flow, body, detectors and signs together."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np

from schemas.engine import EngineInfo
from schemas.recording import Tri
from schemas.semiology import CoverageGap
from services.media.tracks import Track
from services.pose import network
from services.semiology.engines import Answer, Evidence, Proposal, Report
from services.semiology.engines.kinematic import flow, head
from services.semiology.engines.kinematic.activity import activity_of
from services.semiology.engines.kinematic.body import Body, Sides
from services.semiology.engines.kinematic.clonic import clonic_events
from services.semiology.engines.kinematic.episodes import members, proposals_of
from services.semiology.engines.kinematic.events import Event
from services.semiology.engines.kinematic.events import joined as joined_events
from services.semiology.engines.kinematic.repeated import automatism_events, pelvic_events
from services.semiology.engines.kinematic.rhythm import rhythms
from services.semiology.engines.kinematic.scene import Scene, Seen, body_in, kept, scene_of
from services.semiology.engines.kinematic.scene import joined as joined_scenes
from services.semiology.engines.kinematic.signs import ANSWERED, LOWEST_RATE_HZ, answers_for
from services.semiology.engines.kinematic.tonic import tonic_events
from services.semiology.engines.kinematic.turning import head_events
from services.semiology.engines.kinematic.vigour import arrest_events, hyperkinetic_events

VERSION = "2"
TRAINING = "training-free rules, on joints found by BlazePose, which learned from people who are no patients"
TRACK_STEP_S = 0.5
PART_S = 300.0
"""Long recordings are measured in parts of this length."""
OVERLAP_S = 60.0
"""Parts overlap by more than most seizures last; what lies in both becomes one event."""


class KinematicEngine:
    """Training-free: optical flow, rhythm and posture judged by rules from physiology. CPU only."""

    def info(self) -> EngineInfo:
        """Identity; the digest covers every line of this package, in which all parameters stand, and of `pose`."""
        return EngineInfo(name="kinematic", version=VERSION, digest=_digest(), training=TRAINING, answers=ANSWERED)

    def load(self) -> None:
        """Reads the networks that find joints, and the face cascades."""
        network.load()
        head.load()

    def study(self, evidence: Evidence, report: Report) -> KinematicStudy:
        """Measures the recording. Raises `UnreadableMediaError` when the proxy cannot be decoded."""
        seen, events = [], []
        body: Body | None = None
        parts = parts_of(evidence.intake.facts.duration_s)
        for span in parts:
            here, found = _judged(evidence, span, parts[-1][1], body, report)
            body = here.body
            seen.append(here)
            events.append(found)
        report(0.95, "signs", "weighing what was seen")
        if len(parts) == 1:
            return KinematicStudy(seen[0], events[0])
        return KinematicStudy(joined_scenes(seen), joined_events([event for part in events for event in part]))


def _judged(
    evidence: Evidence, span: tuple[float, float], end_s: float, body: Body | None, report: Report
) -> tuple[Seen, tuple[Event, ...]]:
    """One part of a recording that ends at `end_s`; its movement is given up on return, before the next is measured."""
    grid = flow.part_of(
        evidence.proxy,
        evidence.intake.proxy_rate_hz,
        span,
        lambda reached: report(0.9 * reached / end_s, "flow", "measuring movement"),
    )
    if body is None or body.sides is Sides.UNKNOWN:  # a patient who lay still so far shows the midline when they move
        body = body_in(evidence, grid)
    scene = scene_of(evidence, grid, body)
    return kept(scene), events_in(scene, end_s)


def parts_of(duration_s: float) -> list[tuple[float, float]]:
    """Spans of at most `PART_S` plus the overlap, so that memory does not grow with the recording."""
    count = max(1, math.ceil((duration_s - OVERLAP_S) / PART_S))
    if count == 1:
        return [(0.0, duration_s + 1.0)]
    last = duration_s + 1.0
    return [(k * PART_S, min(last, (k + 1) * PART_S + OVERLAP_S)) for k in range(count)]


class KinematicStudy:
    """What the engine made of one recording."""

    def __init__(self, scene: Seen, events: tuple[Event, ...]) -> None:
        self._scene, self._events = scene, events

    def gaps(self) -> tuple[CoverageGap, ...]:
        """Spans in which movement could not be judged."""
        return self._scene.gaps

    def proposals(self) -> tuple[Proposal, ...]:
        """Candidate seizures."""
        return proposals_of(self._events, self._scene)

    def answers(self, episode: Proposal) -> tuple[Answer, ...]:
        """One answer per sign of `info().answers`."""
        return answers_for(members(episode, self._events), episode, self._scene)

    def tracks(self) -> tuple[Track, ...]:
        """Scores per kind of event every half second, and the activity; NaN in gaps."""
        scene = self._scene
        times = np.arange(scene.begin_s, max(scene.end_s, scene.begin_s + TRACK_STEP_S), TRACK_STEP_S)
        lost = np.zeros(len(times), bool)
        for gap in scene.gaps:
            lost |= (times >= gap.span.lo) & (times <= gap.span.hi)
        curves = {sign: np.zeros(len(times)) for sign in ANSWERED}
        for proposal in self.proposals():
            for answer in self.answers(proposal):
                for seen in answer.sightings:
                    inside = (times >= seen.onset_s.middle_s) & (times <= seen.offset_s.middle_s)
                    curves[answer.sign][inside] = np.maximum(curves[answer.sign][inside], seen.score)
        return tuple(Track(sign, times, np.where(lost, np.nan, curve)) for sign, curve in curves.items())


def events_in(scene: Scene, end_s: float | None = None) -> tuple[Event, ...]:
    """Every event the detectors see, in time order; `end_s` is the recording's end where the scene is a part of it."""
    end_s = scene.end_s if end_s is None or scene.end_s > end_s - 3.0 else end_s
    facts = scene.facts
    events: list[Event] = []
    timed = Tri.YES not in {facts.slow_motion, facts.edited}
    if timed and not 0 < facts.effective_rate_hz < LOWEST_RATE_HZ:
        events += clonic_events(rhythms(scene.grid, scene.weight), scene.body, end_s)
    activity = activity_of(scene)
    if activity is not None:
        clonic = tuple(events)
        events += tonic_events(activity, scene.body, clonic, end_s)
        events += hyperkinetic_events(activity, scene.grid, end_s)
        events += pelvic_events(activity, scene.grid, scene.body)
        events += automatism_events(activity, scene.body)
        events += head_events(activity, scene.body, end_s)
        events += arrest_events(activity, tuple(events), end_s)
    return tuple(sorted(events, key=lambda event: event.onset_s))


def _digest() -> str:
    """SHA-256 over the engine's own sources and those of `pose` with its weights."""
    content = hashlib.sha256()
    pose = Path(network.__file__).parent
    for source in sorted([*Path(__file__).parent.glob("*.py"), *pose.glob("*.py"), *pose.glob("weights/*.onnx")]):
        content.update(source.name.encode() + b"\0" + source.read_bytes())
    return content.hexdigest()
