"""CasesService: messages to domain and back. What happens is in `store`; who may do what in the gateway."""

from __future__ import annotations

import asyncio
import contextvars
import json
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from google.protobuf.message import Message
from ictogram.cases.v1 import cases_pb2 as pb
from ictogram.model.v1 import case_pb2, semiology_pb2

from schemas.case import CaseStatus, DeliveryStatus
from schemas.errors import IctogramError, InvalidRequestError, PermissionDeniedError, UnavailableError
from schemas.recording import ObjectRef
from schemas.semiology import Episode, Intervention, Test
from services.cases import machine
from services.cases.background import unobserved
from services.cases.messages import (
    enum_of,
    new_case,
    page_place,
    page_token,
    report_fields,
    require_id,
    uuid_or_none,
    view_of,
    without_clock,
)
from services.cases.settings import CasesSettings
from services.cases.store import cases, entries, garbage, outbox, requests, results, runs
from services.cases.store.cases import CaseView
from services.cases.store.database import Connection, Database
from services.cases.watch import CaseNews
from services.runtime import failpoints, telemetry
from services.runtime.convert import from_proto, to_proto
from services.runtime.errors import trace_details

ValueT = TypeVar("ValueT")
MessageT = TypeVar("MessageT", bound=Message)
MOST_ROWS = 200
USUAL_ROWS = 50
_SITE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}")
_NOTICE_PAUSE_S = 0.1
"""Changes of a watched case that come quicker than this are shown together."""


