"""Segmentation over gRPC, computed in a child process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest
from ictogram.model.v1 import recording_pb2
from ictogram.model.v1 import segmentation_pb2 as model_pb2
from ictogram.segmentation.v1 import segmentation_pb2, segmentation_pb2_grpc
from ictogram.work.v1 import work_pb2

from schemas.errors import InvalidRequestError
from schemas.recording import IntakeResult, Recording
from schemas.segmentation import Segmentation, ViewKind
from services.runtime import server
from services.runtime.compute import ComputePool, Limits
from services.runtime.convert import from_proto, to_proto
from services.runtime.errors import from_rpc_error
from services.runtime.objects import ObjectStore
from services.runtime.settings import RuntimeSettings
from services.segmentation.engines.blazepose import BlazePoseEngine
from services.segmentation.engines.motion import MotionEngine
from services.segmentation.servicer import DESCRIPTOR, SegmentationServicer, digest
from services.segmentation.settings import SegmentationSettings
from tests.services.segmentation.conftest import HEIGHT, WIDTH, Stage, facts
from tests.support import videos


def test_a_recording_is_segmented_and_an_impossible_view_is_a_loss(tmp_path: Path) -> None:
    store = ObjectStore((tmp_path / "objects").as_uri())
    path = videos.write_video(tmp_path / "p.mp4", Stage().jerking(70, 70, 110, 80).draw, seconds=6, rate=10)
    proxy = store.put_file(path, store.join("", "case", "proxy.mp4"), "video/mp4")
    intake = IntakeResult(facts(6.0), proxy, WIDTH, HEIGHT, 10.0, None)

    def request(*views: model_pb2.ViewKind) -> segmentation_pb2.SegmentRequest:
        return segmentation_pb2.SegmentRequest(
            context=work_pb2.WorkContext(request_id="s1", output_prefix=store.join("", "out")),
            recording=to_proto(Recording("r1", ()), recording_pb2.Recording),
            intake=to_proto(intake, recording_pb2.IntakeResult),
            views=views,
        )

    async def talk(stub: segmentation_pb2_grpc.SegmentationServiceStub) -> None:
        info = await stub.GetInfo(work_pb2.GetInfoRequest(), timeout=60)
        assert [engine.name for engine in info.engines] == ["motion", "blazepose"]
        answers = [answer async for answer in stub.Segment(request(), timeout=120)]
        found = from_proto(answers[-1].result, Segmentation)
        assert found.patient_region is not None
        assert [view.kind for view in found.views] == [ViewKind.FULL_FRAME]
        answers = [answer async for answer in stub.Segment(request(model_pb2.VIEW_KIND_TRANSCRIPT), timeout=120)]
        found = from_proto(answers[-1].result, Segmentation)
        assert found.views == ()
        assert any("has no sound" in loss for loss in found.losses)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            async for _ in stub.Segment(request(99), timeout=120):  # type: ignore[arg-type]
                pass
        assert isinstance(from_rpc_error(raised.value), InvalidRequestError)

    async def run() -> None:
        runtime = RuntimeSettings(object_store=store.root)
        pool = ComputePool(1, Limits(memory_bytes=2**30), ("services.segmentation.service",), service="segmentation")
        servicer = SegmentationServicer(SegmentationSettings(), runtime, pool)
        add = segmentation_pb2_grpc.add_SegmentationServiceServicer_to_server
        serving = server.Server([server.Registration(DESCRIPTOR, add, servicer)], runtime, "127.0.0.1:0")
        await pool.start()
        await serving.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{serving.port}") as channel:
                await talk(segmentation_pb2_grpc.SegmentationServiceStub(channel))
        finally:
            await serving.stop()
            await pool.close()

    asyncio.run(run())


def test_the_digest_follows_engine_and_rates() -> None:
    engine = MotionEngine().info()
    own = digest(SegmentationSettings(), engine)
    assert own == digest(SegmentationSettings(slots=4), engine)
    assert own != digest(SegmentationSettings(mask_rate_hz=5), engine)
    assert own != digest(SegmentationSettings(), engine, [BlazePoseEngine().info()])
    assert own == digest(SegmentationSettings(pose_weights="elsewhere"), engine), "the weights count, not their folder"
