"""A case's report, in every form, and the pictures it rests on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from gateway.auth import Identity, requires
from gateway.cases import ReportBundle
from gateway.context import Context, Parts
from gateway.models import PROBLEMS
from gateway.serving import serve_object
from schemas.errors import NotFoundError
from schemas.recording import ObjectRef
from schemas.report import Report

router = APIRouter(prefix="/cases/{case_id}", tags=["reports"], responses=PROBLEMS)

_reader = requires("reader")
Reader = Annotated[Identity, Depends(_reader)]
Version = Annotated[int, Query(ge=0, description="Version of the report; 0 is the latest.")]

_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox"
"""The report page is self-contained: inline styles and pictures, no script; it gets an origin of its own."""


@router.head("/report.{kind}", include_in_schema=False, response_class=Response)
@router.get(
    "/report.{kind}",
    summary="The report as JSON, PDF or HTML",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {}, "application/pdf": {}, "text/html": {}}, "description": "The report."}
    },
)
async def report(
    case_id: str,
    kind: Literal["json", "pdf", "html"],
    request: Request,
    parts: Parts,
    caller: Reader,
    version: Version = 0,
) -> Response:
    """Unsigned versions are watermarked, and their file name says so."""
    bundle = await parts.reports.get(caller, case_id, version)
    ref: ObjectRef = getattr(bundle.files, kind)
    headers = {"Content-Disposition": f'inline; filename="{file_stem(bundle.files.report)}.{kind}"'}
    if kind == "html":
        headers["Content-Security-Policy"] = _PAGE_POLICY
    return await run_in_threadpool(serve_object, request, parts.store, ref, headers=headers)


@router.get("/report/fhir", summary="The report as a FHIR R4 transaction Bundle", response_class=JSONResponse)
async def fhir(case_id: str, parts: Parts, caller: Reader, version: Version = 0) -> Response:
    """Made anew at each request; the same version and software give the same Bundle."""
    bundle = await run_in_threadpool(_bundle, parts, await parts.reports.get(caller, case_id, version))
    return JSONResponse(bundle, media_type="application/fhir+json")


@router.head("/stills/{number}", include_in_schema=False, response_class=Response)
@router.get("/stills/{number}", summary="An evidence still of the report", response_class=Response)
async def still(
    case_id: str, number: int, request: Request, parts: Parts, caller: Reader, version: Version = 0
) -> Response:
    """Stills are counted from 0 in the order of the report's evidence."""
    evidence = (await parts.reports.get(caller, case_id, version)).files.report.evidence
    if not 0 <= number < len(evidence):
        raise NotFoundError(f"The report has {len(evidence)} stills; there is none with number {number}.")
    return await run_in_threadpool(serve_object, request, parts.store, evidence[number].object)


def file_stem(report_: Report) -> str:
    """File name of a version: ids only, and UNSIGNED where it is."""
    unsigned = "" if report_.sign_off else "-UNSIGNED"
    return f"report-{report_.id}-v{report_.version}{unsigned}"


def _bundle(parts: Context, bundle: ReportBundle) -> dict[str, Any]:
    from gateway.presenting import bundle_of  # lazy: the FHIR models take a second to import

    return bundle_of(parts.store, bundle.files, bundle.intakes)
