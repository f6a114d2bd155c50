"""A tiny SAM 2 with random weights in a folder as a site would bring it, and scenes with two people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.recording import Box, Interval, Quality, RecordingFacts
from services.media.masks import Mask
from services.segmentation.engines.sam2.looks import Look, Person

SIZE = 128
WIDTH, HEIGHT = 320, 180
ROWS, COLUMNS = 36, 64
CONFIG = f"""
name: configs/sam2.1/sam2.1_hiera_t.yaml
overrides:
  - model.image_size={SIZE}
  - model.image_encoder.trunk.embed_dim=16
  - model.image_encoder.trunk.stages=[1,1,2,1]
  - model.image_encoder.trunk.global_att_blocks=[3]
  - model.image_encoder.neck.backbone_channel_list=[128,64,32,16]
  - model.memory_attention.num_layers=1
"""
Rectangle = tuple[float, float, float, float]


def box_mask(box: Rectangle, shape: tuple[int, int] = (ROWS, COLUMNS)) -> Mask:
    """A mask that fills a box (left, top, right, bottom; 0-1)."""
    mask = np.zeros(shape, bool)
    rows, columns = shape
    left, top, right, bottom = box
    mask[round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)] = True
    return mask


def person(box: Rectangle, score: float = 0.9, **joints: Any) -> Person:
    return Person(Box(*box), score, **joints)


def looks(*people: tuple[Rectangle, ...]) -> tuple[Look, ...]:
    """One look every two seconds with people in these boxes."""
    return tuple(Look(2.0 * k, tuple(person(box) for box in boxes)) for k, boxes in enumerate(people))


def facts(duration_s: float, *, cuts_s: tuple[float, ...] = (), moving: tuple[Interval, ...] = ()) -> RecordingFacts:
    return RecordingFacts(
        container="mov", codec="h264", width_px=WIDTH, height_px=HEIGHT, rotation_deg=0, duration_s=duration_s,
        start_us=0, frames=int(duration_s * 10), nominal_rate_hz=10, effective_rate_hz=10, variable_rate=False,
        interlaced=False, has_audio=False, quality=Quality(cuts_s=cuts_s, camera_moving=moving),
    )  # fmt: skip


def write_card(folder: Path, role: str, **changes: Any) -> None:
    from services.runtime.weights import digest_of

    card = {
        "name": "tiny", "version": "1", "role": role, "digest": digest_of(folder), "training": "random weights",
        "license": "Apache-2.0",
    } | changes  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card))


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with checkpoint, configuration and card of a tiny SAM 2 with random weights."""
    import torch

    from services.segmentation.engines.sam2 import predictor

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tiny-sam2")
    (folder / "config.yaml").write_text(CONFIG)
    torch.manual_seed(3)
    from hydra.utils import instantiate

    network = instantiate(predictor._config(folder / "config.yaml").model, _recursive_=True)
    torch.save({"model": network.state_dict()}, folder / "tiny.pt")
    write_card(folder, "segmentation")
    return folder


@pytest.fixture(scope="session")
def network(tiny_weights: Path) -> Any:
    """The tiny network, loaded the way the engine does it."""
    from services.segmentation.engines.sam2.predictor import build
    from services.segmentation.engines.sam2.settings import Sam2Settings
    from services.segmentation.engines.sam2.weights import choose

    return build(choose(Sam2Settings(weights=str(tiny_weights))), "cpu")


Draw = Callable[[int, float], np.ndarray]
