"""Frames and sound of a video at the size, rate and colour asked for. Everybody decodes through here."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from schemas.recording import Box, Interval
from services.media.geometry import Image, fit_long_side, pixel_box, square_size
from services.media.resample import at_rate
from services.media.source import DEFAULT_THREADS, Picture, Probe, Sound, Source
from services.media.timeline import MICROSECONDS

Colour = Literal["gray", "bgr", "rgb"]
Samples = np.ndarray[Any, np.dtype[np.float32]]
_PIXELS: dict[Colour, str] = {"gray": "gray", "bgr": "bgr24", "rgb": "rgb24"}
_SEEK_FROM_S = 2.0
_GAP_S = 0.05
AUDIO_RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, upright and with square pixels."""

    time_s: float
    """Seconds from the recording's first frame; with `rate_hz` the regular instant that the picture stands for."""
    pts_us: int
    """Presentation time of the picture in the source, microseconds."""
    image: Image
    """H x W (gray) or H x W x 3 (bgr, rgb), uint8, full range 0-255."""


def probe(path: Path | str, *, threads: int = DEFAULT_THREADS) -> Probe:
    """What a file says of itself, decoding only its first picture.

    Raises `UnreadableMediaError`, `UnsupportedMediaError` (more pixels than a source may have) or `ObjectMissingError`.
    """
    with Source(Path(path), threads=threads) as source:
        return source.probe


def frames(
    path: Path | str,
    *,
    rate_hz: float | None = None,
    long_side_px: int | None = None,
    colour: Colour = "gray",
    span: Interval | tuple[float, float] | None = None,
    crop: Box | None = None,
    threads: int = DEFAULT_THREADS,
) -> Iterator[Frame]:
    """Frames of a video in time order, upright, square pixels, never enlarged.

    `rate_hz`: one frame for each instant k / rate_hz after the span's start, the picture nearest to it (so pictures are
    dropped or repeated); none: every picture at its own time. `long_side_px`: length of the longer side (of the crop,
    if there is one). `span`: only instants in [lo, hi), seconds from the recording's first frame. `crop`: this part of
    the displayed picture, cut from the original resolution. Memory does not grow with the video's length.
    Raises what `Source` raises.
    """
    lo, hi = span if span is not None else (0.0, float("inf"))
    render = _Renderer(colour, long_side_px, crop)
    with contextlib.closing(_pictures_from(Path(path), lo, threads)) as pictures:
        if rate_hz is None:
            for probed, picture in pictures:
                if picture.time_s >= hi:
                    break
                if picture.time_s >= lo:
                    yield Frame(picture.time_s, picture.pts_us, render(probed, picture))
            return
        held: tuple[Picture, Image] | None = None
        for time_s, (probed, picture) in at_rate(pictures, rate_hz, _time_of, lo=max(lo, 0.0), hi=hi):
            if held is None or held[0] is not picture:
                held = picture, render(probed, picture)
            yield Frame(time_s, picture.pts_us, held[1])


_Placed = tuple[Probe, Picture]


def _pictures_from(path: Path, start_s: float, threads: int) -> Generator[_Placed, None, None]:
    """Pictures beginning at or before `start_s`; jumps there where the container can, else decodes up to it."""
    if start_s > _SEEK_FROM_S:
        with Source(path, threads=threads) as source:
            if source.seekable:
                source.seek(start_s)
                pictures = source.pictures()
                first = next(pictures, None)
                if first is not None and first.time_s <= start_s:
                    yield source.probe, first
                    yield from ((source.probe, picture) for picture in pictures)
                    return
    with Source(path, threads=threads) as source:
        yield from ((source.probe, picture) for picture in source.pictures())


def _time_of(placed: _Placed) -> float:
    return placed[1].time_s


