from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from schemas.case import CaseStatus, StepName, StepStatus
from schemas.errors import LeaseLostError, StateConflictError, UnreadableMediaError
from services.cases import calls
from services.cases.settings import CasesSettings
from services.cases.store import cases, results, runs, steps, sweep
from services.cases.store.cases import CaseView
from services.cases.store.database import Database
from services.cases.store.steps import Claim
from tests.support.answers import answer

LEASE_S = 30.0
Open = Callable[..., str]
Ring = Callable[[], list[str]]


class Hand:
    """Takes and ends steps as a worker would, one at a time."""

    def __init__(self, database: Database, ring: Ring) -> None:
        self.database = database
        self.ring = ring

    def claim(self, step_id: str, lease_s: float = LEASE_S) -> Claim | None:
        with self.database.worker() as connection:
            return steps.claim(connection, step_id, lease_s)

    def take(self, kind: StepName, recording_id: str = "") -> Claim:
        self.ring()
        with self.database.worker() as connection:
            row = connection.execute(
                "SELECT id FROM step WHERE name = %s AND status = 'ready' AND (recording_id = %s OR %s = '')",
                (kind.value, recording_id, recording_id),
            ).fetchone()
        assert row is not None, f"no {kind} is ready"
        held = self.claim(str(row["id"]))
        assert held is not None
        return held

    def request(self, held: Claim) -> tuple[str, Any]:
        with self.database.worker() as connection:
            edition = results.edition(connection, held.run_id) if held.name is StepName.REPORT else None
            known = calls.Known(cases.load(connection, held.case_id), results.of_run(connection, held.run_id), edition)
        request = calls.build(held, known, f"file:///objects/{held.step_id}")
        return calls.key(held, request), request

    def finish(self, held: Claim, *, key: str = "") -> None:
        own_key, request = self.request(held)
        content = answer(held.name, request).SerializeToString()
        with self.database.worker() as connection:
            results.finish(connection, held, key or own_key, content, digest="d", reused=False, destinations=())

    def complete(self, recordings: int = 1) -> None:
        for kind in StepName:
            for number in range(1, recordings + 1):
                if kind in (StepName.LOCALIZATION, StepName.REPORT) and number > 1:
                    continue
                self.finish(self.take(kind))

    def view(self, case_id: str) -> CaseView:
        with self.database.worker() as connection:
            return cases.view(connection, case_id)

    def step(self, step_id: str) -> dict[str, Any]:
        with self.database.worker() as connection:
            row = connection.execute("SELECT * FROM step WHERE id = %s", (step_id,)).fetchone()
        assert row is not None
        return row


@pytest.fixture
def hand(database: Database, ring_all: Ring) -> Hand:
    return Hand(database, ring_all)


def test_a_case_walks_through_its_steps_to_a_report(hand: Hand, open_case: Open) -> None:
    case_id = open_case(recordings=2)
    assert hand.view(case_id).case.status is CaseStatus.QUEUED
    assert len(hand.view(case_id).steps) == 8

    hand.complete(recordings=2)

    view = hand.view(case_id)
    assert view.case.status is CaseStatus.REPORTED
    assert view.case.report_version == 1
    assert {step.status for step in view.steps} == {StepStatus.DONE}
    assert [(step.name.value, step.recording_id) for step in view.steps[:4]] == [
        ("intake", "r1"), ("segmentation", "r1"), ("semiology", "r1"), ("intake", "r2"),
    ]  # fmt: skip


def test_a_case_reads_back_as_it_was_sent(hand: Hand, database: Database) -> None:
    from dataclasses import replace

    from schemas.recording import AnchorSource, Box, ClockAnchor, EegAlignment, Tri
    from tests.services.cases.conftest import new_case

    sent = new_case(recordings=2)
    full = replace(
        sent.recordings[0],
        mirrored=Tri.YES,
        camera="phone",
        filmed_by="relative",
        consent_scope="care",
        anchors=(ClockAnchor(7, "2026-01-01T10:00:00+01:00", "Europe/Berlin", AnchorSource.USER, 500.0),),
        eeg=EegAlignment("eeg-1", 12.5, 3.0, 0.5),
        patient_box=Box(0.1, 0.2, 0.8, 0.9),
    )
    with database.worker() as connection:
        case_id, _ = cases.create(connection, replace(sent, recordings=(full, sent.recordings[1])), "", 3)

    case = hand.view(case_id).case

    assert case.recordings == (full, sent.recordings[1])
    assert (case.subject, case.order, case.priority) == (sent.subject, sent.order, sent.priority)
    assert case.context == replace(sent.context, version=1)


def test_a_claim_holds_until_its_lease_ends_and_counts_each_attempt(hand: Hand, open_case: Open) -> None:
    open_case()
    (step_id,) = hand.ring()
    first = hand.claim(step_id, lease_s=LEASE_S)
    assert first is not None
    assert hand.claim(step_id) is None
    with hand.database.worker() as connection:
        connection.execute("UPDATE step SET lease_until = now() - interval '1 s' WHERE id = %s", (step_id,))
    second = hand.claim(step_id)
    assert second is not None
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.lease_token != second.lease_token


