"""Intake and its refusals over gRPC, computed in a limited child process."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest
from ictogram.intake.v1 import intake_pb2, intake_pb2_grpc
from ictogram.model.v1 import recording_pb2
from ictogram.work.v1 import work_pb2

from schemas.errors import EngineMismatchError, UnreadableMediaError
from schemas.recording import IntakeResult, Recording, SourceFile
from services.intake.servicer import DESCRIPTOR, IntakeServicer, digest
from services.intake.settings import IntakeSettings
from services.runtime import server
from services.runtime.compute import ComputePool, Limits
from services.runtime.convert import from_proto, to_proto
from services.runtime.errors import from_rpc_error
from services.runtime.objects import ObjectStore
from services.runtime.settings import RuntimeSettings
from tests.support import videos

Talk = Callable[[intake_pb2_grpc.IntakeServiceStub], Awaitable[None]]


def _serve(store: ObjectStore, talk: Talk) -> None:
    """Run the service, talk to it, stop it."""

    async def run() -> None:
        settings = IntakeSettings()
        runtime = RuntimeSettings(object_store=store.root)
        pool = ComputePool(1, Limits(memory_bytes=2**30), ("services.intake.service",), service="intake")
        servicer = IntakeServicer(settings, runtime, pool)
        add = intake_pb2_grpc.add_IntakeServiceServicer_to_server
        serving = server.Server([server.Registration(DESCRIPTOR, add, servicer)], runtime, "127.0.0.1:0")
        await pool.start()
        await serving.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{serving.port}") as channel:
                await talk(intake_pb2_grpc.IntakeServiceStub(channel))
        finally:
            await serving.stop()
            await pool.close()

    asyncio.run(run())


def _request(store: ObjectStore, path: Path, expected_digest: str = "") -> intake_pb2.IngestRequest:
    ref = store.put_file(path, store.join("", "in", "source"), "video/mp4")
    recording = to_proto(Recording("r1", (SourceFile(ref),)), recording_pb2.Recording)
    context = work_pb2.WorkContext(
        request_id="s1", output_prefix=store.join("", "out"), expected_digest=expected_digest
    )
    return intake_pb2.IngestRequest(context=context, recording=recording)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore((tmp_path / "objects").as_uri())


def test_a_recording_is_read_and_a_bad_one_refused_by_the_same_service(tmp_path: Path, store: ObjectStore) -> None:
    good = videos.write_video(tmp_path / "v.mp4", seconds=2)
    bad = tmp_path / "text.mp4"
    bad.write_text("words\n" * 100)

    async def talk(stub: intake_pb2_grpc.IntakeServiceStub) -> None:
        info = await stub.GetInfo(work_pb2.GetInfoRequest(), timeout=60)
        assert (info.service, info.digest) == ("intake", digest(IntakeSettings()))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            async for _ in stub.Ingest(_request(store, bad), timeout=120):
                pass
        refused = from_rpc_error(raised.value)
        assert isinstance(refused, UnreadableMediaError)
        assert refused.message == "The file is not in a video format that can be read."
        answers = [answer async for answer in stub.Ingest(_request(store, good, info.digest), timeout=120)]
        assert [answer.WhichOneof("event") for answer in answers].count("result") == 1
        result = from_proto(answers[-1].result, IntakeResult)
        assert result.facts.frames == 60
        assert store.read_bytes(result.proxy)

    _serve(store, talk)


def test_work_planned_for_another_version_is_refused(tmp_path: Path, store: ObjectStore) -> None:
    path = videos.write_video(tmp_path / "v.mp4", seconds=2)

    async def talk(stub: intake_pb2_grpc.IntakeServiceStub) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            async for _ in stub.Ingest(_request(store, path, "0" * 64), timeout=120):
                pass
        assert isinstance(from_rpc_error(raised.value), EngineMismatchError)

    _serve(store, talk)


def test_the_digest_follows_what_changes_results_only() -> None:
    own = digest(IntakeSettings())
    assert own == digest(IntakeSettings(slots=3, memory_bytes=2**30, threads=1))
    assert own != digest(IntakeSettings(proxy_long_side_px=1280))
    assert own != hashlib.sha256(b"").hexdigest()
