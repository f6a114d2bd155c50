"""Where the head is when no joints are found: OpenCV's bundled face cascades, else the roundest patch of skin there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.recording import Box
from services.semiology.engines.kinematic.midline import Midline

Picture = npt.NDArray[np.uint8]


class HeadSource(StrEnum):
    """How the head was found."""

    JOINTS = "joints"
    FACE = "face"
    SKIN = "skin"


@dataclass(frozen=True)
class Head:
    """The head's place in the picture."""

    x: float
    """Centre, fraction of the picture's long side from the left."""
    y: float
    """Centre, fraction of the picture's long side from the top."""
    size: float
    """Width of the face, fraction of the long side."""
    source: HeadSource
    """How it was found."""
    turned_deg: int = 0
    """How far the picture had to be turned (clockwise) for the face to stand upright."""
    share: float = 0.0
    """Share of stills in which it was found there."""


SMALLEST_FACE_PX = 20
"""The cascades' own smallest window."""
ENOUGH = 3
"""Stills that must show a face at one place before other directions are no longer tried."""
TURNS = (0, 90, 270, 180)
"""Directions tried, likeliest first: upright or from the foot of the bed, from its sides, from its head. Oblique turns
and enlarged crops were tried on small faces (24–36 px) and found nothing more."""
PROFILE_TURNS = (0,)
"""Directions in which profiles are looked for too."""
HEADS = (0.02, 0.16)
"""Smallest and largest patch of skin, picture long sides, that is a head on a midline."""
CLEAR = 1.2
"""Head sizes between a head and the middle of what moves: hands on the blanket lie on the midline, too."""
LARGEST_FACE = 0.25
"""Share of the picture's long side; a larger box is furniture."""


@cache
def _cascades() -> tuple[Any, ...]:
    import cv2

    folder = Path(cv2.__file__).parent / "data"
    names = ("haarcascade_frontalface_alt2.xml", "haarcascade_profileface.xml")
    return tuple(cv2.CascadeClassifier(str(folder / name)) for name in names)


def load() -> None:
    """Read the cascades now, so that the first recording does not wait for them."""
    _cascades()


def find_head(stills: Sequence[Picture], region: Box | None, midline: Midline | None) -> Head | None:
    """The head in a few colour stills (H x W x 3, BGR) of one recording; none when nothing convinces.

    A face, else a patch of skin: on the midline where one is known, else in the patient's region.
    """
    if not stills:
        return None
    face = _by_face(stills, region)
    if face is not None:
        return face
    patches = _patches(stills, None if midline is not None else region)
    if midline is not None:
        patches = [patch for patch in patches if _is_on(midline, patch)]
    return patches[0] if patches else None


def _is_on(midline: Midline, patch: Head) -> bool:
    """Whether a patch may be the head of a body on that line: clear of where the limbs move, above it when upright."""
    below = midline.below(patch.x, patch.y)
    clear = below < -CLEAR * patch.size if midline.is_upright else abs(below) > CLEAR * patch.size
    return clear and midline.distance(patch.x, patch.y) < 0.6 * patch.size and HEADS[0] < patch.size < HEADS[1]


def _by_face(stills: Sequence[Picture], region: Box | None) -> Head | None:
    import cv2

    height, width = stills[0].shape[:2]
    long_side = float(max(height, width))
    found: list[tuple[float, float, float, int]] = []
    grays = [np.asarray(cv2.cvtColor(still, cv2.COLOR_BGR2GRAY), np.uint8) for still in stills]
    for turn in TURNS:
        for gray in grays if turn == 0 else grays[::2]:
            found += [
                (x, y, size, turn)
                for x, y, size in _faces(gray, turn)
                if _inside(x / width, y / height, region) and _at_the_end(x / width, y / height, turn, region)
            ]
        if _agreeing(found, found) >= ENOUGH:
            break
    if not found:
        return None
    best = max(found, key=lambda one: _agreeing([one], found))
    near = [one for one in found if _same(best, one)]
    if len(near) < min(len(stills), ENOUGH if best[3] == 0 else 2):
        return None
    x, y, size = (float(np.median([one[k] for one in near])) for k in range(3))
    return Head(x / long_side, y / long_side, size / long_side, HeadSource.FACE, best[3], len(near) / len(stills))


def _same(one: tuple[float, float, float, int], other: tuple[float, float, float, int]) -> bool:
    return one[3] == other[3] and float(np.hypot(one[0] - other[0], one[1] - other[1])) < 0.8 * one[2]


def _agreeing(some: list[tuple[float, float, float, int]], found: list[tuple[float, float, float, int]]) -> int:
    return max((sum(_same(one, other) for other in found) for one in some), default=0)


