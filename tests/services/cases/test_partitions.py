"""Audit, progress log and sent outbox by month: made ahead, and never a reason to refuse a row."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
import structlog

from schemas.case import DeliveryStatus
from services.cases.broker import Bell
from services.cases.dispatcher import Dispatcher
from services.cases.settings import CasesSettings
from services.cases.store import outbox, sweep
from services.cases.store.database import Database
from tests.services.cases.test_outbox import DELIVERED, FOLDER, Sender

Open = Callable[..., str]
PARENTS = ("audit", "delivery_sent", "progress_log")


def owner(settings: CasesSettings, statement: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(settings.database) as connection:
        connection.execute("SET search_path TO cases; SET timezone TO 'America/New_York'")
        done = connection.execute(statement, values)
        return done.fetchall() if done.description else []


def months(settings: CasesSettings, parent: str) -> list[str]:
    rows = owner(
        settings, "SELECT relid::text FROM pg_partition_tree(%s::regclass) WHERE isleaf ORDER BY 1", f"cases.{parent}"
    )
    return [str(row[0]) for row in rows]


@pytest.mark.parametrize("parent", PARENTS)
def test_this_month_and_three_more_are_there(settings: CasesSettings, parent: str) -> None:
    assert len(months(settings, parent)) == 5
    assert f"{parent}_other" in months(settings, parent)


def test_a_row_of_a_month_without_a_partition_is_taken_and_put_in_place(
    settings: CasesSettings, database: Database
) -> None:
    def strays() -> int:
        rows = owner(settings, "SELECT count(*) FROM audit_other")
        return int(str(rows[0][0]))

    for at in ("2031-05-31 23:59:59.9+00", "2031-05-01 00:00:00+00", "2031-06-01 00:00:00+00"):
        owner(
            settings,
            "INSERT INTO audit (at, site_id, actor, roles, method, outcome) VALUES (%s, 'a', 'x', '{}', 'm', 'ok')",
            at,
        )
    assert strays() == 3

    with database.worker() as connection:
        late = sweep.partitions(connection)

    assert [(one.name, one.rows) for one in late] == [("audit_2031_05", 2), ("audit_2031_06", 1)]
    assert strays() == 0
    assert owner(settings, "SELECT count(*) FROM audit_2031_05") == [(2,)]
    assert owner(settings, "SELECT count(*) FROM audit") == [(3,)]
    with database.worker() as connection:
        assert sweep.partitions(connection) == []


def test_the_progress_log_counts_on_in_a_partition_made_late(settings: CasesSettings, database: Database) -> None:
    insert = (
        "INSERT INTO progress_log (at, site_id, case_id, event) VALUES"
        " ('2031-05-05', 'a', gen_random_uuid(), 'e') RETURNING id"
    )
    first = owner(settings, insert)
    with database.worker() as connection:
        assert [one.rows for one in sweep.partitions(connection)] == [1]
    assert owner(settings, insert) > first
    assert owner(settings, "SELECT count(*) FROM progress_log_2031_05") == [(2,)]


def test_upkeep_says_when_a_partition_was_missing_and_when_it_fails(
    settings: CasesSettings, database: Database
) -> None:
    bell = Bell(settings)
    dispatcher = Dispatcher(settings, database, bell)
    owner(
        settings,
        "INSERT INTO audit (at, site_id, actor, roles, method, outcome)"
        " VALUES ('2031-05-05', 'a', 'x', '{}', 'm', 'ok')",
    )
    with structlog.testing.capture_logs() as said:
        dispatcher.tick()
    (alarm,) = [line for line in said if line["log_level"] == "error"]
    assert (alarm["event"], alarm["target"], alarm["rows"]) == ("a partition was missing", "audit_2031_05", 1)

    owner(settings, "DROP FUNCTION ensure_partitions(integer)")
    broken = Dispatcher(settings, database, bell)
    with structlog.testing.capture_logs() as said:
        assert broken.tick() == 0, "a fault in the upkeep keeps nobody from their turn"
        broken.tick()
    assert [line["event"] for line in said] == ["upkeep failed; partitions may be missing soon"], "once, not each turn"
    bell.close()


def test_deliveries_made_some_time_ago_are_kept_by_month(
    settings: CasesSettings, database: Database, open_case: Open
) -> None:
    sender = Sender(database, open_case())
    sender.publish(1, FOLDER)
    sender.publish(2, FOLDER)
    for _ in range(2):
        held = sender.claim(sender.ring()[0])
        assert held is not None
        sender.start(held)
        sender.finish(held, DELIVERED)
    before = sender.rows()
    assert {row.status for row in before} == {DeliveryStatus.DELIVERED}
    with database.worker() as connection:
        assert outbox.archive(connection) == 0
    owner(settings, "UPDATE delivery SET delivered_at = delivered_at - interval '8 days' WHERE version = 1")

    with database.worker() as connection:
        assert outbox.archive(connection) == 1

    after = sender.rows()
    assert [(row.id, row.version, row.attempts, row.receipt) for row in after] == [
        (row.id, row.version, row.attempts, row.receipt) for row in before
    ]
    assert owner(settings, "SELECT count(*) FROM delivery") == [(1,)]
    ((tries,),) = owner(settings, "SELECT tries FROM delivery_sent")
    assert isinstance(tries, list)
    assert [(one["number"], one["outcome"]) for one in tries] == [(1, "delivered")]
    sender.publish(3, FOLDER)
    with database.worker() as connection:
        outbox.add(
            connection,
            (FOLDER,),
            site_id="site-a",
            case_id=sender.case_id,
            report_id=before[0].report_id,
            version=1,
            signed=False,
        )
    assert [row.version for row in sender.rows()] == [1, 2, 3], "what was sent is never sent again"
