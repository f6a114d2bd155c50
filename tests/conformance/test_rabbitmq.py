"""RabbitMQ with quorum queues as the carrier in place of Valkey."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection

from schemas.case import StepName
from services.cases.broker import DELIVERY_QUEUE, step_queues
from tests.chaos.test_killed_at_each_point import finished_once
from tests.support import null_engines
from tests.support.counterparts import Counterpart, running_rabbitmq
from tests.support.proxy import Proxy
from tests.support.stack import StackUnderTest, running_stack, wait_for
from tests.support.videos import scene, write_video

CALLED = "cases.step.claimed_before_call"
pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def rabbit() -> Iterator[Counterpart]:
    with running_rabbitmq() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(rabbit: Counterpart) -> Iterator[Proxy]:
    with Proxy("127.0.0.1", rabbit.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def under_test(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUnderTest]:
    """A stack whose parts reach RabbitMQ through a proxy."""
    address = f"amqp://guest:guest@{proxy.address}//"
    settings = {**null_engines.SETTINGS, "ICTOGRAM_CASES_BROKER": address, "ICTOGRAM_DELIVERY_BROKER": address}
    with running_stack(tmp_path_factory.mktemp("stack"), settings) as stack:
        yield stack


@pytest.fixture
def video(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return write_video(tmp_path / "clip.mp4", scene(seed=zlib.crc32(request.node.nodeid.encode())), seconds=2.0)


def begun(under_test: StackUnderTest, video: Path) -> str:
    """A case whose first step is just about to be called."""
    under_test.arm(f"{CALLED}=delay:1.5@1")
    case_id = under_test.submit(video)
    wait_for(lambda: under_test.hits().get(CALLED), "the first step to begin")
    return case_id


def test_a_case_goes_through(under_test: StackUnderTest, video: Path) -> None:
    under_test.arm()
    finished_once(under_test, under_test.submit(video))


def test_the_queues_are_quorum_queues(under_test: StackUnderTest, rabbit: Counterpart) -> None:
    """Declared again as another kind, the server refuses: PRECONDITION_FAILED says which kind it has."""
    with Connection(f"amqp://guest:guest@127.0.0.1:{rabbit.port}//") as connection:
        for name in (*step_queues(tuple(StepName)), DELIVERY_QUEUE):
            with pytest.raises(connection.channel_errors, match="quorum"):
                connection.channel().queue_declare(name, durable=True, auto_delete=False, arguments={})


def test_a_killed_worker_costs_no_case(under_test: StackUnderTest, video: Path) -> None:
    case_id = begun(under_test, video)
    under_test.stack.supervisor.kill("worker")
    finished_once(under_test, case_id)


def test_a_killed_broker_costs_no_case(under_test: StackUnderTest, rabbit: Counterpart, video: Path) -> None:
    case_id = begun(under_test, video)
    worker = under_test.stack.supervisor.pid("worker")
    rabbit.kill()
    under_test.pause(1)
    rabbit.start()
    finished_once(under_test, case_id)
    assert under_test.stack.supervisor.pid("worker") == worker, "the same worker takes the next step"


def test_a_black_hole_before_the_broker_costs_no_case(under_test: StackUnderTest, proxy: Proxy, video: Path) -> None:
    case_id = begun(under_test, video)
    proxy.stall()
    under_test.pause(8)
    proxy.heal()
    proxy.cut()
    finished_once(under_test, case_id)
