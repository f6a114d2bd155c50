"""In-process stand-ins for the computing services: they answer by the contract and do what a test tells them to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.message import Message
from ictogram.intake.v1 import intake_pb2, intake_pb2_grpc
from ictogram.localization.v1 import localization_pb2, localization_pb2_grpc
from ictogram.report.v1 import report_pb2, report_pb2_grpc
from ictogram.segmentation.v1 import segmentation_pb2, segmentation_pb2_grpc
from ictogram.semiology.v1 import semiology_pb2, semiology_pb2_grpc
from ictogram.work.v1.work_pb2 import GetInfoRequest, Progress, ServiceInfo

from schemas.case import StepName
from schemas.errors import BusyError, EngineMismatchError, IctogramError
from services.runtime.errors import DETAILS_KEY, status_code, to_status
from tests.support.answers import answer

RESPONSES: dict[StepName, Any] = {
    StepName.INTAKE: intake_pb2.IngestResponse,
    StepName.SEGMENTATION: segmentation_pb2.SegmentResponse,
    StepName.SEMIOLOGY: semiology_pb2.JudgeResponse,
    StepName.LOCALIZATION: localization_pb2.LocalizeResponse,
    StepName.REPORT: report_pb2.ComposeResponse,
}


class FakeService:
    """One computing service. Tests change its attributes while it runs."""

    def __init__(self, kind: StepName, *, slots: int = 2) -> None:
        self.kind = kind
        self.slots = slots
        self.digest = f"{kind}-1"
        self.calls: list[Message] = []
        """Every request that was computed to its end or its error."""
        self.cancelled = 0
        self.errors: list[IctogramError] = []
        """Raised by the next calls, one each."""
        self.duration_s = 0.0
        self.gate = threading.Event()
        """Calls wait here, sending progress."""
        self.gate.set()
        self.running = 0
        self._lock = threading.Lock()

    def GetInfo(self, request: GetInfoRequest, context: Any) -> ServiceInfo:  # noqa: N802
        return ServiceInfo(service=self.kind.value, version="1", digest=self.digest, slots=self.slots)

    def compute(self, request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
        """Progress until the gate opens and the time is over, then the Result."""
        expected = request.context.expected_digest  # type: ignore[attr-defined]
        if expected and expected != self.digest:
            _refuse(context, EngineMismatchError(f"this is {self.digest}, not {expected}"))
        with self._lock:
            if self.running >= self.slots:
                _refuse(context, BusyError())
            self.running += 1
        try:
            yield from self._work(request, context)
        finally:
            with self._lock:
                self.running -= 1

    def _work(self, request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
        response = RESPONSES[self.kind]
        yield response(progress=Progress(fraction=0.1, stage="work", message="beginning"))
        until = time.monotonic() + self.duration_s
        while not self.gate.wait(0.05) or time.monotonic() < until:
            if not context.is_active():
                self.cancelled += 1
                return
            yield response(progress=Progress(fraction=0.5, stage="work", message="working"))
        with self._lock:
            self.calls.append(request)
            error = self.errors.pop(0) if self.errors else None
        if error is not None:
            _refuse(context, error)
        yield response(result=answer(self.kind, request))

    Ingest = Segment = Judge = Localize = Compose = compute


def _refuse(context: grpc.ServicerContext, error: IctogramError) -> None:
    context.set_trailing_metadata(((DETAILS_KEY, to_status(error).SerializeToString()),))
    context.abort(status_code(error), error.message)


class FakeServices:
    """All five on one port."""

    def __init__(self, *, slots: int = 2) -> None:
        self.by_kind = {kind: FakeService(kind, slots=slots) for kind in StepName}
        self._server: grpc.Server | None = None
        self.port = 0

    def __getitem__(self, kind: StepName) -> FakeService:
        return self.by_kind[kind]

    def start(self, port: int = 0) -> None:
        """Listen; after `stop`, on the same port again."""
        self._server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)])
        intake_pb2_grpc.add_IntakeServiceServicer_to_server(self[StepName.INTAKE], self._server)
        segmentation_pb2_grpc.add_SegmentationServiceServicer_to_server(self[StepName.SEGMENTATION], self._server)
        semiology_pb2_grpc.add_SemiologyServiceServicer_to_server(self[StepName.SEMIOLOGY], self._server)
        localization_pb2_grpc.add_LocalizationServiceServicer_to_server(self[StepName.LOCALIZATION], self._server)
        report_pb2_grpc.add_ReportServiceServicer_to_server(self[StepName.REPORT], self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port or self.port}")
        self._server.start()

    def stop(self) -> None:
        """Break every connection."""
        if self._server is not None:
            self._server.stop(0).wait()
            self._server = None

    def addresses(self) -> dict[str, str]:
        """Environment that points every client here."""
        return {f"ICTOGRAM_ADDRESS_{kind.value.upper()}": f"127.0.0.1:{self.port}" for kind in StepName}

    def count(self) -> int:
        """Calls computed by all of them."""
        return sum(len(service.calls) for service in self.by_kind.values())
