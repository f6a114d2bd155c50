"""What surrounds every answer of a gRPC server: span, deadline, error mapping, metrics and one log line.

One interceptor of our own instead of a chain of stock ones: the stock server instrumentation records exception texts,
which may hold patient data, and the parts depend on each other's order (the span must be current when an error is
given its trace id; the deadline must be set before anything is called).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any

import grpc
from opentelemetry.trace import SpanKind, Status, StatusCode

from schemas.errors import IctogramError
from services.runtime import deadline, errors, logs, telemetry

QUIET_SERVICES = ("/grpc.health.v1.", "/grpc.reflection.")
"""Probes come every few seconds and say nothing; they are neither traced nor logged."""

log = logs.get(__name__)
_durations = telemetry.meter().create_histogram("ictogram.rpc.server.duration", "s")


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Wraps unary and server-streaming handlers (coroutines and async generators)."""

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
                with _surrounded(method, context):
                    return await behaviour(request, context)
            except IctogramError as error:
                await errors.abort(context, error)

        return answer

    def _stream(
        self, method: str, behaviour: Callable[[Any, Any], AsyncGenerator[Any, None]]
    ) -> Callable[[Any, Any], Awaitable[None]]:
        # A coroutine that writes, not a generator: when the call is cancelled, the handler is closed here and now
        # (and its child killed) instead of when somebody collects the garbage.
        async def answer(request: Any, context: Any) -> None:
            try:
                with _surrounded(method, context):
                    async with contextlib.aclosing(behaviour(request, context)) as responses:
                        async for response in responses:
                            await context.write(response)
            except IctogramError as error:
                await errors.abort(context, error)

        return answer


@contextlib.contextmanager
def _surrounded(method: str, context: Any) -> Iterator[None]:
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
            status = _code_name(context)
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
            _durations.record(duration_s, {**labels, "rpc.grpc.status_code": status})
            _log_call(f"{service}/{name}", status, duration_s, failure)


def _code_name(context: Any) -> str:
    """Name of the status that a handler chose by itself."""
    number = context.code()
    found = [code.name for code in grpc.StatusCode if number in (code, code.value[0])]
    return found[0] if found else grpc.StatusCode.UNKNOWN.name


def _log_call(method: str, status: str, duration_s: float, failure: Exception | None) -> None:
    fields = {"method": method, "status": status, "duration_s": round(duration_s, 4)}
    if failure is None:
        log.debug("call answered", **fields)
    elif isinstance(failure, IctogramError) and failure.code != "internal":
        log.info("call refused", **fields, code=failure.code, message=failure.message)
    else:
        log.error("call failed", **fields, exc_info=failure)
