"""Evidence stills: one picture per shown finding, cut from the proxy while the sign is going on."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.report import EvidenceStill
from schemas.semiology import Episode, FindingStatus, Occurrence
from services.report.job import ComposeJob
from services.report.narrative import strands
from services.runtime.objects import ObjectStore

JPEG_QUALITY = 85
AFTER_ONSET_S = 1.0
"""A still is taken this long after the latest possible onset, or in the middle of what is shorter."""


@dataclass(frozen=True, slots=True)
class Still:
    """A still before it is stored."""

    occurrence_id: str
    recording_id: str
    time_s: float
    jpeg: bytes


def moment(occurrence: Occurrence, duration_s: float) -> float:
    """When to look, seconds from the first frame: certainly during the sign, and inside the recording."""
    certain_end = max(occurrence.offset_s.lo, occurrence.onset_s.hi)
    time_s = min(occurrence.onset_s.hi + AFTER_ONSET_S, (occurrence.onset_s.hi + certain_end) / 2)
    return round(min(max(time_s, 0.0), max(duration_s - 0.1, 0.0)), 3)


def wanted(episodes: Sequence[Episode], job: ComposeJob) -> list[tuple[Occurrence, str, float]]:
    """Occurrences to show, with recording and time: the first of each strand, present before possible."""
    by_id = {item.recording.id: item for item in job.recordings}
    found: list[tuple[bool, int, Occurrence, str, float]] = []
    for episode in episodes:
        item = by_id.get(episode.recording_id)
        if item is None:
            continue
        for strand in strands(episode, item.recording):
            possible = strand.finding.status is FindingStatus.POSSIBLE
            time_s = moment(strand.first, item.intake.facts.duration_s)
            found.append((possible, len(found), strand.first, episode.recording_id, time_s))
    kept = sorted(found, key=lambda entry: entry[:2])[: job.max_stills]
    return [(occurrence, recording_id, time_s) for _, _, occurrence, recording_id, time_s in sorted(kept, key=_place)]


def cut(job: ComposeJob, episodes: Sequence[Episode], store: ObjectStore) -> tuple[Still, ...]:
    """The stills in the order of the episodes; each recording's proxy is opened once per still and read at one spot."""
    stills = []
    for occurrence, recording_id, time_s in wanted(episodes, job):
        item = next(one for one in job.recordings if one.recording.id == recording_id)
        with store.local(item.intake.proxy) as path:
            jpeg = _picture(str(path), time_s, job.still_long_side_px)
        if jpeg is not None:
            stills.append(Still(occurrence.id, recording_id, time_s, jpeg))
    return tuple(stills)


def keep(stills: Sequence[Still], store: ObjectStore, prefix: str) -> tuple[EvidenceStill, ...]:
    """Store the stills under the report's prefix."""
    return tuple(
        EvidenceStill(
            occurrence_id=still.occurrence_id,
            recording_id=still.recording_id,
            time_s=still.time_s,
            object=store.put_bytes(
                still.jpeg, store.join(prefix, "evidence", f"{still.occurrence_id}.jpg"), "image/jpeg"
            ),
        )
        for still in stills
    )


def _place(entry: tuple[bool, int, Occurrence, str, float]) -> int:
    return entry[1]


def _picture(path: str, time_s: float, long_side_px: int) -> bytes | None:
    """A JPEG of the first frame at or after `time_s`; none when the proxy ends before."""
    from PIL import Image

    from services.media.decode import frames

    frame = next(frames(path, long_side_px=long_side_px, colour="rgb", span=(time_s, time_s + 1.0)), None)
    if frame is None:
        return None
    buffer = io.BytesIO()
    Image.fromarray(frame.image).save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