def _faces(gray: Picture, turn: int) -> list[tuple[float, float, float]]:
    """Centres and widths, in the unturned picture's pixels, of faces that stand upright once turned clockwise."""
    import cv2

    height, width = gray.shape
    turned, back = gray, np.array([[1.0, 0, 0], [0, 1.0, 0]])
    if turn:
        side = int(np.ceil(np.hypot(width, height))) if turn % 90 else max(width, height)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -turn, 1.0)
        matrix[:, 2] += (side - width) / 2, (side - height) / 2
        turned = np.asarray(cv2.warpAffine(gray, matrix, (side, side), borderValue=128), np.uint8)
        back = cv2.invertAffineTransform(matrix)
    places = []
    for left, top, size, _ in _boxes(turned, profiles=turn in PROFILE_TURNS):
        x, y = back @ (left + size / 2, top + size / 2, 1.0)
        places.append((float(x), float(y), float(size)))
    return places


def _boxes(image: Picture, *, profiles: bool) -> list[tuple[int, int, int, int]]:
    """Frontal faces, else profiles to either side."""
    frontal, profile = _cascades()
    largest = int(LARGEST_FACE * max(image.shape))
    options = {
        "scaleFactor": 1.15,
        "minNeighbors": 5,
        "minSize": (SMALLEST_FACE_PX, SMALLEST_FACE_PX),
        "maxSize": (largest, largest),
    }
    found = [_whole(box) for box in frontal.detectMultiScale(image, **options)]
    if found or not profiles:
        return found
    found = [_whole(box) for box in profile.detectMultiScale(image, **options)]
    mirrored = [_whole(box) for box in profile.detectMultiScale(np.ascontiguousarray(image[:, ::-1]), **options)]
    return found + [(image.shape[1] - left - width, top, width, height) for left, top, width, height in mirrored]


def _whole(box: Any) -> tuple[int, int, int, int]:
    left, top, width, height = (int(v) for v in box)
    return left, top, width, height


def _inside(x: float, y: float, region: Box | None) -> bool:
    if region is None:
        return True
    margin_x, margin_y = 0.15 * (region.right - region.left), 0.15 * (region.bottom - region.top)
    across = region.left - margin_x <= x <= region.right + margin_x
    return across and region.top - margin_y <= y <= region.bottom + margin_y


def crown(turned_deg: int) -> tuple[float, float]:
    """Unit vector in the picture towards the crown of a face that is upright once turned clockwise so far."""
    angle = np.radians(turned_deg)
    return -float(np.sin(angle)), -float(np.cos(angle))


def _at_the_end(x: float, y: float, turn: int, region: Box | None) -> bool:
    """Whether a face lies towards its own crown's end of the patient's region (a body hangs below its face)."""
    if region is None:
        return True
    up = crown(turn)
    off_x = (x - (region.left + region.right) / 2) / max(region.right - region.left, 1e-6)
    off_y = (y - (region.top + region.bottom) / 2) / max(region.bottom - region.top, 1e-6)
    return off_x * up[0] + off_y * up[1] > (0.05 if turn else -0.2)


def _patches(stills: Sequence[Picture], region: Box | None) -> list[Head]:
    """Compact skin patches, best first (hands are smaller, arms are long); none in pictures without colour."""
    import cv2

    height, width = stills[0].shape[:2]
    long_side = float(max(height, width))
    middle = np.median(np.stack(stills), axis=0).astype(np.uint8)
    luma, red, blue = (plane.astype(np.int16) for plane in cv2.split(cv2.cvtColor(middle, cv2.COLOR_BGR2YCrCb)))
    # Chai & Ngan 1999: skin of all tones lies in this box of the chroma plane.
    skin = ((red >= 133) & (red <= 173) & (blue >= 77) & (blue <= 127) & (luma > 40)).astype(np.uint8)
    skin = cv2.morphologyEx(skin, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, _, stats, centres = cv2.connectedComponentsWithStats(skin)
    found: list[tuple[float, Head]] = []
    for k in range(1, count):
        _, _, box_width, box_height, area = (int(v) for v in stats[k])
        x, y = (float(v) for v in centres[k])
        if area < 80 or area > 0.06 * height * width or not _inside(x / width, y / height, region):
            continue
        fill = area / (box_width * box_height)
        aspect = min(box_width, box_height) / max(box_width, box_height)
        if fill < 0.55 or aspect < 0.5:
            continue
        size = float(np.sqrt(area / 0.75))
        found.append((area * fill * aspect, Head(x / long_side, y / long_side, size / long_side, HeadSource.SKIN)))
    return [head for _, head in sorted(found, key=lambda one: -one[0])]
