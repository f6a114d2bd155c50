from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from ictogram.cases.v1 import cases_pb2 as pb
from ictogram.cases.v1.cases_pb2_grpc import CasesServiceStub, add_CasesServiceServicer_to_server
from ictogram.model.v1 import case_pb2, recording_pb2

from schemas.errors import (
    AlreadyExistsError,
    IctogramError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    StateConflictError,
)
from services.cases.servicer import CasesServicer
from services.cases.settings import CasesSettings
from services.cases.store import runs
from services.cases.store.database import Database
from services.cases.watch import CaseNews
from services.runtime.channel import connect_aio
from services.runtime.convert import to_proto
from services.runtime.server import Registration, Server
from services.runtime.settings import RuntimeSettings
from tests.services.cases.conftest import recording

ANNA = pb.Caller(site_id="site-a", actor="anna", roles=["submitter"])
BERT = pb.Caller(site_id="site-b", actor="bert", roles=["reader"])
Talk = Callable[[Callable[[Any], Any]], Any]


def create(request_id: str = "", caller: pb.Caller = ANNA, name: str = "video", **changes: Any) -> pb.CreateCaseRequest:
    fields = {
        "request_id": request_id or uuid.uuid4().hex,
        "caller": caller,
        "subject": case_pb2.Subject(identifier="mrn-1", family="Canary"),
        "order": case_pb2.OrderRef(identifier="order-1"),
        "recordings": [to_proto(recording(name), recording_pb2.Recording)],
    }
    return pb.CreateCaseRequest(**{**fields, **changes})


def get(case_id: str, caller: pb.Caller = ANNA) -> pb.GetCaseRequest:
    return pb.GetCaseRequest(caller=caller, case_id=case_id)


def act(case_id: str, request_id: str = "", caller: pb.Caller = ANNA) -> pb.CaseActionRequest:
    return pb.CaseActionRequest(request_id=request_id or uuid.uuid4().hex, caller=caller, case_id=case_id)


@asynccontextmanager
async def serving(settings: CasesSettings, database: Database) -> AsyncIterator[Any]:
    news = CaseNews(settings)
    registration = Registration(
        pb.DESCRIPTOR.services_by_name["CasesService"],
        add_CasesServiceServicer_to_server,
        CasesServicer(settings, database, news),
    )
    server = Server([registration], RuntimeSettings(), "127.0.0.1:0")
    await server.start()
    news.start()
    async with connect_aio(f"127.0.0.1:{server.port}") as channel:
        yield CasesServiceStub(channel)
    await news.stop()
    await server.stop()


@pytest.fixture
def talk(settings: CasesSettings, database: Database) -> Talk:
    """Runs a conversation with a real server on a real database."""

    def run(conversation: Callable[[Any], Any]) -> Any:
        async def converse() -> Any:
            async with serving(settings, database) as stub:
                return await conversation(stub)

        return asyncio.run(converse())

    return run


async def error_of(call: Any) -> IctogramError:
    with pytest.raises(IctogramError) as caught:
        await call
    return caught.value


def test_the_same_request_twice_makes_one_case(talk: Talk) -> None:
    async def conversation(stub: Any) -> None:
        first = await stub.CreateCase(create("q1"), timeout=20)
        second = await stub.CreateCase(create("q1"), timeout=20)
        assert first.view.case.id == second.view.case.id
        assert (first.already_existed, second.already_existed) == (False, False)
        assert [step.recording_id for step in first.view.steps] == ["r1", "r1", "r1", "", ""]
        assert first.view.case.recordings[0].id == "r1"

    talk(conversation)


def test_the_same_request_id_with_another_request_is_refused(talk: Talk) -> None:
    async def conversation(stub: Any) -> None:
        await stub.CreateCase(create("q1"), timeout=20)
        error = await error_of(stub.CreateCase(create("q1", name="other"), timeout=20))
        assert isinstance(error, AlreadyExistsError)
        assert "q1 was already used" in error.message
        other_caller = pb.Caller(site_id="site-a", actor="carl")
        await stub.CreateCase(create("q1", other_caller, name="other"), timeout=20)

    talk(conversation)


def test_the_same_content_for_the_same_order_is_the_same_case(talk: Talk) -> None:
    async def conversation(stub: Any) -> None:
        first = await stub.CreateCase(create(), timeout=20)
        twins = await asyncio.gather(*(stub.CreateCase(create(), timeout=20) for _ in range(4)))
        assert {twin.view.case.id for twin in twins} == {first.view.case.id}
        assert all(twin.already_existed for twin in twins)
        for other in (
            create(order=case_pb2.OrderRef(identifier="order-2")),
            create(order=None),
            create(subject=case_pb2.Subject(identifier="mrn-2")),
            create(name="other"),
            create(caller=BERT),
        ):
            answer = await stub.CreateCase(other, timeout=20)
            assert not answer.already_existed
            assert answer.view.case.id != first.view.case.id

    talk(conversation)


