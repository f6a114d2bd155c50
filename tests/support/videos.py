"""Small videos for tests, made with PyAV: any codec, rate, turn, gap or damage, with content that can be checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

Image = np.ndarray[Any, np.dtype[np.uint8]]
RED, BLUE = (220, 30, 30), (30, 30, 220)


def scene(width: int = 160, height: int = 96, seed: int = 1, noise: float = 2.0) -> Callable[[int, float], Image]:
    """A room that never moves, with red in its top left corner, and a bright block that swings through it."""
    random = np.random.default_rng(seed)
    blocks = random.integers(60, 180, (height // 8 + 1, width // 8 + 1), np.uint8)
    room = blocks.repeat(8, 0).repeat(8, 1)[:height, :width, None].repeat(3, 2).astype(np.int16)
    room[: height // 4, : width // 4] = RED

    def draw(index: int, time_s: float) -> Image:
        picture = room + np.rint(random.normal(0, noise, (height, width, 1))).astype(np.int16)
        left = int((0.5 + 0.3 * np.sin(2 * np.pi * 0.5 * time_s)) * width)
        picture[height // 2 : height * 3 // 4, left : left + width // 8] = 230
        return np.clip(picture, 0, 255).astype(np.uint8)

    return draw


def write_video(
    path: Path,
    draw: Callable[[int, float], Image] | None = None,
    *,
    seconds: float = 2.0,
    rate: Fraction | int = 30,
    times_s: Sequence[float] | None = None,
    codec: str = "libx264",
    container: str | None = None,
    pixels: str = "yuv420p",
    rotation_ccw: int = 0,
    mirror: bool = False,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    tone_hz: float | None = None,
    tone_delay_s: float = 0.0,
) -> Path:
    """Encode `draw(index, time)`; `times_s` makes the rate variable, `tone_hz` adds sound from `tone_delay_s` on."""
    draw = draw or scene()
    times = list(times_s) if times_s is not None else [float(i / rate) for i in range(round(seconds * rate))]
    first = draw(0, times[0])
    with av.open(str(path), "w", format=container, options=container_options or {}) as out:
        out.metadata.update(tags or {})
        stream = out.add_stream(codec, rate=rate, options=dict(_fast(codec), **(options or {})))
        stream.width, stream.height, stream.pix_fmt = first.shape[1], first.shape[0], pixels
        base = Fraction(1, 90_000) if times_s is not None else 1 / Fraction(rate)
        stream.codec_context.time_base = base
        if rotation_ccw or mirror:
            stream.set_display_rotation(rotation_ccw, hflip=mirror)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        sound = out.add_stream("aac" if path.suffix != ".avi" else "mp3", rate=44_100) if tone_hz else None
        for index, time_s in enumerate(times):
            image = first if index == 0 else draw(index, time_s)
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = round(time_s / base), base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None and tone_hz:
            for frame in _tone(tone_hz, tone_delay_s, times[-1]):
                out.mux(sound.encode(frame))
            out.mux(sound.encode(None))
    return path


def write_sound_only(path: Path, seconds: float = 2.0) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=44_100)
        for frame in _tone(440.0, 0.0, seconds):
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return path


def damage(path: Path, target: Path, spans: Iterable[tuple[float, float]]) -> Path:
    """A copy in which the given shares of the file (0-1) are overwritten with noise."""
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(7)
    for lo, hi in spans:
        start, end = int(lo * len(data)), int(hi * len(data))
        data[start:end] = random.integers(0, 256, end - start, np.uint8).tobytes()
    target.write_bytes(bytes(data))
    return target


def cut_off(path: Path, target: Path, share: float) -> Path:
    """A copy of the first part of a file."""
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def _fast(codec: str) -> dict[str, str]:
    quiet = {"libx264": {"preset": "ultrafast"}, "libx265": {"preset": "ultrafast", "x265-params": "log-level=error"}}
    return quiet.get(codec, {})


def _tone(tone_hz: float, delay_s: float, seconds: float) -> Iterable[av.AudioFrame]:
    rate, block = 44_100, 1024
    for start in range(0, int((seconds - delay_s) * rate), block):
        wave = 0.5 * np.sin(2 * np.pi * tone_hz * (start + np.arange(block)) / rate)
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start + round(delay_s * rate), Fraction(1, rate)
        yield frame
