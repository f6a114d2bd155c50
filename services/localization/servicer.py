"""gRPC in front of `localize`: requests become jobs, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from ictogram.localization.v1 import localization_pb2, localization_pb2_grpc
from ictogram.work.v1 import work_pb2

from schemas.case import PatientContext
from services.localization.evidence import load_source
from services.localization.service import LocalizeJob, RecordingReading, engine_info, localize
from services.localization.settings import LocalizationSettings
from services.runtime import server
from services.runtime.compute import ComputePool, Limits
from services.runtime.convert import from_proto
from services.runtime.settings import RuntimeSettings

VERSION = "0.1.0"
DESCRIPTOR = localization_pb2.DESCRIPTOR.services_by_name["LocalizationService"]
_LIMITS = Limits(memory_bytes=512 << 20, cpu_s=600.0, file_bytes=1 << 20)


class LocalizationServicer(localization_pb2_grpc.LocalizationServiceServicer):
    """Answers GetInfo and Localize."""

    def __init__(self, settings: LocalizationSettings, pool: ComputePool) -> None:
        self._settings = settings
        self._pool = pool
        source = load_source(settings.evidence_source)
        own = engine_info(settings.initial_phase_s, source)
        self._engines = [own, source.info()] if source else [own]
        self._digest = hashlib.sha256(f"localization {VERSION} {own.digest}".encode()).hexdigest()

    async def GetInfo(self, request: work_pb2.GetInfoRequest, context: Any) -> work_pb2.ServiceInfo:  # noqa: ARG002, N802
        """What this service is."""
        info: work_pb2.ServiceInfo = server.service_info(
            "localization", VERSION, self._digest, self._settings.slots, self._engines
        )
        return info

    async def Localize(  # noqa: N802 - named by the contract
        self, request: localization_pb2.LocalizeRequest, context: Any
    ) -> AsyncIterator[localization_pb2.LocalizeResponse]:
        """Progress, then the result."""
        job = LocalizeJob(
            readings=tuple(from_proto(reading, RecordingReading) for reading in request.readings),
            patient_context=from_proto(request.patient_context, PatientContext),
            initial_phase_s=self._settings.initial_phase_s,
            evidence_source=self._settings.evidence_source,
        )
        async for response in server.stream_work(
            self._pool, localize, job, context, request.context, localization_pb2.LocalizeResponse, self._digest
        ):
            yield response


async def serve() -> None:
    """Run the service until SIGTERM."""
    settings = LocalizationSettings.load()
    pool = ComputePool(settings.slots, _LIMITS, preload=("services.localization.service",), service="localization")
    registration = server.Registration(
        DESCRIPTOR,
        localization_pb2_grpc.add_LocalizationServiceServicer_to_server,
        LocalizationServicer(settings, pool),
    )
    await server.serve("localization", [registration], RuntimeSettings.load(), pool=pool)
