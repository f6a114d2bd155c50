"""Engine `sam2`: who the patient is, then everybody's outline over the whole recording. See the package's page."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from schemas.engine import EngineInfo
from schemas.errors import IctogramError, InternalError
from schemas.recording import Interval, RecordingFacts
from services.media.decode import frames
from services.media.geometry import fit_long_side
from services.media.masks import MaskStack, MaskTrack
from services.pose import network as pose_network
from services.segmentation.engines import PATIENT, Prompt, Report, SegmentInput, SegmentOutput, place, visitors
from services.segmentation.engines.motion import MotionEngine
from services.segmentation.engines.sam2 import contacts
from services.segmentation.engines.sam2.between import at_instants
from services.segmentation.engines.sam2.follow import Followed, Follower, Plan
from services.segmentation.engines.sam2.looks import LOOK_HZ, FindsPeople, Look, by_pose, look
from services.segmentation.engines.sam2.people import Choice, Trail, choose, numbered, pointed_out, trails
from services.segmentation.engines.sam2.prompting import Cue, mask_box
from services.segmentation.engines.sam2.session import Session
from services.segmentation.engines.sam2.settings import Sam2Settings
from services.segmentation.engines.sam2.weights import Weights
from services.segmentation.engines.sam2.weights import choose as choose_weights
from services.segmentation.engines.scan import GRID_PX, RATE_HZ, scan

VERSION = "1"
_NO_LOSSES: tuple[str, ...] = ()
_STEADY = 0.5
"""Share of the pictures in which the camera must rest for movement to say anything."""
_PLACE_ONLY = 0.5
"""Where only movement shows the patient, the choice is half as sure as movement alone makes it."""
_BY_RULE = (
    "The patient is taken to be whoever is seen longest in one place, where movement stays; a box drawn around them "
    "overrules that."
)
_BY_POSE = "People were found by their pose; who lies covered or shows only in part may have been missed."
_BY_PLACE = "Nobody was recognised in the stills, so that the patient was looked for where movement stays."
_NOBODY = "Nobody was recognised and hardly anything moves in one place; a box drawn around the patient helps."
_LATE = f"Somebody who comes in is told apart from the first look that shows them, up to {1 / LOOK_HZ:g} s later."


@dataclass(frozen=True, slots=True)
class _Who:
    """Whom to follow, and why."""

    patient: Trail
    others: tuple[tuple[int, Trail], ...]
    cues: dict[int, tuple[Cue, ...]]
    confidence: float
    losses: tuple[str, ...]


class Sam2Engine:
    """SAM 2 with a person detector; the engine `motion` where there are no weights that can be used."""

    def __init__(self) -> None:
        self._settings = Sam2Settings.load()
        self._weights: Weights | None = None
        self._instead = ""
        try:
            self._weights = choose_weights(self._settings)
        except IctogramError as error:
            folder = self._settings.weights
            reason = error.message.replace(folder, Path(folder).name) if folder else error.message  # goes into reports
            self._instead = f"SAM 2 did not run and the engine motion answered instead: {reason}"
        self._network: Any = None
        self._find: FindsPeople = by_pose

    def info(self) -> EngineInfo:
        """SAM 2 with these weights; or `motion`, with a digest that says why."""
        if self._weights is None:
            motion = MotionEngine().info()
            return replace(motion, digest=hashlib.sha256(f"{motion.digest} {self._instead}".encode()).hexdigest())
        told = self._settings.model_dump_json(exclude={"weights", "detector_weights"})
        parameters = f"sam2 {VERSION} {version('sam2')} {self._weights.digest} {LOOK_HZ} {told}"
        digest = hashlib.sha256(parameters.encode()).hexdigest()
        return EngineInfo("sam2", VERSION, digest, self._weights.card.training)

    def load(self) -> None:
        """Put the networks on their device.

        Raises `InvalidRequestError` for weights that do not fit their configuration and without the device: by then
        `info` has promised SAM 2, so that answering with another engine would be a lie.
        """
        if self._weights is None:
            return
        from services.segmentation.engines.sam2.predictor import build

        self._network = build(self._weights, self._settings.device)
        pose_network.load()
        if self._weights.detector is not None:
            from services.segmentation.engines.sam2.detector import PersonDetector

            self._find = PersonDetector(self._weights.detector, self._settings.device)

    def segment(self, request: SegmentInput, report: Report) -> SegmentOutput:
        """Follow patient and others. Prompts of any person at any time count, boxes and points alike."""
        if self._weights is None:
            found = MotionEngine().segment(request, report)
            return replace(found, losses=(self._instead, *found.losses))
        if self._network is None:
            raise InternalError("The engine sam2 was asked to segment before it was loaded.")
        rate_hz = min(request.mask_rate_hz, self._settings.most_rate_hz)
        where = _place(request, _within(report, 0.0, 0.1, "looking for movement"))
        looks = self._looks(request, _within(report, 0.1, 0.25, "looking for people"))
        who = _who(request, looks, where, rate_hz)
        width, height = fit_long_side(request.facts.width_px, request.facts.height_px, self._settings.mask_long_side)
        if who is None:
            return _nobody(request, (height, width), (_NOBODY, *self._losses()))
        plan = Plan(
            count=_count(request.facts, rate_hz),
            rate_hz=rate_hz,
            part=max(2, int(self._settings.part_s * rate_hz)),
            looks=looks,
            patient=who.patient,
            others=who.others,
            cues=who.cues,
            cuts_s=request.facts.quality.cuts_s,
            most_people=self._settings.most_people,
        )

        def opened(*, backwards: bool) -> Session:
            return Session(self._network, height, width, backwards=backwards)

        told = _within(report, 0.25, 0.9, "following the outlines")
        followed = Follower(request.video, plan, (height, width), opened, told).run()
        return _output(request, plan, who, followed, self._losses())

    def _looks(self, request: SegmentInput, told: Callable[[float], None]) -> tuple[Look, ...]:
        length_s = max(request.facts.duration_s, 1e-3)
        return tuple(look(request.video, self._find, lambda time_s: told(time_s / length_s)))

    def _losses(self) -> tuple[str, ...]:
        if self._weights is None or self._weights.losses:
            return (*(self._weights.losses if self._weights else ()), _LATE)
        return (_LATE,) if self._weights.detector is not None else (_BY_POSE, _LATE)


def _within(report: Report, lo: float, hi: float, message: str) -> Callable[[float], None]:
    """A report of one stage: takes the stage's own share, 0-1."""
    return lambda share: report(lo + (hi - lo) * min(1.0, max(0.0, share)), "segment", message)


