"""The gRPC face of semiology: between messages and the domain, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ictogram.semiology.v1 import semiology_pb2, semiology_pb2_grpc

from schemas.recording import IntakeResult, Recording
from schemas.segmentation import Segmentation
from services.runtime.compute import ComputePool, Limits
from services.runtime.convert import from_proto
from services.runtime.server import Registration, service_info, stream_work
from services.runtime.server import serve as run_server
from services.runtime.settings import RuntimeSettings
from services.semiology.service import JudgeJob, digest, engine_infos, judge
from services.semiology.settings import SemiologySettings

VERSION = "1"


class SemiologyServicer(semiology_pb2_grpc.SemiologyServiceServicer):
    """Answers GetInfo and Judge."""

    def __init__(self, settings: SemiologySettings, runtime: RuntimeSettings, pool: ComputePool) -> None:
        self._settings, self._runtime, self._pool = settings, runtime, pool
        self._digest = digest(settings.engines, settings.preset)

    async def GetInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - named by the contract
        """What this service is."""
        engines = engine_infos(self._settings.engines)
        return service_info("semiology", VERSION, self._digest, self._settings.slots, engines)

    async def Judge(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802 - named by the contract
        """Progress, then the result."""
        job = JudgeJob(
            output_prefix=request.context.output_prefix,
            object_store=self._runtime.object_store,
            recording=from_proto(request.recording, Recording),
            intake=from_proto(request.intake, IntakeResult),
            segmentation=from_proto(request.segmentation, Segmentation),
            engines=self._settings.engines,
            preset=self._settings.preset,
        )
        response = semiology_pb2.JudgeResponse
        async for event in stream_work(self._pool, judge, job, context, request.context, response, self._digest):
            yield event


async def serve() -> None:
    """Run the service until SIGTERM."""
    settings, runtime = SemiologySettings.load(), RuntimeSettings.load()
    limits = Limits(memory_bytes=settings.memory_bytes, cpu_s=settings.cpu_s)
    pool = ComputePool(settings.slots, limits=limits, preload=("services.semiology.service",))
    servicer = SemiologyServicer(settings, runtime, pool)
    registration = Registration(
        descriptor=semiology_pb2.DESCRIPTOR.services_by_name["SemiologyService"],
        add=semiology_pb2_grpc.add_SemiologyServiceServicer_to_server,
        servicer=servicer,
    )
    await run_server("semiology", (registration,), runtime, pool=pool)
