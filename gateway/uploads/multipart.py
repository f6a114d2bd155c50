"""Small files in one request: a multipart form whose files go straight to disk, never into memory as a whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import IO

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.auth import Identity
from gateway.models import CaseIn
from gateway.problems import HttpError
from gateway.uploads.shelf import Shelf, Upload
from schemas.errors import InvalidRequestError

_FIELD_MAX_BYTES = 1024**2
_MOST_PARTS = 40


class _Form:
    """Takes a form apart as its bytes come: the part ``case`` is kept, each part ``video`` becomes an upload."""

    def __init__(self, boundary: bytes, shelf: Shelf, caller: Identity) -> None:
        self.case = bytearray()
        self.uploads: list[Upload] = []
        self._shelf = shelf
        self._caller = caller
        self._file: IO[bytes] | None = None
        self._name = ""
        self._parts = 0
        self._field, self._value, self._disposition = bytearray(), bytearray(), b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finished,
            },
        )
        self.complete = False

    def feed(self, data: bytes) -> None:
        """Parses and writes; blocks on the disk."""
        try:
            self._parser.write(data)
        except MultipartParseError as exc:
            raise InvalidRequestError("The multipart form is malformed.") from exc

    def close(self) -> None:
        """Lets go of an unfinished part."""
        if self._file:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise InvalidRequestError(f"A form may have at most {_MOST_PARTS} parts.")
        self._name, self._disposition = "", b""

    def _header_end(self) -> None:
        if bytes(self._field).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", errors="replace")
        if self._name == "video":
            upload = self._shelf.open(self._caller, 0)
            self.uploads.append(upload)
            self._file = self._shelf.data_path(upload.id).open("wb")
        elif self._name != "case":
            raise InvalidRequestError("The form's parts must be named case or video.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            self._file.write(data[start:end])
            return
        self.case += data[start:end]
        if len(self.case) > _FIELD_MAX_BYTES:
            raise HttpError(413, "too-large", f"The form's case may have at most {_FIELD_MAX_BYTES} bytes.")

    def _end(self) -> None:
        if self._file:
            size = self._file.tell()
            self.close()
            self.uploads[-1] = replace(self.uploads[-1], size_bytes=size)
            self._shelf.write(self.uploads[-1])

    def _finished(self) -> None:
        self.complete = True


async def receive_case(request: Request, shelf: Shelf, caller: Identity, max_bytes: int) -> tuple[CaseIn, list[Upload]]:
    """The case and its stored files from a multipart request.

    Raises `HttpError` 413 over `max_bytes`, `InvalidRequestError` for a malformed form, and what `Shelf.complete`
    raises for files that are no videos. Nothing of a refused request is kept.
    """
    _, options = parse_options_header(request.headers["content-type"])
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidRequestError("The multipart form's Content-Type names no boundary.")
    try:
        form = _Form(boundary, shelf, caller)
    except FormParserError as exc:
        raise InvalidRequestError("The multipart form's boundary is too long (RFC 2046 allows 70 characters).") from exc
    try:
        await _receive(request, form, max_bytes)
        wanted = _parse(form)
        return wanted, [await shelf.complete(upload.id) for upload in form.uploads]
    except BaseException:
        form.close()
        for upload in form.uploads:
            shelf.remove(shelf.read(upload.id) or upload)
        raise


async def _receive(request: Request, form: _Form, max_bytes: int) -> None:
    declared = request.headers.get("content-length", "")
    received = int(declared) if declared.isdecimal() else 0
    if received <= max_bytes:
        received = 0
        async for chunk in request.stream():
            received += len(chunk)
            if received > max_bytes:
                break
            await asyncio.to_thread(form.feed, chunk)
    if received > max_bytes:
        raise HttpError(413, "too-large", f"A form may have at most {max_bytes} bytes; send larger files to /uploads.")
    if not form.complete:
        raise InvalidRequestError("The multipart form ends too early.")


def _parse(form: _Form) -> CaseIn:
    try:
        wanted = CaseIn.model_validate_json(bytes(form.case))
    except ValidationError as exc:
        raise RequestValidationError(
            exc.errors(include_input=False, include_context=False, include_url=False)
        ) from None
    if any(recording.upload_id for recording in wanted.recordings) or len(wanted.recordings) != len(form.uploads):
        raise InvalidRequestError(
            f"The form has {len(form.uploads)} video parts; its case must have as many recordings without upload_id."
        )
    return wanted
