"""The worker as its own process, on a real broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from ictogram.model.v1 import case_pb2

from gateway.delivery.settings import DeliverySettings
from gateway.delivery.worker import QUEUE, TASK, celery_app
from services.runtime.objects import ObjectStore
from tests.gateway import samples
from tests.gateway.delivery.outbox import Row, RunningOutbox
from tests.gateway.serving import wait_until
from tests.support.stores import running_broker

ID = "11111111-2222-3333-4444-555555555555"


def test_rung_deliveries_are_made_and_sigterm_ends_it(tmp_path: Path) -> None:
    server = RunningOutbox()
    store = ObjectStore((tmp_path / "objects").as_uri())
    files, intakes = samples.stored(store)
    rows = {
        f"{ID[:-1]}{version}": Row(replace(files, report=replace(files.report, version=version)), intakes)
        for version in (1, 2, 3)
    }
    server.outbox.rows.update(rows)
    with running_broker() as broker:
        environment = {
            **os.environ,
            "ICTOGRAM_DELIVERY_BROKER": broker.url,
            "ICTOGRAM_DELIVERY_FOLDER": str(tmp_path / "out"),
            "ICTOGRAM_OBJECT_STORE": store.root,
            "ICTOGRAM_ADDRESS_CASES": server.address,
        }
        app = celery_app(DeliverySettings(broker=broker.url))
        for delivery_id in [*rows, *rows]:  # each twice, before anybody listens
            app.send_task(TASK, args=(delivery_id,), queue=QUEUE)
        code = "from gateway.delivery.worker import work; work()"
        worker = subprocess.Popen([sys.executable, "-c", code], env=environment)
        try:
            wait_until(
                lambda: all(row.status == case_pb2.DELIVERY_STATUS_DELIVERED for row in rows.values()),
                "every delivery is made",
                attempts=3000,
            )
            wait_until(lambda: server.outbox.calls.count("claim") == 6, "doubled messages find nothing to do")
            assert server.outbox.calls.count("start") <= 3
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0
        finally:
            worker.kill()
            worker.wait()
            server.stop()
