"""A process for the telemetry tests: client, server and computing child in one trace, with canaries everywhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from ictogram.intake.v1 import intake_pb2, intake_pb2_grpc
from ictogram.work.v1 import work_pb2

from schemas.errors import IctogramError
from services.runtime import logs, server, telemetry
from services.runtime.channel import connect_aio
from services.runtime.compute import ComputePool
from services.runtime.settings import RuntimeSettings
from tests.services.runtime import jobs
from tests.services.runtime.conftest import DESCRIPTOR, Servicer

CANARY = "Zebulon-Quarkwell"
log = logs.get("services.traced")


async def main() -> None:
    """One good call, one that fails with a canary in its exception, under one span."""
    settings = RuntimeSettings.load()
    logs.setup("traced", settings)
    telemetry.setup("traced", settings)
    pool = ComputePool(1, service="intake")

    def ingest(request: Any, context: Any) -> AsyncGenerator[Any, None]:
        function = jobs.raise_theirs_as_intake if request.recording.id == CANARY else jobs.make_intake_result
        return server.stream_work(
            pool, function, request.recording.id, context, request.context, intake_pb2.IngestResponse, ""
        )

    async def info(request: Any, context: Any) -> Any:
        raise KeyError(CANARY)

    add = intake_pb2_grpc.add_IntakeServiceServicer_to_server
    registration = server.Registration(DESCRIPTOR, add, Servicer(info=info, ingest=ingest))
    made = server.Server([registration], settings, "127.0.0.1:0")
    await made.start()
    with telemetry.tracer().start_as_current_span("root", attributes={"patient.name": CANARY}) as span:
        log.info("root begins", case_id="c1", patient=CANARY)
        span.add_event("seen", {"file": CANARY})
        async with connect_aio(f"127.0.0.1:{made.port}") as channel:
            stub = intake_pb2_grpc.IntakeServiceStub(channel)
            for name in ("mp4", CANARY):
                request = intake_pb2.IngestRequest(recording={"id": name}, context=work_pb2.WorkContext(case_id="c1"))
                with contextlib.suppress(IctogramError):
                    async for _ in stub.Ingest(request, timeout=60):
                        pass
            with contextlib.suppress(IctogramError):
                await stub.GetInfo(work_pb2.GetInfoRequest(), timeout=60)
    await made.stop()
    await pool.close()
    telemetry.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
