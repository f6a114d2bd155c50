"""Rule-based reasons to review soon (clinical rules: safety flags). Stored video is never an alarm.

Durations are counted generously (earliest onset to latest offset), because a flag asks a person to look and proves
nothing. Thresholds: convulsive movement 5 min and other seizures 10 min are the operational times after which a
seizure counts as status epilepticus (Trinka et al., Epilepsia 2015); 2 min is a highlight well beyond the usual length
of a bilateral tonic-clonic seizure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from schemas.case import PatientContext
from schemas.recording import Interval
from schemas.report import FlagKind, SafetyFlag
from schemas.semiology import Episode, EpisodeState, Finding, FindingStatus
from services.report.agegate import INFANT_YEARS, spasms_found
from services.report.wording import length

CONVULSIVE_SIGNS = frozenset(
    {
        "tonic",
        "clonic",
        "unilateral_clonic",
        "asymmetric_clonic_ending",
        "bilateral_tonic_clonic",
        "full_body_shaking",
    }
)
"""Signs that count as visible convulsive movement."""
FALL_SIGN = "atonic_fall"

HIGHLIGHT_S = 120.0
CONVULSIVE_S = 300.0
LONG_S = 600.0
JOIN_GAP_S = 10.0
"""Pauses up to this long do not end a convulsion: late clonic bursts come seconds apart."""
CLUSTER_EPISODES = 3
"""This many episodes in one case are a cluster (three seizures within 24 h is the usual adult definition)."""
CLUSTER_GAP_S = 1800.0
"""Two episodes closer than this in one recording are a cluster too (clinical judgement)."""

MOTIONLESS_MEASURE = "motionless_after_s"
"""Measure on a convulsive occurrence: seconds without any movement of the patient after it, as the engine saw it."""
PRONE_MEASURE = "prone_after"
"""Measure on a convulsive occurrence: 1 when the patient lay face down after it."""
MOTIONLESS_S = 30.0
"""From this long on (clinical judgement; stillness after a convulsion is common and still has to be looked at)."""


def safety_flags(episodes: Sequence[Episode], context: PatientContext) -> tuple[SafetyFlag, ...]:
    """All flags of a case, most urgent kind first within each episode; rejected episodes raise none."""
    standing = [episode for episode in episodes if episode.state is not EpisodeState.REJECTED]
    flags = [*_age_flags(standing, context)]
    for episode in standing:
        flags.extend(_episode_flags(episode))
    flags.extend(_cluster_flags(standing))
    return tuple(flags)


def _episode_flags(episode: Episode) -> Iterable[SafetyFlag]:
    convulsive_s = longest_convulsion_s(episode)
    whole_s = episode.offset_s.hi - episode.onset_s.lo
    if convulsive_s >= CONVULSIVE_S:
        text = f"Review now: visible convulsive movement for up to {length(convulsive_s)} (5 min or more)."
        yield SafetyFlag(FlagKind.CONVULSIVE_5_MIN, text, episode.id)
    elif convulsive_s >= HIGHLIGHT_S:
        text = f"Review now: visible convulsive movement for up to {length(convulsive_s)} (2 min or more)."
        yield SafetyFlag(FlagKind.CONVULSIVE_2_MIN, text, episode.id)
    if whole_s >= LONG_S and convulsive_s < CONVULSIVE_S:
        text = f"Review now: the episode goes on for up to {length(whole_s)} (10 min or more)."
        yield SafetyFlag(FlagKind.LONG_10_MIN, text, episode.id)
    if not episode.offset_captured:
        text = "Review now: the episode was still going on when the recording ended."
        yield SafetyFlag(FlagKind.OFFSET_NOT_CAPTURED, text, episode.id)
    yield from _stillness_flags(episode)
    if any(finding.sign == FALL_SIGN and _shown(finding) for finding in episode.findings):
        yield SafetyFlag(FlagKind.FALL, "Review now: a fall is present or possible.", episode.id)


def longest_convulsion_s(episode: Episode) -> float:
    """Seconds of the longest run of visible convulsive movement, stated or possible; short pauses are bridged."""
    spans = sorted(
        Interval(occurrence.onset_s.lo, occurrence.offset_s.hi)
        for finding in episode.findings
        if finding.sign in CONVULSIVE_SIGNS and _shown(finding)
        for occurrence in finding.occurrences
    )
    longest = 0.0
    run: Interval | None = None
    for span in spans:
        joined = run is not None and span.lo <= run.hi + JOIN_GAP_S
        run = Interval(run.lo, max(run.hi, span.hi)) if joined and run is not None else span
        longest = max(longest, run.length_s)
    return longest


def _stillness_flags(episode: Episode) -> Iterable[SafetyFlag]:
    measures = [
        measure
        for finding in episode.findings
        if finding.sign in CONVULSIVE_SIGNS and _shown(finding)
        for occurrence in finding.occurrences
        for measure in occurrence.measures
    ]
    still_s = max((measure.value for measure in measures if measure.name == MOTIONLESS_MEASURE), default=0.0)
    prone = any(measure.value > 0 for measure in measures if measure.name == PRONE_MEASURE)
    if prone:
        text = "Review now: the patient seems to lie face down after convulsive movement."
        yield SafetyFlag(FlagKind.PRONE_OR_MOTIONLESS, text, episode.id)
    elif still_s >= MOTIONLESS_S:
        text = f"Review now: no movement was measured for {length(still_s)} after convulsive movement."
        yield SafetyFlag(FlagKind.PRONE_OR_MOTIONLESS, text, episode.id)


def _cluster_flags(episodes: Sequence[Episode]) -> Iterable[SafetyFlag]:
    close = any(
        earlier.recording_id == later.recording_id and later.onset_s.lo - earlier.offset_s.hi < CLUSTER_GAP_S
        for earlier, later in pairwise(sorted(episodes, key=lambda one: (one.recording_id, one.onset_s.lo)))
    )
    if len(episodes) >= CLUSTER_EPISODES or close:
        text = f"Review now: {len(episodes)} episodes in this case; this may be a cluster."
        yield SafetyFlag(FlagKind.CLUSTER, text)


def _age_flags(episodes: Sequence[Episode], context: PatientContext) -> Iterable[SafetyFlag]:
    young = context.age_years is not None and context.age_years < INFANT_YEARS
    spasms = context.suspected_spasms or spasms_found(episodes)
    if young or spasms:
        cause = "epileptic spasms are suspected" if spasms else f"the patient is younger than {INFANT_YEARS} years"
        text = f"Review now: {cause}; no findings are given; urgent specialist review."
        yield SafetyFlag(FlagKind.AGE_OR_SPASMS, text)


def _shown(finding: Finding) -> bool:
    return finding.status in {FindingStatus.PRESENT, FindingStatus.POSSIBLE}
