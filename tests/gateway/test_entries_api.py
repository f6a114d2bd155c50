from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from ictogram.cases.v1 import cases_pb2 as pb

from tests.gateway.serving import MP4, Gateway, upload


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    gateway.cases.entries = pb.Entries()
    with gateway.client() as client:
        yield client


@pytest.fixture
def case(http: httpx.Client) -> str:
    body = {"subject": {"identifier": "MRN-1"}, "recordings": [{"upload_id": upload(http, MP4 + b"entries")}]}
    return f"/cases/{http.post('/cases', json=body).json()['case']['id']}"


TEST = {"recording_id": "r1", "kind": "naming", "at_s": [12.0, 13.5], "prompt": "pen", "response": "none"}
EPISODE = {
    "recording_id": "r1",
    "onset_s": [3, 4],
    "offset_s": [60, 62],
    "onset_captured": True,
    "offset_captured": True,
    "findings": [
        {"sign": "clonic", "occurrences": [{"onset_s": [10, 11], "offset_s": [50, 51], "side": "left"}]},
        {"sign": "cough", "status": "not_seen"},
    ],
}


def test_tests_and_interventions_are_added_and_listed(gateway: Gateway, http: httpx.Client, case: str) -> None:
    added = http.post(f"{case}/tests", json=TEST, headers={"Idempotency-Key": "test-0001"})
    assert added.status_code == 201, added.text
    assert gateway.cases.requests[-1].request_id == "test-0001"
    assert added.json() == {**TEST, "id": "t1", "entered_by": ""}
    assert http.get(f"{case}/tests").json() == [added.json()]
    given = {"recording_id": "r1", "kind": "oxygen", "at_s": [40, 40], "entered_by": "nurse"}
    added = http.post(f"{case}/interventions", json=given)
    assert (added.status_code, added.json()["id"]) == (201, "i1")
    assert http.get(f"{case}/interventions").json() == [added.json()]


def test_a_read_is_begun_saved_and_closed(gateway: Gateway, http: httpx.Client, case: str) -> None:
    opening = {"role": "epileptologist", "blinded_to_ai": True, "blinded_to_eeg": True, "blinded_to_history": False}
    begun = http.post(f"{case}/reads", json=opening)
    assert (begun.status_code, begun.json()["reader"], begun.json()["finished_at"]) == (201, "local", "")
    saved = http.put(f"{case}/reads/read1", json={"episodes": [EPISODE], "close": True})
    assert saved.status_code == 200, saved.text
    (sent,) = gateway.cases.requests[-1].episodes
    assert [finding.sign for finding in sent.findings] == ["clonic", "cough"]
    assert saved.json()["episodes"][0]["findings"][0]["occurrences"][0]["side_refers_to"] == "moving_limb"
    assert saved.json()["episodes"][0]["source"] == "human"
    again = http.put(f"{case}/reads/read1", json={"episodes": []})
    assert (again.status_code, again.json()["code"]) == (409, "state-conflict")
    assert len(http.get(f"{case}/reads").json()) == 1


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("tests", {**TEST, "at_s": [2, 1]}, "at_s"),
        ("tests", {**TEST, "at_s": [-1, 1]}, "at_s.0"),
        ("tests", {**TEST, "kind": " "}, "kind"),
        ("tests", {**TEST, "recording_id": "../CANARY"}, "recording_id"),
        ("tests", {**TEST, "response": "CANARY" * 1000}, "response"),
        ("interventions", {"recording_id": "r1", "kind": "oxygen"}, "at_s"),
        ("reads", {"role": "x", "blinded_to_ai": True, "blinded_to_eeg": True}, "blinded_to_history"),
    ],
)
def test_a_wrong_entry_is_a_problem_that_names_the_field(
    http: httpx.Client, case: str, path: str, body: dict[str, Any], where: str
) -> None:
    reply = http.post(f"{case}/{path}", json=body)
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")
    assert reply.json()["errors"][0]["where"] == where
    assert "CANARY" not in reply.text


@pytest.mark.parametrize(
    ("finding", "rule"),
    [
        ({"sign": "CANARY"}, "no such sign"),
        ({"sign": "cough", "status": "not_seen", "occurrences": [{"onset_s": [1, 1], "offset_s": [2, 2]}]}, "present"),
    ],
)
def test_a_mark_must_fit_the_catalogue(http: httpx.Client, case: str, finding: dict[str, Any], rule: str) -> None:
    reply = http.put(f"{case}/reads/read1", json={"episodes": [{**EPISODE, "findings": [finding]}]})
    assert reply.status_code == 422
    assert rule in reply.json()["detail"]
    assert "CANARY" not in reply.text


def test_long_and_foreign_bodies_are_refused(http: httpx.Client, case: str) -> None:
    json_type = {"Content-Type": "application/json"}
    assert http.post(f"{case}/tests", content=b"[" * 2_000_000, headers=json_type).status_code == 413
    assert http.post(f"{case}/tests", content=b"kind=x").status_code == 415
    assert http.post("/cases/00000000-0000-0000-0000-000000000000/tests", json=TEST).status_code == 404


def test_the_bodies_are_described(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    bodies = {
        path: document["paths"][f"/cases/{{case_id}}/{path}"][method]["requestBody"]["content"]["application/json"]
        for path, method in (
            ("tests", "post"),
            ("interventions", "post"),
            ("reads", "post"),
            ("reads/{read_id}", "put"),
        )
    }
    assert "recording_id" in bodies["tests"]["schema"]["required"]
    marks = bodies["reads/{read_id}"]["schema"]["properties"]["episodes"]["items"]
    assert "onset_captured" in marks["properties"]
    assert "$defs" not in json.dumps(document["paths"])


def test_watching_the_video_is_no_look_at_the_report(gateway: Gateway, http: httpx.Client, case: str) -> None:
    http.get(f"{case}/recordings/r1/video")
    assert gateway.cases.requests[-1].for_media
    http.get(f"{case}/report.json")
    assert not gateway.cases.requests[-1].for_media
