from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from schemas.case import OrderRef, PatientContext, Priority, StepName, Subject
from schemas.recording import Recording, SourceFile
from services.cases.migrate import migrate
from services.cases.settings import CasesSettings
from services.cases.store import cases, sweep
from services.cases.store.cases import NewCase
from services.cases.store.database import Database
from services.launcher.broker import BrokerServer
from services.launcher.postgres import PostgresServer
from tests.support.answers import object_ref
from tests.support.stores import fresh_database, running_broker, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> Iterator[str]:
    """Name of a migrated database to copy."""
    with fresh_database(postgres) as dsn:
        migrate(dsn)
        yield dsn.rpartition("/")[2]


@pytest.fixture
def dsn(postgres: PostgresServer, template: str) -> Iterator[str]:
    with fresh_database(postgres, template) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def broker() -> Iterator[BrokerServer]:
    with running_broker() as server:
        yield server


@pytest.fixture
def settings(dsn: str) -> CasesSettings:
    return CasesSettings(database=dsn, lease_s=30.0, backoff_s=0.01, backoff_max_s=0.02, busy_pause_s=0.01)


@pytest.fixture
def database(settings: CasesSettings) -> Iterator[Database]:
    with Database(settings) as opened:
        yield opened


def recording(name: str = "video", number: int = 1) -> Recording:
    return Recording(f"r{number}", (SourceFile(object_ref(f"file:///objects/{name}-{number}.mp4", "video/mp4")),))


def new_case(
    *, site: str = "site-a", recordings: int = 1, priority: Priority = Priority.BATCH, name: str = ""
) -> NewCase:
    """A case of its own (unless named like another): other content, other patient."""
    label = name or uuid.uuid4().hex
    return NewCase(
        site_id=site,
        subject=Subject(f"mrn-{label}", family="Canary"),
        recordings=tuple(recording(label, number) for number in range(1, recordings + 1)),
        order=OrderRef(f"order-{label}"),
        context=PatientContext(age_years=30.0),
        priority=priority,
    )


@pytest.fixture
def open_case(database: Database) -> Callable[..., str]:
    """Opens a case; its id."""

    def make(max_attempts: int = 3, **wishes: object) -> str:
        with database.worker() as connection:
            return cases.create(connection, new_case(**wishes), "", max_attempts)[0]  # type: ignore[arg-type]

    return make


@pytest.fixture
def ring_all(database: Database) -> Callable[[], list[str]]:
    """Rings everything that is due, with slots for all; the steps' ids."""

    def ring() -> list[str]:
        with database.worker() as connection:
            return [
                found.id
                for kind in StepName
                for found in sweep.ring(connection, kind, slots=1000, digest=f"{kind}-1", again_s=0.0)
            ]

    return ring
