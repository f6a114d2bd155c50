"""Whole parts that die, hang or lose everything while a case is under way."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from services.launcher.stack import PARTS
from tests.chaos.test_killed_at_each_point import finished_once
from tests.support.stack import StackUnderTest, wait_for

CALLED = "cases.step.claimed_before_call"


@pytest.fixture
def held(under_test: StackUnderTest, video: Path) -> str:
    """A case whose first step waits for a while just before its service is called."""
    under_test.arm(f"{CALLED}=delay:1.5@1")
    case_id = under_test.submit(video)
    wait_for(lambda: under_test.hits().get(CALLED), "the first step to begin")
    return case_id


@pytest.mark.req("a-killed-process-loses-nothing")
@pytest.mark.parametrize("part", ["postgres", "broker", *sorted(set(PARTS) - {"monitoring"})])
def test_a_killed_part_costs_no_case(under_test: StackUnderTest, held: str, part: str) -> None:
    under_test.stack.supervisor.kill(part)

    finished_once(under_test, held)


@pytest.mark.req("a-frozen-process-loses-nothing")
@pytest.mark.parametrize("part", ["intake", "worker", "cases"])
def test_a_frozen_part_is_replaced(under_test: StackUnderTest, held: str, part: str) -> None:
    restarts = under_test.stack.supervisor.restarts(part)
    under_test.stack.supervisor.kill(part, signal.SIGSTOP)

    finished_once(under_test, held)

    assert under_test.stack.supervisor.restarts(part) == restarts + 1


def test_the_worker_outlives_a_broker_that_comes_back_empty(under_test: StackUnderTest, held: str, video: Path) -> None:
    worker = under_test.stack.supervisor.pid("worker")
    under_test.stack.supervisor.kill("broker")
    finished_once(under_test, held)

    assert under_test.stack.supervisor.pid("worker") == worker, "the same worker must take the next case"
