"""Results of steps: immutable, found again by key; and what is written beside them when a step ends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.protobuf.message import Message
from ictogram.model.v1 import recording_pb2, report_pb2, segmentation_pb2, semiology_pb2
from psycopg.types.json import Jsonb

from schemas.case import StepName
from schemas.errors import NotFoundError
from schemas.recording import RecordingFacts
from schemas.report import LocalizationResult
from services.cases.settings import Destination
from services.cases.store import objects, outbox, projection, runs, steps
from services.cases.store.database import Connection
from services.cases.store.steps import Claim
from services.runtime import convert

RESULTS: Mapping[StepName, type[Message]] = {
    StepName.INTAKE: recording_pb2.IntakeResult,
    StepName.SEGMENTATION: segmentation_pb2.Segmentation,
    StepName.SEMIOLOGY: semiology_pb2.SemiologyResult,
    StepName.LOCALIZATION: report_pb2.LocalizationResult,
    StepName.REPORT: report_pb2.ReportFiles,
}
"""The message that each step ends with."""


@dataclass(frozen=True, slots=True)
class Edition:
    """Which report version a run writes; fixed once, so that a second try writes the same bytes."""

    report_id: str
    version: int
    created_at: str


def find(connection: Connection, site_id: str, key: str) -> bytes | None:
    """The stored result under a key."""
    row = connection.execute(
        "SELECT content FROM step_result WHERE site_id = %s AND key = %s", (site_id, key)
    ).fetchone()
    return None if row is None else bytes(row["content"])


def find_whole(connection: Connection, site_id: str, key: str) -> tuple[str, bytes | None]:
    """The stored result for a key, if its objects are still there; and the key to store under where there is none.

    A result is never changed, so one whose objects were or will be deleted keeps its key, and its question is asked
    again under a key that follows from it.
    """
    while (content := find(connection, site_id, key)) is not None:
        spent = connection.execute(
            "SELECT FROM result_object u JOIN object o ON o.uri = u.uri"
            " WHERE u.site_id = %s AND u.key = %s AND o.condemned_at IS NOT NULL LIMIT 1",
            (site_id, key),
        ).fetchone()
        if spent is None:
            return key, content
        key = hashlib.sha256(f"after {key}".encode()).hexdigest()
    return key, None


def keep(connection: Connection, held: Claim, key: str, result: bytes, digest: str) -> bytes:
    """Store a result unless one is there; the content that stands under the key from now on (first writer wins)."""
    connection.execute(
        "INSERT INTO step_result (site_id, key, name, content, made_by, digest) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (held.site_id, key, held.name, result, held.step_id, digest),
    )
    kind = "report" if held.name is StepName.REPORT else "derived"
    content = find(connection, held.site_id, key)
    assert content is not None
    # Also what lost is written down, so that it is found to be named by nothing.
    objects.remember(
        connection, held.site_id, held.case_id, kind, objects.named_in(RESULTS[held.name].FromString(result))
    )
    if content == result:
        objects.link(connection, held.site_id, key, objects.named_in(RESULTS[held.name].FromString(content)))
    else:
        objects.rescue_result(connection, held.site_id, key)
    return content


def of_run(connection: Connection, run_id: str) -> dict[tuple[StepName, str], bytes]:
    """Results of the finished steps of a run, by step and recording."""
    rows = connection.execute(
        """
        SELECT s.name, s.recording_id, r.content
          FROM step s JOIN step_result r ON r.site_id = s.site_id AND r.key = s.key
         WHERE s.run_id = %s AND s.status = 'done'
        """,
        (run_id,),
    )
    return {(StepName(row["name"]), row["recording_id"]): bytes(row["content"]) for row in rows}


def edition(connection: Connection, run_id: str) -> Edition:
    """The report version that a run writes, chosen at the first question."""
    runs.lock(connection, run_id)
    row = connection.execute(
        """
        UPDATE run SET composed_at = coalesce(run.composed_at, date_trunc('milliseconds', now())),
               report_version = coalesce(run.report_version, c.report_version + 1)
          FROM "case" c WHERE run.id = %s AND c.id = run.case_id
        RETURNING c.report_id::text, run.report_version,
                  to_char(run.composed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at
        """,
        (run_id,),
    ).fetchone()
    assert row is not None
    return Edition(row["report_id"], row["report_version"], row["created_at"])


def finish(
    connection: Connection,
    held: Claim,
    key: str,
    result: bytes,
    *,
    digest: str,
    reused: bool,
    destinations: Iterable[Destination],
) -> None:
    """End a step: result, step done, next steps ready, and after the last one report version and deliveries.

    One transaction. ``result`` is the service's Result message, serialised. Raises LeaseLostError before anything is
    written.
    """
    steps.done(connection, held, key, reused=reused)
    # Somebody else may have stored a result under this key meanwhile: then theirs is the run's result, too.
    if reused:
        objects.rescue_result(connection, held.site_id, key)
        content = result
    else:
        content = keep(connection, held, key, result, digest)
    if held.name is StepName.INTAKE:
        facts = convert.from_proto(recording_pb2.IntakeResult.FromString(content).facts, RecordingFacts)
        connection.execute(
            "UPDATE recording SET facts = %s WHERE case_id = %s AND id = %s",
            (Jsonb(convert.to_plain(facts)), held.case_id, held.recording_id),
        )
    elif held.name is StepName.LOCALIZATION:
        read = convert.from_proto(report_pb2.LocalizationResult.FromString(content), LocalizationResult)
        projection.write(connection, held, read.episodes)
    elif held.name is StepName.REPORT:
        _publish(connection, held, key, destinations)


def _publish(connection: Connection, held: Claim, key: str, destinations: Iterable[Destination]) -> None:
    made = edition(connection, held.run_id)
    connection.execute(
        "INSERT INTO report (id, site_id, case_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (made.report_id, held.site_id, held.case_id),
    )
    connection.execute(
        "INSERT INTO report_version (report_id, version, site_id, run_id, result_key) VALUES (%s, %s, %s, %s, %s)",
        (made.report_id, made.version, held.site_id, held.run_id, key),
    )
    runs.complete(connection, held.run_id, held.case_id)
    outbox.add(
        connection,
        destinations,
        site_id=held.site_id,
        case_id=held.case_id,
        report_id=made.report_id,
        version=made.version,
        signed=False,
    )


def report_of(connection: Connection, case_id: str, version: int) -> tuple[bytes, list[bytes]]:
    """Content of a report version (the latest for 0) and of its run's intake results, in the recordings' order.

    Raises NotFoundError while there is none.
    """
    row = connection.execute(
        """
        SELECT v.run_id, r.content, EXISTS (
                   SELECT FROM result_object u JOIN object o ON o.uri = u.uri
                    WHERE u.site_id = r.site_id AND u.key = r.key AND o.class = 'report' AND o.doomed_at IS NOT NULL
               ) AS deleted
          FROM report p JOIN report_version v ON v.report_id = p.id
          JOIN step_result r ON r.site_id = v.site_id AND r.key = v.result_key
         WHERE p.case_id = %(case)s AND (v.version = %(version)s OR %(version)s = 0) ORDER BY v.version DESC LIMIT 1
        """,
        {"case": case_id, "version": version},
    ).fetchone()
    if row is None:
        what = f"no version {version} of a report" if version else "no report yet"
        raise NotFoundError(f"there is {what} of case {case_id}")
    if row["deleted"]:
        raise NotFoundError(f"the report of case {case_id} was deleted when its retention time was over")
    intakes = connection.execute(
        """
        SELECT r.content FROM step s JOIN step_result r ON r.site_id = s.site_id AND r.key = s.key
          JOIN recording o ON o.case_id = s.case_id AND o.id = s.recording_id
         WHERE s.run_id = %s AND s.name = 'intake' ORDER BY o.position
        """,
        (row["run_id"],),
    )
    return bytes(row["content"]), [bytes(intake["content"]) for intake in intakes]
