"""What the engine promises before anything is loaded, and who answers when weights are absent or broken."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import InternalError, InvalidRequestError
from services.segmentation.engines import SegmentationEngine, SegmentInput
from services.segmentation.engines.motion import MotionEngine
from services.segmentation.engines.sam2.engine import Sam2Engine
from services.segmentation.engines.sam2.settings import Sam2Settings
from services.segmentation.engines.sam2.weights import choose
from tests.services.segmentation.conftest import Stage
from tests.services.segmentation.sam2.scenes import facts
from tests.support import videos
from tests.support.tiny_sam2 import write_card


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like weights; good enough for all that is decided before loading."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found("json") if name == "sam2" else found(name))
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "some.pt").write_bytes(b"parameters")
    (folder / "config.yaml").write_text("name: configs/sam2.1/sam2.1_hiera_t.yaml")
    write_card(folder, "segmentation")
    return folder


@pytest.fixture
def everything_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec("json")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: there)
    monkeypatch.setattr("services.segmentation.engines.sam2.engine.version", lambda _: "1.1.0")


def _engine(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Sam2Engine:
    for name, value in settings.items():
        monkeypatch.setenv(Sam2Settings.variable(name), str(value))
    return Sam2Engine()


def test_without_weights_motion_answers_and_says_so(tmp_path: Path) -> None:
    engine = Sam2Engine()
    assert isinstance(engine, SegmentationEngine)
    engine.load()
    assert engine.info().name == "motion"
    assert engine.info().digest != MotionEngine().info().digest
    video = videos.write_video(tmp_path / "v.mp4", Stage().jerking(70, 70, 110, 80).draw, seconds=6, rate=10)
    request = SegmentInput(video, facts(6.0), 2.5)
    found, motion = engine.segment(request, lambda *_: None), MotionEngine().segment(request, lambda *_: None)
    assert found.losses[0] == (
        "SAM 2 did not run and the engine motion answered instead: ICTOGRAM_SEGMENTATION_WEIGHTS names no weights."
    )
    assert found.losses[1:] == motion.losses
    assert found.patient_region == motion.patient_region
    assert np.array_equal(found.masks.patient.bits, motion.masks.patient.bits)


@pytest.mark.usefixtures("everything_installed")
def test_with_weights_the_engine_promises_sam_2(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = _engine(monkeypatch, weights=folder).info()
    assert (info.name, info.training) == ("sam2", "random weights")
    assert info == _engine(monkeypatch, weights=folder).info()


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize("change", ["weights", "config", "device", "most_rate_hz", "mask_long_side", "part_s"])
def test_the_digest_follows_everything_that_changes_masks(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    before = _engine(monkeypatch, weights=folder).info()
    values = {"device": "cuda", "most_rate_hz": 1, "mask_long_side": 64, "part_s": 60}
    if change == "weights":
        (folder / "some.pt").write_bytes(b"other parameters")
        write_card(folder, "segmentation")
    elif change == "config":
        (folder / "config.yaml").write_text("name: configs/sam2.1/sam2.1_hiera_s.yaml")
    else:
        monkeypatch.setenv(Sam2Settings.variable(change), str(values[change]))
    after = _engine(monkeypatch, weights=folder).info()
    assert after.name == "sam2"
    assert after.digest != before.digest


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize(
    ("breaks", "told"),
    [
        (lambda folder: (folder / "some.pt").write_bytes(b"changed"), "card and weights must belong together"),
        (lambda folder: (folder / "card.json").unlink(), "no card.json"),
        (lambda folder: (folder / "config.yaml").unlink(), "no config.yaml"),
        (lambda folder: write_card(folder, "pose"), "describes a pose"),
        (lambda folder: (folder / "card.json").write_text("{}"), "Field required"),
        (lambda folder: ((folder / "b.pt").write_bytes(b"x"), write_card(folder, "segmentation")), "2 weight files"),
    ],
)
def test_broken_weights_are_told_and_motion_answers(
    folder: Path, monkeypatch: pytest.MonkeyPatch, breaks: Any, told: str
) -> None:
    breaks(folder)
    with pytest.raises(InvalidRequestError, match=told):
        choose(Sam2Settings(weights=str(folder)))
    engine = _engine(monkeypatch, weights=folder)
    assert engine.info().name == "motion"
    assert str(folder) not in engine._instead


def test_without_torch_the_missing_packages_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in {"torch", "sam2"} else found("json"))
    with pytest.raises(InvalidRequestError, match=r"`vision` is not installed \(torch, sam2 missing\)"):
        choose(Sam2Settings(weights=str(folder)))


@pytest.mark.usefixtures("everything_installed")
def test_a_broken_detector_is_a_loss_and_changes_the_digest(folder: Path, tmp_path: Path) -> None:
    plain = choose(Sam2Settings(weights=str(folder)))
    broken = choose(Sam2Settings(weights=str(folder), detector_weights=str(tmp_path / "nowhere")))
    assert plain.losses == ()
    assert broken.detector is None
    assert "person detector cannot be used" in broken.losses[0]
    assert broken.digest != plain.digest


@pytest.mark.usefixtures("everything_installed")
def test_an_engine_that_was_not_loaded_does_not_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = _engine(monkeypatch, weights=folder)
    with pytest.raises(InternalError, match="before it was loaded"):
        engine.segment(SegmentInput(folder, facts(1.0), 1.0), lambda *_: None)
