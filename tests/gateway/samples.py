"""Reports with their files for the gateway's tests: synthetic, no patient."""

from __future__ import annotations

from dataclasses import replace

from schemas.case import Case, CaseStatus
from schemas.recording import IntakeResult, Thumbnail
from schemas.report import EvidenceStill, ReportFiles
from services.runtime.convert import to_json
from services.runtime.objects import ObjectStore
from tests.gateway.serving import Gateway
from tests.support import reports

VIDEO = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 4096
"""Stands in for a proxy; a little over a megabyte."""
JPEG = b"\xff\xd8\xff\xe0 a still"
PDF = b"%PDF-1.4 UNSIGNED"
HTML = b"<!doctype html><title>UNSIGNED</title>"


def reported(gateway: Gateway, *, site_id: str = "local", video: bytes = VIDEO) -> Case:
    """A case with a finished report in the gateway's fake cases service."""
    from gateway.cases import CaseView

    files, intakes = stored(gateway.store, site_id, video)
    report = files.report
    case = Case(
        id=report.case_id,
        site_id=site_id,
        subject=report.subject,
        recordings=tuple(item.recording for item in report.recordings),
        order=report.order,
        status=CaseStatus.REPORTED,
        created_at=report.created_at,
        report_id=report.id,
        report_version=report.version,
        run_id=report.run_id,
    )
    gateway.cases.views[case.id] = CaseView(case)
    gateway.cases.reports[case.id] = (files, intakes)
    return case


def stored(
    store: ObjectStore, site_id: str = "local", video: bytes = VIDEO
) -> tuple[ReportFiles, tuple[IntakeResult, ...]]:
    """A report whose renderings, proxies and stills lie in the store."""
    prefix = store.join("", site_id, "case")
    proxy = store.put_bytes(video, store.join(prefix, "proxy.mp4"), "video/mp4")
    still = store.put_bytes(JPEG, store.join(prefix, "still.jpg"), "image/jpeg")
    report = reports.report()
    recordings = tuple(
        replace(item, recording=replace(item.recording, files=(replace(item.recording.files[0], object=proxy),)))
        for item in report.recordings
    )
    evidence = (EvidenceStill("r1-e1-clonic-1", "r1", 98.5, still),)
    report = replace(report, site_id=site_id, recordings=recordings, evidence=evidence)
    files = ReportFiles(
        report,
        json=store.put_bytes(to_json(report), store.join(prefix, "report.json"), "application/json"),
        html=store.put_bytes(HTML, store.join(prefix, "report.html"), "text/html"),
        pdf=store.put_bytes(PDF, store.join(prefix, "report.pdf"), "application/pdf"),
    )
    intakes = tuple(
        IntakeResult(item.facts, proxy, 640, 360, 30.0, None, (Thumbnail(0.0, still),)) for item in recordings
    )
    return files, intakes