def test_whoever_lost_the_lease_writes_nothing(hand: Hand, open_case: Open, database: Database) -> None:
    open_case()
    (step_id,) = hand.ring()
    stale = hand.claim(step_id, lease_s=-1)
    fresh = hand.claim(step_id)
    assert stale is not None
    assert fresh is not None
    before = hand.step(step_id)

    with database.worker() as connection:
        assert not steps.progress(connection, stale, LEASE_S, 0.9, "s", "m")
        assert not steps.give_back(connection, stale, 0.0, counted=True)
        assert not steps.fail(connection, stale, UnreadableMediaError())
    with pytest.raises(LeaseLostError):
        hand.finish(stale)

    assert hand.step(step_id) == before
    with database.worker() as connection:
        assert connection.execute("SELECT count(*) AS n FROM step_result").fetchone() == {"n": 0}


def test_the_first_result_under_a_key_stays(hand: Hand, open_case: Open, database: Database) -> None:
    open_case(name="same")
    first = hand.take(StepName.INTAKE)
    hand.finish(first, key="k")
    open_case()
    second = hand.take(StepName.INTAKE)
    hand.finish(second, key="k")

    with database.worker() as connection:
        rows = connection.execute("SELECT made_by::text FROM step_result WHERE key = 'k'").fetchall()
        assert [row["made_by"] for row in rows] == [first.step_id]
        content = results.of_run(connection, second.run_id)[StepName.INTAKE, "r1"]
        assert first.step_id.encode() in content, "the second run must use the stored result"
        connection.execute("RESET ROLE")
        with pytest.raises(psycopg.IntegrityError, match="never changed"):
            connection.execute("UPDATE cases.step_result SET digest = ''")


def test_two_recordings_that_end_together_do_not_miss_each_other(hand: Hand, open_case: Open) -> None:
    case_id = open_case(recordings=2)
    for kind in (StepName.INTAKE, StepName.SEGMENTATION):
        for recording_id in ("r1", "r2"):
            hand.finish(hand.take(kind, recording_id))
    last = [hand.take(StepName.SEMIOLOGY, recording_id) for recording_id in ("r1", "r2")]
    barrier = threading.Barrier(2)

    def end(held: Claim) -> None:
        barrier.wait()
        hand.finish(held)

    threads = [threading.Thread(target=end, args=(held,)) for held in last]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    localization = next(step for step in hand.view(case_id).steps if step.name is StepName.LOCALIZATION)
    assert localization.status is StepStatus.READY


def test_a_refund_takes_the_attempt_back_and_a_counted_return_does_not(
    hand: Hand, open_case: Open, database: Database
) -> None:
    open_case()
    held = hand.take(StepName.INTAKE)
    with database.worker() as connection:
        assert steps.give_back(connection, held, 0.0, counted=False)
    again = hand.take(StepName.INTAKE)
    assert (again.attempt, again.waits) == (1, 1)
    with database.worker() as connection:
        assert steps.give_back(connection, again, 0.0, counted=True)
    assert hand.take(StepName.INTAKE).attempt == 2


def test_a_pause_keeps_a_step_from_being_claimed(hand: Hand, open_case: Open, database: Database) -> None:
    open_case()
    held = hand.take(StepName.INTAKE)
    with database.worker() as connection:
        steps.give_back(connection, held, 60.0, counted=True)
    assert hand.ring() == []
    assert hand.claim(held.step_id) is None


def test_a_step_whose_worker_vanishes_each_time_fails_its_case(hand: Hand, open_case: Open, database: Database) -> None:
    case_id = open_case(max_attempts=2, recordings=2)
    (step_id, _) = sorted(hand.ring(), key=lambda one: hand.step(one)["recording_id"])
    for attempt in (1, 2):
        held = hand.claim(step_id, lease_s=-1)
        assert held is not None
        assert held.attempt == attempt
        with database.worker() as connection:
            assert sweep.expire(connection) == 1
    view = hand.view(case_id)
    assert view.case.status is CaseStatus.FAILED
    assert view.case.error_message == ("intake was tried 2 times and each time its worker vanished without a word")
    assert {step.status for step in view.steps} == {StepStatus.FAILED, StepStatus.CANCELLED}


def test_a_failed_step_fails_run_and_case_and_cancels_the_rest(hand: Hand, open_case: Open, database: Database) -> None:
    case_id = open_case(recordings=2)
    other = hand.take(StepName.INTAKE, "r2")
    held = hand.take(StepName.INTAKE, "r1")
    with database.worker() as connection:
        assert steps.fail(connection, held, UnreadableMediaError("the file ends after 12 bytes"))
        assert not steps.progress(connection, other, LEASE_S, 0.5, "", ""), "a call in flight must notice"
    view = hand.view(case_id)
    assert (view.case.status, view.case.error_code) == (CaseStatus.FAILED, "unreadable-media")
    assert view.case.error_message == "the file ends after 12 bytes"


