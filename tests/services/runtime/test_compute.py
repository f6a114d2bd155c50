from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from opentelemetry.sdk.trace import TracerProvider

from schemas.errors import (
    BusyError,
    InternalError,
    ResourceLimitError,
    TimeoutExceededError,
    UnavailableError,
    UnreadableMediaError,
)
from services.runtime.compute import ComputePool, Limits, Outcome, Progress
from tests.services.runtime import jobs
from tests.services.runtime.conftest import SLACK_S, Loop, ended, until

MIB = 1 << 20


PoolTest = Callable[[ComputePool], Awaitable[None]]


def with_pool(test: PoolTest, slots: int = 1, **options: Any) -> None:
    """Run a coroutine with a pool of its own."""

    async def main() -> None:
        pool = ComputePool(slots, **options)
        try:
            async with asyncio.timeout(SLACK_S):
                await test(pool)
        finally:
            await pool.close()

    asyncio.run(main())


@pytest.fixture
def with_shared(loop: Loop, pool: ComputePool) -> Callable[[PoolTest], None]:
    """Run coroutines with the shared pool of two slots."""

    def run(test: PoolTest) -> None:
        loop.run(test(pool))
        assert pool.running == 0

    return run


async def first_message(events: AsyncGenerator[Progress | Outcome[Any], None]) -> str:
    event = await anext(events)
    assert isinstance(event, Progress)
    return event.message


