"""One delivery from claim to receipt. Whatever dies in the middle, the next attempt looks before it sends again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self

from ictogram.cases.v1 import cases_pb2 as pb
from ictogram.cases.v1.cases_pb2_grpc import CasesServiceStub
from ictogram.model.v1 import case_pb2
from opentelemetry import trace
from opentelemetry.context import Context

from gateway.delivery.destination import DeliveryJob, Destination
from gateway.presenting import bundle_of
from schemas.errors import IctogramError, InvalidRequestError, LeaseLostError, UnavailableError
from schemas.recording import IntakeResult
from schemas.report import ReportFiles
from services.runtime import failpoints, logs, telemetry
from services.runtime.channel import Channel
from services.runtime.convert import from_proto
from services.runtime.errors import understood
from services.runtime.objects import ObjectStore

_log = logs.get(__name__)
_RENEWALS_PER_LEASE = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    status: case_pb2.DeliveryStatus
    receipt: str = ""
    error: IctogramError | None = None


class Deliverer:
    """Makes deliveries; one instance serves all threads of a worker."""

    def __init__(
        self,
        channel: Channel,
        store: ObjectStore,
        destinations: Mapping[str, Destination],
        call_timeout_s: float,
        attempt_timeout_s: float,
    ) -> None:
        self._stub = CasesServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        self._store = store
        self._destinations = destinations
        self._timeout_s = call_timeout_s
        self._attempt_timeout_s = attempt_timeout_s

    def deliver(self, delivery_id: str) -> None:
        """Makes one delivery if it is due and nobody else has it; otherwise returns at once.

        Errors of the destination end up in the delivery's row. Raises only what prevents that: then the lease runs out
        and cases rings again.
        """
        claim = self._stub.ClaimDelivery(pb.ClaimDeliveryRequest(delivery_id=delivery_id), timeout=self._timeout_s)
        if not claim.found:
            return
        context, links = _place_in_trace(claim.traceparent)
        with telemetry.tracer().start_as_current_span(
            "deliver",
            context=context,
            links=links,
            attributes={
                "ictogram.delivery_id": delivery_id,
                "ictogram.destination_id": claim.delivery.destination_id,
                "ictogram.attempt": claim.delivery.attempts + 1,
            },
        ):
            self._hold(claim)

    def _hold(self, claim: pb.ClaimDeliveryResponse) -> None:
        with _Lease(self._stub, claim, self._timeout_s, self._attempt_timeout_s) as lease:
            try:
                outcome = self._attempt(claim, lease)
            except LeaseLostError:
                _log.warning("delivery lost to another worker", delivery_id=claim.delivery.id)
                return
            self._finish(claim, outcome)

    def _attempt(self, claim: pb.ClaimDeliveryResponse, lease: _Lease) -> Outcome:
        failpoints.hit("delivery.claimed_before_attempt")
        try:
            destination = self._destination(claim.delivery.destination_id)
            job = self._job(claim, lease)
            receipt = destination.read_back(job) if claim.delivery.attempts else None
            if receipt is None:
                receipt = self._send(claim, destination, job)
        except LeaseLostError:
            raise
        except (IctogramError, OSError) as exc:
            error = understood(exc)
            _log.warning("delivery attempt failed", delivery_id=claim.delivery.id, exc_info=exc)
            status = case_pb2.DELIVERY_STATUS_PENDING if error.retryable else case_pb2.DELIVERY_STATUS_FAILED
            return Outcome(status, error=error)
        failpoints.hit("delivery.read_back_before_finish")
        return Outcome(case_pb2.DELIVERY_STATUS_DELIVERED, receipt)

    def _send(self, claim: pb.ClaimDeliveryResponse, destination: Destination, job: DeliveryJob) -> str:
        self._stub.StartDeliveryAttempt(
            pb.DeliveryLeaseRequest(delivery_id=claim.delivery.id, lease_token=claim.lease_token),
            timeout=self._timeout_s,
        )
        failpoints.hit("delivery.before_post")
        destination.send(job)
        failpoints.hit("delivery.before_read_back")
        receipt = destination.read_back(job)
        if receipt is None:
            raise UnavailableError("the destination took the report, but does not have it")
        return receipt

    def _finish(self, claim: pb.ClaimDeliveryResponse, outcome: Outcome) -> None:
        error = outcome.error
        self._stub.FinishDelivery(
            pb.FinishDeliveryRequest(
                delivery_id=claim.delivery.id,
                lease_token=claim.lease_token,
                status=outcome.status,
                error_code=error.code if error else "",
                error_message=error.message if error else "",
                receipt=outcome.receipt,
            ),
            timeout=self._timeout_s,
        )
        _log.info(
            "delivery attempt ended",
            delivery_id=claim.delivery.id,
            destination_id=claim.delivery.destination_id,
            state=case_pb2.DeliveryStatus.Name(outcome.status),
        )

    def _destination(self, destination_id: str) -> Destination:
        destination = self._destinations.get(destination_id)
        if destination is None:
            raise InvalidRequestError(
                f"this worker knows no destination {destination_id}; set it in ICTOGRAM_DELIVERY_…"
            )
        return destination

    def _job(self, claim: pb.ClaimDeliveryResponse, lease: _Lease) -> DeliveryJob:
        files = from_proto(claim.files, ReportFiles)
        intakes = tuple(from_proto(intake, IntakeResult) for intake in claim.intakes)
        return DeliveryJob(claim.delivery.id, claim.site_id, files, intakes, self._bundle(files, intakes), lease.check)

    def _bundle(self, files: ReportFiles, intakes: tuple[IntakeResult, ...]) -> Callable[[], bytes]:
        @cache
        def made() -> bytes:
            return json.dumps(bundle_of(self._store, files, intakes), ensure_ascii=False, indent=1).encode()

        return made


def _place_in_trace(traceparent: str) -> tuple[Context | None, list[trace.Link]]:
    """Within the message's own span if that belongs to the run; else within the run, with a link to the message."""
    here = trace.get_current_span().get_span_context()
    if not traceparent:
        return None, []
    run = telemetry.context_of(traceparent)
    if trace.get_current_span(run).get_span_context().trace_id == here.trace_id:
        return None, []
    return run, [trace.Link(here)] if here.is_valid else []


