"""The segmentation step: what it stores, which views it makes, what it refuses."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import InvalidRequestError, ObjectMissingError, StorageFullError
from schemas.recording import Box, IntakeResult, ObjectRef, Recording
from schemas.segmentation import Segmentation, ViewKind
from services.media.decode import frames
from services.media.masks import MaskTrack
from services.runtime.convert import from_json, to_json
from services.runtime.objects import ObjectStore
from services.segmentation.engines import SegmentationEngine
from services.segmentation.engines.motion import MotionEngine
from services.segmentation.job import SegmentJob
from services.segmentation.service import engine_named, segment
from services.segmentation.settings import SegmentationSettings
from tests.services.segmentation.conftest import HEIGHT, WIDTH, Stage, facts
from tests.support import videos

SECONDS = 6.0


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore((tmp_path / "objects").as_uri())


@pytest.fixture
def job(tmp_path: Path, store: ObjectStore) -> SegmentJob:
    path = videos.write_video(tmp_path / "p.mp4", Stage().jerking(70, 70, 110, 80).draw, seconds=SECONDS, rate=10)
    proxy = store.put_file(path, store.join("", "case", "proxy.mp4"), "video/mp4")
    intake = IntakeResult(facts(SECONDS), proxy, WIDTH, HEIGHT, 10.0, None)
    return SegmentJob(Recording("r1", ()), intake, store.root, store.join("", "out"), SegmentationSettings())


def _run(job: SegmentJob, **changes: object) -> Segmentation:
    values = {name: getattr(job, name) for name in SegmentJob.__dataclass_fields__} | changes
    return segment(SegmentJob(**values), lambda *_: None)


def test_masks_are_stored_and_the_full_frame_is_the_proxy_itself(job: SegmentJob, store: ObjectStore) -> None:
    found = _run(job)
    with store.local(found.masks) as path:
        masks = MaskTrack.load(path)
    assert masks.patient.any()
    assert found.mask_rate_hz == pytest.approx(2.5, rel=0.05)
    (view,) = found.views
    assert (view.kind, view.object, view.scale) == (ViewKind.FULL_FRAME, job.intake.proxy, 1.0)
    assert found.masks.uri.startswith(job.output_prefix)
    assert found.engine.name == "motion"
    assert found.losses


def test_the_result_survives_the_way_between_processes(job: SegmentJob) -> None:
    found = _run(job)
    assert from_json(Segmentation, to_json(found)) == found


def test_the_same_job_leaves_the_same_bytes(job: SegmentJob) -> None:
    assert _run(job) == _run(job)


def test_the_silhouette_shows_the_patient_and_nothing_else(job: SegmentJob, store: ObjectStore) -> None:
    found = _run(job, views=(ViewKind.FULL_FRAME, ViewKind.SILHOUETTE))
    assert [view.kind for view in found.views] == [ViewKind.FULL_FRAME, ViewKind.SILHOUETTE]
    with store.local(found.views[1].object) as path:
        pictures = list(frames(path))
    assert len(pictures) == SECONDS * 10
    assert np.abs(pictures[30].image[:40, -60:].astype(int) - 114).max() < 6
    assert pictures[30].image[80:140, 80:170].std() > 10


def test_the_drawn_box_reaches_the_engine(job: SegmentJob) -> None:
    box = Box(0.1, 0.2, 0.7, 0.9)
    assert _run(job, recording=Recording("r1", (), patient_box=box)).patient_region == box


def test_views_that_cannot_be_made_are_losses(job: SegmentJob) -> None:
    found = _run(job, views=(ViewKind.FULL_FRAME, ViewKind.TRANSCRIPT))
    assert [view.kind for view in found.views] == [ViewKind.FULL_FRAME]
    assert any("has no sound" in loss for loss in found.losses)


@pytest.mark.parametrize("name", ["nowhere:Engine", "services.segmentation.engines.motion:Nothing", "no colon", ""])
def test_an_engine_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="no segmentation engine"):
        engine_named(name)


def test_something_else_than_an_engine_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="lacks info, load or segment"):
        engine_named("services.segmentation.engines:Path")


def test_a_missing_proxy_can_be_tried_again(job: SegmentJob) -> None:
    gone = ObjectRef(job.intake.proxy.uri + "x", hashlib.sha256(b"").hexdigest(), 5, "video/mp4")
    intake = IntakeResult(job.intake.facts, gone, WIDTH, HEIGHT, 10.0, None)
    with pytest.raises(ObjectMissingError):
        _run(job, intake=intake)


def test_a_full_disk_can_be_tried_again(job: SegmentJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: MaskTrack, path: Path) -> None:
        with Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"x")

    monkeypatch.setattr(MaskTrack, "save", full)
    with pytest.raises(StorageFullError):
        _run(job)


def test_the_engine_says_who_it_is() -> None:
    engine = MotionEngine()
    assert isinstance(engine, SegmentationEngine)
    info = engine.info()
    assert (info.name, info.training, info.answers) == ("motion", "training-free", ())
    assert len(info.digest) == 64
