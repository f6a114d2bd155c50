"""Cases: open, list, look at, follow live, cancel, retry, re-run."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from gateway.auth import Identity, requires
from gateway.bodies import parse, schema_of, small_body
from gateway.cases import CaseView
from gateway.context import Context, Parts
from gateway.models import PROBLEMS, CaseIn, CaseOut, CasePage, CaseViewOut, DeliveryOut
from gateway.routes.events import case_events
from gateway.uploads.multipart import receive_case
from gateway.uploads.shelf import Upload
from schemas.case import CaseStatus
from schemas.errors import InvalidRequestError, UnsupportedMediaError
from services.runtime import failpoints

router = APIRouter(prefix="/cases", tags=["cases"], responses=PROBLEMS)

_reader = requires("reader")
_submitter = requires("submitter")
Reader = Annotated[Identity, Depends(_reader)]
Submitter = Annotated[Identity, Depends(_submitter)]
RequestId = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=100,
        pattern=r"^[\x21-\x7e]+$",
        description="Any unique text; the same key with the same request is answered once and for all.",
    ),
]

_EXAMPLE = {
    "subject": {"identifier": "MRN-0815", "family": "Sample", "given": "Kim"},
    "order": {"identifier": "ORD-4711"},
    "recordings": [{"upload_id": "0123456789abcdef0123456789abcdef", "mirrored": "no", "camera": "phone"}],
    "context": {"age_years": 34, "handedness": "right"},
    "priority": "stat",
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": schema_of(CaseIn),
                "example": _EXAMPLE,
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["case", "video"],
                    "properties": {
                        "case": {
                            "type": "string",
                            "description": "The JSON of the case, recordings without upload_id.",
                        },
                        "video": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    },
                }
            },
        },
    }
}


@router.post(
    "",
    status_code=201,
    summary="Open a case over uploaded recordings",
    responses={
        200: {
            "model": CaseViewOut,
            "description": "The same content for the same order was already here with the same statements: that case.",
        }
    },
    openapi_extra=_BODY,
)
async def create(
    request: Request, response: Response, parts: Parts, caller: Submitter, request_id: RequestId = None
) -> CaseViewOut:
    """Takes JSON that names completed uploads or, for small files, a multipart form with the case and the files.

    The same content for the same order is the same case. If something else is said about it than before (mirrored, the
    patient's box, the history …), the answer is 409, names the fields in `differs`, and nothing is changed.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        wanted, uploads = await receive_case(request, parts.shelf, caller, parts.settings.multipart_max_bytes)
    elif kind == "application/json":
        wanted = parse(CaseIn, await small_body(request))
        uploads = await _named_uploads(wanted, parts, caller)
    else:
        raise UnsupportedMediaError("Content-Type must be application/json or multipart/form-data.")
    view, existed = await _open(wanted, uploads, parts, caller, request_id or str(uuid4()))
    response.status_code = 200 if existed else 201
    response.headers["Location"] = f"{parts.settings.root_path}/cases/{view.case.id}"
    return CaseViewOut.of(view)


@router.get("", summary="Cases of the caller's site, newest first")
async def list_cases(
    parts: Parts,
    caller: Reader,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    page_token: Annotated[str, Query(max_length=400)] = "",
    status: Annotated[list[CaseStatus] | None, Query(description="Only these states.")] = None,
) -> CasePage:
    """Steps are not listed here."""
    cases, token = await parts.cases.list(caller, page_size, page_token, tuple(status or ()))
    return CasePage(cases=tuple(CaseOut.of(case) for case in cases), next_page_token=token)


@router.get("/{case_id}", summary="One case with the steps of its latest run")
async def get_case(case_id: str, parts: Parts, caller: Reader) -> CaseViewOut:
    """The same as the last event of its progress."""
    return CaseViewOut.of(await parts.cases.get(caller, case_id))


@router.get(
    "/{case_id}/events",
    summary="Live progress as server-sent events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Events `case`: the case and its steps."}},
)
async def events(case_id: str, request: Request, parts: Parts, caller: Reader) -> StreamingResponse:
    """Sends the case as it is, then after every change, until it ends. A client that reconnects gets the state anew."""
    return await case_events(request, parts, caller, case_id)


@router.post("/{case_id}/{action}", summary="Cancel, retry the failed steps, or run again with today's engines")
async def act(
    case_id: str,
    action: Literal["cancel", "retry", "rerun"],
    parts: Parts,
    caller: Submitter,
    request_id: RequestId = None,
) -> CaseViewOut:
    """A case that is not in a fitting state answers 409."""
    return CaseViewOut.of(await parts.cases.act(caller, case_id, action, request_id or str(uuid4())))


@router.get("/{case_id}/deliveries", summary="Where the case's reports went")
async def deliveries(case_id: str, parts: Parts, caller: Reader) -> list[DeliveryOut]:
    """Each row is one report version for one destination."""
    return [DeliveryOut.of(view) for view in await parts.cases.deliveries(caller, case_id)]


async def _named_uploads(wanted: CaseIn, parts: Context, caller: Identity) -> list[Upload]:
    """The completed uploads that a request names. An upload whose completion was interrupted is completed now."""
    uploads = []
    for recording in wanted.recordings:
        if recording.upload_id is None:
            raise InvalidRequestError(
                "Each recording must name its upload_id; files come along only in a multipart form."
            )
        parts.shelf.find(caller, recording.upload_id)
        uploads.append(await parts.shelf.complete(recording.upload_id))
    return uploads


async def _open(
    wanted: CaseIn, uploads: list[Upload], parts: Context, caller: Identity, request_id: str
) -> tuple[CaseView, bool]:
    """Opens the case. What becomes of an object that no case takes is decided where cases are known, not here."""
    objects = tuple(upload.object for upload in uploads if upload.object)
    view, existed = await parts.cases.create(caller, request_id, wanted.to_domain(objects))
    await failpoints.hit_aio("gateway.upload.committed_before_ring")
    return view, existed