def test_progress_then_the_result_in_its_own_types(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        events = [event async for event in pool.run(jobs.add, (1.0, 2.0, 3.0))]
        assert [event.stage for event in events[:-1]] == ["stage 0", "stage 1", "stage 2"]
        assert [event.fraction for event in events[:-1]] == [0.0, 1 / 3, 2 / 3]
        assert events[-1].value.total == 6.0
        assert events[-1].value.span.hi == 3.0

    with_shared(test)


def test_a_child_is_used_again_and_replaced_after_its_last_job() -> None:
    async def test(pool: ComputePool) -> None:
        pids = [(await pool.call(jobs.add, (1.0,))).pid for _ in range(4)]
        assert pids[0] == pids[1] != pids[2] == pids[3]

    with_pool(test, jobs_per_child=2)


def test_a_full_pool_says_busy_and_takes_work_again_afterwards(
    tmp_path: Path, with_shared: Callable[[PoolTest], None]
) -> None:
    async def test(pool: ComputePool) -> None:
        go = tmp_path / "go"
        running = [pool.run(jobs.wait, str(go)) for _ in range(2)]
        for events in running:
            await first_message(events)
        assert pool.running == 2
        with pytest.raises(BusyError, match="all 2 slots are taken"):
            await pool.call(jobs.add, (1.0,))
        go.touch()
        for events in running:
            assert [event async for event in events][-1] == Outcome("done")
        assert (await pool.call(jobs.add, (1.0,))).total == 1.0

    with_shared(test)


def test_closing_the_events_kills_the_child_and_its_helpers(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        events = pool.run(jobs.hang_with_helper, "")
        pids = [int(pid) for pid in (await first_message(events)).split()]
        await events.aclose()
        for pid in pids:
            await ended(pid)
        assert (await pool.call(jobs.add, (1.0,))).pid not in pids

    with_shared(test)


def test_cancelling_the_task_kills_the_child(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        seen: asyncio.Queue[str] = asyncio.Queue()

        async def consume() -> None:
            async for event in pool.run(jobs.hang_with_helper, ""):
                assert isinstance(event, Progress)
                seen.put_nowait(event.message)

        task = asyncio.create_task(consume())
        pids = [int(pid) for pid in (await seen.get()).split()]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for pid in pids:
            await ended(pid)

    with_shared(test)


def test_a_deadline_kills_the_child(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        await until(lambda: pool._available.qsize() == pool.slots)  # the time runs also while a child is starting
        events = pool.run(jobs.hang_with_helper, "", timeout_s=0.5)
        pids = (await first_message(events)).split()
        with pytest.raises(TimeoutExceededError, match=r"did not finish within 0\.5 s"):
            await anext(events)
        for pid in pids:
            await ended(int(pid))

    with_shared(test)


def test_closing_the_pool_leaves_no_process() -> None:
    children: list[psutil.Process] = []

    async def test(pool: ComputePool) -> None:
        await pool.start()
        children.extend(psutil.Process(child._process.pid) for child in pool._children)
        assert len(children) == 2

    with_pool(test, slots=2)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def test_children_die_with_their_parent() -> None:
    source = (
        "import asyncio, os\nfrom services.runtime.compute import ComputePool\n"
        "async def main():\n pool = ComputePool(1)\n await pool.start()\n"
        " print(next(iter(pool._children))._process.pid, flush=True)\n await asyncio.sleep(600)\nasyncio.run(main())"
    )
    parent = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    asyncio.run(asyncio.wait_for(ended(child), SLACK_S))


def test_errors_of_ours_travel_intact(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        with pytest.raises(UnreadableMediaError, match="no frame could be read") as caught:
            await pool.call(jobs.raise_ours, "no frame could be read")
        assert caught.value.details == {"frames": "0"}

    with_shared(test)


def test_other_errors_lose_their_text(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        with pytest.raises(InternalError) as caught:
            await pool.call(jobs.raise_theirs, "Canary")
        assert "Canary" not in caught.value.message + str(caught.value.details)

    with_shared(test)


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (signal.SIGSEGV, InternalError, "crashed \\(SIGSEGV\\)"),
        (signal.SIGABRT, InternalError, "crashed \\(SIGABRT\\)"),
        (signal.SIGKILL, UnavailableError, "ended from outside"),
    ],
)
def test_a_death_is_explained_and_the_slot_works_again(
    number: signal.Signals, error: type[Exception], words: str, with_shared: Callable[[PoolTest], None]
) -> None:
    async def test(pool: ComputePool) -> None:
        with pytest.raises(error, match=words):
            await pool.call(jobs.die, int(number))
        assert (await pool.call(jobs.add, (2.0,))).total == 2.0

    with_shared(test)


def test_a_child_that_leaves_is_explained(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        with pytest.raises(InternalError, match="exit status 3"):
            await pool.call(jobs.leave, 3)

    with_shared(test)


def test_a_child_that_dies_while_idle_is_replaced(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        first = (await pool.call(jobs.add, (1.0,))).pid
        os.kill(first, signal.SIGKILL)
        await ended(first)
        assert first not in [(await pool.call(jobs.add, (1.0,))).pid for _ in range(pool.slots)]

    with_shared(test)


def test_memory_beyond_the_limit_ends_the_job(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        with pytest.raises(ResourceLimitError, match="more than 200 MiB of memory"):
            await pool.call(jobs.take_memory, 600, limits=Limits(memory_bytes=200 * MIB))
        assert await pool.call(jobs.take_memory, 16, limits=Limits(memory_bytes=200 * MIB)) == "2"

    with_shared(test)


def test_memory_taken_at_once_ends_in_an_error_too(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        with pytest.raises(ResourceLimitError, match="memory"):
            await pool.call(jobs.take_memory_at_once, 64 << 10, limits=Limits(memory_bytes=200 * MIB))

    with_shared(test)


def test_processor_time_counts_per_job() -> None:
    async def test(pool: ComputePool) -> None:
        for _ in range(2):  # together more than the limit, each within it
            assert await pool.call(jobs.burn, 0.6) == 0.6
        with pytest.raises(ResourceLimitError, match="more than 1 s of processor time"):
            await pool.call(jobs.burn, 30.0)
        assert await pool.call(jobs.burn, 0.1) == 0.1

    with_pool(test, limits=Limits(cpu_s=1.0))


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path, with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        with pytest.raises(ResourceLimitError, match="larger file"):
            await pool.call(jobs.write_file, str(tmp_path / "big"), limits=Limits(file_bytes=MIB))

    with_shared(test)
    assert (tmp_path / "big").stat().st_size <= MIB


def test_what_is_preloaded_is_there_before_the_first_job() -> None:
    async def test(pool: ComputePool) -> None:
        await pool.start()
        assert await pool.call(jobs.warmed_before_first_job, "")

    with_pool(test, preload=("tests.services.runtime.jobs:warm",))


def test_a_module_that_cannot_be_loaded_stops_the_start() -> None:
    async def test(pool: ComputePool) -> None:
        with pytest.raises(InternalError, match=r"no_such_module cannot be loaded \(ModuleNotFoundError\)"):
            await pool.start()

    with_pool(test, preload=("no_such_module",))


def test_a_result_that_does_not_fit_its_type_is_an_internal_error(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        with pytest.raises(InternalError):
            await pool.call(jobs.not_a_number, "")
        with pytest.raises(InternalError, match="does not fit its type: total"):
            await pool.call(jobs.wrong_type, "")

    with_shared(test)


def test_functions_that_a_child_cannot_find_are_refused(with_shared: Callable[[PoolTest], None]) -> None:
    def inner(request: str, report: jobs.Report) -> str:
        return request

    async def test(pool: ComputePool) -> None:
        with pytest.raises(TypeError, match="top-level function"):
            await pool.call(inner, "")
        with pytest.raises(TypeError, match="must say what it returns"):
            await pool.call(jobs.unannotated, "")

    with_shared(test)


def test_the_trace_goes_on_in_the_child(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
        with tracer.start_as_current_span("outer") as span:
            found = await pool.call(jobs.trace_id, "")
        assert found == f"{span.get_span_context().trace_id:032x}"
        assert await pool.call(jobs.trace_id, "") == "0" * 32

    with_shared(test)


def test_threads_of_numeric_libraries_are_capped() -> None:
    async def test(pool: ComputePool) -> None:
        assert await pool.call(jobs.environment, "OMP_NUM_THREADS") == "3"
        assert await pool.call(jobs.environment, "OPENBLAS_NUM_THREADS") == "1"

    with_pool(test, threads=3)


def test_a_cooperative_cancel_keeps_the_child(tmp_path: Path) -> None:
    async def test(pool: ComputePool) -> None:
        events = pool.run(jobs.wait, str(tmp_path / "never"))
        pid = int(await first_message(events))
        await events.aclose()
        with pytest.raises(BusyError):  # the slot is taken until the job has stopped
            await pool.call(jobs.add, (1.0,))
        await until(lambda: pool.running == 0)
        assert (await pool.call(jobs.add, (1.0,))).pid == pid

    with_pool(test, cancel_grace_s=SLACK_S)


def test_a_job_that_does_not_heed_a_cancel_is_killed() -> None:
    async def test(pool: ComputePool) -> None:
        events = pool.run(jobs.hang_with_helper, "")
        pids = [int(pid) for pid in (await first_message(events)).split()]
        await events.aclose()
        for pid in pids:
            await ended(pid)
        await until(lambda: pool.running == 0)

    with_pool(test, cancel_grace_s=0.2)


def test_the_loop_stays_free_while_all_slots_compute(with_shared: Callable[[PoolTest], None]) -> None:
    async def test(pool: ComputePool) -> None:
        await pool.start()
        work = [asyncio.create_task(pool.call(jobs.burn, 1.0)) for _ in range(2)]
        turns = 0
        start = time.monotonic()
        while not all(task.done() for task in work):
            await asyncio.sleep(0.01)
            turns += 1
        assert turns > (time.monotonic() - start) / 0.1  # on average far better than ten turns a second

    with_shared(test)


def test_a_pool_that_is_closed_takes_nothing() -> None:
    async def test(pool: ComputePool) -> None:
        await pool.close()
        with pytest.raises(UnavailableError, match="stopping"):
            await pool.call(jobs.add, (1.0,))

    with_pool(test)


def test_a_pool_without_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="a pool of 0 slots"):
        ComputePool(0)
