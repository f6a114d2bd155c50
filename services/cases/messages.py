"""What stands in CasesService's messages: into the domain, out of it, and which ids and tokens are any."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from ictogram.cases.v1 import cases_pb2 as pb
from ictogram.model.v1 import case_pb2, recording_pb2, report_pb2

from schemas.case import Case, OrderRef, PatientContext, Priority, Subject
from schemas.errors import InvalidRequestError, NotFoundError
from schemas.recording import Recording
from services.cases.store import cases
from services.cases.store.cases import CaseView, NewCase
from services.cases.store.database import Connection
from services.runtime.convert import enum_prefix, from_proto


def new_case(request: pb.CreateCaseRequest) -> NewCase:
    """What a request opens; recordings are numbered here."""
    recordings = tuple(
        replace(from_proto(recording, Recording), id=f"r{number}")
        for number, recording in enumerate(request.recordings, 1)
    )
    priority = request.priority or case_pb2.PRIORITY_BATCH
    return NewCase(
        site_id=request.caller.site_id,
        subject=from_proto(request.subject, Subject),
        recordings=recordings,
        order=from_proto(request.order, OrderRef) if request.HasField("order") else None,
        context=from_proto(request.patient_context, PatientContext),
        priority=enum_of(Priority, case_pb2.Priority.Name(priority)),
    )


def view_of(case_id: str) -> Callable[[Connection], CaseView]:
    """A reading transaction for one case. It raises NotFoundError."""

    def read(connection: Connection) -> CaseView:
        require_id(case_id)
        return cases.view(connection, case_id)

    return read


def require_id(value: str, what: str = "case") -> None:
    """Ids are UUIDs; whatever is none belongs to nothing. Raises NotFoundError."""
    if uuid_or_none(value) is None:
        raise NotFoundError(f"there is no {what} {value[:60]!r}; ids are UUIDs")


def uuid_or_none(value: str | None) -> str | None:
    """The id if it is one."""
    try:
        return str(UUID(value)) if value else None
    except ValueError:
        return None


def report_fields(files: bytes, intakes: list[bytes]) -> dict[str, Any]:
    """Stored results as fields of a response."""
    return {
        "files": report_pb2.ReportFiles.FromString(files),
        "intakes": [recording_pb2.IntakeResult.FromString(intake) for intake in intakes],
    }


def without_clock(view: CaseView) -> CaseView:
    """The view without what changes by itself."""
    return replace(view, steps=tuple(replace(step, elapsed_s=0.0) for step in view.steps))


def page_token(case: Case) -> str:
    """The token of the page after a case."""
    return base64.urlsafe_b64encode(f"{case.created_at}|{case.id}".encode()).decode()


def page_place(token: str) -> tuple[str, str] | None:
    """The place that a page token names. Raises InvalidRequestError."""
    if not token:
        return None
    try:
        created_at, _, case_id = base64.urlsafe_b64decode(token).decode().partition("|")
        UUID(case_id)
    except (ValueError, binascii.Error):
        raise InvalidRequestError("page_token is none that this service gave out") from None
    return created_at, case_id


def enum_of(kind: Any, name: str) -> Any:
    """``CASE_STATUS_FAILED`` -> ``CaseStatus.FAILED``. Raises InvalidRequestError for UNSPECIFIED."""
    try:
        return kind[name.removeprefix(enum_prefix(kind.__name__))]
    except KeyError:
        raise InvalidRequestError(f"{name} is not a {kind.__name__} that can be asked for") from None
