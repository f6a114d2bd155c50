"""The delivery worker: Celery carries the id of a due delivery here; everything else is decided by cases.

Acknowledged early, one message at a time per thread, no results and no retries of Celery's own: a message that is lost
or doubled is harmless, because the delivery's row has a lease and the sweep rings again. A worker on threads can look
alive and yet receive nothing, so it sends itself messages and leaves when none arrives; its supervisor starts another.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
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
_DEAF = 75
"""Exit status of a worker that no longer hears its own messages (EX_TEMPFAIL: start it again)."""
_log = logs.get(__name__)


def celery_app(settings: DeliverySettings, own_queue: str = "") -> Celery:
    """The worker's Celery application. With an `own_queue`, it also takes the worker's messages to itself."""
    app = Celery("delivery", broker=settings.broker, set_as_current=False)
    amqp = settings.broker.startswith("amqp")
    # On the nameless exchange, which needs no binding: a broker that restarts empty loses none.
    arguments = {"x-queue-type": "quorum"} if amqp else None
    queues = [Queue(QUEUE, queue_arguments=arguments)]  # type: ignore[no-untyped-call] # Celery has no types
    if own_queue:
        queues.append(Queue(own_queue, durable=False, auto_delete=True, expires=300))  # type: ignore[no-untyped-call]
    app.conf.update(
        task_queues=queues,
        task_create_missing_queues=False,
        task_acks_late=False,
        task_ignore_result=True,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=settings.broker_timeout_s,
        broker_heartbeat=settings.broker_silence_s,  # of AMQP
        broker_transport_options=_transport_options(settings, amqp=amqp),
    )
    return app


def _transport_options(settings: DeliverySettings, *, amqp: bool) -> dict[str, object]:
    """Time-outs for everything that waits for the broker: nobody says that a connection has become a black hole."""
    if amqp:
        return {"connect_timeout": settings.broker_timeout_s}
    # A read returns within a second even when there is no message; one that does not is overdue.
    silence_s = settings.broker_silence_s
    return {
        "socket_connect_timeout": settings.broker_timeout_s,
        "socket_keepalive": True,
        "socket_timeout": silence_s,
        "health_check_interval": silence_s,
    }


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
    own_queue = f"heartbeat.delivery.{socket.gethostname()}.{os.getpid()}"
    app = celery_app(settings, own_queue)
    pulse = Pulse(settings, lambda: app.send_task(_BEAT_TASK, queue=own_queue, retry=False, expires=300))
    signals.setup_logging.connect(_keep_logging, weak=False)
    signals.worker_ready.connect(lambda **_: pulse.start(), weak=False)
    signals.worker_shutting_down.connect(lambda **_: _leave_after(settings.stop_grace_s), weak=False)
    # Celery warns of running as root because messages could carry code; ours carry JSON only. And at each lost
    # connection it announces that late acknowledgements will be treated otherwise one day; ours are early.
    for category in (SecurityWarning, CPendingDeprecationWarning):
        warnings.filterwarnings("ignore", category=category)
    try:
        with connect("cases") as channel:
            deliverer = Deliverer(
                channel, store, destinations(settings, store), settings.call_timeout_s, settings.attempt_timeout_s
            )
            add_tasks(app, deliverer, pulse)
            app.Worker(
                pool="threads",
                concurrency=settings.threads,
                queues=[QUEUE, own_queue],
                hostname=f"delivery-{os.getpid()}@{socket.gethostname()}",
                quiet=True,
                without_gossip=True,
                without_mingle=True,
                without_heartbeat=True,
            ).start()
    finally:
        telemetry.shutdown()


def add_tasks(app: Celery, deliverer: Deliverer, pulse: Pulse) -> None:
    """Binds the tasks to what does the work."""

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


class Pulse:
    """Has the worker send itself messages, and ends the process when none has arrived for too long.

    A broker that takes no messages is no fault of the worker's: time only counts while one is on its way.
    """

    def __init__(
        self, settings: DeliverySettings, send: Callable[[], object], end: Callable[[int], object] = os._exit
    ) -> None:
        self._settings = settings
        self._send = send
        self._end = end
        self._waiting_since: float | None = None

    def start(self) -> None:
        """Begins, in a thread."""
        threading.Thread(target=self._run, name="pulse", daemon=True).start()

    def felt(self) -> None:
        """A message has arrived."""
        self._waiting_since = None

    def look(self) -> None:
        """Sends one message; ends the process when an earlier one is overdue."""
        since = self._waiting_since
        if since is not None and time.monotonic() - since > self._settings.heartbeat_lost_s:
            _log.error("this worker takes no messages any more; ending it", waited_s=time.monotonic() - since)
            self._end(_DEAF)
            return
        try:
            self._send()
        except (OperationalError, OSError) as exc:
            _log.warning("the broker takes no messages", reason=type(exc).__name__)
            self._waiting_since = None
        else:
            self._waiting_since = self._waiting_since or time.monotonic()

    def _run(self) -> None:
        while True:
            self.look()
            time.sleep(self._settings.heartbeat_s)


def _leave_after(grace_s: float) -> None:
    """Ends the process when deliveries under way take too long: their leases run out and others take over."""

    def leave() -> None:
        _log.warning("deliveries under way were left to their leases", timeout_s=grace_s)
        telemetry.shutdown()
        os._exit(0)

    timer = threading.Timer(grace_s, leave)
    timer.daemon = True
    timer.start()


def _keep_logging(**_: Any) -> None:
    """Connected so that Celery leaves the process's logging alone."""
