"""Views on disk: H.264 in MP4 on the proxy's clock, frame k at k / rate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from services.media.geometry import Image

MEDIA_TYPE = "video/mp4"


class Film:
    """Encodes colour pictures of one size. Use as a context manager; a film that an error ends has no end."""

    def __init__(self, path: Path, width: int, height: int, rate_hz: float) -> None:
        self._rate = Fraction(rate_hz).limit_denominator(1001)
        # bitexact keeps version strings and the date out of the file: same input, same bytes
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._container = av.open(str(path), "w", format="mp4", options=options)
        self._stream = self._container.add_stream("libx264", rate=self._rate)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        context = self._stream.codec_context
        context.time_base = 1 / self._rate
        context.thread_count = 1
        context.gop_size = max(1, round(self._rate))
        context.max_b_frames = 0
        # Finer than the proxy: what is cut from the original shall not be lost again here.
        context.options = {"preset": "superfast", "crf": "18", "x264-params": "scenecut=0:log-level=error"}
        self._count = 0

    def write(self, image: Image) -> None:
        """Append a picture (H x W x 3, BGR). Raises OSError when the disk is full."""
        picture = av.VideoFrame.from_ndarray(image, "bgr24")
        picture.pts, picture.time_base = self._count, 1 / self._rate
        self._count += 1
        self._container.mux(self._stream.encode(picture))

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
