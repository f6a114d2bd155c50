"""SAM 2 itself, tiny and with random weights: prompts, bounded memory, hand-over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import InvalidRequestError
from schemas.recording import Box
from services.segmentation.engines import PATIENT, PromptPoint
from services.segmentation.engines.sam2.parts import overlap
from services.segmentation.engines.sam2.session import Seen, Session, told_apart
from services.segmentation.engines.sam2.settings import Sam2Settings
from services.segmentation.engines.sam2.weights import choose
from tests.services.segmentation.sam2.scenes import COLUMNS, ROWS, box_mask
from tests.support import videos
from tests.support.tiny_sam2 import SIZE, write_card

pytestmark = pytest.mark.vision
DRAW = videos.scene(160, 96, noise=0)
BED = Box(0.2, 0.3, 0.5, 0.8)


def _picture(k: int) -> np.ndarray:
    return DRAW(k, 0.4 * k)


def _run(session: Session, count: int, start: int = 0) -> list[dict[int, Seen]]:
    seen = []
    for k in range(start, start + count):
        session.show(k, _picture(k))
        if k == 0:
            session.point_out(PATIENT, BED)
        seen.append(session.masks())
    return seen


def test_masks_have_the_size_asked_for_and_scores_are_shares(network: Any) -> None:
    (first, second) = _run(Session(network, ROWS, COLUMNS), 2)
    for seen in (first[PATIENT], second[PATIENT]):
        assert seen.logits.shape == (ROWS, COLUMNS)
        assert seen.logits.dtype == np.float32
        assert 0 < seen.object_score < 1
        assert 0 < seen.iou < 1


def test_forgetting_changes_nothing(network: Any) -> None:
    """The package's own loop, which forgets nothing, gives the same masks bit for bit."""
    import torch

    count = 30
    session = Session(network, ROWS, COLUMNS)
    bounded = []
    state = network.empty_state(ROWS, COLUMNS)
    for k in range(count):
        session.show(k, _picture(k))
        state["images"][k] = session._state["images"][k]
        if k == 0:
            session.point_out(PATIENT, BED)
        bounded.append(session.masks()[PATIENT].logits)
    network.add_new_points_or_box(state, 0, PATIENT, box=np.array(BED, np.float32), normalize_coords=False)
    with torch.inference_mode():
        whole = [
            masks[0, 0].numpy()
            for _, _, masks in network.propagate_in_video(state, start_frame_idx=0, max_frame_num_to_track=count - 1)
        ]
    assert len(whole) == count
    assert all(np.array_equal(one, other) for one, other in zip(bounded, whole, strict=True))
    assert not np.array_equal(whole[3], whole[20])


def test_what_is_held_does_not_grow(network: Any) -> None:
    session = Session(network, ROWS, COLUMNS)
    _run(session, 20)
    held = session.held
    assert held.frames <= 2
    assert held.memories <= 17
    for k in range(20, 60):
        session.show(k, _picture(k))
        if k % 5 == 0:
            session.point_out(PATIENT, BED)
        session.masks()
    assert session.held.frames == held.frames
    assert session.held.memories <= held.memories + 3
    assert all(len(kept[0]) <= 20 for name, kept in session._state.items() if name.endswith("_per_obj"))


def test_the_way_back_runs_and_holds_as_little(network: Any) -> None:
    session = Session(network, ROWS, COLUMNS, backwards=True)
    for k in range(40, 0, -1):
        session.show(k, _picture(k))
        if k == 40:
            session.point_out(PATIENT, BED)
        assert PATIENT in session.masks()
    assert session.held.memories <= 17


def test_box_and_point_are_different_prompts(network: Any) -> None:
    def mask(box: Box | None, *points: PromptPoint) -> np.ndarray:
        session = Session(network, ROWS, COLUMNS)
        session.show(0, _picture(0))
        session.point_out(PATIENT, box, points)
        return session.masks()[PATIENT].logits

    inside, outside = PromptPoint(0.3, 0.5), PromptPoint(0.9, 0.9, inside=False)
    logits = [mask(BED), mask(None, inside), mask(BED, inside, outside), mask(Box(0.6, 0.1, 0.9, 0.4))]
    for k, one in enumerate(logits):
        assert np.isfinite(one).all()
        assert not any(np.allclose(one, other) for other in logits[k + 1 :])


