"""The whole engine with a tiny SAM 2, random weights: what comes out has the right shape and says where it comes from.

What the masks show is noise with such weights; who is prompted, when and what is held is not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import InvalidRequestError
from schemas.recording import Box, Interval
from services.segmentation.engines import PATIENT, Prompt, PromptPoint, SegmentInput, SegmentOutput
from services.segmentation.engines.sam2 import engine as engine_module
from services.segmentation.engines.sam2.engine import Sam2Engine
from services.segmentation.engines.sam2.looks import Person
from services.segmentation.engines.sam2.session import Session
from services.segmentation.engines.sam2.settings import Sam2Settings
from tests.services.segmentation.conftest import Stage
from tests.services.segmentation.sam2.scenes import HEIGHT, WIDTH, facts, person
from tests.support import videos
from tests.support.tiny_sam2 import write_card

pytestmark = pytest.mark.vision
LYING = (70, 70, 110, 80)
"""Left, top, width, height of the patient, pixels."""
BED = (70 / WIDTH, 70 / HEIGHT, 180 / WIDTH, 150 / HEIGHT)
DOOR = (0.8, 0.2, 0.95, 0.9)
Told = list[tuple[int, int, Box | None]]
"""Number of the instant, person and box of each prompt."""


@pytest.fixture
def engine(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Sam2Engine:
    monkeypatch.setenv(Sam2Settings.variable("weights"), str(tiny_weights))
    monkeypatch.setenv(Sam2Settings.variable("mask_long_side"), "64")
    engine = Sam2Engine()
    engine.load()
    return engine


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Whom the engine points out to SAM 2."""
    found: Told = []
    real = Session.point_out

    def listen(self: Session, person: int, box: Box | None, points: tuple[PromptPoint, ...] = ()) -> None:
        found.append((self._number, person, box))
        real(self, person, box, points)

    monkeypatch.setattr(Session, "point_out", listen)
    return found


Run = Callable[..., SegmentOutput]


@pytest.fixture
def run(engine: Sam2Engine, tmp_path: Path) -> Run:
    def call(
        seconds: float = 6.0, *prompts: Prompt, people: tuple[Person, ...] | None = (), rate_hz: float = 2.5,
        draw: Callable[[int, float], np.ndarray] | None = None,
    ) -> SegmentOutput:  # fmt: skip
        if people is not None:
            engine._find = lambda _: people
        video = videos.write_video(tmp_path / "v.mp4", draw or Stage().jerking(*LYING).draw, seconds=seconds, rate=10)
        return engine.segment(SegmentInput(video, facts(seconds), rate_hz, prompts), lambda *_: None)

    return call


def test_a_patient_found_by_a_look_is_followed(run: Run, told: Told) -> None:
    found = run(people=(person(BED), person(DOOR, 0.5)))
    assert found.masks.patient.shape == (15, 36, 64)
    assert np.allclose(found.masks.time_s, np.arange(15) / 2.5)
    first = [(person, box) for k, person, box in told if k == 0]
    assert first == [(1, Box(*DOOR)), (PATIENT, Box(*BED))] or first == [(PATIENT, Box(*BED)), (1, Box(*DOOR))]
    assert 0 < found.quality < 0.9
    assert "whoever is seen longest" in found.losses[0]
    both = np.stack(list(found.masks.patient)) & np.stack(list(found.masks.others))
    assert not both.any()


def test_a_drawn_box_overrules_the_rules(run: Run, told: Told) -> None:
    found = run(6.0, Prompt(0.0, PATIENT, Box(*DOOR)), people=(person(BED), person(DOOR, 0.5)))
    assert (0, PATIENT, Box(*DOOR)) in told
    assert (0, 1, Box(*BED)) in told
    assert not any("whoever" in loss for loss in found.losses)


def test_points_and_other_people_are_prompts_too(run: Run, told: Told) -> None:
    point = PromptPoint(0.4, 0.6)
    run(6.0, Prompt(2.0, PATIENT, points=(point,)), Prompt(4.0, 3, Box(*DOOR)))
    assert (5, PATIENT, None) in told
    assert (10, 3, Box(*DOOR)) in told


