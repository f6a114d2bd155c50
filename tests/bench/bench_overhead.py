"""What the system costs around the engines: cases over a tiny video with engines that look at nothing."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.launcher.client import GatewayClient
from services.launcher.stack import EmbeddedStack
from tests.bench import measure
from tests.bench.material import short_clip, twins
from tests.bench.measure import STEPS, Spent, timed
from tests.support.null_engines import SETTINGS
from tests.support.stack import wait_for

ALONE, QUEUED = 10, int(os.environ.get("BENCH_CASES", "100"))
BAR_S = 1.0
PATIENCE_S = 3000.0


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_overhead_and_throughput(tmp_path: Path) -> None:
    clip = short_clip(tmp_path)
    with measure.stack_as_delivered(tmp_path / "home", SETTINGS) as stack, stack.client() as client:
        bodies = [measure.upload(client, twin) for twin in twins(clip, tmp_path / "in", 1 + ALONE + QUEUED)]
        measure.follow(client, measure.open_case(client, bodies.pop()))  # the first one finds everything cold
        _show_alone(stack, client, bodies[:ALONE])
        _show_queue(stack, client, bodies[ALONE:])


def _show_alone(stack: EmbeddedStack, client: GatewayClient, bodies: list[dict[str, Any]]) -> None:
    """One case after the other."""
    before = measure.cpu_by_part(stack)
    spent: list[Spent] = []
    steps: list[Mapping[str, float]] = []
    for body in bodies:
        views: list[Mapping[str, Any]] = []
        spent.append(timed(lambda body=body, views=views: views.append(_journey(client, body))))  # type: ignore[misc]
        steps.append({step["name"]: float(step["elapsed_s"]) for step in views[0]["steps"]})
    used = {part: (cpu - before[part]) / len(bodies) for part, cpu in measure.cpu_by_part(stack).items()}
    elapsed = [one.elapsed_s for one in spent]
    print(f"\nnull engines, 2 s of 320x180, {len(bodies)} cases one after the other (bar {BAR_S} s each)")
    print(f"elapsed: median {statistics.median(elapsed):.2f} s, least {min(elapsed):.2f} s, most {max(elapsed):.2f} s")
    print("median steps: " + ", ".join(f"{name} {statistics.median(s[name] for s in steps):.2f} s" for name in STEPS))
    print(f"CPU per case, all parts together: {sum(used.values()):.2f} s, of which")
    print("  " + ", ".join(f"{part} {cpu:.2f}" for part, cpu in sorted(used.items(), key=lambda row: -row[1])))


def _journey(client: GatewayClient, body: Mapping[str, Any]) -> Mapping[str, Any]:
    return measure.follow(client, measure.open_case(client, body))


def _show_queue(stack: EmbeddedStack, client: GatewayClient, bodies: list[dict[str, Any]]) -> None:
    """All at once: the last third must not be slower than the first."""
    cases = [measure.open_case(client, body) for body in bodies]
    ends = wait_for(lambda: _ends(stack, cases), f"{len(cases)} cases to end", PATIENCE_S)
    third = len(ends) // 3
    first, last = third / (ends[third] - ends[0]), third / (ends[-1] - ends[-1 - third])
    print(f"{len(cases)} cases queued at once: all reported, {len(ends) / (ends[-1]):.2f} per second over all")
    print(f"throughput: first third {first:.2f}/s, last third {last:.2f}/s, last over first {last / first:.2f}")


def _ends(stack: EmbeddedStack, cases: list[str]) -> list[float] | None:
    """When each case was reported, seconds after the first was opened, in order; none while one is not."""
    with psycopg.connect(stack.postgres.dsn, autocommit=True) as connection:
        connection.execute("SET search_path TO cases, public")
        rows = connection.execute(
            "SELECT c.status, extract(epoch FROM r.finished_at - min(c.created_at) OVER ())::float8 "
            'FROM "case" c JOIN run r ON r.case_id = c.id WHERE c.id = ANY(%s::uuid[])',
            (cases,),
        ).fetchall()
    assert not [status for status, _ in rows if status in ("failed", "cancelled")]
    if len(rows) < len(cases) or any(status != "reported" for status, _ in rows):
        return None
    return sorted(float(end) for _, end in rows)
