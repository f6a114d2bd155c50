"""Channels to our gRPC services, synchronous (Celery threads) and asynchronous (gateway, cases).

``stub = IntakeServiceStub(connect("intake"))``; then ``stub.GetInfo(request, timeout=5)``. Every call needs a time-out,
gets at most what is left of the current deadline, carries the trace context, makes a client span and raises an
`IctogramError`. Calls that only read are repeated by gRPC itself when the peer is UNAVAILABLE. Long calls go through
`stream_call` or `stream_call_aio`, which give up when nothing is heard for 20 s.

The client span is ours because the stock asyncio client interceptors swallow cancellation and may hang until the
deadline (open-telemetry/opentelemetry-python-contrib issues 3271 and 5046).
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import grpc
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode

from schemas.errors import IctogramError, TimeoutExceededError, UnavailableError
from services.runtime import deadline, errors, telemetry
from services.runtime.settings import AddressSettings, RuntimeSettings

ResponseT = TypeVar("ResponseT")

READING_METHODS: dict[str, tuple[str, ...]] = {
    **{
        f"ictogram.{name}.v1.{name.capitalize()}Service": ("GetInfo",)
        for name in ("intake", "segmentation", "semiology", "localization", "report", "monitoring")
    },
    "ictogram.cases.v1.CasesService": ("GetCase", "ListCases", "GetReport", "ListDeliveries", "ListEntries"),
}
"""Unary methods that change nothing, by service: the only ones that may be repeated."""


_durations = telemetry.meter().create_histogram("ictogram.rpc.client.duration", "s")
_END: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs have forgotten it


def connect(service: str, settings: RuntimeSettings | None = None) -> Channel:
    """A synchronous channel to a service by its name, or to an address. Close it, or use it as a context manager."""
    settings = settings or RuntimeSettings.load()
    peer, target = _target(service)
    credentials = _credentials(settings)
    options = _options(settings)
    inner = grpc.secure_channel(target, credentials, options) if credentials else grpc.insecure_channel(target, options)
    return Channel(inner, peer, settings)


def connect_aio(service: str, settings: RuntimeSettings | None = None) -> AioChannel:
    """The same for an event loop; belongs to the loop in which it is made."""
    settings = settings or RuntimeSettings.load()
    peer, target = _target(service)
    credentials = _credentials(settings)
    options = _options(settings)
    inner = (
        grpc.aio.secure_channel(target, credentials, options)
        if credentials
        else grpc.aio.insecure_channel(target, options)
    )
    return AioChannel(inner, peer, settings)


class Channel:
    """What a generated stub needs of a channel."""

    def __init__(self, inner: grpc.Channel, peer: str, settings: RuntimeSettings) -> None:
        self.inner = inner
        self._peer = peer
        self._settings = settings

    def unary_unary(self, method: str, **kwargs: Any) -> Callable[..., Any]:
        """A method with one request and one response."""
        inner = self.inner.unary_unary(method, **kwargs)

        def call(request: Any, timeout: float | None = None) -> Any:
            with _Outgoing(method, self._peer, self._settings, timeout) as outgoing:
                return inner(request, timeout=outgoing.timeout_s, metadata=outgoing.metadata)

        return call

    def unary_stream(self, method: str, **kwargs: Any) -> Callable[..., Stream[Any]]:
        """A method with one request and many responses; see `Stream`."""
        inner = self.inner.unary_stream(method, **kwargs)

        def call(request: Any, timeout: float | None = None, silence_s: float | None = None) -> Stream[Any]:
            outgoing = _Outgoing(method, self._peer, self._settings, timeout)
            return Stream(
                lambda: inner(request, timeout=outgoing.timeout_s, metadata=outgoing.metadata), outgoing, silence_s
            )

        return call

    def stream_unary(self, method: str, **_: Any) -> None:
        """Not part of our contracts; a stub that has one is made, calling it fails."""

    stream_stream = stream_unary

    def close(self) -> None:
        """End all calls and close the connection."""
        self.inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AioChannel:
    """`Channel` for an event loop."""

    def __init__(self, inner: grpc.aio.Channel, peer: str, settings: RuntimeSettings) -> None:
        self.inner: Any = inner
        self._peer = peer
        self._settings = settings

    def unary_unary(self, method: str, **kwargs: Any) -> Callable[..., Any]:
        """A method with one request and one response."""
        inner = self.inner.unary_unary(method, **kwargs)

        async def call(request: Any, timeout: float | None = None) -> Any:  # noqa: ASYNC109  gRPC's own name
            with _Outgoing(method, self._peer, self._settings, timeout) as outgoing:
                return await inner(request, timeout=outgoing.timeout_s, metadata=outgoing.metadata)

        return call

    def unary_stream(self, method: str, **kwargs: Any) -> Callable[..., AsyncIterator[Any]]:
        """A method with one request and many responses."""
        inner = self.inner.unary_stream(method, **kwargs)

        async def call(
            request: Any,
            timeout: float | None = None,  # noqa: ASYNC109
            silence_s: float | None = None,
        ) -> AsyncIterator[Any]:
            with _Outgoing(method, self._peer, self._settings, timeout) as outgoing:
                started = inner(request, timeout=outgoing.timeout_s, metadata=outgoing.metadata)
                try:
                    while (response := await _next_response(started, outgoing, silence_s)) is not _END:
                        yield response
                finally:
                    started.cancel()  # nothing happens to a call that has ended

        return call

    def stream_unary(self, method: str, **_: Any) -> None:
        """Not part of our contracts; a stub that has one is made, calling it fails."""

    stream_stream = stream_unary

    async def close(self) -> None:
        """End all calls and close the connection."""
        await self.inner.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Stream(Generic[ResponseT]):
    """The responses of a call, one by one; `cancel` from any thread ends it.

    With ``silence_s``, `TimeoutExceededError` is raised when that long nothing comes: a peer that hangs keeps its
    connection open, so nothing else would notice.
    """

    def __init__(self, start: Callable[[], Any], outgoing: _Outgoing, silence_s: float | None) -> None:
        self._outgoing = outgoing
        self._silence_s = silence_s
        self._heard = threading.Event()
        self._ended = threading.Event()
        self._silent = False
        self._start = start
        self._call: Any = None
        self._cancelled = False
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[ResponseT]:
        with self._outgoing:
            with self._lock:
                self._call = self._start()
                if self._cancelled:
                    self._call.cancel()
            if self._silence_s is not None:
                threading.Thread(target=self._listen, name="rpc-silence", daemon=True).start()
            try:
                for response in self._call:
                    self._heard.set()
                    yield response
            except grpc.RpcError:
                if self._silent:
                    raise self._outgoing.silence(self._silence_s) from None
                if self._cancelled:
                    raise UnavailableError("the call was cancelled by its caller") from None
                raise
            finally:
                self._ended.set()
                self._heard.set()
                self._call.cancel()  # the consumer may have left early; nothing happens to a call that has ended

    def cancel(self) -> None:
        """Stop the call; the iterating thread gets an `UnavailableError`."""
        with self._lock:
            self._cancelled = True
            if self._call is not None:
                self._call.cancel()

    def _listen(self) -> None:
        while self._heard.wait(self._silence_s):
            if self._ended.is_set():
                return
            self._heard.clear()
        self._silent = True
        self._call.cancel()


def stream_call(
    method: Callable[..., Stream[ResponseT]], request: Any, *, timeout_s: float, silence_s: float | None = None
) -> Stream[ResponseT]:
    """A long call: iterate over it; it is given up after ``silence_s`` (a setting, 20 s) without a message."""
    return method(request, timeout=timeout_s, silence_s=silence_s or RuntimeSettings.load().silence_s)


def stream_call_aio(
    method: Callable[..., AsyncIterator[ResponseT]], request: Any, *, timeout_s: float, silence_s: float | None = None
) -> AsyncIterator[ResponseT]:
    """`stream_call` for an event loop; cancelling the task that iterates cancels the call."""
    return method(request, timeout=timeout_s, silence_s=silence_s or RuntimeSettings.load().silence_s)


async def _next_response(started: Any, outgoing: _Outgoing, silence_s: float | None) -> Any:
    try:
        return await asyncio.wait_for(started.read(), silence_s)
    except TimeoutError:
        raise outgoing.silence(silence_s) from None


class _Outgoing:
    """One outgoing call: its time-out, metadata, span and error mapping."""

    def __init__(self, method: str, peer: str, settings: RuntimeSettings, timeout_s: float | None) -> None:
        self._method = method.lstrip("/")
        self._peer = peer
        service, _, name = self._method.partition("/")
        self._labels = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        self.timeout_s = deadline.shrunk(timeout_s, settings.deadline_margin_s, self._method)
        self.metadata: tuple[tuple[str, str], ...] = ()
        self._span: Span = INVALID_SPAN
        self._start = 0.0

    def silence(self, silence_s: float | None) -> TimeoutExceededError:
        """What it means that nothing was heard."""
        return TimeoutExceededError(f"the {self._peer} service has been silent for {silence_s or 0:g} s")

    def __enter__(self) -> Self:
        self._span = telemetry.tracer().start_span(self._method, kind=SpanKind.CLIENT, attributes=self._labels)
        self.metadata = tuple(telemetry.carrier(telemetry.with_span(self._span)).items())
        self._start = time.monotonic()
        return self

    def __exit__(self, _cls: object, error: BaseException | None, _traceback: object) -> None:
        failure: BaseException | None = error
        if isinstance(error, grpc.RpcError):
            failure = errors.from_rpc_error(error, self._peer)
        self._end(failure)
        if failure is not error and failure is not None:
            raise failure from error

    def _end(self, failure: BaseException | None) -> None:
        status = "OK"
        if isinstance(failure, IctogramError):
            status = errors.status_code(failure).name
            self._span.set_status(Status(StatusCode.ERROR))
            self._span.set_attributes({"ictogram.code": failure.code, "ictogram.retryable": failure.retryable})
        elif failure is not None:
            status = "CANCELLED"  # the caller left: a cancelled task or a closed generator
        self._span.set_attribute("rpc.response.status_code", status)
        self._span.end()
        _durations.record(time.monotonic() - self._start, {**self._labels, "rpc.grpc.status_code": status})


def _target(service: str) -> tuple[str, str]:
    """Name for messages, and gRPC target, of a service name or an address."""
    named = service in AddressSettings.model_fields
    address = AddressSettings.load().of(service) if named else service
    return (service if named else address.rpartition("/")[2]), address if "://" in address else f"dns:///{address}"


def _credentials(settings: RuntimeSettings) -> grpc.ChannelCredentials | None:
    if not settings.tls_ca:
        return None
    pair = (settings.tls_key, settings.tls_cert) if settings.tls_cert else (None, None)
    key, certificate = (Path(path).read_bytes() if path else None for path in pair)
    return grpc.ssl_channel_credentials(Path(settings.tls_ca).read_bytes(), key, certificate)


def _options(settings: RuntimeSettings) -> list[tuple[str, int | str]]:
    reconnect_ms = int(settings.reconnect_max_s * 1000)
    return [
        ("grpc.service_config", service_config()),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.keepalive_time_ms", int(settings.keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", int(settings.keepalive_timeout_s * 1000)),
        ("grpc.http2.ping_timeout_ms", int(settings.keepalive_timeout_s * 1000)),  # else a probe gets a minute
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # The defaults wait up to two minutes after a peer was away, and 20 s for a connection that goes nowhere.
        ("grpc.initial_reconnect_backoff_ms", min(100, reconnect_ms)),
        ("grpc.min_reconnect_backoff_ms", reconnect_ms),
        ("grpc.max_reconnect_backoff_ms", reconnect_ms),
        ("grpc.dns_min_time_between_resolutions_ms", 5000),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),  # services talk to each other directly, whatever the environment says
    ]


def service_config() -> str:
    """GRPC service config: spread over all addresses; repeat reading calls, and only while the peer is UNAVAILABLE."""
    names = [{"service": service, "method": name} for service, methods in READING_METHODS.items() for name in methods]
    policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps(
        {"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [{"name": names, "retryPolicy": policy}]}
    )
