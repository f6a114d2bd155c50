"""An opened video file: safe to open, decoded once, pictures and sound in the order they are met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.error
from av.codec.context import CodecContext
from av.stream import Disposition, Stream

from schemas.errors import ObjectMissingError, UnreadableMediaError, UnsupportedMediaError
from services.media.geometry import Orientation, orientation_of, square_size
from services.media.timeline import DEFAULT_STEP_US, MICROSECONDS, Timeline, to_us

FORMATS = "mov,matroska,webm,avi,mpeg,mpegts,mpegvideo,asf,flv,ogg,dv,mxf,mjpeg,h264,hevc,m4v,ivf,nut"
"""Containers that are opened, all of them holding their media inside: playlists and the like could name other files."""
MAX_PIXELS = 4096 * 4096
"""Default limit on the pixels of one stored picture."""
DEFAULT_THREADS = 2
"""Decoder threads unless told otherwise."""
_PACKETS_UNTIL_PICTURE = 4000
_READ_ERRORS_IN_A_ROW = 50
_SEEKABLE = frozenset({"mov", "matroska"})


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file says of itself, and its first picture."""

    container: str
    """Container format as FFmpeg names it (first name)."""
    codec: str
    """Video codec as FFmpeg names it."""
    width_px: int
    """Stored width, pixels."""
    height_px: int
    """Stored height, pixels."""
    display_width_px: int
    """Width after rotation and sample aspect ratio, pixels."""
    display_height_px: int
    """Height after rotation and sample aspect ratio, pixels."""
    orientation: Orientation
    """How to turn the stored picture upright."""
    sample_aspect: Fraction | None
    """Width of a stored pixel over its height; none when the file does not say."""
    nominal_rate_hz: float
    """Frame rate that the container states; 0 when none."""
    peak_rate_hz: float
    """Lowest rate that fits every picture's time, as FFmpeg guesses it: above the nominal one where the rate varies."""
    duration_s: float | None
    """Length that the header states, seconds; none when it states none. It may be wrong."""
    start_us: int
    """Presentation time of the first picture, microseconds."""
    has_audio: bool
    """There is an audio track with a decoder for it."""
    interlaced: bool
    """The first picture is flagged as interlaced."""
    tags: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Container and video stream tags with lower-case keys. They may identify people: never log, never pass on."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture as stored: not turned, not scaled."""

    raw: av.VideoFrame
    """The frame."""
    time_s: float
    """Seconds from the recording's first frame."""
    pts_us: int
    """Presentation time in the source (repaired where it had none), microseconds."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One decoded piece of the audio track."""

    raw: av.AudioFrame
    """The samples."""
    pts_us: int | None
    """Presentation time in the source, microseconds; none when it gives no time."""


