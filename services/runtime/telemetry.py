"""OpenTelemetry: one trace from the HTTP request to the delivery, and metrics; exported by OTLP over HTTP.

Without ``ICTOGRAM_OTLP_ENDPOINT`` nothing is exported, but trace ids exist and are logged. What leaves the process is
reduced to the attributes in `ATTRIBUTES`; status texts and exception texts are dropped. So whatever an instrumentation
library records, no patient data, file name, address of a person or query string is exported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Status, Tracer

from services.runtime.settings import RuntimeSettings

NAME = "ictogram"
_EXPORT_TIMEOUT_S = 3.0
"""A receiver that is away must not hold up the end of a process."""

ATTRIBUTES = frozenset({
    "rpc.system", "rpc.system.name", "rpc.service", "rpc.method", "rpc.grpc.status_code",
    "rpc.response.status_code", "http.request.method", "http.response.status_code", "http.route", "http.method",
    "http.status_code", "db.system", "db.system.name", "db.operation", "db.operation.name", "db.statement",
    "db.query.text", "db.name", "db.namespace", "messaging.system", "messaging.operation", "messaging.destination",
    "messaging.destination.name", "messaging.message.id", "celery.action", "celery.state", "celery.task_name",
    "error.type", "exception.type", "server.port", "ictogram.service", "ictogram.code", "ictogram.retryable",
    "ictogram.step", "ictogram.step_id", "ictogram.case_id", "ictogram.run_id", "ictogram.site_id",
    "ictogram.delivery_id", "ictogram.destination_id", "ictogram.attempt", "ictogram.reused", "ictogram.queue",
    "ictogram.stage", "ictogram.function",
})
"""Attributes that may leave the process."""

METRIC_ATTRIBUTES = frozenset({
    "rpc.service", "rpc.method", "rpc.grpc.status_code", "http.request.method", "http.response.status_code",
    "http.route", "http.method", "http.status_code", "ictogram.service", "ictogram.code", "ictogram.step",
    "ictogram.queue", "ictogram.state", "celery.task_name", "task", "error.type", "db.system.name",
    "db.operation.name",
})
"""Labels that metrics may carry; ids are not among them, since each value is a time series."""


class _Scrubbed(SpanExporter):
    """Passes spans on without anything that is not on the list."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([scrub(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._inner.force_flush(timeout_millis)


def scrub(span: ReadableSpan) -> ReadableSpan:
    """A copy of a span with listed attributes only and without texts."""
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_listed(span.attributes),
        events=[Event(event.name, _listed(event.attributes), event.timestamp) for event in span.events],
        links=[trace.Link(link.context, _listed(link.attributes)) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _listed(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (attributes or {}).items() if key in ATTRIBUTES}


_providers: list[TracerProvider | MeterProvider] = []


def setup(service_name: str, settings: RuntimeSettings | None = None) -> None:
    """Set the process up once; a second call changes nothing."""
    if _providers:
        return
    settings = settings or RuntimeSettings.load()
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")
    resource = Resource.create({"service.name": service_name, "service.namespace": NAME})
    tracer_provider = TracerProvider(
        resource=resource, sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)), shutdown_on_exit=False
    )
    readers: list[MetricReader] = []
    if settings.otlp_endpoint:
        # Lazy: the exporters pull in an HTTP client that most tests and tools do not need.
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        base = settings.otlp_endpoint.rstrip("/")
        spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=_EXPORT_TIMEOUT_S)
        tracer_provider.add_span_processor(BatchSpanProcessor(_Scrubbed(spans), schedule_delay_millis=1000))
        measures = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=_EXPORT_TIMEOUT_S)
        readers.append(PeriodicExportingMetricReader(measures, settings.metrics_interval_s * 1000))
    meter_provider = MeterProvider(
        readers,
        resource=resource,
        views=[View(instrument_name="*", attribute_keys=set(METRIC_ATTRIBUTES))],
        shutdown_on_exit=False,
    )
    trace.set_tracer_provider(tracer_provider)
    metrics.set_meter_provider(meter_provider)
    _providers.extend((tracer_provider, meter_provider))


def shutdown() -> None:
    """Send what is pending; call it on the way out (a killed process loses its last spans)."""
    while _providers:
        provider = _providers.pop()
        provider.force_flush(int(_EXPORT_TIMEOUT_S * 1000))
        provider.shutdown()


def tracer() -> Tracer:
    """The house's tracer."""
    return trace.get_tracer(NAME)


def meter() -> Meter:
    """The house's meter."""
    return metrics.get_meter(NAME)


def carrier(context: Context | None = None) -> dict[str, str]:
    """The current trace context as ``{"traceparent": …}``, to be kept in a row or sent along; empty outside a span."""
    headers: dict[str, str] = {}
    propagate.inject(headers, context)
    return {key: value for key, value in headers.items() if key in ("traceparent", "tracestate")}


def with_span(span: trace.Span) -> Context:
    """The current context with another span in it."""
    return trace.set_span_in_context(span)


def context_of(headers: Mapping[str, str] | str | None) -> Context:
    """The context of a carrier or of a bare traceparent; an empty one for nothing."""
    if not headers:
        return Context()
    return propagate.extract({"traceparent": headers} if isinstance(headers, str) else dict(headers), Context())


def instrument_fastapi(app: Any) -> None:
    """Spans for HTTP requests, without the ASGI send and receive noise and without health checks."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(app, excluded_urls="healthz,readyz", exclude_spans=["receive", "send"])


def instrument_celery() -> None:
    """Spans for tasks sent and run, one trace across both."""
    from opentelemetry.instrumentation.celery import CeleryInstrumentor

    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]


def instrument_psycopg() -> None:
    """Spans for SQL; statements with their placeholders, never the parameters."""
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor

    PsycopgInstrumentor().instrument(capture_parameters=False, skip_dep_check=True)


def instrument_httpx() -> None:
    """Spans for outgoing HTTP."""
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    HTTPXClientInstrumentor().instrument()
