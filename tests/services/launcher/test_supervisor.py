"""What keeps processes alive, when things go wrong around it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from services.launcher import supervisor as module
from services.launcher.supervisor import ProcessSpec, Supervisor, wait_until

WAIT_S = 60.0


def spec(log_path: Path, code: str) -> ProcessSpec:
    return ProcessSpec("part", [sys.executable, "-c", code], dict(os.environ), log_path)


def test_full_disk_does_not_end_the_keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write to /dev/full fails as on a full disk."""
    monkeypatch.setattr(module, "FIRST_RESTART_DELAY_S", 0.01)
    supervisor = Supervisor()
    supervisor.start(spec(Path("/dev/full"), ""))
    try:
        wait_until(lambda: supervisor.restarts("part") >= 3, "the third start", WAIT_S)
    finally:
        supervisor.stop()


def test_stop_reaches_a_process_that_is_just_being_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RESTART_DELAY_S", 0.01)
    born = tmp_path / "born"
    spawn = module._Keeper._spawn

    def slowly(self: module._Keeper, log: object) -> object:
        if not self.restarts:
            return spawn(self, log)  # type: ignore[arg-type]
        born.touch()
        deadline = time.monotonic() + WAIT_S
        while not self.stopping.is_set() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)  # the stop signal has gone to the process before
        return spawn(self, log)  # type: ignore[arg-type]

    monkeypatch.setattr(module._Keeper, "_spawn", slowly)
    code = f"import pathlib, time; pathlib.Path({str(born)!r}).exists() and time.sleep(600)"
    supervisor = Supervisor()
    supervisor.start(spec(tmp_path / "log", code))
    wait_until(born.exists, "the second start", WAIT_S)
    supervisor.stop(grace_s=0.5)
    assert supervisor.names() == []


def test_a_long_log_is_moved_aside_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_BYTES", 5000)
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.05)
    log, old = tmp_path / "part.log", tmp_path / "part.log.1"
    code = f"""if True:
        import pathlib, time
        print("first line".ljust(6000, "."), flush=True)
        while not pathlib.Path({str(old)!r}).exists(): time.sleep(0.01)
        time.sleep(0.2)
        print("second line", flush=True)
        time.sleep(600)
    """
    supervisor = Supervisor()
    supervisor.start(spec(log, code))
    try:
        wait_until(lambda: "second line" in log.read_text(), "the log to go on", WAIT_S)
    finally:
        supervisor.stop(grace_s=0.5)
    assert log.read_text() == "second line\n", "the file begins anew, without a hole"
    assert old.read_text().startswith("first line")
