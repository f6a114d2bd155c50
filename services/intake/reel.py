"""The files of a recording as one: pictures on the recording's clock, sound on the way, counts at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.intake.checks import Decoded, check_decoded, check_probe, check_promise, check_running, check_whole
from services.intake.settings import IntakeSettings
from services.media.container import stated_length_s
from services.media.decode import MonoSound, Samples
from services.media.resample import LAST_S
from services.media.source import Picture, Probe, Sound, Source


@dataclass(frozen=True, slots=True)
class Part:
    """One local file of the recording."""

    path: Path
    start_s: float
    """Time of its first frame on the recording's clock, seconds."""


class Reel:
    """Iterate `pictures()` once; then `decoded` and the rest say what was met.

    Raises `UnreadableMediaError` or `UnsupportedMediaError` as soon as a file breaks a rule.
    """

    def __init__(self, parts: Sequence[Part], settings: IntakeSettings, hear: Callable[[Samples, float], None]) -> None:
        self._parts = parts
        self._settings = settings
        self._hear = hear
        self._first: Probe | None = None
        self.decoded: list[Decoded] = []
        self.interlaced = 0

    @property
    def probe(self) -> Probe:
        """The first file's; only once its first picture was met."""
        assert self._first is not None
        return self._first

    @property
    def frames(self) -> int:
        """Pictures decoded."""
        return sum(part.frames for part in self.decoded)

    @property
    def end_s(self) -> float:
        """End of the last picture, seconds from the recording's first frame."""
        return max(part.start_s + done.duration_s for part, done in zip(self._parts, self.decoded, strict=True))

    def open(self) -> Iterator[tuple[Probe, Picture]]:
        """Pictures of all files in order with the probe of their file; times on the recording's clock."""
        for part in self._parts:
            check_whole(part.path)
            settings = self._settings
            pixels = settings.max_side_px**2
            with Source(part.path, threads=settings.threads, max_pixels=pixels, sound=True) as source:
                check_probe(source.probe, settings)
                check_promise(_stated_s(source, part), settings)
                self._first = self._first or source.probe
                yield from self._play(source, part)

    def _play(self, source: Source, part: Part) -> Iterator[tuple[Probe, Picture]]:
        mono = MonoSound(source.probe.start_us)
        count, last_s, step_s, heard_s = 0, 0.0, 0.0, 0.0
        for event in source.events():
            if isinstance(event, Sound):
                samples = mono.feed(event)
                self._hear(samples, part.start_s)
                heard_s += samples.size / mono.rate_hz
                continue
            count += 1
            self.interlaced += event.raw.interlaced_frame
            step_s = event.time_s - last_s or step_s
            last_s = event.time_s
            check_running(part.start_s + last_s, count, self._settings)
            yield source.probe, Picture(event.raw, part.start_s + event.time_s, event.pts_us)
        self._hear(mono.finish(), part.start_s)
        done = Decoded(
            frames=count,
            duration_s=last_s + min(step_s, LAST_S),
            sound_end_s=heard_s,
            corrupt_packets=source.corrupt_packets,
            read_errors=source.read_errors,
            guessed_times=source.guessed_times,
            stated_s=_stated_s(source, part),
        )
        check_decoded(done, self._settings)
        self.decoded.append(done)


def _stated_s(source: Source, part: Part) -> float | None:
    return stated_length_s(part.path) or source.probe.duration_s
