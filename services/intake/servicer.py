"""gRPC in front of `ingest`: requests become jobs, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from ictogram.intake.v1 import intake_pb2, intake_pb2_grpc
from ictogram.work.v1 import work_pb2

from schemas.recording import Recording
from services.intake.job import IngestJob
from services.intake.service import ingest
from services.intake.settings import IntakeSettings
from services.runtime import server
from services.runtime.compute import ComputePool, Limits
from services.runtime.convert import from_proto
from services.runtime.settings import RuntimeSettings

VERSION = "0.1.0"
DESCRIPTOR = intake_pb2.DESCRIPTOR.services_by_name["IntakeService"]
_WITHOUT_EFFECT = frozenset({"slots", "memory_bytes", "cpu_s", "file_bytes", "threads"})
"""Settings that change how much is used, not what comes out."""


def digest(settings: IntakeSettings) -> str:
    """SHA-256 over the version and every setting that changes results."""
    return hashlib.sha256(
        f"intake {VERSION} {settings.model_dump_json(exclude=set(_WITHOUT_EFFECT))}".encode()
    ).hexdigest()


class IntakeServicer(intake_pb2_grpc.IntakeServiceServicer):
    """Answers GetInfo and Ingest."""

    def __init__(self, settings: IntakeSettings, runtime: RuntimeSettings, pool: ComputePool) -> None:
        self._settings = settings
        self._runtime = runtime
        self._pool = pool
        self._digest = digest(settings)

    async def GetInfo(self, request: work_pb2.GetInfoRequest, context: Any) -> work_pb2.ServiceInfo:  # noqa: ARG002, N802
        info: work_pb2.ServiceInfo = server.service_info("intake", VERSION, self._digest, self._settings.slots)
        return info

    async def Ingest(  # noqa: N802
        self, request: intake_pb2.IngestRequest, context: Any
    ) -> AsyncIterator[intake_pb2.IngestResponse]:
        job = IngestJob(
            recording=from_proto(request.recording, Recording),
            object_root=self._runtime.object_store,
            output_prefix=request.context.output_prefix,
            settings=self._settings,
            object_verify=self._runtime.object_verify,
            scratch_dir=self._runtime.scratch_dir,
        )
        async for response in server.stream_work(
            self._pool, ingest, job, context, request.context, intake_pb2.IngestResponse, self._digest
        ):
            yield response


async def serve() -> None:
    """Run the service until SIGTERM."""
    settings, runtime = IntakeSettings.load(), RuntimeSettings.load()
    limits = Limits(memory_bytes=settings.memory_bytes, cpu_s=settings.cpu_s, file_bytes=settings.file_bytes)
    pool = ComputePool(settings.slots, limits, ("services.intake.service",), service="intake")
    servicer = IntakeServicer(settings, runtime, pool)
    add = intake_pb2_grpc.add_IntakeServiceServicer_to_server
    await server.serve("intake", [server.Registration(DESCRIPTOR, add, servicer)], runtime, pool=pool)
