"""A tiny SAM 2 with random weights in a folder as a site would bring it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SIZE = 128
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
