"""gRPC in front of `segment`: requests become jobs, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from ictogram.model.v1 import segmentation_pb2 as segmentation_model_pb2
from ictogram.segmentation.v1 import segmentation_pb2, segmentation_pb2_grpc
from ictogram.work.v1 import work_pb2

from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError
from schemas.recording import IntakeResult, Recording
from schemas.segmentation import ViewKind
from services.runtime import server
from services.runtime.compute import ComputePool, Limits
from services.runtime.convert import from_proto
from services.runtime.settings import RuntimeSettings
from services.segmentation.helpers import infos
from services.segmentation.job import SegmentJob
from services.segmentation.service import engine_named, segment
from services.segmentation.settings import SegmentationSettings

VERSION = "0.2.0"
DESCRIPTOR = segmentation_pb2.DESCRIPTOR.services_by_name["SegmentationService"]
_WITHOUT_EFFECT = frozenset({"slots", "memory_bytes", "cpu_s", "file_bytes", "pose_weights", "speech_weights"})
"""Settings that change how much is used, not what comes out; of weights their digests count, not their folders."""


def digest(settings: SegmentationSettings, engine: EngineInfo, helpers: Sequence[EngineInfo] = ()) -> str:
    """SHA-256 over the version, the digests of the engine and its helpers, and every setting that changes results."""
    told = settings.model_dump_json(exclude=set(_WITHOUT_EFFECT))
    digests = " ".join(one.digest for one in (engine, *helpers))
    content = f"segmentation {VERSION} {digests} {told} {settings.masks_per_s}"
    return hashlib.sha256(content.encode()).hexdigest()


class SegmentationServicer(segmentation_pb2_grpc.SegmentationServiceServicer):
    """Answers GetInfo and Segment."""

    def __init__(self, settings: SegmentationSettings, runtime: RuntimeSettings, pool: ComputePool) -> None:
        self._settings = settings
        self._runtime = runtime
        self._pool = pool
        self._engine = engine_named(settings.engine).info()
        self._helpers = infos(settings)
        self._digest = digest(settings, self._engine, self._helpers)

    async def GetInfo(self, request: work_pb2.GetInfoRequest, context: Any) -> work_pb2.ServiceInfo:  # noqa: ARG002, N802
        info: work_pb2.ServiceInfo = server.service_info(
            "segmentation", VERSION, self._digest, self._settings.slots, [self._engine, *self._helpers]
        )
        return info

    async def Segment(  # noqa: N802
        self, request: segmentation_pb2.SegmentRequest, context: Any
    ) -> AsyncIterator[segmentation_pb2.SegmentResponse]:
        job = SegmentJob(
            recording=from_proto(request.recording, Recording),
            intake=from_proto(request.intake, IntakeResult),
            object_root=self._runtime.object_store,
            output_prefix=request.context.output_prefix,
            settings=self._settings,
            views=_views(request.views),
            object_verify=self._runtime.object_verify,
            scratch_dir=self._runtime.scratch_dir,
        )
        async for response in server.stream_work(
            self._pool, segment, job, context, request.context, segmentation_pb2.SegmentResponse, self._digest
        ):
            yield response


def _views(numbers: Iterable[int]) -> tuple[ViewKind, ...]:
    """The views asked for; raises `InvalidRequestError` for a number that this version does not know."""
    kinds = []
    for number in numbers:
        value = segmentation_model_pb2.ViewKind.DESCRIPTOR.values_by_number.get(number)
        if value is None or not number:
            raise InvalidRequestError(f"{number} is no kind of view that this version knows.")
        kinds.append(ViewKind[value.name.removeprefix("VIEW_KIND_")])
    return tuple(kinds)


async def serve() -> None:
    """Run the service until SIGTERM."""
    settings, runtime = SegmentationSettings.load(), RuntimeSettings.load()
    limits = Limits(memory_bytes=settings.memory_bytes, cpu_s=settings.cpu_s, file_bytes=settings.file_bytes)
    module = settings.engine.partition(":")[0]
    pool = ComputePool(settings.slots, limits, ("services.segmentation.service", module), service="segmentation")
    servicer = SegmentationServicer(settings, runtime, pool)
    add = segmentation_pb2_grpc.add_SegmentationServiceServicer_to_server
    await server.serve("segmentation", [server.Registration(DESCRIPTOR, add, servicer)], runtime, pool=pool)
