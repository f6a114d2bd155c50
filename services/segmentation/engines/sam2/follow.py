"""A whole recording followed: forward in overlapping parts, and backwards from where the patient is first sure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from services.media.decode import frames
from services.media.geometry import Image
from services.media.masks import Mask, MaskStack, MaskTrack
from services.segmentation.engines import PATIENT
from services.segmentation.engines.sam2.looks import Look
from services.segmentation.engines.sam2.parts import OVERLAP_S, agree, handed, parts
from services.segmentation.engines.sam2.people import Trail
from services.segmentation.engines.sam2.prompting import GONE_S, Advice, Cue, Situation, advise
from services.segmentation.engines.sam2.session import Seen, Session, told_apart
from services.segmentation.engines.scan import pack, unpack

_BACK_FRAMES = 16
"""Pictures decoded at once on the way back: video can only be decoded forwards."""

Numbers = np.ndarray[Any, np.dtype[np.float64]]


class Opens(Protocol):
    """Makes sessions with masks of the wanted size."""

    def __call__(self, *, backwards: bool) -> Session: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known before following begins. Instants are numbers k that stand for k / rate_hz seconds."""

    count: int
    """Instants in the recording."""
    rate_hz: float
    """Instants per second."""
    part: int
    """Instants in one part."""
    looks: tuple[Look, ...]
    """Stills with the people in them."""
    patient: Trail
    """The patient in the looks; empty when no look shows them."""
    others: tuple[tuple[int, Trail], ...]
    """Everybody else in the looks, by number."""
    cues: Mapping[int, tuple[Cue, ...]]
    """Who is pointed out at which instant whatever the masks say; the patient at least once."""
    cuts_s: tuple[float, ...] = ()
    """Instants at which the scene changes, seconds."""
    most_people: int = 5
    """Most people followed at once."""

    @property
    def anchor(self) -> int:
        """The first instant at which the patient is pointed out."""
        return min(k for k, cues in self.cues.items() if any(cue.person == PATIENT for cue in cues))

    def due(self) -> dict[int, int]:
        """The look due at each instant."""
        return {min(round(look.time_s * self.rate_hz), self.count - 1): n for n, look in enumerate(self.looks)}


@dataclass(frozen=True, slots=True)
class Followed:
    """Masks and how sure SAM 2 is of the patient's."""

    masks: MaskTrack
    """At the instants followed."""
    sure: Numbers
    """(n,) 0-1: predicted IoU times object score; 0 where the patient is not seen."""
    switches_s: tuple[float, ...]
    """Instants at which the mask lay on somebody else, or two parts disagreed; seconds."""
    prompted_again: int
    """How often the patient was pointed out again after a loss, a mistake or a cut."""


@dataclass(frozen=True, slots=True)
class _Kept:
    patient: bytes
    others: bytes
    sure: float


