"""The process of the cases service: gRPC in front, the dispatcher and the collector of garbage beside it."""

from __future__ import annotations

import asyncio

from ictogram.cases.v1 import cases_pb2
from ictogram.cases.v1.cases_pb2_grpc import add_CasesServiceServicer_to_server

from services.cases.broker import Bell
from services.cases.collector import Collector
from services.cases.dispatcher import Dispatcher
from services.cases.servicer import CasesServicer
from services.cases.settings import CasesSettings
from services.cases.store.database import Database
from services.cases.watch import CaseNews
from services.runtime import telemetry
from services.runtime.objects import ObjectStore
from services.runtime.server import Registration, Server
from services.runtime.server import serve as serve_grpc

READY_CHECK_S = 2.0
"""Seconds between looks whether the database answers; health says NOT_SERVING while it does not."""


async def run(settings: CasesSettings | None = None) -> None:
    """Serve until SIGTERM. The database and the broker may come later."""
    settings = settings or CasesSettings.load()
    telemetry.setup("cases")
    telemetry.instrument_psycopg()
    telemetry.instrument_celery()
    database, bell = Database(settings), Bell(settings)
    database.open()
    news = CaseNews(settings)
    servicer = CasesServicer(settings, database, news)
    dispatcher = Dispatcher(settings, database, bell)
    collector = Collector(settings, database, ObjectStore.from_settings())
    registration = Registration(
        cases_pb2.DESCRIPTOR.services_by_name["CasesService"], add_CasesServiceServicer_to_server, servicer
    )
    checks: set[asyncio.Task[None]] = set()

    def started(server: Server) -> None:
        news.start()
        dispatcher.start()
        collector.start()
        checks.add(asyncio.create_task(_say_ready(server, servicer)))

    try:
        await serve_grpc("cases", [registration], started=started)
    finally:
        for check in checks:
            check.cancel()
        await news.stop()
        await asyncio.to_thread(collector.stop)
        await asyncio.to_thread(dispatcher.stop)
        bell.close()
        database.close()


async def _say_ready(server: Server, servicer: CasesServicer) -> None:
    while True:
        await server.set_serving(serving=await asyncio.to_thread(servicer.ping))
        await asyncio.sleep(READY_CHECK_S)
