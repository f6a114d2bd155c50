from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def material(request: pytest.FixtureRequest) -> Path:
    """Folder of the videos to measure with; kept from run to run."""
    cache: pytest.Cache = request.config.cache  # type: ignore[assignment]
    return cache.mkdir("bench-material")
