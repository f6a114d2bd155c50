from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.app import sweep_uploads
from schemas.case import CaseStatus
from schemas.errors import AlreadyExistsError, BusyError, StorageFullError, UnavailableError
from tests.gateway.serving import MP4, Gateway, upload

BOX = [0.1, 0.2, 0.8, 0.9]


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client() as client:
        yield client


@pytest.fixture(autouse=True)
def healthy(gateway: Gateway) -> Iterator[None]:
    yield
    gateway.cases.fault = None


def body(upload_id: str, **more: Any) -> dict[str, Any]:
    return {
        "subject": {"identifier": "MRN-1", "family": "Sample", "birth_date": "1990-02"},
        "recordings": [{"upload_id": upload_id, "mirrored": "no", "camera": "phone", "patient_box": BOX}],
        "order": {"identifier": "ORD-1"},
        "context": {"age_years": 34, "handedness": "right"},
        "priority": "stat",
        **more,
    }


def test_everything_said_reaches_cases(gateway: Gateway, http: httpx.Client) -> None:
    upload_id = upload(http, MP4 + b"everything")
    reply = http.post("/cases", json=body(upload_id), headers={"Idempotency-Key": "key-0001"})
    assert reply.status_code == 201, reply.text
    request = gateway.cases.requests[-1]
    assert (request.request_id, request.caller.site_id, request.caller.actor) == ("key-0001", "local", "local")
    assert (request.subject.family, request.order.identifier, request.patient_context.handedness) == (
        "Sample", "ORD-1", "right",
    )  # fmt: skip
    recording = request.recordings[0]
    assert [recording.patient_box.left, recording.patient_box.bottom] == [0.1, 0.9]
    assert recording.files[0].object.uri.endswith(f"/local/uploads/{upload_id}/source")
    case = reply.json()["case"]
    assert reply.headers["location"] == f"/cases/{case['id']}"
    assert (case["priority"], case["recordings"][0]["camera"]) == ("stat", "phone")
    assert "file://" not in reply.text


def test_same_content_for_the_same_order_is_the_same_case(gateway: Gateway, http: httpx.Client) -> None:
    first = http.post("/cases", json=body(upload(http, MP4 + b"same")))
    again = http.post("/cases", json=body(upload(http, MP4 + b"same")))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["case"]["id"] == again.json()["case"]["id"]


def test_a_stored_upload_is_given_to_cases_which_knows_whether_a_case_has_it(
    gateway: Gateway, http: httpx.Client
) -> None:
    taken, free = upload(http, MP4 + b"taken"), upload(http, MP4 + b"free")
    assert http.post("/cases", json=body(taken)).status_code == 201
    context = gateway.app.state.context
    uris = {uid: context.shelf.read(uid).object.uri for uid in (taken, free)}
    assert http.delete(f"/uploads/{free}", headers={"Tus-Resumable": "1.0.0"}).status_code == 204
    assert http.get(f"/uploads/{free}").status_code == 404
    assert http.post("/cases", json=body(free)).status_code == 404
    gateway.cases.released.clear()

    gateway.cases.fault = UnavailableError()
    with pytest.raises(UnavailableError):
        gateway.loop.run(sweep_uploads(context, 2e10))
    assert context.shelf.read(free) is not None, "it is given away at the next sweep"
    gateway.cases.fault = None
    gateway.loop.run(sweep_uploads(context, 2e10))

    assert {("local", uri) for uri in uris.values()} <= set(gateway.cases.released)
    assert (context.shelf.read(taken), context.shelf.read(free)) == (None, None)
    assert all(gateway.store.exists(uri) for uri in uris.values()), "only cases deletes what is stored"


def test_interrupted_completion_is_made_good_by_the_case(gateway: Gateway, http: httpx.Client) -> None:
    """Killed between the last byte and the object store: the upload is whole on disk, but not stored."""
    content = MP4 + b"interrupted"
    created = http.post("/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(len(content))})
    upload_id = created.headers["location"].rsplit("/", 1)[-1]
    gateway.app.state.context.shelf.data_path(upload_id).write_bytes(content)
    assert http.post("/cases", json=body(upload_id)).status_code == 201


def test_unfinished_upload_makes_no_case(http: httpx.Client) -> None:
    created = http.post("/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "500"})
    reply = http.post("/cases", json=body(created.headers["location"].rsplit("/", 1)[-1]))
    assert (reply.status_code, reply.json()["code"]) == (409, "state-conflict")
    assert "0 of 500 bytes" in reply.json()["detail"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"subject": {"identifier": ""}}, "subject.identifier"),
        ({"subject": {"identifier": "1", "sex": "CANARY"}}, "subject.sex"),
        ({"subject": {"identifier": "1", "birth_date": "1990-02-31"}}, "subject.birth_date"),
        ({"subject": {"identifier": "1", "birth_date": "1990-13"}}, "subject.birth_date"),
        ({"recordings": []}, "recordings"),
        ({"priority": "soon"}, "priority"),
        ({"unknown": 1}, "unknown"),
        ({"recordings": [{"upload_id": "../../etc/passwd"}]}, "recordings.0.upload_id"),
    ],
)
def test_wrong_field_is_named_and_its_value_is_not(http: httpx.Client, change: dict[str, Any], where: str) -> None:
    reply = http.post("/cases", json=body("0" * 32, **change))
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["errors"][0]["where"] == where
    assert "CANARY" not in reply.text


def test_unknown_upload_is_not_found(http: httpx.Client) -> None:
    assert http.post("/cases", json=body("0" * 32)).status_code == 404


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", ""])
def test_other_content_types_are_refused(http: httpx.Client, content_type: str) -> None:
    reply = http.post("/cases", content=b"{}", headers={"Content-Type": content_type})
    assert reply.status_code == 415