def test_a_prompt_in_the_middle_also_reaches_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bool] = []
    real = Session.__init__

    def listen(self: Session, *args: Any, backwards: bool = False) -> None:
        opened.append(backwards)
        real(self, *args, backwards=backwards)

    monkeypatch.setattr(Session, "__init__", listen)
    found = run(6.0, Prompt(3.0, PATIENT, Box(*BED)))
    assert opened == [False, True]
    assert len(found.masks.time_s) == 15


def test_where_nobody_is_recognised_movement_tells_the_place(run: Run, told: Told) -> None:
    found = run(12.0)
    ((k, person, box),) = told
    assert (k, person) == (0, PATIENT)
    assert box is not None
    assert abs((box.left + box.right) / 2 - (BED[0] + BED[2]) / 2) < 0.1
    assert any("Nobody was recognised" in loss for loss in found.losses)
    assert found.quality < 0.5


def test_where_nobody_is_and_nothing_moves_nobody_is_followed(run: Run, told: Told) -> None:
    found = run(6.0, draw=Stage().draw, people=None)
    assert told == []
    assert found.patient_region is None
    assert found.patient_missing == (Interval(0.0, 6.0),)
    assert found.quality == 0
    assert not found.masks.patient.any()
    assert len(found.masks.time_s) == 15
    assert "Nobody was recognised" in found.losses[0]


