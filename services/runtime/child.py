"""The computing child: imports what it may need, then runs one job after the other until it is killed.

Started by `services.runtime.compute` as ``python -m services.runtime.child <socket fd> <parent pid>``. What comes from
the parent is trusted and pickled; what goes back is JSON only, because a child that opens an untrusted file may have
been taken over by it. The child dies with its parent and is the leader of its own process group.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import math
import os
import pickle
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from opentelemetry import context as otel_context

from services.runtime import errors, frames, logs, telemetry
from services.runtime.convert import dump, result_adapter

_PR_SET_PDEATHSIG = 1
_REPORT_EVERY_S = 0.2
"""Progress is sent at most this often within a stage."""
_DATA_FACTOR = 2
_DATA_SLACK_BYTES = 1 << 30
"""The parent watches resident memory; the address-space limit is the backstop for jumps between two looks and leaves
room for what is reserved and never touched (thread stacks, arenas)."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use; 0 means no limit."""

    memory_bytes: int = 2 << 30
    """Resident memory of the child."""
    cpu_s: float = 4 * 3600.0
    """Processor seconds of the job, over all threads."""
    file_bytes: int = 16 << 30
    """Length of any one file written."""


@dataclass(frozen=True, slots=True)
class Start:
    """First message to a child."""

    service: str
    sys_path: tuple[str, ...]
    preload: tuple[str, ...]
    niceness: int


@dataclass(frozen=True, slots=True)
class Job:
    """One job: the function by name, because only its module needs to be imported here."""

    module: str
    function: str
    request: bytes
    """Pickled."""
    limits: Limits
    carrier: dict[str, str] = field(default_factory=dict)
    log_fields: dict[str, Any] = field(default_factory=dict)


class JobCancelledError(BaseException):
    """Raised by ``report`` inside a job that shall stop; a BaseException so that no job swallows it by accident."""


class _Reporter:
    """The ``report`` that a job calls; also the place where a cooperative cancel is noticed."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._stage = ""
        self._next = 0.0

    def __call__(self, fraction: float, stage: str, message: str) -> None:
        if select.select([self._sock], [], [], 0)[0]:
            frames.receive(self._sock)  # the only thing sent during a job is a request to stop
            raise JobCancelledError
        now = time.monotonic()
        if stage == self._stage and now < self._next:
            return
        self._stage, self._next = stage, now + _REPORT_EVERY_S
        share = min(max(float(fraction), 0.0), 1.0) if math.isfinite(fraction) else 0.0
        _answer(self._sock, "progress", fraction=share, stage=stage, message=message)


def main(arguments: Sequence[str]) -> int:
    """Serve jobs from the socket until it closes."""
    _die_with_parent(int(arguments[1]))
    sock = socket.socket(fileno=int(arguments[0]))
    os.dup2(2, 1)  # nothing that a library prints may look like output of ours
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    first = frames.receive(sock)
    if first is None:
        return 0
    start: Start = pickle.loads(first)  # noqa: S301  from our own parent
    os.nice(start.niceness)
    sys.path[:] = list(start.sys_path)
    logs.setup(start.service)
    try:
        for entry in start.preload:
            _preload(entry)
    except Exception as error:
        log.exception("preload failed")
        _answer(sock, "broken", message=f"{entry} cannot be loaded ({type(error).__name__})")
        return 1
    _answer(sock, "ready")
    while (data := frames.receive(sock)) is not None:
        job: Job = pickle.loads(data)  # noqa: S301  from our own parent
        _run(job, sock)
    return 0


def _run(job: Job, sock: socket.socket) -> None:
    """Run one job and answer with its result, its error or that it was cancelled."""
    token = otel_context.attach(telemetry.context_of(job.carrier))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**job.log_fields)
    try:
        function: Callable[[Any, Callable[[float, str, str], None]], Any] = getattr(
            importlib.import_module(job.module), job.function
        )
        request = pickle.loads(job.request)  # noqa: S301  from our own parent
        _limit(job.limits)
        value = function(request, _Reporter(sock))
        body = dump(result_adapter(function), value)
    except JobCancelledError:
        _answer(sock, "cancelled")
    except Exception as error:
        ours = errors.understood(error)
        if ours is not error:
            log.exception("job failed")
        _answer(sock, "error", code=ours.code, message=ours.message, details=ours.details)
    else:
        frames.send(sock, b"R" + body)
    finally:
        otel_context.detach(token)


def _answer(sock: socket.socket, kind: str, **content: Any) -> None:
    frames.send(sock, b"J" + json.dumps({"kind": kind, **content}).encode())


def _preload(entry: str) -> None:
    """Import ``package.module``, or call ``package.module:function`` once (to load weights, for instance)."""
    module, _, function = entry.partition(":")
    loaded = importlib.import_module(module)
    if function:
        getattr(loaded, function)()


def _limit(limits: Limits) -> None:
    """Set the limits of the next job; processor time counts from now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used_s = usage.ru_utime + usage.ru_stime
    _soft(resource.RLIMIT_CPU, math.ceil(used_s + limits.cpu_s) if limits.cpu_s else 0)
    _soft(resource.RLIMIT_FSIZE, limits.file_bytes)
    _soft(resource.RLIMIT_DATA, _DATA_FACTOR * limits.memory_bytes + _DATA_SLACK_BYTES if limits.memory_bytes else 0)


def _soft(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    wanted = value or hard
    resource.setrlimit(which, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the parent dies; leave at once if it already did."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


if __name__ == "__main__":
    # Run as the module that others import, so that the classes of pickled messages are the same on both sides.
    sys.exit(importlib.import_module("services.runtime.child").main(sys.argv[1:]))
