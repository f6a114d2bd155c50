"""One step carried out against services that misbehave in every way the contract knows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.case import CaseStatus, StepName, StepStatus
from schemas.errors import (
    BusyError,
    IctogramError,
    InternalError,
    ObjectMissingError,
    StorageFullError,
    TimeoutExceededError,
    UnreadableMediaError,
)
from services.cases.performer import Performer
from services.cases.settings import CasesSettings
from services.cases.store import cases, runs, steps
from services.cases.store.cases import CaseView
from services.cases.store.database import Database
from services.runtime.objects import ObjectStore
from tests.support.services import FakeServices

Open = Callable[..., str]
Ring = Callable[[], list[str]]


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServices]:
    fakes = FakeServices()
    fakes.start()
    for name, value in fakes.addresses().items():
        monkeypatch.setenv(name, value)
    yield fakes
    for kind in StepName:
        fakes[kind].gate.set()
    fakes.stop()


@pytest.fixture
def performer(
    settings: CasesSettings, database: Database, tmp_path: Path, services: FakeServices
) -> Iterator[Performer]:
    made = Performer(settings, database, ObjectStore(tmp_path.as_uri()))
    yield made
    made.stop()
    made.close()


class Case:
    """One case and what the tests ask about it."""

    def __init__(self, database: Database, case_id: str) -> None:
        self.database = database
        self.id = case_id

    def view(self) -> CaseView:
        with self.database.worker() as connection:
            return cases.view(connection, self.id)

    def intake(self) -> dict[str, object]:
        with self.database.worker() as connection:
            row = connection.execute(
                "SELECT status, attempt, waits, error_code, error_message FROM step"
                " WHERE case_id = %s AND name = 'intake'",
                (self.id,),
            ).fetchone()
        assert row is not None
        return row

    def events(self) -> list[str]:
        with self.database.worker() as connection:
            rows = connection.execute(
                "SELECT event FROM progress_log WHERE case_id = %s AND step_id IS NOT NULL ORDER BY at, id", (self.id,)
            )
            return [row["event"] for row in rows]


@pytest.fixture
def case(database: Database, open_case: Open) -> Case:
    return Case(database, open_case())


def wait_until(true: Callable[[], bool]) -> None:
    waiter = threading.Event()
    for _ in range(600):
        if true():
            return
        waiter.wait(0.05)
    raise AssertionError("it never came to that")


def perform_all(performer: Performer, ring: Ring) -> None:
    while due := ring():
        for step_id in due:
            performer.perform(step_id)


def test_every_step_is_asked_once_and_the_case_is_reported(
    performer: Performer, services: FakeServices, case: Case, ring_all: Ring
) -> None:
    perform_all(performer, ring_all)
    assert case.view().case.status is CaseStatus.REPORTED
    assert services.count() == 5
    (compose,) = services[StepName.REPORT].calls
    assert compose.version == 1  # type: ignore[attr-defined]
    assert compose.case.subject.family == "Canary"  # type: ignore[attr-defined]
    assert [engine.name for engine in compose.recordings[0].engines] == ["fake", "fake"]  # type: ignore[attr-defined]
    (judge,) = services[StepName.SEMIOLOGY].calls
    assert b"Canary" not in judge.SerializeToString(), "engines that judge signs never see the patient"


def test_a_message_for_a_step_that_is_not_due_asks_nobody(
    performer: Performer, services: FakeServices, case: Case, ring_all: Ring
) -> None:
    (step_id,) = ring_all()
    for _ in range(3):
        performer.perform(step_id)
    assert services.count() == 1
    performer.perform("00000000-0000-0000-0000-000000000000")


def test_the_same_content_is_computed_once(
    performer: Performer, services: FakeServices, database: Database, ring_all: Ring, open_case: Open
) -> None:
    case = Case(database, open_case())
    perform_all(performer, ring_all)
    with database.worker() as connection:
        runs.rerun(connection, case.id, "", 3)
    perform_all(performer, ring_all)
    reused = {step.name: step.reused for step in case.view().steps}
    assert reused == {name: name is not StepName.REPORT for name in StepName}
    assert services.count() == 6
    assert case.view().case.report_version == 2


def test_a_full_service_costs_no_attempt(
    performer: Performer, services: FakeServices, case: Case, ring_all: Ring
) -> None:
    services[StepName.INTAKE].errors = [BusyError()] * 5
    for _ in range(5):
        wait_until(lambda: bool([performer.perform(one) for one in ring_all()]))
    row = case.intake()
    assert (row["status"], row["attempt"], row["waits"], row["error_code"]) == ("ready", 0, 5, "busy")


@pytest.mark.parametrize("error", [StorageFullError(), ObjectMissingError("object 4f is missing"), InternalError()])
def test_each_kind_of_error_has_its_consequence(
    performer: Performer, services: FakeServices, case: Case, ring_all: Ring, error: IctogramError
) -> None:
    services[StepName.INTAKE].errors = [error]
    for step_id in ring_all():
        performer.perform(step_id)
    row = case.intake()
    expected = {
        # waits for space and costs no attempt / counted and tried again / at once the end
        "storage-full": ("ready", 0, "storage-full"),
        "object-missing": ("ready", 1, "object-missing"),
        "internal": ("failed", 1, "internal"),
    }
    assert (row["status"], row["attempt"], row["error_code"]) == expected[error.code]


def test_a_permanent_error_fails_the_case_with_its_reason(
    performer: Performer, services: FakeServices, case: Case, ring_all: Ring
) -> None:
    services[StepName.INTAKE].errors = [UnreadableMediaError("the file holds no video track")]
    perform_all(performer, ring_all)
    view = case.view()
    assert (view.case.status, view.case.error_message) == (CaseStatus.FAILED, "the file holds no video track")
    assert services[StepName.SEGMENTATION].calls == []


def test_a_passing_error_is_tried_again_and_then_fails(
    performer: Performer, services: FakeServices, case: Case, ring_all: Ring
) -> None:
    services[StepName.INTAKE].errors = [TimeoutExceededError("no answer within 3 s")] * 9
    wait_until(lambda: not [performer.perform(one) for one in ring_all()] and case.intake()["status"] == "failed")
    assert len(services[StepName.INTAKE].calls) == 3
    assert case.view().case.error_message == "no answer within 3 s"


def test_a_service_that_is_not_there_costs_no_attempt(
    performer: Performer, services: FakeServices, case: Case, ring_all: Ring
) -> None:
    services.stop()
    for step_id in ring_all():
        performer.perform(step_id)
    row = case.intake()
    assert (row["status"], row["attempt"], row["error_code"]) == ("ready", 0, "unavailable")
    services.start()
    wait_until(lambda: bool(perform_all(performer, ring_all) or case.view().case.status is CaseStatus.REPORTED))


def test_a_replaced_engine_is_expected_anew_while_nothing_depends_on_the_old(
    performer: Performer, services: FakeServices, case: Case, database: Database, ring_all: Ring
) -> None:
    services[StepName.INTAKE].digest = "intake-2"
    for step_id in ring_all():
        performer.perform(step_id)
    row = case.intake()
    assert (row["status"], row["attempt"], row["error_code"]) == ("ready", 0, "engine-mismatch")
    with database.worker() as connection:
        assert connection.execute("SELECT pinned FROM run").fetchone() == {"pinned": {}}


def test_cancelling_the_case_stops_the_call(
    performer: Performer, services: FakeServices, case: Case, database: Database, ring_all: Ring
) -> None:
    intake = services[StepName.INTAKE]
    intake.gate.clear()
    (step_id,) = ring_all()
    thread = threading.Thread(target=performer.perform, args=(step_id,))
    thread.start()
    wait_until(lambda: any(step.fraction > 0 for step in case.view().steps))
    with database.worker() as connection:
        runs.cancel(connection, case.id)
    thread.join(20)
    assert not thread.is_alive()
    wait_until(lambda: intake.running == 0)
    assert intake.cancelled == 1
    assert case.view().case.status is CaseStatus.CANCELLED
    assert case.events() == ["claimed"]


def test_stopping_gives_the_lease_back(
    performer: Performer, services: FakeServices, case: Case, ring_all: Ring
) -> None:
    services[StepName.INTAKE].gate.clear()
    (step_id,) = ring_all()
    thread = threading.Thread(target=performer.perform, args=(step_id,))
    thread.start()
    wait_until(lambda: services[StepName.INTAKE].running == 1)
    performer.stop()
    thread.join(20)
    row = case.intake()
    assert (row["status"], row["attempt"]) == ("ready", 0)
    performer.perform(step_id)
    assert case.intake()["status"] == "ready", "a worker that leaves begins nothing"


def test_a_lease_taken_over_meanwhile_ends_the_call_without_a_word(
    performer: Performer, services: FakeServices, case: Case, database: Database, ring_all: Ring
) -> None:
    services[StepName.INTAKE].gate.clear()
    (step_id,) = ring_all()
    thread = threading.Thread(target=performer.perform, args=(step_id,))
    thread.start()
    wait_until(lambda: services[StepName.INTAKE].running == 1)
    with database.worker() as connection:
        connection.execute("UPDATE step SET lease_until = now() - interval '1 s' WHERE id = %s", (step_id,))
        thief = steps.claim(connection, step_id, 60.0)
    thread.join(20)
    assert not thread.is_alive()
    assert thief is not None
    assert case.view().steps[0].status is StepStatus.RUNNING
    assert case.view().steps[0].attempt == 2
