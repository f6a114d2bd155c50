"""Runs: start, lock, fail, cancel, retry; a case follows its latest run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from schemas.case import CaseStatus, Priority
from schemas.errors import CancelledCaseError, IctogramError, NotFoundError, ObjectMissingError, StateConflictError
from services.cases import machine
from services.cases.store import log, objects
from services.cases.store.database import Connection


def lock(connection: Connection, run_id: str | UUID) -> None:
    """Serialise everything that ends steps of a run: otherwise two last steps each miss the other's end."""
    connection.execute("SELECT FROM run WHERE id = %s FOR NO KEY UPDATE", (run_id,))


def start(
    connection: Connection,
    *,
    site_id: str,
    case_id: str,
    recording_ids: Iterable[str],
    priority: Priority,
    traceparent: str,
    max_attempts: int,
) -> str:
    """Open a run with its steps; the case becomes queued. Fails on the unique index while another run is active."""
    row = connection.execute(
        """
        INSERT INTO run (site_id, case_id, number, status, traceparent)
        SELECT %(site)s, %(case)s, coalesce(max(number), 0) + 1, 'queued', %(trace)s FROM run WHERE case_id = %(case)s
        RETURNING id
        """,
        {"site": site_id, "case": case_id, "trace": traceparent},
    ).fetchone()
    assert row is not None
    run_id = str(row["id"])
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO step (site_id, case_id, run_id, name, recording_id, priority, status, max_attempts)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (site_id, case_id, run_id, step.name, step.recording_id, priority, step.status, max_attempts)
                for step in machine.plan(recording_ids)
            ],
        )
    connection.execute(
        "UPDATE \"case\" SET status = 'queued', error_code = '', error_message = '', run_id = %s, updated_at = now()"
        " WHERE id = %s",
        (run_id, case_id),
    )
    log.event(connection, site_id=site_id, case_id=case_id, run_id=run_id, event="run started")
    return run_id


def fail(connection: Connection, run_id: str | UUID, error: IctogramError) -> None:
    """End a locked run and its case as failed; its other open steps are cancelled (calls in flight notice by it)."""
    _end(connection, run_id, CaseStatus.FAILED, error)


def cancel(connection: Connection, case_id: str) -> None:
    """End the active run of a case. Raises NotFoundError, StateConflictError when the case has ended."""
    about = _locked_case(connection, case_id)
    machine.require_active(CaseStatus(about["status"]), "cancelling")
    _end(connection, about["run_id"], CaseStatus.CANCELLED, CancelledCaseError())


def retry(connection: Connection, case_id: str) -> None:
    """Try the failed steps of a failed case again, in the same run. Raises NotFoundError, StateConflictError."""
    about = _locked_case(connection, case_id)
    machine.require_failed(CaseStatus(about["status"]), "trying again")
    run_id = about["run_id"]
    _require_files(connection, case_id, run_id)
    connection.execute(
        """
        UPDATE step SET status = 'waiting', attempt = 0, waits = 0, fraction = 0, stage = '', message = '',
               error_code = '', error_message = '', started_at = NULL, finished_at = NULL, rung_at = NULL
         WHERE run_id = %s AND status IN ('failed', 'cancelled')
        """,
        (run_id,),
    )
    promote(connection, run_id)
    # Engines whose steps are done stay pinned, so that one run is of one kind; the others may have been replaced.
    connection.execute(
        "UPDATE run SET pinned = coalesce((SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(pinned) e"
        " WHERE EXISTS (SELECT FROM step s WHERE s.run_id = run.id AND s.name = e.key AND s.status = 'done')), '{}')"
        " WHERE id = %s",
        (run_id,),
    )
    connection.execute(
        "UPDATE run SET status = 'queued', error_code = '', error_message = '', finished_at = NULL, tidied_at = NULL"
        " WHERE id = %s",
        (run_id,),
    )
    connection.execute(
        "UPDATE \"case\" SET status = 'queued', error_code = '', error_message = '', updated_at = now() WHERE id = %s",
        (case_id,),
    )
    log.event(connection, site_id=about["site_id"], case_id=case_id, run_id=str(run_id), event="run retried")


def make_stat(connection: Connection, case_id: str) -> None:
    """Let a case and what its run has still to do go before batch. Raises NotFoundError."""
    about = _locked_case(connection, case_id)
    connection.execute(
        "UPDATE step SET priority = 'stat' WHERE run_id = %s AND status IN ('waiting', 'ready')", (about["run_id"],)
    )
    connection.execute("UPDATE \"case\" SET priority = 'stat' WHERE id = %s", (case_id,))


def rerun(connection: Connection, case_id: str, traceparent: str, max_attempts: int) -> str:
    """Start a new run of a case that has ended; the old one is kept. Raises NotFoundError, StateConflictError."""
    about = _locked_case(connection, case_id)
    machine.require_ended(CaseStatus(about["status"]), "a new run")
    _require_files(connection, case_id, None)
    recordings = connection.execute("SELECT id FROM recording WHERE case_id = %s ORDER BY position", (case_id,))
    return start(
        connection,
        site_id=about["site_id"],
        case_id=case_id,
        recording_ids=[row["id"] for row in recordings],
        priority=Priority(about["priority"]),
        traceparent=traceparent,
        max_attempts=max_attempts,
    )