class Follower:
    """Follows one recording; made anew for each."""

    def __init__(
        self, video: Path, plan: Plan, shape: tuple[int, int], open_session: Opens, report: Callable[[float], None]
    ) -> None:
        """`shape`: rows and columns of the masks; `report` takes the share done (0-1) and may raise to stop."""
        self._video = video
        self._plan = plan
        self._shape = shape
        self._open = open_session
        self._report = report
        self._due = plan.due()
        self._kept: dict[int, _Kept] = {}
        self._switches: list[float] = []
        self._again = 0
        self._shown = 0

    def run(self) -> Followed:
        """All masks. Raises what decoding and `report` raise."""
        tail: deque[tuple[int, dict[int, Mask]]] = deque(maxlen=_overlap(self._plan))
        for part in parts(self._plan.count, self._plan.part, _overlap(self._plan)):
            tail = self._forward(part, tail)
        if self._plan.anchor > 0:
            self._backward()
        return self._answer()

    def _forward(self, part: range, before: deque[tuple[int, dict[int, Mask]]]) -> deque[tuple[int, dict[int, Mask]]]:
        """One part from where the last one hands over; its last masks by person."""
        place, masks = handed([one for _, one in before])
        start = before[place][0] if before else part.start
        turn = _Turn(self._plan, self._open(backwards=False), begun=self._plan.anchor < start)
        tail: deque[tuple[int, dict[int, Mask]]] = deque(maxlen=before.maxlen)
        done = before[-1][0] if before else -1
        again: list[tuple[int, dict[int, Mask]]] = []
        for k, image in self._pictures(start, part.stop):
            turn.session.show(k, image)
            if k == start:
                turn.take(masks)
            if k > done:
                self._point_out(turn, k, self._plan.cues.get(k, ()))
            seen = turn.look()
            mine = {person: one.logits > 0 for person, one in seen.items() if one.present}
            tail.append((k, mine))
            if k > done:
                self._keep(k, seen)
            else:
                again.append((k, mine))
        self._compare(before, again)
        return tail

    def _backward(self) -> None:
        """The patient alone, from their first prompt to the beginning."""
        anchor = self._plan.anchor
        turn = _Turn(self._plan, self._open(backwards=True), begun=True)
        for k, image in self._pictures_back(anchor):
            turn.session.show(k, image)
            if k == anchor:
                turn.point_out([cue for cue in self._plan.cues[k] if cue.person == PATIENT])
                turn.look()
                continue
            if k in self._due:
                advice = turn.advice(self._due[k], after_cut=False)
                self._take(turn, k, [cue for cue in advice.cues if cue.person == PATIENT], advice)
            seen = turn.look()
            kept = self._kept[k]
            patient, _ = told_apart(seen, self._shape)
            free = patient & ~unpack(kept.others, self._shape)
            self._kept[k] = _Kept(pack(free), kept.others, _sure(seen.get(PATIENT)))

    def _point_out(self, turn: _Turn, k: int, planned: Sequence[Cue]) -> None:
        if k in self._due:
            advice = turn.advice(self._due[k], after_cut=self._after_cut(self._due[k]))
            told = {cue.person for cue in planned}
            self._take(turn, k, [cue for cue in advice.cues if cue.person not in told], advice)
        turn.point_out(planned)

    def _take(self, turn: _Turn, k: int, cues: Sequence[Cue], advice: Advice) -> None:
        turn.point_out(cues)
        self._again += sum(cue.person == PATIENT for cue in cues)
        if advice.mistaken:
            self._switches.append(k / self._plan.rate_hz)

    def _after_cut(self, look: int) -> bool:
        """Whether the scene changed between the look before and this one."""
        if look == 0:
            return False
        lo, hi = self._plan.looks[look - 1].time_s, self._plan.looks[look].time_s
        return any(lo < cut <= hi for cut in self._plan.cuts_s)

    def _keep(self, k: int, seen: dict[int, Seen]) -> None:
        patient, others = told_apart(seen, self._shape)
        self._kept[k] = _Kept(pack(patient), pack(others), _sure(seen.get(PATIENT)))

    def _compare(
        self, before: Sequence[tuple[int, dict[int, Mask]]], again: Sequence[tuple[int, dict[int, Mask]]]
    ) -> None:
        """A patient whose masks differ between two parts may be two people."""
        nothing = np.zeros(self._shape, bool)
        first = dict(before)
        pairs = [(first[k].get(PATIENT, nothing), masks.get(PATIENT, nothing)) for k, masks in again if k in first]
        if pairs and not agree([one for one, _ in pairs], [other for _, other in pairs]):
            self._switches.append(again[-1][0] / self._plan.rate_hz)

    def _pictures(self, start: int, stop: int) -> Iterator[tuple[int, Image]]:
        rate = self._plan.rate_hz
        # Half an instant off the end, so that rounding decides nothing.
        span = (start / rate, (stop - 0.5) / rate)
        for k, frame in enumerate(frames(self._video, rate_hz=rate, colour="rgb", span=span), start):
            self._tell()
            yield k, frame.image

    def _pictures_back(self, last: int) -> Iterator[tuple[int, Image]]:
        for stop in range(last + 1, 0, -_BACK_FRAMES):
            rate, start = self._plan.rate_hz, max(0, stop - _BACK_FRAMES)
            span = (start / rate, (stop - 0.5) / rate)
            images = [frame.image for frame in frames(self._video, rate_hz=rate, colour="rgb", span=span)]
            for k in range(start + len(images) - 1, start - 1, -1):
                self._tell()
                yield k, images.pop()

    def _tell(self) -> None:
        self._report(min(1.0, self._shown / (self._plan.count + self._plan.anchor)))
        self._shown += 1

    def _answer(self) -> Followed:
        order = sorted(self._kept)
        kept = [self._kept[k] for k in order]
        rows, columns = self._shape
        track = MaskTrack(
            np.array([k / self._plan.rate_hz for k in order], np.float64),
            MaskStack.packed((unpack(one.patient, self._shape) for one in kept), rows, columns),
            MaskStack.packed((unpack(one.others, self._shape) for one in kept), rows, columns),
        )
        sure = np.array([one.sure for one in kept], np.float64)
        return Followed(track, sure, tuple(sorted(set(self._switches))), self._again)


class _Turn:
    """A session and what must be remembered between its frames."""

    def __init__(self, plan: Plan, session: Session, *, begun: bool) -> None:
        self.session = session
        self._plan = plan
        self._begun = begun
        self._last: dict[int, Mask] = {}
        self._unseen: dict[int, int] = {}

    def take(self, masks: Mapping[int, Mask]) -> None:
        """Begin with the masks that another part ends with."""
        for person, mask in masks.items():
            self.session.hand_over(person, mask)
        if self._begun and PATIENT not in masks:
            self._unseen[PATIENT] = round(GONE_S * self._plan.rate_hz)  # lost already: the next look counts

    def point_out(self, cues: Sequence[Cue]) -> None:
        for cue in cues:
            self.session.point_out(cue.person, cue.box, cue.points)
            self._unseen[cue.person] = 0
            self._begun |= cue.person == PATIENT

    def advice(self, look: int, *, after_cut: bool) -> Advice:
        """What the look says to do before its masks are made."""
        followed = set(self.session.people)
        now = Situation(
            masks=self._last,
            followed=followed,
            patient_lost_s=self._unseen.get(PATIENT, 0) / self._plan.rate_hz,
            begun=self._begun,
            after_cut=after_cut,
            room=self._plan.most_people - len(followed | {PATIENT}),
        )
        return advise(now, look, self._plan.patient, self._plan.others)

    def look(self) -> dict[int, Seen]:
        """Everybody in the frame shown."""
        seen = self.session.masks()
        self._last = {person: one.logits > 0 for person, one in seen.items() if one.present}
        for person in [*seen, *({PATIENT} - set(seen) if self._begun else ())]:
            self._unseen[person] = 0 if person in self._last else self._unseen.get(person, 0) + 1
            if person != PATIENT and self._unseen[person] > GONE_S * self._plan.rate_hz:
                self.session.leave(person)
                del self._unseen[person]
        return seen


def _sure(one: Seen | None) -> float:
    return one.iou * one.object_score if one is not None and one.present else 0.0


def _overlap(plan: Plan) -> int:
    return max(1, min(round(OVERLAP_S * plan.rate_hz), plan.part - 1))
