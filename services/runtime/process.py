"""One computing child as its parent sees it: started, spoken to, watched, killed, and explained when it dies."""

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
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from schemas.errors import (
    IctogramError,
    InternalError,
    ResourceLimitError,
    TimeoutExceededError,
    UnavailableError,
)
from services.runtime import frames, logs
from services.runtime.child import Limits, Start

_WATCH_EVERY_S = 0.1
_REAP_EVERY_S = 0.01
_START_TIMEOUT_S = 600.0
"""Loading the weights of a large engine from a slow disk takes minutes, not longer."""

log = logs.get(__name__)


class Clock:
    """The time a job has."""

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._end = None if timeout_s is None else time.monotonic() + timeout_s

    @property
    def left_s(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def expired(self) -> TimeoutExceededError:
        return TimeoutExceededError(f"the work did not finish within {self._timeout_s:g} s")


class Child:
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
    def launch(cls, threads: int) -> Child:
        """Start the process; it waits for its first message."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003  positional only
        environment = os.environ | {
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            # NumPy's matrices are small here. OpenBLAS's threads wait for each other by spinning: with a second one the
            # eigenvectors of an 80 x 80 matrix took 3 to 150 ms instead of 0.8 on two busy cores.
            "OPENBLAS_NUM_THREADS": "1",
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
        try:
            kind, body = await asyncio.wait_for(self._next(), _START_TIMEOUT_S)
        except TimeoutError:
            raise InternalError(f"a computing process was not ready within {_START_TIMEOUT_S:g} s") from None
        if kind != "ready":
            raise InternalError(f"a computing process cannot start: {body['message']}")

    async def work(self, job: bytes, limits: Limits, clock: Clock) -> AsyncGenerator[tuple[str, Any], None]:
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


def _oom_kills() -> int:
    """How often this machine's kernel has ended a process for lack of memory."""
    with contextlib.suppress(OSError, ValueError):
        words = Path("/proc/vmstat").read_text().split()
        return next((int(value) for name, value in itertools.pairwise(words) if name == "oom_kill"), 0)
    return 0
