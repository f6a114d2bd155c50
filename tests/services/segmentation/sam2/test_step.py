"""The segmentation step with the engine `sam2`, in a child process as the service runs it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from schemas.recording import Box, IntakeResult, Recording
from schemas.segmentation import Segmentation, ViewKind
from services.media.masks import MaskTrack
from services.runtime.compute import ComputePool, Limits, Outcome, Progress
from services.runtime.objects import ObjectStore
from services.segmentation.engines.sam2.engine import Sam2Engine
from services.segmentation.engines.sam2.settings import Sam2Settings
from services.segmentation.job import SegmentJob
from services.segmentation.service import segment
from services.segmentation.settings import SegmentationSettings
from tests.services.segmentation.conftest import Stage
from tests.services.segmentation.sam2.scenes import HEIGHT, WIDTH, facts
from tests.support import videos

pytestmark = pytest.mark.vision
NAME = "services.segmentation.engines.sam2.engine:Sam2Engine"


def test_a_child_process_answers_with_the_digest_that_was_promised(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Sam2Settings.variable("weights"), str(tiny_weights))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    promised = Sam2Engine().info()
    store = ObjectStore((tmp_path / "objects").as_uri())
    path = videos.write_video(tmp_path / "p.mp4", Stage().jerking(70, 70, 110, 80).draw, seconds=6, rate=10)
    proxy = store.put_file(path, store.join("", "case", "proxy.mp4"), "video/mp4")
    job = SegmentJob(
        Recording("r1", (), patient_box=Box(0.2, 0.3, 0.6, 0.9)),
        IntakeResult(facts(6.0), proxy, WIDTH, HEIGHT, 10.0, None),
        store.root, store.join("", "out"), SegmentationSettings(engine=NAME),
        (ViewKind.FULL_FRAME, ViewKind.SILHOUETTE),
    )  # fmt: skip

    async def run() -> tuple[list[Progress], Segmentation]:
        pool = ComputePool(1, Limits(memory_bytes=4 << 30), ("services.segmentation.service",), service="segmentation")
        await pool.start()
        try:
            events = [event async for event in pool.run(segment, job, timeout_s=150)]
        finally:
            await pool.close()
        (outcome,) = [event for event in events if isinstance(event, Outcome)]
        return [event for event in events if isinstance(event, Progress)], outcome.value

    progress, found = asyncio.run(run())
    assert found.engine == promised
    assert found.engine.name == "sam2"
    assert "following the outlines" in {event.message for event in progress}
    assert [view.kind for view in found.views] == [ViewKind.FULL_FRAME, ViewKind.SILHOUETTE]
    with store.local(found.masks) as stored:
        masks = MaskTrack.load(stored)
    assert masks.patient.shape == (15, 144, 256)
    assert np.allclose(np.diff(masks.time_s), 0.4)
