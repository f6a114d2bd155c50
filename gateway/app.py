"""The HTTP application: the only part of ictogram that hospitals and people speak to."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncGenerator
from importlib import metadata

import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from gateway import middleware, problems
from gateway.auth import Authenticator
from gateway.cases import CasesClient
from gateway.context import Context, Reports
from gateway.local import LocalAccess
from gateway.pages import STATIC_DIR
from gateway.pages import router as pages
from gateway.routes import cases, entries, health, reports, session, uploads, video
from gateway.settings import GatewaySettings
from gateway.uploads.shelf import Shelf
from schemas.errors import IctogramError, InvalidRequestError
from services.runtime import logs, telemetry
from services.runtime.channel import AioChannel, connect_aio
from services.runtime.objects import ObjectStore
from services.runtime.settings import RuntimeSettings

_DAY_S = 24 * 3600.0
_log = logs.get(__name__)

_ABOUT = """Decision support for research use: a seizure video becomes a structured, traceable semiology report. Not
cleared as a medical device anywhere. Send a video in with `POST /uploads` (tus 1.0.0, resumable), open a case over it
with `POST /cases`, follow it at `/cases/{id}/events`, and fetch the report. Errors are problem documents (RFC 9457)."""


def create_app(
    settings: GatewaySettings | None = None, store: ObjectStore | None = None, cases_target: str = "cases"
) -> FastAPI:
    """The application; what is not given comes from the environment.

    Raises `InvalidRequestError` for settings under which nobody could log in, or that would accept forgeable tokens.
    """
    settings = settings or GatewaySettings.load()
    store = store or ObjectStore.from_settings(RuntimeSettings.load())
    local = LocalAccess(settings.local_token_file, settings.session_s) if settings.local_token_file else None
    if local is None and not settings.oidc_issuer:
        raise InvalidRequestError(
            "set ICTOGRAM_GATEWAY_OIDC_ISSUER or _LOCAL_TOKEN_FILE: there is no anonymous access, nobody could log in"
        )
    authenticator = Authenticator(settings, local)
    shelf = Shelf(settings.upload_dir, store, settings.upload_expiry_days * _DAY_S)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with connect_aio(cases_target) as channel:
            app.state.context = _parts(settings, authenticator, local, shelf, store, channel)
            sweeper = asyncio.create_task(_sweep_uploads(app.state.context, settings.upload_sweep_s))
            try:
                yield
            finally:
                sweeper.cancel()

    app = FastAPI(
        title="ictogram",
        version=metadata.version("ictogram"),
        description=_ABOUT,
        root_path=settings.root_path,
        lifespan=lifespan,
        docs_url=None,  # the stock pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.authenticator = authenticator
    problems.install(app)
    _install_middleware(app, settings)
    app.include_router(uploads.upload_router(settings, shelf))
    for router in (entries.router, cases.router, reports.router, video.router, session.router, health.router, pages):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC_DIR), name="static")
    telemetry.instrument_fastapi(app)
    return app


def serve() -> None:
    """Runs the gateway until SIGTERM or SIGINT, then lets running requests finish and ends live streams."""
    settings = GatewaySettings.load()
    logs.setup("gateway")
    telemetry.setup("gateway")
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # paths and addresses are in traces, without query strings
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=round(settings.stop_grace_s),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server handles them while it runs and raises them again afterwards: then there is nothing left to do.
        signal.signal(number, lambda *_: None)
    try:
        _Server(config).run()
    finally:
        telemetry.shutdown()


class _Server(uvicorn.Server):
    """Tells the application that the end has come before it waits for requests to finish."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app = self.config.app
        assert isinstance(app, FastAPI)
        context: Context | None = getattr(app.state, "context", None)
        if context:
            context.stopping.set()
        await super().shutdown(sockets)


def _parts(
    settings: GatewaySettings,
    authenticator: Authenticator,
    local: LocalAccess | None,
    shelf: Shelf,
    store: ObjectStore,
    channel: AioChannel,
) -> Context:
    client = CasesClient(channel, settings.call_timeout_s, settings.watch_timeout_s)
    return Context(settings, authenticator, local, client, Reports(client), shelf, store)


def _install_middleware(app: FastAPI, settings: GatewaySettings) -> None:
    """Innermost first."""
    app.add_middleware(middleware.LastCatch)
    app.add_middleware(middleware.RelativeUploadLocation, prefix=settings.root_path + uploads.PREFIX)
    app.add_middleware(middleware.StallLimit, idle_s=settings.upload_idle_s)
    app.add_middleware(middleware.SecurityHeaders, https=settings.public_url.startswith("https://"))


async def sweep_uploads(context: Context, now_s: float | None = None) -> int:
    """Removes abandoned uploads and gives their objects to cases, which deletes those that no case has; how many.

    What cases does not take now (`UnavailableError`) is given to it at the next sweep.
    """
    shelf = context.shelf
    removed = await asyncio.to_thread(shelf.sweep, now_s)
    for upload in await asyncio.to_thread(shelf.discarded):
        if upload.object:
            await context.cases.release(upload.site_id, upload.id, upload.object)
        await asyncio.to_thread(shelf.forget, upload.id)
    return removed


async def _sweep_uploads(context: Context, every_s: float) -> None:
    while True:
        try:
            removed = await sweep_uploads(context)
        except (OSError, IctogramError) as exc:
            _log.warning("abandoned uploads could not be removed", exc_info=exc)
        else:
            if removed:
                _log.info("abandoned uploads removed", count=removed)
        await asyncio.sleep(every_s)
