from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from schemas.errors import BusyError, UnavailableError
from services.runtime import failpoints

POINT = "cases.step.result_before_commit"
OTHER = "delivery.before_post"


def run(setting: str, *names: str, code: str = "") -> subprocess.Popen[bytes]:
    """A process that passes the points and then says so."""
    source = code or f"from services.runtime import failpoints\nfor n in {names!r}: failpoints.hit(n)\nprint('passed')"
    environment = os.environ | {failpoints.VARIABLE: setting}
    return subprocess.Popen([sys.executable, "-c", source], env=environment, stdout=subprocess.PIPE)


def test_nothing_happens_when_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(failpoints.VARIABLE, raising=False)
    failpoints.hit(POINT)
    failpoints.hit("not even registered: nothing is looked up")


def test_a_kill_fires_once_across_restarts(tmp_path: Path) -> None:
    armed = tmp_path / "points"
    armed.write_text(f"{POINT}=kill@1")
    first, second = run(f"@{armed}", POINT), None
    assert first.wait() == -signal.SIGKILL
    second = run(f"@{armed}", POINT)
    assert second.communicate()[0] == b"passed\n"
    assert failpoints.hits(armed) == {POINT: 2}


def test_an_inline_list_counts_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(failpoints.FOLDER_VARIABLE, str(tmp_path))
    assert run(f"{POINT}=kill@2", POINT).wait() == 0
    assert run(f"{POINT}=kill@2", POINT).wait() == -signal.SIGKILL
    assert run(f"{POINT}=kill@2", POINT).wait() == 0


def test_a_running_process_is_armed_through_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    armed = tmp_path / "points"
    monkeypatch.setenv(failpoints.VARIABLE, f"@{armed}")
    failpoints.hit(POINT)
    armed.write_text(f"{POINT}=error\n{OTHER}=error:busy")
    with pytest.raises(UnavailableError, match=POINT):
        failpoints.hit(POINT)
    with pytest.raises(BusyError):
        failpoints.hit(OTHER)
    armed.write_text("")
    failpoints.hit(POINT)
    assert failpoints.hits(armed) == {POINT: 3, OTHER: 1}


def test_a_frozen_process_can_go_on(tmp_path: Path) -> None:
    process = run(f"{POINT}=freeze", POINT)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    os.kill(process.pid, signal.SIGCONT)
    assert process.communicate()[0] == b"passed\n"


def test_a_delay_does_not_block_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(failpoints.VARIABLE, f"{POINT}=delay:0.2")
    order: list[str] = []

    async def slow() -> None:
        await failpoints.hit_aio(POINT)
        order.append("slow")

    async def main() -> None:
        task = asyncio.create_task(slow())
        await asyncio.sleep(0)
        order.append("quick")
        await task

    asyncio.run(main())
    assert order == ["quick", "slow"]


def test_hits_of_many_threads_are_all_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    armed = tmp_path / "points"
    armed.write_text("")
    monkeypatch.setenv(failpoints.VARIABLE, f"@{armed}")
    threads = [threading.Thread(target=lambda: [failpoints.hit(POINT) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failpoints.hits(armed) == {POINT: 80}


@pytest.mark.parametrize("text", ["nowhere=kill", f"{POINT}=explode", f"{POINT}"])
def test_lists_with_mistakes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no (fail point|action)"):
        failpoints.parse(text)


def test_an_unregistered_point_is_refused_when_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(failpoints.VARIABLE, f"{POINT}=delay:0")
    with pytest.raises(ValueError, match="add it to the registry"):
        failpoints.hit("nowhere")
