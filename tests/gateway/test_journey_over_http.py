"""The way of a video through the HTTP interface, in the order in which a client goes it."""

from __future__ import annotations

import json
from pathlib import Path

from tusclient.client import TusClient

from schemas.case import CaseStatus
from tests.gateway.serving import Gateway


def send(gateway: Gateway, path: Path, chunk_size: int = 4096) -> str:
    client = TusClient(f"{gateway.url}/uploads", headers={"Authorization": f"Bearer {gateway.token}"})
    uploader = client.uploader(str(path), chunk_size=chunk_size)
    uploader.upload()
    return str(uploader.url).rsplit("/", 1)[-1]


def test_video_becomes_a_case(gateway: Gateway, video: Path) -> None:
    upload_id = send(gateway, video)
    with gateway.client() as http:
        status = http.get(f"/uploads/{upload_id}").json()
        assert status["complete"]
        assert status["media_type"] == "video/mp4"
        body = {"subject": {"identifier": "MRN-1"}, "recordings": [{"upload_id": upload_id, "mirrored": "no"}]}
        created = http.post("/cases", json=body)
        assert created.status_code == 201, created.text
        case = created.json()["case"]
        assert case["recordings"][0]["sha256"] == [status["sha256"]]
        assert http.post("/cases", json=body).status_code == 200
        gateway.update(case["id"], status=CaseStatus.CANCELLED)
        with http.stream("GET", f"/cases/{case['id']}/events") as events:
            lines = [line for line in events.iter_lines() if line.startswith("data:")]
        assert json.loads(lines[-1][5:])["case"]["status"] == "cancelled"
