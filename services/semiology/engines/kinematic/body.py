"""The patient's body in the picture: head end, midline, the patient's own sides, and which part a cell belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.recording import Box, Tri
from schemas.segmentation import BodyPart
from schemas.semiology import Side
from services.semiology.engines.kinematic.head import Head, HeadSource, crown
from services.semiology.engines.kinematic.midline import Midline
from services.semiology.engines.kinematic.skeleton import BROAD_SHOULDERS, Skeleton

Floats = npt.NDArray[Any]


class Sides(StrEnum):
    """How left and right are known."""

    SEEN = "seen"
    """Joints or a face show which way the patient lies and looks."""
    INFERRED = "inferred"
    """From the picture's symmetry or a patch of skin, for a patient who faces the camera: a reviewer has to confirm."""
    UNNAMED = "unnamed"
    """The midline is known but not at which end the head lies: both sides can be compared, neither named."""
    UNKNOWN = "unknown"


class Region(StrEnum):
    """Parts that a body axis tells apart; left and right are the patient's own."""

    HEAD = "head"
    TRUNK = "trunk"
    LEFT_ARM = "left_arm"
    RIGHT_ARM = "right_arm"
    LEFT_LEG = "left_leg"
    RIGHT_LEG = "right_leg"


LEFT = (Region.LEFT_ARM, Region.LEFT_LEG)
RIGHT = (Region.RIGHT_ARM, Region.RIGHT_LEG)
ARMS = (Region.LEFT_ARM, Region.RIGHT_ARM)
LEGS = (Region.LEFT_LEG, Region.RIGHT_LEG)
HEAD_RADIUS = 0.75
"""In head heights, around the face's centre."""
SHOULDER = 0.9
"""Shoulders lie this many head heights below the face's centre (stature is 7.5 heads)."""
HIP = 3.6
TRUNK_HALF = 0.62
"""Half the trunk's width; shoulders are about two head heights apart, the arms included."""
USUAL_HEAD = 0.085
"""Head height, picture long sides, when no head was found: a patient who fills the picture."""
ONE_SIDED = 0.45
"""(left - right) / (left + right) of the energy from which a movement is one-sided."""
SPREAD_SHARE = 0.18
"""Share of the energy that each side has at least when a movement is spread over the body."""
TOP_SHARE = 0.35
"""A patch of skin is taken for the head within this share of the region's height from its top."""
MIDDLE_SHARE = 0.25
"""And within this share of the region's width from its middle."""
LONGEST_BODY_HEADS = 14.0
"""And when the region is at most this many times longer than the patch (stature is 7.5 heads; masks have a margin)."""
FEWEST_CELLS = 1.25
"""Shoulders must be so many cells of the grid apart, or most cells hold both arms."""


