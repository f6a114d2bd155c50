"""The gateway's view of the cases service: domain objects in, domain objects out, errors from our own tree."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from ictogram.cases.v1 import cases_pb2 as pb
from ictogram.cases.v1.cases_pb2_grpc import CasesServiceStub
from ictogram.model.v1 import case_pb2, recording_pb2, semiology_pb2

from gateway.auth import Identity
from schemas.case import Case, CaseStatus, DeliveryStatus, OrderRef, PatientContext, Priority, StepState, Subject
from schemas.errors import UnavailableError
from schemas.recording import IntakeResult, ObjectRef, Recording
from schemas.report import ReportFiles
from schemas.semiology import Episode, Intervention, Read, Test
from services.runtime.channel import AioChannel
from services.runtime.convert import from_proto, to_proto


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case and how far its latest run is."""

    case: Case
    """The case."""
    steps: tuple[StepState, ...] = ()
    """Steps of the latest run."""


@dataclass(frozen=True, slots=True)
class NewCase:
    """What opens a case."""

    subject: Subject
    recordings: tuple[Recording, ...]
    order: OrderRef | None = None
    patient_context: PatientContext = field(default_factory=PatientContext)
    priority: Priority = Priority.BATCH


@dataclass(frozen=True, slots=True)
class ReportBundle:
    """One report version with what plays its recordings."""

    files: ReportFiles
    """The model and its renderings."""
    intakes: tuple[IntakeResult, ...] = field(default=())
    """Intake results, in the order of the report's recordings."""


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One report version on its way to one destination."""

    id: str
    case_id: str
    report_id: str
    version: int
    destination_id: str
    status: DeliveryStatus
    attempts: int = 0
    error_code: str = ""
    error_message: str = ""
    receipt: str = ""
    delivered_at: str = ""


@dataclass(frozen=True, slots=True)
class Entries:
    """What people entered for a case."""

    tests: tuple[Test, ...] = ()
    interventions: tuple[Intervention, ...] = ()
    reads: tuple[Read, ...] = ()


@dataclass(frozen=True, slots=True)
class Opening:
    """What a reader says when they begin to read."""

    role: str
    blinded_to_ai: bool
    blinded_to_eeg: bool
    blinded_to_history: bool


class CasesClient:
    """Calls the cases service on behalf of an identity."""

    def __init__(self, channel: AioChannel, call_timeout_s: float, watch_timeout_s: float) -> None:
        self._stub = CasesServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        self._health = HealthStub(channel)
        self._timeout_s = call_timeout_s
        self._watch_timeout_s = watch_timeout_s

    async def create(self, caller: Identity, request_id: str, new: NewCase) -> tuple[CaseView, bool]:
        """Opens a case; the flag says whether the same content for the same order was already here."""
        request = pb.CreateCaseRequest(
            request_id=request_id,
            caller=_caller(caller),
            subject=to_proto(new.subject, case_pb2.Subject),
            order=to_proto(new.order, case_pb2.OrderRef) if new.order else None,
            patient_context=to_proto(new.patient_context, case_pb2.PatientContext),
            recordings=[to_proto(recording, recording_pb2.Recording) for recording in new.recordings],
            priority=f"PRIORITY_{new.priority.name}",
        )
        reply = await self._stub.CreateCase(request, timeout=self._timeout_s)
        return from_proto(reply.view, CaseView), bool(reply.already_existed)

    async def get(self, caller: Identity, case_id: str) -> CaseView:
        """One case; `NotFoundError` outside the caller's site."""
        return from_proto(await self._stub.GetCase(_get(caller, case_id), timeout=self._timeout_s), CaseView)

    async def list(
        self, caller: Identity, page_size: int, page_token: str, statuses: tuple[CaseStatus, ...]
    ) -> tuple[tuple[Case, ...], str]:
        """Cases of the caller's site, newest first, and the token of the next page."""
        request = pb.ListCasesRequest(
            caller=_caller(caller),
            page_size=page_size,
            page_token=page_token,
            statuses=[f"CASE_STATUS_{status.name}" for status in statuses],
        )
        reply = await self._stub.ListCases(request, timeout=self._timeout_s)
        return tuple(from_proto(case, Case) for case in reply.cases), reply.next_page_token

    async def watch(self, caller: Identity, case_id: str) -> AsyncGenerator[CaseView, None]:
        """The case as it is, then after every change, until it ends. Closing the iterator cancels the call."""
        async with contextlib.aclosing(
            self._stub.WatchCase(_get(caller, case_id), timeout=self._watch_timeout_s)
        ) as views:
            async for view in views:
                yield from_proto(view, CaseView)

    async def act(self, caller: Identity, case_id: str, action: str, request_id: str) -> CaseView:
        """Cancels, retries or re-runs a case."""
        methods = {"cancel": self._stub.CancelCase, "retry": self._stub.RetryCase, "rerun": self._stub.RerunCase}
        request = pb.CaseActionRequest(request_id=request_id, caller=_caller(caller), case_id=case_id)
        return from_proto(await methods[action](request, timeout=self._timeout_s), CaseView)

    async def report(
        self, caller: Identity, case_id: str, version: int = 0, *, for_media: bool = False
    ) -> ReportBundle:
        """One version of the report, the latest when 0; `NotFoundError` while there is none.

        ``for_media`` promises that only the recordings are shown: whoever reads blinded stays blinded.
        """
        request = pb.GetReportRequest(caller=_caller(caller), case_id=case_id, version=version, for_media=for_media)
        return from_proto(await self._stub.GetReport(request, timeout=self._timeout_s), ReportBundle)

    async def deliveries(self, caller: Identity, case_id: str) -> tuple[DeliveryView, ...]:
        """Where the case's reports went."""
        reply = await self._stub.ListDeliveries(_get(caller, case_id), timeout=self._timeout_s)
        return tuple(from_proto(delivery, DeliveryView) for delivery in reply.deliveries)

    async def entries(self, caller: Identity, case_id: str) -> Entries:
        """What people entered; of the reads the closed ones and the caller's own."""
        return from_proto(await self._stub.ListEntries(_get(caller, case_id), timeout=self._timeout_s), Entries)

    async def add_test(self, caller: Identity, case_id: str, request_id: str, test: Test) -> Test:
        """Adds one item of testing; it comes back with its id."""
        request = pb.AddTestRequest(
            request_id=request_id, caller=_caller(caller), case_id=case_id, test=to_proto(test, semiology_pb2.Test)
        )
        return from_proto(await self._stub.AddTest(request, timeout=self._timeout_s), Test)

    async def add_intervention(
        self, caller: Identity, case_id: str, request_id: str, intervention: Intervention
    ) -> Intervention:
        """Adds one intervention; it comes back with its id."""
        request = pb.AddInterventionRequest(
            request_id=request_id,
            caller=_caller(caller),
            case_id=case_id,
            intervention=to_proto(intervention, semiology_pb2.Intervention),
        )
        return from_proto(await self._stub.AddIntervention(request, timeout=self._timeout_s), Intervention)

    async def start_read(self, caller: Identity, case_id: str, request_id: str, opening: Opening) -> Read:
        """Opens the caller's read."""
        request = pb.StartReadRequest(
            request_id=request_id, caller=_caller(caller), case_id=case_id, **dataclasses.asdict(opening)
        )
        return from_proto(await self._stub.StartRead(request, timeout=self._timeout_s), Read)

    async def save_read(
        self,
        caller: Identity,
        case_id: str,
        request_id: str,
        read_id: str,
        episodes: Sequence[Episode],
        *,
        close: bool,
    ) -> Read:
        """Replaces the marks of the caller's open read, and closes it if asked to."""
        request = pb.SaveReadRequest(
            request_id=request_id,
            caller=_caller(caller),
            case_id=case_id,
            read_id=read_id,
            episodes=[to_proto(episode, semiology_pb2.Episode) for episode in episodes],
            close=close,
        )
        return from_proto(await self._stub.SaveRead(request, timeout=self._timeout_s), Read)

    async def release(self, site_id: str, request_id: str, ref: ObjectRef) -> None:
        """Gives an uploaded object away: it is deleted unless a case refers to it."""
        request = pb.ReleaseObjectRequest(
            request_id=request_id,
            caller=pb.Caller(site_id=site_id, actor="gateway"),
            object=to_proto(ref, recording_pb2.ObjectRef),
        )
        await self._stub.ReleaseObject(request, timeout=self._timeout_s)

    async def check(self) -> None:
        """Raises `UnavailableError` unless the service says that it serves."""
        request = health_pb2.HealthCheckRequest()
        reply = await self._health.Check(request, timeout=self._timeout_s)
        if reply.status != health_pb2.HealthCheckResponse.SERVING:
            raise UnavailableError("the cases service is not serving")


def _caller(identity: Identity) -> pb.Caller:
    return pb.Caller(site_id=identity.site_id, actor=identity.actor, roles=sorted(identity.roles))


def _get(caller: Identity, case_id: str) -> pb.GetCaseRequest:
    return pb.GetCaseRequest(caller=_caller(caller), case_id=case_id)
