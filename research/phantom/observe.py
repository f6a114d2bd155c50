"""From marks to truth: clipped to the recording, measured in the picture, grouped into episodes."""

from __future__ import annotations

import numpy as np

from research.phantom.acts.stage import Mark
from research.phantom.camera import Camera
from research.phantom.look import Look
from research.phantom.person import Person
from research.phantom.scene import Scene
from research.phantom.skeleton import Array, Body
from research.phantom.truth import TRUTH_SCHEMA_VERSION, Span, TrueEpisode, TrueOccurrence, Truth
from research.phantom.visitors import contact_span
from schemas.recording import Box
from schemas.segmentation import BodyPart
from schemas.semiology import Side

FACE_MIN_PX = 44.0
"""Narrowest face, source pixels, on which signs of the face can be judged."""
ASLEEP_S = 60.0
"""How much sleep must be seen before a state before the seizure may be called apparently asleep."""


def _probe_points(body: Body, probe: str) -> list[Array]:
    """World points (n, 3) whose swing stands for a part."""
    side, _, limb = probe.partition("_")
    if limb == "arm":
        return [body.arms[side].joints[2], body.arms[side].joints[3], body.arms[side].joints[1]]
    if limb == "leg":
        return [body.legs[side].joints[1], body.legs[side].joints[2]]
    if probe in ("head", "face"):
        return [body.head + np.einsum("nij,j->ni", body.head_axes, np.array([0.0, -0.01, 0.094]))]
    if probe == "pelvis":
        return [body.pelvis]
    if probe == "trunk":
        return [body.chest, body.arms["left"].joints[0], body.arms["right"].joints[0]]
    return [body.chest, body.head, body.arms["left"].joints[2], body.arms["right"].joints[2]]


def _swing(pixels: Array) -> float:
    """Diagonal of the box that holds 96 % of a point's positions, pixels."""
    low, high = np.percentile(pixels, [2, 98], axis=0)
    return float(np.hypot(*(high - low)))


class Observer:
    """Measures marks against the camera."""

    def __init__(self, scene: Scene, look: Look, camera: Camera, patient: Person, *, covered: bool) -> None:
        self.scene, self.look, self.camera, self.patient, self.covered = scene, look, camera, patient, covered
        self.start_s = scene.script.span[0]
        self.duration_s = len(scene.time_s) / look.rate_hz

    def clip(self, onset_s: float, offset_s: float) -> tuple[float, float, bool, bool] | None:
        """Script times to recording times with censoring; None when nothing of it was recorded."""
        onset, offset = onset_s - self.start_s, offset_s - self.start_s
        if offset <= 0 or onset >= self.duration_s:
            return None
        return (
            round(max(onset, 0.0), 3),
            round(min(offset, self.duration_s), 3),
            onset < 0,
            offset > self.duration_s + 1e-6,
        )

    def _frames(self, onset_s: float, offset_s: float) -> slice:
        rate, count = self.look.rate_hz, len(self.scene.time_s)
        first = min(max(int(onset_s * rate), 0), count - 2)
        return slice(first, min(max(int(np.ceil(offset_s * rate)), first + 2), count))

    def extent_px(self, mark: Mark, onset_s: float, offset_s: float) -> float:
        """Largest swing of the mark's parts in the picture."""
        span = self._frames(onset_s, offset_s)
        return max(
            _swing(self.camera.project(points[span])[:, :2])
            for probe in mark.probes
            for points in _probe_points(self.patient.body, probe)
        )

    def visible(self, mark: Mark, extent_px: float, onset_s: float, offset_s: float) -> bool:
        """Whether the part can be seen doing it."""
        if mark.body_part is BodyPart.FACE:
            return self.face_px(self._frames(onset_s, offset_s)) >= FACE_MIN_PX
        shown = [p for p in mark.probes if not (self.covered and (p.endswith("_leg") or p == "pelvis"))]
        return bool(shown) and self._in_picture(shown, onset_s, offset_s) and extent_px > 1.0

    def _in_picture(self, probes: list[str], onset_s: float, offset_s: float) -> bool:
        span = self._frames(onset_s, offset_s)
        for probe in probes:
            seen = self.camera.project(_probe_points(self.patient.body, probe)[0][span])
            inside = (
                (seen[:, 0] > 0)
                & (seen[:, 0] < self.look.size[0])
                & (seen[:, 1] > 0)
                & (seen[:, 1] < self.look.size[1])
            )
            if inside.mean() > 0.5:
                return True
        return False

    def face_px(self, span: slice) -> float:
        """Median width of the face, pixels; 0 when it is turned away more than 60 degrees most of the time."""
        head = self.patient.body.head[span]
        front = self.patient.body.head_axes[span][:, :, 2]
        towards = self.camera.position - head
        facing = np.einsum("ni,ni->n", front, towards) / np.linalg.norm(towards, axis=1)
        width = 0.152 * self.camera.focal_px / self.camera.project(head)[:, 2]
        return round(float(np.median(np.where(facing > 0.5, width, 0.0))), 1)

    def patient_box(self) -> Box | None:
        """Box around everything the patient's joints reach, with a hand's breadth around it."""
        body = self.patient.body
        points = [body.head, body.pelvis, body.chest]
        for limb in (*body.arms.values(), *body.legs.values()):
            points += list(limb.joints)
        seen = self.camera.project(np.concatenate(points))
        width, height = self.look.size
        margin = 0.10 * self.camera.focal_px / float(np.median(seen[:, 2]))
        low, high = seen[:, :2].min(axis=0) - margin, seen[:, :2].max(axis=0) + margin
        left, right = np.clip([low[0] / width, high[0] / width], 0, 1)
        top, bottom = np.clip([low[1] / height, high[1] / height], 0, 1)
        if right - left < 0.01 or bottom - top < 0.01:
            return None
        if self.look.mirrored:
            left, right = 1 - right, 1 - left
        return Box(*(round(float(v), 4) for v in (left, top, right, bottom)))

    def occurrence(self, mark: Mark) -> TrueOccurrence | None:
        """A mark as it shows in this recording; None when nothing of it does."""
        clipped = self.clip(mark.onset_s, mark.offset_s)
        if clipped is None:
            return None
        onset, offset, left, right = clipped
        extent = 0.0 if mark.body_part is BodyPart.FACE else self.extent_px(mark, onset, offset)
        rate = mark.rate_hz
        return TrueOccurrence(
            mark.sign,
            onset,
            offset,
            mark.side,
            mark.body_part,
            self.visible(mark, extent, onset, offset),
            round(extent, 1),
            rate,
            left,
            right,
        )


