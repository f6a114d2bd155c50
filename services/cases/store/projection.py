"""Episodes, findings and occurrences of a run as rows, so that they can be asked for in SQL."""

from __future__ import annotations

from schemas.recording import Interval
from schemas.semiology import Episode, Finding, Occurrence
from services.cases.store.database import Connection
from services.cases.store.steps import Claim

_EPISODE = (
    "run_id id site_id case_id recording_id score onset_lo_s onset_hi_s offset_lo_s offset_hi_s "
    "onset_captured offset_captured source state state_before eeg_onset_lo_s eeg_onset_hi_s "
    "clinical_onset_lo_s clinical_onset_hi_s first_visible_sign_lo_s first_visible_sign_hi_s first_sign "
)
_FINDING = (
    "run_id episode_id id site_id sign status reason score calibrated assessable_s episode_s engine "
    "engine_version engine_digest view catalogue_version "
)
_OCCURRENCE = (
    "run_id finding_id id site_id sign onset_lo_s onset_hi_s offset_lo_s offset_hi_s side side_refers_to "
    "side_confirmed body_part phase score censored_left censored_right touched_by_staff author "
)


def write(connection: Connection, held: Claim, episodes: tuple[Episode, ...]) -> None:
    """Write episodes, findings and occurrences of a run as rows, replacing what stood there."""
    connection.execute("DELETE FROM episode WHERE run_id = %s", (held.run_id,))
    found = [(episode, finding) for episode in episodes for finding in episode.findings]
    instances = [(finding, occurrence) for _, finding in found for occurrence in finding.occurrences]
    with connection.cursor() as cursor:
        cursor.executemany(_insert("episode", _EPISODE), [_episode_row(held, episode) for episode in episodes])
        cursor.executemany(_insert("finding", _FINDING), [_finding_row(held, *pair) for pair in found])
        cursor.executemany(_insert("occurrence", _OCCURRENCE), [_occurrence_row(held, *pair) for pair in instances])


def _insert(table: str, columns: str) -> str:
    names = columns.split()
    places = ", ".join(["%s"] * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - names of ours


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (interval.lo, interval.hi)


def _episode_row(held: Claim, episode: Episode) -> tuple[object, ...]:
    return (
        held.run_id,
        episode.id,
        held.site_id,
        held.case_id,
        episode.recording_id,
        episode.score,
        *_ends(episode.onset_s),
        *_ends(episode.offset_s),
        episode.onset_captured,
        episode.offset_captured,
        episode.source,
        episode.state,
        episode.state_before,
        *_ends(episode.eeg_onset_s),
        *_ends(episode.clinical_onset_s),
        *_ends(episode.first_visible_sign_s),
        episode.order.first_sign if episode.order else "",
    )


def _finding_row(held: Claim, episode: Episode, finding: Finding) -> tuple[object, ...]:
    engine = finding.engine
    return (
        held.run_id,
        episode.id,
        finding.id,
        held.site_id,
        finding.sign,
        finding.status,
        finding.reason,
        finding.score,
        finding.calibrated,
        finding.assessable_s,
        finding.episode_s,
        *((engine.name, engine.version, engine.digest) if engine else ("", "", "")),
        finding.view,
        finding.catalogue_version,
    )


def _occurrence_row(held: Claim, finding: Finding, occurrence: Occurrence) -> tuple[object, ...]:
    return (
        held.run_id,
        finding.id,
        occurrence.id,
        held.site_id,
        occurrence.sign,
        *_ends(occurrence.onset_s),
        *_ends(occurrence.offset_s),
        occurrence.side,
        occurrence.side_refers_to,
        occurrence.side_confirmed,
        occurrence.body_part,
        occurrence.phase,
        occurrence.score,
        occurrence.censored_left,
        occurrence.censored_right,
        occurrence.touched_by_staff,
        occurrence.author,
    )
