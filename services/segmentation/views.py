"""What classifiers may look at, made from the masks: so far the full frame and the patient's silhouette."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from schemas.errors import InvalidRequestError
from schemas.recording import IntakeResult, Interval, ObjectRef
from schemas.segmentation import View, ViewKind
from services.media.decode import frames
from services.media.masks import MaskTrack

MADE = (ViewKind.FULL_FRAME, ViewKind.SILHOUETTE)
"""Views that can be asked for."""
MEDIA_TYPE = "video/mp4"
_GREY = 114

Store = Callable[[Path, str, str], ObjectRef]
"""Stores a local file under a name with a media type."""


def check_views(kinds: tuple[ViewKind, ...]) -> None:
    """Raises `InvalidRequestError` for a view that cannot be made from these masks."""
    for kind in kinds:
        if kind not in MADE:
            raise InvalidRequestError(
                f"The view {kind.value!r} cannot be made by this service; it makes {', '.join(k.value for k in MADE)}."
            )


def make_view(
    kind: ViewKind,
    proxy: Path,
    intake: IntakeResult,
    masks: MaskTrack,
    missing: tuple[Interval, ...],
    folder: Path,
    store: Store,
) -> View:
    """One view; the full frame is the proxy itself."""
    scale = intake.proxy_width_px / max(1, intake.facts.width_px)
    if kind is ViewKind.FULL_FRAME:
        return View(kind, intake.proxy, (), scale)
    target = folder / "silhouette.mp4"
    write_silhouette(proxy, masks, intake.proxy_rate_hz, target)
    return View(kind, store(target, "silhouette.mp4", MEDIA_TYPE), missing, scale)


def write_silhouette(proxy: Path, masks: MaskTrack, rate_hz: float, target: Path) -> None:
    """The proxy with everything but the patient in grey. Raises OSError when the disk is full."""
    rate = Fraction(rate_hz).limit_denominator(1001)
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(target), "w", format="mp4", options=options) as out:
        stream = out.add_stream("libx264", rate=rate)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = max(1, round(rate))
        stream.codec_context.max_b_frames = 0
        stream.codec_context.options = {"preset": "ultrafast", "crf": "21", "x264-params": "scenecut=0:log-level=error"}
        for count, frame in enumerate(frames(proxy, colour="bgr")):
            height, width = frame.image.shape[:2]
            if not count:
                stream.width, stream.height = width, height
            image = np.full_like(frame.image, _GREY)
            if len(masks.time_s):
                mask = masks.patient[masks.at(frame.time_s)].astype(np.uint8)
                inside = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)
                image[inside] = frame.image[inside]
            picture = av.VideoFrame.from_ndarray(image, "bgr24")
            picture.pts, picture.time_base = count, 1 / rate
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
