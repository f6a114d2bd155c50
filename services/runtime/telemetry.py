"""OpenTelemetry: one trace from the HTTP request to the delivery, and metrics; exported by OTLP over HTTP.

Without ``ICTOGRAM_OTLP_ENDPOINT`` nothing is exported, but trace ids exist and are logged. What leaves the process is
reduced to the attributes listed in `services.runtime.exporting`; status texts and exception texts are dropped. So
whatever an instrumentation library records, no patient data, file name, address or query string is exported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.trace import Tracer

from services.runtime.settings import RuntimeSettings

NAME = "ictogram"

_endings: list[Callable[[], None]] = []


def setup(service_name: str, settings: RuntimeSettings | None = None) -> None:
    """Set the process up once; a second call changes nothing."""
    if _endings:
        return
    from opentelemetry.sdk.resources import Resource

    from services.runtime import exporting

    settings = settings or RuntimeSettings.load()
    # The current names of HTTP and database attributes; read by the instrumentation libraries.
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")
    resource = Resource.create({"service.name": service_name, "service.namespace": NAME})
    spans, measures = exporting.tracer_provider(resource, settings), exporting.meter_provider(resource, settings)
    trace.set_tracer_provider(spans)
    metrics.set_meter_provider(measures)

    def end() -> None:
        for provider in (spans, measures):
            provider.force_flush(int(exporting.TIMEOUT_S * 1000))
            provider.shutdown()

    _endings.append(end)


def shutdown() -> None:
    """Send what is pending; call it on the way out (a killed process loses its last spans)."""
    while _endings:
        _endings.pop()()


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

    FastAPIInstrumentor.instrument_app(app, excluded_urls="health/live,health/ready", exclude_spans=["receive", "send"])


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
