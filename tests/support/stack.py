"""The embedded stack for tests: quick leases and sweeps, armed fail points, and a look into its store."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg.rows import dict_row

from schemas.errors import UnavailableError
from services.launcher.client import GatewayClient
from services.launcher.postgres import PostgresServer
from services.launcher.stack import EmbeddedStack
from tests.support.proxy import Proxy

QUICK = {
    "ICTOGRAM_PROGRESS_S": "0.5",
    "ICTOGRAM_SILENCE_S": "5",
    "ICTOGRAM_CASES_LEASE_S": "8",
    "ICTOGRAM_CASES_SWEEP_S": "0.2",
    "ICTOGRAM_CASES_RING_AGAIN_S": "2",
    "ICTOGRAM_CASES_BACKOFF_S": "0.2",
    "ICTOGRAM_CASES_BACKOFF_MAX_S": "1",
    "ICTOGRAM_CASES_MAX_ATTEMPTS": "6",
    "ICTOGRAM_CASES_GARBAGE_S": "1",
    "ICTOGRAM_CASES_GARBAGE_GRACE_S": "2",
    "ICTOGRAM_CASES_HEARTBEAT_S": "2",
    "ICTOGRAM_CASES_HEARTBEAT_LOST_S": "10",
    "ICTOGRAM_DELIVERY_HEARTBEAT_S": "2",
    "ICTOGRAM_DELIVERY_HEARTBEAT_LOST_S": "10",
}
"""Production waits tens of seconds before it gives something up for dead; a test has no such patience."""
PATIENCE_S = 120.0
"""How long a test waits for something that must happen; generous, because machines are shared."""


class StackUnderTest:
    """A running stack, its fail points and its store."""

    def __init__(self, stack: EmbeddedStack, failpoints: Path, proxies: Mapping[str, Proxy]) -> None:
        self.stack = stack
        self._failpoints = failpoints
        self.proxies = proxies
        """Proxies before the parts, by name; empty when there are none."""

    def arm(self, rules: str = "") -> None:
        """Arm fail points (``name=action@hit``) in every process of the running stack; counting starts anew."""
        Path(f"{self._failpoints}.counts").unlink(missing_ok=True)
        self._failpoints.write_text(rules, encoding="utf-8")

    def hits(self) -> dict[str, int]:
        """How often each fail point was passed since the last `arm`."""
        from services.runtime.failpoints import hits

        return hits(self._failpoints)

    @staticmethod
    def pause(seconds: float) -> None:
        """Let a fault last."""
        time.sleep(seconds)

    def client(self) -> GatewayClient:
        """A client of the gateway."""
        return self.stack.client()

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of the store, seen with the owner's eyes; asks again when Postgres goes away meanwhile."""

        def attempt() -> tuple[list[dict[str, Any]]] | None:
            try:
                with psycopg.connect(self.stack.postgres.dsn, row_factory=dict_row, autocommit=True) as connection:
                    connection.execute("SET search_path TO cases, public")
                    return (connection.execute(query, values).fetchall(),)
            except psycopg.OperationalError:
                return None

        return wait_for(attempt, "Postgres to answer", PATIENCE_S)[0]

    def submit(self, video: Path, *, order: str | None = None, patience_s: float = PATIENCE_S) -> str:
        """Upload a video and open a case; asks again, as a client does, when something dies meanwhile."""
        request_id = str(uuid.uuid4())
        order = order or f"order-{uuid.uuid4()}"
        body: dict[str, Any] = {"subject": {"identifier": "SYN-1"}, "order": {"identifier": order}}

        def attempt() -> str | None:
            with self.client() as client:
                try:
                    if "recordings" not in body:
                        body["recordings"] = [{"upload_id": client.upload(video), "mirrored": "no"}]
                    return str(client.create_case(body, request_id)["case"]["id"])
                except UnavailableError:
                    return None

        return wait_for(attempt, f"{video.name} to be taken", patience_s)

    def case(self, case_id: str) -> Mapping[str, Any] | None:
        """The case as the gateway shows it; none while the gateway is away."""
        with self.client() as client:
            try:
                return client.case(case_id)
            except UnavailableError:
                return None

    def case_is_possible(self) -> bool:
        """Whether the gateway and cases answer."""
        with self.client() as client:
            client.download("/cases")
        return True

    def wait(self, case_id: str, status: str = "reported", patience_s: float = PATIENCE_S) -> Mapping[str, Any]:
        """Wait until the case ends, and see that it ended as expected."""

        def ended() -> Mapping[str, Any] | None:
            view = self.case(case_id)
            return view if view and view["case"]["status"] in ("reported", "failed", "cancelled") else None

        view = wait_for(ended, f"case to end as {status}", patience_s)
        assert view["case"]["status"] == status, json.dumps(view, indent=1)
        return view

    def wait_delivered(self, case_id: str, patience_s: float = PATIENCE_S) -> Path:
        """Wait until the report stands in the destination folder; returns the version's folder."""
        self.wait(case_id, patience_s=patience_s)
        latest = self.rows(
            "SELECT r.id, v.version FROM report r JOIN report_version v ON v.report_id = r.id "
            "WHERE r.case_id = %s ORDER BY v.version DESC LIMIT 1",
            case_id,
        )
        report_id, version = latest[0]["id"], latest[0]["version"]
        target = self.stack.delivered / str(report_id) / f"v{version}"

        def delivered() -> bool:
            found = self.rows("SELECT status FROM delivery WHERE report_id = %s AND version = %s", report_id, version)
            return bool(found) and all(row["status"] == "delivered" for row in found)

        wait_for(delivered, "the delivery", patience_s)
        return target


