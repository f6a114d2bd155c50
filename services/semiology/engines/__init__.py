"""What an engine that judges signs looks like, and what it may see.

An engine never sees the patient's history: it gets the recording, what intake measured, and the segmentation. It names
the signs it can answer for, says `not assessable` with a reason rather than guess, and gives scores, no probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from schemas.engine import EngineInfo
from schemas.recording import IntakeResult, Interval, Recording
from schemas.segmentation import BodyPart, Segmentation, View, ViewKind
from schemas.semiology import CoverageGap, Measure, Reason, Side, StateBefore
from services.media.masks import MaskTrack
from services.media.tracks import Track

Report = Callable[[float, str, str], None]
"""Tells how far the work is: fraction 0-1, stage, a few words."""


@dataclass(frozen=True, slots=True)
class LocalView:
    """A view that lies on this machine while the recording is studied."""

    view: View
    """What it is, and where it shows nothing that can be judged."""
    path: Path
    """The media: a video on the proxy's clock, sound, or a transcript."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an engine may look at."""

    recording: Recording
    """What was sent in."""
    intake: IntakeResult
    """Measured facts; the proxy's time 0 is the recording's first frame."""
    segmentation: Segmentation
    """Where the patient is."""
    proxy: Path
    """Local copy of the proxy."""
    masks: MaskTrack | None
    """Masks over time; none when segmentation left none."""
    open_view: Callable[[ViewKind], LocalView | None] = lambda _: None
    """Brings a view here that segmentation made; none when it made none of that kind."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A span that may be a seizure."""

    onset_s: Interval
    """First visible change."""
    offset_s: Interval
    """End."""
    onset_captured: bool
    """False: it was going on when the recording began."""
    offset_captured: bool
    """False: it was still going on when the recording ended."""
    score: float
    """0-1; no probability."""
    rationale: str
    """Why, in words with the measured numbers."""
    state_before: StateBefore = StateBefore.UNKNOWN
    """Awake, apparently asleep or unknown."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One instance of a sign; becomes an occurrence when the service gives it a name and a phase."""

    onset_s: Interval
    """Onset with its uncertainty."""
    offset_s: Interval
    """Offset with its uncertainty."""
    score: float
    """0-1; no probability."""
    side: Side = Side.UNDETERMINED
    """The patient's side, mirroring already undone where it is known."""
    side_inferred: bool = False
    """Left and right were not seen but inferred: the side is shown, and a reviewer has to confirm it."""
    body_part: BodyPart = BodyPart.UNSPECIFIED
    """What moves or postures."""
    rationale: str = ""
    """Why, in words with the measured numbers."""
    measures: tuple[Measure, ...] = ()
    """The numbers."""
    censored_left: bool = False
    """It was going on when assessable video began."""
    censored_right: bool = False
    """It was still going on when assessable video ended."""
    touched_by_staff: bool = False
    """Somebody touched the part meanwhile."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine says of one sign in one episode."""

    sign: str
    """Catalogue id."""
    sightings: tuple[Sighting, ...] = ()
    """Instances in time order; empty with `assessable_s` > 0: it looked and saw none."""
    assessable_s: float = 0.0
    """Seconds of the episode in which it could judge; 0: not assessable."""
    reason: Reason = Reason.NONE
    """Why it could not judge."""
    reason_text: str = ""
    """The same in one sentence with the offending value."""
    score: float = 0.0
    """0-1: highest score seen, also when no sighting came of it."""
    view: ViewKind = ViewKind.FULL_FRAME
    """What it looked at."""


class Study(Protocol):
    """What an engine made of one recording."""

    def gaps(self) -> tuple[CoverageGap, ...]:
        """Spans in which it could not judge movement."""
        ...

    def proposals(self) -> tuple[Proposal, ...]:
        """Candidate seizures in time order; empty for engines that only answer for signs."""
        ...

    def answers(self, episode: Proposal) -> tuple[Answer, ...]:
        """One answer for each sign that the engine claims to answer for."""
        ...

    def tracks(self) -> tuple[Track, ...]:
        """Scores over time; NaN where not assessable."""
        ...


@runtime_checkable
class Engine(Protocol):
    """An implementation that can judge signs; chosen by ``module:Class`` in the settings."""

    def info(self) -> EngineInfo:
        """Identity, with the signs it can answer for."""
        ...

    def load(self) -> None:
        """Make ready (weights); called once per process before the first study."""
        ...

    def study(self, evidence: Evidence, report: Report) -> Study:
        """Look at one recording. Raises `UnreadableMediaError` when the proxy cannot be decoded."""
        ...
