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
import os
import pickle
import weakref
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from opentelemetry.metrics import CallbackOptions, Observation
from pydantic import ValidationError

from schemas.errors import (
    BusyError,
    IctogramError,
    InternalError,
    UnavailableError,
    by_code,
)
from services.runtime import logs, telemetry
from services.runtime.child import Job, Limits, Start
from services.runtime.convert import result_adapter
from services.runtime.process import Child, Clock

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")
Report = Callable[[float, str, str], None]
JobFunction = Callable[[RequestT, Report], ResultT]

__all__ = ["ComputePool", "JobFunction", "Limits", "Outcome", "Progress", "Report"]

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
        self._children: set[Child] = set()
        self._available: asyncio.Queue[Child | IctogramError] = asyncio.Queue()
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
        child: Child | None = None
        clock = Clock(timeout_s)
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

    async def _spawn(self) -> Child:
        child = Child.launch(self._threads)
        self._children.add(child)
        try:
            await child.connect(self._start_message)
        except BaseException:
            self._discard(child)
            raise
        return child

    async def _take(self, clock: Clock) -> Child:
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

    def _give_back(self, child: Child | None, *, finished: bool) -> None:
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

    async def _settle(self, child: Child) -> None:
        stopped = False
        try:
            stopped = await child.ask_to_stop(self._cancel_grace_s)
        finally:
            self._give_back_settled(child, stopped=stopped)

    def _give_back_settled(self, child: Child, *, stopped: bool) -> None:
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

    def _discard(self, child: Child) -> None:
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
