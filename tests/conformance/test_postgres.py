"""The store on other versions of Postgres than the embedded one (18): its own tests, and the whole journey."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.test_killed_at_each_point import finished_once
from tests.support import null_engines
from tests.support.counterparts import postgres_programs
from tests.support.stack import running_stack, wait_for
from tests.support.stores import OTHER_POSTGRES
from tests.support.videos import scene, write_video

ROOT = Path(__file__).parents[2]
STORE = ROOT / "tests" / "services" / "cases"
CALLED = "cases.step.claimed_before_call"
pytestmark = pytest.mark.conformance


@pytest.fixture(params=["15", "16"])
def programs(request: pytest.FixtureRequest) -> Path:
    """Folder of the programs of one version."""
    folder = postgres_programs(request.param)
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    assert f" {request.param}." in said, said
    return folder


@pytest.mark.timeout(600)
def test_the_tests_of_the_store_pass(programs: Path) -> None:
    """Everything that speaks SQL, but not the tests of processes around it."""
    wanted = [str(path) for path in sorted(STORE.glob("test_*.py")) if path.stem != "test_journey"]
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *wanted]
    environment = {**os.environ, OTHER_POSTGRES: str(programs)}
    ran = subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_a_case_goes_through_and_outlives_a_killed_server(programs: Path, tmp_path: Path) -> None:
    with running_stack(tmp_path / "home", null_engines.SETTINGS, postgres_programs=programs) as under_test:
        version = under_test.rows("SHOW server_version")[0]["server_version"]
        assert version.split(".")[0] in {"15", "16"}
        finished_once(under_test, under_test.submit(write_video(tmp_path / "a.mp4", scene(seed=1), seconds=2.0)))

        under_test.arm(f"{CALLED}=delay:1@2")
        case_id = under_test.submit(write_video(tmp_path / "b.mp4", scene(seed=2), seconds=2.0))
        wait_for(lambda: under_test.hits().get(CALLED, 0) >= 2, "the second step to begin")
        under_test.stack.supervisor.kill("postgres")
        finished_once(under_test, case_id)
