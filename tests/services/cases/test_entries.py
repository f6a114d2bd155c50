"""What people enter: added, never changed; a read is its reader's until it is closed, and then nobody's."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest
from ictogram.cases.v1 import cases_pb2 as pb
from ictogram.model.v1 import recording_pb2, semiology_pb2

from schemas.errors import (
    AlreadyExistsError,
    IctogramError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    StateConflictError,
)
from schemas.recording import Interval
from schemas.semiology import Author, EpisodeSource
from services.cases.settings import CasesSettings
from services.cases.store import entries
from services.cases.store.database import Database
from services.runtime.convert import to_proto
from tests.services.cases.test_servicer import BERT, Talk, create, error_of, get, talk
from tests.support.answers import episode

__all__ = ["talk"]
NURSE = pb.Caller(site_id="site-a", actor="nora", roles=["submitter"])
READER = pb.Caller(site_id="site-a", actor="rita", roles=["reader"])
OTHER = pb.Caller(site_id="site-a", actor="otto", roles=["reader"])


def naming(lo: float = 1.0, hi: float = 2.0, **more: str) -> semiology_pb2.Test:
    at_s = recording_pb2.Interval(lo=lo, hi=hi)
    return semiology_pb2.Test(**{"recording_id": "r1", "kind": "naming", **more}, at_s=at_s)


def add(case_id: str, test: semiology_pb2.Test, request_id: str = "", caller: pb.Caller = NURSE) -> pb.AddTestRequest:
    return pb.AddTestRequest(request_id=request_id or uuid.uuid4().hex, caller=caller, case_id=case_id, test=test)


def start(case_id: str, caller: pb.Caller = READER, *, blinded: bool = True) -> pb.StartReadRequest:
    return pb.StartReadRequest(
        request_id=uuid.uuid4().hex, caller=caller, case_id=case_id, role="epileptologist", blinded_to_ai=blinded
    )


def save(
    case_id: str, read_id: str, *, close: bool = False, caller: pb.Caller = READER, marks: int = 1
) -> pb.SaveReadRequest:
    mark = to_proto(episode("r1"), semiology_pb2.Episode)
    return pb.SaveReadRequest(
        request_id=uuid.uuid4().hex, caller=caller, case_id=case_id, read_id=read_id, episodes=[mark] * marks,
        close=close,
    )  # fmt: skip


async def opened(stub: Any) -> str:
    return str((await stub.CreateCase(create(), timeout=20)).view.case.id)


def test_entries_are_made_once_per_request_id_and_listed_in_time_order(talk: Talk) -> None:
    async def conversation(stub: Any) -> None:
        case_id = await opened(stub)
        late = await stub.AddTest(add(case_id, naming(9, 9, response="pen"), "q1"), timeout=20)
        again = await stub.AddTest(add(case_id, naming(9, 9, response="pen"), "q1"), timeout=20)
        assert late == again
        assert late.id == "t1"
        error = await error_of(stub.AddTest(add(case_id, naming(8, 8), "q1"), timeout=20))
        assert isinstance(error, AlreadyExistsError)
        await stub.AddTest(add(case_id, naming(3, 4)), timeout=20)
        given = semiology_pb2.Intervention(
            recording_id="r1", kind="oxygen", at_s=recording_pb2.Interval(lo=5, hi=6), entered_by="nurse"
        )
        request = pb.AddInterventionRequest(request_id="q9", caller=NURSE, case_id=case_id, intervention=given)
        assert (await stub.AddIntervention(request, timeout=20)).id == "i1"
        found = await stub.ListEntries(get(case_id, READER), timeout=20)
        assert [test.id for test in found.tests] == ["t2", "t1"]
        assert [(one.kind, one.entered_by) for one in found.interventions] == [("oxygen", "nurse")]

    talk(conversation)


def test_an_entry_that_breaks_a_rule_is_refused(talk: Talk, database: Database) -> None:
    async def refused(stub: Any, request: pb.AddTestRequest) -> IctogramError:
        return await error_of(stub.AddTest(request, timeout=20))

    async def conversation(stub: Any) -> None:
        case_id = await opened(stub)
        with database.worker() as connection:
            connection.execute("UPDATE recording SET facts = '{\"duration_s\": 12.5}'")
        for test, rule in (
            (naming(5, 4), "5 to 4 s is no time in recording r1, which lasts 12.5 s"),
            (naming(1, 13), "1 to 13 s"),
            (naming(-1, 1), "-1 to 1 s"),
            (naming(float("nan"), 1), "nan to 1 s"),
            (naming(recording_id="r7"), "no recording 'r7'"),
            (naming(kind=" "), "no kind"),
        ):
            error = await refused(stub, add(case_id, test))
            assert isinstance(error, InvalidRequestError)
            assert rule in error.message
        assert isinstance(await refused(stub, add(case_id, naming(), caller=READER)), PermissionDeniedError)
        assert isinstance(await error_of(stub.StartRead(start(case_id, NURSE), timeout=20)), PermissionDeniedError), (
            "who enters tests is no reader"
        )
        theirs = pb.Caller(site_id="site-b", actor="x", roles=["admin"])
        assert isinstance(await refused(stub, add(case_id, naming(), caller=theirs)), NotFoundError)
        assert isinstance(await error_of(stub.ListEntries(get(case_id, BERT), timeout=20)), NotFoundError)
        assert len((await stub.ListEntries(get(case_id), timeout=20)).tests) == 0

    talk(conversation)


@pytest.mark.req("a-closed-read-never-changes")
def test_a_read_is_its_readers_until_closed_and_never_changes_then(talk: Talk, settings: CasesSettings) -> None:
    async def conversation(stub: Any) -> None:
        case_id = await opened(stub)
        read = await stub.StartRead(start(case_id), timeout=20)
        assert (read.id, read.reader, read.blinded_to_ai, read.finished_at) == ("read1", "rita", True, "")
        assert isinstance(await error_of(stub.StartRead(start(case_id), timeout=20)), StateConflictError)
        other = await stub.StartRead(start(case_id, OTHER), timeout=20)
        assert other.id == "read2"
        await stub.SaveRead(save(case_id, "read1"), timeout=20)
        theirs = await stub.ListEntries(get(case_id, OTHER), timeout=20)
        assert [one.id for one in theirs.reads] == ["read2"], "nobody sees an open read of somebody else"
        assert isinstance(
            await error_of(stub.SaveRead(save(case_id, "read1", caller=OTHER), timeout=20)), NotFoundError
        )
        closed = await stub.SaveRead(save(case_id, "read1", close=True), timeout=20)
        assert closed.finished_at.endswith("Z")
        assert closed.blinded_to_ai
        error = await error_of(stub.SaveRead(save(case_id, "read1"), timeout=20))
        assert isinstance(error, StateConflictError)
        assert "never changed" in error.message
        theirs = await stub.ListEntries(get(case_id, OTHER), timeout=20)
        assert [one.id for one in theirs.reads] == ["read1", "read2"]
        assert (await stub.StartRead(start(case_id), timeout=20)).id == "read3", "all reads are kept"

    talk(conversation)
    with psycopg.connect(settings.database) as owner, pytest.raises(psycopg.IntegrityError, match="never changed"):
        owner.execute("UPDATE cases.\"read\" SET role = 'x' WHERE id = 'read1'")


def test_the_database_keeps_entries_from_being_changed(talk: Talk, database: Database, settings: CasesSettings) -> None:
    async def conversation(stub: Any) -> None:
        await stub.AddTest(add(await opened(stub), naming()), timeout=20)

    talk(conversation)
    for statement in ("UPDATE test SET kind = 'x'", "DELETE FROM test", 'DELETE FROM "read"'):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.site("site-a") as connection:
            connection.execute(statement)
    with psycopg.connect(settings.database) as owner, pytest.raises(psycopg.IntegrityError, match="never changed"):
        owner.execute("UPDATE cases.test SET kind = 'x'")


@pytest.mark.req("a-closed-read-never-changes")
def test_a_reader_who_saw_the_report_is_not_blinded_to_the_ai(talk: Talk, database: Database) -> None:
    def fetched(case_id: str, actor: str, method: str = "GetReport") -> None:
        with database.worker() as connection:
            connection.execute(
                "INSERT INTO audit (site_id, actor, roles, method, case_id, outcome)"
                " VALUES ('site-a', %s, '{}', %s, %s, 'ok')",
                (actor, method, case_id),
            )

    async def conversation(stub: Any) -> None:
        case_id = await opened(stub)
        fetched(case_id, "rita", "GetMedia")
        await stub.StartRead(start(case_id), timeout=20)
        fetched(case_id, "otto")
        error = await error_of(stub.StartRead(start(case_id, OTHER), timeout=20))
        assert isinstance(error, StateConflictError)
        assert "not blinded" in error.message
        assert not (await stub.StartRead(start(case_id, OTHER, blinded=False), timeout=20)).blinded_to_ai
        assert (await stub.SaveRead(save(case_id, "read1"), timeout=20)).blinded_to_ai
        fetched(case_id, "rita")
        assert not (await stub.SaveRead(save(case_id, "read1", close=True), timeout=20)).blinded_to_ai

    talk(conversation)


def test_marks_carry_ids_and_authors_of_their_own(talk: Talk, database: Database) -> None:
    async def conversation(stub: Any) -> None:
        case_id = await opened(stub)
        await stub.StartRead(start(case_id), timeout=20)
        await stub.SaveRead(save(case_id, "read1", marks=2), timeout=20)
        with database.worker() as connection:
            (read,) = entries.of_case(connection, case_id, "rita").reads
            assert entries.of_case(connection, case_id).reads == (), "an open read is in no report"
        assert [one.id for one in read.episodes] == ["read1-r1-e1", "read1-r1-e2"]
        mark = read.episodes[0]
        assert (mark.source, mark.onset_s) == (EpisodeSource.HUMAN, Interval(2.5, 3.5))
        finding = mark.findings[0]
        assert (finding.id, finding.engine, finding.score) == ("read1-r1-e1-clonic", None, None)
        assert [(one.id, one.author) for one in finding.occurrences] == [("read1-r1-e1-clonic-1", Author.READ)]
        twice = save(case_id, "read1")
        twice.episodes[0].findings.append(twice.episodes[0].findings[0])
        assert "two findings for one sign" in (await error_of(stub.SaveRead(twice, timeout=20))).message
        outside = save(case_id, "read1")
        outside.episodes[0].findings[0].occurrences[0].onset_s.lo = -3
        assert "-3 to 3.5 s" in (await error_of(stub.SaveRead(outside, timeout=20))).message

    talk(conversation)
