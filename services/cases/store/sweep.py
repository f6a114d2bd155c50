"""What is due and for whom, and what was abandoned. One dispatcher at a time runs these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from schemas.case import StepName
from schemas.errors import ResourceLimitError
from services.cases.store import runs
from services.cases.store.database import Connection


@dataclass(frozen=True, slots=True)
class Ring:
    """One step or delivery that a worker is to be told of."""

    id: str
    priority: str
    rings: int
    """How often it was rung, this time included."""
    traceparent: str


def expire(connection: Connection) -> int:
    """Return the steps whose lease ran out; fail those that were tried often enough. Number of steps touched."""
    abandoned = connection.execute(
        "SELECT id, run_id FROM step WHERE status = 'running' AND lease_until < clock_timestamp() ORDER BY run_id, id"
    ).fetchall()
    for row in abandoned:
        runs.lock(connection, row["run_id"])
        _expire_one(connection, row["id"])
    return len(abandoned)


def _expire_one(connection: Connection, step_id: object) -> None:
    tired = connection.execute(
        """
        UPDATE step SET status = CASE WHEN attempt < max_attempts THEN 'ready' ELSE 'failed' END,
               finished_at = CASE WHEN attempt < max_attempts THEN NULL ELSE now() END,
               lease_token = NULL, lease_until = NULL, rung_at = NULL, not_before = now(),
               fraction = 0, stage = '', message = ''
         WHERE id = %s AND status = 'running' AND lease_until < clock_timestamp()
        RETURNING run_id, name, attempt, status
        """,
        (step_id,),
    ).fetchone()
    if tired is None or tired["status"] != "failed":
        return
    error = ResourceLimitError(
        f"{tired['name']} was tried {tired['attempt']} times and each time its worker vanished without a word"
    )
    connection.execute(
        "UPDATE step SET error_code = %s, error_message = %s WHERE id = %s", (error.code, error.message, step_id)
    )
    runs.fail(connection, tired["run_id"], error)


def due(connection: Connection) -> list[StepName]:
    """Kinds of steps that are ready, the last of the journey first: what is begun is to be finished."""
    rows = connection.execute("SELECT DISTINCT name FROM step WHERE status = 'ready'")
    ready = {row["name"] for row in rows}
    return [kind for kind in reversed(StepName) if kind.value in ready]


def ring(connection: Connection, kind: StepName, *, slots: int, digest: str, again_s: float) -> list[Ring]:
    """Mark as rung, and return, as many due steps of a kind as its service has free slots.

    Stat before batch; within a priority sites take turns, the site whose turn is longest ago first. A slot is kept
    for stat where there is more than one. The runs of the chosen steps expect ``digest`` from now on.
    """
    chosen = connection.execute(
        """
        WITH taken AS (
            SELECT count(*) AS steps, count(*) FILTER (WHERE priority = 'batch') AS batch FROM step
             WHERE name = %(kind)s AND (status = 'running' OR (status = 'ready' AND rung_at > now() - %(again)s))
        ), due AS (
            SELECT id, run_id, priority, site_id, created_at,
                   row_number() OVER (PARTITION BY site_id ORDER BY priority DESC, created_at, id) AS place
              FROM step
             WHERE name = %(kind)s AND status = 'ready' AND not_before <= clock_timestamp()
               AND (rung_at IS NULL OR rung_at <= now() - %(again)s)
        ), ordered AS (
            SELECT due.*, row_number() OVER w AS overall,
                   count(*) FILTER (WHERE priority = 'batch') OVER (w ROWS UNBOUNDED PRECEDING) AS batch_before
              FROM due LEFT JOIN turn ON turn.site_id = due.site_id AND turn.name = %(kind)s
            WINDOW w AS (ORDER BY priority DESC, place, turn.rung_at NULLS FIRST, due.created_at, due.id)
        )
        SELECT ordered.id, ordered.run_id, ordered.site_id FROM ordered, taken
         WHERE overall <= %(slots)s - taken.steps
           AND (priority = 'stat' OR batch_before <= greatest(%(slots)s - 1, 1) - taken.batch)
         ORDER BY overall
        """,
        {"kind": kind.value, "slots": slots, "again": _seconds(again_s)},
    ).fetchall()
    if not chosen:
        return []
    runs.pin(connection, {row["run_id"] for row in chosen}, kind.value, digest)
    connection.execute(
        """
        INSERT INTO turn (site_id, name, rung_at) SELECT DISTINCT site, %(kind)s::text, now()
          FROM unnest(%(sites)s::text[]) AS site
        ON CONFLICT (site_id, name) DO UPDATE SET rung_at = excluded.rung_at
        """,
        {"kind": kind.value, "sites": [row["site_id"] for row in chosen]},
    )
    rung = connection.execute(
        """
        UPDATE step SET rung_at = now(), rings = rings + 1 FROM run
         WHERE step.id = ANY(%s) AND step.status = 'ready' AND run.id = step.run_id
        RETURNING step.id, step.priority, step.rings, run.traceparent
        """,
        ([row["id"] for row in chosen],),
    ).fetchall()
    order = {row["id"]: place for place, row in enumerate(chosen)}
    rung.sort(key=lambda row: order[row["id"]])
    return [Ring(str(row["id"]), row["priority"], row["rings"], row["traceparent"]) for row in rung]


def unring(connection: Connection, step_ids: list[str]) -> None:
    """Forget rings that nobody will answer: the broker did not take them, or the worker is leaving."""
    connection.execute("UPDATE step SET rung_at = NULL WHERE id = ANY(%s::uuid[]) AND status = 'ready'", (step_ids,))


@dataclass(frozen=True, slots=True)
class LatePartition:
    """A month's partition that should have been there already."""

    name: str
    rows: int
    """Rows that had gone to the default partition and now stand in it."""


def partitions(connection: Connection) -> list[LatePartition]:
    """Make the partitions of this month and the next three; those that came too late."""
    rows = connection.execute("SELECT late, strays FROM ensure_partitions(3)")
    return [LatePartition(row["late"], row["strays"]) for row in rows]


def forget_requests(connection: Connection) -> None:
    """Forget idempotency keys after a month."""
    connection.execute("DELETE FROM request WHERE created_at < now() - interval '30 days'")


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)
