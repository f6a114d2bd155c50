"""The bootstrap of every gRPC service: health, reflection, errors, deadlines, telemetry and a graceful end.

Computing happens in a `ComputePool`; `stream_work` is the whole body of a long call.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from schemas.errors import EngineMismatchError, InternalError, InvalidRequestError
from services.runtime import deadline, failpoints, logs, telemetry
from services.runtime.compute import ComputePool, JobFunction, Outcome, Progress
from services.runtime.convert import message_class, to_proto
from services.runtime.interceptor import CallInterceptor
from services.runtime.settings import AddressSettings, RuntimeSettings

ResponseT = TypeVar("ResponseT", bound=Message)
log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Registration:
    """One gRPC service of a server."""

    descriptor: ServiceDescriptor
    """Such as ``intake_pb2.DESCRIPTOR.services_by_name["IntakeService"]``."""
    add: Callable[[Any, Any], None]
    """The generated ``add_…Servicer_to_server``."""
    servicer: object
    """Implements its methods as coroutines and async generators."""


class Server:
    """A gRPC server on one address."""

    def __init__(self, registrations: Sequence[Registration], settings: RuntimeSettings, listen: str) -> None:
        self._settings = settings
        self._names = [registration.descriptor.full_name for registration in registrations]
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # the stubs have forgotten it
        self._server = grpc.aio.server(interceptors=[CallInterceptor()], options=_options(settings))
        for registration in registrations:
            registration.add(registration.servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*self._names, reflection.SERVICE_NAME, health.SERVICE_NAME), self._server)
        self._probe_server: grpc.aio.Server | None = None
        self.port = self._bind(listen)
        """The port listened on; chosen by the system when the address asks for port 0."""

    async def start(self) -> None:
        """Answer calls and say so."""
        if self._settings.health_listen:
            self._probe_server = grpc.aio.server()
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._probe_server)
            self._probe_server.add_insecure_port(self._settings.health_listen)
            await self._probe_server.start()
        await self._server.start()
        await self.set_serving(serving=True)

    async def set_serving(self, *, serving: bool) -> None:
        """Tell health checks whether the service's own dependencies are there."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, status)

    async def stop(self) -> None:
        """NOT_SERVING first, then no new calls, then the grace for those in flight, then cancel them."""
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(self._settings.stop_delay_s)
        await self._server.stop(self._settings.stop_grace_s)
        if self._probe_server is not None:
            await self._probe_server.stop(0)

    def _bind(self, listen: str) -> int:
        address = listen.rpartition("/")[2]
        tls = self._settings
        try:
            if not tls.tls_cert:
                return int(self._server.add_insecure_port(address))
            authority = Path(tls.tls_ca).read_bytes() if tls.tls_ca else None
            credentials = grpc.ssl_server_credentials(
                [(Path(tls.tls_key).read_bytes(), Path(tls.tls_cert).read_bytes())],
                root_certificates=authority,
                require_client_auth=authority is not None,
            )
            return int(self._server.add_secure_port(address, credentials))
        except RuntimeError:
            raise InvalidRequestError(f"cannot listen on {address}: it is taken, or no address of this host") from None


