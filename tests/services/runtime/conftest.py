"""Real servers and channels on free ports of this machine."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psutil
import pytest
from ictogram.intake.v1 import intake_pb2, intake_pb2_grpc
from ictogram.work.v1 import work_pb2

from services.runtime import server
from services.runtime.compute import ComputePool
from services.runtime.settings import RuntimeSettings

ResultT = TypeVar("ResultT")
Behaviour = Callable[[Any, Any], AsyncGenerator[Any, None]]
SLACK_S = 60.0
"""Far more than anything takes, so that only a hang fails."""
DESCRIPTOR = intake_pb2.DESCRIPTOR.services_by_name["IntakeService"]


@dataclass
class Servicer(intake_pb2_grpc.IntakeServiceServicer):  # type: ignore[misc]  # generated without types
    """An intake service whose two methods are given by the test."""

    info: Callable[[Any, Any], Awaitable[Any]] | None = None
    ingest: Behaviour | None = None
    seen: list[dict[str, str]] = field(default_factory=list)
    """Metadata of every call."""

    async def GetInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.seen.append({key: str(value) for key, value in context.invocation_metadata()})
        return await self.info(request, context) if self.info else work_pb2.ServiceInfo(service="intake")

    async def Ingest(self, request: Any, context: Any) -> AsyncGenerator[Any, None]:  # noqa: N802
        assert self.ingest is not None
        async for response in self.ingest(request, context):
            yield response


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that only looking can tell."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def ended(pid: int) -> None:
    """Wait until a process is gone or a zombie."""
    await until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


class Loop:
    """An event loop in a thread of its own, in which a test's servers live."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, SLACK_S), self.loop).result()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    running = Loop()
    yield running
    running.close()


@pytest.fixture(scope="module")
def pool(loop: Loop) -> Iterator[ComputePool]:
    """Two warm slots that the tests of a module share: starting children is what costs."""
    shared = ComputePool(2, service="intake")
    loop.run(shared.start())
    yield shared
    loop.run(shared.close())


@dataclass
class Running:
    """A server and where it is."""

    server: server.Server
    servicer: Servicer

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"


@pytest.fixture
def start(loop: Loop) -> Iterator[Callable[..., Running]]:
    """Start servers; they are stopped after the test."""
    running: list[Running] = []

    def start_one(servicer: Servicer | None = None, listen: str = "127.0.0.1:0", **settings: Any) -> Running:
        async def build() -> Running:
            chosen = servicer or Servicer()
            add = intake_pb2_grpc.add_IntakeServiceServicer_to_server
            made = server.Server(
                [server.Registration(DESCRIPTOR, add, chosen)],
                RuntimeSettings(**{"stop_grace_s": 0.2} | settings),
                listen,
            )
            await made.start()
            return Running(made, chosen)

        running.append(loop.run(build()))
        return running[-1]

    yield start_one
    for each in running:
        loop.run(each.server.stop())


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A throw-away certificate for localhost that signs itself, as settings."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(private)
    cert = str(folder / "cert.pem")
    return {"tls_ca": cert, "tls_cert": cert, "tls_key": str(folder / "key.pem")}
