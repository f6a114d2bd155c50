"""Job functions for the tests; a child imports them by name."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opentelemetry import trace

from schemas.errors import UnreadableMediaError
from schemas.recording import Interval

Report = Callable[[float, str, str], None]


@dataclass(frozen=True, slots=True)
class Sum:
    """A small result with a nested tuple."""

    total: float
    span: Interval
    pid: int


def add(request: tuple[float, ...], report: Report) -> Sum:
    for index, _ in enumerate(request):
        report(index / len(request), f"stage {index}", "adding")
    return Sum(sum(request), Interval(0, len(request)), os.getpid())


def wait(request: str, report: Report) -> str:
    """Say where we are, then wait until the file exists."""
    report(0.0, "waiting", str(os.getpid()))
    while not Path(request).exists():
        time.sleep(0.01)
        report(0.5, "waiting", str(os.getpid()))
    return "done"


def hang_with_helper(request: str, report: Report) -> str:
    """Start a helper process and never return."""
    helper = subprocess.Popen(["sleep", "600"])
    report(0.0, "hanging", f"{os.getpid()} {helper.pid}")
    time.sleep(600)
    return request


def raise_ours(request: str, report: Report) -> str:
    raise UnreadableMediaError(request, details={"frames": "0"})


def raise_theirs(request: str, report: Report) -> str:
    raise ValueError(request)


def die(request: int, report: Report) -> str:
    os.kill(os.getpid(), signal.Signals(request))
    time.sleep(60)
    return ""


def leave(request: int, report: Report) -> str:
    os._exit(request)


def take_memory(request: int, report: Report) -> str:
    """Fill so many MiB, in steps that a watcher can see."""
    held = []
    for _ in range(request // 8):
        held.append(bytearray(os.urandom(1) * (8 << 20)))
        time.sleep(0.02)
    return f"{len(held)}"


def burn(request: float, report: Report) -> float:
    end = time.process_time() + request
    while time.process_time() < end:
        pass
    return request


def write_file(request: str, report: Report) -> str:
    Path(request).write_bytes(bytes(4 << 20))
    return request


def not_a_number(request: str, report: Report) -> float:
    return float("nan")


def trace_id(request: str, report: Report) -> str:
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)


def cpu_limit(request: str, report: Report) -> int:
    return resource.getrlimit(resource.RLIMIT_CPU)[0]


def unannotated(request, report):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return 1