def _count(facts: RecordingFacts, rate_hz: float) -> int:
    return max(1, math.ceil(facts.duration_s * rate_hz - 1e-6))


def _place(request: SegmentInput, told: Callable[[float], None]) -> place.Place | None:
    """Where movement stays, as the engine `motion` sees it; none where it cannot be told from the room."""
    facts = request.facts
    length_s = max(facts.duration_s, 1e-3)

    def pictures() -> Any:
        for frame in frames(request.video, rate_hz=RATE_HZ, long_side_px=2 * GRID_PX):
            told(frame.time_s / length_s)
            yield frame

    jumps = (*facts.quality.cuts_s, *facts.quality.light_changes_s)
    seen = scan(pictures(), facts.quality.camera_moving, jumps)
    if not len(seen.time_s) or float(seen.usable.mean()) < _STEADY:
        return None
    return place.found(place.steadiness(seen, visitors.follow(seen, None)))


def _who(request: SegmentInput, looks: tuple[Look, ...], where: place.Place | None, rate_hz: float) -> _Who | None:
    """Patient and others: those pointed out first, then the rules; none when there is nobody to point at."""
    last = _count(request.facts, rate_hz) - 1
    found = trails(looks)
    given: dict[int, list[Prompt]] = {}
    for prompt in request.prompts:
        if prompt.box is not None or prompt.points:
            given.setdefault(prompt.person, []).append(prompt)
    cues: dict[int, tuple[Cue, ...]] = {}
    for prompt in request.prompts:
        if prompt.box is not None or prompt.points:
            k = min(max(0, round(prompt.time_s * rate_hz)), last)
            kept = tuple(cue for cue in cues.get(k, ()) if cue.person != prompt.person)
            cues[k] = (*kept, Cue(prompt.person, prompt.box, prompt.points))
    told = [(person, pointed_out(found, looks, prompts[0])) for person, prompts in given.items() if person != PATIENT]
    free = [trail for trail in found if not any(trail is one for _, one in told)]
    if PATIENT in given:
        patient, confidence, losses = pointed_out(free, looks, given[PATIENT][0]), 1.0, _NO_LOSSES
    else:
        choice = choose(free, looks, where.region if where is not None else None)
        chosen = _chosen(choice, looks, where, rate_hz, last)
        if chosen is None:
            return None
        k, cue, patient, confidence, losses = chosen
        cues[k] = (*cues.get(k, ()), cue)
    return _Who(patient, tuple(numbered(free, patient, told)), cues, confidence, losses)


