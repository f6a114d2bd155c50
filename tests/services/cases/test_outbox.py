from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from schemas.case import DeliveryStatus
from schemas.errors import InvalidRequestError, LeaseLostError
from services.cases.settings import CasesSettings, Destination
from services.cases.store import outbox
from services.cases.store.database import Database
from services.cases.store.outbox import DeliveryClaim, Outcome

Open = Callable[..., str]
DELIVERED = Outcome(DeliveryStatus.DELIVERED, receipt="4f2a")
LATER = Outcome(DeliveryStatus.PENDING, "unavailable", "the share is not mounted")
FOLDER = Destination(id="folder", kind="folder", release="preliminary", owner="research lead")


class Sender:
    """The delivery worker's side."""

    def __init__(self, database: Database, case_id: str) -> None:
        self.database = database
        self.case_id = case_id

    def publish(self, version: int, *destinations: Destination, signed: bool = False) -> None:
        """A report version as the journey's end writes it."""
        with self.database.worker() as connection:
            row = connection.execute(
                'SELECT c.report_id::text, c.site_id FROM "case" c WHERE c.id = %s', (self.case_id,)
            ).fetchone()
            assert row is not None
            connection.execute(
                "INSERT INTO report (id, site_id, case_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (row["report_id"], row["site_id"], self.case_id),
            )
            connection.execute(
                "INSERT INTO step_result (site_id, key, name, content, made_by, digest)"
                " VALUES (%s, %s, 'report', '', gen_random_uuid(), 'd') ON CONFLICT DO NOTHING",
                (row["site_id"], f"k{version}"),
            )
            connection.execute(
                "INSERT INTO run (site_id, case_id, number, status) VALUES (%s, %s, %s, 'reported')"
                " ON CONFLICT DO NOTHING",
                (row["site_id"], self.case_id, version + 10),
            )
            connection.execute(
                "INSERT INTO report_version (report_id, version, site_id, run_id, result_key)"
                " SELECT %s, %s, %s, id, %s FROM run WHERE case_id = %s AND number = %s",
                (row["report_id"], version, row["site_id"], f"k{version}", self.case_id, version + 10),
            )
            outbox.add(
                connection,
                destinations,
                site_id=row["site_id"],
                case_id=self.case_id,
                report_id=row["report_id"],
                version=version,
                signed=signed,
            )

    def rows(self) -> list[outbox.DeliveryRow]:
        with self.database.worker() as connection:
            return outbox.of_case(connection, self.case_id)

    def ring(self) -> list[str]:
        with self.database.worker() as connection:
            return [ring.id for ring in outbox.ring(connection, again_s=0.0)]

    def claim(self, delivery_id: str, lease_s: float = 60.0, max_attempts: int = 20) -> DeliveryClaim | None:
        with self.database.worker() as connection:
            return outbox.claim(connection, delivery_id, lease_s, max_attempts)

    def finish(self, held: DeliveryClaim, outcome: Outcome, max_attempts: int = 20) -> None:
        with self.database.worker() as connection:
            outbox.finish(connection, held.delivery.id, str(held.lease_token), outcome, (0.0, 0.0), max_attempts)

    def start(self, held: DeliveryClaim) -> None:
        with self.database.worker() as connection:
            outbox.start_attempt(connection, held.delivery.id, str(held.lease_token), 60.0)


@pytest.fixture
def sender(database: Database, open_case: Open) -> Sender:
    return Sender(database, open_case())


def test_unsigned_reports_go_only_where_somebody_answers_for_them(sender: Sender) -> None:
    chart = Destination(id="chart", kind="fhir")
    sender.publish(1, FOLDER, chart)
    assert [row.destination_id for row in sender.rows()] == ["folder"]
    sender.publish(2, FOLDER, chart, signed=True)
    assert [(row.version, row.destination_id) for row in sender.rows()] == [(1, "folder"), (2, "chart"), (2, "folder")]


def test_a_destination_for_unsigned_reports_must_name_its_owner() -> None:
    with pytest.raises(ValueError, match="must name an owner"):
        Destination(id="x", kind="folder", release="preliminary")