class CasesServicer:
    """Answers every call of the contract; each one leaves an audit row."""

    def __init__(self, settings: CasesSettings, database: Database, news: CaseNews) -> None:
        self._settings = settings
        self._database = database
        self._news = news
        self._threads = ThreadPoolExecutor(settings.database_connections, thread_name_prefix="store")

    async def CreateCase(self, request: pb.CreateCaseRequest, _context: Any) -> pb.CreateCaseResponse:  # noqa: N802
        asked = requests.mutation("CreateCase", request)
        new = new_case(request)
        traceparent = telemetry.carrier().get("traceparent", "")

        def create(connection: Connection) -> tuple[CaseView, bool]:
            earlier = requests.begin(connection, asked)
            if earlier is not None:
                told = json.loads(earlier)
                return cases.view(connection, told["case_id"]), told["already_existed"]
            case_id, existed = cases.create(connection, new, traceparent, self._settings.max_attempts)
            response = {"case_id": case_id, "already_existed": existed}
            requests.answer(connection, asked, json.dumps(response).encode())
            return cases.view(connection, case_id), existed

        view, existed = await self._audited(
            "CreateCase", request.caller, None, create, made=lambda answer: answer[0].case.id
        )
        await failpoints.hit_aio("cases.case.committed_before_ring")
        return pb.CreateCaseResponse(view=to_proto(view, pb.CaseView), already_existed=existed)

    async def GetCase(self, request: pb.GetCaseRequest, _context: Any) -> pb.CaseView:  # noqa: N802
        view = await self._audited("GetCase", request.caller, request.case_id, view_of(request.case_id))
        return to_proto(view, pb.CaseView)

    async def ListCases(self, request: pb.ListCasesRequest, _context: Any) -> pb.ListCasesResponse:  # noqa: N802
        if not 0 <= request.page_size <= MOST_ROWS:
            raise InvalidRequestError(f"page_size is {request.page_size}; it must be 0 to {MOST_ROWS}")
        size = request.page_size or USUAL_ROWS
        statuses = [enum_of(CaseStatus, case_pb2.CaseStatus.Name(number)) for number in request.statuses]
        before = page_place(request.page_token)
        found = await self._audited(
            "ListCases",
            request.caller,
            None,
            lambda connection: cases.newest(connection, statuses, before, size + 1),
        )
        more = len(found) > size
        return pb.ListCasesResponse(
            cases=[to_proto(case, case_pb2.Case) for case in found[:size]],
            next_page_token=page_token(found[size - 1]) if more else "",
        )

    async def WatchCase(self, request: pb.GetCaseRequest, _context: Any) -> AsyncIterator[pb.CaseView]:  # noqa: N802
        view = await self._audited("WatchCase", request.caller, request.case_id, view_of(request.case_id))
        shown: CaseView | None = None
        async with self._news.of(view.case.id) as changed:
            while True:
                changed.clear()
                view = await self._at_site(request.caller, view_of(request.case_id))
                if shown is None or without_clock(view) != without_clock(shown):
                    shown = view
                    yield to_proto(view, pb.CaseView)
                if view.case.status not in machine.ACTIVE:
                    return
                try:
                    await asyncio.wait_for(changed.wait(), self._settings.watch_s)
                except TimeoutError:
                    shown = None  # nothing was heard for a while: show it again, with the time that has passed
                else:
                    await asyncio.sleep(_NOTICE_PAUSE_S)

    async def CancelCase(self, request: pb.CaseActionRequest, _context: Any) -> pb.CaseView:  # noqa: N802
        return await self._act("CancelCase", request, lambda connection: runs.cancel(connection, request.case_id))

    async def RetryCase(self, request: pb.CaseActionRequest, _context: Any) -> pb.CaseView:  # noqa: N802
        return await self._act("RetryCase", request, lambda connection: runs.retry(connection, request.case_id))

    async def RerunCase(self, request: pb.CaseActionRequest, _context: Any) -> pb.CaseView:  # noqa: N802
        traceparent = telemetry.carrier().get("traceparent", "")
        attempts = self._settings.max_attempts
        return await self._act(
            "RerunCase", request, lambda connection: runs.rerun(connection, request.case_id, traceparent, attempts)
        )

    async def GetReport(self, request: pb.GetReportRequest, _context: Any) -> pb.GetReportResponse:  # noqa: N802
        def read(connection: Connection) -> tuple[bytes, list[bytes]]:
            require_id(request.case_id)
            cases.load(connection, request.case_id)
            return results.report_of(connection, request.case_id, request.version)

        method = "GetMedia" if request.for_media else "GetReport"
        files, intakes = await self._audited(method, request.caller, request.case_id, read)
        return pb.GetReportResponse(**report_fields(files, intakes))

    async def ListDeliveries(self, request: pb.GetCaseRequest, _context: Any) -> pb.ListDeliveriesResponse:  # noqa: N802
        def read(connection: Connection) -> list[outbox.DeliveryRow]:
            require_id(request.case_id)
            cases.load(connection, request.case_id)
            return outbox.of_case(connection, request.case_id)

        found = await self._audited("ListDeliveries", request.caller, request.case_id, read)
        return pb.ListDeliveriesResponse(deliveries=[to_proto(row, pb.Delivery) for row in found])

    async def ListEntries(self, request: pb.GetCaseRequest, _context: Any) -> pb.Entries:  # noqa: N802
        def read(connection: Connection) -> entries.Entries:
            require_id(request.case_id)
            cases.load(connection, request.case_id)
            return entries.of_case(connection, request.case_id, request.caller.actor)

        found = await self._audited("ListEntries", request.caller, request.case_id, read)
        return to_proto(found, pb.Entries)

    async def AddTest(self, request: pb.AddTestRequest, _context: Any) -> semiology_pb2.Test:  # noqa: N802
        new = from_proto(request.test, Test)
        return await self._enter(
            "AddTest", request, "submitter", semiology_pb2.Test,
            lambda connection: entries.add_test(connection, request.case_id, new),
        )  # fmt: skip

    async def AddIntervention(  # noqa: N802
        self, request: pb.AddInterventionRequest, _context: Any
    ) -> semiology_pb2.Intervention:
        new = from_proto(request.intervention, Intervention)
        return await self._enter(
            "AddIntervention", request, "submitter", semiology_pb2.Intervention,
            lambda connection: entries.add_intervention(connection, request.case_id, new),
        )  # fmt: skip

    async def StartRead(self, request: pb.StartReadRequest, _context: Any) -> semiology_pb2.Read:  # noqa: N802
        opening = entries.Opening(
            request.caller.actor,
            request.role,
            request.blinded_to_ai,
            request.blinded_to_eeg,
            request.blinded_to_history,
        )
        return await self._enter(
            "StartRead", request, "reader", semiology_pb2.Read,
            lambda connection: entries.start_read(connection, request.case_id, opening),
        )  # fmt: skip

    async def SaveRead(self, request: pb.SaveReadRequest, _context: Any) -> semiology_pb2.Read:  # noqa: N802
        marks = tuple(from_proto(episode, Episode) for episode in request.episodes)
        case_id, reader, read_id = request.case_id, request.caller.actor, request.read_id
        return await self._enter(
            "SaveRead", request, "reader", semiology_pb2.Read,
            lambda connection: entries.save_read(connection, case_id, reader, read_id, marks, close=request.close),
        )  # fmt: skip

    async def ReleaseObject(  # noqa: N802
        self, request: pb.ReleaseObjectRequest, _context: Any
    ) -> pb.ReleaseObjectResponse:
        ref, site_id = from_proto(request.object, ObjectRef), request.caller.site_id
        asked = requests.mutation("ReleaseObject", request)

        def release(connection: Connection) -> None:
            if requests.begin(connection, asked) is None:
                garbage.release(connection, site_id, ref)
                requests.answer(connection, asked, b"{}")

        await self._audited("ReleaseObject", request.caller, None, release)
        return pb.ReleaseObjectResponse()

    async def ClaimDelivery(self, request: pb.ClaimDeliveryRequest, _context: Any) -> pb.ClaimDeliveryResponse:  # noqa: N802
        require_id(request.delivery_id, "delivery")
        settings = self._settings

        def claim(connection: Connection) -> tuple[outbox.DeliveryClaim, tuple[bytes, list[bytes]]] | None:
            held = outbox.claim(connection, request.delivery_id, settings.lease_s, settings.delivery_max_attempts)
            if held is None:
                return None
            case_id, version = held.delivery.case_id, held.delivery.version
            self._note(connection, held.site_id, "delivery", (), "ClaimDelivery", case_id, "ok")
            return held, results.report_of(connection, case_id, version)

        taken = await self._as_worker(claim)
        if taken is None:
            return pb.ClaimDeliveryResponse(found=False)
        held, (files, intakes) = taken
        return pb.ClaimDeliveryResponse(
            found=True,
            delivery=to_proto(held.delivery, pb.Delivery),
            site_id=held.site_id,
            lease_token=str(held.lease_token),
            lease_s=settings.lease_s,
            traceparent=held.traceparent,
            **report_fields(files, intakes),
        )

    async def StartDeliveryAttempt(self, request: pb.DeliveryLeaseRequest, _context: Any) -> pb.DeliveryLeaseResponse:  # noqa: N802
        return await self._prolong(request, outbox.start_attempt)

    async def RenewDelivery(self, request: pb.DeliveryLeaseRequest, _context: Any) -> pb.DeliveryLeaseResponse:  # noqa: N802
        return await self._prolong(request, outbox.renew)

    async def FinishDelivery(self, request: pb.FinishDeliveryRequest, _context: Any) -> pb.DeliveryLeaseResponse:  # noqa: N802
        require_id(request.delivery_id, "delivery")
        require_id(request.lease_token, "lease")
        status = enum_of(DeliveryStatus, case_pb2.DeliveryStatus.Name(request.status))
        outcome = outbox.Outcome(status, request.error_code, request.error_message, request.receipt)
        pause = (self._settings.backoff_s, self._settings.backoff_max_s)
        await self._as_worker(
            lambda connection: outbox.finish(
                connection,
                request.delivery_id,
                request.lease_token,
                outcome,
                pause,
                self._settings.delivery_max_attempts,
            )
        )
        return pb.DeliveryLeaseResponse(lease_s=0.0)

    def ping(self) -> bool:
        """Whether the database answers; blocks."""
        try:
            with unobserved(), self._database.worker() as connection:
                connection.execute("SELECT 1")
        except IctogramError:
            return False
        return True

    async def _prolong(
        self, request: pb.DeliveryLeaseRequest, change: Callable[[Connection, str, str, float], None]
    ) -> pb.DeliveryLeaseResponse:
        require_id(request.delivery_id, "delivery")
        require_id(request.lease_token, "lease")
        lease_s = self._settings.lease_s
        await self._as_worker(lambda connection: change(connection, request.delivery_id, request.lease_token, lease_s))
        return pb.DeliveryLeaseResponse(lease_s=lease_s)

    async def _act(
        self, method: str, request: pb.CaseActionRequest, change: Callable[[Connection], object]
    ) -> pb.CaseView:
        """A mutation of one case: made once per request id, answered with the case as it is then."""
        asked = requests.mutation(method, request)

        def act(connection: Connection) -> CaseView:
            require_id(request.case_id)
            if requests.begin(connection, asked) is None:
                change(connection)
                requests.answer(connection, asked, b"{}")
            return cases.view(connection, request.case_id)

        view = await self._audited(method, request.caller, request.case_id, act)
        return to_proto(view, pb.CaseView)

    async def _enter(
        self, method: str, request: Any, role: str, answer: type[MessageT], change: Callable[[Connection], Any]
    ) -> MessageT:
        """A mutation that leaves one entry of a case: made once per request id, answered with what was entered then."""
        asked = requests.mutation(method, request)

        def enter(connection: Connection) -> MessageT:
            require_id(request.case_id)
            if not {role, "admin"} & set(request.caller.roles):
                raise PermissionDeniedError(f"this needs the role {role}")
            earlier = requests.begin(connection, asked)
            if earlier is not None:
                return answer.FromString(earlier)
            entered = to_proto(change(connection), answer)
            requests.answer(connection, asked, entered.SerializeToString())
            return entered

        return await self._audited(method, request.caller, request.case_id, enter)

    async def _audited(
        self,
        method: str,
        caller: pb.Caller,
        case_id: str | None,
        work: Callable[[Connection], ValueT],
        made: Callable[[ValueT], str] | None = None,
    ) -> ValueT:
        """Do it in a transaction of the caller's site, and leave an audit row whether it succeeds or not.

        ``made`` tells the id of the case where the call made one.
        """

        def done(connection: Connection) -> ValueT:
            value = work(connection)
            touched = case_id if made is None else made(value)
            self._note(connection, caller.site_id, caller.actor, caller.roles, method, touched, "ok")
            return value

        try:
            return await self._at_site(caller, done)
        except UnavailableError:
            raise  # nothing happened, and there is nowhere to write it down
        except IctogramError as error:
            code = error.code
            if _SITE.fullmatch(caller.site_id):
                await self._at_site(
                    caller,
                    lambda connection: self._note(
                        connection, caller.site_id, caller.actor, caller.roles, method, case_id, code
                    ),
                )
            raise

    @staticmethod
    def _note(
        connection: Connection, site_id: str, actor: str, roles: Any, method: str, case_id: str | None, outcome: str
    ) -> None:
        requests.audit(
            connection,
            site_id=site_id,
            actor=actor,
            roles=list(roles),
            method=method,
            case_id=uuid_or_none(case_id),
            outcome=outcome,
            trace_id=trace_details().get("trace_id", ""),
        )

    async def _at_site(self, caller: pb.Caller, work: Callable[[Connection], ValueT]) -> ValueT:
        if not _SITE.fullmatch(caller.site_id):
            raise PermissionDeniedError("the caller names no valid site; every call is made for one")

        def run() -> ValueT:
            with self._database.site(caller.site_id) as connection:
                return work(connection)

        return await self._in_thread(run)

    async def _as_worker(self, work: Callable[[Connection], ValueT]) -> ValueT:
        def run() -> ValueT:
            with self._database.worker() as connection:
                return work(connection)

        return await self._in_thread(run)

    async def _in_thread(self, run: Callable[[], ValueT]) -> ValueT:
        """Blocking work beside the event loop, with the call's trace."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: context.run(run))


async def serve() -> None:
    """Run the cases service with its dispatcher until SIGTERM."""
    from services.cases.server import run

    await run()
