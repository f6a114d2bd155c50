"""A gateway on a real port, in front of a cases service that remembers in a dictionary."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI
from ictogram.cases.v1 import cases_pb2 as pb
from ictogram.cases.v1 import cases_pb2_grpc
from ictogram.model.v1 import case_pb2, recording_pb2, report_pb2, semiology_pb2

from gateway.app import _Server, create_app
from gateway.cases import CaseView, DeliveryView
from gateway.settings import GatewaySettings
from schemas.case import Case, CaseStatus, OrderRef, Priority, StepName, StepState, StepStatus, Subject
from schemas.errors import NotFoundError, StateConflictError
from schemas.recording import IntakeResult, Recording
from schemas.report import ReportFiles
from services.runtime.convert import from_proto, to_proto
from services.runtime.objects import ObjectStore
from services.runtime.server import Registration, Server
from services.runtime.settings import RuntimeSettings

ResultT = TypeVar("ResultT")
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(range(256)) * 40
"""Looks like an MP4 from its first bytes; nothing here decodes it."""


@dataclass
class FakeCases(cases_pb2_grpc.CasesServiceServicer):
    """Keeps the rules of the contract that the gateway relies on, and nothing more."""

    views: dict[str, CaseView] = field(default_factory=dict)
    reports: dict[str, tuple[ReportFiles, tuple[IntakeResult, ...]]] = field(default_factory=dict)
    deliveries: dict[str, list[DeliveryView]] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    entries: pb.Entries = field(default_factory=pb.Entries)
    released: list[tuple[str, str]] = field(default_factory=list)
    watchers: int = 0
    fault: Exception | None = None
    changed: asyncio.Condition | None = None

    async def CreateCase(self, request: pb.CreateCaseRequest, context: Any) -> pb.CreateCaseResponse:  # noqa: N802
        self._enter(request)
        recordings = tuple(
            replace(from_proto(item, Recording), id=f"r{number}")
            for number, item in enumerate(self._numbered(request), start=1)
        )
        content = [file.object.sha256 for recording in recordings for file in recording.files]
        digest = hashlib.sha256(
            repr((content, request.order.identifier, request.subject.identifier)).encode()
        ).hexdigest()
        case_id = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
        existed = case_id in self.views
        if not existed:
            case = Case(
                id=case_id,
                site_id=request.caller.site_id,
                subject=from_proto(request.subject, Subject),
                recordings=recordings,
                order=from_proto(request.order, OrderRef) if request.HasField("order") else None,
                priority=Priority.STAT if request.priority == case_pb2.PRIORITY_STAT else Priority.BATCH,
                created_at="2026-10-14T08:02:11-04:00",
                run_id=str(uuid4()),
            )
            self.views[case_id] = CaseView(case, (StepState(StepName.INTAKE, "r1", StepStatus.READY),))
        return pb.CreateCaseResponse(view=self._proto(case_id), already_existed=existed)

    async def GetCase(self, request: pb.GetCaseRequest, context: Any) -> pb.CaseView:  # noqa: N802
        self._enter(request)
        return self._proto(self._mine(request))

    async def ListCases(self, request: pb.ListCasesRequest, context: Any) -> pb.ListCasesResponse:  # noqa: N802
        self._enter(request)
        wanted = set(request.statuses)
        mine = [view.case for view in self.views.values() if view.case.site_id == request.caller.site_id]
        cases = [to_proto(case, case_pb2.Case) for case in reversed(mine)]
        cases = [case for case in cases if not wanted or case.status in wanted]
        start = int(request.page_token or 0)
        end = start + request.page_size
        return pb.ListCasesResponse(cases=cases[start:end], next_page_token=str(end) if end < len(cases) else "")

    async def WatchCase(self, request: pb.GetCaseRequest, context: Any) -> AsyncIterator[pb.CaseView]:  # noqa: N802
        self._enter(request)
        case_id = self._mine(request)
        assert self.changed is not None
        self.watchers += 1
        try:
            while True:
                view = self.views[case_id]
                yield self._proto(case_id)
                if view.case.status not in {CaseStatus.QUEUED, CaseStatus.RUNNING}:
                    return
                async with self.changed:
                    await self.changed.wait_for(lambda seen=view: self.views[case_id] is not seen)
        finally:
            self.watchers -= 1

    async def CancelCase(self, request: pb.CaseActionRequest, context: Any) -> pb.CaseView:  # noqa: N802
        return await self._act(request, CaseStatus.CANCELLED, {CaseStatus.QUEUED, CaseStatus.RUNNING})

    async def RetryCase(self, request: pb.CaseActionRequest, context: Any) -> pb.CaseView:  # noqa: N802
        return await self._act(request, CaseStatus.QUEUED, {CaseStatus.FAILED})

    async def RerunCase(self, request: pb.CaseActionRequest, context: Any) -> pb.CaseView:  # noqa: N802
        return await self._act(request, CaseStatus.QUEUED, set(CaseStatus))

    async def GetReport(self, request: pb.GetReportRequest, context: Any) -> pb.GetReportResponse:  # noqa: N802
        self._enter(request)
        case_id = self._mine(request)
        if case_id not in self.reports or request.version not in {0, self.reports[case_id][0].report.version}:
            raise NotFoundError("there is no such report")
        files, intakes = self.reports[case_id]
        return pb.GetReportResponse(
            files=to_proto(files, report_pb2.ReportFiles),
            intakes=[to_proto(intake, recording_pb2.IntakeResult) for intake in intakes],
        )

    async def ListDeliveries(self, request: pb.GetCaseRequest, context: Any) -> pb.ListDeliveriesResponse:  # noqa: N802
        self._enter(request)
        rows = self.deliveries.get(self._mine(request), [])
        return pb.ListDeliveriesResponse(deliveries=[to_proto(row, pb.Delivery) for row in rows])

    async def ListEntries(self, request: pb.GetCaseRequest, context: Any) -> pb.Entries:  # noqa: N802
        self._enter(request)
        self._mine(request)
        return self.entries

    async def AddTest(self, request: pb.AddTestRequest, context: Any) -> semiology_pb2.Test:  # noqa: N802
        self._enter(request)
        self._mine(request)
        request.test.id = f"t{len(self.entries.tests) + 1}"
        self.entries.tests.append(request.test)
        return request.test

    async def AddIntervention(  # noqa: N802
        self, request: pb.AddInterventionRequest, context: Any
    ) -> semiology_pb2.Intervention:
        self._enter(request)
        self._mine(request)
        request.intervention.id = f"i{len(self.entries.interventions) + 1}"
        self.entries.interventions.append(request.intervention)
        return request.intervention

    async def StartRead(self, request: pb.StartReadRequest, context: Any) -> semiology_pb2.Read:  # noqa: N802
        self._enter(request)
        self._mine(request)
        self.entries.reads.add(
            id="read1", reader=request.caller.actor, role=request.role, blinded_to_ai=request.blinded_to_ai
        )
        return self.entries.reads[-1]

    async def SaveRead(self, request: pb.SaveReadRequest, context: Any) -> semiology_pb2.Read:  # noqa: N802
        self._enter(request)
        self._mine(request)
        read = self.entries.reads[-1]
        if read.finished_at:
            raise StateConflictError("read1 is closed")
        read.finished_at = "2026-01-01T00:00:00Z" if request.close else ""
        del read.episodes[:]
        read.episodes.extend(request.episodes)
        return read

    async def ReleaseObject(  # noqa: N802
        self, request: pb.ReleaseObjectRequest, context: Any
    ) -> pb.ReleaseObjectResponse:
        self._enter(request)
        self.released.append((request.caller.site_id, request.object.uri))
        return pb.ReleaseObjectResponse()

    async def update(self, case_id: str, **changes: Any) -> None:
        """Changes a case and tells the watchers."""
        view = self.views[case_id]
        steps = changes.pop("steps", view.steps)
        self.views[case_id] = CaseView(replace(view.case, **changes), steps)
        assert self.changed is not None
        async with self.changed:
            self.changed.notify_all()

    async def _act(self, request: pb.CaseActionRequest, to: CaseStatus, allowed: set[CaseStatus]) -> pb.CaseView:
        self._enter(request)
        case_id = self._mine(request)
        status = self.views[case_id].case.status
        if status not in allowed:
            raise StateConflictError(f"the case is {status}")
        await self.update(case_id, status=to)
        return self._proto(case_id)

    def _enter(self, request: Any) -> None:
        self.requests.append(request)
        if self.fault:
            raise self.fault

    def _mine(self, request: Any) -> str:
        view = self.views.get(request.case_id)
        if view is None or view.case.site_id != request.caller.site_id:
            raise NotFoundError("there is no such case")
        return view.case.id

    def _proto(self, case_id: str) -> pb.CaseView:
        view = self.views[case_id]
        return pb.CaseView(
            case=to_proto(view.case, case_pb2.Case), steps=[to_proto(step, case_pb2.StepState) for step in view.steps]
        )

    @staticmethod
    def _numbered(request: pb.CreateCaseRequest) -> list[recording_pb2.Recording]:
        assert all(not item.id for item in request.recordings)
        return list(request.recordings)


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, ResultT], timeout_s: float = 30) -> ResultT:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout_s)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Gateway:
    """A running gateway, its fake cases service and its stores."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.store = ObjectStore((folder / "objects").as_uri())
        self.token_file = folder / "token"
        self.settings = GatewaySettings(
            **{
                "upload_dir": folder / "uploads",
                "local_token_file": self.token_file,
                "heartbeat_s": 0.2,
                "call_timeout_s": 20.0,
                "stop_grace_s": 5.0,
                **settings,
            }
        )
        self.cases = FakeCases()
        self.loop = Loop()
        self.loop.run(self._start())

    @property
    def token(self) -> str:
        return self.token_file.read_text()

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"} if token != "" else {}
        return httpx.Client(base_url=self.url, headers={**headers, **options.pop("headers", {})}, timeout=30, **options)

    def stop(self) -> None:
        self.loop.run(self._stop())
        self.loop.stop()

    def update(self, case_id: str, **changes: Any) -> None:
        self.loop.run(self.cases.update(case_id, **changes))

    async def _start(self) -> None:
        self.cases.changed = asyncio.Condition()
        registration = Registration(
            pb.DESCRIPTOR.services_by_name["CasesService"],
            cases_pb2_grpc.add_CasesServiceServicer_to_server,
            self.cases,
        )
        self.grpc = Server([registration], RuntimeSettings(stop_grace_s=0.1), "127.0.0.1:0")
        await self.grpc.start()
        self.app: FastAPI = create_app(self.settings, self.store, f"127.0.0.1:{self.grpc.port}")
        config = uvicorn.Config(
            self.app, host="127.0.0.1", port=0, log_config=None, access_log=False, timeout_graceful_shutdown=5
        )
        self.http = _Server(config)
        self.http.install_signal_handlers = lambda: None  # type: ignore[method-assign,attr-defined]
        self._serving = asyncio.create_task(self.http._serve())
        while not self.http.started:
            if self._serving.done():
                self._serving.result()
                raise RuntimeError("the HTTP server ended while it started")
            await asyncio.sleep(0.01)
        self.url = f"http://127.0.0.1:{self.http.servers[0].sockets[0].getsockname()[1]}"

    async def _stop(self) -> None:
        self.http.should_exit = True
        await self._serving
        await self.grpc.stop()


def upload(http: httpx.Client, content: bytes) -> str:
    """Sends a file in one PATCH; gives the upload's id."""
    tus = {"Tus-Resumable": "1.0.0"}
    created = http.post("/uploads", headers={**tus, "Upload-Length": str(len(content))})
    assert created.status_code == 201, created.text
    location = created.headers["location"]
    headers = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    sent = http.patch(location, content=content, headers=headers)
    assert sent.status_code == 204, sent.text
    return location.rsplit("/", 1)[-1]


def wait_until(condition: Callable[[], bool], what: str, attempts: int = 1000) -> None:
    """Polls until the condition holds; fails after a generous number of attempts."""
    import time

    for _ in range(attempts):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"never happened: {what}")
