"""Both services over real gRPC: localize, then compose with what came back."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ictogram.localization.v1 import localization_pb2, localization_pb2_grpc
from ictogram.model.v1 import case_pb2
from ictogram.model.v1 import report_pb2 as model_report_pb2
from ictogram.report.v1 import report_pb2, report_pb2_grpc
from ictogram.work.v1 import work_pb2

from schemas.report import LocalizationResult, ReportFiles
from services.localization import servicer as localization
from services.localization.settings import LocalizationSettings
from services.report import servicer as composing
from services.report.settings import ReportSettings
from services.runtime.channel import connect_aio, stream_call_aio
from services.runtime.compute import ComputePool
from services.runtime.convert import from_proto, to_proto
from services.runtime.objects import ObjectStore
from services.runtime.server import Registration, Server
from services.runtime.settings import RuntimeSettings
from tests.support import reports


async def _journey(root: str) -> tuple[LocalizationResult, ReportFiles, work_pb2.ServiceInfo]:
    runtime = RuntimeSettings.load(object_store=root)
    pool = ComputePool(1)
    registrations = [
        Registration(
            localization.DESCRIPTOR,
            localization_pb2_grpc.add_LocalizationServiceServicer_to_server,
            localization.LocalizationServicer(LocalizationSettings(), pool),
        ),
        Registration(
            composing.DESCRIPTOR,
            report_pb2_grpc.add_ReportServiceServicer_to_server,
            composing.ReportServicer(ReportSettings(max_stills=0), runtime, pool),
        ),
    ]
    server = Server(registrations, runtime, "127.0.0.1:0")
    await server.start()
    try:
        async with connect_aio(f"127.0.0.1:{server.port}") as channel:
            stub = report_pb2_grpc.ReportServiceStub(channel)
            info = await stub.GetInfo(work_pb2.GetInfoRequest(), timeout=20)
            order = localization_pb2_grpc.LocalizationServiceStub(channel)
            ordered = [e async for e in stream_call_aio(order.Localize, _localize(root), timeout_s=120)][-1].result
            written = [e async for e in stream_call_aio(stub.Compose, _compose(root, ordered), timeout_s=120)][
                -1
            ].result
    finally:
        await server.stop()
        await pool.close()
    return from_proto(ordered, LocalizationResult), from_proto(written, ReportFiles), info


def _localize(root: str) -> localization_pb2.LocalizeRequest:
    return localization_pb2.LocalizeRequest(
        context=work_pb2.WorkContext(request_id="q1", site_id="s1", output_prefix=f"{root}/s1/c1/localization"),
        readings=[to_proto(one, localization_pb2.RecordingReading) for one in reports.readings()],
        patient_context=to_proto(reports.context(), case_pb2.PatientContext),
    )


def _compose(root: str, ordered: model_report_pb2.LocalizationResult) -> report_pb2.ComposeRequest:
    job = reports.job(object_root=root)
    return report_pb2.ComposeRequest(
        context=work_pb2.WorkContext(
            request_id="q2", site_id="s1", run_id=job.run_id, output_prefix=f"{root}/s1/c1/report"
        ),
        case=to_proto(job.case, case_pb2.Case),
        report_id=job.report_id,
        version=job.version,
        created_at=job.created_at,
        recordings=[to_proto(item, report_pb2.ReportInput) for item in job.recordings],
        localization=ordered,
    )


def test_a_case_goes_through_both_services(tmp_path: Path) -> None:
    root = tmp_path.as_uri()
    ordered, files, info = asyncio.run(_journey(root))
    assert ordered == reports.localized()
    assert files.report == reports.report()
    assert [engine.name for engine in info.engines] == ["report-composer"]
    store = ObjectStore(root)
    assert store.read_bytes(files.pdf).startswith(b"%PDF-")
    assert store.read_bytes(files.html).startswith(b"<!doctype html>")
