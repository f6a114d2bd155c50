"""Playing recordings: the normalised copy by default, the file as sent on request; with byte ranges."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from gateway.auth import Identity, requires
from gateway.context import Context, Parts
from gateway.models import PROBLEMS
from gateway.serving import serve_object
from schemas.errors import NotFoundError
from schemas.recording import IntakeResult, ObjectRef

router = APIRouter(prefix="/cases/{case_id}/recordings/{recording_id}", tags=["video"], responses=PROBLEMS)

_reader = requires("reader")
Reader = Annotated[Identity, Depends(_reader)]
_PARTIAL: dict[int | str, dict[str, Any]] = {
    206: {"description": "The part that was asked for."},
    416: {"description": "The range is outside the file."},
}


@router.head("/video", include_in_schema=False, response_class=Response)
@router.get("/video", summary="A recording's video", response_class=Response, responses=_PARTIAL)
async def video(
    case_id: str,
    recording_id: str,
    request: Request,
    parts: Parts,
    caller: Reader,
    source: Annotated[
        Literal["proxy", "original"], Query(description="The normalised copy, or a file as sent.")
    ] = "proxy",
    file: Annotated[int, Query(ge=0, description="Which of the original's files, counted from 0.")] = 0,
) -> Response:
    """The copy's time 0 is the recording's first frame. It is there once the case is reported."""
    if source == "original":
        ref = await _original(parts, caller, case_id, recording_id, file)
    else:
        ref = (await _intake(parts, caller, case_id, recording_id)).proxy
    return await run_in_threadpool(serve_object, request, parts.store, ref)


@router.head("/thumbnails/{number}", include_in_schema=False, response_class=Response)
@router.get("/thumbnails/{number}", summary="A small still of a recording", response_class=Response)
async def thumbnail(
    case_id: str, recording_id: str, number: int, request: Request, parts: Parts, caller: Reader
) -> Response:
    """Thumbnails are counted from 0 in time order."""
    thumbnails = (await _intake(parts, caller, case_id, recording_id)).thumbnails
    if not 0 <= number < len(thumbnails):
        raise NotFoundError(f"The recording has {len(thumbnails)} thumbnails; there is none with number {number}.")
    return await run_in_threadpool(serve_object, request, parts.store, thumbnails[number].object)


async def _original(parts: Context, caller: Identity, case_id: str, recording_id: str, file: int) -> ObjectRef:
    case = (await parts.cases.get(caller, case_id)).case
    for recording in case.recordings:
        if recording.id == recording_id and file < len(recording.files):
            return recording.files[file].object
    raise NotFoundError("There is no such recording in this case.")


async def _intake(parts: Context, caller: Identity, case_id: str, recording_id: str) -> IntakeResult:
    bundle = await parts.reports.get(caller, case_id, 0, for_media=True)
    ids = [item.recording.id for item in bundle.files.report.recordings]
    if recording_id not in ids:
        raise NotFoundError("There is no such recording in this case's report.")
    return bundle.intakes[ids.index(recording_id)]
