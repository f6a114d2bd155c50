"""How the benchmarks measure: elapsed and CPU seconds, cases on a running stack, peak memory of every process."""

from __future__ import annotations

import resource
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import av
import psutil

from services.launcher.client import GatewayClient
from services.launcher.stack import EmbeddedStack

STEPS = ("intake", "segmentation", "semiology", "localization", "report")
_LOOK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What a piece of work took. On a busy machine CPU seconds mean more than elapsed ones."""

    elapsed_s: float
    cpu_s: float

    def over(self, unit: Spent) -> tuple[float, float]:
        """As multiples of another piece of work: elapsed, CPU."""
        return self.elapsed_s / unit.elapsed_s, self.cpu_s / unit.cpu_s


def timed(work: Callable[[], object]) -> Spent:
    """Run in this process, over all its threads."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - start, time.process_time() - used)


def decode_to_nowhere(path: Path) -> None:
    """The unit of the journey: every picture decoded with FFmpeg's automatic threading, none looked at."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for _ in container.decode(stream):
            pass


def peak_mb_of_this_process() -> float:
    """Largest resident memory so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


@contextmanager
def stack_as_delivered(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[EmbeddedStack]:
    """The embedded stack with the settings it is shipped with, Postgres syncing to disk."""
    with EmbeddedStack(home, environment={"ICTOGRAM_LOG_LEVEL": "warning", **(environment or {})}) as stack:
        yield stack


def upload(client: GatewayClient, video: Path) -> dict[str, Any]:
    """Send a video; returns the body that opens a case over it."""
    return {
        "subject": {"identifier": "SYN-1"},
        "order": {"identifier": f"order-{uuid.uuid4()}"},
        "recordings": [{"upload_id": client.upload(video), "mirrored": "no"}],
    }


def open_case(client: GatewayClient, body: Mapping[str, Any]) -> str:
    """POST /cases; returns the case's id."""
    return str(client.create_case(body, str(uuid.uuid4()))["case"]["id"])


def follow(client: GatewayClient, case_id: str) -> Mapping[str, Any]:
    """Wait for the end of a case by its live progress; returns the case as the gateway shows it."""
    for _ in client.events(case_id):
        pass
    view = client.case(case_id)
    assert view["case"]["status"] == "reported", view
    return view


def cpu_by_part(stack: EmbeddedStack) -> dict[str, float]:
    """CPU seconds of each part so far, with its children, living and ended."""
    found = {}
    for name in stack.supervisor.names():
        parent = psutil.Process(stack.supervisor.pid(name))
        total = 0.0
        for process in (parent, *parent.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
        found[name] = total
    return found


@dataclass
class PeakWatch:
    """Peak resident memory of every process of a stack while the watch is on, in MB; use as a context manager."""

    stack: EmbeddedStack
    peaks: dict[str, dict[int, float]] = field(default_factory=dict)
    """By kind of process (``semiology``, ``semiology, computing``), by process id."""
    together: float = 0.0
    """Largest sum of proportional set sizes over all processes at one instant: what the machine needs."""
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="peak-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        assert self._thread is not None
        self._thread.join()

    def rows(self) -> list[tuple[str, float, int]]:
        """Kind, largest process's peak, processes of that kind; largest first."""
        found = [(kind, max(by_pid.values()), len(by_pid)) for kind, by_pid in self.peaks.items()]
        return sorted(found, key=lambda row: -row[1])

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY_S):
            self._look()
        self._look()

    def _look(self) -> None:
        at_once = 0.0
        for name in self.stack.supervisor.names():
            try:
                parent = psutil.Process(self.stack.supervisor.pid(name))
                processes = (parent, *parent.children(recursive=True))
            except psutil.NoSuchProcess:
                continue
            for process in processes:
                kind = name if process.pid == parent.pid else f"{name}, {_role(process)}"
                at_once += self._note(kind, process.pid)
        self.together = max(self.together, at_once)

    def _note(self, kind: str, pid: int) -> float:
        """Write down the kernel's high-water mark; returns the process's share of memory now."""
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return 0.0
        peak = _kilobytes(status, "VmHWM:")
        if peak:
            self.peaks.setdefault(kind, {})[pid] = peak
        return _kilobytes(rollup, "Pss:")


def _role(process: psutil.Process) -> str:
    try:
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return "helper"
    return "computing" if "services.runtime.child" in command else "helper"


def _kilobytes(text: str, label: str) -> float:
    """A line such as ``VmHWM:   1234 kB`` in MB; 0 when it is not there (a process that has just ended)."""
    line = next((line for line in text.splitlines() if line.startswith(label)), None)
    return 0.0 if line is None else int(line.split()[1]) * 1024 / 1e6
