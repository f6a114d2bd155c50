"""One trace per case from the HTTP request to the delivery, and no patient in any of it."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.otlp import Receiver
from tests.support.stack import StackUnderTest, wait_for
from tests.support.videos import scene, write_video

SERVICES = {"gateway", "cases", "worker", "intake", "segmentation", "semiology", "localization", "report", "delivery"}
CANARIES = ("Canarywoman", "Zebedina", "SYN-CANARY-90210", "1931-07-13", "canary-history", "canary-file-name")


def trace_of(receiver: Receiver, case_id: str) -> list[tuple[str, Span]]:
    """The spans of the trace in which intake worked on the case."""
    spans = receiver.spans()
    traces = {
        span.trace_id
        for service, span in spans
        if service == "intake" and any(a.value.string_value == case_id for a in span.attributes)
    }
    assert len(traces) <= 1
    return [(service, span) for service, span in spans if span.trace_id in traces]


def missing(spans: list[tuple[str, Span]]) -> list[str]:
    """Services without a span and spans without their parent: empty when the trace is whole."""
    ids = {span.span_id for _, span in spans}
    orphans = [
        f"parent of {service}: {span.name}"
        for service, span in spans
        if span.parent_span_id and span.parent_span_id not in ids
    ]
    return [*sorted(SERVICES - {service for service, _ in spans}), *orphans]


@pytest.mark.req("one-trace-per-case")
@pytest.mark.req("no-patient-data-in-telemetry")
def test_one_trace_without_a_patient_in_it(under_test: StackUnderTest, otlp: Receiver, tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", scene(seed=99), seconds=2.0)
    named = tmp_path / "canary-file-name.mp4"
    shutil.copy(video, named)
    body = {
        "subject": {
            "identifier": "SYN-CANARY-90210",
            "family": "Canarywoman",
            "given": "Zebedina",
            "birth_date": "1931-07-13",
        },
        "order": {"identifier": f"SYN-CANARY-90210-{uuid.uuid4()}"},
        "context": {"history": "canary-history"},
    }
    with under_test.client() as client:
        upload = client.upload(named)
        case_id = client.create_case({**body, "recordings": [{"upload_id": upload}]}, str(uuid.uuid4()))["case"]["id"]
    under_test.wait_delivered(case_id)

    # Each process sends its spans once a second, and a span only when it has ended: statements may come a batch before
    # the call that made them, and the call that wrote the delivery down ends after the delivery is seen.
    def complete() -> bool:
        return not missing(trace_of(otlp, case_id))

    wait_for(complete, lambda: f"a whole trace; missing: {missing(trace_of(otlp, case_id))}", 60)
    spans = trace_of(otlp, case_id)
    roots = [(service, span.name) for service, span in spans if not span.parent_span_id]
    assert len(roots) == 1
    assert roots[0][0] == "gateway"
    assert any("SELECT" in span.name or "INSERT" in span.name or "UPDATE" in span.name for _, span in spans), "no SQL"

    wait_for(otlp.metric_names, "metrics", 30)
    everything = otlp.text() + "".join(path.read_text(errors="replace") for path in under_test.stack.logs.iterdir())
    for canary in CANARIES:
        assert canary not in everything, f"{canary} leaked into a span, a metric or a log"


@pytest.mark.req("no-patient-data-in-telemetry")
def test_object_keys_and_errors_name_nobody(under_test: StackUnderTest, tmp_path: Path) -> None:
    broken = tmp_path / "canary-file-name.mp4"
    broken.write_bytes(write_video(tmp_path / "whole.mp4", seconds=2.0).read_bytes()[:9000])
    case_id = under_test.submit(broken)
    view = under_test.wait(case_id, "failed")
    assert view["case"]["error_message"]
    assert "canary" not in view["case"]["error_message"]
    keys = [str(path) for path in (under_test.stack.home / "objects").rglob("*")]
    assert keys
    assert not [key for key in keys if "canary" in key or "SYN-" in key]
