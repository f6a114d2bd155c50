"""The carrier: Celery brings step and delivery ids to workers, and nothing depends on it.

Early acknowledgement, no prefetching beyond what is running, no results, retries or schedules: a lost message is rung
again by the sweep, a doubled one finds nothing to claim.
"""

from __future__ import annotations

from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import KombuError
from opentelemetry import context as otel_context

from schemas.case import Priority, StepName
from schemas.errors import UnavailableError
from services.cases.settings import CasesSettings
from services.runtime import telemetry

RUN_STEP = "ictogram.run_step"
"""Task of the journey: one argument, the step's id."""
DELIVER = "deliver"
"""Task of the delivery worker: one argument, the delivery's id."""
BEAT = "ictogram.beat"
"""A worker's message to itself."""
DELIVERY_QUEUE = "delivery"


def step_queue(kind: StepName, priority: str) -> str:
    """Queue of a step: ``intake.stat``, ``intake.batch``, …"""
    return f"{kind.value}.{priority}"


def step_queues(kinds: tuple[StepName, ...]) -> tuple[str, ...]:
    """The queues of these kinds, stat first."""
    return tuple(step_queue(kind, priority) for priority in (Priority.STAT, Priority.BATCH) for kind in kinds)


def make_app(settings: CasesSettings, *, consumes: bool = False) -> Celery:
    """The Celery application; ``consumes`` for workers, which wait for messages as long as it takes."""
    app = Celery("ictogram", broker=settings.broker, set_as_current=False)
    amqp = settings.broker.startswith("amqp")
    arguments = {"x-queue-type": "quorum"} if amqp else None
    names = (*step_queues(tuple(StepName)), DELIVERY_QUEUE)
    app.conf.update(
        # Published to the nameless exchange, which needs no binding: a broker that restarts empty loses none.
        task_queues=[Queue(name, queue_arguments=arguments) for name in names],  # type: ignore[no-untyped-call]
        task_create_missing_queues=False,
        task_ignore_result=True,
        task_acks_late=False,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=settings.broker_timeout_s,
        broker_heartbeat=settings.broker_silence_s,  # of AMQP
        broker_pool_limit=2,
        broker_transport_options=_transport_options(settings, amqp=amqp, consumes=consumes),
    )
    return app


def _transport_options(settings: CasesSettings, *, amqp: bool, consumes: bool) -> dict[str, object]:
    """Time-outs for everything that waits for the broker: nobody says that a connection has become a black hole."""
    if amqp:
        options: dict[str, object] = {"confirm_publish": True, "connect_timeout": settings.broker_timeout_s}
        return options if consumes else options | {"read_timeout": settings.broker_timeout_s}
    options = {"socket_connect_timeout": settings.broker_timeout_s, "socket_keepalive": True}
    if not consumes:
        return options | {"socket_timeout": settings.broker_timeout_s, "retry_on_timeout": False}
    # A worker's read returns within a second even when there is no message; one that does not is overdue.
    silence_s = settings.broker_silence_s
    return options | {"socket_timeout": silence_s, "health_check_interval": silence_s}


class Bell:
    """Rings: publishes an id, once, within two seconds, or says that it could not."""

    def __init__(self, settings: CasesSettings) -> None:
        self._app = make_app(settings)

    def ring(self, task: str, identifier: str, queue: str, traceparent: str) -> None:
        """Publish; the message carries the trace of the run. Raises UnavailableError when nobody takes it."""
        token = otel_context.attach(telemetry.context_of(traceparent))
        try:
            self._app.send_task(task, args=(identifier,), queue=queue, retry=False, ignore_result=True)
        except (OSError, KombuError) as error:
            raise UnavailableError("the broker cannot be reached right now") from error
        finally:
            otel_context.detach(token)

    def close(self) -> None:
        """Close connections."""
        self._app.close()
