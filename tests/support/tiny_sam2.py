"""A tiny SAM 2 with random weights in a folder as a site would bring it: shapes and plumbing, no eyesight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
    """A card that fits the weights in a folder."""
    from services.runtime.weights import digest_of

    card = {
        "name": "tiny", "version": "1", "role": role, "digest": digest_of(folder), "training": "random weights",
        "license": "Apache-2.0",
    } | changes  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card))


def make(folder: Path) -> Path:
    """Checkpoint, configuration and card in `folder`."""
    import torch
    from hydra.utils import instantiate

    from services.segmentation.engines.sam2 import predictor

    torch.set_num_threads(1)
    (folder / "config.yaml").write_text(CONFIG)
    torch.manual_seed(3)
    network = instantiate(predictor._config(folder / "config.yaml").model, _recursive_=True)
    torch.save({"model": network.state_dict()}, folder / "tiny.pt")
    write_card(folder, "segmentation")
    return folder
