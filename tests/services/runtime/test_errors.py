from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from opentelemetry.sdk.trace import TracerProvider

from schemas.errors import (
    BusyError,
    IctogramError,
    InternalError,
    InvalidRequestError,
    ResourceLimitError,
    StorageFullError,
    TimeoutExceededError,
    UnavailableError,
)
from services.runtime import errors


def every_class(root: type[IctogramError] = IctogramError) -> Iterator[type[IctogramError]]:
    for cls in root.__subclasses__():
        if cls.__module__ == IctogramError.__module__:
            yield cls
            yield from every_class(cls)


class Failed(grpc.RpcError):
    """A failed call as a client sees it."""

    def __init__(self, code: grpc.StatusCode | None, text: str = "", trailing: Any = ()) -> None:
        self._code, self._text, self._trailing = code, text, trailing

    def code(self) -> grpc.StatusCode | None:
        return self._code

    def details(self) -> str:
        return self._text

    def trailing_metadata(self) -> Any:
        return self._trailing


def over_the_wire(error: IctogramError) -> IctogramError:
    raw = errors.to_status(error).SerializeToString()
    return errors.from_rpc_error(Failed(errors.status_code(error), error.message, ((errors.DETAILS_KEY, raw),)))


@pytest.mark.parametrize("cls", list(every_class()))
def test_every_class_crosses_intact(cls: type[IctogramError]) -> None:
    error = over_the_wire(cls("what happened", details={"frames": "0"}))
    assert type(error) is cls
    assert error.message == "what happened"
    assert error.details["frames"] == "0"
    assert error.retryable is cls.retryable


@pytest.mark.parametrize("cls", list(every_class()))
def test_every_class_has_a_code_of_its_own_and_a_default_message(cls: type[IctogramError]) -> None:
    assert over_the_wire(cls()).message == cls().message
    assert [other for other in every_class() if other.code == cls.code] == [cls]


def test_statuses_follow_the_contracts() -> None:
    statuses = {cls.code: errors.status_code(cls()).name for cls in every_class()}
    assert statuses["unreadable-media"] == statuses["unsupported-media"] == "INVALID_ARGUMENT"
    assert statuses["engine-mismatch"] == statuses["lease-lost"] == "FAILED_PRECONDITION"
    assert statuses["busy"] == "RESOURCE_EXHAUSTED"
    assert statuses["already-exists"] == "ALREADY_EXISTS"
    assert statuses["timeout"] == "DEADLINE_EXCEEDED"
    assert statuses["internal"] == "INTERNAL"


def test_busy_says_when_to_try_again() -> None:
    assert over_the_wire(BusyError()).details["retry_after_s"] == "1"
    assert over_the_wire(BusyError(details={"retry_after_s": "2.5"})).details["retry_after_s"] == "2.5"


def test_a_code_of_a_newer_version_keeps_whether_to_try_again() -> None:
    for retryable, expected in (("true", UnavailableError), ("false", InternalError)):
        status = errors.to_status(UnavailableError("later"))
        info = error_details_pb2.ErrorInfo(reason="unheard-of", domain="ictogram", metadata={"retryable": retryable})
        status.details[0].Pack(info)
        raw = status.SerializeToString()
        error = errors.from_rpc_error(Failed(grpc.StatusCode.UNAVAILABLE, "", ((errors.DETAILS_KEY, raw),)))
        assert type(error) is expected


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        (grpc.StatusCode.UNAVAILABLE, UnavailableError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, TimeoutExceededError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ResourceLimitError),
        (grpc.StatusCode.CANCELLED, UnavailableError),
        (grpc.StatusCode.UNIMPLEMENTED, InvalidRequestError),
        (grpc.StatusCode.DATA_LOSS, InternalError),
        (None, InternalError),
    ],
)
def test_what_grpc_itself_says_is_understood(code: grpc.StatusCode | None, cls: type[IctogramError]) -> None:
    error = errors.from_rpc_error(Failed(code, "transport words"), "intake")
    assert type(error) is cls
    assert error.message.startswith("the intake service ")


def test_texts_of_foreign_failures_do_not_pass() -> None:
    error = errors.from_rpc_error(Failed(grpc.StatusCode.UNKNOWN, "Canary Patient"), "intake")
    assert "Canary" not in error.message + str(error.details)


@pytest.mark.parametrize(
    ("raised", "cls"),
    [
        (OSError(errno.ENOSPC, "Canary"), StorageFullError),
        (OSError(errno.EDQUOT, "Canary"), StorageFullError),
        (OSError(errno.EFBIG, "Canary"), ResourceLimitError),
        (MemoryError("Canary"), ResourceLimitError),
        (OSError(errno.ENOMEM, "Canary"), ResourceLimitError),
        (ValueError("Canary"), InternalError),
    ],
)
def test_unexpected_exceptions_lose_their_text(raised: BaseException, cls: type[IctogramError]) -> None:
    error = errors.understood(raised)
    assert type(error) is cls
    assert "Canary" not in error.message + str(error.details)


def test_an_internal_error_leads_to_its_trace() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("outer") as span:
        error = errors.understood(RuntimeError("x"))
    assert error.details["trace_id"] == f"{span.get_span_context().trace_id:032x}"