def test_masks_between_the_followed_pictures_are_interpolated(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: list[int] = []
    real = Session.show
    monkeypatch.setattr(Session, "show", lambda self, k, image: (numbers.append(k), real(self, k, image)))
    found = run(4.0, Prompt(0.0, PATIENT, Box(*BED)), rate_hz=10.0)
    assert numbers == [*range(20)]
    assert np.allclose(np.diff(found.masks.time_s), 0.1)
    assert len(found.masks.time_s) == 39
    assert any("masks between are interpolated" in loss for loss in found.losses)


def test_a_patient_whom_sam_2_loses_is_missing_and_pointed_out_again(
    run: Run, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from services.segmentation.engines.sam2.predictor import FramePredictor

    real = FramePredictor.follow_one

    def lose(self: Any, state: Any, number: int, slot: int, *, backwards: bool) -> Any:
        found = dict(real(self, state, number, slot, backwards=backwards))
        prompted = max(k for k, person, _ in told if person == PATIENT)
        lost = number >= 3 and prompted == 0
        found["object_score_logits"] = torch.full((1, 1), -3.0 if lost else 3.0)
        return found

    monkeypatch.setattr(FramePredictor, "follow_one", lose)
    found = run(8.0, people=(person(BED),))
    assert [(k, person) for k, person, _ in told] == [(0, PATIENT), (10, PATIENT)]
    (missing,) = found.patient_missing
    assert missing == Interval(pytest.approx(1.2), pytest.approx(4.0))
    assert not found.masks.patient[5].any()


def test_the_same_request_gives_the_same_masks(run: Run) -> None:
    one, other = (run(4.0, people=(person(BED),)) for _ in range(2))
    assert np.array_equal(one.masks.patient.bits, other.masks.patient.bits)
    assert one.quality == other.quality


def test_weights_that_do_not_fit_are_refused_at_loading(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.pt").write_bytes((tiny_weights / "tiny.pt").read_bytes())
    (tmp_path / "config.yaml").write_text("name: configs/sam2.1/sam2.1_hiera_t.yaml")
    write_card(tmp_path, "segmentation")
    monkeypatch.setenv(Sam2Settings.variable("weights"), str(tmp_path))
    engine = Sam2Engine()
    assert engine.info().name == "sam2"
    with pytest.raises(InvalidRequestError, match="do not fit"):
        engine.load()


def test_a_tiny_detector_finds_people_as_a_site_brings_it(tmp_path: Path) -> None:
    from services.segmentation.engines.sam2 import detector

    folder = _tiny_detector(tmp_path, {0: "person", 1: "chair"})
    finder = detector.PersonDetector(folder, "cpu")
    image = Stage().jerking(*LYING).draw(0, 0.0)
    old, detector.LEAST_SCORE = detector.LEAST_SCORE, 0.0
    try:
        found = finder(np.ascontiguousarray(image))
    finally:
        detector.LEAST_SCORE = old
    assert found
    for one in found:
        assert 0 <= one.box.left <= one.box.right <= 1
        assert 0 <= one.box.top <= one.box.bottom <= 1
        assert 0 <= one.score <= 1


def test_a_detector_that_knows_no_people_is_refused(tmp_path: Path) -> None:
    from services.segmentation.engines.sam2.detector import PersonDetector

    with pytest.raises(InvalidRequestError, match="knows no class 'person'"):
        PersonDetector(_tiny_detector(tmp_path, {0: "bed", 1: "chair"}), "cpu")
    with pytest.raises(InvalidRequestError, match="cannot be loaded"):
        PersonDetector(tmp_path / "nowhere", "cpu")


def _tiny_detector(folder: Path, names: dict[int, str]) -> Path:
    import torch
    from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrImageProcessor, RTDetrResNetConfig

    torch.manual_seed(1)
    backbone = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 32, 32], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"], out_indices=[2, 3, 4],
    )  # fmt: skip
    config = RTDetrConfig(
        backbone_config=backbone, encoder_hidden_dim=32, encoder_in_channels=[16, 32, 32], encoder_ffn_dim=32,
        encoder_attention_heads=2, d_model=32, num_queries=8, decoder_in_channels=[32, 32, 32], decoder_ffn_dim=32,
        decoder_layers=1, decoder_attention_heads=2, num_denoising=0, id2label=names,
        label2id={name: number for number, name in names.items()},
    )  # fmt: skip
    target = folder / "detector"
    RTDetrForObjectDetection(config).save_pretrained(target)
    RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(target)
    write_card(target, "person_detector")
    return target


_MEASURE = """
import json, resource, sys
sys.path.insert(0, {root!r})
import torch
torch.set_num_threads(1)
from pathlib import Path
from schemas.recording import Box
from services.segmentation.engines import PATIENT, Prompt, SegmentInput
from services.segmentation.engines.sam2.engine import Sam2Engine
from tests.services.segmentation.sam2.scenes import facts
engine = Sam2Engine()
engine.load()
engine._find = lambda image: ()
peaks = []
for seconds in (60.0, 600.0):
    request = SegmentInput(Path({video!r}), facts(seconds), 1.0, (Prompt(0.0, PATIENT, Box(0.2, 0.3, 0.6, 0.9)),))
    if seconds == 60.0:
        request = SegmentInput(Path({short!r}), facts(seconds), 1.0, request.prompts)
    found = engine.segment(request, lambda *_: None)
    peaks.append((len(found.masks.time_s), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
print(json.dumps(peaks))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_does_not_grow_with_the_length_of_the_video(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes take hardly more than one: 600 masks against 60, in two parts of five minutes and one of one."""
    draw = videos.scene(WIDTH, HEIGHT, noise=0)
    short = videos.write_video(tmp_path / "short.mp4", draw, seconds=60, rate=5)
    video = videos.write_video(tmp_path / "long.mp4", draw, seconds=600, rate=5)
    monkeypatch.setenv(Sam2Settings.variable("weights"), str(tiny_weights))
    monkeypatch.setenv(Sam2Settings.variable("part_s"), "300")
    root = Path(engine_module.__file__).parents[4]
    code = _MEASURE.format(root=str(root), video=str(video), short=str(short))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    (few, first_mib), (many, last_mib) = json.loads(done.stdout.splitlines()[-1])
    assert (few, many) == (60, 600)
    assert last_mib - first_mib < 60, f"{first_mib:.0f} MiB after a minute, {last_mib:.0f} MiB after ten"
