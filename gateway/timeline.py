"""Geometry of the timelines on the case page: where each episode, gap and occurrence is drawn.

Positions are in the units of an SVG of `WIDTH` by the lanes' heights; nothing here is in pixels of a screen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from schemas.recording import Interval
from schemas.report import ReportedRecording
from schemas.semiology import Episode, FindingStatus, Occurrence

WIDTH = 1000.0
"""Width of a drawing."""
LABEL_WIDTH = 210.0
"""Part of it that holds the lanes' names."""
LANE_HEIGHT = 30.0
"""Height of one lane."""
AXIS_HEIGHT = 26.0
"""Height of the line with the seconds."""
_LEAD_S = 5.0
"""Shown before an episode's onset and after its end."""
_MOST_TICKS = 10
_STEPS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Bar:
    """One span in a lane: what surely belongs to it, and around that how far it may reach."""

    kind: str
    """``episode``, ``gap``, or the status of the finding: ``present`` or ``possible``."""
    label: str
    """What it is, in words, for people and screen readers."""
    start_s: float
    """Where a player jumps to."""
    end_s: float
    """Where a player may stop."""
    x: float
    """Left edge of the core."""
    width: float
    """Width of the core; at least enough to be seen and hit."""
    outer_x: float
    """Left edge of the uncertainty."""
    outer_width: float
    """Width of the uncertainty."""
    open_left: bool = False
    """It was already going on when the picture began."""
    open_right: bool = False
    """It was still going on when the picture ended."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One row."""

    name: str
    y: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the line with the seconds."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A whole drawing."""

    recording_id: str
    start_s: float
    end_s: float
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    height: float


@dataclass(frozen=True, slots=True)
class _Scale:
    start_s: float
    end_s: float

    def x(self, time_s: float) -> float:
        inside = min(max(time_s, self.start_s), self.end_s)
        return LABEL_WIDTH + (inside - self.start_s) / (self.end_s - self.start_s) * (WIDTH - LABEL_WIDTH)

    def ticks(self) -> tuple[Tick, ...]:
        length = self.end_s - self.start_s
        step = next((step for step in _STEPS_S if length / step <= _MOST_TICKS), _STEPS_S[-1])
        first = math.ceil(self.start_s / step)
        return tuple(
            Tick(self.x(number * step), clock(number * step)) for number in range(first, int(self.end_s / step) + 1)
        )

    def bar(self, kind: str, label: str, onset: Interval, offset: Interval, *, left: bool, right: bool) -> Bar:
        core_from, core_to = max(onset.middle_s, self.start_s), max(offset.middle_s, onset.middle_s, self.start_s)
        x, outer_x = self.x(core_from), self.x(onset.lo)
        return Bar(
            kind, label, core_from, core_to, x, max(self.x(core_to) - x, 4.0), outer_x,
            max(self.x(offset.hi) - outer_x, 4.0), left or onset.hi < self.start_s, right,
        )  # fmt: skip


def clock(time_s: float) -> str:
    """``72.5`` as ``1:12.5``; whole seconds without a fraction."""
    minutes, seconds = divmod(round(time_s * 10) / 10, 60)
    text = f"{seconds:04.1f}" if seconds % 1 else f"{seconds:02.0f}"
    return f"{minutes:.0f}:{text}"


def overview(recorded: ReportedRecording, episodes: tuple[Episode, ...], reasons: dict[str, str]) -> Timeline:
    """The whole recording: its candidate episodes and the spans that could not be judged, with the reason in words."""
    scale = _Scale(0.0, max(recorded.coverage.duration_s, 0.1))
    found = tuple(
        scale.bar("episode", _episode_label(episode), episode.onset_s, episode.offset_s,
                  left=not episode.onset_captured, right=not episode.offset_captured)
        for episode in episodes
    )  # fmt: skip
    gaps = tuple(
        scale.bar("gap", f"Not assessable from {clock(gap.span.lo)} to {clock(gap.span.hi)}: {reasons[gap.reason]}",
                  Interval(gap.span.lo, gap.span.lo), Interval(gap.span.hi, gap.span.hi), left=False, right=False)
        for gap in recorded.coverage.not_assessable
    )  # fmt: skip
    return _timeline(recorded.recording.id, scale, [("Could not be judged", gaps), ("Candidate episodes", found)])


def of_episode(episode: Episode, duration_s: float, titles: dict[str, str], sides: dict[str, str]) -> Timeline:
    """One episode, a lane per sign that was present or possible, in the order of their onsets."""
    scale = _Scale(*_window(episode, duration_s))
    rows = []
    for finding in episode.findings:
        if finding.status not in {FindingStatus.PRESENT, FindingStatus.POSSIBLE} or not finding.occurrences:
            continue
        title = titles[finding.sign]
        bars = tuple(
            scale.bar(finding.status, _occurrence_label(title, finding.status, one, sides[one.id]), one.onset_s,
                      one.offset_s, left=one.censored_left, right=one.censored_right)
            for one in finding.occurrences
        )  # fmt: skip
        rows.append((min(bar.start_s for bar in bars), title, bars))
    rows.sort(key=lambda row: row[0])
    span = scale.bar("episode", _episode_label(episode), episode.onset_s, episode.offset_s,
                     left=not episode.onset_captured, right=not episode.offset_captured)  # fmt: skip
    return _timeline(episode.recording_id, scale, [("Episode", (span,)), *((title, bars) for _, title, bars in rows)])


def _window(episode: Episode, duration_s: float) -> tuple[float, float]:
    """The episode and what follows it, such as post-ictal signs, with a little around. What was before may be long."""
    ends = [one.offset_s.hi for finding in episode.findings for one in finding.occurrences]
    start_s = max(0.0, episode.onset_s.lo - _LEAD_S)
    return start_s, max(min(duration_s, max(episode.offset_s.hi, *ends, 0.0) + _LEAD_S), start_s + 1.0)


def _timeline(recording_id: str, scale: _Scale, rows: list[tuple[str, tuple[Bar, ...]]]) -> Timeline:
    lanes = tuple(Lane(name, number * LANE_HEIGHT, bars) for number, (name, bars) in enumerate(rows))
    height = len(lanes) * LANE_HEIGHT + AXIS_HEIGHT
    return Timeline(recording_id, scale.start_s, scale.end_s, lanes, scale.ticks(), height)


def _episode_label(episode: Episode) -> str:
    start = f"from {clock(episode.onset_s.middle_s)}" if episode.onset_captured else "from before the recording"
    end = f"to {clock(episode.offset_s.middle_s)}" if episode.offset_captured else "to beyond the recording"
    return f"Candidate episode {episode.id}, {start} {end}"


def _occurrence_label(title: str, status: FindingStatus, one: Occurrence, side: str) -> str:
    parts = [title, status.replace("_", " "), side, f"{clock(one.onset_s.middle_s)} to {clock(one.offset_s.middle_s)}"]
    return ", ".join(part for part in parts if part)
