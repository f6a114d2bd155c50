"""Whole parts that die, hang or lose everything while a case is under way."""

from __future__ import annotations

import random
import signal
import threading
from pathlib import Path

import pytest

from schemas.case import StepName
from services.cases.broker import DELIVER, DELIVERY_QUEUE, RUN_STEP, Bell, step_queue
from services.cases.settings import CasesSettings
from services.launcher.stack import PARTS
from tests.chaos.test_killed_at_each_point import STEPS, finished_once
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


FROZEN_AT = {
    **dict.fromkeys(("postgres", "broker", "cases", "gateway", "worker"), f"{CALLED}=delay:1.5@1"),
    **{name: f"{CALLED}=delay:1.5@{1 + place}" for place, name in enumerate(STEPS)},
    "delivery": "delivery.claimed_before_attempt=delay:1.5@1",
}
"""Where the case waits when each part is frozen: just before the part is needed."""
QUICK = ("intake",)
"""The one whose turn comes in every run of the tests; a frozen part is noticed after six seconds."""


@pytest.mark.req("a-frozen-process-loses-nothing")
@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=() if part in QUICK else pytest.mark.slow) for part in FROZEN_AT]
)
def test_a_frozen_part_is_replaced(under_test: StackUnderTest, video: Path, part: str) -> None:
    under_test.arm(FROZEN_AT[part])
    case_id = under_test.submit(video)
    point, _, rule = FROZEN_AT[part].partition("=")
    at = int(rule.partition("@")[2])
    wait_for(lambda: under_test.hits().get(point, 0) >= at, "the case to wait")
    restarts = under_test.stack.supervisor.restarts(part)
    under_test.stack.supervisor.kill(part, signal.SIGSTOP)

    finished_once(under_test, case_id)

    wait_for(lambda: under_test.stack.supervisor.restarts(part) == restarts + 1, f"{part} to be replaced")


@pytest.mark.req("a-frozen-process-loses-nothing")
@pytest.mark.slow
@pytest.mark.parametrize("point", ["delivery.before_post", "service.object_written_before_result"])
def test_a_process_that_freezes_there_costs_no_case(under_test: StackUnderTest, video: Path, point: str) -> None:
    under_test.arm(f"{point}=freeze@1")

    finished_once(under_test, under_test.submit(video))


@pytest.mark.req("a-doubled-message-doubles-nothing")
def test_every_message_may_come_three_times_in_any_order(
    under_test: StackUnderTest, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_test.arm("cases.step.claimed_before_call=delay:0.3")
    monkeypatch.setenv("ICTOGRAM_CASES_BROKER", under_test.stack.broker.url)
    bell, chance = Bell(CasesSettings.load()), random.Random(7)
    case_id = under_test.submit(video)
    done = threading.Event()

    def repeat() -> None:
        """Whatever step or delivery there is, again and again, due or not, held or done."""
        while not done.wait(0.2):
            steps = under_test.rows(
                "SELECT s.id::text, s.name FROM step s JOIN run r ON r.id = s.run_id WHERE r.case_id = %s", case_id
            )
            deliveries = under_test.rows("SELECT id::text FROM delivery WHERE case_id = %s", case_id)
            messages = [(RUN_STEP, row["id"], step_queue(StepName(row["name"]), "batch")) for row in steps]
            messages += [(DELIVER, row["id"], DELIVERY_QUEUE) for row in deliveries]
            messages *= 3
            chance.shuffle(messages)
            for task, identifier, queue in messages:
                bell.ring(task, identifier, queue, "")

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        finished_once(under_test, case_id)
    finally:
        done.set()
        thread.join()
        bell.close()
    attempts = under_test.rows("SELECT attempts, claims FROM delivery WHERE case_id = %s", case_id)
    assert attempts == [{"attempts": 1, "claims": 1}]


def test_the_worker_outlives_a_broker_that_comes_back_empty(under_test: StackUnderTest, held: str, video: Path) -> None:
    worker = under_test.stack.supervisor.pid("worker")
    under_test.stack.supervisor.kill("broker")
    finished_once(under_test, held)

    assert under_test.stack.supervisor.pid("worker") == worker, "the same worker must take the next case"