async def serve(
    name: str,
    registrations: Sequence[Registration],
    settings: RuntimeSettings | None = None,
    *,
    pool: ComputePool | None = None,
    listen: str | None = None,
    started: Callable[[Server], None] | None = None,
) -> None:
    """Run a service until SIGTERM or SIGINT.

    Listens on ``listen``, else on ``ICTOGRAM_LISTEN``, else on the service's own address. The pool's children are warm
    before the first call is taken. ``started`` is told the running server.
    """
    settings = settings or RuntimeSettings.load()
    logs.setup(name, settings)
    telemetry.setup(name, settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server: Server | None = None
    try:
        if pool is not None:
            await pool.start()
        server = Server(registrations, settings, listen or settings.listen or AddressSettings.load().of(name))
        await server.start()
        log.info("serving", port=server.port)
        if started is not None:
            started(server)
        await stop.wait()
        log.info("stopping")
    finally:
        if server is not None:
            await server.stop()
        if pool is not None:
            await pool.close()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        await asyncio.to_thread(telemetry.shutdown)


def check_digest(expected: str, own: str) -> None:
    """Refuse work that was planned for another engine; an empty expectation fits every engine."""
    if expected and expected != own:
        raise EngineMismatchError(f"this service's digest is {own[:12]}; the run expects {expected[:12]}")


async def stream_work(
    pool: ComputePool,
    function: JobFunction[Any, Any],
    job: Any,
    context: Any,
    work_context: Any,
    response_type: type[ResponseT],
    digest: str,
) -> AsyncGenerator[ResponseT, None]:
    """The body of a long call: ``response_type`` messages with ``progress`` (at least every 5 s) and one ``result``.

    ``context`` is the gRPC context, ``work_context`` the request's ``WorkContext``. The job gets what is left of the
    call's deadline. When the caller cancels or goes away, the child is killed.
    Raises `EngineMismatchError`, `BusyError` and everything that `ComputePool.run` raises.
    """
    check_digest(work_context.expected_digest, digest)
    settings = RuntimeSettings.load()
    fields = {name: getattr(work_context, name) for name in ("site_id", "case_id", "run_id", "step_id")}
    result_class = message_class(response_type.DESCRIPTOR.fields_by_name["result"].message_type)
    progress_class = message_class(response_type.DESCRIPTOR.fields_by_name["progress"].message_type)
    last = Progress(0.0, "start", "starting")
    outcome: Outcome[Any] | None = None
    with structlog.contextvars.bound_contextvars(**fields), _compute_span(function, fields):
        events = pool.run(function, job, timeout_s=_left_s(context, settings.deadline_margin_s))
        beating = _with_heartbeat(events, settings.progress_s)
        # Closed from the inside out: the one that waits for an event first, then the job.
        async with contextlib.aclosing(events), contextlib.aclosing(beating) as beats:
            async for event in beats:
                if isinstance(event, Outcome):
                    outcome = event
                    break
                last = event or last
                yield response_type(progress=to_proto(last, progress_class))
    if outcome is None:
        raise InternalError("a job ended without a result")
    # Outside the span: the caller hangs up on the Result, and the generator may then be closed in another context.
    await failpoints.hit_aio("service.object_written_before_result")
    yield response_type(result=to_proto(outcome.value, result_class))


def _compute_span(function: Callable[..., Any], fields: dict[str, str]) -> Any:
    attributes = {f"ictogram.{name}": value for name, value in fields.items() if value}
    attributes["ictogram.function"] = function.__qualname__
    return telemetry.tracer().start_as_current_span(
        f"compute {function.__qualname__}", attributes=attributes, record_exception=False
    )


def _left_s(context: Any, margin_s: float) -> float | None:
    """What the job may take, so that there is time left to say that it took too long."""
    left = deadline.remaining_s()
    left = left if left is not None else context.time_remaining()
    return None if left is None else max(0.0, left - margin_s)


async def _with_heartbeat(
    events: AsyncIterator[Progress | Outcome[Any]], every_s: float
) -> AsyncGenerator[Progress | Outcome[Any] | None, None]:
    """The events, with None whenever none has come for so long."""
    pending: asyncio.Task[Progress | Outcome[Any]] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({pending}, timeout=every_s)
            if not done:
                yield None
                continue
            finished, pending = pending, None
            try:
                event = finished.result()
            except StopAsyncIteration:
                return
            yield event
    finally:
        if pending is not None:
            pending.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration, Exception):
                await pending


def _options(settings: RuntimeSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.keepalive_time_ms", int(settings.keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", int(settings.keepalive_timeout_s * 1000)),
        ("grpc.http2.ping_timeout_ms", int(settings.keepalive_timeout_s * 1000)),  # else a probe gets a minute
        ("grpc.keepalive_permit_without_calls", 1),
        # Clients probe each keepalive_s; without this a server takes that for abuse and hangs up.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
        ("grpc.so_reuseport", 0),  # two processes on one port must be an error, not a lottery
    ]


def service_info(service: str, version: str, digest: str, slots: int, engines: Sequence[Any] = ()) -> Any:
    """The answer to GetInfo."""
    from ictogram.model.v1.engine_pb2 import EngineInfo
    from ictogram.work.v1.work_pb2 import ServiceInfo

    described = [to_proto(engine, EngineInfo) for engine in engines]
    return ServiceInfo(service=service, version=version, digest=digest, slots=slots, engines=described)
