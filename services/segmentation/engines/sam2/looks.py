"""Looks: stills every two seconds, and the people in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from schemas.recording import Box
from services.media.decode import frames
from services.media.geometry import Image
from services.pose.finder import LEAST_VISIBLE, Joint, Pose, find_poses

LOOK_HZ = 0.5
"""Looks per second: who walks in is noticed after two seconds at the latest."""
SMALLEST_PERSON = 0.1
"""Long side of a body, long sides of the picture: what is smaller is a hand or a cushion taken for a person."""
_AROUND_JOINTS = 0.15
"""Joints lie inside the body: its box is wider by this share of the joints' long side."""
_HELD, _ALIKE = 0.75, 0.3
"""A body whose box lies in a surer one's by such a share, and is not much smaller, is no second person."""
_PLACES = [int(joint) for joint in Joint]

Places = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody in one still."""

    box: Box
    """Around them."""
    score: float
    """0-1, that it is a person."""
    joints: Places | None = None
    """(33, 2) x, y of each joint (`Joint`) as fractions of the picture's width and height; none when not looked for."""
    visible: Places | None = None
    """(33,) 0-1, that each joint is in the picture and not covered."""


@dataclass(frozen=True, slots=True)
class Look:
    """One still."""

    time_s: float
    """Seconds from the recording's first frame."""
    people: tuple[Person, ...]
    """Everybody found, in no order."""


class FindsPeople(Protocol):
    """Finds the people in a colour still (H x W x 3, BGR)."""

    def __call__(self, image: Image) -> tuple[Person, ...]: ...


def look(video: Path, find: FindsPeople, report: Callable[[float], None]) -> Iterator[Look]:
    """Looks through a whole recording; `report` takes the time reached, seconds."""
    for frame in frames(video, rate_hz=LOOK_HZ, colour="bgr"):
        report(frame.time_s)
        yield Look(frame.time_s, find(frame.image))


def by_pose(image: Image) -> tuple[Person, ...]:
    """The people that BlazePose finds, with their joints; surest first."""
    found: list[Person] = []
    for pose in find_poses(image):
        person = _person(pose, image)
        if _long_side(person.box, image) >= SMALLEST_PERSON and not any(_within(person, sure) for sure in found):
            found.append(person)
    return tuple(found)


def with_joints(found: tuple[Person, ...], image: Image) -> tuple[Person, ...]:
    """People from a detector, with the joints of the pose that lies in their box; looked for where people may touch."""
    if len(found) < 2:
        return found
    poses = list(by_pose(image))
    told: list[Person] = []
    for person in found:
        mine = max(poses, key=lambda pose: box_overlap(pose.box, person.box), default=None)
        if mine is None or box_overlap(mine.box, person.box) < 0.3:
            told.append(person)
            continue
        poses.remove(mine)
        told.append(Person(person.box, person.score, mine.joints, mine.visible))
    return tuple(told)


def box_overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0-1."""
    shared = shared_area(one, other)
    total = area(one) + area(other) - shared
    return shared / total if total > 0 else 0.0


def shared_area(one: Box, other: Box) -> float:
    """Share of the picture that lies in both boxes, 0-1."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0.0, width) * max(0.0, height)


def area(box: Box) -> float:
    """Share of the picture, 0-1."""
    return max(0.0, box.right - box.left) * max(0.0, box.bottom - box.top)


def _within(person: Person, sure: Person) -> bool:
    """Whether a body may be made of the limbs of a surer one: as a prompt it would cut that one in two."""
    held = shared_area(person.box, sure.box) >= _HELD * area(person.box)
    return held and box_overlap(person.box, sure.box) >= _ALIKE


def _person(pose: Pose, image: Image) -> Person:
    height, width = image.shape[:2]
    shown = [place for place in _PLACES if pose.visible[place] >= LEAST_VISIBLE] or _PLACES
    spots = pose.joints[shown]
    (left, top), (right, bottom) = spots.min(axis=0), spots.max(axis=0)
    room = _AROUND_JOINTS * max(right - left, bottom - top)
    box = Box(
        float(np.clip((left - room) / width, 0, 1)), float(np.clip((top - room) / height, 0, 1)),
        float(np.clip((right + room) / width, 0, 1)), float(np.clip((bottom + room) / height, 0, 1)),
    )  # fmt: skip
    return Person(box, float(pose.presence), pose.joints / (width, height), np.asarray(pose.visible, np.float64))


def _long_side(box: Box, image: Image) -> float:
    height, width = image.shape[:2]
    return float(max((box.right - box.left) * width, (box.bottom - box.top) * height) / max(height, width))
