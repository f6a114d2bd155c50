"""What people enter for a case: tests, interventions, and reads, which are their reader's until they are closed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from psycopg.types.json import Jsonb

from schemas.errors import InvalidRequestError, NotFoundError, StateConflictError
from schemas.recording import Interval
from schemas.semiology import Author, Episode, EpisodeSource, Finding, Intervention, Occurrence, Read, Test
from services.cases.store.database import Connection
from services.runtime import convert


@dataclass(frozen=True, slots=True)
class Entries:
    """Everything that people entered for a case."""

    tests: tuple[Test, ...]
    interventions: tuple[Intervention, ...]
    reads: tuple[Read, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """What a reader says when they begin to read."""

    reader: str
    role: str
    blinded_to_ai: bool
    blinded_to_eeg: bool
    blinded_to_history: bool


def of_case(connection: Connection, case_id: str, reader: str | None = None) -> Entries:
    """What was entered for a case: closed reads only, and the open one of ``reader``."""
    tests = connection.execute(
        "SELECT id, recording_id, kind, at_lo_s, at_hi_s, prompt, response, entered_by FROM test"
        " WHERE case_id = %s ORDER BY recording_id, at_lo_s, created_at, id",
        (case_id,),
    )
    interventions = connection.execute(
        "SELECT id, recording_id, kind, at_lo_s, at_hi_s, entered_by FROM intervention"
        " WHERE case_id = %s ORDER BY recording_id, at_lo_s, created_at, id",
        (case_id,),
    )
    reads = connection.execute(
        f"SELECT {_READ} FROM \"read\" WHERE case_id = %s AND (finished_at <> '' OR reader = %s)"  # noqa: S608
        " ORDER BY started_at, id",
        (case_id, reader),
    )
    return Entries(
        tuple(convert.from_plain(Test, _with_interval(row)) for row in tests),
        tuple(convert.from_plain(Intervention, _with_interval(row)) for row in interventions),
        tuple(convert.from_plain(Read, row) for row in reads),
    )


def add_test(connection: Connection, case_id: str, test: Test) -> Test:
    """Add one item of testing; it gets the next id. Raises NotFoundError, InvalidRequestError."""
    site_id, number = _next(connection, case_id, "test")
    _require_entry(connection, case_id, test)
    added = replace(test, id=f"t{number}")
    connection.execute(
        "INSERT INTO test (case_id, id, site_id, recording_id, kind, at_lo_s, at_hi_s, prompt, response, entered_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (case_id, added.id, site_id, added.recording_id, added.kind, *added.at_s, added.prompt, added.response,
         added.entered_by),
    )  # fmt: skip
    return added


def add_intervention(connection: Connection, case_id: str, intervention: Intervention) -> Intervention:
    """Add one intervention; it gets the next id. Raises NotFoundError, InvalidRequestError."""
    site_id, number = _next(connection, case_id, "intervention")
    _require_entry(connection, case_id, intervention)
    added = replace(intervention, id=f"i{number}")
    connection.execute(
        "INSERT INTO intervention (case_id, id, site_id, recording_id, kind, at_lo_s, at_hi_s, entered_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (case_id, added.id, site_id, added.recording_id, added.kind, *added.at_s, added.entered_by),
    )
    return added


def start_read(connection: Connection, case_id: str, opening: Opening) -> Read:
    """Open a read. Raises NotFoundError; StateConflictError when its reader has one open or is no longer blinded."""
    site_id, number = _next(connection, case_id, "read")
    open_one = connection.execute(
        "SELECT id FROM \"read\" WHERE case_id = %s AND reader = %s AND finished_at = ''", (case_id, opening.reader)
    ).fetchone()
    if open_one is not None:
        raise StateConflictError(f"the reader's {open_one['id']} is still open; close it before another is begun")
    if opening.blinded_to_ai and _saw_report(connection, case_id, opening.reader):
        raise StateConflictError("the reader has already fetched this case's report, so they are not blinded to the AI")
    row = connection.execute(
        f"""
        INSERT INTO "read" (case_id, id, site_id, reader, role, blinded_to_ai, blinded_to_eeg, blinded_to_history,
                            started_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, {_NOW}) RETURNING {_READ}
        """,  # noqa: S608
        (case_id, f"read{number}", site_id, opening.reader, opening.role, opening.blinded_to_ai,
         opening.blinded_to_eeg, opening.blinded_to_history),
    ).fetchone()  # fmt: skip
    return convert.from_plain(Read, row)


def save_read(
    connection: Connection, case_id: str, reader: str, read_id: str, episodes: Iterable[Episode], *, close: bool
) -> Read:
    """Replace the marks of the reader's open read, and close it if asked to.

    Raises NotFoundError (also for the read of somebody else), StateConflictError for a closed one, InvalidRequestError
    for marks outside of the case's recordings.
    """
    known = connection.execute(
        'SELECT reader, finished_at FROM "read" WHERE case_id = %s AND id = %s FOR NO KEY UPDATE', (case_id, read_id)
    ).fetchone()
    if known is None or known["reader"] != reader:
        raise NotFoundError("the caller has no such read in this case")
    if known["finished_at"]:
        raise StateConflictError(f"{read_id} is closed; a closed read is never changed, a further one can be started")
    marks = [_own(connection, case_id, read_id, number, episode) for number, episode in enumerate(episodes, 1)]
    row = connection.execute(
        f"""
        UPDATE "read" SET episodes = %(marks)s, finished_at = CASE WHEN %(close)s THEN {_NOW} ELSE '' END,
               blinded_to_ai = blinded_to_ai AND NOT %(saw)s
         WHERE case_id = %(case)s AND id = %(id)s RETURNING {_READ}
        """,  # noqa: S608
        {
            "marks": Jsonb([convert.to_plain(mark) for mark in marks]),
            "close": close,
            "saw": _saw_report(connection, case_id, reader),
            "case": case_id,
            "id": read_id,
        },
    ).fetchone()
    return convert.from_plain(Read, row)


_READ = "id, reader, role, blinded_to_ai, blinded_to_eeg, blinded_to_history, started_at, finished_at, episodes"
_NOW = """to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""


