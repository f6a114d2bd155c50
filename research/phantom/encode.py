"""Writing pictures and sound into an MP4, the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

AUDIO_RATE_HZ = 16000
ENCODER_THREADS = 2
"""Fixed, because x264's output depends on how many threads it uses."""


def write_video(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    size: tuple[int, int],
    rate_hz: float,
    audio: NDArray[np.float32] | None = None,
    *,
    quality: int = 21,
) -> None:
    """Encode grey (h, w) or blue-green-red (h, w, 3) pictures as H.264 and mono audio as AAC.

    Args:
        path: where to; replaced if it exists.
        pictures: in time order.
        size: width and height, both even.
        rate_hz: constant frame rate.
        audio: samples of -1 to 1 at `AUDIO_RATE_HZ`, or None for no track.
        quality: x264's constant rate factor.

    """
    rate = Fraction(rate_hz).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=rate)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.options = {"crf": str(quality), "preset": "veryfast"}
        video.codec_context.thread_count = ENCODER_THREADS
        video.codec_context.time_base = 1 / rate
        sound = container.add_stream("aac", rate=AUDIO_RATE_HZ, layout="mono") if audio is not None else None
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="gray" if picture.ndim == 2 else "bgr24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound is not None and audio is not None:
            for start in range(0, len(audio), 1024):
                block = np.ascontiguousarray(audio[None, start : start + 1024], dtype=np.float32)
                chunk = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                chunk.sample_rate, chunk.pts, chunk.time_base = AUDIO_RATE_HZ, start, Fraction(1, AUDIO_RATE_HZ)
                container.mux(sound.encode(chunk))
            container.mux(sound.encode())
