"""The whole of cases as it runs: server, dispatcher, Celery worker, broker and Postgres are real processes.

Only the computing services are stand-ins. Leases last 2 s and sweeps come every 0.2 s, so that recovery is quick.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ictogram.cases.v1 import cases_pb2 as pb
from ictogram.cases.v1.cases_pb2_grpc import CasesServiceStub
from ictogram.model.v1 import case_pb2, recording_pb2
from psycopg.rows import dict_row

from schemas.case import StepName
from schemas.errors import UnavailableError
from services.cases.broker import RUN_STEP, Bell, step_queue
from services.cases.settings import CasesSettings
from services.launcher.broker import BrokerServer
from services.launcher.postgres import PostgresServer
from services.runtime.channel import Channel, connect
from services.runtime.convert import to_proto
from tests.services.cases.conftest import recording
from tests.support.services import FakeServices
from tests.support.stores import free_port, fresh_database, running_broker

SERVER = "import asyncio; from services.cases.servicer import serve; asyncio.run(serve())"
WORKER = "from services.cases.journey import work; work('journey')"
CALLER = pb.Caller(site_id="site-a", actor="anna")
ROOT = Path(__file__).parents[3]


class Parts:
    """The processes of cases, started and killed at will."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        for name in names:
            code = SERVER if name == "server" else WORKER
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-c", code], env=self.environment, cwd=ROOT, stdout=log, stderr=log
                )

    def keep(self) -> None:
        """Start again what has died, as a supervisor does."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.start(name)

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


class Stack:
    """What a test says to cases and sees of it."""

    def __init__(self, parts: Parts, services: FakeServices, channel: Channel, dsn: str) -> None:
        self.parts = parts
        self.services = services
        self.stub = CasesServiceStub(channel)
        self.dsn = dsn

    def create(self, recordings: int = 1) -> str:
        name, request_id = uuid.uuid4().hex, uuid.uuid4().hex
        request = pb.CreateCaseRequest(
            request_id=request_id,
            caller=CALLER,
            subject=case_pb2.Subject(identifier=f"mrn-{name}"),
            recordings=[to_proto(recording(name, n), recording_pb2.Recording) for n in range(recordings)],
        )
        answer = self.patiently(lambda: self.stub.CreateCase(request, timeout=10))
        return str(answer.view.case.id)

    def view(self, case_id: str) -> Any:
        request = pb.GetCaseRequest(caller=CALLER, case_id=case_id)
        return self.patiently(lambda: self.stub.GetCase(request, timeout=10))

    def reported(self, case_id: str, patience_s: float = 90.0) -> Any:
        """The case once it has ended; parts that died are started again meanwhile."""
        deadline = time.monotonic() + patience_s
        while True:
            view = self.view(case_id)
            if view.case.status not in (case_pb2.CASE_STATUS_QUEUED, case_pb2.CASE_STATUS_RUNNING):
                assert view.case.status == case_pb2.CASE_STATUS_REPORTED, view.case.error_message
                return view
            assert time.monotonic() < deadline, f"not ended: {view}"
            self.parts.keep()
            time.sleep(0.1)

    def patiently(self, call: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 60
        while True:
            try:
                return call()
            except UnavailableError:
                assert time.monotonic() < deadline, "cases never came back"
                self.parts.keep()
                time.sleep(0.2)

    def ask(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            connection.execute("SET search_path = cases")
            return connection.execute(sql, parameters).fetchall()

    def wait_for(self, true: Callable[[], bool], patience_s: float = 60.0) -> None:
        deadline = time.monotonic() + patience_s
        while not true():
            assert time.monotonic() < deadline, "it never came to that"
            time.sleep(0.05)

    def check_once_only(self, case_id: str) -> None:
        """Exactly one report, one delivery per destination, and each finished step computed once."""
        rows = self.ask(
            "SELECT (SELECT count(*) FROM report_version v JOIN report r ON r.id = v.report_id WHERE r.case_id = %s)"
            " AS reports, (SELECT count(*) FROM delivery WHERE case_id = %s) AS deliveries",
            case_id,
            case_id,
        )
        assert rows == [{"reports": 1, "deliveries": 1}]
        ends = self.ask(
            "SELECT step_id, count(*) AS n FROM progress_log WHERE case_id = %s AND event IN ('done', 'reused')"
            " GROUP BY 1",
            case_id,
        )
        assert {row["n"] for row in ends} == {1}


@pytest.fixture(scope="module")
def own_broker() -> Iterator[BrokerServer]:
    """A broker that tests may kill."""
    with running_broker() as server:
        yield server


@pytest.fixture(scope="module")
def running(
    postgres: PostgresServer, template: str, own_broker: BrokerServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Started once: the tests leave it working, whatever they did to it."""
    folder = tmp_path_factory.mktemp("journey")
    services = FakeServices()
    services.start()
    destination = {"id": "folder", "kind": "folder", "release": "preliminary", "owner": "research lead"}
    with fresh_database(postgres, template) as dsn, pytest.MonkeyPatch.context() as patch:
        settings = {
            **services.addresses(),
            "ICTOGRAM_ADDRESS_CASES": f"127.0.0.1:{free_port()}",
            "ICTOGRAM_OBJECT_STORE": (folder / "objects").as_uri(),
            "ICTOGRAM_CASES_DATABASE": dsn,
            "ICTOGRAM_CASES_BROKER": own_broker.url,
            "ICTOGRAM_CASES_DESTINATIONS": json.dumps([destination]),
            "ICTOGRAM_CASES_LEASE_S": "2",
            "ICTOGRAM_CASES_SWEEP_S": "0.2",
            "ICTOGRAM_CASES_RING_AGAIN_S": "2",
            "ICTOGRAM_CASES_BACKOFF_S": "0.2",
            "ICTOGRAM_CASES_INFO_S": "1",
            "ICTOGRAM_FAILPOINTS": f"@{folder / 'failpoints'}",
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        parts = Parts(dict(os.environ), folder)
        parts.start("server", "worker")
        with connect("cases") as channel:
            yield Stack(parts, services, channel, dsn)
        parts.stop()
        services.stop()


@pytest.fixture
def stack(running: Stack) -> Stack:
    """The stack with nothing armed, every gate open and everything started."""
    for name in ("failpoints", "failpoints.counts"):
        (running.parts.folder / name).write_text("{}" if name.endswith("counts") else "")
    for kind in StepName:
        running.services[kind].gate.set()
    running.parts.keep()
    return running


@pytest.fixture
def failpoints(stack: Stack) -> Path:
    """The list of armed fail points; empty at first."""
    return stack.parts.folder / "failpoints"


def test_a_case_with_two_recordings_becomes_a_report(stack: Stack) -> None:
    case_id = stack.create(recordings=2)
    view = stack.reported(case_id)
    assert (view.case.report_version, len(view.steps)) == (1, 8)
    stack.check_once_only(case_id)
    report = stack.stub.GetReport(pb.GetReportRequest(caller=CALLER, case_id=case_id), timeout=10)
    assert report.files.report.id == view.case.report_id
    assert len(report.intakes) == 2
    traces = stack.ask("SELECT traceparent FROM run WHERE case_id = %s", case_id)
    assert len(traces[0]["traceparent"].split("-")) == 4


POINTS = (
    "cases.case.committed_before_ring",
    "cases.ring.marked_before_publish",
    "cases.step.claimed_before_call",
    "cases.step.result_before_commit",
    "cases.step.committed_before_ring",
    "delivery.outbox_read_before_send",
)


@pytest.mark.slow
def test_killed_at_every_fail_point_in_one_case(stack: Stack, failpoints: Path) -> None:
    failpoints.write_text(",".join(f"{point}=kill@1" for point in POINTS))
    case_id = stack.create()
    view = stack.reported(case_id)
    stack.check_once_only(case_id)
    assert sum(step.attempt for step in view.steps) > len(view.steps), "the kills cost attempts"
    stack.wait_for(lambda: set(POINTS) <= set(json.loads(Path(f"{failpoints}.counts").read_text())))


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_fail_point_the_case_still_ends_once(stack: Stack, failpoints: Path, point: str) -> None:
    failpoints.write_text(f"{point}=kill@1")
    case_id = stack.create()
    stack.reported(case_id)
    stack.wait_for(lambda: json.loads(Path(f"{failpoints}.counts").read_text()).get(point, 0) >= 1)
    stack.check_once_only(case_id)


def test_a_broker_that_is_killed_and_comes_back_empty_costs_nothing(stack: Stack, own_broker: BrokerServer) -> None:
    stack.reported(stack.create())
    worker = stack.parts.processes["worker"].pid
    stack.services[StepName.INTAKE].gate.clear()
    running = stack.create()
    stack.wait_for(lambda: stack.services[StepName.INTAKE].running == 1)
    own_broker.kill()
    created_meanwhile = stack.create()
    stack.services[StepName.INTAKE].gate.set()
    stack.wait_for(lambda: stack.view(running).steps[0].status == case_pb2.STEP_STATUS_DONE)
    own_broker.start()
    for case_id in (running, created_meanwhile, stack.create()):
        stack.reported(case_id)
        stack.check_once_only(case_id)
    assert stack.parts.processes["worker"].pid == worker, "the same worker took the next case"


def test_postgres_killed_under_a_running_step_loses_nothing(stack: Stack, postgres: PostgresServer) -> None:
    stack.services[StepName.SEGMENTATION].gate.clear()
    case_id = stack.create()
    stack.wait_for(lambda: stack.services[StepName.SEGMENTATION].running == 1)
    postgres.kill()
    postgres.start()
    stack.services[StepName.SEGMENTATION].gate.set()
    stack.reported(case_id)
    stack.check_once_only(case_id)


def test_a_worker_that_is_asked_to_leave_gives_its_step_back_at_once(stack: Stack) -> None:
    stack.services[StepName.INTAKE].gate.clear()
    case_id = stack.create()
    stack.wait_for(lambda: stack.services[StepName.INTAKE].running == 1)
    worker = stack.parts.processes["worker"]
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    stack.wait_for(lambda: stack.services[StepName.INTAKE].running == 0)
    rows = stack.ask("SELECT event FROM progress_log WHERE case_id = %s ORDER BY at, id", case_id)
    assert [row["event"] for row in rows] == ["run started", "claimed", "refunded"]
    stack.services[StepName.INTAKE].gate.set()
    assert [step.attempt for step in stack.reported(case_id).steps] == [1] * 5


def test_a_frozen_worker_is_replaced_and_writes_nothing_when_it_thaws(stack: Stack) -> None:
    stack.services[StepName.INTAKE].gate.clear()
    case_id = stack.create()
    stack.wait_for(lambda: stack.services[StepName.INTAKE].running == 1)
    frozen = stack.parts.processes.pop("worker")
    frozen.send_signal(signal.SIGSTOP)
    try:
        stack.parts.start("worker")
        stack.services[StepName.INTAKE].gate.set()
        stack.reported(case_id)
        stack.check_once_only(case_id)
        frozen.send_signal(signal.SIGCONT)
        time.sleep(1)
        stack.check_once_only(case_id)
    finally:
        frozen.kill()
        frozen.wait()


def test_messages_that_come_three_times_in_any_order_do_no_harm(stack: Stack) -> None:
    bell = Bell(CasesSettings.load())
    chance = random.Random(7)
    stack.services[StepName.SEMIOLOGY].gate.clear()
    cases = [stack.create(recordings=2) for _ in range(2)]
    rows = stack.ask("SELECT id::text, name FROM step WHERE case_id = ANY(%s::uuid[])", cases)
    messages = [row for row in rows for _ in range(3)]
    chance.shuffle(messages)
    for row in messages:
        bell.ring(RUN_STEP, row["id"], step_queue(StepName(row["name"]), "batch"), "")
    stack.services[StepName.SEMIOLOGY].gate.set()
    for case_id in cases:
        stack.reported(case_id)
        stack.check_once_only(case_id)
    leases = stack.ask(
        "SELECT step_id, count(*) FILTER (WHERE event = 'claimed') - count(*) FILTER (WHERE event = 'refunded') AS n"
        " FROM progress_log WHERE step_id IS NOT NULL AND case_id = ANY(%s::uuid[]) GROUP BY 1",
        cases,
    )
    assert {row["n"] for row in leases} == {1}, "one lease per step, besides those that a full service sent back"
    bell.close()
