"""Connections and transactions: on behalf of one site, or as the worker that crosses sites."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Self

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from schemas.errors import InvalidRequestError, PermissionDeniedError, UnavailableError
from services.cases.background import unobserved
from services.cases.settings import CasesSettings

Connection = psycopg.Connection[DictRow]


class Database:
    """A pool of connections. Every transaction states as whom it acts; row-level security does the rest."""

    def __init__(self, settings: CasesSettings, *, connections: int | None = None) -> None:
        self._settings = settings
        self._deadlines = _Deadlines(3 * settings.database_timeout_s)
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            settings.database,
            min_size=1,
            max_size=connections or settings.database_connections,
            timeout=settings.database_timeout_s,
            kwargs=connection_options(settings),
            configure=_configure(settings),
            check=self._check,
            reconnect_timeout=0,
            open=False,
        )

    def open(self) -> None:
        """Start connecting; the database may come later."""
        self._deadlines.start()
        self._pool.open()

    def close(self) -> None:
        """Close every connection."""
        self._deadlines.stop()
        self._pool.close(timeout=2)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def site(self, site_id: str) -> Iterator[Connection]:
        """A transaction that sees and writes one site's rows only.

        Raises PermissionDeniedError without a site, UnavailableError while Postgres cannot be reached.
        """
        if not site_id:
            raise PermissionDeniedError("the caller names no site; every call is made for one")
        try:
            with self._transaction("ictogram_site", site_id) as connection:
                yield connection
        except psycopg.DataError as error:
            # Its text quotes the value, which may name a patient.
            reason = type(error).__name__
            raise InvalidRequestError(f"a value of the request cannot be stored ({reason})") from None

    @contextlib.contextmanager
    def worker(self) -> Iterator[Connection]:
        """A transaction that crosses sites, for the journey and the dispatcher; UnavailableError as above."""
        with self._transaction("ictogram_worker", "") as connection:
            yield connection

    def _check(self, connection: Connection) -> None:
        with unobserved(), self._deadlines.of(connection):
            ConnectionPool.check_connection(connection)

    @contextlib.contextmanager
    def _transaction(self, role: str, site_id: str) -> Iterator[Connection]:
        with (
            _reachable(),
            self._pool.connection() as connection,
            self._deadlines.of(connection),
            connection.transaction(),
        ):
            connection.execute(
                "SELECT set_config('role', %s, true), set_config('ictogram.site', %s, true)", (role, site_id)
            )
            yield connection


class _Deadlines:
    """Cuts connections that have been busy for too long.

    A network that swallows packets while it keeps the connection open is noticed neither by Postgres nor by TCP; a
    thread would wait for its answer for ever.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._busy: dict[int, tuple[float, Connection]] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._watch, name="database-deadlines", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    @contextlib.contextmanager
    def of(self, connection: Connection) -> Iterator[None]:
        """The connection is busy meanwhile."""
        self._busy[id(connection)] = (time.monotonic() + self._limit_s, connection)
        try:
            yield
        finally:
            self._busy.pop(id(connection), None)

    def _watch(self) -> None:
        while not self._stopped.wait(self._limit_s / 10):
            now = time.monotonic()
            for until, connection in list(self._busy.values()):
                if now > until and not connection.closed:
                    _hang_up(connection)


def _hang_up(connection: Connection) -> None:
    """Shut the socket down beneath the connection: whoever waits on it gets an OperationalError."""
    with (
        contextlib.suppress(OSError, psycopg.OperationalError),  # it may end by itself at this very moment
        socket.socket(fileno=os.dup(connection.fileno())) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)


def connection_options(settings: CasesSettings) -> dict[str, Any]:
    """Options of every connection: a peer that went away without a word is noticed."""
    seconds = max(1, round(settings.database_timeout_s))
    return {
        "connect_timeout": max(2, seconds),
        "keepalives_idle": seconds,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": seconds * 1000,
        "row_factory": dict_row,
        "application_name": "ictogram",
    }


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    """A lost connection, a full pool, a deadlock or a timed-out statement can all be tried again."""
    try:
        yield
    except (psycopg.OperationalError, PoolTimeout, PoolClosed) as error:
        raise UnavailableError(
            "the database cannot be reached right now", details={"reason": type(error).__name__}
        ) from error


def _configure(settings: CasesSettings) -> Any:
    milliseconds = int(settings.database_timeout_s * 1000)

    def configure(connection: Connection) -> None:
        connection.execute(
            "SELECT set_config('search_path', 'cases', false), set_config('statement_timeout', %s, false),"
            " set_config('idle_in_transaction_session_timeout', %s, false)",
            (str(milliseconds), str(3 * milliseconds)),
        )
        connection.commit()

    return configure
