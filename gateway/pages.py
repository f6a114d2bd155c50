"""The pages: a list of cases, one case, sending videos in. They read and never judge; reviewing comes later.

Reading works without script. Scripts and styles are our own static files, as the content security policy demands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from gateway.auth import Identity, is_secure, requires
from gateway.context import Parts
from schemas.errors import UnauthenticatedError

STATIC_DIR = Path(__file__).parent / "static"
"""Scripts, styles and pictures."""

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_reader = requires("reader")
Reader = Annotated[Identity, Depends(_reader)]


@router.get("/")
async def front(request: Request, parts: Parts, token: Annotated[str, Query(max_length=200)] = "") -> Response:
    """The list of cases; or, with a link's token, a session in exchange for it."""
    if token:
        return _log_in(request, parts, token)
    await _reader(request)
    return HTMLResponse("cases")


def _log_in(request: Request, parts: Parts, token: str) -> Response:
    session = parts.local.redeem(token) if parts.local else None
    answer = RedirectResponse(f"{parts.settings.root_path}/", status_code=303)
    if session is None:
        raise UnauthenticatedError("This link has been used already or is not valid; ask for a new one.")
    secure = is_secure(parts.settings, request)
    assert parts.local is not None
    answer.set_cookie(
        parts.local.cookie_name(secure=secure),
        session,
        max_age=round(parts.settings.session_s),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return answer
