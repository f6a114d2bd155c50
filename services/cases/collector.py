"""The collector: deletes stored objects that nothing refers to any more, or whose retention is over, in two phases.

Several processes may collect at once: every phase can be repeated, and a row decides what may happen to its object. A
process that dies anywhere leaves work for the next look, never an object that a row still counts on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

import psycopg

from schemas.errors import IctogramError
from services.cases.background import unobserved
from services.cases.settings import CasesSettings
from services.cases.store import garbage
from services.cases.store.database import Connection, Database
from services.cases.store.garbage import Retention
from services.runtime import failpoints, logs
from services.runtime.objects import ObjectStore

ValueT = TypeVar("ValueT")
ArgumentsT = ParamSpec("ArgumentsT")
BATCH = 500
"""Objects that one transaction looks at."""
LEFTOVER_S = 24 * 3600.0
"""What a killed writer left half written is removed after this; no writer is silent for so long."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Collected:
    """What one look did."""

    condemned: int
    absolved: int
    deleted: int
    leftovers: int


class Collector:
    """A thread of the cases server."""

    def __init__(self, settings: CasesSettings, database: Database, store: ObjectStore) -> None:
        self._settings = settings
        self._database = database
        self._store = store
        self._retention = Retention(
            settings.retain_source_days, settings.retain_derived_days, settings.retain_report_days
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._collect_for_ever, name="collector", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the object at hand."""
        self._stopped.set()
        self._thread.join(5)

    def collect(self) -> Collected:
        """One look at everything. Raises UnavailableError when the database or the store goes away meanwhile."""
        scrap = self._tidy_runs()
        condemned, absolved = self._mark()
        self._doom()
        failpoints.hit("cases.garbage.doomed_before_delete")
        deleted = self._delete()
        leftovers = self._store.remove_leftovers(LEFTOVER_S)
        return Collected(condemned + scrap, absolved, deleted, leftovers)

    def _tidy_runs(self) -> int:
        """Condemn what interrupted steps of ended runs have left."""
        grace_s, scrap = self._settings.garbage_grace_s, 0
        while ended := self._do(garbage.untidied, grace_s, BATCH):
            for run in ended:
                if self._stopped.is_set():
                    return scrap
                found = self._store.under(self._store.join("", run.site_id, run.case_id, run.id))
                scrap += self._do(garbage.tidy, run, found)
        return scrap

    def _mark(self) -> tuple[int, int]:
        condemned = absolved = 0
        after = ""
        while not self._stopped.is_set():
            seen = self._do(garbage.mark, self._retention, after, BATCH)
            condemned, absolved, after = condemned + seen.condemned, absolved + seen.absolved, seen.last
            if not after:
                break
        return condemned, absolved

    def _doom(self) -> None:
        grace_s = self._settings.garbage_grace_s
        while not self._stopped.is_set():
            if self._do(garbage.doom, self._retention, grace_s, BATCH) < BATCH:
                return

    def _delete(self) -> int:
        """Delete what is doomed, also what an earlier process could not finish; one that fails does not stop others."""
        deleted, after = 0, ""
        while not self._stopped.is_set():
            uris = self._do(garbage.doomed, after, BATCH)
            gone = [uri for uri in uris if self._delete_one(uri)]
            failpoints.hit("cases.garbage.deleted_before_noted")
            if gone:
                self._do(garbage.bury, gone)
            deleted += len(gone)
            if len(uris) < BATCH:
                break
            after = uris[-1]
        return deleted

    def _delete_one(self, uri: str) -> bool:
        if self._stopped.is_set():
            return False
        try:
            self._store.delete(uri)
        except IctogramError as error:
            log.warning("an object could not be deleted; it is tried again", code=error.code, error=error.message)
            return False
        return True

    def _do(
        self,
        work: Callable[Concatenate[Connection, ArgumentsT], ValueT],
        *args: ArgumentsT.args,
        **more: ArgumentsT.kwargs,
    ) -> ValueT:
        """One transaction."""
        with self._database.worker() as connection:
            return work(connection, *args, **more)

    def _collect_for_ever(self) -> None:
        while not self._stopped.is_set():
            try:
                with unobserved():
                    done = self.collect()
            except (psycopg.Error, IctogramError) as error:
                log.warning("collecting garbage interrupted", reason=type(error).__name__)
            except Exception:  # the collector must outlive what nobody thought of
                log.exception("collecting garbage interrupted by a fault")
            else:
                if done != Collected(0, 0, 0, 0):
                    log.info("garbage collected", due=done.condemned, count=done.deleted)
            self._stopped.wait(self._settings.garbage_s)
