"""An OTLP/HTTP receiver that keeps what it is sent."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Receiver:
    """Spans by trace, and everything received as text for searching."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._traces: list[ExportTraceServiceRequest] = []
        self._metrics: list[ExportMetricsServiceRequest] = []

    def take(self, path: str, body: bytes) -> None:
        with self._lock:
            if path.endswith("/v1/traces"):
                self._traces.append(ExportTraceServiceRequest.FromString(body))
            else:
                self._metrics.append(ExportMetricsServiceRequest.FromString(body))

    def spans(self) -> list[tuple[str, Span]]:
        """Every span with the name of its service."""
        with self._lock:
            return [
                (_service(resource), span)
                for request in self._traces
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ]

    def text(self) -> str:
        """Everything received, as text."""
        with self._lock:
            return "\n".join(str(request) for request in [*self._traces, *self._metrics])

    def metric_names(self) -> set[str]:
        """Names of the metrics received."""
        with self._lock:
            return {
                metric.name
                for request in self._metrics
                for resource in request.resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
            }


@contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    """A receiver on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.take(self.path, gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()


def _service(resource: Any) -> str:
    return next((a.value.string_value for a in resource.resource.attributes if a.key == "service.name"), "")
