from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import null_engines
from tests.support.stack import StackUnderTest, running_stack
from tests.support.videos import scene, write_video


@pytest.fixture(scope="session")
def under_test(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUnderTest]:
    """One stack for all fault tests: it must survive every one of them.

    Segmentation and semiology look at nothing: what is proved is that no step, message or report is lost or doubled,
    and a stack that starts its parts again fifty times should not load networks fifty times.
    """
    with running_stack(tmp_path_factory.mktemp("stack"), null_engines.SETTINGS, behind_proxies=True) as stack:
        yield stack


@pytest.fixture
def video(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A short video that no other test has sent."""
    seed = zlib.crc32(request.node.nodeid.encode())
    return write_video(tmp_path / "clip.mp4", scene(seed=seed), seconds=2.0)
