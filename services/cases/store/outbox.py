"""The outbox: report versions on their way to destinations, one lease per report and destination, versions in order."""

# ruff: noqa: S608 - only column names of ours are put into statements; values are always parameters

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from schemas.case import DeliveryStatus
from schemas.errors import InvalidRequestError, LeaseLostError
from services.cases.settings import Destination
from services.cases.store import log
from services.cases.store.database import Connection
from services.cases.store.sweep import Ring


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery as it stands."""

    id: str
    case_id: str
    report_id: str
    version: int
    destination_id: str
    status: DeliveryStatus
    attempts: int
    error_code: str
    error_message: str
    receipt: str
    delivered_at: str


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """A delivery that a worker holds."""

    delivery: DeliveryRow
    site_id: str
    lease_token: UUID
    traceparent: str


_COLUMNS = """
    d.id::text, d.case_id::text, d.report_id::text, d.version, d.destination_id, d.status, d.attempts, d.error_code,
    d.error_message, d.receipt,
    coalesce(to_char(d.delivered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '') AS delivered_at
"""


def add(
    connection: Connection,
    destinations: Iterable[Destination],
    *,
    site_id: str,
    case_id: str,
    report_id: str,
    version: int,
    signed: bool,
) -> None:
    """One pending delivery per destination of the site that takes this version; in the transaction that makes it."""
    for destination in destinations:
        if not destination.serves(site_id) or not (signed or destination.release == "preliminary"):
            continue
        connection.execute(
            """
            INSERT INTO destination (site_id, id, kind, release, owner) VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (site_id, id) DO UPDATE
               SET kind = excluded.kind, release = excluded.release, owner = excluded.owner
            """,
            (site_id, destination.id, destination.kind, destination.release, destination.owner),
        )
        connection.execute(
            """
            INSERT INTO delivery (site_id, case_id, report_id, version, destination_id, status)
            SELECT %(site)s, %(case)s, %(report)s, %(version)s, %(destination)s, 'pending'
             WHERE NOT EXISTS (SELECT FROM delivery_sent WHERE report_id = %(report)s AND version = %(version)s
                               AND destination_id = %(destination)s)
            ON CONFLICT DO NOTHING
            """,
            {
                "site": site_id,
                "case": case_id,
                "report": report_id,
                "version": version,
                "destination": destination.id,
            },
        )


def of_case(connection: Connection, case_id: str) -> list[DeliveryRow]:
    """Every delivery of a case's reports, oldest first."""
    rows = connection.execute(
        f"""
        SELECT {_COLUMNS} FROM (
            SELECT id, case_id, report_id, version, destination_id, status, attempts, error_code, error_message,
                   receipt, delivered_at FROM delivery WHERE case_id = %(case)s
            UNION ALL
            SELECT id, case_id, report_id, version, destination_id, 'delivered', attempts, '', '',
                   receipt, delivered_at FROM delivery_sent WHERE case_id = %(case)s
        ) AS d ORDER BY d.version, d.destination_id
        """,
        {"case": case_id},
    )
    return [_row(row) for row in rows]


def ring(connection: Connection, *, again_s: float, limit: int = 100) -> list[Ring]:
    """Mark as rung, and return, the deliveries that are due; only the oldest open version of each report."""
    rows = connection.execute(
        """
        WITH due AS (
            SELECT d.id FROM delivery d
             WHERE d.status = 'pending' AND d.not_before <= clock_timestamp()
               AND (d.rung_at IS NULL OR d.rung_at <= now() - %(again)s)
               AND NOT EXISTS (SELECT FROM delivery o WHERE o.report_id = d.report_id AND o.version < d.version
                               AND o.destination_id = d.destination_id AND o.status IN ('pending', 'sending'))
             ORDER BY d.created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        )
        UPDATE delivery SET rung_at = now() FROM due, report_version v, run
         WHERE delivery.id = due.id AND v.report_id = delivery.report_id AND v.version = delivery.version
           AND run.id = v.run_id
        RETURNING delivery.id, run.traceparent
        """,
        {"again": timedelta(seconds=again_s), "limit": limit},
    )
    return [Ring(str(row["id"]), "batch", 1, row["traceparent"]) for row in rows]


def unring(connection: Connection, delivery_ids: list[str]) -> None:
    """Forget rings that the broker did not take."""
    connection.execute(
        "UPDATE delivery SET rung_at = NULL WHERE id = ANY(%s::uuid[]) AND status = 'pending'", (delivery_ids,)
    )


def expire(connection: Connection) -> int:
    """Return deliveries whose lease ran out."""
    return connection.execute(
        """
        UPDATE delivery SET status = 'pending', lease_token = NULL, lease_until = NULL, rung_at = NULL,
               not_before = now()
         WHERE status = 'sending' AND lease_until < clock_timestamp()
        """
    ).rowcount


ARCHIVE_AFTER = timedelta(days=7)
"""A delivery that was made so long ago leaves the table that is looked through for open ones."""
ARCHIVE_ROWS = 1000
"""Most deliveries moved at once."""


def archive(connection: Connection) -> int:
    """Move deliveries made some time ago, with their attempts, to the archive that is kept by month; how many."""
    return connection.execute(
        """
        WITH old AS (
            SELECT id FROM delivery WHERE status = 'delivered' AND delivered_at < now() - %s
             ORDER BY delivered_at LIMIT %s FOR UPDATE SKIP LOCKED
        ), tries AS (
            SELECT a.delivery_id, jsonb_agg(to_jsonb(a) - ARRAY['delivery_id', 'site_id'] ORDER BY a.number) AS made
              FROM delivery_attempt a JOIN old ON old.id = a.delivery_id GROUP BY a.delivery_id
        ), gone AS (
            DELETE FROM delivery WHERE id IN (SELECT id FROM old) RETURNING *
        )
        INSERT INTO delivery_sent (delivered_at, id, site_id, case_id, report_id, version, destination_id, attempts,
                                   receipt, created_at, tries)
        SELECT delivered_at, id, site_id, case_id, report_id, version, destination_id, attempts, receipt, created_at,
               coalesce(tries.made, '[]') FROM gone LEFT JOIN tries ON tries.delivery_id = gone.id
        """,
        (ARCHIVE_AFTER, ARCHIVE_ROWS),
    ).rowcount


def claim(connection: Connection, delivery_id: str, lease_s: float, max_attempts: int) -> DeliveryClaim | None:
    """Take the lease of a due delivery; None when it is not due, an older version is open, or somebody holds it.

    Claims are counted, so that a delivery that kills its worker each time is parked.
    """
    connection.execute(
        """
        UPDATE delivery SET status = 'parked', error_code = 'unavailable',
               error_message = format('given up after %%s attempts; a person must look at it', claims)
         WHERE id = %s AND status = 'pending' AND claims >= %s
        """,
        (delivery_id, max_attempts),
    )
    row = connection.execute(
        f"""
        UPDATE delivery d SET status = 'sending', claims = claims + 1, lease_token = gen_random_uuid(),
               lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
         WHERE d.id = %(id)s AND d.status = 'pending' AND d.not_before <= clock_timestamp()
           AND NOT EXISTS (SELECT FROM delivery o WHERE o.report_id = d.report_id AND o.version < d.version
                           AND o.destination_id = d.destination_id AND o.status IN ('pending', 'sending'))
        RETURNING {_COLUMNS}, d.site_id, d.lease_token,
                  (SELECT run.traceparent FROM report_version v JOIN run ON run.id = v.run_id
                    WHERE v.report_id = d.report_id AND v.version = d.version) AS traceparent
        """,
        {"id": delivery_id, "lease_s": lease_s},
    ).fetchone()
    if row is None:
        return None
    held = DeliveryClaim(_row(row), row["site_id"], row["lease_token"], row["traceparent"] or "")
    log.event(connection, site_id=held.site_id, case_id=held.delivery.case_id, event="delivery claimed")
    return held


def start_attempt(connection: Connection, delivery_id: str, lease_token: str, lease_s: float) -> None:
    """Count and write down an attempt before it is sent, and renew the lease. Raises LeaseLostError."""
    row = connection.execute(
        """
        UPDATE delivery SET attempts = attempts + 1,
               lease_until = clock_timestamp() + make_interval(secs => %s)
         WHERE id = %s AND lease_token = %s AND status = 'sending' RETURNING site_id, attempts
        """,
        (lease_s, delivery_id, lease_token),
    ).fetchone()
    if row is None:
        raise LeaseLostError
    connection.execute(
        "INSERT INTO delivery_attempt (delivery_id, number, site_id) VALUES (%s, %s, %s)",
        (delivery_id, row["attempts"], row["site_id"]),
    )


def renew(connection: Connection, delivery_id: str, lease_token: str, lease_s: float) -> None:
    """Prolong the lease. Raises LeaseLostError."""
    updated = connection.execute(
        "UPDATE delivery SET lease_until = clock_timestamp() + make_interval(secs => %s)"
        " WHERE id = %s AND lease_token = %s AND status = 'sending'",
        (lease_s, delivery_id, lease_token),
    )
    if updated.rowcount != 1:
        raise LeaseLostError


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    status: DeliveryStatus
    error_code: str = ""
    error_message: str = ""
    receipt: str = ""


def finish(
    connection: Connection,
    delivery_id: str,
    lease_token: str,
    outcome: Outcome,
    pause: tuple[float, float],
    max_attempts: int,
) -> None:
    """End the attempt: delivered, failed for good, or pending again after a pause (parked when tried too often).

    ``pause`` is the first pause and the longest, seconds; it doubles with each attempt and is shortened by chance.

    Raises LeaseLostError, InvalidRequestError for another status.
    """
    if outcome.status not in (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.PENDING):
        raise InvalidRequestError(f"a delivery ends as delivered, failed or pending, not as {outcome.status}")
    row = connection.execute(
        """
        UPDATE delivery SET
               status = CASE WHEN %(status)s = 'pending' AND claims >= %(most)s THEN 'parked' ELSE %(status)s END,
               lease_token = NULL, lease_until = NULL, rung_at = NULL,
               not_before = clock_timestamp() + make_interval(
                   secs => least(%(first_s)s * 2 ^ least(claims - 1, 20), %(longest_s)s) * (0.5 + random() / 2)),
               error_code = %(code)s, error_message = %(message)s, receipt = %(receipt)s,
               delivered_at = CASE WHEN %(status)s = 'delivered' THEN now() END
         WHERE id = %(id)s AND lease_token = %(token)s AND status = 'sending'
        RETURNING site_id, case_id, attempts, status
        """,
        {
            "status": outcome.status.value,
            "most": max_attempts,
            "first_s": pause[0],
            "longest_s": pause[1],
            "code": outcome.error_code,
            "message": outcome.error_message,
            "receipt": outcome.receipt,
            "id": delivery_id,
            "token": lease_token,
        },
    ).fetchone()
    if row is None:
        raise LeaseLostError
    connection.execute(
        "UPDATE delivery_attempt SET finished_at = now(), outcome = %s, error_code = %s, error_message = %s"
        " WHERE delivery_id = %s AND number = %s",
        (outcome.status.value, outcome.error_code, outcome.error_message, delivery_id, row["attempts"]),
    )
    log.event(
        connection,
        site_id=row["site_id"],
        case_id=str(row["case_id"]),
        event=f"delivery {row['status']}",
        attempt=row["attempts"],
        error_code=outcome.error_code,
    )


def _row(row: dict[str, object]) -> DeliveryRow:
    fields = {name: row[name] for name in DeliveryRow.__dataclass_fields__}
    return DeliveryRow(**{**fields, "status": DeliveryStatus(str(row["status"]))})  # type: ignore[arg-type]
