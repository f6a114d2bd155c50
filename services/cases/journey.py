"""The journey's worker: a Celery process that takes step ids and waits for the services' answers."""

from __future__ import annotations

import os
import socket
import warnings
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from kombu.entity import Queue

from schemas.case import StepName
from schemas.errors import InvalidRequestError, UnavailableError
from services.cases import broker
from services.cases.performer import Performer
from services.cases.settings import CasesSettings
from services.cases.store.database import Database
from services.cases.vigil import Vigil
from services.runtime import logs, telemetry
from services.runtime.objects import ObjectStore

log = logs.get(__name__)


def work(queues: str) -> None:
    """Run a worker until SIGTERM: ``journey`` takes every step, a step's name (or several, by comma) only those.

    Raises InvalidRequestError for a name that is no step.
    """
    settings = CasesSettings.load()
    kinds = kinds_of(queues)
    logs.setup("worker")
    telemetry.setup("worker")
    telemetry.instrument_celery()
    telemetry.instrument_psycopg()
    app = broker.make_app(settings, consumes=True)
    own_queue = _own_queue(app)
    database = Database(settings, connections=settings.worker_threads + 1)
    database.open()
    vigil = Vigil(settings, ring=lambda: _beat(app, own_queue))
    performer = Performer(settings, database, ObjectStore.from_settings(), alive=vigil.alive)
    add_tasks(app, performer, vigil)
    signals.setup_logging.connect(_keep_logging, weak=False)
    signals.worker_ready.connect(lambda **_: vigil.start(), weak=False)
    signals.worker_shutting_down.connect(lambda **_: vigil.leave(performer.stop), weak=False)
    # Celery warns of running as root because messages could carry code; ours carry JSON only. And at each lost
    # connection it announces that late acknowledgements will be treated otherwise one day; ours are early.
    for category in (SecurityWarning, CPendingDeprecationWarning):
        warnings.filterwarnings("ignore", category=category)
    worker = app.Worker(
        pool="threads",
        concurrency=settings.worker_threads,
        queues=[*broker.step_queues(kinds), own_queue],
        hostname=f"journey-{os.getpid()}@{socket.gethostname()}",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    try:
        worker.start()
    finally:
        performer.close()
        database.close()
        telemetry.shutdown()


def kinds_of(queues: str) -> tuple[StepName, ...]:
    """The steps that a worker's name stands for. Raises InvalidRequestError."""
    if queues == "journey":
        return tuple(StepName)
    try:
        return tuple(StepName(name.strip()) for name in queues.split(","))
    except ValueError:
        known = ", ".join(StepName)
        raise InvalidRequestError(
            f"there is no queue '{queues}'; the queues are journey, {known} and delivery"
        ) from None


def add_tasks(app: Celery, performer: Performer, vigil: Vigil) -> None:
    """Bind the tasks to what does the work."""

    @app.task(name=broker.RUN_STEP)  # type: ignore[untyped-decorator]  # Celery has no types
    def run_step(step_id: str) -> None:
        try:
            performer.perform(step_id)
        except UnavailableError as error:
            # Not claimed: the step is still ready and will be rung again.
            log.warning("step not claimed", step_id=step_id, error=error.message)

    @app.task(name=broker.BEAT)  # type: ignore[untyped-decorator]  # Celery has no types
    def beat() -> None:
        vigil.alive()


def _own_queue(app: Celery) -> str:
    """A queue that only this process takes from, for its messages to itself."""
    name = f"heartbeat.{socket.gethostname()}.{os.getpid()}"
    own = Queue(name, durable=False, auto_delete=True, expires=300)  # type: ignore[no-untyped-call]
    app.conf.task_queues = [*app.conf.task_queues, own]
    return name


def _beat(app: Celery, queue: str) -> None:
    app.send_task(broker.BEAT, queue=queue, retry=False, ignore_result=True, expires=300)


def _keep_logging(**_: Any) -> None:
    """Connected so that Celery leaves the process's logging alone."""