def _merged(occurrences: list[TrueOccurrence]) -> tuple[TrueOccurrence, ...]:
    """The same sign on the same side and part at the same time is one occurrence (arm and leg of one clonic run)."""
    kept: list[TrueOccurrence] = []
    for item in sorted(occurrences, key=lambda o: (o.onset_s, o.offset_s, o.sign, o.body_part)):
        if not any(
            (k.sign, k.side, k.body_part, k.onset_s, k.offset_s)
            == (item.sign, item.side, item.body_part, item.onset_s, item.offset_s)
            for k in kept
        ):
            kept.append(item)
    return tuple(kept)


def _derived(marks: list[Mark], state_before: str) -> list[Mark]:
    """Signs that are made of others: stiffening then jerking of both sides, and a start out of sleep."""
    both = [m for m in marks if m.side is Side.BILATERAL_SYMMETRIC]
    stiff = [m for m in both if m.sign == "tonic"]
    jerks = [m for m in both if m.sign == "clonic"]
    out = []
    if stiff and jerks and stiff[0].onset_s < jerks[0].onset_s:
        span = (stiff[0].onset_s, max(m.offset_s for m in jerks))
        out.append(Mark("bilateral_tonic_clonic", *span, Side.UNDETERMINED, BodyPart.WHOLE_BODY, jerks[0].probes))
    if state_before == "apparently_asleep":
        span = (min(m.onset_s for m in marks), max(m.offset_s for m in marks))
        out.append(Mark("occur_during_sleep", *span, Side.UNDETERMINED, BodyPart.WHOLE_BODY, ("whole",)))
    return out


def _episodes(observer: Observer) -> tuple[TrueEpisode, ...]:
    script = observer.scene.script
    numbers = sorted({act.episode for act in script.acts if act.episode})
    episodes: list[TrueEpisode] = []
    for number in numbers:
        marks = [mark for index, mark in observer.scene.marks if script.acts[index].episode == number and mark.sign]
        clipped = observer.clip(min(m.onset_s for m in marks), max(m.offset_s for m in marks))
        if clipped is None:
            continue
        onset, offset, left, right = clipped
        slept = min(script.asleep_until_s - observer.start_s, onset)
        state = "unknown" if left else ("apparently_asleep" if slept >= ASLEEP_S else "awake")
        if state == "awake" and script.asleep_until_s > observer.start_s:
            state = "unknown"
        told = [*marks, *_derived(marks, state)]
        occurrences = [o for o in (observer.occurrence(mark) for mark in told) if o is not None]
        episodes.append(
            TrueEpisode(f"r1-e{len(episodes) + 1}", onset, offset, not left, not right, state, _merged(occurrences))
        )
    return tuple(episodes)


def _spans(observer: Observer, entries: list[tuple[str, float, float, Side]]) -> tuple[Span, ...]:
    spans = []
    for kind, onset, offset, side in entries:
        clipped = observer.clip(onset, offset)
        if clipped is not None:
            spans.append(Span(kind, clipped[0], clipped[1], side))
    return tuple(sorted(spans, key=lambda s: (s.onset_s, s.kind)))


def observe(scene: Scene, seed: int, look: Look, camera: Camera, patient: Person, *, covered: bool) -> Truth:
    """The truth of one recording."""
    observer = Observer(scene, look, camera, patient, covered=covered)
    script, unknown = scene.script, Side.UNDETERMINED
    everyday = [
        (script.acts[i].kind, m.onset_s, m.offset_s, m.side) for i, m in scene.marks if script.acts[i].episode == 0
    ]
    contacts = [(v.touch, *span, unknown) for v in script.visitors if (span := contact_span(v)) is not None]
    present = script.posture != "absent"
    return Truth(
        TRUTH_SCHEMA_VERSION,
        script.name,
        seed,
        round(observer.duration_s, 3),
        look.rate_hz,
        *look.size,
        look.camera,
        look.infrared,
        look.mirrored,
        observer.patient_box() if present else None,
        observer.face_px(slice(0, len(scene.time_s))) if present else 0.0,
        _episodes(observer),
        _spans(observer, everyday) if present else (),
        _spans(observer, [(v.path, v.enter_s, v.leave_s, unknown) for v in script.visitors]),
        _spans(observer, contacts),
        _spans(observer, [(d.kind, d.onset_s, d.offset_s, unknown) for d in script.disturbances]),
    )
