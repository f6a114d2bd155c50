"""What surrounds every answer of a gRPC server: span, deadline, error mapping, metrics and one log line.

One interceptor of our own instead of a chain of stock ones: the stock server instrumentation records exception texts,
which may hold patient data, and the parts depend on each other's order (the span must be current when an error is
given its trace id; the deadline must be set before anything is called).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import grpc
from opentelemetry.trace import SpanKind, Status, StatusCode

from schemas.errors import IctogramError
from services.runtime import deadline, errors, logs, telemetry

QUIET_SERVICES = ("/grpc.health.v1.", "/grpc.reflection.")
"""Probes come every few seconds and say nothing; they are neither traced nor logged."""

log = logs.get(__name__)


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Wraps unary and server-streaming handlers."""

    def __init__(self) -> None:
        self._durations = telemetry.meter().create_histogram("ictogram.rpc.server.duration", "s")

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(QUIET_SERVICES):
            return handler
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(method, handler.unary_unary), handler.request_deserializer, handler.response_serializer
            )
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(method, handler.unary_stream), handler.request_deserializer, handler.response_serializer
            )
        return handler

    def _unary(self, method: str, behaviour: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Any]:
        async def answer(request: Any, context: Any) -> Any:
            try:
                with self._surrounded(method, context):
                    return await behaviour(request, context)
            except IctogramError as error:
                await errors.abort(context, error)

        return answer

    def _stream(self, method: str, behaviour: Callable[[Any, Any], AsyncIterator[Any]]) -> Callable[[Any, Any], Any]:
        async def answer(request: Any, context: Any) -> AsyncIterator[Any]:
            responses = behaviour(request, context)
            try:
                with self._surrounded(method, context):
                    async for response in responses:
                        yield response
            except IctogramError as error:
                await errors.abort(context, error)
            finally:
                if hasattr(responses, "aclose"):
                    await responses.aclose()

        return answer

    @contextlib.contextmanager
    def _surrounded(self, method: str, context: Any) -> Iterator[None]:
        """Everything around one handler; turns every exception into an `IctogramError`, except a cancel or abort."""
        service, _, name = method.lstrip("/").partition("/")
        headers = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        left_s = context.time_remaining()
        labels = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        start = time.monotonic()
        status, failure = "OK", None
        with (
            telemetry.tracer().start_as_current_span(
                method.lstrip("/"),
                telemetry.context_of(headers),
                kind=SpanKind.SERVER,
                attributes=labels,
                record_exception=False,
                set_status_on_exception=False,
            ) as span,
            deadline.limit(left_s),
        ):
            try:
                yield
            except asyncio.CancelledError:
                status = "CANCELLED"
                raise
            except grpc.aio.AbortError:
                status = "ABORTED"
                raise
            except Exception as error:
                failure = error
                ours = errors.understood(error)
                status = errors.status_code(ours).name
                span.set_status(Status(StatusCode.ERROR))
                span.set_attributes({"ictogram.code": ours.code, "ictogram.retryable": ours.retryable})
                raise ours from error
            finally:
                duration_s = time.monotonic() - start
                span.set_attribute("rpc.response.status_code", status)
                self._durations.record(duration_s, {**labels, "rpc.grpc.status_code": status})
                _log_call(f"{service}/{name}", status, duration_s, failure)


def _log_call(method: str, status: str, duration_s: float, failure: Exception | None) -> None:
    fields = {"method": method, "status": status, "duration_s": round(duration_s, 4)}
    if failure is None:
        log.debug("call answered", **fields)
    elif isinstance(failure, IctogramError) and failure.code != "internal":
        log.info("call refused", **fields, code=failure.code, message=failure.message)
    else:
        log.error("call failed", **fields, exc_info=failure)
