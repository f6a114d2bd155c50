from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from gateway.uploads.sniff import sniff
from schemas.errors import InvalidRequestError, UnsupportedMediaError
from tests.gateway.serving import MP4, Gateway, wait_until

TUS = {"Tus-Resumable": "1.0.0"}
PATCH = {**TUS, "Content-Type": "application/offset+octet-stream"}


def tus(gateway: Gateway, token: str | None = None) -> TusClient:
    return TusClient(f"{gateway.url}/uploads", headers={"Authorization": f"Bearer {token or gateway.token}"})


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client() as client:
        yield client


def create(http: httpx.Client, size: int, **metadata: str) -> str:
    import base64

    pairs = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
    reply = http.post("/uploads", headers={**TUS, "Upload-Length": str(size), "Upload-Metadata": pairs})
    assert reply.status_code == 201, reply.text
    return reply.headers["location"]


def offset(http: httpx.Client, location: str) -> int:
    reply = http.head(location, headers=TUS)
    assert reply.status_code == 200, reply.headers
    return int(reply.headers["upload-offset"])


@pytest.mark.parametrize("metadata", [{}, {"filename": "CANARY-Smith.mp4", "filetype": "video/mp4"}])
def test_tuspy_resumes_after_a_cut(gateway: Gateway, http: httpx.Client, video: Path, metadata: dict[str, str]) -> None:
    first = tus(gateway).uploader(str(video), chunk_size=3000, metadata=metadata)
    first.upload(stop_at=6000)
    second = tus(gateway).uploader(str(video), chunk_size=3000, url=first.url)
    assert second.offset == 6000
    second.upload()
    upload_id = first.url.rsplit("/", 1)[-1]
    status = http.get(f"/uploads/{upload_id}").json()
    assert status["sha256"] == hashlib.sha256(MP4).hexdigest()
    stored = gateway.store.root.removeprefix("file://") + f"/local/uploads/{upload_id}/source"
    assert Path(stored).read_bytes() == MP4


def test_connection_cut_in_the_middle_keeps_what_came(gateway: Gateway, http: httpx.Client) -> None:
    body = MP4[:16] + os.urandom(3_000_000)
    location = create(http, len(body))
    host, port = gateway.url.removeprefix("http://").split(":")
    head = f"PATCH {location} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {gateway.token}\r\n"
    head += f"Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {PATCH['Content-Type']}\r\n"
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:2_000_000])
    wait_until(lambda: offset(http, location) == 2_000_000, "the bytes sent before the cut are kept")
    reply = http.patch(location, content=body[2_000_000:], headers={**PATCH, "Upload-Offset": "2000000"})
    assert reply.status_code == 204, reply.text
    status = http.get(location).json()
    assert (status["complete"], status["sha256"]) == (True, hashlib.sha256(body).hexdigest())


def test_bytes_written_before_a_kill_count_though_nobody_noted_them(gateway: Gateway, http: httpx.Client) -> None:
    location = create(http, len(MP4))
    data = gateway.app.state.context.shelf.data_path(location.rsplit("/", 1)[-1])
    data.write_bytes(MP4[:5000])
    assert offset(http, location) == 5000
    assert http.patch(location, content=MP4[5000:], headers={**PATCH, "Upload-Offset": "5000"}).status_code == 204
    assert http.get(location).json()["sha256"] == hashlib.sha256(MP4).hexdigest()


def test_wrong_offset_is_refused_and_changes_nothing(http: httpx.Client) -> None:
    location = create(http, len(MP4))
    reply = http.patch(location, content=MP4[:10], headers={**PATCH, "Upload-Offset": "5"})
    assert (reply.status_code, reply.json()["code"]) == (409, "state-conflict")
    assert offset(http, location) == 0


@pytest.mark.parametrize(
    ("status", "change"),
    [
        (401, {"Authorization": ""}),
        (401, {"Authorization": "Bearer wrong"}),
        (412, {"Tus-Resumable": "0.2.2"}),
        (415, {"Content-Type": "video/mp4"}),
        (400, {"Upload-Offset": "-1"}),
        (400, {"Upload-Offset": "zero"}),
    ],
)
def test_refused_patch_writes_nothing(
    gateway: Gateway, http: httpx.Client, status: int, change: dict[str, str]
) -> None:
    location = create(http, len(MP4))
    headers = {key: value for key, value in {**PATCH, "Upload-Offset": "0", **change}.items() if value}
    client = httpx.Client(base_url=gateway.url) if change.get("Authorization") == "" else http
    reply = client.patch(location, content=MP4[:4], headers=headers)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert offset(http, location) == 0


