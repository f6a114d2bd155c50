from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cases import CaseView
from schemas.case import Case, CaseStatus, StepName, StepState, StepStatus, Subject
from tests.gateway.serving import Gateway, wait_until


@pytest.fixture
def case_id(gateway: Gateway) -> str:
    case = Case("live", "local", Subject("MRN"), (), status=CaseStatus.RUNNING)
    gateway.cases.views["live"] = CaseView(case, (StepState(StepName.INTAKE, "r1", StepStatus.RUNNING, 0.1),))
    return "live"


def states(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data:"):
            yield json.loads(line[5:])


def test_each_change_is_told_until_the_end(gateway: Gateway, case_id: str) -> None:
    with gateway.client() as http, http.stream("GET", f"/cases/{case_id}/events") as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-store"
        told = states(reply.iter_lines())
        assert next(told)["steps"][0]["fraction"] == 0.1
        gateway.update(case_id, steps=(StepState(StepName.INTAKE, "r1", StepStatus.RUNNING, 0.5, "decoding"),))
        step = next(told)["steps"][0]
        assert (step["fraction"], step["message"]) == (0.5, "decoding")
        gateway.update(case_id, status=CaseStatus.FAILED, error_code="unreadable-media", error_message="Not readable.")
        last = next(told)["case"]
        assert (last["status"], last["error_message"]) == ("failed", "Not readable.")
        assert list(told) == []


def test_silence_is_broken_and_a_lost_reader_is_noticed(gateway: Gateway, case_id: str) -> None:
    with gateway.client() as http, http.stream("GET", f"/cases/{case_id}/events") as reply:
        lines = reply.iter_lines()
        while not next(lines).startswith(":"):
            pass
        assert gateway.cases.watchers == 1
    wait_until(lambda: gateway.cases.watchers == 0, "the call to cases ends with the reader")


def test_reader_that_comes_back_is_not_told_again_what_it_knows(gateway: Gateway, case_id: str) -> None:
    with gateway.client() as http:
        with http.stream("GET", f"/cases/{case_id}/events") as reply:
            known = next(line for line in reply.iter_lines() if line.startswith("id:"))[3:].strip()
        with http.stream("GET", f"/cases/{case_id}/events", headers={"Last-Event-ID": known}) as reply:
            gateway.update(case_id, status=CaseStatus.CANCELLED)
            assert [view["case"]["status"] for view in states(reply.iter_lines())][-1] == "cancelled"


def test_streams_end_when_the_gateway_stops(tmp_path: Path) -> None:
    running = Gateway(tmp_path, heartbeat_s=0.1)
    running.cases.views["live"] = CaseView(Case("live", "local", Subject("MRN"), (), status=CaseStatus.RUNNING))
    ended: list[bool] = []

    def read() -> None:
        with running.client() as http, http.stream("GET", "/cases/live/events") as reply:
            for _ in reply.iter_lines():
                started.set()
            ended.append(True)

    started = threading.Event()
    reader = threading.Thread(target=read)
    reader.start()
    assert started.wait(20)
    running.stop()
    reader.join(20)
    assert ended == [True]


def test_progress_of_an_unreachable_cases_service_is_a_problem(tmp_path: Path) -> None:
    running = Gateway(tmp_path)
    try:
        running.loop.run(running.grpc.stop())
        with running.client() as http:
            for path in ("/cases/live/events", "/cases/live", "/health/ready"):
                reply = http.get(path)
                assert (reply.status_code, reply.json()["code"]) == (503, "unavailable"), path
            assert http.get("/health/live").json() == {"status": "ok"}
    except httpx.HTTPError as exc:
        raise AssertionError("the gateway must answer") from exc
    finally:
        running.stop()
