"""Resumable upload after tus 1.0.0 (https://tus.io/protocols/resumable-upload), extensions creation, expiration and
termination.

A maintained library speaks the protocol. Before it runs, `guard` has checked everything that could refuse the request:
the library would write a request's body first and look at its credentials and headers afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from tuspyserver import create_tus_router

from gateway.auth import Identity, requires
from gateway.models import UploadOut
from gateway.problems import HttpError, http_error
from gateway.settings import GatewaySettings
from gateway.uploads.shelf import Shelf
from gateway.uploads.storage import DiskStorage
from schemas.errors import IctogramError, InvalidRequestError

TUS_VERSION = "1.0.0"
"""Protocol version."""

PREFIX = "/uploads"
"""Where uploads live."""

_EXTENSIONS = "creation,expiration,termination"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_submitter = requires("submitter")
Submitter = Annotated[Identity, Depends(_submitter)]


def upload_router(settings: GatewaySettings, shelf: Shelf) -> APIRouter:
    """Routes under `PREFIX`."""
    router = APIRouter(tags=["uploads"])
    own = APIRouter(prefix=PREFIX)

    @own.options("", status_code=204, summary="What the upload protocol offers here")
    @own.options("/", status_code=204, include_in_schema=False)
    async def options(_: Submitter) -> Response:
        return Response(
            status_code=204,
            headers={
                "Tus-Resumable": TUS_VERSION,
                "Tus-Version": TUS_VERSION,
                "Tus-Extension": _EXTENSIONS,
                "Tus-Max-Size": str(settings.upload_max_bytes),
            },
        )

    @own.get("/{upload_id}", summary="How far an upload is")
    async def status(upload_id: str, caller: Submitter) -> UploadOut:
        upload = shelf.find(caller, upload_id)
        return UploadOut.of(upload, shelf.received_bytes(upload))

    router.include_router(own)
    router.include_router(
        create_tus_router(
            prefix=PREFIX,
            files_dir=str(shelf.folder),
            max_size=settings.upload_max_bytes,
            days_to_keep=settings.upload_expiry_days,
            pre_create_dep=_pre_create(settings, shelf),
            file_dep=_file_dep,  # type: ignore[arg-type] # declared too narrowly there
            on_upload_complete=_on_complete(shelf),
            storage=DiskStorage(shelf),
            tags=["uploads"],
        ),
        dependencies=[Depends(_guard(shelf))],
    )
    return router


def _guard(shelf: Shelf) -> Callable[[Request, Identity], Awaitable[None]]:
    async def guard(request: Request, caller: Submitter) -> None:
        """Refuses what the library would only refuse after writing."""
        if request.headers.get("tus-resumable") != TUS_VERSION:
            raise HttpError(
                412,
                "precondition-failed",
                f"Tus-Resumable must be {TUS_VERSION}.",
                headers={"Tus-Version": TUS_VERSION},
            )
        uid = request.path_params.get("uuid")
        if uid is None:
            _check_creation(request)
            return
        shelf.find(caller, uid)
        if request.method == "PATCH":
            _check_patch(request)

    return guard


def _check_creation(request: Request) -> None:
    headers = request.headers
    if "upload-concat" in headers or "upload-defer-length" in headers:
        raise InvalidRequestError(f"Only these protocol extensions are offered: {_EXTENSIONS}.")
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise InvalidRequestError("Creating an upload takes no body; send the bytes with PATCH.")
    if not headers.get("upload-length", "").isdecimal():
        raise InvalidRequestError("Upload-Length must be the file's length in bytes.")


def _check_patch(request: Request) -> None:
    headers = request.headers
    if headers.get("content-type") != "application/offset+octet-stream":
        raise HttpError(415, "unsupported-media", "Content-Type must be application/offset+octet-stream.")
    if not headers.get("upload-offset", "").isdecimal():
        raise InvalidRequestError("Upload-Offset must be a whole number of bytes.")
    if not headers.get("content-length", "").isdecimal():
        raise HttpError(411, "invalid-request", "Content-Length must say how many bytes follow.")


def _pre_create(settings: GatewaySettings, shelf: Shelf) -> Callable[..., Any]:
    async def dependency(request: Request, caller: Submitter) -> Callable[[dict[str, str], dict[str, Any]], None]:
        def hook(metadata: dict[str, str], info: dict[str, Any]) -> None:
            size = int(info["size"])
            if size == 0:
                raise http_error(InvalidRequestError("The file is empty: it has 0 bytes."))
            if size > settings.upload_max_bytes:
                raise HttpError(
                    413, "too-large", f"The file has {size} bytes; the limit is {settings.upload_max_bytes}."
                )
            declared = metadata.get("sha256", "").lower()
            if declared and not _SHA256.fullmatch(declared):
                raise http_error(InvalidRequestError("The metadata's sha256 must be 64 hexadecimal digits."))
            request.state.upload = shelf.open(caller, size, declared)

        return hook

    return dependency


async def _file_dep(request: Request) -> Any:
    """Gives the library the id under which `_pre_create` has written the owner down."""

    def where(_: dict[str, str]) -> dict[str, str] | None:
        upload = getattr(request.state, "upload", None)
        return {"uid": upload.id} if upload else None

    return where


def _on_complete(shelf: Shelf) -> Any:
    async def complete(path: str, _: dict[str, str]) -> None:
        try:
            await shelf.complete(path.rsplit("/", 1)[-1])
        except IctogramError as exc:
            raise http_error(exc) from exc

    return complete
