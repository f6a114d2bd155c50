"""The timeline picture as plain shapes on a canvas; SVG and PDF paint the same shapes.

Coordinates are points from the top left of the canvas. Status is told by pattern, never by colour alone: present is
solid, possible is striped, what could not be judged is cross-hatched; the uncertain ends of a bar are outlined only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.recording import Interval
from schemas.report import ReportedRecording
from schemas.semiology import Episode, FindingStatus
from services.report.narrative import Strand
from services.report.render.view import EpisodeView, RecordingView
from services.report.wording import clock, marked, title


class Fill(StrEnum):
    """How a shape is filled; each has a pattern of its own that survives grey printing."""

    PRESENT = "present"
    POSSIBLE = "possible"
    UNCERTAIN = "uncertain"
    GAP = "gap"
    EPISODE = "episode"
    TRACK = "track"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Rect:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    fill: Fill


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text; `anchor` is start, middle or end."""

    x: float
    y: float
    text: str
    size: float = 7.5
    anchor: str = "start"
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Canvas:
    """Shapes in painting order."""

    width: float
    height: float
    rects: tuple[Rect, ...]
    labels: tuple[Label, ...]
    summary: str
    """The same in words, for those who cannot see the picture."""


TIMELINE_LEGEND = (
    "Solid: present. Striped: possible. Outline only: start or end uncertain. Cross-hatched: could not be judged. "
    "?: side unconfirmed. Times in minutes and seconds from the recording's first frame."
)
"""What the marks of the timeline mean."""

LANE = 15.0
BAR = 8.0
AXIS = 16.0
_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MAX_TICKS = 9


@dataclass(frozen=True, slots=True)
class _Scale:
    span: Interval
    left: float
    width: float

    def x(self, time_s: float) -> float:
        part = (min(max(time_s, self.span.lo), self.span.hi) - self.span.lo) / max(self.span.length_s, 1e-9)
        return self.left + part * self.width


def overview(view: RecordingView, episodes: Sequence[EpisodeView], width: float) -> Canvas:
    """A whole recording on one line: what could not be judged, and where the episodes lie."""
    recording = view.recording
    scale = _Scale(Interval(0.0, max(recording.coverage.duration_s, 0.1)), 2.0, width - 4.0)
    rects = [Rect(scale.left, 12.0, scale.width, 14.0, Fill.TRACK)]
    labels = _ticks(scale, 26.0)
    for one in episodes:
        lo, hi = one.episode.onset_s.lo, one.episode.offset_s.hi
        rects.append(Rect(scale.x(lo), 10.0, max(scale.x(hi) - scale.x(lo), 1.5), 18.0, Fill.EPISODE))
        centre = min(max((scale.x(lo) + scale.x(hi)) / 2, 24.0), width - 24.0)
        labels.append(Label(centre, 8.0, f"episode {one.number}", anchor="middle", strong=True))
    rects += _gaps(recording, scale, 16.0, 6.0)
    return Canvas(width, 26.0 + AXIS, tuple(rects), tuple(labels), view.summary)


def lanes(view: EpisodeView, width: float) -> Canvas:
    """An episode with one lane per shown finding."""
    episode = view.episode
    told = [row.strand for row in sorted(view.rows, key=lambda row: row.strand.first.onset_s.middle_s)]
    names_width = min(190.0, width * 0.38)
    scale = _Scale(_window(episode, told, view.recording), names_width, width - names_width - 6.0)
    bottom = LANE * (len(told) + 1)
    rects = [Rect(scale.left, 0.0, scale.width, bottom, Fill.TRACK)]
    if view.recording is not None:
        rects += _gaps(view.recording, scale, 0.0, bottom)
    labels = [Label(names_width - 6.0, LANE * 0.68, "Episode", anchor="end", strong=True)]
    rects += _bar(episode.onset_s, episode.offset_s, Fill.EPISODE, scale, 0.0)
    for index, strand in enumerate(told, start=1):
        top = index * LANE
        rects.append(Rect(scale.left, top, scale.width, 0.4, Fill.RULE))
        labels.append(Label(names_width - 6.0, top + LANE * 0.68, _lane_name(strand), anchor="end"))
        fill = Fill.POSSIBLE if strand.finding.status is FindingStatus.POSSIBLE else Fill.PRESENT
        for occurrence in strand.occurrences:
            rects += _bar(occurrence.onset_s, occurrence.offset_s, fill, scale, top)
    labels += _ticks(scale, bottom)
    return Canvas(width, bottom + AXIS, tuple(rects), tuple(labels), _summary(view, told))


def _bar(onset: Interval, offset: Interval, fill: Fill, scale: _Scale, top: float) -> list[Rect]:
    """Outlined where it is uncertain whether it is going on, filled where it certainly is."""
    y = top + (LANE - BAR) / 2
    outer = Rect(scale.x(onset.lo), y, max(scale.x(offset.hi) - scale.x(onset.lo), 1.5), BAR, Fill.UNCERTAIN)
    inner_lo, inner_hi = onset.hi, max(offset.lo, onset.hi)
    inner = Rect(scale.x(inner_lo), y, max(scale.x(inner_hi) - scale.x(inner_lo), 1.2), BAR, fill)
    return [outer, inner]


def _gaps(recording: ReportedRecording, scale: _Scale, top: float, height: float) -> list[Rect]:
    return [
        Rect(scale.x(gap.span.lo), top, max(scale.x(gap.span.hi) - scale.x(gap.span.lo), 0.8), height, Fill.GAP)
        for gap in recording.coverage.not_assessable
        if gap.span.hi > scale.span.lo and gap.span.lo < scale.span.hi
    ]


def _window(episode: Episode, told: Sequence[Strand], recording: ReportedRecording | None) -> Interval:
    """The episode and all its signs with a margin, inside the recording."""
    occurrences = [one for strand in told for one in strand.occurrences]
    lo = min([episode.onset_s.lo, *(one.onset_s.lo for one in occurrences)])
    hi = max([episode.offset_s.hi, *(one.offset_s.hi for one in occurrences)])
    margin = max((hi - lo) * 0.06, 1.0)
    end = recording.coverage.duration_s if recording is not None else hi + margin
    return Interval(max(lo - margin, 0.0), max(min(hi + margin, end), lo + 0.1))


def _ticks(scale: _Scale, bottom: float) -> list[Label]:
    step = next((one for one in _STEPS if scale.span.length_s / one <= _MAX_TICKS), _STEPS[-1])
    labels = []
    tick = -(-scale.span.lo // step) * step
    while tick <= scale.span.hi + 1e-6:
        text = clock(tick) if step < 1 else clock(tick)[:-2]
        x = min(max(scale.x(tick), scale.left + 8.0), scale.left + scale.width - 10.0)
        labels.append(Label(x, bottom + 11.0, text, 7.0, "middle"))
        tick += step
    return labels


def _lane_name(strand: Strand) -> str:
    name = title(strand.finding.sign)
    return f"{name}, {marked(strand.place)}" if strand.place else name


def _summary(view: EpisodeView, told: Sequence[Strand]) -> str:
    rows = "; ".join(
        f"{_lane_name(strand)} ({strand.finding.status.value}) from {clock(strand.first.onset_s.middle_s)}"
        for strand in told
    )
    return f"Timeline of {view.heading}: {view.bounds}. {rows or 'No sign shown'}."
