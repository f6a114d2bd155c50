"""Pictures of a recording on the proxy's clock: whole at a small size, or parts of them in all their detail.

The same for the original files and for the proxy, so that one can stand in for the other: places are always given in
pixels of the proxy, whatever size, turn and pixel shape the file has that is read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation, VideoReformatter

from services.media.geometry import Image, Orientation, plane_samples, square_size
from services.media.resample import at_rate
from services.media.source import Picture, Probe, Source

_BT709 = 1
_FULL_RANGE = 2
_SAME_SHAPE_PX = 4
_MARGIN_PX = 2

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the recording on this machine."""

    path: Path
    start_s: float
    """Time of its first frame on the recording's clock, seconds."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A rectangle of the displayed picture, which it may overhang; pixels of the proxy."""

    x: float
    """Middle."""
    y: float
    """Middle."""
    width: float
    height: float


@dataclass(slots=True)
class _Lens:
    """What is kept from picture to picture: the proxy's size and the scalers' state."""

    width: int
    height: int
    whole: VideoReformatter = field(default_factory=VideoReformatter)
    plain: VideoReformatter = field(default_factory=VideoReformatter)


@dataclass(slots=True)
class Shot:
    """One picture of the recording."""

    time_s: float
    """Seconds from the recording's first frame: the regular instant that it stands for."""
    raw: av.VideoFrame
    """As stored."""
    turn: Orientation
    """How to turn it upright."""
    inner: tuple[float, float, float, float]
    """Left, top, width and height of the picture inside the proxy's, pixels: files may differ in shape."""
    _lens: _Lens
    _planar: av.VideoFrame | None = None
    _scaled: Image | None = None
    """The whole at the size last asked for: several views want the same one."""

    @property
    def detail(self) -> float:
        """Pixels of this picture per pixel of the proxy."""
        return self.turn.upright(self.raw.width, self.raw.height)[0] / self.inner[2]

    def whole(self, width: int, height: int) -> Image:
        """All of it as the proxy shows it, at this size (H x W x 3, BGR); the caller's to draw on."""
        if self._scaled is None or self._scaled.shape[:2] != (height, width):
            self._scaled = self._shrunk(width, height)
        return self._scaled.copy()

    def _shrunk(self, width: int, height: int) -> Image:
        across, down = width / self._lens.width, height / self._lens.height
        left, top = round(self.inner[0] * across), round(self.inner[1] * down)
        wide, high = max(1, round(self.inner[2] * across)), max(1, round(self.inner[3] * down))
        scaled = self._lens.whole.reformat(
            self.raw, *self.turn.upright(wide, high), "bgr24", dst_color_range="JPEG",
            interpolation=Interpolation.AREA, threads=1,
        )  # fmt: skip
        upright = self.turn.apply(np.asarray(scaled.to_ndarray(), np.uint8))
        if (wide, high) == (width, height):
            return np.ascontiguousarray(upright)
        canvas = np.zeros((height, width, 3), np.uint8)
        canvas[top : top + high, left : left + wide] = upright[: height - top, : width - left]
        return canvas

    def cut(self, cut: Cut, width: int, height: int) -> Image:
        """A part in all its detail, brought to a size; black where it overhangs (H x W x 3, BGR).

        The rectangle may lie between pixels, so that a slowly moving one does not make the picture tremble.
        """
        onto = self._onto(cut, width, height)
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float) @ onto.T
        low = np.floor(corners.min(axis=0)).astype(int) - _MARGIN_PX
        high = np.ceil(corners.max(axis=0)).astype(int) + _MARGIN_PX
        left, top = (max(0, int(v) // 2 * 2) for v in low)
        right, bottom = min(self.raw.width, int(high[0])), min(self.raw.height, int(high[1]))
        if right - left < 2 or bottom - top < 2:
            return np.zeros((height, width, 3), np.uint8)
        patch = self._colours(left, top, right, bottom)
        span = corners.max(axis=0) - corners.min(axis=0)
        size = np.array(self.turn.upright(width, height), float)
        shrink = max(1, int((span / size).min()))
        if shrink > 1:
            rows, columns = (max(1, side // shrink) for side in patch.shape[:2])
            patch = cv2.resize(
                patch[: rows * shrink, : columns * shrink], (columns, rows), interpolation=cv2.INTER_AREA
            ).astype(np.uint8)
        # Corners of pixels are whole numbers above; OpenCV counts from the middle of pixels.
        matrix = onto.copy()
        matrix[:, 2] += onto[:, :2] @ (0.5, 0.5) - (left, top)
        matrix /= shrink
        matrix[:, 2] -= 0.5
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(patch, matrix, (width, height), flags=flags), np.uint8)

    def _onto(self, cut: Cut, width: int, height: int) -> Matrix:
        """(2, 3) from a place in the picture to be made to its place in the stored one, both in pixels."""
        upright_width, upright_height = self.turn.upright(self.raw.width, self.raw.height)
        across, down = upright_width / self.inner[2], upright_height / self.inner[3]
        scale_x, scale_y = cut.width / width * across, cut.height / height * down
        start_x = (cut.x - cut.width / 2 - self.inner[0]) * across
        start_y = (cut.y - cut.height / 2 - self.inner[1]) * down
        upright = np.array([[scale_x, 0, start_x], [0, scale_y, start_y]])
        if self.turn.flip_y:
            upright[1] = [0, -scale_y, upright_height - start_y]
        if self.turn.flip_x:
            upright[0] = [-scale_x, 0, upright_width - start_x]
        return np.asarray(upright[::-1] if self.turn.transpose else upright)

    def _colours(self, left: int, top: int, right: int, bottom: int) -> Image:
        """A part of the stored picture (H x W x 3, BGR) without touching the rest of it; left and top are even."""
        if self._planar is None:
            plain = self.raw.format.name in {"yuv420p", "yuvj420p"}
            self._planar = self.raw if plain else self._lens.plain.reformat(
                self.raw, format="yuv420p", dst_color_range="MPEG", threads=1
            )  # fmt: skip
        frame = self._planar
        luma = plane_samples(frame, 0)[top:bottom, left:right]
        size = (-(-(right - left) // 2) * 2, -(-(bottom - top) // 2) * 2)
        chroma = [
            cv2.resize(
                plane_samples(frame, k)[top // 2 : (bottom + 1) // 2, left // 2 : (right + 1) // 2],
                size,
                interpolation=cv2.INTER_LINEAR,
            )[: bottom - top, : right - left]
            for k in (1, 2)
        ]
        full = frame.format.name == "yuvj420p" or int(frame.color_range) == _FULL_RANGE
        # cv2.transform rounds and keeps to 0-255
        colours = cv2.transform(cv2.merge([luma, *chroma]), _to_bgr(int(self.raw.colorspace) == _BT709, full))
        return np.asarray(colours, np.uint8)


def shots(parts: Sequence[Part], width: int, height: int, rate_hz: float, threads: int) -> Generator[Shot, None, None]:
    """The pictures of all files at the proxy's rate, just those that the proxy shows; holds two at a time.

    `width` and `height` are the proxy's. Raises what `Source` raises.
    """
    lens = _Lens(width, height)
    for time_s, (probe, picture) in at_rate(_pictures(parts, threads), rate_hz, lambda placed: placed[1].time_s):
        turn = probe.orientation
        shown = turn.upright(*square_size(picture.raw.width, picture.raw.height, probe.sample_aspect))
        yield Shot(time_s, picture.raw, turn, _inside(shown, (width, height)), lens)


def _pictures(parts: Sequence[Part], threads: int) -> Iterator[tuple[Probe, Picture]]:
    for part in parts:
        with Source(part.path, threads=threads) as source:
            for picture in source.pictures():
                yield source.probe, Picture(picture.raw, part.start_s + picture.time_s, picture.pts_us)


def _inside(shown: tuple[int, int], canvas: tuple[int, int]) -> tuple[float, float, float, float]:
    """Where intake put a picture of this shape in the proxy; small deviations were stretched away."""
    scale = min(canvas[0] / shown[0], canvas[1] / shown[1])
    width, height = (max(2, round(side * scale / 2) * 2) for side in shown)
    if abs(width - canvas[0]) <= _SAME_SHAPE_PX and abs(height - canvas[1]) <= _SAME_SHAPE_PX:
        return 0.0, 0.0, float(canvas[0]), float(canvas[1])
    return float((canvas[0] - width) // 2), float((canvas[1] - height) // 2), float(width), float(height)


def _to_bgr(bt709: bool, full: bool) -> Matrix:
    """(3, 4) from luma and colour differences to blue, green, red (ITU-R BT.601 and BT.709)."""
    red, blue = (0.2126, 0.0722) if bt709 else (0.299, 0.114)
    green = 1 - red - blue
    gain, chroma_gain, black = (1.0, 1.0, 0.0) if full else (255 / 219, 255 / 224, 16.0)
    to_red, to_blue = 2 * (1 - red) * chroma_gain, 2 * (1 - blue) * chroma_gain
    colours = np.array(
        [
            [gain, to_blue, 0.0],
            [gain, -to_blue * blue / green, -to_red * red / green],
            [gain, 0.0, to_red],
        ]
    )
    return np.hstack([colours, -colours @ np.array([[black], [128.0], [128.0]])])