def test_huge_json_is_cut_off(http: httpx.Client) -> None:
    reply = http.post("/cases", content=b"[" * 2_000_000, headers={"Content-Type": "application/json"})
    assert reply.status_code == 413


def form(*videos: bytes, **more: Any) -> dict[str, Any]:
    case = {"subject": {"identifier": "MRN-2"}, "recordings": [{} for _ in videos], **more}
    files = [("case", (None, json.dumps(case).encode(), "application/json"))]
    return {"files": [*files, *(("video", ("CANARY Smith.mp4", video, "video/mp4")) for video in videos)]}


def test_small_files_come_in_one_form(gateway: Gateway, http: httpx.Client) -> None:
    reply = http.post("/cases", **form(MP4 + b"form one", MP4 + b"form two" * 50_000))
    assert reply.status_code == 201, reply.text
    recordings = gateway.cases.requests[-1].recordings
    assert [item.files[0].object.size_bytes for item in recordings] == [len(MP4) + 8, len(MP4) + 400_000]
    assert "CANARY" not in str(gateway.cases.requests[-1])


@pytest.mark.parametrize(
    ("status", "options"),
    [
        (415, form(b"this is no video at all")),
        (400, form(b"")),
        (400, form(MP4, recordings=[{}, {}])),
        (422, form(MP4, subject={})),
        (400, {"files": [("case", (None, b"{}")), ("virus", ("x", b"123"))]}),
        (400, {"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}),
        (400, {"content": b"", "headers": {"Content-Type": "multipart/form-data"}}),
        (400, {"content": b"", "headers": {"Content-Type": "multipart/form-data; boundary=" + 1000 * "x"}}),
        (400, {"content": b"--x\r\nContent-Disposition: form-data; name=case\r\n\r\n{}",
               "headers": {"Content-Type": "multipart/form-data; boundary=x"}}),
    ],
)  # fmt: skip
def test_refused_form_leaves_nothing_behind(
    gateway: Gateway, http: httpx.Client, status: int, options: dict[str, Any]
) -> None:
    shelf = gateway.app.state.context.shelf
    before = set(shelf.folder.iterdir())
    reply = http.post("/cases", **options)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert set(shelf.folder.iterdir()) == before


def test_form_over_the_limit(tmp_path: Any) -> None:
    running = Gateway(tmp_path, multipart_max_bytes=20_000)
    try:
        with running.client() as http:
            assert http.post("/cases", **form(MP4)).status_code == 201
            reply = http.post("/cases", **form(MP4 * 3))
            assert (reply.status_code, reply.json()["code"]) == (413, "too-large")
    finally:
        running.stop()


def test_list_is_paged_and_filtered(gateway: Gateway, http: httpx.Client) -> None:
    ids = []
    for number in range(3):
        reply = http.post("/cases", json=body(upload(http, MP4 + b"list %d" % number)))
        ids.append(reply.json()["case"]["id"])
    gateway.update(ids[0], status=CaseStatus.FAILED, error_code="unreadable-media", error_message="It cannot be read.")
    page = http.get("/cases", params={"page_size": 2}).json()
    assert [case["id"] for case in page["cases"]] == [ids[2], ids[1]]
    following = http.get("/cases", params={"page_size": 2, "page_token": page["next_page_token"]}).json()
    assert following["cases"][0]["id"] == ids[0]
    failed = http.get("/cases", params={"status": "failed"}).json()["cases"]
    assert [(case["id"], case["error_code"]) for case in failed] == [(ids[0], "unreadable-media")]


def test_actions(gateway: Gateway, http: httpx.Client) -> None:
    case_id = http.post("/cases", json=body(upload(http, MP4 + b"actions"))).json()["case"]["id"]
    assert http.post(f"/cases/{case_id}/retry").status_code == 409
    cancelled = http.post(f"/cases/{case_id}/cancel", headers={"Idempotency-Key": "cancel-once"})
    assert cancelled.json()["case"]["status"] == "cancelled"
    assert gateway.cases.requests[-1].request_id == "cancel-once"
    assert http.post(f"/cases/{case_id}/cancel").status_code == 409
    assert http.post(f"/cases/{case_id}/rerun").json()["case"]["status"] == "queued"
    assert http.post(f"/cases/{case_id}/explode").status_code == 422
    assert http.get(f"/cases/{case_id}/deliveries").json() == []


def test_other_words_about_known_content_are_a_conflict_that_names_the_fields(
    gateway: Gateway, http: httpx.Client
) -> None:
    upload_id = upload(http, MP4 + b"other words")
    details = {"case_id": "c1", "differs": "recordings.0.mirrored,context.history"}
    gateway.cases.fault = AlreadyExistsError("something else was said", details=details)
    reply = http.post("/cases", json=body(upload_id))
    assert (reply.status_code, reply.headers["content-type"]) == (409, "application/problem+json")
    assert reply.json()["differs"] == ["recordings.0.mirrored", "context.history"]
    assert reply.json()["case_id"] == "c1"


@pytest.mark.parametrize(
    ("fault", "status"),
    [(UnavailableError(), 503), (BusyError(), 429), (StorageFullError(), 503), (KeyError("CANARY"), 500)],
)
def test_faults_of_cases(gateway: Gateway, http: httpx.Client, fault: Exception, status: int) -> None:
    gateway.cases.fault = fault
    reply = http.get("/cases")
    assert reply.status_code == status
    problem = reply.json()
    assert problem["retryable"] is (status != 500)
    assert ("retry-after" in reply.headers) is (status != 500)
    assert "CANARY" not in reply.text