class Source:
    """A video file, opened and its first picture decoded. Use as a context manager; iterate once.

    Raises `UnreadableMediaError` when nothing in it can be decoded as video, `UnsupportedMediaError` when its pictures
    are larger than `max_pixels`, `ObjectMissingError` when there is no such file.
    """

    def __init__(
        self, path: Path, *, threads: int = DEFAULT_THREADS, max_pixels: int = MAX_PIXELS, sound: bool = False
    ) -> None:
        self._max_pixels = max_pixels
        self.corrupt_packets = 0
        self.read_errors = 0
        self._origin_us: int | None = None
        self._container = _open(path, max_pixels)
        try:
            self._video = self._pick_video(threads)
            self._audio = self._pick_audio() if sound else None
            self._events = self._decode()
            self._pending: list[Picture | Sound] = []
            self._first = self._find_first()
            self.probe = self._describe()
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    @property
    def guessed_times(self) -> int:
        """Pictures whose time the source did not give."""
        return self._timeline.guessed

    @property
    def seekable(self) -> bool:
        """The container has an index good enough to start in the middle."""
        return self.probe.container in _SEEKABLE

    def events(self) -> Iterator[Picture | Sound]:
        """Pictures in time order, mixed with sound where it was asked for."""
        yield from self._pending
        self._pending = []
        yield from self._events

    def pictures(self) -> Iterator[Picture]:
        """Pictures only."""
        return (event for event in self.events() if isinstance(event, Picture))

    def seek(self, time_s: float) -> None:
        """Go on at the key frame at or before `time_s` (seconds from the first frame)."""
        target = Fraction(self.probe.start_us, MICROSECONDS) + Fraction(time_s)
        base = self._video.time_base or Fraction(1, MICROSECONDS)
        self._container.seek(int(target / base), stream=self._video)
        self._timeline.last_us = None
        self._pending = []
        self._events = self._decode()

    def _pick_video(self, threads: int) -> av.VideoStream:
        streams = [
            s for s in self._container.streams.video if not s.disposition & Disposition.attached_pic and _decodable(s)
        ]
        if not streams:
            msg = "The file holds no video track, only " + (
                "audio." if self._container.streams.audio else "something else."
            )
            raise UnreadableMediaError(msg)
        stream = max(streams, key=lambda s: s.width * s.height)
        self._check_pixels(stream.width, stream.height)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        rate = stream.average_rate or stream.guessed_rate
        step = round(MICROSECONDS / rate) if rate and 0.1 <= rate <= 1000 else DEFAULT_STEP_US
        self._timeline = Timeline(step)
        return stream

    def _pick_audio(self) -> av.AudioStream | None:
        for stream in self._container.streams.audio:
            if _decodable(stream) and stream.codec_context.sample_rate:
                stream.codec_context.thread_count = 1
                return stream
        return None

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self._max_pixels:
            msg = f"The picture is {width}x{height} pixels; at most {self._max_pixels} pixels are accepted."
            raise UnsupportedMediaError(msg)

    def _find_first(self) -> Picture:
        for event in self._events:
            self._pending.append(event)
            if isinstance(event, Picture):
                return event
        raise UnreadableMediaError("No picture in the file can be decoded.")

    def _describe(self) -> Probe:
        video, frame = self._video, self._first.raw
        orientation = orientation_of(frame)
        aspect = video.sample_aspect_ratio or video.codec_context.sample_aspect_ratio
        width, height = orientation.upright(*square_size(frame.width, frame.height, aspect))
        stated = [float(self._container.duration) / av.time_base] if self._container.duration else []
        if video.duration and video.time_base:
            stated.append(float(video.duration * video.time_base))
        tags = {**self._container.metadata, **video.metadata}
        return Probe(
            container=self._container.format.name.split(",")[0],
            codec=video.codec_context.name,
            width_px=frame.width,
            height_px=frame.height,
            display_width_px=width,
            display_height_px=height,
            orientation=orientation,
            sample_aspect=aspect,
            nominal_rate_hz=float(video.average_rate or 0),
            peak_rate_hz=float(video.base_rate or 0),
            duration_s=max(stated, default=None),
            start_us=self._first.pts_us,
            has_audio=any(_decodable(stream) for stream in self._container.streams.audio),
            interlaced=frame.interlaced_frame,
            tags={key.lower(): value for key, value in tags.items()},
        )

    def _packets(self) -> Iterator[av.Packet[Stream]]:
        """Packets to the end, going on after read errors as long as something is still found."""
        streams = [self._video] if self._audio is None else [self._video, self._audio]
        in_a_row = 0
        while True:
            try:
                for packet in self._container.demux(streams):
                    in_a_row = 0
                    yield packet
            except (av.error.EOFError, av.error.FileNotFoundError):
                return
            except av.error.FFmpegError:
                self.read_errors += 1
                in_a_row += 1
                if in_a_row > _READ_ERRORS_IN_A_ROW:
                    return
            else:
                return

    def _decode(self) -> Iterator[Picture | Sound]:
        seen = 0
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.error.EOFError:
                continue
            except av.error.FFmpegError:
                self.corrupt_packets += 1
                frames = []
            seen += 1
            for frame in frames:
                if isinstance(frame, av.VideoFrame):
                    seen = -1 << 62
                    yield self._picture(frame)
                elif isinstance(frame, av.AudioFrame):
                    yield Sound(frame, _stamp_us(frame))
            if seen > _PACKETS_UNTIL_PICTURE:
                return

    def _picture(self, frame: av.VideoFrame) -> Picture:
        self._check_pixels(frame.width, frame.height)
        time_us = self._timeline.place(frame)
        if self._origin_us is None:
            self._origin_us = time_us
        return Picture(frame, (time_us - self._origin_us) / MICROSECONDS, time_us)


def _stamp_us(frame: av.AudioFrame) -> int | None:
    return None if frame.pts is None or frame.time_base is None else to_us(frame.pts, frame.time_base)


def _decodable(stream: Stream) -> bool:
    """FFmpeg has a decoder for it (PyAV gives a stream without one no codec context)."""
    context: CodecContext | None = stream.codec_context
    return context is not None


def _open(path: Path, max_pixels: int) -> av.container.InputContainer:
    options = {
        "format_whitelist": FORMATS,
        "protocol_whitelist": "file",
        "max_pixels": str(max_pixels),
        "threads": "1",
    }
    try:
        return av.open(str(path), "r", options=options, metadata_errors="replace")
    except av.error.FileNotFoundError:
        raise ObjectMissingError from None
    except av.error.FFmpegError:
        raise UnreadableMediaError("The file is not in a video format that can be read.") from None
