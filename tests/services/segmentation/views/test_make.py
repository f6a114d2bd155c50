"""All views of one recording in one pass: what they hold, from which file, and what is said where they cannot be."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.recording import IntakeResult, Interval, ObjectRef, Recording, SourceFile
from schemas.segmentation import Segmentation, View, ViewKind
from services.media.decode import frames
from services.runtime.objects import ObjectStore
from services.segmentation import helpers
from services.segmentation.engines.blazepose import BlazePoseEngine
from services.segmentation.job import SegmentJob
from services.segmentation.service import segment
from services.segmentation.settings import SegmentationSettings
from services.segmentation.views import make
from services.segmentation.views.make import Layout, joined
from tests.services.segmentation.bodies import Finder, body
from tests.services.segmentation.conftest import HEIGHT, WIDTH, Stage, facts
from tests.support import videos

SECONDS = 3.0
SEEN = (
    ViewKind.FULL_FRAME, ViewKind.SILHOUETTE, ViewKind.FACE_CROP, ViewKind.HANDS, ViewKind.POSE_OVERLAY,
    ViewKind.PRIVACY,
)  # fmt: skip
HEARD = (ViewKind.AUDIO, ViewKind.DENOISED_AUDIO, ViewKind.TRANSCRIPT)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore((tmp_path / "objects").as_uri())


@pytest.fixture
def job(tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> SegmentJob:
    """A patient whose joints are known, filmed twice as large as the proxy, with sound."""
    finder = Finder([(body(125, 80),)] * 99)
    monkeypatch.setattr(helpers, "pose_engine", lambda _: (finder, ()))
    draw = Stage().jerking(70, 70, 110, 80).draw
    path = videos.write_video(tmp_path / "p.mp4", draw, seconds=SECONDS, rate=10)
    proxy = store.put_file(path, store.join("", "case", "proxy.mp4"), "video/mp4")
    large = videos.write_video(
        tmp_path / "o.mp4", lambda i, t: draw(i, t).repeat(2, 0).repeat(2, 1), seconds=SECONDS, rate=20
    )
    original = store.put_file(large, store.join("", "case", "original.mp4"), "video/mp4")
    sound = tmp_path / "audio.wav"
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.random.default_rng(0).integers(-900, 900, 48_000, np.int16).tobytes())
    audio = store.put_file(sound, store.join("", "case", "audio.wav"), "audio/wav")
    measured = replace(facts(SECONDS), width_px=2 * WIDTH, height_px=2 * HEIGHT, has_audio=True)
    intake = IntakeResult(measured, proxy, WIDTH, HEIGHT, 10.0, audio)
    recording = Recording("r1", (SourceFile(original),))
    return SegmentJob(recording, intake, store.root, store.join("", "out"), SegmentationSettings(), SEEN + HEARD)


def run(job: SegmentJob, told: list[str] | None = None) -> Segmentation:
    return segment(job, lambda _share, _stage, words: None if told is None else told.append(words))


def view(found: Segmentation, kind: ViewKind) -> View:
    return next(view for view in found.views if view.kind is kind)


def pictures(store: ObjectStore, view: View) -> list[Any]:
    with store.local(view.object) as path:
        return [frame.image for frame in frames(path, colour="bgr")]


def test_all_views_are_made_in_the_order_asked_for_on_the_proxys_clock(job: SegmentJob, store: ObjectStore) -> None:
    told: list[str] = []
    found = run(job, told)
    assert [view.kind for view in found.views] == [*SEEN, ViewKind.AUDIO, ViewKind.DENOISED_AUDIO]
    assert view(found, ViewKind.AUDIO).object == job.intake.audio
    sizes = {ViewKind.FACE_CROP: (224, 224), ViewKind.HANDS: (224, 224)}
    for kind in SEEN[1:]:
        shown = pictures(store, view(found, kind))
        assert len(shown) == SECONDS * 10
        assert shown[0].shape[:2] == sizes.get(kind, (252, 448))
        assert max(image.max() for image in shown) > 60
    assert {"following the joints", "making the views", "taking the noise out of the sound"} <= set(told)


def test_the_original_gives_the_details_and_its_loss_is_said(job: SegmentJob, store: ObjectStore) -> None:
    found = run(job)
    face = view(found, ViewKind.FACE_CROP)
    assert face.scale == 1.0, "enlarged: no more than the original's own pixels"
    assert 5 < face.part_px < WIDTH, "the face's width in the original decides what may be judged on it"
    assert view(found, ViewKind.SILHOUETTE).part_px == 0
    assert view(found, ViewKind.SILHOUETTE).scale == pytest.approx(448 / (2 * WIDTH))
    assert not any("could not be opened" in loss for loss in found.losses)
    gone = ObjectRef(store.join("", "case", "gone.mp4"), "0" * 64, 5, "video/mp4")
    broken = store.put_bytes(b"no video at all", store.join("", "case", "broken.mp4"), "video/mp4")
    for file in (gone, broken):
        poorer = run(replace(job, recording=Recording("r1", (SourceFile(file),)), views=SEEN))
        assert view(poorer, ViewKind.FACE_CROP).scale == pytest.approx(0.5), "the proxy has half as many"
        assert any("could not be opened" in loss for loss in poorer.losses)
        assert len(pictures(store, view(poorer, ViewKind.HANDS))) == SECONDS * 10
    whole = run(replace(job, recording=Recording("r1", (SourceFile(gone),)), views=(ViewKind.SILHOUETTE,)))
    assert not any("could not be opened" in loss for loss in whole.losses), "nobody needed it"


def test_where_no_joints_are_found_it_is_said_and_reported_missing(
    job: SegmentJob, monkeypatch: pytest.MonkeyPatch, store: ObjectStore
) -> None:
    monkeypatch.setattr(helpers, "pose_engine", lambda _: (Finder([]), ()))
    found = run(job)
    for kind in (ViewKind.FACE_CROP, ViewKind.HANDS, ViewKind.POSE_OVERLAY):
        assert view(found, kind).missing == (Interval(0.0, SECONDS),)
    assert pictures(store, view(found, ViewKind.FACE_CROP))[5].max() < 8
    assert any("joints were found nowhere" in loss for loss in found.losses)
    assert view(found, ViewKind.PRIVACY).missing == (), "the shape needs no joints"


def test_a_recording_without_sound_says_so(job: SegmentJob) -> None:
    found = run(replace(job, intake=replace(job.intake, audio=None), views=HEARD))
    assert found.views == ()
    assert any("has no sound" in loss for loss in found.losses)


def test_a_transcript_without_weights_is_a_loss_and_no_error(job: SegmentJob, tmp_path: Path) -> None:
    found = run(replace(job, views=(ViewKind.TRANSCRIPT,)))
    assert (found.views, helpers.NO_SPEECH_WEIGHTS in found.losses) == ((), True)
    settings = SegmentationSettings(speech_weights=str(tmp_path / "nothing"))
    found = run(replace(job, settings=settings, views=(ViewKind.TRANSCRIPT,)))
    assert helpers.BAD_SPEECH_WEIGHTS in found.losses


def test_absent_pose_weights_leave_the_network_that_comes_along(tmp_path: Path) -> None:
    engine, losses = helpers.pose_engine(str(tmp_path / "nothing"))
    assert isinstance(engine, BlazePoseEngine)
    assert losses == (helpers.NO_POSE_WEIGHTS,)
    assert [info.name for info in helpers.infos(SegmentationSettings())] == ["blazepose"]
    assert helpers.infos(SegmentationSettings(pose_weights=str(tmp_path / "nothing"))) == ()


def test_the_settings_say_which_views_are_made_where_none_is_asked_for(job: SegmentJob) -> None:
    settings = SegmentationSettings(views=(ViewKind.PRIVACY,))
    assert [view.kind for view in run(replace(job, settings=settings, views=())).views] == [ViewKind.PRIVACY]


def test_the_same_job_leaves_the_same_bytes(job: SegmentJob) -> None:
    kinds = (ViewKind.SILHOUETTE, ViewKind.PRIVACY, ViewKind.DENOISED_AUDIO)
    assert run(replace(job, views=kinds)) == run(replace(job, views=kinds))


def test_upright_recordings_get_the_size_turned_on_its_side() -> None:
    assert Layout.of(ViewKind.SILHOUETTE, (360, 640)) == Layout(252, 448, 252, 448)
    assert Layout.of(ViewKind.SILHOUETTE, (640, 480)) == Layout(448, 252, 336, 252)
    framed = Layout.of(ViewKind.SILHOUETTE, (640, 480)).framed(np.full((252, 336, 3), 9, np.uint8))
    assert (framed[:, :56].max(), framed[:, 56:392].min(), framed[:, 392:].max()) == (0, 9, 0)


@pytest.mark.parametrize(
    ("spans", "whole"),
    [([(3, 4), (0, 2), (1, 2.5)], [(0, 2.5), (3, 4)]), ([(0, 4), (1, 2)], [(0, 4)]), ([], [])],
)
def test_spans_that_overlap_become_one(
    spans: Sequence[tuple[float, float]], whole: Sequence[tuple[float, float]]
) -> None:
    assert joined([Interval(*span) for span in spans]) == tuple(Interval(*span) for span in whole)


def test_every_kind_of_view_is_made_or_heard() -> None:
    assert make.PICTURED | set(HEARD) | {ViewKind.FULL_FRAME} == set(ViewKind)
