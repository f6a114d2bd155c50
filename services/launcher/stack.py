"""The embedded stack: all of ictogram on one machine, with nothing installed but Python packages."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

from schemas.errors import InvalidRequestError, StateConflictError, UnavailableError
from services.launcher.broker import BrokerServer
from services.launcher.client import GatewayClient
from services.launcher.postgres import PostgresServer
from services.launcher.supervisor import ProcessSpec, Supervisor, wait_until

COMPUTE_SERVICES = ("intake", "segmentation", "semiology", "localization", "report", "monitoring")
"""gRPC services that compute."""
START_TIMEOUT_S = 180.0
"""Generous: a cold machine reads several hundred megabytes of packages first."""
PARTS = {
    **{name: ("serve", name) for name in (*COMPUTE_SERVICES, "cases", "gateway")},
    "worker": ("work", "journey"),
    "delivery": ("work", "delivery"),
}
"""Process name and the arguments of ``ictogram`` that run it."""


FOLDER_DESTINATION = {
    "id": "folder",
    "kind": "folder",
    "release": "preliminary",
    "owner": "whoever runs the embedded stack",
}
"""The embedded stack hands unsigned reports to its own user, marked UNSIGNED."""


class EmbeddedStack:
    """Every process of ictogram under one supervisor.

    `home` keeps the database, the objects, the logs and the token; a second stack on the same home is refused.
    `gateway_port` 0 takes a free one. `environment` adds or overrides settings. With ``durable=False`` Postgres does
    not sync to disk (for tests: survives killed processes, not a power cut).
    """

    def __init__(
        self,
        home: Path,
        *,
        gateway_port: int = 0,
        environment: Mapping[str, str] | None = None,
        durable: bool = True,
    ) -> None:
        self.home = home.resolve()
        self.supervisor = Supervisor()
        ports = _free_ports(len(COMPUTE_SERVICES) + 4)
        self.gateway_port = gateway_port or ports.pop()
        self.postgres = PostgresServer(self.home / "postgres", ports.pop(), durable=durable)
        self.broker = BrokerServer(self.home / "broker", ports.pop())
        self.addresses: Mapping[str, str] = {name: f"127.0.0.1:{ports.pop()}" for name in (*COMPUTE_SERVICES, "cases")}
        self.overrides = dict(environment or {})
        """Settings that win over the stack's own; change them before `start`."""
        self._lock: IO[str] | None = None

    @property
    def url(self) -> str:
        """Base address of the gateway."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def token(self) -> str:
        """The local bearer token, new at each start."""
        return self._token_path.read_text(encoding="ascii").strip()

    @property
    def link(self) -> str:
        """Address that opens the browser page once, with the token in it."""
        return f"{self.url}/?token={self.token}"

    @property
    def logs(self) -> Path:
        """Folder with one log file per process."""
        return self.home / "logs"

    @property
    def delivered(self) -> Path:
        """Folder that the embedded destination writes to."""
        return self.home / "delivered"

    @property
    def _token_path(self) -> Path:
        return self.home / "token"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def client(self) -> GatewayClient:
        """A client of this stack's gateway."""
        return GatewayClient(self.url, self.token)

    def start(self) -> None:
        """Start everything and wait until the gateway says that all of it is ready.

        Raises StateConflictError: another stack runs on this home, or the port is taken. UnavailableError: a part did
        not start.
        """
        self._prepare_home()
        self._start_stores()
        for name in PARTS:
            self.supervisor.start(self._part(name))
        for name, address in self.addresses.items():
            self._await(name, functools.partial(_is_serving, address))
        self._await("gateway", self._gateway_ready)

    def stop(self) -> None:
        """Stop everything; nothing is left behind."""
        self.supervisor.stop(list(PARTS))
        self.supervisor.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def environment(self) -> dict[str, str]:
        """The whole environment of the parts: every setting that differs from the defaults."""
        settings = {
            "ICTOGRAM_OBJECT_STORE": (self.home / "objects").as_uri(),
            "ICTOGRAM_CASES_DATABASE": self.postgres.dsn,
            "ICTOGRAM_CASES_BROKER": self.broker.url,
            "ICTOGRAM_CASES_DESTINATIONS": json.dumps([FOLDER_DESTINATION]),
            "ICTOGRAM_GATEWAY_PORT": str(self.gateway_port),
            "ICTOGRAM_GATEWAY_UPLOAD_DIR": str(self.home / "uploads"),
            "ICTOGRAM_GATEWAY_LOCAL_TOKEN_FILE": str(self._token_path),
            "ICTOGRAM_DELIVERY_BROKER": self.broker.url,
            "ICTOGRAM_DELIVERY_FOLDER": str(self.delivered),
        }
        settings |= {f"ICTOGRAM_ADDRESS_{name.upper()}": address for name, address in self.addresses.items()}
        return {**os.environ, **settings, **self.overrides}

    def _prepare_home(self) -> None:
        try:
            for folder in (self.home, self.logs, self.home / "objects", self.home / "uploads", self.delivered):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = (self.home / "lock").open("w")
        except OSError as error:
            raise InvalidRequestError(
                f"the stack cannot live in {self.home}: {error.strerror} ({error.filename}); use another --home"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateConflictError(
                f"another stack already runs on {self.home}; stop it, or use another --home"
            ) from None
        if _port_taken(self.gateway_port):
            raise StateConflictError(
                f"port {self.gateway_port} is taken; choose another with --port, or 0 for a free one"
            )
        for stale in (self._token_path, self._token_path.with_name("token.used")):
            stale.unlink(missing_ok=True)

    def _start_stores(self) -> None:
        self.postgres.prepare()
        self.broker.prepare()
        self.supervisor.start(self._spec("postgres", self.postgres.argv(), signal.SIGINT))
        self.supervisor.start(self._spec("broker", self.broker.argv(), signal.SIGTERM))
        self._await("postgres", self.postgres.ready)
        self.postgres.create_database()
        self._migrate()
        self._await("broker", self.broker.ready)

    def _migrate(self) -> None:
        from services.cases.migrate import migrate

        migrate(self.postgres.dsn)

    def _part(self, name: str) -> ProcessSpec:
        healthy: Callable[[], bool] | None = self._gateway_alive if name == "gateway" else None
        own: dict[str, str] = {}
        if name in self.addresses:
            healthy = functools.partial(_answers, self.addresses[name])
            own = {"ICTOGRAM_LISTEN": self.addresses[name]}
        argv = [sys.executable, "-m", "services.launcher", *PARTS[name]]
        return self._spec(name, argv, signal.SIGTERM, healthy, own)

    def _spec(
        self,
        name: str,
        argv: list[str],
        stop: signal.Signals,
        healthy: Callable[[], bool] | None = None,
        own: Mapping[str, str] | None = None,
    ) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            argv=argv,
            environment={**self.environment(), **(own or {})},
            log_path=self.logs / f"{name}.log",
            stop_signal=stop,
            healthy=healthy,
        )

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        def alive() -> bool:
            return all(self.supervisor.restarts(part) < 3 for part in self.supervisor.names())

        try:
            wait_until(ready, name, START_TIMEOUT_S, alive)
        except UnavailableError as error:
            struggling = [part for part in self.supervisor.names() if self.supervisor.restarts(part)]
            raise UnavailableError(f"{error.message} ({', '.join(struggling) or name}; logs in {self.logs})") from None

    def _gateway_ready(self) -> bool:
        return self._gateway_says("/health/ready")

    def _gateway_alive(self) -> bool:
        return self._gateway_says("/health/live")

    def _gateway_says(self, path: str) -> bool:
        try:
            return httpx.get(f"{self.url}{path}", timeout=5).is_success
        except httpx.TransportError:
            return False


def _is_serving(address: str) -> bool:
    """Whether the gRPC service at an address says that it is ready (grpc.health.v1)."""
    from grpc_health.v1 import health_pb2

    return bool(_health(address) == health_pb2.HealthCheckResponse.SERVING)


def _answers(address: str) -> bool:
    """Whether it answers at all: one that lacks its database says so, and to kill it for that would help nobody."""
    return _health(address) is not None


def _health(address: str) -> int | None:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(address) as channel:
        try:
            return int(health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2).status)
        except grpc.RpcError:
            return None


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; all are held open together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for holder in sockets:
            holder.bind(("127.0.0.1", 0))
        return [int(holder.getsockname()[1]) for holder in sockets]
    finally:
        for holder in sockets:
            holder.close()


def _port_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