class _Renderer:
    """Turns decoded pictures into arrays; keeps the scaler's state from picture to picture."""

    def __init__(self, colour: Colour, long_side_px: int | None, crop: Box | None) -> None:
        self._format = _PIXELS[colour]
        self._long_side_px = long_side_px
        self._crop = crop
        self._full = VideoReformatter()
        self._scale = VideoReformatter()
        self._size: tuple[int, int] | None = None

    def __call__(self, probed: Probe, picture: Picture) -> Image:
        raw, turn = picture.raw, probed.orientation
        if self._crop is not None:
            raw = self._cut(raw, turn.stored_box(self._crop))
        if self._size is None:
            shown = turn.upright(*square_size(raw.width, raw.height, probed.sample_aspect))
            self._size = fit_long_side(*shown, self._long_side_px)
        scaled = self._convert(self._scale, raw, *turn.upright(*self._size))
        return np.ascontiguousarray(turn.apply(_array(scaled)))

    def _convert(self, reformatter: VideoReformatter, raw: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
        return reformatter.reformat(
            raw, width, height, self._format, dst_color_range="JPEG", interpolation=Interpolation.AREA, threads=1
        )

    def _cut(self, raw: av.VideoFrame, box: Box) -> av.VideoFrame:
        left, top, right, bottom = pixel_box(box, raw.width, raw.height)
        full = _array(self._convert(self._full, raw, raw.width, raw.height))
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(full[top:bottom, left:right]), self._format)


def _array(frame: av.VideoFrame) -> Image:
    return cast("Image", frame.to_ndarray())


class MonoSound:
    """Turns pieces of an audio track into mono float samples that lie right against the video's time 0.

    Silence fills what is missing before the track begins and in its gaps; sound before time 0 is dropped.
    """

    def __init__(self, start_us: int, rate_hz: int = AUDIO_RATE_HZ) -> None:
        self._start_us = start_us
        self.rate_hz = rate_hz
        self._resampler: av.AudioResampler | None = None
        self._layout: tuple[str, str, int] | None = None
        self._expected: float | None = None
        self._skip = 0

    def feed(self, sound: Sound) -> Samples:
        """Samples that follow those given so far (maybe none yet)."""
        frame = sound.raw
        parts: list[Samples] = []
        layout = (frame.format.name, frame.layout.name, frame.sample_rate)
        if layout != self._layout:
            parts.append(self.finish())
            self._layout = layout
            self._resampler = av.AudioResampler(format="flt", layout="mono", rate=self.rate_hz)
        gap = self._gap(sound)
        if gap > 0:
            parts.append(np.zeros(gap, np.float32))
        elif gap < 0:
            self._skip -= gap
        parts.append(self._resample(frame))
        return self._join(parts)

    def finish(self) -> Samples:
        """The samples still inside the resampler."""
        return self._join([self._resample(None)]) if self._resampler is not None else np.zeros(0, np.float32)

    def _gap(self, sound: Sound) -> int:
        """Samples missing (positive) or too many (negative) before this piece."""
        length = sound.raw.samples * self.rate_hz / sound.raw.sample_rate
        expected = 0.0 if self._expected is None else self._expected
        if sound.pts_us is None:
            self._expected = expected + length
            return 0
        due = (sound.pts_us - self._start_us) * self.rate_hz / MICROSECONDS
        if self._expected is None or abs(due - expected) > _GAP_S * self.rate_hz:
            self._expected = due + length
            return round(due - expected)
        self._expected = expected + length
        return 0

    def _resample(self, frame: av.AudioFrame | None) -> Samples:
        if self._resampler is None:
            return np.zeros(0, np.float32)
        pieces = [piece.to_ndarray().reshape(-1) for piece in self._resampler.resample(frame)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def _join(self, parts: list[Samples]) -> Samples:
        samples = np.concatenate(parts)
        dropped = min(self._skip, samples.size)
        self._skip -= dropped
        return samples[dropped:]


def audio(path: Path | str, rate_hz: int = AUDIO_RATE_HZ) -> Iterator[Samples]:
    """Mono sound as float32 pieces in [-1, 1]; the first sample lies at the recording's first frame.

    Yields nothing when there is no audio track. Raises what `Source` raises.
    """
    with Source(Path(path), threads=1, sound=True) as source:
        mono = MonoSound(source.probe.start_us, rate_hz)
        for event in source.events():
            if isinstance(event, Sound):
                samples = mono.feed(event)
                if samples.size:
                    yield samples
        rest = mono.finish()
        if rest.size:
            yield rest