def test_retry_goes_on_where_it_failed(hand: Hand, open_case: Open, database: Database) -> None:
    case_id = open_case(recordings=2)
    hand.finish(hand.take(StepName.INTAKE, "r1"))
    held = hand.take(StepName.SEGMENTATION, "r1")
    with database.worker() as connection:
        steps.fail(connection, held, UnreadableMediaError())
        runs.retry(connection, case_id)
    view = hand.view(case_id)
    states = {(step.name.value, step.recording_id): step.status for step in view.steps}
    assert view.case.status is CaseStatus.QUEUED
    assert view.case.error_code == ""
    assert states["intake", "r1"] is StepStatus.DONE
    assert states["segmentation", "r1"] is StepStatus.READY
    assert states["intake", "r2"] is StepStatus.READY
    assert states["report", ""] is StepStatus.WAITING
    with database.worker() as connection:
        pinned = connection.execute("SELECT pinned FROM run").fetchone()
    assert pinned == {"pinned": {"intake": "intake-1"}}, "an engine that did nothing yet may be replaced"


def test_cancel_stops_everything_and_only_what_runs(hand: Hand, open_case: Open, database: Database) -> None:
    case_id = open_case()
    held = hand.take(StepName.INTAKE)
    with database.worker() as connection:
        runs.cancel(connection, case_id)
    assert hand.view(case_id).case.status is CaseStatus.CANCELLED
    assert hand.claim(held.step_id) is None
    with pytest.raises(LeaseLostError):
        hand.finish(held)
    with database.worker() as connection, pytest.raises(StateConflictError, match="the case is cancelled"):
        runs.cancel(connection, case_id)
    with database.worker() as connection, pytest.raises(StateConflictError):
        runs.retry(connection, case_id)


def test_a_rerun_writes_the_next_version_and_keeps_the_old_run(hand: Hand, open_case: Open, database: Database) -> None:
    case_id = open_case()
    with database.worker() as connection, pytest.raises(StateConflictError):
        runs.rerun(connection, case_id, "", 3)
    hand.complete()
    first = hand.view(case_id).case
    with database.worker() as connection:
        runs.rerun(connection, case_id, "", 3)
    assert hand.view(case_id).case.report_version == 1, "the old report stays while the new run goes on"
    hand.complete()
    second = hand.view(case_id).case
    assert (first.report_version, second.report_version) == (1, 2)
    assert first.report_id == second.report_id
    with database.worker() as connection:
        old, _ = results.report_of(connection, case_id, 1)
        new, _ = results.report_of(connection, case_id, 0)
        assert old != new
        rows = connection.execute("SELECT number, status FROM run ORDER BY number").fetchall()
    assert [tuple(row.values()) for row in rows] == [(1, "reported"), (2, "reported")]


def test_the_database_allows_one_active_run_per_case(open_case: Open, database: Database) -> None:
    case_id = open_case()
    with database.worker() as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            "INSERT INTO run (site_id, case_id, number, status) VALUES ('site-a', %s, 2, 'queued')", (case_id,)
        )


def test_results_can_be_asked_for_in_sql(hand: Hand, open_case: Open, database: Database) -> None:
    open_case()
    hand.complete()
    with database.worker() as connection:
        rows = connection.execute(
            "SELECT f.sign, f.status, f.engine, o.side, o.onset_lo_s, e.onset_hi_s FROM finding f"
            " JOIN episode e ON e.run_id = f.run_id AND e.id = f.episode_id"
            " LEFT JOIN occurrence o ON o.run_id = f.run_id AND o.finding_id = f.id ORDER BY f.sign"
        ).fetchall()
        facts = connection.execute("SELECT facts ->> 'codec' AS codec FROM recording").fetchone()
    assert [tuple(row.values()) for row in rows] == [
        ("clonic", "present", "fake", "right", 3.0, 3.5),
        ("cough", "not_assessable", "", None, None, 3.5),
    ]
    assert facts == {"codec": "h264"}


def test_heartbeats_stay_hot(settings: CasesSettings, hand: Hand, open_case: Open) -> None:
    """No index on what heartbeats change, and room in the page: Postgres rewrites no index entry."""
    open_case()
    held = hand.take(StepName.INTAKE)
    with Database(settings, connections=1) as single:
        for number in range(200):
            with single.worker() as connection:
                assert steps.progress(connection, held, LEASE_S, number / 200, "work", "working")
                connection.execute("SELECT pg_stat_force_next_flush()")
        with single.worker() as connection:
            row = connection.execute(
                "SELECT n_tup_upd AS all, n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = 'step'"
            ).fetchone()
    assert row is not None
    assert row["all"] >= 200
    assert row["hot"] >= 0.9 * row["all"]