@dataclass(frozen=True)
class Body:
    """Geometry of one patient; lengths are fractions of the picture's long side."""

    along: Floats | None
    """(rows, columns) distance below the head's centre along the body, in head heights; none: axis unknown."""
    lateral: Floats | None
    """(rows, columns) distance to the patient's left of the midline, in head heights."""
    weight: Floats
    """(rows, columns) 1 where the patient may be."""
    head: Head | None
    """The head, if found."""
    sides: Sides
    """Whether left and right can be told, and from what."""
    how: str
    """How the axis was found, for rationales and limits."""

    @property
    def sides_named(self) -> bool:
        """Whether left and right can be told."""
        return self.sides in {Sides.SEEN, Sides.INFERRED}

    def shares(self, energy: Floats) -> dict[Region, float]:
        """Share of an energy map (rows, columns) per region; empty without an axis."""
        if self.along is None or self.lateral is None:
            return {}
        total = float(energy.sum()) + 1e-12
        return {region: float(energy[self.cells(region)].sum()) / total for region in Region}

    def cells(self, region: Region) -> npt.NDArray[np.bool_]:
        """(rows, columns) cells of a region; needs an axis."""
        assert self.along is not None
        assert self.lateral is not None
        head = np.hypot(self.along, self.lateral) < HEAD_RADIUS
        if region is Region.HEAD:
            return head
        leg = (self.along >= HIP) & ~head
        trunk = (np.abs(self.lateral) < TRUNK_HALF) & ~leg & ~head
        if region is Region.TRUNK:
            return trunk
        side = self.lateral > 0 if region in LEFT else self.lateral <= 0
        return (leg if region in LEGS else ~(leg | trunk | head)) & side

    def balance(self, energy: Floats) -> float:
        """-1 (all on the right) to 1 (all on the left) of the energy off the head; 0 without a midline."""
        if self.lateral is None:
            return 0.0
        # By speed rather than power: the stronger of two moving arms would otherwise hide the other.
        off = np.sqrt(energy)
        if self.along is not None:
            off = off * (np.hypot(self.along, self.lateral) >= HEAD_RADIUS)
        # A cell on the midline belongs to both sides, half a head away to one.
        lean = np.clip(self.lateral / 0.3, -1, 1)
        return float((off * lean).sum() / (off.sum() + 1e-12))

    def side_of(self, energy: Floats) -> Side:
        """The patient's side that carries an energy map."""
        balance = self.balance(energy)
        if not self.sides_named:
            alike = self.sides is Sides.UNNAMED and abs(balance) < 0.6 * ONE_SIDED
            return Side.BILATERAL_SYMMETRIC if alike else Side.UNDETERMINED
        if abs(balance) >= ONE_SIDED:
            return Side.LEFT if balance > 0 else Side.RIGHT
        if abs(balance) >= 0.6 * ONE_SIDED:
            return Side.BILATERAL_LEFT_GT if balance > 0 else Side.BILATERAL_RIGHT_GT
        return Side.BILATERAL_SYMMETRIC

    def part_of(self, energy: Floats) -> BodyPart:
        """The part that carries most of an energy map."""
        shares = self.shares(energy)
        if not shares:
            return BodyPart.UNSPECIFIED
        if self.is_spread(shares):
            return BodyPart.WHOLE_BODY
        groups = {
            BodyPart.HEAD: shares[Region.HEAD],
            BodyPart.ARM: sum(shares[region] for region in ARMS),
            BodyPart.LEG: sum(shares[region] for region in LEGS),
            BodyPart.TRUNK: shares[Region.TRUNK],
        }
        return max(groups, key=lambda part: groups[part])

    def is_spread(self, shares: dict[Region, float]) -> bool:
        """Whether arms and legs, or at least limbs of both sides, carry a movement."""
        if not shares:
            return False
        left, right = sum(shares[r] for r in LEFT), sum(shares[r] for r in RIGHT)
        arms, legs = sum(shares[r] for r in ARMS), sum(shares[r] for r in LEGS)
        return min(left, right) >= SPREAD_SHARE and min(arms, legs) >= 0.5 * SPREAD_SHARE


@dataclass(frozen=True)
class Axis:
    """Where a body lies in the picture; lengths are fractions of its long side."""

    origin: tuple[float, float]
    """The head's centre, or any point on the midline."""
    up: tuple[float, float]
    """Unit vector towards the crown."""
    head_height: float
    """The unit in which distances from the axis are given."""
    sides: Sides
    """What it says about left and right."""
    how: str
    """How it was found."""
    has_head: bool = True
    """Whether the origin is the head's centre."""


def body_of(
    shape: tuple[int, int],
    aspect: float,
    head: Head | None,
    weight: Floats,
    region: Box | None,
    mirrored: Tri,
    midline: Midline | None = None,
    skeleton: Skeleton | None = None,
) -> Body:
    """The body's geometry from joints, else from head, midline, and where the patient is.

    `shape`: rows, columns of the grid; `aspect`: height over width of the picture; `weight`: (rows, columns).
    A face gives the head end and its upright direction; the patient's mask corrects the axis. Else the midline does,
    with the head end where a patch of skin lies on it, or at the top when it is upright. Else a region that is taller
    than wide is taken as head up (how people sit, stand, and are filmed from the foot of the bed), which tells arms
    from legs but names no side: a patient filmed from beside the bed can fill a tall region too.
    """
    rows, columns = shape
    long_side = max(1.0, aspect)
    x = (np.arange(columns) + 0.5) / columns / long_side
    y = (np.arange(rows) + 0.5) / rows * aspect / long_side
    grid_x, grid_y = np.meshgrid(x, y)
    if skeleton is not None:
        return _by_joints(skeleton, grid_x, grid_y, weight, mirrored)
    if midline is None and not _is_believed(head, region, aspect):
        head = None
    axis = _axis_of(head, midline, _centre(weight, grid_x, grid_y)) or _assumed(region, aspect)
    if axis is None:
        return Body(None, None, weight, head, Sides.UNKNOWN, how="the head end could not be found")
    up = axis.up
    left = (up[1], -up[0]) if mirrored is Tri.YES else (-up[1], up[0])
    away_x, away_y = grid_x - axis.origin[0], grid_y - axis.origin[1]
    along = -(away_x * up[0] + away_y * up[1]) / axis.head_height
    lateral = (away_x * left[0] + away_y * left[1]) / axis.head_height
    return Body(along if axis.has_head else None, lateral, weight, head, axis.sides, axis.how)


