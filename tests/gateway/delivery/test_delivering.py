from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ictogram.model.v1 import case_pb2

from gateway.delivery.delivering import Deliverer
from gateway.delivery.destination import DeliveryJob, Destination
from gateway.delivery.folder import FolderDestination
from gateway.delivery.settings import DeliverySettings
from gateway.delivery.worker import Pulse
from schemas.errors import InvalidRequestError, LeaseLostError, StorageFullError, UnavailableError
from services.runtime import failpoints
from services.runtime.channel import connect
from services.runtime.objects import ObjectStore
from tests.gateway import samples
from tests.gateway.delivery.outbox import Outbox, Row, RunningOutbox
from tests.gateway.serving import wait_until

POINTS = [
    "delivery.claimed_before_attempt",
    "delivery.before_post",
    "delivery.server_committed_before_response",
    "delivery.before_read_back",
    "delivery.read_back_before_finish",
]
ID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningOutbox]:
    server = RunningOutbox()
    yield server
    server.stop()


@pytest.fixture
def outbox(running: RunningOutbox) -> Outbox:
    running.outbox.rows.clear()
    running.outbox.calls.clear()
    running.outbox.lease_s = 30.0
    return running.outbox


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore((tmp_path / "objects").as_uri())


Make = Callable[..., Deliverer]


@pytest.fixture
def make(running: RunningOutbox, store: ObjectStore) -> Iterator[Make]:
    with connect(running.address) as channel:
        yield lambda attempt_timeout_s=600.0, **destinations: Deliverer(
            channel, store, destinations, 10.0, attempt_timeout_s
        )


def add(outbox: Outbox, store: ObjectStore, **more: object) -> Row:
    row = outbox.rows[ID] = Row(*samples.stored(store), **more)  # type: ignore[arg-type]
    return row


def versions(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_report_lies_in_the_folder_marked_unsigned(
    outbox: Outbox, store: ObjectStore, make: Make, tmp_path: Path
) -> None:
    row = add(outbox, store)
    make(folder=FolderDestination(tmp_path / "out", store)).deliver(ID)
    assert outbox.calls == ["claim", "start", "finish"]
    assert row.status == case_pb2.DELIVERY_STATUS_DELIVERED
    place = tmp_path / "out" / row.files.report.id / "v1"
    assert sorted(path.name for path in place.iterdir()) == [
        "UNSIGNED.txt", "bundle.json", "report.html", "report.json", "report.pdf",
    ]  # fmt: skip
    assert (place / "report.pdf").read_bytes() == samples.PDF
    assert json.loads((place / "bundle.json").read_text())["type"] == "transaction"
    assert "No clinician has read or signed it" in (place / "UNSIGNED.txt").read_text()
    assert row.receipt.startswith(f"{row.files.report.id}/v1 sha256:")


def test_rung_again_sends_nothing(outbox: Outbox, store: ObjectStore, make: Make, tmp_path: Path) -> None:
    row = add(outbox, store)
    deliverer = make(folder=FolderDestination(tmp_path / "out", store))
    deliverer.deliver(ID)
    before, receipt = versions(tmp_path / "out"), row.receipt
    deliverer.deliver(ID)
    outbox.expire(ID)  # as if the answer to the last call had been lost
    deliverer.deliver(ID)
    assert outbox.calls == ["claim", "start", "finish", "claim", "claim", "finish"]
    assert (versions(tmp_path / "out"), row.receipt, row.attempts) == (before, receipt, 1)


@pytest.mark.parametrize("point", POINTS)
def test_killed_worker_leaves_one_whole_report(
    point: str, running: RunningOutbox, outbox: Outbox, store: ObjectStore, make: Make, tmp_path: Path
) -> None:
    row = add(outbox, store)
    code = (
        "from pathlib import Path; from gateway.delivery.delivering import Deliverer;"
        "from gateway.delivery.folder import FolderDestination; from services.runtime.channel import connect;"
        "from services.runtime.objects import ObjectStore;"
        f"store = ObjectStore({store.root!r});"
        f"folder = FolderDestination(Path({str(tmp_path / 'out')!r}), store);"
        f"Deliverer(connect({running.address!r}), store, {{'folder': folder}}, 10.0, 60.0).deliver({ID!r})"
    )
    environment = {**os.environ, "ICTOGRAM_FAILPOINTS": f"{point}=kill@1", "ICTOGRAM_FAILPOINTS_DIR": str(tmp_path)}
    killed = subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert row.status == case_pb2.DELIVERY_STATUS_SENDING
    outbox.expire(ID)
    make(folder=FolderDestination(tmp_path / "out", store)).deliver(ID)
    assert row.status == case_pb2.DELIVERY_STATUS_DELIVERED
    assert len([name for name in versions(tmp_path / "out") if name.endswith("bundle.json")]) == 1
    assert [path.name for path in (tmp_path / "out" / row.files.report.id).iterdir()] == ["v1"]


def test_a_delivery_passes_every_point(
    outbox: Outbox, store: ObjectStore, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "points"
    listed.write_text("")
    monkeypatch.setenv("ICTOGRAM_FAILPOINTS", f"@{listed}")
    add(outbox, store)
    make(folder=FolderDestination(tmp_path / "out", store)).deliver(ID)
    assert failpoints.hits(listed) == dict.fromkeys(POINTS, 1)


class Broken:
    """A destination that fails as it is told to."""

    def __init__(self, *, send: Exception | None = None, has: str | None = None) -> None:
        self._fault = send
        self._has = has
        self.sent = 0

    def send(self, job: object) -> str:
        self.sent += 1
        if self._fault:
            raise self._fault
        return "taken"

    def read_back(self, job: object) -> str | None:
        return self._has


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (UnavailableError("away"), case_pb2.DELIVERY_STATUS_PENDING, "unavailable"),
        (StorageFullError(), case_pb2.DELIVERY_STATUS_PENDING, "storage-full"),
        (OSError(28, "No space left"), case_pb2.DELIVERY_STATUS_PENDING, "storage-full"),
        (InvalidRequestError("refused"), case_pb2.DELIVERY_STATUS_FAILED, "invalid-request"),
        (OSError(5, "CANARY"), case_pb2.DELIVERY_STATUS_FAILED, "internal"),
    ],
)
def test_faults_are_written_down(
    outbox: Outbox, store: ObjectStore, make: Make, fault: Exception, status: int, code: str
) -> None:
    row = add(outbox, store)
    make(folder=Broken(send=fault)).deliver(ID)
    assert (row.status, row.error_code, row.attempts) == (status, code, 1)
    assert "CANARY" not in row.error_message