def _chosen(
    choice: Choice | None, looks: Sequence[Look], where: place.Place | None, rate_hz: float, last: int
) -> tuple[int, Cue, Trail, float, tuple[str, ...]] | None:
    """Instant and cue of a patient found by rule, their trail, how sure that is, and what it cannot tell."""
    if choice is not None:
        person = choice.patient.at(choice.anchor)
        assert person is not None
        k = min(round(looks[choice.anchor].time_s * rate_hz), last)
        return k, Cue(PATIENT, person.box), choice.patient, choice.confidence, (_BY_RULE,)
    box = mask_box(where.body) if where is not None else None
    if where is None or box is None:
        return None
    return 0, Cue(PATIENT, box), Trail(), _PLACE_ONLY * where.confidence, (_BY_PLACE,)


def _nobody(request: SegmentInput, shape: tuple[int, int], losses: tuple[str, ...]) -> SegmentOutput:
    times = np.arange(_count(request.facts, request.mask_rate_hz)) / request.mask_rate_hz
    blank = MaskStack.blank((len(times), *shape))
    missing = (Interval(0.0, request.facts.duration_s),)
    return SegmentOutput(MaskTrack(times, blank, blank), patient_region=None, patient_missing=missing, losses=losses)


def _output(request: SegmentInput, plan: Plan, who: _Who, followed: Followed, losses: tuple[str, ...]) -> SegmentOutput:
    masks, end_s = followed.masks, request.facts.duration_s
    there = np.array([mask.any() for mask in masks.patient], bool)
    others = np.array([mask.any() for mask in masks.others], bool)
    sure = float(followed.sure[there].mean()) if there.any() else 0.0
    shown = masks
    if plan.rate_hz < request.mask_rate_hz:
        shown = at_instants(masks, np.arange(masks.time_s[0], masks.time_s[-1] + 1e-6, 1 / request.mask_rate_hz))
        losses = (
            *losses,
            f"SAM 2 looked at {plan.rate_hz:g} pictures a second; the masks between are interpolated.",
        )
    return SegmentOutput(
        masks=shown,
        patient_region=contacts.region(masks),
        patient_missing=contacts.spans(masks.time_s, ~there, end_s),
        others_present=contacts.spans(masks.time_s, others, end_s),
        staff_contacts=contacts.contacts(masks, who.patient, plan.looks, end_s),
        identity_switches_s=tuple(sorted({*followed.switches_s, *contacts.jumps(masks)})),
        quality=float(np.clip(who.confidence * sure, 0, 1)),
        losses=(*who.losses, *losses),
    )
