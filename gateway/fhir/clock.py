"""Wall-clock times of a recording, where a clock can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from gateway.fhir.coding import DATA_ABSENT_EXTENSION, Json
from gateway.fhir.site import SiteProfile
from schemas.errors import InvalidRequestError
from schemas.recording import AnchorSource, ClockAnchor, Recording, RecordingFacts, Tri

_CODES = {AnchorSource.CONTAINER: "container-metadata"}
NO_CLOCK = "none"
"""Value of the recording-clock extension when no wall-clock time is given."""


def instant(text: str, zone: tzinfo, *, milliseconds: bool = False) -> str:
    """An RFC 3339 instant in the site's zone. Raises `InvalidRequestError` when it has no offset or cannot be read."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequestError("an instant of the report cannot be read; it must be RFC 3339") from error
    if moment.tzinfo is None:
        raise InvalidRequestError(f"the instant {text!r} has no offset; it must be RFC 3339 with one")
    return moment.astimezone(zone).isoformat(timespec="milliseconds" if milliseconds else "seconds")


@dataclass(frozen=True, slots=True)
class RecordingClock:
    """Turns seconds from the first frame into wall-clock time, or says that it cannot."""

    anchor: ClockAnchor | None
    """The anchor that is used; none: no wall-clock times."""
    start_us: int
    """Presentation time of the first frame, microseconds."""
    zone: tzinfo
    """Zone in which times are written."""

    @property
    def code(self) -> str:
        """Value of the recording-clock extension."""
        if self.anchor is None:
            return NO_CLOCK
        return _CODES.get(self.anchor.source, self.anchor.source.value)

    def at(self, time_s: float) -> str | None:
        """Instant of a time in the recording (seconds from the first frame), milliseconds; none without a clock."""
        if self.anchor is None:
            return None
        after = timedelta(seconds=time_s, microseconds=self.start_us - self.anchor.pts_us)
        moment = datetime.fromisoformat(self.anchor.at) + after
        return moment.astimezone(self.zone).isoformat(timespec="milliseconds")

    def period(self, start_s: float, end_s: float) -> Json:
        """A Period; without a clock one that says that the times are unknown."""
        start, end = self.at(start_s), self.at(end_s)
        if start is None or end is None:
            return unknown_period()
        return {"start": start, "end": end}


def unknown_period() -> Json:
    """A Period that says that its times are unknown."""
    return {"extension": [{"url": DATA_ABSENT_EXTENSION, "valueCode": "unknown"}]}


def clock_of(recording: Recording, facts: RecordingFacts, site: SiteProfile) -> RecordingClock:
    """The clock of a recording: its best trusted anchor.

    None is used for slow-motion or edited video, where playing time is no elapsed time.
    """
    retimed = Tri.YES in {facts.slow_motion, facts.edited}
    usable = [] if retimed else [one for one in (*recording.anchors, *facts.anchors) if _trusted(one, site)]
    best = min(usable, key=lambda one: (site.trusted_clocks.index(one.source), one.uncertainty_ms), default=None)
    return RecordingClock(anchor=best, start_us=facts.start_us, zone=site.zone)


def _trusted(anchor: ClockAnchor, site: SiteProfile) -> bool:
    known = anchor.source in site.trusted_clocks and anchor.uncertainty_ms <= site.max_clock_uncertainty_ms
    return known and _has_offset(anchor.at)


def _has_offset(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
