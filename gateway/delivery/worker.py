"""The delivery worker: Celery carries the id of a due delivery here; everything else is decided by cases.

Acknowledged early, one message at a time per thread, no results and no retries of Celery's own: a message that is lost
or doubled is harmless, because the delivery's row has a lease and the sweep rings again. A worker on threads can look
alive and yet receive nothing, so it sends itself messages and leaves when none arrives; its supervisor starts another.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from uuid import uuid4

from celery import Celery, signals
from kombu.entity import Queue
from kombu.exceptions import OperationalError

from gateway.delivery.delivering import Deliverer
from gateway.delivery.destination import Destination
from gateway.delivery.folder import FolderDestination
from gateway.delivery.settings import DeliverySettings
from schemas.errors import IctogramError
from services.runtime import logs, telemetry
from services.runtime.channel import connect
from services.runtime.objects import ObjectStore

QUEUE = "delivery"
"""Queue on which cases rings."""
TASK = "deliver"
"""Task that it rings: one argument, the delivery's id."""

_BEAT_TASK = "delivery_beat"
_SOCKET_TIMEOUT_S = 2.0
_log = logs.get(__name__)


def celery_app(settings: DeliverySettings, beat_queue: str = "") -> Celery:
    """The worker's Celery application. With a `beat_queue`, it also takes the worker's messages to itself."""
    app = Celery("delivery", broker=settings.broker, set_as_current=False)
    queues = [Queue(QUEUE)]  # type: ignore[no-untyped-call] # Celery has no types
    if beat_queue:
        expires_s = settings.heartbeat_lost_s * 2
        queues.append(Queue(beat_queue, auto_delete=True, expires=expires_s))  # type: ignore[no-untyped-call]
    app.conf.update(
        task_queues=queues,
        task_default_queue=QUEUE,
        task_acks_late=False,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "socket_connect_timeout": _SOCKET_TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": 5,
        },
    )
    return app


def destinations(settings: DeliverySettings, store: ObjectStore) -> dict[str, Destination]:
    """The destinations that this worker can reach, by id."""
    folders = dict(settings.folders)
    if settings.folder:
        folders["folder"] = settings.folder
    return {name: FolderDestination(path, store) for name, path in folders.items()}


def work() -> None:
    """Takes deliveries until SIGTERM; then those under way may finish, and what is left over is rung again."""
    settings = DeliverySettings.load()
    logs.setup("delivery")
    telemetry.setup("delivery")
    telemetry.instrument_celery()
    store = ObjectStore.from_settings()
    beat_queue = f"{QUEUE}.beat.{uuid4().hex}"
    app = celery_app(settings, beat_queue)
    pulse = _Pulse(app, beat_queue, settings)
    with connect("cases") as channel:
        deliverer = Deliverer(channel, store, destinations(settings, store), settings.call_timeout_s)
        _register(app, deliverer, pulse)
        signals.worker_shutting_down.connect(lambda **_: _leave_after(settings.stop_grace_s), weak=False)
        pulse.start()
        app.Worker(
            pool="threads", concurrency=settings.threads, queues=f"{QUEUE},{beat_queue}", loglevel="WARNING",
            without_gossip=True, without_mingle=True, without_heartbeat=True, quiet=True,
        ).start()  # fmt: skip
    telemetry.shutdown()


def _register(app: Celery, deliverer: Deliverer, pulse: _Pulse) -> None:
    @app.task(name=TASK)  # type: ignore[untyped-decorator] # Celery has no types
    def deliver(delivery_id: str) -> None:
        try:
            deliverer.deliver(delivery_id)
        except IctogramError as exc:
            # Nothing to decide here: the lease runs out and the delivery is rung again.
            _log.warning("delivery left to its lease", delivery_id=delivery_id, exc_info=exc)

    @app.task(name=_BEAT_TASK)  # type: ignore[untyped-decorator] # Celery has no types
    def beat() -> None:
        pulse.felt()


class _Pulse:
    """Sends messages to this very worker and ends the process when none has arrived for too long."""

    def __init__(self, app: Celery, queue: str, settings: DeliverySettings) -> None:
        self._app = app
        self._queue = queue
        self._every_s = settings.heartbeat_s
        self._lost_s = settings.heartbeat_lost_s
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def felt(self) -> None:
        self._last = time.monotonic()

    def _run(self) -> None:
        while True:
            # A broker that is away makes the messages late; the worker then leaves and waits for it as a new process.
            with contextlib.suppress(OperationalError, OSError):
                self._app.send_task(_BEAT_TASK, queue=self._queue, retry=False, expires=self._lost_s)
            time.sleep(self._every_s)
            if time.monotonic() - self._last > self._lost_s:
                _log.error("no message has reached this worker; leaving", waited_s=self._lost_s)
                os._exit(1)


def _leave_after(grace_s: float) -> None:
    """Ends the process when deliveries under way take too long to finish: their leases run out and others take over."""

    def leave() -> None:
        _log.warning("deliveries under way were left to their leases", timeout_s=grace_s)
        telemetry.shutdown()
        os._exit(0)

    timer = threading.Timer(grace_s, leave)
    timer.daemon = True
    timer.start()
