"""What a model made of one recording: scores per sign and window, and from them answers and tracks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from schemas.catalogue import Sign
from schemas.recording import Interval
from schemas.segmentation import StaffContact, ViewKind
from schemas.semiology import CoverageGap, Phase, Reason
from services.media.tracks import Track
from services.semiology.engines import Answer, Proposal, Sighting
from services.semiology.engines.vlm.track import STEP_S, Scored, Values, sightings_of, track_of
from services.semiology.engines.vlm.windows import Lost, overlap_s

POST_ICTAL_S = 60.0
"""Signs that can begin after a seizure are looked for this long after its end. Clinical judgement."""
MEMBER_SHARE = 0.5
"""Share of a sighting, or of the episode where that is shorter, that lies in the episode."""
BEFORE_SHARE = 0.9
"""Share of the time before an onset that has to be assessable where a sign needs the patient to have been watched."""
NO_WORDS = Lost(Interval(0.0, 0.0), Reason.TOO_SHORT, "No window of the episode was asked about.")


@dataclass(frozen=True)
class SignScores:
    """All that was asked about one sign, on the grid of the recording."""

    sign: Sign
    """Which."""
    time_s: Values
    """(n,) the grid, seconds from the recording's first frame."""
    windows: tuple[Scored, ...]
    """Answers in time order."""
    view: ViewKind
    """What most of them looked at."""
    lost: tuple[Lost, ...]
    """Spans and windows that were not judged, with reasons."""
    blocked: tuple[Interval, ...]
    """Of these, spans that no window may speak for."""

    @cached_property
    def values(self) -> Values:
        """(n,) score at each instant; NaN where not assessable."""
        return track_of(self.time_s, self.windows, self.blocked, self.sign)

    @cached_property
    def sightings(self) -> tuple[Sighting, ...]:
        """Instances over the whole recording."""
        return sightings_of(self.time_s, self.values, self.windows, self.sign)

    def assessable_s(self, span: Interval) -> float:
        """Seconds of a span in which it could be judged."""
        inside = (self.time_s >= span.lo - STEP_S / 2) & (self.time_s < span.hi - STEP_S / 2)
        return min(STEP_S * int(np.isfinite(self.values[inside]).sum()), max(0.0, span.length_s))

    def peak(self, span: Interval) -> float:
        """Highest score in a span; 0 where nothing could be judged."""
        inside = self.values[(self.time_s >= span.lo - STEP_S) & (self.time_s <= span.hi)]
        judged = inside[np.isfinite(inside)]
        return float(judged.max()) if len(judged) else 0.0

    def worst(self, span: Interval) -> Lost:
        """What kept most of a span from being judged."""
        return max(self.lost, key=lambda one: overlap_s(one.span, span), default=NO_WORDS)


class VlmStudy:
    """What the engine made of one recording; keeps numbers only, no pictures."""

    def __init__(
        self, scores: Sequence[SignScores], contacts: Sequence[StaffContact], gaps: Sequence[CoverageGap]
    ) -> None:
        self._scores, self._gaps = tuple(scores), tuple(gaps)
        self._contacts = tuple(contacts)

    def gaps(self) -> tuple[CoverageGap, ...]:
        """Spans in which no sign could be judged; what differs from sign to sign stands in the answers."""
        return self._gaps

    def proposals(self) -> tuple[Proposal, ...]:
        """None: this engine answers for signs in episodes that others propose."""
        return ()

    def answers(self, episode: Proposal) -> tuple[Answer, ...]:
        """One answer per sign that was asked about."""
        return tuple(self._answer(scores, episode) for scores in self._scores)

    def tracks(self) -> tuple[Track, ...]:
        """Scores per sign; NaN where not assessable."""
        return tuple(Track(scores.sign.id, scores.time_s, scores.values) for scores in self._scores)

    def _answer(self, scores: SignScores, episode: Proposal) -> Answer:
        sign = scores.sign
        span = Interval(episode.onset_s.middle_s, max(episode.onset_s.middle_s, episode.offset_s.middle_s))
        unwatched = _unwatched_before(scores, episode)
        if unwatched is not None:
            return Answer(sign.id, reason=unwatched.reason, reason_text=unwatched.text, view=scores.view)
        assessable_s = scores.assessable_s(span)
        if assessable_s <= 0:
            worst = scores.worst(span)
            return Answer(sign.id, reason=worst.reason, reason_text=worst.text, view=scores.view)
        sightings = tuple(self._members(scores, episode))
        best = max((s.score for s in sightings), default=scores.peak(_reach(sign, episode)))
        return Answer(sign.id, sightings, assessable_s, score=best, view=scores.view)

    def _members(self, scores: SignScores, episode: Proposal) -> Iterator[Sighting]:
        """Sightings that lie in an episode, or beside it where the sign looks at the time before or after."""
        span = _reach(scores.sign, episode)
        for seen in scores.sightings:
            its = Interval(seen.onset_s.middle_s, max(seen.onset_s.middle_s, seen.offset_s.middle_s))
            shorter_s = min(its.length_s, span.length_s)
            if overlap_s(its, span) >= MEMBER_SHARE * shorter_s:
                yield self._noted(seen)

    def _noted(self, seen: Sighting) -> Sighting:
        """A sighting with contact by staff noted."""
        when = Interval(seen.onset_s.lo, seen.offset_s.hi)
        if not any(overlap_s(contact.span, when) > 0 for contact in self._contacts):
            return seen
        return replace(seen, touched_by_staff=True, rationale=f"{seen.rationale} Staff touch the patient meanwhile.")


def _reach(sign: Sign, episode: Proposal) -> Interval:
    """Where a sign of an episode may lie: some are about how the patient was before, some begin afterwards."""
    late_s = POST_ICTAL_S if Phase.POST_ICTAL in sign.phases else 0.0
    return Interval(max(0.0, episode.onset_s.lo - sign.needs_before_s), episode.offset_s.hi + late_s)


def _unwatched_before(scores: SignScores, episode: Proposal) -> Lost | None:
    """Why a sign that needs the patient to have been watched before cannot be judged; none when it can."""
    needed_s = scores.sign.needs_before_s
    if needed_s <= 0:
        return None
    before = Interval(max(0.0, episode.onset_s.lo - needed_s), episode.onset_s.lo)
    if not episode.onset_captured:
        text = "The recording begins during the episode; the time before it was not seen."
        return Lost(before, Reason.ONSET_NOT_CAPTURED, text)
    seen_s = scores.assessable_s(before)
    if seen_s >= BEFORE_SHARE * needed_s:
        return None
    text = f"{seen_s:.0f} s before the onset could be judged; this sign needs {needed_s:.0f} s."
    return Lost(before, Reason.NO_PRECEDING_ACTIVITY, text)
