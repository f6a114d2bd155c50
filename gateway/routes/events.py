"""Live progress as server-sent events (WHATWG HTML §9.2)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse

from gateway.auth import Identity
from gateway.cases import CaseView
from gateway.context import Context
from gateway.models import CaseViewOut
from schemas.errors import IctogramError

_RECONNECT_MS = 2000


async def case_events(request: Request, parts: Context, caller: Identity, case_id: str) -> StreamingResponse:
    """A stream of the case's states. Fails with a problem, not in the stream, when there is no such case."""
    views = parts.cases.watch(caller, case_id)
    first = await anext(views)
    return StreamingResponse(
        _stream(views, first, parts, request.headers.get("last-event-id", "")),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(
    views: AsyncGenerator[CaseView, None], first: CaseView, parts: Context, seen: str
) -> AsyncGenerator[bytes, None]:
    """`seen` is the id of the state that a reconnecting client has: it is not sent that one again."""
    yield f"retry: {_RECONNECT_MS}\n\n".encode()
    async with contextlib.aclosing(_or_silence(views, parts)) as states:
        view: CaseView | None = first
        while True:
            if view is None:
                yield b": still here\n\n"
            else:
                data = CaseViewOut.of(view).model_dump_json(by_alias=True)
                name = hashlib.sha256(data.encode()).hexdigest()[:16]
                if name != seen:
                    yield f"id: {name}\nevent: case\ndata: {data}\n\n".encode()
                seen = name
            try:
                view = await anext(states)
            except (StopAsyncIteration, IctogramError):
                return  # the case has ended, or the client comes back and learns more then


async def _or_silence(views: AsyncGenerator[CaseView, None], parts: Context) -> AsyncGenerator[CaseView | None, None]:
    """The states as they come, and none after each heartbeat without one; ends when the gateway stops."""
    stop: asyncio.Future[Any] = asyncio.ensure_future(parts.stopping.wait())
    coming: asyncio.Future[Any] = asyncio.ensure_future(anext(views))
    try:
        while True:
            done, _ = await asyncio.wait(
                {coming, stop}, timeout=parts.settings.heartbeat_s, return_when=asyncio.FIRST_COMPLETED
            )
            if stop in done:
                return
            if coming not in done:
                yield None
                continue
            try:
                view = coming.result()
            except StopAsyncIteration:
                return
            coming = asyncio.ensure_future(anext(views))
            yield view
    finally:
        stop.cancel()
        coming.cancel()
        with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration, IctogramError):
            await coming
        await views.aclose()
