"""Browser sessions of the embedded stack: links that work once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from gateway.auth import Identity, requires
from gateway.context import Parts
from gateway.models import PROBLEMS
from schemas.errors import NotFoundError

router = APIRouter(prefix="/session", tags=["session"], responses=PROBLEMS)
_admin = requires("admin")


class Link(BaseModel):
    """Opens the pages in a browser, once, within ten minutes."""

    url: str = Field(examples=["http://127.0.0.1:8080/?token=…"])


@router.post("/links", status_code=201, summary="A new link that opens the pages in a browser once")
async def new_link(request: Request, parts: Parts, _: Annotated[Identity, Depends(_admin)]) -> Link:
    """Only with the local token; hospitals log in through their own identity provider."""
    if parts.local is None:
        raise NotFoundError("There is no local access here.")
    base = parts.settings.public_url or str(request.base_url)
    return Link(url=f"{base.rstrip('/')}/?token={parts.local.mint_link_token()}")
