"""The proxy: constant rate, upright, square pixels, small, a key frame each second, nothing in it but the picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from services.intake.settings import IntakeSettings
from services.media.geometry import Image, fit_long_side, plane_samples, square_size
from services.media.source import Probe

MEDIA_TYPE = "video/mp4"


def proxy_rate(probe: Probe, settings: IntakeSettings) -> Fraction:
    """The source's own rate (its highest where it varies) where low enough, else a whole part of it, else the limit.

    60 becomes 30, 59.94 becomes 29.97, 50 becomes 25, 240 becomes 30; a source that states none gets the highest.
    """
    highest = Fraction(settings.proxy_max_rate_hz).limit_denominator(1001)
    stated = max(probe.nominal_rate_hz, probe.peak_rate_hz)
    if stated <= 0:
        return highest
    own = Fraction(stated).limit_denominator(1001)
    if own <= highest * Fraction(1001, 1000):
        return max(own, Fraction(1))
    divided = own / -(-own // highest)
    return divided if divided >= highest * Fraction(4, 5) else highest


class ProxyFrames:
    """Brings pictures of any size, turn and pixel shape to the proxy's; the first one fixes its size."""

    def __init__(self, probe: Probe, long_side_px: int) -> None:
        shown = (probe.display_width_px, probe.display_height_px)
        self.width, self.height = fit_long_side(*shown, long_side_px, multiple=2)
        self._reformatter = VideoReformatter()

    def __call__(self, raw: av.VideoFrame, probe: Probe) -> av.VideoFrame:
        """The picture as yuv420p, broadcast range, letterboxed where its shape differs from the first one's."""
        turn = probe.orientation
        shown = turn.upright(*square_size(raw.width, raw.height, probe.sample_aspect))
        width, height = self._fitted(*shown)
        scaled = self._reformatter.reformat(
            raw,
            *turn.upright(width, height),
            "yuv420p",
            dst_color_range="MPEG",
            interpolation=Interpolation.AREA,
            threads=1,
        )
        if turn.identity and (width, height) == (self.width, self.height):
            return scaled
        stored_width, stored_height = turn.upright(width, height)
        planes = _planes(scaled, stored_width, stored_height)
        return self._assemble([turn.apply(plane) for plane in planes])

    def _fitted(self, width: int, height: int) -> tuple[int, int]:
        """Largest even size of this shape inside the proxy's picture; small deviations are stretched away."""
        scale = min(self.width / width, self.height / height)
        fitted = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
        near = abs(fitted[0] - self.width) <= 4 and abs(fitted[1] - self.height) <= 4
        return (self.width, self.height) if near else fitted

    def _assemble(self, planes: list[Image]) -> av.VideoFrame:
        canvas = np.empty((self.height * 3 // 2, self.width), np.uint8)
        flat = canvas.reshape(-1)
        start = 0
        for plane, shrink, blank in zip(planes, (1, 2, 2), (16, 128, 128), strict=True):
            height, width = self.height // shrink, self.width // shrink
            target = flat[start : start + height * width].reshape(height, width)
            start += height * width
            top, left = (height - plane.shape[0]) // 2, (width - plane.shape[1]) // 2
            if plane.shape != target.shape:
                target[:] = blank
            target[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
        return av.VideoFrame.from_ndarray(canvas, "yuv420p")


def luma(frame: av.VideoFrame) -> Image:
    """The luma of a yuv420p frame without copying it: H x W, 16-235."""
    return plane_samples(frame, 0)[: frame.height, : frame.width]


def chroma(frame: av.VideoFrame) -> tuple[Image, Image]:
    """The two colour planes of a yuv420p frame without copying: H/2 x W/2, 128 where there is no colour."""
    first, second = (plane_samples(frame, index)[: frame.height // 2, : frame.width // 2] for index in (1, 2))
    return first, second


def _planes(frame: av.VideoFrame, width: int, height: int) -> list[Image]:
    flat = cast("Image", frame.to_ndarray()).reshape(-1)
    whole, quarter = width * height, width * height // 4
    return [
        flat[:whole].reshape(height, width),
        flat[whole : whole + quarter].reshape(height // 2, width // 2),
        flat[whole + quarter :].reshape(height // 2, width // 2),
    ]


class ProxyWriter:
    """Encodes frames to an MP4 file whose first frame has time 0. Use as a context manager."""

    def __init__(self, path: Path, frames: ProxyFrames, rate: Fraction, settings: IntakeSettings) -> None:
        # bitexact keeps version strings and the date out of the file: same input, same bytes
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._container = av.open(str(path), "w", format="mp4", options=options)
        stream = self._container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames.width, frames.height, "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / rate
        context.gop_size = max(1, round(rate))
        context.max_b_frames = 0
        context.thread_count = settings.encoder_threads
        context.options = {
            "preset": settings.proxy_preset,
            "crf": str(settings.proxy_crf),
            "x264-params": "scenecut=0:log-level=error",
        }
        self._stream = stream
        self._rate = rate
        self.count = 0

    def write(self, frame: av.VideoFrame) -> None:
        """Append a frame; the same one may be appended again. Raises OSError when the disk is full."""
        frame.pts, frame.time_base = self.count, 1 / self._rate
        frame.pict_type = 0
        self.count += 1
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()
