"""The intake step: one pass over the source in which it is checked, measured, copied small and heard."""

from __future__ import annotations

import contextlib
import errno
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from schemas.errors import InvalidRequestError, StorageFullError
from schemas.recording import IntakeResult, ObjectRef, RecordingFacts, Thumbnail
from services.intake import origin, proxy, sound, thumbnails
from services.intake.burntin import BurntInClock
from services.intake.checks import check_size
from services.intake.job import IngestJob, Report
from services.intake.quality import QualityMeter
from services.intake.reel import Part, Reel
from services.intake.repeats import Repeats
from services.intake.settings import IntakeSettings
from services.media.resample import at_rate
from services.media.source import Picture, Probe
from services.runtime.objects import ObjectStore

_PROXY_NAME = "proxy.mp4"
_AUDIO_NAME = "audio.wav"
_REPORT_EVERY_S = 0.5
_SLACK_S = 1e-3
_Placed = tuple[Probe, Picture]


def ingest(job: IngestJob, report: Report) -> IntakeResult:
    """Read one recording once and leave proxy, sound, thumbnails and facts under the job's prefix.

    Raises `UnreadableMediaError` or `UnsupportedMediaError` for what may not or cannot be read, `StorageFullError`
    and `ObjectMissingError` (both worth another try) when space or the source is missing.
    """
    recording, settings = job.recording, job.settings
    if not recording.files:
        raise InvalidRequestError("The recording has no file; at least one is needed.")
    for file in recording.files:
        check_size(file.object.size_bytes, settings)
    store = ObjectStore(job.object_root, verify="size" if job.object_verify == "size" else "sha256")
    report(0.0, "check", "checking the file")
    with contextlib.ExitStack() as stack, _full_disk():
        parts = [Part(stack.enter_context(store.local(file.object)), file.start_s) for file in recording.files]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="intake-", dir=job.scratch_dir or None)))
        taken = _Pass(parts, settings, folder, report).run()
        report(0.97, "store", "storing the proxy")
        return _Outputs(store, job.output_prefix, recording.id).keep(taken)


