"""Tells the server's coroutines when a case has changed: one LISTEN for all of them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from services.cases.settings import CasesSettings
from services.cases.store.database import connection_options
from services.runtime import logs

log = logs.get(__name__)


class CaseNews:
    """Events per case, set at each notice. Notices may be lost with a connection: waiters also look now and then."""

    def __init__(self, settings: CasesSettings) -> None:
        self._settings = settings
        self._events: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen from now on, in the running loop."""
        self._task = asyncio.create_task(self._listen_on())

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @asynccontextmanager
    async def of(self, case_id: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever the case changes; clear it before looking."""
        event = asyncio.Event()
        self._events[case_id].add(event)
        try:
            yield event
        finally:
            self._events[case_id].discard(event)
            if not self._events[case_id]:
                del self._events[case_id]

    async def _listen_on(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._settings.database, autocommit=True, **connection_options(self._settings)
                ) as connection:
                    await connection.execute("LISTEN ictogram_case")
                    self._tell_all()  # whatever happened while nobody listened
                    async for notice in connection.notifies():
                        for event in self._events.get(notice.payload, ()):
                            event.set()
            except psycopg.Error as error:
                log.warning("no notices of cases for now", reason=type(error).__name__)
                await asyncio.sleep(1)

    def _tell_all(self) -> None:
        for events in self._events.values():
            for event in events:
                event.set()
