"""Every fail point of the house: a process that dies there costs time, never a case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.runtime.failpoints import POINTS
from tests.support.stack import StackUnderTest, wait_for

STEPS = ("intake", "segmentation", "semiology", "localization", "report")


def finished_once(under_test: StackUnderTest, case_id: str) -> None:
    """Exactly one report, delivered once; every step done once, and no finished step computed again."""
    folder = under_test.wait_delivered(case_id)
    versions = under_test.rows(
        "SELECT v.version FROM report_version v JOIN report r ON r.id = v.report_id WHERE r.case_id = %s", case_id
    )
    assert [row["version"] for row in versions] == [1]
    steps = under_test.rows(
        "SELECT s.name, s.status, s.attempt FROM step s JOIN run r ON r.id = s.run_id WHERE r.case_id = %s", case_id
    )
    assert sorted(row["name"] for row in steps) == sorted(STEPS)
    assert {row["status"] for row in steps} == {"done"}
    assert sum(row["attempt"] for row in steps) <= len(STEPS) + 1, "only the interrupted step may be tried again"
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["case_id"] == case_id
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == ["v1"]


@pytest.mark.req("a-killed-process-loses-nothing")
@pytest.mark.parametrize("point", sorted(POINTS))
def test_a_process_killed_there_costs_no_case(under_test: StackUnderTest, video: Path, point: str) -> None:
    under_test.arm(f"{point}=kill@1")

    case_id = under_test.submit(video)
    # The collector passes its points in its own time, perhaps after the case is done.
    wait_for(lambda: under_test.hits().get(point), f"a process to pass {point}")

    finished_once(under_test, case_id)


def test_a_run_without_faults_passes_every_point(under_test: StackUnderTest, video: Path) -> None:
    under_test.arm()

    finished_once(under_test, under_test.submit(video))

    wait_for(lambda: set(under_test.hits()) == set(POINTS), "every point to be passed")