def test_destination_that_lost_it_is_tried_again(outbox: Outbox, store: ObjectStore, make: Make) -> None:
    row = add(outbox, store)
    make(folder=Broken()).deliver(ID)
    assert (row.status, row.error_code) == (case_pb2.DELIVERY_STATUS_PENDING, "unavailable")


def test_unclear_attempt_is_looked_up_before_it_is_sent_again(outbox: Outbox, store: ObjectStore, make: Make) -> None:
    row = add(outbox, store, attempts=1)
    destination = Broken(has="already here")
    make(folder=destination).deliver(ID)
    assert (destination.sent, row.receipt, row.status) == (0, "already here", case_pb2.DELIVERY_STATUS_DELIVERED)


def test_folder_that_is_away_is_tried_again(outbox: Outbox, store: ObjectStore, make: Make, tmp_path: Path) -> None:
    row = add(outbox, store)
    (tmp_path / "out").write_text("a file where the folder should be")
    make(folder=FolderDestination(tmp_path / "out", store)).deliver(ID)
    assert (row.status, row.error_code) == (case_pb2.DELIVERY_STATUS_PENDING, "unavailable")
    assert "EEXIST" in row.error_message or "ENOTDIR" in row.error_message


def test_unknown_destination_fails_for_good(outbox: Outbox, store: ObjectStore, make: Make) -> None:
    row = add(outbox, store, destination_id="moon")
    make().deliver(ID)
    assert (row.status, row.error_code) == (case_pb2.DELIVERY_STATUS_FAILED, "invalid-request")


def test_missing_rendering_is_retried(outbox: Outbox, store: ObjectStore, make: Make, tmp_path: Path) -> None:
    row = add(outbox, store)
    store.delete(row.files.pdf.uri)
    make(folder=FolderDestination(tmp_path / "out", store)).deliver(ID)
    assert (row.status, row.error_code) == (case_pb2.DELIVERY_STATUS_PENDING, "object-missing")
    assert not [name for name in versions(tmp_path / "out") if "/v1/" in name]


