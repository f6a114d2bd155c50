"""Random histories of two workers, a dispatcher and a clock that runs leases out, on a real Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from schemas.case import CaseStatus, StepName, StepStatus
from schemas.errors import LeaseLostError, UnreadableMediaError
from services.cases import calls, machine
from services.cases.store import cases, results, runs, steps, sweep
from services.cases.store.database import Database
from services.cases.store.steps import Claim
from tests.services.cases.conftest import new_case
from tests.support.answers import answer

WORKERS = st.sampled_from(("one", "two"))
FIELDS = "status, attempt, lease_token, fraction, key, error_code"


@dataclass
class Held:
    """What a worker believes to hold, and whether the database agrees."""

    claim: Claim
    stale: bool = False


class StoreMachine(RuleBasedStateMachine):
    """Two workers on one case of two recordings; every message may come late, twice or never."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        with self.database.worker() as connection:
            self.case_id, _ = cases.create(connection, new_case(recordings=2), "", 2)
        self.workers: dict[str, list[Held]] = {"one": [], "two": []}
        self.before: dict[str, str] = {}
        self.results: dict[str, bytes] = {}

    # --- what happens ---------------------------------------------------------------------------------------------

    @rule(worker=WORKERS, choice=st.integers(0, 7), rung=st.booleans())
    def claim(self, worker: str, choice: int, rung: bool) -> None:
        """A message arrives: rung just now, or an old one for any step."""
        if rung:
            with self.database.worker() as connection:
                for kind in StepName:
                    sweep.ring(connection, kind, slots=4, digest=f"{kind}-1", again_s=0.0)
        ids = list(self._rows())
        step_id = ids[choice % len(ids)]
        with self.database.worker() as connection:
            held = steps.claim(connection, step_id, 600.0)
        if held is not None:
            for other in self._held():
                other.stale = other.stale or other.claim.step_id == step_id
            self.workers[worker].append(Held(held))

    @rule(worker=WORKERS, data=st.data())
    def heartbeat(self, worker: str, data: st.DataObject) -> None:
        held = self._pick(worker, data)
        if held is not None:
            with self.database.worker() as connection:
                wrote = steps.progress(connection, held.claim, 600.0, 0.5, "work", "working")
            assert wrote == (not held.stale)

    @rule(worker=WORKERS, data=st.data())
    def finish(self, worker: str, data: st.DataObject) -> None:
        held = self._pick(worker, data)
        if held is None:
            return
        try:
            self._finish(held.claim)
        except LeaseLostError:
            assert held.stale
        else:
            assert not held.stale
        held.stale = True

    @rule(worker=WORKERS, data=st.data(), counted=st.booleans())
    def give_back(self, worker: str, data: st.DataObject, counted: bool) -> None:
        held = self._pick(worker, data)
        if held is not None:
            with self.database.worker() as connection:
                wrote = steps.give_back(connection, held.claim, 0.0, counted=counted)
            assert wrote == (not held.stale)
            held.stale = True

    @rule(worker=WORKERS, data=st.data())
    def fail(self, worker: str, data: st.DataObject) -> None:
        held = self._pick(worker, data)
        if held is not None:
            with self.database.worker() as connection:
                wrote = steps.fail(connection, held.claim, UnreadableMediaError())
            assert wrote == (not held.stale)
            self._lose_all()

    @rule(choice=st.integers(0, 7))
    def run_out(self, choice: int) -> None:
        """The clock passes a lease."""
        ids = list(self._rows())
        with self.database.worker() as connection:
            connection.execute(
                "UPDATE step SET lease_until = now() - interval '1 s' WHERE id = %s AND status = 'running'",
                (ids[choice % len(ids)],),
            )

    @rule()
    def sweep(self) -> None:
        with self.database.worker() as connection:
            due = connection.execute(
                "SELECT id::text FROM step WHERE status = 'running' AND lease_until < now()"
            ).fetchall()
            assert sweep.expire(connection) == len(due)
        for held in self._held():
            held.stale = held.stale or held.claim.step_id in {row["id"] for row in due}
        if self._case().status is CaseStatus.FAILED:
            self._lose_all()

    @precondition(lambda self: self._case().status in machine.ACTIVE)
    @rule(sure=st.integers(0, 5))
    def cancel(self, sure: int) -> None:
        if sure == 0:
            with self.database.worker() as connection:
                runs.cancel(connection, self.case_id)
            self._lose_all()

    @precondition(lambda self: self._case().status is CaseStatus.FAILED)
    @rule()
    def retry(self) -> None:
        with self.database.worker() as connection:
            runs.retry(connection, self.case_id)
        self._note_moves()

    @precondition(lambda self: self._case().status not in machine.ACTIVE)
    @rule()
    def rerun(self) -> None:
        with self.database.worker() as connection:
            runs.rerun(connection, self.case_id, "", 2)

    # --- what must hold -------------------------------------------------------------------------------------------

    @invariant()
    def only_legal_moves(self) -> None:
        self._note_moves()

    @invariant()
    def one_result_per_key_and_it_never_changes(self) -> None:
        with self.database.worker() as connection:
            rows = connection.execute("SELECT key, content FROM step_result").fetchall()
        for row in rows:
            assert self.results.setdefault(row["key"], bytes(row["content"])) == bytes(row["content"])

    @invariant()
    def reports_match_runs(self) -> None:
        with self.database.worker() as connection:
            rows = connection.execute(
                "SELECT r.status, v.version FROM run r LEFT JOIN report_version v ON v.run_id = r.id"
                " WHERE r.case_id = %s ORDER BY r.number",
                (self.case_id,),
            ).fetchall()
        assert all((row["status"] == "reported") == (row["version"] is not None) for row in rows)
        versions = [row["version"] for row in rows if row["version"] is not None]
        assert versions == list(range(1, len(versions) + 1))

    @invariant()
    def nobody_tries_more_often_than_allowed(self) -> None:
        with self.database.worker() as connection:
            row = connection.execute("SELECT count(*) AS n FROM step WHERE attempt > max_attempts OR attempt < 0")
            assert row.fetchone() == {"n": 0}

    def teardown(self) -> None:
        """Whatever happened, a patient worker brings the case to an end."""
        for _ in range(200):
            if self._case().status not in machine.ACTIVE:
                break
            with self.database.worker() as connection:
                connection.execute("UPDATE step SET lease_until = now() - interval '1 s' WHERE status = 'running'")
                sweep.expire(connection)
                rung = [
                    found.id
                    for kind in StepName
                    for found in sweep.ring(connection, kind, slots=9, digest=f"{kind}-1", again_s=0.0)
                ]
            for step_id in rung:
                with self.database.worker() as connection:
                    held = steps.claim(connection, step_id, 600.0)
                if held is not None:
                    self._finish(held)
        assert self._case().status not in machine.ACTIVE
        with self.database.worker() as connection:
            connection.execute("RESET ROLE")
            connection.execute("TRUNCATE cases.site CASCADE")

    # --- helpers --------------------------------------------------------------------------------------------------

    def _finish(self, held: Claim) -> None:
        with self.database.worker() as connection:
            edition = results.edition(connection, held.run_id) if held.name is StepName.REPORT else None
            known = calls.Known(cases.load(connection, held.case_id), results.of_run(connection, held.run_id), edition)
        # Another place for each attempt, as in life: two attempts never write the same bytes.
        request = calls.build(held, known, f"file:///objects/{held.lease_token}")
        key = calls.key(held, request)
        with self.database.worker() as connection:
            stored = results.find(connection, held.site_id, key)
        content = stored if stored is not None else answer(held.name, request).SerializeToString()
        with self.database.worker() as connection:
            results.finish(connection, held, key, content, digest="d", reused=stored is not None, destinations=())

    def _held(self) -> Iterator[Held]:
        for held in self.workers.values():
            yield from held

    def _lose_all(self) -> None:
        for held in self._held():
            held.stale = True

    def _pick(self, worker: str, data: st.DataObject) -> Held | None:
        held = self.workers[worker]
        return data.draw(st.sampled_from(held)) if held else None

    def _case(self) -> Any:
        with self.database.worker() as connection:
            return cases.load(connection, self.case_id)

    def _rows(self) -> dict[str, str]:
        with self.database.worker() as connection:
            rows = connection.execute(
                "SELECT s.id::text, s.status FROM step s JOIN run r ON r.id = s.run_id WHERE s.case_id = %s"
                " ORDER BY r.number DESC, s.name, s.recording_id",
                (self.case_id,),
            )
            return {row["id"]: row["status"] for row in rows}

    def _note_moves(self) -> None:
        after = self._rows()
        for step_id, status in self.before.items():
            assert reachable(StepStatus(status), StepStatus(after[step_id])), f"{status} -> {after[step_id]}"
        self.before = after


def reachable(before: StepStatus, after: StepStatus) -> bool:
    """Whether the state table leads from one to the other within what one rule may do."""
    if before is after:
        return True
    near = machine.STEP_MOVES[before]
    return after in near or any(after in machine.STEP_MOVES[between] for between in near)


def test_done_is_final() -> None:
    assert not any(reachable(StepStatus.DONE, other) for other in StepStatus if other is not StepStatus.DONE)


@pytest.mark.parametrize("examples", [6, pytest.param(40, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_random_histories(database: Database, examples: int) -> None:
    class Machine(StoreMachine):
        pass

    Machine.database = database
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
