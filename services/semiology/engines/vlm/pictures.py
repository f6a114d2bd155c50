"""What a model sees of a window: its pictures as JPEG at the pinned size, each under the hash of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from schemas.catalogue import SamplingKind
from schemas.errors import UnreadableMediaError
from schemas.recording import Interval
from services.media.decode import frames
from services.media.geometry import Image

MEDIA_TYPE = "image/jpeg"
JPEG_QUALITY = 92
PAD = 114
"""Grey around a picture whose shape is not the pinned one: the grey that silhouettes have."""
_UUID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as it is sent."""

    time_s: float
    """Its instant, seconds from the recording's first frame."""
    jpeg: bytes
    """The file."""

    @property
    def uuid(self) -> str:
        """Name made of the content alone: a server that keeps pictures under it can mix none up."""
        return hashlib.sha256(self.jpeg).hexdigest()[:_UUID_DIGITS]


@dataclass(frozen=True, slots=True)
class Clip:
    """The pictures of one window in time order; every question about the window is asked of the very same bytes."""

    pictures: tuple[Picture, ...]
    """In time order; never empty."""
    step_s: float
    """Seconds from picture to picture."""
    kind: SamplingKind = SamplingKind.CLIP
    """Whether motion between the pictures matters."""

    @property
    def begin_s(self) -> float:
        """Instant of the first picture, seconds from the recording's first frame."""
        return self.pictures[0].time_s


def clip_of(path: Path, span: Interval, fps: float, size: tuple[int, int], kind: SamplingKind) -> Clip:
    """The window `span` of a view as pictures of `size` (width, height in pixels), `fps` a second.

    Decodes the window only; nothing outlives the returned value. Raises `UnreadableMediaError` when the file holds no
    picture there.
    """
    shown = frames(path, rate_hz=fps, colour="bgr", span=span)
    pictures = tuple(Picture(frame.time_s, encoded(fitted(frame.image, size))) for frame in shown)
    if not pictures:
        raise UnreadableMediaError(f"The view shows no picture from {span.lo:.1f} to {span.hi:.1f} s.")
    return Clip(pictures, 1 / fps, kind)


def whole_clip(path: Path) -> Clip:
    """Every picture of a short file as it is: how a card's canary is shown."""
    shown = list(frames(path, colour="bgr"))
    if not shown:
        raise UnreadableMediaError("The canary's clip holds no picture.")
    times = [frame.time_s for frame in shown]
    step_s = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0
    return Clip(tuple(Picture(frame.time_s, encoded(frame.image)) for frame in shown), round(step_s, 3))


def clip_from(images: Sequence[Image], step_s: float, kind: SamplingKind = SamplingKind.CLIP) -> Clip:
    """A clip from pictures in memory: H x W x 3, BGR, uint8; the first at 0 s. For training and tests."""
    return Clip(tuple(Picture(k * step_s, encoded(image)) for k, image in enumerate(images)), step_s, kind)


def fitted(image: Image, size: tuple[int, int]) -> Image:
    """A picture (H x W x 3) scaled into `size` (width, height), its shape kept, grey where it does not reach.

    Small pictures are enlarged, so that a window always has the same number of tokens.
    """
    width, height = size
    rows, columns = image.shape[:2]
    scale = min(width / columns, height / rows)
    inner = max(1, round(columns * scale)), max(1, round(rows * scale))
    resized = image
    if inner != (columns, rows):
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        resized = cast("Image", cv2.resize(image, inner, interpolation=how))
    if inner == size:
        return resized
    canvas = np.full((height, width, 3), PAD, np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = resized
    return canvas


def encoded(image: Image) -> bytes:
    """A picture (H x W x 3, BGR, uint8) as JPEG; the same picture always gives the same bytes."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise UnreadableMediaError(f"A picture of {image.shape[1]} x {image.shape[0]} px cannot be encoded.")
    return data.tobytes()