@contextmanager
def running_stack(
    home: Path,
    environment: Mapping[str, str] | None = None,
    *,
    behind_proxies: bool = False,
    postgres_programs: Path | None = None,
) -> Iterator[StackUnderTest]:
    """A stack with quick settings and empty fail points, if wanted with a proxy before each listening part.

    `postgres_programs` is the folder of another Postgres' programs.
    """
    failpoints = home / "failpoints"
    home.mkdir(parents=True, exist_ok=True)
    failpoints.write_text("", encoding="utf-8")
    settings = {**QUICK, "ICTOGRAM_FAILPOINTS": f"@{failpoints}", **(environment or {})}
    stack = EmbeddedStack(home, environment=settings, durable=False)
    if postgres_programs is not None:
        port = stack.postgres.port
        stack.postgres = PostgresServer(stack.postgres.folder, port, durable=False, programs=postgres_programs)
    with ExitStack() as cleanup:
        proxies = {}
        if behind_proxies:
            ports = {name: int(address.rpartition(":")[2]) for name, address in stack.addresses.items()}
            ports |= {"postgres": stack.postgres.port, "broker": stack.broker.port}
            proxies = {name: cleanup.enter_context(Proxy("127.0.0.1", port)) for name, port in ports.items()}
            stack.postgres.prepare()
            stack.broker.prepare()
            stack.overrides.update(_addresses_of(stack, proxies))
        cleanup.enter_context(stack)
        yield StackUnderTest(stack, failpoints, proxies)


def _addresses_of(stack: EmbeddedStack, proxies: Mapping[str, Proxy]) -> dict[str, str]:
    broker = stack.broker.url.replace(str(stack.broker.port), str(proxies["broker"].port))
    return {
        **{f"ICTOGRAM_ADDRESS_{name.upper()}": proxies[name].address for name in stack.addresses},
        "ICTOGRAM_CASES_DATABASE": stack.postgres.dsn.replace(str(stack.postgres.port), str(proxies["postgres"].port)),
        "ICTOGRAM_CASES_BROKER": broker,
        "ICTOGRAM_DELIVERY_BROKER": broker,
    }


Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], what: str | Callable[[], str], patience_s: float = PATIENCE_S) -> Found:
    """The first truthy answer of `look`; fails the test when there is none in time. `what` may say what was missing."""
    deadline = time.monotonic() + patience_s
    while not (found := look()):
        if time.monotonic() >= deadline:
            pytest.fail(f"waited {patience_s:.0f} s for {what if isinstance(what, str) else what()}")
        time.sleep(0.1)
    return found
