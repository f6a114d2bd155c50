"""Keeps processes alive: starts each, restarts it when it dies, stops all, and leaves none behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from schemas.errors import UnavailableError

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

FIRST_RESTART_DELAY_S = 0.2
"""Delay before the first restart of a process that died."""
LONGEST_RESTART_DELAY_S = 5.0
"""The delay doubles up to this while a process keeps dying."""
STABLE_AFTER_S = 10.0
"""A process that lived this long starts again with the first delay."""


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent thread ends; called between fork and exec."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


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
    """Where stdout and stderr go, appended."""
    stop_signal: signal.Signals = signal.SIGTERM
    """Signal that asks it to leave."""
    die_with_parent: bool = True
    """Ask the kernel to kill it when the supervisor dies; not for programs that see to that themselves."""


@dataclass
class _Keeper:
    """The thread that starts one process, waits for it and starts it again."""

    spec: ProcessSpec
    stopping: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    thread: threading.Thread | None = None
    started: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        delay = FIRST_RESTART_DELAY_S
        with self.spec.log_path.open("ab") as log:
            while not self.stopping.is_set():
                began = time.monotonic()
                self.process = self._spawn(log)
                self.started.set()
                code = self.process.wait()
                if self.stopping.is_set():
                    return
                self.restarts += 1
                log.write(f"-- {self.spec.name} ended with {code}; starting it again in {delay:.1f} s\n".encode())
                log.flush()
                if time.monotonic() - began > STABLE_AFTER_S:
                    delay = FIRST_RESTART_DELAY_S
                self.stopping.wait(delay)
                delay = min(2 * delay, LONGEST_RESTART_DELAY_S)

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: PLW1509 - prctl is safe between fork and exec, and nothing else keeps the promise
            list(self.spec.argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(self.spec.environment),
            start_new_session=True,
            preexec_fn=die_with_parent if self.spec.die_with_parent else None,
        )


class Supervisor:
    """A set of kept processes."""

    def __init__(self) -> None:
        self._keepers: dict[str, _Keeper] = {}

    def start(self, spec: ProcessSpec) -> None:
        """Start keeping one process alive."""
        keeper = _Keeper(spec)
        # The kernel ties a child to the thread that made it, so the thread that spawns is the one that waits.
        keeper.thread = threading.Thread(target=keeper.run, name=f"keep-{spec.name}", daemon=True)
        self._keepers[spec.name] = keeper
        keeper.thread.start()
        keeper.started.wait()

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

    @staticmethod
    def _leave(keeper: _Keeper, patience_s: float) -> None:
        if keeper.process is not None:
            try:
                keeper.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                _signal(keeper, signal.SIGKILL)
                keeper.process.wait()
            _signal(keeper, signal.SIGKILL)  # helpers of its own that outlived it
        if keeper.thread is not None:
            keeper.thread.join()


def _signal(keeper: _Keeper, number: signal.Signals) -> None:
    if keeper.process is None:
        return
    try:
        os.killpg(keeper.process.pid, number)
    except ProcessLookupError:
        return


def wait_until(ready: Callable[[], bool], what: str, timeout_s: float, alive: Callable[[], bool] = lambda: True) -> None:
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
