"""The pages: a list of cases, one case, sending videos in. They read and never judge; reviewing comes later.

Reading works without script. Scripts and styles are our own static files, as the content security policy demands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway import browse, timeline
from gateway.auth import Identity, is_secure, requires
from gateway.context import Context, Parts
from gateway.models import CaseOut
from schemas.case import Case, CaseStatus
from schemas.errors import UnauthenticatedError

STATIC_DIR = Path(__file__).parent / "static"
"""Scripts, styles and pictures."""

_PAGE_SIZE = 50
_STATUS_WORDS = {
    CaseStatus.QUEUED: "Waiting",
    CaseStatus.RUNNING: "Working",
    CaseStatus.REPORTED: "Reported, unsigned",
    CaseStatus.FAILED: "Failed",
    CaseStatus.CANCELLED: "Cancelled",
}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        status_words=_STATUS_WORDS,
        finding_status=browse.STATUS,
        clock=timeline.clock,
        interval=browse.interval,
        tl=timeline,
    )
    return environment


_templates = _environment()


async def _as_page(request: Request) -> None:
    """Makes errors of a page a page, too."""
    request.state.problem_page = lambda problem: _render(
        "problem.html", request, status=problem["status"], problem=problem, signed_in=False
    )


router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse, dependencies=[Depends(_as_page)])

_reader = requires("reader")
Reader = Annotated[Identity, Depends(_reader)]
_submitter = requires("submitter")
Submitter = Annotated[Identity, Depends(_submitter)]


@router.get("/")
async def front(
    request: Request,
    parts: Parts,
    token: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """The list of cases; or, with a link's token, a session in exchange for it."""
    if token:
        return await _log_in(request, parts, token)
    caller = await _reader(request)
    cases, following = await parts.cases.list(caller, _PAGE_SIZE, page, ())
    return _render("cases.html", request, cases=cases, following=following)


@router.get("/send")
async def send(request: Request, parts: Parts, _: Submitter) -> Response:
    """Sending a video in."""
    return _render("send.html", request, most_bytes=parts.settings.upload_max_bytes)


@router.get("/browse/{case_id}")
async def case_page(case_id: str, request: Request, parts: Parts, caller: Reader) -> Response:
    """One case: its progress while it runs, its report once there is one."""
    view = await parts.cases.get(caller, case_id)
    shown: dict[str, Any] = {"report": None, "recordings": ()}
    if view.case.report_version:
        bundle = await parts.reports.get(caller, case_id, view.case.report_version)
        stills = tuple(intake.thumbnails for intake in bundle.intakes)
        shown = {"report": bundle.files.report, "recordings": browse.recordings(bundle.files.report, stills)}
    deliveries = await parts.cases.deliveries(caller, case_id)
    return _render(
        "case.html", request, case=view.case, steps=view.steps, links=_links(view.case), deliveries=deliveries, **shown
    )


def _links(case: Case) -> CaseOut:
    return CaseOut.of(case)


async def _log_in(request: Request, parts: Context, token: str) -> Response:
    """Somebody whose browser has a session already is let in without spending the link."""
    answer = RedirectResponse(f"{parts.settings.root_path}/", status_code=303)
    if parts.local is None:
        raise UnauthenticatedError("There is no local access here; log in through your identity provider.")
    secure = is_secure(parts.settings, request)
    name = parts.local.cookie_name(secure=secure)
    if parts.local.is_session(request.cookies.get(name, "")):
        return answer
    session = parts.local.redeem(token)
    if session is None:
        raise UnauthenticatedError("This link has been used already, or is not valid. Each link works once.")
    answer.set_cookie(
        name,
        session,
        max_age=round(parts.settings.session_s),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def _render(
    template: str, request: Request, *, status: int = 200, signed_in: bool = True, **shown: Any
) -> HTMLResponse:
    base = request.app.state.context.settings.root_path
    html = _templates.get_template(template).render(base=base, signed_in=signed_in, **shown)
    return HTMLResponse(html, status_code=status)
