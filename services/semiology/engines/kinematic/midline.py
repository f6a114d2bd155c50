"""The patient's midline in the picture, from mirror symmetry.

A person seen from above, from the foot of the bed or from in front is about the same on both sides of the midline, and
so are pillow and bed: the edges to the left of it mirror those to its right. This needs neither colour nor a face, so
it works at night and on small pictures. From beside the bed there is no such symmetry, and no midline is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]

LONG_SIDE_PX = 128
"""Working size: a head is then about ten pixels, enough for its outline."""
HALF_WIDTH = 0.2
"""How far to either side edges are compared, picture long sides: arms of a patient who fills the picture's height."""
REACH = 0.22
"""The midline passes within this (picture long sides) of where the patient moves: a hand's reach."""
ALONG = 0.3
"""Standard deviation of the weight along the line, picture long sides."""
TURNS_DEG = tuple(-90 + 7.5 * k for k in range(24))
LEAST_SYMMETRY = 0.5
"""Agreement of mirrored edges (1: all, 0: unrelated) from which a line counts; chance lines reach 0.3–0.5."""
LEAST_LEAD = 0.1
"""And by which it leads over every line elsewhere: arms stretched out make two."""
LEAST_LENGTHWISE = 0.5
"""Share of the edges near the line that run along it: a body and its bed do (0.59–0.83 on phantoms); about a line
across them, which furniture can suggest, most edges run the other way (up to 0.4)."""
ELSEWHERE_DEG = 20.0
ELSEWHERE = 0.1
"""Lines farther apart than this (degrees, or picture long sides) are different lines."""


@dataclass(frozen=True)
class Midline:
    """A line in the picture; lengths are fractions of its long side."""

    x: float
    """A point on the line, next to where the patient moves."""
    y: float
    """The same, from the top."""
    down: tuple[float, float]
    """Unit vector along the line, down the picture."""
    symmetry: float
    """0-1: share of mirrored edges that agree."""

    @property
    def is_upright(self) -> bool:
        """Within 40° of the vertical: how people are filmed from in front and from the foot of the bed."""
        return self.down[1] > float(np.cos(np.radians(40.0)))

    def distance(self, x: float, y: float) -> float:
        """Of a point from the line."""
        return abs((x - self.x) * self.down[1] - (y - self.y) * self.down[0])

    def below(self, x: float, y: float) -> float:
        """How far a point lies down the line from `(self.x, self.y)`."""
        return (x - self.x) * self.down[0] + (y - self.y) * self.down[1]


def find_midline(gray: npt.NDArray[np.uint8], moved: Floats) -> Midline | None:
    """The midline of the patient in a grey still (H x W); none when nothing is clearly symmetric.

    `moved`: (rows, columns) how much the patient moved where, over the whole picture.
    """
    import cv2

    long_side = max(gray.shape)
    scale = LONG_SIDE_PX / long_side
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), 1.2), np.float32)
    centre = _centre(moved, small.shape)
    if centre is None:
        return None
    found = [(score, turn, off) for turn in TURNS_DEG for score, off in _scores(small, centre, turn)]
    best, turn, off = max(found)
    rival = max((score for score, t, o in found if _is_elsewhere(turn - t, off - o)), default=0.0)
    if best < LEAST_SYMMETRY or best - rival < LEAST_LEAD or _lengthwise(small, centre, turn, off) < LEAST_LENGTHWISE:
        return None
    angle = np.radians(turn)
    down = -float(np.sin(angle)), float(np.cos(angle))
    x, y = centre[0] + off * float(np.cos(angle)), centre[1] + off * float(np.sin(angle))
    return Midline(x / LONG_SIDE_PX, y / LONG_SIDE_PX, down, best)


def _centre(moved: Floats, shape: tuple[int, ...]) -> tuple[float, float] | None:
    """Where the patient moves, in pixels (x, y); quick and slow parts count more evenly than their speeds."""
    weight = np.sqrt(moved)
    total = float(weight.sum())
    if total <= 0:
        return None
    rows, columns = moved.shape
    x = float((weight.sum(axis=0) @ (np.arange(columns) + 0.5)) / total) / columns * shape[1]
    y = float((weight.sum(axis=1) @ (np.arange(rows) + 0.5)) / total) / rows * shape[0]
    return x, y


def _edges(small: Floats, centre: tuple[float, float], turn_deg: float) -> tuple[Floats, Floats]:
    """(side, side) edges across and along lines of one direction, with `centre` in the middle of a square picture.

    Edges count by direction rather than by contrast: the lit side of a face is no less its mirror.
    """
    import cv2

    side = int(np.ceil(np.hypot(*small.shape))) + 1
    matrix = np.asarray(cv2.getRotationMatrix2D(centre, turn_deg, 1.0), np.float64)
    matrix[:, 2] += (side / 2 - centre[0], side / 2 - centre[1])
    turned = cv2.warpAffine(small, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpAffine(np.ones_like(small), matrix, (side, side))
    across, along = cv2.Sobel(turned, cv2.CV_32F, 1, 0), cv2.Sobel(turned, cv2.CV_32F, 0, 1)
    strength = np.sqrt(across**2 + along**2)
    near = np.exp(-0.25 * ((np.arange(side) - side / 2) / (ALONG * LONG_SIDE_PX)) ** 2).astype(np.float32)
    even = seen * near[:, None] / (strength + 2.0 * float(np.median(strength)) + 4.0)
    return across * even, along * even


def _lengthwise(small: Floats, centre: tuple[float, float], turn_deg: float, off: int) -> float:
    """Share of the edges beside a line that run along it."""
    across, along = _edges(small, centre, turn_deg)
    middle, half = across.shape[1] // 2 + off, round(HALF_WIDTH * LONG_SIDE_PX)
    beside = np.s_[:, max(0, middle - half) : middle + half + 1]
    steep, flat = float((across[beside] ** 2).sum()), float((along[beside] ** 2).sum())
    return steep / (steep + flat + 1e-9)


def _scores(small: Floats, centre: tuple[float, float], turn_deg: float) -> list[tuple[float, int]]:
    """Symmetry about each line of one direction, with its distance from `centre` in pixels."""
    across, along = _edges(small, centre, turn_deg)
    side = across.shape[1]
    half, reach, middle = round(HALF_WIDTH * LONG_SIDE_PX), round(REACH * LONG_SIDE_PX), side // 2
    away = np.arange(1, half + 1)
    near = np.exp(-0.5 * (away / (0.6 * half)) ** 2).astype(np.float32)
    # Products of all pairs of columns at once. Mirrored edges oppose each other across the line and agree along it. The
    # two count alike: long edges across the line, such as a bed's side, agree about every line and prove nothing.
    opposed, agreed = -across.T @ across, along.T @ along
    steep, flat = (across**2).sum(axis=0), (along**2).sum(axis=0)
    scores = []
    for off in range(-reach, reach + 1):
        left, right = middle + off - away, middle + off + away
        inside = (left >= 0) & (right < side)
        left, right, weight = left[inside], right[inside], near[inside]
        parts = [
            float((product[left, right] * weight).sum())
            / (float(((power[left] + power[right]) * weight).sum()) / 2 + 3.0)
            for product, power in ((opposed, steep), (agreed, flat))
        ]
        scores.append((sum(parts) / 2, off))
    return scores


def _is_elsewhere(turn_deg: float, off: float) -> bool:
    apart = min(abs(turn_deg), 180.0 - abs(turn_deg))
    return apart > ELSEWHERE_DEG or abs(off) > ELSEWHERE * LONG_SIDE_PX