@contextlib.contextmanager
def _full_disk() -> Iterator[None]:
    """A full disk is a `StorageFullError`, whoever met it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError from None
        raise


@dataclass(frozen=True, slots=True)
class _Taken:
    """What one pass left, still local."""

    facts: RecordingFacts
    proxy: Path
    width: int
    height: int
    rate: Fraction
    audio: Path | None
    stills: list[tuple[float, bytes]]


class _Pass:
    """One decode of the source with everything that happens on the way."""

    def __init__(self, parts: list[Part], settings: IntakeSettings, folder: Path, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._proxy_path, self._audio_path = folder / _PROXY_NAME, folder / _AUDIO_NAME
        self._wav = sound.WavWriter(self._audio_path)
        self._reel = Reel(parts, settings, self._wav.hear)
        self._repeats = Repeats()
        self._meter = QualityMeter(settings)
        self._clock = BurntInClock()
        self._stills = thumbnails.Thumbnails(settings)
        self._next_sample_s = 0.0
        self._reported = 0.0

    def run(self) -> _Taken:
        """Decode to the end."""
        with contextlib.closing(self._wav):
            pictures = self._seen(self._reel.open())
            first = next(pictures)
            frames = proxy.ProxyFrames(first[0], self._settings.proxy_long_side_px)
            rate = proxy.proxy_rate(first[0], self._settings)
            with proxy.ProxyWriter(self._proxy_path, frames, rate, self._settings) as writer:
                self._copy(_chain(first, pictures), frames, writer, rate)
        return _Taken(
            facts=self._facts(),
            proxy=self._proxy_path,
            width=frames.width,
            height=frames.height,
            rate=rate,
            audio=self._audio_path if self._wav.heard else None,
            stills=self._stills.kept,
        )

    def _seen(self, pictures: Iterator[_Placed]) -> Iterator[_Placed]:
        for placed in pictures:
            self._repeats.see(placed[1].time_s, placed[1].raw)
            yield placed

    def _copy(
        self, pictures: Iterator[_Placed], frames: proxy.ProxyFrames, writer: proxy.ProxyWriter, rate: Fraction
    ) -> None:
        last: tuple[Picture, av.VideoFrame] | None = None
        for time_s, (probe, picture) in at_rate(pictures, float(rate), lambda placed: placed[1].time_s):
            if last is None or last[0] is not picture:
                last = picture, frames(picture.raw, probe)
            if time_s >= self._next_sample_s - _SLACK_S:
                self._sample(time_s, last[1])
            writer.write(last[1])
            self._tell(time_s, probe)

    def _sample(self, time_s: float, frame: av.VideoFrame) -> None:
        self._next_sample_s += 1 / self._settings.analysis_rate_hz
        luma = proxy.luma(frame)
        self._meter.see(time_s, luma, proxy.chroma(frame))
        self._clock.see(time_s, luma)
        self._stills.offer(time_s, frame)

    def _tell(self, time_s: float, probe: Probe) -> None:
        now = time.monotonic()
        if now - self._reported < _REPORT_EVERY_S:
            return
        self._reported = now
        total_s = max(probe.duration_s or 0.0, time_s, 1e-3)
        self._report(0.02 + 0.94 * time_s / total_s, "decode", f"read {time_s:.0f} s of video")

    def _facts(self) -> RecordingFacts:
        reel, probe = self._reel, self._reel.probe
        end_s = reel.end_s
        played_hz = probe.nominal_rate_hz or reel.frames / end_s
        captured_hz = origin.capture_rate_hz(probe)
        frozen = self._repeats.frozen(self._settings.freeze_s, end_s)
        return RecordingFacts(
            container=probe.container,
            codec=probe.codec,
            width_px=probe.display_width_px,
            height_px=probe.display_height_px,
            rotation_deg=probe.orientation.rotation_deg,
            duration_s=end_s,
            start_us=probe.start_us,
            frames=reel.frames,
            nominal_rate_hz=probe.nominal_rate_hz,
            effective_rate_hz=self._repeats.effective_rate_hz(),
            variable_rate=self._repeats.variable_rate(),
            interlaced=reel.interlaced > reel.frames / 2,
            has_audio=self._wav.heard,
            infrared=self._meter.infrared(),
            burnt_in_clock=self._clock.verdict(),
            slow_motion=origin.slow_motion(captured_hz, played_hz),
            edited=origin.edited(probe.tags),
            capture_rate_hz=captured_hz,
            anchors=origin.anchors(probe, end_s),
            quality=self._meter.quality(frozen, end_s),
        )


def _chain(first: _Placed, rest: Iterator[_Placed]) -> Iterator[_Placed]:
    yield first
    yield from rest


@dataclass(frozen=True, slots=True)
class _Outputs:
    """Stores what a pass left; the same names each time, so that a repeated job leaves nothing behind."""

    store: ObjectStore
    prefix: str
    recording_id: str

    def keep(self, taken: _Taken) -> IntakeResult:
        audio = None if taken.audio is None else self._file(taken.audio, _AUDIO_NAME, sound.MEDIA_TYPE)
        stills = tuple(
            Thumbnail(time_s, self.store.put_bytes(data, self._uri(f"thumb-{index:03d}.jpg"), thumbnails.MEDIA_TYPE))
            for index, (time_s, data) in enumerate(taken.stills)
        )
        return IntakeResult(
            facts=taken.facts,
            proxy=self._file(taken.proxy, _PROXY_NAME, proxy.MEDIA_TYPE),
            proxy_width_px=taken.width,
            proxy_height_px=taken.height,
            proxy_rate_hz=float(taken.rate),
            audio=audio,
            thumbnails=stills,
        )

    def _uri(self, name: str) -> str:
        return self.store.join(self.prefix, self.recording_id, name)

    def _file(self, path: Path, name: str, media_type: str) -> ObjectRef:
        return self.store.put_file(path, self._uri(name), media_type)