def test_patch_hidden_in_a_post_is_guarded_too(gateway: Gateway, http: httpx.Client) -> None:
    location = create(http, len(MP4))
    headers = {**PATCH, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    with httpx.Client(base_url=gateway.url) as stranger:
        assert stranger.post(location, content=MP4[:4], headers=headers).status_code == 401
    assert offset(http, location) == 0
    assert http.post(location, content=MP4[:4], headers=headers).status_code == 204
    assert offset(http, location) == 4


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (400, {"Upload-Length": "0"}),
        (400, {"Upload-Length": "-5"}),
        (400, {}),
        (413, {"Upload-Length": str(9 * 1024**3)}),
        (400, {"Upload-Defer-Length": "1"}),
        (400, {"Upload-Length": "5", "Upload-Concat": "partial"}),
    ],
)
def test_creation_is_refused(http: httpx.Client, status: int, headers: dict[str, str]) -> None:
    reply = http.post("/uploads", headers={**TUS, **headers})
    assert reply.status_code == status, reply.text
    assert reply.json()["detail"]


def test_creation_takes_no_body(http: httpx.Client) -> None:
    reply = http.post("/uploads", headers={**TUS, "Upload-Length": "5"}, content=b"12345")
    assert reply.status_code == 400


def test_text_named_mp4_is_refused_with_one_sentence_and_forgotten(gateway: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_text("Dear doctor, here is the video.\n" * 50)
    uploader = tus(gateway).uploader(str(path), chunk_size=10_000)
    with pytest.raises(TusUploadFailed) as refused:
        uploader.upload()
    assert refused.value.status_code == 415
    assert b"looks like text" in refused.value.response_content
    with pytest.raises(TusCommunicationError):
        uploader.get_offset()


def test_declared_checksum_is_checked(http: httpx.Client) -> None:
    location = create(http, len(MP4), sha256="0" * 64)
    reply = http.patch(location, content=MP4, headers={**PATCH, "Upload-Offset": "0"})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid-request")
    right = create(http, len(MP4), sha256=hashlib.sha256(MP4).hexdigest())
    assert http.patch(right, content=MP4, headers={**PATCH, "Upload-Offset": "0"}).status_code == 204


def test_more_than_declared_is_refused(http: httpx.Client) -> None:
    location = create(http, 100)
    assert http.patch(location, content=MP4[:101], headers={**PATCH, "Upload-Offset": "0"}).status_code == 400


def test_two_at_once_leave_one_consistent_file(gateway: Gateway, http: httpx.Client) -> None:
    body = MP4[:16] + os.urandom(400_000)
    location = create(http, len(body))
    codes: list[int] = []

    def send() -> None:
        with gateway.client() as client:
            codes.append(client.patch(location, content=body, headers={**PATCH, "Upload-Offset": "0"}).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [204, 409, 409, 409]
    assert http.get(location).json()["sha256"] == hashlib.sha256(body).hexdigest()


def test_stalled_body_frees_the_upload(tmp_path: Path) -> None:
    running = Gateway(tmp_path, upload_idle_s=0.3)
    try:
        with running.client() as http:
            location = create(http, len(MP4))
            host, port = running.url.removeprefix("http://").split(":")
            head = f"PATCH {location} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {running.token}\r\n"
            head += f"Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {PATCH['Content-Type']}\r\n"
            with socket.create_connection((host, int(port))) as raw:
                raw.sendall(f"{head}Content-Length: {len(MP4)}\r\n\r\n".encode() + MP4[:1000])
                wait_until(
                    lambda: offset(http, location) == 1000, "the stalled request is given up, its bytes are kept"
                )
                reply = http.patch(location, content=MP4[1000:], headers={**PATCH, "Upload-Offset": "1000"})
                assert reply.status_code == 204, reply.text
    finally:
        running.stop()


def test_deleting_and_expiry(gateway: Gateway, http: httpx.Client) -> None:
    shelf = gateway.app.state.context.shelf
    gone = create(http, 50)
    assert http.delete(gone, headers=TUS).status_code == 204
    assert http.head(gone, headers=TUS).status_code == 404
    abandoned = create(http, 50)
    assert shelf.sweep() == 0
    assert shelf.sweep(time.time() + 3 * 24 * 3600) >= 1
    assert http.head(abandoned, headers=TUS).status_code == 404
    assert not [path for path in shelf.folder.iterdir() if path.name.startswith(abandoned.rsplit("/", 1)[-1])]


def test_full_disk_is_said_and_can_be_retried(
    gateway: Gateway, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 10))
    reply = http.post("/uploads", headers={**TUS, "Upload-Length": "50"})
    assert (reply.status_code, reply.json()["code"], reply.json()["retryable"]) == (503, "storage-full", True)
    assert reply.headers["retry-after"]


def test_disk_that_fills_while_bytes_come(
    gateway: Gateway, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from gateway.uploads import storage

    location = create(http, len(MP4))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "_write_all", full)
        reply = http.patch(location, content=MP4, headers={**PATCH, "Upload-Offset": "0"})
    assert (reply.status_code, reply.json()["code"]) == (503, "storage-full")
    assert offset(http, location) == 0
    assert http.patch(location, content=MP4, headers={**PATCH, "Upload-Offset": "0"}).status_code == 204


def test_disk_that_is_full_when_a_case_is_opened(
    gateway: Gateway, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of an upload cannot be written; nothing is lost, and the same request works later."""
    import errno

    upload_id = create(http, len(MP4)).rsplit("/", 1)[-1]
    gateway.app.state.context.shelf.data_path(upload_id).write_bytes(MP4)  # all bytes are here, but not stored yet
    body = {"recordings": [{"upload_id": upload_id}], "subject": {"identifier": "P"}}

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        reply = http.post("/cases", json=body)
    assert (reply.status_code, reply.json()["code"], reply.json()["retryable"]) == (503, "storage-full", True)
    assert http.post("/cases", json=body).status_code == 201


def test_file_names_are_nowhere(gateway: Gateway, http: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> None:
    location = create(http, len(MP4), filename="CANARYNAME.mp4", filetype="video/mp4", patient="CANARYNAME")
    assert http.patch(location, content=MP4, headers={**PATCH, "Upload-Offset": "0"}).status_code == 204
    shelf = gateway.app.state.context.shelf
    for path in [*shelf.folder.rglob("*"), *Path(gateway.store.root.removeprefix("file://")).rglob("*")]:
        assert "CANARYNAME" not in str(path)
        assert path.is_dir() or b"CANARYNAME" not in path.read_bytes()


def test_options_say_what_is_offered(http: httpx.Client) -> None:
    reply = http.options("/uploads")
    assert reply.headers["tus-extension"] == "creation,expiration,termination"
    assert reply.headers["tus-max-size"] == str(8 * 1024**3)


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (MP4, "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"\x00\x00\x00\x08wide\x00\x00", "video/quicktime"),
        (b"\x00\x00\x00\x18ftyp3gp4", "video/3gpp"),
        (b"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x42\x82\x88matroska", "video/x-matroska"),
        (b"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x42\x82\x84webm", "video/webm"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video/x-msvideo"),
        (b"\x00\x00\x01\xba\x44", "video/mpeg"),
        ((b"\x47" + b"\x00" * 187) * 4, "video/mp2t"),
        (b"\x01\x02\x03\x04" + (b"\x47" + b"\x00" * 191) * 4, "video/mp2t"),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "video/x-ms-wmv"),
    ],
)
def test_sniff_knows_containers(head: bytes, media_type: str) -> None:
    assert sniff(head) == media_type


@pytest.mark.parametrize(
    "head",
    [b"hello", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n", b"%PDF-1.7", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"\x00" * 400,
     b"\x00\x00\x00\x18ftypheic", "ä".encode() * 700],
)  # fmt: skip
def test_sniff_refuses_what_is_no_video(head: bytes) -> None:
    with pytest.raises(UnsupportedMediaError, match="not a video"):
        sniff(head)


def test_sniff_names_an_empty_file() -> None:
    with pytest.raises(InvalidRequestError, match="0 bytes"):
        sniff(b"")