def test_a_mask_handed_over_comes_out_as_it_went_in(network: Any) -> None:
    session = Session(network, ROWS, COLUMNS)
    given = box_mask((0.25, 0.25, 0.5, 0.75))
    session.show(7, _picture(7))
    session.hand_over(2, given)
    seen = session.masks()[2]
    assert overlap(seen.logits > 0, given) > 0.9
    assert seen.object_score > 0.99
    assert seen.iou == 1.0
    session.show(8, _picture(8))
    assert session.masks()[2].iou < 1.0


def test_people_come_and_go(network: Any) -> None:
    session = Session(network, ROWS, COLUMNS)
    session.show(0, _picture(0))
    assert session.masks() == {}
    session.show(1, _picture(1))
    session.point_out(PATIENT, BED)
    assert set(session.masks()) == {PATIENT}
    session.show(2, _picture(2))
    session.point_out(3, Box(0.6, 0.1, 0.9, 0.9))
    assert set(session.masks()) == {PATIENT, 3}
    session.leave(3)
    session.show(3, _picture(3))
    assert set(session.masks()) == {PATIENT}


def test_a_prompt_again_forgets_what_was_followed_since(network: Any) -> None:
    session = Session(network, ROWS, COLUMNS)
    _run(session, 12)
    session.show(12, _picture(12))
    session.point_out(PATIENT, BED)
    session.masks()
    assert session.held.memories == 2


def test_each_cell_belongs_to_one_person_and_the_hidden_have_none() -> None:
    weak, strong = np.full((2, 2), 1, np.float32), np.full((2, 2), 3, np.float32)
    patient, others = told_apart({PATIENT: Seen(weak, 0.9, 0.9), 1: Seen(strong, 0.9, 0.9)}, (2, 2))
    assert not patient.any()
    assert others.all()
    patient, others = told_apart({PATIENT: Seen(weak, 0.9, 0.9), 1: Seen(strong, 0.4, 0.9)}, (2, 2))
    assert patient.all()
    assert not others.any()
    patient, others = told_apart({}, (2, 2))
    assert not patient.any()
    assert not others.any()


def test_a_checkpoint_as_safetensors_is_the_same_network(tiny_weights: Path, network: Any, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from services.segmentation.engines.sam2.predictor import build

    save_file(network.state_dict(), tmp_path / "tiny.safetensors")
    (tmp_path / "config.yaml").write_text((tiny_weights / "config.yaml").read_text())
    write_card(tmp_path, "segmentation")
    other = build(choose(Sam2Settings(weights=str(tmp_path))), "cpu")
    assert other.image_size == SIZE
    one, two = (_run(Session(which, ROWS, COLUMNS), 2)[1][PATIENT].logits for which in (network, other))
    assert np.array_equal(one, two)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("name: configs/sam2.1/sam2.1_hiera_t.yaml", "do not fit"),
        ("name: ../../secrets.yaml", "carries no configuration"),
        ("name: configs/nothing.yaml", "carries no configuration"),
        ("model: {_target_: os.system, command: 'true'}", r"may make classes of sam2.modeling.\* only"),
        ("model: {_target_: sam2.modeling.sam2_base.SAM2Base, surprise: 1}", "cannot be made"),
        ("nothing: 1", "has neither"),
        ("- 1", "is no mapping"),
    ],
)
def test_a_wrong_configuration_is_refused(tiny_weights: Path, tmp_path: Path, config: str, told: str) -> None:
    from services.segmentation.engines.sam2.predictor import build

    (tmp_path / "tiny.pt").write_bytes((tiny_weights / "tiny.pt").read_bytes())
    (tmp_path / "config.yaml").write_text(config)
    write_card(tmp_path, "segmentation")
    with pytest.raises(InvalidRequestError, match=told):
        build(choose(Sam2Settings(weights=str(tmp_path))), "cpu")


def test_a_gpu_that_is_not_there_is_told(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from services.segmentation.engines.sam2.predictor import build

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidRequestError, match="finds no CUDA device"):
        build(choose(Sam2Settings(weights=str(tiny_weights))), "cuda")
