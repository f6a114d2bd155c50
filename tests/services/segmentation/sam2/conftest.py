"""A tiny SAM 2 with random weights in a folder as a site would bring it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import tiny_sam2


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with checkpoint, configuration and card of a tiny SAM 2 with random weights."""
    return tiny_sam2.make(tmp_path_factory.mktemp("tiny-sam2"))


@pytest.fixture(scope="session")
def network(tiny_weights: Path) -> Any:
    """The tiny network, loaded the way the engine does it."""
    from services.segmentation.engines.sam2.predictor import build
    from services.segmentation.engines.sam2.settings import Sam2Settings
    from services.segmentation.engines.sam2.weights import choose

    return build(choose(Sam2Settings(weights=str(tiny_weights))), "cpu")