def promote(connection: Connection, run_id: str | UUID) -> None:
    """Make ready every waiting step of a locked run whose predecessors are done."""
    edges = [(name.value, needed.value) for name, needed in machine.NEEDS.items() if needed is not None]
    connection.execute(
        """
        UPDATE step s SET status = 'ready', not_before = now(), rung_at = NULL
         WHERE s.run_id = %(run)s AND s.status = 'waiting' AND NOT EXISTS (
               SELECT FROM unnest(%(names)s::text[], %(needs)s::text[]) AS edge (name, needs)
                 JOIN step p ON p.run_id = s.run_id AND p.name = edge.needs
                WHERE edge.name = s.name AND p.status <> 'done'
                  AND (s.recording_id = '' OR p.recording_id IN ('', s.recording_id)))
        """,
        {"run": run_id, "names": [edge[0] for edge in edges], "needs": [edge[1] for edge in edges]},
    )


def complete(connection: Connection, run_id: str, case_id: str) -> None:
    """End a locked run whose steps are all done; the case is reported."""
    connection.execute(
        "UPDATE run SET status = 'reported', finished_at = now() WHERE id = %s AND status = 'running'", (run_id,)
    )
    connection.execute(
        "UPDATE \"case\" SET status = 'reported', report_version = (SELECT report_version FROM run WHERE id = %s),"
        " updated_at = now() WHERE id = %s",
        (run_id, case_id),
    )


def pin(connection: Connection, run_ids: Iterable[UUID], service: str, digest: str) -> None:
    """Fix which engine these runs expect of a service; what was pinned before stays."""
    connection.execute(
        "UPDATE run SET pinned = jsonb_build_object(%(service)s::text, %(digest)s::text) || pinned"
        " WHERE id = ANY(%(runs)s) AND NOT pinned ? %(service)s",
        {"service": service, "digest": digest, "runs": list(run_ids)},
    )


def unpin(connection: Connection, run_id: str, service: str, step_id: str) -> None:
    """Let a locked run expect another engine of a service, unless one of its other steps was or is worked on by it."""
    connection.execute(
        """
        UPDATE run SET pinned = pinned - %(service)s::text
         WHERE id = %(run)s AND NOT EXISTS (
               SELECT FROM step WHERE run_id = %(run)s AND name = %(service)s AND id <> %(step)s
                AND status IN ('running', 'done'))
        """,
        {"run": run_id, "service": service, "step": step_id},
    )


def _end(connection: Connection, run_id: str | UUID, status: CaseStatus, error: IctogramError) -> None:
    ended = connection.execute(
        """
        UPDATE run SET status = %s, error_code = %s, error_message = %s, finished_at = now()
         WHERE id = %s AND status IN ('queued', 'running') RETURNING case_id, site_id
        """,
        (status, error.code, error.message, run_id),
    ).fetchone()
    if ended is None:
        return
    connection.execute(
        """
        UPDATE step SET status = 'cancelled', lease_token = NULL, lease_until = NULL, finished_at = now()
         WHERE run_id = %s AND status IN ('waiting', 'ready', 'running')
        """,
        (run_id,),
    )
    connection.execute(
        'UPDATE "case" SET status = %s, error_code = %s, error_message = %s, updated_at = now() WHERE id = %s',
        (status, error.code, error.message, ended["case_id"]),
    )
    log.event(
        connection,
        site_id=ended["site_id"],
        case_id=str(ended["case_id"]),
        run_id=str(run_id),
        event=f"run {status}",
        error_code=error.code,
    )


def _require_files(connection: Connection, case_id: str, run_id: str | UUID | None) -> None:
    """Keep what a further run needs: the recordings' files, and of a run that goes on what its steps left.

    Raises StateConflictError when some of it was deleted.
    """
    rows = connection.execute(
        "SELECT uri FROM recording_file WHERE case_id = %(case)s UNION SELECT u.uri FROM step s"
        " JOIN result_object u ON u.site_id = s.site_id AND u.key = s.key WHERE s.run_id = %(run)s",
        {"case": case_id, "run": run_id},
    )
    try:
        objects.rescue(connection, [row["uri"] for row in rows])
    except ObjectMissingError:
        raise StateConflictError(
            "files of this case were deleted when their retention time was over; it cannot be computed again"
        ) from None


def _locked_case(connection: Connection, case_id: str) -> dict[str, Any]:
    """The case's row after its latest run was locked, and then itself. Raises NotFoundError."""
    connection.execute(
        'SELECT FROM run r JOIN "case" c ON c.run_id = r.id WHERE c.id = %s FOR NO KEY UPDATE OF r', (case_id,)
    )
    row = connection.execute(
        'SELECT id, site_id, status, priority, run_id FROM "case" WHERE id = %s FOR NO KEY UPDATE', (case_id,)
    ).fetchone()
    if row is None:
        raise NotFoundError(f"there is no case {case_id}")
    return row