def test_another_content_under_the_same_version_is_never_overwritten(
    outbox: Outbox, store: ObjectStore, make: Make, tmp_path: Path
) -> None:
    row = add(outbox, store)
    place = tmp_path / "out" / row.files.report.id / "v1"
    place.mkdir(parents=True)
    (place / "report.pdf").write_bytes(b"somebody else's")
    make(folder=FolderDestination(tmp_path / "out", store)).deliver(ID)
    assert (row.status, row.error_code) == (case_pb2.DELIVERY_STATUS_FAILED, "state-conflict")
    assert (place / "report.pdf").read_bytes() == b"somebody else's"


def test_lease_is_prolonged_while_sending_and_a_lost_one_stops_it(
    outbox: Outbox, store: ObjectStore, make: Make
) -> None:
    outbox.lease_s = 0.3
    row = add(outbox, store)

    class Slow(Broken):
        def send(self, job: object) -> str:
            wait_until(lambda: outbox.calls.count("renew") >= 2, "the lease is prolonged")
            outbox.expire(ID)
            wait_until(lambda: self._lost(job), "the worker learns that it lost the lease")
            job.check_lease()  # type: ignore[attr-defined]
            return "never"

        def _lost(self, job: object) -> bool:
            try:
                job.check_lease()  # type: ignore[attr-defined]
            except LeaseLostError:
                return True
            return False

    make(folder=Slow()).deliver(ID)
    assert "finish" not in outbox.calls
    assert row.status == case_pb2.DELIVERY_STATUS_PENDING


@pytest.mark.req("a-frozen-process-loses-nothing")
def test_a_destination_that_hangs_is_let_go_and_writes_nothing_when_it_comes_back(
    outbox: Outbox, store: ObjectStore, make: Make, tmp_path: Path
) -> None:
    outbox.lease_s = 0.3
    row, root = add(outbox, store), tmp_path / "out"
    jobs: list[DeliveryJob] = []
    comes_back = threading.Event()

    class Hanging(FolderDestination):
        def send(self, job: DeliveryJob) -> str:
            jobs.append(job)
            assert comes_back.wait(60)
            return super().send(job)

    def let_go() -> bool:
        try:
            jobs[0].check_lease()
        except LeaseLostError:
            return True
        return False

    hanging = make(folder=Hanging(root, store), attempt_timeout_s=1.0)
    thread = threading.Thread(target=hanging.deliver, args=(ID,))
    thread.start()
    wait_until(lambda: outbox.calls.count("renew") >= 2, "the lease is prolonged at first")
    wait_until(let_go, "the worker lets go")
    outbox.expire(ID)
    make(folder=FolderDestination(root, store)).deliver(ID)
    assert row.status == case_pb2.DELIVERY_STATUS_DELIVERED
    written = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    comes_back.set()
    thread.join()
    assert outbox.calls.count("finish") == 1
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == written


def test_two_workers_make_one_delivery(outbox: Outbox, store: ObjectStore, make: Make, tmp_path: Path) -> None:
    add(outbox, store)
    deliverer = make(folder=FolderDestination(tmp_path / "out", store))
    threads = [threading.Thread(target=deliverer.deliver, args=(ID,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outbox.calls.count("claim"), outbox.calls.count("start"), outbox.calls.count("finish")) == (4, 1, 1)


def test_destinations_follow_the_protocol() -> None:
    checked: type[Destination] = FolderDestination
    assert {"send", "read_back"} <= set(dir(checked))


def test_deaf_worker_ends_and_a_broker_that_is_away_does_not_end_it() -> None:
    settings = DeliverySettings(heartbeat_lost_s=1e-9)
    ended: list[int] = []
    hearing = Pulse(settings, lambda: None, ended.append)
    hearing.look()
    hearing.felt()
    hearing.look()
    assert ended == []
    hearing.look()
    assert ended == [75]

    def away() -> None:
        raise OSError("connection refused")

    alone = Pulse(settings, away, ended.append)
    for _ in range(3):
        alone.look()
    assert ended == [75]
