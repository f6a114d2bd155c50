"""Carries `IctogramError` over gRPC and back, intact.

On the wire an error is a gRPC status with ``google.rpc.Status`` details: an ``ErrorInfo`` (reason = the error's code,
domain = ``ictogram``, metadata = its details and whether it is retryable), and a ``RetryInfo`` for a busy service.
Anything that is not an `IctogramError` crosses as INTERNAL with the trace id and nothing of its text, which might hold
patient data.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped]
from opentelemetry import trace

from schemas.errors import (
    AlreadyExistsError,
    BusyError,
    IctogramError,
    InternalError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ResourceLimitError,
    StateConflictError,
    StorageFullError,
    TimeoutExceededError,
    UnauthenticatedError,
    UnavailableError,
    by_code,
)

DOMAIN = "ictogram"
DETAILS_KEY = "grpc-status-details-bin"
BUSY_RETRY_S = 1.0
"""Seconds after which a busy service may be asked again, unless the error's ``retry_after_s`` detail says otherwise."""

# Most specific first: the first class that fits decides. Read backwards, it interprets statuses without ErrorInfo.
_STATUS: tuple[tuple[type[IctogramError], grpc.StatusCode], ...] = (
    (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (AlreadyExistsError, grpc.StatusCode.ALREADY_EXISTS),
    (UnauthenticatedError, grpc.StatusCode.UNAUTHENTICATED),
    (PermissionDeniedError, grpc.StatusCode.PERMISSION_DENIED),
    (StateConflictError, grpc.StatusCode.FAILED_PRECONDITION),
    (BusyError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (ResourceLimitError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (TimeoutExceededError, grpc.StatusCode.DEADLINE_EXCEEDED),
    (UnavailableError, grpc.StatusCode.UNAVAILABLE),
)
# Without ErrorInfo the sender was gRPC itself: RESOURCE_EXHAUSTED then means an oversized message, not a busy service.
_FROM_STATUS: dict[grpc.StatusCode, type[IctogramError]] = {
    **{code: cls for cls, code in reversed(_STATUS)},
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceLimitError,
    grpc.StatusCode.CANCELLED: UnavailableError,
}
_RESERVED = frozenset({"retryable"})


def status_code(error: IctogramError) -> grpc.StatusCode:
    """The gRPC status code of an error."""
    return next((code for cls, code in _STATUS if isinstance(error, cls)), grpc.StatusCode.INTERNAL)


def understood(error: BaseException) -> IctogramError:
    """The error itself when it is ours; what a limit or a full disk means; else `InternalError` with the trace id."""
    if isinstance(error, IctogramError):
        return error
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError()
    if number == errno.EFBIG:
        return ResourceLimitError("the work needed a larger file than it may write")
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return ResourceLimitError("the work needed more memory than it may use")
    return InternalError(details=trace_details())


def trace_details() -> dict[str, str]:
    """``{"trace_id": …}`` of the current span; empty outside of any."""
    context = trace.get_current_span().get_span_context()
    return {"trace_id": trace.format_trace_id(context.trace_id)} if context.is_valid else {}


def to_status(error: IctogramError) -> status_pb2.Status:
    """The error as ``google.rpc.Status``."""
    metadata = {key: value for key, value in error.details.items() if key not in _RESERVED}
    metadata["retryable"] = "true" if error.retryable else "false"
    info = error_details_pb2.ErrorInfo(reason=error.code, domain=DOMAIN, metadata=metadata)
    details: list[any_pb2.Any] = [_packed(info)]
    if isinstance(error, BusyError):
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(_retry_after_s(error) * 1e9))
        details.append(_packed(retry))
    number = code_pb2.Code.Value(status_code(error).name)
    return status_pb2.Status(code=number, message=error.message, details=details)


async def abort(context: grpc.aio.ServicerContext[object, object], error: BaseException) -> None:
    """End the call with the error; always raises."""
    ours = understood(error)
    status = to_status(ours)
    await context.abort(status_code(ours), ours.message, ((DETAILS_KEY, status.SerializeToString()),))


def from_rpc_error(error: grpc.RpcError, peer: str = "") -> IctogramError:
    """What a failed call means. ``peer`` names the called service in messages that gRPC itself caused."""
    carried = _carried(error)
    if carried is not None:
        return carried
    # grpc.Call and grpc.aio.AioRpcError have these methods, their common base has not.
    code = getattr(error, "code", lambda: None)() or grpc.StatusCode.UNKNOWN
    text = getattr(error, "details", lambda: None)() or ""
    who = f"the {peer} service" if peer else "the called service"
    details = {"status": code.name}
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return InvalidRequestError(f"{who} does not offer this call: {text}", details=details)
    if code is grpc.StatusCode.UNAVAILABLE:
        details["transport"] = text
    cls = _FROM_STATUS.get(code, InternalError)
    return cls(f"{who} {_PREDICATE.get(cls, 'refused the call')} ({code.name})", details=details)


_PREDICATE: dict[type[IctogramError], str] = {
    UnavailableError: "cannot be reached",
    TimeoutExceededError: "did not answer before the deadline",
    ResourceLimitError: "got or sent a message that is too large",
    InvalidRequestError: "does not take this call",
    InternalError: "failed unexpectedly",
}


def _carried(error: grpc.RpcError) -> IctogramError | None:
    """The `IctogramError` inside the status details, if it is there."""
    trailing: Iterable[tuple[str, str | bytes]] = getattr(error, "trailing_metadata", lambda: None)() or ()
    raw = next((value for key, value in trailing if key == DETAILS_KEY), None)
    if not isinstance(raw, bytes):
        return None
    status = status_pb2.Status.FromString(raw)
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    found = False
    details: dict[str, str] = {}
    for item in status.details:
        if item.Is(info.DESCRIPTOR):
            item.Unpack(info)
            found = info.domain == DOMAIN
        elif item.Is(retry.DESCRIPTOR):
            item.Unpack(retry)
            details["retry_after_s"] = f"{retry.retry_delay.ToNanoseconds() / 1e9:g}"
    if not found:
        return None
    details |= {key: value for key, value in info.metadata.items() if key not in _RESERVED}
    cls = by_code(info.reason)
    if cls is InternalError and info.reason != InternalError.code and info.metadata.get("retryable") == "true":
        cls = UnavailableError  # a code of a newer version: whether it helps to try again is still known
    return cls(status.message, details=details)


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _retry_after_s(error: BusyError) -> float:
    try:
        return max(0.0, float(error.details.get("retry_after_s", BUSY_RETRY_S)))
    except ValueError:
        return BUSY_RETRY_S
