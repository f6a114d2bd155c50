"""What the case page shows of a report, in words and shapes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from gateway import timeline
from gateway.timeline import Timeline, clock
from schemas.catalogue import load_catalogue
from schemas.recording import Interval, Thumbnail
from schemas.report import Report, ReportedRecording
from schemas.semiology import Episode, Finding, FindingStatus, Occurrence, Reason, Side

STATUS: dict[str, tuple[str, str]] = {
    FindingStatus.PRESENT: ("●", "Present"),
    FindingStatus.POSSIBLE: ("◐", "Possible"),
    FindingStatus.NOT_SEEN: ("○", "Not seen"),
    FindingStatus.NOT_ASSESSABLE: ("▨", "Not assessable"),
    FindingStatus.NOT_TESTED: ("□", "Not tested"),
}
"""Shape and word of each status: told apart without colour."""

_REASONS = {
    Reason.NO_ENGINE: "no engine of this version answers for it",
    Reason.VIEW_MISSING: "the view it needs is missing",
    Reason.FACE_TOO_SMALL: "the face is too small",
    Reason.FACE_NOT_VISIBLE: "the face is not visible",
    Reason.DARK: "too dark",
    Reason.BLURRED: "out of focus",
    Reason.CAMERA_MOVING: "the camera moves",
    Reason.FRAME_RATE_TOO_LOW: "too few pictures per second",
    Reason.SLOW_MOTION: "suspected slow motion",
    Reason.PATIENT_NOT_FOUND: "the patient was not found",
    Reason.BODY_AXIS_UNKNOWN: "the patient's sides cannot be told apart",
    Reason.TOUCHED_BY_STAFF: "touched by somebody",
    Reason.ONSET_NOT_CAPTURED: "the onset was not captured",
    Reason.TOO_SHORT: "judged for too short a time",
    Reason.NO_AUDIO: "no usable sound",
    Reason.NO_QUESTION_HEARD: "no question was heard",
    Reason.NO_PRECEDING_ACTIVITY: "no voluntary activity before it",
    Reason.NOT_TESTED_BY_STAFF: "nobody tested it",
    Reason.AGE_OUT_OF_SCOPE: "age or condition out of scope",
    Reason.LOW_ANSWER_MASS: "no clear answer",
}
_SIDES = {
    Side.UNDETERMINED: "",
    Side.LEFT: "patient's left",
    Side.RIGHT: "patient's right",
    Side.BILATERAL_SYMMETRIC: "both sides alike",
    Side.BILATERAL_LEFT_GT: "both sides, left more",
    Side.BILATERAL_RIGHT_GT: "both sides, right more",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One finding that was present or possible."""

    title: str
    finding: Finding
    occurrences: tuple[tuple[Occurrence, str], ...]
    """Each with its side in words."""


@dataclass(frozen=True, slots=True)
class EpisodeShown:
    """One episode of the case page."""

    episode: Episode
    timeline: Timeline
    seen: tuple[Shown, ...]
    """Present or possible, in the order of their onsets."""
    not_seen: tuple[tuple[str, float], ...]
    """Title, and for how many seconds it could be judged."""
    unjudged: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Status, reason in words, and the titles it applies to."""
    order: tuple[tuple[str, str, str, str], ...]
    """Places, title, side and onset, in the order of the onsets."""


@dataclass(frozen=True, slots=True)
class RecordingShown:
    """One recording of the case page."""

    recorded: ReportedRecording
    overview: Timeline
    episodes: tuple[EpisodeShown, ...]
    thumbnails: tuple[Thumbnail, ...]


def recordings(report: Report, thumbnails: tuple[tuple[Thumbnail, ...], ...]) -> tuple[RecordingShown, ...]:
    """The report by recording; `thumbnails` in the order of its recordings."""
    shown = []
    for recorded, stills in zip(report.recordings, thumbnails, strict=True):
        episodes = tuple(item for item in report.episodes if item.recording_id == recorded.recording.id)
        shown.append(
            RecordingShown(
                recorded,
                timeline.overview(recorded, episodes, {item.value: reason(item) for item in Reason}),
                tuple(_episode(episode, recorded.coverage.duration_s) for episode in episodes),
                stills,
            )
        )
    return tuple(shown)


def reason(why: Reason) -> str:
    """A reason in words."""
    return _REASONS.get(why, "no reason given")


def side(occurrence: Occurrence) -> str:
    """The patient's side in words; one that no reviewer confirmed says so."""
    words = _SIDES[occurrence.side]
    return f"{words} (unconfirmed)" if words and not occurrence.side_confirmed else words


def interval(span: Interval) -> str:
    """``1:12.1 (1:11.8 to 1:12.4)``; a certain instant without its bounds."""
    middle = clock(span.middle_s)
    return f"{middle} ({clock(span.lo)} to {clock(span.hi)})" if span.length_s >= 0.1 else middle


def _episode(episode: Episode, duration_s: float) -> EpisodeShown:
    titles = {sign.id: sign.title for sign in load_catalogue().signs}
    titles |= {finding.sign: titles.get(finding.sign, finding.sign) for finding in episode.findings}
    sides = {one.id: side(one) for finding in episode.findings for one in finding.occurrences}
    unjudged: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for finding in episode.findings:
        if finding.status in {FindingStatus.NOT_ASSESSABLE, FindingStatus.NOT_TESTED}:
            unjudged[finding.status, finding.reason_text or reason(finding.reason)].append(titles[finding.sign])
    seen = [
        Shown(titles[finding.sign], finding, tuple((one, sides[one.id]) for one in finding.occurrences))
        for finding in episode.findings
        if finding.status in {FindingStatus.PRESENT, FindingStatus.POSSIBLE}
    ]
    seen.sort(key=lambda item: min((one.onset_s.middle_s for one, _ in item.occurrences), default=0.0))
    return EpisodeShown(
        episode,
        timeline.of_episode(episode, duration_s, titles, sides),
        tuple(seen),
        tuple(
            (titles[item.sign], item.assessable_s) for item in episode.findings if item.status is FindingStatus.NOT_SEEN
        ),
        tuple((status, why, tuple(names)) for (status, why), names in unjudged.items()),
        _order(episode, titles, sides),
    )


def _order(episode: Episode, titles: dict[str, str], sides: dict[str, str]) -> tuple[tuple[str, str, str, str], ...]:
    items = episode.order.items if episode.order else ()
    return tuple(
        (
            str(item.rank_lo) if item.rank_lo == item.rank_hi else f"{item.rank_lo} to {item.rank_hi}",
            titles.get(item.sign, item.sign),
            sides.get(item.occurrence_id, ""),
            interval(item.onset_s),
        )
        for item in items
    )
