"""What may come in. Each rule is a setting; each refusal names the value and the rule in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.errors import UnreadableMediaError, UnsupportedMediaError
from services.intake.settings import IntakeSettings
from services.media.container import lacks_rate, missing_bytes
from services.media.source import Probe

_CLOCKLESS = frozenset({"mjpeg", "h264", "hevc", "m4v", "mpegvideo"})
_DURATION_SLACK_S = 5.0
_RATE_CHECKED_AFTER = 2000


def check_size(size_bytes: int, settings: IntakeSettings) -> None:
    """Before anything is read."""
    if size_bytes == 0:
        raise UnreadableMediaError("The file is empty (0 bytes).")
    if size_bytes > settings.max_bytes:
        raise UnsupportedMediaError(
            f"The file has {size_bytes} bytes; at most {settings.max_bytes} bytes ({settings.max_bytes / 2**30:g} GiB) "
            "are accepted."
        )


def check_whole(path: Path) -> None:
    """A file cut off in the middle is refused: what is missing could be the seizure."""
    missing = missing_bytes(path)
    if missing:
        raise UnreadableMediaError(
            f"The file is cut off: by its own account {missing} bytes are missing from its end; send it again."
        )
    if lacks_rate(path):
        raise UnreadableMediaError("The file states a frame rate of 0, so that nothing in it can be timed.")


def check_probe(probe: Probe, settings: IntakeSettings) -> None:
    """After the first picture."""
    if probe.container in _CLOCKLESS:
        raise UnsupportedMediaError(
            f"The file is a bare {probe.container} stream in which no picture has a time; send it as MP4, MKV or AVI."
        )
    sides = (probe.width_px, probe.height_px, probe.display_width_px, probe.display_height_px)
    if max(sides) > settings.max_side_px:
        raise UnsupportedMediaError(
            f"The picture is {probe.display_width_px}x{probe.display_height_px} pixels; at most "
            f"{settings.max_side_px}x{settings.max_side_px} are accepted."
        )
    if min(sides) < settings.min_side_px:
        raise UnsupportedMediaError(
            f"The picture is {probe.display_width_px}x{probe.display_height_px} pixels; at least "
            f"{settings.min_side_px}x{settings.min_side_px} are needed."
        )
    if max(sides[2:]) > settings.max_aspect * min(sides[2:]):
        raise UnsupportedMediaError(
            f"The picture is {probe.display_width_px}x{probe.display_height_px} pixels; the long side may be at most "
            f"{settings.max_aspect:g} times the short one."
        )


def check_promise(stated_s: float | None, settings: IntakeSettings) -> None:
    """Before the rest is read: a stated length from which only a refusal can follow, so that nobody waits hours for it.

    Such a file is refused either as too long or, when it holds less, because its header is wrong (`check_decoded`).
    """
    longest_s = settings.max_duration_s
    if stated_s is not None and stated_s - longest_s > _stated_slack_s(stated_s, settings):
        raise UnsupportedMediaError(
            f"The file states a length of {stated_s:.1f} s: it is damaged, or longer than {longest_s:g} s "
            f"({longest_s / 3600:g} h), the most that is accepted; send it in parts."
        )


def check_running(time_s: float, frames: int, settings: IntakeSettings) -> None:
    """While decoding, so that a file cannot make us read for ever."""
    if time_s > settings.max_duration_s:
        raise UnsupportedMediaError(
            f"The recording is longer than {settings.max_duration_s:g} s "
            f"({settings.max_duration_s / 3600:g} h), the most that is accepted; send it in parts."
        )
    if frames > _RATE_CHECKED_AFTER and frames > settings.max_rate_hz * time_s:
        raise UnsupportedMediaError(
            f"The recording has {frames} pictures in {time_s:.3f} s; at most {settings.max_rate_hz:g} per second are "
            "accepted."
        )


@dataclass(frozen=True, slots=True)
class Decoded:
    """What decoding a file to its end came to."""

    frames: int
    duration_s: float
    sound_end_s: float
    corrupt_packets: int
    read_errors: int
    guessed_times: int
    stated_s: float | None


def check_decoded(decoded: Decoded, settings: IntakeSettings) -> None:
    """After the last picture."""
    if decoded.frames < 2:
        raise UnreadableMediaError(f"The file holds {decoded.frames} picture; a video needs at least 2.")
    damaged = decoded.corrupt_packets + decoded.read_errors
    if damaged > settings.max_bad_share * (decoded.frames + damaged):
        raise UnreadableMediaError(
            f"{damaged} of {decoded.frames + damaged} parts of the file are damaged; at most "
            f"{settings.max_bad_share:.0%} are accepted."
        )
    if decoded.guessed_times > settings.max_guessed_share * decoded.frames:
        raise UnreadableMediaError(
            f"{decoded.guessed_times} of {decoded.frames} pictures carry no usable time, so that nothing can be timed; "
            f"at most {settings.max_guessed_share:.0%} are accepted."
        )
    if decoded.duration_s < settings.min_duration_s:
        raise UnsupportedMediaError(
            f"The recording lasts {decoded.duration_s:.2f} s; at least {settings.min_duration_s:g} s are needed."
        )
    _check_stated(decoded, settings)


def _check_stated(decoded: Decoded, settings: IntakeSettings) -> None:
    """A header that states quite another length means that the file is damaged, or that part of it is missing."""
    if decoded.stated_s is None:
        return
    found_s = decoded.duration_s
    if decoded.stated_s > found_s:
        found_s = max(found_s, decoded.sound_end_s)
    off_s = abs(decoded.stated_s - found_s)
    if off_s > _stated_slack_s(max(decoded.stated_s, found_s), settings):
        raise UnreadableMediaError(
            f"The file states a length of {decoded.stated_s:.1f} s and holds {found_s:.1f} s; a difference of more "
            f"than {settings.duration_tolerance:.0%} means that it is damaged or incomplete."
        )


def _stated_slack_s(length_s: float, settings: IntakeSettings) -> float:
    return max(_DURATION_SLACK_S, settings.duration_tolerance * length_s)
