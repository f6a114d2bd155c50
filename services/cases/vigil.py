"""Watches over a worker process: threads workers can look alive and take nothing any more, and must leave quickly."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from services.cases.background import unobserved
from services.cases.settings import CasesSettings
from services.runtime import logs, telemetry

LEAVE_S = 4.5
"""Seconds after which a worker that was asked to leave is gone, whatever its threads do."""
DEAF = 75
"""Exit status of a worker that no longer heard its own messages (EX_TEMPFAIL: start it again)."""

log = logs.get(__name__)


class Vigil:
    """Sends the worker a message every 20 s and ends the process when none was taken for 60 s.

    Work in progress counts as a sign of life. A broker that takes no messages is no fault of the worker's: the clock
    only runs while messages are accepted.
    """

    def __init__(
        self, settings: CasesSettings, ring: Callable[[], None], end: Callable[[int], object] = os._exit
    ) -> None:
        self._settings = settings
        self._ring = ring
        self._end = end
        self._waiting_since: float | None = None
        self._stopped = threading.Event()

    def alive(self) -> None:
        """A message was taken, or work is getting on."""
        self._waiting_since = None

    def start(self) -> None:
        """Begin to watch, in a thread."""
        threading.Thread(target=self._watch, name="vigil", daemon=True).start()

    def leave(self, let_go: Callable[[], None]) -> None:
        """Let go of all work; if the process is still there shortly after, end it."""
        self._stopped.set()
        threading.Thread(target=let_go, name="let-go", daemon=True).start()
        threading.Thread(target=self._force, name="force-exit", daemon=True).start()

    def look(self) -> None:
        """Send one message; end the process when earlier ones went unheard for too long."""
        since = self._waiting_since
        if since is not None and time.monotonic() - since > self._settings.heartbeat_lost_s:
            log.error("this worker takes no messages any more; ending it", waited_s=time.monotonic() - since)
            self._end(DEAF)
            return
        try:
            with unobserved():
                self._ring()
        except Exception as error:  # noqa: BLE001 - any failure to publish means the same: the broker is away
            log.warning("the broker takes no heartbeat", reason=type(error).__name__)
            self._waiting_since = None
        else:
            if self._waiting_since is None:
                self._waiting_since = time.monotonic()

    def _watch(self) -> None:
        while not self._stopped.wait(self._settings.heartbeat_s):
            self.look()

    def _force(self) -> None:
        time.sleep(LEAVE_S)
        telemetry.shutdown()
        self._end(0)
