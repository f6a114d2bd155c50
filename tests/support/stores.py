"""A real Postgres and a real broker for tests: started once per test session, thrown away afterwards."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg

from services.launcher.broker import BrokerServer
from services.launcher.postgres import PostgresServer

OTHER_POSTGRES = "TEST_POSTGRES_PROGRAMS"
"""Environment variable with which the conformance tests run the tests of the store on another Postgres."""


def free_port() -> int:
    """A TCP port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A fresh Postgres that does not sync to disk; another version when `OTHER_POSTGRES` names its programs' folder."""
    other = os.environ.get(OTHER_POSTGRES)
    with tempfile.TemporaryDirectory(prefix="ictogram-pg-") as folder:
        server = PostgresServer(
            Path(folder) / "postgres", free_port(), durable=False, programs=Path(other) if other else None
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def running_broker() -> Iterator[BrokerServer]:
    """A fresh Valkey."""
    with tempfile.TemporaryDirectory(prefix="ictogram-broker-") as folder:
        server = BrokerServer(Path(folder) / "broker", free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def fresh_database(server: PostgresServer, template: str = "") -> Iterator[str]:
    """A new database (a copy of a template, which is quick); its connection string."""
    name = f"t_{uuid.uuid4().hex}"
    base = server.dsn.rpartition("/")[0]
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")
    yield f"{base}/{name}"
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
