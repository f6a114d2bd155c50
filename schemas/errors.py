"""The one error tree of ictogram.

An error knows a stable ``code``, whether trying the same thing again can help (``retryable``) and a ``message`` that is
safe to show to anyone: it never holds patient data, file names or secrets. `services.runtime.errors` carries it over
gRPC; only the gateway renders it for HTTP and FHIR.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class IctogramError(Exception):
    """Something went wrong that we understand. The class docstring's first line is the default message."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, *, details: Mapping[str, str] | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.details: dict[str, str] = dict(details or {})
        super().__init__(self.message)


class InvalidRequestError(IctogramError):
    """The request breaks a rule."""

    code = "invalid-request"


class UnreadableMediaError(InvalidRequestError):
    """The file could not be read as a video."""

    code = "unreadable-media"


class UnsupportedMediaError(InvalidRequestError):
    """The video is outside what this site accepts."""

    code = "unsupported-media"


class NotFoundError(IctogramError):
    """There is nothing under that id."""

    code = "not-found"


class AlreadyExistsError(IctogramError):
    """The same request id came with a different request."""

    code = "already-exists"


class UnauthenticatedError(IctogramError):
    """No valid credentials came with the request."""

    code = "unauthenticated"


class PermissionDeniedError(IctogramError):
    """These credentials may not do that."""

    code = "permission-denied"


class StateConflictError(IctogramError):
    """The case is not in a state that allows this."""

    code = "state-conflict"


class EngineMismatchError(StateConflictError):
    """The service runs another engine than the run expects."""

    code = "engine-mismatch"


class LeaseLostError(StateConflictError):
    """Another worker holds this step now; nothing was written."""

    code = "lease-lost"


class CancelledCaseError(StateConflictError):
    """The case was cancelled."""

    code = "cancelled"


class ResourceLimitError(IctogramError):
    """The work needed more memory, time or disk than it may use."""

    code = "resource-limit"


class BusyError(IctogramError):
    """Every slot is taken; try again shortly."""

    code = "busy"
    retryable = True


class UnavailableError(IctogramError):
    """A part of the system cannot be reached right now."""

    code = "unavailable"
    retryable = True


class TimeoutExceededError(UnavailableError):
    """The work did not finish within its deadline."""

    code = "timeout"
    retryable = True


class StorageFullError(UnavailableError):
    """There is no space left to write on; free some and the work goes on by itself."""

    code = "storage-full"
    retryable = True


class ObjectMissingError(UnavailableError):
    """A stored object is missing or does not match its checksum."""

    code = "object-missing"
    retryable = True


class InternalError(IctogramError):
    """An unexpected fault; the trace id leads to it."""

    code = "internal"


def by_code(code: str) -> type[IctogramError]:
    """The class for a wire code; `InternalError` for one this version does not know."""
    pending: list[type[IctogramError]] = [IctogramError]
    while pending:
        candidate = pending.pop()
        if candidate is not IctogramError and candidate.code == code and "code" in vars(candidate):
            return candidate
        pending.extend(candidate.__subclasses__())
    return InternalError