def test_a_destination_may_serve_some_sites_only(sender: Sender) -> None:
    sender.publish(1, FOLDER.model_copy(update={"sites": ("site-b",)}))
    assert sender.rows() == []


def test_settings_read_destinations_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    value = '[{"id": "folder", "kind": "folder", "release": "preliminary", "owner": "research lead"}]'
    monkeypatch.setenv("ICTOGRAM_CASES_DESTINATIONS", value)
    assert CasesSettings.load().destinations == (FOLDER,)


def test_one_lease_per_delivery_and_a_row_before_each_send(sender: Sender, database: Database) -> None:
    sender.publish(1, FOLDER)
    (delivery_id,) = sender.ring()
    held = sender.claim(delivery_id)
    assert held is not None
    assert sender.claim(delivery_id) is None
    sender.start(held)
    sender.finish(held, DELIVERED)
    (row,) = sender.rows()
    assert (row.status, row.attempts, row.receipt) == (DeliveryStatus.DELIVERED, 1, "4f2a")
    assert row.delivered_at.endswith("Z")
    assert sender.claim(delivery_id) is None
    with database.worker() as connection:
        attempts = connection.execute("SELECT number, outcome FROM delivery_attempt").fetchall()
    assert attempts == [{"number": 1, "outcome": "delivered"}]


def test_versions_leave_in_order(sender: Sender) -> None:
    sender.publish(1, FOLDER)
    sender.publish(2, FOLDER)
    first, second = (row.id for row in sender.rows())
    assert sender.ring() == [first]
    assert sender.claim(second) is None
    held = sender.claim(first)
    assert held is not None
    assert sender.ring() == []
    sender.finish(held, DELIVERED)
    assert sender.ring() == [second]


def test_two_versions_are_never_sent_at_once(sender: Sender, database: Database) -> None:
    sender.publish(1, FOLDER)
    sender.publish(2, FOLDER)
    with pytest.raises(psycopg.errors.UniqueViolation), database.worker() as connection:
        connection.execute("UPDATE delivery SET status = 'sending'")


def test_a_lost_lease_writes_nothing(sender: Sender, database: Database) -> None:
    sender.publish(1, FOLDER)
    (delivery_id,) = sender.ring()
    stale = sender.claim(delivery_id, lease_s=-1)
    assert stale is not None
    with database.worker() as connection:
        assert outbox.expire(connection) == 1
    for write in (lambda: sender.start(stale), lambda: sender.finish(stale, DELIVERED)):
        with pytest.raises(LeaseLostError):
            write()
    assert sender.rows()[0].status is DeliveryStatus.PENDING
    assert sender.claim(delivery_id) is not None


def test_a_delivery_that_fails_too_often_is_parked(sender: Sender) -> None:
    sender.publish(1, FOLDER)
    for _ in range(3):
        held = sender.claim(sender.rows()[0].id, max_attempts=3)
        assert held is not None
        sender.start(held)
        sender.finish(held, LATER, max_attempts=3)
    (row,) = sender.rows()
    assert (row.status, row.error_message) == (DeliveryStatus.PARKED, "the share is not mounted")


def test_a_delivery_that_kills_its_worker_is_parked(sender: Sender, database: Database) -> None:
    sender.publish(1, FOLDER)
    for _ in range(2):
        assert sender.claim(sender.rows()[0].id, lease_s=-1, max_attempts=2) is not None
        with database.worker() as connection:
            outbox.expire(connection)
    assert sender.claim(sender.rows()[0].id, max_attempts=2) is None
    (row,) = sender.rows()
    assert (row.status, row.error_message) == (
        DeliveryStatus.PARKED,
        "given up after 2 attempts; a person must look at it",
    )


def test_a_delivery_ends_in_an_end_state(sender: Sender) -> None:
    sender.publish(1, FOLDER)
    held = sender.claim(sender.rows()[0].id)
    assert held is not None
    with pytest.raises(InvalidRequestError, match="not as sending"):
        sender.finish(held, Outcome(DeliveryStatus.SENDING))