class _Lease:
    """Prolongs a delivery's lease in the background for as long as it is held, but not for ever.

    A destination that hangs, such as a mount whose server is away, cannot be interrupted: then the lease is let go, so
    that the delivery is tried elsewhere, and the thread finds that it may not write once it comes back.
    """

    def __init__(
        self, stub: CasesServiceStub, claim: pb.ClaimDeliveryResponse, timeout_s: float, at_most_s: float
    ) -> None:
        self._stub = stub
        self._request = pb.DeliveryLeaseRequest(delivery_id=claim.delivery.id, lease_token=claim.lease_token)
        self._every_s = claim.lease_s / _RENEWALS_PER_LEASE
        self._timeout_s = min(timeout_s, claim.lease_s)
        self._until = time.monotonic() + at_most_s
        self._done = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="delivery-lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def check(self) -> None:
        """Raises `LeaseLostError` when the lease is known to be lost."""
        if self._lost.is_set():
            raise LeaseLostError

    def _keep(self) -> None:
        while not self._done.wait(self._every_s):
            if time.monotonic() > self._until:
                _log.error("a destination hangs; its delivery is let go", delivery_id=self._request.delivery_id)
                self._lost.set()
                return
            try:
                self._stub.RenewDelivery(self._request, timeout=self._timeout_s)
            except LeaseLostError:
                self._lost.set()
                return
            except IctogramError as exc:
                # Cases may be away for a moment; if it stays away, the final write finds out who holds the lease.
                _log.warning("delivery lease not prolonged", delivery_id=self._request.delivery_id, exc_info=exc)
