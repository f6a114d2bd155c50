"""Connections that stay open and carry nothing: worse than a closed door, because nobody says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.test_killed_at_each_point import finished_once
from tests.support.stack import StackUnderTest, wait_for

CALLED = "cases.step.claimed_before_call"
HOLE_S = 8.0
"""Longer than the silence that a caller bears in these tests."""


def heal(under_test: StackUnderTest, part: str) -> None:
    """New connections go through from now on, and the old ones end."""
    under_test.proxies[part].heal()
    under_test.proxies[part].cut()


DOORS = ("semiology", "broker", "cases")
"""Behind which the same is shown more slowly than behind Postgres'."""


@pytest.fixture
def healed(under_test: StackUnderTest) -> Iterator[None]:
    yield
    for part in under_test.proxies:
        heal(under_test, part)


@pytest.mark.req("a-cut-network-loses-nothing")
@pytest.mark.parametrize("part", ["intake", "semiology", "postgres", "broker", "cases"])
@pytest.mark.slow
@pytest.mark.usefixtures("healed")
def test_a_black_hole_costs_no_case(under_test: StackUnderTest, video: Path, part: str) -> None:
    under_test.arm(f"{CALLED}=delay:1@1")
    case_id = under_test.submit(video)
    wait_for(lambda: under_test.hits().get(CALLED), "the first step to begin")

    under_test.proxies[part].stall()
    under_test.pause(HOLE_S)
    heal(under_test, part)

    finished_once(under_test, case_id)


@pytest.mark.req("a-cut-network-loses-nothing")
@pytest.mark.parametrize("part", ["cases", "postgres", "broker"])
@pytest.mark.parametrize("point", ["delivery.claimed_before_attempt", "delivery.before_read_back"])
@pytest.mark.slow
@pytest.mark.usefixtures("healed")
def test_a_black_hole_around_the_delivery_costs_no_report(
    under_test: StackUnderTest, video: Path, point: str, part: str
) -> None:
    """The delivery asks cases, and cases asks Postgres; what it has written stays and is found again."""
    under_test.arm(f"{point}=delay:1@1")
    case_id = under_test.submit(video)
    wait_for(lambda: under_test.hits().get(point), "the delivery to begin")

    under_test.proxies[part].stall()
    under_test.pause(HOLE_S)
    heal(under_test, part)

    finished_once(under_test, case_id)


@pytest.mark.req("a-cut-network-loses-nothing")
@pytest.mark.parametrize("part", ["postgres", *(pytest.param(p, marks=pytest.mark.slow) for p in DOORS)])
@pytest.mark.usefixtures("healed")
def test_a_closed_door_costs_no_case(under_test: StackUnderTest, video: Path, part: str) -> None:
    under_test.arm(f"{CALLED}=delay:1@1")
    case_id = under_test.submit(video)
    wait_for(lambda: under_test.hits().get(CALLED), "the first step to begin")

    under_test.proxies[part].refuse()
    under_test.pause(2)
    under_test.proxies[part].heal()

    finished_once(under_test, case_id)
