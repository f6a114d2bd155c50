from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime import logs
from services.runtime.settings import RuntimeSettings
from tests.gateway.serving import Gateway


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """As in production; structlog's own default draws tracebacks with every local, which takes seconds."""
    logs.setup("test", RuntimeSettings(log_format="json"))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = Gateway(tmp_path_factory.mktemp("gateway"))
    yield running
    running.stop()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    from tests.gateway.serving import MP4

    path = tmp_path / "CANARY-Name-Smith.mp4"
    path.write_bytes(MP4)
    return path
