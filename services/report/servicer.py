"""gRPC in front of `compose`: requests become jobs, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from ictogram.report.v1 import report_pb2, report_pb2_grpc
from ictogram.work.v1 import work_pb2

from schemas.case import Case
from schemas.report import LocalizationResult
from schemas.semiology import Intervention, Read, Test
from services.report.assemble import composer_info
from services.report.job import ComposeJob, ReportInput
from services.report.service import compose
from services.report.settings import ReportSettings
from services.runtime import server
from services.runtime.compute import ComputePool, Limits
from services.runtime.convert import from_proto
from services.runtime.settings import RuntimeSettings

VERSION = "0.1.0"
DESCRIPTOR = report_pb2.DESCRIPTOR.services_by_name["ReportService"]
_LIMITS = Limits(memory_bytes=1 << 30, cpu_s=1200.0, file_bytes=1 << 30)


def digest(settings: ReportSettings) -> str:
    """SHA-256 over the version, the composer and every setting that changes what is written."""
    choices = settings.model_dump_json(exclude={"slots"})
    return hashlib.sha256(f"report {VERSION} {composer_info().digest} {choices}".encode()).hexdigest()


class ReportServicer(report_pb2_grpc.ReportServiceServicer):
    """Answers GetInfo and Compose."""

    def __init__(self, settings: ReportSettings, runtime: RuntimeSettings, pool: ComputePool) -> None:
        self._settings = settings
        self._runtime = runtime
        self._pool = pool
        self._digest = digest(settings)

    async def GetInfo(self, request: work_pb2.GetInfoRequest, context: Any) -> work_pb2.ServiceInfo:  # noqa: ARG002, N802
        """What this service is."""
        info: work_pb2.ServiceInfo = server.service_info(
            "report", VERSION, self._digest, self._settings.slots, [composer_info()]
        )
        return info

    async def Compose(  # noqa: N802 - named by the contract
        self, request: report_pb2.ComposeRequest, context: Any
    ) -> AsyncIterator[report_pb2.ComposeResponse]:
        """Progress, then the files."""
        job = self._job(request)
        async for response in server.stream_work(
            self._pool, compose, job, context, request.context, report_pb2.ComposeResponse, self._digest
        ):
            yield response

    def _job(self, request: report_pb2.ComposeRequest) -> ComposeJob:
        return ComposeJob(
            case=from_proto(request.case, Case),
            run_id=request.context.run_id,
            report_id=request.report_id,
            version=request.version,
            created_at=request.created_at,
            recordings=tuple(from_proto(item, ReportInput) for item in request.recordings),
            localization=from_proto(request.localization, LocalizationResult),
            object_root=self._runtime.object_store,
            output_prefix=request.context.output_prefix,
            tests=tuple(from_proto(test, Test) for test in request.tests),
            interventions=tuple(from_proto(one, Intervention) for one in request.interventions),
            reads=tuple(from_proto(read, Read) for read in request.reads),
            page_size=self._settings.page_size,
            max_stills=self._settings.max_stills,
            still_long_side_px=self._settings.still_long_side_px,
        )


async def serve() -> None:
    """Run the service until SIGTERM."""
    settings, runtime = ReportSettings.load(), RuntimeSettings.load()
    pool = ComputePool(
        settings.slots,
        _LIMITS,
        preload=("services.report.service:warm",),
        service="report",
    )
    registration = server.Registration(
        DESCRIPTOR, report_pb2_grpc.add_ReportServiceServicer_to_server, ReportServicer(settings, runtime, pool)
    )
    await server.serve("report", [registration], runtime, pool=pool)
