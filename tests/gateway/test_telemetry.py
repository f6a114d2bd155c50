"""One trace from the HTTP request into cases, and no patient in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.runtime.exporting import scrub
from tests.gateway.serving import MP4, Gateway, upload


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    processor = SimpleSpanProcessor(exporter)
    provider.add_span_processor(processor)
    yield exporter
    processor.shutdown()


def test_request_and_call_are_one_trace_without_the_patient(
    gateway: Gateway, spans: InMemorySpanExporter, capfd: pytest.CaptureFixture[str]
) -> None:
    with gateway.client() as http:
        upload_id = upload(http, MP4)
        spans.clear()
        parent = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
        subject = {"identifier": "CANARY-MRN", "family": "CANARYNAME"}
        body = {"subject": subject, "recordings": [{"upload_id": upload_id}], "order": {"identifier": "CANARY-ORDER"}}
        created = http.post("/cases?patient=CANARYQUERY", json=body, headers={"traceparent": parent})
        assert created.status_code == 201
        http.post("/cases", json={**body, "priority": "CANARY"})
        http.get("/cases/CANARYPATH")
        http.get("/health/live")
    made = [scrub(span) for span in spans.get_finished_spans()]
    ours = [span for span in made if span.context and span.context.trace_id == int("ab" * 16, 16)]
    assert {span.name for span in ours} >= {"POST /cases", "ictogram.cases.v1.CasesService/CreateCase"}
    server = next(span for span in ours if span.name == "POST /cases")
    call = next(span for span in ours if span.name.endswith("CreateCase") and span.kind is trace.SpanKind.CLIENT)
    assert call.parent is not None
    assert server.context is not None
    assert call.parent.span_id == server.context.span_id
    assert not [span.name for span in made if "http send" in span.name or "http receive" in span.name]
    assert not [span.name for span in made if "health" in span.name]
    told = "".join(span.to_json() for span in made) + "".join(capfd.readouterr())
    assert "CANARY" not in told
