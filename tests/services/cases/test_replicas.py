"""Two replicas of every service with different engines, as during an upgrade: a run is made by one of them per step."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.case import StepName
from services.launcher.broker import BrokerServer
from services.launcher.postgres import PostgresServer
from services.runtime.channel import connect
from tests.services.cases.test_journey import Parts, Stack
from tests.support.services import FakeServices
from tests.support.stores import free_port, fresh_database, running_broker

CASES = 4


@pytest.fixture
def replicas() -> Iterator[tuple[FakeServices, FakeServices]]:
    """Both behind one address, so that calls go to them in turn; the second has other engines throughout."""
    old, new = FakeServices(), FakeServices()
    for kind in StepName:
        new[kind].digest = f"{kind}-2"
    for one in (old, new):
        one.start()
    yield old, new
    for one in (old, new):
        one.stop()


@pytest.fixture
def own_broker() -> Iterator[BrokerServer]:
    with running_broker() as server:
        yield server


@pytest.fixture
def stack(
    replicas: tuple[FakeServices, FakeServices],
    own_broker: BrokerServer,
    postgres: PostgresServer,
    template: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stack]:
    target = "ipv4:///" + ",".join(f"127.0.0.1:{one.port}" for one in replicas)
    destination = {"id": "folder", "kind": "folder", "release": "preliminary", "owner": "research lead"}
    with fresh_database(postgres, template) as dsn:
        settings = {
            **{f"ICTOGRAM_ADDRESS_{kind.value.upper()}": target for kind in StepName},
            "ICTOGRAM_ADDRESS_CASES": f"127.0.0.1:{free_port()}",
            "ICTOGRAM_OBJECT_STORE": (tmp_path / "objects").as_uri(),
            "ICTOGRAM_CASES_DATABASE": dsn,
            "ICTOGRAM_CASES_BROKER": own_broker.url,
            "ICTOGRAM_CASES_DESTINATIONS": json.dumps([destination]),
            "ICTOGRAM_CASES_SWEEP_S": "0.2",
            "ICTOGRAM_CASES_BACKOFF_S": "0.1",
            "ICTOGRAM_CASES_BACKOFF_MAX_S": "0.5",
            "ICTOGRAM_CASES_INFO_S": "0.3",  # so that what the services say of themselves changes all the time
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        parts = Parts(dict(os.environ), tmp_path)
        parts.start("server", "worker")
        try:
            with connect("cases") as channel:
                yield Stack(parts, replicas[0], channel, dsn)
        finally:
            parts.stop()


@pytest.mark.slow
def test_each_run_is_made_by_one_engine_per_step(stack: Stack, replicas: tuple[FakeServices, FakeServices]) -> None:
    cases = [stack.create(recordings=2) for _ in range(CASES)]
    for case_id in cases:
        view = stack.reported(case_id)
        assert sum(step.attempt for step in view.steps) == len(view.steps), "being turned away costs no attempt"
        stack.check_once_only(case_id)
    made_by: dict[tuple[str, StepName], list[str]] = defaultdict(list)
    for one in replicas:
        for kind in StepName:
            for call in one[kind].calls:
                made_by[call.context.run_id, kind].append(one[kind].digest)  # type: ignore[attr-defined]
                assert call.context.expected_digest == one[kind].digest  # type: ignore[attr-defined]
    assert len(made_by) == CASES * len(StepName)
    assert all(len(set(digests)) == 1 for digests in made_by.values())
    assert {digest for digests in made_by.values() for digest in digests} > {"intake-1", "intake-2"}, (
        "both were at work"
    )
