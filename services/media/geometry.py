"""Where a source's pixels lie in the displayed picture: rotation, mirroring, sample aspect ratio, size, crops."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.sidedata.sidedata import SideData

from schemas.recording import Box

Image = np.ndarray[Any, np.dtype[np.uint8]]
"""H x W (grey) or H x W x 3 samples, 0-255."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """How stored rows and columns become the upright picture: first transpose, then mirror."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def rotation_deg(self) -> int:
        """Clockwise rotation that the file asks for: 0, 90, 180 or 270 (a mirror counts as none)."""
        if self.transpose:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    @property
    def mirrored(self) -> bool:
        """Left and right are swapped beside the rotation."""
        return self.transpose ^ self.flip_x ^ self.flip_y

    @property
    def identity(self) -> bool:
        return not (self.transpose or self.flip_x or self.flip_y)

    def apply(self, image: Image) -> Image:
        """The upright picture, as a view where possible."""
        if self.transpose:
            image = image.swapaxes(0, 1)
        if self.flip_x:
            image = image[:, ::-1]
        if self.flip_y:
            image = image[::-1]
        return image

    def upright(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the upright picture for a stored width and height, and the other way round."""
        return (height, width) if self.transpose else (width, height)

    def stored_box(self, box: Box) -> Box:
        """The part of the stored picture that shows `box` of the upright one."""
        left, top, right, bottom = box
        if self.flip_y:
            top, bottom = 1 - bottom, 1 - top
        if self.flip_x:
            left, right = 1 - right, 1 - left
        return Box(top, left, bottom, right) if self.transpose else Box(left, top, right, bottom)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Read the display matrix of a decoded frame, rounded to quarter turns.

    The matrix maps stored (p, q) to displayed (a p + c q, b p + d q), 16.16 fixed point, rows (a b u)(c d v)(x y w)
    (ISO/IEC 14496-12, 8.2.2).
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(matrix, SideData):
        return Orientation()
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix)[:36])
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transpose=True, flip_x=c < 0, flip_y=b < 0)
    return Orientation(flip_x=a < 0, flip_y=d < 0)


def square_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Stored size with square pixels: the width follows the sample aspect ratio, if that is believable (1/4 to 4)."""
    if aspect and Fraction(1, 4) <= aspect <= 4:
        width = max(1, round(width * aspect))
    return width, height


def fit_long_side(width: int, height: int, long_side_px: int | None, multiple: int = 1) -> tuple[int, int]:
    """The size scaled down (never up) to a long side, each side a multiple of `multiple` and at least that."""
    scale = min(1.0, long_side_px / max(width, height)) if long_side_px else 1.0
    return (
        max(multiple, round(width * scale / multiple) * multiple),
        max(multiple, round(height * scale / multiple) * multiple),
    )


def pixel_box(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """A box in whole pixels (left, top, right, bottom), cut to the picture and never empty."""
    left = min(max(int(box.left * width), 0), width - 1)
    top = min(max(int(box.top * height), 0), height - 1)
    right = min(max(round(box.right * width), left + 1), width)
    bottom = min(max(round(box.bottom * height), top + 1), height)
    return left, top, right, bottom


def plane_samples(frame: av.VideoFrame, index: int) -> Image:
    """A plane of a planar 8-bit frame without copying it: rows x line size, so that padding may follow each row."""
    plane = frame.planes[index]
    return np.frombuffer(cast("memoryview[int]", plane), np.uint8).reshape(-1, plane.line_size)
