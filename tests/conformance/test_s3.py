"""The object store on a server that speaks S3 (versitygw over a folder), alone and under the whole system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.errors import ObjectMissingError, UnavailableError
from services.runtime.objects import ObjectStore
from tests.chaos.test_killed_at_each_point import finished_once
from tests.support import null_engines
from tests.support.counterparts import Counterpart, running_s3
from tests.support.stack import StackUnderTest, running_stack, wait_for
from tests.support.videos import scene, write_video

BUCKET = "ictogram"
ROOT = f"s3://{BUCKET}/site-objects"
CALLED = "cases.step.claimed_before_call"
pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[Counterpart, dict[str, str]]]:
    with running_s3(BUCKET) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server[1].items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="module")
def server(s3: tuple[Counterpart, dict[str, str]]) -> Counterpart:
    return s3[0]


@pytest.fixture
def store(s3: tuple[Counterpart, dict[str, str]]) -> ObjectStore:
    return ObjectStore(ROOT)


@pytest.fixture(scope="module")
def under_test(
    s3: tuple[Counterpart, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StackUnderTest]:
    settings = {**null_engines.SETTINGS, **s3[1], "ICTOGRAM_OBJECT_STORE": ROOT}
    with running_stack(tmp_path_factory.mktemp("stack"), settings) as stack:
        yield stack


def test_what_is_put_comes_back(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * 2**16)  # 16 MiB: sent in several parts
    ref = store.put_file(path, store.join("", "a", "large.bin"), "application/octet-stream")
    assert ref.size_bytes == path.stat().st_size
    assert store.read_bytes(ref) == path.read_bytes()
    assert b"".join(store.read_range(ref, 250, 2**20 + 10)) == path.read_bytes()[250 : 2**20 + 10]
    with store.local(ref) as local:
        assert local.read_bytes() == path.read_bytes()


def test_what_is_deleted_is_missing(store: ObjectStore) -> None:
    ref = store.put_bytes(b"short", store.join("", "b", "short.bin"), "application/octet-stream")
    store.delete(ref.uri)
    with pytest.raises(ObjectMissingError):
        store.read_bytes(ref)
    store.delete(ref.uri)  # again: no error


def test_a_case_goes_through_and_its_video_can_be_watched(under_test: StackUnderTest, tmp_path: Path) -> None:
    under_test.arm()
    case_id = under_test.submit(write_video(tmp_path / "a.mp4", scene(seed=1), seconds=2.0))
    finished_once(under_test, case_id)
    with under_test.client() as client:
        report = json.loads(client.download(f"/cases/{case_id}/report.json"))
    assert report["recordings"][0]["coverage"]["duration_s"] > 1.5
    address = f"{under_test.stack.url}/cases/{case_id}/recordings/r1/video"
    headers = {"Authorization": f"Bearer {under_test.stack.token}", "Range": "bytes=100-199"}
    part = httpx.get(address, headers=headers, timeout=30)
    assert (part.status_code, len(part.content)) == (206, 100)
    assert not list((under_test.stack.home / "objects").rglob("*.*")), "nothing went to the local folder"


def test_a_store_that_is_away_costs_no_case(under_test: StackUnderTest, server: Counterpart, tmp_path: Path) -> None:
    under_test.arm(f"{CALLED}=delay:1@1")
    case_id = under_test.submit(write_video(tmp_path / "b.mp4", scene(seed=2), seconds=2.0))
    wait_for(lambda: under_test.hits().get(CALLED), "the first step to begin")
    server.kill()
    with pytest.raises(UnavailableError):
        ObjectStore(ROOT).exists(f"{ROOT}/a/large.bin")
    under_test.pause(2)
    server.start()
    under_test.wait_delivered(case_id)
