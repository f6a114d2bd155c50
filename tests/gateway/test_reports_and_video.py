from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from schemas.case import Case
from schemas.report import SignOff
from services.runtime.convert import from_json
from tests.gateway import samples
from tests.gateway.serving import Gateway


@pytest.fixture(scope="module")
def case(gateway: Gateway) -> Case:
    return samples.reported(gateway)


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client() as client:
        yield client


def test_report_in_every_form(gateway: Gateway, http: httpx.Client, case: Case) -> None:
    links = http.get(f"/cases/{case.id}").json()["case"]["report"]
    assert links["version"] == 1
    pdf = http.get(links["pdf"])
    assert (pdf.content, pdf.headers["content-type"]) == (samples.PDF, "application/pdf")
    assert f"report-{case.report_id}-v1-UNSIGNED.pdf" in pdf.headers["content-disposition"]
    html = http.get(links["html"])
    assert html.content == samples.HTML
    assert "sandbox" in html.headers["content-security-policy"]
    assert "script-src" not in html.headers["content-security-policy"]
    report = http.get(links["json"])
    assert from_json(type(gateway.cases.reports[case.id][0].report), report.content).id == case.report_id
    bundle = http.get(links["fhir"])
    assert bundle.headers["content-type"] == "application/fhir+json"
    assert (bundle.json()["resourceType"], bundle.json()["type"]) == ("Bundle", "transaction")
    assert f"/cases/{case.id}/recordings/r1/video" in bundle.text


def test_report_is_sent_once(http: httpx.Client, case: Case) -> None:
    first = http.get(f"/cases/{case.id}/report.json")
    again = http.get(f"/cases/{case.id}/report.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_no_report_yet_and_no_such_version(gateway: Gateway, http: httpx.Client, case: Case) -> None:
    from gateway.cases import CaseView

    gateway.cases.views["waiting"] = CaseView(Case("waiting", "local", case.subject, case.recordings))
    for path in ("report.pdf", "report/fhir", "recordings/r1/video", "stills/0"):
        assert http.get(f"/cases/waiting/{path}").status_code == 404
    assert http.get("/cases/waiting/recordings/r1/video?source=original").content == samples.VIDEO
    assert http.get(f"/cases/{case.id}/report.pdf?version=7").status_code == 404
    assert http.get(f"/cases/{case.id}/report.docx").status_code == 422


def test_signed_versions_are_not_called_unsigned(gateway: Gateway) -> None:
    from gateway.routes.reports import file_stem

    report = samples.stored(gateway.store)[0].report
    signed = replace(report, sign_off=SignOff("p1", "Dr Example", "2026-10-14T09:00:00Z", "Seen."))
    assert ("UNSIGNED" in file_stem(report), "UNSIGNED" in file_stem(signed)) == (True, False)


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        (None, 200, 0, None),
        ("bytes=0-99", 206, 0, 100),
        ("bytes=1000000-", 206, 1_000_000, None),
        ("bytes=-500", 206, -500, None),
        ("bytes=5-5", 206, 5, 6),
        ("bytes=100-99999999", 206, 100, None),
        ("bytes=9-5", 200, 0, None),
        ("bytes=0-1,5-6", 200, 0, None),
        (f"bytes={5000 * '9'}-", 200, 0, None),
        ("bytes=-" + 19 * "9", 206, 0, None),
        ("items=0-1", 200, 0, None),
    ],
)
def test_byte_ranges(
    http: httpx.Client, case: Case, wanted: str | None, status: int, start: int, end: int | None
) -> None:
    headers = {"Range": wanted} if wanted else {}
    reply = http.get(f"/cases/{case.id}/recordings/r1/video", headers=headers)
    expected = samples.VIDEO[start:end]
    assert (reply.status_code, reply.content == expected) == (status, True)
    assert (reply.headers["content-type"], reply.headers["accept-ranges"]) == ("video/mp4", "bytes")
    if status == 206:
        first = start % len(samples.VIDEO)
        total = len(samples.VIDEO)
        assert reply.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{total}"
    head = http.head(f"/cases/{case.id}/recordings/r1/video", headers=headers)
    assert (head.status_code, head.content, head.headers["content-length"]) == (status, b"", str(len(expected)))


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=-0"])
def test_range_outside_is_a_problem(http: httpx.Client, case: Case, wanted: str) -> None:
    reply = http.get(f"/cases/{case.id}/recordings/r1/video", headers={"Range": wanted})
    assert (reply.status_code, reply.json()["code"]) == (416, "range-not-satisfiable")
    assert reply.headers["content-range"] == f"bytes */{len(samples.VIDEO)}"


def test_changed_file_is_sent_whole(http: httpx.Client, case: Case) -> None:
    path = f"/cases/{case.id}/recordings/r1/video"
    etag = http.head(path).headers["etag"]
    assert http.get(path, headers={"Range": "bytes=0-9", "If-Range": etag}).status_code == 206
    assert http.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == 200


def test_stills(http: httpx.Client, case: Case) -> None:
    for path in (f"/cases/{case.id}/stills/0", f"/cases/{case.id}/recordings/r2/thumbnails/0"):
        reply = http.get(path)
        assert (reply.content, reply.headers["content-type"]) == (samples.JPEG, "image/jpeg")
    assert http.get(f"/cases/{case.id}/stills/9").status_code == 404
    assert http.get(f"/cases/{case.id}/recordings/r9/video").status_code == 404
    assert http.get(f"/cases/{case.id}/recordings/r9/video?source=original").status_code == 404


def test_missing_object_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    running = Gateway(tmp_path)
    try:
        case = samples.reported(running)
        running.store.delete(running.cases.reports[case.id][1][0].proxy.uri)
        with running.client() as http:
            reply = http.get(f"/cases/{case.id}/recordings/r1/video")
        assert (reply.status_code, reply.json()["code"], reply.json()["retryable"]) == (503, "object-missing", True)
    finally:
        running.stop()
