"""Connections and transactions: on behalf of one site, or as the worker that crosses sites."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from schemas.errors import PermissionDeniedError, UnavailableError
from services.cases.settings import CasesSettings

Connection = psycopg.Connection[DictRow]


class Database:
    """A pool of connections. Every transaction states as whom it acts; row-level security does the rest."""

    def __init__(self, settings: CasesSettings, *, connections: int | None = None) -> None:
        self._settings = settings
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            settings.database,
            min_size=1,
            max_size=connections or settings.database_connections,
            timeout=settings.database_timeout_s,
            kwargs=connection_options(settings),
            configure=_configure(settings),
            check=ConnectionPool.check_connection,
            reconnect_timeout=0,
            open=False,
        )

    def open(self) -> None:
        """Start connecting; the database may come later."""
        self._pool.open()

    def close(self) -> None:
        """Close every connection."""
        self._pool.close(timeout=2)

    def __enter__(self) -> Database:
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
        with self._transaction("ictogram_site", site_id) as connection:
            yield connection

    @contextlib.contextmanager
    def worker(self) -> Iterator[Connection]:
        """A transaction that crosses sites, for the journey and the dispatcher; UnavailableError as above."""
        with self._transaction("ictogram_worker", "") as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, role: str, site_id: str) -> Iterator[Connection]:
        with _reachable(), self._pool.connection() as connection, connection.transaction():
            connection.execute(
                "SELECT set_config('role', %s, true), set_config('ictogram.site', %s, true)", (role, site_id)
            )
            yield connection


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
