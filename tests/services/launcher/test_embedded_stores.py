from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from schemas.errors import UnavailableError
from services.launcher.broker import BrokerServer
from services.launcher.postgres import PostgresServer
from tests.support.stores import free_port

OWNER = """
import sys, time
from pathlib import Path
from services.launcher.broker import BrokerServer
from services.launcher.postgres import PostgresServer
folder = Path(sys.argv[1])
postgres = PostgresServer(folder / "postgres", int(sys.argv[2]), durable=False)
servers = postgres, BrokerServer(folder / "broker", int(sys.argv[3]))
for server in servers:
    server.start()
print(*(server._process.pid for server in servers), flush=True)
time.sleep(600)
"""


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still there: {[pid for pid in pids if not gone(pid)]}"
        time.sleep(0.1)


def test_both_leave_when_their_owner_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), str(free_port()), str(free_port())],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert owner.stdout is not None
    pids = [int(word) for word in owner.stdout.readline().split()]
    assert len(pids) == 2
    owner.kill()
    owner.wait()
    owner.stdout.close()
    wait_until_gone(pids)


def test_data_outlive_a_kill_and_a_leftover_server_is_replaced(tmp_path: Path) -> None:
    first = PostgresServer(tmp_path, free_port(), durable=False)
    first.start()
    with psycopg.connect(first.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    leftover = first._process
    assert leftover is not None
    second = PostgresServer(tmp_path, free_port(), durable=False)
    second.start()
    assert leftover.wait(20) is not None
    second.kill()
    second.start()
    with psycopg.connect(second.dsn) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
    second.stop()


def test_nobody_gets_in_without_the_password(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", free_port(), durable=False)
    broker = BrokerServer(tmp_path / "broker", free_port())
    server.start()
    broker.start()
    try:
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://ictogram@127.0.0.1:{server.port}/ictogram")
        (tmp_path / "broker" / "password").write_text("wrong", encoding="ascii")
        assert not broker.ready()
        for secret in (server.folder, server.folder / "password", broker.folder / "password"):
            assert secret.stat().st_mode & 0o077 == 0
    finally:
        server.stop()
        broker.stop()


def test_a_server_that_cannot_start_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.launcher.postgres.STARTS", 1)
    first = PostgresServer(tmp_path / "one", free_port(), durable=False)
    first.start()
    try:
        with pytest.raises(UnavailableError, match=r"postgres\.log says why"):
            PostgresServer(tmp_path / "two", first.port, durable=False).start()
    finally:
        first.stop()
