"""What a file's tags tell of how it came about: when, how fast captured, by which software. Tags go no further."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from schemas.recording import AnchorSource, ClockAnchor, Tri
from services.media.source import Probe

_EARLIEST = dt.datetime(1995, 1, 1, tzinfo=dt.UTC)
_STARTED = "com.apple.quicktime.creationdate"
_CREATED = "creation_time"
_CAPTURE_TAGS = ("com.android.capture.fps", "com.apple.quicktime.capture.fps", "com.samsung.android.capture.fps")
_SOFTWARE_TAGS = ("encoder", "software", "encoded_by", "com.apple.quicktime.software", "com.android.version", "comment")
_EDITORS = (
    "premiere", "adobe", "final cut", "imovie", "davinci", "resolve", "capcut", "inshot",
    "kinemaster", "vegas", "avidemux", "virtualdub", "movie maker", "clipchamp", "camtasia", "shotcut", "kdenlive",
    "filmora", "videoshow", "vivavideo",
)  # fmt: skip
"""Programs that cut and retime. Converters (FFmpeg, HandBrake, a camera's export) change neither order nor speed, and
sign most hospital exports; a file that only they signed is "unknown", not "edited"."""
_CAMERAS = ("com.apple.quicktime.make", "com.apple.quicktime.model", "com.android.version", "make", "model")
_SLOWER = 1.5
_CLOCK_MS = 2000.0


def anchors(probe: Probe, duration_s: float) -> tuple[ClockAnchor, ...]:
    """The wall-clock time of the first frame, as far as the container states one.

    Apple's creation date is the start of the recording. ``creation_time`` is the start with some cameras and the end
    with others, so that its uncertainty covers the whole recording.
    """
    for tag, uncertainty_ms in ((_STARTED, _CLOCK_MS), (_CREATED, duration_s * 1000 + _CLOCK_MS)):
        at = _instant(probe.tags.get(tag, ""))
        if at is not None:
            return (ClockAnchor(probe.start_us, at.isoformat(), "", AnchorSource.CONTAINER, uncertainty_ms),)
    return ()


def capture_rate_hz(probe: Probe) -> float | None:
    """Rate at which the camera says that it captured."""
    for tag in _CAPTURE_TAGS:
        try:
            rate = float(probe.tags.get(tag, ""))
        except ValueError:
            continue
        if 1 <= rate <= 10_000:
            return rate
    return None


def slow_motion(captured_hz: float | None, played_hz: float) -> Tri:
    """Yes when captured much faster than played, no when the file says that it was not, else unknown."""
    if captured_hz is None or played_hz <= 0:
        return Tri.UNKNOWN
    return Tri.YES if captured_hz > _SLOWER * played_hz else Tri.NO


def edited(tags: Mapping[str, str]) -> Tri:
    """Yes when a known editor signed the file, no when only a camera did, else unknown."""
    signed = " ".join(tags.get(tag, "") for tag in _SOFTWARE_TAGS).lower()
    if any(name in signed for name in _EDITORS):
        return Tri.YES
    return Tri.NO if any(tag in tags for tag in _CAMERAS) else Tri.UNKNOWN


def _instant(text: str) -> dt.datetime | None:
    """An ISO 8601 instant with offset; none for anything else and for clocks that were never set."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    return at if _EARLIEST <= at <= dt.datetime.max.replace(tzinfo=dt.UTC) else None
