from __future__ import annotations

import asyncio

import pytest
from ictogram.monitoring.v1 import monitoring_pb2, monitoring_pb2_grpc
from ictogram.work.v1 import work_pb2

from schemas.errors import InvalidRequestError
from services.monitoring.servicer import DESCRIPTOR, MonitoringServicer
from services.monitoring.settings import MonitoringSettings
from services.runtime import server
from services.runtime.channel import connect_aio
from services.runtime.settings import RuntimeSettings


def test_monitoring_says_what_it_is_and_that_it_does_not_watch_yet() -> None:
    async def main() -> work_pb2.ServiceInfo:
        add = monitoring_pb2_grpc.add_MonitoringServiceServicer_to_server
        servicer = MonitoringServicer(MonitoringSettings(slots=3))
        running = server.Server([server.Registration(DESCRIPTOR, add, servicer)], RuntimeSettings(), "127.0.0.1:0")
        await running.start()
        async with connect_aio(f"127.0.0.1:{running.port}") as channel:
            stub = monitoring_pb2_grpc.MonitoringServiceStub(channel)
            info: work_pb2.ServiceInfo = await stub.GetInfo(work_pb2.GetInfoRequest(), timeout=30)
            with pytest.raises(InvalidRequestError, match="this version does not watch cameras"):
                await anext(stub.Watch(monitoring_pb2.WatchRequest(camera_id="c"), timeout=30))
        await running.stop()
        return info

    info = asyncio.run(main())
    assert (info.service, info.slots, len(info.digest), list(info.engines)) == ("monitoring", 3, 64, [])
