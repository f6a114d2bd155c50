"""The same person over many looks, and which of them is the patient. Boxes and numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from schemas.recording import Box
from services.segmentation.engines import PATIENT, Prompt
from services.segmentation.engines.sam2.looks import Look, Person, area, box_overlap, shared_area

_SAME_PLACE = 0.3
"""Overlap of two boxes, one look apart or many, that one person at rest has."""
_REACH = 0.6
"""How far somebody who walks gets between two neighbouring looks, in long sides of their box."""
_FORGET_S = 6.0
"""After so long, only who lies in the same place as before is the same."""
_LEAST_SHARE = 0.1
"""Share of the looks in which a patient must be seen, or at least twice."""
_METHOD = 0.9
"""No choice by rules is surer."""


@dataclass
class Trail:
    """One person over the looks in which they were seen."""

    looks: list[int] = field(default_factory=list)
    """Numbers of the looks, growing."""
    people: list[Person] = field(default_factory=list)
    """The person in each of them."""

    def at(self, look: int) -> Person | None:
        """The person in one look; none where they were not seen."""
        return self.people[self.looks.index(look)] if look in self.looks else None


@dataclass(frozen=True)
class Choice:
    """Who is the patient."""

    patient: Trail
    """Their trail."""
    anchor: int
    """The look that shows them best: following begins here, in both directions."""
    confidence: float
    """0-1, how far they stand out from everybody else."""


def trails(looks: Sequence[Look]) -> list[Trail]:
    """Everybody's trail: in each look, pairs with the largest overlap first, then those that moved least."""
    found: list[Trail] = []
    for number, look in enumerate(looks):
        pairs = sorted(
            (
                (-_likeness(trail, person, looks, number), place, index)
                for place, trail in enumerate(found)
                for index, person in enumerate(look.people)
                if _likeness(trail, person, looks, number) > 0
            ),
        )
        taken: set[int] = set()
        for _, place, index in pairs:
            if index not in taken and found[place].looks[-1] < number:
                taken.add(index)
                _append(found[place], number, look.people[index])
        for index, person in enumerate(look.people):
            if index not in taken:
                found.append(Trail([number], [person]))
    return found


def _append(trail: Trail, number: int, person: Person) -> None:
    trail.looks.append(number)
    trail.people.append(person)


def _likeness(trail: Trail, person: Person, looks: Sequence[Look], number: int) -> float:
    """0: not the same person; above 1: in the same place; between: within a walk's reach."""
    last = trail.people[-1].box
    shared = max(box_overlap(last, person.box), box_overlap(_middle_box(trail), person.box))
    if shared >= _SAME_PLACE:
        return 1 + shared
    waited_s = looks[number].time_s - looks[trail.looks[-1]].time_s
    if waited_s > _FORGET_S:
        return 0.0
    apart = _distance(last, person.box) / max(_long_side(last), _long_side(person.box), 1e-6)
    alike = min(area(last), area(person.box)) / max(area(last), area(person.box), 1e-9)
    return max(0.0, 1 - apart / _REACH) if alike >= 1 / 3 else 0.0


def choose(found: Sequence[Trail], looks: Sequence[Look], place: Box | None) -> Choice | None:
    """The patient among the trails; none when nobody was seen often enough.

    Bed prior: whoever is there longest, moves from their place least, and lies where movement stays (`place`, the
    region of the engine `motion`; none when it found no such place). The three multiply, since staff fail one of them.
    """
    scores = [_belonging(trail, looks, place) for trail in found]
    if not scores or max(scores) <= 0:
        return None
    best = int(np.argmax(scores))
    confidence = _METHOD * scores[best] / sum(scores)
    return Choice(found[best], anchor(found[best], looks), float(confidence))


def pointed_out(found: Sequence[Trail], looks: Sequence[Look], prompt: Prompt) -> Trail:
    """The trail of somebody whom a person pointed out; an empty one when no look shows them there."""
    if not looks:
        return Trail()
    nearest = int(np.argmin([abs(look.time_s - prompt.time_s) for look in looks]))
    within = [(_fits(person, prompt), trail) for trail in found if (person := _near(trail, nearest)) is not None]
    fit, trail = max(within, key=lambda pair: pair[0], default=(0.0, Trail()))
    return trail if fit >= _SAME_PLACE else Trail()


def _near(trail: Trail, look: int) -> Person | None:
    """The person in a look or the ones beside it."""
    return next((person for number in (look, look + 1, look - 1) if (person := trail.at(number)) is not None), None)


def _fits(person: Person, prompt: Prompt) -> float:
    if prompt.box is not None:
        # A box drawn around a whole bed holds a person whose own box is much smaller.
        return box_overlap(person.box, prompt.box) + 0.5 * _covered(person.box, prompt.box)
    on = [_inside(point.x, point.y, person.box) == point.inside for point in prompt.points]
    return float(np.mean(on)) / (1 + area(person.box)) if on and all(on) else 0.0


def _inside(x: float, y: float, box: Box) -> bool:
    return box.left <= x <= box.right and box.top <= y <= box.bottom


def _belonging(trail: Trail, looks: Sequence[Look], place: Box | None) -> float:
    """0-1: how much somebody behaves like the one whom the recording is about."""
    share = len(trail.looks) / max(1, len(looks))
    if share < _LEAST_SHARE and len(trail.looks) < 2:
        return 0.0
    usual = _middle_box(trail)
    walked = float(np.median([_distance(person.box, usual) for person in trail.people]))
    stays = 1 / (1 + 4 * walked / max(_long_side(usual), 1e-6))
    moves = 0.5 if place is None else 0.25 + 0.75 * _covered(usual, place)
    sure = float(np.mean([person.score for person in trail.people]))
    return share * stays * moves * sure


def anchor(trail: Trail, looks: Sequence[Look]) -> int:
    """The look in which somebody is surest, in their usual place, and with nobody in front of them."""
    usual = _middle_box(trail)

    def worth(number: int) -> float:
        person = trail.at(number)
        assert person is not None
        crowd = max(
            (box_overlap(person.box, one.box) for one in looks[number].people if one is not person), default=0.0
        )
        return person.score * (0.3 + box_overlap(person.box, usual)) * (1 - crowd)

    return max(trail.looks, key=worth)


def numbered(found: Sequence[Trail], patient: Trail, others: Sequence[tuple[int, Trail]]) -> list[tuple[int, Trail]]:
    """Everybody but the patient with a number: those pointed out keep theirs, the rest count on from there."""
    told = [trail for _, trail in others]
    following = max((number for number, _ in others), default=PATIENT) + 1
    rest = [trail for trail in found if trail is not patient and not any(trail is one for one in told)]
    return [*others, *((following + index, trail) for index, trail in enumerate(rest))]


def _middle_box(trail: Trail) -> Box:
    left, top, right, bottom = np.median([person.box for person in trail.people], axis=0).tolist()
    return Box(left, top, right, bottom)


def _distance(one: Box, other: Box) -> float:
    across = one.left + one.right - other.left - other.right
    down = one.top + one.bottom - other.top - other.bottom
    return float(np.hypot(across, down)) / 2


def _long_side(box: Box) -> float:
    return max(box.right - box.left, box.bottom - box.top)


def _covered(box: Box, place: Box) -> float:
    """Share of the smaller of two boxes that lies in the other."""
    smaller = min(area(box), area(place))
    return shared_area(box, place) / smaller if smaller > 0 else 0.0
