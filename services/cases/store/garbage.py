"""Objects that nothing refers to any more, or whose time is over: condemned, doomed after a grace period, deleted.

Each phase is a transaction of its own and can be repeated. A condemned object may still be wanted again; a doomed one
may not (`objects.rescue` refuses), so it can be deleted from the store whenever there is time, once or several times.
The row stays as a tombstone: results that name the object are not used again.
"""

# ruff: noqa: S608 - only conditions of ours are put into statements; values are always parameters

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.errors import InvalidRequestError
from schemas.recording import ObjectRef
from services.cases.store import runs
from services.cases.store.database import Connection


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after their last use after which objects of a class may go although something names them; 0: never."""

    source: float = 0.0
    derived: float = 0.0
    report: float = 0.0

    def rows(self) -> dict[str, object]:
        """As query parameters: classes and their days."""
        days = {"source": self.source, "derived": self.derived, "report": self.report}
        limited = {name: value for name, value in days.items() if value > 0}
        return {"classes": list(limited), "days": list(limited.values())}


@dataclass(frozen=True, slots=True)
class Marked:
    """What a look at some objects changed."""

    condemned: int
    absolved: int
    last: str
    """Where the next look begins; empty at the end."""


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run whose leftovers nobody has looked for."""

    id: str
    site_id: str
    case_id: str
    finished_at: datetime
    deleted: bool
    """It was deleted with its case."""


_GARBAGE = """
    (NOT o.legal_hold
     AND NOT EXISTS (SELECT FROM case_of(o.uri) AS used JOIN "case" c ON c.id = used.id
                      WHERE c.legal_hold OR c.status IN ('queued', 'running'))
     AND (NOT EXISTS (SELECT FROM case_of(o.uri))
          OR coalesce(coalesce(o.expires_at, o.used_at + make_interval(secs => 86400 * (
                 SELECT kept.days FROM unnest(%(classes)s::text[], %(days)s::float8[]) AS kept (class, days)
                  WHERE kept.class = o.class))) < now(), false)))
"""
"""No hold, no case under way that needs it, and either no case at all or its time is over."""


def mark(connection: Connection, retention: Retention, after: str, limit: int) -> Marked:
    """Condemn what is garbage among the next objects by address, and absolve what no longer is."""
    row = connection.execute(
        f"""
        WITH batch AS (
            SELECT o.uri, {_GARBAGE} AS garbage FROM object o
             WHERE o.uri > %(after)s AND o.doomed_at IS NULL ORDER BY o.uri LIMIT %(limit)s
        ), changed AS (
            UPDATE object SET condemned_at = CASE WHEN batch.garbage THEN now() END FROM batch
             WHERE object.uri = batch.uri AND object.doomed_at IS NULL
               AND (object.condemned_at IS NOT NULL) <> batch.garbage
            RETURNING batch.garbage
        )
        SELECT coalesce((SELECT max(uri) FROM batch), '') AS last,
               (SELECT count(*) FROM changed WHERE garbage) AS condemned,
               (SELECT count(*) FROM changed WHERE NOT garbage) AS absolved
        """,
        {**retention.rows(), "after": after, "limit": limit},
    ).fetchone()
    assert row is not None
    return Marked(row["condemned"], row["absolved"], row["last"])


def doom(connection: Connection, retention: Retention, grace_s: float, limit: int) -> int:
    """Decide for good that objects go which were condemned long enough ago and are garbage still; how many."""
    return connection.execute(
        f"""
        UPDATE object SET doomed_at = now() FROM (
            SELECT o.uri, {_GARBAGE} AS garbage FROM object o
             WHERE o.condemned_at <= now() - %(grace)s AND o.doomed_at IS NULL
             ORDER BY o.condemned_at LIMIT %(limit)s
        ) AS old
         WHERE object.uri = old.uri AND old.garbage AND NOT object.legal_hold
           -- again, because somebody may have rescued it between the look and the lock
           AND object.condemned_at <= now() - %(grace)s AND object.doomed_at IS NULL
        """,
        {**retention.rows(), "grace": timedelta(seconds=grace_s), "limit": limit},
    ).rowcount


def doomed(connection: Connection, after: str, limit: int) -> list[str]:
    """Addresses of objects that are to be deleted from the store, in order."""
    rows = connection.execute(
        "SELECT uri FROM object WHERE doomed_at IS NOT NULL AND deleted_at IS NULL AND uri > %s ORDER BY uri LIMIT %s",
        (after, limit),
    )
    return [row["uri"] for row in rows]


def bury(connection: Connection, uris: Iterable[str]) -> None:
    """Write down that doomed objects are gone from the store."""
    connection.execute(
        "UPDATE object SET deleted_at = now() WHERE uri = ANY(%s) AND doomed_at IS NOT NULL AND deleted_at IS NULL",
        (list(uris),),
    )


def untidied(connection: Connection, grace_s: float, limit: int) -> list[EndedRun]:
    """Runs that ended long enough ago for nobody to write for them any more."""
    rows = connection.execute(
        """
        (SELECT id::text, site_id, case_id::text, finished_at, false AS deleted FROM run
          WHERE tidied_at IS NULL AND finished_at <= now() - %(grace)s ORDER BY finished_at LIMIT %(limit)s)
        UNION ALL
        (SELECT id::text, site_id, case_id::text, finished_at, true FROM deleted_run
          WHERE finished_at <= now() - %(grace)s ORDER BY finished_at LIMIT %(limit)s)
        """,
        {"grace": timedelta(seconds=grace_s), "limit": limit},
    )
    return [EndedRun(**row) for row in rows]


def tidy(connection: Connection, run: EndedRun, found: Iterable[str]) -> int:
    """Condemn the objects of an ended run that no row names: what its steps wrote before they were interrupted.

    ``found`` is what lies in the run's folder. Nothing happens when the run was begun again meanwhile.
    """
    if run.deleted:
        ended = connection.execute("DELETE FROM deleted_run WHERE id = %s", (run.id,))
    else:
        runs.lock(connection, run.id)
        ended = connection.execute(
            "UPDATE run SET tidied_at = now()"
            " WHERE id = %s AND finished_at = %s AND status NOT IN ('queued', 'running')",
            (run.id, run.finished_at),
        )
    if ended.rowcount == 0:
        return 0
    return connection.execute(
        """
        INSERT INTO object (uri, site_id, case_id, sha256, bytes, media_type, class, condemned_at)
        SELECT uri, %s, %s, '', 0, '', 'scrap', now() FROM unnest(%s::text[]) AS uri ON CONFLICT (uri) DO NOTHING
        """,
        (run.site_id, None if run.deleted else run.case_id, list(found)),
    ).rowcount


def release(connection: Connection, site_id: str, ref: ObjectRef) -> None:
    """Take over an uploaded object that the gateway has forgotten: unless a case names it, it is garbage.

    Raises InvalidRequestError for an address that is not among the site's uploads.
    """
    if f"/{site_id}/uploads/" not in ref.uri:
        raise InvalidRequestError("only an upload of the caller's own site can be given away")
    connection.execute(
        "INSERT INTO object (uri, site_id, sha256, bytes, media_type, class) VALUES (%s, %s, %s, %s, %s, 'source')"
        " ON CONFLICT DO NOTHING",
        (ref.uri, site_id, ref.sha256, ref.size_bytes, ref.media_type),
    )
