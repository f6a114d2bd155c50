"""Steps: claim, heartbeat, finish, give back, fail; the lease is what decides.

A claim counts the attempt before anything is tried, so that a video that kills its process ends as ``failed``. Every
later write names the lease token; none of them touches a row whose lease somebody else holds. Time is the database's.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from schemas.case import StepName
from schemas.errors import IctogramError, LeaseLostError
from services.cases.store import log, runs
from services.cases.store.database import Connection


@dataclass(frozen=True, slots=True)
class Claim:
    """A step that this worker holds until its lease runs out."""

    step_id: str
    site_id: str
    case_id: str
    run_id: str
    name: StepName
    recording_id: str
    part: int
    attempt: int
    max_attempts: int
    waits: int
    rings: int
    lease_token: UUID
    traceparent: str
    expected_digest: str
    """What the run pinned for this service; empty when nothing was pinned yet."""


def claim(connection: Connection, step_id: str, lease_s: float) -> Claim | None:
    """Take the lease of a step that is due or abandoned; None when there is nothing to take."""
    run = connection.execute(
        "SELECT r.id FROM run r JOIN step s ON s.run_id = r.id WHERE s.id = %s FOR NO KEY UPDATE OF r", (step_id,)
    ).fetchone()
    if run is None:
        return None
    row = connection.execute(
        """
        UPDATE step SET status = 'running', lease_token = gen_random_uuid(),
               lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s), attempt = attempt + 1,
               started_at = coalesce(started_at, now()), fraction = 0, stage = '', message = ''
         WHERE id = %(id)s AND attempt < max_attempts
           AND ((status = 'ready' AND not_before <= clock_timestamp())
                OR (status = 'running' AND lease_until < clock_timestamp()))
        RETURNING id, site_id, case_id, run_id, name, recording_id, part, attempt, max_attempts, waits, rings,
                  lease_token
        """,
        {"id": step_id, "lease_s": lease_s},
    ).fetchone()
    if row is None:
        return None
    started = connection.execute(
        """
        UPDATE run SET status = 'running' WHERE id = %s AND status = 'queued' RETURNING case_id
        """,
        (row["run_id"],),
    ).fetchone()
    if started is not None:
        connection.execute(
            "UPDATE \"case\" SET status = 'running', updated_at = now() WHERE id = %s AND status = 'queued'",
            (row["case_id"],),
        )
    about = connection.execute(
        "SELECT traceparent, coalesce(pinned ->> %s, '') AS expected_digest FROM run WHERE id = %s",
        (row["name"], row["run_id"]),
    ).fetchone()
    assert about is not None
    taken = Claim(
        step_id=str(row["id"]),
        case_id=str(row["case_id"]),
        run_id=str(row["run_id"]),
        name=StepName(row["name"]),
        **{name: row[name] for name in _SAME_NAMES},
        **about,
    )
    _note(connection, taken, "claimed")
    return taken


_SAME_NAMES = ("site_id", "recording_id", "part", "attempt", "max_attempts", "waits", "rings", "lease_token")


def progress(connection: Connection, held: Claim, lease_s: float, fraction: float, stage: str, message: str) -> bool:
    """Renew the lease and show how far it is; False when the lease is lost (or the case was cancelled)."""
    updated = connection.execute(
        """
        UPDATE step SET lease_until = clock_timestamp() + make_interval(secs => %s),
               fraction = %s, stage = %s, message = %s
         WHERE id = %s AND lease_token = %s AND status = 'running'
        """,
        (lease_s, min(max(fraction, 0.0), 1.0), stage, message, held.step_id, held.lease_token),
    )
    return updated.rowcount == 1


def done(connection: Connection, held: Claim, key: str, *, reused: bool) -> None:
    """Mark the step done and its successors ready. Raises LeaseLostError; then nothing may be written."""
    runs.lock(connection, held.run_id)
    updated = connection.execute(
        """
        UPDATE step SET status = 'done', fraction = 1, stage = '', message = '', key = %s, reused = %s,
               error_code = '', error_message = '', lease_token = NULL, lease_until = NULL, finished_at = now()
         WHERE id = %s AND lease_token = %s AND status = 'running'
        """,
        (key, reused, held.step_id, held.lease_token),
    )
    if updated.rowcount != 1:
        raise LeaseLostError
    _note(connection, held, "reused" if reused else "done")
    runs.promote(connection, held.run_id)


def give_back(
    connection: Connection, held: Claim, pause_s: float, *, counted: bool, error: IctogramError | None = None
) -> bool:
    """Make the step ready again after a pause; the attempt is refunded unless ``counted``. False: lease lost."""
    updated = connection.execute(
        """
        UPDATE step SET status = 'ready', attempt = CASE WHEN %(counted)s THEN attempt ELSE attempt - 1 END,
               waits = CASE WHEN %(counted)s THEN 0 ELSE waits + 1 END,
               not_before = clock_timestamp() + make_interval(secs => %(pause_s)s), rung_at = NULL,
               lease_token = NULL, lease_until = NULL, fraction = 0, stage = '', message = '',
               error_code = %(code)s, error_message = %(message)s
         WHERE id = %(id)s AND lease_token = %(token)s AND status = 'running'
        """,
        {
            "counted": counted,
            "pause_s": pause_s,
            "code": error.code if error else "",
            "message": error.message if error else "",
            "id": held.step_id,
            "token": held.lease_token,
        },
    )
    if updated.rowcount == 1:
        _note(connection, held, "given back" if counted else "refunded", error.code if error else "")
    return updated.rowcount == 1


def fail(connection: Connection, held: Claim, error: IctogramError) -> bool:
    """Fail the step for good, and with it its run and case. False: lease lost."""
    runs.lock(connection, held.run_id)
    updated = connection.execute(
        """
        UPDATE step SET status = 'failed', error_code = %s, error_message = %s, lease_token = NULL, lease_until = NULL,
               finished_at = now()
         WHERE id = %s AND lease_token = %s AND status = 'running'
        """,
        (error.code, error.message, held.step_id, held.lease_token),
    )
    if updated.rowcount != 1:
        return False
    _note(connection, held, "failed", error.code)
    runs.fail(connection, held.run_id, error)
    return True


def _note(connection: Connection, held: Claim, event: str, error_code: str = "") -> None:
    log.event(
        connection,
        site_id=held.site_id,
        case_id=held.case_id,
        run_id=held.run_id,
        step_id=held.step_id,
        event=event,
        attempt=held.attempt,
        error_code=error_code,
    )
