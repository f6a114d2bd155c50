"""The part of the cases service that the delivery worker speaks to: rows in a dictionary, leases by hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from ictogram.cases.v1 import cases_pb2 as pb
from ictogram.cases.v1 import cases_pb2_grpc
from ictogram.model.v1 import case_pb2, recording_pb2, report_pb2

from schemas.errors import LeaseLostError
from schemas.recording import IntakeResult
from schemas.report import ReportFiles
from services.runtime.convert import to_proto
from services.runtime.server import Registration, Server
from services.runtime.settings import RuntimeSettings
from tests.gateway.serving import Loop


@dataclass
class Row:
    """One delivery."""

    files: ReportFiles
    intakes: tuple[IntakeResult, ...]
    destination_id: str = "folder"
    status: int = case_pb2.DELIVERY_STATUS_PENDING
    attempts: int = 0
    claims: int = 0
    token: str = ""
    receipt: str = ""
    error_code: str = ""
    error_message: str = ""


@dataclass
class Outbox(cases_pb2_grpc.CasesServiceServicer):
    """Deliveries by id, and what was called."""

    rows: dict[str, Row] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    lease_s: float = 30.0
    traceparent: str = ""

    async def ClaimDelivery(self, request: Any, context: Any) -> pb.ClaimDeliveryResponse:  # noqa: N802
        self.calls.append("claim")
        row = self.rows.get(request.delivery_id)
        if row is None or row.status != case_pb2.DELIVERY_STATUS_PENDING:
            return pb.ClaimDeliveryResponse(found=False)
        row.status, row.claims = case_pb2.DELIVERY_STATUS_SENDING, row.claims + 1
        row.token = f"{request.delivery_id}-{row.claims}"
        report = row.files.report
        return pb.ClaimDeliveryResponse(
            found=True,
            delivery=pb.Delivery(
                id=request.delivery_id, case_id=report.case_id, report_id=report.id, version=report.version,
                destination_id=row.destination_id, status=case_pb2.DELIVERY_STATUS_SENDING, attempts=row.attempts,
            ),
            site_id=report.site_id,
            lease_token=row.token,
            lease_s=self.lease_s,
            files=to_proto(row.files, report_pb2.ReportFiles),
            intakes=[to_proto(intake, recording_pb2.IntakeResult) for intake in row.intakes],
            traceparent=self.traceparent,
        )  # fmt: skip

    async def StartDeliveryAttempt(self, request: Any, context: Any) -> pb.DeliveryLeaseResponse:  # noqa: N802
        self.calls.append("start")
        self._held(request).attempts += 1
        return pb.DeliveryLeaseResponse(lease_s=self.lease_s)

    async def RenewDelivery(self, request: Any, context: Any) -> pb.DeliveryLeaseResponse:  # noqa: N802
        self.calls.append("renew")
        self._held(request)
        return pb.DeliveryLeaseResponse(lease_s=self.lease_s)

    async def FinishDelivery(self, request: Any, context: Any) -> pb.DeliveryLeaseResponse:  # noqa: N802
        self.calls.append("finish")
        row = self._held(request)
        row.status, row.token, row.receipt = request.status, "", request.receipt
        row.error_code, row.error_message = request.error_code, request.error_message
        return pb.DeliveryLeaseResponse()

    def expire(self, delivery_id: str) -> None:
        """The lease runs out: somebody else may have the delivery."""
        row = self.rows[delivery_id]
        row.status, row.token = case_pb2.DELIVERY_STATUS_PENDING, ""

    def _held(self, request: Any) -> Row:
        row = self.rows[request.delivery_id]
        if not row.token or row.token != request.lease_token:
            raise LeaseLostError
        return row


class RunningOutbox:
    """An `Outbox` behind a port."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self._loop = Loop()
        self._loop.run(self._start())

    async def _start(self) -> None:
        registration = Registration(
            pb.DESCRIPTOR.services_by_name["CasesService"],
            cases_pb2_grpc.add_CasesServiceServicer_to_server,
            self.outbox,
        )
        self._server = Server([registration], RuntimeSettings(stop_grace_s=0.1), "127.0.0.1:0")
        await self._server.start()
        self.address = f"127.0.0.1:{self._server.port}"

    def stop(self) -> None:
        self._loop.run(self._server.stop())
        self._loop.run(asyncio.sleep(0))
        self._loop.stop()
