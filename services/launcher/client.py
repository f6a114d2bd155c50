"""A client of the gateway's public HTTP interface: what a hospital system would do, the command line does too."""

from __future__ import annotations

import base64
import json
import mimetypes
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from schemas.errors import IctogramError, UnavailableError, by_code

UPLOAD_CHUNK_BYTES = 8 * 2**20
"""One PATCH carries this much; a cut connection loses at most this."""
REQUEST_TIMEOUT_S = 30.0
"""Time-out of one short request."""
RECONNECT_FIRST_S = 0.5
"""Pause before a cut progress stream is taken up again; doubled up to `RECONNECT_LONGEST_S`."""
RECONNECT_LONGEST_S = 5.0
RECONNECT_FOR_S = 180.0
"""A gateway that has been away for this long has gone."""
FILING_TIMEOUT_S = 900.0
"""The last PATCH of a large upload waits until the whole file was copied and hashed."""


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One message of a case's live progress."""

    case: Mapping[str, Any]
    """The case as in ``GET /cases/{id}``."""
    steps: list[Mapping[str, Any]]
    """Its steps."""

    @property
    def ended(self) -> bool:
        return self.case["status"] in ("reported", "failed", "cancelled")


class GatewayClient:
    """Speaks to one gateway with one bearer token.

    Every method raises the `IctogramError` that the gateway's problem document names, or UnavailableError when the
    gateway cannot be reached.
    """

    def __init__(self, base_url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=REQUEST_TIMEOUT_S
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def upload(self, path: Path, sent: Callable[[int], None] = lambda _bytes: None) -> str:
        """Send a file with the tus protocol; returns the upload id.

        `sent` is called with the number of bytes that have arrived so far.
        """
        size = path.stat().st_size
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        # tus wants a file name; the real one may name a patient, so only its kind is sent.
        metadata = f"filename {_base64('recording')},filetype {_base64(kind)}"
        created = self._send(
            "POST",
            "/uploads/",
            headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Upload-Metadata": metadata},
        )
        location = created.headers["location"]
        offset = 0
        with path.open("rb") as source:
            while offset < size:
                source.seek(offset)
                response = self._send(
                    "PATCH",
                    location,
                    content=source.read(UPLOAD_CHUNK_BYTES),
                    headers={
                        "Tus-Resumable": "1.0.0",
                        "Upload-Offset": str(offset),
                        "Content-Type": "application/offset+octet-stream",
                    },
                    timeout=httpx.Timeout(REQUEST_TIMEOUT_S, read=FILING_TIMEOUT_S),
                )
                offset = int(response.headers["upload-offset"])
                sent(offset)
        return location.rstrip("/").rsplit("/", 1)[-1]

    def create_case(self, body: Mapping[str, Any], request_id: str) -> Mapping[str, Any]:
        """Open a case over uploaded recordings; the same request id opens it once."""
        return self._json(self._send("POST", "/cases", json=body, headers={"Idempotency-Key": request_id}))

    def case(self, case_id: str) -> Mapping[str, Any]:
        """One case with its steps."""
        return self._json(self._send("GET", f"/cases/{case_id}"))

    def events(self, case_id: str) -> Iterator[CaseEvent]:
        """Live progress until the case ends. A cut stream is taken up again, for as long as the gateway comes back.

        Raises UnavailableError: it has been away for `RECONNECT_FOR_S`.
        """
        pause_s, away_since = RECONNECT_FIRST_S, None
        while True:
            try:
                for event in self._stream(f"/cases/{case_id}/events"):
                    yield event
                    if event.ended:
                        return
                    pause_s, away_since = RECONNECT_FIRST_S, None
            except (httpx.TransportError, UnavailableError) as error:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > RECONNECT_FOR_S:
                    raise UnavailableError(f"the gateway at {self._http.base_url} has not come back") from error
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, RECONNECT_LONGEST_S)

    def download(self, address: str) -> bytes:
        """The body of one address, such as ``/cases/…/report.pdf``."""
        return self._send("GET", address).content

    def _stream(self, address: str) -> Iterator[CaseEvent]:
        with self._http.stream("GET", address, timeout=httpx.Timeout(REQUEST_TIMEOUT_S, read=60)) as response:
            if response.is_error:
                response.read()
                raise _problem(response)
            for line in response.iter_lines():
                if line.startswith("data:"):
                    view = json.loads(line[5:])
                    yield CaseEvent(view["case"], view["steps"])

    def _send(self, method: str, address: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, address, **options)
        except httpx.TransportError as error:
            raise UnavailableError(
                f"the gateway at {self._http.base_url} does not answer ({type(error).__name__}); is the stack running?"
            ) from error
        if response.is_error:
            raise _problem(response)
        return response

    @staticmethod
    def _json(response: httpx.Response) -> Mapping[str, Any]:
        body: Mapping[str, Any] = response.json()
        return body


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _problem(response: httpx.Response) -> IctogramError:
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        problem = response.json()
        return by_code(problem.get("code", "internal"))(problem.get("detail") or problem.get("title"))
    return UnavailableError(f"the gateway answered {response.status_code} without a problem document")
