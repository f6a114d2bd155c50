from __future__ import annotations

import threading

import pytest

from services.cases import vigil as vigil_module
from services.cases.settings import CasesSettings
from services.cases.vigil import DEAF, Vigil


class Process:
    """What a vigil sees of its process."""

    def __init__(self) -> None:
        self.rung = 0
        self.ended: list[int] = []
        self.broker_away = False
        self.now = 0.0
        self.vigil = Vigil(CasesSettings(), self.ring, self.ended.append)

    def ring(self) -> None:
        if self.broker_away:
            raise ConnectionError
        self.rung += 1

    def look(self, passed_s: float) -> None:
        self.now += passed_s
        self.vigil.look()


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    made = Process()
    monkeypatch.setattr(vigil_module.time, "monotonic", lambda: made.now)
    return made


def test_a_worker_that_hears_its_messages_lives(process: Process) -> None:
    for _ in range(20):
        process.look(20)
        process.vigil.alive()
    assert process.ended == []
    assert process.rung == 20


def test_a_worker_that_hears_nothing_for_a_minute_ends(process: Process) -> None:
    for _ in range(5):
        process.look(20)
    assert process.ended == [DEAF]


def test_a_broker_that_is_away_is_not_the_workers_fault(process: Process) -> None:
    process.look(20)
    process.broker_away = True
    for _ in range(20):
        process.look(20)
    process.broker_away = False
    process.look(20)
    assert process.ended == []


def test_leaving_lets_go_of_the_work_at_once(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigil_module, "LEAVE_S", 0.0)
    gone = threading.Event()
    process.vigil.leave(gone.set)
    assert gone.wait(10)
