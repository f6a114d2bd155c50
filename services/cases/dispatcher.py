"""The dispatcher: one at a time, it returns abandoned work and rings what is due, as much as there are free slots.

Woken by NOTIFY, and every few seconds anyway. Order is decided here, at the last moment, in SQL; so the broker's
queues stay as short as the services are wide.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import psycopg

from schemas.case import StepName
from schemas.errors import IctogramError, UnavailableError
from services.cases.background import unobserved
from services.cases.broker import DELIVER, DELIVERY_QUEUE, RUN_STEP, Bell, step_queue
from services.cases.settings import CasesSettings
from services.cases.slots import SlotBook
from services.cases.store import outbox, sweep
from services.cases.store.database import Connection, Database, connection_options
from services.runtime import failpoints, logs

LOCK = 7410020
"""Key of the advisory lock that makes one process the dispatcher."""
UPKEEP_S = 6 * 3600.0
UPKEEP_AGAIN_S = 60.0
"""Seconds until upkeep that failed, or that left something to do, goes on."""
STUCK_EXIT = 75

log = logs.get(__name__)


class Dispatcher:
    """A thread of the cases server. Several servers may run one; the advisory lock lets one work."""

    def __init__(
        self,
        settings: CasesSettings,
        database: Database,
        bell: Bell,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._settings = settings
        self._database = database
        self._bell = bell
        self._end = end
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._book = SlotBook(settings, self._woken.set)
        self._upkeep_at = 0.0
        self._turned_at = time.monotonic()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin."""
        self._book.start()
        for target in (self._lead, self._watch_over):
            thread = threading.Thread(target=target, name=f"dispatcher{target.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop; the lock goes to another server at once."""
        self._stopped.set()
        self._woken.set()
        for thread in self._threads:
            thread.join(5)
        self._book.stop()

    def tick(self) -> int:
        """Return what was abandoned, ring what is due; number of rings."""
        with self._database.worker() as connection:
            returned = sweep.expire(connection) + outbox.expire(connection)
            rings = {kind: self._mark(connection, kind) for kind in sweep.due(connection)}
            deliveries = outbox.ring(connection, again_s=self._settings.ring_again_s)
        if returned:
            log.info("abandoned work returned", count=returned)
        rung = sum(self._ring_steps(kind, chosen) for kind, chosen in rings.items()) + self._ring_deliveries(deliveries)
        if time.monotonic() >= self._upkeep_at:
            self._upkeep()
        return rung

    def _upkeep(self) -> None:
        """What has to be done now and then; a fault in it must not keep anybody from their turn."""
        self._upkeep_at = time.monotonic() + UPKEEP_AGAIN_S
        try:
            with self._database.worker() as connection:
                late = sweep.partitions(connection)
            with self._database.worker() as connection:
                sweep.forget_requests(connection)
            with self._database.worker() as connection:
                archived = outbox.archive(connection)
        except (psycopg.Error, IctogramError) as error:
            log.exception("upkeep failed; partitions may be missing soon", reason=type(error).__name__)
            return
        for partition in late:
            log.error("a partition was missing", target=partition.name, rows=partition.rows)
        if archived:
            log.info("deliveries archived", count=archived)
        if archived < outbox.ARCHIVE_ROWS:
            self._upkeep_at = time.monotonic() + UPKEEP_S

    def _mark(self, connection: Connection, kind: StepName) -> list[sweep.Ring]:
        facts = self._book.facts(kind)
        if facts is None or facts.slots == 0:
            return []
        again_s = self._settings.ring_again_s
        return sweep.ring(connection, kind, slots=facts.slots, digest=facts.digest, again_s=again_s)

    def _ring_steps(self, kind: StepName, rings: list[sweep.Ring]) -> int:
        for place, ring in enumerate(rings):
            failpoints.hit("cases.ring.marked_before_publish")
            try:
                self._bell.ring(RUN_STEP, ring.id, step_queue(kind, ring.priority), ring.traceparent)
            except UnavailableError as error:
                log.warning("the broker takes no message", error=error.message, count=len(rings) - place)
                with self._database.worker() as connection:
                    sweep.unring(connection, [unheard.id for unheard in rings[place:]])
                return place
        return len(rings)

    def _ring_deliveries(self, rings: list[sweep.Ring]) -> int:
        for place, ring in enumerate(rings):
            failpoints.hit("delivery.outbox_read_before_send")
            try:
                self._bell.ring(DELIVER, ring.id, DELIVERY_QUEUE, ring.traceparent)
            except UnavailableError as error:
                log.warning("the broker takes no message", error=error.message, count=len(rings) - place)
                with self._database.worker() as connection:
                    outbox.unring(connection, [unheard.id for unheard in rings[place:]])
                return place
        return len(rings)

    def _lead(self) -> None:
        """Try to be the dispatcher, again and again."""
        while not self._stopped.is_set():
            self._turned_at = time.monotonic()
            try:
                self._lead_once()
            except (psycopg.Error, IctogramError) as error:
                log.warning("dispatching interrupted", reason=type(error).__name__)
            except Exception:  # the dispatcher must outlive what nobody thought of
                log.exception("dispatching interrupted by a fault")
            self._stopped.wait(min(1.0, self._settings.sweep_s))

    def _lead_once(self) -> None:
        """Hold the lock on a connection of its own and work until something breaks; return at once without the lock."""
        with psycopg.connect(
            self._settings.database, autocommit=True, **connection_options(self._settings)
        ) as connection:
            row = connection.execute("SELECT pg_try_advisory_lock(%s) AS mine", (LOCK,)).fetchone()
            if row is None or not row["mine"]:
                return
            connection.execute("LISTEN ictogram_due")
            log.info("dispatching")
            listener = threading.Thread(target=self._listen, args=(connection,), name="dispatcher-listen", daemon=True)
            listener.start()
            while not self._stopped.is_set() and listener.is_alive():
                self._woken.clear()
                self._turned_at = time.monotonic()
                with unobserved():
                    self.tick()
                self._woken.wait(self._settings.sweep_s)

    def _listen(self, connection: psycopg.Connection[object]) -> None:
        """Wake on every notice; ends with the connection, and with it the lock."""
        try:
            while not self._stopped.is_set():
                for _ in connection.notifies(timeout=min(1.0, self._settings.sweep_s)):
                    self._woken.set()
        except psycopg.Error as error:
            log.warning("the dispatcher lost the database", reason=type(error).__name__)
        finally:
            self._woken.set()

    def _watch_over(self) -> None:
        """A black hole can swallow an answer of Postgres for ever: then the process ends and is started again."""
        patience_s = max(60.0, 10 * self._settings.sweep_s)
        while not self._stopped.wait(5):
            if time.monotonic() - self._turned_at > patience_s:
                log.error("the dispatcher is stuck; ending the process", waited_s=patience_s)
                self._end(STUCK_EXIT)