def _next(connection: Connection, case_id: str, table: str) -> tuple[str, int]:
    """Site of the case, which is locked, and the number of its next entry. Raises NotFoundError."""
    case = connection.execute('SELECT site_id FROM "case" WHERE id = %s FOR NO KEY UPDATE', (case_id,)).fetchone()
    if case is None:
        raise NotFoundError(f"there is no case {case_id}")
    row = connection.execute(
        f'SELECT count(*) + 1 AS number FROM "{table}" WHERE case_id = %s',  # noqa: S608 - a table of ours
        (case_id,),
    ).fetchone()
    assert row is not None
    return case["site_id"], row["number"]


def _require_entry(connection: Connection, case_id: str, entry: Test | Intervention) -> None:
    if not entry.kind.strip():
        raise InvalidRequestError("the entry has no kind; it must say what was done")
    _require_place(connection, case_id, entry.recording_id, (entry.at_s,))


def _require_place(connection: Connection, case_id: str, recording_id: str, times: Iterable[Interval]) -> None:
    """Raises InvalidRequestError unless the times lie in a recording of the case."""
    row = connection.execute(
        "SELECT (facts ->> 'duration_s')::float8 AS duration_s FROM recording WHERE case_id = %s AND id = %s",
        (case_id, recording_id),
    ).fetchone()
    if row is None:
        raise InvalidRequestError(f"the case has no recording {recording_id[:20]!r}")
    longest = math.inf if row["duration_s"] is None else row["duration_s"]
    for lo, hi in times:
        if not (0 <= lo <= hi <= longest and math.isfinite(hi)):
            end = "" if math.isinf(longest) else f", which lasts {longest:g} s"
            raise InvalidRequestError(f"{lo:g} to {hi:g} s is no time in recording {recording_id}{end}")


def _saw_report(connection: Connection, case_id: str, actor: str) -> bool:
    """Whether the audit says that somebody fetched a report of the case."""
    row = connection.execute(
        "SELECT FROM audit WHERE case_id = %s AND actor = %s AND method = 'GetReport' AND outcome = 'ok' LIMIT 1",
        (case_id, actor),
    ).fetchone()
    return row is not None


def _own(connection: Connection, case_id: str, read_id: str, number: int, episode: Episode) -> Episode:
    """The episode as a mark of this read: ids that no other read or engine has, author and source as they are."""
    found = [occurrence for finding in episode.findings for occurrence in finding.occurrences]
    times = [episode.onset_s, episode.offset_s, *(time for one in found for time in (one.onset_s, one.offset_s))]
    _require_place(connection, case_id, episode.recording_id, times)
    episode_id = f"{read_id}-{episode.recording_id}-e{number}"
    findings = tuple(_own_finding(episode_id, finding) for finding in episode.findings)
    if len({finding.sign for finding in findings}) < len(findings):
        raise InvalidRequestError("an episode has two findings for one sign; give the sign's occurrences in one")
    return replace(episode, id=episode_id, source=EpisodeSource.HUMAN, findings=findings, order=None)


def _own_finding(episode_id: str, finding: Finding) -> Finding:
    name = f"{episode_id}-{finding.sign}"
    occurrences = tuple(_own_occurrence(name, finding.sign, *one) for one in enumerate(finding.occurrences, 1))
    return replace(finding, id=name, engine=None, calibrated=False, score=None, occurrences=occurrences)


def _own_occurrence(finding_id: str, sign: str, number: int, occurrence: Occurrence) -> Occurrence:
    return replace(occurrence, id=f"{finding_id}-{number}", sign=sign, author=Author.READ)


def _with_interval(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: value for name, value in row.items() if not name.startswith("at_")},
        "at_s": (row["at_lo_s"], row["at_hi_s"]),
    }
