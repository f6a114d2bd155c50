"""The exporting half of telemetry: providers, OTLP exporters, and what may leave the process.

Apart from `services.runtime.telemetry` so that computing children, which export nothing, need not load the SDK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Status

from services.runtime.settings import RuntimeSettings

TIMEOUT_S = 3.0
"""A receiver that is away must not hold up the end of a process."""
_BATCH_EVERY_MS = 1000

# fmt: off
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
# fmt: on
"""Attributes that may leave the process."""

# fmt: off
METRIC_ATTRIBUTES = frozenset({
    "rpc.service", "rpc.method", "rpc.grpc.status_code", "http.request.method", "http.response.status_code",
    "http.route", "http.method", "http.status_code", "ictogram.service", "ictogram.code", "ictogram.step",
    "ictogram.queue", "ictogram.state", "celery.task_name", "task", "error.type", "db.system.name",
    "db.operation.name",
})
# fmt: on
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


def tracer_provider(resource: Resource, settings: RuntimeSettings) -> TracerProvider:
    """Makes spans, and exports them when there is somewhere to export to."""
    sampler = ParentBased(TraceIdRatioBased(settings.trace_ratio))
    provider = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
    if settings.otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(endpoint=_address(settings, "traces"), timeout=TIMEOUT_S)
        provider.add_span_processor(BatchSpanProcessor(_Scrubbed(exporter), schedule_delay_millis=_BATCH_EVERY_MS))
    return provider


def meter_provider(resource: Resource, settings: RuntimeSettings) -> MeterProvider:
    """Takes measurements, and exports them when there is somewhere to export to."""
    readers: list[MetricReader] = []
    if settings.otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        exporter = OTLPMetricExporter(endpoint=_address(settings, "metrics"), timeout=TIMEOUT_S)
        readers.append(PeriodicExportingMetricReader(exporter, settings.metrics_interval_s * 1000))
    views = [View(instrument_name="*", attribute_keys=set(METRIC_ATTRIBUTES))]
    return MeterProvider(readers, resource=resource, views=views, shutdown_on_exit=False)


def _address(settings: RuntimeSettings, signal: str) -> str:
    return f"{settings.otlp_endpoint.rstrip('/')}/v1/{signal}"
