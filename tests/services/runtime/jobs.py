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
from schemas.recording import IntakeResult, Interval, ObjectRef, RecordingFacts

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


def take_memory_at_once(request: int, report: Report) -> str:
    """Touch so many MiB without a pause."""
    return f"{len(bytearray(request << 20))}"


def wrong_type(request: str, report: Report) -> Sum:
    return Sum("a", Interval(0, 1), 0)  # type: ignore[arg-type]


def environment(request: str, report: Report) -> str:
    return os.environ[request]


_warm = False


def warm() -> None:
    """Called once when a child starts."""
    global _warm  # noqa: PLW0603  what a preload is for
    _warm = True


def warmed_before_first_job(request: str, report: Report) -> bool:
    return _warm


def intake_result(container: str) -> IntakeResult:
    facts = RecordingFacts(
        container=container,
        codec="h264",
        width_px=640,
        height_px=360,
        rotation_deg=0,
        duration_s=1.0,
        start_us=0,
        frames=30,
        nominal_rate_hz=30.0,
        effective_rate_hz=30.0,
        variable_rate=False,
        interlaced=False,
        has_audio=False,
    )
    return IntakeResult(facts, ObjectRef("file:///x", "0" * 64, 1, "video/mp4"), 640, 360, 30.0, None)


def make_intake_result(request: str, report: Report) -> IntakeResult:
    report(0.25, "one", "first half")
    report(0.75, "two", "second half")
    return intake_result(request)


def wait_for_intake_result(request: str, report: Report) -> IntakeResult:
    wait(request, report)
    return intake_result("mp4")


def hang_for_intake_result(request: str, report: Report) -> IntakeResult:
    report(0.0, "hanging", str(os.getpid()))
    time.sleep(600)
    return intake_result(request)


def burn_forever(request: str, report: Report) -> IntakeResult:
    while True:
        report(0.5, "burning", "")


def raise_theirs_as_intake(request: str, report: Report) -> IntakeResult:
    raise ValueError(request)
