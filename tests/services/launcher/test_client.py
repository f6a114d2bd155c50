"""A client whose gateway goes away and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from schemas.errors import UnavailableError
from services.launcher import client as module
from services.launcher.client import CaseEvent, GatewayClient

RUNNING, REPORTED = (CaseEvent({"status": status}, []) for status in ("running", "reported"))


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def monotonic(self) -> float:
        return 1.0 + sum(self.pauses)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def streams(monkeypatch: pytest.MonkeyPatch, *streams: list[CaseEvent | Exception]) -> None:
    """Each connection brings the next of the streams; the last one again and again."""
    left = list(streams)

    def stream(_self: GatewayClient, _address: str) -> Iterator[CaseEvent]:
        for item in left.pop(0) if len(left) > 1 else left[0]:
            if isinstance(item, Exception):
                raise item
            yield item

    monkeypatch.setattr(GatewayClient, "_stream", stream)


def test_a_cut_stream_is_taken_up_after_a_growing_pause(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    gone = httpx.ConnectError("refused")
    streams(monkeypatch, [RUNNING, gone], [gone], [UnavailableError("503")], [], [RUNNING], [REPORTED])
    with GatewayClient("http://127.0.0.1:1", "token") as client:
        assert list(client.events("c")) == [RUNNING, RUNNING, REPORTED]
    assert clock.pauses == [0.5, 1.0, 2.0, 4.0, 0.5]


def test_a_gateway_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    streams(monkeypatch, [RUNNING, httpx.ReadError("cut")], [httpx.ConnectError("refused")])
    with (
        GatewayClient("http://127.0.0.1:1", "token") as client,
        pytest.raises(UnavailableError, match="not come back"),
    ):
        list(client.events("c"))
    assert module.RECONNECT_FOR_S <= sum(clock.pauses) <= module.RECONNECT_FOR_S + module.RECONNECT_LONGEST_S
    assert max(clock.pauses) == module.RECONNECT_LONGEST_S
