"""Keeps processes alive: starts each, restarts it when it dies, stops all, and leaves none behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from schemas.errors import UnavailableError

_PR_SET_PDEATHSIG = 1
SUPERVISOR_VARIABLE = "_ICTOGRAM_SUPERVISOR"
"""Environment variable that tells a kept process who keeps it."""

FIRST_RESTART_DELAY_S = 0.2
"""Delay before the first restart of a process that died."""
LONGEST_RESTART_DELAY_S = 5.0
"""The delay doubles up to this while a process keeps dying."""
PROBE_EVERY_S = 2.0
"""Seconds between two looks at the health of the kept processes."""
PROBES_BEFORE_KILL = 3
"""Unhealthy looks in a row after which a process is killed."""
STABLE_AFTER_S = 10.0
"""A process that lived this long starts again with the first delay."""
LOG_BYTES = 16 * 2**20
"""A log that has grown to this is moved aside; the one moved aside before is dropped."""


def die_with_supervisor() -> None:
    """Ask the kernel to kill this process when its supervisor ends, if it has one; a kept process calls it first."""
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is None:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(supervisor):  # it ended before we asked
        sys.exit(1)


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to keep alive."""

    name: str
    """Name for people and for the log file."""
    argv: Sequence[str]
    """Command line."""
    environment: Mapping[str, str]
    """The whole environment."""
    log_path: Path
    """Where stdout and stderr go, appended; beyond `LOG_BYTES` the earlier part moves to ``<name>.1``."""
    stop_signal: signal.Signals = signal.SIGTERM
    """Signal that asks it to leave."""
    healthy: Callable[[], bool] | None = None
    """Asked every `PROBE_EVERY_S` once it has been true; a process that fails `PROBES_BEFORE_KILL` times in a row has
    hung and is killed, as Kubernetes would do. A process that was stopped (SIGSTOP) counts as unhealthy in any case."""


@dataclass
class _Keeper:
    """The thread that starts one process, waits for it and starts it again."""

    spec: ProcessSpec
    stopping: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    thread: threading.Thread | None = None
    started: threading.Event = field(default_factory=threading.Event)
    probed_pid: int = 0
    """Process that the two fields below speak of."""
    was_healthy: bool = False
    failed_probes: int = 0

    def probe(self) -> None:
        """One look at its health; kills it after too many bad ones."""
        process = self.process
        if process is None or self.stopping.is_set():
            return
        if process.pid != self.probed_pid:
            self.probed_pid, self.was_healthy, self.failed_probes = process.pid, False, 0
        healthy = not _is_stopped(process.pid) and (self.spec.healthy is None or self.spec.healthy())
        self.was_healthy = self.was_healthy or healthy
        self.failed_probes = 0 if healthy or not self.was_healthy else self.failed_probes + 1
        if self.failed_probes >= PROBES_BEFORE_KILL and self.process is process:
            _signal(self, signal.SIGKILL)

    def turn_log(self) -> None:
        """Move a long log aside. Copied and emptied, not renamed: the process goes on appending to the file it has."""
        path = self.spec.log_path
        # What is written between the copy and the emptying is lost: a few lines every 16 MiB. A full disk: later.
        with contextlib.suppress(OSError):
            if path.stat().st_size >= LOG_BYTES:
                shutil.copyfile(path, path.with_name(f"{path.name}.1"))
                os.truncate(path, 0)

    def run(self) -> None:
        delay = FIRST_RESTART_DELAY_S
        with self.spec.log_path.open("ab", buffering=0) as log:
            while not self.stopping.is_set():
                began = time.monotonic()
                self.process = self._spawn(log)
                self.started.set()
                code = self.process.wait()
                if self.stopping.is_set():
                    return
                self.restarts += 1
                with contextlib.suppress(OSError):  # a full disk must not end the keeping
                    log.write(f"-- {self.spec.name} ended with {code}; starting it again in {delay:.1f} s\n".encode())
                if time.monotonic() - began > STABLE_AFTER_S:
                    delay = FIRST_RESTART_DELAY_S
                self.stopping.wait(delay)
                delay = min(2 * delay, LONGEST_RESTART_DELAY_S)

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(self.spec.argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**self.spec.environment, SUPERVISOR_VARIABLE: str(os.getpid())},
            start_new_session=True,
        )


class Supervisor:
    """A set of kept processes."""

    def __init__(self) -> None:
        self._keepers: dict[str, _Keeper] = {}
        self._watching = threading.Event()
        self._watchdog: threading.Thread | None = None

    def start(self, spec: ProcessSpec) -> None:
        """Start keeping one process alive."""
        keeper = _Keeper(spec)
        # The kernel ties a child to the thread that made it, so the thread that spawns is the one that waits.
        keeper.thread = threading.Thread(target=keeper.run, name=f"keep-{spec.name}", daemon=True)
        self._keepers[spec.name] = keeper
        keeper.thread.start()
        keeper.started.wait()
        if self._watchdog is None:
            self._watching.set()
            self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)
            self._watchdog.start()

    def _watch(self) -> None:
        while self._watching.is_set():
            for keeper in list(self._keepers.values()):
                keeper.probe()
                keeper.turn_log()
            time.sleep(PROBE_EVERY_S)

    def names(self) -> list[str]:
        """Names of the kept processes in the order of their start."""
        return list(self._keepers)

    def pid(self, name: str) -> int:
        """Process id of the present incarnation."""
        process = self._keepers[name].process
        if process is None:
            raise UnavailableError(f"{name} has not started yet")
        return process.pid

    def restarts(self, name: str) -> int:
        """How often it had to be started again."""
        return self._keepers[name].restarts

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the whole process group; the process is started again if it dies of it."""
        os.killpg(self.pid(name), number)

    def stop(self, names: Sequence[str] | None = None, grace_s: float = 8.0) -> None:
        """Stop the named processes, or all; kill what does not leave within the grace period."""
        leaving = [self._keepers.pop(name) for name in list(names or self._keepers) if name in self._keepers]
        for keeper in leaving:
            keeper.stopping.set()
            _signal(keeper, keeper.spec.stop_signal)
        deadline = time.monotonic() + grace_s
        for keeper in leaving:
            self._leave(keeper, max(0.0, deadline - time.monotonic()))
        if not self._keepers:
            self._watching.clear()
            self._watchdog = None

    @staticmethod
    def _leave(keeper: _Keeper, patience_s: float) -> None:
        if keeper.thread is None:
            return
        keeper.thread.join(patience_s)
        while keeper.thread.is_alive():  # in a loop: it may just be starting a process that got no signal yet
            _signal(keeper, signal.SIGKILL)
            keeper.thread.join(0.1)
        _signal(keeper, signal.SIGKILL)  # helpers of its own that outlived it


def _signal(keeper: _Keeper, number: signal.Signals) -> None:
    if keeper.process is None:
        return
    try:
        os.killpg(keeper.process.pid, number)
    except ProcessLookupError:
        return


def _is_stopped(pid: int) -> bool:
    """Whether the kernel holds the process stopped (state T)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state == "T"


def wait_until(
    ready: Callable[[], bool], what: str, timeout_s: float, alive: Callable[[], bool] = lambda: True
) -> None:
    """Wait for a start-up to finish.

    Raises UnavailableError: it did not get ready in time, or died on the way.
    """
    deadline = time.monotonic() + timeout_s
    while not ready():
        if not alive():
            raise UnavailableError(f"{what} ended while starting; its log says why")
        if time.monotonic() > deadline:
            raise UnavailableError(f"{what} was not ready within {timeout_s:.0f} s; its log says why")
        time.sleep(0.05)
