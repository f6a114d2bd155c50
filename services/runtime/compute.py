"""Computing in child processes: one job per slot, killed at once on cancel, deadline or limit.

A thread cannot be stopped and holds up the event loop; a process can be killed and takes nothing down with it. Children
are spawned (never forked: gRPC and its threads do not survive a fork), warm (modules are imported before the first job)
and reused. A job function is top-level, synchronous and annotated::

    def ingest(job: IngestJob, report: Callable[[float, str, str], None]) -> IntakeResult: ...

    async for event in pool.run(ingest, job, timeout_s=600):
        match event:
            case Progress(): ...
            case Outcome(value): ...
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
from opentelemetry.metrics import CallbackOptions, Observation
from pydantic import ValidationError

from schemas.errors import (
    BusyError,
    IctogramError,
    InternalError,
    ResourceLimitError,
    TimeoutExceededError,
    UnavailableError,
    by_code,
)
from services.runtime import frames, logs, telemetry
from services.runtime.child import Job, Limits, Start
from services.runtime.convert import result_adapter

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")
Report = Callable[[float, str, str], None]
JobFunction = Callable[[RequestT, Report], ResultT]

__all__ = ["ComputePool", "JobFunction", "Limits", "Outcome", "Progress", "Report"]

_WATCH_EVERY_S = 0.1
_REAP_EVERY_S = 0.01
_JOBS_PER_CHILD = 200
"""A child is replaced after so many jobs, so that what libraries leak stays bounded."""
_NICENESS = 5
"""Children yield to the event loop, which answers health checks while every slot computes."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come."""

    fraction: float
    """0-1."""
    stage: str
    """Short name of the stage."""
    message: str
    """A few words for people."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[ResultT]):
    """The last event of a job that succeeded."""

    value: ResultT


class ComputePool:
    """Slots, each with a warm child. Belongs to the event loop in which it is started.

    ``cancel_grace_s`` above 0 is for children that hold something costly (a GPU): on cancel the job's next ``report``
    raises, and the child is killed only if that takes longer.
    """

    def __init__(
        self,
        slots: int,
        limits: Limits | None = None,
        preload: Sequence[str] = (),
        *,
        service: str = "compute",
        threads: int | None = None,
        cancel_grace_s: float = 0.0,
        jobs_per_child: int = _JOBS_PER_CHILD,
    ) -> None:
        if slots < 1:
            raise ValueError(f"a pool of {slots} slots; it needs at least one")
        self.slots = slots
        self.service = service
        self.limits = limits or Limits()
        self._start_message = Start(service, (), tuple(preload), _NICENESS)
        self._threads = threads or max(1, (os.cpu_count() or 1) // slots)
        self._cancel_grace_s = cancel_grace_s
        self._jobs_per_child = jobs_per_child
        self._running = 0
        self._children: set[_Child] = set()
        self._available: asyncio.Queue[_Child | IctogramError] = asyncio.Queue()
        self._background: set[asyncio.Task[None]] = set()
        self._state = "new"
        _pools.add(self)

    @property
    def running(self) -> int:
        """Jobs going on."""
        return self._running

    async def start(self) -> None:
        """Warm all children; raises what keeps them from starting."""
        if self._state != "new":
            return
        self._state = "started"
        started = await asyncio.gather(*(self._spawn() for _ in range(self.slots)), return_exceptions=True)
        for outcome in started:
            if isinstance(outcome, BaseException):
                await self.close()
                raise outcome
            self._available.put_nowait(outcome)

    async def close(self) -> None:
        """Kill all children and wait until they are gone."""
        self._state = "closed"
        starting = tuple(self._background)
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        children = tuple(self._children)
        for child in children:
            child.kill()
        await asyncio.gather(*(child.gone() for child in children))
        self._children.clear()

    async def run(
        self,
        function: JobFunction[RequestT, ResultT],
        request: RequestT,
        *,
        timeout_s: float | None = None,
        limits: Limits | None = None,
    ) -> AsyncGenerator[Progress | Outcome[ResultT], None]:
        """Run one job: its progress, then its `Outcome`. Closing or cancelling this generator kills the job.

        Raises `BusyError` when every slot is taken, `TimeoutExceededError` after ``timeout_s``, `ResourceLimitError`
        beyond the limits, and whatever `IctogramError` the job raised; any other exception of the job is an
        `InternalError`.
        """
        message = _job_message(function, request, limits or self.limits)
        adapter = result_adapter(function)
        if self._state == "closed":
            raise UnavailableError("the service is stopping")
        if self._running >= self.slots:
            _refusals.add(1, {"ictogram.service": self.service})
            raise BusyError(f"all {self.slots} slots are taken; try again shortly")
        self._running += 1
        child: _Child | None = None
        clock = _Clock(timeout_s)
        finished = False
        try:
            await self.start()
            child = await self._take(clock)
            async for kind, body in child.work(message, limits or self.limits, clock):
                if kind == "progress":
                    yield Progress(body["fraction"], body["stage"], body["message"])
                elif kind == "result":
                    finished = True
                    yield Outcome(_validated(adapter, body))
                else:
                    finished = True
                    raise _raised(kind, body)
        finally:
            self._give_back(child, finished=finished)

    async def call(
        self,
        function: JobFunction[RequestT, ResultT],
        request: RequestT,
        *,
        timeout_s: float | None = None,
        limits: Limits | None = None,
    ) -> ResultT:
        """`run` without progress: the result."""
        async with contextlib.aclosing(self.run(function, request, timeout_s=timeout_s, limits=limits)) as events:
            async for event in events:
                if isinstance(event, Outcome):
                    return event.value
        raise InternalError("a job ended without a result")

    # --- children ---------------------------------------------------------------------------------------------------

    async def _spawn(self) -> _Child:
        child = _Child.launch(self._threads)
        self._children.add(child)
        try:
            await child.connect(self._start_message)
        except BaseException:
            self._discard(child)
            raise
        return child

    async def _take(self, clock: _Clock) -> _Child:
        """A warm child, waiting for one that is still starting."""
        while True:
            try:
                item = await asyncio.wait_for(self._available.get(), clock.left_s)
            except TimeoutError:
                raise clock.expired() from None
            if isinstance(item, IctogramError):
                self._in_background(self._replace())
                raise item
            if item.alive:
                return item
            self._discard(item)  # died while idle
            self._in_background(self._replace())

    def _give_back(self, child: _Child | None, *, finished: bool) -> None:
        """Free the slot: reuse the child, let a cancelled job stop by itself, or kill and replace it."""
        if child is None:
            self._running -= 1
        elif finished and child.alive and child.jobs < self._jobs_per_child and self._state == "started":
            self._running -= 1
            self._available.put_nowait(child)
        elif not finished and child.alive and self._cancel_grace_s and self._state == "started":
            self._in_background(self._settle(child))  # the slot stays taken until the child is free or dead
        else:
            self._running -= 1
            self._discard(child)
            if self._state == "started":
                self._in_background(self._replace())

    async def _settle(self, child: _Child) -> None:
        stopped = False
        try:
            stopped = await child.ask_to_stop(self._cancel_grace_s)
        finally:
            self._give_back_settled(child, stopped=stopped)

    def _give_back_settled(self, child: _Child, *, stopped: bool) -> None:
        if stopped:
            self._give_back(child, finished=True)
            return
        self._running -= 1
        self._discard(child)
        if self._state == "started":
            self._in_background(self._replace())

    async def _replace(self) -> None:
        """Put a new warm child, or the reason why there is none, where the next job finds it."""
        try:
            self._available.put_nowait(await self._spawn())
        except IctogramError as error:
            log.error("computing process cannot start", code=error.code, message=error.message)  # noqa: TRY400
            self._available.put_nowait(error)

    def _discard(self, child: _Child) -> None:
        child.kill()
        self._children.discard(child)
        if self._state == "started":
            self._in_background(child.gone())

    def _in_background(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _observe(_options: CallbackOptions) -> Sequence[Observation]:
    return [Observation(pool.running, {"ictogram.service": pool.service}) for pool in tuple(_pools)]


_pools: weakref.WeakSet[ComputePool] = weakref.WeakSet()
_refusals = telemetry.meter().create_counter("ictogram.compute.busy_refusals")
telemetry.meter().create_observable_gauge("ictogram.compute.slots_in_use", [_observe])


class _Clock:
    """The time a job has."""

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._end = None if timeout_s is None else time.monotonic() + timeout_s

    @property
    def left_s(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def expired(self) -> TimeoutExceededError:
        return TimeoutExceededError(f"the work did not finish within {self._timeout_s:g} s")


class _Child:
    """One child process as its parent sees it."""

    def __init__(self, process: subprocess.Popen[bytes], sock: socket.socket) -> None:
        self._process = process
        self._sock = sock
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._verdict: IctogramError | None = None
        self._killed = False
        self.jobs = 0

    @classmethod
    def launch(cls, threads: int) -> _Child:
        """Start the process; it waits for its first message."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003  positional only
        environment = os.environ | {
            name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        }
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.runtime.child", str(theirs.fileno()), str(os.getpid())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # its own process group, so that a kill takes its helpers along
                env=environment,
            )
        return cls(process, ours)

    @property
    def alive(self) -> bool:
        return not self._killed and self._process.poll() is None

    async def connect(self, start: Start) -> None:
        """Send the first message and wait until everything is imported."""
        self._reader, self._writer = await asyncio.open_connection(sock=self._sock)
        message = Start(start.service, tuple(sys.path), start.preload, start.niceness)
        await frames.send_aio(self._writer, pickle.dumps(message))
        kind, body = await self._next()
        if kind != "ready":
            raise InternalError(f"a computing process cannot start: {body['message']}")

    async def work(self, job: bytes, limits: Limits, clock: _Clock) -> AsyncGenerator[tuple[str, Any], None]:
        """Send a job and yield its messages, the last one being a result or an error."""
        assert self._writer is not None
        self.jobs += 1
        await frames.send_aio(self._writer, job)
        watch = asyncio.create_task(self._watch(limits.memory_bytes))
        oom_kills = _oom_kills()
        try:
            while True:
                try:
                    kind, body = await asyncio.wait_for(self._next(oom_kills, limits), clock.left_s)
                except TimeoutError:
                    raise clock.expired() from None
                yield kind, body
                if kind != "progress":
                    return
        finally:
            watch.cancel()

    async def ask_to_stop(self, grace_s: float) -> bool:
        """Whether the job ended within the grace after being asked to."""
        assert self._writer is not None
        with contextlib.suppress(TimeoutError, IctogramError):
            async with asyncio.timeout(grace_s):
                await frames.send_aio(self._writer, b"stop")
                while True:
                    kind, _ = await self._next()
                    if kind == "cancelled":
                        return True
                    if kind != "progress":
                        return False  # it ended by itself and may take the request to stop for a job
        return False

    def kill(self) -> None:
        """SIGKILL to the child and everything it started."""
        if self._killed:
            return
        self._killed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # also when it is dead: its helpers may live
        if self._writer is not None:
            self._writer.close()
        else:
            self._sock.close()

    async def gone(self) -> None:
        """Wait for the end of the process."""
        while self._process.poll() is None:  # noqa: ASYNC110  only the kernel knows
            await asyncio.sleep(_REAP_EVERY_S)

    async def _next(self, oom_kills: int = 0, limits: Limits | None = None) -> tuple[str, Any]:
        """The next message; raises what the child's death means."""
        assert self._reader is not None
        try:
            frame = await frames.receive_aio(self._reader)
        except ValueError as error:
            raise InternalError(f"a computing process sent something invalid: {error}") from None
        if frame is None:
            raise await self._post_mortem(oom_kills, limits or Limits())
        if frame[:1] == b"R":
            return "result", frame[1:]
        content: dict[str, Any] = json.loads(frame[1:])
        return content.pop("kind"), content

    async def _watch(self, memory_bytes: int) -> None:
        """Kill the child when it holds more memory than it may."""
        if not memory_bytes:
            return
        statm = Path(f"/proc/{self._process.pid}/statm")
        page_bytes = os.sysconf("SC_PAGE_SIZE")
        with contextlib.suppress(OSError, IndexError, ValueError):  # it ended meanwhile
            while True:
                resident = int(statm.read_text().split()[1]) * page_bytes  # noqa: ASYNC240  a kernel table, no disk
                if resident > memory_bytes:
                    self._verdict = ResourceLimitError(
                        f"the work needed more than {memory_bytes / 2**20:.0f} MiB of memory"
                    )
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(self._process.pid, signal.SIGKILL)
                    return
                await asyncio.sleep(_WATCH_EVERY_S)

    async def _post_mortem(self, oom_kills: int, limits: Limits) -> IctogramError:
        """Why the child is dead."""
        await self.gone()
        code = self._process.returncode
        if self._verdict is not None:
            return self._verdict
        if code == -signal.SIGXCPU:
            return ResourceLimitError(f"the work needed more than {limits.cpu_s:g} s of processor time")
        if code == -signal.SIGXFSZ:
            return ResourceLimitError(f"the work wrote a file longer than {limits.file_bytes} bytes")
        if code == -signal.SIGKILL and _oom_kills() > oom_kills:
            return ResourceLimitError("the machine ran out of memory and ended the work")
        if code in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP):
            return UnavailableError("the computing process was ended from outside")
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        log.error("computing process crashed", signal=how)
        return InternalError(f"the computing process crashed ({how})", details={"exit": how})


def _job_message(function: JobFunction[Any, Any], request: Any, limits: Limits) -> bytes:
    module, name = function.__module__, function.__qualname__
    if module == "__main__" or "." in name or "<" in name:
        raise TypeError(f"{module}.{name} cannot run in a child: a job is a top-level function of an importable module")
    return pickle.dumps(
        Job(module, name, pickle.dumps(request), limits, telemetry.carrier(), structlog.contextvars.get_contextvars())
    )


def _validated(adapter: Any, body: bytes) -> Any:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InternalError(f"a job's result does not fit its type: {place}: {first['msg']}") from None


def _raised(kind: str, body: dict[str, Any]) -> IctogramError:
    if kind != "error":
        return InternalError(f"a computing process sent '{kind}' where a result was due")
    return by_code(body["code"])(body["message"], details=body["details"])


def _oom_kills() -> int:
    """How often this machine's kernel has ended a process for lack of memory."""
    with contextlib.suppress(OSError, ValueError):
        words = Path("/proc/vmstat").read_text().split()
        return next((int(value) for name, value in itertools.pairwise(words) if name == "oom_kill"), 0)
    return 0