def _by_joints(skeleton: Skeleton, grid_x: Floats, grid_y: Floats, weight: Floats, mirrored: Tri) -> Body:
    """Distances along the body's own directions, which an oblique camera shows at any angle to each other."""
    sides, how = Sides.SEEN, "from the joints"
    left = skeleton.left
    breadth, cell = float(np.hypot(*left)) * BROAD_SHOULDERS, 2 * float(grid_x[0, 0])
    if not skeleton.shows_sides:
        sides, how = Sides.UNKNOWN, "from the joints, seen from the side: the near and the far limbs cover each other"
        left = np.array((skeleton.down[1], -skeleton.down[0]))
    elif breadth < FEWEST_CELLS * cell:
        sides, how = Sides.UNNAMED, "from the joints, on a body too small in the picture to name its sides"
    elif not skeleton.faces_camera:
        sides, how = Sides.UNNAMED, "from the joints, which look as if seen from the back: left and right are not named"
    if mirrored is Tri.YES:
        left = -left
    frame = np.linalg.inv(np.stack((skeleton.down, left), axis=1))
    away = np.stack((grid_x - skeleton.head[0], grid_y - skeleton.head[1]))
    along, lateral = np.einsum("ij,jrc->irc", frame, away)
    x, y = (float(v) for v in skeleton.head)
    head = Head(x, y, skeleton.head_height, HeadSource.JOINTS, share=skeleton.share)
    return Body(along, lateral, weight, head, sides, how)


def _is_believed(head: Head | None, region: Box | None, aspect: float) -> bool:
    """Whether a head may orient the body: a face does; a patch of skin only where nothing but a head would be.

    A hand, a wooden bed or a lamp are patches of skin colour, too. One is believed when it lies at the top of the
    patient's region, near its middle, and is as large as a head on a body that long; a wrong side is worse than none.
    """
    if head is None or head.source is HeadSource.FACE:
        return head is not None
    if region is None:
        return False
    long_side = max(1.0, aspect)
    width = (region.right - region.left) / long_side
    height = (region.bottom - region.top) * aspect / long_side
    down = (head.y - region.top * aspect / long_side) / height
    across = (head.x - region.left / long_side) / width
    return down < TOP_SHARE and abs(across - 0.5) < MIDDLE_SHARE and head.size > height / LONGEST_BODY_HEADS


def _axis_of(head: Head | None, midline: Midline | None, centre: tuple[float, float] | None) -> Axis | None:
    """The axis that a head, a midline or both show; none without either."""
    if head is not None and (midline is None or head.source is HeadSource.FACE):
        is_face = head.source is HeadSource.FACE
        up = _towards(head, centre, crown(head.turned_deg) if is_face else None)
        sides = Sides.SEEN if is_face else Sides.INFERRED
        return Axis((head.x, head.y), up, head.size, sides, f"from the {head.source.value}") if up else None
    if midline is None:
        return None
    down = midline.down
    if head is not None:
        is_below = midline.below(head.x, head.y) > 0
        up = down if is_below else (-down[0], -down[1])
        how = "from the picture's symmetry and a patch of skin"
        return Axis((head.x, head.y), up, head.size, Sides.INFERRED, how)
    sides, how = Sides.INFERRED, "from the picture's symmetry, taken as head up"
    if not midline.is_upright:
        sides, how = Sides.UNNAMED, "from the picture's symmetry, at which end the head lies is not known"
    return Axis((midline.x, midline.y), (-down[0], -down[1]), USUAL_HEAD, sides, how, has_head=False)


def _assumed(region: Box | None, aspect: float) -> Axis | None:
    """Head up in a region that is clearly taller than wide; none in others."""
    if region is None:
        return None
    long_side = max(1.0, aspect)
    width = (region.right - region.left) / long_side
    height = (region.bottom - region.top) * aspect / long_side
    if height < 1.2 * width:
        return None
    x, y = (region.left + region.right) / 2 / long_side, region.top * aspect / long_side
    how = "assumed upright, no face found"
    return Axis((x, y + height / 12), (0.0, -1.0), height / 6, Sides.UNKNOWN, how)


def _centre(weight: Floats, grid_x: Floats, grid_y: Floats) -> tuple[float, float] | None:
    """Centre of the patient's cells; none when the weight says nothing."""
    if float(weight.min()) > 0 or float(weight.max()) <= 0:
        return None
    total = float(weight.sum())
    return float((grid_x * weight).sum() / total), float((grid_y * weight).sum() / total)


def _towards(
    head: Head, centre: tuple[float, float] | None, face_up: tuple[float, float] | None
) -> tuple[float, float] | None:
    """The crown's direction: from the body's centre to the head, unless that contradicts an upright face."""
    if centre is None:
        return face_up
    away = np.array([head.x - centre[0], head.y - centre[1]])
    length = float(np.hypot(*away))
    if length < 0.8 * head.size:
        return face_up
    away = away / length
    if face_up is not None and float(away @ np.array(face_up)) < 0.8:
        return face_up
    return float(away[0]), float(away[1])
