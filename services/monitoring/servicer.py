"""The monitoring service as far as it exists: it says what it is, and that it does not watch cameras yet."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
from ictogram.monitoring.v1 import monitoring_pb2, monitoring_pb2_grpc
from ictogram.work.v1 import work_pb2

from services.monitoring.settings import MonitoringSettings
from services.runtime import server

VERSION = "0.1.0"
DESCRIPTOR = monitoring_pb2.DESCRIPTOR.services_by_name["MonitoringService"]


class MonitoringServicer(monitoring_pb2_grpc.MonitoringServiceServicer):
    """Answers GetInfo; Watch is UNIMPLEMENTED."""

    def __init__(self, settings: MonitoringSettings) -> None:
        self._settings = settings

    async def GetInfo(self, request: work_pb2.GetInfoRequest, context: Any) -> work_pb2.ServiceInfo:  # noqa: ARG002, N802
        digest = hashlib.sha256(f"monitoring {VERSION} without engine".encode()).hexdigest()
        info: work_pb2.ServiceInfo = server.service_info("monitoring", VERSION, digest, self._settings.slots)
        return info

    async def Watch(  # noqa: N802
        self,
        request: monitoring_pb2.WatchRequest,  # noqa: ARG002
        context: Any,
    ) -> AsyncIterator[monitoring_pb2.WatchResponse]:
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            "this version does not watch cameras; send a recording through the gateway instead",
        )
        yield monitoring_pb2.WatchResponse()  # never reached: it makes this an async generator, as streaming needs


async def serve() -> None:
    """Run the service until SIGTERM."""
    servicer = MonitoringServicer(MonitoringSettings.load())
    add = monitoring_pb2_grpc.add_MonitoringServiceServicer_to_server
    await server.serve("monitoring", [server.Registration(DESCRIPTOR, add, servicer)])
