"""Errors as HTTP problems (RFC 9457). The only place where the error tree meets HTTP status codes."""

from __future__ import annotations

import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import fastapi
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from opentelemetry import trace
from starlette.exceptions import HTTPException

from schemas import errors
from services.runtime import logs

MEDIA_TYPE = "application/problem+json"
"""Media type of a problem document."""

_STATUS: dict[str, int] = {
    errors.InvalidRequestError.code: 400,
    errors.UnreadableMediaError.code: 422,
    errors.UnsupportedMediaError.code: 415,
    errors.NotFoundError.code: 404,
    errors.AlreadyExistsError.code: 409,
    errors.UnauthenticatedError.code: 401,
    errors.PermissionDeniedError.code: 403,
    errors.StateConflictError.code: 409,
    errors.EngineMismatchError.code: 409,
    errors.LeaseLostError.code: 409,
    errors.CancelledCaseError.code: 409,
    errors.ResourceLimitError.code: 422,
    errors.BusyError.code: 429,
    errors.UnavailableError.code: 503,
    errors.TimeoutExceededError.code: 503,
    errors.StorageFullError.code: 503,
    errors.ObjectMissingError.code: 503,
    errors.InternalError.code: 500,
}
_RETRY_AFTER_S = {423: 1, 429: 2, 503: 5}
_CODES = {
    400: "invalid-request",
    401: "unauthenticated",
    403: "permission-denied",
    404: "not-found",
    405: "method-not-allowed",
    409: "state-conflict",
    410: "gone",
    412: "precondition-failed",
    413: "too-large",
    415: "unsupported-media",
    416: "range-not-satisfiable",
    422: "invalid-request",
    423: "busy",
    429: "busy",
    503: "unavailable",
}
_log = logs.get(__name__)


class HttpError(fastapi.HTTPException):
    """A problem that only exists in HTTP. FastAPI's own class, because libraries let only that one pass."""

    def __init__(self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None) -> None:
        self.code = code
        super().__init__(status_code=status, detail=detail, headers=headers)


def http_error(error: errors.IctogramError) -> HttpError:
    """The same error as an HTTPException, for passing through libraries that let only those pass."""
    status = status_of(error)
    return HttpError(status, error.code, error.message, headers=_retry_headers(status))


def status_of(error: errors.IctogramError) -> int:
    """HTTP status for an error; a retryable one that is not listed is 503."""
    return _STATUS.get(error.code, 503 if error.retryable else 500)


def problem(
    status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, extra: dict[str, Any] | None = None
) -> JSONResponse:
    """A problem document with the stable code, a title for people and the trace id that leads to the logs."""
    body = _document(status, code, detail, extra)
    return JSONResponse(body, status, {**_retry_headers(status), **(headers or {})}, MEDIA_TYPE)


def _answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    extra: dict[str, Any] | None = None,
) -> Response:
    """A problem document, or a page that says the same when a page was asked for."""
    page: Callable[[dict[str, Any]], Response] | None = getattr(request.state, "problem_page", None)
    if page is None:
        return problem(status, code, detail, headers=headers, extra=extra)
    shown = page(_document(status, code, detail, extra))
    shown.headers.update({**_retry_headers(status), **(headers or {})})
    return shown


def _document(status: int, code: str, detail: str, extra: dict[str, Any] | None) -> dict[str, Any]:
    trace_id = _trace_id()
    return {
        "type": f"urn:ictogram:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "retryable": status in _RETRY_AFTER_S,
        **({"trace_id": trace_id} if trace_id else {}),
        **(extra or {}),
    }


def install(app: FastAPI) -> None:
    """Makes every error of the application leave as a problem document."""
    app.add_exception_handler(errors.IctogramError, _on_ictogram)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)


async def _on_ictogram(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, errors.IctogramError)
    status = status_of(exc)
    if status >= 500:
        _log.warning("request failed", code=exc.code, status=status)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    extra: dict[str, Any] = {}
    if isinstance(exc, errors.AlreadyExistsError) and "differs" in exc.details:
        extra = {"case_id": exc.details.get("case_id", ""), "differs": exc.details["differs"].split(",")}
    if "retry_after_s" in exc.details and status in _RETRY_AFTER_S:
        headers["Retry-After"] = str(math.ceil(float(exc.details["retry_after_s"])))
    return _answer(request, status, exc.code, exc.message, headers=headers, extra=extra)


async def _on_http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    status = exc.status_code
    code = exc.code if isinstance(exc, HttpError) else _CODES.get(status, "error")
    return _answer(request, status, code, str(exc.detail), headers=dict(exc.headers or {}))


async def _on_validation(request: Request, exc: Exception) -> Response:
    """Names the offending fields and the rule; never the value, which may be a patient's."""
    assert isinstance(exc, RequestValidationError)
    found = [{"where": ".".join(str(part) for part in item["loc"]), "rule": item["msg"]} for item in exc.errors()]
    detail = "; ".join(f"{item['where']}: {item['rule']}" for item in found) or "the request breaks a rule"
    return _answer(request, 422, "invalid-request", detail, extra={"errors": found})


def _retry_headers(status: int) -> dict[str, str]:
    return {"Retry-After": str(_RETRY_AFTER_S[status])} if status in _RETRY_AFTER_S else {}


def _trace_id() -> str:
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else ""