@pytest.mark.req("nothing-said-is-dropped")
def test_other_words_about_the_same_content_are_never_dropped(talk: Talk) -> None:
    def said(**words: Any) -> recording_pb2.Recording:
        message = to_proto(recording("video"), recording_pb2.Recording)
        message.MergeFrom(recording_pb2.Recording(**words))
        return message

    async def conversation(stub: Any) -> None:
        first = await stub.CreateCase(create(), timeout=20)
        box = recording_pb2.Box(left=0.1, top=0.1, right=0.9, bottom=0.9)
        for other, differs in (
            ({"recordings": [said(mirrored=recording_pb2.TRI_NO)]}, "recordings.0.mirrored"),
            ({"recordings": [said(patient_box=box, camera="CANARY")]}, "recordings.0.camera,recordings.0.patient_box"),
            ({"patient_context": case_pb2.PatientContext(history="CANARY")}, "context.history"),
            ({"order": case_pb2.OrderRef(identifier="order-1", encounter="CANARY")}, "order.encounter"),
        ):
            error = await error_of(stub.CreateCase(create(**other), timeout=20))
            assert isinstance(error, AlreadyExistsError)
            assert error.details["differs"] == differs
            assert error.details["case_id"] == first.view.case.id
            assert "CANARY" not in error.message
        again = await stub.CreateCase(create(subject=case_pb2.Subject(identifier="mrn-1", given="K")), timeout=20)
        assert again.already_existed
        assert again.view.case.subject.given == "K", "what is newly known of the patient is kept"
        assert again.view.case.context.version == 1, "a refused request leaves no history behind"

    talk(conversation)


def test_stat_for_content_that_is_here_as_batch_makes_it_stat(talk: Talk, database: Database) -> None:
    async def conversation(stub: Any) -> None:
        await stub.CreateCase(create(), timeout=20)
        again = await stub.CreateCase(create(priority=case_pb2.PRIORITY_STAT), timeout=20)
        assert again.view.case.priority == case_pb2.PRIORITY_STAT
        batch = await stub.CreateCase(create(), timeout=20)
        assert batch.view.case.priority == case_pb2.PRIORITY_STAT, "who comes later does not slow it down"

    talk(conversation)
    with database.worker() as connection:
        rows = connection.execute("SELECT DISTINCT priority FROM step").fetchall()
    assert rows == [{"priority": "stat"}]


def test_twins_that_come_together_make_one_case(talk: Talk) -> None:
    async def conversation(stub: Any) -> None:
        answers = await asyncio.gather(*(stub.CreateCase(create(f"q{number % 2}"), timeout=30) for number in range(6)))
        assert len({answer.view.case.id for answer in answers}) == 1

    talk(conversation)


def test_another_site_finds_nothing(talk: Talk) -> None:
    async def conversation(stub: Any) -> None:
        case_id = (await stub.CreateCase(create(), timeout=20)).view.case.id
        for call in (
            stub.GetCase(get(case_id, BERT), timeout=20),
            stub.ListDeliveries(get(case_id, BERT), timeout=20),
            stub.CancelCase(act(case_id, caller=BERT), timeout=20),
            stub.GetReport(pb.GetReportRequest(caller=BERT, case_id=case_id), timeout=20),
            stub.GetCase(get("../etc"), timeout=20),
        ):
            assert isinstance(await error_of(call), NotFoundError)
        assert len((await stub.ListCases(pb.ListCasesRequest(caller=BERT), timeout=20)).cases) == 0
        nobody = pb.Caller(actor="x")
        error = await error_of(stub.GetCase(get(case_id, nobody), timeout=20))
        assert isinstance(error, PermissionDeniedError)

    talk(conversation)


def test_requests_that_break_a_rule_are_refused_with_the_rule(talk: Talk) -> None:
    async def conversation(stub: Any) -> None:
        cases = [
            (create(recordings=[]), "at least one recording"),
            (create(subject=case_pb2.Subject()), "no identifier"),
            (create(recordings=[recording_pb2.Recording()]), "at least one file"),
        ]
        for request, rule in cases:
            error = await error_of(stub.CreateCase(request, timeout=20))
            assert isinstance(error, InvalidRequestError)
            assert rule in error.message
        unnamed = create()
        unnamed.ClearField("request_id")
        assert "request_id" in (await error_of(stub.CreateCase(unnamed, timeout=20))).message
        odd = create(subject=case_pb2.Subject(identifier="a\x00b"))
        assert isinstance(await error_of(stub.CreateCase(odd, timeout=20)), InvalidRequestError)
        for page in ({"page_size": 201}, {"page_token": "nonsense"}):
            listing = pb.ListCasesRequest(caller=ANNA, **page)
            assert isinstance(await error_of(stub.ListCases(listing, timeout=20)), InvalidRequestError)

    talk(conversation)


