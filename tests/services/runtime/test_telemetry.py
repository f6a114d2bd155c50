from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from services.runtime import exporting, telemetry
from tests.services.runtime.traced import CANARY
from tests.support.otlp import Receiver, otlp_receiver

INGEST = "ictogram.intake.v1.IntakeService/Ingest"


@dataclass(frozen=True)
class Run:
    received: Receiver
    lines: list[dict[str, object]]
    """Log lines."""
    text: str
    """All that the process wrote."""


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with otlp_receiver() as receiver:
        environment = os.environ | {"ICTOGRAM_OTLP_ENDPOINT": receiver.url, "ICTOGRAM_LOG_LEVEL": "debug"}
        done = subprocess.run(
            [sys.executable, "-m", "tests.services.runtime.traced"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        yield Run(receiver, lines, done.stdout + done.stderr)


def spans(run: Run) -> list[Span]:
    return [span for _, span in run.received.spans()]


def named(run: Run, name: str) -> list[Span]:
    return [span for span in spans(run) if span.name == name]


def ancestors(run: Run, span: Span) -> list[Span]:
    """The spans above, from the nearest to the root."""
    by_id = {each.span_id: each for each in spans(run)}
    above = []
    while span.parent_span_id:
        span = by_id[span.parent_span_id]
        above.append(span)
    return above


def code_of(span: Span) -> str:
    """The error code that a span is marked with."""
    return next((pair.value.string_value for pair in span.attributes if pair.key == "ictogram.code"), "")


def test_one_trace_from_client_over_server_to_the_computing(run: Run) -> None:
    (compute,) = named(run, "compute make_intake_result")
    above = ancestors(run, compute)
    assert [span.name for span in above] == [INGEST, INGEST, "root"]
    assert [span.kind for span in above[:2]] == [Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT]
    assert {span.trace_id for span in spans(run)} == {compute.trace_id}


def test_failures_are_marked_with_their_code(run: Run) -> None:
    codes = sorted((span.kind, code_of(span)) for span in named(run, INGEST))
    server, client = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT
    assert codes == [(server, ""), (server, "internal"), (client, ""), (client, "internal")]


def test_logs_carry_the_trace_id_also_from_the_child(run: Run) -> None:
    (root,) = named(run, "root")
    (failed,) = [line for line in run.lines if line["event"] == "job failed"]
    assert failed["service"] == "intake"
    assert failed["case_id"] == "c1"
    assert {line["trace_id"] for line in (failed, run.lines[0])} == {root.trace_id.hex()}


def test_calls_are_measured(run: Run) -> None:
    expected = {"ictogram.rpc.client.duration", "ictogram.rpc.server.duration", "ictogram.compute.slots_in_use"}
    assert expected <= run.received.metric_names()


def test_no_canary_leaves_the_process(run: Run) -> None:
    assert run.lines
    assert "make_intake_result" in run.received.text()
    assert CANARY not in run.received.text()
    assert CANARY not in run.text


class Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: object) -> SpanExportResult:
        self.spans.extend(spans)  # type: ignore[arg-type]
        return SpanExportResult.SUCCESS


def test_what_instrumentation_libraries_record_is_reduced_to_the_list() -> None:
    kept = Kept()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporting._Scrubbed(kept)))
    tracer = provider.get_tracer("library")
    with tracer.start_as_current_span("earlier") as earlier:
        pass
    link = trace.Link(earlier.get_span_context(), {"file": CANARY})
    attributes = {"http.route": "/v1/cases/{id}", "url.full": CANARY, "url.query": CANARY, "db.statement": "SELECT %s"}
    with (
        pytest.raises(ValueError, match=CANARY),
        tracer.start_as_current_span("GET", attributes=attributes, links=[link]),
    ):
        raise ValueError(CANARY)
    span = kept.spans[-1]
    assert dict(span.attributes or {}) == {"http.route": "/v1/cases/{id}", "db.statement": "SELECT %s"}
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.status.description is None
    assert [dict(event.attributes or {}) for event in span.events] == [{"exception.type": "ValueError"}]
    assert span.links[0].context == earlier.get_span_context()
    assert CANARY not in span.to_json()


def test_a_context_can_be_kept_in_a_row_and_taken_up_again() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("request") as span:
        kept = telemetry.carrier()["traceparent"]
    for headers in (kept, {"traceparent": kept}):
        later = trace.get_current_span(telemetry.context_of(headers)).get_span_context()
        assert (later.trace_id, later.span_id) == (span.get_span_context().trace_id, span.get_span_context().span_id)
    assert telemetry.context_of("") == telemetry.context_of(None) == {}
    assert telemetry.carrier() == {}


def test_an_absent_receiver_does_not_hold_up_the_end(free_port: int) -> None:
    source = (
        "from services.runtime import telemetry\ntelemetry.setup('x')\n"
        "with telemetry.tracer().start_as_current_span('a'): pass\ntelemetry.shutdown()\nprint('over')"
    )
    environment = os.environ | {"ICTOGRAM_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port}"}
    done = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, timeout=60, check=True)
    assert done.stdout == b"over\n"
