"""Whether the gateway lives, and whether it can do its work."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.context import Parts

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    """One word."""

    status: str


@router.get("/live", summary="The process lives")
async def live() -> Health:
    """For restarting a process that hangs."""
    return Health(status="ok")


@router.get("/ready", summary="The cases service answers", responses={503: {"description": "It does not."}})
async def ready(parts: Parts) -> Health:
    """For sending requests elsewhere meanwhile."""
    await parts.cases.check()
    return Health(status="ok")
