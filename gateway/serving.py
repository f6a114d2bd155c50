"""Stored objects over HTTP: conditional requests and byte ranges (RFC 9110 §13, §14)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from gateway.problems import HttpError
from schemas.recording import ObjectRef
from services.runtime.objects import ObjectStore

_RANGE = re.compile(r"bytes=\s*([0-9]{0,19})-([0-9]{0,19})\s*")
"""No object is longer than 19 digits can say; longer numbers make the header one that may be passed over."""


def serve_object(
    request: Request, store: ObjectStore, ref: ObjectRef, *, headers: dict[str, str] | None = None, media_type: str = ""
) -> Response:
    """The object, the part of it that was asked for, or 304 when the client has it already.

    Raises `HttpError` 416 for a range outside the object. A request for several ranges gets the whole object, which
    RFC 9110 allows; browsers ask for one.
    """
    etag = f'"{ref.sha256}"'
    common = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        **(headers or {}),
    }
    if _has_it(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=common)
    start, end = 0, ref.size_bytes
    status = 200
    wanted = request.headers.get("range")
    if wanted is not None and request.headers.get("if-range", etag) == etag:
        part = _part(wanted, ref.size_bytes)
        if part is not None:
            start, end = part
            status = 206
            common["Content-Range"] = f"bytes {start}-{end - 1}/{ref.size_bytes}"
    common["Content-Length"] = str(end - start)
    kind = media_type or ref.media_type
    if request.method == "HEAD":
        return Response(status_code=status, headers={**common, "Content-Type": kind})
    return StreamingResponse(_checked(store.read_range(ref, start, end)), status, common, kind)


def _checked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks, but a missing object is noticed before the answer's first line is sent."""
    first = next(chunks, b"")

    def rest() -> Iterator[bytes]:
        yield first
        yield from chunks

    return rest()


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """Start and end (exclusive) of a single byte range; none when the header is no single byte range."""
    match = _RANGE.fullmatch(wanted)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first:
        start = int(first)
        end = min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    else:
        start, end = max(size - int(last), 0), size
    if start >= size or start >= end:
        raise HttpError(
            416,
            "range-not-satisfiable",
            f"The range is outside the file's {size} bytes.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end


def _has_it(if_none_match: str | None, etag: str) -> bool:
    if if_none_match is None:
        return False
    known = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return "*" in known or etag in known