def test_cases_are_listed_newest_first_in_pages(talk: Talk) -> None:
    async def conversation(stub: Any) -> None:
        made = [(await stub.CreateCase(create(name=f"v{n}"), timeout=20)).view.case.id for n in range(5)]
        await stub.CancelCase(act(made[0]), timeout=20)
        seen: list[str] = []
        token = ""
        while True:
            page = await stub.ListCases(pb.ListCasesRequest(caller=ANNA, page_size=2, page_token=token), timeout=20)
            seen += [case.id for case in page.cases]
            token = page.next_page_token
            if not token:
                break
        assert seen == made[::-1]
        cancelled = pb.ListCasesRequest(caller=ANNA, statuses=[case_pb2.CASE_STATUS_CANCELLED])
        assert [case.id for case in (await stub.ListCases(cancelled, timeout=20)).cases] == made[:1]

    talk(conversation)


def test_actions_happen_once_per_request_id(talk: Talk) -> None:
    async def conversation(stub: Any) -> None:
        case_id = (await stub.CreateCase(create(), timeout=20)).view.case.id
        for _ in range(2):
            view = await stub.CancelCase(act(case_id, "c1"), timeout=20)
            assert view.case.status == case_pb2.CASE_STATUS_CANCELLED
        assert isinstance(await error_of(stub.CancelCase(act(case_id), timeout=20)), StateConflictError)
        assert isinstance(await error_of(stub.RetryCase(act(case_id), timeout=20)), StateConflictError)
        first = await stub.RerunCase(act(case_id, "r1"), timeout=20)
        again = await stub.RerunCase(act(case_id, "r1"), timeout=20)
        assert first.case.run_id == again.case.run_id

    talk(conversation)


def test_a_watcher_sees_every_state_to_the_end(talk: Talk, database: Database) -> None:
    async def conversation(stub: Any) -> None:
        case_id = (await stub.CreateCase(create(), timeout=20)).view.case.id
        seen = []
        async for view in stub.WatchCase(get(case_id), timeout=30):
            seen.append(view.case.status)
            if len(seen) == 1:
                await asyncio.to_thread(cancel, case_id)
        assert seen == [case_pb2.CASE_STATUS_QUEUED, case_pb2.CASE_STATUS_CANCELLED]

    def cancel(case_id: str) -> None:
        with database.worker() as connection:
            runs.cancel(connection, case_id)

    talk(conversation)


def test_every_call_leaves_an_audit_row_without_patient_data(talk: Talk, database: Database) -> None:
    async def conversation(stub: Any) -> None:
        case_id = (await stub.CreateCase(create(), timeout=20)).view.case.id
        await stub.GetCase(get(case_id), timeout=20)
        await error_of(stub.GetReport(pb.GetReportRequest(caller=ANNA, case_id=case_id), timeout=20))
        await error_of(stub.GetCase(get(case_id, BERT), timeout=20))

    talk(conversation)
    with database.worker() as connection:
        rows = connection.execute("SELECT actor, method, outcome, case_id, trace_id FROM audit ORDER BY at").fetchall()
        text = connection.execute("SELECT string_agg(a::text, '') AS all FROM audit a").fetchone()
    assert [(row["actor"], row["method"], row["outcome"]) for row in rows] == [
        ("anna", "CreateCase", "ok"),
        ("anna", "GetCase", "ok"),
        ("anna", "GetReport", "not-found"),
        ("bert", "GetCase", "not-found"),
    ]
    assert all(row["case_id"] is not None for row in rows)
    assert text is not None
    assert "Canary" not in text["all"]


def test_a_delivery_that_nobody_knows_is_not_found(talk: Talk) -> None:
    async def conversation(stub: Any) -> None:
        unknown = str(uuid.uuid4())
        answer = await stub.ClaimDelivery(pb.ClaimDeliveryRequest(delivery_id=unknown), timeout=20)
        assert not answer.found
        lease = pb.DeliveryLeaseRequest(delivery_id=unknown, lease_token=unknown)
        assert (await error_of(stub.RenewDelivery(lease, timeout=20))).code == "lease-lost"
        assert (await error_of(stub.StartDeliveryAttempt(lease, timeout=20))).code == "lease-lost"

    talk(conversation)
