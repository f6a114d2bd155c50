from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.otlp import Receiver, otlp_receiver
from tests.support.stack import StackUnderTest, running_stack


@pytest.fixture(scope="session")
def otlp() -> Iterator[Receiver]:
    with otlp_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def under_test(tmp_path_factory: pytest.TempPathFactory, otlp: Receiver) -> Iterator[StackUnderTest]:
    """One stack for everything that goes well or fails by its own fault."""
    settings = {"ICTOGRAM_OTLP_ENDPOINT": otlp.url, "ICTOGRAM_METRICS_INTERVAL_S": "1"}
    with running_stack(tmp_path_factory.mktemp("stack"), settings) as stack:
        yield stack
