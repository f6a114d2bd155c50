from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.case import Priority, StepName
from services.cases.store import sweep
from services.cases.store.database import Database

Open = Callable[..., str]


@pytest.fixture
def ring(database: Database) -> Callable[..., list[str]]:
    """Rings intake steps; returns the sites, in order, with a star for stat."""

    def make(slots: int, again_s: float = 60.0) -> list[str]:
        with database.worker() as connection:
            rung = sweep.ring(connection, StepName.INTAKE, slots=slots, digest="d1", again_s=again_s)
            sites = []
            for one in rung:
                row = connection.execute("SELECT site_id FROM step WHERE id = %s", (one.id,)).fetchone()
                assert row is not None
                sites.append(row["site_id"] + ("*" if one.priority == "stat" else ""))
            return sites

    return make


def test_no_more_is_rung_than_slots_are_free(open_case: Open, ring: Callable[..., list[str]]) -> None:
    for _ in range(5):
        open_case(priority=Priority.STAT)
    assert len(ring(2)) == 2
    assert ring(2) == [], "both slots are spoken for"
    assert len(ring(3)) == 1


def test_a_ring_that_nobody_answered_is_repeated(open_case: Open, ring: Callable[..., list[str]]) -> None:
    open_case()
    assert len(ring(1)) == 1
    assert len(ring(1, again_s=0.0)) == 1


def test_stat_goes_before_batch(open_case: Open, ring: Callable[..., list[str]]) -> None:
    for _ in range(3):
        open_case(site="a")
    open_case(site="b", priority=Priority.STAT)
    assert ring(3) == ["b*", "a", "a"]


def test_a_slot_is_kept_for_stat(open_case: Open, ring: Callable[..., list[str]]) -> None:
    for _ in range(3):
        open_case(site="a")
    assert ring(3) == ["a", "a"]
    assert ring(3) == []
    open_case(site="a", priority=Priority.STAT)
    assert ring(3) == ["a*"]


def test_batch_may_take_the_only_slot(open_case: Open, ring: Callable[..., list[str]]) -> None:
    open_case()
    assert len(ring(1)) == 1


def test_sites_take_turns_however_long_their_queues_are(
    open_case: Open, ring: Callable[..., list[str]], database: Database
) -> None:
    for _ in range(4):
        open_case(site="large")
    for site in ("small", "tiny"):
        open_case(site=site)
    served: list[str] = []
    while chosen := ring(1):
        served += chosen
        with database.worker() as connection:
            connection.execute("UPDATE step SET status = 'cancelled' WHERE rung_at IS NOT NULL AND status = 'ready'")
    assert served[:3] == ["large", "small", "tiny"]
    assert served[3:] == ["large"] * 3


def test_a_run_expects_the_engine_it_was_first_rung_for(open_case: Open, database: Database) -> None:
    open_case(recordings=2)
    with database.worker() as connection:
        assert len(sweep.ring(connection, StepName.INTAKE, slots=1, digest="old", again_s=60.0)) == 1
        assert len(sweep.ring(connection, StepName.INTAKE, slots=3, digest="new", again_s=60.0)) == 1
        assert connection.execute("SELECT pinned FROM run").fetchone() == {"pinned": {"intake": "old"}}


def test_upkeep_can_be_repeated(database: Database) -> None:
    for _ in range(2):
        with database.worker() as connection:
            assert sweep.partitions(connection) == []
            sweep.forget_requests(connection)
    with database.worker() as connection:
        rows = connection.execute(
            "SELECT inhparent::regclass::text AS parent, count(*) AS n FROM pg_inherits"
            " WHERE inhparent IN ('audit'::regclass, 'progress_log'::regclass) GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert [tuple(row.values()) for row in rows] == [("audit", 5), ("progress_log", 5)]
