"""What surrounds every request: security headers, a limit on stalling bodies, and a last catch for the unexpected."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.problems import problem, status_of
from schemas.errors import StorageFullError
from services.runtime import logs
from services.runtime.errors import understood

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Content security policy of everything that does not bring its own: nothing from elsewhere, nothing inline."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Content-Security-Policy": PAGE_POLICY,
    "Cache-Control": "no-store",
}
_log = logs.get(__name__)


class SecurityHeaders:
    """Adds the headers that a response does not set itself."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = {**_HEADERS, **({"Strict-Transport-Security": "max-age=31536000"} if https else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class StallLimit:
    """Ends a request whose body stalls, as if the client had gone, so that it holds no lock and no connection."""

    def __init__(self, app: ASGIApp, *, idle_s: float) -> None:
        self._app = app
        self._idle_s = idle_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body_ended = False

        async def receive_in_time() -> Message:
            nonlocal body_ended
            if body_ended:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._idle_s)
            except TimeoutError:
                return {"type": "http.disconnect"}
            body_ended = not message.get("more_body", False)
            return message

        await self._app(scope, receive_in_time if scope["type"] == "http" else receive, send)


class LastCatch:
    """Turns what nobody expected into a problem with the trace id; its text may hold anything and is not shown."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noting(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as exc:
            if scope["type"] != "http" or started:
                raise
            known = understood(exc)
            if isinstance(known, StorageFullError):  # any write may be the one that finds the disk full
                _log.warning("storage full", exc_info=exc)
                await problem(status_of(known), known.code, known.message)(scope, receive, send)
                return
            _log.error("unexpected fault", exc_info=exc)
            answer = problem(500, "internal", "An unexpected fault; quote the trace id when you report it.")
            await answer(scope, receive, send)


class RelativeUploadLocation:
    """Gives new uploads a Location without scheme and host: those come from headers that anybody can set."""

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def relative(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 201:
                headers = MutableHeaders(scope=message)
                uid = headers.get("location", "").rsplit("/", 1)[-1]
                headers["location"] = f"{self._prefix}/{uid}"
            await send(message)

        creates = scope["type"] == "http" and scope["path"].rstrip("/") == self._prefix
        await self._app(scope, receive, relative if creates else send)
